//! What becomes of my side wherever a newest copy leaves it alone.

use std::cell::Cell;
use std::ops::Range;

use crate::core::change::{Changes, FieldChanges, RowChange, TableChanges};
use crate::core::diff::Difference;
use crate::core::document::{Cells, Document};
use crate::core::merge::{self, ended};
use crate::core::op::Place;
use crate::core::order::sort_by;
use crate::core::profile::{FieldRules, Profile, Rule, TableRules};
use crate::core::render::{edits_of, new_row, Audience};

/// What a change of theirs in a field means for mine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing: the server's own field.
    Aside,
    /// It stands alone: it meets mine only if I changed this very field.
    Alone,
    /// It belongs to a decision about several fields.
    Shared,
    /// A row's identity.
    Name,
    /// More than this field may hang on it: the general merge has the word.
    Stop,
}

/// A stretch of the base's text to be replaced by one of [`Plan::texts`].
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) text: Range<u32>,
}

/// A patch of a row.
#[derive(Debug, Clone)]
pub(super) struct RowPatch {
    /// The row's number in the base.
    pub(super) row: u32,
    /// The row is taken out; otherwise a value is put in.
    pub(super) is_removal: bool,
    pub(super) patch: Patch,
}

/// A row that I changed.
#[derive(Debug, Clone)]
pub(super) struct Touched {
    /// Its number in the base.
    pub(super) row: u32,
    /// I took it out.
    pub(super) is_removed: bool,
    /// Where its patches end among [`TablePlan::patches`].
    pub(super) patches_end: u32,
    /// Which of [`TablePlan::cells`] say the positions of the cells that I changed.
    pub(super) cells: Range<u32>,
}

/// One table.
#[derive(Debug, Clone, Default)]
pub(super) struct TablePlan {
    /// Sorted by row.
    pub(super) touched: Vec<Touched>,
    /// Sorted by place.
    pub(super) patches: Vec<RowPatch>,
    pub(super) cells: Vec<u32>,
    /// My new rows, which go behind all others, in their order.
    pub(super) new_rows: Vec<Range<u32>>,
    /// Of the first row's cells, once looked up. Most rows have the same fields in the same order.
    classes: Vec<Cell<Option<Class>>>,
    /// Rows are money or carry outside numbers: any change of theirs may concern mine.
    pub(super) is_delicate: bool,
    /// The server's own rows are among these, and leave with what they were computed from.
    pub(super) has_derived: bool,
}

/// My side, laid out over the base.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Of the document's own fields, in the order of the base, once looked up.
    classes: Vec<Cell<Option<Class>>>,
    /// I changed fields of the document's own, perhaps ones that the base does not have.
    pub(super) has_fields: bool,
    /// Positions of the fields that I changed, sorted.
    pub(super) mine: Vec<u32>,
    /// In the document's own fields, sorted by place.
    pub(super) patches: Vec<Patch>,
    /// Numbered as in the profile.
    pub(super) tables: Vec<TablePlan>,
    /// The base's fields that are tables: (position of the field, number of the table), in order.
    pub(super) order: Vec<(u32, u32)>,
    /// What the patches put in.
    pub(super) texts: Vec<u8>,
}

impl Plan {
    /// `None` if what becomes of mine cannot be told without the newest copy.
    pub(super) fn new(base: &Document, mine: &Changes, profile: &Profile) -> Option<Plan> {
        if ended(base, Some(base), profile).is_some() || changes_frozen(mine, profile) {
            return None;
        }
        let unchanged = Difference { changes: Changes::none(profile), repriced: Vec::new() };
        let merged = merge::merge_incoming(base, mine, base, &unchanged, profile, None);
        if !merged.conflicts.is_empty() {
            return None;
        }
        let mut plan = Plan {
            classes: vec![Cell::new(None); base.fields().len()],
            has_fields: !mine.fields.is_empty() || !merged.pending.fields.is_empty(),
            mine: Vec::new(),
            patches: Vec::new(),
            tables: Vec::new(),
            order: Vec::new(),
            texts: Vec::new(),
        };
        plan.header(base, mine, &merged.pending.fields, profile);
        for (number, rules) in profile.tables.iter().enumerate() {
            let (mine, kept) = (&mine.tables[number], &merged.pending.tables[number]);
            let table = plan.table(base, number, mine, kept, rules)?;
            plan.tables.push(table);
        }
        Some(plan)
    }

