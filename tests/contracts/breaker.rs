//! A backend that is ill: nothing goes out but one call that probes, also after a restart; the
//! first real answer lets all go on. Signed out it is the same, and time does not help.

use restamp::core::breaker::{Breaker, Health};
use restamp::core::call::{Call, LoadOutcome, SaveOutcome};
use restamp::core::event::{DraftId, Event, NotOpened, Outcome, Queued, Step, Told};
use restamp::core::policy::{BREAKER_MS_MAX, CALLS_MAX, FAILURES_MAX};
use restamp::core::random::Random;
use restamp::core::retry::{Kind, Schedule};
use restamp::core::time::Millis;
use serde_json::json;

use crate::desk::{policy, Desk, KEY};

/// New sales, all asked to be saved.
fn desk(sales: u32) -> Desk {
    let mut desk = Desk::new(policy());
    for n in 1..=sales {
        let draft = DraftId(n);
        let document = json!({"items": [], "custom_n": n}).to_string().into_bytes();
        desk.handle(Event::Create { draft, document });
        desk.save_draft(draft);
    }
    desk
}

fn states(desk: &Desk) -> Vec<&'static str> {
    let states = desk.steps.iter().filter_map(|step| match step {
        Step::Breaker(state) => Some(*state),
        _ => None,
    });
    states.collect()
}

fn queued(desk: &Desk, wanted: Queued) -> usize {
    let is_queued =
        |outcome: &Outcome| matches!(outcome, Outcome::Queued { why, .. } if *why == wanted);
    desk.outcomes.iter().filter(|(_, outcome)| is_queued(outcome)).count()
}

#[test]
fn after_so_many_failures_in_a_row_nothing_goes_out_and_nobody_is_kept_waiting() {
    let mut desk = desk(20);
    let mut lost = 0;
    while !desk.calls.is_empty() {
        desk.lose_request();
        lost += 1;
    }
    // Those in flight when it opened come to their end; nothing new is begun.
    assert!((FAILURES_MAX..FAILURES_MAX + CALLS_MAX as u32).contains(&lost), "{lost} calls");
    assert_eq!(queued(&desk, Queued::Offline), 20, "told at once");
    assert_eq!(states(&desk), ["open"]);
    assert_eq!(desk.notices, [Told::Reachable(false)]);
    let listed = desk.listed();
    assert!(listed.iter().all(|(_, status, why)| (*status, *why) == ("waiting", Some("offline"))));
    assert!(desk.till.outbox().iter().all(|entry| entry.next_attempt_at.is_some()));

    desk.wait();
    assert_eq!(desk.calls.len(), 1, "one call probes");
    let before = desk.now;
    desk.lose_all();
    assert!(desk.till.next_wake().is_some_and(|until| until.0 >= before));
    desk.wait();
    assert_eq!(desk.calls.len(), 1);
    desk.deliver();
    assert_eq!(desk.calls.len(), CALLS_MAX, "the first real answer lets all go on");
    assert_eq!(states(&desk), ["open", "half-open", "half-open", "closed"]);
    assert_eq!(desk.notices.last(), Some(&Told::Reachable(true)));
    desk.drain();
    assert_eq!((desk.server.keys().len(), desk.till.waiting()), (21, 0));
}

#[test]
fn probes_are_spaced_out_and_each_is_one_call() {
    let mut desk = desk(50);
    desk.lose_all();
    let (start, made) = (desk.now, desk.made.len());
    for _ in 0..40 {
        desk.wait();
        assert_eq!(desk.calls.len(), 1);
        desk.lose_request();
        assert!(desk.calls.is_empty());
    }
    assert_eq!(desk.made.len() - made, 40);
    assert!(desk.now - start > 600_000, "{} s", (desk.now - start) / 1_000);
    desk.drain();
    assert_eq!(desk.server.keys().len(), 51);
}

#[test]
fn it_survives_a_restart() {
    let mut desk = desk(20);
    desk.lose_all();
    for from_short_form in [false, true] {
        if from_short_form {
            desk.journal = desk.till.journal();
        }
        desk.restart();
        assert_eq!(desk.calls.len(), 1, "whoever opens a page asks: one call, not four");
        desk.lose_all();
        assert!(desk.till.next_wake().is_some());
        desk.wait();
        assert_eq!(desk.calls.len(), 1);
        desk.lose_all();
    }
    desk.drain();
    desk.journal = desk.till.journal();
    assert!(desk.journal.is_empty(), "well again, nothing is left to remember");
    assert_eq!(desk.server.keys().len(), 21);
}

