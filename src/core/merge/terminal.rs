//! Documents that ended elsewhere, and what is left of mine.

use std::borrow::Cow;

use super::*;
use crate::core::amount::{self, same, Decimal};
use crate::core::change::{amount_or_zero, FieldChanges};
use crate::core::document::Cells;
use crate::core::json::{self, ObjectWriter};

/// How a document ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Submitted elsewhere.
    Submitted,
    /// Cancelled elsewhere.
    Cancelled,
    /// The server has it no more.
    Deleted,
    /// Another document has its key now.
    Replaced,
}

impl State {
    /// The stable code of the contract.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            State::Submitted => "submitted",
            State::Cancelled => "cancelled",
            State::Deleted => "deleted",
            State::Replaced => "replaced",
        }
    }
}

/// A row of mine that the ended document does not hold, as JSON: `table`, `row` and its fields.
pub type Leftover = Vec<u8>;

/// The end of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub state: State,
    /// It holds everything of mine: nothing is left to do.
    pub already_done: bool,
    /// What of mine it does not hold.
    pub leftover: Vec<Leftover>,
    /// Who saved last, where the server says.
    pub by: Option<String>,
}

impl Ending {
    /// As JSON: `state`, `alreadyDone`, `leftover`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        self.write(&mut object);
        object.finish()
    }

    /// Reads [`Ending::to_json`]'s text; `None` if it is none.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Ending> {
        let code = json::member(text, "state").and_then(json::text)?;
        let states = [State::Submitted, State::Cancelled, State::Deleted, State::Replaced];
        let state = states.into_iter().find(|state| state.code() == code)?;
        let list = json::member(text, "leftover")?;
        let mut leftover = Vec::new();
        json::elements(list, 0, &mut |row| leftover.push(row.of(list).to_vec())).ok()?;
        let already_done = json::member(text, "alreadyDone") == Some(b"true");
        let by = json::member(text, "by").and_then(json::text).map(|by| by.into_owned());
        Some(Ending { state, already_done, leftover, by })
    }
}

/// Whether the newest copy (`None`: there is none) is the end of the document, and how.
#[must_use]
pub fn ended(base: &Document, theirs: Option<&Document>, profile: &Profile) -> Option<State> {
    let Some(theirs) = theirs else { return Some(State::Deleted) };
    let moved = |name: &String| {
        // A copy that does not show the field says nothing about it.
        let (before, now) = (base.field(name), theirs.field(name));
        !amount::is_empty(before) && !amount::is_empty(now) && !same(before, now)
    };
    #[cfg(feature = "planted-defects")]
    let profile = &crate::core::defect::without_identity(profile);
    if profile.identity.iter().any(moved) {
        return Some(State::Replaced);
    }
    let lifecycle = profile.lifecycle.as_ref()?;
    let state = theirs.field(&lifecycle.field);
    let is_one_of = |values: &[Vec<u8>]| values.iter().any(|value| same(state, Some(value)));
    if is_one_of(&lifecycle.submitted) {
        Some(State::Submitted)
    } else if is_one_of(&lifecycle.cancelled) {
        Some(State::Cancelled)
    } else {
        None
    }
}

/// What is left of mine at the end of a document: of a submitted one what I had added to it
/// (steps, new rows), of any other all that I had. `since`: what of mine came after a save without
/// an answer, and the document that this save led to.
#[must_use]
pub fn leftover_of(
    base: &Document,
    mine: &Changes,
    since: Option<(&Document, &Changes)>,
    theirs: Option<&Document>,
    state: State,
    profile: &Profile,
) -> Ending {
    let by = theirs.and_then(|theirs| saved_by(theirs, profile));
    let text = render(base, mine, profile, Audience::Page);
    let my_document = Document::parse(text, profile);
    if let (State::Submitted, Some(theirs)) = (state, theirs) {
        let same = |mine: &Document| same_content(mine, theirs, profile);
        if mine.is_empty() || my_document.as_ref().is_ok_and(same) {
            return Ending { state, already_done: true, leftover: Vec::new(), by };
        }
        let leftover = additions(base, mine, since, theirs, profile);
        return Ending { state, already_done: false, leftover, by };
    }
    let leftover = my_document.map(|document| all_rows(&document, profile)).unwrap_or_default();
    Ending { state, already_done: false, leftover, by }
}

