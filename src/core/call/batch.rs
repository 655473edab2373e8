//! Several documents in one request: their copies, their leases, and the leases' return.

use super::{Grant, LeaseOutcome, Loaded, ReleaseCall};
use crate::core::time::Millis;

/// See [`Call::Batch`](super::Call::Batch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchCall {
    /// The newest copies of these documents.
    Load {
        /// Their keys.
        keys: Vec<String>,
    },
    /// A lease on each of these documents, or on none of them; the newest copies come with it.
    /// Who holds some of them already keeps their fences, and loses them if it is refused.
    Lease {
        /// Their keys.
        keys: Vec<String>,
        /// Who asks.
        holder: String,
        /// How long they shall last if they are not given back.
        ttl: Millis,
        /// How long the server may keep the request in line before it answers that somebody else
        /// holds one of them.
        wait: Option<Millis>,
        /// If all of them are free at once, only the newest copies are wanted and no lease.
        if_contended: bool,
    },
    /// Give these leases back.
    Release(Vec<ReleaseCall>),
}

/// A lease of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The document.
    pub key: String,
    /// Its lease.
    pub grant: Grant,
    /// Its newest copy; `None` if there is no such document.
    pub document: Option<Loaded>,
}

/// What the answer to [`BatchCall::Load`] or [`BatchCall::Lease`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOutcome {
    /// The documents that there are, each with its key.
    Loaded(Vec<Loaded>),
    /// All of them are ours.
    Leased(Vec<Leased>),
    /// Neither: what it would mean for one document. Refused leases are none of them ours. Where the
    /// server has no such route documents are asked for one by one.
    Not(LeaseOutcome),
}
