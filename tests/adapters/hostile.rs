//! Answers that are anything: cut off, random, huge, deeply nested.

use crate::recorded::{exchanges, meaning, say};
use crate::rest_recorded::{kinto, pouchdb};
use restamp::adapters::frappe::Frappe;
use restamp::adapters::rest::Rest;
use restamp::adapters::{Adapter, CallKind, HttpResponse, SaveKind};

const KINDS: [CallKind; 6] = [
    CallKind::Load,
    CallKind::Find,
    CallKind::Save(SaveKind::Create),
    CallKind::Save(SaveKind::Update),
    CallKind::Save(SaveKind::Submit),
    CallKind::Save(SaveKind::Delete),
];

fn all(adapter: &dyn Adapter, status: u16, body: &[u8]) -> Vec<String> {
    let headers = [(String::from("etag"), String::from("\"1\""))];
    let response = HttpResponse { status, headers: &headers, body };
    KINDS.iter().map(|kind| say(&meaning(adapter, *kind, &response))).collect()
}

fn adapters() -> [Box<dyn Adapter>; 4] {
    [Box::new(Frappe::default()), Box::new(Rest::default()), Box::new(kinto()), Box::new(pouchdb())]
}

/// A cut body is never taken for a success: it is no whole JSON any more.
#[test]
fn a_recorded_answer_that_breaks_off_is_never_a_success() {
    let [frappe, rest, kinto, pouchdb] = adapters();
    for (backend, adapter) in
        [("frappe", frappe), ("kinto", kinto), ("express-pouchdb", pouchdb), ("sap-cap", rest)]
    {
        for one in exchanges(backend) {
            // Byte 0 is an empty body, which is a success of a REST server's 204.
            for end in (1..one.body.len()).step_by(7) {
                let body = &one.body[..end];
                for told in all(adapter.as_ref(), one.status, body) {
                    let success = told.starts_with("saved") || told.starts_with("loaded");
                    assert!(!success, "{}/{} cut at {end}: {told}", one.file, one.index);
                }
            }
        }
    }
}

#[test]
fn random_bytes_prove_nothing() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet = br#"{}[]",:\u0019tfn"name""data""exc_type"<&;/ "#;
    for round in 0..20_000 {
        let length = next() % 60;
        let body: Vec<u8> = (0..length)
            .map(|_| {
                let random = next();
                if round % 2 == 0 {
                    random as u8
                } else {
                    alphabet[random as usize % alphabet.len()]
                }
            })
            .collect();
        let status = (next() % 600) as u16;
        for adapter in adapters() {
            all(adapter.as_ref(), status, &body);
        }
    }
}

#[test]
fn a_body_over_the_limit_is_unreadable() {
    let mut body = br#"{"data":{"name":"A","modified":"m","id":"A","x":""#.to_vec();
    body.resize(30 * 1024 * 1024, b'x');
    body.extend_from_slice(b"\"}}");
    for adapter in adapters() {
        let told = all(adapter.as_ref(), 200, &body);
        assert_eq!(told[0], "unusable");
        assert_eq!(told[3], "in doubt");
    }
}

