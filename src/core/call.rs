//! What is asked of a backend, and the closed lists of what its answer can mean.
//!
//! A lost *save* may have been applied ([`SaveOutcome::InDoubt`]); a lost *load* is simply made
//! again. With one shared list a lost load could answer "in doubt, load again" for ever, so
//! there are two.

use super::stamp::Stamp;
use super::time::Millis;

mod apply;
mod batch;
mod commit;
mod lease;
mod next;

pub use apply::{ApplyCall, ApplyOutcome, Submission};
pub use batch::{BatchCall, BatchOutcome, Leased};
pub use commit::{CommitCall, CommitOutcome, Write};
pub use lease::{Grant, LeaseCall, LeaseOutcome, ReleaseCall};
pub use next::{NextCall, NextOutcome};

/// Largest answer body that is read, in bytes. A larger one counts as unreadable.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Something to ask of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Store a new document. Its token was made and journalled before the first try.
    Create(CreateCall),
    /// Store a new version of a document; submitting it at once if `submit` says so.
    Update(UpdateCall),
    /// Fetch the newest copy.
    Load {
        /// The document's key on the server.
        key: String,
    },
    /// Fetch the document whose unique `field` holds `value`.
    Find {
        /// Name of the unique field.
        field: String,
        /// Its value.
        value: String,
    },
    /// Store several documents, all or nothing.
    Commit(CommitCall),
    /// Ask for a lease on a document, or renew it.
    Lease(LeaseCall),
    /// Give a lease back before it ends by itself.
    Release(ReleaseCall),
    /// Load, lease or give back several documents in one request.
    Batch(BatchCall),
    /// Take the next numbers of a sequence.
    Next(NextCall),
    /// Let the server merge: the edits since a stamp.
    Apply(ApplyCall),
}

impl Call {
    /// What a backend needs, beyond loads, searches and saves, to carry this out; and the answer
    /// where it has not got it.
    #[must_use]
    pub fn needs(&self) -> Option<(Missing, Answered)> {
        Some(match self {
            Call::Create(_) | Call::Update(_) | Call::Load { .. } | Call::Find { .. } => {
                return None;
            }
            Call::Commit(_) => {
                (Missing::Transactions, Answered::Commit(CommitOutcome::NotSupported))
            }
            Call::Lease(_) => (Missing::Leases, Answered::Lease(LeaseOutcome::NotSupported)),
            Call::Release(_) => (Missing::Leases, Answered::Released),
            Call::Batch(_) => {
                (Missing::Batches, Answered::Batch(BatchOutcome::Not(LeaseOutcome::NotSupported)))
            }
            Call::Next(_) => (Missing::Sequences, Answered::Next(NextOutcome::NotSupported)),
            Call::Apply(_) => (Missing::Apply, Answered::Apply(ApplyOutcome::NotSupported)),
        })
    }
}

/// What the answer to a call means, whatever the call was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// To [`Call::Create`] or [`Call::Update`].
    Save(SaveOutcome),
    /// To [`Call::Load`].
    Load(LoadOutcome),
    /// To [`Call::Find`].
    Find(FindOutcome),
    /// To [`Call::Commit`].
    Commit(CommitOutcome),
    /// To [`Call::Lease`].
    Lease(LeaseOutcome),
    /// To [`Call::Release`], whatever came: a lease that was not given back ends by itself.
    Released,
    /// To [`Call::Batch`], but for a return of leases.
    Batch(BatchOutcome),
    /// To [`Call::Next`].
    Next(NextOutcome),
    /// To [`Call::Apply`].
    Apply(ApplyOutcome),
}

/// Something that the backend has not got and that cannot be made up for on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSupported {
    /// What is missing, by its name in the backend's guarantees.
    pub what: Missing,
}

/// What a backend may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Several documents, all or nothing.
    Transactions,
    /// Locks that end by themselves.
    Leases,
    /// Several documents in one request: loads, leases and their return.
    Batches,
    /// Numbers given out once.
    Sequences,
    /// Merging at the server.
    Apply,
    /// A search by a unique field.
    Find,
    /// Of several saves with one stamp at most one is stored.
    CompareAndSet,
}

impl Missing {
    /// The name in the backend's guarantees.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Missing::Transactions => "transactions",
            Missing::Leases => "leases",
            Missing::Batches => "batches",
            Missing::Sequences => "sequences",
            Missing::Apply => "apply",
            Missing::Find => "find",
            Missing::CompareAndSet => "compareAndSet",
        }
    }

    /// What a team adds to have it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Missing::Transactions => {
                "the backend stores one document at a time, and several one by one are not \
                 all or nothing: give it a method that stores a list of documents in one \
                 transaction, each only if its stamp is current (`methods: { commit }` \
                 where the server runs your methods; `commit` of a backend of your own; \
                 `offers: [\"transactions\"]` where the server has the route _commit)"
            }
            Missing::Leases => {
                "the backend has no leases: use the strategy \"optimistic\", or give it `lease` \
                 and `release` (`offers: [\"leases\"]` where the server has the route _lease)"
            }
            Missing::Batches => {
                "one by one, then (`offers: [\"batches\"]` where the server has the route _leases)"
            }
            Missing::Sequences => {
                "the backend has no sequences, and a number read and written back can be given \
                 out twice: give it a method that counts in one atomic statement (`next` of a \
                 backend of your own; `offers: [\"sequences\"]` where the server has the route \
                 _sequences)"
            }
            Missing::Apply => {
                "the backend does not merge: save the merged document instead (`offers: \
                 [\"apply\"]` where the server has the route _apply)"
            }
            Missing::CompareAndSet => {
                "two that save at the same moment may both be told that they were stored: give \
                 the backend a save that compares the stamp and stores in one atomic step"
            }
            Missing::Find => "the backend has no search by a unique field: give it a method `find`",
        }
    }
}