    fn text(&mut self, text: &[u8]) -> Range<u32> {
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        start..self.texts.len() as u32
    }

    fn edit(
        &mut self,
        base: &Document,
        cells: Cells<'_>,
        end: u32,
        edits: &FieldChanges,
    ) -> Vec<Patch> {
        let edits = edits_of(base.text(), cells, end, edits);
        let mut patches = Vec::with_capacity(edits.len());
        for (span, text) in edits {
            patches.push(Patch { start: span.start, end: span.end, text: self.text(&text) });
        }
        sort_by(&mut patches, |a, b| a.start < b.start);
        patches
    }

    fn header(&mut self, base: &Document, mine: &Changes, kept: &FieldChanges, profile: &Profile) {
        let cells = base.fields();
        for at in 0..cells.len() {
            let number = profile.tables.iter().position(|rules| cells.is_called(at, &rules.name));
            let Some(number) = number else { continue };
            self.classes[at].set(Some(Class::Stop));
            if Some(base.table(number).array) == cells.value_span(at) {
                self.order.push((at as u32, number as u32));
            }
        }
        self.mine = positions(cells, &[&mine.fields, kept]);
        self.patches = self.edit(base, cells, base.object().end - 1, kept);
    }

    /// `None` if my new rows do not all go to the end, or rows of mine were put elsewhere.
    fn table(
        &mut self,
        base: &Document,
        number: usize,
        mine: &TableChanges,
        kept: &TableChanges,
        rules: &TableRules,
    ) -> Option<TablePlan> {
        let table = base.table(number);
        let mut plan = TablePlan {
            is_delicate: rules.is_delicate(),
            has_derived: table.rows.iter().any(|row| row.is_derived),
            ..TablePlan::default()
        };
        if let Some(row) = table.rows.first() {
            plan.classes = vec![Cell::new(None); base.cells(number, row).len()];
        }
        if !mine.moves.is_empty() || !kept.moves.is_empty() {
            return None;
        }
        if table.array.end == 0 && !kept.is_empty() {
            return None; // the base does not have the table
        }
        for (_, new) in kept.inserted() {
            if new.place != Place::End {
                return None;
            }
            plan.new_rows.push(self.text(&new_row(new, rules, Audience::Page)));
        }
        let nothing = FieldChanges::new();
        for (at, identity) in touched_rows(base, number, mine, kept) {
            let row = &table.rows[at];
            let cells = base.cells(number, row);
            let edits = |changes: &'_ TableChanges| match changes.row(&identity) {
                Some(RowChange::Edited(fields)) => fields.clone(),
                Some(RowChange::Removed | RowChange::Inserted(_)) | None => nothing.clone(),
            };
            let (asked, left) = (edits(mine), edits(kept));
            let is_removed = kept.row(&identity) == Some(&RowChange::Removed);
            let first = plan.cells.len() as u32;
            plan.cells.extend(positions(cells, &[&asked, &left]));
            let patches = match is_removed {
                true => vec![Patch { start: row.span.start, end: row.span.end, text: 0..0 }],
                false => self.edit(base, cells, row.span.end - 1, &left),
            };
            let owned = |patch| RowPatch { row: at as u32, is_removal: is_removed, patch };
            plan.patches.extend(patches.into_iter().map(owned));
            plan.touched.push(Touched {
                row: at as u32,
                is_removed,
                patches_end: plan.patches.len() as u32,
                cells: first..plan.cells.len() as u32,
            });
        }
        Some(plan)
    }
}

impl Plan {
    /// The class of the document's own field at a position of the base.
    pub(super) fn class(&self, at: usize, base: &Document, profile: &Profile) -> Class {
        looked_up(self.classes.get(at), || header_class(&base.fields().name(at), profile))
    }
}

