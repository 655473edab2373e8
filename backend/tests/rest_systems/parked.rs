//! Parked conflicts: a stale save is answered in its turn, with the newest document and a lease.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{json, Value};

use crate::client::{
    at_once, create, fence, get, lease, put, put_fenced, release, send, stamp_of, until,
};
use crate::support::databases::Place;
use crate::support::{Answer, Server};

fn park(server: &Server, path: &str, stamp: &str, body: &Value) -> Answer {
    let headers = [("If-Match", stamp), ("Prefer", "return=representation, park=20000")];
    send(server, "PUT", path, &headers, body)
}

fn waiting(server: &Server) -> u64 {
    server.get("/_test/waiting").json()["waiting"].as_u64().unwrap()
}

pub fn a_stale_save_is_answered_in_its_turn(place: &Place) {
    let server = place.server(&[]);
    let old = create(&server, "sales/s1", &json!({"n": 1}));
    let newer = stamp_of(&put(&server, "sales/s1", &old, &json!({"n": 2})));
    let answer = park(&server, "sales/s1", &old, &json!({"n": 3}));
    assert_eq!((answer.status, &answer.json()["n"]), (412, &json!(2)));
    assert_eq!(
        (answer.header("etag"), answer.header("lease-ttl")),
        (Some(newer.as_str()), Some("20000"))
    );
    // Until then the document is its own.
    assert_eq!(put(&server, "sales/s1", &newer, &json!({"n": 9})).status, 423);
    std::thread::scope(|scope| {
        let next = scope.spawn(|| park(&server, "sales/s1", &old, &json!({"n": 4})));
        until("it waits", || waiting(&server) == 1);
        let saved = put_fenced(
            &server,
            "sales/s1",
            &newer,
            answer.header("fence").unwrap(),
            &json!({"n": 3}),
        );
        assert_eq!(saved.status, 200);
        // Its turn comes with that save, and it has what that save stored.
        let next = next.join().unwrap();
        assert_eq!((next.status, &next.json()["n"]), (412, &json!(3)));
        assert_eq!(next.header("etag"), saved.header("etag"));
        assert!(next.header("fence").unwrap() != answer.header("fence").unwrap());
    });
}

pub fn at_most_fourteen_are_parked(place: &Place) {
    let server = place.server(&[]);
    let old = create(&server, "sales/s1", &json!({"n": 1}));
    let newer = stamp_of(&put(&server, "sales/s1", &old, &json!({"n": 2})));
    let first = fence(&lease(&server, "sales/s1", "first", 60_000));
    std::thread::scope(|scope| {
        let parked: Vec<_> = (0..14)
            .map(|_| {
                scope.spawn(|| {
                    let answer = park(&server, "sales/s1", &old, &json!({"n": 3}));
                    // The next one's turn comes.
                    release(&server, "sales/s1", answer.header("fence").unwrap());
                    answer
                })
            })
            .collect();
        until("fourteen wait", || waiting(&server) == 14);
        let one_more = park(&server, "sales/s1", &old, &json!({"n": 3}));
        assert_eq!((one_more.status, one_more.header("fence")), (412, None));
        assert_eq!(
            (one_more.header("etag"), &one_more.json()["n"]),
            (Some(newer.as_str()), &json!(2))
        );
        // It is told when to come again, and the next one is told a later moment.
        let told =
            |answer: &Answer| answer.header("retry-after-ms").unwrap().parse::<u64>().unwrap();
        let another = park(&server, "sales/s1", &old, &json!({"n": 3}));
        assert!(told(&one_more) > 0 && told(&another) + 1_000 > told(&one_more));
        assert_eq!(waiting(&server), 14);
        // One whose stamp is the newest has no room either.
        assert_eq!(park(&server, "sales/s1", &newer, &json!({"n": 3})).status, 423);
        release(&server, "sales/s1", &first);
        for one in parked {
            let answer = one.join().unwrap();
            assert_eq!((answer.status, answer.header("etag")), (412, Some(newer.as_str())));
        }
    });
}

pub fn a_parked_lease_is_for_one_save(place: &Place) {
    let server = place.server(&[]);
    let old = create(&server, "sales/s1", &json!({"n": 1}));
    let newer = stamp_of(&put(&server, "sales/s1", &old, &json!({"n": 2})));
    let answer = park(&server, "sales/s1", &old, &json!({"n": 3}));
    let fence = answer.header("fence").unwrap().to_owned();
    // What is refused for its content keeps the lease.
    let invalid = put_fenced(&server, "sales/s1", &newer, &fence, &json!({"lines": [{"qty": 0}]}));
    assert_eq!(invalid.status, 422);
    let saved = put_fenced(&server, "sales/s1", &newer, &fence, &json!({"n": 3}));
    assert_eq!(saved.status, 200);
    let again = put_fenced(&server, "sales/s1", &stamp_of(&saved), &fence, &json!({"n": 4}));
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("fenced")));
    assert_eq!(put(&server, "sales/s1", &stamp_of(&saved), &json!({"n": 5})).status, 200);
    // Parking is for what is stale: a newest stamp is saved at once, and a missing document is missing.
    let newest = get(&server, "sales/s1").1;
    let saved = park(&server, "sales/s1", &newest, &json!({"n": 6}));
    assert_eq!((saved.status, saved.header("fence")), (200, None));
    assert_eq!(park(&server, "sales/none", &old, &json!({})).status, 404);
}

/// Tills that add one each to one number, answers lost now and then: all are counted once, and few
/// requests are made.
pub fn many_tills_on_one_document(place: &Place) {
    let server = place.server(&[]);
    let first = create(&server, "sales/s1", &json!({"n": 0}));
    let requests = AtomicUsize::new(0);
    at_once(20, |till| {
        let (mut stamp, mut n, mut fence) = (first.clone(), 0, None::<String>);
        for attempt in 0..200 {
            requests.fetch_add(1, Ordering::SeqCst);
            let token = format!("{till}-{attempt}");
            let mut headers = vec![
                ("If-Match", stamp.as_str()),
                ("Idempotency-Key", &token),
                ("Prefer", "park=1000"),
            ];
            headers.extend(fence.as_ref().map(|fence| ("Fence", fence.as_str())));
            let body = json!({"n": n + 1}).to_string();
            if till % 5 == 0 && (attempt == 0 || fence.is_some()) {
                let faulty = [&headers[..], &[("X-Fault", "lost-answer")]].concat();
                let _ = server.send("PUT", "/rest/sales/s1", &faulty, &body);
            }
            let answer = server.send("PUT", "/rest/sales/s1", &headers, &body).unwrap();
            match answer.status {
                200 => return,
                412 => {
                    n = answer.json()["n"].as_u64().unwrap();
                    fence = answer.header("fence").map(str::to_owned);
                    stamp = stamp_of(&answer);
                }
                409 => fence = None,
                423 | 503 => std::thread::sleep(std::time::Duration::from_millis(20)),
                other => panic!("{other} {}", answer.text),
            }
        }
        panic!("no turn in 200 tries");
    });
    assert_eq!(get(&server, "sales/s1").0["n"], 20);
    println!("{} requests for 20 saves", requests.into_inner());
}
