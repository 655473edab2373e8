//! Answers to conflicts, for every reason: mine, theirs, another value.

use restamp::core::call::{Rejection, RejectionCode, SaveOutcome, StockShortage};
use restamp::core::event::{Misuse, Outcome, Take};
use serde_json::{json, Value};

use crate::desk::{policy, profile, qty, raise, Desk};

fn row<'a>(doc: &'a mut Value, table: &str, at: usize) -> &'a mut Value {
    &mut doc[table][at]
}

/// Leads a desk to the conflict of this reason and returns its path.
fn conflict(reason: &str) -> (Desk, &'static str) {
    let mut desk = match reason {
        "answer-lost" => {
            let profile = profile(false);
            Desk::open_with(restamp::core::policy::Policy { profile, ..policy() })
        }
        _ => Desk::open(),
    };
    let meet = |desk: &mut Desk, edit: &dyn Fn(&mut Value)| {
        desk.save();
        desk.other_till(edit);
        desk.settle();
    };
    let path = match reason {
        "both-changed" => {
            desk.set("custom_table_no", json!("T5"));
            meet(&mut desk, &|doc| doc["custom_table_no"] = json!("T6"));
            "custom_table_no"
        }
        "set-against-change" => {
            desk.set("items[r1].qty", json!(7));
            meet(&mut desk, &|doc| raise(doc, "r1", 1));
            "items[r1].qty"
        }
        "removed-against-edit" => {
            desk.remove("r2");
            meet(&mut desk, &|doc| raise(doc, "r2", 1));
            "items[r2]"
        }
        "unit-against-quantity" => {
            desk.set("items[r1].uom", json!("Box"));
            meet(&mut desk, &|doc| raise(doc, "r1", 2));
            "items[r1].@measure"
        }
        "repriced" => {
            desk.set("items[r1].discount_percentage", json!(10));
            meet(&mut desk, &|doc| {
                row(doc, "items", 0)["price_list_rate"] = json!(9);
                row(doc, "items", 0)["rate"] = json!(9);
            });
            "items[r1].@price"
        }
        "frozen" => {
            desk.scan("r1");
            meet(&mut desk, &|doc| doc["currency"] = json!("USD"));
            "currency"
        }
        "double-payment" => {
            desk.pay("pA", "20");
            meet(&mut desk, &|doc| row(doc, "payments", 0)["amount"] = json!(20));
            "payments"
        }
        "captured-payment" => {
            desk.other_till(|doc| {
                doc["payments"].as_array_mut().expect("rows").push(json!(
                    {"custom_txn_id": "AUTH7", "mode_of_payment": "Card", "amount": 5}));
            });
            desk.set("customer", json!("B"));
            desk.save();
            desk.settle();
            desk.edit(json!({"op": "remove", "table": "payments", "row": "AUTH7"}));
            meet(&mut desk, &|doc| raise(doc, "r1", 1));
            "payments[AUTH7]"
        }
        "answer-lost" => {
            desk.scan("r1");
            desk.save();
            desk.lose_answer();
            desk.other_till(|doc| doc["custom_table_no"] = json!("T6"));
            desk.settle();
            "items[r1].qty"
        }
        "same-row-id" => {
            desk.add("x1", "TEA");
            meet(&mut desk, &|doc| {
                doc["items"].as_array_mut().expect("rows").push(json!(
                    {"posa_row_id": "x1", "item_code": "TEA", "qty": 4, "uom": "Nos", "rate": 3}));
            });
            "items[x1]"
        }
        "total-changed" => {
            desk.set("posa_notes", json!("x"));
            desk.submit(Some("20"));
            desk.other_till(|doc| raise(doc, "r1", 1));
            desk.settle();
            "grand_total"
        }
        "stock" => {
            desk.set("items[r2].qty", json!(5));
            desk.save();
            let stock = vec![StockShortage { row: "r2".into(), available: "3".into() }];
            let code = RejectionCode::Stock;
            let refused = Rejection { stock, code, ..Rejection::invalid("no stock") };
            desk.answer(SaveOutcome::Rejected(refused));
            "items[r2].qty"
        }
        other => panic!("{other}"),
    };
    assert_eq!(desk.conflicts(), [(path.to_owned(), reason_code(reason))], "{reason}");
    assert!(matches!(desk.outcome(), Outcome::Conflict(_)));
    assert_eq!(desk.status(), "conflict");
    (desk, path)
}

fn reason_code(reason: &str) -> &'static str {
    [
        "both-changed",
        "set-against-change",
        "removed-against-edit",
        "unit-against-quantity",
        "repriced",
        "frozen",
        "double-payment",
        "captured-payment",
        "answer-lost",
        "same-row-id",
        "total-changed",
        "stock",
    ]
    .into_iter()
    .find(|known| *known == reason)
    .expect("a reason")
}

