//! Backends of the page that offer more than loads and saves: what they are asked, and what their
//! answers mean.

use restamp::adapters::verdict::{
    apply_outcome, apply_request, commit_outcome, commit_requests, lease_outcome, next_outcome,
};
use restamp::core::call::{
    ApplyCall, ApplyOutcome, Closed, CommitCall, CommitOutcome, Grant, LeaseOutcome, Loaded,
    NextCall, NextOutcome, Submission, UpdateCall, Write,
};
use restamp::core::op::Op;
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;

fn copy(key: &str) -> Loaded {
    Loaded {
        key: Some(key.into()),
        stamp: Some(Stamp("8".into())),
        document: br#"{"n":1.10}"#.to_vec(),
    }
}

#[test]
fn requests_are_the_contract_s() {
    let update = UpdateCall {
        key: "a".into(),
        document: br#"{"n":1.10}"#.to_vec(),
        changed: vec!["n".into()],
        stamp: Stamp("7".into()),
        token: "t".into(),
        submit: false,
        fence: Some("3".into()),
        park: None,
    };
    let create = |key: Option<&str>| Write::Create {
        key: key.map(String::from),
        document: b"{}".to_vec(),
        token: "c".into(),
        fence: key.map(|_| "4".into()),
    };
    let writes = vec![Write::Update(update), create(None), create(Some("b"))];
    let requests = commit_requests(&CommitCall {
        writes,
        token: "t".into(),
        leases: Vec::new(),
        is_final: false,
    });
    assert_eq!(
        String::from_utf8(requests).unwrap(),
        concat!(
            r#"[{"key":"a","doc":{"n":1.10},"changed":["n"],"stamp":"7","token":"t","fence":"3"},"#,
            r#"{"key":null,"doc":{},"changed":[],"stamp":null,"token":"c"},"#,
            r#"{"key":"b","doc":{},"changed":[],"stamp":null,"token":"c","fence":"4"}]"#
        )
    );
    let ops = vec![Op::Set { path: "n".into(), value: b"2".to_vec(), typed: true }];
    let submit = Some(Submission { expected_total: None });
    let (key, stamp, token) = ("a".into(), Stamp("7".into()), "t".into());
    let request = apply_request(&ApplyCall { key, ops, stamp, token, submit });
    assert_eq!(
        String::from_utf8(request).unwrap(),
        r#"{"key":"a","ops":[{"op":"set","path":"n","value":2}],"stamp":"7","token":"t","submit":{}}"#
    );
}

