//! Several server processes on one PostgreSQL.

use serde_json::{json, Value};

use crate::client::{
    at_once, await_lease, commit, create, fence, get, lease, put, release, send, stamp_of, until,
    Feed,
};
use crate::support::databases::Place;
use crate::support::Server;

fn two(place: &Place) -> [Server; 2] {
    [place.server(&["--unique", "customers.phone"]), place.server(&["--unique", "customers.phone"])]
}

pub fn one_of_many_writers_wins(place: &Place) {
    let servers = two(place);
    let mut stamp = create(&servers[0], "sales/s1", &json!({"n": 0}));
    for round in 1..=10 {
        let answers = at_once(10, |till| {
            // Busy is no verdict: asked again.
            loop {
                let answer = put(&servers[till % 2], "sales/s1", &stamp, &json!({ "n": round }));
                if answer.status != 503 {
                    return (answer.status, answer.header("etag").map(str::to_owned));
                }
            }
        });
        let won: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|(status, _)| [200, 412].contains(status)), "{answers:?}");
        stamp = won[0].1.clone().unwrap();
    }
    assert_eq!(get(&servers[1], "sales/s1").0["version"], 11);
}

pub fn commits_over_two_processes_are_whole(place: &Place) {
    let servers = two(place);
    create(&servers[0], "pairs/a", &json!({"by": ""}));
    create(&servers[0], "pairs/b", &json!({"by": ""}));
    let won: usize = at_once(8, |till| {
        let server = &servers[till % 2];
        let mut won = 0;
        for round in 0..8 {
            let (_, a) = get(server, "pairs/a");
            let (_, b) = get(server, "pairs/b");
            let by = format!("{till}-{round}");
            let mut writes = vec![
                json!({"id": "a", "stamp": a, "doc": {"by": by}}),
                json!({"id": "b", "stamp": b, "doc": {"by": by}}),
            ];
            if till < 4 {
                writes.reverse();
            }
            won += usize::from(commit(server, "pairs", &by, &json!(writes)).status == 200);
        }
        won
    })
    .into_iter()
    .sum();
    let ((a, _), (b, _)) = (get(&servers[0], "pairs/a"), get(&servers[1], "pairs/b"));
    assert_eq!((&a["by"], &a["version"]), (&b["by"], &b["version"]));
    assert_eq!(a["version"], json!(won + 1));
}

pub fn numbers_and_tokens_and_unique_values_are_shared(place: &Place) {
    let servers = two(place);
    let mut numbers = at_once(60, |till| {
        let path = "customers/_sequences/CUST";
        let token = format!("t-{}", till / 2);
        // Two of one token, one at each process: one number.
        let answer =
            send(&servers[till % 2], "POST", path, &[("Idempotency-Key", &token)], &json!({}));
        answer.json()["first"].as_str().unwrap().parse::<u64>().unwrap()
    });
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (1..=30).collect::<Vec<u64>>());
    at_once(40, |till| {
        let body = json!({"phone": format!("{}", till % 4)});
        let made = send(&servers[till % 2], "POST", "customers", &[], &body);
        assert!([201, 409].contains(&made.status), "{}", made.text);
    });
    let all = send(&servers[0], "GET", "customers", &[], &Value::Null).json();
    assert_eq!(all.as_array().unwrap().len(), 4);
    let texts = at_once(10, |till| {
        let headers = [("Idempotency-Key", "one")];
        send(&servers[till % 2], "POST", "sales", &headers, &json!({"n": 1})).text
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

pub fn a_lease_goes_from_process_to_process(place: &Place) {
    let servers = two(place);
    let stamp = create(&servers[0], "sales/s1", &json!({"n": 1}));
    let first = fence(&lease(&servers[0], "sales/s1", "first", 60_000));
    assert_eq!(put(&servers[1], "sales/s1", &stamp, &json!({"n": 2})).status, 423);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| await_lease(&servers[1], "sales/s1", "second", 60_000, 50));
        until("it waits", || servers[1].get("/_test/waiting").json()["waiting"] == 1);
        release(&servers[0], "sales/s1", &first);
        // Nothing but word from the other process ends this wait before its own end does, much later.
        until("it is told", || waiting.is_finished());
        let second = fence(&waiting.join().unwrap());
        assert!(second.parse::<i64>().unwrap() > first.parse::<i64>().unwrap());
    });
}

