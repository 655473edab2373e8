//! Made-up invoices of the sales-invoice profile, and what tills do to them.

use proptest::prelude::*;
use serde_json::{json, Map, Value};

/// One act of a till on a document. Rows and payments are named by their number among `r1`… and
/// `p1`…; those that are not there are left alone.
#[derive(Debug, Clone)]
pub enum Act {
    Header(&'static str, Value),
    Cell(usize, &'static str, Value),
    Step(usize, i64),
    Price(usize, i64),
    Add(usize, i64),
    Remove(usize),
    Note(usize),
    RowNote(usize, usize),
    Serial(usize, usize),
    Pay(usize, i64),
    PayStep(i64),
    PayRemove(usize),
    Swap(usize, usize),
    Reprice(usize, i64),
}

/// Which side acts: new rows and lines carry its name, as the identities that tills make do.
pub type Side = &'static str;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("A")),
        Just(json!("B \"quoted\" \\ \u{1F600}")),
        Just(json!("7")),
        Just(json!(7)),
        Just(number("7.00")),
        Just(json!("")),
        Just(Value::Null),
        Just(json!(true)),
        Just(json!({"a": [1, null]})),
    ]
}

/// A JSON number with these digits.
pub fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}

const HEADER: [&str; 4] = ["custom_table_no", "due_date", "custom_x", "po_no"];
const CUSTOMER: [&str; 3] = ["customer", "customer_name", "contact_mobile"];
const DISCOUNT: [&str; 3] = ["additional_discount_percentage", "discount_amount", "coupon_code"];
const CELLS: [&str; 4] = ["batch_no", "warehouse", "uom", "custom_waiter"];

/// An act; `rows` says which of the base's rows it may touch.
pub fn act(rows: std::ops::Range<usize>) -> impl Strategy<Value = Act> {
    let row = rows.clone();
    let r = move || row.clone();
    prop_oneof![
        4 => (prop::sample::select(&HEADER[..]), value()).prop_map(|(f, v)| Act::Header(f, v)),
        2 => (prop::sample::select(&CUSTOMER[..]), prop::sample::select(vec!["A", "B", ""]))
            .prop_map(|(f, v)| Act::Header(f, json!(v))),
        2 => (prop::sample::select(&DISCOUNT[..]), 0..3_i64)
            .prop_map(|(f, v)| Act::Header(f, json!(v))),
        1 => Just(Act::Header("currency", json!("USD"))),
        4 => (r(), prop::sample::select(&CELLS[..]), value()).prop_map(|(n, f, v)| Act::Cell(n, f, v)),
        6 => (r(), -2..4_i64).prop_map(|(n, by)| Act::Step(n, by)),
        2 => (r(), 0..3_i64).prop_map(|(n, p)| Act::Price(n, p)),
        3 => (0..3_usize, 1..3_i64).prop_map(|(n, q)| Act::Add(n, q)),
        2 => r().prop_map(Act::Remove),
        2 => (0..3_usize).prop_map(Act::Note),
        2 => (r(), 0..3_usize).prop_map(|(n, l)| Act::RowNote(n, l)),
        2 => (r(), 0..4_usize).prop_map(|(n, s)| Act::Serial(n, s)),
        2 => (0..3_usize, 1..40_i64).prop_map(|(n, a)| Act::Pay(n, a)),
        1 => (1..40_i64).prop_map(Act::PayStep),
        1 => (1..3_usize).prop_map(Act::PayRemove),
        1 => (r(), r()).prop_map(|(a, b)| Act::Swap(a, b)),
        1 => (r(), 0..3_i64).prop_map(|(n, p)| Act::Reprice(n, p)),
    ]
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(1..6), 0..6)
}

