//! Several documents in one request: leases on all or none, their return within the commit, queues
//! in which nobody waits in a circle or for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::client::{at_once, commit, create, get, lease, put, send, until};
use crate::support::databases::Place;
use crate::support::{Answer, Server};

fn leases(server: &Server, ids: &[&str], holder: &str, ttl: u64, wait: u64) -> Answer {
    let prefer = format!("wait={wait}, return=representation");
    let body = json!({"ids": ids, "holder": holder, "ttl": ttl});
    send(server, "POST", "sales/_leases", &[("Prefer", &prefer)], &body)
}

/// A commit of `{"n": n}` to the leased documents, from the second `read` ones on only read.
fn commit_leased(server: &Server, token: &str, granted: &Answer, written: usize, n: i64) -> Answer {
    let answer = granted.json();
    let all = answer["leases"].as_array().unwrap();
    let write = |lease: &Value| {
        let doc = json!({"n": n});
        json!({"id": lease["id"], "stamp": lease["stamp"], "fence": lease["fence"], "doc": doc})
    };
    let writes: Vec<Value> = all[..written].iter().map(write).collect();
    let body = json!({"writes": writes, "release": true, "leases": back(&all[written..])});
    send(server, "POST", "sales/_commit", &[("Idempotency-Key", token)], &body)
}

fn back(leases: &[Value]) -> Value {
    leases.iter().map(|lease| json!({"id": lease["id"], "fence": lease["fence"]})).collect()
}

fn three(place: &Place) -> Server {
    let server = place.server(&[]);
    for id in ["a", "b", "c"] {
        create(&server, &format!("sales/{id}"), &json!({"n": 1}));
    }
    server
}

pub fn several_leases_are_all_or_none(place: &Place) {
    let server = three(place);
    let granted = leases(&server, &["b", "a", "none"], "till-1", 30_000, 0);
    assert_eq!(granted.status, 200, "{}", granted.text);
    let answer = granted.json();
    let (document, stamp) = get(&server, "sales/a");
    assert_eq!(
        (&answer["leases"][0]["doc"], &answer["leases"][0]["stamp"]),
        (&document, &json!(stamp))
    );
    assert_eq!(answer["leases"][2]["id"], "none");
    assert_eq!(answer["leases"][2]["doc"], Value::Null);
    // Again is a renewal: the same fences.
    let again = leases(&server, &["a", "b", "none"], "till-1", 30_000, 0);
    assert_eq!(
        back(again.json()["leases"].as_array().unwrap()),
        back(answer["leases"].as_array().unwrap())
    );

    let refused = leases(&server, &["b", "c"], "till-2", 30_000, 0);
    assert_eq!((refused.status, &refused.json()["code"]), (423, &json!("leased")));
    assert!((1..=250).contains(&refused.json()["retry_after"].as_i64().unwrap()));
    // Of till-2 nothing is held: c is anybody's.
    assert_eq!(lease(&server, "sales/c", "till-3", 30_000).status, 200);
    assert_eq!(lease(&server, "sales/none", "till-3", 30_000).status, 423);
    let body = json!({"leases": back(answer["leases"].as_array().unwrap())});
    assert_eq!(send(&server, "POST", "sales/_release", &[], &body).status, 204);
    assert_eq!(lease(&server, "sales/none", "till-3", 30_000).status, 200);
    // The same fences again end nobody else's lease.
    assert_eq!(send(&server, "POST", "sales/_release", &[], &body).status, 204);
    assert_eq!(lease(&server, "sales/none", "till-4", 30_000).status, 423);

    let ids = json!({"ids": ["a", "nothing", "b"]});
    let found = send(&server, "POST", "sales/_documents", &[], &ids).json();
    assert_eq!(found["documents"].as_array().unwrap().len(), 2);
    assert_eq!(found["documents"][0], json!({"id": "a", "stamp": stamp, "doc": document}));
    for wrong in [json!({"ids": []}), json!({"ids": [1]}), json!({"ids": ["_x"]}), json!({})] {
        let mut wrong = wrong;
        wrong["holder"] = json!("h");
        assert_eq!(send(&server, "POST", "sales/_leases", &[], &wrong).status, 422, "{wrong}");
    }
}

