//! `POST _commit`: all or nothing, under any crossing.

use serde_json::{json, Value};

use crate::client::{at_once, commit, create, get, put, send};
use crate::support::databases::Place;
use crate::support::Server;

pub fn all_or_nothing(place: &Place) {
    let server = place.server(&[]);
    let old = create(&server, "wallets/a", &json!({"balance": 10.50}));
    let done = commit(
        &server,
        "wallets",
        "t1",
        &json!([
            {"id": "a", "stamp": old, "doc": {"balance": "7.50"}},
            {"id": null, "token": "made-1", "doc": {"balance": "3.00"}},
            {"id": "c", "stamp": null, "doc": {"balance": "0.00"}},
        ]),
    );
    assert_eq!(done.status, 200, "{}", done.text);
    let body = done.json();
    assert_eq!(body["replayed"], false);
    let made = body["documents"][1]["id"].as_str().unwrap();
    for (at, id) in ["a", made, "c"].into_iter().enumerate() {
        let (document, stamp) = get(&server, &format!("wallets/{id}"));
        assert_eq!(body["documents"][at], json!({"id": id, "stamp": stamp, "doc": document}));
    }
    assert_eq!(get(&server, "wallets/c").0["balance"], "0.00");

    // One write that cannot be done: nothing of the others is.
    let (a, stamp) = get(&server, "wallets/a");
    for broken in [
        json!({"id": "none", "stamp": "\"1\"", "doc": {}}),
        json!({"id": "c", "doc": {"balance": "9"}}),
        json!({"id": "c", "stamp": "\"old\"", "doc": {"balance": "9"}}),
        json!({"id": null, "token": "made-1", "doc": {}}),
        json!({"id": null, "doc": {"lines": [{"qty": 0}]}}),
    ] {
        let writes = json!([
            {"id": null, "doc": {"stray": true}},
            {"id": "a", "stamp": stamp, "doc": {"balance": "1"}},
            broken,
        ]);
        let refused = commit(&server, "wallets", "t2", &writes);
        assert!(refused.status >= 400, "{}", refused.text);
        assert_eq!(get(&server, "wallets/a"), (a.clone(), stamp.clone()));
        assert_eq!(
            send(&server, "GET", "wallets", &[], &Value::Null).json().as_array().unwrap().len(),
            3
        );
    }
}

pub fn a_stale_commit_names_what_is_stale(place: &Place) {
    let server = place.server(&[]);
    let (a, b) = (
        create(&server, "wallets/a", &json!({"n": 1})),
        create(&server, "wallets/b", &json!({"n": 1})),
    );
    assert_eq!(put(&server, "wallets/b", &b, &json!({"n": 2})).status, 200);
    let writes = json!([
        {"id": "a", "stamp": a, "doc": {"n": 5}},
        {"id": "b", "stamp": b, "doc": {"n": 5}},
    ]);
    let stale = commit(&server, "wallets", "t", &writes);
    assert_eq!((stale.status, &stale.json()["code"]), (412, &json!("stale")));
    assert_eq!(stale.json()["stale"], json!(["b"]));
    let (newest_b, stamp_b) = get(&server, "wallets/b");
    let (newest_a, stamp_a) = get(&server, "wallets/a");
    assert_eq!(stamp_a, a);
    let documents = json!([
        {"id": "a", "stamp": stamp_a, "doc": newest_a},
        {"id": "b", "stamp": stamp_b, "doc": newest_b},
    ]);
    assert_eq!(stale.json()["documents"], documents);
    let bare = send(&server, "POST", "wallets/_commit", &[], &json!({ "writes": writes }));
    assert_eq!((bare.status, bare.json().get("documents")), (412, None));
}

pub fn refusals_have_a_code_each(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "wallets/a", &json!({"token": "t-a"}));
    let code = |writes: Value| {
        let refused = commit(&server, "wallets", "t", &writes);
        (refused.status, refused.json()["code"].as_str().unwrap().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(json!([{"id": "x", "stamp": "\"1\"", "doc": {}}])), is(404, "not_found"));
    assert_eq!(code(json!([{"id": "a", "doc": {}}])), is(409, "exists"));
    assert_eq!(code(json!([{"id": null, "doc": {"token": "t-a"}}])), is(409, "exists"));
    assert_eq!(
        code(json!([{"id": "a", "stamp": stamp, "fence": "1", "doc": {}}])),
        is(409, "fenced")
    );
    assert_eq!(
        code(
            json!([{"id": "a", "stamp": stamp, "doc": {}}, {"id": "a", "stamp": stamp, "doc": {}}])
        ),
        is(422, "invalid")
    );
    assert_eq!(code(json!([{"id": "_a", "doc": {}}])), is(422, "invalid"));
    assert_eq!(code(json!([{"id": "b", "doc": []}])), is(422, "invalid"));
    assert_eq!(code(json!([])), is(422, "invalid"));
    let broken = server.send("POST", "/rest/wallets/_commit", &[], "{").unwrap();
    assert_eq!((broken.status, &broken.json()["code"]), (400, &json!("malformed")));
}

