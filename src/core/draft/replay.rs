//! A save without an answer, where the server keeps the tokens of saves: the same again is the
//! question. It is answered as it was the first time, or stored now; both are the end of the doubt.
//! A refusal is proof too, while the token is certainly kept: had it been stored, it would have been
//! known. What is older, or how old nobody knows, is looked for as where no tokens are kept.

use super::hear::Word;
use super::*;
use crate::core::policy::TOKENS_KEPT;

impl Draft {
    /// Whether the save in doubt is asked for by sending it again.
    pub(super) fn is_replayed(&self, policy: &Policy) -> bool {
        let known = self.sent.as_ref().is_some_and(|sent| !sent.unknown && sent.is_unanswered());
        // Where two saves may both be told that they were stored, no answer settles anything.
        let atomic = policy.compare_and_set == CompareAndSet::Atomic;
        let certain = self.exported.is_none() && self.doubted.is_none();
        let plain = self.key.is_some() && self.stamp.is_some() && certain;
        policy.sharing.offers.tokens && known && atomic && plain && !self.parked
    }

    /// The same again was refused as one that could never be stored now: it never was, or its token
    /// is forgotten.
    pub(super) fn take_refusal(&mut self, turn: &Turn<'_>) {
        let replayed = self.is_replayed(turn.policy);
        let Some(sent) = self.sent.as_mut().filter(|sent| replayed && sent.doubted) else { return };
        let is_kept = |since: Millis| turn.now >= since && turn.now.since(since) < TOKENS_KEPT;
        sent.doubted = !sent.since.is_some_and(is_kept);
        sent.unknown = sent.doubted;
    }

    /// An answer that may be an old one again tells the copy of then: others may have saved since.
    pub(super) fn expect_newer(&mut self, turn: &mut Turn<'_>) {
        self.hear(Word { stamp: None, from: None, token: None, document: None }, turn);
    }
}
