//! Counts of what a till did, from its effects alone: the same effects give the same counts.

use super::contention_rates::{Strategy, MILLION};
use super::event::{Effect, Step};
use super::policy::LEASE_SHORT;

/// What was counted since the till was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Saves whose first try went out. One that carries edits of several calls of save() counts
    /// once.
    pub saves: u64,
    /// Saves that the server holds, those recognised after a lost answer included.
    pub committed: u64,
    /// Saves that were stale, for somebody else had saved in between: by the answer, or by word of
    /// the change that came before it.
    pub conflicts: u64,
    /// Merges with a newer copy, those that left a question included.
    pub merged: u64,
    /// How often a person had to be asked.
    pub asked: u64,
    /// Tries of saves after their first.
    pub retries: u64,
    /// Calls to the backend, of every kind. (An adapter may need more than one request for a
    /// call: Frappe's CSRF token.)
    pub requests: u64,
    /// Own saves that were recognised after their answer was lost.
    pub echoes: u64,
    /// Leases that somebody else held when they were asked for.
    pub lease_waits: u64,
    /// Time that was waited for them in all, ms.
    pub lease_wait_ms: u64,
    /// The strategy of the newest save.
    pub strategy: Strategy,
    /// Leases that are held now.
    pub held: u32,
}

impl Metrics {
    /// Counts what is about to be done.
    pub fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Call { .. } => self.requests += 1,
                Effect::Log { step, .. } => self.note_step(step),
                Effect::Journal(_)
                | Effect::Opened(_)
                | Effect::NotOpened { .. }
                | Effect::Changed(_)
                | Effect::Settle { .. }
                | Effect::Concluded { .. }
                | Effect::Notice { .. }
                | Effect::Strategy { .. }
                | Effect::Refused(_) => {}
            }
        }
    }

    fn note_step(&mut self, step: &Step) {
        match step {
            Step::SaveSent(tries) => {
                match tries {
                    0 | 1 => self.saves += 1,
                    _ => self.retries += 1,
                }
                self.strategy = match self.held {
                    0 => Strategy::Optimistic,
                    _ => Strategy::Pessimistic,
                };
            }
            Step::LeaseGranted(waited) => {
                self.held += 1;
                if *waited >= LEASE_SHORT {
                    self.note_lease_wait(waited.0);
                }
            }
            Step::LeaseReleased => self.held = self.held.saturating_sub(1),
            Step::Committed => self.committed += 1,
            Step::Stale => self.conflicts += 1,
            Step::Merged(..) => self.merged += 1,
            Step::Asked(_) => self.asked += 1,
            Step::Echoed => self.echoes += 1,
            Step::LoadSent
            | Step::LeaseAsked
            | Step::Loaded
            | Step::InDoubt
            | Step::Waiting(_)
            | Step::Rejected
            | Step::SignedOut
            | Step::Ended
            | Step::Breaker(_)
            | Step::WeakBackend(_) => {}
        }
    }

    /// A lease that somebody else held was waited for this long.
    fn note_lease_wait(&mut self, waited_ms: u64) {
        self.lease_waits += 1;
        self.lease_wait_ms = self.lease_wait_ms.saturating_add(waited_ms);
    }

    /// Of all tries of saves, those that were stale: in millionths, nought without any try.
    #[must_use]
    pub fn conflict_rate(&self) -> u32 {
        let tries = self.saves + self.retries;
        let share = u128::from(self.conflicts) * u128::from(MILLION) / u128::from(tries.max(1));
        u32::try_from(share).unwrap_or(MILLION).min(MILLION)
    }

    /// The counts by their names in the contract.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 10] {
        [
            ("saves", self.saves),
            ("committed", self.committed),
            ("conflicts", self.conflicts),
            ("merged", self.merged),
            ("asked", self.asked),
            ("retries", self.retries),
            ("requests", self.requests),
            ("echoes", self.echoes),
            ("leaseWaits", self.lease_waits),
            ("leaseWaitMs", self.lease_wait_ms),
        ]
    }
}
