//! The server sends along what it replaced and what stands there now: that is the base at once, and
//! a save under way is known to be stored, or to be too late, before its answer comes.

use restamp::core::call::{Answered, Call, LoadOutcome, Loaded, SaveOutcome};
use restamp::core::event::{Event, Outcome, Take};
use restamp::core::policy::{CompareAndSet, Policy};
use restamp::core::stamp::Stamp;
use serde_json::json;

use crate::desk::{policy, qty, raise, Desk, D, KEY};

fn newest(desk: &Desk) -> Loaded {
    match desk.server.load(KEY) {
        LoadOutcome::Loaded(loaded) => loaded,
        other => panic!("{other:?}"),
    }
}

fn stamp(desk: &Desk) -> Stamp {
    newest(desk).stamp.expect("a stamp")
}

/// Word of what stands at the server now, which replaced `from`, with the document.
fn word(desk: &Desk, from: &Stamp) -> Event {
    let Loaded { stamp, document, .. } = newest(desk);
    let (from, document) = (Some(from.clone()), Some(document));
    Event::Heard { draft: D, stamp, from, token: None, document }
}

/// The same without the document, but with the token of the save.
fn bare_word(desk: &Desk, from: &Stamp, token: &str) -> Event {
    let (from, token) = (Some(from.clone()), Some(token.to_owned()));
    Event::Heard { draft: D, stamp: newest(desk).stamp, from, token, document: None }
}

/// Another till raises a row; the word of it.
fn others_save(desk: &mut Desk, row: &str) -> Event {
    let from = stamp(desk);
    desk.other_till(|doc| raise(doc, row, 1));
    word(desk, &from)
}

/// The save in flight stays on the wire: what it asks for, and the answer once it gets there.
fn take_off(desk: &mut Desk) -> impl FnOnce(&mut Desk) -> Event {
    let (call, what) = desk.calls.remove(0);
    assert!(matches!(what, Call::Update(_)), "{what:?}");
    move |desk| Event::Answered { call, answered: Answered::Save(desk.server.save(&what, "me")) }
}

#[test]
fn the_document_told_is_the_base_and_nothing_is_fetched() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let told = others_save(&mut desk, "r2");
    desk.handle(told);
    assert!(desk.made.is_empty(), "{:?}", desk.made);
    assert_eq!((qty(&desk.doc(), "r1"), qty(&desk.doc(), "r2")), ("2".into(), "3".into()));
    assert_eq!(desk.status(), "dirty", "nobody asked for a save");
    desk.save();
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 1));
}

/// After a crash the base is what was told, for that is what the edits lie on.
#[test]
fn what_was_told_is_in_the_journal() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let told = others_save(&mut desk, "r2");
    desk.handle(told);
    desk.restart();
    assert_eq!(qty(&desk.doc(), "r2"), "3");
    desk.save();
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "3".into()));
}

/// What came between is not known, and the word may be older than the base.
#[test]
fn the_document_of_a_change_that_is_not_the_next_is_not_taken() {
    let mut desk = Desk::open();
    let lost = others_save(&mut desk, "r2");
    let told = others_save(&mut desk, "r2");
    desk.handle(told.clone());
    assert!(matches!(desk.call(), Call::Load { .. }));
    assert_eq!(qty(&desk.doc(), "r2"), "2");
    desk.deliver();
    assert_eq!(qty(&desk.doc(), "r2"), "4");
    for late in [lost, told] {
        desk.handle(late);
        assert!(desk.calls.is_empty(), "old word leads to nothing");
        assert_eq!(qty(&desk.doc(), "r2"), "4");
    }
}

#[test]
fn word_in_the_wrong_order_ends_with_the_newest_document() {
    let mut desk = Desk::open();
    let first = others_save(&mut desk, "r2");
    let from = stamp(&desk);
    // The load is answered from between the two, and so late that the base is further on.
    desk.handle(first.clone());
    desk.handle(first.clone());
    assert_eq!(qty(&desk.doc(), "r2"), "3");
    let second = others_save(&mut desk, "r2");
    let third = others_save(&mut desk, "r2");
    desk.handle(third);
    let late = desk.carry_out();
    desk.handle(second);
    assert_eq!(qty(&desk.doc(), "r2"), "5", "the second, and with it the third");
    assert_ne!(stamp(&desk), from);
    assert!(desk.calls.is_empty());
    desk.handle(late);
    assert_eq!((desk.status(), desk.calls.len()), ("clean", 0));
}

/// A load that was sent for an earlier word is given up: its answer might be older than the base.
#[test]
fn an_answer_that_comes_after_newer_word_does_not_bring_the_old_copy_back() {
    let mut desk = Desk::open();
    let first = others_save(&mut desk, "r2");
    desk.handle(Event::Heard { draft: D, stamp: None, from: None, token: None, document: None });
    let late = desk.carry_out();
    desk.handle(first);
    desk.calls.clear();
    let second = others_save(&mut desk, "r2");
    desk.handle(second);
    assert_eq!(qty(&desk.doc(), "r2"), "4");
    desk.handle(late);
    assert_eq!(qty(&desk.doc(), "r2"), "4");
    // Of what stamp the first word was, nobody knows: it is asked once more.
    assert!(matches!(desk.call(), Call::Load { .. }));
    desk.deliver();
    assert_eq!((desk.status(), desk.calls.len()), ("clean", 0));
}

