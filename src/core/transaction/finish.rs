//! The end of a transaction: leases go back, whoever waits is told.

use super::*;
use crate::core::call::ReleaseCall;

impl Transaction {
    /// Ends it, unless it has ended.
    pub(super) fn finish(&mut self, outcome: Outcome, turn: &mut Turn) {
        if self.over {
            return;
        }
        self.over = true;
        self.wait = None;
        self.plan_asked = false;
        self.release_from(0, turn);
        turn.out.push(Effect::Settle(outcome));
    }

    pub(super) fn give_up(&mut self, why: Why, turn: &mut Turn) {
        // Sent and unanswered is in doubt as well.
        let flying = self.in_flight.iter().any(|(_, purpose)| *purpose == Purpose::Commit);
        let in_doubt = self.sent.as_ref().filter(|sent| sent.doubted || flying);
        let in_doubt = in_doubt.map(|sent| sent.token.clone());
        self.finish(Outcome::GaveUp(GaveUp { attempts: self.attempts, why, in_doubt }), turn);
    }

    /// Gives back the leases from this one on.
    pub(super) fn release_from(&mut self, first: usize, turn: &mut Turn) {
        let back = |member: &mut Member| {
            let fence = member.lease.take()?.grant.fence;
            Some(ReleaseCall { key: member.key.clone(), fence })
        };
        let leases = self.members[first..].iter_mut().filter_map(back).collect();
        self.release_all(leases, turn);
    }

    /// Gives back a lease that came after the end.
    pub(super) fn release(&mut self, at: usize, fence: String, turn: &mut Turn) {
        let release = ReleaseCall { key: self.members[at].key.clone(), fence };
        self.release_all(vec![release], turn);
    }
}
