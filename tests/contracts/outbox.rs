//! Many drafts: a bounded number of calls at once, oldest first, each at its own pace.

use restamp::core::call::{LoadOutcome, SaveOutcome};
use restamp::core::event::{DraftId, Event, Outcome, Queued, Take};
use restamp::core::policy::{CALLS_MAX, DRAFTS_MAX};
use restamp::core::time::Millis;
use serde_json::json;

use crate::desk::{policy, qty, Desk, D, KEY};

fn desk(drafts: u32) -> Desk {
    let mut desk = Desk::new(policy());
    for n in 1..=drafts {
        let draft = DraftId(n);
        let document = json!({"items": [], "custom_n": n}).to_string().into_bytes();
        desk.handle(Event::Create { draft, document });
    }
    desk
}

fn drain(desk: &mut Desk) {
    for _ in 0..10_000 {
        assert!(desk.calls.len() <= CALLS_MAX, "{} calls at once", desk.calls.len());
        if desk.calls.is_empty() {
            if desk.till.next_wake().is_none() {
                return;
            }
            desk.wait();
            continue;
        }
        desk.deliver_first();
    }
    panic!("no rest");
}

#[test]
fn no_more_than_a_few_calls_at_once_and_all_get_through() {
    let mut desk = desk(20);
    assert_eq!(desk.till.waiting(), 20);
    for n in 1..=20 {
        desk.save_draft(DraftId(n));
    }
    assert_eq!(desk.calls.len(), CALLS_MAX);
    let statuses: Vec<&str> = desk.till.drafts().iter().map(|draft| draft.status()).collect();
    assert!(statuses.iter().all(|status| *status == "saving"));
    drain(&mut desk);
    assert_eq!(desk.till.waiting(), 0);
    assert_eq!(desk.outcomes.len(), 20);
    assert!(desk.outcomes.iter().all(|(_, o)| matches!(o, Outcome::Committed { .. })));
    assert_eq!(desk.server.keys().len(), 21);
    let first = desk.server.doc("INV-1").expect("it");
    assert_eq!(first["custom_n"], json!(1), "oldest first");
}

#[test]
fn those_in_line_are_still_wished_after_a_restart() {
    let mut desk = desk(10);
    for n in 1..=10 {
        desk.save_draft(DraftId(n));
    }
    desk.restart();
    drain(&mut desk);
    assert_eq!(desk.server.keys().len(), 11);
    assert_eq!(desk.till.waiting(), 0);
}

#[test]
fn loads_and_looks_are_counted_too() {
    let mut desk = desk(20);
    for n in 1..=20 {
        desk.save_draft(DraftId(n));
    }
    // All offline, then all online again at once.
    for _ in 0..200 {
        if desk.calls.is_empty() {
            break;
        }
        desk.lose_request();
    }
    assert!(desk
        .outcomes
        .iter()
        .all(|(_, o)| matches!(o, Outcome::Queued { why: Queued::Offline, .. })));
    desk.handle(Event::Online);
    assert_eq!(desk.calls.len(), 1, "one call tries whether it is true");
    desk.deliver();
    assert_eq!(desk.calls.len(), CALLS_MAX);
    drain(&mut desk);
    assert_eq!(desk.server.keys().len(), 21);
}

#[test]
fn opening_many_documents_is_counted_too() {
    let mut desk = Desk::new(policy());
    for n in 0..10 {
        let key = format!("D{n}");
        desk.server.put(&key, json!({"items": []}));
        desk.handle(Event::Open { draft: DraftId(n), key });
    }
    assert_eq!(desk.calls.len(), CALLS_MAX);
    drain(&mut desk);
    assert!(desk.till.drafts().iter().all(|draft| draft.status() == "clean"));
}

#[test]
fn one_draft_that_waits_holds_up_nobody() {
    let mut desk = desk(2);
    desk.save_draft(DraftId(1));
    desk.answer(SaveOutcome::Unavailable { retry_after: Some(Millis(15_000)) });
    desk.save_draft(DraftId(2));
    assert_eq!(desk.calls.len(), 1);
    desk.deliver();
    desk.deliver();
    assert!(desk.is_committed());
    drain(&mut desk);
    assert_eq!(desk.till.waiting(), 0);
}

