//! Leases one by one: in the order of the keys, renewed at half time, given up from the first
//! lost one on.

use super::*;
use crate::core::call::{LeaseCall, LeaseOutcome};

impl Transaction {
    /// Whether all documents that there are are leased. There is no lease on one that is missing.
    pub(super) fn has_leases(&self) -> bool {
        self.members.iter().all(|member| member.lease.is_some() || member.copy == Copy::Missing)
    }

    /// Asks for the first lease that is missing or half over; `false` if none is.
    pub(super) fn ask_for_lease(&mut self, turn: &mut Turn) -> bool {
        let wanted = self.members.iter().position(|member| match &member.lease {
            Some(lease) => lease.due <= turn.now,
            None => member.copy != Copy::Missing,
        });
        if let Some(at) = wanted {
            self.ask(at, turn);
        }
        wanted.is_some()
    }

    /// How long the server may keep us in its queue: what we hold must not run out meanwhile.
    pub(super) fn wait_in_line(&self) -> Millis {
        match self.members.iter().any(|member| member.lease.is_some()) {
            true => {
                let ttl = if self.batches() { self.ttl } else { self.terms.lease_ttl };
                self.terms.lease_wait.min(Millis(ttl.0 / 4))
            }
            false => self.terms.lease_wait,
        }
    }

    fn ask(&mut self, at: usize, turn: &mut Turn) {
        if self.batches() {
            return self.ask_for_all(turn);
        }
        let wait = self.wait_in_line();
        let member = &self.members[at];
        let renewal = member.lease.is_some();
        let call = Call::Lease(LeaseCall {
            key: member.key.clone(),
            holder: self.holder.clone(),
            ttl: self.terms.lease_ttl,
            wait: (!renewal && wait > Millis(0)).then_some(wait),
            with_document: true,
        });
        self.call(Purpose::Lease(at, turn.now), call, turn);
    }

    /// When the first lease is half over.
    pub(super) fn renewal_due(&self) -> Option<Millis> {
        let renewing = self.in_flight.iter().any(|(_, purpose)| purpose.is_for_leases());
        let leases = self.members.iter().filter_map(|member| member.lease.as_ref());
        leases.filter(|_| !renewing).map(|lease| lease.due).min()
    }

    /// While something is waited for, what we hold is renewed.
    pub(super) fn keep_leases(&mut self, turn: &mut Turn) {
        if self.renewal_due().is_some_and(|due| due <= turn.now) {
            let due =
                |member: &Member| member.lease.as_ref().is_some_and(|lease| lease.due <= turn.now);
            if let Some(at) = self.members.iter().position(due) {
                self.ask(at, turn);
            }
        }
    }

    pub(super) fn on_lease(
        &mut self,
        at: usize,
        asked: Millis,
        outcome: LeaseOutcome,
        turn: &mut Turn,
    ) {
        if self.over {
            if let LeaseOutcome::Granted { grant, .. } = outcome {
                self.release(at, grant.fence, turn);
            }
            return;
        }
        match outcome {
            LeaseOutcome::Granted { grant, document } => {
                self.queued = Tries::default();
                let due = asked.plus(Millis(grant.ttl.0 / 2));
                let ends = asked.plus(grant.ttl);
                self.on_granted(at, Lease { grant, due, ends }, document, turn);
            }
            LeaseOutcome::Held { retry_after } => {
                self.busy = Tries::default();
                let key = self.members[at].key.clone();
                turn.out.push(Effect::Log(Step::LeaseHeld(key)));
                self.on_lost(at, turn);
                self.queue(retry_after, turn);
            }
            LeaseOutcome::Gone => {
                self.on_lost(at, turn);
                self.members[at].copy = Copy::Missing;
            }
            LeaseOutcome::Unavailable { .. } if self.members[at].lease.is_some() => {
                self.postpone_renewal(at, turn);
            }
            LeaseOutcome::Unavailable { retry_after, reached } => {
                let why = if reached { Why::Busy } else { Why::Offline };
                self.busy_wait(retry_after, why, turn);
            }
            LeaseOutcome::Unauthenticated { .. } if self.is_doubted() => {
                self.busy_wait(None, Why::SignedOut, turn);
            }
            LeaseOutcome::Unauthenticated { .. } => self.give_up(Why::SignedOut, turn),
            // What is in doubt is still to be found out.
            LeaseOutcome::Rejected(_) | LeaseOutcome::NotSupported if self.is_doubted() => {
                self.members[at].lease = None;
            }
            LeaseOutcome::Rejected(rejection) => self.finish(Outcome::Rejected(rejection), turn),
            LeaseOutcome::NotSupported => {
                self.finish(Outcome::Failed(Failure::NotSupported(Missing::Leases)), turn);
            }
        }
    }

    /// Answers whether it is a new lease rather than a renewal.
    pub(super) fn on_granted(
        &mut self,
        at: usize,
        lease: Lease,
        document: Option<Loaded>,
        turn: &mut Turn,
    ) -> bool {
        self.busy = Tries::default();
        let renewed = self.members[at].lease.as_ref();
        let renewed = renewed.is_some_and(|known| known.grant.fence == lease.grant.fence);
        if !renewed {
            // Somebody else may have had it before: what we knew may be old.
            self.forget_plan();
            let key = self.members[at].key.clone();
            self.members[at].copy = Copy::Unknown;
            turn.out.push(Effect::Log(Step::LeaseGranted(key)));
        }
        self.members[at].lease = Some(lease);
        let document = document.filter(|document| document.stamp.is_some());
        if let (Some(document), false) = (document, renewed) {
            self.take_copy(at, document, turn);
        }
        !renewed
    }

    /// A renewal without an answer is tried again soon; a lease that runs out meanwhile is found
    /// out by its fence.
    pub(super) fn postpone_renewal(&mut self, at: usize, turn: &Turn) {
        if let Some(lease) = &mut self.members[at].lease {
            lease.due = turn.now.plus(Millis((lease.grant.ttl.0 / 8).max(10)));
        }
    }

    /// The lease is not ours (any more). Those behind it go back too, or two who lost one each
    /// would wait for each other.
    fn on_lost(&mut self, at: usize, turn: &mut Turn) {
        if self.members[at].lease.take().is_some() {
            let key = self.members[at].key.clone();
            turn.out.push(Effect::Log(Step::LeaseLost(key)));
            self.release_from(at + 1, turn);
            self.forget_plan();
        }
    }

    /// What was planned is planned anew. Not what was sent: the network may bring a copy of it late,
    /// and only the server's answer to the same bytes tells that it is not stored, nor will be.
    pub(super) fn forget_plan(&mut self) {
        if self.planned.take().is_some() {
            // The attempt came to nothing before it was one.
            self.attempts = self.attempts.saturating_sub(1);
        }
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.doubted)
    }

    /// Waits for its turn. The server keeps our place for a moment longer than it told, so that
    /// long is waited and no longer.
    pub(super) fn queue(&mut self, retry_after: Option<Millis>, turn: &mut Turn) {
        let mut tries = self.queued;
        let schedule = match retry_after {
            Some(_) => Schedule { cap_ms: 20, base_ms: 20, ..self.terms.queue },
            None => self.terms.queue,
        };
        let goes_on = self.wait_by(&schedule, &mut tries, retry_after, turn);
        self.queued = tries;
        if !goes_on {
            self.give_up(Why::Leased, turn);
        }
    }
}
