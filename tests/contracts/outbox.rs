//! Many drafts: a bounded number of calls at once, oldest first, each at its own pace.

use restamp::core::call::{LoadOutcome, SaveOutcome};
use restamp::core::event::{DraftId, Event, Outcome, Queued};
use restamp::core::policy::{CALLS_MAX, DRAFTS_MAX};
use restamp::core::time::Millis;
use serde_json::json;

use crate::desk::{policy, Desk};

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
        let rest = desk.calls.split_off(1);
        let event = desk.carry_out();
        desk.calls = rest;
        desk.handle(event);
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
