//! Fields that are one decision: groups, prices, units, serial numbers.

use std::borrow::Cow;

use super::fields::{lines, union, Scope};
use super::*;
use crate::core::amount::{self, is_empty, is_set, same, same_or_zero};
use crate::core::change::entry;
use crate::core::conflict::{shown, Reason};
use crate::core::json::ObjectWriter;
use crate::core::op::Op;
use crate::core::profile::{Group, Price};

const NULL: Cow<'static, [u8]> = Cow::Borrowed(b"null");

impl<'a> Scope<'a> {
    pub(super) fn groups(&mut self) {
        for group in &self.rules.groups {
            if !group.fields.iter().any(|name| self.is_mine(name)) {
                continue;
            }
            match &group.head {
                Some(head) => self.headed_group(group, head),
                None => self.decision(&group.fields, &group.name, &group.derived),
            }
        }
    }

    /// A head with dependents: whoever replaced the head alone has a say in the dependents.
    fn headed_group(&mut self, group: &'a Group, head: &'a str) {
        let (mine, theirs) = (self.is_mine(head), self.is_theirs(head));
        let agreed = same(self.mine(head).as_deref(), self.theirs.get(head));
        if !mine && !theirs || mine && theirs && agreed {
            return; // dependents are fields like others
        }
        self.done.extend(group.fields.iter().map(String::as_str));
        if mine && theirs {
            let conflict = self.question(head, Reason::BothChanged, &group.fields);
            self.conflicts.push(conflict);
        } else if mine {
            // The newest dependents belong to the head that I replaced: mine stand, all of them.
            for name in &group.fields {
                let value = self.mine(name);
                if !same(value.as_deref(), self.theirs.get(name)) {
                    let change = match entry(self.mine, name) {
                        Some(change) => change.clone(),
                        None => FieldChange::Found(value.unwrap_or(NULL).into_owned()),
                    };
                    self.keep(name, &change);
                }
            }
        }
    }

