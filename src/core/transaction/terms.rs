//! How a transaction works, and what its backend has.

use crate::core::policy::{CompareAndSet, TokenSupport, CALLS_MAX, LEASE_MS, LEASE_WAIT_MS};
use crate::core::retry::{Kind, Schedule};
use crate::core::time::Millis;

/// Most documents of one transaction.
pub const KEYS_MAX: usize = 1_000;
/// Plans that are tried before it is given up.
pub const ATTEMPTS_MAX: u32 = 10;
/// Whether others are kept out while the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody is kept out; a conflict is a new attempt. Only where others hold leases, or were
    /// quicker three times in a row, does it stand in their line rather than give up.
    Optimistic,
    /// A lease on each document first: on all at once, or in the order of their keys.
    Pessimistic,
    /// As the measured rate of conflicts says, and with leases after a conflict, if
    /// the backend has leases.
    Adaptive {
        /// Whether one of the documents is contended: begin with leases.
        contended: bool,
    },
}

/// How a transaction works, and what its backend has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whether others are kept out.
    pub strategy: Strategy,
    /// Plans that are tried; at least one.
    pub attempts_max: u32,
    /// Waits while the backend is busy or out of reach and nothing can have been stored.
    pub schedule: Schedule,
    /// Waits between conflicts, from the second in a row on.
    pub contention: Schedule,
    /// Waits while somebody else holds a lease, where the server does not say how long.
    pub queue: Schedule,
    /// Waits while an answer is in doubt: longer, since giving up leaves it so.
    pub doubt: Schedule,
    /// How long a lease lasts that is not given back. All at once are asked for a second, since a
    /// plan needs them for a round trip only and one whose answer was lost keeps others waiting; if
    /// that proves too short, for twice as long each time, up to this.
    pub lease_ttl: Millis,
    /// How long the server may keep a request for a lease in its queue.
    pub lease_wait: Millis,
    /// Loads in flight at once.
    pub calls_max: usize,
    /// This till's name: the beginning of the name of whoever holds the leases.
    pub till: String,
    /// Whether several documents can be stored all or nothing.
    pub transactions: bool,
    /// Whether there are leases.
    pub leases: bool,
    /// Whether several documents are loaded, leased and given back in one request.
    pub batches: bool,
    /// Whether stale saves are refused.
    pub compare_and_set: CompareAndSet,
    /// Whether the backend recognises the token of a save that is sent again.
    pub token: TokenSupport,
    /// The document's field that carries the token of the last save, if it has one. Without
    /// transactions and native tokens it is how a save whose answer was lost is recognised.
    pub token_field: Option<String>,
}

impl Terms {
    /// The defaults: optimistic, ten attempts, interactive waits, no extras of the backend.
    #[must_use]
    pub fn new(till: &str) -> Terms {
        Terms {
            strategy: Strategy::Optimistic,
            attempts_max: ATTEMPTS_MAX,
            schedule: Schedule::INTERACTIVE,
            contention: Schedule::CONTENTION,
            queue: Terms::QUEUE,
            doubt: Terms::DOUBT,
            lease_ttl: Millis(LEASE_MS),
            lease_wait: Millis(LEASE_WAIT_MS),
            calls_max: CALLS_MAX,
            till: till.to_owned(),
            transactions: false,
            leases: false,
            batches: false,
            compare_and_set: CompareAndSet::Atomic,
            token: TokenSupport::None,
            token_field: None,
        }
    }

    /// Waiting for a lease: up to 30 s in all.
    pub const QUEUE: Schedule = Schedule {
        kind: Kind::FullJitter,
        base_ms: 100,
        cap_ms: 2_000,
        factor_milli: 2_000,
        attempts_max: None,
        deadline_ms: Some(30_000),
    };

    /// Asking whether a commit was stored: up to 20 times within two minutes.
    pub const DOUBT: Schedule = Schedule {
        kind: Kind::FullJitter,
        base_ms: 300,
        cap_ms: 15_000,
        factor_milli: 2_000,
        attempts_max: Some(20),
        deadline_ms: Some(120_000),
    };
}
