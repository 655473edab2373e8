//! What a till changed since a base: the net effect of its edits.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::amount;
use super::document::{Document, Row};
use super::json::{self, Kind};
use super::op::{Op, Place};
use super::path::{cell_path, Path};
use super::profile::{Profile, Rule, TableRules};

mod apply;
mod row;
pub use apply::EditError;
pub(crate) use row::identity_of;
pub use row::{edit_row, in_kind_of};

/// What happened to one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldChange {
    /// A person stated the value.
    Typed(Vec<u8>),
    /// The value was found in a whole document: stated, or the result of steps.
    Found(Vec<u8>),
    /// Steps, added up.
    Step(Decimal),
}

impl FieldChange {
    /// The value of the field once this change is applied over `under`. `None` if a step cannot
    /// be applied exactly (the sum has more than 28 digits, or `under` is no amount).
    #[must_use]
    pub fn over<'a>(&'a self, under: Option<&[u8]>) -> Option<Cow<'a, [u8]>> {
        match self {
            FieldChange::Typed(value) | FieldChange::Found(value) => Some(Cow::Borrowed(value)),
            FieldChange::Step(step) => {
                let sum = amount::sum(amount_or_zero(under)?, *step)?;
                Some(Cow::Owned(amount::like(sum, under)))
            }
        }
    }

    /// A stated value in the kind of the one that it replaces.
    #[must_use]
    pub fn in_kind_of(self, under: Option<&[u8]>) -> FieldChange {
        match self {
            FieldChange::Typed(value) => FieldChange::Typed(in_kind_of(&value, under)),
            FieldChange::Found(value) => FieldChange::Found(in_kind_of(&value, under)),
            FieldChange::Step(step) => FieldChange::Step(step),
        }
    }

    /// The step from `under` to the changed value, if both are amounts.
    #[must_use]
    pub fn step_from(&self, under: Option<&[u8]>) -> Option<Decimal> {
        match self {
            FieldChange::Step(step) => Some(*step),
            FieldChange::Typed(value) | FieldChange::Found(value) => {
                amount::sum(amount_or_zero(Some(value))?, -amount_or_zero(under)?)
            }
        }
    }
}

/// An amount; nothing counts as zero.
#[must_use]
pub fn amount_or_zero(value: Option<&[u8]>) -> Option<Decimal> {
    if amount::is_empty(value) {
        return Some(Decimal::ZERO);
    }
    amount::amount(value?)
}

/// Changed fields, sorted by name.
pub type FieldChanges = Vec<(String, FieldChange)>;

/// What happened to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    /// Some of its fields changed.
    Edited(FieldChanges),
    /// It was taken out.
    Removed,
    /// It is new.
    Inserted(InsertedRow),
}

/// A new row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertedRow {
    /// Its JSON text.
    pub row: Vec<u8>,
    /// Where it goes.
    pub place: Place,
    /// New rows of a table stand in this order.
    pub order: usize,
    /// Whether its identity is made from its content, so that an equal row elsewhere may be
    /// another one.
    pub nameless: bool,
}

/// What happened to a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableChanges {
    /// Changed rows by identity, sorted.
    pub rows: Vec<(String, RowChange)>,
    /// Rows put elsewhere, in the order in which that was done.
    pub moves: Vec<(String, Place)>,
    inserted: usize,
}

/// What happened to a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Changed fields.
    pub fields: FieldChanges,
    /// Changed tables, numbered as in the profile.
    pub tables: Vec<TableChanges>,
}

/// The entry of a sorted list, or where it would go.
pub(crate) fn position<T>(list: &[(String, T)], name: &str) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| known.as_str().cmp(name))
}

pub(crate) fn put<T>(list: &mut Vec<(String, T)>, name: &str, value: T) {
    match position(list, name) {
        Ok(at) => list[at].1 = value,
        Err(at) => list.insert(at, (name.to_owned(), value)),
    }
}

pub(crate) fn take<T>(list: &mut Vec<(String, T)>, name: &str) -> Option<T> {
    position(list, name).ok().map(|at| list.remove(at).1)
}

pub(crate) fn entry<'a, T>(list: &'a [(String, T)], name: &str) -> Option<&'a T> {
    position(list, name).ok().map(|at| &list[at].1)
}

impl TableChanges {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.moves.is_empty()
    }

    /// What happened to the row of this identity.
    #[must_use]
    pub fn row(&self, identity: &str) -> Option<&RowChange> {
        entry(&self.rows, identity)
    }

    /// Adds a new row after the new rows so far.
    pub fn insert(&mut self, identity: &str, row: Vec<u8>, place: Place, nameless: bool) {
        let order = self.inserted;
        self.inserted += 1;
        put(
            &mut self.rows,
            identity,
            RowChange::Inserted(InsertedRow { row, place, order, nameless }),
        );
    }

    /// Adds a new row at the end to a list that is sorted only later.
    pub(super) fn push_new(&mut self, identity: &str, row: Vec<u8>, nameless: bool) {
        let order = self.inserted;
        self.inserted += 1;
        let row = InsertedRow { row, place: Place::End, order, nameless };
        self.rows.push((identity.to_owned(), RowChange::Inserted(row)));
    }

    /// Adds a new row at this place among the new rows.
    pub fn insert_as(&mut self, identity: &str, row: InsertedRow) {
        self.inserted = self.inserted.max(row.order + 1);
        put(&mut self.rows, identity, RowChange::Inserted(row));
    }

    /// Records a changed field of a row that the base has.
    pub fn edit(&mut self, identity: &str, field: &str, change: FieldChange) {
        match position(&self.rows, identity) {
            Ok(at) => match &mut self.rows[at].1 {
                RowChange::Edited(fields) => put(fields, field, change),
                RowChange::Removed | RowChange::Inserted(_) => {}
            },
            Err(at) => {
                let fields = vec![(field.to_owned(), change)];
                self.rows.insert(at, (identity.to_owned(), RowChange::Edited(fields)));
            }
        }
    }

    /// The new rows in their order.
    #[must_use]
    pub fn inserted(&self) -> Vec<(&str, &InsertedRow)> {
        let mut inserted: Vec<_> = self
            .rows
            .iter()
            .filter_map(|(identity, change)| match change {
                RowChange::Inserted(row) => Some((identity.as_str(), row)),
                RowChange::Edited(_) | RowChange::Removed => None,
            })
            .collect();
        super::order::sort_by(&mut inserted, |a, b| a.1.order < b.1.order);
        inserted
    }
}

