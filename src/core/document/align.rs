//! Reading a newer copy by comparing it with a known one, byte by byte and side by side.
//!
//! While the two texts agree nothing is tokenised: rows of the known copy are rows of the newer
//! one, and only their place differs. Where the texts part, the known copy's positions say which
//! value it is; that value alone is read, and the walk goes on behind it. Rows that were added or
//! removed are recognised by identity. Whatever does not line up (fields in another order, other
//! white space, rows put elsewhere) ends the walk with `None`: then the copy is read as a whole.
//!
//! Bytes that agree were checked when the known copy was read; the others are checked here.

use std::ops::Range;

mod rows;

pub(crate) use rows::read_row;

use super::table::{Lookup, Table, GONE};
use super::{Document, DEPTH_MAX, DOCUMENT_BYTES_MAX, ROWS_MAX};
use crate::core::json::{self, Kind, Member, Span};
use crate::core::profile::{Profile, TableRules};
use rows::RowWalk;

/// Where a newer copy's values differ from the known copy's.
#[derive(Debug, Clone, Default)]
pub struct Alignment {
    /// Positions of the document's own fields that differ, tables left out.
    pub fields: Vec<usize>,
    /// The tables, numbered as in the profile.
    pub tables: Vec<TableAlignment>,
}

/// Where a table differs.
#[derive(Debug, Clone, Default)]
pub struct TableAlignment {
    /// Rows that both have and that differ.
    pub rows: Vec<RowDifference>,
    /// Positions of cells that differ; see [`RowDifference::cells`].
    pub cells: Vec<u32>,
    /// Numbers of rows that only the newer copy has.
    pub added: Vec<usize>,
    /// Numbers of rows that only the known copy has.
    pub removed: Vec<usize>,
}

/// A row that differs.
#[derive(Debug, Clone)]
pub struct RowDifference {
    /// Its number in the known copy.
    pub known: usize,
    /// Its number in the newer copy.
    pub number: usize,
    /// Which of [`TableAlignment::cells`] say the cells that differ; `None` if the rows do not
    /// have the same fields in the same order.
    pub cells: Option<Range<usize>>,
}

impl Document {
    /// Reads `text`, a newer copy of `known`, side by side with it.
    ///
    /// # Errors
    /// Gives `text` back if the two do not line up, which says nothing about whether it is a
    /// document.
    pub fn align(
        known: &Document,
        text: Vec<u8>,
        profile: &Profile,
    ) -> Result<(Document, Alignment), Vec<u8>> {
        if text.len() > DOCUMENT_BYTES_MAX || known.text.is_empty() {
            return Err(text);
        }
        let mut walk = Walk {
            known,
            text: &text,
            profile,
            here: 0,
            there: 0,
            fields: Vec::with_capacity(known.fields.len()),
            tables: Vec::new(),
            found: Alignment::default(),
        };
        for number in 0..profile.tables.len() {
            let shared = known.tables[number].shared.clone();
            walk.tables.push(Table { shared, ..Table::default() });
            walk.found.tables.push(TableAlignment::default());
        }
        let object = walk.run();
        let Walk { fields, tables, found, .. } = walk;
        match object {
            Some(object) => Ok((Document { text, object, fields, tables }, found)),
            None => Err(text),
        }
    }
}

/// Two texts side by side.
struct Walk<'a> {
    known: &'a Document,
    text: &'a [u8],
    profile: &'a Profile,
    /// Position in the known text.
    here: usize,
    /// Position in the newer text.
    there: usize,
    fields: Vec<Member>,
    tables: Vec<Table>,
    found: Alignment,
}

