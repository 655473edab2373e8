//! A document's text with changes laid over it: what did not change is copied as it stands.

use super::change::{Changes, FieldChanges, InsertedRow, RowChange, TableChanges};
use super::document::{Cells, Document, Row};
use super::json::{self, Span};
use super::op::Place;
use super::order::sort_by;
use super::profile::{Profile, TableRules};

/// For whom the text is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The page: rows keep their identities.
    Page,
    /// The server: positions are numbered from 1, and a row that the newest copy lacks goes out
    /// without its server name (a dead name would be counted by the server and not stored).
    Server,
}

/// A stretch of the text to be replaced.
struct Patch {
    start: u32,
    end: u32,
    text: Vec<u8>,
}

impl Patch {
    fn new(span: Span, text: Vec<u8>) -> Patch {
        Patch { start: span.start, end: span.end, text }
    }

    fn insert(at: u32, text: Vec<u8>) -> Patch {
        Patch { start: at, end: at, text }
    }
}

/// A row's place in the new order: one of the document's own, or a new one.
enum Slot<'a> {
    Old(usize),
    New(&'a InsertedRow),
}

/// Rows as a ring of neighbours, so that a row goes anywhere in one step. The number after the
/// last row is the ring's clasp.
struct Chain {
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Chain {
    /// The first `known` rows in their order; `more` others are put into it later.
    fn new(known: usize, more: usize) -> Chain {
        let clasp = known + more;
        let mut chain = Chain { next: (0..=clasp).collect(), previous: (0..=clasp).collect() };
        for at in 0..known {
            chain.put(at, &Place::End, |_| None);
        }
        chain
    }

    fn clasp(&self) -> usize {
        self.next.len() - 1
    }

    fn take(&mut self, at: usize) {
        let (before, after) = (self.previous[at], self.next[at]);
        self.next[before] = after;
        self.previous[after] = before;
        (self.next[at], self.previous[at]) = (at, at);
    }

    fn put(&mut self, at: usize, place: &Place, find: impl Fn(&str) -> Option<usize>) {
        let end = self.previous[self.clasp()];
        let before = match place {
            Place::Front => self.clasp(),
            Place::End => end,
            // A row that is not in the ring (yet) has nobody after it.
            Place::After(row) => {
                find(row).filter(|found| self.next[*found] != *found).unwrap_or(end)
            }
        };
        let after = self.next[before];
        (self.previous[at], self.next[at]) = (before, after);
        self.next[before] = at;
        self.previous[after] = at;
    }

    fn in_order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.next.len());
        let mut at = self.next[self.clasp()];
        while at != self.clasp() {
            order.push(at);
            at = self.next[at];
        }
        order
    }
}

/// Lays `changes` over `base`.
#[must_use]
pub fn render(
    base: &Document,
    changes: &Changes,
    profile: &Profile,
    audience: Audience,
) -> Vec<u8> {
    let mut patches = Vec::new();
    let mut added = Vec::new();
    for (name, change) in &changes.fields {
        let place = base.field_span(name);
        let Some(value) = change.over(place.map(|span| span.of(base.text()))) else { continue };
        match place {
            Some(span) => patches.push(Patch::new(span, value.into_owned())),
            None => push_member(&mut added, name, &value),
        }
    }
    for (number, rules) in profile.tables.iter().enumerate() {
        let changed = &changes.tables[number];
        if !changed.is_empty() {
            let table = TablePatch { base, number, rules, changed, audience };
            table.render(&mut patches, &mut added);
        }
    }
    if !added.is_empty() {
        let comma = usize::from(base.fields().is_empty());
        patches.push(Patch::insert(base.object().end - 1, added.split_off(comma)));
    }
    splice(base.text(), Span::new(0, base.text().len()), patches)
}

fn push_member(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(b',');
    json::push_text(out, name);
    out.push(b':');
    out.extend_from_slice(value);
}

/// The stretch `span` of `text` with the patches in their places.
fn splice(text: &[u8], span: Span, mut patches: Vec<Patch>) -> Vec<u8> {
    sort_by(&mut patches, |a, b| a.start < b.start);
    let grown: usize = patches.iter().map(|patch| patch.text.len()).sum();
    let mut out = Vec::with_capacity((span.end - span.start) as usize + grown);
    let mut at = span.start as usize;
    for patch in patches {
        out.extend_from_slice(&text[at..patch.start as usize]);
        out.extend_from_slice(&patch.text);
        at = patch.end as usize;
    }
    out.extend_from_slice(&text[at..span.end as usize]);
    out
}

struct TablePatch<'a> {
    base: &'a Document,
    number: usize,
    rules: &'a TableRules,
    changed: &'a TableChanges,
    audience: Audience,
}

