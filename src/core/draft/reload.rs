//! The newest copy is here: whose is it, and what of mine goes on top?

use super::*;
#[cfg(feature = "planted-defects")]
use crate::core::defect::{self, Defect};
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
        self.meet_exported(&copy, turn.policy);
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
                    if unchanged && state.is_none() {
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
            // Where nobody compares stamps this look is the one before the save, after that wait.
            let compares = turn.policy.compare_and_set != CompareAndSet::None;
            if self.rounds > 0 && (compares || !std::mem::take(&mut self.may_repeat)) {
                // Refused as stale, and yet nothing is newer: a weak validator. Give it time.
                self.retry_later(None, Queued::Busy, turn);
            } else {
                self.advance(turn);
            }
            return;
        }
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::RetryWithoutReload) {
            self.leave_stamp(&stamp);
            self.stamp = Some(stamp);
            return self.advance(turn);
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
        let doubtful = self.sent.take().map(|sent| sent.revision);
        let doubtful = doubtful.max(self.doubted_until());
        let doubtful = doubtful.filter(|revision| self.holds_edits_until(*revision));
        if let Some((before, foundation, later)) =
            doubtful.and_then(|revision| self.split(revision, profile))
        {
            let doubt = self.doubt_of(&foundation);
            return merge::merge_in_doubt(&self.base, &before, doubt, &later, copy, profile);
        }
        let (base, mine) = (&self.base, &self.changes);
        let mut merged = merge::merge_incoming(base, mine, copy, incoming, profile, None);
        merged.name_places(incoming, profile);
        merged
    }

    /// What was changed up to a revision, the document that this leads to, and what was changed
    /// since.
    pub(super) fn split(
        &self,
        revision: Revision,
        profile: &Profile,
    ) -> Option<(Changes, Document, Changes)> {
        split(&self.base, &self.edits, revision, profile)
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
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::UnknownStampAccepted) {
            return true;
        }
        let closed = ended(&Document::default(), Some(copy), profile) == Some(State::Submitted);
        if sent.submit && profile.lifecycle.is_some() && !closed {
            return false;
        }
        if !stamp.0.is_empty() && sent.told.as_ref() == Some(stamp) {
            return true;
        }
        if profile.token_field.is_some() {
            // Content like mine under another token, or under none, proves nothing: others may
            // have made the same steps.
            return holds(&profile.token_field, &sent.token);
        }
        let document = Document::parse(sent.body.clone(), profile);
        document.is_ok_and(|document| merge::is_saved(&document, copy, profile))
    }

    /// Whether a create that was sent again has been made with more than it says: by a page that is
    /// gone, or on another device.
    fn holds_more(&self, sent: &Sent, copy: &Document, profile: &Profile) -> bool {
        let document = || Document::parse(sent.body.clone(), profile);
        let is_same = || document().is_ok_and(|sent| merge::is_saved(&sent, copy, profile));
        self.stamp.is_none() && sent.doubted && !is_same()
    }

    /// A save without a clear answer turns out to be stored.
    fn recognise(&mut self, copy: Document, stamp: Stamp, turn: &mut Turn<'_>) {
        if let Some(sent) = self.sent.as_ref().filter(|sent| sent.doubted) {
            self.report.echoed = true;
            self.log(Step::Echoed, turn);
            let token = Some(sent.token.clone());
            self.tell(Told::Merge(Notice::AlreadySaved { token }), turn);
        }
        // The copy is just what I sent: nobody saved after me. That it carries my token does not
        // say so, for clients that know no tokens leave it there.
        let profile = &turn.policy.profile;
        let last = self.sent.as_ref().is_some_and(|sent| {
            let is_it = |text: Document| merge::is_saved(&text, &copy, profile);
            sent.told.as_ref() == Some(&stamp) && !stamp.0.is_empty()
                || Document::parse(sent.body.clone(), profile).is_ok_and(is_it)
        });
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
        let others = others || self.holds_more(&sent, &copy, &turn.policy.profile);
        // No other save is on its way for a copy that this one has replaced.
        self.doubted.take_if(|_| !sent.doubted);
        if self.lease.is_none() {
            self.note_rate(self.rounds == 0, false, turn);
        }
        self.use_lease_up(turn);
        self.applies_here = false;
        let profile = &turn.policy.profile;
        self.saved = self.saved.max(sent.revision);
        self.tries = 0;
        self.forget_rounds();
        self.behind = false;
        self.background = false;
        let state = ended(&Document::default(), Some(&copy), profile);
        // Not every server lets a document begin its life submitted: then it is submitted next.
        let is_new = self.stamp.is_none() && profile.lifecycle.is_some();
        if self.is_discarded() {
            self.submitted = false;
            self.tell(Told::Discarded { stored: true }, turn);
        }
        if sent.submit && (!is_new || state == Some(State::Submitted)) {
            self.submit = None;
            self.submitted = true;
        }
        let split = self.split(sent.revision, profile);
        self.edits.retain(|edit| edit.revision > sent.revision);
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::LaterEditsForgotten) {
            self.edits.clear();
        }
        self.log(Step::Committed, turn);
        // A create that is sent again may be answered with what a page that is gone made of it.
        let others = others || self.doubted().is_some();
        let moved = if others { None } else { applied(&self.edits, &copy, profile) };
        match (state, moved, split) {
            // By my own submit, or elsewhere before my save was read back. What was edited
            // meanwhile is left over.
            (Some(state), _, Some((_, foundation, later)))
                if !later.is_empty() || self.submit.is_some() =>
            {
                self.base = foundation;
                self.changes = later;
                self.leave_stamp(&stamp);
                self.stamp = Some(stamp);
                self.settle_committed(turn);
                return self.end(state, Some(&copy), turn);
            }
            (_, None, Some((_, foundation, later))) => {
                let merged = self.lay_later(&foundation, &later, &copy, profile);
                let wanted = self.wanted;
                self.rebase(copy, stamp, merged, turn);
                if wanted <= self.saved {
                    self.wanted = self.saved;
                }
            }
            (_, moved, _) => {
                // What the server computed for my own save is nobody's news.
                self.changes = moved.unwrap_or_else(|| Changes::none(profile));
                self.base = copy;
                self.leave_stamp(&stamp);
                self.stamp = Some(stamp);
                self.compared = true;
            }
        }
        self.doubted = self.doubted();
        self.submitted |= state.is_some();
        if self.changes.is_empty() && self.conflicts.is_empty() && self.submit.is_none() {
            self.parked = false;
            self.exported = None;
            self.journal_settled(turn);
        } else {
            self.journal_state(turn);
        }
        self.changed(turn);
        self.settle_committed(turn);
        self.advance(turn);
    }

    /// What was changed since a save that is stored, on a copy that others changed too: whoever
    /// imported it, or led before, may have been among them.
    fn lay_later(
        &self,
        foundation: &Document,
        later: &Changes,
        copy: &Document,
        profile: &Profile,
    ) -> Merge {
        let parts = self.doubted_until();
        let parts = parts.and_then(|until| split(foundation, &self.edits, until, profile));
        match parts {
            Some((before, sent, later)) => {
                let doubt = self.doubt_of(&sent);
                merge::merge_in_doubt(foundation, &before, doubt, &later, copy, profile)
            }
            None => merge::merge(foundation, later, copy, profile, None),
        }
    }

    /// The copy is the new base; what the merge says is left of mine are the edits now.
    fn rebase(&mut self, copy: Document, stamp: Stamp, merged: Merge, turn: &mut Turn<'_>) {
        self.base = copy;
        self.leave_stamp(&stamp);
        self.stamp = Some(stamp);
        self.compared = true;
        self.move_doubt();
        let ops = merged.pending.to_ops(&turn.policy.profile);
        if self.wanted > self.saved {
            self.wanted = self.revision;
        }
        self.edits = ops.into_iter().map(|op| Edit { revision: self.revision, op }).collect();
        self.rebase_exported(turn);
        self.changes = merged.pending;
        self.conflicts.extend(merged.conflicts);
        let by = merge::saved_by(&self.base, &turn.policy.profile);
        self.log(Step::Merged(merged.incoming.clone(), merged.reapplied.clone(), by), turn);
        if !merged.incoming.is_empty() {
            self.tell(Told::Merged(merged.incoming.clone()), turn);
        }
        for notice in merged.notices {
            self.tell(Told::Merge(notice), turn);
        }
        if merged.needs_reprice && !merged.incoming.is_empty() {
            self.tell(Told::NeedsReprice, turn);
        }
        self.report.incoming.extend(merged.incoming);
        self.report.reapplied.extend(merged.reapplied);
    }

    /// Journal, tell, and go on: at once, or in its turn where others save all the time.
    fn after_merge(&mut self, turn: &mut Turn<'_>) {
        if self.is_dirty() || !self.conflicts.is_empty() || self.submit.is_some() {
            self.journal_state(turn);
        } else {
            self.journal_settled(turn);
        }
        self.changed(turn);
        if !self.conflicts.is_empty() {
            self.log(Step::Asked(self.conflicts.len()), turn);
            return self.settle_conflict(turn);
        }
        if !self.changes.is_empty() || self.submit.is_some() {
            if self.waits_as_told(turn) {
                return;
            }
            if self.contended {
                return self.wait_for_turn(turn);
            }
        }
        self.advance(turn);
    }

    /// The document ended elsewhere: what is left of mine is kept.
    pub(super) fn end(&mut self, state: State, copy: Option<&Document>, turn: &mut Turn<'_>) {
        if self.is_discarded() {
            self.sent = None;
            return self.advance(turn);
        }
        let ending = self.what_is_left(state, copy, &turn.policy.profile);
        #[cfg(feature = "planted-defects")]
        let ending = match defect::is(Defect::LeftoverLost) {
            true => Ending { leftover: Vec::new(), ..ending },
            false => ending,
        };
        self.log(Step::Ended, turn);
        self.sent = None;
        self.exported = None;
        self.doubted = None;
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

    /// What was edited since a save without an answer is certainly not in the copy; of several by a
    /// page that is gone nobody knows the last.
    fn what_is_left(&self, state: State, copy: Option<&Document>, profile: &Profile) -> Ending {
        // Then all steps are left over, also on rows that are there.
        let inserts = |edit: &Edit| matches!(edit.op, Op::Insert { .. });
        let parts = match (&self.doubted, &self.sent) {
            (Some(_), _) => split_by(&self.base, &self.edits, inserts, profile),
            (None, Some(sent)) => self.split(sent.revision, profile),
            (None, None) => None,
        };
        let since = parts.as_ref().map(|(_, foundation, later)| (foundation, later));
        leftover_of(&self.base, &self.changes, since, copy, state, profile)
    }
}