#[test]
fn word_of_the_own_save_is_its_answer() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let from = stamp(&desk);
    let late = desk.carry_out();
    let told = word(&desk, &from);
    desk.handle(told);
    assert!(desk.is_committed());
    assert_eq!((desk.status(), desk.till.journal().len()), ("clean", 0));
    desk.handle(late);
    assert_eq!((desk.status(), desk.saves(), desk.calls.len()), ("clean", 1, 0));
}

/// An edit that was made while the save was under way stays an edit.
#[test]
fn what_was_edited_meanwhile_is_not_taken_for_stored() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let from = stamp(&desk);
    let _late = desk.carry_out();
    desk.scan("r1");
    let told = word(&desk, &from);
    desk.handle(told);
    assert_eq!((desk.status(), qty(&desk.doc(), "r1")), ("dirty", "3".into()));
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3");
}

#[test]
fn a_save_that_came_too_late_is_made_again_at_once_on_what_was_told() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let arrives = take_off(&mut desk);
    let told = others_save(&mut desk, "r1");
    desk.handle(told);
    assert!(matches!(desk.call(), Call::Update(_)), "no load between");
    let late = arrives(&mut desk);
    assert!(matches!(
        &late,
        Event::Answered { answered: Answered::Save(SaveOutcome::Stale { .. }), .. }
    ));
    desk.handle(late);
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("3".into(), 2), "a counter, once");
}

/// Signed in again, the first saves were overtaken by word of others' saves. That the server answers
/// them says that it takes saves again, whatever became of them; nothing else would ever say so.
#[test]
fn the_late_answer_to_a_save_that_was_overtaken_tells_that_the_server_is_well() {
    let mut desk = Desk::open();
    desk.set("customer", json!("mine"));
    desk.save();
    desk.answer(SaveOutcome::Unauthenticated { csrf: false });
    assert_eq!(desk.status(), "parked");
    desk.handle(Event::Online);
    let first = take_off(&mut desk);
    let from = stamp(&desk);
    desk.other_till(|doc| doc["customer"] = json!("theirs"));
    let told = word(&desk, &from);
    desk.handle(told);
    assert_eq!(desk.status(), "conflict");
    desk.resolve("customer", Take::Mine);
    let second = take_off(&mut desk);
    let told = others_save(&mut desk, "r1");
    desk.handle(told);
    assert_eq!((desk.status(), desk.calls.len()), ("waiting", 0), "others save all the time");
    for arrives in [Box::new(first) as Box<dyn FnOnce(&mut Desk) -> Event>, Box::new(second)] {
        let late = arrives(&mut desk);
        desk.handle(late);
    }
    desk.settle();
    assert_eq!((desk.status(), &desk.stored()["customer"]), ("clean", &json!("mine")));
}

/// Both raised the same row by one. Without a token their documents are alike, and only the answer
/// tells whose was stored.
#[test]
fn a_document_like_mine_is_not_taken_for_mine() {
    for token in [None, Some("another's".to_owned())] {
        let profile = crate::desk::profile(false);
        let mut desk = Desk::open_with(Policy { profile, ..policy() });
        desk.scan("r1");
        desk.save();
        let arrives = take_off(&mut desk);
        let Event::Heard { draft, stamp, from, document, .. } = others_save(&mut desk, "r1") else {
            panic!("no word")
        };
        desk.handle(Event::Heard { draft, stamp, from, token: token.clone(), document });
        assert_eq!(desk.calls.len(), usize::from(token.is_some()));
        let late = arrives(&mut desk);
        desk.handle(late);
        assert!(matches!(desk.call(), Call::Update(_)), "what was told is taken now");
        desk.settle();
        assert!(desk.is_committed());
        assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("3".into(), 2));
    }
}

/// All who are told at the same moment would send at the same moment.
#[test]
fn one_that_is_too_late_twice_waits_for_its_turn() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    for waits in [false, true] {
        desk.now += 100;
        let _arrives = take_off(&mut desk);
        let told = others_save(&mut desk, "r2");
        desk.handle(told);
        assert_eq!(desk.till.next_wake().is_some(), waits);
        assert_eq!(desk.calls.is_empty(), waits);
    }
    // While it waits, what it is told spares the load that it would begin with.
    let told = others_save(&mut desk, "r2");
    desk.handle(told);
    assert!(desk.calls.is_empty(), "its turn has not come");
    desk.wait();
    assert!(matches!(desk.call(), Call::Update(_)), "{:?}", desk.calls);
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "5".into()));
    assert_eq!(desk.saves(), 3);
}

