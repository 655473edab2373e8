//! A save: journalled before it is sent, one at a time, and edits made meanwhile stay.

use restamp::core::call::{Answered, Call, SaveOutcome};
use restamp::core::event::{Effect, Outcome};
use restamp::core::stamp::Stamp;
use serde_json::json;

use crate::desk::{qty, raise, Desk, D};

#[test]
fn a_save_without_interference_is_one_request() {
    let mut desk = Desk::open();
    desk.server.answers_with_document = true;
    desk.scan("r1");
    desk.save();
    desk.deliver();
    let stamp = desk.stored()["modified"].as_str().map(|text| Stamp(text.to_owned()));
    let Outcome::Committed { stamp: told, attempts, incoming, echoed, .. } = desk.outcome() else {
        panic!("{:?}", desk.outcome())
    };
    assert_eq!((told, *attempts, incoming.len(), *echoed), (&stamp, 1, 0, false));
    assert_eq!(desk.made.len(), 1);
    assert_eq!(desk.status(), "clean");
}

#[test]
fn an_answer_without_the_document_is_followed_by_a_load() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.deliver();
    assert_eq!(desk.status(), "saving");
    desk.deliver();
    assert!(desk.is_committed());
    assert_eq!(
        desk.till.draft(D).expect("it").stamp().map(|s| s.0.clone()),
        desk.stored()["modified"].as_str().map(str::to_owned)
    );
}

#[test]
fn nothing_to_save_is_committed_at_once() {
    let mut desk = Desk::open();
    desk.save();
    assert!(desk.is_committed());
    assert!(desk.made.is_empty());
}

#[test]
fn the_journal_entry_stands_before_the_call_and_the_answer_last() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.effects.clear();
    desk.save();
    let journal = desk.effects.iter().position(|e| matches!(e, Effect::Journal(_)));
    let call = desk.effects.iter().position(|e| matches!(e, Effect::Call { .. }));
    assert!(journal < call, "{:?}", desk.effects);
    desk.server.answers_with_document = true;
    desk.effects.clear();
    desk.deliver();
    let journal = desk.effects.iter().position(|e| matches!(e, Effect::Journal(_)));
    let told = desk.effects.iter().position(|e| matches!(e, Effect::Settle { .. }));
    assert!(journal < told && journal.is_some(), "{:?}", desk.effects);
}

#[test]
fn edits_during_a_save_stay_and_go_out_with_the_next_one() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let first = desk.save();
    desk.scan("r1");
    desk.set("customer", json!("Somchai"));
    assert_eq!(desk.calls.len(), 1, "saves of one draft never overlap");
    let second = desk.save();
    assert_eq!(desk.calls.len(), 1, "saves of one draft never overlap");
    desk.deliver();
    assert_eq!(qty(&desk.stored(), "r1"), "2", "only what was there when it was sent");
    desk.deliver();
    assert!(desk.outcome_of(first).is_some() && desk.outcome_of(second).is_none());
    assert_eq!(qty(&desk.doc(), "r1"), "3");
    desk.settle();
    assert!(matches!(desk.outcome_of(second), Some(Outcome::Committed { .. })));
    assert_eq!(qty(&desk.stored(), "r1"), "3");
    assert_eq!(desk.stored()["customer"], json!("Somchai"));
    assert_eq!(desk.saves(), 2);
}

#[test]
fn edits_nobody_asked_to_save_wait() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.scan("r1");
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.status(), "dirty");
    assert_eq!(qty(&desk.doc(), "r1"), "3");
}

/// The server rounds what it stores; that is no news from another till, and no conflict with
/// what the cashier typed meanwhile.
#[test]
fn what_the_server_made_of_my_save_does_not_meet_my_later_edits() {
    let mut desk = Desk::open();
    desk.server.answers_with_document = true;
    desk.set("custom_table_no", json!("t5"));
    desk.save();
    desk.set("custom_table_no", json!("t6"));
    desk.save();
    let event = desk.carry_out();
    let stamp = desk.stored()["modified"].clone();
    desk.server.change("D1", |doc| doc["custom_table_no"] = json!("T5"));
    let restamp::core::event::Event::Answered { call, answered: Answered::Save(outcome) } = event
    else {
        panic!()
    };
    let SaveOutcome::Saved { key, stamp: told, document } = outcome else { panic!() };
    assert_eq!(told.as_ref().map(|s| json!(s.0)), Some(stamp));
    let text = String::from_utf8(document.expect("a document")).expect("text");
    let document = Some(text.replace("\"t5\"", "\"T5\"").into_bytes());
    desk.handle(restamp::core::event::Event::Answered {
        call,
        answered: Answered::Save(SaveOutcome::Saved { key, stamp: told, document }),
    });
    assert!(desk.conflicts().is_empty(), "{:?}", desk.conflicts());
    desk.settle();
    assert_eq!(desk.stored()["custom_table_no"], json!("t6"));
}

#[test]
fn others_changes_between_save_and_load_are_told() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.deliver();
    desk.other_till(|doc| raise(doc, "r2", 1));
    desk.deliver();
    let Outcome::Committed { incoming, .. } = desk.outcome() else { panic!() };
    assert_eq!(incoming, &["items[r2].qty"]);
    assert_eq!(qty(&desk.doc(), "r2"), "3");
}

#[test]
fn late_and_duplicate_answers_change_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let (id, _) = desk.calls[0].clone();
    desk.deliver();
    desk.settle();
    let before = (desk.doc(), desk.journal.len(), desk.outcomes.len());
    let stamp = Some(Stamp("old".into()));
    for outcome in [
        SaveOutcome::Saved { key: None, stamp, document: Some(b"{}".to_vec()) },
        SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None },
        SaveOutcome::InDoubt,
        SaveOutcome::Gone,
    ] {
        desk.handle(restamp::core::event::Event::Answered {
            call: id,
            answered: Answered::Save(outcome),
        });
    }
    assert_eq!(before, (desk.doc(), desk.journal.len(), desk.outcomes.len()));
    assert!(desk.calls.is_empty());
}

#[test]
fn an_update_names_what_changed_and_carries_the_stamp() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.set("customer", json!("Somchai"));
    desk.save();
    let Call::Update(update) = desk.call() else { panic!() };
    assert_eq!(json!(update.stamp.0), desk.stored()["modified"]);
    assert_eq!(update.changed, ["custom_mutation_id", "customer", "items"]);
    assert!(!update.submit && !update.token.is_empty());
}

#[test]
fn a_stored_copy_that_lags_behind_is_read_again() {
    let mut desk = Desk::open();
    let before = desk.server.clone();
    desk.scan("r1");
    desk.save();
    desk.deliver();
    let after = std::mem::replace(&mut desk.server, before);
    desk.deliver();
    assert_eq!(qty(&desk.doc(), "r1"), "2", "never back to the copy before");
    desk.server = after;
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(qty(&desk.doc(), "r1"), "2");
    assert_eq!(desk.saves(), 1);
}
