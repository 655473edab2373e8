//! Requests to Frappe, byte for byte.

use restamp::adapters::frappe::{Api, Frappe};
use restamp::adapters::{options, Adapter, HttpRequest, HttpResponse};
use restamp::core::call::{
    Call, CommitCall, CommitOutcome, CreateCall, Missing, NotSupported, RejectionCode, UpdateCall,
    Write,
};
use restamp::core::stamp::Stamp;

fn invoice() -> Frappe {
    Frappe { doctype: String::from("Sales Invoice"), ..Frappe::default() }
}

/// `METHOD path`, then the content type and the body if there are any.
fn lines(request: &HttpRequest) -> String {
    assert_eq!(request.headers[0], ("Accept", String::from("application/json")));
    let mut out = format!("{} {}", request.method, request.path);
    if let Some(body) = &request.body {
        assert_eq!(request.headers[1].0, "Content-Type");
        let content_type = request.headers[1].1.trim_start_matches("application/");
        out.push_str(&format!("\n{content_type}\n{}", String::from_utf8_lossy(body)));
    }
    assert_eq!(request.headers.len(), 1 + usize::from(request.body.is_some()));
    out
}

fn create() -> Call {
    let document = br#"{"customer":"B \"Q\"","client_uuid":"t-1"}"#.to_vec();
    Call::Create(CreateCall { document, token: String::from("t-1") })
}

fn update(submit: bool) -> Call {
    Call::Update(UpdateCall {
        key: String::from("ACC/É 1?#%"),
        document: br#"{ "name":"old", "modified":"old", "r\u0061te": 1.10 , "items":[{"idx":1,"qty":2.50}],"x":"no"}"#.to_vec(),
        changed: ["rate", "items", "remarks", "modified"].map(String::from).to_vec(),
        stamp: Stamp(String::from("2026-11-22 13:15:58.400745")),
        token: String::from("s-1"),
        submit,
        fence: None,
        park: None,
    })
}

fn find() -> Call {
    Call::Find { field: String::from("client_uuid"), value: String::from("a\"b ü") }
}

const KEY: &str = "ACC%2F%C3%89%201%3F%23%25";

#[test]
fn an_update_is_a_patch_with_the_stamp() {
    assert_eq!(
        lines(&invoice().request(&update(false)).unwrap()),
        format!(
            "PUT /api/resource/Sales%20Invoice/{KEY}\njson\n{}",
            r#"{"modified":"2026-11-22 13:15:58.400745","rate":1.10,"items":[{"idx":1,"qty":2.50}],"remarks":null}"#
        )
    );
}

#[test]
fn a_submit_sends_the_whole_document_with_the_stamp_it_was_built_on() {
    assert_eq!(
        lines(&invoice().request(&update(true)).unwrap()),
        concat!(
            "POST /api/method/frappe.client.submit\njson\n",
            r#"{"doc":{"r\u0061te":1.10,"items":[{"idx":1,"qty":2.50}],"x":"no","doctype":"Sales Invoice","#,
            r#""name":"ACC/É 1?#%","modified":"2026-11-22 13:15:58.400745"}}"#
        )
    );
}

#[test]
fn create_load_and_find() {
    let load = Call::Load { key: String::from("ACC/É 1?#%") };
    assert_eq!(
        lines(&invoice().request(&create()).unwrap()),
        "POST /api/resource/Sales%20Invoice\njson\n{\"customer\":\"B \\\"Q\\\"\",\"client_uuid\":\"t-1\"}"
    );
    assert_eq!(
        lines(&invoice().request(&load).unwrap()),
        format!("GET /api/resource/Sales%20Invoice/{KEY}")
    );
    assert_eq!(
        lines(&invoice().request(&find()).unwrap()),
        "GET /api/resource/Sales%20Invoice?filters=%5B%5B%22client_uuid%22%2C%22%3D%22%2C%22a%5C%22b%20%C3%BC%22%5D%5D&fields=%5B%22name%22%5D"
    );
}

