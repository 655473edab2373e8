//! Answering those who wait.

use super::*;

impl Draft {
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
        if self.wish().is_none() && self.sent.is_none() {
            self.asked_at = None;
            self.conclude(&outcome, turn);
        }
        if self.waiters.is_empty() {
            self.report = Report::default();
        }
    }

    pub(super) fn settle_conflict(&mut self, turn: &mut Turn<'_>) {
        let outcome = Outcome::Conflict(self.conflicts.clone());
        self.settle_all(&outcome, turn);
        self.conclude(&outcome, turn);
    }

    pub(super) fn settle_queued(
        &mut self,
        why: Queued,
        next_attempt_at: Option<Millis>,
        turn: &mut Turn<'_>,
    ) {
        self.owes |= !self.waiters.is_empty();
        self.settle_all(&Outcome::Queued { why, next_attempt_at }, turn);
    }

    pub(super) fn settle_ended(&mut self, turn: &mut Turn<'_>) {
        if let Some(ending) = self.ending.clone() {
            let outcome = Outcome::Ended(ending);
            self.settle_all(&outcome, turn);
            self.conclude(&outcome, turn);
        }
    }

    /// The server refuses it: nothing goes on by itself.
    pub(super) fn settle_rejected(&mut self, rejection: Rejection, turn: &mut Turn<'_>) {
        let outcome = Outcome::Rejected(rejection);
        self.settle_all(&outcome, turn);
        self.conclude(&outcome, turn);
    }

    /// A save that went on with nobody waiting has come to an end: the page is told once.
    fn conclude(&mut self, outcome: &Outcome, turn: &mut Turn<'_>) {
        if std::mem::take(&mut self.owes) {
            let (draft, outcome) = (self.number, outcome.clone());
            turn.out.push(Effect::Concluded { draft, outcome });
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
