//! Others' changes and mine, through the whole way of a save.

use restamp::core::event::{Outcome, Take, Told};
use serde_json::json;

use crate::desk::{qty, raise, rows, Desk};

fn interfere(desk: &mut Desk, edit: impl FnOnce(&mut serde_json::Value)) {
    desk.save();
    desk.other_till(edit);
    desk.settle();
}

#[test]
fn two_tills_on_one_invoice_lose_nothing_and_ask_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.add("m1", "TEA");
    desk.set("posa_notes", json!("birthday"));
    desk.pay("pA", "10");
    interfere(&mut desk, |doc| {
        raise(doc, "r1", 2);
        doc["items"].as_array_mut().expect("rows").push(json!(
            {"posa_row_id": "t1", "item_code": "PIE", "qty": 1, "uom": "Nos", "rate": 4}));
        doc["posa_notes"] = json!("window");
        doc["custom_table_no"] = json!("T9");
        doc["payments"].as_array_mut().expect("rows").push(json!(
            {"custom_pay_id": "pB", "mode_of_payment": "Cash", "amount": 5}));
    });
    assert!(desk.is_committed(), "{:?}", desk.conflicts());
    let stored = desk.stored();
    assert_eq!(qty(&stored, "r1"), "4");
    assert_eq!(rows(&stored), ["r1", "r2", "t1", "m1"]);
    assert_eq!(stored["posa_notes"], json!("window\nbirthday"));
    assert_eq!(stored["custom_table_no"], json!("T9"));
    assert_eq!(stored["payments"].as_array().map(Vec::len), Some(3));
    assert_eq!(desk.doc()["items"], stored["items"]);
    assert!(desk.notices.iter().any(|n| matches!(n, Told::Merged(paths) if paths.len() >= 4)));
    assert!(desk.notices.contains(&Told::NeedsReprice));
}

#[test]
fn a_row_is_put_back_with_both_edits_until_somebody_says_no() {
    let mut desk = Desk::open();
    desk.scan("r2");
    interfere(&mut desk, |doc| {
        doc["items"].as_array_mut().expect("rows").remove(1);
    });
    assert_eq!(desk.conflicts(), [("items[r2]".to_owned(), "removed-against-edit")]);
    assert_eq!(qty(&desk.doc(), "r2"), "3");
    desk.resolve("items[r2]", Take::Mine);
    desk.settle();
    assert!(desk.is_committed() || matches!(desk.outcome(), Outcome::Conflict(_)));
    assert_eq!(qty(&desk.stored(), "r2"), "3", "under a new name: the old one is dead");
}

#[test]
fn a_row_that_moved_elsewhere_keeps_its_place_there() {
    let mut desk = Desk::open();
    desk.add("m1", "TEA");
    interfere(&mut desk, |doc| doc["items"].as_array_mut().expect("rows").reverse());
    assert_eq!(rows(&desk.stored()), ["r2", "r1", "m1"]);
}

#[test]
fn numbers_nobody_touched_keep_their_digits() {
    let mut desk = Desk::open();
    let precise = "1234567890123456789.0123456789";
    desk.other_till(|doc| doc["custom_weight"] = serde_json::from_str(precise).expect("number"));
    desk.scan("r1");
    desk.save();
    desk.settle();
    assert_eq!(desk.stored()["custom_weight"].to_string(), precise);
    assert_eq!(desk.doc()["custom_weight"].to_string(), precise);
}

#[test]
fn a_row_inserted_beside_one_that_they_removed_is_not_lost() {
    let mut desk = Desk::open();
    let row = json!({"posa_row_id": "m1", "item_code": "TEA", "qty": 1, "rate": 1});
    desk.edit(json!({"op": "insert", "table": "items", "row": row, "after": "r2"}));
    desk.edit(json!({"op": "insert", "table": "items",
        "row": {"posa_row_id": "m2", "item_code": "PIE", "qty": 1, "rate": 1}, "after": "m1"}));
    desk.remove("r2");
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.deliver();
    desk.deliver();
    desk.restart();
    desk.settle();
    assert_eq!(rows(&desk.stored()), ["r1", "m1", "m2"]);
}

#[test]
fn the_customer_taken_is_the_customer_alone() {
    let mut desk = Desk::open();
    desk.set("customer", json!("Somchai"));
    interfere(&mut desk, |doc| {
        doc["customer"] = json!("Ahmed");
        doc["customer_name"] = json!("Ahmed Ali");
    });
    assert_eq!(desk.conflicts(), [("customer".to_owned(), "both-changed")]);
    desk.resolve("customer", Take::Mine);
    desk.settle();
    assert_eq!(desk.stored()["customer"], json!("Somchai"));
    assert!(desk.stored()["customer_name"] != json!("Ahmed Ali"), "that is not Somchai's name");
}

#[test]
fn of_two_discounts_one_is_taken_whole() {
    let mut desk = Desk::open();
    desk.set("additional_discount_percentage", json!("10"));
    interfere(&mut desk, |doc| {
        doc["discount_amount"] = json!("3.00");
        doc["coupon_code"] = json!("RAMADAN");
    });
    assert_eq!(desk.conflicts(), [("@discount".to_owned(), "both-changed")]);
    desk.resolve("@discount", Take::Mine);
    desk.settle();
    let stored = desk.stored();
    assert_eq!(stored["additional_discount_percentage"], json!("10"));
    assert!(stored["coupon_code"].is_null() || stored["coupon_code"] == json!(""), "{stored}");
    assert!(stored["discount_amount"].is_null() || stored["discount_amount"] == json!(""));
}

#[test]
fn a_row_of_another_currency_is_asked_about() {
    let mut desk = Desk::open();
    desk.scan("r1");
    interfere(&mut desk, |doc| doc["items"][0]["item_code"] = json!("GOLD"));
    assert_eq!(desk.conflicts(), [("items[r1].item_code".to_owned(), "frozen")]);
    desk.resolve("items[r1].item_code", Take::Mine);
    desk.settle();
    assert!(desk.conflicts().is_empty());
    assert_eq!(desk.stored()["items"][0]["item_code"], json!("GOLD"));
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn what_both_emptied_is_not_saved_again_and_the_journal_says_the_same() {
    let mut desk = Desk::open();
    desk.set("custom_table_no", json!(null));
    desk.other_till(|doc| {
        doc.as_object_mut().expect("an object").remove("custom_table_no");
    });
    desk.save();
    desk.deliver(); // stale
    desk.deliver(); // the newest copy, which has no such field any more
    assert_eq!((desk.status(), desk.saves()), ("clean", 1));
    assert!(desk.is_committed(), "{:?}", desk.outcome());
    desk.restart();
    assert!(desk.till.drafts().is_empty(), "nothing was left to keep");
}
