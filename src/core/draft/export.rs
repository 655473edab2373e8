//! What left this till by another way than a save: as text, for another device.
//!
//! Whoever brings the text in may save it, so for this till an export is a save without an
//! answer. It carries its token with it: both devices send the same bytes with the same stamp
//! and token, whichever arrives first is stored, and the other recognises it.

use super::*;
use crate::core::outbox::Entry;

impl Draft {
    /// The draft's text is about to be handed out: from now on somebody else may save it.
    pub(in crate::core) fn export(&mut self, turn: &mut Turn<'_>) {
        let sale_without_token = self.key.is_none() && turn.policy.token == TokenSupport::None;
        if !self.is_exportable() || self.ending.is_some() || sale_without_token {
            return;
        }
        let known = |known: &Unanswered| known.revision == self.revision;
        let exported = self.exported.as_ref().is_some_and(known);
        let sent = self.sent.as_mut().is_some_and(|sent| {
            // A "stale" answer to it proves nothing any more.
            sent.doubted = true;
            sent.revision == self.revision
        });
        if !exported && !sent {
            self.expect_another(turn);
            self.journal_state(turn);
        }
    }

    /// Whether the draft holds something that the server does not.
    #[must_use]
    pub fn is_exportable(&self) -> bool {
        self.journaled && self.opened && !self.is_discarded()
    }

    /// What the page sees of it in its list of what is not on the server.
    #[must_use]
    pub fn entry(&self, breaker: &Breaker) -> Entry {
        let next_attempt_at = match self.phase {
            Phase::Waiting(until) => Some(until),
            Phase::Held => breaker.until(),
            Phase::Idle | Phase::Calling(_) | Phase::InLine => None,
        };
        let refusal = self.refusal.as_ref();
        let waits = matches!(self.phase, Phase::Waiting(_) | Phase::Held);
        let reason = match &self.ending {
            Some(ending) => Some(ending.state.code()),
            None if self.parked => Some(Queued::Parked.code()),
            None if !self.conflicts.is_empty() => Some("conflict"),
            None if waits => Some(self.why.code()),
            None => refusal.map(|refusal| refusal.code.code()),
        };
        Entry {
            key: self.key().to_owned(),
            status: self.status(),
            edited_at: self.edited_at,
            attempts: self.report.attempts,
            next_attempt_at,
            reason,
            message: refusal.map(|refusal| refusal.message.clone()),
        }
    }

    /// Its leftovers are taken care of.
    pub(in crate::core) fn take_note(&mut self, turn: &mut Turn<'_>) {
        self.journal_settled(turn);
        self.changed(turn);
    }

    /// Brought in from another device: it may have been saved there, and may be yet.
    pub(in crate::core) fn import(&mut self, turn: &mut Turn<'_>) {
        let in_doubt = self.sent.is_some() || self.exported.is_some() || self.ending.is_some();
        if !in_doubt {
            self.expect_another(turn);
        }
        self.journal_state(turn);
        self.changed(turn);
        if self.goes_on() {
            self.phase = Phase::InLine;
        }
    }

    pub(super) fn expect_another(&mut self, turn: &mut Turn<'_>) {
        let (revision, token) = (self.revision, turn.random.name());
        self.exported = Some(Unanswered { revision, token, submit: false, stored: false });
    }

    /// Somebody wants it stored: is it there already, by way of the export?
    pub(super) fn doubt_exported(&mut self, turn: &mut Turn<'_>) {
        let Some(exported) = self.exported.take() else { return };
        if self.key.is_some() && !self.holds_edits_until(exported.revision) {
            return;
        }
        let Some((before, ..)) = self.split(exported.revision, &turn.policy.profile) else {
            return;
        };
        let (body, changed) = self.body(&before, &exported.token, false, turn.policy);
        self.journal_sent(&exported, turn);
        let fate = Fate::InDoubt;
        self.sent = Some(Sent { body, changed, fate, doubted: true, ..Sent::new(exported) });
    }

    /// A copy with the export's token holds all that was exported, a save of mine included that
    /// waits for its answer.
    pub(super) fn meet_exported(&mut self, copy: &Document, policy: &Policy) {
        let Some(sent) = &mut self.sent else { return };
        let token = policy.profile.token_field.as_ref().and_then(|field| copy.field(field));
        let Some(token) = token.and_then(json::text) else { return };
        if let Some(met) = self.exported.take_if(|exported| exported.token == *token) {
            (sent.revision, sent.token, sent.submit) = (met.revision, met.token, false);
            sent.doubted = true;
        }
    }

    /// The edits stand on another base now. Those made since the export cannot be told from the
    /// others any more: all are doubtful, and no copy is taken for mine by its token.
    pub(super) fn rebase_exported(&mut self, turn: &mut Turn<'_>) {
        let older = self.exported.as_ref().is_some_and(|known| known.revision < self.revision);
        if self.edits.is_empty() && self.key.is_some() {
            self.exported = None;
        } else if older {
            self.expect_another(turn);
        }
    }
}
