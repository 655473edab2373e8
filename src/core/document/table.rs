//! The rows of one table, and how a row is found by its identity.

use std::borrow::Cow;
use std::sync::Arc;

use super::shape::RowReader;
use super::{fallback_text, DocumentError, DEPTH_MAX, ROWS_MAX};
use crate::core::json::{self, JsonError, Member, Span};
use crate::core::profile::TableRules;

/// The rows of one table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The array in the text; empty if the document does not have the table.
    pub array: Span,
    /// The rows in the order of the text.
    pub rows: Vec<Row>,
    /// Cells that this copy shares with the ones that it was compared with. Positions count from
    /// the row's own start, so a row that only moved in the text shares its cells.
    pub(super) shared: Arc<Vec<Member>>,
    /// Cells of rows that differ from the shared ones.
    pub(super) own: Vec<Member>,
    pub(super) lookup: Lookup,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The row's object in the text.
    pub span: Span,
    pub(super) first_cell: u32,
    pub(super) cells_end: u32,
    pub(super) is_own: bool,
    /// See [`Row::shape`].
    pub(super) shape: u32,
    /// The server builds this row (free items, offers).
    pub is_derived: bool,
    pub(super) identity: Identity,
}

#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// Spelled by these bytes, counted from the row's start.
    Written(Span),
    Made(Box<str>),
}

/// From an identity to a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// Open addressing, a power of two of slots, at most half of them taken: row number + 1, in
    /// the numbering of the copy that the slots were made for.
    pub(super) slots: Arc<Vec<u32>>,
    /// From that numbering to this copy's, [`GONE`] for rows that it lacks; `None` if it is equal.
    pub(super) renumbered: Option<Vec<u32>>,
    /// Rows of this copy that the slots do not know.
    pub(super) added: Vec<u32>,
    /// Some row's identity is not spelled by its text: made from its content, or by counting.
    pub(super) has_made: bool,
}

/// The number of no row.
pub(super) const GONE: u32 = u32::MAX;

/// The members of an object, in the order of the text.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a> {
    text: &'a [u8],
    members: &'a [Member],
    start: u32,
}

impl<'a> Cells<'a> {
    /// The members of the object that begins at `start`; their places count from there.
    pub(crate) fn new(text: &'a [u8], members: &'a [Member], start: u32) -> Cells<'a> {
        Cells { text, members, start }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members' places, counted from the object's start.
    pub(crate) fn members(&self) -> &'a [Member] {
        self.members
    }

    fn shifted(&self, span: Span) -> Span {
        Span { start: span.start + self.start, end: span.end + self.start }
    }

    /// The key at this position as written, without quotes.
    #[must_use]
    pub fn key(&self, at: usize) -> Option<&'a [u8]> {
        self.members.get(at).map(|member| self.shifted(member.key).of(self.text))
    }

    /// Whether the member at this position is called `name`.
    pub(crate) fn is_called(&self, at: usize, name: &str) -> bool {
        self.key(at).is_some_and(|key| json::key_is(key, name))
    }

    /// The value at this position.
    #[must_use]
    pub fn value(&self, at: usize) -> Option<&'a [u8]> {
        self.value_span(at).map(|span| span.of(self.text))
    }

    /// Where the value at this position lies in the document's text.
    #[must_use]
    pub fn value_span(&self, at: usize) -> Option<Span> {
        self.members.get(at).map(|member| self.shifted(member.value))
    }

    /// Whether the value at this position is the one at `other` of other cells.
    #[inline(always)]
    pub(crate) fn is_same(&self, at: usize, cells: &Cells<'_>, other: usize) -> bool {
        let (Some(one), Some(two)) = (self.members.get(at), cells.members.get(other)) else {
            return false;
        };
        let length = one.value.end - one.value.start;
        let (i, j) = (self.start + one.value.start, cells.start + two.value.start);
        length == two.value.end - two.value.start
            && json::same(self.text, i as usize, cells.text, j as usize, length as usize)
    }

    /// Whether all values are those that other cells have at `places`.
    pub(crate) fn are_same(&self, cells: &Cells<'_>, places: &[usize]) -> bool {
        let mut at = 0;
        while at < self.members.len() {
            if !places.get(at).is_some_and(|place| self.is_same(at, cells, *place)) {
                return false;
            }
            at += 1;
        }
        true
    }

    /// The name at this position.
    #[must_use]
    pub fn name(&self, at: usize) -> Cow<'a, str> {
        self.key(at).map_or(Cow::Borrowed(""), json::unescape)
    }

    /// Where the last member called `name` is: of two equal keys the last counts, as in
    /// `JSON.parse`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.members
            .iter()
            .rposition(|member| json::key_is(self.shifted(member.key).of(self.text), name))
    }

    /// Where the value called `name` lies in the document's text.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<Span> {
        self.position(name).and_then(|at| self.value_span(at))
    }

    /// The value called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.span(name).map(|span| span.of(self.text))
    }
}

