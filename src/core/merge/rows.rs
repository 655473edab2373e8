//! The rules of rows: add, remove, edit, order.

use super::fields::Scope;
use super::*;
use crate::core::amount::{is_empty, same};
use crate::core::change::{amount_or_zero, put, FieldChanges, InsertedRow};
use crate::core::conflict::Reason;
use crate::core::diff::row_difference;
use crate::core::json;
use crate::core::op::{Op, Place};
use crate::core::path::row_path;

impl<'a> Walk<'a> {
    pub(super) fn table(&mut self, number: usize, rules: &'a TableRules) {
        let mine = &self.mine.tables[number];
        for (identity, change) in &mine.rows {
            match change {
                RowChange::Edited(fields) => self.edited(number, rules, identity, fields),
                RowChange::Removed => self.removed(number, rules, identity),
                RowChange::Inserted(new) => self.inserted(number, rules, identity, new),
            }
        }
        for (identity, change) in &self.incoming.changes.tables[number].rows {
            if mine.row(identity).is_none() {
                self.untouched(number, rules, identity, change);
            }
        }
        for (identity, place) in &mine.moves {
            let pending = &self.merge.pending.tables[number];
            let is_there =
                |row: &str| self.theirs.row(number, row).is_some() || pending.row(row).is_some();
            let leads = match place {
                Place::After(other) => is_there(other),
                Place::Front | Place::End => true,
            };
            if leads && is_there(identity) {
                let moved = (identity.clone(), place.clone());
                self.merge.pending.tables[number].moves.push(moved);
            }
        }
        prune(&mut self.merge.pending.tables[number]);
        self.double_payment(number, rules);
    }

    /// A row that only they changed. Two kinds of change are asked about all the same.
    fn untouched(
        &mut self,
        number: usize,
        rules: &'a TableRules,
        identity: &'a str,
        change: &'a RowChange,
    ) {
        match change {
            RowChange::Edited(incoming) if !self.is_derived(number, identity) => {
                let mut scope = self.scope(number, rules, identity);
                scope.incoming = incoming;
                scope.frozen();
                for conflict in scope.conflicts {
                    self.ask(conflict);
                }
            }
            RowChange::Removed if self.is_captured(self.base, number, rules, identity) => {
                self.put_back(number, rules, identity, &FieldChanges::new());
            }
            RowChange::Edited(_) | RowChange::Removed | RowChange::Inserted(_) => {}
        }
    }

