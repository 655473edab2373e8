//! The REST dialect: conditional saves, versions, idempotency.

mod support;

use serde_json::{json, Value};
use support::{Answer, Server};

const SALE: &str = r#"{"customer":"A","lines":[{"sku":"TEA","qty":2,"price":1.10}]}"#;

fn create(server: &Server, id: &str) -> Answer {
    server.send("PUT", &format!("/rest/sales/{id}"), &[("If-None-Match", "*")], SALE).unwrap()
}

#[test]
fn a_save_needs_the_newest_etag() {
    let server = Server::start();
    let made = create(&server, "s1");
    assert_eq!(made.status, 201);
    let etag = made.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    assert!(made.text.contains("1.10"));
    assert_eq!(create(&server, "s1").status, 412);
    let put =
        |headers: &[(&str, &str)]| server.send("PUT", "/rest/sales/s1", headers, SALE).unwrap();
    assert_eq!(put(&[]).status, 428);
    let saved = put(&[("If-Match", &etag)]);
    assert_eq!((saved.status, &saved.json()["version"]), (200, &json!(2)));
    assert_ne!(saved.header("etag").unwrap(), etag);
    let stale = put(&[("If-Match", &etag)]);
    assert_eq!((stale.status, &stale.json()["code"]), (412, &json!("stale")));
    let newest = put(&[("If-Match", &etag), ("Prefer", "return=representation")]);
    assert_eq!((newest.status, &newest.json()["version"]), (412, &json!(2)));
    assert_eq!(newest.header("etag"), saved.header("etag"));
    let weak = format!("W/{}", saved.header("etag").unwrap());
    assert_eq!(put(&[("If-Match", &weak)]).status, 412);
    let unchanged = [("If-None-Match", saved.header("etag").unwrap())];
    assert_eq!(server.send("GET", "/rest/sales/s1", &unchanged, "").unwrap().status, 304);
}

#[test]
fn the_version_in_the_body_can_be_the_stamp() {
    let server = Server::start();
    create(&server, "s1");
    let put = |body: Value| server.call("PUT", "/rest/sales/s1?stamp=version", &body);
    assert_eq!(put(json!({"version": 1, "note": "x"})).json()["version"], 2);
    assert_eq!(put(json!({"version": 1})).status, 409);
    assert_eq!(put(json!({"note": "none"})).status, 409);
}

#[test]
fn of_twenty_writers_with_one_etag_exactly_one_wins() {
    let server = Server::start();
    let etag = create(&server, "s1").header("etag").unwrap().to_owned();
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let put =
            || server.send("PUT", "/rest/sales/s1", &[("If-Match", &etag)], SALE).unwrap().status;
        let writers: Vec<_> = (0..20).map(|_| scope.spawn(put)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[19]), (200, 412, 412));
}

#[test]
fn one_key_creates_one_document() {
    let server = Server::start();
    let post = |key: &str, body: &str| {
        server.send("POST", "/rest/sales", &[("Idempotency-Key", key)], body).unwrap()
    };
    let (first, again) = (post("k1", SALE), post("k1", SALE));
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.text, again.text);
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.header("etag"), again.header("etag"));
    assert_eq!(post("k1", "{}").status, 422);
    assert_eq!(server.get("/rest/sales").json().as_array().unwrap().len(), 1);

    let token = r#"{"token":"t-1"}"#;
    let first = post("", token);
    let again = post("", token);
    assert_eq!((first.status, again.status), (201, 409));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(server.get("/rest/sales?token=t-1").json().as_array().unwrap().len(), 1);
}

#[test]
fn bad_requests_have_a_status_each() {
    let server = Server::start();
    let etag = create(&server, "s1").header("etag").unwrap().to_owned();
    let put =
        |body: &str| server.send("PUT", "/rest/sales/s1", &[("If-Match", &etag)], body).unwrap();
    assert_eq!(put("{bad").status, 400);
    assert_eq!(put("[]").status, 400);
    let invalid = put(r#"{"lines":[{"qty":1},{"qty":0}]}"#);
    assert_eq!(invalid.status, 422);
    assert_eq!(support::keys(&invalid.json()), ["code", "message", "fields"]);
    assert!(invalid.json()["fields"]["lines.1.qty"].is_string());
    assert_eq!(server.get("/rest/sales/none").status, 404);
    let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024 * 1024));
    assert_eq!(put(&huge).status, 413);
    assert_eq!(server.call("DELETE", "/rest/sales/s1", &Value::Null).status, 204);
    assert_eq!(server.get("/rest/sales/s1").status, 404);
}
