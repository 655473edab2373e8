//! The rules of single fields, of groups of fields, of prices and units.

use super::*;
use crate::core::amount::{self, is_empty, is_set, same, same_or_zero};
use crate::core::change::{amount_or_zero, entry, put, FieldChanges};
use crate::core::conflict::{shown, Reason};
use crate::core::json::{self, ObjectWriter};
use crate::core::op::Op;
use crate::core::profile::{FieldRules, Group, Price};

/// What becomes of one change of mine.
enum Decision {
    /// It goes on, against the newest copy.
    Keep(FieldChange),
    /// Nothing of it is left: the newest copy holds it, or theirs stands by rule.
    Drop,
    Ask(Reason),
}

/// The fields of the document, or of a row that both sides have.
pub(super) struct Scope<'a> {
    pub(super) rules: &'a FieldRules,
    /// Empty for the document, `items[r1].` for a row.
    pub(super) prefix: String,
    pub(super) base: Fields<'a>,
    pub(super) theirs: Fields<'a>,
    pub(super) sent: Fields<'a>,
    pub(super) mine: &'a FieldChanges,
    pub(super) incoming: &'a FieldChanges,
    /// They changed something, somewhere in the document.
    pub(super) contested: bool,
    pub(super) pending: FieldChanges,
    pub(super) conflicts: Vec<Conflict>,
    done: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    pub(super) fn header(&mut self) {
        let mut scope = Scope::new(&self.profile.fields, String::new());
        scope.base = Fields::Document(self.base);
        scope.theirs = Fields::Document(self.theirs);
        scope.sent = self.sent.map_or(Fields::None, Fields::Document);
        scope.mine = &self.mine.fields;
        scope.incoming = &self.incoming.changes.fields;
        scope.contested = !self.incoming.changes.is_empty();
        scope.frozen();
        scope.groups();
        scope.single();
        self.merge.pending.fields = std::mem::take(&mut scope.pending);
        for conflict in scope.conflicts {
            self.ask(conflict);
        }
    }
}

static NO_CHANGES: FieldChanges = FieldChanges::new();

