//! Edits become changes.

use super::*;
use crate::core::diff::row_difference;

/// An edit that cannot be made; the document is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// The path is malformed, or names no field that can be set.
    UnknownPath(String),
    /// The profile has no such table.
    UnknownTable(String),
    /// The document has no such row (any more).
    UnknownRow {
        /// The table.
        table: String,
        /// The row's identity.
        row: String,
    },
    /// A new row has the identity of one that is there.
    RowExists {
        /// The table.
        table: String,
        /// The row's identity.
        row: String,
    },
    /// The field is kept or computed by the server, frozen, or a row's identity.
    ReadOnly(String),
    /// A step on a field that holds no amount, or a sum of more than 28 digits.
    NotAnAmount(String),
}

impl Changes {
    /// Applies one edit.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn apply(&mut self, op: &Op, base: &Document, profile: &Profile) -> Result<(), EditError> {
        match op {
            Op::Set { path, value, typed } => self.set(path, value, *typed, base, profile),
            Op::Increment { path, by, .. } => self.increment(path, *by, base, profile),
            Op::Insert { table, row, place } => self.insert(table, row, place, base, profile),
            Op::Remove { table, row } => {
                let number = self.existing_row(table, row, base, profile)?;
                let changed = &mut self.tables[number];
                match take(&mut changed.rows, row) {
                    Some(RowChange::Inserted(gone)) => {
                        changed.moves.retain(|(moved, _)| moved != row);
                        changed.reanchor(row, &gone.place);
                    }
                    // Others may have been put behind it: its own moves still say where that is.
                    Some(RowChange::Edited(_) | RowChange::Removed) | None => {
                        put(&mut changed.rows, row, RowChange::Removed);
                    }
                }
                Ok(())
            }
            Op::Move { table, row, place } => {
                let number = self.existing_row(table, row, base, profile)?;
                if let Place::After(other) = place {
                    self.existing_row(table, other, base, profile)?;
                }
                self.tables[number].moves.push((row.clone(), place.clone()));
                Ok(())
            }
        }
    }

    fn set(
        &mut self,
        path: &str,
        value: &[u8],
        typed: bool,
        base: &Document,
        profile: &Profile,
    ) -> Result<(), EditError> {
        let wrap =
            |value| if typed { FieldChange::Typed(value) } else { FieldChange::Found(value) };
        self.change(path, base, profile, |under, _| Ok(wrap(in_kind_of(value, under))))
    }

    fn increment(
        &mut self,
        path: &str,
        by: Decimal,
        base: &Document,
        profile: &Profile,
    ) -> Result<(), EditError> {
        let refused = || EditError::NotAnAmount(path.to_owned());
        self.change(path, base, profile, |under, so_far| {
            let change = match so_far {
                None => FieldChange::Step(by),
                Some(FieldChange::Step(step)) => {
                    FieldChange::Step(amount::sum(*step, by).ok_or_else(refused)?)
                }
                Some(FieldChange::Typed(value)) => {
                    FieldChange::Typed(stepped(value, by).ok_or_else(refused)?).in_kind_of(under)
                }
                Some(FieldChange::Found(value)) => {
                    FieldChange::Found(stepped(value, by).ok_or_else(refused)?).in_kind_of(under)
                }
            };
            match change.over(under) {
                Some(_) => Ok(change),
                None => Err(refused()),
            }
        })
    }

    /// Finds the field at `path` and records what `decide(base value, change so far)` says.
    fn change(
        &mut self,
        path: &str,
        base: &Document,
        profile: &Profile,
        decide: impl FnOnce(Option<&[u8]>, Option<&FieldChange>) -> Result<FieldChange, EditError>,
    ) -> Result<(), EditError> {
        let unknown = || EditError::UnknownPath(path.to_owned());
        match Path::parse(path).ok_or_else(unknown)? {
            Path::Row { .. } => Err(unknown()),
            Path::Field(name) => {
                if profile.table(name).is_some() || !is_field_name(name) {
                    return Err(unknown());
                }
                check_writable(path, profile.fields.rule(name))?;
                let under = base.field(name);
                let change = decide(under, entry(&self.fields, name))?;
                record(&mut self.fields, name, change, under);
                Ok(())
            }
            Path::Cell { table, row, field } => {
                let number = self.existing_row(table, row, base, profile)?;
                if !is_field_name(field) {
                    return Err(unknown());
                }
                let rules = &profile.tables[number];
                if rules.row.first().is_some_and(|identity| identity == field) {
                    return Err(EditError::ReadOnly(path.to_owned()));
                }
                check_writable(path, rules.fields.rule(field))?;
                self.tables[number].change_cell(number, row, field, base, decide)
            }
        }
    }

    fn insert(
        &mut self,
        table: &str,
        row: &[u8],
        place: &Place,
        base: &Document,
        profile: &Profile,
    ) -> Result<(), EditError> {
        let number = known_table(table, profile)?;
        let rules = &profile.tables[number];
        let (given, nameless) = identity_of(row, rules);
        let taken = |identity: &str| self.has_row(number, identity, base);
        let identity = match taken(&given) {
            false => given,
            true if nameless => crate::core::document::occurrence(&given, taken),
            true => return Err(EditError::RowExists { table: table.to_owned(), row: given }),
        };
        if let Place::After(other) = place {
            self.existing_row(table, other, base, profile)?;
        }
        match base.row(number, &identity) {
            // Taken out and put back: what remains is the difference.
            Some(before) => {
                let edits = row_difference(base, before, row, number, profile);
                for (name, _) in &edits {
                    check_writable(&cell_path(table, &identity, name), rules.fields.rule(name))?;
                }
                take(&mut self.tables[number].rows, &identity);
                for (name, change) in edits {
                    let under = base.cell(number, before, &name);
                    let change = change.in_kind_of(under);
                    self.tables[number].edit(&identity, &name, change);
                }
            }
            None => self.tables[number].insert(&identity, row.to_vec(), place.clone(), nameless),
        }
        Ok(())
    }

    fn has_row(&self, table: usize, identity: &str, base: &Document) -> bool {
        match self.tables[table].row(identity) {
            Some(RowChange::Removed) => false,
            Some(RowChange::Edited(_) | RowChange::Inserted(_)) => true,
            None => base.row(table, identity).is_some(),
        }
    }

    fn existing_row(
        &self,
        table: &str,
        row: &str,
        base: &Document,
        profile: &Profile,
    ) -> Result<usize, EditError> {
        let number = known_table(table, profile)?;
        if self.has_row(number, row, base) {
            Ok(number)
        } else {
            Err(EditError::UnknownRow { table: table.to_owned(), row: row.to_owned() })
        }
    }
}

