//! Several documents at once in the Frappe dialect: an app's own method (`examples/frappe`).

mod support;

use serde_json::{json, Value};
use support::{Answer, Server};

const COMMIT: &str = "/api/method/restamp_commit.commit";

fn wallet(server: &Server, balance: &str) -> Value {
    let made = server.call("POST", "/api/resource/POS%20Wallet", &json!({ "balance": balance }));
    assert_eq!(made.status, 200, "{}", made.text);
    made.json()["data"].clone()
}

fn read(server: &Server, wallet: &Value) -> Value {
    let path = format!("/api/resource/POS%20Wallet/{}", wallet["name"].as_str().unwrap());
    server.get(&path).json()["data"].clone()
}

fn write(wallet: &Value, balance: &str) -> Value {
    let mut doc = wallet.clone();
    doc["balance"] = json!(balance);
    json!({ "name": wallet["name"], "modified": wallet["modified"], "doc": doc })
}

fn commit(server: &Server, writes: &[Value], token: &str) -> Answer {
    let body = json!({ "doctype": "POS Wallet", "writes": writes, "token": token });
    server.call("POST", COMMIT, &body)
}

#[test]
fn all_are_stored_and_a_token_that_is_known_is_answered_as_it_was() {
    let server = Server::start();
    let (one, two) = (wallet(&server, "10"), wallet(&server, "0"));
    let new = json!({ "doc": { "balance": "3" } });
    let writes = [write(&two, "4"), write(&one, "6"), new];
    let first = commit(&server, &writes, "t1").json()["message"].clone();
    assert_eq!(first["replayed"], false);
    let documents = first["documents"].as_array().unwrap();
    let balances: Vec<&Value> = documents.iter().map(|document| &document["balance"]).collect();
    assert_eq!(balances.len(), 3);
    let stored = read(&server, &one);
    assert_eq!(stored["balance"], "6");
    assert!(documents.contains(&stored), "as a load shows it");
    let mut again = commit(&server, &writes, "t1").json()["message"].clone();
    assert_eq!(again["replayed"].take(), true);
    assert_eq!(again["documents"], first["documents"]);
    assert_eq!(read(&server, &one), stored, "and nothing is stored again");
}

#[test]
fn one_old_stamp_and_nothing_is_stored() {
    let server = Server::start();
    let (one, two) = (wallet(&server, "10"), wallet(&server, "0"));
    let moved = commit(&server, &[write(&two, "1")], "t1");
    assert_eq!(moved.status, 200);
    let new = json!({ "doc": { "balance": "3" } });
    let refused = commit(&server, &[write(&one, "6"), write(&two, "4"), new], "t2");
    assert_eq!((refused.status, refused.exc_type().as_str()), (417, "TimestampMismatchError"));
    assert_eq!(read(&server, &one), one);
    assert_eq!(read(&server, &two)["balance"], "1");
    let list = server.get("/api/resource/POS%20Wallet").json()["data"].clone();
    assert_eq!(list.as_array().unwrap().len(), 2);
    // A token whose request was refused may be used again.
    let now = read(&server, &two);
    assert_eq!(commit(&server, &[write(&one, "6"), write(&now, "4")], "t2").status, 200);
}

#[test]
fn nonsense_is_refused() {
    let server = Server::start();
    let one = wallet(&server, "10");
    for (writes, token) in [(json!([write(&one, "1")]), ""), (json!(7), "t"), (json!([1]), "t")] {
        let body = json!({ "doctype": "POS Wallet", "writes": writes, "token": token });
        assert_eq!(server.call("POST", COMMIT, &body).status, 417, "{body}");
    }
    assert_eq!(read(&server, &one), one);
    let gone = json!({ "name": "nobody", "modified": one["modified"], "doc": { "balance": "1" } });
    assert_eq!(commit(&server, &[gone], "t3").status, 404);
}
