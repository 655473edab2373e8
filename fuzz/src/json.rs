//! Any text in place of JSON, against another reader; and amounts.

use restamp::core::amount;
use restamp::core::document::Document;
use restamp::core::json;
use serde_json::Value;

/// Any text.
pub fn run(data: &[u8]) {
    let ours = json::check(data);
    let theirs = serde_json::from_slice::<Value>(data);
    let surrogate =
        data.windows(3).any(|part| part[..2] == *b"\\u" && part[2].eq_ignore_ascii_case(&b'd'));
    let deep = data.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > json::DEPTH_MAX;
    assert!(ours.is_ok() == theirs.is_ok() || surrogate || deep, "{ours:?} {theirs:?}");
    for profile in super::samples::profiles() {
        let parsed = Document::parse(data.to_vec(), profile);
        assert!(parsed.is_err() || ours.is_ok(), "{parsed:?}");
    }
    if let (Ok(span), Ok(theirs)) = (ours, theirs) {
        check(span.of(data), &theirs);
    }
}

/// Members, texts and amounts are what the other reader takes them for.
fn check(value: &[u8], theirs: &Value) {
    match theirs {
        Value::Object(members) => {
            for (name, expected) in members {
                let found = json::member(value, name).expect("the member");
                check(found, expected);
            }
        }
        Value::Array(list) => {
            let mut spans = Vec::new();
            json::elements(value, 0, &mut |span| spans.push(span)).expect("a list");
            assert_eq!(spans.len(), list.len());
            for (span, expected) in spans.iter().zip(list) {
                check(span.of(value), expected);
            }
        }
        Value::String(text) => {
            assert_eq!(json::text(value).as_deref(), Some(text.as_str()));
            let quoted = json::quoted(text);
            assert_eq!(serde_json::from_slice::<Value>(&quoted).ok().as_ref(), Some(theirs));
            check_amount(value);
        }
        Value::Number(_) => check_amount(value),
        Value::Null | Value::Bool(_) => assert_eq!(amount::amount(value), None),
    }
}

/// An amount keeps its value in its shortest spelling.
fn check_amount(value: &[u8]) {
    assert!(amount::same(Some(value), Some(value)));
    let Some(found) = amount::amount(value) else { return };
    let short = amount::shortest(found);
    assert_eq!(amount::decimal(&short), Some(found), "{short}");
    let like = amount::like(found, Some(value));
    assert_eq!(amount::amount(&like), Some(found), "{short}");
}