impl Row {
    /// A row with these cells, which are its table's from number `first` on.
    pub(super) fn new(
        text: &[u8],
        span: Span,
        cells: &[Member],
        first: usize,
        rules: &TableRules,
    ) -> Row {
        let (first_cell, cells_end) = (first as u32, (first + cells.len()) as u32);
        let cells = Cells::new(text, cells, span.start);
        let named = rules.row.iter().filter_map(|name| cells.span(name));
        let identity = identity(cells, span, named, rules);
        let is_derived = is_derived(cells, rules);
        Row { span, first_cell, cells_end, is_own: false, shape: 0, is_derived, identity }
    }

    /// Rows of one number have the same keys at the same positions, here and in the copies that
    /// this one was compared with; 0 if that is not known.
    pub(crate) fn shape(&self) -> u32 {
        self.shape
    }

    /// How many bytes of the row's text say its identity, with the byte behind; `None` if it is
    /// not spelled there.
    pub(crate) fn named_within(&self) -> Option<usize> {
        match &self.identity {
            Identity::Written(span) => Some(span.end as usize + 1),
            Identity::Made(_) => None,
        }
    }

    /// The identity as written in the text that the row was read from, or made.
    pub(crate) fn identity<'a>(&'a self, text: &'a [u8]) -> &'a str {
        // Checked to be UTF-8 with the whole text.
        std::str::from_utf8(self.identity_bytes(text)).unwrap_or_default()
    }

    /// The same, not checked again.
    pub(super) fn identity_bytes<'a>(&'a self, text: &'a [u8]) -> &'a [u8] {
        match &self.identity {
            Identity::Written(span) => {
                let at = self.span.start;
                Span { start: span.start + at, end: span.end + at }.of(text)
            }
            Identity::Made(made) => made.as_bytes(),
        }
    }
}

impl Table {
    /// Reads the array that begins at `start`. Not JSON at all is the outer error.
    pub(super) fn read(
        text: &[u8],
        start: usize,
        rules: &TableRules,
    ) -> Result<Result<Table, DocumentError>, JsonError> {
        let mut reader = RowReader::new(text, rules);
        let mut refused = None;
        let end = json::elements_with(text, start, &mut |at| {
            if text.get(at) != Some(&b'{') {
                refused.get_or_insert(super::not_a_table(rules));
                return json::skip_nested(text, at, DEPTH_MAX - 2);
            }
            reader.read(at)
        })?;
        let (rows, cells) = reader.finish();
        if rows.len() > ROWS_MAX {
            refused = Some(DocumentError::TooLarge);
        }
        if let Some(error) = refused {
            return Ok(Err(error));
        }
        let array = Span::new(start, end);
        let mut table = Table { array, rows, shared: Arc::new(cells), ..Table::default() };
        table.number_rows(text);
        Ok(Ok(table))
    }

    /// Makes the slots; a second row of one identity is told apart as its n-th occurrence.
    pub(super) fn number_rows(&mut self, text: &[u8]) {
        let mut slots = vec![0; (self.rows.len() * 2).next_power_of_two()];
        let mut has_made = false;
        for number in 0..self.rows.len() {
            let row = &self.rows[number];
            let mut slot = free_slot(&slots, &self.rows, text, row.identity_bytes(text));
            has_made |= matches!(row.identity, Identity::Made(_));
            if slots[slot] != 0 {
                let made = occurrence(row.identity(text), |made| {
                    slots[free_slot(&slots, &self.rows, text, made.as_bytes())] != 0
                });
                slot = free_slot(&slots, &self.rows, text, made.as_bytes());
                self.rows[number].identity = Identity::Made(made.into());
                has_made = true;
            }
            slots[slot] = number as u32 + 1;
        }
        self.lookup =
            Lookup { slots: Arc::new(slots), renumbered: None, added: Vec::new(), has_made };
    }

    /// Whether some row's identity is not spelled by its text.
    pub(crate) fn has_made_identities(&self) -> bool {
        self.lookup.has_made
    }

