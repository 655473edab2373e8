//! The newest copy is here: whose is it, and what of mine goes on top?

use super::*;
use crate::core::diff::Difference;
use crate::core::profile::Profile;

impl Draft {
    /// Takes the newest copy; `incoming` is its difference to the base.
    pub(super) fn on_newest(
        &mut self,
        copy: Document,
        incoming: &Difference,
        stamp: Stamp,
        turn: &mut Turn<'_>,
    ) {
        self.behind = false;
        let state = ended(&self.base, Some(&copy), &turn.policy.profile);
        let unchanged = self.is_unchanged(&copy, &stamp, turn.policy);
        // A copy of another document under my key says nothing about my save.
        let sent = self.sent.as_ref().filter(|_| state != Some(State::Replaced));
        if let Some(sent) = sent {
            match &sent.fate {
                Fate::Stored(Some(stored)) if unchanged && *stored != stamp => {
                    // A copy from before my save, from a server that lags behind.
                    return self.retry_later(None, Queued::Busy, turn);
                }
                Fate::Stored(stored) => {
                    let others = stored.as_ref() != Some(&stamp);
                    return self.acknowledge(copy, stamp, others, turn);
                }
                Fate::InDoubt | Fate::InFlight => {
                    if self.is_mine(sent, &copy, &stamp, unchanged, turn.policy) {
                        return self.recognise(copy, stamp, turn);
                    }
                    if self.stamp.is_none() {
                        // Under a key that a server told for my unique value lies another's.
                        self.key = None;
                        let taken = Rejection::invalid("A unique value is taken.");
                        return self.on_rejected(taken, turn);
                    }
                    if unchanged {
                        // Not applied so far. The same bytes with the same stamp may go out
                        // again: whichever arrives first is stored, the other is stale.
                        return self.try_again(turn);
                    }
                }
            }
        }
        if let Some(state) = state {
            return self.end(state, Some(&copy), turn);
        }
        if unchanged {
            self.compared = true;
            if self.rounds > 0 {
                // Refused as stale, and yet nothing is newer: a weak validator. Give it time.
                self.retry_later(None, Queued::Busy, turn);
            } else {
                self.advance(turn);
            }
            return;
        }
        let merged = self.merge_with(&copy, incoming, turn.policy);
        self.rebase(copy, stamp, merged, turn);
        self.after_merge(turn);
    }

    /// Whether the copy is still the base. Where there are no stamps its content tells.
    fn is_unchanged(&self, copy: &Document, stamp: &Stamp, policy: &Policy) -> bool {
        self.stamp.as_ref() == Some(stamp)
            && (!stamp.0.is_empty() || merge::is_saved(&self.base, copy, &policy.profile))
    }

    /// A newer stamp: a save in doubt can never be stored any more, but it may have been.
    fn merge_with(&mut self, copy: &Document, incoming: &Difference, policy: &Policy) -> Merge {
        let profile = &policy.profile;
        let sent = self.sent.take().filter(|sent| self.holds_edits_of(sent));
        if let Some((before, foundation, later)) = sent.and_then(|sent| self.split(&sent, profile))
        {
            return merge::merge_in_doubt(&self.base, &before, &foundation, &later, copy, profile);
        }
        let (base, mine) = (&self.base, &self.changes);
        let mut merged = merge::merge_incoming(base, mine, copy, incoming, profile, None);
        merged.name_places(incoming, profile);
        merged
    }

    /// What was in a save, the document that it was to lead to, and what was changed since.
    fn split(&self, sent: &Sent, profile: &Profile) -> Option<(Changes, Document, Changes)> {
        let (mut before, mut later) = (Changes::none(profile), Changes::none(profile));
        for edit in self.edits.iter().filter(|edit| edit.revision <= sent.revision) {
            let _ = before.apply(&edit.op, &self.base, profile);
        }
        let text = render(&self.base, &before, profile, Audience::Page);
        let foundation = Document::parse(text, profile).ok()?;
        for edit in self.edits.iter().filter(|edit| edit.revision > sent.revision) {
            let _ = later.apply(&edit.op, &foundation, profile);
        }
        Some((before, foundation, later))
    }

    /// Whether the copy is what I sent: by the stamp that I was told, by the token that it
    /// carries, else by its content.
    fn is_mine(
        &self,
        sent: &Sent,
        copy: &Document,
        stamp: &Stamp,
        unchanged: bool,
        policy: &Policy,
    ) -> bool {
        let profile = &policy.profile;
        let holds = |field: &Option<String>, token: &str| {
            let value = field.as_ref().and_then(|field| copy.field(field));
            value.and_then(json::text).as_deref() == Some(token)
        };
        if self.stamp.is_none() {
            // A server that keeps tokens itself names no other document for mine.
            let native = policy.token == TokenSupport::Native;
            if native || profile.create_token_field.is_some() {
                return native || holds(&profile.create_token_field, &self.id);
            }
        }
        if unchanged && !stamp.0.is_empty() {
            return false; // every save moves the stamp
        }
        let closed = ended(&Document::default(), Some(copy), profile) == Some(State::Submitted);
        if sent.submit && profile.lifecycle.is_some() && !closed {
            return false;
        }
        if !stamp.0.is_empty() && sent.told.as_ref() == Some(stamp) {
            return true;
        }
        let token = profile.token_field.as_ref().and_then(|field| copy.field(field));
        if !crate::core::amount::is_empty(token) {
            // Another save's token: that its content is like mine proves nothing.
            return holds(&profile.token_field, &sent.token);
        }
        let document = Document::parse(sent.body.clone(), profile);
        document.is_ok_and(|document| merge::is_saved(&document, copy, profile))
    }

