//! A document as a flat list of what people own in it, written without the core: numbers by
//! value, nothing as absent, rows by identity, lines as a set.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

pub type Canon = BTreeMap<String, String>;

const NOT_OWNED: [&str; 12] = [
    "name",
    "creation",
    "modified",
    "docstatus",
    "owner",
    "grand_total",
    "price_list_rate",
    "amount_base",
    "idx",
    "modified_by",
    "custom_mutation_id",
    "doctype",
];
const DISCOUNT: [&str; 5] = [
    "additional_discount_percentage",
    "discount_amount",
    "discount_percentage",
    "coupon_code",
    "is_rate_manually_edited",
];
const LINES: [&str; 3] = ["posa_notes", "remarks", "serial_no"];

fn decimal(text: &str) -> Option<Decimal> {
    let plain = text.trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '.');
    let zeros = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    if !plain || zeros || text.is_empty() {
        return text.contains('e').then(|| Decimal::from_scientific(text).ok()).flatten();
    }
    text.parse().ok()
}

/// A value in one spelling; nothing is `None`.
pub fn spelling(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if !text.contains('e') => Some(match decimal(text) {
            Some(amount) => amount.normalize().to_string(),
            None => format!("{text:?}"),
        }),
        Value::String(text) => Some(format!("{text:?}")),
        Value::Number(number) => Some(match decimal(&number.to_string()) {
            Some(amount) => amount.normalize().to_string(),
            None => number.to_string(),
        }),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        other => Some(other.to_string()),
    }
}

fn fields(prefix: &str, object: &Value, canon: &mut Canon) {
    let manual = !matches!(&object["is_rate_manually_edited"], Value::Null)
        && spelling(&object["is_rate_manually_edited"]).is_some_and(|flag| flag != "0");
    let percentage = spelling(&object["additional_discount_percentage"]);
    let derived = percentage.is_some_and(|percentage| percentage != "0");
    for (name, value) in object.as_object().expect("an object") {
        let rate = name == "rate" && !manual;
        let ignored = name == "discount_amount" && prefix.is_empty() && derived;
        if NOT_OWNED.contains(&name.as_str()) || value.is_array() || rate || ignored {
            continue;
        }
        let value = if LINES.contains(&name.as_str()) {
            let mut lines: Vec<&str> = value.as_str().unwrap_or_default().lines().collect();
            lines.sort_unstable();
            lines.dedup();
            (!lines.is_empty()).then(|| lines.join("\n"))
        } else {
            spelling(value).filter(|value| !(DISCOUNT.contains(&name.as_str()) && value == "0"))
        };
        if let Some(value) = value {
            canon.insert(format!("{prefix}{name}"), value);
        }
    }
}

/// See the module.
pub fn canon(document: &Value) -> Canon {
    let mut canon = Canon::new();
    fields("", document, &mut canon);
    for (table, names) in [
        ("items", &["posa_row_id"][..]),
        ("payments", &["custom_pay_id", "custom_txn_id", "mode_of_payment"][..]),
    ] {
        for row in document[table].as_array().into_iter().flatten() {
            if spelling(&row["is_free_item"]).is_some_and(|flag| flag == "1") {
                continue;
            }
            let name =
                names.iter().find_map(|name| row[*name].as_str().filter(|id| !id.is_empty()));
            let prefix = format!("{table}[{}]", name.unwrap_or("?"));
            canon.insert(prefix.clone(), "row".into());
            fields(&format!("{prefix}."), row, &mut canon);
        }
    }
    canon
}

/// The places at which two documents differ.
pub fn differing(a: &Canon, b: &Canon) -> Vec<String> {
    let places = a.keys().chain(b.keys());
    let mut differing: Vec<String> =
        places.filter(|place| a.get(*place) != b.get(*place)).cloned().collect();
    differing.sort_unstable();
    differing.dedup();
    differing
}

/// Whether a place is what the conflict at `path` is about.
pub fn covers(path: &str, place: &str) -> bool {
    let group = |fields: &[&str], prefix: &str| {
        fields.iter().any(|field| place == format!("{prefix}{field}"))
    };
    match path {
        "customer" => group(&["customer", "customer_name", "contact_mobile"], ""),
        "@discount" => group(&DISCOUNT[..2], "") || group(&["coupon_code"], ""),
        _ => match path.strip_suffix("@price").or(path.strip_suffix("@measure")) {
            Some(prefix) if path.ends_with("@price") => {
                group(&["discount_percentage", "discount_amount", "rate"], prefix)
            }
            Some(prefix) => group(&["uom", "conversion_factor", "qty"], prefix),
            None => place == path || place.starts_with(&format!("{path}.")),
        },
    }
}
