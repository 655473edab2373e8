//! Plain REST: documents under a path, conditional on an ETag (`If-Match`, RFC 9110) or on a
//! version field in the body.
//!
//! A stamp goes back byte for byte, quotes and `W/` included. In the field dialect a stamp is
//! the field's JSON text (`"1-8c9d"` with its quotes, `7` without), so it goes back in its kind.

mod answer;
mod apply;
mod batch;
mod changes;
mod commit;
mod lease;
mod offers;
mod sequence;

pub use offers::Offers;

use super::wire::{overlay, push_percent, push_percent_but};
use super::{
    Adapter, Change, CompareAndSet, FindOutcome, Guarantees, HttpRequest, HttpResponse, SaveKind,
    TokenSupport,
};
use crate::core::call::{
    ApplyOutcome, BatchCall, BatchOutcome, Call, CommitOutcome, LeaseOutcome, LoadOutcome,
    NextOutcome, NotSupported, SaveOutcome, UpdateCall,
};
use crate::core::json::{self, quoted, ObjectWriter};
use std::borrow::Cow;

/// Where the stamp is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StampPlace {
    /// The `ETag` header, sent back as `If-Match`. Where a browser may not read that header, the
    /// body's `@odata.etag` is taken, if there is one.
    #[default]
    Etag,
    /// This field of the document.
    Field(String),
}

/// The REST dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Path of the collection, for example `/v1/drafts`.
    pub path: String,
    /// Where the stamp is.
    pub stamp: StampPlace,
    /// The field that holds the key. Absent: the first of `id`, `_id`, `ID`, `key`, `name`.
    pub key_field: Option<String>,
    /// The member that documents are wrapped in, both ways (Kinto: `data`).
    pub envelope: Option<String>,
    /// Name of a unique field that carries the create token. The header `Idempotency-Key` is
    /// sent too, but most servers do not know it (Kinto, CAP).
    pub token_field: Option<String>,
    /// Whether answers to saves, stale ones included, and lists hold whole documents as a load
    /// does. `false` where they are receipts or leave tables out (CAP: a PATCH is answered
    /// without `lines`): then documents are taken from loads only.
    pub whole_answers: bool,
    /// Whether two saves at one moment may both be told they were stored (CAP 09).
    pub racy: bool,
    /// What the server has beyond documents under a path.
    pub offers: Offers,
    /// Whether the feed of changes is asked for documents (`?documents=1`): what is told need not be
    /// loaded. A server that sends none is loaded from as ever.
    pub push_documents: bool,
}

impl Default for Rest {
    fn default() -> Rest {
        Rest {
            path: String::new(),
            stamp: StampPlace::Etag,
            key_field: None,
            envelope: None,
            token_field: None,
            whole_answers: true,
            racy: false,
            offers: Offers::default(),
            push_documents: true,
        }
    }
}

impl Adapter for Rest {
    fn request(&self, call: &Call) -> Result<HttpRequest, NotSupported> {
        if let Some((what, _)) = call.needs().filter(|(what, _)| !self.offers.has(*what)) {
            return Err(NotSupported { what });
        }
        Ok(match call {
            Call::Create(create) => {
                let body = self.wrap(Cow::Borrowed(&create.document));
                let mut request = self.write("POST", None, body);
                request.headers.push(("Idempotency-Key", create.token.clone()));
                request
            }
            // A submitting save is the same: the profile's closing value is in the document.
            Call::Update(update) => self.update(update),
            Call::Load { key } => self.read(self.document_path(Some(key))),
            Call::Find { field, value } => {
                let mut path = self.document_path(None);
                path.push(if path.as_bytes().contains(&b'?') { '&' } else { '?' });
                push_percent(&mut path, field);
                path.push('=');
                push_percent(&mut path, value);
                self.read(path)
            }
            Call::Commit(commit) => commit::request(self, commit),
            Call::Lease(lease) => lease::request(self, lease),
            Call::Release(release) => lease::release(self, release),
            Call::Batch(batch) => batch::request(self, batch),
            Call::Next(next) => sequence::request(self, next),
            Call::Apply(apply) => apply::request(self, apply),
        })
    }

    fn classify_save(&self, kind: SaveKind, response: &HttpResponse<'_>) -> SaveOutcome {
        answer::save(self, kind, response)
    }

    fn classify_load(&self, response: &HttpResponse<'_>) -> LoadOutcome {
        answer::load(self, response)
    }

    fn classify_find(&self, field: &str, value: &str, response: &HttpResponse<'_>) -> FindOutcome {
        answer::find(self, field, value, response)
    }

    fn classify_commit(&self, response: &HttpResponse<'_>) -> CommitOutcome {
        commit::outcome(self, response)
    }

