//! What a till is told about its backend and its way of working.

use super::contention_rates::Strategy;
use super::profile::Profile;
use super::retry::Schedule;
use super::time::Millis;

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

/// Which rate of a document decides ([`Rates`](super::contention_rates::Rates)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Of the first tries of saves, those that were stale.
    First,
    /// Of the tries on a fresh copy, those that were stale again.
    Again,
    /// Of all tries, those that were stale.
    All,
}

/// When a document is leased and when no more. Rates are in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// The rate that decides.
    pub measure: Measure,
    /// Leases from this rate on.
    pub lease_from: u32,
    /// None any more below this one.
    pub optimistic_below: u32,
    /// Saves that a change lasts at least.
    pub saves_min: u32,
}

impl Thresholds {
    /// What contention costs decides: fresh copies that are stale again, 20 % and 5 %. A document
    /// that is only shared (43 % of first tries are stale with two tills) is never leased for it.
    pub const MEASURED: Thresholds = Thresholds {
        measure: Measure::Again,
        lease_from: 200_000,
        optimistic_below: 50_000,
        saves_min: 10,
    };

    /// The rule of thumb of the wallet system: all conflicts, 10 % and 1 %. It keeps every
    /// document that is shared at all leased for long.
    pub const FIFTH_SYSTEM: Thresholds = Thresholds {
        measure: Measure::All,
        lease_from: 100_000,
        optimistic_below: 10_000,
        saves_min: 10,
    };
}

/// How the strategy is chosen. Without leases of the backend it is always optimistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Always this one.
    Always(Strategy),
    /// By the measured rates of each document.
    Adaptive(Thresholds),
}

/// What a backend offers against contention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// Leases with fences.
    pub leases: bool,
    /// A stale save is answered in its turn, with a lease.
    pub parking: bool,
    /// The server merges.
    pub apply: bool,
    /// The same save again, with the same token and the same bytes, is answered as the first time,
    /// for at least [`TOKENS_KEPT`].
    pub tokens: bool,
}

/// How documents are shared with other tills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// What the backend offers for it.
    pub offers: Offers,
    /// Whether others are kept out while this till saves.
    pub choice: Choice,
    /// How long a lease lasts that is not given back.
    pub lease_ttl: Millis,
    /// How long the server may keep a request for a lease in the document's queue.
    pub lease_wait: Millis,
    /// How long the lease lasts that a stale save comes back with in its turn, where the server
    /// parks. Nought: no save asks to be parked.
    pub park: Millis,
}

impl Default for Sharing {
    fn default() -> Sharing {
        Sharing {
            offers: Offers::default(),
            choice: Choice::Adaptive(Thresholds::MEASURED),
            lease_ttl: Millis(LEASE_MS),
            lease_wait: Millis(LEASE_WAIT_MS),
            park: Millis(PARK_MS),
        }
    }
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
    /// How documents are shared with other tills.
    pub sharing: Sharing,
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
/// How long a lease lasts that is not given back.
pub const LEASE_MS: u64 = 5_000;
/// How long the server may keep a request for a lease in the document's queue.
pub const LEASE_WAIT_MS: u64 = 2_000;
/// How long the lease lasts that a parked save comes back with: whoever has it saves at once, and
/// one that nobody uses keeps all others waiting. Where the network is slower than that a draft asks
/// for twice as much after each lease that was over too soon ([`PARK_DOUBLINGS`] times).
pub const PARK_MS: u64 = 500;
/// How often a draft doubles that.
pub const PARK_DOUBLINGS: u32 = 4;
/// No parked save asks for a longer lease.
pub const PARK_MS_MAX: u64 = 60_000;
/// How long a server that keeps the tokens of saves keeps them at least.
pub const TOKENS_KEPT: Millis = Millis(3_600_000);
/// A lease that comes sooner than this was nobody else's.
pub const LEASE_SHORT: Millis = Millis(500);
/// Waits at least this long before it asks again for a lease that somebody else has.
pub const LEASE_WAIT_MIN: Millis = Millis(20);
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
