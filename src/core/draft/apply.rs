//! A save that the server merges: the edits go out, the merged document comes back.

use super::*;
use crate::core::call::{ApplyCall, ApplyOutcome, Call, Loaded, SaveOutcome, Submission};
use crate::core::policy::Choice;

impl Draft {
    /// Whether a save of this draft is merged at the server.
    pub(super) fn is_applied(&self, policy: &Policy) -> bool {
        let sharing = &policy.sharing;
        let is_leased = sharing.choice == Choice::Always(Strategy::Pessimistic);
        let offered = sharing.offers.apply && !(is_leased && sharing.offers.leases);
        offered
            && self.key.is_some()
            && self.stamp.is_some()
            && !self.applies_here
            && self.doubted.is_none()
    }

    /// The save in `sent` as edits. They are the same again from the same base and edits, so a
    /// repetition is the same bytes, and the server applies a token once.
    pub(super) fn apply_call(&self, sent: &Sent) -> Option<Call> {
        let ops = self.edits.iter().filter(|edit| edit.revision <= sent.revision);
        let expected = self.submit.as_ref().and_then(|wish| wish.expected_total.clone());
        Some(Call::Apply(ApplyCall {
            key: self.key.clone()?,
            ops: ops.map(|edit| edit.op.clone()).collect(),
            stamp: self.stamp.clone()?,
            token: sent.token.clone(),
            submit: sent.submit.then_some(Submission { expected_total: expected }),
        }))
    }

    /// Takes the answer to a save that the server merges.
    pub(in crate::core) fn on_apply_answer(&mut self, outcome: ApplyOutcome, turn: &mut Turn<'_>) {
        match outcome {
            ApplyOutcome::Applied { document, incoming, reapplied: _, replayed } => {
                self.phase = Phase::Idle;
                self.on_applied(document, !incoming.is_empty() || replayed, replayed, turn);
            }
            ApplyOutcome::Conflict { conflicts: _, document } => {
                self.phase = Phase::Idle;
                self.log(Step::Stale, turn);
                self.forget_sent(turn);
                // The same rules here find the same questions. If they do not, the server has
                // others, and this side merges.
                self.applies_here = true;
                self.on_loaded(document, turn);
                self.applies_here = self.conflicts.is_empty();
            }
            ApplyOutcome::Stale { document } => {
                let (stamp, document) =
                    document.map_or((None, None), |loaded| (loaded.stamp, Some(loaded.document)));
                self.forget_sent(turn);
                let stale =
                    SaveOutcome::Stale { current: stamp, document, fence: None, retry_after: None };
                self.on_save_answer(stale, turn);
            }
            ApplyOutcome::Closed(closed) => {
                self.forget_sent(turn);
                self.on_save_answer(SaveOutcome::Closed(closed), turn);
            }
            ApplyOutcome::Gone => self.on_save_answer(SaveOutcome::Gone, turn),
            ApplyOutcome::Unavailable { retry_after } => {
                self.on_save_answer(SaveOutcome::Unavailable { retry_after }, turn);
            }
            ApplyOutcome::Locked { retry_after } => {
                self.on_save_answer(SaveOutcome::Locked { retry_after }, turn);
            }
            ApplyOutcome::InDoubt => self.on_save_answer(SaveOutcome::InDoubt, turn),
            ApplyOutcome::Unauthenticated { csrf } => {
                self.on_save_answer(SaveOutcome::Unauthenticated { csrf }, turn);
            }
            ApplyOutcome::Rejected(rejection) => {
                self.forget_sent(turn);
                self.on_save_answer(SaveOutcome::Rejected(rejection), turn);
            }
            ApplyOutcome::NotSupported => {
                self.phase = Phase::Idle;
                self.applies_here = true;
                self.forget_sent(turn);
                self.advance(turn);
            }
        }
    }

    /// The server knows the token and did not apply it: no earlier try did either.
    fn forget_sent(&mut self, turn: &mut Turn<'_>) {
        if let Some(sent) = &mut self.sent {
            sent.doubted = false;
        }
        self.forget_unless_doubted(turn);
    }

    /// Merged and stored; with `others` the document holds more than what I sent.
    fn on_applied(&mut self, loaded: Loaded, others: bool, replayed: bool, turn: &mut Turn<'_>) {
        let profile = &turn.policy.profile;
        let read = merge::read_newest(&self.base, loaded.document, profile);
        let Some(sent) = &mut self.sent else { return };
        match (read, loaded.stamp) {
            (Ok((copy, _)), Some(stamp)) => {
                if replayed && sent.doubted {
                    self.report.echoed = true;
                    self.log(Step::Echoed, turn);
                }
                self.acknowledge(copy, stamp, others, turn);
            }
            // Whatever answered so is no server that stored my document.
            (Err(_), _) | (_, None) => {
                sent.doubted = true;
                sent.fate = Fate::InDoubt;
                self.retry_later(None, Queued::Busy, turn);
            }
        }
    }
}
