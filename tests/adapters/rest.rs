//! The REST dialect: requests byte for byte, and a table of answers.

use crate::recorded::{meaning, say};
use crate::rest_recorded::{kinto, pouchdb};
use restamp::adapters::rest::{Rest, StampPlace};
use restamp::adapters::{options, Adapter, CallKind, HttpResponse, Meaning};
use restamp::core::call::{Call, CreateCall, UpdateCall};
use restamp::core::stamp::Stamp;

fn request(adapter: &Rest, call: &Call) -> String {
    let request = adapter.request(call).unwrap();
    let mut out = format!("{} {}", request.method, request.path);
    for (name, value) in &request.headers {
        if *name != "Accept" && *name != "Content-Type" {
            out.push_str(&format!("\n{name}: {value}"));
        }
    }
    if let Some(body) = &request.body {
        out.push('\n');
        out.push_str(&String::from_utf8_lossy(body));
    }
    out
}

fn update(document: &str, stamp: &str) -> Call {
    Call::Update(UpdateCall {
        key: String::from("d 1/ü"),
        document: document.as_bytes().to_vec(),
        changed: vec![String::from("total")],
        stamp: Stamp(String::from(stamp)),
        token: String::from("s-1"),
        submit: false,
        fence: None,
        park: None,
    })
}

