//! What a till is told about its backend and its way of working.

use super::profile::Profile;
use super::retry::Schedule;

/// Whether a stale save is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareAndSet {
    /// Of several saves with one stamp at most one is stored.
    Atomic,
    /// A stale save is refused, but two at the same moment may both be told they were stored:
    /// every save is read back before it is believed.
    Racy,
    /// A stale save overwrites unseen: load, compare, save, read back. A window remains.
    None,
}

/// Whether a create that is sent twice is stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSupport {
    /// The server keeps tokens itself: the same create may be sent again.
    Native,
    /// A unique field of the document carries the token: look it up, then send again.
    Field,
    /// Nothing stops a second copy: a create whose answer was lost is a question.
    None,
}

/// Everything that the decisions of a till depend on beside its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How documents merge.
    pub profile: Profile,
    /// Retries while somebody waits.
    pub schedule: Schedule,
    /// Waits between conflicts with other tills.
    pub contention: Schedule,
    /// Retries of what waits in the outbox.
    pub background: Schedule,
    /// Whether stale saves are refused.
    pub compare_and_set: CompareAndSet,
    /// Whether creates are stored once.
    pub token: TokenSupport,
    /// Whether documents can be searched by a unique field.
    pub can_find: bool,
}

impl Policy {
    /// What the backend lacks that Restamp's promises rest on.
    #[must_use]
    pub fn lacks(&self) -> Vec<&'static str> {
        let compare = match self.compare_and_set {
            CompareAndSet::Atomic => None,
            CompareAndSet::Racy => Some("atomic compare-and-set: every save is read back"),
            CompareAndSet::None => Some("compare-and-set: a save at the same moment may be lost"),
        };
        let token = match self.token {
            TokenSupport::None => Some("create tokens: a lost answer to a create is asked"),
            TokenSupport::Native | TokenSupport::Field => None,
        };
        compare.into_iter().chain(token).collect()
    }
}

/// Conflicts in a row on one save before its promise is answered "queued". The save goes on.
pub const ROUNDS_WAITED_MAX: u32 = 5;
/// Calls in flight at once, over all drafts.
pub const CALLS_MAX: usize = 4;
/// Calls in a row that come to nothing (no answer, a 5xx, busy) before the breaker opens.
pub const FAILURES_MAX: u32 = 5;
/// How long the breaker stays open at most before one call probes.
pub const BREAKER_MS_MAX: u64 = 3_600_000;
/// Drafts that one till holds at once.
pub const DRAFTS_MAX: usize = 10_000;
/// Edits of one draft that wait to be saved.
pub const EDITS_MAX: usize = 100_000;