#[test]
fn whoever_asks_probes_at_once_and_the_others_wait_for_that() {
    let mut desk = desk(6);
    desk.lose_all();
    desk.outcomes.clear();
    let waiters: Vec<_> = (1..=6).map(|n| desk.retry(DraftId(n))).collect();
    assert_eq!((desk.calls.len(), desk.outcomes.len()), (1, 0));
    desk.lose_request();
    assert!(desk.calls.is_empty());
    assert_eq!(queued(&desk, Queued::Offline), 6);
    desk.outcomes.clear();
    let again: Vec<_> = (1..=6).map(|n| desk.retry(DraftId(n))).collect();
    desk.drain();
    for waiter in again {
        assert!(matches!(desk.outcome_of(waiter), Some(Outcome::Committed { .. })));
    }
    assert_eq!(waiters.len(), 6);
}

#[test]
fn any_real_answer_ends_the_row() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    for _ in 0..3 * FAILURES_MAX {
        // The save gets no answer, the look after it does.
        desk.lose_request();
        desk.deliver();
        if desk.calls.is_empty() {
            desk.wait();
        }
        if matches!(desk.call(), Call::Load { .. }) {
            desk.deliver();
        }
    }
    assert!(states(&desk).is_empty());
}

#[test]
fn busy_counts_and_its_wish_is_heeded() {
    let mut desk = desk(1);
    for n in 1..=FAILURES_MAX {
        let retry_after = (n == FAILURES_MAX).then_some(Millis(900_000));
        desk.answer(SaveOutcome::Unavailable { retry_after });
        if n < FAILURES_MAX {
            desk.wait();
        }
    }
    assert_eq!(states(&desk), ["open"]);
    assert_eq!(queued(&desk, Queued::Busy), 1);
    assert!(desk.wait() >= 900_000);
    desk.drain();
    assert_eq!(desk.till.waiting(), 0);
}

/// Offline was noticed by what happened, and so is its end, by the first call that gets through.
#[test]
fn the_first_call_that_gets_through_lets_the_others_go() {
    let mut desk = desk(2);
    desk.lose_request();
    desk.lose_request();
    desk.lose_request();
    desk.lose_request();
    assert!(states(&desk).is_empty() && desk.calls.is_empty(), "four failures do not open it");
    assert_eq!(queued(&desk, Queued::Offline), 2);
    desk.handle(Event::Open { draft: DraftId(9), key: KEY.into() });
    assert_eq!(desk.calls.len(), 1);
    desk.deliver();
    assert_eq!(desk.calls.len(), 2, "no wait is waited for");
}

#[test]
fn opening_fails_at_once_while_it_is_open_and_works_as_a_probe() {
    let mut desk = desk(6);
    desk.lose_all();
    desk.handle(Event::Open { draft: DraftId(9), key: KEY.into() });
    desk.handle(Event::Open { draft: DraftId(10), key: "D2".into() });
    assert_eq!(desk.calls.len(), 1);
    desk.lose_request();
    assert_eq!(desk.not_opened, [NotOpened::Unavailable, NotOpened::Unavailable]);
    desk.handle(Event::Open { draft: DraftId(11), key: KEY.into() });
    desk.drain();
    assert_eq!(desk.till.draft(DraftId(11)).expect("it").status(), "clean");
    assert_eq!(desk.till.waiting(), 0);
}

/// Refreshing needs no answer: the page works with the copy that is here.
#[test]
fn a_refresh_is_not_kept_waiting() {
    let mut desk = Desk::open();
    for n in 2..=8 {
        let document = json!({"items": []}).to_string().into_bytes();
        desk.handle(Event::Create { draft: DraftId(n), document });
        desk.save_draft(DraftId(n));
    }
    desk.handle(Event::Refresh { draft: crate::desk::D });
    let opened = |desk: &Desk| {
        let opened = restamp::core::event::Effect::Opened(crate::desk::D);
        desk.effects.iter().filter(|effect| **effect == opened).count()
    };
    assert_eq!(opened(&desk), 0, "it stands in line");
    desk.lose_all();
    assert_eq!((opened(&desk), desk.status()), (1, "clean"));
    desk.handle(Event::Refresh { draft: crate::desk::D });
    desk.drain();
    assert_eq!((opened(&desk), desk.till.waiting()), (2, 0));
}

#[test]
fn a_clock_that_jumped_does_not_keep_it_open() {
    let mut desk = desk(6);
    desk.now = 1_000_000_000_000;
    desk.lose_all();
    desk.now = 5_000;
    desk.restart();
    desk.lose_all();
    assert!(desk.till.next_wake().is_some_and(|until| until.0 <= 5_000 + BREAKER_MS_MAX));
    desk.drain();
    assert_eq!(desk.till.waiting(), 0);
}

