//! The feed of changes: what is asked for, and what its events say.

use restamp::adapters::rest::{Offers, Rest, StampPlace};
use restamp::adapters::{options, Adapter, Change};
use restamp::core::stamp::Stamp;

fn rest() -> Rest {
    Rest { path: "/v1/orders".into(), offers: Offers::ALL, ..Rest::default() }
}

fn asked(rest: &Rest, last: Option<&str>) -> (String, Vec<(&'static str, String)>) {
    let request = rest.changes(last).expect("a feed");
    assert_eq!((request.method, request.body), ("GET", None));
    (request.path, request.headers)
}

fn read(rest: &Rest, data: &str) -> Option<Change> {
    rest.read_change("change", data.as_bytes())
}

fn stamp(text: &str) -> Option<Stamp> {
    Some(Stamp(text.into()))
}

#[test]
fn it_is_a_stream_that_brings_documents_unless_they_are_not_wanted() {
    let accept = ("Accept", "text/event-stream".to_owned());
    assert_eq!(asked(&rest(), None), ("/v1/orders/_changes?documents=1".into(), vec![accept]));
    let bare = Rest { push_documents: false, ..rest() };
    assert_eq!(asked(&bare, None).0, "/v1/orders/_changes");
    let given = |more: &str| {
        let text = format!(r#"{{"path":"/o","offers":["changes"]{more}}}"#);
        options::rest(text.as_bytes()).expect("options").push_documents
    };
    assert!(given("") && given(r#","pushDocuments":true"#));
    assert!(!given(r#","pushDocuments":false"#));
    assert!(Rest::default().changes(None).is_none(), "nothing is asked of a server without one");
}

#[test]
fn it_goes_on_behind_the_last_event_if_that_fits_into_a_header() {
    let resumed = ("Last-Event-ID", "17".to_owned());
    assert_eq!(asked(&rest(), Some("17")).1[1..], [resumed]);
    for broken in ["1\n7", "1\r\nX: y", "\u{0}", ""] {
        assert_eq!(asked(&rest(), Some(broken)).1.len(), 1, "{broken:?}");
    }
}

#[test]
fn an_event_says_what_changed_who_did_it_and_what_it_is_now() {
    let data = r#"{"id":"w1","stamp":"\"8\"","from":"\"7\"","token":"t1","doc":{"n": 1.50}}"#;
    let told = Change::Of {
        key: "w1".into(),
        stamp: stamp("\"8\""),
        from: stamp("\"7\""),
        token: Some("t1".into()),
        document: Some(br#"{"n": 1.50}"#.to_vec()),
    };
    assert_eq!(read(&rest(), data), Some(told));
    let nothing = |key: &str| Change::Of {
        key: key.into(),
        stamp: None,
        from: None,
        token: None,
        document: None,
    };
    for (data, key) in [
        (r#"{"id":"w1"}"#, "w1"),
        (r#"{"id":7}"#, "7"),
        // Deleted.
        (r#"{"id":"w1","stamp":null,"from":null,"token":null,"doc":null}"#, "w1"),
        // Nothing of this could be sent back, or be laid edits over.
        (r#"{"id":"w1","stamp":"a\nb","from":[],"token":{},"doc":[1]}"#, "w1"),
        (r#"{"id":"w1","doc":"text"}"#, "w1"),
    ] {
        assert_eq!(read(&rest(), data), Some(nothing(key)), "{data}");
    }
}

#[test]
fn an_event_that_names_no_document_says_nothing() {
    let more = r#"{"id":"w1"} {"#;
    for data in
        [more, "", "{", "[]", "7", "null", r#"{"stamp":"1"}"#, r#"{"id":null}"#, r#"{"id":{}}"#]
    {
        assert_eq!(read(&rest(), data), None, "{data}");
    }
    for event in ["message", "ping", ""] {
        assert_eq!(rest().read_change(event, br#"{"id":"w1"}"#), None);
    }
}

#[test]
fn a_reset_says_that_anything_may_have_changed() {
    for data in ["", "{}", "nonsense"] {
        assert_eq!(rest().read_change("reset", data.as_bytes()), Some(Change::Missed));
    }
}

/// The feed's stamps may be others than the field's.
#[test]
fn where_the_stamp_is_a_field_only_the_document_tells_it() {
    let field = Rest { stamp: StampPlace::Field("version".into()), ..rest() };
    let Some(Change::Of { stamp: told, from, .. }) =
        read(&field, r#"{"id":"w1","stamp":"\"8\"","from":"\"7\"","doc":{"version":8}}"#)
    else {
        panic!()
    };
    assert_eq!((told, from), (stamp("8"), None));
    let Some(Change::Of { stamp: told, .. }) = read(&field, r#"{"id":"w1","stamp":"\"8\""}"#)
    else {
        panic!()
    };
    assert_eq!(told, None);
}
