//! Numbers given out once.

use super::Rejection;
use crate::core::time::Millis;

/// See [`Call::Next`](super::Call::Next).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextCall {
    /// The sequence's name.
    pub sequence: String,
    /// How many numbers, from 1 on.
    pub count: u32,
    /// Token of this block of numbers: asked again with it, the server answers the same block.
    pub token: String,
}

/// What the answer to a request for numbers means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextOutcome {
    /// The numbers from `first` on are ours.
    Numbers {
        /// The first of them.
        first: u64,
        /// How many.
        count: u32,
    },
    /// Busy: certainly no number was given out.
    Unavailable {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
    },
    /// Numbers may have been given out: the same token tells.
    InDoubt,
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
