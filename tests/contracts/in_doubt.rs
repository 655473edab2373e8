//! A lost answer: look before sending again, recognise the own save, never count twice.

use restamp::core::call::{Answered, Call, SaveOutcome, UpdateCall};
use restamp::core::event::{Event, Outcome, Take, Told};
use restamp::core::merge::Notice;
use restamp::core::policy::{CompareAndSet, Policy};
use serde_json::json;

use crate::desk::{policy, profile, qty, raise, rows, Desk};

fn without_token() -> Desk {
    Desk::open_with(Policy { profile: profile(false), ..policy() })
}

fn update(call: &Call) -> UpdateCall {
    let Call::Update(update) = call else { panic!("{call:?}") };
    update.clone()
}

#[test]
fn not_stored_the_same_bytes_go_out_again() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let first = update(desk.call());
    desk.lose_request();
    desk.set("customer", json!("Somchai"));
    assert!(matches!(desk.call(), Call::Load { .. }), "load first");
    desk.deliver();
    assert_eq!(update(desk.call()), first, "same stamp, same token, same bytes");
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.stored()["customer"], json!("Somchai"));
}

#[test]
fn stored_it_is_recognised_by_its_token_or_content_and_not_sent_again() {
    for mut desk in [Desk::open(), without_token()] {
        desk.scan("r1");
        desk.save();
        desk.lose_answer();
        desk.settle();
        let Outcome::Committed { echoed, attempts, .. } = desk.outcome() else { panic!() };
        assert_eq!((*echoed, *attempts), (true, 1));
        assert_eq!((desk.saves(), qty(&desk.stored(), "r1")), (1, "2".to_owned()));
        let told = |n: &Told| matches!(n, Told::Merge(Notice::AlreadySaved { token: Some(_) }));
        assert!(desk.notices.iter().any(told));
    }
}

#[test]
fn edits_after_a_stored_save_go_on_top_of_it() {
    for mut desk in [Desk::open(), without_token()] {
        desk.scan("r1");
        desk.add("m1", "TEA");
        desk.save();
        desk.lose_answer();
        desk.scan("r1");
        desk.scan("m1");
        desk.save();
        desk.settle();
        assert_eq!(
            (qty(&desk.stored(), "r1"), qty(&desk.stored(), "m1")),
            ("3".into(), "2".into())
        );
        assert!(desk.is_committed());
    }
}

/// S40: another till came in between and no token tells whose step the counter holds.
#[test]
fn a_counter_that_cannot_be_told_apart_is_a_question() {
    let mut desk = without_token();
    desk.scan("r1");
    desk.add("m1", "CAKE");
    desk.save();
    desk.lose_answer();
    desk.other_till(|doc| doc["custom_table_no"] = json!("T9"));
    desk.settle();
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
    assert_eq!(rows(&desk.doc()), ["r1", "r2", "m1"], "a row is safe: its identity is mine");
    desk.resolve("items[r1].qty", Take::Theirs);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(rows(&desk.stored()), ["r1", "r2", "m1"]);
}

/// Somebody without tokens (another program, a desk) made the very step that was lost.
#[test]
fn an_equal_step_of_others_is_not_taken_for_mine() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.settle();
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
    desk.resolve("items[r1].qty", Take::Mine);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3", "both steps");
}

#[test]
fn what_came_after_the_doubtful_save_is_never_lost() {
    for stored in [true, false] {
        let mut desk = without_token();
        desk.add("m1", "TEA");
        desk.add("m2", "PIE");
        desk.set("customer", json!("Somchai"));
        desk.set("custom_table_no", json!("T1"));
        desk.save();
        if stored {
            desk.lose_answer();
        } else {
            desk.lose_request();
        }
        desk.scan("m1");
        desk.remove("m2");
        desk.set("customer", json!("Walk-in"));
        desk.set("custom_table_no", json!("T2"));
        desk.other_till(|doc| raise(doc, "r2", 1));
        desk.save();
        desk.settle();
        let at = format!("stored: {stored}, {:?}", desk.conflicts());
        assert!(desk.is_committed(), "{at}");
        assert_eq!(rows(&desk.stored()), ["r1", "r2", "m1"], "{at}");
        assert_eq!(qty(&desk.stored(), "m1"), "2", "{at}");
        assert_eq!(desk.stored()["customer"], json!("Walk-in"), "{at}");
        assert_eq!(desk.stored()["custom_table_no"], json!("T2"), "{at}");
        assert_eq!(qty(&desk.stored(), "r2"), "3", "{at}");
    }
}