/// The edits up to a revision, the document that they lead to, and the edits since, against that.
fn split(
    base: &Document,
    edits: &[Edit],
    revision: Revision,
    profile: &Profile,
) -> Option<(Changes, Document, Changes)> {
    split_by(base, edits, |edit| edit.revision <= revision, profile)
}

fn split_by(
    base: &Document,
    edits: &[Edit],
    is_before: impl Fn(&Edit) -> bool,
    profile: &Profile,
) -> Option<(Changes, Document, Changes)> {
    let (mut before, mut later) = (Changes::none(profile), Changes::none(profile));
    for edit in edits.iter().filter(|edit| is_before(edit)) {
        let _ = before.apply(&edit.op, base, profile);
    }
    let text = render(base, &before, profile, Audience::Page);
    let foundation = Document::parse(text, profile).ok()?;
    for edit in edits.iter().filter(|edit| !is_before(edit)) {
        let _ = later.apply(&edit.op, &foundation, profile);
    }
    Some((before, foundation, later))
}

/// The edits on another base, if all of them can be made there.
fn applied(edits: &[Edit], base: &Document, profile: &Profile) -> Option<Changes> {
    let mut changes = Changes::none(profile);
    edits.iter().all(|edit| changes.apply(&edit.op, base, profile).is_ok()).then_some(changes)
}