/* ---------------------------------------------------------------- signed out */

fn sign_out(desk: &mut Desk) {
    while !desk.calls.is_empty() {
        match &desk.calls[0].1 {
            Call::Load { .. } => desk.answer_load(LoadOutcome::Unauthenticated { csrf: false }),
            _ => desk.answer(SaveOutcome::Unauthenticated { csrf: false }),
        }
    }
}

#[test]
fn signed_out_everything_waits_for_one_call_that_is_let_through() {
    let mut desk = desk(20);
    sign_out(&mut desk);
    assert_eq!(desk.made.len(), CALLS_MAX, "those in flight, and no other");
    assert_eq!(queued(&desk, Queued::SignedOut), 20);
    let listed = desk.listed();
    let parked = ("parked", Some("signed-out"));
    assert!(listed.iter().all(|(_, status, why)| (*status, *why) == parked), "{listed:?}");
    assert_eq!(desk.till.next_wake(), None, "time does not sign anybody in");
    desk.now += 10_000_000;
    desk.handle(Event::Wake);
    assert!(desk.calls.is_empty());

    // Still signed out: one call tells so.
    desk.handle(Event::Online);
    assert_eq!(desk.calls.len(), 1);
    sign_out(&mut desk);
    assert_eq!(desk.made.len(), CALLS_MAX + 1);

    desk.retry(DraftId(7));
    assert_eq!(desk.calls.len(), 1);
    desk.deliver();
    assert_eq!(desk.calls.len(), CALLS_MAX, "signed in: all goes on");
    desk.drain();
    assert_eq!((desk.server.keys().len(), desk.till.waiting()), (21, 0));
}

/// The call that asks whether somebody signed in gets no answer: nobody knows, so time tells.
#[test]
fn a_probe_without_an_answer_is_made_again_by_itself() {
    let mut desk = desk(3);
    sign_out(&mut desk);
    desk.handle(Event::Online);
    desk.lose_all();
    desk.wait();
    assert_eq!(desk.calls.len(), 1);
    desk.drain();
    assert_eq!((desk.server.keys().len(), desk.till.waiting()), (4, 0));
}

#[test]
fn nothing_is_dropped_by_signing_out_and_closing() {
    let mut desk = desk(5);
    sign_out(&mut desk);
    desk.journal = desk.till.journal();
    desk.restart();
    sign_out(&mut desk);
    desk.restart();
    desk.drain();
    assert_eq!(desk.server.keys().len(), 6);
}

/* ---------------------------------------------------------------- by itself */

/// Calls that were in flight when it opened do not make the wait longer; a probe that fails does.
#[test]
fn only_a_probe_makes_the_wait_longer() {
    let mut random = Random::new(7);
    let mut breaker = Breaker::default();
    let background = Schedule { kind: Kind::Exponential, ..Schedule::BACKGROUND };
    let ill = Health::Ill { reached: Some(false), retry_after: None };
    let mut note = |breaker: &mut Breaker, health, others, now| {
        breaker.note(health, others, &background, Millis(now), &mut random)
    };
    for _ in 0..FAILURES_MAX {
        assert_eq!(breaker.allows(0, false, Millis(0)), CALLS_MAX);
        note(&mut breaker, ill, 3, 0);
    }
    assert_eq!(breaker.until(), Some(Millis(16_000)), "as the sixth try of the background");
    for others in [3, 2, 1] {
        note(&mut breaker, ill, others, 9_000);
    }
    assert_eq!(breaker.until(), Some(Millis(16_000)));
    for (busy, asked, now, allowed) in [
        (0, false, 15_999, 0),
        (0, true, 0, 1),
        (1, true, 0, 0),
        (0, false, 16_000, 1),
        (1, false, 16_000, 0),
    ] {
        assert_eq!(breaker.allows(busy, asked, Millis(now)), allowed, "{busy} {asked} {now}");
    }
    note(&mut breaker, ill, 0, 16_000);
    assert_eq!(breaker.until(), Some(Millis(48_000)));
    note(&mut breaker, Health::SignedOut, 0, 50_000);
    assert_eq!((breaker.until(), breaker.why()), (None, Queued::SignedOut));
    assert_eq!(breaker.allows(0, false, Millis(99_000_000)), 0, "time does not sign in");
    assert_eq!(breaker.allows(0, true, Millis(50_000)), 1);
    assert!(note(&mut breaker, Health::Well, 0, 60_000), "what waits may go on");
    assert!(!note(&mut breaker, Health::Well, 0, 60_000), "nothing was ill");
    assert!(!breaker.is_open());
}
