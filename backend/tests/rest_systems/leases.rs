//! Leases: one holder, fences, a fair and bounded queue, nobody blocks for longer than a lease.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::client::{
    at_once, await_lease, begin, commit, create, fence, get, lease, put, put_fenced, release, send,
    stamp_of, until,
};
use crate::support::databases::Place;
use crate::support::Server;

pub fn a_lease_is_one_holders(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let body = json!({"holder": "till-1", "ttl": 30_000});
    let granted =
        send(&server, "POST", "sales/s1/_lease", &[("Prefer", "return=representation")], &body);
    let (document, _) = get(&server, "sales/s1");
    assert_eq!(
        granted.json(),
        json!({"fence": fence(&granted), "ttl": 30_000, "stamp": stamp, "doc": document})
    );
    assert_eq!(
        lease(&server, "sales/s1", "till-1", 30_000).json(),
        json!({"fence": fence(&granted), "ttl": 30_000})
    );

    let other = lease(&server, "sales/s1", "till-2", 1_000);
    assert_eq!((other.status, &other.json()["code"]), (423, &json!("leased")));
    let (wait, seconds) =
        (other.json()["retry_after"].as_i64().unwrap(), other.header("retry-after").unwrap());
    // Not when the lease would end by itself: it may be given back at any moment.
    assert!((1..=250).contains(&wait), "{wait}");
    assert_eq!(seconds, ((wait + 999) / 1_000).to_string());

    // Who holds it saves with the fence; nobody else saves at all.
    for refused in [
        put(&server, "sales/s1", &stamp, &json!({"n": 2})),
        send(&server, "DELETE", "sales/s1", &[], &Value::Null),
        commit(&server, "sales", "c", &json!([{"id": "s1", "stamp": stamp, "doc": {"n": 2}}])),
    ] {
        assert_eq!((refused.status, &refused.json()["code"]), (423, &json!("leased")));
        assert!(refused.json()["retry_after"].as_i64().unwrap() > 0);
    }
    let saved = put_fenced(&server, "sales/s1", &stamp, &fence(&granted), &json!({"n": 3}));
    assert_eq!(saved.status, 200, "{}", saved.text);
    release(&server, "sales/s1", &fence(&granted));
    let late =
        put_fenced(&server, "sales/s1", &stamp_of(&saved), &fence(&granted), &json!({"n": 4}));
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("fenced")));
    // Its ticket is first: till-2 has the lease, and a release of the old fence takes nothing away.
    assert_eq!(lease(&server, "sales/s1", "till-2", 30_000).status, 200);
    release(&server, "sales/s1", &fence(&granted));
    release(&server, "sales/s1", "nonsense");
    assert_eq!(put(&server, "sales/s1", &stamp_of(&saved), &json!({"n": 4})).status, 423);

    for wrong in [
        json!({}),
        json!({"holder": ""}),
        json!({"holder": "_x"}),
        json!({"holder": "a", "ttl": "1"}),
    ] {
        assert_eq!(send(&server, "POST", "sales/s2/_lease", &[], &wrong).status, 422, "{wrong}");
    }
    assert_eq!(lease(&server, "sales/s2", "a", 1).json()["ttl"], 100);
    assert_eq!(lease(&server, "sales/s3", "a", 9_999_999).json()["ttl"], 60_000);
}

pub fn fences_rise_for_ever(place: &Place) {
    let mut last = 0;
    let mut server = place.server(&[]);
    create(&server, "sales/s1", &json!({}));
    for round in 0..6 {
        if round == 3 && place.url.is_some() {
            // A new process, and a Redis that has lost everything.
            assert_eq!(server.terminate(), Some(0));
            if let Some(url) = place.redis() {
                let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
                redis::cmd("FLUSHDB").exec(&mut redis).unwrap();
            }
            server = place.server(&[]);
        }
        let granted = fence(&lease(&server, "sales/s1", &format!("till-{round}"), 5_000));
        let number: i64 = granted.parse().unwrap();
        assert!(number > last, "{number} after {last}");
        last = number;
        release(&server, "sales/s1", &granted);
    }
}

pub fn a_late_write_is_refused_by_the_fence(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let slow = fence(&lease(&server, "sales/s1", "slow", 100));
    // It ran out, nobody else came: refused all the same.
    let mut late = put_fenced(&server, "sales/s1", &stamp, "999", &json!({"n": 2}));
    assert_eq!(late.status, 409);
    until("the lease runs out", || lease(&server, "sales/s1", "probe", 100).status == 200);
    late = put_fenced(&server, "sales/s1", &stamp, &slow, &json!({"n": 2}));
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("fenced")));
    let quick = await_lease(&server, "sales/s1", "quick", 30_000, 10);
    for write in [
        put_fenced(&server, "sales/s1", &stamp, &slow, &json!({"n": 2})),
        send(&server, "DELETE", "sales/s1", &[("Fence", &slow)], &Value::Null),
        commit(
            &server,
            "sales",
            "c",
            &json!([{"id": "s1", "stamp": stamp, "fence": slow, "doc": {"n": 2}}]),
        ),
    ] {
        assert_eq!((write.status, &write.json()["code"]), (409, &json!("fenced")));
    }
    assert_eq!(get(&server, "sales/s1").1, stamp);
    assert_eq!(
        put_fenced(&server, "sales/s1", &stamp, &fence(&quick), &json!({"n": 3})).status,
        200
    );
}