/// See [`Call::Create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCall {
    /// The whole document as JSON text, the create token already in its field if it has one.
    pub document: Vec<u8>,
    /// Token of this document's creation; the same on every try.
    pub token: String,
}

/// See [`Call::Update`]. A stamp is not optional: an update without one would overwrite others
/// unseen on some servers, so it cannot be expressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateCall {
    /// The document's key on the server.
    pub key: String,
    /// The whole document to store, as JSON text: the newest copy with the edits laid over it.
    pub document: Vec<u8>,
    /// Names of the top-level fields (tables included) that differ from the newest copy.
    pub changed: Vec<String>,
    /// The stamp of the copy that the document was built on.
    pub stamp: Stamp,
    /// Token of this save; a repetition of the same save carries the same one.
    pub token: String,
    /// Whether the document is to be submitted (closed) with this save.
    pub submit: bool,
    /// The fence of the lease that this save is made under. The server refuses it as stale if a
    /// newer one was granted or the lease is over.
    pub fence: Option<String>,
    /// If the save is stale: wait in the document's queue, and answer in its turn with the newest
    /// copy and a lease of this length ([`SaveOutcome::Stale`]'s `fence`). Only where the backend
    /// parks; others answer at once.
    pub park: Option<Millis>,
}

/// A document as a server answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its key, where the answer names one.
    pub key: Option<String>,
    /// Its stamp.
    pub stamp: Option<Stamp>,
    /// Its JSON text.
    pub document: Vec<u8>,
}

/// What an answer to a save means, whatever the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveOutcome {
    /// Stored. Not every server answers with the new stamp or document: then it is loaded.
    Saved {
        /// The document's key, where the answer names one (a create learns it here).
        key: Option<String>,
        /// The new stamp, if the answer carries it.
        stamp: Option<Stamp>,
        /// The stored document, if the answer carries it *as a load would* (some servers answer
        /// a save with values that they normalise only when storing).
        document: Option<Vec<u8>>,
    },
    /// The stamp was old; nothing was stored.
    Stale {
        /// The current stamp, if the answer carries it.
        current: Option<Stamp>,
        /// The newest copy, if the answer carries it.
        document: Option<Vec<u8>>,
        /// A lease on the document, if the save was parked and this is its turn.
        fence: Option<Grant>,
        /// How long to wait before it is sent again, if it was to be parked and there was no room:
        /// a place is expected to be free then.
        retry_after: Option<Millis>,
    },
    /// The unique token or key is taken: look the document up.
    Exists {
        /// The existing document's key, if the answer names it.
        key: Option<String>,
    },
    /// There is no such document any more.
    Gone,
    /// The document has ended elsewhere and takes no edits.
    Closed(Closed),
    /// Busy, locked, limited: certainly not applied.
    Unavailable {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
    },
    /// Somebody else has the document at this moment (a lease, a row lock, a deadlock): certainly
    /// not applied, and the backend is well.
    Locked {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
    },
    /// The save may have been applied: load before repeating it.
    InDoubt,
    /// Signed out (or, with `csrf`, only the CSRF token is missing or wrong). Not applied.
    Unauthenticated {
        /// Whether renewing the CSRF token may be enough.
        csrf: bool,
    },
    /// Refused for good: the same save would be refused again.
    Rejected(Rejection),
}

/// What an answer to a load (or find) means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadOutcome {
    /// The newest copy.
    Loaded(Loaded),
    /// There is no such document.
    Gone,
    /// No usable answer now; a load may be repeated at will.
    Unavailable {
        /// The server's own wish how long to wait: a lower bound.
        retry_after: Option<Millis>,
        /// Whether any server answered at all; `false` looks like being offline.
        reached: bool,
    },
    /// Signed out.
    Unauthenticated {
        /// Whether renewing the CSRF token may be enough.
        csrf: bool,
    },
    /// Refused for good.
    Rejected(Rejection),
}

/// How a document ended elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was submitted (posted, paid).
    Submitted,
    /// It was cancelled.
    Cancelled,
}

/// Why a server refused, for people and for code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The class of refusal.
    pub code: RejectionCode,
    /// The server's words, plain text (markup removed), possibly translated: for display only.
    pub message: String,
    /// Names of the fields at fault, where the server says.
    pub fields: Vec<String>,
    /// Rows short of stock, where the server says.
    pub stock: Vec<StockShortage>,
}

/// Classes of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionCode {
    /// The user may not do this.
    Forbidden,
    /// A rule of the server is broken.
    Invalid,
    /// Not enough stock.
    Stock,
}

impl RejectionCode {
    /// The contract's word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            RejectionCode::Forbidden => "forbidden",
            RejectionCode::Invalid => "invalid",
            RejectionCode::Stock => "stock",
        }
    }
}

/// One row that asks for more than there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockShortage {
    /// The row's identity as the server names it: its own row name, or the item code.
    pub row: String,
    /// What is left, as decimal text.
    pub available: String,
}

/// What an answer to a search by a unique field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindOutcome {
    /// There is one; the answer names its key only: load it by that.
    Key(String),
    /// As for a load: the document itself, [`LoadOutcome::Gone`] for "there is none", or no
    /// usable answer.
    Load(LoadOutcome),
}
