//! Leases: in order, renewed, always given back; a till that is killed holds others up for the
//! lease's time and no longer, and its late commit is fenced.

use restamp::core::call::{
    Answered, Call, CommitOutcome, Grant, LeaseOutcome, LoadOutcome, Rejection,
};
use restamp::core::time::Millis;
use restamp::core::transaction::{Event, Outcome, Step, Strategy, Terms, Why};

use crate::scripted::{all, copy, Script};
use crate::server::Server;

fn pessimistic() -> Terms {
    Terms { strategy: Strategy::Pessimistic, ..all() }
}

fn leased() -> Script {
    let mut script = Script::begin(&["b", "a"], pessimistic());
    script.grant("a", "11");
    script.grant("b", "12");
    script
}

fn held(retry_after: u64) -> Answered {
    Answered::Lease(LeaseOutcome::Held { retry_after: Some(Millis(retry_after)) })
}

fn both() -> Vec<(String, String)> {
    vec![("a".into(), "11".into()), ("b".into(), "12".into())]
}

#[test]
fn leases_are_taken_in_order_and_their_fences_go_along() {
    let mut script = leased();
    assert!(script.calls.is_empty(), "the copies came with the leases");
    script.plan(&[("a", "{}"), ("b", "{}")]);
    let outcome = CommitOutcome::Committed { documents: Vec::new(), replayed: false };
    let commit = script.commit(outcome);
    let fences: Vec<_> = commit
        .writes
        .iter()
        .map(|write| match write {
            restamp::core::call::Write::Update(update) => update.fence.clone().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fences, ["11", "12"]);
    assert_eq!(script.released, both());
}

#[test]
fn leases_go_back_on_every_way_out() {
    type Exit = fn(&mut Script);
    let rejected = || Rejection::invalid("no");
    let exits: [(&str, Exit); 7] = [
        ("refused", |script| script.handle(Event::PlanRefused("no".into()))),
        ("failed", |script| script.handle(Event::PlanFailed("boom".into()))),
        ("unknown key", |script| script.plan(&[("c", "{}")])),
        ("closed", |script| script.handle(Event::Abort)),
        ("nothing to do", |script| script.plan(&[])),
        ("signed out", |script| {
            script.plan(&[("a", "{}")]);
            script.commit(CommitOutcome::Unauthenticated { csrf: false });
        }),
        ("not supported", |script| {
            script.plan(&[("a", "{}")]);
            script.commit(CommitOutcome::NotSupported);
        }),
    ];
    for (name, exit) in exits {
        let mut script = leased();
        exit(&mut script);
        assert!(script.outcome.is_some(), "{name}");
        assert_eq!(script.released, both(), "{name}");
    }
    let mut script = leased();
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Rejected(rejected()));
    assert_eq!(script.released, both());
}

#[test]
fn a_lease_that_is_granted_after_the_end_goes_back() {
    let mut script = Script::begin(&["a"], pessimistic());
    script.handle(Event::Abort);
    assert!(matches!(script.outcome, Some(Outcome::GaveUp(_))));
    assert!(!script.transaction.is_over(), "an answer may still come");
    script.outcome = None;
    script.grant("a", "9");
    assert_eq!(script.released, [("a".to_owned(), "9".to_owned())]);
    assert!(script.transaction.is_over());
}

#[test]
fn who_waits_for_one_lease_keeps_the_others() {
    let mut script = Script::begin(&["a", "b"], pessimistic());
    script.grant("a", "11");
    let begun = script.now;
    while script.now < begun + 20_000 {
        let (_, call) = script.calls[0].clone();
        match call {
            Call::Lease(lease) if lease.key == "a" => {
                script.grant("a", "11");
            }
            Call::Lease(lease) => {
                assert_eq!(lease.wait, Some(Millis(1_250)), "the server does not keep us too long");
                script.answer(held(900));
            }
            other => panic!("{other:?}"),
        }
        if script.calls.is_empty() {
            script.wake();
        }
    }
    assert!(script.released.is_empty(), "a was never lost");
    assert_eq!(script.outcome, None);
}

#[test]
fn waiting_for_a_lease_is_bounded() {
    let mut script = Script::begin(&["a"], pessimistic());
    let begun = script.now;
    while script.outcome.is_none() {
        script.answer(held(1_000));
        if script.outcome.is_none() {
            let before = script.now;
            script.wake();
            let waited = script.now - before;
            assert!((1_000..2_000).contains(&waited), "our place is kept for a second: {waited}");
        }
    }
    assert_eq!(script.gave_up().why, Why::Leased);
    assert!((29_000..32_000).contains(&(script.now - begun)));
}

#[test]
fn a_lease_that_was_lost_is_asked_for_anew_with_those_behind_it() {
    let mut script = leased();
    script.plan(&[("a", "{}"), ("b", "{}")]);
    script.commit(CommitOutcome::Fenced { key: Some("a".into()) });
    assert_eq!(script.released, [("b".to_owned(), "12".to_owned())]);
    script.grant("a", "21");
    script.grant("b", "22");
    script.plan(&[("a", "{}")]);
    let outcome = CommitOutcome::Committed { documents: Vec::new(), replayed: false };
    script.commit(outcome);
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 2, .. })));
}

#[test]
fn a_conflict_makes_an_adaptive_transaction_take_leases() {
    let terms = Terms { strategy: Strategy::Adaptive { contended: false }, ..all() };
    let mut script = Script::begin(&["a"], terms);
    script.load("a", "1", "{}");
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Stale { keys: Vec::new(), documents: Vec::new() });
    script.grant("a", "5");
    assert!(script.seen.is_some());
}

