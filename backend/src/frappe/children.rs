//! Rows: their names, numbers and what of them reaches the database.
//!
//! The odd parts are Frappe's own (transcripts 26 and 29): a row with a name the database
//! does not have is an UPDATE that hits nothing, so the answer has it and the database not;
//! a row name of another document moves that row here.

use rusqlite::{OptionalExtension, Transaction};
use serde_json::{json, Value};

use super::document::{Document, Table};
use super::envelope::Refusal;
use super::fields;
use crate::json::{text, truthy, Fields};
use crate::session::random_hex;

/// Gives every row its name, number and kind before the save looks at it.
///
/// Rows to be inserted are marked `"__unsaved": 1`, which the answer keeps.
pub fn prepare(document: &mut Document, inserting: bool) -> Result<(), Refusal> {
    for table in &mut document.tables {
        for (index, row) in table.rows.iter_mut().enumerate() {
            let named = text(row, "name").is_some_and(|name| !name.is_empty());
            let new = inserting || !named || truthy(row.get("__islocal"));
            fields::cast(row)?;
            for name in ["parent", "parentfield", "parenttype"] {
                row.shift_remove(name);
            }
            if !named {
                row.insert("name".to_owned(), json!(random_hex(5)));
            }
            if !truthy(row.get("idx")) {
                row.insert("idx".to_owned(), json!(index + 1));
            }
            if new {
                row.insert("__unsaved".to_owned(), json!(1));
            }
        }
    }
    Ok(())
}

/// Puts the parent's stamp and state on every row; new rows take its `creation` and owner.
pub fn stamp(document: &mut Document) {
    let of_header = |name: &str| document.header.get(name).cloned().unwrap_or(Value::Null);
    let shared = ["modified", "modified_by", "docstatus"].map(|name| (name, of_header(name)));
    let first = [("owner", of_header("modified_by")), ("creation", of_header("creation"))];
    for row in document.tables.iter_mut().flat_map(|table| &mut table.rows) {
        for (name, value) in &first {
            if row.contains_key("__unsaved") || !truthy(row.get(*name)) {
                row.insert((*name).to_owned(), value.clone());
            }
        }
        for (name, value) in &shared {
            row.insert((*name).to_owned(), value.clone());
        }
    }
}

/// Writes the rows and removes those the document no longer lists.
pub fn write(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    for table in &document.tables {
        remove_unlisted(transaction, document, table)?;
        for row in &table.rows {
            write_row(transaction, document, table, row)?;
        }
    }
    let kept: Vec<&str> = document.tables.iter().map(|table| table.field.as_str()).collect();
    let mut statement = transaction.prepare_cached(
        "SELECT DISTINCT parentfield FROM rows WHERE parenttype = ?1 AND parent = ?2",
    )?;
    let fields: Vec<String> = statement
        .query_map((&document.doctype, document.name()), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for field in fields.iter().filter(|field| !kept.contains(&field.as_str())) {
        transaction.execute(
            "DELETE FROM rows WHERE parenttype = ?1 AND parent = ?2 AND parentfield = ?3",
            (&document.doctype, document.name(), field),
        )?;
    }
    Ok(())
}

fn write_row(
    transaction: &Transaction<'_>,
    document: &Document,
    table: &Table,
    row: &Fields,
) -> Result<(), Refusal> {
    let doctype = fields::row_doctype(&document.doctype, &table.field);
    let name = text(row, "name").unwrap_or_default();
    let mut kept = fields::stored(row);
    let new = kept.shift_remove("__unsaved").is_some();
    let idx = row.get("idx").and_then(Value::as_i64).unwrap_or(0);
    let body = Value::Object(kept).to_string();
    if new {
        let taken = transaction
            .query_row(
                "SELECT 1 FROM rows WHERE doctype = ?1 AND name = ?2",
                (&doctype, name),
                |_| Ok(()),
            )
            .optional()?;
        if taken.is_some() {
            return Err(Refusal::duplicate_name(&doctype, name));
        }
    }
    let statement = if new {
        "INSERT INTO rows (parenttype, parent, parentfield, idx, body, doctype, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    } else {
        "UPDATE rows SET parenttype = ?1, parent = ?2, parentfield = ?3, idx = ?4, body = ?5
         WHERE doctype = ?6 AND name = ?7"
    };
    transaction.execute(
        statement,
        (&document.doctype, document.name(), &table.field, idx, body, doctype, name),
    )?;
    Ok(())
}

fn remove_unlisted(
    transaction: &Transaction<'_>,
    document: &Document,
    table: &Table,
) -> Result<(), Refusal> {
    let mut statement = transaction.prepare_cached(
        "SELECT name FROM rows WHERE parenttype = ?1 AND parent = ?2 AND parentfield = ?3",
    )?;
    let key = (&document.doctype, document.name(), &table.field);
    let names: Vec<String> =
        statement.query_map(key, |row| row.get(0))?.collect::<Result<_, _>>()?;
    let doctype = fields::row_doctype(&document.doctype, &table.field);
    for name in names {
        let listed = table.rows.iter().any(|row| text(row, "name") == Some(name.as_str()));
        if !listed {
            transaction
                .execute("DELETE FROM rows WHERE doctype = ?1 AND name = ?2", (&doctype, &name))?;
        }
    }
    Ok(())
}
