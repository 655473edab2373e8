//! `/api/resource/DocType[/name]` and `/api/v2/document/DocType[/name]`.

use axum::http::Method;
use serde_json::{json, Value};

use super::document::{self, Document, Nulls};
use super::envelope::{Dialect, Refusal};
use super::query::Query;
use super::save::Save;
use super::{Call, Done};
use crate::json::{text, Fields};

/// A DocType as a whole: list and create.
pub fn collection(call: &Call<'_>, doctype: &str) -> Result<Done, Refusal> {
    match call.exchange.method {
        Method::GET | Method::HEAD => {
            let query = Query::read(&call.arguments.all())?;
            let found = call.transact(|save| query.run(save.transaction, doctype))?;
            Ok(Done::Value(200, found.into()))
        }
        Method::POST => {
            let body = call.arguments.document()?;
            let made = call.transact(|save| save.insert(doctype, body))?;
            Ok(Done::Value(200, made.answer(Nulls::Absent)))
        }
        _ => Err(Refusal::nowhere()),
    }
}

/// One document, or one row of a document by the row's DocType.
pub fn document(call: &Call<'_>, doctype: &str, name: &str) -> Result<Done, Refusal> {
    let patches = call.exchange.method == Method::PUT
        || (call.exchange.method == Method::PATCH && call.dialect == Dialect::V2);
    match call.exchange.method {
        Method::GET | Method::HEAD => {
            let found = call.transact(|save| read(save, doctype, name))?;
            Ok(Done::Value(200, found))
        }
        _ if patches => {
            let body = call.arguments.document()?;
            let saved = call.transact(|save| write(save, doctype, name, body))?;
            Ok(Done::Value(200, saved))
        }
        Method::POST => {
            let method = call.arguments.text("run_method");
            run_method(call, doctype, name, &method)
        }
        Method::DELETE => {
            call.transact(|save| save.delete(doctype, name))?;
            Ok(Done::Value(202, json!("ok")))
        }
        _ => Err(Refusal::nowhere()),
    }
}

/// Submits or cancels without a stamp: none can be sent this way (transcript 24).
pub fn run_method(
    call: &Call<'_>,
    doctype: &str,
    name: &str,
    method: &str,
) -> Result<Done, Refusal> {
    let docstatus = match method {
        "submit" => 1,
        "cancel" => 2,
        other => return Err(Refusal::invalid(&format!("Method {other} not found on {doctype}"))),
    };
    let saved = call.transact(|save| set_docstatus(save, doctype, name, docstatus))?;
    Ok(Done::Value(200, saved.answer(Nulls::Absent)))
}

/// Moves a document to another state as it is stored.
pub fn set_docstatus(
    save: &Save<'_>,
    doctype: &str,
    name: &str,
    docstatus: i64,
) -> Result<Document, Refusal> {
    let mut body = Fields::new();
    body.insert("docstatus".to_owned(), json!(docstatus));
    save.patch(doctype, name, body)
}

fn read(save: &Save<'_>, doctype: &str, name: &str) -> Result<Value, Refusal> {
    let Some((parenttype, parent, field)) = document::parent_of(save.transaction, doctype, name)?
    else {
        return Ok(document::load(save.transaction, doctype, name)?.answer(Nulls::Absent));
    };
    let owner = document::load(save.transaction, &parenttype, &parent)?;
    row_answer(&owner, &field, name)
}

/// A patch of a row saves its parent, whose stamp moves too (transcript 27).
fn write(save: &Save<'_>, doctype: &str, name: &str, body: Fields) -> Result<Value, Refusal> {
    match document::parent_of(save.transaction, doctype, name)? {
        None => Ok(save.patch(doctype, name, body)?.answer(Nulls::Absent)),
        Some((parenttype, parent, field)) => {
            let saved = write_row(save, (&parenttype, &parent, &field), name, body)?;
            row_answer(&saved, &field, name)
        }
    }
}

/// Lays a patch over one row and saves the row's parent.
pub fn write_row(
    save: &Save<'_>,
    (doctype, parent, field): (&str, &str, &str),
    name: &str,
    body: Fields,
) -> Result<Document, Refusal> {
    let stored = document::load(save.transaction, doctype, parent)?;
    let mut wanted = stored.clone();
    for row in wanted.rows_mut(field) {
        if text(row, "name") == Some(name) {
            row.extend(body.clone());
        }
    }
    save.update(&stored, wanted)
}

fn row_answer(owner: &Document, field: &str, name: &str) -> Result<Value, Refusal> {
    owner
        .rows(field)
        .iter()
        .find(|row| text(row, "name") == Some(name))
        .map(|row| owner.row_answer(field, row, Nulls::Absent))
        .ok_or_else(|| Refusal::missing(field, name))
}
