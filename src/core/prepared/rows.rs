//! The rows of one table, side by side.

use super::plan::{Class, TablePlan, Touched};
use super::walk::Walk;
use crate::core::change::RowChange;
use crate::core::diff::listed_edits;
use crate::core::document::{common, moved, read_row, Cells, Row, Table, DEPTH_MAX, ROWS_MAX};
use crate::core::json::{self, Member, Span};
use crate::core::merge::merge_row;
use crate::core::order::sort_by;
use crate::core::profile::TableRules;
use crate::core::render::edits_of;

pub(super) struct RowWalk<'a, 'w> {
    walk: &'w mut Walk<'a>,
    number: usize,
    table: &'a Table,
    rules: &'a TableRules,
    plan: &'a TablePlan,
    /// The first row's cells, for which classes are kept.
    first: Cells<'a>,
    /// The base's row in hand: all before it are settled.
    row: usize,
    /// The next of the plan's patches, and the next row that I changed.
    patch: usize,
    touched: usize,
    /// The row in hand as it began, once something of it was written or differs.
    open: Option<Open>,
    /// The last row of the copy that was read by itself: the row in hand stands behind it.
    behind: Option<(usize, usize)>,
    /// Behind the last cell that differed.
    hint: usize,
    counts: Counts,
    added: Vec<String>,
}

/// How many rows before the row in hand are not the base's.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// Only the copy has them.
    added: usize,
    /// Only the base has them.
    gone: usize,
    /// I took them out.
    removed: usize,
}

/// A row's beginning, to go back to.
#[derive(Clone, Copy)]
struct Open {
    row: usize,
    /// Where it starts in the copy's text.
    start: usize,
    written: usize,
    copied: usize,
    patch: usize,
    removed: usize,
}

impl<'a, 'w> RowWalk<'a, 'w> {
    pub(super) fn new(walk: &'w mut Walk<'a>, number: usize) -> RowWalk<'a, 'w> {
        let table = walk.base.table(number);
        let first = table.rows.first().map(|row| walk.base.cells(number, row));
        RowWalk {
            number,
            table,
            first: first.unwrap_or(Cells::new(b"", &[], 0)),
            rules: &walk.profile.tables[number],
            plan: &walk.plan.tables[number],
            walk,
            row: 0,
            patch: 0,
            touched: 0,
            open: None,
            behind: None,
            hint: 0,
            counts: Counts::default(),
            added: Vec::new(),
        }
    }

    /// Walks both arrays, which begin here and there, to behind their ends.
    pub(super) fn run(&mut self) -> Option<()> {
        let first = self.walk.there + 1;
        let end = self.table.array.end as usize;
        loop {
            let (here, there) = (self.walk.here, self.walk.there);
            let agreed = common(&self.walk.old[here..end], self.walk.new.get(there..)?);
            self.put_until(here + agreed)?;
            (self.walk.here, self.walk.there) = (here + agreed, there + agreed);
            if here + agreed == end {
                return self.finish(first);
            }
            let row = self.row_at(here + agreed);
            match self.table.rows.get(row) {
                Some(found) if (found.span.start as usize) < here + agreed => {
                    self.open(row);
                    self.differ(row, found, first)?;
                }
                Some(_) | None => {
                    let from = match row.checked_sub(1) {
                        Some(last) => self.end_of(last),
                        None => first,
                    };
                    self.resume(row, from, false)?;
                }
            }
        }
    }

    /// The first row that ends behind this place of the base's text.
    fn row_at(&mut self, place: usize) -> usize {
        let rows = &self.table.rows[self.row..];
        // Mostly it is one of the next few.
        let ends = |row: &Row| row.span.end as usize <= place;
        let near = rows.iter().take(NEAR).take_while(|row| ends(row)).count();
        let far = if near < NEAR { 0 } else { rows[near..].partition_point(ends) };
        self.row += near + far;
        self.row
    }

    /// Where a row of the base ends in the copy, all behind it being alike so far.
    fn end_of(&self, row: usize) -> usize {
        self.table.rows[row].span.end as usize + self.walk.there - self.walk.here
    }

