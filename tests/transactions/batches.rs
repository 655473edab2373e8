//! Several documents in one request, where the backend has that: two requests for a transaction,
//! whichever strategy, and no lease that is left behind.

use restamp::core::call::{
    Answered, BatchCall, BatchOutcome, Call, CommitOutcome, Grant, LeaseOutcome, Leased,
    ReleaseCall, Write,
};
use restamp::core::time::Millis;
use restamp::core::transaction::{Event, Outcome, Step, Strategy, Terms, Why};

use crate::scripted::{all, copy, Script};
use crate::server::Server;

fn batches(strategy: Strategy) -> Script {
    Script::begin(&["b", "a"], Terms { strategy, batches: true, ..all() })
}

fn answer(script: &mut Script, outcome: BatchOutcome) -> BatchCall {
    match script.answer(Answered::Batch(outcome)) {
        Call::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn lease(key: &str, fence: &str, exists: bool) -> Leased {
    let grant = Grant { fence: fence.into(), ttl: Millis(5_000) };
    Leased { key: key.into(), grant, document: exists.then(|| copy(key, "1", "{}")) }
}

fn granted() -> BatchOutcome {
    BatchOutcome::Leased(vec![lease("a", "11", true), lease("b", "12", true)])
}

fn committed() -> CommitOutcome {
    CommitOutcome::Committed { documents: Vec::new(), replayed: false }
}

fn stale() -> CommitOutcome {
    let documents = vec![copy("a", "8", "{}"), copy("b", "9", "{}")];
    CommitOutcome::Stale { keys: vec!["a".into()], documents }
}

fn back() -> Vec<ReleaseCall> {
    let one = |(key, fence): (&str, &str)| ReleaseCall { key: key.into(), fence: fence.into() };
    [("a", "11"), ("b", "12")].map(one).into()
}

fn both() -> Vec<(String, String)> {
    vec![("a".into(), "11".into()), ("b".into(), "12".into())]
}

#[test]
fn leases_with_documents_and_a_commit_that_gives_them_back() {
    let mut script = batches(Strategy::Pessimistic);
    let asked = answer(&mut script, granted());
    let BatchCall::Lease { keys, ttl, wait, .. } = asked else { panic!("{asked:?}") };
    assert_eq!((keys, ttl), (vec!["a".to_owned(), "b".to_owned()], Millis(1_000)));
    assert_eq!(wait, Some(all().lease_wait));
    // One of them is only read: its lease ends with the commit all the same.
    script.plan(&[("b", r#"{"n":1}"#)]);
    let commit = script.commit(committed());
    assert_eq!((commit.writes.len(), commit.leases), (1, back()));
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    assert!(script.released.is_empty() && script.calls.is_empty(), "two requests");
}

#[test]
fn leases_go_back_in_one_request_where_nothing_is_stored() {
    type Exit = fn(&mut Script);
    let exits: [(&str, Exit); 4] = [
        ("refused", |script| script.handle(Event::PlanRefused("no".into()))),
        ("closed", |script| script.handle(Event::Abort)),
        ("nothing to do", |script| script.plan(&[])),
        ("signed out", |script| {
            script.plan(&[("a", "{}")]);
            script.commit(CommitOutcome::Unauthenticated { csrf: false });
        }),
    ];
    for (name, exit) in exits {
        let mut script = batches(Strategy::Pessimistic);
        answer(&mut script, granted());
        exit(&mut script);
        assert!(script.outcome.is_some() && script.calls.is_empty(), "{name}");
        assert_eq!(script.released, both(), "{name}");
    }
    // Also those that come after the end.
    let mut script = batches(Strategy::Pessimistic);
    script.handle(Event::Abort);
    assert!(!script.transaction.is_over(), "an answer may still come");
    script.outcome = None;
    answer(&mut script, granted());
    assert_eq!(script.released, both());
    assert!(script.transaction.is_over());
}

#[test]
fn a_commit_without_an_answer_takes_its_leases_along() {
    let mut script = batches(Strategy::Pessimistic);
    answer(&mut script, granted());
    script.plan(&[("a", "{}")]);
    let first = script.commit(CommitOutcome::InDoubt);
    while script.calls.is_empty() {
        script.wake();
    }
    assert_eq!(script.commit(committed()), first, "the same bytes");
    assert!(script.released.is_empty());
}

#[test]
fn an_optimistic_transaction_is_two_requests_and_one_for_each_further_try() {
    let mut script = batches(Strategy::Optimistic);
    let loaded = BatchOutcome::Loaded(vec![copy("b", "7", "{}"), copy("a", "1", "{}")]);
    let keys = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(answer(&mut script, loaded), BatchCall::Load { keys });
    for _ in 0..2 {
        script.plan(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#)]);
        assert!(script.commit(stale()).leases.is_empty());
    }
    // The answer brought the newest copies, so nothing is loaded or waited for.
    script.plan(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#)]);
    let commit = script.commit(stale());
    let Write::Update(a) = &commit.writes[0] else { panic!("{commit:?}") };
    assert_eq!(a.stamp.0, "8");
    // Outrun three times, it stands in line.
    assert!(matches!(answer(&mut script, granted()), BatchCall::Lease { .. }));
    script.plan(&[("a", "{}")]);
    script.commit(committed());
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 4, .. })));
}

#[test]
fn an_adaptive_transaction_stands_in_line_at_once_where_others_do() {
    let adaptive = || batches(Strategy::Adaptive { contended: false });
    // Nobody is there: the copies, and no lease to give back.
    let mut script = adaptive();
    let loaded = BatchOutcome::Loaded(vec![copy("b", "7", "{}"), copy("a", "1", "{}")]);
    let BatchCall::Lease { if_contended: true, wait, .. } = answer(&mut script, loaded) else {
        panic!("leases if others are there")
    };
    assert_eq!(wait, Some(all().lease_wait));
    script.plan(&[("a", "{}")]);
    assert!(script.commit(committed()).leases.is_empty());
    assert!(script.released.is_empty());
    // Others are there: its turn came.
    let mut script = adaptive();
    answer(&mut script, granted());
    script.plan(&[("a", "{}")]);
    assert_eq!(script.commit(committed()).leases, back());
    // Its turn did not come in time: then it wants the leases whoever is there.
    let mut script = adaptive();
    answer(&mut script, BatchOutcome::Not(LeaseOutcome::Held { retry_after: Some(Millis(100)) }));
    script.wake();
    let asked = answer(&mut script, granted());
    assert!(matches!(asked, BatchCall::Lease { if_contended: false, .. }), "{asked:?}");
    // No answer: leases that came all the same are renewed or end by themselves.
    let mut script = adaptive();
    answer(
        &mut script,
        BatchOutcome::Not(LeaseOutcome::Unavailable { retry_after: None, reached: false }),
    );
    script.wake();
    script.handle(Event::Abort);
    script.outcome = None;
    answer(&mut script, granted());
    assert_eq!(script.released, both(), "late ones go back");
}

#[test]
fn it_stands_in_line_before_its_last_attempt() {
    let terms = Terms { attempts_max: 2, batches: true, ..all() };
    let mut script = Script::begin(&["a", "b"], terms);
    answer(&mut script, BatchOutcome::Loaded(vec![copy("a", "1", "{}")]));
    assert_eq!(script.seen.as_ref().unwrap()[1].1, None, "there is no b");
    script.plan(&[("a", "{}")]);
    script.commit(stale());
    answer(&mut script, granted());
    script.plan(&[("a", "{}")]);
    script.commit(committed());
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 2, .. })));
}

