//! What the server computes at every save, whatever the client sent.

use rusqlite::{OptionalExtension, Transaction};
use rust_decimal::Decimal;
use serde_json::{json, Value};

use super::document::Document;
use super::envelope::Refusal;
use crate::clock::Moment;
use crate::json::{text, truthy, Fields};
use crate::number::{add, decimal, json as number, multiply, round, subtract, OutOfRange};

const HUNDRED: Decimal = Decimal::ONE_HUNDRED;

/// Fills in defaults and the fields that follow from others.
pub fn fill_in(document: &mut Document, now: Moment) {
    let header = &mut document.header;
    let customer = text(header, "customer").unwrap_or_default().to_owned();
    if !customer.is_empty() {
        header.insert("customer_name".to_owned(), json!(customer));
    }
    if !truthy(header.get("set_posting_time")) {
        header.insert("posting_date".to_owned(), json!(now.date()));
        header.insert("posting_time".to_owned(), json!(now.time()));
    }
    for (name, value) in [
        ("set_posting_time", json!(0)),
        ("is_pos", json!(0)),
        ("is_return", json!(0)),
        ("currency", json!("USD")),
        ("discount_amount", number(Decimal::ZERO)),
    ] {
        default(header, name, value);
    }
    if !truthy(header.get("conversion_rate")) {
        header.insert("conversion_rate".to_owned(), number(Decimal::ONE));
    }
    for row in document.rows_mut("items") {
        let item = format!("Item {}", text(row, "item_code").unwrap_or_default());
        if !truthy(row.get("item_name")) {
            row.insert("item_name".to_owned(), json!(item));
        }
        default(row, "qty", number(Decimal::ZERO));
        if !truthy(row.get("conversion_factor")) {
            row.insert("conversion_factor".to_owned(), number(Decimal::ONE));
        }
        default(row, "discount_percentage", number(Decimal::ZERO));
    }
    for row in document.rows_mut("payments") {
        default(row, "default", json!(0));
    }
}

fn default(fields: &mut Fields, name: &str, value: Value) {
    if fields.get(name).is_none_or(Value::is_null) {
        fields.insert(name.to_owned(), value);
    }
}

/// Prices the rows: a row without a rate takes the list's, and a price changed since takes
/// effect on every row whose rate nobody typed.
pub fn price(transaction: &Transaction<'_>, document: &mut Document) -> Result<(), Refusal> {
    for row in document.rows_mut("items") {
        let listed: Option<(String, bool)> = transaction
            .query_row(
                "SELECT rate, fresh FROM prices WHERE item_code = ?1",
                [text(row, "item_code").unwrap_or_default()],
                |found| Ok((found.get(0)?, found.get(1)?)),
            )
            .optional()?;
        let missing = row.get("rate").is_none_or(Value::is_null);
        let Some((rate, fresh)) = listed else {
            default(row, "rate", number(Decimal::ZERO));
            continue;
        };
        let rate = number(decimal(Some(&json!(rate)))?);
        let reprice = fresh && !truthy(row.get("is_rate_manually_edited"));
        if missing || reprice {
            row.insert("rate".to_owned(), rate.clone());
        }
        if reprice {
            row.insert("price_list_rate".to_owned(), rate);
        } else {
            default(row, "price_list_rate", rate);
        }
    }
    Ok(())
}

