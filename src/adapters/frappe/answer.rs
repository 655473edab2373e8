//! What Frappe's answers mean.
//!
//! The exception's class decides: `exc_type`, in v2 `errors[].type`, and where version 14 sends
//! neither, the class at the head of the `exception` line. Then the status. Never the words:
//! they are translated (71) and differ between versions. 417 is the status of nearly every
//! refusal, conflict included.
//!
//! A JSON error that Frappe itself wrote means its transaction was rolled back, so a server
//! fault that has such an envelope is not applied; one without (gunicorn's or a proxy's page, or
//! version 14's bare `{}` with tracebacks off) proves nothing.

use super::super::wire::{self, cut, each_element, Fault};
use super::super::{markup, FindOutcome, HttpResponse, SaveKind};
use crate::core::call::{
    Closed, CommitOutcome, LoadOutcome, Loaded, Rejection, RejectionCode, SaveOutcome,
};
use crate::core::json::{self, Kind};
use crate::core::stamp::Stamp;
use std::borrow::Cow;

/// The user of requests without a session, set in bold in Frappe's refusals.
const GUEST: &[u8] = b"<strong>Guest</strong>";

/// What the answer to a save means. `Saved` never carries the document: what a PUT answers is
/// not what a GET gives (34: `"09:05:00"` against `"9:05:00"`, `__unsaved` in new rows).
///
/// `token_field` tells a create that met its own earlier copy from one that broke another unique
/// field. Where it is not known, any taken value may be the token.
pub(super) fn save(
    kind: SaveKind,
    response: &HttpResponse<'_>,
    path: Option<&str>,
    token_field: Option<&str>,
) -> SaveOutcome {
    let answer = Answer::read(response);
    let Some(fault) = answer.fault(response.status) else {
        return saved(kind, &answer, path);
    };
    #[cfg(feature = "planted-defects")]
    let fault = wire::planted(fault, response);
    let reject = |code| SaveOutcome::Rejected(answer.rejection(code, response.status));
    let create = kind == SaveKind::Create;
    match fault {
        Fault::Stale => {
            SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None }
        }
        Fault::Taken if create && answer.may_be_ours(token_field) => {
            SaveOutcome::Exists { key: None }
        }
        // A document to be created cannot be gone: something it names is.
        Fault::Gone if create => reject(RejectionCode::Invalid),
        Fault::Gone => SaveOutcome::Gone,
        Fault::Closed => SaveOutcome::Closed(Closed::Submitted),
        Fault::Busy => wire::busy(response),
        Fault::Locked => wire::locked(response),
        Fault::SignedOut { csrf } => SaveOutcome::Unauthenticated { csrf },
        Fault::Untold if create => SaveOutcome::InDoubt,
        Fault::Taken | Fault::Untold => reject(RejectionCode::Invalid),
        Fault::Refused(code) => reject(code),
        Fault::Unknown => SaveOutcome::InDoubt,
    }
}

/// A success must show the document or its name: version 14 answers a PATCH, which it does not
/// know, with 200 and `{}` (41).
fn saved(kind: SaveKind, answer: &Answer<'_>, path: Option<&str>) -> SaveOutcome {
    if kind == SaveKind::Delete {
        return SaveOutcome::Saved { key: None, stamp: None, document: None };
    }
    let Some(document) = answer.value_at(path, Kind::Object) else {
        return SaveOutcome::InDoubt;
    };
    let (key, stamp) = identity(document);
    if key.is_none() && stamp.is_none() {
        return SaveOutcome::InDoubt;
    }
    SaveOutcome::Saved { key, stamp, document: None }
}

/// What the answer to a load means. A document has a name and a stamp; anything else is none.
pub(super) fn load(response: &HttpResponse<'_>, path: Option<&str>) -> LoadOutcome {
    let answer = Answer::read(response);
    if let Some(fault) = answer.fault(response.status) {
        return wire::load_fault(fault, response, |code| answer.rejection(code, response.status));
    }
    let document = answer.value_at(path, Kind::Object).unwrap_or_default();
    match identity(document) {
        (key @ Some(_), stamp @ Some(_)) => {
            LoadOutcome::Loaded(Loaded { key, stamp, document: document.to_vec() })
        }
        (_, _) => wire::unavailable(response),
    }
}

