//! The copies that the plan is made on.

use super::*;
use crate::core::call::LoadOutcome;

impl Transaction {
    /// Asks for copies that are missing; `false` if none is.
    pub(super) fn load_missing(&mut self, turn: &mut Turn) -> bool {
        self.load_more(turn);
        self.is_calling()
    }

    /// Asks for further copies, as far as calls are free. Not while something was sent.
    pub(super) fn load_more(&mut self, turn: &mut Turn) {
        if self.sent.is_some() || self.leasing && !self.has_leases() {
            return;
        }
        if self.batches() {
            let unknown = self.members.iter().filter(|member| member.copy == Copy::Unknown);
            let keys: Vec<String> = unknown.map(|member| member.key.clone()).collect();
            if !keys.is_empty() && self.in_flight.is_empty() {
                self.load_all(keys, turn);
            }
            return;
        }
        for at in 0..self.members.len() {
            if self.in_flight.len() >= self.terms.calls_max {
                return;
            }
            let member = &self.members[at];
            let asked = self.in_flight.iter().any(|(_, purpose)| *purpose == Purpose::Load(at));
            if member.copy == Copy::Unknown && !asked {
                let call = Call::Load { key: member.key.clone() };
                self.call(Purpose::Load(at), call, turn);
            }
        }
    }

    pub(super) fn on_load(&mut self, at: usize, outcome: LoadOutcome, turn: &mut Turn) {
        match outcome {
            LoadOutcome::Loaded(loaded) => {
                self.busy = Tries::default();
                self.take_copy(at, loaded, turn);
            }
            LoadOutcome::Gone => {
                self.busy = Tries::default();
                self.members[at].copy = Copy::Missing;
            }
            LoadOutcome::Unavailable { retry_after, reached } => {
                let why = if reached { Why::Busy } else { Why::Offline };
                self.busy_wait(retry_after, why, turn);
            }
            LoadOutcome::Unauthenticated { .. } => self.give_up(Why::SignedOut, turn),
            LoadOutcome::Rejected(rejection) => self.finish(Outcome::Rejected(rejection), turn),
        }
    }

    pub(super) fn take_copy(&mut self, at: usize, loaded: Loaded, turn: &mut Turn) {
        match loaded.stamp {
            Some(stamp) => {
                self.members[at].copy = Copy::Loaded { stamp, document: loaded.document };
            }
            None => {
                let failure = Failure::NoStamp(self.members[at].key.clone());
                self.finish(Outcome::Failed(failure), turn);
            }
        }
    }
}