/// Computes rows, discount, taxes, totals and payments.
pub fn compute(document: &mut Document) -> Result<(), OutOfRange> {
    let conversion = decimal(document.header.get("conversion_rate"))?;
    let (total_qty, total) = rows(document, conversion)?;
    let percentage = decimal(document.header.get("additional_discount_percentage"))?;
    let discount = if percentage.is_zero() {
        decimal(document.header.get("discount_amount"))?
    } else {
        round(multiply(total, percentage)? / HUNDRED, 2)
    };
    let net = subtract(total, discount)?;
    let taxes = taxes(document, net, conversion)?;
    let grand = add(net, taxes)?;
    let disabled = truthy(document.header.get("disable_rounded_total"));
    let rounded = if disabled { Decimal::ZERO } else { round(grand, 0) };
    let adjustment = if disabled { Decimal::ZERO } else { subtract(rounded, grand)? };
    let mut paid = Decimal::ZERO;
    for row in document.rows_mut("payments") {
        let amount = decimal(row.get("amount"))?;
        row.insert("amount".to_owned(), number(amount));
        row.insert("base_amount".to_owned(), number(round(multiply(amount, conversion)?, 2)));
        paid = add(paid, amount)?;
    }
    let open = subtract(grand, paid)?;
    let refund = truthy(document.header.get("is_return"));
    let zero = Decimal::ZERO;
    let base = |amount: Decimal| multiply(amount, conversion).map(|base| round(base, 2));
    let computed = [
        ("total_qty", total_qty),
        ("total", total),
        ("base_total", base(total)?),
        ("discount_amount", discount),
        ("net_total", net),
        ("base_net_total", base(net)?),
        ("total_taxes_and_charges", taxes),
        ("grand_total", grand),
        ("rounding_adjustment", adjustment),
        ("rounded_total", rounded),
        ("base_grand_total", base(grand)?),
        ("paid_amount", paid),
        ("change_amount", if refund { zero } else { (-open).max(zero) }),
        ("outstanding_amount", if refund { open } else { open.max(zero) }),
    ];
    for (name, amount) in computed {
        document.header.insert(name.to_owned(), number(amount));
    }
    Ok(())
}

fn rows(document: &mut Document, conversion: Decimal) -> Result<(Decimal, Decimal), OutOfRange> {
    let (mut total_qty, mut total) = (Decimal::ZERO, Decimal::ZERO);
    for row in document.rows_mut("items") {
        let qty = decimal(row.get("qty"))?;
        let rate = decimal(row.get("rate"))?;
        let left = subtract(HUNDRED, decimal(row.get("discount_percentage"))?)?;
        let amount = round(multiply(multiply(qty, rate)?, left)? / HUNDRED, 2);
        let base = round(multiply(amount, conversion)?, 2);
        for (name, value) in [
            ("amount", amount),
            ("base_rate", round(multiply(rate, conversion)?, 2)),
            ("base_amount", base),
            ("net_amount", amount),
            ("base_net_amount", base),
        ] {
            row.insert(name.to_owned(), number(value));
        }
        total_qty = add(total_qty, qty)?;
        total = add(total, amount)?;
    }
    Ok((total_qty, total))
}

/// Each row is a percentage of the net total, or a fixed amount if its type is "Actual".
fn taxes(
    document: &mut Document,
    net: Decimal,
    conversion: Decimal,
) -> Result<Decimal, OutOfRange> {
    let mut sum = Decimal::ZERO;
    for row in document.rows_mut("taxes") {
        let amount = if text(row, "charge_type") == Some("Actual") {
            decimal(row.get("tax_amount"))?
        } else {
            round(multiply(net, decimal(row.get("rate"))?)? / HUNDRED, 2)
        };
        sum = add(sum, amount)?;
        for (name, value) in [
            ("tax_amount", amount),
            ("base_tax_amount", round(multiply(amount, conversion)?, 2)),
            ("total", add(net, sum)?),
        ] {
            row.insert(name.to_owned(), number(value));
        }
    }
    Ok(sum)
}

/// The status word that follows from the state and the payments.
pub fn status(document: &mut Document) -> Result<(), OutOfRange> {
    let open = decimal(document.header.get("outstanding_amount"))?;
    let paid = decimal(document.header.get("paid_amount"))?;
    let word = match document.docstatus() {
        0 => "Draft",
        2 => "Cancelled",
        _ if truthy(document.header.get("is_return")) => "Return",
        _ if open <= Decimal::ZERO => "Paid",
        _ if paid > Decimal::ZERO => "Partly Paid",
        _ => "Unpaid",
    };
    document.header.insert("status".to_owned(), json!(word));
    Ok(())
}
