//! What `metrics()` counts, step by step.

use restamp::core::call::SaveOutcome;
use restamp::core::contention_rates::{Strategy, MILLION};
use restamp::core::event::{DraftId, Effect, Step};
use restamp::core::metrics::Metrics;
use restamp::core::time::Millis;

use crate::desk::{raise, Desk};

/// The counts of all that a desk's till did.
fn counted(desk: &Desk) -> Metrics {
    let mut metrics = Metrics::default();
    let log = |step: &Step| Effect::Log { draft: DraftId(1), step: step.clone() };
    metrics.note(&desk.steps.iter().map(log).collect::<Vec<_>>());
    metrics
}

#[test]
fn a_save_that_was_stale_once_is_one_save_one_conflict_and_one_retry() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.settle();
    let expected = Metrics {
        saves: 1,
        committed: 1,
        conflicts: 1,
        merged: 1,
        retries: 1,
        ..Metrics::default()
    };
    assert_eq!(counted(&desk), expected);
    assert_eq!(expected.conflict_rate(), MILLION / 2);
}

#[test]
fn questions_and_recognised_saves_are_counted() {
    let mut desk = Desk::open();
    desk.set("customer", "Anna".into());
    desk.save();
    desk.other_till(|doc| doc["customer"] = "Bert".into());
    desk.settle();
    assert_eq!((counted(&desk).asked, counted(&desk).merged), (1, 1));

    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_answer();
    desk.settle();
    let metrics = counted(&desk);
    assert_eq!((metrics.echoes, metrics.committed, metrics.saves), (1, 1, 1));
}

#[test]
fn every_call_is_a_request_and_names_are_those_of_the_contract() {
    let mut metrics = Metrics::default();
    let call = restamp::core::call::Call::Load { key: "A".into() };
    let id = restamp::core::event::CallId(1);
    metrics.note(&[Effect::Call { id, call }, Effect::Opened(DraftId(1))]);
    let log = |step: Step| Effect::Log { draft: DraftId(1), step };
    let steps = [
        Step::LeaseGranted(Millis(1_200)),
        Step::SaveSent(1),
        Step::LeaseReleased,
        Step::LeaseGranted(Millis(800)),
        Step::LeaseReleased,
        Step::LeaseGranted(Millis(20)),
    ];
    metrics.note(&steps.map(log));
    assert_eq!((metrics.requests, metrics.lease_waits, metrics.lease_wait_ms), (1, 2, 2_000));
    assert_eq!(metrics.strategy, Strategy::Pessimistic);
    metrics.note(&[Step::LeaseReleased, Step::SaveSent(1)].map(log));
    assert_eq!(metrics.strategy, Strategy::Optimistic, "the newest save's");
    assert_eq!(Metrics::default().conflict_rate(), 0, "without any try");
    let names = metrics.counts().map(|(name, _)| name);
    let contract = include_str!("../data/contract.d.ts");
    let members = contract.split("export interface Metrics {").nth(1).unwrap();
    for name in names.iter().chain(&["conflictRate", "strategy"]) {
        assert!(members.contains(&format!("{name}: ")), "{name}");
    }
}

#[test]
fn a_stale_answer_is_a_conflict_even_if_it_comes_to_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(SaveOutcome::Stale {
        current: None,
        document: None,
        fence: None,
        retry_after: None,
    });
    assert_eq!(counted(&desk).conflicts, 1);
}