#[test]
fn version_two_of_the_interface_has_its_own_paths() {
    let adapter = Frappe { api: Api::V2, ..invoice() };
    let start =
        |call: &Call| lines(&adapter.request(call).unwrap()).lines().next().unwrap().to_owned();
    assert_eq!(start(&create()), "POST /api/v2/document/Sales%20Invoice");
    assert_eq!(start(&update(false)), format!("PUT /api/v2/document/Sales%20Invoice/{KEY}"));
    assert_eq!(start(&update(true)), "POST /api/v2/method/frappe.client.submit");
    let load = Call::Load { key: String::from("A") };
    assert_eq!(start(&load), "GET /api/v2/document/Sales%20Invoice/A");
}

fn custom(kind: &str, template: &str, call: &Call) -> String {
    let text = format!(
        r#"{{"url":"https://x","doctype":"Sales Invoice","tokenField":"client_uuid","methods":{{"{kind}":{template}}}}}"#
    );
    lines(&options::frappe(text.as_bytes()).unwrap().request(call).unwrap())
}

#[test]
fn a_method_template_sends_its_arguments_in_each_encoding() {
    let doc = r#"{"customer":"B \"Q\"","client_uuid":"t-1","doctype":"Sales Invoice"}"#;
    let template = |encode: &str| {
        format!(
            r#"{{"path":"pos.save","args":{{"invoice":"$doc","id":"$token","mode":"a b"}},"encode":"{encode}"}}"#
        )
    };
    assert_eq!(
        custom("create", &template("json"), &create()),
        format!("POST /api/method/pos.save\njson\n{{\"invoice\":{doc},\"id\":\"t-1\",\"mode\":\"a b\"}}")
    );
    let inner = serde_json::to_string(doc).unwrap();
    assert_eq!(
        custom("create", &template("json-string"), &create()),
        format!("POST /api/method/pos.save\njson\n{{\"invoice\":{inner},\"id\":\"t-1\",\"mode\":\"a b\"}}")
    );
    assert_eq!(
        custom("create", &template("form"), &create()),
        concat!(
            "POST /api/method/pos.save\nx-www-form-urlencoded\n",
            "invoice=%7B%22customer%22%3A%22B%20%5C%22Q%5C%22%22%2C%22client_uuid%22%3A%22t-1%22",
            "%2C%22doctype%22%3A%22Sales%20Invoice%22%7D&id=t-1&mode=a%20b"
        )
    );
}

