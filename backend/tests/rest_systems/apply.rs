//! Merge at the server: edits in, merged document out, each edit once.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{json, Value};

use crate::client::{at_once, create, get, lease, put, send, stamp_of};
use crate::support::databases::Place;
use crate::support::{Answer, Server};

const PROFILE: [&str; 2] = ["--profile", "sales=salesInvoice"];

fn sale() -> Value {
    serde_json::from_str(
        r#"{"customer":"A","remarks":"","docstatus":0,"grand_total":45.50,"items":[
            {"posa_row_id":"r1","item_code":"TEA","qty":1.00,"rate":1.10},
            {"posa_row_id":"r2","item_code":"CAKE","qty":2,"rate":4.2500}]}"#,
    )
    .unwrap()
}

fn apply(server: &Server, path: &str, token: &str, stamp: &str, ops: &Value) -> Answer {
    let body = json!({"ops": ops, "stamp": stamp});
    send(server, "POST", &format!("{path}/_apply"), &[("Idempotency-Key", token)], &body)
}

fn step(row: &str, by: &str) -> Value {
    json!({"op": "increment", "path": format!("items[{row}].qty"), "by": by})
}

/// Twenty tills at once, all from the first stamp, every third answer lost: one request a save, and each
/// edit is there once.
pub fn every_edit_is_there_once(place: &Place) {
    let server = place.server(&PROFILE);
    let stamp = create(&server, "sales/s1", &sale());
    let requests = AtomicUsize::new(0);
    at_once(20, |till| {
        let ops = json!([
            step("r1", "0.10"),
            {"op": "insert", "table": "items", "row": {"posa_row_id": format!("t{till}"), "item_code": "X", "qty": 1}},
        ]);
        let token = format!("till-{till}");
        if till % 3 == 0 {
            let body = json!({"ops": ops, "stamp": stamp}).to_string();
            let headers = [("Idempotency-Key", token.as_str()), ("X-Fault", "lost-answer")];
            assert!(server.send("POST", "/rest/sales/s1/_apply", &headers, &body).is_err());
        } else {
            requests.fetch_add(1, Ordering::SeqCst);
        }
        let done = apply(&server, "sales/s1", &token, &stamp, &ops);
        assert_eq!(done.status, 200, "{}", done.text);
        assert_eq!(done.json()["replayed"], till % 3 == 0);
        let has = |row: &Value| row["posa_row_id"] == json!(format!("t{till}"));
        assert!(done.json()["doc"]["items"].as_array().unwrap().iter().any(has));
    });
    let (document, _) = get(&server, "sales/s1");
    assert_eq!(document["items"].as_array().unwrap().len(), 22);
    assert_eq!(document["items"][0]["qty"].to_string(), "3");
    assert_eq!(document["version"], 21);
}

pub fn what_others_did_comes_along(place: &Place) {
    let server = place.server(&PROFILE);
    let first = create(&server, "sales/s1", &sale());
    let mut theirs = sale();
    theirs["customer"] = json!("B");
    let second = stamp_of(&put(&server, "sales/s1", &first, &theirs));
    let ops = json!([step("r1", "2"), {"op": "set", "path": "remarks", "value": "late"}]);
    let done = apply(&server, "sales/s1", "t", &first, &ops);
    assert_eq!(done.status, 200, "{}", done.text);
    let body = done.json();
    assert_eq!((&body["incoming"], &body["replayed"]), (&json!(["customer"]), &json!(false)));
    assert_eq!(body["reapplied"], json!(["remarks", "items[r1].qty"]));
    let (document, stamp) = get(&server, "sales/s1");
    assert_eq!((&body["doc"], &body["stamp"]), (&document, &json!(stamp)));
    assert_ne!(stamp, second);
    assert_eq!((&document["customer"], &document["remarks"]), (&json!("B"), &json!("late")));
    // Amounts that nobody touched keep their text.
    let text = document.to_string();
    for exact in ["\"qty\":3,", "\"rate\":4.2500", "\"grand_total\":45.50"] {
        assert!(text.contains(exact), "{exact} in {text}");
    }
    assert_eq!(document["custom_mutation_id"], "t");
    // On the newest copy nothing comes in.
    let done = apply(&server, "sales/s1", "u", &stamp, &json!([step("r1", "1")]));
    assert_eq!(done.json()["incoming"], json!([]));
}

pub fn what_a_person_must_decide_is_asked(place: &Place) {
    let server = place.server(&[]);
    let first = create(&server, "notes/n1", &json!({"text": "a", "n": 1}));
    let second = stamp_of(&put(&server, "notes/n1", &first, &json!({"text": "b", "n": 1})));
    let ops = json!([
        {"op": "set", "path": "n", "value": 2},
        {"op": "set", "path": "text", "value": "c"},
    ]);
    let asked = apply(&server, "notes/n1", "t", &first, &ops);
    assert_eq!((asked.status, &asked.json()["code"]), (409, &json!("conflict")), "{}", asked.text);
    let conflicts = asked.json()["conflicts"].clone();
    assert_eq!(conflicts.as_array().unwrap().len(), 1);
    let conflict = &conflicts[0];
    assert_eq!((&conflict["path"], &conflict["reason"]), (&json!("text"), &json!("both-changed")));
    assert_eq!([&conflict["base"], &conflict["mine"], &conflict["theirs"]], ["a", "c", "b"]);
    let (document, stamp) = get(&server, "notes/n1");
    assert_eq!((&asked.json()["doc"], &asked.json()["stamp"]), (&document, &json!(stamp)));
    assert_eq!((stamp, &document["n"]), (second.clone(), &json!(1)));
    // Decided, it goes through under the same token: nothing was stored.
    let decided = json!([{"op": "set", "path": "text", "value": "c"}]);
    assert_eq!(apply(&server, "notes/n1", "t", &second, &decided).status, 200);
}