    fn open(&mut self, row: usize) {
        if self.open.is_some_and(|open| open.row == row) {
            return;
        }
        let start = self.table.rows[row].span.start as usize + self.walk.there - self.walk.here;
        self.open = Some(Open {
            row,
            start,
            written: self.walk.out.len(),
            copied: self.walk.copied,
            patch: self.patch,
            removed: self.counts.removed,
        });
    }

    /// Undoes what was written of the row in hand.
    fn undo(&mut self, row: usize) {
        if let Some(open) = self.open.take().filter(|open| open.row == row) {
            self.walk.out.truncate(open.written);
            self.walk.copied = open.copied;
            self.patch = open.patch;
            self.counts.removed = open.removed;
        }
    }

    /* ---------------------------------------------------------------- mine */

    /// Puts in what I changed before the texts part.
    fn put_until(&mut self, parted: usize) -> Option<()> {
        while let Some(patch) = self.plan.patches.get(self.patch) {
            // A row has ended with its brace, a value where what stands behind it agrees.
            if patch.patch.end as usize >= parted + usize::from(patch.is_removal) {
                break;
            }
            let row = patch.row as usize;
            self.open(row);
            if patch.is_removal {
                self.leave_out(row)?;
            } else {
                self.walk.put(&patch.patch);
            }
            self.patch += 1;
        }
        Some(())
    }

    /// Leaves out a row, with one comma of its surroundings.
    fn leave_out(&mut self, row: usize) -> Option<()> {
        let start = self.open?.start;
        let end = self.end_of(row);
        let before = row + self.counts.added - self.counts.gone;
        if before > self.counts.removed {
            let behind = match (self.behind, row.checked_sub(1)) {
                (Some((known, behind)), _) if known == row => behind,
                (_, Some(last)) => {
                    let gap = self.table.rows[row].span.start - self.table.rows[last].span.end;
                    start.checked_sub(gap as usize)?
                }
                (_, None) => return None,
            };
            self.walk.flush(behind);
            self.walk.copied = end;
        } else {
            self.walk.flush(start);
            let next = json::skip_space(self.walk.new, end);
            self.walk.copied = match self.walk.new.get(next) {
                Some(b',') => json::skip_space(self.walk.new, next + 1),
                Some(_) | None => end,
            };
        }
        self.counts.removed += 1;
        Some(())
    }

    /// Both arrays have ended: my new rows go behind the last.
    fn finish(&mut self, first: usize) -> Option<()> {
        let rows = self.table.rows.len();
        let all = rows + self.counts.added - self.counts.gone;
        if all > ROWS_MAX || self.adds_twice() {
            return None;
        }
        if self.plan.new_rows.is_empty() {
            return Some(());
        }
        let end = match (self.behind, rows.checked_sub(1)) {
            (Some((known, behind)), _) if known == rows => behind,
            (_, Some(last)) => self.end_of(last),
            (_, None) => first,
        };
        self.walk.flush(end);
        for (n, text) in self.plan.new_rows.iter().enumerate() {
            if all > self.counts.removed || n > 0 {
                self.walk.out.push(b',');
            }
            let text = text.start as usize..text.end as usize;
            self.walk.out.extend_from_slice(&self.walk.plan.texts[text]);
        }
        Some(())
    }

    /// Whether two added rows have one identity: then they are told apart by counting.
    fn adds_twice(&mut self) -> bool {
        sort_by(&mut self.added, |a, b| a < b);
        self.added.windows(2).any(|pair| pair[0] == pair[1])
    }

    /* ---------------------------------------------------------------- theirs */

    /// A row in which the texts part.
    fn differ(&mut self, number: usize, row: &'a Row, first: usize) -> Option<()> {
        let cells = self.walk.base.cells(self.number, row);
        let Some((at, value)) = self.cell(cells) else { return self.other_row(number, first) };
        let class = self.class(at, cells);
        match class {
            Class::Name => return self.other_row(number, first),
            Class::Stop => return None,
            Class::Alone | Class::Shared if self.plan.is_delicate || row.is_derived => return None,
            Class::Aside | Class::Alone | Class::Shared => {}
        }
        if let Some(touched) = self.touched(number) {
            let alone = match class {
                Class::Aside => true,
                Class::Alone => !touched.is_removed && !self.is_mine(touched, at),
                Class::Shared | Class::Name | Class::Stop => false,
            };
            if !alone {
                return self.meet(number, row, touched, first);
            }
        }
        self.walk.take_value(value.start as usize, value.end as usize, DEPTH_MAX - 3)
    }