#[test]
fn each_answer_to_a_commit_has_one_meaning() {
    let documents = r#""documents":[{"key":"a","stamp":"8","doc":{"n":1.10}}]"#;
    for (verdict, expected) in [
        (
            format!(r#"{{"kind":"saved",{documents}}}"#),
            CommitOutcome::Committed { documents: vec![copy("a")], replayed: false },
        ),
        (
            format!(r#"{{"kind":"stale","stale":["a"],{documents}}}"#),
            CommitOutcome::Stale { keys: vec!["a".into()], documents: vec![copy("a")] },
        ),
        (
            r#"{"kind":"stale"}"#.into(),
            CommitOutcome::Stale { keys: Vec::new(), documents: Vec::new() },
        ),
        (r#"{"kind":"fenced","key":"a"}"#.into(), CommitOutcome::Fenced { key: Some("a".into()) }),
        (
            r#"{"kind":"leased","retryAfter":9}"#.into(),
            CommitOutcome::Leased { retry_after: Some(Millis(9)) },
        ),
        (r#"{"kind":"exists","key":"a"}"#.into(), CommitOutcome::Exists { key: Some("a".into()) }),
        (r#"{"kind":"gone"}"#.into(), CommitOutcome::Gone { key: None }),
        (
            r#"{"kind":"unavailable","retryAfter":70.5}"#.into(),
            CommitOutcome::Unavailable { retry_after: Some(Millis(70)) },
        ),
        (r#"{"kind":"unauthenticated"}"#.into(), CommitOutcome::Unauthenticated { csrf: false }),
        (r#"{"kind":"in-doubt"}"#.into(), CommitOutcome::InDoubt),
        (String::new(), CommitOutcome::InDoubt),
        ("[]".into(), CommitOutcome::InDoubt),
    ] {
        assert_eq!(commit_outcome(verdict.as_bytes()), expected, "{verdict}");
    }
}

#[test]
fn each_answer_to_a_lease_has_one_meaning() {
    let grant = |ttl| LeaseOutcome::Granted {
        grant: Grant { fence: "3".into(), ttl: Millis(ttl) },
        document: None,
    };
    let unknown = || LeaseOutcome::Unavailable { retry_after: None, reached: false };
    let unusable = || LeaseOutcome::Unavailable { retry_after: None, reached: true };
    for (answer, expected) in [
        (r#"{"granted":true,"fence":"3","until":6000}"#, grant(5_000)),
        (r#"{"granted":true,"fence":"3","ttl":4000}"#, grant(4_000)),
        (r#"{"granted":true,"fence":"3","until":900}"#, unusable()),
        (r#"{"granted":true,"until":6000}"#, unusable()),
        (
            r#"{"granted":false,"retryAfter":40}"#,
            LeaseOutcome::Held { retry_after: Some(Millis(40)) },
        ),
        (r#"{"kind":"gone"}"#, LeaseOutcome::Gone),
        (r#"{"kind":"unauthenticated"}"#, LeaseOutcome::Unauthenticated { csrf: false }),
        ("", unknown()),
        ("{}", unknown()),
    ] {
        assert_eq!(lease_outcome("a", answer.as_bytes(), Millis(1_000)), expected, "{answer}");
    }
    let with = br#"{"granted":true,"fence":"3","ttl":1,"stamp":"8","doc":{"n":1.10}}"#;
    let LeaseOutcome::Granted { document, .. } = lease_outcome("a", with, Millis(0)) else {
        panic!("granted")
    };
    assert_eq!(document, Some(copy("a")));
}

#[test]
fn each_answer_to_numbers_and_to_an_apply_has_one_meaning() {
    let call = NextCall { sequence: "s".into(), count: 3, token: "t".into() };
    for (answer, expected) in [
        (r#"{"first":"41"}"#, NextOutcome::Numbers { first: 41, count: 3 }),
        (r#"{"first":"x"}"#, NextOutcome::InDoubt),
        (r#"{"first":41}"#, NextOutcome::InDoubt),
        (r#"{"kind":"unavailable"}"#, NextOutcome::Unavailable { retry_after: None }),
        ("", NextOutcome::InDoubt),
    ] {
        assert_eq!(next_outcome(&call, answer.as_bytes()), expected, "{answer}");
    }
    let doc = r#""stamp":"8","doc":{"n":1.10}"#;
    for (verdict, expected) in [
        (
            format!(r#"{{"kind":"saved",{doc},"incoming":["n"],"replayed":true}}"#),
            ApplyOutcome::Applied {
                document: copy("a"),
                incoming: vec!["n".into()],
                reapplied: Vec::new(),
                replayed: true,
            },
        ),
        (r#"{"kind":"saved","stamp":"8"}"#.into(), ApplyOutcome::InDoubt),
        (
            format!(r#"{{"kind":"stale",{doc},"conflicts":[{{"path":"n"}}]}}"#),
            ApplyOutcome::Conflict {
                conflicts: br#"[{"path":"n"}]"#.to_vec(),
                document: copy("a"),
            },
        ),
        (
            format!(r#"{{"kind":"stale",{doc},"conflicts":[]}}"#),
            ApplyOutcome::Stale { document: Some(copy("a")) },
        ),
        (r#"{"kind":"stale"}"#.into(), ApplyOutcome::Stale { document: None }),
        (
            r#"{"kind":"closed","state":"cancelled"}"#.into(),
            ApplyOutcome::Closed(Closed::Cancelled),
        ),
        (r#"{"kind":"gone"}"#.into(), ApplyOutcome::Gone),
        (String::new(), ApplyOutcome::InDoubt),
    ] {
        assert_eq!(apply_outcome("a", verdict.as_bytes()), expected, "{verdict}");
    }
}
