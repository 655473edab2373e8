//! What this server knows about field names: their types, labels and owners.

use rust_decimal::Decimal;
use serde_json::{json, Value};

use super::html;
use crate::json::{truthy, Fields};
use crate::number::{self, OutOfRange};

/// How a field's value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Check,
    /// A decimal, stored at nine places.
    Decimal,
    /// Whatever was sent, text unchanged.
    Any,
}

/// Fields the framework owns in every document.
pub const STANDARD: [&str; 7] =
    ["name", "owner", "creation", "modified", "modified_by", "docstatus", "idx"];

/// Fields that never reach the database.
pub const TRANSIENT: [&str; 6] =
    ["doctype", "__islocal", "__unsaved", "__last_sync_on", "__onload", "__run_link_triggers"];

/// Fields whose value no two documents of a DocType may share; empty may repeat.
pub const UNIQUE: [&str; 2] = ["client_uuid", "custom_client_uuid"];

/// Header fields that `frappe.client.get` shows as null when they have no value.
pub const NULLS: [&str; 7] = [
    "client_uuid",
    "due_date",
    "pos_profile",
    "remarks",
    "letter_head",
    "manager_note",
    "amended_from",
];

const CHECKS: [&str; 13] = [
    "is_pos",
    "is_return",
    "set_posting_time",
    "update_stock",
    "ignore_pricing_rule",
    "disable_rounded_total",
    "redeem_loyalty_points",
    "is_free_item",
    "is_rate_manually_edited",
    "use_serial_batch_fields",
    "included_in_print_rate",
    "default",
    "disabled",
];

const DECIMALS: [&str; 30] = [
    "qty",
    "stock_qty",
    "actual_qty",
    "total_qty",
    "rate",
    "price_list_rate",
    "net_rate",
    "amount",
    "net_amount",
    "tax_amount",
    "discount_percentage",
    "additional_discount_percentage",
    "discount_amount",
    "conversion_factor",
    "conversion_rate",
    "plc_conversion_rate",
    "total",
    "net_total",
    "total_taxes_and_charges",
    "grand_total",
    "rounding_adjustment",
    "rounded_total",
    "paid_amount",
    "change_amount",
    "write_off_amount",
    "outstanding_amount",
    "loyalty_amount",
    "allocated_percentage",
    "allocated_amount",
    "incentives",
];

/// The type of a field, by its name.
pub fn kind(field: &str) -> Kind {
    if CHECKS.contains(&field) {
        Kind::Check
    } else if DECIMALS.contains(&field) || field.starts_with("base_") || field.ends_with("_qty") {
        Kind::Decimal
    } else {
        Kind::Any
    }
}

/// Turns the sent values into the types of their fields; transient fields are dropped.
pub fn cast(fields: &mut Fields) -> Result<(), OutOfRange> {
    for name in TRANSIENT {
        fields.shift_remove(name);
    }
    for (name, value) in fields.iter_mut() {
        match kind(name) {
            Kind::Check => *value = json!(i32::from(truthy(Some(value)))),
            Kind::Decimal => *value = number::json(number::decimal(Some(value))?),
            Kind::Any => {
                if let Value::String(text) = value {
                    *text = html::sanitize(text);
                }
            }
        }
    }
    Ok(())
}

/// The spelling the database gives back: nine decimals, `9:05:00`, `2026-01-07`.
///
/// The answer to a save still has the sent spelling (transcript 34); this one shows at a GET.
pub fn stored(fields: &Fields) -> Fields {
    let spell = |(name, value): (&String, &Value)| {
        let value = match (kind(name), value) {
            (Kind::Decimal, value) => {
                let read = number::decimal(Some(value)).unwrap_or(Decimal::ZERO);
                number::json(number::round(read, 9))
            }
            (_, Value::String(text)) if name.ends_with("_date") => date(text).into(),
            (_, Value::String(text)) if name == "posting_time" => time(text).into(),
            (_, value) => value.clone(),
        };
        (name.clone(), value)
    };
    fields.iter().map(spell).collect()
}

fn date(text: &str) -> String {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => text.to_owned(),
    }
}

/// `09:05:00` is `9:05:00`; with a fraction the seconds lose their padding too.
fn time(text: &str) -> String {
    let mut parts = text.splitn(3, ':');
    let (Some(hour), Some(minute), Some(second)) = (parts.next(), parts.next(), parts.next())
    else {
        return text.to_owned();
    };
    let hour = match hour.trim_start_matches('0') {
        "" => "0",
        hour => hour,
    };
    let second = match second.split_once('.') {
        None => second.to_owned(),
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction if whole == "00" => format!("0.{fraction}"),
            fraction => format!("{}.{fraction}", whole.trim_start_matches('0')),
        },
    };
    format!("{hour}:{minute}:{second}")
}

/// `client_uuid` is "Client Uuid"; a custom field's prefix is not part of its label.
pub fn label(field: &str) -> String {
    let bare = field.strip_prefix("custom_").unwrap_or(field);
    let words: Vec<String> = bare
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_uppercase().collect::<String>() + letters.as_str()
            })
        })
        .collect();
    words.join(" ")
}

/// Whether a DocType is an invoice with items, payments and computed totals.
pub fn is_invoice(doctype: &str) -> bool {
    matches!(doctype, "Sales Invoice" | "POS Invoice" | "Sales Order" | "Quotation")
}

/// The tables an invoice always shows, even when they are empty.
pub fn tables_of(doctype: &str) -> &'static [&'static str] {
    match is_invoice(doctype) {
        true => &["items", "payments", "taxes"],
        false => &[],
    }
}

/// The DocType of a table's rows.
pub fn row_doctype(doctype: &str, table: &str) -> String {
    match table {
        "items" if is_invoice(doctype) => format!("{doctype} Item"),
        "payments" if is_invoice(doctype) => "Sales Invoice Payment".to_owned(),
        "taxes" => "Sales Taxes and Charges".to_owned(),
        "sales_team" => "Sales Team".to_owned(),
        "packed_items" => "Packed Item".to_owned(),
        other => format!("{doctype} {}", label(other)),
    }
}
