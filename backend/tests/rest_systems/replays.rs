//! `Idempotency-Key` on every write.

use serde_json::{json, Value};

use crate::client::{at_once, commit, create, get, send, stamp_of};
use crate::support::databases::Place;

pub fn a_token_is_done_once(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let put = |token: &str, body: Value| {
        send(&server, "PUT", "sales/s1", &[("If-Match", &stamp), ("Idempotency-Key", token)], &body)
    };
    let first = put("put-1", json!({"n": 2}));
    let again = put("put-1", json!({"n": 2}));
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!((&first.text, first.header("etag")), (&again.text, again.header("etag")));
    let other = put("put-1", json!({"n": 3}));
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("token_reused")));
    assert_eq!(get(&server, "sales/s1").0["version"], 2);

    let post =
        |body: Value| send(&server, "POST", "sales", &[("Idempotency-Key", "post-1")], &body);
    let (first, again) = (post(json!({"n": 1})), post(json!({"n": 1})));
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.header("location"), again.header("location"));

    let writes = json!([{"id": "s1", "stamp": get(&server, "sales/s1").1, "doc": {"n": 4}}]);
    let (first, again) =
        (commit(&server, "sales", "c", &writes), commit(&server, "sales", "c", &writes));
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json()["documents"], again.json()["documents"]);
    assert_eq!(
        (first.json()["replayed"].clone(), again.json()["replayed"].clone()),
        (json!(false), json!(true))
    );
    let other = commit(&server, "sales", "c", &json!([{"id": null, "doc": {}}]));
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("token_reused")));

    let delete = || send(&server, "DELETE", "sales/s1", &[("Idempotency-Key", "d")], &Value::Null);
    assert_eq!((delete().status, delete().status), (204, 204));
    // The document made anew under the same key is another one.
    create(&server, "sales/s1", &json!({"n": 9}));
    assert_eq!(delete().status, 204);
    assert_eq!(get(&server, "sales/s1").0["n"], 9);
}

pub fn a_token_sent_at_once_by_many_is_done_once(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let answers = at_once(24, |number| {
        if number % 2 == 0 {
            let writes = json!([
                {"id": "s1", "stamp": stamp, "doc": {"n": 2}},
                {"id": null, "doc": {"made": true}},
            ]);
            (commit(&server, "sales", "one", &writes).text, true)
        } else {
            let headers = [("Idempotency-Key", "two")];
            (send(&server, "POST", "sales", &headers, &json!({"n": 3})).text, false)
        }
    });
    let all = send(&server, "GET", "sales", &[], &Value::Null).json();
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    assert_eq!(get(&server, "sales/s1").0["version"], 2);
    let of = |kind: bool| {
        let mut texts: Vec<String> = answers
            .iter()
            .filter(|(_, is)| *is == kind)
            .map(|(text, _)| text.replace("\"replayed\":true", "\"replayed\":false"))
            .collect();
        texts.dedup();
        texts.len()
    };
    assert_eq!((of(true), of(false)), (1, 1), "{answers:?}");
}

pub fn a_refused_token_may_be_used_again(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let put = |stamp: &str, n: u32| {
        let headers = [("If-Match", stamp), ("Idempotency-Key", "t")];
        send(&server, "PUT", "sales/s1", &headers, &json!({ "n": n }))
    };
    assert_eq!(put("\"old\"", 2).status, 412);
    // Merged, it has other bytes.
    let saved = put(&stamp, 3);
    assert_eq!(saved.status, 200);
    assert_eq!(stamp_of(&put("\"old\"", 3)), stamp_of(&saved));
}