/// Not those opened first: those that were asked to be saved first.
#[test]
fn those_that_wait_longest_go_first() {
    let mut desk = desk(9);
    for n in [9, 8, 7, 6, 5, 4, 3, 2, 1] {
        desk.now += 1_000;
        desk.save_draft(DraftId(n));
    }
    let numbers = |desk: &Desk| -> Vec<i64> {
        let creates = desk.made.iter().filter_map(|call| match call {
            restamp::core::call::Call::Create(create) => Some(&create.document),
            _ => None,
        });
        let number = |document: &Vec<u8>| {
            let document: serde_json::Value = serde_json::from_slice(document).expect("JSON");
            document["custom_n"].as_i64().expect("a number")
        };
        creates.map(number).collect()
    };
    desk.restart();
    desk.drain();
    // Four were on their way when the page died: they are looked up and sent again first.
    assert_eq!(numbers(&desk), [9, 8, 7, 6, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn the_list_tells_where_everything_stands_and_an_entry_leaves_when_the_server_holds_it() {
    let mut desk = desk(1);
    desk.handle(Event::Open { draft: DraftId(2), key: KEY.into() });
    desk.deliver();
    assert_eq!(desk.listed().len(), 1, "what is clean is not listed");
    desk.now = 2_000_000;
    desk.edit_draft(DraftId(2), json!({"op": "set", "path": "customer", "value": "Somchai"}));
    let name = desk.till.drafts()[0].key().to_owned();
    assert_eq!(desk.listed(), [(name.clone(), "dirty", None), (KEY.into(), "dirty", None)]);
    assert_eq!(desk.till.outbox()[1].edited_at, Millis(2_000_000));
    desk.save_draft(DraftId(2));
    desk.answer(SaveOutcome::Unavailable { retry_after: Some(Millis(9_000)) });
    let entry = desk.till.outbox()[1].clone();
    assert_eq!((entry.status, entry.reason), ("waiting", Some("busy")));
    assert_eq!((entry.attempts, entry.next_attempt_at), (1, Some(Millis(2_009_000))));
    desk.restart_from(DraftId(1));
    let entry = desk.till.outbox()[1].clone();
    assert_eq!((entry.edited_at, entry.attempts), (Millis(2_000_000), 2), "kept, and tried again");
    desk.answer(SaveOutcome::Rejected(restamp::core::call::Rejection::invalid("no such customer")));
    let entry = desk.till.outbox()[1].clone();
    assert_eq!((entry.status, entry.reason), ("dirty", Some("invalid")));
    assert_eq!(entry.message.as_deref(), Some("no such customer"));
    let shown: serde_json::Value = serde_json::from_slice(&entry.to_json()).expect("JSON");
    assert_eq!(shown["editedAt"], json!(2_000_000));
    desk.save_draft(DraftId(2));
    desk.drain();
    assert_eq!(desk.listed(), [(name, "dirty", None)], "the other one was not asked to be saved");
}

#[test]
fn what_is_parked_is_not_sent_until_it_is_taken_up_also_after_a_restart() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(SaveOutcome::Unavailable { retry_after: None });
    desk.park(D);
    assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Parked, .. }));
    assert_eq!(desk.listed(), [(KEY.to_owned(), "parked", Some("parked"))]);
    for _ in 0..2 {
        desk.handle(Event::Online);
        desk.now += 1_000_000;
        desk.handle(Event::Wake);
        assert!(desk.till.waiting_to_be_sent().is_empty());
        desk.save();
        assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Parked, .. }));
        desk.scan("r1");
        assert!(desk.calls.is_empty(), "{:?}", desk.calls);
        assert_eq!(desk.till.next_wake(), None);
        desk.restart();
        assert_eq!(desk.status(), "parked");
    }
    let waiter = desk.retry(D);
    desk.settle();
    assert!(matches!(desk.outcome_of(waiter), Some(Outcome::Committed { .. })));
    assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("4".into(), "clean"));
    assert!(desk.listed().is_empty());
    desk.restart();
    assert!(desk.till.drafts().is_empty());
}

/// It may be stored or not: while it is parked nobody looks, and nothing is sent again.
#[test]
fn parked_with_a_save_under_way_it_is_not_sent_again() {
    for stored in [true, false] {
        let mut desk = Desk::open();
        desk.scan("r1");
        let waiter = desk.save();
        desk.park(D);
        assert_eq!(desk.status(), "saving");
        if stored {
            desk.lose_answer();
        } else {
            desk.lose_request();
        }
        desk.settle();
        let expected = if stored { "clean" } else { "parked" };
        assert_eq!((desk.status(), desk.saves()), (expected, 1));
        assert!(desk.outcome_of(waiter).is_some());
        desk.retry(D);
        desk.settle();
        assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("2".into(), "clean"));
    }
}

