//! Backends that are plain objects of the page: their verdicts, as JSON text, back into meanings.
//!
//! A verdict that is none proves nothing: a save is in doubt, a load is made again.

mod offered;

pub use offered::{
    apply_outcome, apply_request, commit_outcome, commit_requests, lease_outcome, next_outcome,
};

use crate::core::call::{
    Closed, FindOutcome, Grant, LoadOutcome, Loaded, Rejection, RejectionCode, SaveOutcome,
    StockShortage,
};
use crate::core::json::{self, Kind, ObjectWriter};
use crate::core::stamp::Stamp;
use crate::core::time::Millis;

/// What the answer to `load` means.
#[must_use]
pub fn load_outcome(verdict: &[u8]) -> LoadOutcome {
    match word(verdict, "kind").as_deref() {
        Some("loaded" | "saved") => match json::member(verdict, "doc") {
            Some(document) if json::kind(document) == Kind::Object => LoadOutcome::Loaded(Loaded {
                key: word(verdict, "key"),
                stamp: word(verdict, "stamp").map(Stamp),
                document: document.to_vec(),
            }),
            Some(_) | None => unreadable(),
        },
        Some("gone") => LoadOutcome::Gone,
        Some("unauthenticated") => LoadOutcome::Unauthenticated { csrf: flag(verdict, "csrf") },
        Some("rejected") => LoadOutcome::Rejected(rejection(verdict)),
        Some("unavailable") => {
            LoadOutcome::Unavailable { retry_after: retry_after(verdict), reached: true }
        }
        Some(_) | None => unreadable(),
    }
}

fn unreadable() -> LoadOutcome {
    LoadOutcome::Unavailable { retry_after: None, reached: false }
}

/// What the answer to `find` means.
#[must_use]
pub fn find_outcome(verdict: &[u8]) -> FindOutcome {
    match (word(verdict, "kind").as_deref(), word(verdict, "key")) {
        (Some("exists"), Some(key)) => FindOutcome::Key(key),
        (_, _) => FindOutcome::Load(load_outcome(verdict)),
    }
}

/// What the answer to `save` means.
#[must_use]
pub fn save_outcome(verdict: &[u8]) -> SaveOutcome {
    let document = || {
        let document = json::member(verdict, "doc");
        document.filter(|doc| json::kind(doc) == Kind::Object).map(<[u8]>::to_vec)
    };
    match word(verdict, "kind").as_deref() {
        Some("saved") => SaveOutcome::Saved {
            key: word(verdict, "key"),
            stamp: word(verdict, "stamp").map(Stamp),
            document: document(),
        },
        Some("stale") => SaveOutcome::Stale {
            current: word(verdict, "current").map(Stamp),
            document: document(),
            fence: grant(verdict),
            retry_after: retry_after(verdict),
        },
        Some("exists") => SaveOutcome::Exists { key: word(verdict, "key") },
        Some("gone") => SaveOutcome::Gone,
        Some("closed") => SaveOutcome::Closed(match word(verdict, "state").as_deref() {
            Some("cancelled") => Closed::Cancelled,
            Some(_) | None => Closed::Submitted,
        }),
        Some("unavailable") if json::member(verdict, "locked") == Some(b"true") => {
            SaveOutcome::Locked { retry_after: retry_after(verdict) }
        }
        Some("unavailable") => SaveOutcome::Unavailable { retry_after: retry_after(verdict) },
        Some("unauthenticated") => SaveOutcome::Unauthenticated { csrf: flag(verdict, "csrf") },
        Some("rejected") => SaveOutcome::Rejected(rejection(verdict)),
        Some(_) | None => SaveOutcome::InDoubt,
    }
}

fn word(object: &[u8], name: &str) -> Option<String> {
    json::member(object, name).and_then(json::text).map(|text| text.into_owned())
}

fn flag(object: &[u8], name: &str) -> bool {
    json::member(object, name) == Some(b"true")
}

/// Milliseconds, whole: a fraction is cut off.
fn millis(verdict: &[u8], name: &str) -> Option<Millis> {
    let text = std::str::from_utf8(json::member(verdict, name)?).ok()?;
    text.split('.').next()?.parse().ok().map(Millis)
}

fn retry_after(verdict: &[u8]) -> Option<Millis> {
    millis(verdict, "retryAfter")
}

fn grant(verdict: &[u8]) -> Option<Grant> {
    Some(grant_of(word(verdict, "fence")?, millis(verdict, "ttl")?))
}

fn grant_of(fence: String, ttl: Millis) -> Grant {
    Grant { fence, ttl }
}

fn rejection(verdict: &[u8]) -> Rejection {
    let code = match word(verdict, "code").as_deref() {
        Some("forbidden") => RejectionCode::Forbidden,
        Some("stock") => RejectionCode::Stock,
        Some(_) | None => RejectionCode::Invalid,
    };
    let mut rejection = Rejection {
        code,
        message: word(verdict, "message").unwrap_or_default(),
        fields: Vec::new(),
        stock: Vec::new(),
    };
    each(verdict, "fields", |field| {
        rejection.fields.extend(json::text(field).map(|field| field.into_owned()));
    });
    each(verdict, "rows", |row| {
        let available = json::member(row, "available").map(|value| match json::text(value) {
            Some(text) => text.into_owned(),
            None => String::from_utf8_lossy(value).into_owned(),
        });
        if let (Some(row), Some(available)) = (word(row, "row"), available) {
            rejection.stock.push(StockShortage { row, available });
        }
    });
    rejection
}

fn each(object: &[u8], name: &str, mut visit: impl FnMut(&[u8])) {
    if let Some(list) = json::member(object, name) {
        let _ = json::elements(list, 0, &mut |element| visit(element.of(list)));
    }
}

/// The argument of a plain object's `save` (contract: `SaveRequest`) as JSON text.
#[must_use]
pub fn save_request(call: &crate::core::call::Call) -> Option<Vec<u8>> {
    use crate::core::call::Call;
    let mut object = ObjectWriter::new();
    match call {
        Call::Create(create) => {
            object.raw("key", b"null").raw("doc", &create.document).raw("changed", b"[]");
            object.raw("stamp", b"null").text("token", &create.token);
        }
        Call::Update(update) => {
            object.text("key", &update.key).raw("doc", &update.document);
            object.raw("changed", &json::text_list(&update.changed));
            object.text("stamp", &update.stamp.0).text("token", &update.token);
            if update.submit {
                object.raw("submit", b"true");
            }
            if let Some(fence) = &update.fence {
                object.text("fence", fence);
            }
        }
        Call::Load { .. }
        | Call::Find { .. }
        | Call::Commit(_)
        | Call::Lease(_)
        | Call::Release(_)
        | Call::Batch(_)
        | Call::Next(_)
        | Call::Apply(_) => return None,
    }
    Some(object.finish())
}