#[test]
fn an_adaptive_transaction_stands_in_line_where_others_hold_leases() {
    let leased = || CommitOutcome::Leased { retry_after: Some(Millis(5_000)) };
    let strategy = Strategy::Adaptive { contended: false };
    let terms = Terms { strategy, batches: true, ..all() };
    let mut script = Script::begin(&["a"], terms);
    script.load("a", "1", "{}");
    script.plan(&[("a", "{}")]);
    assert!(script.commit(leased()).is_final, "nothing of it may be stored later");
    assert_eq!(script.transaction.next_wake(), None, "it does not wait for the lease to end");
    script.grant("a", "5");
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Committed { documents: Vec::new(), replayed: false });
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    // So does who wanted none. Where the refusal is not final the same is sent again: a copy of it
    // may still be on its way, so that no other plan may be made.
    let begin = |batches: bool| {
        let mut script = Script::begin(&["a"], Terms { batches, ..all() });
        script.load("a", "1", "{}");
        script.plan(&[("a", "{}")]);
        script.commit(leased());
        script
    };
    begin(true).grant("a", "5");
    let mut script = begin(false);
    assert!(script.transaction.next_wake().is_some_and(|at| at.0 >= script.now + 5_000));
    script.wake();
    assert!(matches!(script.calls[..], [(_, Call::Commit(_))]), "{:?}", script.calls);
}

#[test]
fn a_killed_till_holds_others_up_for_its_lease_and_is_fenced() {
    let mut server = Server { now: 1_000, ..Server::default() };
    server.put("a", r#"{"balance":1}"#);
    let mut killed = Script::begin(&["a"], pessimistic());
    let (_, lease) = killed.calls[0].clone();
    let answer = server.serve(&lease);
    killed.answer(answer);
    killed.plan(&[("a", r#"{"balance":2}"#)]);
    // It is killed; its commit is on the way and will be for long.
    let (_, late) = killed.calls[0].clone();
    let ttl = 5_000;

    let mut other = Script::begin(&["a"], Terms { till: "till-2".into(), ..pessimistic() });
    let mut granted_at = None;
    while granted_at.is_none() {
        server.now = other.now;
        let (_, call) = other.calls[0].clone();
        let answer = server.serve(&call);
        if matches!(answer, Answered::Lease(LeaseOutcome::Granted { .. })) {
            granted_at = Some(other.now);
        }
        other.answer(answer);
        if granted_at.is_none() {
            other.wake();
        }
    }
    let waited = granted_at.unwrap() - 1_000;
    assert!((ttl..ttl + 100).contains(&waited), "{waited}");
    let fenced = server.serve(&late);
    assert!(matches!(fenced, Answered::Commit(CommitOutcome::Fenced { .. })), "{fenced:?}");
    other.plan(&[("a", r#"{"balance":3}"#)]);
    let (_, commit) = other.calls[0].clone();
    let answer = server.serve(&commit);
    other.answer(answer);
    assert!(matches!(other.outcome, Some(Outcome::Committed { .. })));
    let fenced = server.serve(&late);
    assert!(matches!(fenced, Answered::Commit(CommitOutcome::Fenced { .. })), "{fenced:?}");
    assert_eq!(server.documents["a"].1, br#"{"balance":3}"#);
}

#[test]
fn a_renewal_that_is_refused_gives_the_rest_back() {
    let mut script = Script::begin(&["a", "b"], pessimistic());
    script.grant("a", "1");
    script.grant("b", "2");
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Unavailable { retry_after: Some(Millis(4_000)) });
    script.wake();
    let lease = script.answer(held(100));
    assert!(matches!(lease, Call::Lease(lease) if lease.key == "a"));
    assert_eq!(script.released, [("b".to_owned(), "2".to_owned())]);
    assert!(script.steps.contains(&Step::LeaseLost("a".into())));
    while script.calls.is_empty() {
        script.wake();
    }
    // Busy is no proof: the same bytes tell, for their fence is over.
    script.commit(CommitOutcome::Fenced { key: Some("a".into()) });
    let grant = Grant { fence: "3".into(), ttl: Millis(5_000) };
    script.answer(Answered::Lease(LeaseOutcome::Granted { grant, document: None }));
    script.grant("b", "4");
    let load = LoadOutcome::Loaded(copy("a", "9", r#"{"n":1}"#));
    script.answer(Answered::Load(load));
    assert_eq!(script.seen.as_ref().unwrap()[0].1.as_deref(), Some(&br#"{"n":1}"#[..]));
}

/// A lease that may have run out meanwhile does not vouch for the copy that came with it: somebody
/// may have changed one document, and another one since.
#[test]
fn a_refusal_under_a_lease_that_may_be_over_is_looked_at_again() {
    let mut script = Script::begin(&["a", "b"], pessimistic());
    script.grant("a", "1");
    // No answer comes for long, nor one to the renewal.
    let none = || {
        let (retry_after, reached) = (None, false);
        Answered::Lease(LeaseOutcome::Unavailable { retry_after, reached })
    };
    script.now += 3_000;
    script.answer(none());
    while script.calls.is_empty() {
        script.wake();
    }
    script.now += 3_000;
    script.answer(none());
    script.handle(Event::Wake);
    script.grant("b", "2");
    script.handle(Event::PlanRefused("short".into()));
    assert_eq!(script.outcome, None, "a is from before, b from now");
}