    /// A save without a clear answer turns out to be stored.
    fn recognise(&mut self, copy: Document, stamp: Stamp, turn: &mut Turn<'_>) {
        if let Some(sent) = self.sent.as_ref().filter(|sent| sent.doubted) {
            self.report.echoed = true;
            self.log(Step::Echoed, turn);
            let token = Some(sent.token.clone());
            self.tell(Told::Merge(Notice::AlreadySaved { token }), turn);
        }
        // The token of my save is the last one: nobody saved after me.
        let field = turn.policy.profile.token_field.as_ref();
        let token = field.and_then(|field| copy.field(field)).and_then(json::text);
        let last = self.sent.as_ref().is_some_and(|sent| token.as_deref() == Some(&*sent.token));
        self.acknowledge(copy, stamp, !last, turn);
    }

    /// What was sent is stored, and `copy` is the server's copy of it (`others`: or a later one).
    pub(super) fn acknowledge(
        &mut self,
        copy: Document,
        stamp: Stamp,
        others: bool,
        turn: &mut Turn<'_>,
    ) {
        let Some(sent) = self.sent.take() else { return };
        let profile = &turn.policy.profile;
        self.saved = self.saved.max(sent.revision);
        self.tries = 0;
        self.forget_rounds();
        self.behind = false;
        self.background = false;
        if sent.submit {
            self.submit = None;
            self.submitted = true;
        }
        let split = self.split(&sent, profile);
        self.edits.retain(|edit| edit.revision > sent.revision);
        self.log(Step::Committed, turn);
        let moved = if others { None } else { applied(&self.edits, &copy, profile) };
        match (moved, split) {
            (None, Some((_, foundation, later))) => {
                let merged = merge::merge(&foundation, &later, &copy, profile, None);
                let wanted = self.wanted;
                self.rebase(copy, stamp, merged, turn);
                if wanted <= self.saved {
                    self.wanted = self.saved;
                }
            }
            (moved, _) => {
                // What the server computed for my own save is nobody's news.
                self.changes = moved.unwrap_or_else(|| Changes::none(profile));
                self.base = copy;
                self.stamp = Some(stamp);
                self.compared = true;
            }
        }
        if self.changes.is_empty() && self.conflicts.is_empty() && self.submit.is_none() {
            self.journal_settled(turn);
        } else {
            self.journal_state(turn);
        }
        self.changed(turn);
        self.settle_committed(turn);
        self.after_commit(sent.submit, turn);
    }

    /// It goes on, unless the document ended elsewhere before my save was read back.
    fn after_commit(&mut self, submitted: bool, turn: &mut Turn<'_>) {
        let state = ended(&Document::default(), Some(&self.base), &turn.policy.profile);
        let Some(state) = state.filter(|_| !submitted) else { return self.advance(turn) };
        if self.changes.is_empty() && self.submit.is_none() {
            self.submitted = true;
            return self.changed(turn);
        }
        let copy = self.base.clone();
        self.end(state, Some(&copy), turn);
    }

    /// The copy is the new base; what the merge says is left of mine are the edits now.
    fn rebase(&mut self, copy: Document, stamp: Stamp, merged: Merge, turn: &mut Turn<'_>) {
        self.base = copy;
        self.stamp = Some(stamp);
        self.compared = true;
        let ops = merged.pending.to_ops(&turn.policy.profile);
        if self.wanted > self.saved {
            self.wanted = self.revision;
        }
        self.edits = ops.into_iter().map(|op| Edit { revision: self.revision, op }).collect();
        self.changes = merged.pending;
        self.conflicts.extend(merged.conflicts);
        let counts = (merged.incoming.len(), merged.reapplied.len());
        self.log(Step::Merged(counts.0, counts.1), turn);
        if !merged.incoming.is_empty() {
            self.tell(Told::Merged(merged.incoming.clone()), turn);
        }
        for notice in merged.notices {
            self.tell(Told::Merge(notice), turn);
        }
        if merged.needs_reprice && counts.0 > 0 {
            self.tell(Told::NeedsReprice, turn);
        }
        self.report.incoming.extend(merged.incoming);
        self.report.reapplied.extend(merged.reapplied);
    }

    /// Journal, tell, and go on: at once, or in its turn where others save all the time.
    fn after_merge(&mut self, turn: &mut Turn<'_>) {
        if self.is_dirty() || !self.conflicts.is_empty() {
            self.journal_state(turn);
        } else {
            self.journal_settled(turn);
        }
        self.changed(turn);
        if !self.conflicts.is_empty() {
            self.log(Step::Asked(self.conflicts.len()), turn);
            return self.settle_conflict(turn);
        }
        if self.contended && (!self.changes.is_empty() || self.submit.is_some()) {
            return self.wait_for_turn(turn);
        }
        self.advance(turn);
    }

    /// The document ended elsewhere: what is left of mine is kept.
    pub(super) fn end(&mut self, state: State, copy: Option<&Document>, turn: &mut Turn<'_>) {
        let profile = &turn.policy.profile;
        let ending = leftover_of(&self.base, &self.changes, copy, state, profile);
        self.log(Step::Ended, turn);
        self.sent = None;
        self.submit = None;
        self.conflicts.clear();
        self.phase = Phase::Idle;
        let done = ending.already_done;
        self.ending = Some(ending);
        if done {
            self.journal_settled(turn);
        } else {
            self.journal_state(turn);
        }
        self.changed(turn);
        self.settle_ended(turn);
    }
}

/// The edits on another base, if all of them can be made there.
fn applied(edits: &[Edit], base: &Document, profile: &Profile) -> Option<Changes> {
    let mut changes = Changes::none(profile);
    edits.iter().all(|edit| changes.apply(&edit.op, base, profile).is_ok()).then_some(changes)
}
