//! From a wish to save to a call.

use super::*;
use crate::core::call::{Call, CreateCall, UpdateCall};
use crate::core::change::{put, FieldChange};
#[cfg(feature = "planted-defects")]
use crate::core::defect::{self, Defect};
use crate::core::policy::{PARK_DOUBLINGS, PARK_MS_MAX};

impl Draft {
    /// Somebody wants what was edited so far on the server.
    pub(in crate::core) fn request_save(
        &mut self,
        waiter: Waiter,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        self.check_kept()?;
        self.wanted = self.revision;
        self.request(waiter, false, turn);
        Ok(())
    }

    /// Somebody takes it up, parked or not, with all its edits.
    pub(in crate::core) fn retry(
        &mut self,
        waiter: Waiter,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        self.check_kept()?;
        if std::mem::take(&mut self.parked) {
            self.journal_state(turn);
        }
        self.wanted = self.revision;
        self.request(waiter, self.submit.is_some(), turn);
        Ok(())
    }

    /// A new document that was discarded is nothing that could be saved.
    fn check_kept(&self) -> Result<(), Misuse> {
        if self.is_discarded() {
            return Err(Misuse::Ended);
        }
        Ok(())
    }

    /// Somebody wants the document submitted, for the total that the cashier saw.
    pub(in crate::core) fn request_submit(
        &mut self,
        waiter: Waiter,
        expected_total: Option<String>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Misuse> {
        self.check_kept()?;
        self.wanted = self.revision;
        if !self.submitted {
            self.submit = Some(SubmitWish { expected_total });
        }
        self.request(waiter, true, turn);
        Ok(())
    }

    fn request(&mut self, waiter: Waiter, submit: bool, turn: &mut Turn<'_>) {
        self.waiters.push((waiter, self.revision, submit));
        self.asked_at.get_or_insert(turn.now);
        match self.phase {
            // The answer to a try that began before may be out of date.
            Phase::Calling(_) => self.asked_meanwhile |= self.background,
            Phase::InLine => {}
            Phase::Idle | Phase::Waiting(_) | Phase::Held => self.begin_try(turn),
        }
        self.journal_wish(turn);
    }

    /// Starts over, at once: somebody asks.
    pub(in crate::core) fn begin_try(&mut self, turn: &mut Turn<'_>) {
        self.start_over(turn);
        self.phase = Phase::Idle;
        self.advance(turn);
    }

    /// Earlier tries do not count any more.
    pub(super) fn start_over(&mut self, turn: &Turn<'_>) {
        self.started = turn.now;
        self.tries = 0;
        self.forget_rounds();
        self.may_repeat = true;
        self.compared = false;
        self.asked_meanwhile = false;
        self.background = self.waiters.is_empty();
    }

    /// A wait is over.
    pub(in crate::core) fn resume(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        self.may_repeat = true;
        self.compared = false;
        self.advance(turn);
    }

    /// The next step of a save, if one is due.
    pub(in crate::core) fn advance(&mut self, turn: &mut Turn<'_>) {
        if self.phase != Phase::Idle {
            return;
        }
        if !self.opened {
            return self.load(turn);
        }
        if self.ending.is_some() {
            return self.settle_ended(turn);
        }
        if self.is_discarded() && self.sent.is_none() {
            return self.journal_settled(turn);
        }
        if self.parked {
            return self.settle_queued(Queued::Parked, None, turn);
        }
        // A document that was made but never read back shows no stamp to save with, or to tell by
        // whose save it shows.
        let unread = self.key.is_some() && self.stamp.is_none();
        if self.sent.is_none() && self.conflicts.is_empty() && self.wish().is_some() && !unread {
            self.doubt_exported(turn);
        }
        if self.sent.is_some() {
            return self.look(turn);
        }
        if !self.conflicts.is_empty() {
            return self.settle_conflict(turn);
        }
        let unsaved = self.is_unsaved();
        if (self.behind || self.has_heard() || unread) && (unsaved || self.submit.is_some()) {
            return self.load(turn);
        }
        let checks_total = self.submit.as_ref().is_some_and(|wish| wish.expected_total.is_some());
        // What was edited after the wish to submit changes the total too: only a saved document
        // shows the one that can be compared.
        if unsaved || (checks_total && !self.changes.is_empty()) {
            let submit = self.submit.is_some() && !checks_total;
            self.send(submit, turn);
        } else if self.submit.is_some() {
            match self.total_moved(turn) {
                Some(conflict) => {
                    self.conflicts.push(conflict);
                    self.changed(turn);
                    self.settle_conflict(turn);
                }
                None => self.send(true, turn),
            }
        } else {
            self.saved = self.saved.max(self.wanted);
            self.settle_committed(turn);
        }
    }

    /// The saved document's total against the one that the cashier saw.
    fn total_moved(&self, turn: &Turn<'_>) -> Option<Conflict> {
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::TotalUnchecked) {
            return None;
        }
        let expected = self.submit.as_ref()?.expected_total.as_ref()?;
        crate::core::reapply::total_differs(&self.base, expected, &turn.policy.profile)
    }

