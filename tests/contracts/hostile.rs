//! Documents no honest server sends: typed errors, nothing lost, nothing slow.

use restamp::core::call::{LoadOutcome, Loaded, SaveOutcome};
use restamp::core::document::{Document, DocumentError, DOCUMENT_BYTES_MAX, ROWS_MAX};
use restamp::core::event::{Event, NotOpened, Outcome, Queued};
use restamp::core::reapply::{reapply, Circumstances, Mine};
use serde_json::json;
use std::fmt::Write;

use crate::desk::{policy, profile, qty, Desk, D, KEY};

fn deep(levels: usize) -> String {
    let mut text = String::from(r#"{"items":[],"a":"#);
    text.push_str(&"[".repeat(levels));
    text.push_str(&"]".repeat(levels));
    text.push('}');
    text
}

fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("a page", "<html>Bad Gateway</html>".into()),
        ("cut off", r#"{"items":[{"posa_row_id":"r1","qty":"#.into()),
        ("cut in a string", r#"{"customer":"Wal"#.into()),
        ("two documents", "{}{}".into()),
        ("no object", "[1]".into()),
        ("a number", "5".into()),
        ("deep", deep(100_000)),
        ("just too deep", deep(64)),
        ("rows that are none", r#"{"items":[1,2]}"#.into()),
        ("a table that is none", r#"{"items":{"a":1}}"#.into()),
        ("a row that is an array", r#"{"items":[[]]}"#.into()),
        ("a raw line break", "{\"a\":\"\n\"}".into()),
        ("a bad escape", r#"{"a":"\x"}"#.into()),
        ("a bad number", r#"{"a":01}"#.into()),
        ("a comma too many", r#"{"a":1,}"#.into()),
        ("17 MB", format!(r#"{{"a":"{}"}}"#, "x".repeat(17 << 20))),
    ]
}

#[test]
fn they_are_not_opened() {
    for (name, text) in hostile() {
        let mut desk = Desk::new(policy());
        desk.handle(Event::Open { draft: D, key: KEY.into() });
        desk.answer_with("s1", &text);
        assert!(matches!(&desk.not_opened[..], [NotOpened::Unreadable(_)]), "{name}");
    }
}

#[test]
fn as_an_answer_they_lose_nothing() {
    for (name, text) in hostile() {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        let document = Some(text.clone().into_bytes());
        let stamp = Some(restamp::core::stamp::Stamp("s9".into()));
        desk.answer(SaveOutcome::Stale {
            current: stamp,
            document,
            fence: None,
            retry_after: None,
        });
        assert_eq!(desk.status(), "waiting", "{name}");
        assert_eq!(qty(&desk.doc(), "r1"), "2");
        desk.settle();
        assert_eq!(qty(&desk.stored(), "r1"), "2", "{name}");
    }
}

#[test]
fn a_server_that_answers_nonsense_for_ever_is_left_in_peace() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["customer"] = json!("X"));
    desk.deliver();
    let start = desk.now;
    for _ in 0..60 {
        while desk.calls.is_empty() {
            desk.wait();
        }
        if matches!(desk.calls[0].1, restamp::core::call::Call::Load { .. }) {
            desk.answer_with("s9", "<html>");
        } else {
            desk.deliver();
        }
    }
    assert!(desk.now - start > 600_000);
    assert!(matches!(desk.outcome(), Outcome::Queued { why: Queued::Busy, .. }));
    desk.settle();
    assert!(desk.conflicts().is_empty());
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn the_create_of_a_hostile_document_is_refused() {
    for (name, text) in hostile() {
        let mut desk = Desk::new(policy());
        desk.handle(Event::Create { draft: D, document: text.into_bytes() });
        assert_eq!(desk.refused.len(), 1, "{name}");
        assert!(desk.till.drafts().is_empty() && desk.journal.is_empty());
    }
}

#[test]
fn rows_of_one_identity_stay_apart() {
    let text = br#"{"items":[{"posa_row_id":"r1","qty":1},{"posa_row_id":"r1","qty":2},
        {"posa_row_id":"r1#2","qty":3}]}"#;
    let document = Document::parse(text.to_vec(), &profile(true)).expect("a document");
    let rows = &document.table(0).rows;
    let names: Vec<&str> = rows.iter().map(|row| document.row_identity(row)).collect();
    assert_eq!(names, ["r1", "r1#2", "r1#2#2"]);
    let mut desk = Desk::new(policy());
    desk.handle(Event::Open { draft: D, key: KEY.into() });
    desk.answer_with("s1", std::str::from_utf8(text).expect("text"));
    desk.scan("r1#2");
    assert_eq!(desk.doc()["items"][1]["qty"], json!(3));
    assert_eq!(desk.doc()["items"][0]["qty"], json!(1));
}

fn many(rows: usize, name: impl Fn(usize) -> String, qty: usize) -> String {
    let mut text = String::from(r#"{"items":["#);
    for n in 0..rows {
        let comma = if n > 0 { "," } else { "" };
        let name = name(n);
        write!(text, r#"{comma}{{"posa_row_id":"{name}","item_code":"A","qty":{qty}}}"#)
            .expect("room");
    }
    text.push_str("]}");
    text
}

/// 30,000 rows, all of one identity, all new, in any order: no step of it is quadratic.
#[test]
fn thirty_thousand_rows_are_no_trouble() {
    let n = 30_000;
    let empty = r#"{"items":[]}"#.to_owned();
    let own = many(n, |n| format!("r{n}"), 1);
    let shuffled = many(n, |n| format!("r{}", (n * 7_919) % 30_000), 2);
    let equal = many(n, |_| "r".into(), 1);
    let nameless = many(n, |_| String::new(), 1);
    let nothing = Circumstances::default();
    for (base, mine, theirs) in [
        (&own, &shuffled, &own),
        (&own, &own, &shuffled),
        (&empty, &shuffled, &empty),
        (&empty, &own, &shuffled),
        (&own, &empty, &own),
        (&equal, &equal, &empty),
        (&empty, &equal, &equal),
        (&empty, &nameless, &empty),
        (&empty, &nameless, &nameless),
    ] {
        let mine = Mine::Document(mine.clone().into_bytes());
        let merged =
            reapply(base.as_bytes(), &mine, Some(theirs.as_bytes()), &profile(true), &nothing);
        assert!(merged.is_ok());
    }
}

#[test]
fn limits_are_errors() {
    let parse = |text: String| Document::parse(text.into_bytes(), &profile(true)).map(|_| ());
    let rows = format!(r#"{{"items":[{}{{}}]}}"#, "{},".repeat(ROWS_MAX));
    assert_eq!(parse(rows), Err(DocumentError::TooLarge));
    assert_eq!(parse(" ".repeat(DOCUMENT_BYTES_MAX + 1)), Err(DocumentError::TooLarge));
    assert!(parse(deep(60)).is_ok());
    assert!(matches!(parse(deep(64)), Err(DocumentError::NotJson { .. })));
}

#[test]
fn a_document_with_hostile_names_is_only_data() {
    let mut desk = Desk::new(policy());
    desk.server.put(KEY, json!({
        "__proto__": {"admin": true}, "constructor": 1, "": 2, "items[r1].qty": 9, "@customer": 1,
        "items": [{"posa_row_id": "a].b", "qty": 1, "__proto__": 1},
            {"posa_row_id": "\"\\\u{1F600}", "qty": 1}]
    }));
    desk.handle(Event::Open { draft: D, key: KEY.into() });
    desk.settle();
    desk.scan("a].b");
    desk.scan("\"\\\u{1F600}");
    desk.save();
    desk.server.change(KEY, |doc| doc["customer"] = json!("Other"));
    desk.settle();
    let stored = desk.stored();
    assert_eq!(stored["items"][0]["qty"], json!(2));
    assert_eq!(stored["items"][1]["qty"], json!(2));
    assert_eq!(stored["items[r1].qty"], json!(9));
    assert_eq!(stored["__proto__"], json!({"admin": true}));
    let _ = (LoadOutcome::Gone, Loaded { key: None, stamp: None, document: Vec::new() });
}

/// The last of two members of one name counts, wherever they stand and however they are spaced.
#[test]
fn two_members_of_one_name_are_no_difference() {
    let document = |spaced: &str, stamp: &str| {
        let text = r#"{"name":"D1","creation":"c","docstatus":0,"modified":"STAMP","customer":"A",
            "customer":"B","custom_json":{"a":1,"a":2},"items":[{"posa_row_id":"r1","name":"n1","idx":1,
            "qty":1,"qty":2,"custom_x":{"b":1,"b":2}}],"payments":[]}"#;
        text.replace("STAMP", stamp).replace(",\"", spaced)
    };
    let mut desk = Desk::new(policy());
    desk.handle(Event::Open { draft: D, key: KEY.into() });
    desk.answer_with("s1", &document(",\"", "s1"));
    desk.notices.clear();
    desk.handle(Event::Refresh { draft: D });
    desk.answer_with("s2", &document(" , \"", "s2"));
    assert_eq!((desk.status(), desk.notices.len()), ("clean", 0), "{:?}", desk.notices);
    desk.scan("r1");
    assert_eq!(qty(&desk.doc(), "r1"), "3");
}
