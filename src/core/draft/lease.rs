//! A lease on the document: nobody else saves it until this save is stored.
//!
//! It is taken before a save where the strategy says so, and comes along with the newest copy
//! where the backend answers a stale save in its turn (parked). Every save under it carries its
//! fence, so one that comes too late is refused by the server, whatever the clocks say. It is
//! given back as soon as the draft has nothing to send at once: it is stored, a person is asked,
//! it waits, it ended.

use super::*;
use crate::core::call::{Call, Grant, LeaseCall, LeaseOutcome, ReleaseCall};
use crate::core::policy::{Choice, LEASE_SHORT, LEASE_WAIT_MIN};
use crate::core::time::WAIT_MS_MAX;

/// A lease that this draft has.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    fence: String,
    /// When it ends by itself, by the clock of here.
    until: Millis,
    /// How long it lasts from each renewal on.
    ttl: Millis,
    /// It came with the answer to a parked save, and ends with the next save that is stored.
    parked: bool,
}

impl Draft {
    /// Whether a lease is needed before this save and one was asked for.
    pub(super) fn asks_for_lease(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(key) = self.key.clone().filter(|_| self.wants_lease(turn.policy)) else {
            return false;
        };
        // One that is about to end is renewed first.
        let lives = |lease: &Lease| lease.until.since(turn.now).0 > lease.ttl.0 / 4;
        if self.lease.as_ref().is_some_and(lives) {
            return false;
        }
        let sharing = &turn.policy.sharing;
        turn.out.push(Effect::Log { draft: self.number, step: Step::LeaseAsked });
        self.lease_asked_at.get_or_insert(turn.now);
        let call = LeaseCall {
            key,
            holder: self.id.clone(),
            ttl: sharing.lease_ttl,
            wait: Some(sharing.lease_wait),
            with_document: true,
        };
        self.call(Call::Lease(call), turn);
        true
    }

    fn wants_lease(&self, policy: &Policy) -> bool {
        let sharing = &policy.sharing;
        let wanted = match sharing.choice {
            Choice::Always(strategy) => strategy == Strategy::Pessimistic,
            // A server that merges keeps the turns itself.
            Choice::Adaptive(_) => {
                self.queues || self.strategy == Strategy::Pessimistic && !self.is_applied(policy)
            }
        };
        wanted && sharing.offers.leases && !self.leaseless
    }

    /// The fence that a save carries.
    pub(super) fn fence(&self) -> Option<String> {
        self.lease.as_ref().map(|lease| lease.fence.clone())
    }

    /// Takes the answer to a request for a lease.
    pub(in crate::core) fn on_lease_answer(&mut self, outcome: LeaseOutcome, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        match outcome {
            LeaseOutcome::Granted { grant, document } => {
                // A turn that had to be waited for stands for a save that would have been stale.
                let waited = self.lease_asked_at.map_or(Millis(0), |at| turn.now.since(at));
                self.note_rate(false, self.turns > 0 || waited >= LEASE_SHORT, turn);
                self.hold_lease(grant, false, turn);
                let newer = document.filter(|loaded| loaded.stamp != self.stamp);
                if self.rounds == 0 {
                    self.note_rate(true, newer.is_some(), turn);
                }
                match newer {
                    Some(loaded) => self.on_loaded(loaded, turn),
                    None => {
                        self.compared = true;
                        self.advance(turn);
                    }
                }
            }
            LeaseOutcome::Held { retry_after } => self.wait_for_lease(retry_after, turn),
            LeaseOutcome::Gone => self.end(State::Deleted, None, turn),
            LeaseOutcome::Unavailable { retry_after, reached } => {
                let why = if reached { Queued::Busy } else { Queued::Offline };
                self.retry_later(retry_after, why, turn);
            }
            LeaseOutcome::Unauthenticated { .. } => self.sign_out(turn),
            // It works without: a stale save costs time, and loses nothing.
            LeaseOutcome::Rejected(_) | LeaseOutcome::NotSupported => {
                self.leaseless = true;
                self.advance(turn);
            }
        }
    }

    /// Somebody else has the document: with leases the way to it is to stand in line for one.
    pub(super) fn on_locked(&mut self, retry_after: Option<Millis>, turn: &mut Turn<'_>) {
        self.note_rate(false, true, turn);
        let sharing = &turn.policy.sharing;
        let adaptive = matches!(sharing.choice, Choice::Adaptive(_));
        self.queues = adaptive && sharing.offers.leases && !self.leaseless && self.sent.is_none();
        if self.queues {
            return self.advance(turn);
        }
        if sharing.offers.leases {
            return self.wait_for_lease(retry_after, turn);
        }
        self.retry_later(retry_after, Queued::Busy, turn);
    }

