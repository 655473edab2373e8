//! The kinds of calls by their public names, and a meaning as the contract's `Verdict`.

use super::wire;
use crate::core::call::{
    Closed, FindOutcome, Grant, LoadOutcome, Rejection, RejectionCode, SaveOutcome, StockShortage,
};
use crate::core::json::{list, text_list, ObjectWriter};
use crate::core::stamp::Stamp;
use crate::core::time::Millis;

/// What kind of save an answer belongs to: "taken already" ends a create and refuses an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveKind {
    /// A new document.
    Create,
    /// A new version.
    Update,
    /// A new version that closes the document.
    Submit,
    /// The document's removal.
    Delete,
}

/// What kind of call an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// One that may change something.
    Save(SaveKind),
    /// A load by key.
    Load,
    /// A search by a unique field.
    Find,
}

impl CallKind {
    /// The kind with the contract's name. `lease`, `release`, `commit` and `next` are read as
    /// updates: lost, they are in doubt as well.
    #[must_use]
    pub fn parse(name: &str) -> Option<CallKind> {
        match name {
            "create" => Some(CallKind::Save(SaveKind::Create)),
            "update" | "lease" | "release" | "commit" | "next" => {
                Some(CallKind::Save(SaveKind::Update))
            }
            "submit" => Some(CallKind::Save(SaveKind::Submit)),
            "delete" => Some(CallKind::Save(SaveKind::Delete)),
            "load" => Some(CallKind::Load),
            "find" => Some(CallKind::Find),
            _ => None,
        }
    }
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The answer to a save.
    Save(SaveOutcome),
    /// The answer to a load.
    Load(LoadOutcome),
    /// The answer to a search.
    Find(FindOutcome),
}

impl Meaning {
    /// The contract's `Verdict` as JSON text.
    ///
    /// A search that learned only a key is `exists`. `saved` also names the key where the
    /// answer did (the contract's `Verdict & { key? }`).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = ObjectWriter::new();
        match self {
            Meaning::Save(outcome) => write_save(&mut out, outcome),
            Meaning::Find(FindOutcome::Key(key)) => {
                out.text("kind", "exists").text("key", key);
            }
            Meaning::Load(outcome) | Meaning::Find(FindOutcome::Load(outcome)) => {
                write_load(&mut out, outcome);
            }
        }
        out.finish()
    }
}

fn write_save(out: &mut ObjectWriter, outcome: &SaveOutcome) {
    match outcome {
        SaveOutcome::Saved { key, stamp, document } => {
            out.text("kind", "saved");
            write_copy(out, "stamp", stamp, document.as_deref());
            write_key(out, key);
        }
        SaveOutcome::Stale { current, document, fence, retry_after } => {
            out.text("kind", "stale");
            write_copy(out, "current", current, document.as_deref());
            if let Some(grant) = fence {
                write_grant(out, grant);
            }
            write_wait(out, *retry_after);
        }
        SaveOutcome::Exists { key } => {
            out.text("kind", "exists");
            write_key(out, key);
        }
        SaveOutcome::Gone => write_gone(out),
        SaveOutcome::Closed(state) => {
            let state = match state {
                Closed::Submitted => "submitted",
                Closed::Cancelled => "cancelled",
            };
            out.text("kind", "closed").text("state", state);
        }
        SaveOutcome::Unavailable { retry_after } => write_unavailable(out, *retry_after),
        SaveOutcome::Locked { retry_after } => {
            write_unavailable(out, *retry_after);
            out.raw("locked", b"true");
        }
        SaveOutcome::InDoubt => {
            out.text("kind", "in-doubt");
        }
        SaveOutcome::Unauthenticated { csrf } => write_unauthenticated(out, *csrf),
        SaveOutcome::Rejected(rejection) => write_rejected(out, rejection),
    }
}

fn write_load(out: &mut ObjectWriter, outcome: &LoadOutcome) {
    match outcome {
        LoadOutcome::Loaded(loaded) => {
            out.text("kind", "loaded");
            write_copy(out, "stamp", &loaded.stamp, Some(&loaded.document));
        }
        LoadOutcome::Gone => write_gone(out),
        LoadOutcome::Unavailable { retry_after, reached: _ } => {
            write_unavailable(out, *retry_after);
        }
        LoadOutcome::Unauthenticated { csrf } => write_unauthenticated(out, *csrf),
        LoadOutcome::Rejected(rejection) => write_rejected(out, rejection),
    }
}

fn write_grant(out: &mut ObjectWriter, grant: &Grant) {
    let mut digits = Vec::new();
    wire::push_number(&mut digits, grant.ttl.0);
    out.text("fence", &grant.fence).raw("ttl", &digits);
}

fn write_copy(
    out: &mut ObjectWriter,
    stamp_name: &str,
    stamp: &Option<Stamp>,
    document: Option<&[u8]>,
) {
    if let Some(stamp) = stamp {
        out.text(stamp_name, &stamp.0);
    }
    if let Some(document) = document {
        out.raw("doc", document);
    }
}

fn write_key(out: &mut ObjectWriter, key: &Option<String>) {
    if let Some(key) = key {
        out.text("key", key);
    }
}

fn write_gone(out: &mut ObjectWriter) {
    out.text("kind", "gone");
}

fn write_unavailable(out: &mut ObjectWriter, retry_after: Option<Millis>) {
    out.text("kind", "unavailable");
    write_wait(out, retry_after);
    out.text("applied", "no");
}

fn write_wait(out: &mut ObjectWriter, retry_after: Option<Millis>) {
    if let Some(wait) = retry_after {
        let mut digits = Vec::new();
        wire::push_number(&mut digits, wait.0);
        out.raw("retryAfter", &digits);
    }
}

fn write_unauthenticated(out: &mut ObjectWriter, csrf: bool) {
    out.text("kind", "unauthenticated");
    if csrf {
        out.raw("csrf", b"true");
    }
}

fn write_rejected(out: &mut ObjectWriter, rejection: &Rejection) {
    let code = match rejection.code {
        RejectionCode::Forbidden => "forbidden",
        RejectionCode::Invalid => "invalid",
        RejectionCode::Stock => "stock",
    };
    out.text("kind", "rejected").text("code", code).text("message", &rejection.message);
    if !rejection.fields.is_empty() {
        out.raw("fields", &text_list(&rejection.fields));
    }
    if !rejection.stock.is_empty() {
        let row = |short: &StockShortage| {
            let mut row = ObjectWriter::new();
            row.text("row", &short.row).text("available", &short.available);
            row.finish()
        };
        out.raw("rows", &list(rejection.stock.iter().map(row)));
    }
}
