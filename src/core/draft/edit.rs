//! Edits, answers to conflicts, giving up.

use super::*;
use crate::core::amount;
use crate::core::change::{edit_row, identity_of, FieldChange, RowChange};
use crate::core::document::Row;
use crate::core::profile::{Profile, TableRules};
use std::collections::{BTreeMap, VecDeque};

impl Draft {
    /// Applies an edit and keeps it.
    pub(in crate::core) fn edit(&mut self, op: Op, turn: &mut Turn<'_>) -> Result<(), Misuse> {
        self.check_open()?;
        let op = name_new_row(op, turn);
        self.apply(vec![op], turn)
    }

    /// The difference to `text` becomes the draft's edits, all or none.
    pub(in crate::core) fn replace(
        &mut self,
        text: Vec<u8>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        self.check_open()?;
        let profile = &turn.policy.profile;
        let now = Document::parse(self.text(turn.policy), profile).map_err(Misuse::Document)?;
        let wanted = Document::parse(text, profile).map_err(Misuse::Document)?;
        let wanted = adopt(&now, wanted, profile).map_err(Misuse::Document)?;
        let changes = difference(&now, &wanted, profile).changes;
        check_names(&changes)?;
        let ops = changes.to_ops(profile);
        let ops = ops.into_iter().map(|op| name_new_row(op, turn)).collect();
        self.apply(ops, turn)
    }

    fn check_open(&self) -> Result<(), Misuse> {
        if self.ending.is_some() || self.submitted {
            return Err(Misuse::Ended);
        }
        if self.edits.len() >= EDITS_MAX {
            return Err(Misuse::TooMany("edits"));
        }
        Ok(())
    }

    fn apply(&mut self, ops: Vec<Op>, turn: &mut Turn<'_>) -> Result<(), Misuse> {
        if let [op] = ops.as_slice() {
            // One edit changes nothing if it fails: no copy is needed.
            self.changes.apply(op, &self.base, &turn.policy.profile).map_err(Misuse::Edit)?;
        } else {
            let mut changes = self.changes.clone();
            for op in &ops {
                changes.apply(op, &self.base, &turn.policy.profile).map_err(Misuse::Edit)?;
            }
            self.changes = changes;
        }
        if ops.is_empty() {
            return Ok(());
        }
        if !self.journaled {
            self.journal_state(turn);
        }
        for op in ops {
            self.revision = Revision(self.revision.0 + 1);
            let edit = Edit { revision: self.revision, op };
            turn.out.push(Effect::Journal(journal::edited(&self.id, &edit, turn.now)));
            self.edits.push(edit);
        }
        self.edited_at = turn.now;
        self.changed(turn);
        Ok(())
    }

    /// A person's answer to the conflict at `path`. Once none is left, a save that somebody
    /// asked for goes on.
    pub(in crate::core) fn resolve(
        &mut self,
        path: &str,
        take: &Take,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        let none = || Misuse::NoSuchConflict(path.to_owned());
        let at = self.conflicts.iter().position(|conflict| conflict.path == path);
        let at = at.ok_or_else(none)?;
        if path == DOCUMENT {
            return self.resolve_create(at, take, turn);
        }
        let conflict = &self.conflicts[at];
        let ops = match take {
            Take::Mine => conflict.on_mine.clone(),
            Take::Theirs => conflict.on_theirs.clone(),
            Take::Value(value) => conflict.on_value(value).ok_or_else(none)?,
        };
        let reason = conflict.reason;
        let mut changes = self.changes.clone();
        for op in &ops {
            match changes.apply(op, &self.base, &turn.policy.profile) {
                // The row is gone, or the field is the server's after all: as if taken away.
                Ok(()) | Err(EditError::UnknownRow { .. } | EditError::ReadOnly(_)) => {}
                Err(error) => return Err(Misuse::Edit(error)),
            }
        }
        self.changes = changes;
        self.conflicts.remove(at);
        for op in ops {
            self.revision = Revision(self.revision.0 + 1);
            self.edits.push(Edit { revision: self.revision, op });
        }
        self.wanted = if self.wanted > self.saved { self.revision } else { self.wanted };
        self.edited_at = turn.now;
        match (reason, take) {
            (Reason::TotalChanged, Take::Mine) => self.submit = None,
            (Reason::TotalChanged, _) => self.submit = Some(SubmitWish { expected_total: None }),
            _ => {}
        }
        self.go_on(turn);
        Ok(())
    }

    /// A question is answered. The save goes on, and nobody waits for it: an event tells.
    fn go_on(&mut self, turn: &mut Turn<'_>) {
        self.owes = self.wish().is_some();
        self.asked_at.get_or_insert(turn.now);
        self.journal_state(turn);
        self.changed(turn);
        self.advance(turn);
    }

    /// Whether a create whose answer was lost was stored: mine says no, so it is made again.
    fn resolve_create(
        &mut self,
        at: usize,
        take: &Take,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        match take {
            Take::Mine => {
                self.conflicts.remove(at);
                self.wanted = self.revision;
                self.go_on(turn);
            }
            Take::Theirs => self.discard(turn),
            Take::Value(_) => return Err(Misuse::NoSuchConflict(DOCUMENT.to_owned())),
        }
        Ok(())
    }

