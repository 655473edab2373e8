//! A journal that ends before the last saves: the disk took nothing any more, the page went on in
//! memory, and died. What the journal has may be stored by now, as one save or as several.

use restamp::core::call::{Call, SaveOutcome};
use restamp::core::event::{Event, Outcome, Take};
use restamp::core::policy::{Policy, TokenSupport};
use restamp::core::stamp::Stamp;
use restamp::core::till::Till;
use serde_json::json;

use crate::desk::{policy, qty, Desk, D, KEY};

/// The page dies; of its journal only the first `kept` entries are on the disk, and the mark says
/// that this is not all.
fn restart_torn(desk: &mut Desk, kept: usize) {
    desk.journal.truncate(kept);
    desk.calls.clear();
    let entries = desk.journal.iter().map(Vec::as_slice);
    desk.till = Till::restore(desk.policy.clone(), entries, D).expect("a journal");
    desk.handle(Event::Doubt { draft: D });
    desk.handle(Event::Online);
}

/// A step on disk, and nothing of what came after; whether its save was stored.
fn torn(is_stored: bool) -> Desk {
    let mut desk = Desk::open();
    desk.scan("r1");
    let kept = desk.journal.len();
    desk.save();
    match is_stored {
        true => desk.lose_answer_silently(),
        false => desk.calls.clear(),
    }
    restart_torn(&mut desk, kept);
    desk
}

/// On disk a new row and a step on it, of which the row alone is stored.
fn row_stored_and_step_not() -> Desk {
    let mut desk = Desk::open();
    desk.add("m1", "CAKE");
    let row = desk.journal.len();
    desk.save();
    desk.settle();
    desk.scan("m1");
    let step = desk.journal.pop().expect("an entry");
    desk.journal.truncate(row);
    desk.journal.push(step);
    desk
}

#[test]
fn a_step_that_may_be_stored_is_asked_about_and_never_counted_twice() {
    for (take, total) in [(Take::Theirs, "2"), (Take::Mine, "3")] {
        let mut desk = torn(true);
        desk.save();
        desk.settle();
        assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
        desk.resolve("items[r1].qty", take);
        desk.settle();
        assert_eq!((qty(&desk.stored(), "r1"), desk.status()), (total.into(), "clean"));
    }
}

/// A save would have moved the stamp: where it is the old one, nothing is asked.
#[test]
fn under_the_same_stamp_nothing_was_stored_and_the_save_goes_out_at_once() {
    let mut desk = torn(false);
    desk.save();
    assert!(matches!(desk.call(), Call::Update(_)), "no look before");
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn the_doubt_outlives_another_restart_and_ends_with_the_newest_copy() {
    let mut desk = torn(true);
    desk.restart();
    desk.scan("r1");
    desk.restart();
    assert_eq!(qty(&desk.doc(), "r1"), "3");
    desk.save();
    desk.settle();
    // The second step is certainly not stored: it is not asked about.
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
    desk.resolve("items[r1].qty", Take::Theirs);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3");
    desk.other_till(|doc| crate::desk::raise(doc, "r1", 1));
    desk.scan("r1");
    desk.save();
    desk.settle();
    assert_eq!((desk.conflicts(), qty(&desk.stored(), "r1")), (vec![], "5".into()));
}

/// The row was stored by the first of two saves, and what was added to it since by none.
#[test]
fn of_several_saves_the_first_may_be_stored_alone() {
    let mut desk = row_stored_and_step_not();
    let kept = desk.journal.len();
    restart_torn(&mut desk, kept);
    assert_eq!(qty(&desk.doc(), "m1"), "2");
    desk.save();
    desk.settle();
    assert_eq!(desk.conflicts(), [("items[m1]".to_owned(), "same-row-id")]);
    desk.resolve("items[m1]", Take::Mine);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "m1"), "2");
}

#[test]
fn a_new_document_that_may_be_stored_is_looked_for_and_exists_once() {
    let mut desk = Desk::new(policy());
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "TEA", "qty": 1}]}));
    let kept = desk.journal.len();
    desk.save();
    desk.lose_answer_silently();
    restart_torn(&mut desk, kept);
    desk.save();
    desk.settle();
    assert!(desk.is_committed());
    let others = desk.server.keys().into_iter().filter(|key| *key != KEY).count();
    assert_eq!((others, desk.saves()), (1, 1), "looked for, and not sent again");
}

