//! The rules of single fields.

use std::borrow::Cow;

use super::*;
use crate::core::amount::{self, same};
use crate::core::change::{amount_or_zero, entry, put, FieldChanges};
use crate::core::conflict::Reason;
#[cfg(feature = "planted-defects")]
use crate::core::defect::{self, Defect};
use crate::core::json;
use crate::core::op::Op;
use crate::core::profile::FieldRules;

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
    pub(super) done: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    pub(super) fn header(&mut self) {
        let mut scope = Scope::new(&self.profile.fields, String::new());
        scope.base = Fields::of_document(self.base);
        scope.theirs = Fields::of_document(self.theirs);
        scope.sent = self.sent.map_or(Fields::NONE, Fields::of_document);
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
            base: Fields::NONE,
            theirs: Fields::NONE,
            sent: Fields::NONE,
            mine: &NO_CHANGES,
            incoming: &NO_CHANGES,
            contested: false,
            pending: FieldChanges::new(),
            conflicts: Vec::new(),
            done: Vec::new(),
        }
    }

    /// The rules of a row that both have.
    pub(super) fn row(&mut self, rules: &'a TableRules, repriced: bool) {
        self.frozen();
        if let Some(measure) = &rules.measure {
            self.measure(measure);
        }
        if let Some(price) = &rules.price {
            self.price(price, repriced);
        }
        self.serials(rules.measure.as_ref().map(|measure| measure.quantity.as_str()));
        self.groups();
        self.single();
    }

    /// My value of a field: my change over the base.
    pub(super) fn mine(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        match entry(self.mine, name) {
            Some(change) => change.over(self.base.get(name)),
            None => self.base.get(name).map(Cow::Borrowed),
        }
    }

    pub(super) fn is_mine(&self, name: &str) -> bool {
        entry(self.mine, name).is_some()
    }

    pub(super) fn is_theirs(&self, name: &str) -> bool {
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

    pub(super) fn keep(&mut self, name: &str, change: &FieldChange) {
        let under = self.theirs.get(name);
        let change = change.clone().in_kind_of(under);
        // As with an edit, to empty what is not there changes nothing.
        let differs = |value: &[u8]| match under {
            Some(under) => under != value,
            None => !amount::is_empty(Some(value)),
        };
        if change.over(under).is_some_and(|value| differs(&value)) {
            put(&mut self.pending, name, change);
        }
    }

    /// Keeps all that I changed among `names`.
    pub(super) fn keep_all(&mut self, names: &'a [String]) {
        for name in names {
            if let Some(change) = entry(self.mine, name) {
                self.keep(name, change);
            }
        }
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
            let echo = self.is_echo(name) && same(self.mine(name).as_deref(), theirs);
            let dropped = echo || !rule.is_client_owned();
            return if dropped { Decision::Drop } else { fits(change.clone(), theirs) };
        }
        let Some(mine) = change.over(base) else { return Decision::Ask(Reason::BothChanged) };
        if self.in_doubt(name, rule) {
            return Decision::Ask(Reason::AnswerLost);
        }
        match rule {
            Rule::System | Rule::Server | Rule::Theirs | Rule::Frozen => Decision::Drop,
            Rule::Mine => Decision::Keep(FieldChange::Typed(mine.into_owned())),
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
    #[cfg(feature = "planted-defects")]
    if defect::is(Defect::TypedUnasked) {
        return Decision::Keep(change.clone());
    }
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
        #[cfg(feature = "planted-defects")]
        FieldChange::Step(_) if up && other_up && defect::is(Defect::StepCountedTwice) => {
            fits(FieldChange::Step(step + step), theirs)
        }
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
pub(super) fn lines(value: Option<&[u8]>) -> Vec<String> {
    let text = value.and_then(json::text).unwrap_or_default();
    text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Theirs, then my new lines; `None` if there are none.
fn appended(base: Option<&[u8]>, mine: &[u8], theirs: Option<&[u8]>) -> Option<Vec<u8>> {
    #[cfg(feature = "planted-defects")]
    if defect::is(Defect::NotesOverwritten) {
        return None;
    }
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
pub(super) fn union(base: Option<&[u8]>, mine: &[u8], theirs: Option<&[u8]>) -> Vec<u8> {
    let (old, my, mut all) = (lines(base), lines(Some(mine)), lines(theirs));
    all.retain(|line| my.contains(line) || !old.contains(line));
    for line in my {
        if !old.contains(&line) && !all.contains(&line) {
            all.push(line);
        }
    }
    json::quoted(&all.join("\n"))
}
