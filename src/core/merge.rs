//! Reload and reapply: mine laid over the newest copy, field by field and row by row.
//!
//! The rules are those of the profile. What comes out is *what of mine is still to be saved*,
//! as changes against the newest copy; the merged text is that copy with these changes rendered
//! over it. What only a person can decide is a [`Conflict`]; until then the newest copy's value
//! stands (a row that somebody edited stays, all money stays).

use super::change::{Changes, FieldChange, FieldChanges, RowChange, TableChanges};
use super::conflict::{Conflict, Reason};
use super::diff::{aligned_difference, difference, same_content, Difference};
use super::document::{Cells, Document, DocumentError};
use super::op::Op;
use super::profile::{Profile, Rule, TableRules};
use super::render::{render, Audience};

mod fields;
mod groups;
mod payments;
mod rows;
mod terminal;

pub(crate) use payments::due;
pub use terminal::{ended, leftover_of, Ending, Leftover, State};

/// A save of mine whose answer was lost.
#[derive(Debug, Clone, Copy)]
pub struct Doubt<'a> {
    /// The document as it was sent.
    pub sent: &'a Document,
    /// It may have been several saves, of which only the first are stored.
    pub several: bool,
}

/// Something the page may want to tell, not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The server changed a row's price.
    Repriced {
        /// The rate's path.
        path: String,
        /// The rate before, as decimal text.
        from: String,
        /// The rate now, as decimal text.
        to: String,
    },
    /// A save whose answer was lost had been stored.
    AlreadySaved {
        /// Its token, where it was recognised by that.
        token: Option<String>,
    },
}

/// The result of laying mine over the newest copy.
#[derive(Debug, Clone)]
pub struct Merge {
    /// What of mine is still to be saved, against the newest copy.
    pub pending: Changes,
    /// What only a person can decide.
    pub conflicts: Vec<Conflict>,
    /// Places that the others changed since the base.
    pub incoming: Vec<String>,
    /// Places where mine was reapplied.
    pub reapplied: Vec<String>,
    /// Things to tell.
    pub notices: Vec<Notice>,
    /// Whether prices and offers must be computed again.
    pub needs_reprice: bool,
    /// Rows that were taken out to be rebuilt: (table number, row identity).
    derived: Vec<(usize, String)>,
}

impl Merge {
    /// The merged text: the newest copy with mine laid over it.
    #[must_use]
    pub fn text(&self, theirs: &Document, profile: &Profile, audience: Audience) -> Vec<u8> {
        render(theirs, &self.pending, profile, audience)
    }

    /// Fills in `incoming` and `reapplied`.
    pub fn name_places(&mut self, incoming: &Difference, profile: &Profile) {
        self.incoming = incoming.changes.paths(profile);
        self.reapplied = self.pending.paths(profile);
        let derived = |path: &String| {
            self.derived.iter().any(|(table, row)| {
                *path == super::path::row_path(&profile.tables[*table].name, row)
            })
        };
        self.reapplied.retain(|path| !derived(path));
    }
}

/// Lays `mine` (changes against `base`) over `theirs`. With `doubt`, a save of mine may be
/// contained in `theirs` already.
///
/// All three documents must have been read with `profile`.
#[must_use]
pub fn merge(
    base: &Document,
    mine: &Changes,
    theirs: &Document,
    profile: &Profile,
    doubt: Option<Doubt<'_>>,
) -> Merge {
    let incoming = difference(base, theirs, profile);
    let mut merge = merge_incoming(base, mine, theirs, &incoming, profile, doubt);
    match doubt {
        // What I sent and what is there came from me, not from others.
        Some(doubt) => merge.name_places(&difference(doubt.sent, theirs, profile), profile),
        None => merge.name_places(&incoming, profile),
    }
    merge
}

/// The same, where the difference between `base` and `theirs` is known already, and without the
/// names of places ([`Merge::name_places`]).
#[must_use]
pub fn merge_incoming(
    base: &Document,
    mine: &Changes,
    theirs: &Document,
    incoming: &Difference,
    profile: &Profile,
    doubt: Option<Doubt<'_>>,
) -> Merge {
    let mut walk = Walk::new(base, mine, theirs, profile, incoming, doubt);
    if !mine.is_empty() {
        walk.header();
        for (number, rules) in profile.tables.iter().enumerate() {
            walk.table(number, rules);
        }
    }
    walk.repriced();
    walk.finish()
}

/// Lays my edits of one row over what the newest copy has of it, where both have the row: what of
/// them is still to be saved. `incoming` is what they changed there, `repriced` whether the
/// server gave it another price. `None` if somebody has to be asked.
pub(super) fn merge_row(
    rules: &TableRules,
    (base, theirs): (Cells<'_>, Cells<'_>),
    mine: &FieldChanges,
    incoming: &FieldChanges,
    repriced: bool,
) -> Option<FieldChanges> {
    let mut scope = fields::Scope::new(&rules.fields, String::new());
    (scope.base, scope.theirs) = (Fields(Some(base)), Fields(Some(theirs)));
    (scope.mine, scope.incoming) = (mine, incoming);
    scope.contested = !incoming.is_empty();
    scope.row(rules, repriced);
    scope.conflicts.is_empty().then_some(scope.pending)
}

