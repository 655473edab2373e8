//! Several documents, all or nothing.

use super::{Loaded, Rejection, ReleaseCall, UpdateCall};
use crate::core::time::Millis;

/// See [`Call::Commit`](super::Call::Commit). Either all writes are stored or none is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitCall {
    /// What is stored, in the order of the keys.
    pub writes: Vec<Write>,
    /// Token of the whole: the same bytes go out with the same token until the answer is definite,
    /// and the server answers again what it answered first.
    pub token: String,
    /// Leases that end in the same step if it is stored; otherwise they stay. Only where the backend
    /// has [batches](super::Call::Batch).
    pub leases: Vec<ReleaseCall>,
    /// A refusal because of somebody's lease is for ever: a copy of the request that the network
    /// brings later stores nothing, so what is refused may be planned anew. Only where the backend
    /// has [batches](super::Call::Batch).
    pub is_final: bool,
}

/// One document of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A new document.
    Create {
        /// Its key, if it is not the server that gives it.
        key: Option<String>,
        /// Its JSON text.
        document: Vec<u8>,
        /// Token of its creation.
        token: String,
        /// The fence of the lease on its key that it is made under.
        fence: Option<String>,
    },
    /// A new version, only if the stamp is current. `park` means nothing here.
    Update(UpdateCall),
}

impl Write {
    /// The key of the document, if it has one yet.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Write::Create { key, .. } => key.as_deref(),
            Write::Update(update) => Some(&update.key),
        }
    }
}

/// What the answer to a commit means. Only `Committed` has stored anything; only `InDoubt` may
/// have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All are stored.
    Committed {
        /// The documents as stored, as far as the answer carries them.
        documents: Vec<Loaded>,
        /// Whether this is the answer to an earlier try with the same token.
        replayed: bool,
    },
    /// At least one stamp was old.
    Stale {
        /// The keys whose stamps were old; empty if the answer does not say.
        keys: Vec<String>,
        /// Newest copies, as far as the answer carries them.
        documents: Vec<Loaded>,
    },
    /// A lease that a write was made under is over: somebody else may have had one since.
    Fenced {
        /// Of which document, if the answer says.
        key: Option<String>,
    },
    /// There is no such document any more.
    Gone {
        /// Which, if the answer says.
        key: Option<String>,
    },
    /// A document to be created is there already, or a unique value is taken.
    Exists {
        /// The document that has it, if the answer says.
        key: Option<String>,
    },
    /// Somebody else holds a lease on one of the documents: certainly not applied.
    Leased {
        /// When that lease ends at the latest: it may be given back long before.
        retry_after: Option<Millis>,
    },
    /// Busy, locked: certainly not applied.
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
