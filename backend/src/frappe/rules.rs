//! What a document must fulfil before it is stored.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rusqlite::{OptionalExtension, Transaction};
use rust_decimal::Decimal;
use serde_json::{json, Value};

use super::document::Document;
use super::envelope::Refusal;
use super::fields::{self, label, UNIQUE};
use crate::json::{ascii, plain, text, truthy, Fields};
use crate::number::{self, add, decimal};

/// Every row sells more than nothing; a return gives back more than nothing.
pub fn quantities(document: &Document) -> Result<(), Refusal> {
    let refund = truthy(document.header.get("is_return"));
    for (index, row) in document.rows("items").iter().enumerate() {
        let qty = decimal(row.get("qty"))?;
        if qty.is_zero() || (!refund && qty < Decimal::ZERO) {
            let item = text(row, "item_code").unwrap_or_default();
            let text = format!(
                "Row {}: Qty must be greater than zero for item <strong>{item}</strong>",
                index + 1
            );
            return Err(Refusal::invalid(&text)
                .titled("Invalid Quantity")
                .raised_in("pos_lab (app)"));
        }
    }
    Ok(())
}

/// The customer and every row's item must be there; items too once it is submitted.
pub fn mandatory(document: &Document) -> Result<(), Refusal> {
    let (doctype, name) = (document.doctype.as_str(), document.name());
    if !truthy(document.header.get("customer")) {
        let shown = format!("Error: Value missing for {doctype}: Customer");
        return Err(Refusal::mandatory(doctype, name, "customer", &shown));
    }
    for row in document.rows("items") {
        if !truthy(row.get("item_code")) {
            let shown = format!(
                "Error: <strong>{}</strong> Row #{}: Value missing for: Item Code",
                fields::row_doctype(doctype, "items"),
                plain(row.get("idx").unwrap_or(&Value::Null))
            );
            return Err(Refusal::mandatory(doctype, name, "item_code", &shown));
        }
    }
    if document.docstatus() == 1 && document.rows("items").is_empty() {
        let text = "Items table can not be empty";
        return Err(Refusal::thrown(417, "EmptyTableError", text).raised_in("pos_lab (app)"));
    }
    Ok(())
}

/// Every item code is in the price list (`--strict-items`).
pub fn links(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    for row in document.rows("items") {
        let item = text(row, "item_code").unwrap_or_default();
        let known = transaction
            .query_row("SELECT 1 FROM prices WHERE item_code = ?1", [item], |_| Ok(()))
            .optional()?;
        if known.is_none() && !item.is_empty() {
            let idx = plain(row.get("idx").unwrap_or(&Value::Null));
            let text = format!("Could not find Row #{idx}: Item Code: {item}");
            return Err(Refusal::thrown(417, "LinkValidationError", &text));
        }
    }
    Ok(())
}

/// No item is sold beyond its stock; items without a limit are never short.
///
/// One message is for people, one is JSON for programs, as POS apps throw it.
pub fn stock(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    let mut wanted: BTreeMap<&str, (usize, Decimal)> = BTreeMap::new();
    for (index, row) in document.rows("items").iter().enumerate() {
        let item = text(row, "item_code").unwrap_or_default();
        let entry = wanted.entry(item).or_insert((index + 1, Decimal::ZERO));
        entry.1 = add(entry.1, decimal(row.get("qty"))?)?;
    }
    let mut errors = Vec::new();
    for (item, (row, qty)) in wanted {
        let available: Option<String> = transaction
            .query_row("SELECT available FROM stock WHERE item_code = ?1", [item], |found| {
                found.get(0)
            })
            .optional()?;
        let Some(available) = available else { continue };
        let available = decimal(Some(&json!(available)))?;
        if qty > available {
            errors.push(json!({
                "item_code": item,
                "row": row,
                "requested_qty": number::json(qty),
                "available_qty": number::json(available),
            }));
        }
    }
    let Some(first) = errors.first() else { return Ok(()) };
    let text = format!(
        "{} units of <strong>{}</strong> needed to complete this transaction, {} available.",
        first["requested_qty"],
        plain(&first["item_code"]),
        first["available_qty"]
    );
    let line = format!("erpnext.stock.stock_ledger.NegativeStockError: {text}");
    let detail = ascii(&json!({ "errors": errors }));
    Err(Refusal::traced(417, "NegativeStockError", line)
        .showing(&text, "Insufficient Stock", true, true)
        .showing(&detail, "Insufficient Stock", true, true)
        .raised_in("erpnext (app)"))
}