/// What nobody asked to save is not sent with the rest, but can be asked for by its name.
#[test]
fn a_flush_sends_what_waits_and_nothing_else() {
    let mut desk = desk(3);
    for n in 1..=2 {
        desk.save_draft(DraftId(n));
    }
    desk.lose_all();
    desk.park(DraftId(2));
    assert_eq!(desk.till.waiting_to_be_sent(), [DraftId(1)]);
    let waiter = desk.retry(DraftId(1));
    desk.drain();
    assert!(matches!(desk.outcome_of(waiter), Some(Outcome::Committed { .. })));
    let statuses: Vec<&str> = desk.till.drafts().iter().map(|draft| draft.status()).collect();
    assert_eq!(statuses, ["clean", "parked", "dirty"]);
    desk.retry(DraftId(3));
    desk.retry(DraftId(2));
    desk.drain();
    assert_eq!(desk.till.waiting(), 0);
}

/// An outcome that nobody waits for is told all the same, once.
#[test]
fn the_outcome_of_a_queued_save_is_told() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_all();
    assert!(matches!(desk.outcome(), Outcome::Queued { .. }) && desk.concluded.is_empty());
    desk.settle();
    assert!(matches!(desk.concluded.as_slice(), [Outcome::Committed { attempts: 2, .. }]));

    // Whoever asks again gets an answer too; and after a restart nobody can be waiting.
    for restart in [false, true] {
        desk.concluded.clear();
        desk.scan("r1");
        desk.save();
        desk.lose_all();
        if restart {
            desk.restart();
        } else {
            let waiter = desk.save();
            desk.settle();
            assert!(matches!(desk.outcome_of(waiter), Some(Outcome::Committed { .. })));
        }
        desk.settle();
        assert!(matches!(desk.concluded.as_slice(), [Outcome::Committed { .. }]));
    }

    // Nobody was put off: nobody is told.
    desk.concluded.clear();
    desk.handle(Event::Open { draft: DraftId(9), key: KEY.into() });
    desk.drain();
    desk.edit_draft(DraftId(9), json!({"op": "set", "path": "customer", "value": "A"}));
    desk.save_draft(DraftId(9));
    desk.drain();
    assert!(desk.concluded.is_empty());
}

/// A submit has no edits, and is not on the server all the same.
#[test]
fn a_submit_that_waits_is_in_the_outbox() {
    let mut desk = Desk::open();
    desk.submit(Some("20"));
    assert_eq!(desk.till.waiting(), 1);
    desk.lose_all();
    assert_eq!(desk.listed(), [(KEY.to_owned(), "waiting", Some("offline"))]);
    desk.restart();
    assert_eq!(desk.till.waiting(), 1);
    desk.settle();
    assert_eq!((desk.stored()["docstatus"].clone(), desk.till.waiting()), (json!(1), 0));
}

/// The save goes on after the last answer, and nobody waits for it.
#[test]
fn what_becomes_of_a_save_after_its_question_is_told() {
    for refused in [false, true] {
        let mut desk = Desk::open();
        desk.set("custom_table_no", json!("T1"));
        desk.save();
        desk.other_till(|doc| doc["custom_table_no"] = json!("T2"));
        desk.settle();
        assert!(matches!(desk.outcome(), Outcome::Conflict(_)) && desk.concluded.is_empty());
        desk.resolve("custom_table_no", Take::Mine);
        if refused {
            desk.answer(SaveOutcome::Rejected(restamp::core::call::Rejection::invalid("no")));
        }
        desk.settle();
        let told = desk.concluded.as_slice();
        match refused {
            true => assert!(matches!(told, [Outcome::Rejected(_)]), "{told:?}"),
            false => assert!(matches!(told, [Outcome::Committed { .. }]), "{told:?}"),
        }
    }
}

#[test]
fn a_full_till_says_so() {
    let mut desk = Desk::new(policy());
    for n in 0..DRAFTS_MAX as u32 {
        desk.handle(Event::Create { draft: DraftId(n), document: b"{}".to_vec() });
    }
    assert!(desk.refused.is_empty());
    desk.handle(Event::Create { draft: DraftId(1_000_000), document: b"{}".to_vec() });
    desk.handle(Event::Open { draft: DraftId(1_000_001), key: "x".into() });
    assert_eq!(desk.refused.len(), 2);
    let _ = LoadOutcome::Gone;
}

#[test]
fn who_asks_while_the_outbox_tries_gets_a_try_of_their_own() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    while desk.outcomes.is_empty() {
        match desk.calls.is_empty() {
            true => drop(desk.wait()),
            false => desk.answer(SaveOutcome::Unavailable { retry_after: None }),
        }
    }
    while desk.calls.is_empty() {
        desk.wait();
    }
    // The outbox's own try is under way, and the server is well again before it is answered.
    let asked = desk.retry(D);
    desk.answer(SaveOutcome::Unavailable { retry_after: None });
    assert_eq!(desk.outcome_of(asked), None, "one more try before anybody is told");
    desk.drain();
    assert!(matches!(desk.outcome_of(asked), Some(Outcome::Committed { .. })));
}