    pub(super) fn cells<'a>(&'a self, text: &'a [u8], row: &Row) -> Cells<'a> {
        let store = if row.is_own { &self.own } else { &*self.shared };
        Cells::new(text, &store[row.first_cell as usize..row.cells_end as usize], row.span.start)
    }

    pub(super) fn number(&self, text: &[u8], identity: &str) -> Option<usize> {
        self.number_of(text, identity.as_bytes())
    }

    /// The same for a row that most likely has the number `next`.
    pub(super) fn number_like(&self, text: &[u8], identity: &[u8], next: usize) -> Option<usize> {
        match self.rows.get(next) {
            Some(row) if json::equal(row.identity_bytes(text), identity) => Some(next),
            Some(_) | None => self.number_of(text, identity),
        }
    }

    fn number_of(&self, text: &[u8], identity: &[u8]) -> Option<usize> {
        let is_it = |row: &Row| json::equal(row.identity_bytes(text), identity);
        let slots = &self.lookup.slots;
        if !slots.is_empty() {
            let last = slots.len() - 1;
            let mut slot = json::hash(identity) as usize & last;
            while let Some(known) = slots[slot].checked_sub(1) {
                let number = match &self.lookup.renumbered {
                    Some(numbers) => numbers[known as usize],
                    None => known,
                };
                let row = self.rows.get(number as usize).filter(|_| number != GONE);
                if row.is_some_and(is_it) {
                    return Some(number as usize);
                }
                slot = (slot + 1) & last;
            }
        }
        let added = self.lookup.added.iter().map(|number| *number as usize);
        added.into_iter().find(|number| is_it(&self.rows[*number]))
    }
}

/// The identity of one more row called `given`: the first of `given#2`, `given#3` … that is not
/// taken. Looked for in growing steps, so that thousands of equal rows are no trouble.
pub(crate) fn occurrence(given: &str, taken: impl Fn(&str) -> bool) -> String {
    let made = |number: u32| [given, "#", &number.to_string()].concat();
    let (mut low, mut high) = (1, 2);
    while taken(&made(high)) {
        (low, high) = (high, high.saturating_mul(2));
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if taken(&made(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    made(high)
}

/// Whether a row holds one of the values that say: built by the server.
pub(super) fn is_derived(cells: Cells<'_>, rules: &TableRules) -> bool {
    rules
        .derived_row_if
        .iter()
        .any(|(field, value)| crate::core::amount::same(cells.get(field), Some(value)))
}

/// The slot that holds the row of this identity, or the free one where it would go.
fn free_slot(slots: &[u32], rows: &[Row], text: &[u8], identity: &[u8]) -> usize {
    let last = slots.len() - 1;
    let mut slot = json::hash(identity) as usize & last;
    while let Some(row) = slots[slot].checked_sub(1) {
        if json::equal(rows[row as usize].identity_bytes(text), identity) {
            break;
        }
        slot = (slot + 1) & last;
    }
    slot
}

/// Reads the cells of the row that begins at `start`, their positions counted from there; where
/// the row ends.
pub(super) fn read_cells(
    text: &[u8],
    start: usize,
    cells: &mut Vec<Member>,
) -> Result<usize, JsonError> {
    let back = |at: usize| at - start;
    json::members_with(text, start, &mut |key, value| {
        // Inside a row inside a table inside a document.
        let end = json::skip_nested(text, value, DEPTH_MAX - 3)?;
        let key = Span::new(back(key.start as usize), back(key.end as usize));
        cells.push(Member { key, value: Span::new(back(value), back(end)) });
        Ok(end)
    })
}

/// The first identity field that the row has counts (`named` are their values); then the
/// fallback.
pub(super) fn identity(
    cells: Cells<'_>,
    row: Span,
    named: impl Iterator<Item = Span>,
    rules: &TableRules,
) -> Identity {
    for span in named {
        let back = Span { start: span.start - row.start, end: span.end - row.start };
        match span.of(cells.text) {
            b"null" | b"\"\"" => {}
            [b'"', inner @ .., b'"'] if json::has_escape(inner) => {
                return Identity::Made(json::unescape(inner).into());
            }
            [b'"', ..] => {
                return Identity::Written(Span { start: back.start + 1, end: back.end - 1 });
            }
            _ => return Identity::Written(back),
        }
    }
    let mut made = String::new();
    for (n, name) in rules.fallback.iter().enumerate() {
        if n > 0 {
            made.push('|');
        }
        if let Some(value) = cells.get(name) {
            made.push_str(&fallback_text(value));
        }
    }
    Identity::Made(made.into())
}