#[test]
fn a_stamp_goes_back_byte_for_byte() {
    let call = update(r#"{"total": 4.50}"#, r#"W/"a, b""#);
    let adapter = Rest { path: String::from("v1/my drafts/"), ..Rest::default() };
    assert_eq!(
        request(&adapter, &call),
        "PUT /v1/my%20drafts/d%201%2F%C3%BC\nIf-Match: W/\"a, b\"\n{\"total\": 4.50}"
    );
    let call = update(r#"{"total":9,"last_modified":1}"#, "\"1795333558213\"");
    assert_eq!(
        request(&kinto(), &call),
        "PUT /v1/buckets/pos/collections/drafts/records/d%201%2F%C3%BC\nIf-Match: \"1795333558213\"\n{\"data\":{\"total\":9,\"last_modified\":1}}"
    );
    let call = update(r#"{"_rev":"0-old","total":9}"#, r#""1-8c9d""#);
    assert_eq!(
        request(&pouchdb(), &call),
        "PUT /pos/d%201%2F%C3%BC\n{\"total\":9,\"_rev\":\"1-8c9d\"}"
    );
    let call = update(r#"{"_rev":"0-old","total":9}"#, "no json");
    assert!(request(&pouchdb(), &call).ends_with(r#"{"total":9,"_rev":"no json"}"#));
    let adapter = Rest { stamp: StampPlace::Field(String::from("version")), ..Rest::default() };
    assert!(request(&adapter, &update("{}", "7")).ends_with("\n{\"version\":7}"));
}

#[test]
fn create_load_and_find() {
    let create = CreateCall { document: b"{}".to_vec(), token: String::from("t-1") };
    let find = Call::Find { field: String::from("client_uuid"), value: String::from("a&b") };
    let adapter = Rest { path: String::from("/drafts"), ..Rest::default() };
    assert_eq!(request(&adapter, &Call::Create(create)), "POST /drafts\nIdempotency-Key: t-1\n{}");
    assert_eq!(request(&adapter, &Call::Load { key: String::from("1") }), "GET /drafts/1");
    assert_eq!(request(&adapter, &find), "GET /drafts?client_uuid=a%26b");
    let adapter = Rest { path: String::from("/drafts?shop=1"), ..adapter };
    assert_eq!(request(&adapter, &find), "GET /drafts?shop=1&client_uuid=a%26b");
}

fn tell(adapter: &Rest, kind: &str, status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let response = HttpResponse { status, headers: &headers, body: body.as_bytes() };
    say(&meaning(adapter, CallKind::parse(kind).unwrap(), &response))
}

const ETAG: &[(&str, &str)] = &[("etag", "\"2\"")];
const WAIT: &[(&str, &str)] = &[("retry-after", "3")];

const PAGE: &str = "<!doctype html><p>x";

type Row<'a> = (&'a str, u16, &'a [(&'a str, &'a str)], &'a str, &'a str);

/// Kind of call, status, headers, body, meaning.
const ANSWERS: &[Row<'_>] = &[
    ("update", 200, ETAG, r#"{"id":"d1","total":1}"#, "saved d1 \"2\" +doc"),
    ("update", 200, &[], r#"{"id":"d1","total":1}"#, "saved d1"),
    ("update", 200, &[], r#"{"id":7,"@odata.etag":"W/\"x\""}"#, "saved 7 W/\"x\" +doc"),
    ("update", 204, ETAG, "", "saved \"2\""),
    ("update", 200, ETAG, "", "saved \"2\""),
    (
        "create",
        201,
        &[("location", "https://x/drafts/d%201?v=1"), ("etag", "\"1\"")],
        "",
        "saved d 1 \"1\"",
    ),
    ("update", 200, ETAG, r#"{"ok":true,"id":"d1"}"#, "saved d1 \"2\""),
    ("update", 200, ETAG, r#"{"id":"d1","error":"boom"}"#, "in doubt"),
    ("update", 200, ETAG, r#"{"id":"d1","#, "in doubt"),
    ("update", 200, &[], PAGE, "in doubt"),
    ("update", 202, &[], "{}", "in doubt"),
    ("update", 304, &[], "", "in doubt"),
    ("update", 0, &[], "", "in doubt"),
    ("update", 412, ETAG, r#"{"id":"d1","total":2}"#, "stale \"2\" +doc"),
    ("update", 412, ETAG, r#"{"id":"e1","message":"stale"}"#, "stale"),
    ("update", 412, &[], PAGE, "stale"),
    ("update", 409, ETAG, "", "stale"),
    ("create", 409, &[("location", "/drafts/d9")], "", "exists d9"),
    ("create", 412, &[], r#"{"details":{"existing":{"id":"d9"}}}"#, "exists d9"),
    ("create", 404, &[], "{}", "invalid | HTTP 404"),
    ("update", 404, &[], "{}", "gone"),
    ("update", 410, &[], "", "gone"),
    ("update", 404, &[], PAGE, "in doubt"),
    ("update", 401, &[], PAGE, "signed out"),
    ("update", 419, &[], PAGE, "csrf"),
    ("update", 403, &[], r#"{"detail":"not yours"}"#, "forbidden | not yours"),
    ("update", 428, &[], "", "invalid | HTTP 428"),
    (
        "update",
        422,
        &[],
        r#"{"message":"no","fields":["a"],"errors":{"b":["x"],"a":[]}}"#,
        "invalid [\"a\", \"b\"] | no",
    ),
    (
        "update",
        422,
        &[],
        r#"{"errors":[{"field":"c"},{"item_code":"S","available":"1.5"}]}"#,
        "stock S=1.5 [\"c\"] | S: 1.5",
    ),
    ("update", 400, &[], r#"{"error":{"message":"bad"}}"#, "invalid | bad"),
    ("update", 413, &[], PAGE, "invalid | HTTP 413"),
    ("update", 423, WAIT, "", "busy 3000"),
    ("update", 429, WAIT, PAGE, "busy 3000"),
    ("update", 503, WAIT, "", "busy 3000"),
    ("update", 503, &[], "", "in doubt"),
    ("update", 408, &[], "", "in doubt"),
    ("update", 500, &[], r#"{"code":"40P01"}"#, "busy"),
    ("update", 500, &[], r#"{"error":{"code":"55P03"}}"#, "busy"),
    ("update", 500, &[], r#"{"code":"23505","message":"dup"}"#, "invalid | dup"),
    ("create", 500, &[], r#"{"code":"23505","message":"dup"}"#, "exists"),
    ("update", 500, &[], "", "in doubt"),
    ("update", 502, WAIT, PAGE, "in doubt"),
    ("update", 999, &[], "", "in doubt"),
    ("load", 200, ETAG, r#"{"id":"d1"}"#, "loaded d1 \"2\""),
    ("load", 200, &[], "[]", "unusable"),
    ("load", 200, &[], r#"{"error":"boom"}"#, "unusable"),
    ("load", 404, &[], "", "gone"),
    ("load", 404, &[], PAGE, "unusable"),
    ("load", 503, WAIT, "", "unusable 3000"),
    ("load", 0, &[], "", "unreached"),
    ("find", 200, ETAG, r#"[{"id":"d1"}]"#, "found d1"),
    ("find", 200, ETAG, r#"{"results":[{"id":"d1"}]}"#, "found d1"),
    ("find", 200, &[], r#"{"id":"d1","total":1}"#, "loaded d1"),
    ("find", 200, &[], "[]", "gone"),
    ("find", 200, &[], "[1]", "unusable"),
    ("find", 404, &[], "{}", "gone"),
    ("delete", 204, &[], "", "saved"),
];

#[test]
fn each_answer_has_one_meaning() {
    for (kind, status, headers, body, expected) in ANSWERS {
        let told = tell(&Rest::default(), kind, *status, headers, body);
        assert_eq!(told, *expected, "{kind} {status} {body}");
    }
}

#[test]
fn a_stamp_in_the_body_keeps_its_kind() {
    let adapter = Rest { stamp: StampPlace::Field(String::from("version")), ..Rest::default() };
    assert_eq!(tell(&adapter, "load", 200, ETAG, r#"{"id":"d1","version":7}"#), "loaded d1 7");
    assert_eq!(
        tell(&adapter, "update", 200, ETAG, r#"{"id":"d1","version":"7"}"#),
        "saved d1 \"7\" +doc"
    );
    assert_eq!(tell(&adapter, "update", 200, ETAG, r#"{"id":"d1"}"#), "saved d1");
    assert_eq!(tell(&adapter, "find", 200, ETAG, r#"[{"id":"d1","version":7}]"#), "loaded d1 7");
}

#[test]
fn a_server_that_does_not_search_finds_nothing_of_ours() {
    let find = |body: &str| {
        let response = HttpResponse { status: 200, headers: &[], body: body.as_bytes() };
        say(&Meaning::Find(Rest::default().classify_find("uuid", "mine", &response)))
    };
    assert_eq!(find(r#"[{"id":1,"uuid":"other"},{"id":2,"uuid":"else"}]"#), "gone");
    assert_eq!(find(r#"[{"id":1,"uuid":"other"},{"id":2,"uuid":"mine"}]"#), "found 2");
    assert_eq!(find(r#"[{"id":3}]"#), "found 3");
}

#[test]
fn options_are_read_from_json() {
    let adapter = options::rest(br#"{"path":"/d","stamp":{"field":"v"},"key":"nr","racy":true,"wholeAnswers":false,"envelope":"data"}"#).unwrap();
    assert_eq!(adapter.stamp, StampPlace::Field(String::from("v")));
    assert_eq!(
        (adapter.key_field.as_deref(), adapter.envelope.as_deref()),
        (Some("nr"), Some("data"))
    );
    assert!(adapter.racy && !adapter.whole_answers);
    assert_eq!(options::rest(br#"{"path":"/d","stamp":"etag"}"#).unwrap().stamp, StampPlace::Etag);
    assert_eq!(options::rest(b"{}").unwrap_err(), "path");
    assert_eq!(options::rest(br#"{"path":"/d","stamp":"md5"}"#).unwrap_err(), "stamp");
}
