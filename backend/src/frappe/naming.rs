//! Names: series that count up, and give a number back when the newest draft is deleted.

use rusqlite::{OptionalExtension, Transaction};

use super::document::{exists, Document};
use super::envelope::Refusal;
use super::fields::is_invoice;
use crate::clock::Moment;
use crate::session::random_hex;

/// Digits of a series that does not say how many it wants.
const DIGITS: usize = 5;

/// The series a DocType uses when the document names none.
pub fn default_series(doctype: &str) -> Option<&'static str> {
    match doctype {
        "Sales Invoice" => Some("ACC-SINV-.YYYY.-"),
        "POS Invoice" => Some("ACC-PSINV-.YYYY.-"),
        "Sales Order" => Some("SAL-ORD-.YYYY.-"),
        "Quotation" => Some("SAL-QTN-.YYYY.-"),
        _ => None,
    }
}

/// Names a new document. Under a series the name the client sent is ignored (transcript 33).
pub fn choose(
    transaction: &Transaction<'_>,
    document: &Document,
    now: Moment,
) -> Result<String, Refusal> {
    let amended = document.text("amended_from");
    if is_invoice(&document.doctype) && !amended.is_empty() {
        return amendment(transaction, &document.doctype, amended);
    }
    let series = document.text("naming_series");
    if !series.is_empty() {
        return next(transaction, &document.doctype, series, now);
    }
    let by_field = match document.doctype.as_str() {
        "Customer" => document.text("customer_name"),
        "Item" => document.text("item_code"),
        _ => "",
    };
    let name = match (by_field, document.name()) {
        ("", "") => return Ok(random_hex(5)),
        ("", sent) => sent,
        (by_field, _) => by_field,
    };
    if exists(transaction, &document.doctype, name)? {
        return Err(Refusal::duplicate_name(&document.doctype, name));
    }
    Ok(name.to_owned())
}

/// Takes the number back if the deleted document has the newest one of its series
/// (transcript 28): the next document gets the same name.
pub fn give_back(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    let name = document.name();
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, number) = name.split_at(name.len() - digits);
    if let Ok(number) = number.parse::<i64>() {
        transaction.execute(
            "UPDATE series SET current = current - 1 WHERE prefix = ?1 AND current = ?2",
            (prefix, number),
        )?;
    }
    Ok(())
}

fn next(
    transaction: &Transaction<'_>,
    doctype: &str,
    series: &str,
    now: Moment,
) -> Result<String, Refusal> {
    let (prefix, digits) = expand(series, now);
    loop {
        let current: Option<i64> = transaction
            .query_row("SELECT current FROM series WHERE prefix = ?1", [&prefix], |row| row.get(0))
            .optional()?;
        let number = current.unwrap_or(0).saturating_add(1);
        transaction.execute(
            "INSERT INTO series (prefix, current) VALUES (?1, ?2)
             ON CONFLICT (prefix) DO UPDATE SET current = ?2",
            (&prefix, number),
        )?;
        let name = format!("{prefix}{number:0digits$}");
        if !exists(transaction, doctype, &name)? {
            return Ok(name);
        }
    }
}

/// `ACC-SINV-.YYYY.-.####` is the prefix `ACC-SINV-2026-` and four digits.
fn expand(series: &str, now: Moment) -> (String, usize) {
    let mut prefix = String::new();
    let mut digits = DIGITS;
    for part in series.split('.') {
        match part {
            "YYYY" => prefix.push_str(&now.year()),
            "YY" => prefix.push_str(&now.year()[2..]),
            "MM" => prefix.push_str(&now.date()[5..7]),
            "DD" => prefix.push_str(&now.date()[8..]),
            hashes if !hashes.is_empty() && hashes.bytes().all(|byte| byte == b'#') => {
                digits = hashes.len().min(20);
            }
            text => prefix.push_str(text),
        }
    }
    (prefix, digits)
}

fn amendment(transaction: &Transaction<'_>, doctype: &str, name: &str) -> Result<String, Refusal> {
    let mut number = 1;
    loop {
        let candidate = format!("{name}-{number}");
        if !exists(transaction, doctype, &candidate)? {
            return Ok(candidate);
        }
        number += 1;
    }
}