#[test]
fn deep_nesting_is_unreadable() {
    for (open, close) in [("[", "]"), (r#"{"data":"#, "}"), (r#"[{"errors":"#, "}]")] {
        let body = format!(r#"{{"data":{}1{}}}"#, open.repeat(10_000), close.repeat(10_000));
        for status in [200, 404, 412, 417, 422, 500] {
            for adapter in adapters() {
                for told in all(adapter.as_ref(), status, body.as_bytes()) {
                    assert!(!told.starts_with("saved") && !told.starts_with("loaded"), "{told}");
                }
            }
        }
    }
    // Deep only inside the strings of a refusal, where Frappe nests JSON in JSON.
    let deep =
        serde_json::json!([serde_json::json!({ "message": "[".repeat(10_000) }).to_string()]);
    let body =
        serde_json::json!({ "exc_type": "ValidationError", "_server_messages": deep.to_string() });
    let told = all(&Frappe::default(), 417, body.to_string().as_bytes());
    assert!(told[3].starts_with("invalid | [[[") && told[3].len() < 2_100);
}

/// Found by fuzzing: a body without a status was believed.
#[test]
fn a_body_without_a_status_proves_nothing() {
    for body in [r#"{"exc_type":"DoesNotExistError"}"#, r#"{"code":"23505"}"#, r#"{"data":{}}"#] {
        for adapter in adapters() {
            let told = all(adapter.as_ref(), 0, body.as_bytes());
            assert_eq!(told[..2], ["unreached", "unreached"], "{body}");
            assert!(told[2..].iter().all(|told| told == "in doubt"), "{told:?}");
        }
    }
}

#[test]
fn odd_members_change_nothing() {
    let rows = [
        (
            200,
            r#"{"__proto__":{"exc_type":"X"},"constructor":1,"data":{"name":"A","modified":"m","__proto__":null}}"#,
            "saved A m",
        ),
        (200, r#"{"data":{"name":"no"},"data":{"name":"A","modified":"m"}}"#, "saved A m"),
        (200, r#"{"data":{"name":12,"modified":null}}"#, "saved 12"),
        (200, r#"{"data":{"name":"","modified":""}}"#, "in doubt"),
        (200, r#"{"data":null,"message":null,"docs":[]}"#, "in doubt"),
        (417, r#"{"exc_type":null,"exception":null,"errors":null}"#, "in doubt"),
        (417, r#"{"exc_type":{"a":1},"_server_messages":"not a list"}"#, "invalid | HTTP 417"),
        (417, r#"{"errors":[{"type":["TimestampMismatchError"]}]}"#, "in doubt"),
        (417, r#"{"errors":[]}"#, "in doubt"),
        (417, "\u{feff}{\"exc_type\":\"TimestampMismatchError\"}", "in doubt"),
        (403, r#"{"exc_type":"PermissionError","session_expired":"0"}"#, "forbidden | HTTP 403"),
        (200, "null", "in doubt"),
    ];
    for (status, body, expected) in rows {
        assert_eq!(all(&Frappe::default(), status, body.as_bytes())[3], expected, "{body}");
    }
    let not_text = [&b"{\"data\":{\"name\":\"\xff\",\"modified\":\"m\"}}"[..], b"\x1f\x8b\x08"];
    for body in not_text {
        assert_eq!(all(&Frappe::default(), 200, body)[3], "in doubt");
    }
}

/// Whatever comes: no panic, and without a status or with half a body nothing was done.
#[test]
fn answers_to_further_calls_that_break_off_prove_nothing() {
    use restamp::adapters::rest::Offers;
    use restamp::core::call::{
        Answered, ApplyCall, ApplyOutcome, BatchCall, BatchOutcome, Call, CommitCall,
        CommitOutcome, LeaseCall, LeaseOutcome, NextCall, NextOutcome,
    };
    use restamp::core::stamp::Stamp;
    use restamp::core::time::Millis;
    let (key, token) = (String::from("k"), String::from("t"));
    let stamp = Stamp(String::from("\"1\""));
    let calls = [
        Call::Commit(CommitCall {
            writes: Vec::new(),
            token: token.clone(),
            leases: Vec::new(),
            is_final: false,
        }),
        Call::Lease(LeaseCall {
            key: key.clone(),
            holder: String::from("h"),
            ttl: Millis(1),
            wait: None,
            with_document: true,
        }),
        Call::Batch(BatchCall::Load { keys: vec![key.clone()] }),
        Call::Batch(BatchCall::Lease {
            keys: vec![key.clone()],
            holder: String::from("h"),
            ttl: Millis(1),
            wait: None,
            if_contended: false,
        }),
        Call::Next(NextCall { sequence: key.clone(), count: 1, token: token.clone() }),
        Call::Apply(ApplyCall { key, ops: Vec::new(), stamp, token, submit: None }),
    ];
    let success = |answered: &Answered| {
        matches!(
            answered,
            Answered::Commit(CommitOutcome::Committed { .. })
                | Answered::Lease(LeaseOutcome::Granted { .. })
                | Answered::Batch(BatchOutcome::Loaded(_) | BatchOutcome::Leased(_))
                | Answered::Next(NextOutcome::Numbers { .. })
                | Answered::Apply(ApplyOutcome::Applied { .. })
        )
    };
    let rest = Rest { offers: Offers::ALL, ..Rest::default() };
    let body = br#"{"documents":[{"id":"k","stamp":"\"2\"","doc":{}}],"fence":"1","ttl":9,"first":"1","count":1,"stamp":"\"2\"","doc":{},"stale":["k"],"code":"conflict","conflicts":[1],"leases":[]}"#;
    for call in &calls {
        let told = |status: u16, body: &[u8]| {
            rest.classify(call, &HttpResponse { status, headers: &[], body })
        };
        assert!(success(&told(200, body)), "{call:?}");
        for end in 0..body.len() {
            assert!(!success(&told(200, &body[..end])), "{call:?} cut at {end}");
        }
        for status in (0..200).chain(300..=599) {
            for body in [&body[..], b"", b"[]", b"<html>", b"{\"code\":7}"] {
                assert!(!success(&told(status, body)), "{call:?} {status}");
            }
        }
    }
}