/// Commits over the same two documents in either order, answers lost: both sides are always of one
/// commit, and every commit that was answered happened.
pub fn crossing_commits_are_never_partial(place: &Place) {
    let server = place.server(&[]);
    create(&server, "pairs/a", &json!({"by": "nobody"}));
    create(&server, "pairs/b", &json!({"by": "nobody"}));
    let won: usize = at_once(12, |till| {
        let mut won = 0;
        for round in 0..8 {
            let (_, a) = get(&server, "pairs/a");
            let (_, b) = get(&server, "pairs/b");
            let by = format!("{till}-{round}");
            let mut writes = vec![
                json!({"id": "a", "stamp": a, "doc": {"by": by}}),
                json!({"id": "b", "stamp": b, "doc": {"by": by}}),
            ];
            if till % 2 == 0 {
                writes.reverse();
            }
            let done = commit(&server, "pairs", &by, &json!(writes));
            assert!([200, 412, 503].contains(&done.status), "{}", done.text);
            won += usize::from(done.status == 200);
        }
        won
    })
    .into_iter()
    .sum();
    let ((a, _), (b, _)) = (get(&server, "pairs/a"), get(&server, "pairs/b"));
    assert_eq!(a["by"], b["by"]);
    assert_eq!((a["version"].clone(), b["version"].clone()), (json!(won + 1), json!(won + 1)));
    assert!(won > 0);
}

pub fn the_sum_of_wallets_never_changes(place: &Place) {
    let server = place.server(&[]);
    for wallet in 0..5 {
        create(&server, &format!("wallets/w{wallet}"), &json!({"cents": 100}));
    }
    let moved: i64 = at_once(10, |till| {
        let mut moved = 0;
        for round in 0..6 {
            let (from, to) = ((till + round) % 5, (till + 2 * round + 1) % 5);
            if from != to {
                moved += i64::from(transfer(&server, from, to, &format!("{till}-{round}")));
            }
        }
        moved
    })
    .into_iter()
    .sum();
    let cents =
        |wallet: usize| get(&server, &format!("wallets/w{wallet}")).0["cents"].as_i64().unwrap();
    let all: Vec<i64> = (0..5).map(cents).collect();
    assert_eq!(all.iter().sum::<i64>(), 500, "{all:?}");
    assert!(all.iter().all(|cents| *cents >= 0) && moved > 0);
    let versions: i64 = (0..5)
        .map(|wallet| {
            get(&server, &format!("wallets/w{wallet}")).0["version"].as_i64().unwrap() - 1
        })
        .sum();
    assert_eq!(versions, 2 * moved, "each transfer once");
}

/// One cent, tried until it is stored; the answer to the first try is lost now and then.
fn transfer(server: &Server, from: usize, to: usize, token: &str) -> bool {
    for attempt in 0..200 {
        let (mut payer, payer_stamp) = get(server, &format!("wallets/w{from}"));
        let (mut payee, payee_stamp) = get(server, &format!("wallets/w{to}"));
        let (has, gets) = (payer["cents"].as_i64().unwrap(), payee["cents"].as_i64().unwrap());
        if has == 0 {
            return false;
        }
        payer["cents"] = json!(has - 1);
        payee["cents"] = json!(gets + 1);
        let writes = json!([
            {"id": format!("w{from}"), "stamp": payer_stamp, "doc": payer},
            {"id": format!("w{to}"), "stamp": payee_stamp, "doc": payee},
        ]);
        let token = format!("{token}-{attempt}");
        let body = json!({ "writes": writes }).to_string();
        let headers = [("Idempotency-Key", token.as_str()), ("X-Fault", "lost-answer")];
        let path = "/rest/wallets/_commit";
        let answer = if attempt % 2 == 0 {
            // Nobody knows: the same again.
            let _ = server.send("POST", path, &headers, &body);
            commit_text(server, &token, &body)
        } else {
            commit_text(server, &token, &body)
        };
        if answer == 200 {
            return true;
        }
        assert!([412, 503].contains(&answer), "{answer}");
    }
    panic!("no turn in 200 tries");
}

fn commit_text(server: &Server, token: &str, body: &str) -> u16 {
    let headers = [("Idempotency-Key", token)];
    server.send("POST", "/rest/wallets/_commit", &headers, body).unwrap().status
}
