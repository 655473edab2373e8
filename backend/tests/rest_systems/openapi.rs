//! `openapi.json` against the running server: every route, every status, every answer.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use serde_json::{json, Value};

use crate::client::begin;
use crate::described::Described;
use crate::support::databases::{Kind, Place};

const REPRESENTATION: (&str, &str) = ("Prefer", "return=representation");

pub fn every_answer_is_described(place: &Place) {
    let described = Described::new(place.server(&[
        "--profile",
        "bills=salesInvoice",
        "--unique",
        "sales.phone",
    ]));
    let routes = described.server.get("/_test/routes").json();
    let mut listed = BTreeSet::new();
    for (path, item) in described.document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            listed.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<(String, String)> = serde_json::from_value(routes).unwrap();
    assert_eq!(served, listed, "the router and the description have the same routes");

    described.wants(200, "", "GET", "_openapi.json", &[], &Value::Null);
    documents(&described);
    saves(&described);
    commits(&described);
    leases(&described);
    sequences(&described);
    merges(&described);
    feed(&described);
    too_large(&described);
    busy(&described, place);

    let mut all = BTreeSet::new();
    for (method, path) in listed {
        let responses = &described.document["paths"][&path][method.to_lowercase()]["responses"];
        for status in responses.as_object().unwrap().keys().filter(|status| *status != "default") {
            // SQLite has one writer, who waits: it is never busy.
            if status != "503" || place.kind != Kind::Sqlite {
                all.insert((method.clone(), path.clone(), status.clone()));
            }
        }
    }
    let seen = described.seen.borrow();
    assert_eq!(
        all.difference(&seen).collect::<Vec<_>>(),
        Vec::<&(String, String, String)>::new(),
        "never seen"
    );
}

fn documents(server: &Described) {
    let made = server.wants(
        201,
        "",
        "POST",
        "sales",
        &[("Idempotency-Key", "k")],
        &json!({"id": "a", "token": "t", "phone": "1", "n": 1.50}),
    );
    server.wants(201, "", "POST", "sales", &[], &json!({"n": 1}));
    server.wants(400, "malformed", "POST", "sales", &[], &json!([]));
    server.wants(409, "exists", "POST", "sales", &[], &json!({"id": "a"}));
    server.wants(409, "exists", "POST", "sales", &[], &json!({"token": "t"}));
    server.wants(409, "exists", "POST", "sales", &[], &json!({"phone": "1"}));
    server.wants(409, "fenced", "POST", "sales", &[("Fence", "7")], &json!({"id": "f"}));
    server.wants(422, "token_reused", "POST", "sales", &[("Idempotency-Key", "k")], &json!({}));
    server.wants(422, "invalid", "POST", "sales", &[], &json!({"rows": [{"qty": 0}]}));
    server.wants(200, "", "POST", "sales/held/_lease", &[], &json!({"holder": "h", "ttl": 60000}));
    server.wants(423, "leased", "POST", "sales", &[], &json!({"id": "held"}));
    server.wants(200, "", "GET", "sales", &[], &Value::Null);
    server.wants(200, "", "GET", "sales?phone=1", &[], &Value::Null);
    server.wants(200, "", "GET", "sales/a", &[], &Value::Null);
    server.wants(
        304,
        "",
        "GET",
        "sales/a",
        &[("If-None-Match", made.header("etag").unwrap())],
        &Value::Null,
    );
    server.wants(404, "not_found", "GET", "sales/none", &[], &Value::Null);
}