    /// Sends the document with all edits so far.
    fn send(&mut self, submit: bool, turn: &mut Turn<'_>) {
        if !self.has_slot(turn) {
            return;
        }
        let compares = turn.policy.compare_and_set != CompareAndSet::None;
        if self.key.is_some() && !compares && !self.compared {
            return self.load(turn);
        }
        if self.asks_for_lease(turn) {
            return;
        }
        let token = turn.random.name();
        #[cfg(feature = "planted-defects")]
        let token = if defect::is(Defect::TokenReused) { self.id.clone() } else { token };
        let (body, changed) = self.body(&self.changes, &token, submit, turn.policy);
        let revision = self.revision;
        let entry = Unanswered { revision, token, submit, stored: false };
        if !self.journaled {
            self.journal_state(turn);
        }
        self.journal_sent(&entry, turn);
        self.refusal = None;
        self.sent = Some(Sent { body, changed, since: Some(turn.now), ..Sent::new(entry) });
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::SendBeforeJournal) {
            let entry = turn.out.pop();
            self.call_save(turn);
            return turn.out.extend(entry);
        }
        self.call_save(turn);
    }

    /// Whether a call may be made now; else the draft stands in line for one.
    fn has_slot(&mut self, turn: &Turn<'_>) -> bool {
        if turn.slots == 0 {
            self.phase = Phase::InLine;
            self.compared = false;
        }
        turn.slots > 0
    }

    /// The text to store, and the names of the top-level fields that differ from the base.
    pub(super) fn body(
        &self,
        changes: &Changes,
        token: &str,
        submit: bool,
        policy: &Policy,
    ) -> (Vec<u8>, Vec<String>) {
        let profile = &policy.profile;
        let mut changes = changes.clone();
        if let Some(field) = &profile.token_field {
            put(&mut changes.fields, field, FieldChange::Typed(json::quoted(token)));
        }
        #[cfg(feature = "planted-defects")]
        let profile = &defect::without_create_token(profile);
        if let (None, Some(field)) = (&self.key, &profile.create_token_field) {
            put(&mut changes.fields, field, FieldChange::Typed(json::quoted(&self.id)));
        }
        let lifecycle = profile.lifecycle.as_ref().filter(|_| submit);
        if let Some((lifecycle, value)) = lifecycle.and_then(|l| Some((l, l.submitted.first()?))) {
            put(&mut changes.fields, &lifecycle.field, FieldChange::Typed(value.clone()));
        }
        let mut changed: Vec<String> =
            changes.fields.iter().map(|(name, _)| name.clone()).collect();
        for (rules, table) in profile.tables.iter().zip(&changes.tables) {
            if !table.is_empty() {
                changed.push(rules.name.clone());
            }
        }
        (render(&self.base, &changes, profile, Audience::Server), changed)
    }

    /// Sends what is in `sent`, for the first time or again byte for byte.
    pub(super) fn call_save(&mut self, turn: &mut Turn<'_>) {
        let (fence, is_applied) = (self.fence(), self.is_applied(turn.policy));
        let Some(sent) = &mut self.sent else { return };
        sent.fate = Fate::InFlight;
        sent.at = turn.now;
        sent.fresh = self.compared;
        let sharing = &turn.policy.sharing;
        let parks = sharing.offers.parking && fence.is_none() && sharing.park > Millis(0);
        sent.parks = parks && !is_applied;
        let asked = sharing.park.0 << self.lapses.min(PARK_DOUBLINGS);
        let park = parks.then_some(Millis(asked.min(PARK_MS_MAX)));
        let call = match &self.key {
            None => {
                Call::Create(CreateCall { document: sent.body.clone(), token: self.id.clone() })
            }
            Some(key) => Call::Update(UpdateCall {
                key: key.clone(),
                document: sent.body.clone(),
                changed: sent.changed.clone(),
                stamp: self.stamp.clone().unwrap_or(Stamp(String::new())),
                token: sent.token.clone(),
                submit: sent.submit,
                fence,
                park,
            }),
        };
        let applied = self.sent.as_ref().filter(|_| is_applied).and_then(|it| self.apply_call(it));
        let call = applied.unwrap_or(call);
        #[cfg(feature = "planted-defects")]
        let call = defect::without_stamp(call);
        self.compared = false;
        self.contended = false;
        self.report.attempts += 1;
        self.log(Step::SaveSent(self.report.attempts), turn);
        self.call(call, turn);
        #[cfg(feature = "planted-defects")]
        if defect::is(Defect::SettledTooEarly) {
            self.journal_settled(turn);
        }
        self.changed(turn);
    }

    pub(super) fn call(&mut self, call: Call, turn: &mut Turn<'_>) {
        *turn.next_call += 1;
        let id = CallId(*turn.next_call);
        self.phase = Phase::Calling(id);
        turn.slots = turn.slots.saturating_sub(1);
        turn.out.push(Effect::Call { id, call });
    }

    /// Asks for the newest copy, unless it was told.
    pub(super) fn load(&mut self, turn: &mut Turn<'_>) {
        if self.take_heard(turn) {
            return;
        }
        let Some(key) = self.key.clone() else { return };
        if !self.has_slot(turn) {
            return;
        }
        self.log(Step::LoadSent, turn);
        self.ask_for_heard();
        self.call(Call::Load { key }, turn);
    }

    /// After a save without a clear answer: is it there?
    pub(super) fn look(&mut self, turn: &mut Turn<'_>) {
        let is_wanted = self.sent.as_ref().is_some_and(|sent| !sent.given_up);
        let asks_by_sending =
            is_wanted && (self.is_applied(turn.policy) || self.is_replayed(turn.policy));
        if self.key.is_some() && !asks_by_sending {
            return self.load(turn);
        }
        if !self.has_slot(turn) {
            return;
        }
        if asks_by_sending {
            // The server knows the token: the same again is the question.
            return self.call_save(turn);
        }
        let field = turn.policy.profile.create_token_field.clone();
        match (turn.policy.token, field) {
            (TokenSupport::Field, Some(field)) if turn.policy.can_find => {
                self.log(Step::LoadSent, turn);
                self.call(Call::Find { field, value: self.id.clone() }, turn);
            }
            // To ask would be to create it.
            _ if self.is_discarded() => {
                self.sent = None;
                self.tell(Told::Discarded { stored: false }, turn);
                self.advance(turn);
            }
            // The server knows the token: the same create again is the question.
            (TokenSupport::Native, _) => self.call_save(turn),
            (TokenSupport::Field | TokenSupport::None, _) => {
                // Nothing tells whether it was stored: a second copy is a person's decision.
                self.sent = None;
                let mut conflict = Conflict::new(edit::DOCUMENT.to_owned(), Reason::AnswerLost);
                conflict.mine = Some(self.text(turn.policy));
                self.conflicts.push(conflict);
                self.journal_state(turn);
                self.changed(turn);
                self.settle_conflict(turn);
            }
        }
    }
}