/// Submitted by the page that is gone, with all that the journal has.
#[test]
fn a_document_that_was_submitted_with_all_of_it_is_done() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let kept = desk.journal.len();
    desk.submit(None);
    desk.settle();
    restart_torn(&mut desk, kept);
    desk.save();
    desk.settle();
    let Outcome::Ended(ending) = desk.outcome() else { panic!("{:?}", desk.outcome()) };
    assert!(ending.already_done && ending.leftover.is_empty(), "{ending:?}");
}

/// An edit that was made again for another page comes after the doubt; discarding ends it.
#[test]
fn what_is_given_up_is_in_doubt_no_more() {
    let mut desk = torn(true);
    desk.discard();
    desk.settle();
    desk.scan("r2");
    desk.save();
    desk.settle();
    assert_eq!((desk.conflicts(), desk.status()), (vec![], "clean"));
    assert_eq!(qty(&desk.stored(), "r1"), "2", "it was stored");
}

/// Begun by a page that followed, made with its first step by one whose disk took nothing: the same
/// create again is answered with what that one made of it.
#[test]
fn a_step_on_a_document_that_is_made_again_is_not_counted_twice() {
    let policy = Policy { token: TokenSupport::Native, ..policy() };
    let mut desk = Desk::new(policy);
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "TEA", "qty": 1}]}));
    let kept = desk.journal.len();
    desk.scan("r1");
    desk.save();
    desk.lose_answer_silently();
    restart_torn(&mut desk, kept);
    desk.scan("r1");
    desk.handle(Event::Doubt { draft: D });
    desk.save();
    answer_as_made(&mut desk, false);
    desk.settle();
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
}

/// The page that is gone typed into it before it made it; what is typed now overwrites nothing of
/// that unseen.
#[test]
fn what_a_document_was_made_with_by_a_page_that_is_gone_is_not_overwritten() {
    for shows in [true, false] {
        let mut desk = Desk::new(Policy { token: TokenSupport::Native, ..policy() });
        desk.create(json!({"customer": "Walk-in", "items": []}));
        let kept = desk.journal.len();
        desk.set("customer", json!("Somchai"));
        desk.save();
        desk.lose_answer_silently();
        restart_torn(&mut desk, kept);
        desk.set("customer", json!("Anna"));
        desk.save();
        answer_as_made(&mut desk, shows);
        desk.settle();
        assert_eq!(desk.conflicts(), [("customer".to_owned(), "both-changed")]);
    }
}

/// The create is answered with the document that is there already, shown or not.
fn answer_as_made(desk: &mut Desk, shows: bool) {
    assert!(matches!(desk.call(), Call::Create(_)));
    let key = desk.server.keys().into_iter().find(|key| *key != KEY).expect("it was made");
    let key = key.to_owned();
    let document = desk.server.doc(&key).expect("a document");
    let stamp = document["modified"].as_str().map(|stamp| Stamp(stamp.to_owned()));
    let document = shows.then(|| document.to_string().into_bytes());
    desk.answer(SaveOutcome::Saved { key: Some(key), stamp, document });
}

/// The page that is gone had saved, and another save of it for that newer copy is on its way: it is
/// stored after the newer copy was found.
#[test]
fn a_request_that_is_on_its_way_still_is_not_counted_twice() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.scan("r2");
    let kept = desk.journal.len();
    desk.calls.clear();
    restart_torn(&mut desk, kept);
    desk.other_till(|doc| doc["remarks"] = json!("saved by the page that is gone"));
    desk.save();
    desk.deliver();
    desk.deliver();
    assert!(matches!(desk.call(), Call::Update(_)), "on the newer copy");
    desk.other_till(|doc| crate::desk::raise(doc, "r1", 1));
    desk.settle();
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
    desk.resolve("items[r1].qty", Take::Theirs);
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "3".into()));
}

/// Submitted when the row was stored and the step on it was not: the step is left over.
#[test]
fn of_a_row_that_is_stored_what_may_not_be_is_left_over() {
    let mut desk = row_stored_and_step_not();
    desk.other_till(|doc| doc["docstatus"] = json!(1));
    let kept = desk.journal.len();
    restart_torn(&mut desk, kept);
    desk.save();
    desk.settle();
    let Outcome::Ended(ending) = desk.outcome() else { panic!("{:?}", desk.outcome()) };
    let left: Vec<serde_json::Value> =
        ending.leftover.iter().map(|row| serde_json::from_slice(row).expect("JSON")).collect();
    assert_eq!((left.len(), &left[0]["row"], &left[0]["qty"]), (1, &json!("m1"), &json!("1")));
}
