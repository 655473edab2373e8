//! The rules of rows: add, remove, edit, order.

use super::fields::Scope;
use super::*;
use crate::core::amount::{is_empty, same};
use crate::core::change::{put, FieldChanges, InsertedRow};
use crate::core::conflict::Reason;
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
                RowChange::Inserted(_) => {}
            }
        }
        for (identity, new) in mine.inserted() {
            self.inserted(number, rules, identity, new);
        }
        for (identity, place) in &mine.moves {
            if self.theirs.row(number, identity).is_some() {
                let moves = &mut self.merge.pending.tables[number].moves;
                moves.push((identity.clone(), place.clone()));
            }
        }
        prune(&mut self.merge.pending.tables[number]);
        self.double_payment(number, rules);
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
            self.edited_but_gone(number, rules, identity, fields);
            return;
        }
        let prefix = [row_path(&rules.name, identity).as_str(), "."].concat();
        let mut scope = Scope::new(&rules.fields, prefix);
        scope.base = Fields::of_row(self.base, number, identity);
        scope.theirs = Fields::of_row(self.theirs, number, identity);
        scope.sent = self.sent.map_or(Fields::None, |sent| Fields::of_row(sent, number, identity));
        scope.mine = fields;
        if let Some(RowChange::Edited(incoming)) =
            self.incoming.changes.tables[number].row(identity)
        {
            scope.incoming = incoming;
        }
        if let Some(measure) = &rules.measure {
            scope.measure(measure);
        }
        if let Some(price) = &rules.price {
            scope.price(price, self.incoming.is_repriced(number, identity));
        }
        scope.serials(rules.measure.as_ref().map(|measure| measure.quantity.as_str()));
        scope.groups();
        scope.single();
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

    /// They removed what I edited: the row stays, with my edits, until somebody says no.
    fn edited_but_gone(
        &mut self,
        number: usize,
        rules: &TableRules,
        identity: &str,
        fields: &FieldChanges,
    ) {
        let Some(before) = self.base.row(number, identity) else { return };
        let mut row = before.span.of(self.base.text()).to_vec();
        for (name, change) in fields {
            if let Some(value) = change.over(self.base.cell(number, before, name)) {
                row = crate::core::change::edit_row(&row, name, &value);
            }
        }
        let table = rules.name.clone();
        let mut conflict =
            Conflict::new(row_path(&rules.name, identity), Reason::RemovedAgainstEdit);
        conflict.base = Some(before.span.of(self.base.text()).to_vec());
        conflict.mine = Some(row.clone());
        conflict.theirs = Some(b"null".to_vec());
        conflict.provisional = Some(row.clone());
        conflict.on_theirs = vec![Op::Remove { table, row: identity.to_owned() }];
        let place = self.place_after_neighbour(number, before);
        self.merge.pending.tables[number].insert(identity, row, place, false);
        self.ask(conflict);
    }

    /// Where a row of the base would stand among the newest rows.
    fn place_after_neighbour(&self, number: usize, row: &Row) -> Place {
        let rows = &self.base.table(number).rows;
        let mut place = Place::Front;
        for other in rows {
            if other.span.start == row.span.start {
                break;
            }
            let identity = self.base.row_identity(other);
            if self.theirs.row(number, identity).is_some() {
                place = Place::After(identity.to_owned());
            }
        }
        place
    }

    fn removed(&mut self, number: usize, rules: &TableRules, identity: &str) {
        let Some(now) = self.theirs.row(number, identity) else { return };
        if self.is_derived(number, identity) {
            return;
        }
        let edited = self.incoming.changes.tables[number].row(identity).is_some();
        let captured = rules
            .transaction
            .as_ref()
            .is_some_and(|field| !is_empty(self.theirs.cell(number, now, field)));
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
        if self.has_transaction(number, rules, &new.row) {
            return;
        }
        if self.theirs.row(number, identity).is_none() {
            let place = match &new.place {
                Place::After(other) if self.theirs.row(number, other).is_none() => Place::End,
                place => place.clone(),
            };
            self.merge.pending.tables[number].insert(
                identity,
                new.row.clone(),
                place,
                new.nameless,
            );
            return;
        }
        if self.was_sent(number, identity) {
            if new.nameless {
                // Without an identity of its own it may be somebody else's equal row.
                self.ask_about_nameless(rules, identity, new);
            }
            return;
        }
        if new.nameless {
            let free = self.free_identity(number, identity);
            let pending = &mut self.merge.pending.tables[number];
            pending.insert(&free, new.row.clone(), new.place.clone(), true);
            return;
        }
        self.same_identity(number, rules, identity, new);
    }

    fn is_derived_text(&self, rules: &TableRules, row: &[u8]) -> bool {
        rules
            .derived_row_if
            .iter()
            .any(|(field, value)| same(json::member(row, field), Some(value)))
    }

    /// The same terminal number is one payment, whatever its row is called.
    fn has_transaction(&self, number: usize, rules: &TableRules, row: &[u8]) -> bool {
        let Some(field) = &rules.transaction else { return false };
        let value = json::member(row, field);
        if is_empty(value) {
            return false;
        }
        let rows = &self.theirs.table(number).rows;
        rows.iter().any(|row| same(self.theirs.cell(number, row, field), value))
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

    fn free_identity(&self, number: usize, identity: &str) -> String {
        let given = identity.rsplit_once('#').map_or(identity, |(given, _)| given);
        let mut occurrence = 2;
        loop {
            let made = [given, "#", &occurrence.to_string()].concat();
            let taken = self.theirs.row(number, &made).is_some()
                || self.merge.pending.tables[number].row(&made).is_some();
            if !taken {
                return made;
            }
            occurrence += 1;
        }
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
        let theirs = Fields::of_row(self.theirs, number, identity);
        let mut differing = FieldChanges::new();
        let mut money = FieldChanges::new();
        let weak = self.is_weak_identity(rules, &new.row);
        let _ = json::members(&new.row, 0, &mut |cell| {
            let name = json::unescape(cell.key.of(&new.row));
            let value = cell.value.of(&new.row);
            let rule = rules.fields.rule(&name);
            if rule == Rule::Money && weak {
                let paid = FieldChange::Found(value.to_vec()).step_from(None);
                money.extend(paid.map(|paid| (name.into_owned(), FieldChange::Step(paid))));
            } else if rule.is_client_owned() && !same(Some(value), theirs.get(&name)) {
                differing.push((name.into_owned(), FieldChange::Typed(value.to_vec())));
            }
        });
        for (name, step) in money {
            self.merge.pending.tables[number].edit(identity, &name, step);
        }
        if differing.is_empty() {
            return;
        }
        let mut conflict = Conflict::new(row_path(&rules.name, identity), Reason::SameRowId);
        conflict.mine = Some(new.row.clone());
        let row = self.theirs.row(number, identity);
        conflict.theirs = row.map(|row| row.span.of(self.theirs.text()).to_vec());
        conflict.provisional.clone_from(&conflict.theirs);
        for (name, change) in differing {
            let path = crate::core::path::cell_path(&rules.name, identity, &name);
            if let Some(value) = my_value(&change, None) {
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
