//! What a REST server may have beyond documents under a path, and what its routes share.

use super::super::wire;
use super::super::HttpResponse;
use super::Rest;
use crate::core::call::{Loaded, Missing};
use crate::core::json::{self, Kind};
use crate::core::stamp::Stamp;
use crate::core::time::{Millis, WAIT_MS_MAX};

/// What a server has beyond documents under a path. The routes hang off the collection; keys that
/// begin with `_` are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// `POST _commit`: several documents, all or nothing.
    pub transactions: bool,
    /// `POST KEY/_lease` and `Fence`.
    pub leases: bool,
    /// `POST _sequences/NAME`.
    pub sequences: bool,
    /// `GET _changes`: server-sent events.
    pub changes: bool,
    /// `POST KEY/_apply`.
    pub apply: bool,
    /// `Prefer: park=MS` on a save.
    pub parking: bool,
    /// `POST _documents`, `POST _leases`, `POST _release`, and `release` in a commit: several
    /// documents in one request.
    pub batches: bool,
    /// `Idempotency-Key` is heeded on every save, not only on those routes: the same save again is
    /// answered as the first time, for an hour at least.
    pub tokens: bool,
}

impl Offers {
    /// All of it, as the reference server has.
    pub const ALL: Offers = Offers {
        transactions: true,
        leases: true,
        sequences: true,
        changes: true,
        apply: true,
        parking: true,
        batches: true,
        tokens: true,
    };

    /// Adds the offer of this name; `false` if there is none.
    #[must_use]
    pub fn add(&mut self, name: &str) -> bool {
        let offer = match name {
            "transactions" => &mut self.transactions,
            "leases" => &mut self.leases,
            "sequences" => &mut self.sequences,
            "changes" => &mut self.changes,
            "apply" => &mut self.apply,
            "parking" => &mut self.parking,
            "batches" => &mut self.batches,
            "tokens" => &mut self.tokens,
            _ => return false,
        };
        *offer = true;
        true
    }

    /// Whether a call that needs this can be made.
    pub(super) fn has(self, what: Missing) -> bool {
        match what {
            Missing::Transactions => self.transactions,
            Missing::Leases => self.leases,
            Missing::Batches => self.batches,
            Missing::Sequences => self.sequences,
            Missing::Apply => self.apply,
            Missing::Find | Missing::CompareAndSet => true,
        }
    }
}

/// `Prefer` (RFC 7240) with a preference that has a value, and whether newest copies are wanted.
pub(super) fn prefer(preferred: Option<(&str, u64)>, documents: bool) -> (&'static str, String) {
    let mut value = String::new();
    if let Some((name, number)) = preferred {
        value.push_str(name);
        value.push('=');
        value.push_str(&String::from_utf8_lossy(&digits(number)));
    }
    if documents {
        if !value.is_empty() {
            value.push_str(", ");
        }
        value.push_str("return=representation");
    }
    ("Prefer", value)
}

pub(super) fn digits(number: u64) -> Vec<u8> {
    let mut digits = Vec::new();
    wire::push_number(&mut digits, number);
    digits
}

/// The machine-readable `code` of an error that is an object.
pub(super) fn code(response: &HttpResponse<'_>) -> Option<String> {
    wire::text_of(wire::read(response)?, "code").map(|code| code.into_owned())
}

/// How long the server wants us to wait: `retry_after` in the body counts milliseconds, the
/// header `Retry-After` seconds.
pub(super) fn wait(response: &HttpResponse<'_>) -> Option<Millis> {
    let told = wire::read(response).and_then(|body| millis(body, "retry_after"));
    told.or_else(|| wire::retry_after(response))
}

/// A member that counts milliseconds.
pub(super) fn millis(object: &[u8], name: &str) -> Option<Millis> {
    let number = wire::number(json::member(object, name)?)?;
    Some(Millis(number.min(WAIT_MS_MAX)))
}

/// Whether the answer says that there is no such route, rather than no such document. A page
/// (a proxy's, a portal's) says neither.
pub(super) fn is_no_route(response: &HttpResponse<'_>) -> bool {
    match response.status {
        405 | 501 => true,
        404 => !wire::is_page(response) && code(response).is_none(),
        _ => false,
    }
}

impl Rest {
    /// `{"id", "stamp", "doc"}`, or the same without `id` where the key is known.
    pub(super) fn copy(&self, object: &[u8], key: Option<&str>) -> Option<Loaded> {
        let document = json::member(object, "doc")?;
        if json::kind(document) != Kind::Object {
            return None;
        }
        let told = json::member(object, "id").and_then(wire::scalar);
        let stamp = match &self.stamp {
            super::StampPlace::Etag => json::member(object, "stamp").and_then(wire::scalar),
            super::StampPlace::Field(_) => None,
        };
        let stamp = stamp.and_then(|text| wire::header_stamp(&text));
        let stamp: Option<Stamp> = stamp.or_else(|| self.stamp_in(document));
        let key = told.or_else(|| key.map(str::to_owned));
        Some(Loaded { key, stamp, document: document.to_vec() })
    }

    /// The list `documents` of an answer.
    pub(super) fn copies(&self, body: &[u8]) -> Vec<Loaded> {
        let mut copies = Vec::new();
        let list = json::member(body, "documents").unwrap_or_default();
        wire::each_element(list, &mut |entry| copies.extend(self.copy(entry, None)));
        copies
    }
}
