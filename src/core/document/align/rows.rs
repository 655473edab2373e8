//! The rows of one table, side by side.

use super::super::table::{is_derived, read_cells, Cells, Identity, Row, GONE};
use super::*;
use crate::core::order::sort_by;

/// The rows of two copies of a table side by side.
pub(super) struct RowWalk<'a> {
    known: &'a Table,
    old_text: &'a [u8],
    text: &'a [u8],
    rules: &'a TableRules,
    /// The next row of the known copy.
    number: usize,
    pub(super) rows: Vec<Row>,
    pub(super) own: Vec<Member>,
    /// From the known numbering to the new one, once they differ.
    pub(super) renumbered: Option<Vec<u32>>,
    pub(super) found: TableAlignment,
    /// By position: the key last seen there, and whether it has a say in a row's identity.
    keys: Vec<(&'a [u8], bool)>,
    /// New values of the row being read, counted from its start.
    spans: Vec<Span>,
}

impl<'a> RowWalk<'a> {
    pub(super) fn new(
        known: &'a Table,
        old_text: &'a [u8],
        text: &'a [u8],
        rules: &'a TableRules,
    ) -> RowWalk<'a> {
        RowWalk {
            known,
            old_text,
            text,
            rules,
            number: 0,
            rows: Vec::with_capacity(known.rows.len() + 8),
            own: Vec::new(),
            renumbered: None,
            found: TableAlignment::default(),
            keys: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Walks both arrays, which begin at `here` and `there`; the end of the newer one.
    pub(super) fn run(&mut self, here: usize, there: usize) -> Option<usize> {
        let (mut here, mut there) = (here, there);
        let end = self.known.array.end as usize;
        loop {
            let agreed = common(&self.old_text[here..end], self.text.get(there..)?);
            let (parted, other) = (here + agreed, there + agreed);
            self.keep_until(parted, here, there)?;
            if parted == end {
                return Some(other);
            }
            (here, there) = match self.known.rows.get(self.number) {
                Some(row) if (row.span.start as usize) < parted => {
                    let start = row.span.start as usize + there - here;
                    self.row(start, parted + there - here)?
                }
                Some(_) | None => {
                    let last = self.number.checked_sub(1).map(|last| &self.known.rows[last]);
                    let from = last.map_or(self.known.array.start + 1, |row| row.span.end) as usize;
                    self.resume((from + there).checked_sub(here)?, last.is_some())?
                }
            };
        }
    }

    /// Takes over the rows that end before the texts part.
    fn keep_until(&mut self, parted: usize, here: usize, there: usize) -> Option<()> {
        let shift = there as i64 - here as i64;
        while let Some(row) = self.known.rows.get(self.number) {
            if row.span.end as usize > parted {
                break;
            }
            // A row ends with its brace, so a row that agrees so far is whole.
            self.push_known(moved(row.span, shift)?);
        }
        Some(())
    }

    fn push_known(&mut self, span: Span) {
        let row = &self.known.rows[self.number];
        let mut row = Row { span, ..row.clone() };
        if row.is_own {
            let cells = &self.known.own[row.first_cell as usize..row.cells_end as usize];
            row.first_cell = self.own.len() as u32;
            self.own.extend_from_slice(cells);
            row.cells_end = self.own.len() as u32;
        }
        self.count(self.number);
        self.rows.push(row);
        self.number += 1;
    }

    /// Notes that the known row `number` is the one about to be pushed.
    fn count(&mut self, number: usize) {
        if let Some(renumbered) = &mut self.renumbered {
            renumbered[number] = self.rows.len() as u32;
        }
    }

    fn start_renumbering(&mut self) {
        if self.renumbered.is_none() {
            let mut numbers: Vec<u32> = (0..self.number as u32).collect();
            numbers.resize(self.known.rows.len(), GONE);
            self.renumbered = Some(numbers);
        }
    }

    /// A row in which the texts part; it begins at `start` in the newer text, and agrees up to
    /// `parted` there. Where to go on, in both texts.
    fn row(&mut self, start: usize, parted: usize) -> Option<(usize, usize)> {
        let known = self.known;
        let old = &known.rows[self.number];
        let old_start = old.span.start as usize;
        let cells = known.cells(self.old_text, old);
        let first_found = self.found.cells.len();
        let mut lengths_differ = false;
        self.spans.clear();
        let (mut here, mut there) = (old_start + parted - start, parted);
        let mut at = 0;
        loop {
            // The cell whose value holds the place, or ends there.
            while at < cells.len() && (cells.value_span(at)?.end as usize) < here {
                at += 1;
            }
            let inside = cells.value_span(at).filter(|span| span.start as usize <= here);
            let value = match inside {
                Some(value) if !self.names_row(at, cells.key(at)?) => value,
                Some(_) | None => {
                    self.found.cells.truncate(first_found);
                    return self.resume(start, false);
                }
            };
            let value_start = there - (here - value.start as usize);
            let goes_on = here == value.end as usize && !is_number_byte(self.text.get(there));
            if goes_on {
                self.found.cells.truncate(first_found);
                return self.resume(start, false);
            }
            let end = new_value(self.text, value_start, DEPTH_MAX - 3)?;
            lengths_differ |= end - value_start != (value.end - value.start) as usize;
            self.found.cells.push(at as u32);
            self.spans.push(Span::new(value_start - start, end - start));
            (here, there) = (value.end as usize, end);
            let rest = &self.old_text[here..old.span.end as usize];
            let agreed = common(rest, self.text.get(there..)?);
            (here, there) = (here + agreed, there + agreed);
            if agreed == rest.len() {
                break;
            }
            at += 1;
        }
        let mut row = Row { span: Span::new(start, there), ..old.clone() };
        if lengths_differ || row.is_own {
            self.own_cells(&mut row, old, first_found)?;
        }
        if !self.rules.derived_row_if.is_empty() {
            let store = if row.is_own { &self.own } else { &*known.shared };
            let cells = &store[row.first_cell as usize..row.cells_end as usize];
            row.is_derived = is_derived(Cells::new(self.text, cells, row.span.start), self.rules);
        }
        let cells = Some(first_found..self.found.cells.len());
        let number = self.rows.len();
        self.found.rows.push(RowDifference { known: self.number, number, cells });
        self.count(self.number);
        self.rows.push(row);
        self.number += 1;
        Some((here, there))
    }

    /// Whether the field at a position has a say in a row's identity.
    fn names_row(&mut self, at: usize, key: &'a [u8]) -> bool {
        if self.keys.len() <= at {
            self.keys.resize(at + 1, (b"", false));
        }
        if self.keys[at].0 != key {
            let mut names = self.rules.row.iter().chain(&self.rules.fallback);
            self.keys[at] = (key, names.any(|name| json::key_is(key, name)));
        }
        self.keys[at].1
    }

    /// The known cells with the changed values' lengths.
    fn own_cells(&mut self, row: &mut Row, old: &Row, found: usize) -> Option<()> {
        let store = if old.is_own { &self.known.own } else { &*self.known.shared };
        let first = self.own.len();
        let mut shift = 0;
        let mut next = 0;
        for (at, cell) in store[old.first_cell as usize..old.cells_end as usize].iter().enumerate()
        {
            let key = moved(cell.key, shift)?;
            let mut value = moved(cell.value, shift)?;
            if self.found.cells.get(found + next) == Some(&(at as u32)) {
                value = self.spans[next];
                next += 1;
                shift = i64::from(value.end) - i64::from(cell.value.end);
            }
            self.own.push(Member { key, value });
        }
        row.first_cell = first as u32;
        row.cells_end = self.own.len() as u32;
        row.is_own = true;
        if let Identity::Written(span) = &row.identity {
            // The identity did not change, but what stands before it may have.
            let cells = store[old.first_cell as usize..old.cells_end as usize].iter();
            let names =
                |cell: &Member| cell.value.start <= span.start && span.end <= cell.value.end;
            let at = cells.clone().position(names)?;
            let before = cells.clone().nth(at)?.value;
            let now = self.own[first + at].value;
            let shift = i64::from(now.start) - i64::from(before.start);
            row.identity = Identity::Written(moved(*span, shift)?);
        }
        Some(())
    }

    /// The known row to go on with is not what stands at `at` in the newer text: rows were added
    /// or removed, or this row has other fields. Where to go on, in both texts.
    ///
    /// Between two rows there is one comma; anything else is not ours to guess.
    fn resume(&mut self, mut at: usize, mut after_row: bool) -> Option<(usize, usize)> {
        if self.known.lookup.has_made {
            return None; // rows without names of their own are told apart by counting them all
        }
        loop {
            let empty = self.rows.is_empty() && self.number == 0;
            if self.text.get(at) == Some(&b']') && (after_row || empty) {
                self.remove_until(self.known.rows.len());
                return Some((self.known.array.end as usize - 1, at));
            }
            if after_row && self.text.get(at) != Some(&b',') || self.rows.len() >= ROWS_MAX {
                return None;
            }
            let row = self.read_row(at + usize::from(after_row))?;
            let end = row.span.end as usize;
            match self.known.number(self.old_text, row.identity(self.text)) {
                Some(known) if known < self.number => return None, // put elsewhere, or twice
                Some(known) => {
                    self.remove_until(known);
                    let number = self.rows.len();
                    self.found.rows.push(RowDifference { known, number, cells: None });
                    self.count(known);
                    self.rows.push(row);
                    self.number = known + 1;
                    return Some((self.known.rows[known].span.end as usize, end));
                }
                None => {
                    self.start_renumbering();
                    self.found.added.push(self.rows.len());
                    self.rows.push(row);
                    (at, after_row) = (end, true);
                }
            }
        }
    }

    fn read_row(&mut self, at: usize) -> Option<Row> {
        read_row(self.text, at, self.rules, &mut self.own)
    }

    /// Whether two added rows have one identity: then they are told apart by counting.
    pub(super) fn adds_twice(&self) -> bool {
        let mut names: Vec<&str> =
            self.found.added.iter().map(|row| self.rows[*row].identity(self.text)).collect();
        sort_by(&mut names, |a, b| a < b);
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    fn remove_until(&mut self, number: usize) {
        if self.number < number {
            self.start_renumbering();
            self.found.removed.extend(self.number..number);
            self.number = number;
        }
    }
}

/// The row at this place of a text, checked like any other, its cells added to `cells`; `None`
/// unless there is one that is named by its own text.
pub(crate) fn read_row(
    text: &[u8],
    at: usize,
    rules: &TableRules,
    cells: &mut Vec<Member>,
) -> Option<Row> {
    let first = cells.len();
    let end = read_cells(text, at, cells).ok()?;
    let mut row = Row::new(text, Span::new(at, end), &cells[first..], first, rules);
    row.is_own = true;
    (!matches!(row.identity, Identity::Made(_))).then_some(row)
}