#[test]
fn a_method_template_knows_key_stamp_and_verb() {
    let text = r#"{"method":"PUT","path":"/pos/save?x=1","args":{"n":"$key","at":"$stamp"}}"#;
    assert_eq!(
        custom("update", text, &update(false)),
        "PUT /pos/save?x=1\njson\n{\"n\":\"ACC/É 1?#%\",\"at\":\"2026-11-22 13:15:58.400745\"}"
    );
    assert_eq!(
        custom("load", r#"{"path":"frappe.client.get"}"#, &Call::Load { key: String::from("A&1") }),
        "GET /api/method/frappe.client.get?doctype=Sales%20Invoice&name=A%261"
    );
    assert_eq!(
        custom(
            "find",
            r#"{"method":"POST","path":"pos.find","args":{"f":"$field","v":"$value"}}"#,
            &find()
        ),
        "POST /api/method/pos.find\njson\n{\"f\":\"client_uuid\",\"v\":\"a\\\"b ü\"}"
    );
    assert!(custom("submit", r#"{"path":"pos.pay"}"#, &update(true))
        .starts_with("POST /api/method/pos.pay\njson\n{\"doc\":{\"r\\u0061te\":1.10"));
}

#[test]
fn options_that_make_no_sense_are_named() {
    for (text, name) in [
        ("{}", "doctype"),
        (r#"{"doctype":""}"#, "doctype"),
        (r#"{"doctype":"A","api":"v9"}"#, "api"),
        (r#"{"doctype":"A","methods":{"update":{"path":"x","method":"DELETE"}}}"#, "method"),
        (r#"{"doctype":"A","methods":{"update":{"path":"x","encode":"xml"}}}"#, "encode"),
        (r#"{"doctype":"A","methods":{"update":{}}}"#, "path"),
    ] {
        assert_eq!(options::frappe(text.as_bytes()).unwrap_err(), name);
    }
}

fn commit() -> Call {
    let Call::Update(update) = update(false) else { panic!("an update") };
    let document = br#"{"balance":7.10}"#.to_vec();
    let named =
        Write::Create { key: Some("W 9".into()), document, token: "c-1".into(), fence: None };
    Call::Commit(CommitCall {
        writes: vec![Write::Update(update), named],
        token: "t-9".into(),
        leases: Vec::new(),
        is_final: false,
    })
}

fn with_commit(template: &str) -> Frappe {
    let text = format!(r#"{{"doctype":"POS Wallet","methods":{{"commit":{template}}}}}"#);
    options::frappe(text.as_bytes()).expect("options")
}

#[test]
fn several_documents_go_to_the_apps_own_method_and_nowhere_else() {
    let bare = options::frappe(br#"{"doctype":"POS Wallet"}"#).expect("options");
    assert_eq!(bare.request(&commit()), Err(NotSupported { what: Missing::Transactions }));
    assert!(!bare.guarantees().transactions);
    let frappe = with_commit(r#"{"path":"pos.restamp_commit.commit"}"#);
    assert!(frappe.guarantees().transactions);
    assert_eq!(
        lines(&frappe.request(&commit()).expect("a request")),
        "POST /api/method/pos.restamp_commit.commit\njson\n\
         {\"doctype\":\"POS Wallet\",\"writes\":[{\"name\":\"ACC/É 1?#%\",\"modified\":\"2026-11-22 13:15:58.400745\",\
         \"doc\":{\"r\\u0061te\":1.10,\"items\":[{\"idx\":1,\"qty\":2.50}],\"x\":\"no\",\"doctype\":\"POS Wallet\",\
         \"name\":\"ACC/É 1?#%\",\"modified\":\"2026-11-22 13:15:58.400745\"}},\
         {\"doc\":{\"balance\":7.10,\"doctype\":\"POS Wallet\",\"name\":\"W 9\"}}],\"token\":\"t-9\"}"
    );
}

#[test]
fn what_the_apps_own_method_answers() {
    let frappe = with_commit(r#"{"path":"pos.restamp_commit.commit"}"#);
    let told = |status, body: &str| {
        let response = HttpResponse { status, headers: &[], body: body.as_bytes() };
        frappe.classify_commit(&response)
    };
    let done = r#"{"message":{"documents":[{"name":"W1","modified":"m2","balance":1.10}],"replayed":true}}"#;
    let CommitOutcome::Committed { documents, replayed: true } = told(200, done) else {
        panic!("{:?}", told(200, done))
    };
    assert_eq!((documents[0].key.as_deref(), documents.len()), (Some("W1"), 1));
    let stale = CommitOutcome::Stale { keys: Vec::new(), documents: Vec::new() };
    assert_eq!(told(417, r#"{"exc_type":"TimestampMismatchError"}"#), stale);
    assert_eq!(told(404, r#"{"exc_type":"DoesNotExistError"}"#), CommitOutcome::Gone { key: None });
    assert_eq!(
        told(409, r#"{"exc_type":"DuplicateEntryError"}"#),
        CommitOutcome::Exists { key: None }
    );
    assert_eq!(
        told(508, r#"{"exc_type":"QueryDeadlockError"}"#),
        CommitOutcome::Unavailable { retry_after: None }
    );
    assert_eq!(
        told(401, r#"{"exc_type":"AuthenticationError"}"#),
        CommitOutcome::Unauthenticated { csrf: false }
    );
    let refused = told(417, r#"{"exc_type":"ValidationError"}"#);
    let CommitOutcome::Rejected(rejection) = refused else { panic!("{refused:?}") };
    assert_eq!(rejection.code, RejectionCode::Invalid);
    for unsure in [r#"{"message":{}}"#, r#"{"message":{"documents":1}}"#, "", "<html>", "{}"] {
        assert_eq!(told(200, unsure), CommitOutcome::InDoubt, "{unsure}");
    }
    assert_eq!(told(502, "<html>"), CommitOutcome::InDoubt);
}
