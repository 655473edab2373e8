//! Outcomes, notices and log lines as the page gets them (contract: `Outcome`, `TillEvents`), but
//! for their words, which `package/words.js` adds.

use wasm_bindgen::prelude::*;

use super::convert::{parse, set};
use crate::core::conflict::Conflict;
use crate::core::contention_rates::{Strategy, MILLION};
use crate::core::draft::Draft;
use crate::core::event::{Outcome, Queued, Step, Told};
use crate::core::json::{list, quoted, text_list, ObjectWriter};
use crate::core::merge::Notice;
use crate::core::time::Millis;

/// The outcome of a save; `doc` is the draft's snapshot.
pub(super) fn outcome(outcome: &Outcome, draft: &Draft, doc: &JsValue) -> JsValue {
    let mut object = ObjectWriter::new();
    object.text("key", draft.key());
    match outcome {
        Outcome::Committed { stamp, attempts, incoming, reapplied, echoed } => {
            object.text("kind", "committed").raw("attempts", attempts.to_string().as_bytes());
            match stamp {
                Some(stamp) => object.text("stamp", &stamp.0),
                None => object.raw("stamp", b"null"),
            };
            object.raw("incoming", &text_list(incoming)).raw("reapplied", &text_list(reapplied));
            object.raw("echoed", flag(*echoed));
        }
        Outcome::Conflict(conflicts) => {
            object.text("kind", "conflict");
            object.raw("conflicts", &list(conflicts.iter().map(Conflict::to_json)));
        }
        Outcome::Queued { why, next_attempt_at } => {
            object.text("kind", "queued");
            // For the contract what is parked is busy: its status and its message say more.
            let reason = if *why == Queued::Parked { Queued::Busy } else { *why };
            object.text("reason", reason.code());
            object.text("messageCode", &["queued.", why.code()].concat());
            if let Some(at) = next_attempt_at {
                object.raw("nextAttemptAt", at.0.to_string().as_bytes());
            }
        }
        Outcome::Rejected(rejection) => {
            object.text("kind", "rejected").text("message", &rejection.message);
            object.text("code", rejection.code.code());
            object.raw("fields", &text_list(&rejection.fields));
        }
        Outcome::Ended(ending) => {
            object.text("kind", "terminal");
            ending.write(&mut object);
        }
    }
    let value = parse(&object.finish());
    if matches!(outcome, Outcome::Committed { .. }) {
        set(&value, "doc", doc);
    }
    value
}

fn flag(value: bool) -> &'static [u8] {
    if value {
        b"true"
    } else {
        b"false"
    }
}

/// The `notice` event.
pub(super) fn notice(key: &str, told: &Told) -> JsValue {
    let mut object = ObjectWriter::new();
    object.text("key", key);
    match told {
        Told::Merged(places) => {
            object.text("kind", "merged").raw("paths", &text_list(places));
        }
        Told::Merge(Notice::Repriced { path, from, to }) => {
            object.text("kind", "repriced").text("path", path).text("from", from).text("to", to);
        }
        Told::Merge(Notice::AlreadySaved { token }) => {
            object.text("kind", "already-saved");
            if let Some(token) = token {
                object.text("token", token);
            }
        }
        Told::NeedsReprice => {
            object.text("kind", "needs-reprice");
        }
        Told::Discarded { stored: true } => {
            object.text("kind", "saved-after-discard");
        }
        Told::Discarded { stored: false } => {
            object.text("kind", "discard-unclear");
        }
        Told::Reachable(false) => {
            object.text("kind", "server-lost");
        }
        Told::Reachable(true) => {
            object.text("kind", "server-back");
        }
    }
    parse(&object.finish())
}

/// Whether the log shows the document at this step, if it may (`logDocuments`).
pub(super) fn shows_document(step: &Step) -> bool {
    matches!(step, Step::Merged(..) | Step::Asked(_) | Step::Committed)
}

/// The `log` event.
pub(super) fn log(key: &str, step: &Step, now: Millis) -> JsValue {
    let mut object = ObjectWriter::new();
    object.raw("at", now.0.to_string().as_bytes()).text("key", key).text("event", step.name());
    let mut count = |name: &str, value: u64| {
        object.raw(name, value.to_string().as_bytes());
    };
    match step {
        Step::SaveSent(attempt) => count("attempt", u64::from(*attempt)),
        Step::Merged(incoming, reapplied, by) => {
            count("incoming", incoming.len() as u64);
            count("reapplied", reapplied.len() as u64);
            object.raw("paths", &text_list(incoming)).raw("mine", &text_list(reapplied));
            if let Some(by) = by {
                object.text("by", by);
            }
        }
        Step::Asked(conflicts) => count("conflicts", *conflicts as u64),
        Step::Waiting(until) => count("until", until.0),
        Step::LeaseGranted(waited) => count("waited", waited.0),
        Step::LoadSent
        | Step::Stale
        | Step::Loaded
        | Step::LeaseAsked
        | Step::LeaseReleased
        | Step::InDoubt
        | Step::Echoed
        | Step::Committed
        | Step::Rejected
        | Step::SignedOut
        | Step::Ended
        | Step::Breaker(_)
        | Step::WeakBackend(_) => {}
    }
    let level = match step {
        Step::SaveSent(_)
        | Step::LoadSent
        | Step::Loaded
        | Step::LeaseAsked
        | Step::LeaseGranted(_)
        | Step::LeaseReleased => "debug",
        Step::InDoubt | Step::SignedOut | Step::Rejected | Step::WeakBackend(_) => "warn",
        Step::Stale
        | Step::Merged(..)
        | Step::Asked(_)
        | Step::Echoed
        | Step::Waiting(_)
        | Step::Committed
        | Step::Breaker(_)
        | Step::Ended => "info",
    };
    if let Step::Breaker(state) = step {
        object.text("state", state);
    }
    if let Step::WeakBackend(lacks) = step {
        object.text("lacks", lacks);
    }
    object.raw("level", &quoted(level));
    parse(&object.finish())
}

/// The event `strategy`.
pub(super) fn strategy(key: &str, from: Strategy, to: Strategy, rate: u32) -> JsValue {
    let mut object = ObjectWriter::new();
    object.text("key", key).text("from", from.code()).text("to", to.code());
    let event = parse(&object.finish());
    set(&event, "conflictRate", &JsValue::from_f64(f64::from(rate) / f64::from(MILLION)));
    event
}
