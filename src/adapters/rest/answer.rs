//! What a REST server's answers mean: the status first, then PostgreSQL's codes in the body.

use super::super::wire::{self, Fault};
use super::super::{FindOutcome, HttpResponse, SaveKind};
use super::{lease, offers, Rest, StampPlace};
use crate::core::call::{Grant, LoadOutcome, Loaded, Rejection, RejectionCode, SaveOutcome};
use crate::core::json::{self, Kind};
use crate::core::stamp::Stamp;
use crate::core::time::{Millis, WAIT_MS_MAX};

/// Members that hold the list of a search's answer (OData, Kinto, and what others call it).
const LISTS: [&str; 4] = ["value", "data", "items", "results"];

/// Members that tell an error from a document.
const ERROR_MEMBERS: [&str; 4] = ["error", "errors", "message", "detail"];

/// What the answer to a save means.
pub(super) fn save(rest: &Rest, kind: SaveKind, response: &HttpResponse<'_>) -> SaveOutcome {
    let create = kind == SaveKind::Create;
    let Some(fault) = fault(response, create) else { return saved(rest, kind, response) };
    #[cfg(feature = "planted-defects")]
    let fault = wire::planted(fault, response);
    let reject = |code| SaveOutcome::Rejected(rejection(code, response));
    // The route of a unique value is 409 as well. Taken by another field than the token's it is
    // not our own earlier try, and the same save would be refused again.
    if response.status == 409 && offers::code(response).as_deref() == Some("exists") {
        let field = wire::read(response).and_then(|body| wire::text_of(body, "field"));
        let token_s = field.is_none() || field.as_deref() == rest.token_field.as_deref();
        if !create || !token_s {
            return reject(RejectionCode::Invalid);
        }
    }
    // The save under this token was another text (one that an older version made of the same edits):
    // this one is not stored, and that one is looked for.
    if response.status == 422
        && offers::code(response).as_deref() == Some("token_reused")
        && !create
    {
        return SaveOutcome::Stale {
            current: None,
            document: None,
            fence: None,
            retry_after: None,
        };
    }
    match fault {
        Fault::Taken if create => SaveOutcome::Exists { key: existing(rest, response) },
        Fault::Stale => {
            let newest = newest(rest, response);
            SaveOutcome::Stale {
                current: newest.and_then(|document| rest.stamp_of(document, response)),
                document: newest.map(<[u8]>::to_vec),
                fence: parked(response),
                retry_after: wire::header(response, "retry-after-ms")
                    .and_then(|wait| wire::number(wait.as_bytes()))
                    .map(|wait| Millis(wait.min(WAIT_MS_MAX))),
            }
        }
        // A document to be created cannot be gone: the path is wrong.
        Fault::Gone if create => reject(RejectionCode::Invalid),
        Fault::Gone => SaveOutcome::Gone,
        Fault::Busy => SaveOutcome::Unavailable { retry_after: offers::wait(response) },
        Fault::Locked => SaveOutcome::Locked { retry_after: offers::wait(response) },
        Fault::SignedOut { csrf } => SaveOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => reject(code),
        Fault::Taken | Fault::Untold => reject(RejectionCode::Invalid),
        Fault::Unknown | Fault::Closed => SaveOutcome::InDoubt,
    }
}

/// The lease that comes with the answer to a parked save.
fn parked(response: &HttpResponse<'_>) -> Option<Grant> {
    let ttl = wire::header(response, "lease-ttl").and_then(|ttl| wire::number(ttl.as_bytes()));
    lease::grant(wire::header(response, "fence").map(str::to_owned), ttl.map(Millis))
}

fn saved(rest: &Rest, kind: SaveKind, response: &HttpResponse<'_>) -> SaveOutcome {
    let mut key = location_key(response);
    if response.body.is_empty() {
        return SaveOutcome::Saved { key, stamp: rest.stamp_of(&[], response), document: None };
    }
    // A page or a cut-off text with a good status, a portal's or an answer that broke off, proves
    // nothing, nor does a list or a bare value: some servers answer 200 and `[]` if nothing matched.
    let value = wire::read(response).filter(|value| json::kind(value) == Kind::Object);
    let Some(value) = value else { return SaveOutcome::InDoubt };
    let told = |name| json::member(value, name).is_some_and(|v| json::kind(v) != Kind::Null);
    if told("error") || told("errors") {
        return SaveOutcome::InDoubt;
    }
    let document = rest.unwrap(value);
    key = document.and_then(|document| rest.key_of(document)).or(key);
    let stamp = rest.stamp_of(document.unwrap_or_default(), response);
    // Without key or stamp inside it is a receipt, such as CouchDB's {"ok":true,"id":…,"rev":…}.
    let whole = rest.whole_answers
        && kind != SaveKind::Delete
        && key.is_some()
        && stamp.is_some()
        && !told("ok");
    let document = document.filter(|_| whole).map(<[u8]>::to_vec);
    SaveOutcome::Saved { key, stamp, document }
}