    fn scope(&self, number: usize, rules: &'a TableRules, identity: &str) -> Scope<'a> {
        let prefix = [row_path(&rules.name, identity).as_str(), "."].concat();
        let mut scope = Scope::new(&rules.fields, prefix);
        scope.base = Fields::of_row(self.base, number, identity);
        scope.theirs = Fields::of_row(self.theirs, number, identity);
        scope.sent = self.sent.map_or(Fields::NONE, |sent| Fields::of_row(sent, number, identity));
        scope.contested = !self.incoming.changes.is_empty();
        scope
    }

    /// Whether the row is a payment with a terminal's number.
    fn is_captured(
        &self,
        document: &Document,
        number: usize,
        rules: &TableRules,
        identity: &str,
    ) -> bool {
        let row = Fields::of_row(document, number, identity);
        rules.transaction.as_ref().is_some_and(|field| !is_empty(row.get(field)))
    }

    fn is_derived(&self, number: usize, identity: &str) -> bool {
        let in_document = |document: &Document| {
            let row = document.row(number, identity);
            row.is_some_and(|row| row.is_derived)
        };
        in_document(self.base) || in_document(self.theirs)
    }

    fn edited(
        &mut self,
        number: usize,
        rules: &'a TableRules,
        identity: &str,
        fields: &'a FieldChanges,
    ) {
        if self.is_derived(number, identity) {
            return;
        }
        if self.theirs.row(number, identity).is_none() {
            self.put_back(number, rules, identity, fields);
            return;
        }
        let mut scope = self.scope(number, rules, identity);
        scope.mine = fields;
        if let Some(RowChange::Edited(incoming)) =
            self.incoming.changes.tables[number].row(identity)
        {
            scope.incoming = incoming;
        }
        scope.row(rules, self.incoming.is_repriced(number, identity));
        let pending = std::mem::take(&mut scope.pending);
        let conflicts = std::mem::take(&mut scope.conflicts);
        if !pending.is_empty() {
            let rows = &mut self.merge.pending.tables[number].rows;
            put(rows, identity, RowChange::Edited(pending));
        }
        for conflict in conflicts {
            self.ask(conflict);
        }
    }

    /// They removed what I edited (or a captured payment): the row stays, with my edits, until
    /// somebody says no.
    fn put_back(
        &mut self,
        number: usize,
        rules: &TableRules,
        identity: &str,
        fields: &FieldChanges,
    ) {
        #[cfg(feature = "planted-defects")]
        if crate::core::defect::is(crate::core::defect::Defect::RemovalUnasked) {
            return;
        }
        let Some(at) = self.base.row_number(number, identity) else { return };
        let before = &self.base.table(number).rows[at];
        let mut row = before.span.of(self.base.text()).to_vec();
        for (name, change) in fields {
            if let Some(value) = change.over(self.base.cell(number, before, name)) {
                row = crate::core::change::edit_row(&row, name, &value);
            }
        }
        let captured = self.is_captured(self.base, number, rules, identity);
        let reason = if captured { Reason::CapturedPayment } else { Reason::RemovedAgainstEdit };
        let table = rules.name.clone();
        let mut conflict = Conflict::new(row_path(&rules.name, identity), reason);
        conflict.base = Some(before.span.of(self.base.text()).to_vec());
        conflict.mine = Some(row.clone());
        conflict.theirs = Some(b"null".to_vec());
        conflict.provisional = Some(row.clone());
        conflict.on_theirs = vec![Op::Remove { table, row: identity.to_owned() }];
        let place = self.place_behind_neighbour(number, rules, at);
        let new = InsertedRow { row, place, order: at, nameless: false };
        self.merge.pending.tables[number].insert_as(identity, new);
        self.ask(conflict);
    }

    /// Where row `at` of the base would stand among the newest rows and those put back.
    fn place_behind_neighbour(&self, number: usize, rules: &TableRules, at: usize) -> Place {
        if self.theirs.table(number).rows.is_empty() {
            return Place::End;
        }
        for other in self.base.table(number).rows[..at].iter().rev() {
            let identity = self.base.row_identity(other);
            let is_back = match self.mine.tables[number].row(identity) {
                Some(RowChange::Edited(_)) => true,
                Some(RowChange::Removed | RowChange::Inserted(_)) => false,
                None => self.is_captured(self.base, number, rules, identity),
            };
            if is_back || self.theirs.row(number, identity).is_some() {
                return Place::After(identity.to_owned());
            }
        }
        Place::Front
    }

    fn removed(&mut self, number: usize, rules: &TableRules, identity: &str) {
        let Some(now) = self.theirs.row(number, identity) else { return };
        if self.is_derived(number, identity) {
            return;
        }
        let edited = self.incoming.changes.tables[number].row(identity).is_some();
        let captured = self.is_captured(self.theirs, number, rules, identity);
        let reason = if captured {
            Reason::CapturedPayment
        } else if edited {
            Reason::RemovedAgainstEdit
        } else {
            let rows = &mut self.merge.pending.tables[number].rows;
            put(rows, identity, RowChange::Removed);
            return;
        };
        let mut conflict = Conflict::new(row_path(&rules.name, identity), reason);
        let before = self.base.row(number, identity);
        conflict.base = before.map(|row| row.span.of(self.base.text()).to_vec());
        conflict.mine = Some(b"null".to_vec());
        conflict.theirs = Some(now.span.of(self.theirs.text()).to_vec());
        conflict.provisional.clone_from(&conflict.theirs);
        let table = rules.name.clone();
        conflict.on_mine = vec![Op::Remove { table, row: identity.to_owned() }];
        self.ask(conflict);
    }

    fn inserted(
        &mut self,
        number: usize,
        rules: &'a TableRules,
        identity: &str,
        new: &'a InsertedRow,
    ) {
        if self.is_derived_text(rules, &new.row) {
            return;
        }
        if let Some(known) = self.transaction(number, rules, &new.row) {
            return self.same_identity(number, rules, &known, new);
        }
        let order = self.base.table(number).rows.len() + new.order;
        if self.theirs.row(number, identity).is_none() {
            let pending = &self.merge.pending.tables[number];
            let place = match &new.place {
                Place::After(other) if !self.will_be_there(number, other) => Place::End,
                Place::After(_) | Place::Front | Place::End => new.place.clone(),
            };
            // Put back as what it was: the row that they removed meanwhile.
            if pending.row(identity).is_none() {
                let new = InsertedRow { place, order, ..new.clone() };
                self.merge.pending.tables[number].insert_as(identity, new);
            }
            return;
        }
        if self.was_sent(number, identity) {
            if new.nameless {
                // Without an identity of its own it may be somebody else's equal row.
                self.ask_about_nameless(rules, identity, new);
            } else if self.several {
                // It is there; what I did to it since may not be.
                self.ask_about_difference(number, rules, identity, new, |_| false);
            }
            return;
        }
        if new.nameless {
            let given = identity.rsplit_once('#').map_or(identity, |(given, _)| given);
            let free = crate::core::document::occurrence(given, |made| {
                self.theirs.row(number, made).is_some()
                    || self.merge.pending.tables[number].row(made).is_some()
            });
            let new = InsertedRow { order, ..new.clone() };
            self.merge.pending.tables[number].insert_as(&free, new);
            return;
        }
        self.same_identity(number, rules, identity, new);
    }

    /// Whether a row can be stood behind: one of theirs, or a new one of mine.
    fn will_be_there(&self, number: usize, identity: &str) -> bool {
        let new = matches!(self.mine.tables[number].row(identity), Some(RowChange::Inserted(_)));
        new || self.theirs.row(number, identity).is_some()
    }

    fn is_derived_text(&self, rules: &TableRules, row: &[u8]) -> bool {
        rules
            .derived_row_if
            .iter()
            .any(|(field, value)| same(json::member(row, field), Some(value)))
    }

    /// The same terminal number is one payment, whatever its row is called.
    fn transaction(&self, number: usize, rules: &TableRules, row: &[u8]) -> Option<String> {
        let field = rules.transaction.as_ref()?;
        let value = json::member(row, field).filter(|value| !is_empty(Some(value)));
        let value = value?;
        let rows = &self.theirs.table(number).rows;
        let known = rows.iter().find(|row| same(self.theirs.cell(number, row, field), Some(value)));
        known.map(|row| self.theirs.row_identity(row).to_owned())
    }

    fn was_sent(&self, number: usize, identity: &str) -> bool {
        self.sent.is_some_and(|sent| sent.row(number, identity).is_some())
    }

    fn ask_about_nameless(&mut self, rules: &TableRules, identity: &str, new: &InsertedRow) {
        let mut conflict = Conflict::new(row_path(&rules.name, identity), Reason::AnswerLost);
        conflict.mine = Some(new.row.clone());
        conflict.theirs = Some(new.row.clone());
        conflict.provisional = Some(new.row.clone());
        let (table, row) = (rules.name.clone(), new.row.clone());
        conflict.on_mine = vec![Op::Insert { table, row, place: Place::End }];
        self.ask(conflict);
    }

    /// Two new rows of one identity: one row, never added up. Where the identity is only a mode
    /// of payment, they are two payments into one row, and the money adds up.
    fn same_identity(
        &mut self,
        number: usize,
        rules: &'a TableRules,
        identity: &str,
        new: &'a InsertedRow,
    ) {
        let weak = self.is_weak_identity(rules, &new.row);
        let is_money = |name: &str| weak && rules.fields.rule(name) == Rule::Money;
        let _ = json::members(&new.row, 0, &mut |cell| {
            let name = json::unescape(cell.key.of(&new.row));
            let paid = amount_or_zero(Some(cell.value.of(&new.row)));
            if let (true, Some(paid)) = (is_money(&name), paid) {
                let step = FieldChange::Step(paid);
                self.merge.pending.tables[number].edit(identity, &name, step);
            }
        });
        self.ask_about_difference(number, rules, identity, new, is_money);
    }

    /// Asks which of two rows of one identity stands, if they differ in a field that is not settled.
    fn ask_about_difference(
        &mut self,
        number: usize,
        rules: &'a TableRules,
        identity: &str,
        new: &'a InsertedRow,
        is_settled: impl Fn(&str) -> bool,
    ) {
        let Some(row) = self.theirs.row(number, identity) else { return };
        let mut differing = row_difference(self.theirs, row, &new.row, number, self.profile);
        differing.retain(|(name, _)| !is_settled(name));
        if differing.is_empty() {
            return;
        }
        let mut conflict = Conflict::new(row_path(&rules.name, identity), Reason::SameRowId);
        conflict.mine = Some(new.row.clone());
        conflict.theirs = Some(row.span.of(self.theirs.text()).to_vec());
        conflict.provisional.clone_from(&conflict.theirs);
        for (name, change) in differing {
            let path = crate::core::path::cell_path(&rules.name, identity, &name);
            if let Some(value) = change.over(None) {
                let value = value.into_owned();
                conflict.on_mine.push(Op::Set { path, value, typed: true });
            }
        }
        self.ask(conflict);
    }

    /// Whether a row is named by less than the table's own row identity or a terminal number.
    fn is_weak_identity(&self, rules: &TableRules, row: &[u8]) -> bool {
        let strong = rules.row.first().into_iter().chain(&rules.transaction);
        !strong.into_iter().any(|name| !is_empty(json::member(row, name)))
    }
}