    /// Gives up all edits; a document that the server does not have is forgotten.
    pub(in crate::core) fn discard(&mut self, turn: &mut Turn<'_>) {
        self.edits.clear();
        self.changes = Changes::none(&turn.policy.profile);
        self.conflicts.clear();
        self.submit = None;
        self.parked = false;
        self.exported = None;
        self.doubted = None;
        self.owes = false;
        self.refusal = None;
        self.wanted = self.revision;
        self.saved = self.revision;
        // A document that was made but never read back shows no stamp to save with.
        let unread = self.key.is_some() && self.stamp.is_none();
        // A call in flight ends before the next one begins.
        let calls = matches!(self.phase, Phase::Calling(_));
        match &mut self.sent {
            Some(sent) if unread || calls || self.key.is_none() => sent.given_up = true,
            Some(_) | None => self.sent = None,
        }
        if self.key.is_none() {
            // What was sent may be stored: that is learnt before the draft is forgotten.
            self.submitted = true;
        }
        if self.sent.is_none() && !calls {
            self.phase = Phase::Idle;
        }
        if self.is_discarded() && self.sent.is_some() {
            self.start_over(turn);
            self.background = true;
            self.journal_state(turn);
        } else {
            self.journal_settled(turn);
        }
        self.settle_committed(turn);
        self.changed(turn);
    }
}

/// A name that a path cannot spell would be taken for another place.
fn check_names(changes: &Changes) -> Result<(), Misuse> {
    let cells =
        changes.tables.iter().flat_map(|table| &table.rows).flat_map(|(_, row)| match row {
            RowChange::Edited(fields) => fields.as_slice(),
            RowChange::Removed | RowChange::Inserted(_) => &[],
        });
    match changes.fields.iter().chain(cells).find(|(name, _)| name.contains(['[', ']'])) {
        Some((name, _)) => Err(Misuse::Edit(EditError::UnknownPath(name.clone()))),
        None => Ok(()),
    }
}

/// A page that does not know the identities that its rows were given hands them over without:
/// each is the next of mine that looks the same and that the page does not name.
fn adopt(now: &Document, wanted: Document, profile: &Profile) -> Result<Document, DocumentError> {
    let mut named = Changes::none(profile);
    for (number, rules) in profile.tables.iter().enumerate() {
        let own = &rules.row[0];
        let look = |row: &[u8]| identity_of(&edit_row(row, own, b"null"), rules).0;
        let is_named =
            |document: &Document, row: &Row| !amount::is_empty(document.cell(number, row, own));
        let strange = |row: &&Row| {
            !is_named(&wanted, row) && now.row(number, wanted.row_identity(row)).is_none()
        };
        let strangers: Vec<&Row> = wanted.table(number).rows.iter().filter(strange).collect();
        if strangers.is_empty() {
            continue;
        }
        let mut free: BTreeMap<String, VecDeque<&str>> = BTreeMap::new();
        for row in now.table(number).rows.iter().filter(|row| is_named(now, row)) {
            let identity = now.row_identity(row);
            if wanted.row(number, identity).is_none() {
                free.entry(look(now.row_text(row))).or_default().push_back(identity);
            }
        }
        for row in strangers {
            let alike = free.get_mut(&look(wanted.row_text(row)));
            if let Some(identity) = alike.and_then(VecDeque::pop_front) {
                let name = FieldChange::Typed(json::quoted(identity));
                named.tables[number].edit(wanted.row_identity(row), own, name);
            }
        }
    }
    if named.is_empty() {
        return Ok(wanted);
    }
    Document::parse(render(&wanted, &named, profile, Audience::Page), profile)
}

/// The path of a question about the document as a whole.
pub(super) const DOCUMENT: &str = "@document";

/// A new row gets an identity before it is first journalled, if it has none.
fn name_new_row(op: Op, turn: &mut Turn<'_>) -> Op {
    let Op::Insert { table, row, place } = op else { return op };
    let rules = turn.policy.profile.table(&table).map(|number| &turn.policy.profile.tables[number]);
    let row = match rules {
        Some(rules) if needs_name(&row, rules) => {
            edit_row(&row, &rules.row[0], &json::quoted(&turn.random.name()))
        }
        Some(_) | None => row,
    };
    Op::Insert { table, row, place }
}

/// A payment is named by its own identity, never by its mode alone: two in cash are two.
fn needs_name(row: &[u8], rules: &TableRules) -> bool {
    let named = |name: &String| !amount::is_empty(json::member(row, name));
    if rules.transaction.is_some() {
        return !rules.row.first().is_some_and(named);
    }
    identity_of(row, rules).1
}

/// Names the rows of a new document.
pub(super) fn name_rows(text: Vec<u8>, turn: &mut Turn<'_>) -> Result<Vec<u8>, DocumentError> {
    let profile = &turn.policy.profile;
    let document = Document::parse(text, profile)?;
    let mut changes = Changes::none(profile);
    for (number, rules) in profile.tables.iter().enumerate() {
        // Rows named by their mode of payment are the ones that the server puts there itself.
        if rules.transaction.is_some() {
            continue;
        }
        for row in &document.table(number).rows {
            if identity_of(row.span.of(document.text()), rules).1 {
                let name = json::quoted(&turn.random.name());
                let change = FieldChange::Typed(name);
                changes.tables[number].edit(document.row_identity(row), &rules.row[0], change);
            }
        }
    }
    Ok(render(&document, &changes, profile, Audience::Page))
}

/// The identity that the row of an insert will have.
#[must_use]
pub(super) fn inserted_identity(op: &Op, policy: &Policy) -> Option<String> {
    let Op::Insert { table, row, .. } = op else { return None };
    let rules = &policy.profile.tables[policy.profile.table(table)?];
    Some(identity_of(row, rules).0)
}

impl Draft {
    /// The row that was inserted last.
    #[must_use]
    pub fn last_inserted(&self, policy: &Policy) -> Option<String> {
        self.edits.last().and_then(|edit| inserted_identity(&edit.op, policy))
    }
}
