//! A lost answer where the server keeps the tokens of saves: the same save once more is the
//! question, and its answer says what a look at the document cannot.

use restamp::core::call::{Call, SaveOutcome};
use restamp::core::event::{Event, Outcome, Take};
use restamp::core::policy::{CompareAndSet, Offers, Policy, Sharing, TOKENS_KEPT};
use serde_json::json;

use crate::desk::{policy, profile, qty, raise, Desk};

/// No field of the document carries a token: only the server knows.
fn keeping() -> Policy {
    let offers = Offers { tokens: true, ..Offers::default() };
    let sharing = Sharing { offers, ..Sharing::default() };
    Policy { sharing, profile: profile(false), ..policy() }
}

fn desk() -> Desk {
    let mut desk = Desk::open_with(keeping());
    desk.server.keeps_tokens = true;
    desk
}

/// Another till's save, which does not look like mine.
fn elsewhere(doc: &mut serde_json::Value) {
    raise(doc, "r1", 1);
    doc["custom_table_no"] = json!("T9");
}

#[test]
fn stored_the_same_again_is_answered_as_the_first_time_and_nothing_is_asked() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    let first = desk.call().clone();
    desk.lose_answer();
    // The counter moves again: of 3, who could tell which is mine?
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.scan("r2");
    assert_eq!(*desk.call(), first, "same stamp, same token, same bytes; no load before it");
    desk.save();
    desk.settle();
    assert!(desk.is_committed(), "{:?}", desk.conflicts());
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("3".into(), "3".into()));
    assert_eq!((desk.doc(), desk.status()), (desk.stored(), "clean"));
}

#[test]
fn not_stored_it_is_stale_and_that_is_proof() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.settle();
    assert!(desk.is_committed(), "{:?}", desk.conflicts());
    assert_eq!(qty(&desk.stored(), "r1"), "3", "both steps");
}

#[test]
fn not_stored_and_nobody_else_came_the_same_again_is_the_save() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 2));
}

#[test]
fn it_is_asked_again_until_there_is_an_answer() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    let first = desk.call().clone();
    desk.lose_answer();
    desk.other_till(|doc| raise(doc, "r1", 1));
    for _ in 0..8 {
        while desk.calls.is_empty() {
            desk.wait();
        }
        if *desk.call() == first {
            desk.lose_request();
        } else {
            desk.deliver();
        }
    }
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("3".into(), "clean"));
    assert!(desk.made.iter().all(|call| matches!(call, Call::Load { .. }) || *call == first));
}

/// The page died with its save: the token is in the journal, and the bytes are the same again.
#[test]
fn after_a_restart_it_is_asked_by_its_token_too() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    let first = desk.call().clone();
    desk.lose_answer_silently();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.restart();
    assert_eq!(*desk.call(), first);
    desk.settle();
    assert_eq!((desk.conflicts(), qty(&desk.stored(), "r1")), (vec![], "3".into()));
    assert_eq!(desk.status(), "clean");
}

/// How long ago the page died nobody knows: the server may have kept the token for less long.
#[test]
fn after_a_restart_stale_is_no_proof() {
    for stored in [true, false] {
        let mut desk = desk();
        desk.scan("r1");
        desk.save();
        if stored {
            desk.lose_answer_silently();
            desk.server.forget_tokens();
        }
        desk.other_till(elsewhere);
        desk.restart();
        desk.settle();
        assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
    }
}

#[test]
fn a_server_that_keeps_the_token_no_more_is_asked_as_one_that_keeps_none() {
    for (waited, asked) in [(TOKENS_KEPT.0 - 1, false), (TOKENS_KEPT.0, true)] {
        let mut desk = desk();
        desk.scan("r1");
        desk.save();
        desk.lose_request();
        desk.lose_all();
        desk.other_till(elsewhere);
        desk.now += waited;
        desk.handle(Event::Online);
        desk.settle();
        assert_eq!(!desk.conflicts().is_empty(), asked, "{waited}");
        if asked {
            assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
            desk.resolve("items[r1].qty", Take::Mine);
            desk.settle();
        }
        assert_eq!(qty(&desk.stored(), "r1"), "3");
    }
}

/// An old document under its token, recognised by its content as ever.
#[test]
fn a_forgotten_token_leaves_the_other_ways_to_recognise_a_save() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.lose_answer();
    desk.lose_all();
    desk.server.forget_tokens();
    desk.now += TOKENS_KEPT.0;
    desk.handle(Event::Online);
    desk.settle();
    assert!(matches!(desk.concluded.last(), Some(Outcome::Committed { echoed: true, .. })));
    assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("2".into(), "clean"));
}

/// Found by simulation.
#[test]
fn what_is_known_to_be_stored_is_never_sent_again() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.deliver();
    assert!(matches!(desk.call(), Call::Load { .. }), "to read back what was stored");
    desk.lose_all();
    desk.handle(Event::Online);
    desk.settle();
    assert_eq!((desk.saves(), qty(&desk.stored(), "r1")), (1, "2".into()));
}

#[test]
fn a_parked_draft_is_not_sent_to_ask() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.park(crate::desk::D);
    desk.lose_request();
    desk.settle();
    assert_eq!((desk.saves(), qty(&desk.stored(), "r1")), (1, "1".into()));
}

/// Refused the second time it is not wanted any more, and the first try may have been stored.
#[test]
fn what_is_refused_the_second_time_is_looked_for() {
    let mut desk = desk();
    desk.scan("r1");
    desk.save();
    desk.lose_answer();
    let no = restamp::core::call::Rejection::invalid("no");
    desk.answer(SaveOutcome::Rejected(no));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)));
    desk.set("customer", json!("Somchai"));
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.stored()["customer"], json!("Somchai"));
}

/// Where two saves may both be told that they were stored, only a look says what stayed.
#[test]
fn where_stamps_are_not_compared_well_a_look_is_the_question() {
    let mut desk = Desk::open_with(Policy { compare_and_set: CompareAndSet::Racy, ..keeping() });
    desk.scan("r1");
    desk.save();
    desk.lose_answer();
    assert!(matches!(desk.call(), Call::Load { .. }));
}