/// (reason, what the server holds after "mine", after "theirs", a value and what it leads to).
#[test]
fn every_conflict_can_be_answered_and_the_save_goes_on() {
    type See = fn(&Value) -> Value;
    let cases: [(&str, See, Value, Value, Option<(Value, Value)>); 12] = [
        (
            "both-changed",
            |d| d["custom_table_no"].clone(),
            json!("T5"),
            json!("T6"),
            Some((json!("T7"), json!("T7"))),
        ),
        (
            "set-against-change",
            |d| d["items"][0]["qty"].clone(),
            json!(7),
            json!(2),
            Some((json!(9), json!(9))),
        ),
        (
            "removed-against-edit",
            |d| json!(d["items"].as_array().map(Vec::len)),
            json!(1),
            json!(2),
            Some((json!({"qty": 8}), json!(2))),
        ),
        (
            "unit-against-quantity",
            |d| json!([d["items"][0]["uom"], d["items"][0]["qty"]]),
            json!(["Box", 1]),
            json!(["Nos", 3]),
            Some((json!({"uom": "Box", "qty": 3}), json!(["Box", 3]))),
        ),
        (
            "repriced",
            |d| json!([d["items"][0]["discount_percentage"], d["items"][0]["rate"]]),
            json!([10, 9]),
            json!([null, 9]),
            Some((json!({"discount_percentage": 5}), json!([5, 9]))),
        ),
        ("frozen", |d| d["currency"].clone(), json!("USD"), json!("USD"), None),
        (
            "double-payment",
            |d| json!(d["payments"].as_array().map(Vec::len)),
            json!(2),
            json!(1),
            None,
        ),
        (
            "captured-payment",
            |d| json!(d["payments"].as_array().map(Vec::len)),
            json!(1),
            json!(2),
            None,
        ),
        (
            "answer-lost",
            |d| d["items"][0]["qty"].clone(),
            json!(3),
            json!(2),
            Some((json!(5), json!(5))),
        ),
        (
            "same-row-id",
            |d| d["items"][2]["qty"].clone(),
            json!(1),
            json!(4),
            Some((json!({"qty": 6}), json!(6))),
        ),
        ("total-changed", |d| d["docstatus"].clone(), json!(0), json!(1), None),
        ("stock", |d| d["items"][1]["qty"].clone(), json!(5), json!(3), Some((json!(4), json!(4)))),
    ];
    for (reason, see, mine, theirs, value) in cases {
        let mut answers = vec![(Take::Mine, mine), (Take::Theirs, theirs)];
        if let Some((value, then)) = value {
            answers.push((Take::Value(value.to_string().into_bytes()), then));
        } else if reason != "frozen" {
            let (mut desk, path) = conflict(reason);
            desk.resolve(path, Take::Value(b"1".to_vec()));
            assert_eq!(desk.refused.len(), 1, "{reason} takes no value");
            assert_eq!(desk.conflicts().len(), 1);
        }
        for (take, then) in answers {
            let (mut desk, path) = conflict(reason);
            desk.resolve(path, take.clone());
            assert!(desk.refused.is_empty(), "{reason} {take:?}: {:?}", desk.refused);
            assert!(desk.conflicts().is_empty(), "{reason} {take:?}: {:?}", desk.conflicts());
            desk.settle();
            assert!(desk.conflicts().is_empty(), "{reason} {take:?}: {:?}", desk.conflicts());
            assert_eq!(see(&desk.stored()), then, "{reason} {take:?}");
            assert_eq!(see(&desk.doc()), then, "{reason} {take:?}: what the cashier sees");
            assert!(["clean", "closed"].contains(&desk.status()), "{reason}: {}", desk.status());
        }
    }
}

#[test]
fn the_same_holds_after_a_restart_in_between() {
    for reason in ["both-changed", "removed-against-edit", "answer-lost", "double-payment"] {
        let (mut desk, path) = conflict(reason);
        desk.restart();
        assert_eq!(desk.conflicts(), [(path.to_owned(), reason_code(reason))]);
        let doc = desk.doc();
        desk.resolve(path, Take::Theirs);
        desk.settle();
        assert!(desk.conflicts().is_empty());
        assert_eq!(desk.stored()["custom_table_no"], doc["custom_table_no"], "{reason}");
        assert!(["clean", "dirty"].contains(&desk.status()), "{reason}: {}", desk.status());
        assert_eq!(desk.status(), "clean", "{reason}: the wish was kept too");
    }
}

#[test]
fn several_questions_are_answered_one_by_one() {
    let mut desk = Desk::open();
    desk.set("customer", json!("A"));
    desk.set("custom_table_no", json!("T5"));
    desk.save();
    desk.other_till(|doc| {
        doc["customer"] = json!("B");
        doc["custom_table_no"] = json!("T6");
    });
    desk.settle();
    assert_eq!(desk.conflicts().len(), 2);
    let saves = desk.saves();
    desk.resolve("customer", Take::Mine);
    assert_eq!(desk.conflicts().len(), 1);
    assert_eq!(desk.saves(), saves, "not before the last answer");
    desk.resolve("custom_table_no", Take::Theirs);
    desk.settle();
    assert_eq!(desk.stored()["customer"], json!("A"));
    assert_eq!(desk.stored()["custom_table_no"], json!("T6"));
}

#[test]
fn an_answer_to_no_question_is_refused() {
    let (mut desk, path) = conflict("both-changed");
    desk.resolve("customer", Take::Mine);
    assert_eq!(desk.refused, [Misuse::NoSuchConflict("customer".into())]);
    desk.resolve(path, Take::Mine);
    desk.resolve(path, Take::Mine);
    assert_eq!(desk.refused.len(), 2);
}

#[test]
fn a_save_during_a_conflict_is_answered_with_it_and_edits_go_on() {
    let (mut desk, path) = conflict("set-against-change");
    let saves = desk.saves();
    desk.save();
    assert!(matches!(desk.outcome(), Outcome::Conflict(conflicts) if conflicts.len() == 1));
    assert_eq!(desk.saves(), saves);
    desk.set("customer", json!("C"));
    desk.resolve(path, Take::Theirs);
    desk.settle();
    assert_eq!(desk.stored()["customer"], json!("C"));
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn the_conflict_says_who() {
    let mut desk = Desk::open();
    desk.set("custom_table_no", json!("T5"));
    desk.save();
    desk.other_till(|doc| {
        doc["custom_table_no"] = json!("T6");
        doc["modified_by"] = json!("till-2");
    });
    desk.settle();
    let Outcome::Conflict(conflicts) = desk.outcome() else { panic!() };
    assert_eq!(conflicts[0].by.as_deref(), Some("till-2"));
}
