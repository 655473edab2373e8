//! Whole documents from a page: the difference becomes the draft's edits.

use serde_json::{json, Value};

use crate::desk::{qty, raise, rows, Desk};

#[test]
fn the_difference_is_what_is_saved() {
    let mut desk = Desk::open();
    let mut doc = desk.doc();
    raise(&mut doc, "r1", 2);
    doc["customer"] = json!("Somchai");
    doc["items"].as_array_mut().expect("rows").remove(1);
    doc["items"].as_array_mut().expect("rows").push(json!({"item_code": "TEA", "qty": 1}));
    desk.replace(doc);
    assert!(desk.refused.is_empty(), "{:?}", desk.refused);
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.settle();
    assert!(desk.is_committed());
    let stored = desk.stored();
    assert_eq!(qty(&stored, "r1"), "4", "both up: steps");
    assert_eq!(stored["customer"], json!("Somchai"));
    assert_eq!(rows(&stored).len(), 2);
}

#[test]
fn the_same_document_is_no_edit() {
    let mut desk = Desk::open();
    let journal = desk.journal.len();
    desk.replace(desk.doc());
    let mut spelled = desk.doc();
    spelled["items"][0]["qty"] = json!("1.000");
    spelled["due_date"] = Value::Null;
    desk.replace(spelled);
    assert_eq!((desk.status(), desk.journal.len()), ("clean", journal));
}

/// A page that does not know row identities hands the same rows over again and again.
#[test]
fn rows_without_identities_are_found_again() {
    let mut desk = Desk::open();
    let row = |qty: i64| json!({"item_code": "TEA", "qty": qty, "uom": "Nos", "rate": 3});
    let with = |desk: &Desk, new: &[Value]| {
        let mut doc = desk.stored();
        doc["items"].as_array_mut().expect("rows").extend(new.iter().cloned());
        doc
    };
    desk.replace(with(&desk, &[row(1)]));
    let names = rows(&desk.doc());
    assert_eq!(names.len(), 3);
    let journal = desk.journal.len();
    desk.replace(with(&desk, &[row(1)]));
    assert_eq!(desk.journal.len(), journal, "nothing new");
    desk.replace(with(&desk, &[row(2)]));
    assert_eq!(rows(&desk.doc()), names, "the same row");
    assert_eq!(qty(&desk.doc(), &names[2]), "2");
    desk.replace(with(&desk, &[row(2), row(5)]));
    let both = rows(&desk.doc());
    assert_eq!((both.len(), &both[2]), (4, &names[2]));
    desk.replace(with(&desk, &[]));
    assert_eq!(rows(&desk.doc()), ["r1", "r2"]);
}

#[test]
fn payments_without_identities_are_found_again() {
    let mut desk = Desk::open();
    let with = |desk: &Desk, amount: i64| {
        let mut doc = desk.stored();
        let row = json!({"mode_of_payment": "Card", "amount": amount});
        doc["payments"].as_array_mut().expect("rows").push(row);
        doc
    };
    desk.replace(with(&desk, 5));
    let first = desk.doc()["payments"][1].clone();
    assert!(first["custom_pay_id"].as_str().is_some_and(|id| id.len() == 20), "{first}");
    desk.replace(with(&desk, 7));
    let second = desk.doc()["payments"][1].clone();
    assert_eq!(second["custom_pay_id"], first["custom_pay_id"]);
    assert_eq!(second["amount"], json!(7));
    assert_eq!(desk.doc()["payments"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_no_document_or_no_persons_to_change_is_refused_as_a_whole() {
    let mut desk = Desk::open();
    let before = desk.doc();
    let mut frozen = before.clone();
    frozen["currency"] = json!("USD");
    frozen["customer"] = json!("Somchai");
    let mut prototype = before.clone();
    prototype["__proto__"] = json!({"x": 1});
    let mut path = before.clone();
    path["items[r1].qty"] = json!(9);
    let mut table = before.clone();
    table["items"] = json!({"a": 1});
    for (n, document) in
        [json!([]), json!(5), frozen, prototype, path, table].into_iter().enumerate()
    {
        desk.replace(document);
        assert_eq!(desk.refused.len(), n + 1, "number {n}");
    }
    assert_eq!(desk.doc(), before);
    assert_eq!(desk.status(), "clean");
}

#[test]
fn the_servers_fields_are_left_to_it() {
    let mut desk = Desk::open();
    let mut doc = desk.doc();
    doc["grand_total"] = json!(1);
    doc["modified"] = json!("x");
    doc["items"][0]["amount"] = json!(7);
    doc["taxes"] = json!([{"x": 1}]);
    desk.replace(doc);
    assert!(desk.refused.is_empty());
    assert_eq!(desk.status(), "clean");
}