/// Reads the newest copy, side by side with the base as far as they line up, and says what
/// differs.
///
/// # Errors
/// As for [`Document::parse`].
pub fn read_newest(
    base: &Document,
    text: Vec<u8>,
    profile: &Profile,
) -> Result<(Document, Difference), DocumentError> {
    match Document::align(base, text, profile) {
        Ok((copy, alignment)) => {
            let difference = aligned_difference(base, &copy, &alignment, profile);
            Ok((copy, difference))
        }
        Err(text) => {
            let copy = Document::parse(text, profile)?;
            let difference = difference(base, &copy, profile);
            Ok((copy, difference))
        }
    }
}

/// Lays over `theirs` first `before`, which a save of mine with a lost answer contained, then
/// `later`, what I changed after it (against `sent`, the document that it was to lead to).
#[must_use]
pub fn merge_in_doubt(
    base: &Document,
    before: &Changes,
    doubt: Doubt<'_>,
    later: &Changes,
    theirs: &Document,
    profile: &Profile,
) -> Merge {
    let mut first = merge(base, before, theirs, profile, Some(doubt));
    if later.is_empty() {
        return first;
    }
    let text = first.text(theirs, profile, Audience::Page);
    let Ok(middle) = Document::parse(text, profile) else { return first };
    let second = merge(doubt.sent, later, &middle, profile, None);
    for op in second.pending.to_ops(profile) {
        match removal_in_doubt(&op, &first.conflicts, theirs, profile) {
            // What is there may be mine, or somebody's who counts on the row.
            Some(conflict) => first.conflicts.push(conflict),
            None => {
                let _ = first.pending.apply(&op, theirs, profile);
            }
        }
    }
    let asked = |path: &str| second.conflicts.iter().any(|conflict| conflict.path == path);
    let is_new = |old: &Conflict| old.reason == Reason::RemovedAgainstEdit && old.base.is_none();
    first
        .conflicts
        .retain(|old| is_new(old) || !asked(&old.path) && !later.settles(&old.path, profile));
    first.conflicts.extend(second.conflicts);
    first.reapplied = first.pending.paths(profile);
    first.needs_reprice |= second.needs_reprice;
    first
}

/// The question about a row that I took out while one of its counters is in doubt.
fn removal_in_doubt(
    op: &Op,
    asked: &[Conflict],
    theirs: &Document,
    profile: &Profile,
) -> Option<Conflict> {
    let Op::Remove { table, row } = op else { return None };
    let path = super::path::row_path(table, row);
    let cells = [path.as_str(), "."].concat();
    let is_in_doubt =
        |old: &Conflict| old.reason == Reason::AnswerLost && old.path.starts_with(cells.as_str());
    asked.iter().find(|old| is_in_doubt(old))?;
    let now = theirs.row(profile.table(table)?, row)?;
    let mut conflict = Conflict::new(path, Reason::RemovedAgainstEdit);
    conflict.mine = Some(b"null".to_vec());
    conflict.theirs = Some(now.span.of(theirs.text()).to_vec());
    conflict.provisional.clone_from(&conflict.theirs);
    conflict.on_mine = vec![op.clone()];
    Some(conflict)
}

/// Whether everything of a save that was sent is what the server holds.
#[must_use]
pub fn is_saved(sent: &Document, theirs: &Document, profile: &Profile) -> bool {
    same_content(sent, theirs, profile)
}

/// Who saved a copy last, where the server says.
pub(super) fn saved_by(copy: &Document, profile: &Profile) -> Option<String> {
    let value = copy.field(profile.changed_by.as_ref()?).and_then(super::json::text)?;
    (!value.is_empty()).then(|| value.into_owned())
}

struct Walk<'a> {
    base: &'a Document,
    mine: &'a Changes,
    theirs: &'a Document,
    profile: &'a Profile,
    incoming: &'a Difference,
    sent: Option<&'a Document>,
    /// What was sent may have been several saves.
    several: bool,
    by: Option<String>,
    merge: Merge,
}

