//! Dialects of backends: calls into requests, answers into meanings. Pure: text in, meaning out.
//!
//! Only an adapter looks at a status, a header or a body. It knows nothing of storage, time,
//! other adapters or the browser, and holds no state but its configuration. Whatever an answer
//! does not prove to have left the document alone is in doubt.

pub mod frappe;
mod guarantees;
mod markup;
mod meaning;
pub mod options;
pub mod rest;
pub mod verdict;
mod wire;

pub use crate::core::call::FindOutcome;
pub use guarantees::{CompareAndSet, Guarantees, TokenSupport};
pub use meaning::{CallKind, Meaning, SaveKind};

use crate::core::call::{
    Answered, ApplyOutcome, BatchCall, BatchOutcome, Call, CommitOutcome, LeaseOutcome,
    LoadOutcome, NextOutcome, NotSupported, SaveOutcome,
};
use crate::core::stamp::Stamp;

/// A request to send, without origin and credentials: those are the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// Percent-encoded, begins with a slash, query included.
    pub path: String,
    /// Headers that the dialect needs.
    pub headers: Vec<(&'static str, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

/// An answer as it came, or status 0 for none (lost, timed out, aborted, opaque).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpResponse<'a> {
    /// HTTP status, 0 if no answer came.
    pub status: u16,
    /// Headers that could be read, names in lower case. Across origins most cannot.
    pub headers: &'a [(String, String)],
    /// The body's bytes.
    pub body: &'a [u8],
}

/// Word of a change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Of this document.
    Of {
        /// Its key.
        key: String,
        /// Its newest stamp, if it is there still and the word names one.
        stamp: Option<Stamp>,
        /// The stamp that was replaced, if the word names it.
        from: Option<Stamp>,
        /// The token of the save that made the change, if the word names it.
        token: Option<String>,
        /// The document, if the word brings it.
        document: Option<Vec<u8>>,
    },
    /// Some changes were missed: any document may have changed.
    Missed,
}

/// One dialect.
pub trait Adapter {
    /// The request that makes `call`.
    ///
    /// # Errors
    /// [`NotSupported`] if this backend, so configured, has no such call. Nothing may be sent.
    fn request(&self, call: &Call) -> Result<HttpRequest, NotSupported>;
    /// What the answer to a save means.
    fn classify_save(&self, kind: SaveKind, response: &HttpResponse<'_>) -> SaveOutcome;
    /// What the answer to a load means.
    fn classify_load(&self, response: &HttpResponse<'_>) -> LoadOutcome;
    /// What the answer to a search for the document whose `field` holds `value` means. With an
    /// empty `field` (not known any more) it is not checked that the server really searched.
    fn classify_find(&self, field: &str, value: &str, response: &HttpResponse<'_>) -> FindOutcome;
    /// What the answer to a commit means.
    fn classify_commit(&self, _: &HttpResponse<'_>) -> CommitOutcome {
        CommitOutcome::NotSupported
    }
    /// What the answer to a request for a lease on the document `key` means.
    fn classify_lease(&self, _key: &str, _: &HttpResponse<'_>) -> LeaseOutcome {
        LeaseOutcome::NotSupported
    }
    /// What the answer to a batch means.
    fn classify_batch(&self, _: &BatchCall, _: &HttpResponse<'_>) -> BatchOutcome {
        BatchOutcome::Not(LeaseOutcome::NotSupported)
    }
    /// What the answer to a request for numbers means.
    fn classify_next(&self, _: &HttpResponse<'_>) -> NextOutcome {
        NextOutcome::NotSupported
    }
    /// What the answer to an apply means.
    fn classify_apply(&self, _key: &str, _: &HttpResponse<'_>) -> ApplyOutcome {
        ApplyOutcome::NotSupported
    }
    /// What the answer to `call` means.
    fn classify(&self, call: &Call, response: &HttpResponse<'_>) -> Answered {
        match call {
            Call::Create(_) => Answered::Save(self.classify_save(SaveKind::Create, response)),
            Call::Update(update) => {
                let kind = if update.submit { SaveKind::Submit } else { SaveKind::Update };
                Answered::Save(self.classify_save(kind, response))
            }
            Call::Load { .. } => Answered::Load(self.classify_load(response)),
            Call::Find { field, value } => {
                Answered::Find(self.classify_find(field, value, response))
            }
            Call::Commit(_) => Answered::Commit(self.classify_commit(response)),
            Call::Lease(lease) => Answered::Lease(self.classify_lease(&lease.key, response)),
            Call::Release(_) | Call::Batch(BatchCall::Release(_)) => Answered::Released,
            Call::Batch(batch) => Answered::Batch(self.classify_batch(batch, response)),
            Call::Next(_) => Answered::Next(self.classify_next(response)),
            Call::Apply(apply) => Answered::Apply(self.classify_apply(&apply.key, response)),
        }
    }
    /// The request for the stream of changes, from the event `last` on; `None` where there is none.
    fn changes(&self, _last: Option<&str>) -> Option<HttpRequest> {
        None
    }
    /// What an event of that stream says, if it says anything.
    fn read_change(&self, _event: &str, _data: &[u8]) -> Option<Change> {
        None
    }
    /// What this backend, so configured, truly offers.
    fn guarantees(&self) -> Guarantees;
}

/// What `response` means in the dialect named `adapter` (`"frappe"`, `"rest"`), configured as it
/// is by default. `None` if there is no such dialect here.
#[must_use]
pub fn classify(adapter: &str, kind: CallKind, response: &HttpResponse<'_>) -> Option<Meaning> {
    match adapter {
        "frappe" => Some(meaning_of(&frappe::Frappe::default(), kind, response)),
        "rest" => Some(meaning_of(&rest::Rest::default(), kind, response)),
        _ => None,
    }
}

fn meaning_of(adapter: &dyn Adapter, kind: CallKind, response: &HttpResponse<'_>) -> Meaning {
    match kind {
        CallKind::Load => Meaning::Load(adapter.classify_load(response)),
        CallKind::Find => Meaning::Find(adapter.classify_find("", "", response)),
        CallKind::Save(kind) => Meaning::Save(adapter.classify_save(kind, response)),
    }
}
