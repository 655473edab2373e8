//! `GET _changes`: server-sent events that can be resumed.

use serde_json::{json, Value};

use crate::client::{commit, create, get, put, send, stamp_of, Feed};
use crate::support::databases::Place;

pub fn changes_are_told_in_order(place: &Place) {
    let server = place.server(&[]);
    let mut feed = Feed::open(&server, "sales/_changes", &[]);
    let first = create(&server, "sales/s1", &json!({"n": 1}));
    create(&server, "other/x", &json!({}));
    let second = stamp_of(&put(&server, "sales/s1", &first, &json!({"n": 2})));
    assert_eq!(put(&server, "sales/s1", &first, &json!({"n": 3})).status, 412);
    let writes = json!([{"id": "s1", "stamp": second, "doc": {}}, {"id": "s2", "doc": {}}]);
    let third = commit(&server, "sales", "c", &writes).json()["documents"].clone();
    assert_eq!(commit(&server, "sales", "c", &writes).json()["replayed"], true);
    send(&server, "DELETE", "sales/s1", &[], &Value::Null);
    let told: Vec<Value> = (0..5)
        .map(|_| feed.next())
        .map(|event| {
            assert_eq!(event.kind, "change");
            event.data
        })
        .collect();
    assert_eq!(
        told,
        [
            json!({"id": "s1", "stamp": first, "from": null}),
            json!({"id": "s1", "stamp": second, "from": first}),
            json!({"id": "s1", "stamp": third[0]["stamp"], "from": second, "token": "c"}),
            json!({"id": "s2", "stamp": third[1]["stamp"], "from": null, "token": "c"}),
            json!({"id": "s1", "stamp": null, "from": third[0]["stamp"]}),
        ]
    );
}

/// Who made a change knows it by its token, whichever way it was made; a replay tells nothing.
pub fn the_token_of_the_write_comes_along(place: &Place) {
    let server = place.server(&[]);
    let mut feed = Feed::open(&server, "sales/_changes", &[]);
    let with = |token| [("Idempotency-Key", token), ("If-Match", "*")];
    send(&server, "POST", "sales", &with("made"), &json!({"id": "s1", "n": 1}));
    for _ in 0..2 {
        send(&server, "PUT", "sales/s1", &with("put"), &json!({"n": 2}));
    }
    let stamp = get(&server, "sales/s1").1;
    let edits = json!({"ops": [{"op": "set", "path": "n", "value": 3}], "stamp": stamp});
    send(&server, "POST", "sales/s1/_apply", &with("edits"), &edits);
    send(&server, "DELETE", "sales/s1", &with("gone"), &Value::Null);
    let tokens: Vec<Value> = (0..4).map(|_| feed.next().data["token"].clone()).collect();
    assert_eq!(tokens, [json!("made"), json!("put"), json!("edits"), json!("gone")]);
}

pub fn a_feed_goes_on_where_it_broke_off(place: &Place) {
    let server = place.server(&[]);
    let mut feed = Feed::open(&server, "sales/_changes", &[]);
    for number in 0..3 {
        create(&server, &format!("sales/s{number}"), &json!({}));
    }
    let seen = feed.next();
    drop(feed);
    create(&server, "sales/s3", &json!({}));
    let mut feed = Feed::open(&server, "sales/_changes", &[("Last-Event-ID", &seen.number)]);
    let ids: Vec<Value> = (0..3).map(|_| feed.next().data["id"].clone()).collect();
    assert_eq!(ids, [json!("s1"), json!("s2"), json!("s3")]);
    create(&server, "sales/s4", &json!({}));
    assert_eq!(feed.next().data["id"], "s4");

    // What is no longer known, after so many others or after a restart, is said.
    let mut unknown = Feed::open(&server, "sales/_changes", &[("Last-Event-ID", "17")]);
    assert_eq!(unknown.next().kind, "reset");
    create(&server, "sales/s5", &json!({}));
    assert_eq!(unknown.next().data["id"], "s5");
    let mut stamp = get(&server, "sales/s5").1;
    for number in 0..1_030 {
        stamp = stamp_of(&put(&server, "sales/s5", &stamp, &json!({ "n": number })));
    }
    let mut old = Feed::open(&server, "sales/_changes", &[("Last-Event-ID", &seen.number)]);
    assert_eq!(old.next().kind, "reset");
}

pub fn documents_come_along_if_wanted(place: &Place) {
    let server = place.server(&[]);
    let mut feed = Feed::open(&server, "sales/_changes?documents=1", &[]);
    let first = create(&server, "sales/s1", &json!({"total": 45.50}));
    put(&server, "sales/s1", &first, &json!({"total": 46}));
    let event = feed.next();
    assert_eq!(event.data["doc"], json!({"total": 45.50, "id": "s1", "version": 1}));
    let second = feed.next().data;
    assert_eq!(second["doc"]["version"], 2);
    send(&server, "DELETE", "sales/s1", &[], &Value::Null);
    let deleted = json!({"id": "s1", "stamp": null, "from": second["stamp"], "doc": null});
    assert_eq!(feed.next().data, deleted);
}