/// `creation`, `owner` and the naming series are what they were when the document was made.
pub fn constants(stored: &Document, wanted: &Document) -> Result<(), Refusal> {
    for (field, label) in [("creation", "Created On"), ("owner", "Created By")] {
        if wanted.text(field) != stored.text(field) {
            return Err(Refusal::constant(label));
        }
    }
    let (before, after) = (stored.text("naming_series"), wanted.text("naming_series"));
    if before != after && !after.is_empty() {
        return Err(Refusal::constant("Naming Series"));
    }
    Ok(())
}

/// A date the database cannot read is a 500 that no resend will cure (transcript 30).
pub fn dates(document: &Document) -> Result<(), Refusal> {
    for (name, value) in document.header.iter().filter(|(name, _)| name.ends_with("_date")) {
        let text = plain(value);
        if text.is_empty() || NaiveDate::parse_from_str(&text, "%Y-%m-%d").is_ok() {
            continue;
        }
        let place = format!("`restamp`.`tab{}`.`{name}` at row 1", document.doctype);
        let line = format!(
            "pymysql.err.OperationalError: (1292, \"Incorrect date value: '{text}' for column {place}\")"
        );
        return Err(Refusal::traced(500, "OperationalError", line));
    }
    Ok(())
}

/// Claims the values of unique fields for this document, or says which is taken.
pub fn unique(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    let (doctype, name) = (document.doctype.as_str(), document.name());
    for field in UNIQUE {
        transaction.execute(
            "DELETE FROM unique_values WHERE doctype = ?1 AND field = ?2 AND name = ?3",
            (doctype, field, name),
        )?;
        let value = plain(document.header.get(field).unwrap_or(&Value::Null));
        if value.is_empty() {
            continue;
        }
        let claimed = transaction.execute(
            "INSERT OR IGNORE INTO unique_values (doctype, field, value, name)
             VALUES (?1, ?2, ?3, ?4)",
            (doctype, field, &value, name),
        )?;
        if claimed == 0 {
            return Err(Refusal::duplicate_value(doctype, name, field, &label(field), &value));
        }
    }
    Ok(())
}

/// A document goes from draft to submitted to cancelled and never back (transcript 23).
pub fn transition(from: i64, to: i64) -> Result<(), Refusal> {
    match (from, to) {
        (0, 0 | 1) | (1, 1 | 2) => Ok(()),
        (2, _) => Err(Refusal::silent(417, "ValidationError", "Cannot edit cancelled document")),
        _ => {
            let text = format!("Cannot change docstatus from {} to {}", state(from), state(to));
            Err(Refusal::silent(417, "DocstatusTransitionError", &text))
        }
    }
}

fn state(docstatus: i64) -> String {
    match docstatus {
        0 => "0 (Draft)".to_owned(),
        1 => "1 (Submitted)".to_owned(),
        2 => "2 (Cancelled)".to_owned(),
        other => other.to_string(),
    }
}

const ALLOWED_AFTER_SUBMIT: [&str; 1] = ["letter_head"];
const MOVES_BY_ITSELF: [&str; 8] = [
    "modified",
    "modified_by",
    "docstatus",
    "status",
    "idx",
    "posting_time",
    "posting_date",
    "__unsaved",
];

/// After submission only the fields allowed may differ from what is stored.
pub fn after_submit(stored: &Document, wanted: &Document) -> Result<(), Refusal> {
    differs(&stored.header, &wanted.header, "")?;
    for table in &wanted.tables {
        let before = stored.rows(&table.field);
        let same_names = before.len() == table.rows.len()
            && before
                .iter()
                .all(|row| table.rows.iter().any(|other| text(other, "name") == text(row, "name")));
        if !same_names {
            return Err(not_allowed("", &label(&table.field), "-", "-"));
        }
        for (index, row) in table.rows.iter().enumerate() {
            let twin = before.iter().find(|other| text(other, "name") == text(row, "name"));
            if let Some(twin) = twin {
                differs(twin, row, &format!("Row #{}:", index + 1))?;
            }
        }
    }
    Ok(())
}

fn differs(before: &Fields, after: &Fields, place: &str) -> Result<(), Refusal> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        if ALLOWED_AFTER_SUBMIT.contains(&name.as_str()) || MOVES_BY_ITSELF.contains(&name.as_str())
        {
            continue;
        }
        let (old, new) =
            (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
        if plain(old) != plain(new) {
            return Err(not_allowed(place, &label(name), &plain(old), &plain(new)));
        }
    }
    Ok(())
}

fn not_allowed(place: &str, label: &str, old: &str, new: &str) -> Refusal {
    let text = format!(
        "{place} Not allowed to change <strong>{label}</strong> after submission from \
         <strong>{old}</strong> to <strong>{new}</strong>"
    );
    Refusal::thrown(417, "UpdateAfterSubmitError", &text).titled("Cannot Update After Submit")
}