impl<'a> TablePatch<'a> {
    fn render(&self, patches: &mut Vec<Patch>, added: &mut Vec<u8>) {
        let table = self.base.table(self.number);
        if table.array.end == 0 {
            let array = self.array(&self.order());
            match self.base.field_span(&self.rules.name) {
                Some(span) => patches.push(Patch::new(span, array)),
                None => push_member(added, &self.rules.name, &array),
            }
            return;
        }
        let inserted = self.changed.inserted();
        if self.changed.moves.is_empty() && inserted.iter().all(|(_, new)| new.place == Place::End)
        {
            self.in_place(&inserted, patches);
        } else {
            patches.push(Patch::new(table.array, self.array(&self.order())));
        }
    }

    fn is_removed(&self, row: &Row) -> bool {
        matches!(self.changed.row(self.base.row_identity(row)), Some(RowChange::Removed))
    }

    /// The rows in their new order. New rows and moves may name rows that are taken out: those
    /// leave last.
    fn order(&self) -> Vec<Slot<'a>> {
        let rows = &self.base.table(self.number).rows;
        let inserted = self.changed.inserted();
        let mut names: Vec<(&str, usize)> =
            inserted.iter().enumerate().map(|(n, (name, _))| (*name, rows.len() + n)).collect();
        names.sort_unstable();
        let find = |identity: &str| match names.binary_search_by_key(&identity, |(name, _)| *name) {
            Ok(at) => Some(names[at].1),
            Err(_) => self.base.row_number(self.number, identity),
        };
        let mut chain = Chain::new(rows.len(), inserted.len());
        for (n, (_, new)) in inserted.iter().enumerate() {
            chain.put(rows.len() + n, &new.place, find);
        }
        for (identity, place) in &self.changed.moves {
            if let Some(at) = find(identity) {
                chain.take(at);
                chain.put(at, place, find);
            }
        }
        let slots = chain.in_order().into_iter().filter_map(|at| match rows.get(at) {
            Some(row) => (!self.is_removed(row)).then_some(Slot::Old(at)),
            None => inserted.get(at - rows.len()).map(|(_, new)| Slot::New(new)),
        });
        slots.collect()
    }

    fn array(&self, order: &[Slot<'_>]) -> Vec<u8> {
        let mut out = vec![b'['];
        for (n, slot) in order.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            match slot {
                Slot::Old(at) => {
                    let row = &self.base.table(self.number).rows[*at];
                    let mut patches = Vec::new();
                    let identity = self.base.row_identity(row);
                    if let Some(RowChange::Edited(fields)) = self.changed.row(identity) {
                        self.edit_row(row, fields, &mut patches);
                    }
                    let text = splice(self.base.text(), row.span, patches);
                    out.extend(self.at_position(text, n + 1));
                }
                Slot::New(new) => out.extend(self.new_row(new, n + 1)),
            }
        }
        out.push(b']');
        out
    }

    /// Edits, removals and new rows at the end, without touching the rows between.
    fn in_place(&self, inserted: &[(&str, &InsertedRow)], patches: &mut Vec<Patch>) {
        let table = self.base.table(self.number);
        let mut changed: Vec<(usize, &RowChange)> = Vec::new();
        for (identity, change) in &self.changed.rows {
            changed.extend(self.base.row_number(self.number, identity).map(|at| (at, change)));
        }
        sort_by(&mut changed, |a, b| a.0 < b.0);
        let mut removed = 0;
        let mut next = 0;
        while let Some((at, change)) = changed.get(next).copied() {
            match change {
                RowChange::Removed => {
                    let gone =
                        changed[next..].iter().enumerate().take_while(|(n, (row, change))| {
                            *row == at + n && matches!(change, RowChange::Removed)
                        });
                    let run = gone.count();
                    patches.push(Patch::new(removal(&table.rows, at, run, removed), Vec::new()));
                    removed += run;
                    next += run;
                }
                RowChange::Edited(_) | RowChange::Inserted(_) => next += 1,
            }
        }
        for (at, change) in &changed {
            if let RowChange::Edited(fields) = change {
                self.edit_row(&table.rows[*at], fields, patches);
            }
        }
        self.renumber(&changed, patches);
        let kept = table.rows.len() - removed;
        let mut new_rows = Vec::new();
        for (n, (_, new)) in inserted.iter().enumerate() {
            if kept + n > 0 {
                new_rows.push(b',');
            }
            new_rows.extend(self.new_row(new, kept + n + 1));
        }
        if !new_rows.is_empty() {
            let end = table.rows.last().map_or(table.array.start + 1, |row| row.span.end);
            patches.push(Patch::insert(end, new_rows));
        }
    }

    /// The position field of the rows that stay, for the server.
    fn renumber(&self, changed: &[(usize, &RowChange)], patches: &mut Vec<Patch>) {
        let (Audience::Server, Some(name)) = (self.audience, &self.rules.position) else { return };
        let mut changed = changed.iter().peekable();
        let mut position = 0;
        let mut hint = 0;
        for (at, row) in self.base.table(self.number).rows.iter().enumerate() {
            let change = changed.next_if(|(known, _)| *known == at).map(|(_, change)| *change);
            if matches!(change, Some(RowChange::Removed)) {
                continue;
            }
            position += 1;
            let cells = self.base.cells(self.number, row);
            // Rows mostly have it at the same place.
            if cells.key(hint) != Some(name.as_bytes()) {
                hint = cells.position(name).unwrap_or(0);
            }
            let number = position.to_string().into_bytes();
            match cells.value_span(hint).filter(|_| cells.key(hint) == Some(name.as_bytes())) {
                Some(span) if span.of(self.base.text()) == number => {}
                Some(span) => patches.push(Patch::new(span, number)),
                None => {
                    let mut added = Vec::new();
                    push_member(&mut added, name, &number);
                    // An edit of an empty row has put something before it.
                    let comma = usize::from(cells.is_empty() && change.is_none());
                    patches.push(Patch::insert(row.span.end - 1, added.split_off(comma)));
                }
            }
        }
    }

    fn edit_row(&self, row: &Row, fields: &FieldChanges, patches: &mut Vec<Patch>) {
        let cells = self.base.cells(self.number, row);
        let edits = edits_of(self.base.text(), cells, row.span.end - 1, fields);
        patches.extend(edits.into_iter().map(|(span, text)| Patch::new(span, text)));
    }

    fn new_row(&self, new: &InsertedRow, position: usize) -> Vec<u8> {
        self.at_position(new_row(new, self.rules, self.audience), position)
    }

    /// The row with its position, for the server.
    fn at_position(&self, row: Vec<u8>, position: usize) -> Vec<u8> {
        match (self.audience, &self.rules.position) {
            (Audience::Server, Some(name)) => {
                super::change::edit_row(&row, name, position.to_string().as_bytes())
            }
            (Audience::Server, None) | (Audience::Page, _) => row,
        }
    }
}

