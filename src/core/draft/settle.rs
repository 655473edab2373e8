//! Waiting, giving up waiting, and answering those who wait.

use super::*;
use crate::core::retry::Kind;

impl Draft {
    /// Not now: again after a while, by the schedule of somebody who waits, then of the outbox.
    pub(super) fn retry_later(
        &mut self,
        retry_after: Option<Millis>,
        why: Queued,
        turn: &mut Turn<'_>,
    ) {
        self.tries += 1;
        let bits = turn.random.bits();
        let wish = retry_after.map(|wait| wait.0);
        let interactive = turn.policy.schedule.decide(
            self.tries,
            self.started,
            turn.now,
            bits,
            self.previous_ms,
            wish,
        );
        let until = match interactive {
            Retry::At(until) if !self.background => until,
            Retry::At(_) | Retry::GiveUp => {
                if !self.opened {
                    return self.not_opened(NotOpened::Unavailable, turn);
                }
                let tries = if self.background { self.tries + 1 } else { 2 };
                if !self.background {
                    self.background = true;
                    self.tries = 1;
                }
                let background = turn.policy.background;
                let wait = background.delay(tries, bits, self.previous_ms, wish);
                turn.now.plus(Millis(wait))
            }
        };
        self.previous_ms = Some(until.since(turn.now).0);
        self.wait(until, turn);
        // Offline is noticed at once: nobody is made to wait for a network that is not there.
        if self.opened && (self.background || why == Queued::Offline) {
            self.background = true;
            self.settle_queued(why, Some(until), turn);
        }
    }

    /// The save in doubt is not stored so far: the same again, at once or after a wait; or, if it
    /// was given up, what is to be saved now.
    pub(super) fn try_again(&mut self, turn: &mut Turn<'_>) {
        if self.sent.as_ref().is_some_and(|sent| sent.given_up) {
            self.sent = None;
            return self.advance(turn);
        }
        if std::mem::take(&mut self.may_repeat) {
            return self.call_save(turn);
        }
        self.retry_later(None, Queued::Busy, turn);
    }

    /// Others save all the time: it waits by the schedule for that, then begins with the newest
    /// copy. After some rounds those who wait are told; the save goes on.
    pub(super) fn wait_for_turn(&mut self, turn: &mut Turn<'_>) {
        self.contended = false;
        self.turns += 1;
        let schedule = turn.policy.contention;
        let before = match schedule.kind {
            Kind::Proportional => Some(turn.now.since(self.contended_since).0),
            Kind::Fixed | Kind::Exponential | Kind::FullJitter | Kind::Decorrelated => {
                self.previous_ms
            }
        };
        let wait = schedule.delay(self.turns + 1, turn.random.bits(), before, None);
        self.previous_ms = Some(wait);
        let until = turn.now.plus(Millis(wait));
        self.wait(until, turn);
        if self.rounds >= ROUNDS_WAITED_MAX {
            self.settle_queued(Queued::Busy, Some(until), turn);
        }
    }

    /// The next stale answer is the first again.
    pub(super) fn forget_rounds(&mut self) {
        self.rounds = 0;
        self.turns = 0;
        self.contended = false;
        self.previous_ms = None;
    }

    pub(super) fn wait(&mut self, until: Millis, turn: &mut Turn<'_>) {
        self.phase = Phase::Waiting(until);
        self.log(Step::Waiting(until), turn);
        self.changed(turn);
    }

    pub(super) fn sign_out(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::SignedOut;
        self.log(Step::SignedOut, turn);
        self.changed(turn);
        self.settle_queued(Queued::SignedOut, None, turn);
    }

    /// Answers those whose edits (or submit) are done.
    pub(super) fn settle_committed(&mut self, turn: &mut Turn<'_>) {
        let (done, waiting) =
            std::mem::take(&mut self.waiters).into_iter().partition(|(_, revision, submit)| {
                *revision <= self.saved && !(*submit && self.submit.is_some())
            });
        self.waiters = waiting;
        let outcome = Outcome::Committed {
            stamp: self.stamp.clone(),
            attempts: self.report.attempts,
            incoming: self.report.incoming.clone(),
            reapplied: self.report.reapplied.clone(),
            echoed: self.report.echoed,
        };
        self.answer(done, &outcome, turn);
        if self.waiters.is_empty() {
            self.report = Report::default();
        }
    }

    pub(super) fn settle_conflict(&mut self, turn: &mut Turn<'_>) {
        let outcome = Outcome::Conflict(self.conflicts.clone());
        self.settle_all(&outcome, turn);
    }

    pub(super) fn settle_queued(
        &mut self,
        why: Queued,
        next_attempt_at: Option<Millis>,
        turn: &mut Turn<'_>,
    ) {
        self.settle_all(&Outcome::Queued { why, next_attempt_at }, turn);
    }

    pub(super) fn settle_ended(&mut self, turn: &mut Turn<'_>) {
        if let Some(ending) = self.ending.clone() {
            self.settle_all(&Outcome::Ended(ending), turn);
        }
    }

    pub(super) fn settle_all(&mut self, outcome: &Outcome, turn: &mut Turn<'_>) {
        let waiting = std::mem::take(&mut self.waiters);
        self.answer(waiting, outcome, turn);
    }

    fn answer(
        &self,
        waiters: Vec<(Waiter, Revision, bool)>,
        outcome: &Outcome,
        turn: &mut Turn<'_>,
    ) {
        for (waiter, ..) in waiters {
            let (draft, outcome) = (self.number, outcome.clone());
            turn.out.push(Effect::Settle { waiter, draft, outcome });
        }
    }
}