impl<'a> Scope<'a> {
    pub(super) fn new(rules: &'a FieldRules, prefix: String) -> Scope<'a> {
        Scope {
            rules,
            prefix,
            base: Fields::None,
            theirs: Fields::None,
            sent: Fields::None,
            mine: &NO_CHANGES,
            incoming: &NO_CHANGES,
            contested: false,
            pending: FieldChanges::new(),
            conflicts: Vec::new(),
            done: Vec::new(),
        }
    }

    fn mine(&self, name: &str) -> Option<Vec<u8>> {
        match entry(self.mine, name) {
            Some(change) => my_value(change, self.base.get(name)),
            None => self.base.get(name).map(<[u8]>::to_vec),
        }
    }

    fn is_mine(&self, name: &str) -> bool {
        entry(self.mine, name).is_some()
    }

    fn is_theirs(&self, name: &str) -> bool {
        entry(self.incoming, name).is_some() && !self.is_echo(name)
    }

    /// Whether theirs holds just what a save of mine with a lost answer sent. Of steps that
    /// proves nothing: others may have made the same one.
    fn is_echo(&self, name: &str) -> bool {
        let sent = self.sent.get(name);
        !matches!(self.rules.rule(name), Rule::Counter | Rule::Money)
            && sent.is_some()
            && !same(sent, self.base.get(name))
            && same(sent, self.theirs.get(name))
    }

    /// A frozen field that differs belongs to another register or company. Nothing of theirs
    /// gives mine: then the server has the word, not the merge.
    pub(super) fn frozen(&mut self) {
        if !self.contested {
            return;
        }
        let changed = self.incoming.iter().chain(self.mine);
        for (name, _) in changed.filter(|(name, _)| self.rules.rule(name) == Rule::Frozen) {
            let agreed = same(self.mine(name).as_deref(), self.theirs.get(name));
            if agreed || self.done.contains(&name.as_str()) {
                continue;
            }
            self.done.push(name);
            let mut conflict = self.question(name, Reason::Frozen, &[]);
            conflict.on_mine.clear();
            self.conflicts.push(conflict);
        }
    }

    fn keep(&mut self, name: &str, change: &FieldChange) {
        let under = self.theirs.get(name);
        let change = change.clone().in_kind_of(under);
        if change.over(under).is_some_and(|value| under != Some(&value)) {
            put(&mut self.pending, name, change);
        }
    }

    /// Keeps all that I changed among `names`.
    fn keep_all(&mut self, names: &'a [String]) {
        for name in names {
            if let Some(change) = entry(self.mine, name) {
                self.keep(name, change);
            }
        }
    }

    /* ---------------------------------------------------------------- several fields at once */

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
                    let value = value.unwrap_or_else(|| b"null".to_vec());
                    let change = match entry(self.mine, name) {
                        Some(change) => change.clone(),
                        None => FieldChange::Found(value),
                    };
                    self.keep(name, &change);
                }
            }
        }
    }

    /// Fields that are one decision. A derived field does not count where its source is set.
    fn decision(&mut self, fields: &'a [String], name: &str, derived: &[(String, String)]) {
        self.done.extend(fields.iter().map(String::as_str));
        let ignored = |field: &str, value: &dyn Fn(&str) -> Option<Vec<u8>>| {
            derived.iter().any(|(known, source)| known == field && is_set(value(source).as_deref()))
        };
        let my = |field: &str| self.mine(field);
        let their = |field: &str| self.theirs.get(field).map(<[u8]>::to_vec);
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
            self.conflicts.push(conflict);
        }
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
                    self.members(&price.fields, |name| self.theirs.get(name).map(<[u8]>::to_vec)),
                );
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
        let agreed = measure
            .unit
            .iter()
            .map(String::as_str)
            .chain([quantity])
            .all(|name| same(self.mine(name).as_deref(), self.theirs.get(name)));
        let crossed =
            unit_mine && self.is_theirs(quantity) || unit_theirs && self.is_mine(quantity);
        if !crossed || agreed {
            return;
        }
        self.done.extend(measure.unit.iter().map(String::as_str));
        self.done.push(quantity);
        let mut fields = measure.unit.clone();
        fields.push(quantity.to_owned());
        let mut conflict = self.question("@measure", Reason::UnitAgainstQuantity, &fields);
        conflict.mine = Some(self.members(&fields, |name| self.mine(name)));
        conflict.theirs =
            Some(self.members(&fields, |name| self.theirs.get(name).map(<[u8]>::to_vec)));
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
    fn members(&self, fields: &[String], value: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
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
    fn question(&self, name: &str, reason: Reason, fields: &[String]) -> Conflict {
        let mut conflict = Conflict::new([self.prefix.as_str(), name].concat(), reason);
        conflict.base = shown(self.base.get(name));
        conflict.mine = shown(self.mine(name).as_deref());
        conflict.theirs = shown(self.theirs.get(name));
        conflict.provisional = self.theirs.get(name).map(<[u8]>::to_vec);
        for field in fields.iter().filter(|field| self.is_mine(field) || self.is_theirs(field)) {
            // Mine is the whole decision: also what I left as it was.
            let value = self.mine(field).unwrap_or_else(|| b"null".to_vec());
            let path = [self.prefix.as_str(), field].concat();
            conflict.on_mine.push(Op::Set { path, value, typed: true });
        }
        conflict
    }

    /* ---------------------------------------------------------------- one field */

    pub(super) fn single(&mut self) {
        for (name, change) in self.mine {
            if self.done.contains(&name.as_str()) {
                continue;
            }
            match self.decide(name, change) {
                Decision::Keep(kept) => self.keep(name, &kept),
                Decision::Drop => {}
                Decision::Ask(reason) => {
                    let mut conflict = self.question(name, reason, std::slice::from_ref(name));
                    if reason == Reason::AnswerLost {
                        self.offer_again(name, change, &mut conflict);
                    }
                    self.conflicts.push(conflict);
                }
            }
        }
    }

    /// After a lost answer "mine" means: it was not counted, so count it (again).
    fn offer_again(&self, name: &str, change: &FieldChange, conflict: &mut Conflict) {
        let Some(step) = change.step_from(self.base.get(name)) else { return };
        let Some(now) = amount_or_zero(self.theirs.get(name)) else { return };
        let Some(again) = amount::sum(now, step) else { return };
        conflict.amounts.push(("again", amount::shortest(again)));
        let path = [self.prefix.as_str(), name].concat();
        conflict.on_mine = vec![Op::Increment { path, by: step, token: None }];
    }

    fn decide(&self, name: &str, change: &FieldChange) -> Decision {
        let base = self.base.get(name);
        let theirs = self.theirs.get(name);
        let rule = self.rules.rule(name);
        if !self.is_theirs(name) {
            return match rule {
                Rule::System | Rule::Server => Decision::Drop,
                _ if self.is_echo(name) && same(self.mine(name).as_deref(), theirs) => {
                    Decision::Drop
                }
                _ => fits(change.clone(), theirs),
            };
        }
        let Some(mine) = my_value(change, base) else { return Decision::Ask(Reason::BothChanged) };
        if self.in_doubt(name, rule) {
            return Decision::Ask(Reason::AnswerLost);
        }
        match rule {
            Rule::System | Rule::Server | Rule::Theirs | Rule::Frozen => Decision::Drop,
            Rule::Mine => Decision::Keep(FieldChange::Typed(mine)),
            Rule::Counter => counter(change, base, &mine, theirs),
            Rule::Money => match change.step_from(base) {
                Some(step) => fits(FieldChange::Step(step), theirs),
                None => ask_if_different(change, &mine, theirs),
            },
            Rule::Max | Rule::Min => extreme(rule, &mine, theirs),
            Rule::Set => Decision::Keep(FieldChange::Found(union(base, &mine, theirs))),
            Rule::Text => match appended(base, &mine, theirs) {
                Some(text) => Decision::Keep(FieldChange::Found(text)),
                None => Decision::Drop,
            },
            Rule::Ask | Rule::Group(_) | Rule::Price => ask_if_different(change, &mine, theirs),
        }
    }

    /// A counter that moved may or may not hold the step of a save of mine whose answer was lost:
    /// never guessed.
    fn in_doubt(&self, name: &str, rule: Rule) -> bool {
        matches!(rule, Rule::Counter | Rule::Money)
            && self.sent.get(name).is_some_and(|sent| !same(Some(sent), self.base.get(name)))
    }
}