/// An invoice of up to five rows and two payments.
pub fn invoice() -> impl Strategy<Value = Value> {
    let quantities = prop::collection::vec((1..4_i64, 0..6_usize), 0..6);
    let header = prop::collection::vec(
        prop_oneof![act(1..6), Just(Act::Note(0)), Just(Act::Header("customer", json!("A")))],
        0..6,
    );
    (quantities, header, 0..3_usize).prop_map(|(quantities, acts, payments)| {
        let items: Vec<Value> = quantities
            .iter()
            .enumerate()
            .map(|(n, (qty, kind))| {
                let mut row = json!({"posa_row_id": format!("r{}", n + 1), "item_code": "TEA",
                    "qty": spelled(*qty, *kind), "rate": 10, "name": format!("row{}", n + 1)});
                if *kind == 5 {
                    row["is_free_item"] = json!(1);
                }
                row
            })
            .collect();
        let payments: Vec<Value> = (0..payments)
            .map(|n| match n {
                0 => json!({"mode_of_payment": "Cash", "amount": 0}),
                _ => json!({"custom_pay_id": format!("p{n}"), "mode_of_payment": "Card",
                    "amount": 20, "custom_txn_id": if n == 2 { "AUTH2" } else { "" }}),
            })
            .collect();
        let mut document = json!({"name": "D1", "creation": "c1", "modified": "m1", "docstatus": 0,
            "currency": "EUR", "grand_total": 50, "custom_weight": 1, "items": items,
            "payments": payments});
        for act in &acts {
            perform(act, "b", &mut document);
        }
        document
    })
}

/// One amount, spelled in several ways.
pub fn spelled(amount: i64, kind: usize) -> Value {
    match kind {
        0 => json!(amount.to_string()),
        1 => json!(format!("{amount}.000")),
        2 => number(&format!("{amount}.0")),
        3 if amount > 0 => number(&format!("{amount}0e-1")),
        _ => json!(amount),
    }
}

fn row(document: &mut Value, n: usize) -> Option<&mut Map<String, Value>> {
    let id = json!(format!("r{n}"));
    let rows = document["items"].as_array_mut()?;
    let row =
        rows.iter_mut().find(|row| row["posa_row_id"] == id && row["is_free_item"] != json!(1));
    row?.as_object_mut()
}

fn add_line(object: &mut Map<String, Value>, field: &str, line: String) {
    let text = object.get(field).and_then(Value::as_str).unwrap_or_default();
    let text = if text.is_empty() { line } else { format!("{text}\n{line}") };
    object.insert(field.into(), json!(text));
}

/// A number of the value; nothing is zero.
pub fn int(value: &Value) -> i64 {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "0".into(),
    };
    let plain = match text.strip_suffix("0e-1") {
        Some(plain) => plain,
        None => text.split('.').next().unwrap_or("0"),
    };
    plain.parse().unwrap_or(0)
}

fn payments(document: &mut Value) -> &mut Vec<Value> {
    document["payments"].as_array_mut().expect("payments")
}

