//! Edits: what the cashier did is in the document at once, on disk before anything else, and
//! what makes no sense is refused and changes nothing.

use restamp::core::call::Call;
use restamp::core::change::EditError;
use restamp::core::event::{DraftId, Effect, Event, Misuse};
use restamp::core::op::Op;
use serde_json::{json, Value};

use crate::desk::{qty, rows, Desk, D};

#[test]
fn an_edit_is_seen_at_once_and_journalled() {
    let mut desk = Desk::open();
    desk.scan("r1");
    assert_eq!(qty(&desk.doc(), "r1"), "2");
    assert_eq!(desk.status(), "dirty");
    let kinds: Vec<bool> =
        desk.effects.iter().map(|effect| matches!(effect, Effect::Journal(_))).collect();
    assert_eq!(kinds, [true, true, false], "state and edit, then the page");
}

#[test]
fn steps_typed_values_and_rows_add_up_to_one_document() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.scan("r1");
    desk.set("items[r1].qty", json!("7"));
    desk.scan("r1");
    desk.set("customer", json!("Somchai"));
    desk.add("r9", "TEA");
    desk.scan("r9");
    desk.remove("r2");
    desk.edit(json!({"op": "move", "table": "items", "row": "r9", "after": null}));
    let doc = desk.doc();
    assert_eq!(qty(&doc, "r1"), "8");
    assert_eq!(qty(&doc, "r9"), "2");
    assert_eq!(doc["customer"], json!("Somchai"));
    assert_eq!(rows(&doc), ["r9", "r1"]);
    assert!(desk.refused.is_empty());
}

#[test]
fn a_number_stays_a_number_and_a_string_a_string() {
    let mut desk = Desk::open();
    desk.other_till(|doc| doc["items"][1]["qty"] = json!("2.0"));
    desk.set("customer", json!("A"));
    desk.save();
    desk.settle();
    desk.scan("r1");
    desk.scan("r2");
    assert_eq!(desk.doc()["items"][0]["qty"], json!(2));
    assert_eq!(desk.doc()["items"][1]["qty"], json!("3"));
    desk.set("items[r1].qty", json!("12.50"));
    assert_eq!(desk.doc()["items"][0]["qty"].to_string(), "12.50");
}

#[test]
fn an_edit_taken_back_leaves_nothing_to_save() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.edit(json!({"op": "increment", "path": "items[r1].qty", "by": "-1"}));
    desk.add("r9", "TEA");
    desk.remove("r9");
    desk.save();
    assert!(desk.is_committed());
    assert_eq!(desk.saves(), 0);
}

#[test]
fn a_row_without_a_name_gets_one_before_it_is_journalled() {
    let mut desk = Desk::open();
    let row = json!({"item_code": "TEA", "qty": 1});
    desk.edit(json!({"op": "insert", "table": "items", "row": row}));
    desk.edit(json!({"op": "insert", "table": "items", "row": row}));
    let names = rows(&desk.doc());
    assert_eq!(names.len(), 4);
    assert!(names[2].len() == 20 && names[3].len() == 20 && names[2] != names[3], "{names:?}");
}