pub fn a_killed_process_blocks_nobody(place: &Place) {
    let [killed, other] = two(place);
    create(&other, "sales/s1", &json!({"n": 1}));
    let first = fence(&lease(&other, "sales/s1", "first", 60_000));
    std::thread::scope(|scope| {
        // A holder stands in the queue of a process that is killed.
        scope.spawn(|| {
            let body = json!({"holder": "gone", "ttl": 60_000}).to_string();
            let wait = [("Prefer", "wait=60")];
            assert!(killed.send("POST", "/rest/sales/s1/_lease", &wait, &body).is_err());
        });
        until("it waits", || killed.get("/_test/waiting").json()["waiting"] == 1);
        killed.kill();
    });
    release(&other, "sales/s1", &first);
    // Its place lapses; what it was told to wait and a second more.
    let held = lease(&other, "sales/s1", "next", 1_000);
    assert_eq!(held.status, 423);
    assert!(held.json()["retry_after"].as_i64().unwrap() <= 61_000);
    assert_eq!(put(&other, "sales/s1", &get(&other, "sales/s1").1, &json!({"n": 2})).status, 200);
}

pub fn feeds_agree(place: &Place) {
    let servers = two(place);
    let mut feeds = [
        Feed::open(&servers[0], "sales/_changes", &[]),
        Feed::open(&servers[1], "sales/_changes", &[]),
    ];
    at_once(6, |till| {
        for round in 0..5 {
            create(&servers[till % 2], &format!("sales/{till}-{round}"), &json!({}));
        }
    });
    let [one, other] = &mut feeds;
    let heard: Vec<_> = (0..30).map(|_| one.next()).collect();
    assert_eq!(heard, (0..30).map(|_| other.next()).collect::<Vec<_>>());
    // What the one told last is where the other goes on.
    let mut resumed =
        Feed::open(&servers[1], "sales/_changes", &[("Last-Event-ID", &heard[20].number)]);
    assert_eq!((21..30).map(|_| resumed.next()).collect::<Vec<_>>(), heard[21..]);
}

pub fn a_row_that_another_holds_is_busy(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let mut client = place.client().unwrap();
    let mut transaction = client.transaction().unwrap();
    transaction.execute("SELECT 1 FROM rest_documents WHERE id = 's1' FOR UPDATE", &[]).unwrap();
    let writes = json!([{"id": "s1", "stamp": stamp, "doc": {"n": 2}}, {"id": "s2", "doc": {}}]);
    for busy in [
        put(&server, "sales/s1", &stamp, &json!({"n": 2})),
        commit(&server, "sales", "c", &writes),
        lease(&server, "sales/s1", "till", 1_000),
    ] {
        assert_eq!(
            (busy.status, &busy.json()["code"], busy.header("retry-after")),
            (503, &json!("busy"), Some("1"))
        );
    }
    assert_eq!(get(&server, "sales/s1").1, stamp);
    assert_eq!(send(&server, "GET", "sales/s2", &[], &Value::Null).status, 404);
    transaction.rollback().unwrap();
    assert_eq!(commit(&server, "sales", "c", &writes).status, 200);
}

pub fn a_lost_connection_to_the_database_is_made_anew(place: &Place) {
    let server = place.server(&[]);
    let stamp = create(&server, "sales/s1", &json!({"n": 1}));
    let mut feed = Feed::open(&server, "sales/_changes", &[]);
    let mut client = place.client().unwrap();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.execute(others, &[]).unwrap();
    let mut saved = put(&server, "sales/s1", &stamp, &json!({"n": 2}));
    if saved.status != 200 {
        assert_eq!(saved.status, 503, "{}", saved.text);
        until("it saves", || {
            saved = put(&server, "sales/s1", &stamp, &json!({"n": 2}));
            saved.status == 200
        });
    }
    // Word may have been missed meanwhile: the feed ends or says so, and a new one hears again.
    let _ = feed.try_next();
    until("it listens again", || {
        let mut feed = Feed::open(&server, "sales/_changes", &[]);
        let stamp = get(&server, "sales/s1").1;
        let stored = stamp_of(&put(&server, "sales/s1", &stamp, &json!({"n": 3})));
        feed.try_next().is_some_and(|event| event.data["stamp"] == json!(stored))
    });
}