pub fn a_commit_gives_leases_back_in_its_transaction(place: &Place) {
    let server = three(place);
    let granted = leases(&server, &["a", "b", "c"], "till-1", 60_000, 0);
    let done = commit_leased(&server, "t", &granted, 2, 2);
    assert_eq!(done.status, 200, "{}", done.text);
    // Neither those that were written nor the one that was only read is held.
    let next = leases(&server, &["a", "b", "c"], "till-2", 60_000, 0);
    assert_eq!(next.status, 200, "{}", next.text);
    // The repetition is the same answer, and takes nothing from the next one.
    let again = commit_leased(&server, "t", &granted, 2, 2);
    assert_eq!((again.status, &again.json()["replayed"]), (200, &json!(true)));
    let (_, stamp) = get(&server, "sales/a");
    assert_eq!(put(&server, "sales/a", &stamp, &json!({"n": 9})).status, 423);
    // What is not stored gives nothing back: the till plans anew under its leases.
    let writes = json!([{"id": "a", "stamp": "\"old\"", "fence": next.json()["leases"][0]["fence"], "doc": {}}]);
    let stale = json!({"writes": writes, "release": true});
    assert_eq!(
        send(&server, "POST", "sales/_commit", &[("Idempotency-Key", "s")], &stale).status,
        412
    );
    assert_eq!(put(&server, "sales/a", &stamp, &json!({"n": 9})).status, 423);
    // A new document under the lease of its key.
    let new = leases(&server, &["new"], "till-3", 60_000, 0);
    let fence = &new.json()["leases"][0]["fence"];
    let write = |fence: &Value| json!([{"id": "new", "token": "n", "fence": fence, "doc": {}}]);
    assert_eq!(commit(&server, "sales", "n1", &write(&Value::Null)).status, 423);
    assert_eq!(commit(&server, "sales", "n2", &write(fence)).status, 200);
}

pub fn who_is_refused_holds_none(place: &Place) {
    let server = three(place);
    assert_eq!(leases(&server, &["a", "b"], "till-1", 60_000, 0).status, 200);
    assert_eq!(lease(&server, "sales/c", "till-2", 60_000).status, 200);
    // It asks for more than it has, and one of them is somebody else's.
    assert_eq!(leases(&server, &["a", "b", "c"], "till-1", 60_000, 0).status, 423);
    let (_, stamp) = get(&server, "sales/b");
    assert_eq!(put(&server, "sales/b", &stamp, &json!({"n": 2})).status, 200);
}

pub fn a_lease_only_where_others_are(place: &Place) {
    let server = three(place);
    let ask = |holder: &str, if_contended: Value| {
        let body =
            json!({"ids": ["a", "b", "none"], "holder": holder, "if_contended": if_contended});
        send(&server, "POST", "sales/_leases", &[("Prefer", "return=representation")], &body)
    };
    let free = ask("till-1", json!(true)).json();
    let (document, stamp) = get(&server, "sales/b");
    assert_eq!(free["documents"].as_array().unwrap().len(), 2);
    assert_eq!(free["documents"][1], json!({"id": "b", "stamp": stamp, "doc": document}));
    // Nobody holds anything for it.
    let held = leases(&server, &["b", "c"], "till-2", 60_000, 0);
    assert_eq!(held.status, 200);
    let refused = ask("till-1", json!(true));
    assert_eq!((refused.status, &refused.json()["code"]), (423, &json!("leased")));
    assert_eq!(commit_leased(&server, "t", &held, 1, 5).status, 200);
    // Its turn is a lease, not only a copy that others may be quicker with.
    let turn = ask("till-1", json!(false));
    assert_eq!(turn.json()["leases"][1]["doc"]["n"], 5);
    assert_eq!(ask("till-1", json!("yes")).status, 422);
}

