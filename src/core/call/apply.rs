//! Merging at the server.

use super::{Closed, Loaded, Rejection};
use crate::core::op::Op;
use crate::core::stamp::Stamp;
use crate::core::time::Millis;

/// See [`Call::Apply`](super::Call::Apply). One request whatever the contention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyCall {
    /// The document's key.
    pub key: String,
    /// The edits, oldest first.
    pub ops: Vec<Op>,
    /// The stamp of the copy that they were made on.
    pub stamp: Stamp,
    /// Token of this save: the server applies it once and answers again what it answered first.
    pub token: String,
    /// The document is to be submitted with it.
    pub submit: Option<Submission>,
}

/// A submit at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The total that the cashier saw, as decimal text.
    pub expected_total: Option<String>,
}

/// What the answer to an apply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// Merged and stored.
    Applied {
        /// The document as stored.
        document: Loaded,
        /// What the others changed since the stamp.
        incoming: Vec<String>,
        /// What of mine was laid over it.
        reapplied: Vec<String>,
        /// Whether this is the answer to an earlier try with the same token.
        replayed: bool,
    },
    /// A person has to decide; nothing is stored.
    Conflict {
        /// The questions, a JSON list in the public form. Who has the edits merges them into
        /// `document` and gets the same questions with what each answer does.
        conflicts: Vec<u8>,
        /// The newest copy.
        document: Loaded,
    },
    /// The server keeps the copy at that stamp no more: this side merges.
    Stale {
        /// The newest copy, if the answer carries it.
        document: Option<Loaded>,
    },
    /// The document has ended elsewhere.
    Closed(Closed),
    /// There is no such document any more.
    Gone,
    /// Somebody else has the document at this moment (a lease, a row lock, a deadlock): certainly
    /// not applied, and the backend is well.
    Locked {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
    },
    /// Busy: certainly not applied.
    Unavailable {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
    },
    /// It may have been applied: the same token with the same bytes tells.
    InDoubt,
    /// Signed out. Not applied.
    Unauthenticated {
        /// Whether renewing the CSRF token may be enough.
        csrf: bool,
    },
    /// Refused for good.
    Rejected(Rejection),
    /// The server has no such route.
    NotSupported,
}