impl Changes {
    /// No changes to a document of this profile.
    #[must_use]
    pub fn none(profile: &Profile) -> Changes {
        Changes { fields: Vec::new(), tables: vec![TableChanges::default(); profile.tables.len()] }
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.tables.iter().all(TableChanges::is_empty)
    }

    /// The same changes as edits, oldest first.
    #[must_use]
    pub fn to_ops(&self, profile: &Profile) -> Vec<Op> {
        let mut ops = Vec::new();
        for (name, change) in &self.fields {
            ops.push(field_op(name.clone(), change));
        }
        for (rules, table) in profile.tables.iter().zip(&self.tables) {
            for (row, change) in &table.rows {
                if let RowChange::Edited(fields) = change {
                    for (field, change) in fields {
                        ops.push(field_op(cell_path(&rules.name, row, field), change));
                    }
                }
            }
            for (_, inserted) in table.inserted() {
                ops.push(Op::Insert {
                    table: rules.name.clone(),
                    row: inserted.row.clone(),
                    place: inserted.place.clone(),
                });
            }
            for (row, place) in &table.moves {
                let (table, row, place) = (rules.name.clone(), row.clone(), place.clone());
                ops.push(Op::Move { table, row, place });
            }
            // Last, since rows may have been put after one that is taken out.
            for (row, change) in &table.rows {
                if *change == RowChange::Removed {
                    ops.push(Op::Remove { table: rules.name.clone(), row: row.clone() });
                }
            }
        }
        ops
    }

    /// The changed places: `customer`, `items[r1].qty`, `items[r2]`.
    #[must_use]
    pub fn paths(&self, profile: &Profile) -> Vec<String> {
        let mut paths: Vec<String> = self.fields.iter().map(|(name, _)| name.clone()).collect();
        for (rules, table) in profile.tables.iter().zip(&self.tables) {
            for (row, change) in &table.rows {
                match change {
                    RowChange::Edited(fields) => paths
                        .extend(fields.iter().map(|(field, _)| cell_path(&rules.name, row, field))),
                    RowChange::Removed | RowChange::Inserted(_) => {
                        paths.push(super::path::row_path(&rules.name, row));
                    }
                }
            }
            if table.rows.is_empty() && !table.moves.is_empty() {
                paths.push(rules.name.clone());
            }
        }
        paths
    }

    /// Whether a question about this place is moot: a value was stated there, or the row is gone.
    #[must_use]
    pub fn settles(&self, path: &str, profile: &Profile) -> bool {
        let stated = |fields: &FieldChanges, name: &str| {
            matches!(entry(fields, name), Some(FieldChange::Typed(_) | FieldChange::Found(_)))
        };
        let change = |table: &str, row: &str| self.tables[profile.table(table)?].row(row);
        match Path::parse(path) {
            None => false,
            Some(Path::Field(name)) => stated(&self.fields, name),
            Some(Path::Row { table, row }) => change(table, row) == Some(&RowChange::Removed),
            Some(Path::Cell { table, row, field }) => match change(table, row) {
                Some(RowChange::Edited(fields)) => stated(fields, field),
                Some(RowChange::Removed) => true,
                Some(RowChange::Inserted(_)) | None => false,
            },
        }
    }

    /// The document's field `name` with the changes applied over `base`.
    #[must_use]
    pub fn field<'a>(&'a self, base: &'a Document, name: &str) -> Option<Cow<'a, [u8]>> {
        let under = base.field(name);
        match entry(&self.fields, name) {
            Some(change) => change.over(under),
            None => under.map(Cow::Borrowed),
        }
    }

    /// A row's field with the changes applied over `base`; `None` if there is no such row now.
    #[must_use]
    pub fn cell<'a>(
        &'a self,
        base: &'a Document,
        table: usize,
        identity: &str,
        field: &str,
    ) -> Option<Cow<'a, [u8]>> {
        let under = |row: &'a Row| base.cell(table, row, field);
        match self.tables[table].row(identity) {
            Some(RowChange::Removed) => None,
            Some(RowChange::Inserted(inserted)) => {
                json::member(&inserted.row, field).map(Cow::Borrowed)
            }
            Some(RowChange::Edited(fields)) => {
                let under = base.row(table, identity).and_then(under);
                match entry(fields, field) {
                    Some(change) => change.over(under),
                    None => under.map(Cow::Borrowed),
                }
            }
            None => base.row(table, identity).and_then(under).map(Cow::Borrowed),
        }
    }
}

fn field_op(path: String, change: &FieldChange) -> Op {
    match change {
        FieldChange::Typed(value) => Op::Set { path, value: value.clone(), typed: true },
        FieldChange::Found(value) => Op::Set { path, value: value.clone(), typed: false },
        FieldChange::Step(by) => Op::Increment { path, by: *by, token: None },
    }
}
