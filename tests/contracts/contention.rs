//! Many tills at one document: the first retry at once, then each in its turn, on a copy that is
//! fetched after the wait.

use restamp::core::call::{Call, SaveOutcome};
use restamp::core::event::{Outcome, Queued};
use restamp::core::policy::{Policy, ROUNDS_WAITED_MAX};
use restamp::core::retry::{Kind, Schedule};
use restamp::core::stamp::Stamp;

use crate::desk::{policy, qty, raise, Desk};

/// Another till saves first, so mine comes back stale; the answer carries the newest copy or not.
fn stale(desk: &mut Desk, carried: bool) {
    desk.other_till(|doc| raise(doc, "r2", 1));
    if !carried {
        return desk.deliver();
    }
    let newest = desk.stored();
    let current = newest["modified"].as_str().map(|text| Stamp(text.to_owned()));
    let document = Some(newest.to_string().into_bytes());
    desk.answer(SaveOutcome::Stale { current, document, fence: None, retry_after: None });
}

fn is_save(desk: &Desk) -> bool {
    matches!(desk.call(), Call::Update(_))
}

#[test]
fn the_first_retry_is_at_once_and_later_ones_wait_before_they_load() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let waiter = desk.save();
    stale(&mut desk, false);
    desk.deliver();
    assert!(is_save(&desk), "the first retry is at once");
    let mut waits = Vec::new();
    for round in 2..=ROUNDS_WAITED_MAX + 3 {
        desk.now += 100;
        stale(&mut desk, false);
        assert_eq!((desk.status(), desk.calls.len()), ("waiting", 0), "no load before the wait");
        assert_eq!(desk.outcome_of(waiter).is_some(), round >= ROUNDS_WAITED_MAX, "round {round}");
        waits.push(desk.wait());
        assert!(matches!(desk.call(), Call::Load { .. }));
        desk.deliver();
        assert!(is_save(&desk), "the copy is fresh: it is sent at once");
    }
    assert!(waits.iter().any(|wait| *wait > 0) && waits.windows(2).any(|w| w[0] != w[1]));
    let queued = desk.outcome_of(waiter);
    assert!(matches!(
        queued,
        Some(Outcome::Queued { why: Queued::Busy, next_attempt_at: Some(_) })
    ));
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2", "it goes on by itself");
    assert_eq!(desk.status(), "clean");
}

/// The copy in a stale answer is used at once while it is fresh. After a wait it is old, and a
/// save on it asks for the next one: what a load would cost, with a chance of success.
#[test]
fn where_stale_answers_carry_the_newest_copy_nothing_is_ever_loaded() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    stale(&mut desk, true);
    for _ in 0..3 {
        assert!(is_save(&desk), "at once");
        stale(&mut desk, true);
        assert_eq!(desk.status(), "waiting", "a fresh copy was stale");
        assert_ne!(qty(&desk.doc(), "r2"), "2", "the newest copy is shown while it waits");
        desk.wait();
        assert!(is_save(&desk));
        stale(&mut desk, true);
    }
    desk.deliver();
    let loads = desk.made.iter().filter(|call| matches!(call, Call::Load { .. }));
    assert_eq!((loads.count(), desk.saves()), (1, 8), "one load, after the save was stored");
}

/// Nobody else saves any more: the wait is over when it is over, and the next save succeeds.
#[test]
fn a_save_on_the_copy_that_a_stale_answer_carried_succeeds_after_the_wait() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    stale(&mut desk, true);
    stale(&mut desk, true);
    desk.wait();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(qty(&desk.stored(), "r2"), "4");
    assert!(desk.is_committed());
    assert_eq!(desk.saves(), 3);
}

#[test]
fn a_wait_is_a_share_of_the_time_since_the_first_stale_save() {
    let contention = Schedule { base_ms: 0, factor_milli: 500, ..Schedule::CONTENTION };
    let mut desk = Desk::open_with(Policy { contention, ..policy() });
    desk.scan("r1");
    desk.save();
    stale(&mut desk, false);
    desk.deliver();
    stale(&mut desk, false);
    assert_eq!(desk.wait(), 0, "no time has passed");
    let mut longest = 0;
    for _ in 0..20 {
        desk.deliver();
        desk.now += 1_000;
        stale(&mut desk, false);
        let passed = desk.now - 1_000_000;
        let wait = desk.wait();
        assert!(wait <= (passed / 2).min(contention.cap_ms), "{wait} of {passed}");
        longest = longest.max(wait);
    }
    assert!(longest > 1_000, "{longest}");
    // A stored save ends it: the next conflict is the first one again.
    desk.settle();
    desk.now += 3_600_000;
    desk.scan("r1");
    desk.save();
    stale(&mut desk, false);
    desk.deliver();
    stale(&mut desk, false);
    assert_eq!(desk.wait(), 0);
}

#[test]
fn any_other_schedule_may_be_given() {
    for (kind, waits) in [(Kind::Fixed, [100, 100, 100]), (Kind::Exponential, [100, 200, 400])] {
        let contention =
            Schedule { kind, base_ms: 100, factor_milli: 2_000, ..Schedule::CONTENTION };
        let mut desk = Desk::open_with(Policy { contention, ..policy() });
        desk.scan("r1");
        desk.save();
        stale(&mut desk, false);
        for wait in waits {
            desk.deliver();
            stale(&mut desk, false);
            assert_eq!(desk.wait(), wait, "{kind:?}");
        }
    }
}
