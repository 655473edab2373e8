//! The newest copy is here: whose is it, and what of mine goes on top?

use super::*;

impl Draft {
    /// Takes the newest copy.
    pub(super) fn on_newest(&mut self, copy: Document, stamp: Stamp, turn: &mut Turn<'_>) {
        let unchanged = self.stamp.as_ref() == Some(&stamp);
        if let Some(sent) = &self.sent {
            match &sent.fate {
                Fate::Stored(stored) => {
                    let others = stored.as_ref().is_some_and(|stored| *stored != stamp);
                    return self.acknowledge(copy, stamp, others, turn);
                }
                Fate::InDoubt | Fate::InFlight if unchanged => {
                    // Not applied so far. The same bytes with the same stamp may go out again:
                    // whichever arrives first is stored, the other is stale.
                    return self.try_again(turn);
                }
                Fate::InDoubt | Fate::InFlight => {
                    if self.is_mine(sent, &copy, turn.policy) {
                        self.report.echoed |= sent.doubted;
                        if sent.doubted {
                            self.log(Step::Echoed, turn);
                            let token = Some(sent.token.clone());
                            let notice = Notice::AlreadySaved { token };
                            self.tell(Told::Merge(notice), turn);
                        }
                        return self.acknowledge(copy, stamp, true, turn);
                    }
                }
            }
        }
        if let Some(state) = ended(&self.base, Some(&copy), &turn.policy.profile) {
            return self.end(state, Some(&copy), turn);
        }
        if unchanged && self.sent.is_none() {
            self.compared = true;
            if self.rounds > 0 {
                // Refused as stale, and yet nothing is newer: a weak validator. Give it time.
                self.retry_later(None, Queued::Busy, turn);
            } else {
                self.advance(turn);
            }
            return;
        }
        // A newer stamp: the save in doubt can never be stored any more.
        let sent = self.sent.take();
        let sent = sent.and_then(|sent| Document::parse(sent.body, &turn.policy.profile).ok());
        let doubt = sent.as_ref().map(|sent| Doubt { sent });
        let merged = merge::merge(&self.base, &self.changes, &copy, &turn.policy.profile, doubt);
        self.rebase(copy, stamp, merged, turn);
        self.after_merge(turn);
    }

    /// Whether the copy is what I sent: by the token that it carries, else by its content.
    fn is_mine(&self, sent: &Sent, copy: &Document, policy: &Policy) -> bool {
        let profile = &policy.profile;
        let holds = |field: &Option<String>, token: &str| {
            let value = field.as_ref().and_then(|field| copy.field(field));
            value.and_then(json::text).as_deref() == Some(token)
        };
        if self.stamp.is_none() && holds(&profile.create_token_field, &self.id) {
            return true;
        }
        let closed = ended(&Document::default(), Some(copy), profile) == Some(State::Submitted);
        if sent.submit && profile.lifecycle.is_some() && !closed {
            return false;
        }
        let same = |body: &[u8]| {
            let document = Document::parse(body.to_vec(), profile);
            document.is_ok_and(|document| merge::is_saved(&document, copy, profile))
        };
        holds(&profile.token_field, &sent.token) || same(&sent.body)
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
        self.rounds = 0;
        self.background = false;
        if sent.submit {
            self.submit = None;
            self.submitted = true;
        }
        self.edits.retain(|edit| edit.revision > sent.revision);
        self.log(Step::Committed, turn);
        let foundation = Document::parse(sent.body, profile);
        match foundation {
            Ok(foundation) if others || !self.edits.is_empty() => {
                let mut later = Changes::none(profile);
                for edit in &self.edits {
                    let _ = later.apply(&edit.op, &foundation, profile);
                }
                let merged = merge::merge(&foundation, &later, &copy, profile, None);
                let wanted = self.wanted;
                self.rebase(copy, stamp, merged, turn);
                if wanted <= self.saved {
                    self.wanted = self.saved;
                }
                if !others {
                    // What the server computed for my own save is nobody's news.
                    self.report.incoming.clear();
                }
            }
            Ok(_) | Err(_) => {
                self.base = copy;
                self.stamp = Some(stamp);
                self.changes = Changes::none(profile);
            }
        }
        if self.changes.is_empty() && self.conflicts.is_empty() {
            self.journal_settled(turn);
        } else {
            self.journal_state(turn);
        }
        self.changed(turn);
        self.settle_committed(turn);
        self.advance(turn);
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

    /// Journal, tell, and go on: at once after the first conflict, then with jitter.
    fn after_merge(&mut self, turn: &mut Turn<'_>) {
        self.journal_state(turn);
        self.changed(turn);
        if !self.conflicts.is_empty() {
            self.log(Step::Asked(self.conflicts.len()), turn);
            return self.settle_conflict(turn);
        }
        if self.rounds < 2 || (self.changes.is_empty() && self.submit.is_none()) {
            return self.advance(turn);
        }
        let schedule = turn.policy.schedule;
        let random = turn.random.bits();
        let wait = schedule.delay(self.rounds, random, self.previous_ms, None);
        self.previous_ms = Some(wait);
        let until = turn.now.plus(Millis(wait));
        self.wait(until, turn);
        if self.rounds >= ROUNDS_WAITED_MAX {
            self.settle_queued(Queued::Busy, Some(until), turn);
        }
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