impl<'a> Walk<'a> {
    fn new(
        base: &'a Document,
        mine: &'a Changes,
        theirs: &'a Document,
        profile: &'a Profile,
        incoming: &'a Difference,
        doubt: Option<Doubt<'a>>,
    ) -> Walk<'a> {
        let merge = Merge {
            pending: Changes::none(profile),
            conflicts: Vec::new(),
            incoming: Vec::new(),
            derived: Vec::new(),
            reapplied: Vec::new(),
            notices: Vec::new(),
            needs_reprice: false,
        };
        let (sent, by) = (doubt.map(|doubt| doubt.sent), saved_by(theirs, profile));
        let several = doubt.is_some_and(|doubt| doubt.several);
        Walk { base, mine, theirs, profile, incoming, sent, several, by, merge }
    }

    fn ask(&mut self, mut conflict: Conflict) {
        conflict.by.clone_from(&self.by);
        self.merge.conflicts.push(conflict);
    }

    fn finish(mut self) -> Merge {
        self.merge.needs_reprice = touches_price(&self.merge.pending, self.theirs, self.profile);
        if self.merge.needs_reprice {
            self.drop_derived_rows();
        }
        self.merge
    }

    /// Free items and offers follow from the paid rows: taken out, to be rebuilt, never merged.
    fn drop_derived_rows(&mut self) {
        for (number, rules) in self.profile.tables.iter().enumerate() {
            if rules.derived_row_if.is_empty() {
                continue;
            }
            for row in &self.theirs.table(number).rows {
                if row.is_derived {
                    let identity = self.theirs.row_identity(row);
                    let rows = &mut self.merge.pending.tables[number].rows;
                    super::change::put(rows, identity, RowChange::Removed);
                    self.merge.derived.push((number, identity.to_owned()));
                }
            }
        }
    }

    /// Rows that the server repriced and that nobody is asked about.
    fn repriced(&mut self) {
        for (number, identity) in &self.incoming.repriced {
            let rules = &self.profile.tables[*number];
            let Some(price) = &rules.price else { continue };
            let path = super::path::cell_path(&rules.name, identity, &price.rate);
            let asked = super::path::cell_path(&rules.name, identity, "@price");
            let removed = self.mine.tables[*number].row(identity) == Some(&RowChange::Removed);
            if removed || self.merge.conflicts.iter().any(|conflict| conflict.path == asked) {
                continue;
            }
            let rate = |document: &'a Document| {
                let row = document.row(*number, identity)?;
                let value = document.cell(*number, row, &price.rate)?;
                super::amount::amount(value)?;
                Some(String::from_utf8_lossy(value).trim_matches('"').to_owned())
            };
            if let (Some(from), Some(to)) = (rate(self.base), rate(self.theirs)) {
                if from != to {
                    self.merge.notices.push(Notice::Repriced { path, from, to });
                }
            }
        }
    }
}

/// The fields of a document or of one of its rows, or none.
#[derive(Clone, Copy)]
struct Fields<'a>(Option<Cells<'a>>);

impl<'a> Fields<'a> {
    const NONE: Fields<'static> = Fields(None);

    fn of_document(document: &'a Document) -> Fields<'a> {
        Fields(Some(document.fields()))
    }

    fn of_row(document: &'a Document, table: usize, identity: &str) -> Fields<'a> {
        Fields(document.row(table, identity).map(|row| document.cells(table, row)))
    }

    fn get(self, name: &str) -> Option<&'a [u8]> {
        self.0?.get(name)
    }
}

/// Quantities, rows, units or discounts of mine that change what is to be paid.
fn touches_price(pending: &Changes, theirs: &Document, profile: &Profile) -> bool {
    let decision = |fields: &super::profile::FieldRules, name: &str| match fields.rule(name) {
        Rule::Group(group) => fields.groups[group].head.is_none(),
        Rule::Ask
        | Rule::Mine
        | Rule::Theirs
        | Rule::System
        | Rule::Server
        | Rule::Frozen
        | Rule::Counter
        | Rule::Money
        | Rule::Set
        | Rule::Text
        | Rule::Max
        | Rule::Min
        | Rule::Price => false,
    };
    let in_row = |rules: &TableRules, name: &str| match rules.fields.rule(name) {
        Rule::Counter | Rule::Price | Rule::Set | Rule::Group(_) => true,
        Rule::Ask
        | Rule::Mine
        | Rule::Theirs
        | Rule::System
        | Rule::Server
        | Rule::Frozen
        | Rule::Money
        | Rule::Text
        | Rule::Max
        | Rule::Min => rules.measure.as_ref().is_some_and(|m| m.unit.iter().any(|u| u == name)),
    };
    let row_counts =
        |rules: &TableRules, number: usize, (row, change): &(String, RowChange)| match change {
            RowChange::Edited(fields) => fields.iter().any(|(name, _)| in_row(rules, name)),
            RowChange::Removed | RowChange::Inserted(_) => {
                let row = theirs.row(number, row);
                row.is_none_or(|row| !row.is_derived)
            }
        };
    pending.fields.iter().any(|(name, _)| decision(&profile.fields, name))
        || profile.tables.iter().zip(&pending.tables).enumerate().any(|(number, (rules, table))| {
            rules.is_priced() && table.rows.iter().any(|row| row_counts(rules, number, row))
        })
}

/// The rows that a table's changes hold, with nothing in them, are no changes.
fn prune(table: &mut TableChanges) {
    table.rows.retain(|(_, change)| match change {
        RowChange::Edited(fields) => !fields.is_empty(),
        RowChange::Removed | RowChange::Inserted(_) => true,
    });
}