pub fn a_lost_holder_blocks_no_longer_than_its_lease(place: &Place) {
    let server = place.server(&[]);
    create(&server, "sales/s1", &json!({"n": 1}));
    let granted = Instant::now();
    assert_eq!(lease(&server, "sales/s1", "killed", 700).status, 200);
    let next = await_lease(&server, "sales/s1", "next", 1_000, 20);
    let waited = granted.elapsed();
    assert_eq!(next.status, 200);
    // Not before it ran out; and it was told so at once, not at the end of the wait.
    assert!(waited >= Duration::from_millis(650), "{waited:?}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

/// Who asks in which order gets it in that order, each as soon as the one before lets go.
pub fn the_queue_is_first_come_first_served(place: &Place) {
    let server = place.server(&[]);
    create(&server, "sales/s1", &json!({"n": 1}));
    let first = fence(&lease(&server, "sales/s1", "first", 30_000));
    let order = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..8_u64 {
            let (server, order) = (&server, &order);
            let turn = scope.spawn(move || {
                let granted =
                    await_lease(server, "sales/s1", &format!("till-{number}"), 30_000, 30);
                order.lock().unwrap().push(number);
                release(server, "sales/s1", &fence(&granted));
            });
            // The next one comes when this one stands in the queue: it has a ticket then.
            until("a ticket", || waiting(server) > number);
            drop(turn);
        }
        release(&server, "sales/s1", &first);
    });
    assert_eq!(order.into_inner().unwrap(), (0..8).collect::<Vec<_>>());
}

pub fn the_queue_is_bounded(place: &Place) {
    let server = place.server(&[]);
    create(&server, "sales/s1", &json!({"n": 1}));
    assert_eq!(lease(&server, "sales/s1", "first", 60_000).status, 200);
    for number in 0..64 {
        assert_eq!(lease(&server, "sales/s1", &format!("till-{number}"), 1_000).status, 423);
    }
    // One more is sent away at once, however long it would wait: nearly all of the lease is left.
    let refused = await_lease(&server, "sales/s1", "one-more", 1_000, 30);
    assert_eq!((refused.status, &refused.json()["code"]), (423, &json!("leased")));
    assert!(refused.json()["retry_after"].as_i64().unwrap() > 30_000, "{}", refused.text);
}

pub fn a_killed_waiter_is_passed_over(place: &Place) {
    let server = place.server(&[]);
    create(&server, "sales/s1", &json!({"n": 1}));
    let first = fence(&lease(&server, "sales/s1", "first", 60_000));
    let body = json!({"holder": "killed", "ttl": 60_000});
    let killed = begin(&server, "POST", "sales/s1/_lease", &[("Prefer", "wait=60")], &body);
    until("the first waits", || waiting(&server) == 1);
    let next = std::thread::scope(|scope| {
        let next = scope.spawn(|| await_lease(&server, "sales/s1", "next", 1_000, 50));
        until("both wait", || waiting(&server) == 2);
        drop(killed);
        until("one has left", || waiting(&server) == 1);
        release(&server, "sales/s1", &first);
        next.join().unwrap()
    });
    assert_eq!(next.status, 200, "{}", next.text);
}

fn waiting(server: &Server) -> u64 {
    server.get("/_test/waiting").json()["waiting"].as_u64().unwrap()
}

pub fn a_refused_holder_keeps_its_place(place: &Place) {
    let server = place.server(&[]);
    create(&server, "sales/s1", &json!({"n": 1}));
    let first = fence(&lease(&server, "sales/s1", "first", 2_000));
    assert_eq!(lease(&server, "sales/s1", "second", 1_000).status, 423);
    release(&server, "sales/s1", &first);
    // It is free, but it is not the third one's turn.
    assert_eq!(lease(&server, "sales/s1", "third", 1_000).status, 423);
    let second = lease(&server, "sales/s1", "second", 1_000);
    assert_eq!(second.status, 200);
    // A place is not kept for ever for one who does not come.
    assert_eq!(lease(&server, "sales/s1", "fourth", 100).status, 423);
    assert_eq!(await_lease(&server, "sales/s1", "third", 100, 20).status, 200);
    sleep(Duration::from_millis(100));
    let fifth = await_lease(&server, "sales/s1", "fifth", 100, 20);
    assert_eq!(fifth.status, 200, "fourth never came back: {}", fifth.text);
}

pub fn a_commit_carries_fences(place: &Place) {
    let server = place.server(&[]);
    let a = create(&server, "wallets/a", &json!({"n": 1}));
    let b = create(&server, "wallets/b", &json!({"n": 1}));
    let mine = fence(&lease(&server, "wallets/a", "mine", 30_000));
    let theirs = fence(&lease(&server, "wallets/b", "theirs", 30_000));
    let writes = |fence_b: Value| {
        json!([
            {"id": "a", "stamp": a, "fence": mine, "doc": {"n": 2}},
            {"id": "b", "stamp": b, "fence": fence_b, "doc": {"n": 2}},
        ])
    };
    let leased = commit(&server, "wallets", "t", &writes(Value::Null));
    assert_eq!((leased.status, &leased.json()["id"]), (423, &json!("b")));
    let wrong = (theirs.parse::<i64>().unwrap() + 1).to_string();
    let fenced = commit(&server, "wallets", "t", &writes(json!(wrong)));
    assert_eq!(
        (fenced.status, &fenced.json()["code"], &fenced.json()["id"]),
        (409, &json!("fenced"), &json!("b"))
    );
    assert_eq!(get(&server, "wallets/a").1, a);
    assert_eq!(commit(&server, "wallets", "t", &writes(json!(theirs))).status, 200);
    // Holders that ask at once: one at a time.
    let held = std::sync::atomic::AtomicUsize::new(0);
    at_once(6, |till| {
        let granted =
            fence(&await_lease(&server, "wallets/c", &format!("till-{till}"), 30_000, 30));
        assert_eq!(held.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
        sleep(Duration::from_millis(5));
        held.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        release(&server, "wallets/c", &granted);
    });
}
