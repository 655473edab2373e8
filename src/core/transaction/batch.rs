//! Several documents in one request, where the backend has that: all copies, all leases or none,
//! all leases back.

use super::*;
use crate::core::call::{
    BatchCall, BatchOutcome, LeaseOutcome, Leased, LoadOutcome, Loaded, ReleaseCall,
};

impl Transaction {
    /// Whether it asks for all of them in one request.
    pub(super) fn batches(&self) -> bool {
        self.terms.batches && self.members.len() > 1
    }

    /// Loads these documents in one request. An adaptive transaction stands in line at once where
    /// others do: it would be stale by the time.
    pub(super) fn load_all(&mut self, keys: Vec<String>, turn: &mut Turn) {
        let is_adaptive = matches!(self.terms.strategy, Strategy::Adaptive { .. });
        if is_adaptive && self.terms.leases && !self.leasing && keys.len() == self.members.len() {
            return self.ask_for_all_if(true, turn);
        }
        let purpose = Purpose::Batch { leases: false, asked: turn.now };
        self.call(purpose, Call::Batch(BatchCall::Load { keys }), turn);
    }

    /// Asks for all leases, or renews them.
    pub(super) fn ask_for_all(&mut self, turn: &mut Turn) {
        self.ask_for_all_if(false, turn);
    }

    fn ask_for_all_if(&mut self, if_contended: bool, turn: &mut Turn) {
        let wait = match self.members.iter().all(|member| member.lease.is_some()) {
            true => Millis(0),
            false => self.wait_in_line(),
        };
        let call = BatchCall::Lease {
            keys: self.keys().map(str::to_owned).collect(),
            holder: self.holder.clone(),
            ttl: self.ttl,
            wait: (wait > Millis(0)).then_some(wait),
            if_contended,
        };
        let purpose = Purpose::Batch { leases: true, asked: turn.now };
        self.call(purpose, Call::Batch(call), turn);
    }

    pub(super) fn on_batch(
        &mut self,
        leases: bool,
        asked: Millis,
        outcome: BatchOutcome,
        turn: &mut Turn,
    ) {
        let refused = match outcome {
            BatchOutcome::Leased(all) => return self.on_all_leased(asked, all, turn),
            BatchOutcome::Loaded(_) | BatchOutcome::Not(_) if self.over => return,
            BatchOutcome::Loaded(found) => return self.on_all_loaded(found, turn),
            BatchOutcome::Not(refused) => refused,
        };
        match refused {
            // One by one, then.
            LeaseOutcome::NotSupported | LeaseOutcome::Gone => self.terms.batches = false,
            LeaseOutcome::Held { .. } => {
                // All or nothing: what was ours of them has ended.
                for member in &mut self.members {
                    member.lease = None;
                }
                self.forget_plan();
                self.leasing = true;
                self.on_lease(0, asked, refused, turn);
            }
            LeaseOutcome::Unavailable { retry_after, reached } => {
                let renewal = leases && self.members.iter().all(|member| member.lease.is_some());
                if renewal {
                    return (0..self.members.len()).for_each(|at| self.postpone_renewal(at, turn));
                }
                let outcome = LoadOutcome::Unavailable { retry_after, reached };
                self.on_load(0, outcome, turn);
            }
            LeaseOutcome::Granted { .. }
            | LeaseOutcome::Unauthenticated { .. }
            | LeaseOutcome::Rejected(_) => self.on_lease(0, asked, refused, turn),
        }
    }

    fn on_all_loaded(&mut self, found: Vec<Loaded>, turn: &mut Turn) {
        self.busy = Tries::default();
        for member in self.members.iter_mut().filter(|member| member.copy == Copy::Unknown) {
            member.copy = Copy::Missing;
        }
        for loaded in found {
            let of = |member: &Member| loaded.key.as_deref() == Some(member.key.as_str());
            if let Some(at) = self.members.iter().position(of) {
                if self.members[at].copy == Copy::Missing {
                    self.take_copy(at, loaded, turn);
                }
            }
        }
    }

    fn on_all_leased(&mut self, asked: Millis, all: Vec<Leased>, turn: &mut Turn) {
        let given = |member: &Member| all.iter().any(|leased| leased.key == member.key);
        let is_whole = self.members.iter().all(given);
        if self.over || !is_whole {
            let back = |leased: Leased| ReleaseCall { key: leased.key, fence: leased.grant.fence };
            self.release_all(all.into_iter().map(back).collect(), turn);
            if !self.over {
                // An answer that leaves some out must not be asked for without end.
                self.busy_wait(None, Why::Busy, turn);
            }
            return;
        }
        self.leasing = true;
        self.queued = Tries::default();
        let mut is_new = true;
        for Leased { key, grant, document } in all {
            let Ok(at) = self.members.binary_search_by(|member| member.key.cmp(&key)) else {
                continue;
            };
            // It may have stood in line before: then the lease is younger than the request. What is
            // taken for longer than it is, the fence tells.
            let (half, quarter) = (Millis(grant.ttl.0 / 2), Millis(grant.ttl.0 / 4));
            let due = asked.plus(half).max(turn.now.plus(quarter));
            let is_missing = document.is_none();
            let ends = asked.plus(grant.ttl);
            is_new &= self.on_granted(at, Lease { grant, due, ends }, document, turn);
            if is_missing && self.members[at].copy == Copy::Unknown {
                self.members[at].copy = Copy::Missing;
            }
        }
        self.together = is_new.then(|| self.stamps());
    }

    /// Nobody waits for the answer: leases that do not get back end by themselves.
    pub(super) fn release_all(&mut self, leases: Vec<ReleaseCall>, turn: &mut Turn) {
        if self.terms.batches && leases.len() > 1 {
            let call = Call::Batch(BatchCall::Release(leases));
            return self.tell(call, turn);
        }
        for release in leases {
            self.tell(Call::Release(release), turn);
        }
    }

    fn tell(&mut self, call: Call, turn: &mut Turn) {
        self.next_call += 1;
        turn.out.push(Effect::Call { id: CallId(self.next_call), call });
    }
}
