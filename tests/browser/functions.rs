//! The exported functions, called from Rust with JavaScript values.

use restamp::shell::functions::{classify, delay, merge};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{get, js, json, text};

#[wasm_bindgen_test]
fn merge_takes_objects_text_and_bytes() {
    for base in ["({ qty: 1 })", "'{\"qty\":1}'", "new TextEncoder().encode('{\"qty\":1}')"] {
        let mine = js("({ ops: [{ op: 'increment', path: 'qty', by: '0.1' }] })");
        let profile = js("({ fields: { qty: 'counter' } })");
        let result = merge(
            &js(base),
            &mine,
            &js("({ qty: 0.2, note: 'theirs' })"),
            &profile,
            &JsValue::UNDEFINED,
        );
        let result = result.unwrap_or_else(|error| panic!("{}", text(&error, "message")));
        assert_eq!(text(&result, "kind"), "merged");
        assert_eq!(get(&get(&result, "doc"), "note"), "theirs");
    }
}

#[wasm_bindgen_test]
fn errors_are_restamp_errors_with_a_code() {
    let error = merge(&js("5"), &js("({})"), &js("({})"), &JsValue::UNDEFINED, &JsValue::UNDEFINED)
        .unwrap_err();
    assert_eq!(
        (text(&error, "name").as_str(), text(&error, "code").as_str()),
        ("RestampError", "invalid-argument")
    );
    assert!(text(&error, "message").starts_with("restamp: base must be"));
    assert!(error.is_instance_of::<js_sys::Error>());
}

#[wasm_bindgen_test]
fn classify_and_delay_answer() {
    let verdict = classify(&"rest".into(), &"update".into(), &js("({ status: 412 })")).unwrap();
    assert_eq!(json(&verdict), r#"{"kind":"stale"}"#);
    let schedule = js("({ kind: 'exponential', base: 100 })");
    let none = JsValue::UNDEFINED;
    assert_eq!(delay(schedule, &4.into(), &0.into(), &none, &none).unwrap(), 400.0);
}