/// What the answer to a search means: a list of names (60), or for a front-end's own method the
/// document. "Not found" counts as "there is none" only from an own method: of a list it says
/// that the route is wrong, and believing it would create a document twice.
pub(super) fn find(response: &HttpResponse<'_>, path: Option<&str>, own: bool) -> FindOutcome {
    let answer = Answer::read(response);
    if answer.fault(response.status).is_none() {
        if let Some(list) = answer.value_at(path, Kind::Array) {
            return FindOutcome::Load(match wire::element(list, 0) {
                None => LoadOutcome::Gone,
                Some(first) => match json::member(first, "name").and_then(wire::scalar) {
                    Some(key) => return FindOutcome::Key(key),
                    None => wire::unavailable(response),
                },
            });
        }
    }
    let outcome = load(response, path);
    if outcome == LoadOutcome::Gone && !own {
        return FindOutcome::Load(wire::unavailable(response));
    }
    FindOutcome::Load(outcome)
}

/// What the answer to an app's own commit means. An exception rolled all of it back.
pub(super) fn commit(response: &HttpResponse<'_>, path: Option<&str>) -> CommitOutcome {
    let answer = Answer::read(response);
    let reject = |code| CommitOutcome::Rejected(answer.rejection(code, response.status));
    let Some(fault) = answer.fault(response.status) else {
        let told = answer.value_at(path, Kind::Object).unwrap_or_default();
        let list = json::member(told, "documents").filter(|list| json::kind(list) == Kind::Array);
        let Some(list) = list else { return CommitOutcome::InDoubt };
        let mut documents = Vec::new();
        each_element(list, &mut |document| {
            let (key, stamp) = identity(document);
            documents.push(Loaded { key, stamp, document: document.to_vec() });
        });
        let replayed = json::member(told, "replayed") == Some(b"true");
        return CommitOutcome::Committed { documents, replayed };
    };
    match fault {
        // Which of them is not told.
        Fault::Stale => CommitOutcome::Stale { keys: Vec::new(), documents: Vec::new() },
        Fault::Gone => CommitOutcome::Gone { key: None },
        Fault::Taken => CommitOutcome::Exists { key: None },
        Fault::Busy | Fault::Locked => {
            CommitOutcome::Unavailable { retry_after: wire::retry_after(response) }
        }
        Fault::SignedOut { csrf } => CommitOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => reject(code),
        Fault::Closed | Fault::Untold => reject(RejectionCode::Invalid),
        Fault::Unknown => CommitOutcome::InDoubt,
    }
}

fn identity(document: &[u8]) -> (Option<String>, Option<Stamp>) {
    let key = json::member(document, "name").and_then(wire::scalar);
    let stamp = wire::text_of(document, "modified").filter(|text| !text.is_empty());
    (key, stamp.map(|text| Stamp(text.into_owned())))
}

/// The members of an answer by which it is judged; all absent if it is no readable object.
#[derive(Default)]
struct Answer<'a> {
    object: Option<&'a [u8]>,
    exc_type: Option<&'a [u8]>,
    exception: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
    errors: Option<&'a [u8]>,
    server_messages: Option<&'a [u8]>,
    message: Option<&'a [u8]>,
    session_expired: bool,
}

impl<'a> Answer<'a> {
    fn read(response: &HttpResponse<'a>) -> Answer<'a> {
        let mut answer = Answer::default();
        let Some(object) = wire::read(response) else { return answer };
        let whole = wire::each_member(object, &mut |key, value| match key {
            b"exc_type" => answer.exc_type = Some(value),
            b"exception" => answer.exception = Some(value),
            b"errors" => answer.errors = Some(value),
            b"_server_messages" => answer.server_messages = Some(value),
            b"message" => answer.message = Some(value),
            b"session_expired" => answer.session_expired = value == b"1" || value == b"true",
            _ => {}
        });
        if !whole {
            return Answer::default();
        }
        answer.object = Some(object);
        // Version 2 tells of one error only (40).
        answer.error = answer.errors.and_then(|list| wire::element(list, 0));
        if let Some(error) = answer.error {
            answer.exception = json::member(error, "exception");
        }
        answer
    }

    /// The exception's class, empty if none is named.
    fn class(&self) -> Cow<'a, str> {
        let named = self.exc_type.and_then(json::text);
        let named = named.or_else(|| self.error.and_then(|error| wire::text_of(error, "type")));
        named.unwrap_or_else(|| {
            let exception = self.exception();
            String::from_utf8_lossy(class_at_head(exception.as_bytes())).into_owned().into()
        })
    }

