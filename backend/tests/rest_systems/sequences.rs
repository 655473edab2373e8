//! Numbers without gaps, and unique fields.

use serde_json::{json, Value};

use crate::client::{at_once, create, get, put, send};
use crate::support::databases::Place;
use crate::support::Server;

fn next(server: &Server, headers: &[(&str, &str)], count: u64) -> u64 {
    let answer =
        send(server, "POST", "customers/_sequences/CUST", headers, &json!({ "count": count }));
    assert_eq!((answer.status, &answer.json()["count"]), (200, &json!(count)), "{}", answer.text);
    answer.json()["first"].as_str().unwrap().parse().unwrap()
}

fn gapless(server: &Server, count: usize) {
    let mut numbers = at_once(count, |till| {
        // Every seventh answer is lost, and asked for again.
        let token = format!("till-{till}");
        let tokens: &[(&str, &str)] = &[("Idempotency-Key", token.as_str())];
        if till % 7 == 0 {
            let lost = [tokens[0], ("X-Fault", "lost-answer")];
            let path = "/rest/customers/_sequences/CUST";
            let _ = server.send("POST", path, &lost, r#"{"count":1}"#);
            next(server, tokens, 1)
        } else if till % 2 == 0 {
            next(server, tokens, 1)
        } else {
            next(server, &[], 1)
        }
    });
    numbers.sort_unstable();
    let wanted: Vec<u64> = (1..=count as u64).collect();
    assert_eq!(numbers, wanted);
}

pub fn a_hundred_at_once_are_gapless(place: &Place) {
    gapless(&place.server(&[]), 100);
}

pub fn a_thousand_at_once_are_gapless(place: &Place) {
    gapless(&place.server(&[]), 1_000);
}

pub fn a_token_gets_its_block_again(place: &Place) {
    let server = place.server(&[]);
    assert_eq!(next(&server, &[("Idempotency-Key", "a")], 50), 1);
    assert_eq!(next(&server, &[("Idempotency-Key", "b")], 1), 51);
    assert_eq!(next(&server, &[("Idempotency-Key", "a")], 50), 1);
    assert_eq!(next(&server, &[], 1), 52);
    let answer = |name: &str, body: &str| {
        let headers = [("Idempotency-Key", "a")];
        server.send("POST", &format!("/rest/customers/_sequences/{name}"), &headers, body).unwrap()
    };
    let other = answer("CUST", r#"{"count":2}"#);
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("token_reused")));
    for wrong in [r#"{"count":0}"#, r#"{"count":100001}"#, r#"{"count":"1"}"#, r#"{"count":1.5}"#] {
        assert_eq!(answer("CUST", wrong).status, 422, "{wrong}");
    }
    assert_eq!(answer("OTHER", "").json(), json!({"first": "1", "count": 1}));
}

pub fn twenty_phone_numbers_are_twenty_customers(place: &Place) {
    let server = place.server(&["--unique", "customers.phone"]);
    let found = at_once(100, |till| {
        let phone = format!("+966-{}", till % 20);
        let made = send(&server, "POST", "customers", &[], &json!({"phone": phone, "by": till}));
        let id = match made.status {
            201 => made.json()["id"].clone(),
            409 => {
                let body = made.json();
                assert_eq!((&body["code"], &body["field"]), (&json!("exists"), &json!("phone")));
                body["id"].clone()
            }
            other => panic!("{other} {}", made.text),
        };
        (phone, id.as_str().unwrap().to_owned())
    });
    let all = send(&server, "GET", "customers", &[], &Value::Null).json();
    assert_eq!(all.as_array().unwrap().len(), 20);
    for (phone, id) in found {
        let path = format!("customers?phone={}", phone.replace('+', "%2B"));
        let holder = send(&server, "GET", &path, &[], &Value::Null).json();
        assert_eq!(holder[0]["id"], json!(id), "{phone}");
    }
}

pub fn unique_values_are_kept_over_updates_and_deletion(place: &Place) {
    let server = place.server(&["--unique", "customers.phone"]);
    let a = create(&server, "customers/a", &json!({"phone": "1"}));
    let b = create(&server, "customers/b", &json!({"phone": "2"}));
    let taken = put(&server, "customers/b", &b, &json!({"phone": "1"}));
    assert_eq!(taken.status, 409);
    assert_eq!((&taken.json()["id"], &taken.json()["field"]), (&json!("a"), &json!("phone")));
    assert_eq!(get(&server, "customers/b").1, b);
    // A value that is let go of is free.
    let moved = put(&server, "customers/a", &a, &json!({"phone": "3"}));
    assert_eq!(moved.status, 200);
    let b = put(&server, "customers/b", &b, &json!({"phone": "1"}));
    assert_eq!(b.status, 200);
    // Two documents of one commit may swap.
    let writes = json!([
        {"id": "a", "stamp": moved.header("etag"), "doc": {"phone": "1"}},
        {"id": "b", "stamp": b.header("etag"), "doc": {"phone": "3"}},
    ]);
    let swapped = send(&server, "POST", "customers/_commit", &[], &json!({ "writes": writes }));
    assert_eq!(swapped.status, 200, "{}", swapped.text);
    assert_eq!(send(&server, "DELETE", "customers/a", &[], &Value::Null).status, 204);
    create(&server, "customers/c", &json!({"phone": "1"}));
}
