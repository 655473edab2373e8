//! A stale save: load, merge, send again with the new stamp; bounded, and refusals of the server.

use restamp::core::call::{Call, Closed, Rejection, RejectionCode, SaveOutcome, StockShortage};
use restamp::core::event::{Outcome, Queued, Step, Take};
use restamp::core::policy::Policy;
use restamp::core::stamp::Stamp;
use serde_json::json;

use crate::desk::{policy, qty, raise, Desk};

#[test]
fn a_stale_save_is_loaded_merged_and_sent_again_at_once() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.deliver();
    assert!(matches!(desk.call(), Call::Load { .. }));
    desk.deliver();
    let Call::Update(update) = desk.call() else { panic!("{:?}", desk.calls) };
    assert_eq!(json!(update.stamp.0), desk.stored()["modified"], "the new stamp");
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3");
    let Outcome::Committed { attempts, incoming, reapplied, echoed, .. } = desk.outcome() else {
        panic!()
    };
    assert_eq!((*attempts, *echoed), (2, false));
    assert_eq!(
        (incoming.as_slice(), reapplied.as_slice()),
        (&["items[r1].qty".to_owned()][..], &["items[r1].qty".to_owned()][..])
    );
}

#[test]
fn an_answer_that_carries_the_newest_copy_needs_no_load() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    let newest = desk.stored();
    desk.calls.truncate(1);
    let current = newest["modified"].as_str().map(|text| Stamp(text.to_owned()));
    let document = Some(newest.to_string().into_bytes());
    desk.answer(SaveOutcome::Stale { current, document, fence: None, retry_after: None });
    assert!(matches!(desk.call(), Call::Update(_)));
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3");
}

/// A server that refuses a fresh stamp: tries are bounded and further and further apart.
#[test]
fn a_weak_validator_is_given_time() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let start = desk.now;
    for _ in 0..200 {
        if matches!(desk.calls.first(), Some((_, Call::Update(_)))) {
            desk.answer(SaveOutcome::Stale {
                current: None,
                document: None,
                fence: None,
                retry_after: None,
            });
        } else if !desk.calls.is_empty() {
            desk.deliver();
        } else {
            desk.wait();
        }
    }
    assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Busy, .. }));
    assert!(desk.now - start > 3_600_000, "only {} s", (desk.now - start) / 1_000);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

/// One answer was wrong: nothing is newer, and the save goes out again.
#[test]
fn stale_told_once_without_a_newer_copy_does_not_stop_the_save_for_ever() {
    use restamp::core::policy::CompareAndSet::{Atomic, None as Blind, Racy};
    for compare_and_set in [Atomic, Racy, Blind] {
        for closed in [false, true] {
            let mut desk = Desk::open_with(Policy { compare_and_set, ..policy() });
            desk.server.overwrites = compare_and_set == Blind;
            desk.scan("r1");
            desk.save();
            while !matches!(desk.call(), Call::Update(_)) {
                desk.deliver();
            }
            desk.answer(match closed {
                true => SaveOutcome::Closed(Closed::Submitted),
                false => SaveOutcome::Stale {
                    current: None,
                    document: None,
                    fence: None,
                    retry_after: None,
                },
            });
            desk.drain();
            assert_eq!(qty(&desk.stored(), "r1"), "2");
            assert_eq!((desk.status(), desk.saves()), ("clean", 2));
        }
    }
}

fn refusal(code: RejectionCode) -> Rejection {
    Rejection { code, ..Rejection::invalid("no") }
}

#[test]
fn a_refusal_ends_the_wish_and_the_edits_stay() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(SaveOutcome::Rejected(refusal(RejectionCode::Invalid)));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)));
    assert_eq!(desk.status(), "dirty");
    assert_eq!(qty(&desk.doc(), "r1"), "2");
    desk.handle(restamp::core::event::Event::Online);
    assert!(desk.calls.is_empty(), "nothing goes on by itself");
    desk.set("customer", json!("Somchai"));
    desk.save();
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

/// S38: the cart stays, the row is marked with what is left, one tap takes it.
#[test]
fn too_little_stock_is_a_question_about_the_row() {
    let mut desk = Desk::open();
    desk.set("items[r2].qty", json!("5"));
    desk.save();
    let stock = vec![StockShortage { row: "CAKE".into(), available: "3".into() }];
    let refused = Rejection { stock, ..refusal(RejectionCode::Stock) };
    desk.answer(SaveOutcome::Rejected(refused.clone()));
    assert_eq!(desk.conflicts(), [("items[r2].qty".to_owned(), "stock")]);
    let Outcome::Conflict(conflicts) = desk.outcome() else { panic!() };
    let shown: serde_json::Value = serde_json::from_slice(&conflicts[0].to_json()).expect("JSON");
    assert_eq!((&shown["mine"], &shown["theirs"]), (&json!("5"), &json!(null)));
    assert_eq!(shown["available"], json!("3"));
    assert_eq!(qty(&desk.doc(), "r2"), "5", "the cart stays");
    desk.resolve("items[r2].qty", Take::Theirs);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r2"), "3");
    assert!(desk.conflicts().is_empty());

    desk.set("items[r2].qty", json!("9"));
    desk.save();
    desk.answer(SaveOutcome::Rejected(refusal(RejectionCode::Stock)));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)), "no rows named: as told");
}

#[test]
fn the_log_says_who_saved_what_was_merged() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.other_till(|document| {
        document["modified_by"] = "boris@shop".into();
        raise(document, "r2", 1);
    });
    desk.save();
    desk.drain();
    let merged = desk.steps.iter().find_map(|step| {
        let Step::Merged(incoming, _, by) = step else { return None };
        (!incoming.is_empty()).then(|| (incoming.clone(), by))
    });
    let (incoming, by) = merged.expect("a merge");
    assert_eq!(incoming, ["items[r2].qty"]);
    assert_eq!(by.as_deref(), Some("boris@shop"));
}
