//! Reading rows one after the other, side by side with the row before: most have its keys in its
//! order, and many of its values. What agrees was read before; of the rest, values are read.

use super::table::{identity, is_derived, read_cells, Cells, Row};
use super::DEPTH_MAX;
use crate::core::json::{self, JsonError, Member, Span};
use crate::core::profile::TableRules;

/// Most shapes of rows that are kept in mind.
const SHAPES_MAX: usize = 4;
/// So many shapes are learned in any case; then only where rows turn out to repeat them.
const SHAPES_FREE: u32 = 64;

/// Reads the rows of one table.
pub(super) struct RowReader<'a> {
    text: &'a [u8],
    rules: &'a TableRules,
    rows: Vec<Row>,
    cells: Vec<Member>,
    /// The one that fitted last comes first.
    shapes: Vec<Shape>,
    learned: u32,
}

/// What rows with the same keys in the same order, and the same white space, have in common.
struct Shape {
    number: u32,
    /// The last row of this shape.
    row: usize,
    /// Positions of the fields that identify a row, the first that counts first.
    names: Vec<usize>,
    /// Positions of the fields that say whether the server builds the row.
    derived: Vec<usize>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(text: &'a [u8], rules: &'a TableRules) -> RowReader<'a> {
        let (rows, cells, shapes) = (Vec::new(), Vec::new(), Vec::new());
        RowReader { text, rules, rows, cells, shapes, learned: 0 }
    }

    /// Reads the row that begins at `at`; where it ends.
    pub(super) fn read(&mut self, at: usize) -> Result<usize, JsonError> {
        let first = self.cells.len();
        for number in 0..self.shapes.len() {
            let known = &self.rows[self.shapes[number].row];
            if let Some(end) = follow(self.text, known, &mut self.cells, at) {
                self.shapes.swap(0, number);
                self.push_alike(Span::new(at, end), first);
                return Ok(end);
            }
            self.cells.truncate(first);
        }
        let end = read_cells(self.text, at, &mut self.cells)?;
        let span = Span::new(at, end);
        let mut row = Row::new(self.text, span, &self.cells[first..], first, self.rules);
        if self.learned < SHAPES_FREE.max(self.rows.len() as u32 / 4) {
            row.shape = self.learn(span, first);
        }
        self.rows.push(row);
        if self.rows.len() == 1 {
            self.expect(span);
        }
        Ok(end)
    }

    /// Makes room for rows like the first one, as if nothing else followed: lists that grow step
    /// by step are copied again and again.
    fn expect(&mut self, row: Span) {
        let rest = self.text.len() - row.end as usize;
        let rows = rest / ((row.end - row.start) as usize).max(16);
        self.rows.reserve(rows);
        self.cells.reserve((rows * self.cells.len()).min(rest / 16));
    }

    /// The rows and their cells.
    pub(super) fn finish(mut self) -> (Vec<Row>, Vec<Member>) {
        self.rows.shrink_to_fit();
        self.cells.shrink_to_fit();
        (self.rows, self.cells)
    }

    /// Keeps the row that is about to be pushed in mind; the number of its shape.
    fn learn(&mut self, span: Span, first: usize) -> u32 {
        let cells = Cells::new(self.text, &self.cells[first..], span.start);
        let position = |name: &String| cells.position(name);
        self.learned += 1;
        self.shapes.truncate(SHAPES_MAX - 1);
        let shape = Shape {
            number: self.learned,
            row: self.rows.len(),
            names: self.rules.row.iter().filter_map(position).collect(),
            derived: self.rules.derived_row_if.iter().filter_map(|(it, _)| position(it)).collect(),
        };
        self.shapes.insert(0, shape);
        self.learned
    }

    /// Adds a row of the first shape.
    fn push_alike(&mut self, span: Span, first: usize) {
        let shape = &mut self.shapes[0];
        let known = &self.rows[shape.row];
        let members = &self.cells[known.first_cell as usize..known.cells_end as usize];
        let before = Cells::new(self.text, members, known.span.start);
        let cells = Cells::new(self.text, &self.cells[first..], span.start);
        let is_same = shape.derived.iter().all(|at| cells.is_same(*at, &before, *at));
        let is_derived = if is_same { known.is_derived } else { is_derived(cells, self.rules) };
        let named = shape.names.iter().filter_map(|at| cells.value_span(*at));
        let identity = identity(cells, span, named, self.rules);
        let (number, first_cell) = (shape.number, first as u32);
        let cells_end = self.cells.len() as u32;
        shape.row = self.rows.len();
        let shape = number;
        self.rows.push(Row {
            span,
            first_cell,
            cells_end,
            is_own: false,
            shape,
            is_derived,
            identity,
        });
    }
}

/// Reads the row at `at` if it has the keys of the row `known`; where it ends. Mistakes are for
/// others to find.
fn follow(text: &[u8], known: &Row, cells: &mut Vec<Member>, at: usize) -> Option<usize> {
    let columns = known.first_cell as usize..known.cells_end as usize;
    let first = cells.len();
    cells.resize(first + columns.len(), Member::default());
    let (before, after) = cells.split_at_mut(first);
    let before = &before[columns];
    let after = &mut after[..before.len()];
    let (start, end) = (known.span.start as usize, known.span.end as usize);
    // A little more than the row, for the comparison goes in steps.
    let seen = &text[..text.len().min(end + 8)];
    let (mut there, mut here, mut column) = (start, at, 0);
    loop {
        let agreed = json::common(seen.get(there..)?, text.get(here..)?);
        let parted = end.min(there + agreed);
        let place = (parted - start) as u32;
        // From a place in the known row to the same place in this one, each from its start.
        let shift = ((here - at) as u32).wrapping_sub((there - start) as u32);
        let moved = |place: u32| place.wrapping_add(shift);
        // A number that agrees to its end may go on.
        while column < before.len() && before[column].value.end < place {
            let Member { key, value } = &before[column];
            let key = Span { start: moved(key.start), end: moved(key.end) };
            let value = Span { start: moved(value.start), end: moved(value.end) };
            after[column] = Member { key, value };
            column += 1;
        }
        if column == before.len() {
            return (parted == end).then_some(here + end - there);
        }
        let Member { key, value } = &before[column];
        if place < value.start {
            return None;
        }
        let value_at = at + moved(value.start) as usize;
        let value_end = json::skip_short(text, value_at, DEPTH_MAX - 3).ok()?;
        let key = Span { start: moved(key.start), end: moved(key.end) };
        after[column] = Member { key, value: Span::new(value_at - at, value_end - at) };
        (there, here) = (start + value.end as usize, value_end);
        column += 1;
    }
}
