//! What a REST server may have beyond documents: requests byte for byte, and tables of answers.

use restamp::adapters::frappe::Frappe;
use restamp::adapters::rest::{Offers, Rest, StampPlace};
use restamp::adapters::{options, Adapter, HttpResponse, SaveKind, TokenSupport};
use restamp::core::call::{
    Answered, ApplyCall, ApplyOutcome, BatchCall, BatchOutcome, Call, CommitCall, CommitOutcome,
    CreateCall, LeaseCall, LeaseOutcome, Leased, Loaded, Missing, NextCall, NextOutcome,
    NotSupported, ReleaseCall, SaveOutcome, Submission, UpdateCall, Write,
};
use restamp::core::op::Op;
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;

fn all() -> Rest {
    Rest { path: "/rest/wallets".into(), offers: Offers::ALL, ..Rest::default() }
}

fn update(fence: Option<&str>, park: Option<u64>) -> UpdateCall {
    UpdateCall {
        key: "w 1".into(),
        document: br#"{"balance":1.10}"#.to_vec(),
        changed: vec!["balance".into()],
        stamp: Stamp("\"7\"".into()),
        token: "t-1".into(),
        submit: false,
        fence: fence.map(String::from),
        park: park.map(Millis),
    }
}

fn commit() -> Call {
    let writes = vec![
        Write::Update(update(Some("3"), None)),
        Write::Create { key: None, document: b"{}".to_vec(), token: "c-1".into(), fence: None },
        Write::Create {
            key: Some("w2".into()),
            document: b"{}".to_vec(),
            token: "c-2".into(),
            fence: Some("8".into()),
        },
    ];
    let leases = [("w 1", "3"), ("w9", "4")];
    let leases = leases.map(|(key, fence)| ReleaseCall { key: key.into(), fence: fence.into() });
    Call::Commit(CommitCall { writes, token: "t-9".into(), leases: leases.into(), is_final: true })
}

fn lease() -> Call {
    Call::Lease(LeaseCall {
        key: "w1".into(),
        holder: "till-1/x".into(),
        ttl: Millis(5_000),
        wait: Some(Millis(1_250)),
        with_document: true,
    })
}

fn keys() -> Vec<String> {
    vec!["w1".into(), "w2".into()]
}

fn leases() -> Call {
    Call::Batch(BatchCall::Lease {
        keys: keys(),
        holder: "till-1/x".into(),
        ttl: Millis(5_000),
        wait: Some(Millis(1_250)),
        if_contended: false,
    })
}

fn apply() -> Call {
    let by = restamp::core::amount::decimal("2").unwrap();
    let ops = vec![Op::Increment { path: "items[r1].qty".into(), by, token: Some("o-1".into()) }];
    let submit = Some(Submission { expected_total: Some("12.50".into()) });
    Call::Apply(ApplyCall {
        key: "w1".into(),
        ops,
        stamp: Stamp("\"7\"".into()),
        token: "t-2".into(),
        submit,
    })
}

fn next() -> Call {
    Call::Next(NextCall { sequence: "cust/1".into(), count: 3, token: "n-1".into() })
}

fn release() -> Call {
    Call::Release(ReleaseCall { key: "w1".into(), fence: "12".into() })
}

fn lines(adapter: &Rest, call: &Call) -> String {
    let request = adapter.request(call).unwrap();
    let mut out = format!("{} {}", request.method, request.path);
    for (name, value) in &request.headers {
        if *name != "Accept" && *name != "Content-Type" {
            out.push_str(&format!("\n{name}: {value}"));
        }
    }
    if let Some(body) = &request.body {
        out.push('\n');
        out.push_str(std::str::from_utf8(body).unwrap());
    }
    out
}