fn ask_if_different(change: &FieldChange, mine: &[u8], theirs: Option<&[u8]>) -> Decision {
    if !same(Some(mine), theirs) {
        return Decision::Ask(Reason::BothChanged);
    }
    match change {
        // The same value spelled otherwise: a person's spelling stands.
        FieldChange::Typed(_) => Decision::Keep(change.clone()),
        FieldChange::Found(_) | FieldChange::Step(_) => Decision::Drop,
    }
}

fn fits(change: FieldChange, theirs: Option<&[u8]>) -> Decision {
    match change.over(theirs) {
        Some(_) => Decision::Keep(change),
        None => Decision::Ask(Reason::BothChanged),
    }
}

/// Both changed a counter.
///
/// Both up: the steps add up. Explicit steps in opposite directions, or down by different steps:
/// they add up if something is left. Both down to one value: that value (one correction made
/// twice). A typed value against any change is asked, and so is what cannot be told.
fn counter(
    change: &FieldChange,
    base: Option<&[u8]>,
    mine: &[u8],
    theirs: Option<&[u8]>,
) -> Decision {
    let agreed = same(Some(mine), theirs);
    let (Some(step), Some(before), Some(now)) =
        (change.step_from(base), amount_or_zero(base), amount_or_zero(theirs))
    else {
        return ask_if_different(change, mine, theirs);
    };
    let other_up = now > before;
    let up = step > amount::Decimal::ZERO;
    match change {
        FieldChange::Typed(_) if agreed => Decision::Drop,
        FieldChange::Typed(_) => Decision::Ask(Reason::SetAgainstChange),
        FieldChange::Step(_) | FieldChange::Found(_) if up && other_up => {
            fits(FieldChange::Step(step), theirs)
        }
        FieldChange::Step(_) | FieldChange::Found(_) if agreed => Decision::Drop,
        FieldChange::Found(_) => Decision::Ask(Reason::BothChanged),
        FieldChange::Step(_) => match amount::sum(now, step) {
            Some(sum) if sum > amount::Decimal::ZERO => Decision::Keep(change.clone()),
            Some(_) | None => Decision::Ask(Reason::BothChanged),
        },
    }
}

fn extreme(rule: Rule, mine: &[u8], theirs: Option<&[u8]>) -> Decision {
    let (Some(a), Some(b)) = (amount::amount(mine), theirs.and_then(amount::amount)) else {
        return ask_if_different(&FieldChange::Found(mine.to_vec()), mine, theirs);
    };
    if (rule == Rule::Max && a > b) || (rule == Rule::Min && a < b) {
        Decision::Keep(FieldChange::Typed(mine.to_vec()))
    } else {
        Decision::Drop
    }
}

/// The lines of a text that hold something, trimmed at the end.
fn lines(value: Option<&[u8]>) -> Vec<String> {
    let text = value.and_then(json::text).unwrap_or_default();
    text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Theirs, then my new lines; `None` if there are none.
fn appended(base: Option<&[u8]>, mine: &[u8], theirs: Option<&[u8]>) -> Option<Vec<u8>> {
    let (old, newest) = (lines(base), lines(theirs));
    let new: Vec<String> = lines(Some(mine))
        .into_iter()
        .filter(|line| !old.contains(line) && !newest.contains(line))
        .collect();
    if new.is_empty() {
        return None;
    }
    let mut all = newest;
    all.extend(new);
    Some(json::quoted(&all.join("\n")))
}

/// Theirs without what I took out, then what I put in.
fn union(base: Option<&[u8]>, mine: &[u8], theirs: Option<&[u8]>) -> Vec<u8> {
    let (old, my, mut all) = (lines(base), lines(Some(mine)), lines(theirs));
    all.retain(|line| my.contains(line) || !old.contains(line));
    for line in my {
        if !old.contains(&line) && !all.contains(&line) {
            all.push(line);
        }
    }
    json::quoted(&all.join("\n"))
}