pub fn ended_and_unknown_documents_are_told_apart(place: &Place) {
    let server = place.server(&PROFILE);
    let first = create(&server, "sales/s1", &sale());
    let mut submitted = sale();
    submitted["docstatus"] = json!(1);
    put(&server, "sales/s1", &first, &submitted);
    let closed = apply(&server, "sales/s1", "t", &first, &json!([step("r1", "1")]));
    let body = closed.json();
    assert_eq!(
        (closed.status, &body["code"], &body["state"]),
        (409, &json!("closed"), &json!("submitted"))
    );
    assert_eq!(apply(&server, "sales/none", "t", &first, &json!([])).status, 404);
    let unknown = apply(&server, "sales/s1", "t", "\"never\"", &json!([]));
    assert_eq!((unknown.status, &unknown.json()["code"]), (412, &json!("stale")));
    assert_eq!(unknown.json()["doc"], get(&server, "sales/s1").0);

    let wrong = |body: Value, key: &str| {
        let answer = send(&server, "POST", "sales/s1/_apply", &[("Idempotency-Key", key)], &body);
        assert_eq!(answer.status, 422, "{}", answer.text);
    };
    wrong(json!({"ops": [], "stamp": first}), "");
    wrong(json!({"ops": [{"op": "jump"}], "stamp": first}), "t");
    wrong(json!({"ops": []}), "t");
    wrong(json!({"stamp": first}), "t");
    let second = create(&server, "sales/s2", &sale());
    let missing = apply(&server, "sales/s2", "t", &second, &json!([step("no-row", "1")]));
    assert_eq!(missing.status, 422, "{}", missing.text);
}

pub fn a_submit_is_for_the_total_that_was_seen(place: &Place) {
    let server = place.server(&PROFILE);
    let stamp = create(&server, "sales/s1", &sale());
    let submit = |token: &str, total: &str| {
        let body = json!({"ops": [], "stamp": stamp, "submit": {"expectedTotal": total}});
        send(&server, "POST", "sales/s1/_apply", &[("Idempotency-Key", token)], &body)
    };
    let moved = submit("t1", "45.00");
    assert_eq!(
        (moved.status, &moved.json()["conflicts"][0]["reason"]),
        (409, &json!("total-changed"))
    );
    assert_eq!(get(&server, "sales/s1").0["docstatus"], 0);
    let done = submit("t2", "45.5");
    assert_eq!((done.status, &done.json()["doc"]["docstatus"]), (200, &json!(1)), "{}", done.text);
    assert_eq!(submit("t2", "45.5").json()["replayed"], true);
}

/// A client that does not know whether its first save arrived sends its step again, with a later one.
pub fn a_step_with_its_token_is_counted_once(place: &Place) {
    let server = place.server(&PROFILE);
    let first = create(&server, "sales/s1", &sale());
    let mine = json!({"op": "increment", "path": "items[r1].qty", "by": "1", "token": "save-1"});
    assert_eq!(
        apply(&server, "sales/s1", "save-1", &first, &json!([mine, step("r2", "1")])).status,
        200
    );
    let both =
        json!([mine, {"op": "increment", "path": "items[r1].qty", "by": "5", "token": "save-2"}]);
    let done = apply(&server, "sales/s1", "save-2", &first, &both);
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.json()["doc"]["items"][0]["qty"].to_string(), "7");
}

pub fn a_lease_keeps_edits_out_too(place: &Place) {
    let server = place.server(&PROFILE);
    let stamp = create(&server, "sales/s1", &sale());
    let fence = crate::client::fence(&lease(&server, "sales/s1", "till-1", 30_000));
    let leased = apply(&server, "sales/s1", "t", &stamp, &json!([step("r1", "1")]));
    assert_eq!((leased.status, &leased.json()["code"]), (423, &json!("leased")));
    let body = json!({"ops": [step("r1", "1")], "stamp": stamp});
    let with = |fence: &str| {
        let headers = [("Idempotency-Key", "t"), ("Fence", fence)];
        send(&server, "POST", "sales/s1/_apply", &headers, &body)
    };
    assert_eq!(with("999").json()["code"], "fenced");
    assert_eq!(with(&fence).status, 200);
}

pub fn old_bases_are_given_up(place: &Place) {
    let server = place.server(&PROFILE);
    let first = create(&server, "sales/s1", &sale());
    let mut stamp = first.clone();
    for number in 0..1_100 {
        let mut body = sale();
        body["remarks"] = json!(number.to_string());
        stamp = stamp_of(&put(&server, "sales/s1", &stamp, &body));
        if number == 900 {
            assert_eq!(apply(&server, "sales/s1", "kept", &first, &json!([])).status, 200);
            stamp = get(&server, "sales/s1").1;
        }
    }
    assert_eq!(apply(&server, "sales/s1", "late", &first, &json!([])).status, 412);
    assert_eq!(apply(&server, "sales/s1", "new", &stamp, &json!([])).status, 200);
}