/// What the answer to a load means.
pub(super) fn load(rest: &Rest, response: &HttpResponse<'_>) -> LoadOutcome {
    if let Some(fault) = fault(response, false) {
        return wire::load_fault(fault, response, |code| rejection(code, response));
    }
    let value = wire::read(response).unwrap_or_default();
    match rest.unwrap(value) {
        Some(document) => loaded(rest, document, response),
        None => wire::unavailable(response),
    }
}

fn loaded(rest: &Rest, document: &[u8], response: &HttpResponse<'_>) -> LoadOutcome {
    let key = rest.key_of(document);
    let failed = json::member(document, "error").is_some_and(|v| json::kind(v) != Kind::Null);
    if key.is_none() && (failed || rest.key_field.is_some()) {
        return wire::unavailable(response);
    }
    let stamp = rest.stamp_of(document, response);
    LoadOutcome::Loaded(Loaded { key, stamp, document: document.to_vec() })
}

/// What the answer to a search means: a list, or the document itself. Servers that do not know
/// the parameter answer the whole collection: elements that hold another value do not count.
pub(super) fn find(
    rest: &Rest,
    field: &str,
    value: &str,
    response: &HttpResponse<'_>,
) -> FindOutcome {
    if fault(response, false).is_some() {
        return FindOutcome::Load(load(rest, response));
    }
    let answer = wire::read(response).unwrap_or_default();
    let names = rest.envelope.as_deref().into_iter().chain(LISTS);
    let list = Some(answer)
        .into_iter()
        .chain(names.filter_map(|name| json::member(answer, name)))
        .find(|list| json::kind(list) == Kind::Array);
    let Some(list) = list else { return FindOutcome::Load(load(rest, response)) };
    let mut found = None;
    let _ = json::elements(list, 0, &mut |span| {
        let element = span.of(list);
        let held = json::member(element, field).and_then(wire::scalar);
        if found.is_none() && held.is_none_or(|held| field.is_empty() || held == value) {
            found = Some(element);
        }
    });
    let Some(element) = found else { return FindOutcome::Load(LoadOutcome::Gone) };
    let key = rest.key_of(element);
    // The list's ETag is not the document's.
    let stamp = rest.stamp_in(element);
    match key {
        Some(key) if stamp.is_none() || !rest.whole_answers => FindOutcome::Key(key),
        Some(_) => {
            let document = element.to_vec();
            FindOutcome::Load(LoadOutcome::Loaded(Loaded { key, stamp, document }))
        }
        None => FindOutcome::Load(wire::unavailable(response)),
    }
}

/// Why this is no success; `None` if it is one.
pub(super) fn fault(response: &HttpResponse<'_>, create: bool) -> Option<Fault> {
    let taken_or_stale = if create { Fault::Taken } else { Fault::Stale };
    Some(match response.status {
        200 | 201 | 204 | 205 => return None,
        401 => Fault::SignedOut { csrf: false },
        409 | 412 => taken_or_stale,
        413 | 428 => Fault::Refused(RejectionCode::Invalid),
        // Laravel: the page's token has expired.
        419 => Fault::SignedOut { csrf: true },
        423 => Fault::Locked,
        425 | 429 => Fault::Busy,
        // The server had no time to answer; it may have had time to save.
        408 => Fault::Unknown,
        // With Retry-After the server refuses to begin; without, a proxy may have passed it on.
        503 if wire::header(response, "retry-after").is_some() => Fault::Busy,
        400..=599 => match sql_state(response).as_deref() {
            // Serialisation, deadlock, lock not available (CAP 09d, 14): rolled back.
            Some("40001" | "40P01" | "55P03") => Fault::Locked,
            Some("23505") => Fault::Taken,
            _ if wire::is_page(response) => Fault::Unknown,
            _ => match response.status {
                403 => Fault::Refused(RejectionCode::Forbidden),
                404 | 410 => Fault::Gone,
                400..=499 => Fault::Refused(RejectionCode::Invalid),
                _ => Fault::Unknown,
            },
        },
        _ => Fault::Unknown,
    })
}

/// The body's `code`, or its error's.
fn sql_state(response: &HttpResponse<'_>) -> Option<String> {
    let body = wire::read(response)?;
    ["code", "error.code"].iter().find_map(|path| wire::scalar(wire::at_path(body, path)?))
}