/// Lets a till act on a document, as a page that keeps whole documents would.
pub fn perform(act: &Act, side: Side, document: &mut Value) {
    match act {
        Act::Header(field, value) => document[*field] = value.clone(),
        Act::Cell(n, field, value) => {
            if let Some(row) = row(document, *n) {
                row.insert((*field).into(), value.clone());
            }
        }
        Act::Step(n, by) => {
            if let Some(row) = row(document, *n) {
                let qty = (int(&row["qty"]) + by).max(1);
                row.insert("qty".into(), json!(qty));
            }
        }
        Act::Price(n, percent) => {
            if let Some(row) = row(document, *n) {
                row.insert("discount_percentage".into(), json!(percent));
            }
        }
        Act::Reprice(n, price) => {
            if let Some(row) = row(document, *n) {
                row.insert("rate".into(), json!(price + 10));
                row.insert("price_list_rate".into(), json!(price + 10));
            }
        }
        Act::Add(n, qty) => {
            let id = json!(format!("{side}{n}"));
            let items = document["items"].as_array_mut().expect("rows");
            if items.iter().all(|row| row["posa_row_id"] != id) {
                items.push(json!({"posa_row_id": id, "item_code": "PIE", "qty": qty, "rate": 3}));
            }
        }
        Act::Remove(n) => {
            let id = json!(format!("r{n}"));
            document["items"].as_array_mut().expect("rows").retain(|row| row["posa_row_id"] != id);
        }
        Act::Note(n) => {
            let object = document.as_object_mut().expect("an object");
            add_line(object, "posa_notes", format!("{side} note {n}"));
        }
        Act::RowNote(n, line) => {
            if let Some(row) = row(document, *n) {
                add_line(row, "posa_notes", format!("{side} line {line}"));
            }
        }
        Act::Serial(n, serial) => {
            if let Some(row) = row(document, *n) {
                let serial = format!("S{serial}");
                let held = row.get("serial_no").and_then(Value::as_str).unwrap_or_default();
                if held.lines().all(|line| line != serial) {
                    add_line(row, "serial_no", serial);
                    let size = row["serial_no"].as_str().unwrap_or_default().lines().count();
                    row.insert("qty".into(), json!(size));
                }
            }
        }
        Act::Pay(n, amount) => {
            let id = json!(format!("{side}{n}"));
            if payments(document).iter().all(|row| row["custom_pay_id"] != id) {
                let row = json!({"custom_pay_id": id, "mode_of_payment": "Card", "amount": amount});
                payments(document).push(row);
            }
        }
        Act::PayStep(by) => {
            if let Some(row) =
                payments(document).iter_mut().find(|r| r["mode_of_payment"] == json!("Cash"))
            {
                row["amount"] = json!(int(&row["amount"]) + by);
            }
        }
        Act::PayRemove(n) => {
            let id = json!(format!("p{n}"));
            payments(document).retain(|row| row["custom_pay_id"] != id);
        }
        Act::Swap(a, b) => {
            let items = document["items"].as_array_mut().expect("rows");
            let at = |n: usize| {
                items.iter().position(|row| row["posa_row_id"] == json!(format!("r{n}")))
            };
            if let (Some(a), Some(b)) = (at(*a), at(*b)) {
                items.swap(a, b);
            }
        }
    }
}

/// The document after these acts of one side.
pub fn after(base: &Value, acts: &[Act], side: Side) -> Value {
    let mut document = base.clone();
    for act in acts {
        perform(act, side, &mut document);
    }
    document
}

/// The same document spelled otherwise: what means nothing is left out or written out, numbers
/// get zeros, names and texts get escapes.
pub fn respell(document: &Value, kind: usize) -> Value {
    let blank = |value: &Value| value.is_null() || *value == json!("");
    let flat = |value: &Value, n: usize| match value {
        value if blank(value) => match (kind + n) % 3 {
            0 => None,
            1 => Some(Value::Null),
            _ => Some(json!("")),
        },
        Value::Number(number)
            if (kind + n) % 2 == 0 && !number.to_string().contains(['.', 'e']) =>
        {
            Some(self::number(&format!("{number}.00")))
        }
        other => Some(other.clone()),
    };
    let object = |object: &Map<String, Value>| -> Map<String, Value> {
        let values = object.iter().enumerate();
        values.filter_map(|(n, (key, value))| Some((key.clone(), flat(value, n)?))).collect()
    };
    let mut spelled = object(document.as_object().expect("an object"));
    for table in ["items", "payments"] {
        let rows = document[table].as_array().into_iter().flatten();
        let rows = rows.map(|row| Value::Object(object(row.as_object().expect("a row"))));
        spelled.insert(table.into(), rows.collect());
    }
    Value::Object(spelled)
}

/// A document's JSON text; with `escaped`, letters are written as escapes where JSON allows.
pub fn text(document: &Value, escaped: bool) -> Vec<u8> {
    let text = document.to_string();
    if !escaped {
        return text.into_bytes();
    }
    text.replace("TEA", "\\u0054EA").replace("\"qty\"", " \"q\\u0074y\"\n ").into_bytes()
}