#[test]
fn requests_follow_the_protocol() {
    for (call, expected) in [
        (
            commit(),
            concat!(
                "POST /rest/wallets/_commit\nIdempotency-Key: t-9\nPrefer: return=representation\n",
                r#"{"writes":[{"id":"w 1","stamp":"\"7\"","fence":"3","doc":{"balance":1.10}},"#,
                r#"{"id":null,"stamp":null,"token":"c-1","doc":{}},"#,
                r#"{"id":"w2","stamp":null,"token":"c-2","fence":"8","doc":{}}],"#,
                r#""release":true,"leases":[{"id":"w9","fence":"4"}],"final":true}"#
            ),
        ),
        (
            Call::Batch(BatchCall::Load { keys: keys() }),
            "POST /rest/wallets/_documents\n{\"ids\":[\"w1\",\"w2\"]}",
        ),
        (
            leases(),
            concat!(
                "POST /rest/wallets/_leases\nPrefer: wait=2, return=representation\n",
                r#"{"ids":["w1","w2"],"holder":"till-1/x","ttl":5000}"#
            ),
        ),
        (
            Call::Batch(BatchCall::Release(vec![ReleaseCall {
                key: "w1".into(),
                fence: "12".into(),
            }])),
            "POST /rest/wallets/_release\n{\"leases\":[{\"id\":\"w1\",\"fence\":\"12\"}]}",
        ),
        (
            lease(),
            concat!(
                "POST /rest/wallets/w1/_lease\nPrefer: wait=2, return=representation\n",
                r#"{"holder":"till-1/x","ttl":5000}"#
            ),
        ),
        (release(), "DELETE /rest/wallets/w1/_lease\nFence: 12"),
        (next(), "POST /rest/wallets/_sequences/cust%2F1\nIdempotency-Key: n-1\n{\"count\":3}"),
        (
            apply(),
            concat!(
                "POST /rest/wallets/w1/_apply\nIdempotency-Key: t-2\n",
                "Prefer: return=representation\n",
                r#"{"ops":[{"op":"increment","path":"items[r1].qty","by":"2","token":"o-1"}],"#,
                r#""stamp":"\"7\"","submit":{"expectedTotal":"12.50"}}"#
            ),
        ),
        (
            Call::Update(update(Some("3"), Some(1_000))),
            concat!(
                "PUT /rest/wallets/w%201\nIf-Match: \"7\"\nIdempotency-Key: t-1\nFence: 3\n",
                "Prefer: park=1000, return=representation\n{\"balance\":1.10}"
            ),
        ),
        (
            Call::Update(update(None, None)),
            concat!(
                "PUT /rest/wallets/w%201\nIf-Match: \"7\"\nIdempotency-Key: t-1\n",
                "Prefer: return=representation\n{\"balance\":1.10}"
            ),
        ),
    ] {
        assert_eq!(lines(&all(), &call), expected);
    }
    // A server without these gets a plain save.
    let plain = Rest { offers: Offers::default(), ..all() };
    let save = lines(&plain, &Call::Update(update(Some("3"), Some(1_000))));
    assert_eq!(save, "PUT /rest/wallets/w%201\nIf-Match: \"7\"\n{\"balance\":1.10}");
    // A stamp in the document goes along in the document.
    let field = Rest { stamp: StampPlace::Field("version".into()), ..all() };
    let mut update = update(None, None);
    update.stamp = Stamp("7".into());
    let writes = vec![Write::Update(update)];
    let commit =
        Call::Commit(CommitCall { writes, token: "t".into(), leases: Vec::new(), is_final: false });
    assert!(lines(&field, &commit).ends_with(r#""doc":{"balance":1.10,"version":7}}]}"#));
}

#[test]
fn what_is_not_offered_is_not_asked_for() {
    let rest = Rest { offers: Offers::default(), ..all() };
    let frappe = Frappe { doctype: "Wallet".into(), ..Frappe::default() };
    for (call, what) in [
        (commit(), Missing::Transactions),
        (lease(), Missing::Leases),
        (release(), Missing::Leases),
        (leases(), Missing::Batches),
        (next(), Missing::Sequences),
        (apply(), Missing::Apply),
    ] {
        for adapter in [&rest as &dyn Adapter, &frappe] {
            assert_eq!(adapter.request(&call), Err(NotSupported { what }));
        }
        assert!(what.remedy().contains("offers") && !what.name().is_empty());
        let (missing, answered) = call.needs().unwrap();
        assert_eq!(missing, what);
        // The shell answers such a call as a server would that has no such route.
        let none = HttpResponse { status: 501, headers: &[], body: b"" };
        assert_eq!(all().classify(&call, &none), answered);
        assert_eq!(frappe.classify(&call, &none), answered);
    }
}

#[test]
fn offers_are_read_by_name() {
    let offers = |text: &str| {
        let text = format!(r#"{{"path":"/d","offers":{text}}}"#);
        options::rest(text.as_bytes()).map(|rest| rest.offers)
    };
    assert_eq!(offers(r#""all""#), Ok(Offers::ALL));
    assert_eq!(offers("[]"), Ok(Offers::default()));
    assert_eq!(offers("null"), Ok(Offers::default()));
    let all =
        r#"["transactions","leases","sequences","changes","apply","parking","batches","tokens"]"#;
    assert_eq!(offers(all), Ok(Offers::ALL));
    let some = Offers { leases: true, parking: true, ..Offers::default() };
    assert_eq!(offers(r#"["leases","parking"]"#), Ok(some));
    for wrong in [r#"["lease"]"#, r#""some""#, "true", "[1]", "{}"] {
        assert_eq!(offers(wrong), Err("offers"), "{wrong}");
    }
    let guarantees = Rest { offers: some, ..Rest::default() }.guarantees();
    assert_eq!(guarantees.token, TokenSupport::None);
    assert_eq!(
        String::from_utf8(guarantees.to_json()).unwrap(),
        r#"{"compareAndSet":"atomic","token":"none","transactions":false,"leases":true,"sequences":false,"changes":false,"apply":false,"parking":true}"#
    );
    let guarantees = self::all().guarantees();
    assert_eq!(
        String::from_utf8(guarantees.to_json()).unwrap(),
        r#"{"compareAndSet":"atomic","token":"native","transactions":true,"leases":true,"sequences":true,"changes":true,"apply":true,"parking":true,"batches":true,"replays":true}"#
    );
}

const PAGE: &str = "<html><h1>Bad Gateway</h1></html>";

/// A retry-after of two seconds, in case it is asked for.
fn answered(call: &Call, status: u16, body: &str) -> String {
    let headers = [("retry-after".to_owned(), "2".to_owned())];
    let response = HttpResponse { status, headers: &headers, body: body.as_bytes() };
    match all().classify(call, &response) {
        Answered::Commit(outcome) => say_commit(&outcome),
        Answered::Lease(outcome) => say_lease(&outcome),
        Answered::Next(outcome) => say_next(&outcome),
        Answered::Apply(outcome) => say_apply(&outcome),
        Answered::Batch(outcome) => say_batch(&outcome),
        Answered::Released => "released".into(),
        other @ (Answered::Save(_) | Answered::Load(_) | Answered::Find(_)) => panic!("{other:?}"),
    }
}

fn say_copy(copy: &Loaded) -> String {
    let key = copy.key.as_deref().unwrap_or("?");
    let stamp = copy.stamp.as_ref().map_or("?", |stamp| stamp.0.as_str());
    format!(" {key}={stamp}")
}

fn say_copies(copies: &[Loaded]) -> String {
    copies.iter().map(say_copy).collect()
}

fn wait(retry_after: Option<Millis>) -> String {
    retry_after.map_or(String::new(), |wait| format!(" {}", wait.0))
}

fn say_commit(outcome: &CommitOutcome) -> String {
    let of = |key: &Option<String>| key.as_deref().unwrap_or("?").to_owned();
    match outcome {
        CommitOutcome::Committed { documents, replayed } => {
            format!("committed{}{}", if *replayed { " again" } else { "" }, say_copies(documents))
        }
        CommitOutcome::Stale { keys, documents } => {
            format!("stale {keys:?}{}", say_copies(documents))
        }
        CommitOutcome::Fenced { key } => format!("fenced {}", of(key)),
        CommitOutcome::Gone { key } => format!("gone {}", of(key)),
        CommitOutcome::Exists { key } => format!("exists {}", of(key)),
        CommitOutcome::Leased { retry_after } => format!("leased{}", wait(*retry_after)),
        CommitOutcome::Unavailable { retry_after } => format!("busy{}", wait(*retry_after)),
        CommitOutcome::InDoubt => "in doubt".into(),
        CommitOutcome::Unauthenticated { .. } => "signed out".into(),
        CommitOutcome::Rejected(rejection) => format!("rejected {}", rejection.message),
        CommitOutcome::NotSupported => "not supported".into(),
    }
}

fn say_lease(outcome: &LeaseOutcome) -> String {
    match outcome {
        LeaseOutcome::Granted { grant, document } => {
            let copy = document.as_ref().map_or(String::new(), say_copy);
            format!("granted {} {}{copy}", grant.fence, grant.ttl.0)
        }
        LeaseOutcome::Held { retry_after } => format!("held{}", wait(*retry_after)),
        LeaseOutcome::Gone => "gone".into(),
        LeaseOutcome::Unavailable { retry_after, reached } => {
            format!("{}{}", if *reached { "unusable" } else { "unreached" }, wait(*retry_after))
        }
        LeaseOutcome::Unauthenticated { .. } => "signed out".into(),
        LeaseOutcome::Rejected(rejection) => format!("rejected {}", rejection.message),
        LeaseOutcome::NotSupported => "not supported".into(),
    }
}

fn say_next(outcome: &NextOutcome) -> String {
    match outcome {
        NextOutcome::Numbers { first, count } => format!("{count} from {first}"),
        NextOutcome::Unavailable { retry_after } => format!("busy{}", wait(*retry_after)),
        NextOutcome::InDoubt => "in doubt".into(),
        NextOutcome::Unauthenticated { .. } => "signed out".into(),
        NextOutcome::Rejected(rejection) => format!("rejected {}", rejection.message),
        NextOutcome::NotSupported => "not supported".into(),
    }
}

fn say_apply(outcome: &ApplyOutcome) -> String {
    match outcome {
        ApplyOutcome::Applied { document, incoming, reapplied, replayed } => {
            let again = if *replayed { " again" } else { "" };
            format!("applied{again}{} in {incoming:?} over {reapplied:?}", say_copy(document))
        }
        ApplyOutcome::Conflict { conflicts, document } => {
            format!("conflict {}{}", String::from_utf8_lossy(conflicts), say_copy(document))
        }
        ApplyOutcome::Stale { document } => {
            format!("stale{}", document.as_ref().map_or(String::new(), say_copy))
        }
        ApplyOutcome::Closed(state) => format!("closed {state:?}"),
        ApplyOutcome::Gone => "gone".into(),
        ApplyOutcome::Locked { retry_after } => format!("locked{}", wait(*retry_after)),
        ApplyOutcome::Unavailable { retry_after } => format!("busy{}", wait(*retry_after)),
        ApplyOutcome::InDoubt => "in doubt".into(),
        ApplyOutcome::Unauthenticated { .. } => "signed out".into(),
        ApplyOutcome::Rejected(rejection) => format!("rejected {}", rejection.message),
        ApplyOutcome::NotSupported => "not supported".into(),
    }
}

fn check(call: &Call, rows: &[(u16, &str, &str)]) {
    for (status, body, expected) in rows {
        assert_eq!(answered(call, *status, body), *expected, "{status} {body}");
    }
}

#[test]
fn each_answer_to_a_commit_has_one_meaning() {
    let copies = r#""documents":[{"id":"w1","stamp":"\"8\"","doc":{"n":1}},{"id":"w2","stamp":"\"1\"","doc":{}}]"#;
    check(
        &commit(),
        &[
            (200, &format!(r#"{{{copies},"replayed":false}}"#), "committed w1=\"8\" w2=\"1\""),
            (200, r#"{"documents":[],"replayed":true}"#, "committed again"),
            (200, r#"{"documents":[{"id":"w1"}]}"#, "committed"),
            (200, r#"{"documents":[{"id":"#, "in doubt"),
            (200, "[]", "in doubt"),
            (200, PAGE, "in doubt"),
            (200, "", "in doubt"),
            (
                412,
                &format!(r#"{{"code":"stale","stale":["w1"],{copies}}}"#),
                "stale [\"w1\"] w1=\"8\" w2=\"1\"",
            ),
            (412, "", "stale []"),
            (409, r#"{"code":"fenced","id":"w1"}"#, "fenced w1"),
            (409, r#"{"code":"exists","id":"w9","field":"phone"}"#, "exists w9"),
            (404, r#"{"code":"not_found","id":"w1"}"#, "gone w1"),
            (404, r#"{"message":"no route"}"#, "not supported"),
            (404, "", "not supported"),
            (404, PAGE, "in doubt"),
            (405, "", "not supported"),
            (501, PAGE, "not supported"),
            (423, r#"{"code":"leased","id":"w1","retry_after":730}"#, "leased 730"),
            (423, "", "busy 2000"),
            (503, r#"{"code":"busy"}"#, "busy 2000"),
            (429, "", "busy 2000"),
            (422, r#"{"code":"token_reused","message":"other bytes"}"#, "rejected other bytes"),
            (403, r#"{"message":"no"}"#, "rejected no"),
            (401, PAGE, "signed out"),
            (500, "", "in doubt"),
            (500, r#"{"code":"40001"}"#, "busy 2000"),
            (502, PAGE, "in doubt"),
            (0, "", "in doubt"),
        ],
    );
}

#[test]
fn each_answer_to_a_lease_has_one_meaning() {
    check(
        &lease(),
        &[
            (200, r#"{"fence":"12","ttl":5000}"#, "granted 12 5000"),
            (
                200,
                r#"{"fence":12,"ttl":5000,"stamp":"\"7\"","doc":{}}"#,
                "granted 12 5000 w1=\"7\"",
            ),
            (200, r#"{"fence":"12"}"#, "unusable 2000"),
            (200, r#"{"fence":"1\n2","ttl":5000}"#, "unusable 2000"),
            (200, PAGE, "unusable 2000"),
            (423, r#"{"code":"leased","retry_after":480}"#, "held 480"),
            (423, "", "held 2000"),
            (404, r#"{"code":"not_found"}"#, "gone"),
            (404, "", "not supported"),
            (404, PAGE, "unusable 2000"),
            (503, "", "unusable 2000"),
            (401, "", "signed out"),
            (422, r#"{"message":"ttl"}"#, "rejected ttl"),
            (0, "", "unreached 2000"),
        ],
    );
    check(&release(), &[(204, "", "released"), (0, "", "released"), (500, PAGE, "released")]);
}

#[test]
fn each_answer_to_a_request_for_numbers_has_one_meaning() {
    check(
        &next(),
        &[
            (200, r#"{"first":"41","count":3}"#, "3 from 41"),
            (200, r#"{"first":41,"count":3}"#, "3 from 41"),
            (200, r#"{"first":"-1","count":3}"#, "in doubt"),
            (200, r#"{"first":"99999999999999999999999","count":3}"#, "in doubt"),
            (200, r#"{"count":3}"#, "in doubt"),
            (200, PAGE, "in doubt"),
            (503, "", "busy 2000"),
            (404, "", "not supported"),
            (
                404,
                r#"{"code":"not_found","message":"no such sequence"}"#,
                "rejected no such sequence",
            ),
            (422, r#"{"message":"count"}"#, "rejected count"),
            (401, "", "signed out"),
            (500, "", "in doubt"),
            (0, "", "in doubt"),
        ],
    );
}

fn say_batch(outcome: &BatchOutcome) -> String {
    match outcome {
        BatchOutcome::Loaded(found) => format!("loaded{}", say_copies(found)),
        BatchOutcome::Leased(leased) => {
            let one = |one: &Leased| {
                let copy = one.document.as_ref().map_or(" none".into(), say_copy);
                format!("{}:{} {}{copy}", one.key, one.grant.fence, one.grant.ttl.0)
            };
            format!("leased {}", leased.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        BatchOutcome::Not(LeaseOutcome::Gone) => "not supported".into(),
        BatchOutcome::Not(refused) => say_lease(refused),
    }
}

#[test]
fn each_answer_to_a_batch_has_one_meaning() {
    let both = r#"{"leases":[{"id":"w1","fence":"7","stamp":"\"9\"","doc":{"n":1}},{"id":"w2","fence":"8","stamp":null,"doc":null}],"ttl":5000}"#;
    let others = [
        (503, r#"{"code":"busy"}"#, "unusable 2000"),
        (404, r#"{"code":"not_found"}"#, "not supported"),
        (404, "", "not supported"),
        (405, r#"{"code":"method_not_allowed"}"#, "not supported"),
        (401, "", "signed out"),
        (422, r#"{"code":"invalid","message":"holder"}"#, "rejected holder"),
        (0, "", "unreached 2000"),
        (200, PAGE, "unusable 2000"),
        (200, "{}", "unusable 2000"),
    ];
    let held = r#"{"code":"leased","id":"w1","retry_after":40}"#;
    check(&leases(), &[(200, both, r#"leased w1:7 5000 w1="9", w2:8 5000 none"#)]);
    check(&leases(), &[(423, held, "held 40")]);
    check(&leases(), &others);
    let load = Call::Batch(BatchCall::Load { keys: keys() });
    let found = r#"{"documents":[{"id":"w2","stamp":"\"3\"","doc":{}}]}"#;
    check(&load, &[(200, found, r#"loaded w2="3""#), (200, r#"{"documents":[]}"#, "loaded")]);
    check(&load, &others);
    let mut if_contended = leases();
    if let Call::Batch(BatchCall::Lease { if_contended, .. }) = &mut if_contended {
        *if_contended = true;
    }
    assert!(lines(&all(), &if_contended).ends_with(r#""ttl":5000,"if_contended":true}"#));
    check(&if_contended, &[(200, found, r#"loaded w2="3""#), (423, held, "held 40")]);
    check(&if_contended, &[(200, both, r#"leased w1:7 5000 w1="9", w2:8 5000 none"#)]);
    check(&leases(), &[(200, found, "unusable 2000")]);
    let back = Call::Batch(BatchCall::Release(Vec::new()));
    check(&back, &[(204, "", "released"), (500, "", "released")]);
}

#[test]
fn each_answer_to_an_apply_has_one_meaning() {
    check(
        &apply(),
        &[
            (
                200,
                r#"{"stamp":"\"9\"","doc":{"n":1},"incoming":["n"],"reapplied":["items[r1].qty"],"replayed":true}"#,
                r#"applied again w1="9" in ["n"] over ["items[r1].qty"]"#,
            ),
            (200, r#"{"stamp":"\"9\""}"#, "in doubt"),
            (
                409,
                r#"{"code":"conflict","conflicts":[{"path":"n"}],"stamp":"\"9\"","doc":{}}"#,
                r#"conflict [{"path":"n"}] w1="9""#,
            ),
            (409, r#"{"code":"closed","state":"submitted"}"#, "closed Submitted"),
            (409, r#"{"code":"closed","state":"cancelled"}"#, "closed Cancelled"),
            (409, r#"{"code":"exists","id":"w9","message":"taken"}"#, "rejected taken"),
            (412, r#"{"code":"stale","stamp":"\"9\"","doc":{}}"#, "stale w1=\"9\""),
            (409, r#"{"code":"fenced"}"#, "stale"),
            (404, r#"{"code":"not_found"}"#, "gone"),
            (404, "", "not supported"),
            (423, r#"{"code":"leased","retry_after":30}"#, "locked 30"),
            (503, "", "busy 2000"),
            (422, r#"{"message":"ops"}"#, "rejected ops"),
            (401, "", "signed out"),
            (500, "", "in doubt"),
            (0, "", "in doubt"),
        ],
    );
}

fn saved(kind: SaveKind, status: u16, headers: &[(&str, &str)], body: &str) -> SaveOutcome {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let response = HttpResponse { status, headers: &headers, body: body.as_bytes() };
    all().classify_save(kind, &response)
}

#[test]
fn a_parked_save_comes_back_with_the_newest_copy_and_a_lease() {
    let headers = [("etag", "\"9\""), ("fence", "12"), ("lease-ttl", "1000")];
    let outcome = saved(SaveKind::Update, 412, &headers, r#"{"id":"w1","n":2}"#);
    let SaveOutcome::Stale { current, document, fence: Some(grant), retry_after: None } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((current, document.is_some()), (Some(Stamp("\"9\"".into())), true));
    assert_eq!((grant.fence.as_str(), grant.ttl), ("12", Millis(1_000)));
    let full = saved(SaveKind::Update, 412, &[("retry-after-ms", "700")], r#"{"id":"w1","n":2}"#);
    let SaveOutcome::Stale { fence: None, retry_after: Some(Millis(700)), .. } = full else {
        panic!("{full:?}")
    };
    let fenced = saved(SaveKind::Update, 409, &[], r#"{"code":"fenced","id":"w1"}"#);
    assert_eq!(
        fenced,
        SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None }
    );
    let leased = saved(SaveKind::Update, 423, &[], r#"{"code":"leased","retry_after":77}"#);
    assert_eq!(leased, SaveOutcome::Locked { retry_after: Some(Millis(77)) });
}

/// This text is not stored under the token, another one is: it is looked for.
#[test]
fn a_token_of_another_text_is_a_stale_save() {
    let body = r#"{"code":"token_reused","message":"other bytes"}"#;
    let stale =
        SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None };
    assert_eq!(saved(SaveKind::Update, 422, &[], body), stale);
    assert!(matches!(saved(SaveKind::Create, 422, &[], body), SaveOutcome::Rejected(_)));
    let other = saved(SaveKind::Update, 422, &[], r#"{"code":"invalid","message":"no"}"#);
    assert!(matches!(other, SaveOutcome::Rejected(_)));
}

#[test]
fn a_taken_unique_value_is_no_stale_save() {
    let body = r#"{"code":"exists","id":"c9","field":"phone","message":"taken"}"#;
    for kind in [SaveKind::Update, SaveKind::Create] {
        let SaveOutcome::Rejected(rejection) = saved(kind, 409, &[], body) else { panic!() };
        assert_eq!((rejection.fields, rejection.message), (vec!["phone".into()], "taken".into()));
    }
    // The key or the token: our own earlier try, maybe.
    let outcome = saved(SaveKind::Create, 409, &[], r#"{"code":"exists","id":"c9"}"#);
    assert_eq!(outcome, SaveOutcome::Exists { key: Some("c9".into()) });
    let create = Call::Create(CreateCall { document: b"{}".to_vec(), token: "t".into() });
    assert!(create.needs().is_none());
}
