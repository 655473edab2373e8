//! Submitting what the cashier saw, once.

use restamp::core::call::Call;
use restamp::core::event::{Event, Misuse, Outcome, Take, Waiter};
use restamp::core::merge::State;
use serde_json::json;

use crate::desk::{raise, Desk, D};

fn submits(desk: &Desk) -> usize {
    desk.made.iter().filter(|call| matches!(call, Call::Update(update) if update.submit)).count()
}

#[test]
fn a_clean_draft_is_submitted_with_one_request() {
    let mut desk = Desk::open();
    desk.submit(Some("20.00"));
    let Call::Update(update) = desk.call() else { panic!() };
    assert!(update.submit && update.changed.contains(&"docstatus".to_owned()));
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!((desk.status(), desk.stored()["docstatus"].clone()), ("closed", json!(1)));
    desk.submit(Some("20"));
    assert!(desk.is_committed());
    assert_eq!(submits(&desk), 1, "done once");
    desk.scan("r1");
    assert_eq!(desk.refused, [Misuse::Ended]);
}

#[test]
fn with_edits_it_saves_then_compares_the_total_then_submits() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.submit(Some("30"));
    let Call::Update(update) = desk.call() else { panic!() };
    assert!(!update.submit, "the server's total is not known yet");
    desk.settle();
    assert_eq!(desk.stored()["docstatus"], json!(1));
    assert_eq!((desk.saves(), submits(&desk)), (2, 1));
    assert_eq!(desk.outcomes.len(), 1, "one answer for the whole");
}

#[test]
fn without_an_expected_total_edits_and_submit_go_out_together() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.submit(None);
    desk.settle();
    assert_eq!((desk.saves(), submits(&desk)), (1, 1));
    assert_eq!(desk.stored()["docstatus"], json!(1));
}

#[test]
fn another_total_than_the_cashier_saw_is_asked_and_only_that() {
    for (take, docstatus) in [(Take::Theirs, 1), (Take::Mine, 0)] {
        let mut desk = Desk::open();
        desk.pay("pA", "20");
        desk.submit(Some("20"));
        desk.other_till(|doc| raise(doc, "r1", 1));
        desk.settle();
        let Outcome::Conflict(conflicts) = desk.outcome() else { panic!("{:?}", desk.outcome()) };
        let shown: serde_json::Value =
            serde_json::from_slice(&conflicts[0].to_json()).expect("JSON");
        assert_eq!(shown["reason"], json!("total-changed"));
        assert_eq!((&shown["mine"], &shown["theirs"]), (&json!("20"), &json!("30")));
        assert_eq!(desk.stored()["docstatus"], json!(0));
        desk.resolve("grand_total", take);
        desk.settle();
        assert_eq!(desk.stored()["docstatus"], json!(docstatus));
        assert_eq!(desk.stored()["payments"].as_array().map(Vec::len), Some(2));
    }
}

/// S32: all they changed is the note.
#[test]
fn what_does_not_touch_the_total_does_not_stop_it() {
    let mut desk = Desk::open();
    desk.submit(Some("20"));
    desk.other_till(|doc| doc["posa_notes"] = json!("window seat"));
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(desk.stored()["docstatus"], json!(1));
    assert_eq!(desk.stored()["posa_notes"], json!("window seat"));
}

#[test]
fn a_lost_answer_to_a_submit_is_done_once() {
    for stored in [true, false] {
        let mut desk = Desk::open();
        desk.submit(Some("20"));
        if stored {
            desk.lose_answer();
        } else {
            desk.lose_request();
        }
        desk.settle();
        assert!(desk.is_committed(), "{:?}", desk.outcome());
        assert_eq!(desk.stored()["docstatus"], json!(1));
        assert_eq!(submits(&desk), if stored { 1 } else { 2 });
        assert_eq!(desk.status(), "closed");
    }
}

/// A lost submit, and then another till changed the bill: what I saw is not what is there.
#[test]
fn a_lost_submit_that_was_not_stored_looks_at_the_total_again() {
    let mut desk = Desk::open();
    desk.submit(Some("20"));
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.lose_request();
    desk.settle();
    assert_eq!(desk.conflicts(), [("grand_total".to_owned(), "total-changed")]);
    assert_eq!(desk.stored()["docstatus"], json!(0));
}