impl TableChanges {
    /// What stood after a new row that is taken out again stands where that one stood.
    fn reanchor(&mut self, gone: &str, place: &Place) {
        let after_it = Place::After(gone.to_owned());
        for (_, change) in &mut self.rows {
            if let RowChange::Inserted(new) = change {
                if new.place == after_it {
                    new.place = place.clone();
                }
            }
        }
        for (_, moved) in &mut self.moves {
            if *moved == after_it {
                *moved = place.clone();
            }
        }
        // A move to the end says where by naming the row before: none is left to name.
        self.moves.retain(|(_, place)| *place != Place::End);
    }

    fn change_cell(
        &mut self,
        number: usize,
        row: &str,
        field: &str,
        base: &Document,
        decide: impl FnOnce(Option<&[u8]>, Option<&FieldChange>) -> Result<FieldChange, EditError>,
    ) -> Result<(), EditError> {
        if let Ok(at) = position(&self.rows, row) {
            match &mut self.rows[at].1 {
                RowChange::Removed => return Ok(()),
                RowChange::Inserted(inserted) => {
                    let under = json::member(&inserted.row, field);
                    let change = decide(under, None)?;
                    if let Some(value) = change.over(under) {
                        inserted.row = edit_row(&inserted.row, field, &value);
                    }
                    return Ok(());
                }
                RowChange::Edited(fields) => {
                    let under = base.row(number, row).and_then(|row| base.cell(number, row, field));
                    let change = decide(under, entry(fields, field))?;
                    record(fields, field, change, under);
                    if fields.is_empty() {
                        self.rows.remove(at);
                    }
                    return Ok(());
                }
            }
        }
        let under = base.row(number, row).and_then(|row| base.cell(number, row, field));
        let mut fields = Vec::new();
        record(&mut fields, field, decide(under, None)?, under);
        if !fields.is_empty() {
            put(&mut self.rows, row, RowChange::Edited(fields));
        }
        Ok(())
    }
}

fn stepped(value: &[u8], by: Decimal) -> Option<Vec<u8>> {
    let sum = amount::sum(amount_or_zero(Some(value))?, by)?;
    Some(amount::like(sum, Some(value)))
}

/// Records a change, or forgets it where it leads back to the base.
fn record(fields: &mut FieldChanges, name: &str, change: FieldChange, under: Option<&[u8]>) {
    let back = match &change {
        FieldChange::Step(step) => step.is_zero(),
        FieldChange::Typed(value) | FieldChange::Found(value) => {
            under == Some(value) || (under.is_none() && amount::is_empty(Some(value)))
        }
    };
    if back {
        take(fields, name);
    } else {
        put(fields, name, change);
    }
}

fn known_table(table: &str, profile: &Profile) -> Result<usize, EditError> {
    profile.table(table).ok_or_else(|| EditError::UnknownTable(table.to_owned()))
}

fn check_writable(path: &str, rule: Rule) -> Result<(), EditError> {
    match rule {
        Rule::System | Rule::Server | Rule::Frozen => Err(EditError::ReadOnly(path.to_owned())),
        Rule::Ask
        | Rule::Mine
        | Rule::Theirs
        | Rule::Counter
        | Rule::Money
        | Rule::Set
        | Rule::Text
        | Rule::Max
        | Rule::Min
        | Rule::Group(_)
        | Rule::Price => Ok(()),
    }
}

/// `__proto__` is the one name that JavaScript objects do not treat as a name.
fn is_field_name(name: &str) -> bool {
    name != "__proto__" && !name.starts_with('@')
}