fn saves(server: &Described) {
    let put = |status: u16, code: &str, id: &str, headers: &[(&str, &str)], body: Value| {
        server.wants(status, code, "PUT", &format!("sales/{id}"), headers, &body)
    };
    put(201, "", "b", &[("If-None-Match", "*")], json!({"phone": "2"}));
    let old = server.stamp("sales/b");
    put(200, "", "b", &[("If-Match", &old), ("Idempotency-Key", "p")], json!({"phone": "2"}));
    put(422, "token_reused", "b", &[("If-Match", &old), ("Idempotency-Key", "p")], json!({}));
    put(200, "", "b?stamp=version", &[], json!({"version": 2}));
    put(409, "version_conflict", "b?stamp=version", &[], json!({"version": 2}));
    put(409, "", "b?stamp=version", &[REPRESENTATION], json!({"version": 2}));
    let stamp = server.stamp("sales/b");
    put(409, "exists", "b", &[("If-Match", &stamp)], json!({"phone": "1"}));
    put(409, "fenced", "b", &[("If-Match", &stamp), ("Fence", "7")], json!({}));
    put(400, "malformed", "b", &[("If-Match", &stamp)], json!([]));
    put(404, "not_found", "none", &[("If-Match", &stamp)], json!({}));
    put(412, "stale", "b", &[("If-Match", &old)], json!({}));
    put(412, "", "b", &[("If-Match", &old), REPRESENTATION], json!({}));
    put(422, "invalid", "b", &[("If-Match", &stamp)], json!({"id": "c"}));
    put(428, "precondition_required", "b", &[], json!({}));
    let parked = put(412, "", "b", &[("If-Match", &old), ("Prefer", "park=60000")], json!({}));
    assert!(parked.header("fence").is_some() && parked.header("lease-ttl").is_some());
    put(423, "leased", "b", &[("If-Match", &stamp)], json!({}));
    put(
        200,
        "",
        "b",
        &[("If-Match", &stamp), ("Fence", parked.header("fence").unwrap())],
        json!({}),
    );

    let delete = |status: u16, code: &str, id: &str, headers: &[(&str, &str)]| {
        server.wants(status, code, "DELETE", &format!("sales/{id}"), headers, &Value::Null)
    };
    delete(404, "not_found", "none", &[]);
    delete(409, "fenced", "b", &[("Fence", "7")]);
    delete(412, "stale", "b", &[("If-Match", &old)]);
    delete(412, "", "b", &[("If-Match", &old), REPRESENTATION]);
    delete(422, "token_reused", "b", &[("Idempotency-Key", "p")]);
    put(201, "", "l", &[("If-None-Match", "*")], json!({}));
    server.wants(200, "", "POST", "sales/l/_lease", &[], &json!({"holder": "h", "ttl": 60000}));
    delete(423, "leased", "l", &[]);
    delete(204, "", "b", &[]);
}

fn commits(server: &Described) {
    let commit = |status: u16, code: &str, headers: &[(&str, &str)], writes: Value| {
        server.wants(status, code, "POST", "sales/_commit", headers, &json!({ "writes": writes }))
    };
    let old = server.stamp("sales/a");
    let writes = json!([
        {"id": "a", "stamp": old, "doc": {"n": 2}},
        {"id": null, "token": "c1", "doc": {}},
        {"id": "c", "stamp": null, "fence": null, "doc": {}},
    ]);
    commit(200, "", &[("Idempotency-Key", "c")], writes.clone());
    assert_eq!(commit(200, "", &[("Idempotency-Key", "c")], writes).json()["replayed"], true);
    commit(422, "token_reused", &[("Idempotency-Key", "c")], json!([{"doc": {}}]));
    commit(422, "invalid", &[], json!([]));
    commit(404, "not_found", &[], json!([{"id": "none", "stamp": old, "doc": {}}]));
    commit(409, "exists", &[], json!([{"id": "c", "doc": {}}]));
    commit(409, "exists", &[], json!([{"token": "c1", "doc": {}}]));
    let stamp = server.stamp("sales/a");
    commit(409, "fenced", &[], json!([{"id": "a", "stamp": stamp, "fence": "7", "doc": {}}]));
    commit(412, "stale", &[], json!([{"id": "a", "stamp": old, "doc": {}}]));
    commit(412, "stale", &[REPRESENTATION], json!([{"id": "a", "stamp": old, "doc": {}}]));
    let leased = server.stamp("sales/l");
    commit(423, "leased", &[], json!([{"id": "l", "stamp": leased, "doc": {}}]));
    server.wants(400, "malformed", "POST", "sales/_commit", &[], &json!([]));
}