fn additions(
    base: &Document,
    mine: &Changes,
    since: Option<(&Document, &Changes)>,
    theirs: &Document,
    profile: &Profile,
) -> Vec<Leftover> {
    let mut leftover = Vec::new();
    for (number, rules) in profile.tables.iter().enumerate() {
        for (identity, change) in &mine.tables[number].rows {
            if let RowChange::Edited(fields) = change {
                let steps = steps_up(fields, Fields::of_row(base, number, identity), rules);
                if !steps.is_empty() {
                    leftover.push(step_row(base, number, rules, identity, &steps));
                }
            }
        }
        for (identity, new) in mine.tables[number].inserted() {
            let derived = rules
                .derived_row_if
                .iter()
                .any(|(field, value)| same(json::member(&new.row, field), Some(value)));
            if derived {
                continue;
            }
            match theirs.row(number, identity) {
                None => leftover.push(row_of(&rules.name, identity, &new.row, rules)),
                // A save of mine with a lost answer put it there; what I added since is not in it.
                Some(row) => {
                    let later = since.and_then(|(sent, later)| {
                        Some((sent, later.tables[number].row(identity)))
                            .filter(|_| sent.row(number, identity).is_some())
                    });
                    let steps = match later {
                        Some((sent, Some(RowChange::Edited(fields)))) => {
                            steps_up(fields, Fields::of_row(sent, number, identity), rules)
                        }
                        Some((_, Some(RowChange::Removed) | None)) => Vec::new(),
                        Some((_, Some(RowChange::Inserted(_)))) | None => {
                            steps_beyond(&new.row, theirs.cells(number, row), rules)
                        }
                    };
                    if !steps.is_empty() {
                        leftover.push(step_row(theirs, number, rules, identity, &steps));
                    }
                }
            }
        }
    }
    leftover
}

/// The fields of a row that went up, and by how much.
type Steps<'a> = Vec<(Cow<'a, str>, Decimal)>;

/// Counters and money that went up by these changes.
fn steps_up<'a>(fields: &'a FieldChanges, before: Fields<'_>, rules: &TableRules) -> Steps<'a> {
    let counts = |name: &str| matches!(rules.fields.rule(name), Rule::Counter | Rule::Money);
    let steps = fields.iter().filter(|(name, _)| counts(name)).filter_map(|(name, change)| {
        Some((Cow::Borrowed(name.as_str()), change.step_from(before.get(name))?))
    });
    steps.filter(|(_, step)| *step > Decimal::ZERO).collect()
}

/// By how much the row's counters and money are above those that are there.
fn steps_beyond<'a>(row: &[u8], there: Cells<'a>, rules: &TableRules) -> Steps<'a> {
    let mut steps = Vec::new();
    for at in 0..there.len() {
        let name = there.name(at);
        if matches!(rules.fields.rule(&name), Rule::Counter | Rule::Money) {
            let (mine, held) = (json::member(row, &name), there.value(at));
            let step = amount_or_zero(mine)
                .zip(amount_or_zero(held))
                .and_then(|(mine, held)| amount::sum(mine, -held));
            steps.extend(step.filter(|step| *step > Decimal::ZERO).map(|s| (name, s)));
        }
    }
    steps
}

/// The row with the steps in place of its counters and money.
fn step_row(
    base: &Document,
    number: usize,
    rules: &TableRules,
    identity: &str,
    steps: &Steps<'_>,
) -> Leftover {
    let mut object = ObjectWriter::new();
    object.text("table", &rules.name).text("row", identity);
    if let Some(row) = base.row(number, identity) {
        let cells = base.cells(number, row);
        for at in 0..cells.len() {
            let name = cells.name(at);
            let rule = rules.fields.rule(&name);
            let counted = matches!(rule, Rule::Counter | Rule::Money);
            if rule.is_client_owned() && !counted && is_free(&name) {
                object.raw(&name, cells.value(at).unwrap_or(b"null"));
            }
        }
    }
    for (name, step) in steps {
        object.text(name, &amount::shortest(*step));
    }
    object.finish()
}

/// `table` and `row` are the leftover's own words.
fn is_free(name: &str) -> bool {
    name != "table" && name != "row"
}

fn all_rows(document: &Document, profile: &Profile) -> Vec<Leftover> {
    let mut leftover = Vec::new();
    for (number, rules) in profile.tables.iter().enumerate() {
        for row in &document.table(number).rows {
            if !row.is_derived {
                let identity = document.row_identity(row);
                let text = row.span.of(document.text());
                leftover.push(row_of(&rules.name, identity, text, rules));
            }
        }
    }
    leftover
}

fn row_of(table: &str, identity: &str, row: &[u8], rules: &TableRules) -> Leftover {
    let mut object = ObjectWriter::new();
    object.text("table", table).text("row", identity);
    let _ = json::members(row, 0, &mut |cell| {
        let name = json::unescape(cell.key.of(row));
        if rules.fields.rule(&name).is_client_owned() && is_free(&name) {
            object.raw(&name, cell.value.of(row));
        }
    });
    object.finish()
}