/// The newest document in the answer to a stale save: Kinto's `details.existing` (04), or the
/// body itself if it has a stamp and nothing that makes it an error.
fn newest<'a>(rest: &Rest, response: &HttpResponse<'a>) -> Option<&'a [u8]> {
    let body = wire::read(response).filter(|_| rest.whole_answers)?;
    if let Some(existing) = wire::at_path(body, "details.existing") {
        return Some(existing).filter(|value| json::kind(value) == Kind::Object);
    }
    if ERROR_MEMBERS.iter().any(|name| json::member(body, name).is_some()) {
        return None;
    }
    let document = rest.unwrap(body)?;
    let complete = rest.key_of(document).is_some() && rest.stamp_of(document, response).is_some();
    complete.then_some(document)
}

/// The key of the document that was there already.
fn existing(rest: &Rest, response: &HttpResponse<'_>) -> Option<String> {
    newest(rest, response)
        .and_then(|document| rest.key_of(document))
        .or_else(|| location_key(response))
        .or_else(|| told_key(response))
}

/// `{"code": "exists", "id": …}`.
fn told_key(response: &HttpResponse<'_>) -> Option<String> {
    let body = wire::read(response)?;
    let told = wire::text_of(body, "code").is_some_and(|code| code == "exists");
    told.then(|| json::member(body, "id").and_then(wire::scalar))?
}

/// The last segment of `Location`.
fn location_key(response: &HttpResponse<'_>) -> Option<String> {
    let location = wire::header(response, "location")?;
    let path = location.as_bytes().split(|byte| matches!(byte, b'?' | b'#')).next()?;
    let key = wire::percent_decoded(wire::after_last(path, b'/'));
    (!key.is_empty()).then_some(key)
}

impl Rest {
    /// The document in an answer: the body, or what its envelope holds.
    fn unwrap<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let document = match &self.envelope {
            Some(name) => json::member(value, name)?,
            None => value,
        };
        (json::kind(document) == Kind::Object).then_some(document)
    }

    fn key_of(&self, document: &[u8]) -> Option<String> {
        let key = |name: &str| json::member(document, name).and_then(wire::scalar);
        match &self.key_field {
            Some(name) => key(name),
            None => ["id", "_id", "ID", "key", "name"].into_iter().find_map(key),
        }
    }

    fn stamp_of(&self, document: &[u8], response: &HttpResponse<'_>) -> Option<Stamp> {
        match &self.stamp {
            StampPlace::Etag => wire::header(response, "etag")
                .and_then(wire::header_stamp)
                .or_else(|| self.stamp_in(document)),
            StampPlace::Field(_) => self.stamp_in(document),
        }
    }

    /// The stamp inside a document.
    pub(super) fn stamp_in(&self, document: &[u8]) -> Option<Stamp> {
        match &self.stamp {
            StampPlace::Etag => {
                wire::text_of(document, "@odata.etag").and_then(|text| wire::header_stamp(&text))
            }
            StampPlace::Field(name) => {
                let value = json::member(document, name)?;
                wire::scalar(value)?;
                Some(Stamp(String::from_utf8_lossy(value).into_owned()))
            }
        }
    }
}

pub(super) fn rejection(code: RejectionCode, response: &HttpResponse<'_>) -> Rejection {
    let mut rejection = wire::refusal(code);
    if let Some(body) = wire::read(response) {
        let paths = ["message", "error.message", "detail", "reason", "error", "title"];
        let words = paths.iter().find_map(|path| json::text(wire::at_path(body, path)?));
        wire::add_message(&mut rejection, &words.unwrap_or_default());
        wire::add_field(&mut rejection, &wire::text_of(body, "field").unwrap_or_default());
        for path in ["fields", "errors", "details", "error.details", "stock"] {
            if let Some(value) = wire::at_path(body, path) {
                add_fields(&mut rejection, value);
                wire::add_shortages(&mut rejection, value);
            }
        }
    }
    wire::finish(rejection, response.status)
}

/// Adds field names: an object's keys, or a list of names or of objects with `field`, `name`
/// (Kinto 07) or `target` (CAP 07).
fn add_fields(rejection: &mut Rejection, value: &[u8]) {
    wire::each_member(value, &mut |key, _| wire::add_field(rejection, &json::unescape(key)));
    wire::each_element(value, &mut |element| {
        let name = json::text(element).or_else(|| {
            ["field", "name", "target"].iter().find_map(|name| wire::text_of(element, name))
        });
        wire::add_field(rejection, &name.unwrap_or_default());
    });
}