/// A copy of a request that the network brings late must not store what its sender has planned anew.
pub fn a_final_refusal_stays_so(place: &Place) {
    let server = three(place);
    let (_, stamp) = get(&server, "sales/a");
    let send_commit = |token: &str, is_final: bool| {
        let writes = json!([{"id": "a", "stamp": stamp, "doc": {"n": 2}}]);
        let body = json!({"writes": writes, "final": is_final});
        send(&server, "POST", "sales/_commit", &[("Idempotency-Key", token)], &body)
    };
    let held = leases(&server, &["a", "b"], "till-1", 60_000, 0);
    let refused = send_commit("final", true);
    assert_eq!((refused.status, &refused.json()["code"]), (423, &json!("leased")));
    assert_eq!(send_commit("not", false).status, 423);
    let body = json!({"leases": back(held.json()["leases"].as_array().unwrap())});
    assert_eq!(send(&server, "POST", "sales/_release", &[], &body).status, 204);
    let again = send_commit("final", true);
    assert_eq!((again.status, again.header("retry-after").is_some()), (423, true));
    assert_eq!(get(&server, "sales/a").0["n"], 1);
    assert_eq!(send_commit("not", false).status, 200);
}

pub fn who_waits_for_several_has_its_turn(place: &Place) {
    let server = three(place);
    let first = leases(&server, &["a", "b"], "first", 60_000, 0);
    let next = std::thread::scope(|scope| {
        let next = scope.spawn(|| leases(&server, &["b", "c"], "next", 60_000, 50));
        until("it waits", || server.get("/_test/waiting").json()["waiting"].as_u64() == Some(1));
        assert_eq!(commit_leased(&server, "t", &first, 2, 7).status, 200);
        next.join().unwrap()
    });
    assert_eq!(next.status, 200, "{}", next.text);
    assert_eq!(next.json()["leases"][0]["doc"]["n"], 7, "as it is by then");
}

/// Two documents are never free at the same moment, for others take turns at each: still somebody
/// who wants both has them.
pub fn nobody_is_passed_for_ever(place: &Place) {
    let server = three(place);
    let stop = AtomicUsize::new(0);
    let both = std::thread::scope(|scope| {
        for (till, id) in ["a", "a", "b", "b"].into_iter().enumerate() {
            let (server, stop) = (&server, &stop);
            scope.spawn(move || {
                // Two of them, so that the other one waits while this one has it.
                while stop.load(Ordering::SeqCst) == 0 {
                    let granted = leases(server, &[id], &format!("till-{till}"), 60_000, 50);
                    std::thread::sleep(Duration::from_millis(20));
                    commit_leased(server, &format!("{till}-{}", granted.text), &granted, 1, 1);
                }
            });
        }
        until("they take turns", || get(&server, "sales/b").0["version"].as_i64() > Some(2));
        let both = leases(&server, &["a", "b"], "both", 60_000, 50);
        assert_eq!(both.status, 200, "{}", both.text);
        stop.store(1, Ordering::SeqCst);
        assert_eq!(commit_leased(&server, "both", &both, 2, 2).status, 200);
        both
    });
    assert_eq!(both.json()["leases"].as_array().unwrap().len(), 2);
}

/// Twelve tills among four wallets: nobody is refused, whatever the contention.
pub fn many_tills_need_two_requests_a_transfer(place: &Place) {
    let server = place.server(&[]);
    let ids = ["a", "b", "c", "d"];
    for id in ids {
        create(&server, &format!("sales/{id}"), &json!({"n": 100}));
    }
    let begun = Instant::now();
    at_once(12, |till| {
        for round in 0..4 {
            let (from, to) = ((till + round) % 4, (till + 2 * round + 1) % 4);
            if from == to {
                continue;
            }
            let holder = format!("till-{till}/{round}");
            let granted = leases(&server, &[ids[from], ids[to]], &holder, 60_000, 50);
            assert_eq!(granted.status, 200, "{}", granted.text);
            let answer = granted.json();
            let write = |lease: &Value| {
                let step = if lease["id"] == ids[from] { -1 } else { 1 };
                let doc = json!({"n": lease["doc"]["n"].as_i64().unwrap() + step});
                json!({"id": lease["id"], "stamp": lease["stamp"], "fence": lease["fence"], "doc": doc})
            };
            let writes: Value = answer["leases"].as_array().unwrap().iter().map(write).collect();
            let body = json!({"writes": writes, "release": true});
            let headers = [("Idempotency-Key", holder.as_str())];
            let done = send(&server, "POST", "sales/_commit", &headers, &body);
            assert_eq!(done.status, 200, "{}", done.text);
        }
    });
    println!("{:?}", begun.elapsed());
    let n = |id: &str| get(&server, &format!("sales/{id}")).0["n"].as_i64().unwrap();
    assert_eq!(ids.into_iter().map(n).sum::<i64>(), 400);
}