fn leases(server: &Described) {
    let path = "sales/a/_lease";
    let granted = server.wants(
        200,
        "",
        "POST",
        path,
        &[REPRESENTATION],
        &json!({"holder": "h", "ttl": 60000}),
    );
    server.wants(
        200,
        "",
        "POST",
        "sales/nothing/_lease",
        &[REPRESENTATION],
        &json!({"holder": "h"}),
    );
    server.wants(423, "leased", "POST", path, &[], &json!({"holder": "other"}));
    server.wants(422, "invalid", "POST", path, &[], &json!({}));
    server.wants(400, "malformed", "POST", path, &[], &json!([]));
    let fence = granted.json()["fence"].as_str().unwrap().to_owned();
    server.wants(204, "", "DELETE", path, &[("Fence", &fence)], &Value::Null);
    server.wants(204, "", "DELETE", path, &[], &Value::Null);
    several(server);
}

fn several(server: &Described) {
    let ids = json!(["a", "nothing-2"]);
    let ask = |holder: &str| json!({"ids": ids, "holder": holder, "ttl": 60000});
    let granted = server.wants(200, "", "POST", "sales/_leases", &[REPRESENTATION], &ask("other"));
    let free = json!({"ids": ["b2"], "holder": "h", "if_contended": true});
    server.wants(200, "", "POST", "sales/_leases", &[], &free);
    assert_eq!(granted.json()["leases"][1]["doc"], Value::Null);
    server.wants(423, "leased", "POST", "sales/_leases", &[], &ask("h"));
    server.wants(200, "", "POST", "sales/_documents", &[], &json!({ "ids": ids }));
    let back: Vec<Value> = granted.json()["leases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lease| json!({"id": lease["id"], "fence": lease["fence"]}))
        .collect();
    server.wants(204, "", "POST", "sales/_release", &[], &json!({ "leases": back }));
    for path in ["sales/_leases", "sales/_documents", "sales/_release"] {
        server.wants(422, "invalid", "POST", path, &[], &json!({}));
        server.wants(400, "malformed", "POST", path, &[], &json!([]));
    }
}

fn sequences(server: &Described) {
    let path = "sales/_sequences/SALE";
    server.wants(200, "", "POST", path, &[("Idempotency-Key", "s")], &json!({"count": 3}));
    server.wants(200, "", "POST", path, &[], &Value::Null);
    server.wants(
        422,
        "token_reused",
        "POST",
        path,
        &[("Idempotency-Key", "s")],
        &json!({"count": 4}),
    );
    server.wants(422, "invalid", "POST", path, &[], &json!({"count": 0}));
    let broken = server.send("POST", path, &[], "{");
    assert_eq!(broken.status, 400);
}

fn merges(server: &Described) {
    let bill = json!({"id": "b1", "docstatus": 0, "grand_total": 10, "customer": "A",
        "items": [{"posa_row_id": "r1", "item_code": "TEA", "qty": 1}]});
    let made = server.wants(201, "", "POST", "bills", &[], &bill);
    let first = made.header("etag").unwrap().to_owned();
    let apply = |status: u16, code: &str, token: &str, stamp: &str, ops: Value, submit: Value| {
        let body = json!({"ops": ops, "stamp": stamp, "submit": submit});
        server.wants(status, code, "POST", "bills/b1/_apply", &[("Idempotency-Key", token)], &body)
    };
    let step = json!([{"op": "increment", "path": "items[r1].qty", "by": "0.5", "token": "a"}]);
    apply(200, "", "a", &first, step.clone(), Value::Null);
    apply(200, "", "a", &first, step, Value::Null);
    apply(422, "token_reused", "a", &first, json!([]), Value::Null);
    apply(
        200,
        "",
        "b",
        &first,
        json!([{"op": "set", "path": "customer", "value": "B"}]),
        Value::Null,
    );
    apply(
        409,
        "conflict",
        "c",
        &first,
        json!([{"op": "set", "path": "customer", "value": "C"}]),
        Value::Null,
    );
    apply(409, "conflict", "c", &first, json!([]), json!({"expectedTotal": "11"}));
    apply(412, "stale", "c", "\"0\"", json!([]), Value::Null);
    apply(
        422,
        "invalid",
        "c",
        &first,
        json!([{"op": "remove", "table": "items", "row": "none"}]),
        Value::Null,
    );
    apply(200, "", "d", &first, json!([]), json!({"expectedTotal": "10.00"}));
    apply(
        409,
        "closed",
        "e",
        &first,
        json!([{"op": "increment", "path": "items[r1].qty", "by": "1"}]),
        Value::Null,
    );
    let key = ("Idempotency-Key", "f");
    let body = json!({"ops": [], "stamp": first});
    server.wants(404, "not_found", "POST", "bills/none/_apply", &[key], &body);
    server.wants(409, "fenced", "POST", "bills/b1/_apply", &[key, ("Fence", "7")], &body);
    server.wants(400, "malformed", "POST", "bills/b1/_apply", &[key], &json!([]));
    server.wants(200, "", "POST", "bills/b1/_lease", &[], &json!({"holder": "h", "ttl": 60000}));
    server.wants(423, "leased", "POST", "bills/b1/_apply", &[key], &body);
}

fn feed(server: &Described) {
    let stream = begin(
        &server.server,
        "GET",
        "sales/_changes?documents=1",
        &[("Last-Event-ID", "0")],
        &Value::Null,
    );
    let described = server.note("GET", "/rest/{collection}/_changes", 200);
    let kind = described["content"].as_object().unwrap().keys().next().unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains(" 200 "));
    assert!(lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .any(|line| line == format!("content-type: {kind}")));
    assert!(lines.any(|line| line == "event: reset"));
}