    fn classify_lease(&self, key: &str, response: &HttpResponse<'_>) -> LeaseOutcome {
        lease::outcome(self, key, response)
    }

    fn classify_batch(&self, batch: &BatchCall, response: &HttpResponse<'_>) -> BatchOutcome {
        batch::outcome(self, batch, response)
    }

    fn classify_next(&self, response: &HttpResponse<'_>) -> NextOutcome {
        sequence::outcome(response)
    }

    fn classify_apply(&self, key: &str, response: &HttpResponse<'_>) -> ApplyOutcome {
        apply::outcome(self, key, response)
    }

    fn changes(&self, last: Option<&str>) -> Option<HttpRequest> {
        self.offers.changes.then(|| changes::request(self, last))
    }

    fn read_change(&self, event: &str, data: &[u8]) -> Option<Change> {
        changes::read(self, event, data)
    }

    fn guarantees(&self) -> Guarantees {
        let token = match (self.offers.tokens, &self.token_field) {
            (true, _) => TokenSupport::Native,
            (false, Some(_)) => TokenSupport::Field,
            (false, None) => TokenSupport::None,
        };
        let compare = if self.racy { CompareAndSet::Racy } else { CompareAndSet::Atomic };
        Guarantees {
            transactions: self.offers.transactions,
            leases: self.offers.leases,
            sequences: self.offers.sequences,
            changes: self.offers.changes,
            apply: self.offers.apply,
            parking: self.offers.parking,
            batches: self.offers.batches,
            replays: self.offers.tokens,
            ..Guarantees::plain(compare, token)
        }
    }
}

impl Rest {
    fn update(&self, update: &UpdateCall) -> HttpRequest {
        let mut request = match &self.stamp {
            StampPlace::Etag => {
                let body = self.wrap(Cow::Borrowed(&update.document));
                let mut request = self.write("PUT", Some(&update.key), body);
                request.headers.push(("If-Match", update.stamp.0.clone()));
                request
            }
            StampPlace::Field(field) => {
                let stamp = stamp_value(&update.stamp.0);
                let document = overlay(&update.document, &[(field, &stamp)]);
                self.write("PUT", Some(&update.key), self.wrap(Cow::Owned(document)))
            }
        };
        if self.offers.tokens {
            request.headers.push(("Idempotency-Key", update.token.clone()));
        }
        let fences = self.offers.leases || self.offers.parking;
        if let (Some(fence), true) = (&update.fence, fences) {
            request.headers.push(("Fence", fence.clone()));
        }
        if let (Some(park), true) = (update.park, self.offers.parking) {
            let preferred = Some(("park", park.0));
            request.headers.push(offers::prefer(preferred, true));
        } else if self.offers != Offers::default() {
            request.headers.push(offers::prefer(None, true));
        }
        request
    }

    /// A route beyond the documents: of the collection, or of one document.
    fn route(&self, key: Option<&str>, name: &str) -> String {
        let mut path = self.document_path(key);
        path.push('/');
        path.push_str(name);
        path
    }

    fn post(&self, path: String, body: Vec<u8>) -> HttpRequest {
        let mut request = self.write("POST", None, body);
        request.path = path;
        request
    }

    fn document_path(&self, key: Option<&str>) -> String {
        let mut path = String::from("/");
        // What the configuration has encoded already stays.
        let own = self.path.strip_prefix('/').unwrap_or(&self.path);
        push_percent_but(&mut path, own.strip_suffix('/').unwrap_or(own), b"/%?=&:@!$'()*+,;");
        if let Some(key) = key {
            path.push('/');
            push_percent(&mut path, key);
        }
        path
    }

    fn read(&self, path: String) -> HttpRequest {
        let headers = vec![("Accept", String::from("application/json"))];
        HttpRequest { method: "GET", path, headers, body: None }
    }

    fn write(&self, method: &'static str, key: Option<&str>, body: Vec<u8>) -> HttpRequest {
        let mut request = self.read(self.document_path(key));
        request.method = method;
        request.headers.push(("Content-Type", String::from("application/json")));
        request.body = Some(body);
        request
    }

    fn wrap(&self, document: Cow<'_, [u8]>) -> Vec<u8> {
        match &self.envelope {
            Some(name) => ObjectWriter::new().raw(name, &document).finish(),
            None => document.into_owned(),
        }
    }
}

/// A stamp as the JSON value it came as. One that is no JSON (kept from another configuration)
/// goes out as a string: the server then finds it stale instead of the body unreadable.
fn stamp_value(stamp: &str) -> Vec<u8> {
    match json::check(stamp.as_bytes()) {
        Ok(_) => stamp.as_bytes().to_vec(),
        Err(_) => quoted(stamp),
    }
}