#[test]
fn a_later_step_is_kept_beside_the_question_about_the_first() {
    for (take, then) in [(Take::Theirs, "3"), (Take::Mine, "4")] {
        let mut desk = without_token();
        desk.scan("r1");
        desk.save();
        desk.lose_answer();
        desk.scan("r1");
        desk.other_till(|doc| doc["custom_table_no"] = json!("T9"));
        desk.save();
        desk.settle();
        assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
        assert_eq!(qty(&desk.doc(), "r1"), "3");
        desk.resolve("items[r1].qty", take);
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), then);
    }
}

/// The first try is still on its way when the second is refused as stale: by the first.
#[test]
fn a_resend_that_is_stale_is_no_proof_that_nothing_was_stored() {
    for mut desk in [Desk::open(), without_token()] {
        desk.scan("r1");
        desk.save();
        let first = desk.call().clone();
        desk.lose_request();
        desk.deliver();
        assert!(matches!(desk.call(), Call::Update(_)));
        desk.server.save(&first, "me");
        desk.settle();
        assert!(desk.is_committed());
        assert_eq!(qty(&desk.stored(), "r1"), "2");
        assert!(matches!(desk.outcome(), Outcome::Committed { echoed: true, .. }));
    }
}

/// As before, but the second try is refused for another reason.
#[test]
fn a_resend_that_is_refused_is_no_proof_either() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let first = desk.call().clone();
    desk.lose_request();
    desk.deliver();
    desk.server.save(&first, "me");
    let no = restamp::core::call::Rejection::invalid("no");
    desk.answer(SaveOutcome::Rejected(no.clone()));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)));
    desk.set("customer", json!("Somchai"));
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.stored()["customer"], json!("Somchai"));

    // And where nothing was stored, what the cashier mended is what goes out.
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.deliver();
    desk.answer(SaveOutcome::Rejected(no));
    desk.set("customer", json!("Somchai"));
    desk.save();
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.stored()["customer"], json!("Somchai"));
}

#[test]
fn a_resend_answered_busy_or_signed_out_stays_in_doubt() {
    for outcome in [
        SaveOutcome::Unavailable { retry_after: None },
        SaveOutcome::Unauthenticated { csrf: false },
    ] {
        let mut desk = without_token();
        desk.scan("r1");
        desk.save();
        let first = desk.call().clone();
        desk.lose_request();
        desk.deliver();
        desk.answer(outcome);
        desk.server.save(&first, "me");
        desk.handle(Event::Online);
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), "2");
        assert_eq!(desk.status(), "clean");
    }
}

/* -------------------------------------------------- backends that compare stamps badly or not */

#[test]
fn where_two_saves_may_both_be_told_they_won_a_save_is_read_back() {
    let mut desk = Desk::open_with(Policy { compare_and_set: CompareAndSet::Racy, ..policy() });
    desk.server.answers_with_document = true;
    desk.scan("r1");
    desk.save();
    desk.deliver();
    assert!(desk.outcomes.is_empty(), "not believed yet");
    desk.deliver();
    assert!(matches!(desk.outcome(), Outcome::Committed { echoed: false, .. }));

    desk.scan("r1");
    desk.set("customer", json!("Somchai"));
    desk.save();
    let before = desk.server.clone();
    let answer = desk.carry_out();
    // The other one's save, at the same moment, is what stayed.
    desk.server = before;
    desk.server.change("D1", |doc| doc["custom_table_no"] = json!("T9"));
    desk.server.change("D1", |_| ());
    desk.handle(answer);
    desk.settle();
    let asked = desk.conflicts();
    assert_eq!(desk.doc()["customer"], json!("Somchai"), "mine is laid over what stayed");
    assert!(asked.iter().all(|(_, reason)| *reason == "answer-lost"), "{asked:?}");
}

