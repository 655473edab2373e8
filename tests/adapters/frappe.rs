//! Frappe's answers that are not recorded here: other versions, proxies, front-ends' methods.

use crate::recorded::{meaning, say};
use restamp::adapters::frappe::{Encode, Frappe, MethodTemplate, Methods};
use restamp::adapters::{
    classify, Adapter, CallKind, CompareAndSet, HttpResponse, SaveKind, TokenSupport,
};

fn tell(adapter: &Frappe, kind: &str, status: u16, retry_after: &str, body: &str) -> String {
    let mut headers = Vec::new();
    if !retry_after.is_empty() {
        headers.push((String::from("retry-after"), String::from(retry_after)));
    }
    let response = HttpResponse { status, headers: &headers, body: body.as_bytes() };
    say(&meaning(adapter, CallKind::parse(kind).unwrap(), &response))
}

const PAGE: &str = "<html><h1>Bad Gateway</h1></html>";

/// Name, kind of call, status, body, meaning.
const ANSWERS: &[(&str, &str, u16, &str, &str)] = &[
    (
        "saved",
        "update",
        200,
        r#"{"data":{"modified":"13:07:15.28","total":45.50}}"#,
        "saved 13:07:15.28",
    ),
    ("stale", "update", 417, r#"{"exc_type":"TimestampMismatchError"}"#, "stale"),
    ("stale in v2", "update", 417, r#"{"errors":[{"type":"TimestampMismatchError"}]}"#, "stale"),
    (
        "broken rule",
        "update",
        417,
        r#"{"exc_type":"MandatoryError","exception":"frappe.exceptions.MandatoryError: [Sales Invoice, A-1]: customer, items"}"#,
        r#"invalid ["customer", "items"] | [Sales Invoice, A-1]: customer, items"#,
    ),
    ("deadlock", "update", 500, r#"{"exc_type":"QueryDeadlockError"}"#, "busy 2000"),
    ("deadlock, 508", "update", 508, r#"{"exc_type":"QueryDeadlockError"}"#, "busy 2000"),
    ("508 by itself", "update", 508, "", "busy 2000"),
    ("lock wait", "update", 500, r#"{"exc_type":"QueryTimeoutError"}"#, "busy 2000"),
    (
        "snapshot race",
        "update",
        500,
        r#"{"exc_type":"OperationalError","exception":"pymysql.err.OperationalError: (1020, \"Record has changed\")"}"#,
        "busy 2000",
    ),
    ("race, traceback off", "update", 500, r#"{"exc_type":"OperationalError"}"#, "busy 2000"),
    (
        "connection lost",
        "update",
        500,
        r#"{"exc_type":"OperationalError","exception":"pymysql.err.OperationalError: (2013, 'Lost connection')"}"#,
        "in doubt",
    ),
    ("deleted", "update", 404, r#"{"exc_type":"DoesNotExistError"}"#, "gone"),
    (
        "what it names is gone",
        "create",
        404,
        r#"{"exc_type":"DoesNotExistError"}"#,
        "invalid | HTTP 404",
    ),
    (
        "signed out",
        "update",
        403,
        r#"{"exc_type":"PermissionError","session_expired":1}"#,
        "signed out",
    ),
    ("not allowed", "update", 403, r#"{"exc_type":"PermissionError"}"#, "forbidden | HTTP 403"),
    (
        "guest in v2",
        "update",
        403,
        r#"{"errors":[{"type":"PermissionError","message":"User <strong>Guest</strong> …"}]}"#,
        "signed out",
    ),
    ("firewall's page", "update", 403, PAGE, "in doubt"),
    ("proxy's 401", "update", 401, PAGE, "signed out"),
    ("proxy page", "update", 502, PAGE, "in doubt"),
    ("proxy timeout", "update", 504, "", "in doubt"),
    ("proxy's 503", "update", 503, "", "in doubt"),
    ("maintenance, read only", "update", 503, r#"{"exc_type":"InReadOnlyMode"}"#, "busy 2000"),
    ("portal", "update", 200, PAGE, "in doubt"),
    ("cut off", "update", 200, r#"{"data":{"modi"#, "in doubt"),
    ("nothing", "update", 0, "", "in doubt"),
    ("refused method", "update", 200, "{}", "in doubt"),
    ("app's own failure", "update", 200, r#"{"message":{"success":false}}"#, "in doubt"),
    (
        "exception in a 200",
        "update",
        200,
        r#"{"exc_type":"ValidationError","data":{"name":"A"}}"#,
        "in doubt",
    ),
    ("wrong host", "update", 404, PAGE, "in doubt"),
    ("gateway's JSON", "update", 404, r#"{"message":"no Route matched"}"#, "in doubt"),
    ("nothing", "load", 0, "", "unreached 2000"),
    ("proxy page", "load", 502, PAGE, "unusable 2000"),
    ("wrong host", "load", 404, PAGE, "unusable 2000"),
    ("cut off", "load", 200, r#"{"data":{"name":"A","modi"#, "unusable 2000"),
    ("no stamp", "load", 200, r#"{"data":{"name":"A"}}"#, "unusable 2000"),
    ("none", "find", 200, r#"{"data":[]}"#, "gone"),
    ("wrong route", "find", 404, r#"{"exc_type":"DoesNotExistError"}"#, "unusable 2000"),
    (
        "v14: duplicate",
        "create",
        417,
        r#"{"exception":"frappe.exceptions.UniqueValidationError: ('Sales Invoice', 'A-1', IntegrityError(1062, \"Duplicate entry 'x' for key 'client_uuid'\"))"}"#,
        "exists",
    ),
    (
        "v14: taken elsewhere",
        "update",
        417,
        r#"{"exception":"frappe.exceptions.UniqueValidationError: (… \"Duplicate entry 'x' for key 'tabSales Invoice.po_no'\"))"}"#,
        r#"invalid ["po_no"] | (… "Duplicate entry 'x' for key 'tabSales Invoice.po_no'"))"#,
    ),
    (
        "v14: closed",
        "update",
        417,
        r#"{"exception":"frappe.exceptions.DocstatusTransitionError: Cannot change docstatus from 1 to 0"}"#,
        "submitted",
    ),
    (
        "v14: deadlock",
        "update",
        500,
        r#"{"exception":"frappe.exceptions.QueryDeadlockError: (1213, 'Deadlock found')"}"#,
        "busy 2000",
    ),
    ("v14, traceback off", "update", 417, "{}", "in doubt"),
    ("v14, traceback off", "update", 500, "{}", "in doubt"),
    (
        "v14, traceback off: words",
        "update",
        417,
        r#"{"_server_messages":"[\"{\\\"message\\\": \\\"Value missing\\\"}\"]"}"#,
        "invalid | Value missing",
    ),
    (
        "v14, traceback off: words",
        "create",
        417,
        r#"{"_server_messages":"[\"{\\\"message\\\": \\\"Client Uuid must be unique\\\"}\"]"}"#,
        "in doubt",
    ),
    (
        "translated",
        "update",
        417,
        r#"{"exc_type":"TimestampMismatchError","_server_messages":"[\"{\\\"message\\\": \\\"Fehler: Dokument wurde geändert\\\"}\"]"}"#,
        "stale",
    ),
];

#[test]
fn each_answer_has_one_meaning() {
    for (name, kind, status, body, expected) in ANSWERS {
        let told = tell(&Frappe::default(), kind, *status, "2", body);
        assert_eq!(told, *expected, "{name}: {kind} {status} {body}");
    }
}

#[test]
fn a_retry_after_counts_seconds_and_nothing_else() {
    for (header, expected) in [
        ("5", "busy 5000"),
        (" 120 ", "busy 120000"),
        ("", "busy"),
        ("-1", "busy"),
        ("1.5", "busy"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "busy"),
        ("99999999999999999999999999", "busy 2147483647"),
    ] {
        assert_eq!(tell(&Frappe::default(), "update", 429, header, ""), expected, "{header}");
    }
}

#[test]
fn a_taken_value_of_another_field_is_not_our_token() {
    let ours = Frappe { token_field: Some(String::from("client_uuid")), ..Frappe::default() };
    let body = |index: &str| {
        format!(
            r#"{{"exc_type":"UniqueValidationError","exception":"x: (IntegrityError(1062, \"Duplicate entry 'v' for key '{index}'\"))"}}"#
        )
    };
    for (index, expected) in [
        ("client_uuid", "exists"),
        ("tabSales Invoice.client_uuid", "exists"),
        ("PRIMARY", "exists"),
        (
            "po_no",
            r#"invalid ["po_no"] | (IntegrityError(1062, "Duplicate entry 'v' for key 'po_no'"))"#,
        ),
    ] {
        assert_eq!(tell(&ours, "create", 417, "", &body(index)), expected);
    }
}

#[test]
fn a_refusal_for_want_of_stock_names_the_rows() {
    let list = r#"{"errors":[{"item_code":"SKU001","warehouse":"W","requested_qty":5,"available_qty":2.50},{"item_code":"SKU002","available_qty":"0"}]}"#;
    let entry = serde_json::json!({ "message": list, "raise_exception": 1 }).to_string();
    let messages = serde_json::json!([entry]).to_string();
    let body = serde_json::json!({ "exc_type": "ValidationError", "_server_messages": messages });
    assert_eq!(
        tell(&Frappe::default(), "submit", 417, "", &body.to_string()),
        "stock SKU001=2.50 SKU002=0 | SKU001: 2.50 / SKU002: 0"
    );
    // Found by fuzzing: the verdict of classify() named no rows.
    let body = body.to_string();
    let response = HttpResponse { status: 417, headers: &[], body: body.as_bytes() };
    let kind = CallKind::parse("submit").unwrap();
    let verdict = String::from_utf8(classify("frappe", kind, &response).unwrap().to_json());
    let rows = r#""rows":[{"row":"SKU001","available":"2.50"},{"row":"SKU002","available":"0"}]}"#;
    assert!(verdict.unwrap().ends_with(rows));
    let body = r#"{"exc_type":"NegativeStockError","exception":"erpnext.stock.stock_ledger.NegativeStockError: 2 units of <a href='/app/item/A'>Item A</a> needed"}"#;
    assert_eq!(
        tell(&Frappe::default(), "submit", 417, "", body),
        "stock | 2 units of Item A needed"
    );
}

#[test]
fn words_for_people_lose_their_markup() {
    for (html, text) in [
        ("<p>Qty &lt; 3 &amp; &quot;x&#39;</p>", "Qty < 3 & \"x'"),
        ("a<br>b<br/>c", "a / b / c"),
        ("<ul><li>one</li><li>two</li></ul>", "one / two"),
        ("3 < 4 > 2 &c; &", "3 < 4 > 2 &c; &"),
        ("<b>cut <i", "cut"),
        ("äöü <strong>é</strong>&nbsp;✓", "äöü é ✓"),
    ] {
        let body =
            serde_json::json!({ "errors": [{ "type": "ValidationError", "message": html }] });
        let told = tell(&Frappe::default(), "update", 417, "", &body.to_string());
        assert_eq!(told, format!("invalid | {text}"));
    }
}

#[test]
fn a_front_ends_own_method_answers_where_its_template_says() {
    for (answer, body, expected) in [
        (Some("message"), r#"{"message":{"name":"A-1","docstatus":1}}"#, "saved A-1"),
        (
            Some("message.data"),
            r#"{"message":{"ok":true,"data":{"name":"A-1","modified":"m"}}}"#,
            "saved A-1 m",
        ),
        (Some("docs.0"), r#"{"docs":[{"name":"A-1","modified":"m"}],"docinfo":{}}"#, "saved A-1 m"),
        (Some("docs.1"), r#"{"docs":[{"name":"A-1","modified":"m"}]}"#, "in doubt"),
        (Some(""), r#"{"name":"A-1","modified":"m"}"#, "saved A-1 m"),
        (None, r#"{"docs":[{"name":"A-1","modified":"m"}]}"#, "saved A-1 m"),
        (Some("message"), r#"{"data":{"name":"A-1"}}"#, "in doubt"),
    ] {
        let own = MethodTemplate {
            verb: None,
            path: String::from("pos.save"),
            args: Vec::new(),
            encode: Encode::Json,
            answer: answer.map(String::from),
        };
        let methods = Methods { submit: Some(own), ..Methods::default() };
        let adapter = Frappe { methods, ..Frappe::default() };
        assert_eq!(tell(&adapter, "submit", 200, "", body), expected, "{answer:?} {body}");
    }
}

#[test]
fn a_load_gives_the_document_byte_for_byte() {
    let body = br#" {"data": {"name": "A\u002d1", "modified": "2026-01-05 10:00:00", "rate": 1.10, "x": null}} "#;
    let response = HttpResponse { status: 200, headers: &[], body };
    let text = classify("frappe", CallKind::Load, &response).unwrap().to_json();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        r#"{"kind":"loaded","stamp":"2026-01-05 10:00:00","doc":{"name": "A\u002d1", "modified": "2026-01-05 10:00:00", "rate": 1.10, "x": null}}"#
    );
}

#[test]
fn a_verdict_is_the_contracts_object() {
    let rows = [
        (
            "update",
            200,
            r#"{"data":{"name":"A","modified":"m"}}"#,
            r#"{"kind":"saved","stamp":"m","key":"A"}"#,
        ),
        ("update", 417, r#"{"exc_type":"TimestampMismatchError"}"#, r#"{"kind":"stale"}"#),
        ("create", 409, r#"{"exc_type":"DuplicateEntryError"}"#, r#"{"kind":"exists"}"#),
        ("find", 200, r#"{"data":[{"name":"A \"1\""}]}"#, r#"{"kind":"exists","key":"A \"1\""}"#),
        ("find", 200, r#"{"data":[]}"#, r#"{"kind":"gone"}"#),
        ("load", 404, r#"{"exc_type":"DoesNotExistError"}"#, r#"{"kind":"gone"}"#),
        (
            "update",
            417,
            r#"{"exc_type":"UpdateAfterSubmitError"}"#,
            r#"{"kind":"closed","state":"submitted"}"#,
        ),
        ("update", 429, "", r#"{"kind":"unavailable","retryAfter":7000,"applied":"no"}"#),
        ("load", 502, "", r#"{"kind":"unavailable","retryAfter":7000,"applied":"no"}"#),
        ("lease", 0, "", r#"{"kind":"in-doubt"}"#),
        ("update", 401, "", r#"{"kind":"unauthenticated"}"#),
        (
            "update",
            400,
            r#"{"exc_type":"CSRFTokenError"}"#,
            r#"{"kind":"unauthenticated","csrf":true}"#,
        ),
        (
            "update",
            403,
            r#"{"exc_type":"PermissionError","message":"no \u0001"}"#,
            r#"{"kind":"rejected","code":"forbidden","message":"no \u0001"}"#,
        ),
        (
            "update",
            417,
            r#"{"exception":"MandatoryError: [A, B]: x"}"#,
            r#"{"kind":"rejected","code":"invalid","message":"[A, B]: x","fields":["x"]}"#,
        ),
    ];
    let headers = [(String::from("retry-after"), String::from("7"))];
    for (kind, status, body, expected) in rows {
        let response = HttpResponse { status, headers: &headers, body: body.as_bytes() };
        let kind = CallKind::parse(kind).unwrap();
        let verdict = classify("frappe", kind, &response).unwrap().to_json();
        assert_eq!(String::from_utf8(verdict).unwrap(), expected);
    }
    let none = HttpResponse { status: 200, headers: &[], body: b"" };
    assert!(classify("nope", CallKind::Load, &none).is_none());
    assert!(CallKind::parse("nope").is_none());
}

#[test]
fn guarantees_say_what_the_configuration_gives_away() {
    let mut adapter = Frappe::default();
    let plain = adapter.guarantees();
    assert_eq!((plain.compare_and_set, plain.token), (CompareAndSet::Atomic, TokenSupport::None));
    adapter.token_field = Some(String::from("client_uuid"));
    let args = |value: &str| vec![(String::from("a"), String::from(value))];
    for (value, expected) in [
        ("$doc", CompareAndSet::Atomic),
        ("$stamp", CompareAndSet::Atomic),
        ("$key", CompareAndSet::None),
    ] {
        adapter.methods.update = Some(MethodTemplate {
            verb: None,
            path: String::from("pos.save"),
            args: args(value),
            encode: Encode::Json,
            answer: None,
        });
        assert_eq!(adapter.guarantees().compare_and_set, expected, "{value}");
    }
    assert_eq!(
        String::from_utf8(adapter.guarantees().to_json()).unwrap(),
        r#"{"compareAndSet":"none","token":"field","transactions":false,"leases":false,"sequences":false,"changes":false,"apply":false}"#
    );
    let response = HttpResponse { status: 202, headers: &[], body: br#"{"message":"ok"}"# };
    let deleted = adapter.classify_save(SaveKind::Delete, &response);
    assert_eq!(say(&restamp::adapters::Meaning::Save(deleted)), "saved");
}
