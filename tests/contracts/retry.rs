//! When and how often it tries again, and what those who wait are told.

use restamp::core::call::{Call, LoadOutcome, Rejection, SaveOutcome};
use restamp::core::event::{Event, Outcome, Queued};
use restamp::core::time::Millis;
use serde_json::json;

use crate::desk::{qty, Desk};

fn busy(retry_after: Option<u64>) -> SaveOutcome {
    SaveOutcome::Unavailable { retry_after: retry_after.map(Millis) }
}

#[test]
fn a_retry_after_is_a_lower_bound() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(busy(Some(5_000)));
    assert_eq!(desk.status(), "waiting");
    assert!(desk.outcomes.is_empty(), "somebody still waits");
    assert!(desk.wait() >= 5_000);
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn after_the_last_try_it_is_queued_and_goes_on_in_the_background() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let mut tries = 1;
    while desk.outcomes.is_empty() {
        desk.answer(busy(None));
        if desk.outcomes.is_empty() {
            desk.wait();
            tries += 1;
        }
        assert!(tries <= 6, "more tries than the schedule has");
    }
    assert!(matches!(
        desk.outcome(),
        Outcome::Queued { why: Queued::Busy, next_attempt_at: Some(_) }
    ));
    let mut longest = 0;
    for _ in 0..40 {
        longest = longest.max(desk.wait());
        desk.answer(busy(None));
    }
    assert!(longest > 60_000 && longest <= 300_000, "{longest}");
    assert_eq!(desk.outcomes.len(), 1, "told once");
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn the_deadline_ends_the_waiting_too() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(busy(Some(30_000)));
    assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Busy, .. }));
    assert!(desk.wait() >= 30_000);
}

#[test]
fn offline_is_noticed_at_once() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_request();
    desk.lose_request();
    assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Offline, .. }));
    assert_eq!(desk.status(), "waiting");
    desk.handle(Event::Online);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.status(), "clean");
}

/// However often requests are lost: as soon as they are not, the save gets through.
#[test]
fn a_save_gets_through_after_any_number_of_lost_requests() {
    for losses in 0..20 {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        for _ in 0..losses {
            if desk.calls.is_empty() {
                desk.wait();
            }
            desk.lose_request();
        }
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), "2", "{losses} losses");
        assert_eq!(desk.status(), "clean");
        assert!(desk.made.len() < losses + 6, "{losses}: {} calls", desk.made.len());
    }
}

#[test]
fn lost_saves_with_loads_that_arrive_are_spaced_out() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let start = desk.now;
    let mut saves = 0;
    for _ in 0..300 {
        match desk.calls.first() {
            Some((_, Call::Update(_))) => {
                saves += 1;
                desk.lose_request();
            }
            Some(_) => desk.deliver(),
            None => {
                desk.wait();
            }
        }
    }
    assert!(saves > 10, "it never stops trying");
    assert!(desk.now - start > 600_000, "{} s", (desk.now - start) / 1_000);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn signed_out_it_is_parked_until_somebody_signs_in_or_saves() {
    for by_saving in [true, false] {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        desk.answer(SaveOutcome::Unauthenticated { csrf: false });
        assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::SignedOut, .. }));
        assert_eq!((desk.status(), desk.till.next_wake()), ("parked", None));
        desk.handle(Event::Wake);
        assert!(desk.calls.is_empty());
        if by_saving {
            desk.save();
        } else {
            desk.handle(Event::Online);
        }
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), "2");
    }
}

#[test]
fn signed_out_during_the_load_is_parked_too() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_answer();
    desk.answer_load(LoadOutcome::Unauthenticated { csrf: true });
    assert_eq!(desk.status(), "parked");
    desk.handle(Event::Online);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.saves(), 1);
}

#[test]
fn a_load_that_is_forbidden_is_told() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["customer"] = json!("X"));
    desk.deliver();
    desk.answer_load(LoadOutcome::Rejected(Rejection::invalid("no")));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)));
    assert_eq!(desk.status(), "dirty");
    desk.save();
    desk.settle();
    assert!(desk.is_committed());
}

#[test]
fn a_wall_clock_that_jumps_back_stops_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(busy(None));
    desk.now = 10;
    desk.settle();
    assert!(desk.is_committed());
}

/// A wait is a length of time: a clock that is set back by a day does not make it a day longer.
#[test]
fn a_clock_that_is_set_back_makes_no_wait_longer() {
    let mut desk = Desk::open();
    desk.now += 90_000_000;
    desk.scan("r1");
    desk.save();
    desk.answer(busy(Some(5_000)));
    desk.now -= 86_400_000;
    desk.handle(Event::Wake);
    let until = desk.till.next_wake().expect("it still waits");
    assert!(until.since(Millis(desk.now)).0 <= 6_000, "{until:?}");
    desk.settle();
    assert!(desk.is_committed());
}