/// Each of these is refused by name, and the draft is as it was.
#[test]
fn misuse_is_refused_and_changes_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let before = desk.doc();
    let journal = desk.journal.len();
    let set = |path: &str, value: Value| json!({"op": "set", "path": path, "value": value});
    let step = |path: &str| json!({"op": "increment", "path": path, "by": "1"});
    let cases = [
        ("no path", set("", json!(1))),
        ("unclosed", set("items[r1", json!(1))),
        ("a table", set("items", json!([]))),
        ("a row", set("items[r1]", json!({}))),
        ("no such row", step("items[r77].qty")),
        ("no such table", step("things[r1].qty")),
        ("the prototype", set("__proto__", json!({"a": 1}))),
        ("a row's prototype", set("items[r1].__proto__", json!({"a": 1}))),
        ("a group", set("@customer", json!("x"))),
        ("system", set("modified", json!("2030"))),
        ("server", set("grand_total", json!(1))),
        ("wildcard", set("base_total", json!(1))),
        ("a row's server field", set("items[r1].amount", json!(1))),
        ("frozen", set("currency", json!("EUR"))),
        ("identity", set("items[r1].posa_row_id", json!("r5"))),
        ("no amount", step("customer")),
        (
            "too many digits",
            json!({"op": "increment", "path": "items[r1].qty",
            "by": "0.0000000000000000000000000001"}),
        ),
        ("row exists", json!({"op": "insert", "table": "items", "row": {"posa_row_id": "r1"}})),
        ("after nobody", json!({"op": "insert", "table": "items", "row": {}, "after": "r77"})),
        ("row gone", json!({"op": "remove", "table": "items", "row": "r77"})),
        ("moved after nobody", json!({"op": "move", "table": "items", "row": "r1", "after": "x"})),
    ];
    for (n, (name, op)) in cases.into_iter().enumerate() {
        if name == "too many digits" {
            desk.edit(json!({"op": "set", "path": "items[r1].qty", "value": "10000"}));
            assert_eq!(desk.refused.len(), n);
            desk.edit(op);
            desk.edit(json!({"op": "set", "path": "items[r1].qty", "value": "2"}));
            assert_eq!(desk.refused.len(), n + 1, "{name}");
            continue;
        }
        desk.edit(op);
        assert_eq!(desk.refused.len(), n + 1, "{name} was not refused");
    }
    assert_eq!(desk.doc(), before);
    assert_eq!(desk.journal.len(), journal + 2);
    assert!(
        matches!(&desk.refused[1], Misuse::Edit(EditError::UnknownPath(path)) if path == "items[r1")
    );
}

#[test]
fn malformed_edits_are_no_edits() {
    for text in [
        r#"[{"op":"increment","path":"qty","by":"1,5"}]"#,
        r#"[{"op":"increment","path":"qty","by":"NaN"}]"#,
        r#"[{"op":"increment","path":"qty"}]"#,
        r#"[{"op":"set","path":"qty"}]"#,
        r#"[{"op":"insert","table":"items","row":5}]"#,
        r#"[{"op":"jump"}]"#,
        r#"[5]"#,
        r#"{}"#,
        r#"[{"op":"set","path":"qty","value":}]"#,
        "",
    ] {
        assert!(Op::parse_list(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn unknown_and_closed_drafts_take_no_edits() {
    let mut desk = Desk::open();
    let ops = Op::parse_list(br#"[{"op":"set","path":"customer","value":"x"}]"#).expect("ops");
    desk.handle(Event::Edit { draft: DraftId(99), op: ops[0].clone() });
    assert_eq!(desk.refused, [Misuse::UnknownDraft]);
    desk.server.delete("D1");
    desk.scan("r1");
    desk.save();
    desk.settle();
    assert_eq!(desk.status(), "closed");
    desk.handle(Event::Edit { draft: D, op: ops[0].clone() });
    desk.replace(json!({}));
    assert_eq!(desk.refused[1..], [Misuse::Ended, Misuse::Ended]);
}

#[test]
fn discarding_gives_the_edits_up_and_forgets_them() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.discard();
    assert_eq!(qty(&desk.doc(), "r1"), "1");
    assert_eq!(desk.status(), "clean");
    desk.restart();
    assert!(desk.till.drafts().is_empty());
}

#[test]
fn discarding_during_a_save_overlaps_with_no_other_save() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.discard();
    desk.set("customer", json!("Ahmed"));
    desk.save();
    assert_eq!(desk.calls.len(), 1);
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(desk.stored()["customer"], json!("Ahmed"));
    assert_eq!(desk.doc()["items"], desk.stored()["items"]);
}

#[test]
fn a_discarded_save_that_was_lost_is_not_sent_again() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.discard();
    desk.lose_request();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "1");
    assert_eq!(desk.status(), "clean");
}

#[test]
fn discarding_during_a_load_overlaps_with_no_other_call() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["posa_notes"] = json!("window"));
    desk.deliver();
    assert!(matches!(desk.call(), Call::Load { .. }), "it was stale");
    desk.discard();
    desk.set("customer", json!("Ahmed"));
    desk.save();
    assert_eq!(desk.calls.len(), 1, "one call of a draft at a time");
    desk.settle();
    assert_eq!(desk.stored()["customer"], json!("Ahmed"));
    assert_eq!(qty(&desk.stored(), "r1"), "1");
}