/// The stamp that the answer told is what a load shows: it is mine, whatever the server made of it.
#[test]
fn read_back_by_stamp_it_is_mine_even_if_the_server_spells_it_otherwise() {
    let profile = profile(false);
    let compare_and_set = CompareAndSet::Racy;
    let mut desk = Desk::open_with(Policy { compare_and_set, profile, ..policy() });
    desk.set("due_date", json!("2026-1-7"));
    desk.scan("r1");
    desk.save();
    desk.deliver();
    let mut stored = desk.stored();
    stored["due_date"] = json!("2026-01-07");
    let stamp = stored["modified"].as_str().expect("a stamp").to_owned();
    desk.answer_with(&stamp, &stored.to_string());
    assert!(desk.is_committed(), "{:?}", desk.conflicts());
    assert_eq!(desk.saves(), 1);
}

#[test]
fn where_nobody_compares_it_is_loaded_before_and_after() {
    let compare_and_set = CompareAndSet::None;
    let mut desk = Desk::open_with(Policy { compare_and_set, ..policy() });
    desk.server.overwrites = true;
    desk.scan("r1");
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3", "compared before it was saved");
    assert!(desk.is_committed());
    let kinds: Vec<bool> = desk.made.iter().map(|call| matches!(call, Call::Load { .. })).collect();
    assert_eq!(kinds, [true, false, true], "load, save, read back");
}

#[test]
fn where_there_are_no_stamps_content_tells() {
    let compare_and_set = CompareAndSet::None;
    let profile = profile(false);
    let mut desk = Desk::new(Policy { compare_and_set, profile, ..policy() });
    desk.server.overwrites = true;
    let bare = |desk: &mut Desk| {
        let text = desk.stored().to_string();
        let (call, _) = desk.calls.remove(0);
        let document = text.into_bytes();
        let loaded = restamp::core::call::Loaded { key: None, stamp: None, document };
        let outcome = restamp::core::call::LoadOutcome::Loaded(loaded);
        desk.handle(Event::Answered { call, answered: Answered::Load(outcome) });
    };
    desk.handle(Event::Open { draft: crate::desk::D, key: crate::desk::KEY.into() });
    bare(&mut desk);
    for round in 0..3 {
        desk.scan("r1");
        desk.save();
        assert!(matches!(desk.call(), Call::Load { .. }), "compare first");
        if round > 0 {
            desk.other_till(|doc| raise(doc, "r2", 1));
        }
        bare(&mut desk);
        assert!(matches!(desk.call(), Call::Update(_)));
        let (call, what) = desk.calls.remove(0);
        desk.server.save(&what, "me");
        let outcome = SaveOutcome::Saved { key: None, stamp: None, document: None };
        desk.handle(Event::Answered { call, answered: Answered::Save(outcome) });
        bare(&mut desk);
        assert!(desk.is_committed(), "round {round}: {:?}", desk.calls);
        assert!(desk.calls.is_empty());
    }
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("4".into(), "4".into()));
}

/// Their step on the counter looks just like mine, and mine never arrived.
#[test]
fn a_lost_step_beside_theirs_is_a_question_whatever_came_later() {
    for with_token in [true, false] {
        let mut desk = Desk::open_with(Policy { profile: profile(with_token), ..policy() });
        desk.scan("r1");
        desk.save();
        desk.lose_request();
        desk.scan("r1");
        desk.other_till(|doc| {
            raise(doc, "r1", 1);
            // Where no save carries a token, equal content is taken for mine: so it is unequal.
            doc["custom_mutation_id"] = json!("theirs");
            doc["custom_table_no"] = json!(if with_token { "T4" } else { "T9" });
        });
        desk.save();
        desk.settle();
        assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "answer-lost")]);
        desk.resolve("items[r1].qty", Take::Mine);
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), "4");
    }
}

/// A client that knows no tokens leaves mine in the document: that my save was the last one, only
/// the content can say.
#[test]
fn who_came_after_my_lost_save_without_a_token_is_not_overwritten() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.set("custom_table_no", json!("T5"));
    desk.save();
    let event = desk.carry_out();
    desk.other_till(|doc| doc["custom_table_no"] = json!("T6"));
    let Event::Answered { call, answered: Answered::Save(_) } = event else { panic!("{event:?}") };
    desk.handle(Event::Answered { call, answered: Answered::Save(SaveOutcome::InDoubt) });
    desk.settle();
    assert_eq!(desk.conflicts(), [("custom_table_no".to_owned(), "both-changed")]);
    assert_eq!(desk.stored()["custom_table_no"], json!("T6"));
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}