    fn exception(&self) -> Cow<'a, str> {
        self.exception.and_then(json::text).unwrap_or_default()
    }

    /// Why this is no success; `None` if it is one.
    fn fault(&self, status: u16) -> Option<Fault> {
        let class = self.class();
        Some(match class.as_ref() {
            "" => return self.unnamed_fault(status),
            "TimestampMismatchError" => Fault::Stale,
            "UniqueValidationError" | "DuplicateEntryError" => Fault::Taken,
            "DoesNotExistError" => Fault::Gone,
            "UpdateAfterSubmitError" | "DocstatusTransitionError" => Fault::Closed,
            "DocumentLockedError" | "QueryDeadlockError" | "QueryTimeoutError" => Fault::Locked,
            "TooManyRequestsError" | "SessionStopped" | "InReadOnlyMode" => Fault::Busy,
            "AuthenticationError" | "SessionExpired" => Fault::SignedOut { csrf: false },
            "CSRFTokenError" => Fault::SignedOut { csrf: true },
            "PermissionError" => self.forbidden(),
            "NegativeStockError" => Fault::Refused(RejectionCode::Stock),
            // Status 500, and still the same for ever (30, 41).
            "DataError" | "JSONDecodeError" => Fault::Refused(RejectionCode::Invalid),
            "OperationalError" => database_fault(self.exception().as_bytes()),
            _ => match status {
                401 => Fault::SignedOut { csrf: false },
                403 => self.forbidden(),
                429 => Fault::Busy,
                400..=499 => Fault::Refused(RejectionCode::Invalid),
                500..=599 => Fault::Busy,
                _ => Fault::Unknown,
            },
        })
    }

    /// The fault of an answer that names no exception.
    fn unnamed_fault(&self, status: u16) -> Option<Fault> {
        Some(match status {
            // v2 puts warnings of a success elsewhere; errors without a type prove nothing.
            200..=299 if self.object.is_some() && self.error.is_none() => return None,
            401 => Fault::SignedOut { csrf: false },
            403 if self.object.is_some() => self.forbidden(),
            // Refused by its size before it was read (42).
            413 => Fault::Refused(RejectionCode::Invalid),
            // Also from a proxy, or as plain text (72).
            429 | 508 => Fault::Busy,
            // Version 14 with tracebacks off: words, but no class. A stale save has one there.
            417 if self.server_messages.is_some() => Fault::Untold,
            _ => Fault::Unknown,
        })
    }

    /// 403 is also the answer to a dead session (04, 78): Frappe goes on as the user `Guest`. It
    /// sets `session_expired` only if a session id came that it does not know; when the browser
    /// has dropped the cookie (its end, or a sign-out in another tab) none comes. Then the one
    /// sign is the user's id in bold. It is an id, not a word, and so never translated; a
    /// refusal that names something else called Guest would merely ask for a new sign-in.
    fn forbidden(&self) -> Fault {
        let guest = |value: Option<&[u8]>| {
            value.and_then(json::text).is_some_and(|text| cut(text.as_bytes(), GUEST).is_some())
        };
        let in_error = self.error.and_then(|error| json::member(error, "message"));
        if self.session_expired || guest(self.server_messages) || guest(in_error) {
            Fault::SignedOut { csrf: false }
        } else {
            Fault::Refused(RejectionCode::Forbidden)
        }
    }

    /// The document (or list) in a success.
    fn value_at(&self, path: Option<&str>, kind: Kind) -> Option<&'a [u8]> {
        let object = self.object?;
        let fits = |path: &str| wire::at_path(object, path).filter(|v| json::kind(v) == kind);
        match path {
            Some(path) => fits(path),
            None => ["data", "message", "docs.0"].into_iter().find_map(fits),
        }
    }

    /// Whether the taken value may be the create's own token or name.
    fn may_be_ours(&self, token_field: Option<&str>) -> bool {
        let exception = self.exception();
        match (token_field, taken_index(exception.as_bytes())) {
            (Some(field), Some(index)) => index == field.as_bytes() || index == b"PRIMARY",
            (_, _) => true,
        }
    }

    fn rejection(&self, code: RejectionCode, status: u16) -> Rejection {
        let mut rejection = wire::refusal(code);
        if let Some(messages) = self.server_messages.and_then(json::text) {
            each_element(messages.as_bytes(), &mut |entry| {
                let Some(entry) = json::text(entry) else { return };
                match json::kind(entry.as_bytes()) {
                    Kind::Object => add_words(&mut rejection, entry.as_bytes()),
                    Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::Array => {
                        wire::add_message(&mut rejection, &markup::plain(&entry));
                    }
                }
            });
        }
        let errors = self.errors.unwrap_or_default();
        each_element(errors, &mut |error| add_words(&mut rejection, error));
        let exception = self.exception();
        let exception = exception.as_bytes();
        if rejection.message.is_empty() && rejection.stock.is_empty() {
            let detail = cut(exception, b": ").map_or(&b""[..], |(_, detail)| detail);
            let words = self.message.and_then(json::text);
            let words = words.unwrap_or_else(|| String::from_utf8_lossy(detail));
            wire::add_message(&mut rejection, &markup::plain(&words));
        }
        // "frappe.exceptions.MandatoryError: [DOCTYPE, NAME]: customer, items" (30).
        if class_at_head(exception) == b"MandatoryError" {
            let fields = cut(exception, b"]: ").map_or(&b""[..], |(_, fields)| fields);
            for field in fields.split(|byte| *byte == b',') {
                wire::add_field(&mut rejection, &String::from_utf8_lossy(field.trim_ascii()));
            }
        }
        let taken = taken_index(exception).unwrap_or_default();
        wire::add_field(&mut rejection, &String::from_utf8_lossy(taken));
        wire::finish(rejection, status)
    }
}