/// The page dies between submit and answer; meanwhile the bill grew. The wish comes back with
/// the total that it was for.
#[test]
fn after_a_restart_a_submit_is_still_for_the_total_that_was_seen() {
    for interfered in [false, true] {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.submit(Some("30"));
        desk.deliver();
        if interfered {
            desk.other_till(|doc| raise(doc, "r1", 1));
        }
        desk.restart();
        desk.settle();
        assert_eq!(desk.stored()["docstatus"], json!(i32::from(!interfered)));
        let asked = desk.conflicts();
        assert_eq!(asked.is_empty(), !interfered, "{asked:?}");
    }
}

/// Nothing else is unsaved, the bill grew, and the page dies while the total is asked about.
#[test]
fn a_question_about_the_total_comes_back_after_a_restart() {
    for answered in [false, true] {
        let mut desk = Desk::open();
        desk.submit(Some("20"));
        desk.other_till(|doc| raise(doc, "r1", 1));
        desk.settle();
        assert_eq!(desk.conflicts(), [("grand_total".to_owned(), "total-changed")]);
        let kept = desk.journal.len();
        if answered {
            // The answer does not reach the disk.
            desk.resolve("grand_total", Take::Theirs);
            desk.journal.truncate(kept);
        }
        desk.restart();
        desk.settle();
        assert_eq!(desk.conflicts(), [("grand_total".to_owned(), "total-changed")]);
        desk.resolve("grand_total", Take::Theirs);
        desk.settle();
        assert_eq!(desk.stored()["docstatus"], json!(1));
    }
}

#[test]
fn a_total_that_is_none_is_refused() {
    let mut desk = Desk::open();
    for text in ["", "1,50", "NaN", "1e3", "abc"] {
        let expected_total = Some(text.to_owned());
        desk.handle(Event::Submit { draft: D, waiter: Waiter(9), expected_total });
    }
    assert_eq!(desk.refused.len(), 5);
    assert!(desk.calls.is_empty());
}

/// A total that the server does not show cannot be checked: the submit is asked, not believed.
#[test]
fn a_total_that_the_server_does_not_show_is_asked() {
    let mut desk = Desk::open();
    desk.handle(Event::Refresh { draft: D });
    desk.answer_with("s-9", r#"{"name":"D1","docstatus":0,"items":[]}"#);
    desk.submit(Some("12.00"));
    desk.settle();
    assert_eq!(desk.conflicts(), [("rounded_total".to_owned(), "total-changed")]);
}

/// The submit is on its way when the cashier scans once more: that belongs to no open bill.
#[test]
fn what_is_scanned_while_a_submit_is_on_its_way_is_left_over() {
    let mut desk = Desk::open();
    let submit = desk.submit(Some("20"));
    desk.scan("r1");
    let save = desk.save();
    desk.settle();
    assert!(matches!(desk.outcome_of(submit), Some(Outcome::Committed { .. })));
    let Some(Outcome::Ended(ending)) = desk.outcome_of(save) else { panic!("{:?}", desk.outcomes) };
    assert_eq!((ending.state, ending.leftover.len()), (State::Submitted, 1));
    assert_eq!(desk.saves(), 1, "nothing is sent to a closed document");
    // Wherever the page dies, the scan is not lost.
    for kept in 0..=desk.journal.len() {
        let mut again = Desk::open();
        again.server = desk.server.clone();
        again.journal = desk.journal[..kept].to_vec();
        let scanned = again.journal.iter().any(|entry| entry.windows(9).any(|w| w == b"increment"));
        again.restart();
        again.settle();
        let draft = again.till.draft(D);
        let left = draft.and_then(|draft| draft.ending()).map(|ending| ending.leftover.len());
        assert!(!scanned || left == Some(1), "{kept} entries: {left:?}");
    }
}

/// The total that was seen is no longer the one that would be submitted.
#[test]
fn what_is_scanned_after_the_wish_to_submit_changes_the_total() {
    let mut desk = Desk::open();
    desk.set("posa_notes", json!("by the window"));
    desk.submit(Some("20"));
    desk.scan("r1");
    desk.settle();
    assert_eq!(desk.conflicts(), [("grand_total".to_owned(), "total-changed")]);
    assert_eq!(desk.stored()["docstatus"], json!(0));
}
