//! The server tells that a document changed: the newest copy is here before a save needs it.

use restamp::core::call::{Call, LoadOutcome};
use restamp::core::event::{Event, Outcome, Take};
use restamp::core::stamp::Stamp;
use serde_json::json;

use crate::desk::{qty, raise, Desk, D};

/// Another till saves, and the server tells.
fn others_save(desk: &mut Desk) {
    desk.other_till(|doc| raise(doc, "r2", 1));
    hear_newest(desk);
}

/// Word of a stamp and nothing more.
fn word(stamp: Option<Stamp>) -> Event {
    Event::Heard { draft: D, stamp, from: None, token: None, document: None }
}

fn hear_newest(desk: &mut Desk) {
    let stamp = desk.stored()["modified"].as_str().map(|text| Stamp(text.to_owned()));
    desk.handle(word(stamp));
}

#[test]
fn a_clean_draft_is_brought_up_to_date_and_its_next_save_is_one_request() {
    let mut desk = Desk::open();
    others_save(&mut desk);
    assert_eq!(desk.status(), "clean", "nothing is being saved");
    desk.deliver();
    assert_eq!(qty(&desk.doc(), "r2"), "3");
    assert!(desk.till.journal().is_empty(), "nothing is unsaved");
    desk.made.clear();
    desk.scan("r1");
    desk.save();
    desk.deliver();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert!(matches!(desk.made[0], Call::Update(_)), "{:?}", desk.made);
    assert_eq!(desk.saves(), 1);
}

#[test]
fn edits_are_laid_over_the_copy_that_was_told_of_before_they_are_saved() {
    let mut desk = Desk::open();
    desk.scan("r1");
    others_save(&mut desk);
    assert_eq!(desk.status(), "dirty");
    desk.deliver();
    assert_eq!((desk.status(), desk.saves()), ("dirty", 0), "nobody asked for a save");
    assert_eq!((qty(&desk.doc(), "r1"), qty(&desk.doc(), "r2")), ("2".into(), "3".into()));
    desk.save();
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 1));
}

#[test]
fn a_save_that_is_asked_for_meanwhile_waits_for_the_copy() {
    let mut desk = Desk::open();
    others_save(&mut desk);
    desk.scan("r1");
    desk.save();
    assert!(matches!(desk.call(), Call::Load { .. }), "one call at a time");
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 1));
}

/// Word of my own save may come before its answer or after it.
#[test]
fn word_of_what_is_here_already_leads_to_nothing() {
    let mut desk = Desk::open();
    hear_newest(&mut desk);
    assert!(desk.calls.is_empty());
    desk.server.answers_with_document = true;
    desk.scan("r1");
    desk.save();
    let answer = desk.carry_out();
    hear_newest(&mut desk);
    desk.handle(answer);
    assert!(desk.is_committed());
    hear_newest(&mut desk);
    assert!(desk.calls.is_empty(), "{:?}", desk.calls);
}

#[test]
fn what_was_told_during_a_save_is_fetched_after_it() {
    let mut desk = Desk::open();
    desk.server.answers_with_document = true;
    desk.scan("r1");
    desk.save();
    let answer = desk.carry_out();
    others_save(&mut desk);
    assert!(desk.calls.is_empty(), "one call at a time");
    desk.handle(answer);
    desk.settle();
    assert_eq!((qty(&desk.doc(), "r2"), desk.saves()), ("3".into(), 1));
}

/// No stamp told, so nothing tells whether it is news.
#[test]
fn without_a_stamp_the_newest_copy_is_fetched() {
    let mut desk = Desk::open();
    desk.other_till(|doc| raise(doc, "r2", 1));
    desk.handle(word(None));
    desk.settle();
    assert_eq!(qty(&desk.doc(), "r2"), "3");
    assert_eq!(desk.made.len(), 1);
}

#[test]
fn if_the_copy_cannot_be_had_the_next_save_begins_with_it() {
    let mut desk = Desk::open();
    others_save(&mut desk);
    desk.answer_load(LoadOutcome::Unavailable { retry_after: None, reached: false });
    assert_eq!((desk.status(), desk.till.next_wake()), ("clean", None), "nobody waits for it");
    desk.scan("r1");
    desk.save();
    assert!(matches!(desk.call(), Call::Load { .. }));
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 1));
}

#[test]
fn open_questions_and_doubts_come_first() {
    let mut desk = Desk::open();
    desk.set("customer", json!("Anna"));
    desk.save();
    desk.other_till(|doc| doc["customer"] = json!("Noura"));
    desk.deliver();
    desk.deliver();
    assert_eq!(desk.status(), "conflict");
    others_save(&mut desk);
    assert!(desk.calls.is_empty(), "the question is about the copy that is shown");
    let path = desk.conflicts()[0].0.clone();
    desk.resolve(&path, Take::Mine);
    assert!(desk.refused.is_empty(), "{:?}", desk.refused);
    desk.settle();
    assert_eq!(desk.stored()["customer"], json!("Anna"));
    assert_eq!(qty(&desk.stored(), "r2"), "3");

    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.answer_load(LoadOutcome::Unavailable { retry_after: None, reached: false });
    assert!(matches!(desk.outcome(), Outcome::Queued { .. }));
    others_save(&mut desk);
    assert!(desk.calls.is_empty(), "it waits");
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "3".into()));
}

#[test]
fn a_document_that_is_gone_or_submitted_is_told_at_once() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.server.delete(crate::desk::KEY);
    desk.handle(word(None));
    desk.deliver();
    assert_eq!(desk.status(), "closed");
    desk.handle(word(None));
    assert!(desk.calls.is_empty(), "what has ended is not fetched again");
}