/// The stretches of an object's text that edits replace, and what by; new members go in at `end`.
pub(super) fn edits_of(
    text: &[u8],
    cells: Cells<'_>,
    end: u32,
    edits: &FieldChanges,
) -> Vec<(Span, Vec<u8>)> {
    let mut patches = Vec::with_capacity(edits.len());
    let mut added = Vec::new();
    for (name, change) in edits {
        let place = cells.span(name);
        let Some(value) = change.over(place.map(|span| span.of(text))) else { continue };
        match place {
            Some(span) => patches.push((span, value.into_owned())),
            None => push_member(&mut added, name, &value),
        }
    }
    if !added.is_empty() {
        let comma = usize::from(cells.is_empty());
        patches.push((Span { start: end, end }, added.split_off(comma)));
    }
    patches
}

/// A new row as it goes out: a name that the server gave a former row is left out.
pub(super) fn new_row(new: &InsertedRow, rules: &TableRules, audience: Audience) -> Vec<u8> {
    let names_itself = rules.server_row.as_ref().is_some_and(|name| rules.row.contains(name));
    match &rules.server_row {
        Some(name) if audience == Audience::Server || !names_itself => without(&new.row, name),
        Some(_) | None => new.row.clone(),
    }
}

/// The stretch of `run` rows from number `first` on, with one comma of its surroundings, given
/// how many rows before it are gone too.
fn removal(rows: &[Row], first: usize, run: usize, gone_before: usize) -> Span {
    let last = &rows[first + run - 1];
    match (first > gone_before, rows.get(first + run)) {
        (true, _) => Span { start: rows[first - 1].span.end, end: last.span.end },
        (false, Some(next)) => Span { start: rows[first].span.start, end: next.span.start },
        (false, None) => Span { start: rows[first].span.start, end: last.span.end },
    }
}

/// An object's text without one member.
fn without(object: &[u8], name: &str) -> Vec<u8> {
    if json::member(object, name).is_none() {
        return object.to_vec();
    }
    let mut out = json::ObjectWriter::new();
    let _ = json::members(object, 0, &mut |member| {
        if !json::key_is(member.key.of(object), name) {
            out.raw(&json::unescape(member.key.of(object)), member.value.of(object));
        }
    });
    out.finish()
}