impl TablePlan {
    /// The class of the cell at a position of some row; `first` are the first row's.
    pub(super) fn class(
        &self,
        at: usize,
        cells: Cells<'_>,
        first: Cells<'_>,
        rules: &TableRules,
    ) -> Class {
        let known = self.classes.get(at).filter(|_| cells.key(at) == first.key(at));
        looked_up(known, || row_class(&cells.name(at), rules))
    }
}

fn looked_up(known: Option<&Cell<Option<Class>>>, class: impl FnOnce() -> Class) -> Class {
    match known.and_then(Cell::get) {
        Some(class) => class,
        None => {
            let class = class();
            if let Some(known) = known {
                known.set(Some(class));
            }
            class
        }
    }
}

/// The rows of the base that mine or what is kept of it names: (number, identity), sorted.
fn touched_rows(
    base: &Document,
    number: usize,
    mine: &TableChanges,
    kept: &TableChanges,
) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (identity, _) in mine.rows.iter().chain(&kept.rows) {
        found.extend(base.row_number(number, identity).map(|at| (at, identity.clone())));
    }
    sort_by(&mut found, |a, b| a.0 < b.0);
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// Where the changed fields stand, sorted. A field that is not there yet has no place.
fn positions(cells: Cells<'_>, changes: &[&FieldChanges]) -> Vec<u32> {
    let names = changes.iter().flat_map(|changes| changes.iter());
    let mut found: Vec<u32> =
        names.filter_map(|(name, _)| cells.position(name)).map(|at| at as u32).collect();
    sort_by(&mut found, |a, b| a < b);
    found.dedup();
    found
}

fn changes_frozen(mine: &Changes, profile: &Profile) -> bool {
    let frozen = |fields: &FieldChanges, rules: &FieldRules| {
        fields.iter().any(|(name, _)| rules.rule(name) == Rule::Frozen)
    };
    frozen(&mine.fields, &profile.fields)
        || profile.tables.iter().zip(&mine.tables).any(|(rules, table)| {
            table.rows.iter().any(|(_, change)| match change {
                RowChange::Edited(fields) => frozen(fields, &rules.fields),
                RowChange::Removed | RowChange::Inserted(_) => false,
            })
        })
}

fn header_class(name: &str, profile: &Profile) -> Class {
    let ends = profile.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.field == name);
    if ends || profile.identity.iter().any(|identity| identity == name) {
        return Class::Stop;
    }
    field_class(name, &profile.fields)
}

fn row_class(name: &str, rules: &TableRules) -> Class {
    let is = |known: &String| known == name;
    if rules.row.iter().chain(&rules.fallback).any(is) {
        return Class::Name;
    }
    if rules.derived_row_if.iter().any(|(field, _)| is(field)) || rules.transaction.iter().any(is) {
        return Class::Stop;
    }
    let measured = rules.measure.as_ref();
    let priced = rules.price.as_ref();
    if measured.is_some_and(|m| is(&m.quantity) || m.unit.iter().any(is))
        || priced.is_some_and(|p| is(&p.rate) || is(&p.manual) || p.reprice.iter().any(is))
    {
        return Class::Shared;
    }
    field_class(name, &rules.fields)
}

fn field_class(name: &str, rules: &FieldRules) -> Class {
    let grouped = rules.groups.iter().any(|group| {
        group.fields.iter().any(|field| field == name)
            || group.derived.iter().any(|(field, source)| field == name || source == name)
    });
    if grouped {
        return Class::Shared;
    }
    match rules.rule(name) {
        Rule::System | Rule::Server => Class::Aside,
        Rule::Frozen => Class::Stop,
        Rule::Ask | Rule::Mine | Rule::Theirs | Rule::Counter | Rule::Text => Class::Alone,
        Rule::Max | Rule::Min => Class::Alone,
        // A set of serial numbers says the quantity too.
        Rule::Set | Rule::Money | Rule::Group(_) | Rule::Price => Class::Shared,
    }
}