    /// Somebody else has it. The server keeps our place for as long as it said.
    fn wait_for_lease(&mut self, retry_after: Option<Millis>, turn: &mut Turn<'_>) {
        self.turns += 1;
        let wait = retry_after.unwrap_or(LEASE_WAIT_MIN).max(LEASE_WAIT_MIN);
        let until = turn.now.plus(wait.min(Millis(WAIT_MS_MAX)));
        self.wait(until, Queued::Busy, turn);
        if self.turns >= ROUNDS_WAITED_MAX {
            self.settle_queued(Queued::Busy, Some(until), turn);
        }
    }

    /// A lease is here.
    pub(super) fn hold_lease(&mut self, grant: Grant, parked: bool, turn: &mut Turn<'_>) {
        self.queues = false;
        let waited = self.lease_asked_at.take().map_or(Millis(0), |at| turn.now.since(at));
        // A renewal is no second lease.
        if self.lease.is_none() {
            self.log(Step::LeaseGranted(waited), turn);
        }
        let until = turn.now.plus(grant.ttl);
        self.lease = Some(Lease { fence: grant.fence, until, ttl: grant.ttl, parked });
        // Nobody comes in between.
        self.contended = false;
    }

    /// A save that was to be parked found no room: the server says when there will be some. Until
    /// then another try would only take a place from those whose turn is sooner.
    pub(super) fn told_turn(&mut self, retry_after: Option<Millis>, now: Millis) {
        let told = retry_after.filter(|_| self.lease.is_none());
        self.turn_at = told.map(|wait| now.plus(wait.min(Millis(WAIT_MS_MAX))));
    }

    /// Waits for the place that the server told of, if it did. Whoever waits for long is told.
    pub(super) fn waits_as_told(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(until) = self.turn_at.take() else { return false };
        self.contended = false;
        self.turns += 1;
        self.wait(until, Queued::Busy, turn);
        if self.turns >= ROUNDS_WAITED_MAX {
            self.settle_queued(Queued::Busy, Some(until), turn);
        }
        true
    }

    /// A save with its fence was refused: the lease of a parked save was over too soon.
    pub(super) fn count_lapse(&mut self) {
        self.lapses += u32::from(self.lease.as_ref().is_some_and(|lease| lease.parked));
    }

    /// The server says that it is over, or that it ended with the save.
    pub(super) fn forget_lease(&mut self, turn: &mut Turn<'_>) {
        if self.lease.take().is_some() {
            self.log(Step::LeaseReleased, turn);
        }
    }

    /// A save is stored: a lease that was for this one save ended with it.
    pub(super) fn use_lease_up(&mut self, turn: &mut Turn<'_>) {
        if self.lease.take_if(|lease| lease.parked).is_some() {
            self.log(Step::LeaseReleased, turn);
        }
    }

    /// Gives it back if the draft sends nothing now.
    pub(in crate::core) fn give_back(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Calling(_) | Phase::InLine) {
            return;
        }
        let (Some(lease), Some(key)) = (self.lease.take(), self.key.clone()) else { return };
        self.log(Step::LeaseReleased, turn);
        *turn.next_call += 1;
        let call = Call::Release(ReleaseCall { key, fence: lease.fence });
        // Nobody waits for the answer: a lease that is not given back ends by itself.
        turn.out.push(Effect::Call { id: CallId(*turn.next_call), call });
    }

    /// What to give back when the page goes: the document's key and the fence.
    #[must_use]
    pub fn leased(&self) -> Option<(&str, &str)> {
        Some((self.key.as_deref()?, &self.lease.as_ref()?.fence))
    }

    /// How often saves of this document are stale, and what follows from it.
    pub(super) fn note_rate(&mut self, first: bool, stale: bool, turn: &mut Turn<'_>) {
        self.rates.note(first, stale);
        let sharing = &turn.policy.sharing;
        let Choice::Adaptive(thresholds) = &sharing.choice else { return };
        if !sharing.offers.leases {
            return;
        }
        let (from, to) = (self.strategy, self.rates.choose(self.strategy, thresholds));
        if from != to {
            self.strategy = to;
            let rate = self.rates.of(thresholds.measure);
            turn.out.push(Effect::Strategy { draft: self.number, from, to, rate });
        }
    }
}
