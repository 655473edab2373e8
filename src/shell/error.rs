//! `RestampError`: what misuse throws. Codes are stable, messages are for developers.

use wasm_bindgen::prelude::*;

use crate::core::change::EditError;
use crate::core::document::DocumentError;
use crate::core::event::{Misuse, NotOpened};
use crate::core::journal::JournalError;
use crate::core::op::OpError;
use crate::core::outbox::ExportError;
use crate::core::profile::ProfileError;
use crate::core::reapply::ReapplyError;
use crate::core::till::RestoreError;

#[wasm_bindgen(module = "/src/package/error.js")]
extern "C" {
    type RestampError;
    #[wasm_bindgen(constructor)]
    fn new(code: &str, message: &str) -> RestampError;
}

/// A `RestampError`; the message says which package it comes from.
pub(super) fn error(code: &str, parts: &[&str]) -> JsValue {
    RestampError::new(code, &["restamp: ", &parts.concat()].concat()).into()
}

/// An error that another page of this till reported.
pub(super) fn again(code: &str, message: &str) -> JsValue {
    RestampError::new(code, message).into()
}

pub(super) fn invalid(argument: &str, expected: &str) -> JsValue {
    error("invalid-argument", &[argument, " must be ", expected])
}

pub(super) fn of_misuse(misuse: &Misuse) -> JsValue {
    match misuse {
        Misuse::UnknownDraft => error("closed", &["this till or draft is closed"]),
        Misuse::Ended => error("closed", &["the document has ended and takes no more edits"]),
        Misuse::Edit(edit) => of_edit(edit),
        Misuse::Ops(ops) => of_ops(ops),
        Misuse::Document(document) => of_document("the document", document),
        Misuse::NoSuchConflict(path) => {
            error("no-such-conflict", &["no conflict at ", path, " takes this answer"])
        }
        Misuse::NothingLeft => {
            error("no-leftover", &["the document has not ended, or leaves nothing over"])
        }
        Misuse::Export(export) => of_export(export),
        Misuse::TooMany(what) => error("limit", &["too many ", what]),
        Misuse::NotADecimal(text) => error("not-a-decimal", &["\"", text, "\" is no decimal"]),
    }
}

fn of_export(export: &ExportError) -> JsValue {
    match export {
        ExportError::NotAnExport => error("not-an-export", &["the text is no export of an outbox"]),
        ExportError::UnknownFormat => {
            error("export-format", &["the export was written by another version"])
        }
        ExportError::Broken(at) => error(
            "export-broken",
            &["draft ", &at.to_string(), " of the export is broken, or not of this profile"],
        ),
        ExportError::Document(at, document) => {
            of_document(&["draft ", &at.to_string(), " of the export"].concat(), document)
        }
    }
}

fn of_edit(edit: &EditError) -> JsValue {
    match edit {
        EditError::UnknownPath(path) => {
            error("unknown-path", &["\"", path, "\" names no field that can be set"])
        }
        EditError::UnknownTable(table) => {
            error("unknown-path", &["the profile has no table \"", table, "\""])
        }
        EditError::UnknownRow { table, row } => {
            error("unknown-row", &[table, " has no row \"", row, "\""])
        }
        EditError::RowExists { table, row } => {
            error("row-exists", &[table, " has a row \"", row, "\" already"])
        }
        EditError::ReadOnly(path) => {
            error("read-only", &["\"", path, "\" is kept by the server or must not change"])
        }
        EditError::NotAnAmount(path) => error(
            "not-a-decimal",
            &["\"", path, "\" holds no amount, or the sum has more than 28 digits"],
        ),
    }
}

pub(super) fn of_ops(ops: &OpError) -> JsValue {
    error("invalid-argument", &["ops[", &ops.number.to_string(), "]: expected ", ops.expected])
}

fn of_document(which: &str, document: &DocumentError) -> JsValue {
    match document {
        DocumentError::NotJson { at } => {
            error("not-json", &[which, " is not JSON at byte ", &at.to_string()])
        }
        DocumentError::NotAnObject => error("not-a-document", &[which, " is not an object"]),
        DocumentError::NotATable { field } => {
            error("not-a-document", &[which, ": ", field, " is not a list of rows"])
        }
        DocumentError::TooLarge => error("limit", &[which, " is too large"]),
    }
}

pub(super) fn of_reapply(reapply: &ReapplyError) -> JsValue {
    match reapply {
        ReapplyError::Document { which, error } => of_document(which, error),
        ReapplyError::Ops(ops) => of_ops(ops),
        ReapplyError::Edit { error, .. } => of_edit(error),
    }
}

pub(super) fn of_profile(profile: &ProfileError) -> JsValue {
    let dot = if profile.path.is_empty() { "" } else { "." };
    error("invalid-profile", &["profile", dot, &profile.path, ": expected ", profile.expected])
}

pub(super) fn of_restore(restore: &RestoreError) -> JsValue {
    match restore {
        RestoreError::Journal(JournalError::UnknownFormat(_)) => {
            error("journal-format", &["the journal on this device was written by another version"])
        }
        RestoreError::Journal(JournalError::Broken(at)) => {
            error("journal-broken", &["entry ", &at.to_string(), " of the journal is broken"])
        }
        RestoreError::Document(id, document) => of_document(id, document),
    }
}

pub(super) fn of_not_opened(why: &NotOpened, key: &str) -> JsValue {
    match why {
        NotOpened::NotFound => error("not-found", &["there is no document \"", key, "\""]),
        NotOpened::Unavailable => {
            error("unavailable", &["no answer, and no local copy of \"", key, "\""])
        }
        NotOpened::SignedOut => error("signed-out", &["sign in to open \"", key, "\""]),
        NotOpened::Rejected(rejection) => error("rejected", &[&rejection.message]),
        NotOpened::Unreadable(document) => of_document("the server's answer", document),
    }
}