#[test]
fn who_is_refused_asks_again_and_holds_nothing() {
    let mut script = batches(Strategy::Pessimistic);
    let begun = script.now;
    while script.outcome.is_none() {
        answer(
            &mut script,
            BatchOutcome::Not(LeaseOutcome::Held { retry_after: Some(Millis(250)) }),
        );
        if script.outcome.is_none() {
            let before = script.now;
            script.wake();
            assert!((250..1_250).contains(&(script.now - before)), "our place is kept so long");
        }
    }
    assert_eq!(script.gave_up().why, Why::Leased);
    assert!((29_000..32_000).contains(&(script.now - begun)));
    assert!(script.released.is_empty());
}

#[test]
fn leases_that_ended_meanwhile_are_asked_for_together() {
    let mut script = batches(Strategy::Pessimistic);
    answer(&mut script, granted());
    script.plan(&[("a", "{}"), ("b", "{}")]);
    script.commit(CommitOutcome::Fenced { key: Some("b".into()) });
    assert!(script.steps.contains(&Step::LeaseLost("b".into())));
    // a is ours still: whoever is refused now has lost it too.
    let BatchCall::Lease { keys, wait, ttl, .. } = answer(
        &mut script,
        BatchOutcome::Not(LeaseOutcome::Held { retry_after: Some(Millis(100)) }),
    ) else {
        panic!("leases")
    };
    assert_eq!((keys.len(), wait), (2, Some(Millis(500))), "what we hold must not run out");
    assert_eq!(ttl, Millis(2_000), "one second was too short");
    script.wake();
    let later = BatchOutcome::Leased(vec![lease("a", "21", true), lease("b", "22", true)]);
    answer(&mut script, later);
    script.plan(&[("a", "{}"), ("b", "{}")]);
    let commit = script.commit(committed());
    assert_eq!(commit.leases[0].fence, "21");
    assert!(script.released.is_empty());
}