impl<'a> Walk<'a> {
    fn run(&mut self) -> Option<Span> {
        for (at, field) in self.known.fields.iter().enumerate() {
            self.agree(field.value.start as usize)?;
            let start = self.there;
            let table = self
                .profile
                .tables
                .iter()
                .position(|rules| json::key_is(field.key.of(&self.known.text), &rules.name));
            match table {
                Some(number) if self.known.tables[number].array == field.value => {
                    self.table(number)?;
                }
                // A table that was null, or a second key of its name: only if it stayed so.
                Some(_) => self.value(field.value)?.then_some(())?,
                None => {
                    if !self.value(field.value)? {
                        self.found.fields.push(at);
                    }
                }
            }
            let shift = start as i64 - i64::from(field.value.start);
            let key = moved(field.key, shift)?;
            self.fields.push(Member { key, value: Span::new(start, self.there) });
        }
        self.agree(self.known.text.len())?;
        let start = self.known.object.start;
        // White space behind the object agrees, so it is as long as the known one.
        let behind = self.known.text.len() - self.known.object.end as usize;
        (self.there == self.text.len()).then(|| Span::new(start as usize, self.text.len() - behind))
    }

    /// Goes on to `end` in the known text; `None` unless all between agrees.
    fn agree(&mut self, end: usize) -> Option<()> {
        let wanted = self.known.text.get(self.here..end)?;
        let given = self.text.get(self.there..self.there + wanted.len())?;
        if common(wanted, given) != wanted.len() {
            return None;
        }
        self.there += wanted.len();
        self.here = end;
        Some(())
    }

    /// Goes past one value; whether it is the same bytes.
    fn value(&mut self, known: Span) -> Option<bool> {
        let old = known.of(&self.known.text);
        let start = self.there;
        let end = start + old.len();
        let same = self.text.get(start..end) == Some(old) && self.ends(old, end);
        self.there = if same { end } else { new_value(self.text, start, DEPTH_MAX - 1)? };
        self.here = known.end as usize;
        Some(same)
    }

    /// Whether a value that agrees so far ends at `end`: a number may go on.
    fn ends(&self, value: &[u8], end: usize) -> bool {
        json::kind(value) != Kind::Number || !is_number_byte(self.text.get(end))
    }

    /* ---------------------------------------------------------------- one table */

    fn table(&mut self, number: usize) -> Option<()> {
        let known = self.known;
        let old = &known.tables[number];
        let start = self.there;
        if self.text.get(start) != Some(&b'[') {
            return None;
        }
        let rules = &self.profile.tables[number];
        let mut rows = RowWalk::new(old, &known.text, self.text, rules);
        let end = rows.run(old.array.start as usize, start)?;
        if rows.adds_twice() {
            return None;
        }
        self.here = old.array.end as usize;
        self.there = end;
        let RowWalk { rows, own, renumbered, found, .. } = rows;
        let lookup = old.lookup.followed(renumbered, &found.added);
        let array = Span::new(start, end);
        let shared = old.shared.clone();
        self.tables[number] = Table { array, rows, shared, own, lookup };
        self.found.tables[number] = found;
        Some(())
    }
}

impl Lookup {
    /// The lookup of a newer copy.
    fn followed(&self, renumbered: Option<Vec<u32>>, added: &[usize]) -> Lookup {
        let Some(numbers) = renumbered else { return self.clone() };
        let follow = |number: &u32| match numbers.get(*number as usize) {
            Some(number) => *number,
            None => GONE,
        };
        let mut all: Vec<u32> =
            self.added.iter().map(follow).filter(|number| *number != GONE).collect();
        all.extend(added.iter().map(|number| *number as u32));
        let renumbered = match &self.renumbered {
            Some(before) => before.iter().map(follow).collect(),
            None => numbers,
        };
        Lookup { renumbered: Some(renumbered), added: all, ..self.clone() }
    }
}

/// A stretch put elsewhere; `None` beyond what a place can say.
pub(crate) fn moved(span: Span, shift: i64) -> Option<Span> {
    let place = |at: u32| u32::try_from(i64::from(at) + shift).ok();
    Some(Span { start: place(span.start)?, end: place(span.end)? })
}

pub(super) fn is_number_byte(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// Whether a value that ended with `last` in one text goes on with `next` in another, as a number
/// may.
pub(crate) fn goes_on(last: Option<&u8>, next: Option<&u8>) -> bool {
    matches!(last, Some(b'0'..=b'9')) && is_number_byte(next)
}

/// The end of a value that the known copy does not have: checked like any other.
pub(crate) fn new_value(text: &[u8], start: usize, depth: usize) -> Option<usize> {
    json::skip_short(text, start, depth).ok()
}

/// How many bytes agree from the start.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    json::common(a, b)
}