/// Adds one message. Some POS apps throw their stock list as JSON in place of words.
fn add_words(rejection: &mut Rejection, entry: &[u8]) {
    let Some(text) = wire::text_of(entry, "message") else { return };
    match json::member(text.as_bytes(), "errors") {
        Some(rows) => wire::add_shortages(rejection, rows),
        None => wire::add_message(rejection, &markup::plain(&text)),
    }
}

/// `TimestampMismatchError` in `frappe.exceptions.TimestampMismatchError: Error: …`.
fn class_at_head(exception: &[u8]) -> &[u8] {
    let head = cut(exception, b":").map_or(exception, |(head, _)| head);
    let class = wire::after_last(head, b'.');
    if class.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        class
    } else {
        b""
    }
}

/// The index in `Duplicate entry '…' for key 'client_uuid'`, the database's words (33); some
/// versions write the table before it.
fn taken_index(exception: &[u8]) -> Option<&[u8]> {
    let (_, rest) = cut(exception, b"' for key '")?;
    let (index, _) = cut(rest, b"'")?;
    Some(wire::after_last(index, b'.'))
}

/// A database error by MariaDB's number, as in `OperationalError: (1213, 'Deadlock …')`: its
/// words are the database's own. Without a number (tracebacks off) it counts as a passing one.
fn database_fault(exception: &[u8]) -> Fault {
    let number = cut(exception, b"OperationalError: (").and_then(|(_, rest)| cut(rest, b","));
    match number.map_or(&b""[..], |(number, _)| number) {
        // The connection broke while the statement ran; it may have been the commit.
        b"2006" | b"2013" | b"2055" => Fault::Unknown,
        // Values that the column does not take (30).
        b"1264" | b"1265" | b"1292" | b"1366" | b"1406" => Fault::Refused(RejectionCode::Invalid),
        // Races, rolled back (57, 58, 62).
        b"1020" | b"1205" | b"1213" => Fault::Locked,
        // 2003 (no connection: 76) …
        _ => Fault::Busy,
    }
}
