//! What of a draft is on disk, and how it comes back from there.

use super::*;

impl Draft {
    /// A draft as the journal holds it; what was sent and not answered is in doubt.
    pub(in crate::core) fn restore(
        number: DraftId,
        restored: Restored,
        policy: &Policy,
    ) -> Result<Draft, DocumentError> {
        let mut draft = Draft::blank(number, restored.id, policy);
        draft.base = Document::parse(restored.base, &policy.profile)?;
        draft.key = restored.key;
        draft.stamp = restored.stamp;
        draft.opened = true;
        draft.journaled = true;
        draft.conflicts = restored.conflicts;
        draft.ending = restored.ending.as_deref().and_then(Ending::read);
        draft.revision = Revision(u32::from(draft.key.is_none()));
        draft.background = true;
        draft.parked = restored.parked;
        draft.submitted = restored.discarded;
        draft.exported = restored.exported;
        draft.doubted = restored.doubted;
        draft.edited_at = restored.edited_at;
        draft.report.attempts = restored.attempts;
        draft.journaled_wish.clone_from(&restored.wish);
        if let Some(wish) = restored.wish {
            draft.wanted = wish.revision;
            draft.asked_at = Some(wish.asked_at);
            draft.owes = true;
            let expected_total = wish.expected_total;
            draft.submit = wish.submit.then_some(SubmitWish { expected_total });
        }
        if let Some(sent) = restored.unanswered {
            let (before, after): (Vec<Edit>, Vec<Edit>) =
                restored.edits.into_iter().partition(|edit| edit.revision <= sent.revision);
            draft.replay(before, policy);
            draft.revision = draft.revision.max(sent.revision);
            let (body, changed) = draft.body(&draft.changes, &sent.token, sent.submit, policy);
            let doubted = !sent.stored;
            let fate = if doubted { Fate::InDoubt } else { Fate::Stored(None) };
            let given_up = restored.discarded;
            let sent = Sent::new(sent);
            draft.sent = Some(Sent { body, changed, fate, doubted, given_up, ..sent });
            draft.replay(after, policy);
        } else {
            draft.replay(restored.edits, policy);
        }
        Ok(draft)
    }

    fn replay(&mut self, edits: Vec<Edit>, policy: &Policy) {
        for edit in edits {
            // An edit was accepted before it was journalled, so it is accepted again.
            let applied = self.changes.apply(&edit.op, &self.base, &policy.profile);
            self.strange |= match applied {
                // An answer to a question may name a row that is gone.
                Ok(()) | Err(EditError::UnknownRow { .. } | EditError::ReadOnly(_)) => false,
                Err(
                    EditError::UnknownPath(_)
                    | EditError::UnknownTable(_)
                    | EditError::RowExists { .. }
                    | EditError::NotAnAmount(_),
                ) => true,
            };
            self.revision = self.revision.max(edit.revision);
            self.edits.push(edit);
        }
    }

    pub(super) fn journal_state(&mut self, turn: &mut Turn<'_>) {
        self.journaled = true;
        self.journaled_wish = self.wish();
        turn.out.push(Effect::Journal(journal::state(&self.state())));
    }

    /// The draft's entry in a journal without history; `None` if nothing of it is unsaved.
    #[must_use]
    pub fn journal(&self) -> Option<Vec<u8>> {
        self.journaled.then(|| journal::state(&self.state()))
    }

    pub(super) fn state(&self) -> Restored {
        // What was discarded is not in doubt, whatever became of it, except that it was created;
        // what was refused may be.
        let matters =
            |sent: &&Sent| !sent.given_up || self.is_discarded() || self.holds_edits_of(sent);
        let unanswered = self.sent.as_ref().filter(matters).map(|sent| Unanswered {
            revision: sent.revision,
            token: sent.token.clone(),
            submit: sent.submit,
            // Under a key that was told for it lies nobody else's; of another save only a look says
            // that what is there is newer.
            stored: self.key.is_some()
                && self.stamp.is_none()
                && matches!(sent.fate, Fate::Stored(_)),
        });
        Restored {
            id: self.id.clone(),
            key: self.key.clone(),
            stamp: self.stamp.clone(),
            base: self.base.text().to_vec(),
            edits: self.edits.clone(),
            conflicts: self.conflicts.clone(),
            ending: self.ending.as_ref().map(Ending::to_json),
            unanswered,
            wish: self.wish(),
            parked: self.parked,
            discarded: self.is_discarded(),
            exported: self.exported.clone(),
            doubted: self.doubted(),
            edited_at: self.edited_at,
            attempts: self.report.attempts,
        }
    }

    /// Whether edits that were in `sent` are still mine to save.
    pub(super) fn holds_edits_of(&self, sent: &Sent) -> bool {
        self.holds_edits_until(sent.revision)
    }

    /// Whether edits up to this revision are still mine to save.
    pub(super) fn holds_edits_until(&self, revision: Revision) -> bool {
        self.edits.iter().any(|edit| edit.revision <= revision)
    }

    pub(super) fn journal_settled(&mut self, turn: &mut Turn<'_>) {
        if self.journaled {
            self.journaled = false;
            self.journaled_wish = None;
            turn.out.push(Effect::Journal(journal::settled(&self.id, self.key.as_deref())));
        }
    }

    /// A save is about to go out.
    pub(super) fn journal_sent(&mut self, sent: &Unanswered, turn: &mut Turn<'_>) {
        self.journaled_wish = self.wish();
        let wish = self.journaled_wish.as_ref();
        let attempts = self.report.attempts + 1;
        turn.out.push(Effect::Journal(journal::sent(&self.id, sent, attempts, wish)));
    }

    /// What goes on by itself, also after a restart.
    pub(super) fn wish(&self) -> Option<Wish> {
        let expected_total = self.submit.as_ref().and_then(|wish| wish.expected_total.clone());
        let (revision, submit) = (self.wanted, self.submit.is_some());
        let asked_at = self.asked_at.unwrap_or(self.edited_at);
        let wished = self.is_unsaved() || submit;
        wished.then_some(Wish { revision, submit, expected_total, asked_at })
    }

    /// Whether somebody asked for a save that is not done.
    pub(super) fn is_unsaved(&self) -> bool {
        self.wanted > self.saved && (!self.changes.is_empty() || self.key.is_none())
    }

    /// Somebody may have asked for more than the journal knows.
    pub(super) fn journal_wish(&mut self, turn: &mut Turn<'_>) {
        let Some(wish) = self.wish() else { return };
        if !self.journaled {
            self.journal_state(turn);
        } else if self.journaled_wish.as_ref() != Some(&wish) {
            turn.out.push(Effect::Journal(journal::wished(&self.id, &wish)));
            self.journaled_wish = Some(wish);
        }
    }
}

impl Sent {
    /// A save as the journal holds it.
    pub(super) fn new(sent: Unanswered) -> Sent {
        Sent {
            revision: sent.revision,
            token: sent.token,
            body: Vec::new(),
            changed: Vec::new(),
            submit: sent.submit,
            fate: Fate::InFlight,
            at: Millis(0),
            since: None,
            fresh: false,
            parks: false,
            doubted: false,
            given_up: false,
            unknown: false,
            told: None,
        }
    }
}