#[test]
fn leases_are_renewed_together_while_it_waits() {
    let mut script = batches(Strategy::Pessimistic);
    answer(&mut script, granted());
    script.plan(&[("a", "{}"), ("b", "{}")]);
    script.commit(CommitOutcome::Unavailable { retry_after: Some(Millis(4_000)) });
    script.wake();
    let unavailable =
        BatchOutcome::Not(LeaseOutcome::Unavailable { retry_after: None, reached: true });
    let BatchCall::Lease { wait, .. } = answer(&mut script, unavailable) else { panic!("leases") };
    assert_eq!(wait, None);
    assert!(script.calls.is_empty(), "not at once again");
    script.wake();
    answer(&mut script, granted());
    while script.calls.is_empty() {
        script.wake();
    }
    script.commit(committed());
    assert!(matches!(script.outcome, Some(Outcome::Committed { .. })));
}

#[test]
fn a_backend_without_the_routes_is_asked_one_by_one() {
    let mut script = batches(Strategy::Optimistic);
    answer(&mut script, BatchOutcome::Not(LeaseOutcome::NotSupported));
    script.load("a", "1", "{}");
    script.load("b", "1", "{}");
    let mut script = batches(Strategy::Pessimistic);
    answer(&mut script, BatchOutcome::Not(LeaseOutcome::NotSupported));
    script.grant("a", "11");
    script.grant("b", "12");
    script.plan(&[("a", "{}")]);
    assert!(script.commit(committed()).leases.is_empty());
    assert_eq!(script.released, both());
}

#[test]
fn an_answer_that_leaves_a_lease_out_is_not_asked_for_without_end() {
    let mut script = batches(Strategy::Pessimistic);
    for _ in 0..100 {
        if script.outcome.is_some() {
            break;
        }
        answer(&mut script, BatchOutcome::Leased(vec![lease("a", "11", true)]));
        if script.outcome.is_none() {
            script.wake();
        }
    }
    assert_eq!(script.gave_up().why, Why::Busy);
    assert!(script.released.iter().all(|released| *released == both()[0]));
    assert!(!script.released.is_empty());
}

/// A new document is made under the lease of its key.
#[test]
fn a_document_that_is_not_there_yet_is_leased_too() {
    let mut server = Server { now: 1_000, ..Server::default() };
    server.put("a", "{}");
    let mut script = batches(Strategy::Pessimistic);
    for _ in 0..2 {
        if let Some(seen) = &script.seen {
            assert_eq!(seen[1].1, None);
            script.plan(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#)]);
        }
        let (_, call) = script.calls[0].clone();
        let answer = server.serve(&call);
        script.answer(answer);
    }
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    assert_eq!(server.documents["b"].1, br#"{"n":2}"#);
    assert!(server.leases.values().all(|lease| lease.until <= server.now), "all are back");
}