#[test]
fn word_ends_the_doubt_about_a_lost_answer() {
    // It was stored: nothing is asked, nothing is sent again.
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let from = stamp(&desk);
    desk.lose_answer();
    assert!(matches!(desk.call(), Call::Load { .. }), "it looks");
    let told = word(&desk, &from);
    desk.handle(told);
    assert!(desk.is_committed());
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 1));

    // It was not, and never will be: a counter that moved is no question.
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.calls.clear();
    let told = others_save(&mut desk, "r1");
    desk.handle(told);
    desk.settle();
    assert!(desk.is_committed(), "{:?}", desk.outcome());
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("3".into(), 2));
}

#[test]
fn a_wait_for_an_ill_server_is_not_cut_short_by_word() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(SaveOutcome::Unavailable { retry_after: None });
    let due = desk.till.next_wake();
    let told = others_save(&mut desk, "r2");
    desk.handle(told);
    assert_eq!((desk.till.next_wake(), desk.calls.len()), (due, 0));
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("2".into(), 2));
}

/// Whoever opens a document that is open here waits for the newest copy.
#[test]
fn word_answers_who_waits_for_the_newest_copy() {
    let mut desk = Desk::open();
    desk.handle(Event::Refresh { draft: D });
    desk.calls.clear();
    desk.effects.clear();
    let told = others_save(&mut desk, "r2");
    desk.handle(told);
    let opened = |effect: &_| matches!(effect, restamp::core::event::Effect::Opened(_));
    assert!(desk.effects.iter().any(opened));
}

#[test]
fn an_open_question_is_not_changed_by_word() {
    let mut desk = Desk::open();
    desk.set("customer", json!("Anna"));
    let from = stamp(&desk);
    desk.other_till(|doc| doc["customer"] = json!("Noura"));
    let told = word(&desk, &from);
    desk.handle(told);
    assert_eq!(desk.status(), "conflict", "asked without a request");
    let from = stamp(&desk);
    desk.other_till(|doc| doc["customer"] = json!("Lara"));
    let told = word(&desk, &from);
    desk.handle(told);
    let path = desk.conflicts()[0].0.clone();
    desk.resolve(&path, Take::Mine);
    desk.save();
    desk.settle();
    assert_eq!(desk.status(), "conflict", "Lara is a question too");
}

#[test]
fn a_document_that_ended_elsewhere_is_told_by_its_word() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let from = stamp(&desk);
    desk.other_till(|doc| doc["docstatus"] = json!(1));
    let told = word(&desk, &from);
    desk.handle(told);
    assert_eq!((desk.status(), desk.made.len()), ("closed", 0));
}

/// Where two saves can both be stored on one stamp, "the next one" means nothing.
#[test]
fn without_an_atomic_compare_and_set_word_leads_to_a_load() {
    for compare_and_set in [CompareAndSet::Racy, CompareAndSet::None] {
        let mut desk = Desk::open_with(Policy { compare_and_set, ..policy() });
        let told = others_save(&mut desk, "r2");
        desk.handle(told);
        assert!(matches!(desk.call(), Call::Load { .. }), "{compare_and_set:?}");
    }
}

#[test]
fn a_document_that_cannot_be_read_is_fetched() {
    let mut desk = Desk::open();
    let Event::Heard { draft, stamp, from, token, .. } = others_save(&mut desk, "r2") else {
        panic!("no word")
    };
    let document = Some(b"<html>".to_vec());
    desk.handle(Event::Heard { draft, stamp, from, token, document });
    desk.deliver();
    assert_eq!(qty(&desk.doc(), "r2"), "3");
}

/// Without the document, but with the token: whose save it was is known all the same.
#[test]
fn a_save_that_came_too_late_does_not_wait_for_an_answer_that_brings_nothing() {
    let mut desk = Desk::open();
    // Whether the answer brings the newest copy along is not known before the first one.
    for waits in [true, false] {
        desk.scan("r1");
        desk.save();
        let arrives = take_off(&mut desk);
        let from = stamp(&desk);
        desk.other_till(|doc| raise(doc, "r1", 1));
        let told = bare_word(&desk, &from, "another's");
        desk.handle(told);
        assert_eq!(desk.calls.is_empty(), waits);
        let late = arrives(&mut desk);
        desk.handle(late);
        desk.settle();
        assert!(matches!(desk.outcome(), Outcome::Committed { attempts: 2, .. }));
    }
    assert_eq!((qty(&desk.stored(), "r1"), desk.saves()), ("5".into(), 4));
}

#[test]
fn word_of_the_own_token_does_not_hurry_a_save() {
    let mut desk = Desk::open();
    desk.other_till(|doc| raise(doc, "r2", 1));
    desk.scan("r1");
    desk.save();
    desk.settle();
    desk.server.answers_with_document = true;
    desk.scan("r1");
    desk.save();
    let from = stamp(&desk);
    let late = desk.carry_out();
    let token = desk.server.tokens.last().expect("a stored save").clone();
    let told = bare_word(&desk, &from, &token);
    desk.handle(told);
    assert!(desk.calls.is_empty(), "its answer is on the way");
    desk.handle(late);
    assert!(desk.is_committed());
    assert!(desk.calls.is_empty());
}
