//! Locks that end by themselves, with fences.

use super::{Loaded, Rejection};
use crate::core::time::Millis;

/// See [`Call::Lease`](super::Call::Lease). Asked again by the same holder it is a renewal, so a
/// lost answer is simply asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseCall {
    /// The document's key.
    pub key: String,
    /// Who asks. Another till, or another transaction of one till, is another holder.
    pub holder: String,
    /// How long it shall last if it is not given back.
    pub ttl: Millis,
    /// How long the server may keep the request in the document's queue before it answers that
    /// somebody else holds it.
    pub wait: Option<Millis>,
    /// Whether the newest copy is wanted with the answer.
    pub with_document: bool,
}

/// See [`Call::Release`](super::Call::Release).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseCall {
    /// The document's key.
    pub key: String,
    /// The lease's fence; an old one releases nothing.
    pub fence: String,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Goes along with every write made under it; a newer lease has another one. Opaque.
    pub fence: String,
    /// How long it lasts from now on.
    pub ttl: Millis,
}

/// What the answer to a lease means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// It is ours.
    Granted {
        /// The lease.
        grant: Grant,
        /// The newest copy, if the answer carries it.
        document: Option<Loaded>,
    },
    /// Somebody else has it, or is before us in the queue.
    Held {
        /// When to ask again: a lower bound. Our place in the queue is kept until then.
        retry_after: Option<Millis>,
    },
    /// There is no such document.
    Gone,
    /// No usable answer now. If it was granted all the same, asking again renews it.
    Unavailable {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
        /// Whether any server answered at all.
        reached: bool,
    },
    /// Signed out.
    Unauthenticated {
        /// Whether renewing the CSRF token may be enough.
        csrf: bool,
    },
    /// Refused for good.
    Rejected(Rejection),
    /// The server has no such route.
    NotSupported,
}