    fn class(&self, at: usize, cells: Cells<'a>) -> Class {
        self.plan.class(at, cells, self.first, self.rules)
    }

    /// The cell whose value holds the place where the texts part, or ends there and goes on.
    fn cell(&mut self, cells: Cells<'a>) -> Option<(usize, Span)> {
        let place = self.walk.here;
        let holds = |value: &Span| value.start as usize <= place && place <= value.end as usize;
        let passed =
            |at: usize| cells.value_span(at).is_some_and(|value| (value.end as usize) < place);
        let mut at = self.hint.checked_sub(1).filter(|at| passed(*at)).unwrap_or(0);
        while passed(at) {
            at += 1;
        }
        let value = cells.value_span(at).filter(holds)?;
        self.hint = at + 1;
        let is_inside = place < value.end as usize || self.walk.is_longer(place);
        is_inside.then_some((at, value))
    }

    fn touched(&mut self, row: usize) -> Option<&'a Touched> {
        let all = &self.plan.touched;
        while all.get(self.touched).is_some_and(|touched| (touched.row as usize) < row) {
            self.touched += 1;
        }
        all.get(self.touched).filter(|touched| touched.row as usize == row)
    }

    fn is_mine(&self, touched: &Touched, cell: usize) -> bool {
        let cells = &self.plan.cells[touched.cells.start as usize..touched.cells.end as usize];
        cells.contains(&(cell as u32))
    }

    /// Both changed the row, and one change may concern the other: it is merged alone.
    fn meet(&mut self, number: usize, row: &'a Row, touched: &Touched, first: usize) -> Option<()> {
        if self.plan.has_derived {
            return None; // whether those rows leave may hang on this one
        }
        let base = self.walk.base;
        let identity = base.row_identity(row);
        let RowChange::Edited(mine) = self.walk.mine.tables[self.number].row(identity)? else {
            return None;
        };
        let start = self.open?.start;
        let before = base.cells(self.number, row);
        let Some((members, listed)) = self.read_again(row, start, before)? else {
            return self.other_row(number, first);
        };
        let after = Cells::new(self.walk.new, &members, start as u32);
        let (incoming, repriced) = listed_edits(before, after, &listed, self.rules);
        let left = merge_row(self.rules, (before, after), mine, &incoming, repriced)?;
        self.undo(number);
        self.patch = touched.patches_end as usize;
        let end = self.walk.there as u32 - 1;
        let mut edits = edits_of(self.walk.new, after, end, &left);
        sort_by(&mut edits, |a, b| a.0.start < b.0.start);
        for (span, text) in edits {
            self.walk.flush(span.start as usize);
            self.walk.out.extend_from_slice(&text);
            self.walk.copied = span.end as usize;
        }
        Some(())
    }

    /// Walks a row from its start: the copy's members, and the positions of those that differ.
    /// `Some(None)` if it is another row.
    #[allow(clippy::type_complexity)]
    fn read_again(
        &mut self,
        row: &Row,
        start: usize,
        before: Cells<'a>,
    ) -> Option<Option<(Vec<Member>, Vec<u32>)>> {
        let mut members = before.members().to_vec();
        let mut listed = Vec::new();
        (self.walk.here, self.walk.there, self.hint) = (row.span.start as usize, start, 0);
        let end = row.span.end as usize;
        loop {
            let (here, there) = (self.walk.here, self.walk.there);
            let agreed = common(&self.walk.old[here..end], self.walk.new.get(there..)?);
            (self.walk.here, self.walk.there) = (here + agreed, there + agreed);
            if here + agreed == end {
                return Some(Some((members, listed)));
            }
            let Some((at, value)) = self.cell(before) else { return Some(None) };
            match self.class(at, before) {
                Class::Name => return Some(None),
                Class::Stop => return None,
                Class::Aside | Class::Alone | Class::Shared => {}
            }
            self.walk.take_value(value.start as usize, value.end as usize, DEPTH_MAX - 3)?;
            listed.push(at as u32);
            let end = self.walk.there - start;
            let longer = end as i64 - i64::from(members[at].value.end);
            members[at].value.end = end as u32;
            for member in &mut members[at + 1..] {
                member.key = moved(member.key, longer)?;
                member.value = moved(member.value, longer)?;
            }
        }
    }

    /* ---------------------------------------------------------------- other rows */

    /// What stands at the place of this row of the base is another row, or cannot be told.
    fn other_row(&mut self, number: usize, first: usize) -> Option<()> {
        let start = self.open?.start;
        let is_first = number + self.counts.added == self.counts.gone;
        self.undo(number);
        if is_first {
            return (start == first).then_some(()).and_then(|()| self.resume(number, start, true));
        }
        let comma = start.checked_sub(1)?;
        self.resume(number, comma, true)
    }

    /// Finds the row of the base to go on with. The copy's row before ends at `at`; `inside` says
    /// that what follows is not the base's row `row`, though it begins like it.
    ///
    /// Between two rows there is one comma; anything else is not ours to guess.
    fn resume(&mut self, row: usize, mut at: usize, inside: bool) -> Option<()> {
        if self.plan.is_delicate || self.table.has_made_identities() {
            return None;
        }
        let (base, mine) = (self.walk.base, &self.walk.mine.tables[self.number]);
        let mut cells = Vec::with_capacity(self.first.len() + 4);
        loop {
            let before = row + self.counts.added - self.counts.gone;
            if self.walk.new.get(at) == Some(&b']') {
                self.gone(row, self.table.rows.len())?;
                self.go_on(self.table.rows.len(), self.table.array.end as usize - 1, at, at);
                return Some(());
            }
            if before > 0 && self.walk.new.get(at) != Some(&b',') {
                return None;
            }
            let start = at + usize::from(before > 0);
            if let Some(known) = self.next_like(row + usize::from(inside), start) {
                self.gone(row, known)?;
                self.go_on(known, self.table.rows[known].span.start as usize, start, at);
                return Some(());
            }
            cells.clear();
            let found = read_row(self.walk.new, start, self.rules, &mut cells)?;
            let identity = found.identity(self.walk.new);
            match base.row_number(self.number, identity) {
                Some(known) if known < row || inside && known == row => return None,
                Some(known) => {
                    self.gone(row, known)?;
                    let here = self.table.rows[known].span.start as usize;
                    self.go_on(known, here, start, at);
                    return Some(());
                }
                None => {
                    if found.is_derived || mine.row(identity).is_some() {
                        return None;
                    }
                    self.added.push(identity.to_owned());
                    self.counts.added += 1;
                    at = found.span.end as usize;
                }
            }
        }
    }

    /// One of the next rows of the base, if the copy's at `start` begins like it up to its name.
    fn next_like(&self, first: usize, start: usize) -> Option<usize> {
        let begins_like = |row: &Row| {
            let named = row.named_within().and_then(|length| {
                let known = self.walk.base.row_text(row).get(..length)?;
                Some(known == self.walk.new.get(start..start + length)?)
            });
            named == Some(true)
        };
        let near = self.table.rows.iter().enumerate().skip(first).take(NEAR);
        near.filter(|(_, row)| begins_like(row)).map(|(number, _)| number).next()
    }

    /// Notes that the copy lacks these rows of the base; `None` if I changed one of them.
    fn gone(&mut self, from: usize, until: usize) -> Option<()> {
        let touched = self.plan.touched.iter().map(|touched| touched.row as usize);
        if touched.skip(self.touched).any(|row| (from..until).contains(&row)) {
            return None;
        }
        self.counts.gone += until - from;
        Some(())
    }

    fn go_on(&mut self, row: usize, here: usize, there: usize, behind: usize) {
        (self.row, self.walk.here, self.walk.there) = (row, here, there);
        self.behind = Some((row, behind));
    }
}

/// How many rows are looked at one by one before the search halves.
const NEAR: usize = 4;