fn too_large(server: &Described) {
    let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024 * 1024));
    for (method, path) in [
        ("POST", "sales"),
        ("PUT", "sales/a"),
        ("POST", "sales/_commit"),
        ("POST", "sales/_sequences/S"),
        ("POST", "sales/a/_lease"),
        ("POST", "sales/_leases"),
        ("POST", "sales/_documents"),
        ("POST", "sales/_release"),
        ("POST", "sales/a/_apply"),
    ] {
        let answer = server.send(method, path, &[], &huge);
        assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("too_large")));
    }
}

/// Another client of the database holds the rows.
fn busy(server: &Described, place: &Place) {
    let Some(mut client) = place.client() else { return };
    let stamp = server.stamp("sales/a");
    let sequence = "INSERT INTO rest_sequences VALUES ('sales', 'LOCKED', 1)";
    client.execute(sequence, &[]).unwrap();
    let mut transaction = client.transaction().unwrap();
    for statement in [
        "SELECT 1 FROM rest_documents FOR UPDATE",
        "SELECT 1 FROM rest_sequences WHERE name = 'LOCKED' FOR UPDATE",
    ] {
        transaction.execute(statement, &[]).unwrap();
    }
    let matching = [("If-Match", stamp.as_str()), ("Idempotency-Key", "busy")];
    let empty = json!({});
    server.wants(503, "busy", "POST", "sales", &[], &json!({"id": "a"}));
    server.wants(503, "busy", "PUT", "sales/a", &matching, &empty);
    server.wants(503, "busy", "DELETE", "sales/a", &[], &Value::Null);
    server.wants(
        503,
        "busy",
        "POST",
        "sales/_commit",
        &[],
        &json!({"writes": [{"id": "a", "stamp": stamp, "doc": {}}]}),
    );
    server.wants(503, "busy", "POST", "sales/_sequences/LOCKED", &[], &empty);
    server.wants(503, "busy", "POST", "sales/a/_lease", &[], &json!({"holder": "h"}));
    server.wants(503, "busy", "DELETE", "sales/a/_lease", &[("Fence", "1")], &Value::Null);
    let several = json!({"ids": ["a"], "holder": "h"});
    server.wants(503, "busy", "POST", "sales/_leases", &[], &several);
    let back = json!({"leases": [{"id": "a", "fence": "1"}]});
    server.wants(503, "busy", "POST", "sales/_release", &[], &back);
    server.wants(
        503,
        "busy",
        "POST",
        "sales/a/_apply",
        &matching,
        &json!({"ops": [], "stamp": stamp}),
    );
    transaction.rollback().unwrap();
    server.wants(200, "", "PUT", "sales/a", &matching, &empty);
}