    /// Fields that are one decision. A derived field does not count where its source is set.
    fn decision(&mut self, fields: &'a [String], name: &str, derived: &[(String, String)]) {
        self.done.extend(fields.iter().map(String::as_str));
        let ignored = |field: &str, value: &dyn Fn(&str) -> Option<Cow<'a, [u8]>>| {
            derived.iter().any(|(known, source)| known == field && is_set(value(source).as_deref()))
        };
        let my = |field: &str| self.mine(field);
        let their = |field: &str| self.theirs.get(field).map(Cow::Borrowed);
        let mine_counts = fields.iter().any(|f| self.is_mine(f) && !ignored(f, &my));
        let theirs_count = fields.iter().any(|f| self.is_theirs(f) && !ignored(f, &their));
        if !mine_counts {
            return;
        }
        let differs = |field: &String| {
            let mine = my(field).filter(|_| !ignored(field, &my));
            let theirs = their(field).filter(|_| !ignored(field, &their));
            !same_or_zero(mine.as_deref(), theirs.as_deref())
        };
        if !theirs_count {
            self.keep_all(fields);
        } else if fields.iter().any(differs) {
            let mut conflict = self.question(name, Reason::BothChanged, fields);
            conflict.mine =
                Some(self.members(fields, |field| my(field).filter(|_| !ignored(field, &my))));
            conflict.theirs = Some(
                self.members(fields, |field| their(field).filter(|_| !ignored(field, &their))),
            );
            self.show_group(&mut conflict, fields);
            self.conflicts.push(conflict);
        }
    }

    /// What a question about several fields says beside both sides: before, and until answered.
    fn show_group(&self, conflict: &mut Conflict, fields: &[String]) {
        let before = |name: &str| self.base.get(name).map(Cow::Borrowed);
        conflict.base = Some(self.members(fields, before));
        conflict.provisional.clone_from(&conflict.theirs);
    }

    /// The row's price: mine against a person's, or against the server's new one.
    pub(super) fn price(&mut self, price: &'a Price, repriced: bool) {
        if !price.fields.iter().any(|name| self.is_mine(name)) {
            return;
        }
        if repriced {
            self.done.extend(price.fields.iter().map(String::as_str));
            let agreed = price
                .fields
                .iter()
                .all(|name| same_or_zero(self.mine(name).as_deref(), self.theirs.get(name)));
            if !agreed {
                let mut conflict = self.question("@price", Reason::Repriced, &price.fields);
                conflict.mine = Some(self.members(&price.fields, |name| self.mine(name)));
                conflict.theirs = Some(
                    self.members(&price.fields, |name| self.theirs.get(name).map(Cow::Borrowed)),
                );
                self.show_group(&mut conflict, &price.fields);
                self.conflicts.push(conflict);
            }
            return;
        }
        self.decision(&price.fields, "@price", &[]);
    }

    /// One side changed the unit, the other the quantity: 3 of what?
    pub(super) fn measure(&mut self, measure: &'a super::super::profile::Measure) {
        let quantity = measure.quantity.as_str();
        let unit = |is: &dyn Fn(&str) -> bool| measure.unit.iter().any(|name| is(name));
        let unit_mine = unit(&|name| self.is_mine(name));
        let unit_theirs = unit(&|name| self.is_theirs(name));
        let crossed =
            unit_mine && self.is_theirs(quantity) || unit_theirs && self.is_mine(quantity);
        if !crossed {
            return;
        }
        let agreed = measure
            .unit
            .iter()
            .map(String::as_str)
            .chain([quantity])
            .all(|name| same(self.mine(name).as_deref(), self.theirs.get(name)));
        if agreed {
            return;
        }
        self.done.extend(measure.unit.iter().map(String::as_str));
        self.done.push(quantity);
        let mut fields = measure.unit.clone();
        fields.push(quantity.to_owned());
        let mut conflict = self.question("@measure", Reason::UnitAgainstQuantity, &fields);
        conflict.mine = Some(self.members(&fields, |name| self.mine(name)));
        conflict.theirs =
            Some(self.members(&fields, |name| self.theirs.get(name).map(Cow::Borrowed)));
        self.show_group(&mut conflict, &fields);
        self.conflicts.push(conflict);
    }

    /// Serial numbers: a set of lines, and the quantity is its size.
    pub(super) fn serials(&mut self, quantity: Option<&'a str>) {
        let is_set = |(name, _): &&(String, FieldChange)| self.rules.rule(name) == Rule::Set;
        let (Some((name, _)), Some(quantity)) = (self.mine.iter().find(is_set), quantity) else {
            return;
        };
        if !self.is_theirs(name) || self.done.contains(&quantity) {
            return;
        }
        let Some(value) = self.mine(name) else { return };
        let merged = union(self.base.get(name), &value, self.theirs.get(name));
        let size = amount::Decimal::from(lines(Some(&merged)).len());
        if size.is_zero() {
            return; // no article with serial numbers
        }
        let counted = amount::like(size, self.theirs.get(quantity));
        self.done.push(quantity);
        if !same(Some(&counted), self.theirs.get(quantity)) {
            self.keep(quantity, &FieldChange::Found(counted));
        }
    }

    /// The named fields that either side changed and that hold something, as an object.
    fn members(&self, fields: &[String], value: impl Fn(&str) -> Option<Cow<'a, [u8]>>) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        for name in fields {
            let changed = self.is_mine(name)
                || self.is_theirs(name)
                || !same_or_zero(self.base.get(name), self.theirs.get(name));
            if let Some(value) = value(name).filter(|value| changed && !is_empty(Some(value))) {
                object.raw(name, &shown(Some(&value)).unwrap_or_default());
            }
        }
        object.finish()
    }

    /// A conflict about several fields, or about one; mine sets all that I changed among them.
    pub(super) fn question(&self, name: &str, reason: Reason, fields: &[String]) -> Conflict {
        let mut conflict = Conflict::new([self.prefix.as_str(), name].concat(), reason);
        conflict.base = shown(self.base.get(name));
        conflict.mine = shown(self.mine(name).as_deref());
        conflict.theirs = shown(self.theirs.get(name));
        conflict.provisional = self.theirs.get(name).map(<[u8]>::to_vec);
        for field in fields.iter().filter(|field| self.is_mine(field) || self.is_theirs(field)) {
            // Mine is the whole decision: also what I left as it was.
            let value = self.mine(field).unwrap_or(NULL).into_owned();
            let path = [self.prefix.as_str(), field].concat();
            conflict.on_mine.push(Op::Set { path, value, typed: true });
        }
        conflict
    }
}
