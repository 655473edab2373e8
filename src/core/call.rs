//! What is asked of a backend, and the closed lists of what its answer can mean.
//!
//! A lost *save* may have been applied ([`SaveOutcome::InDoubt`]); a lost *load* is simply made
//! again. With one shared list a lost load could answer "in doubt, load again" for ever, so
//! there are two.

use super::stamp::Stamp;
use super::time::Millis;

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
