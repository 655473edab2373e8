//! JavaScript values to text and back.
//!
//! Documents cross as text: `JSON.stringify` and `JSON.parse` are the page's own, native code.
//! A number that a double cannot hold crosses as a string.

use js_sys::{Function, Object, Promise, Reflect, Uint8Array, JSON};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;

use super::error::{error, invalid};
use crate::core::amount;

#[wasm_bindgen(module = "/src/package/plain.js")]
extern "C" {
    #[wasm_bindgen(js_name = plainText, catch)]
    fn plain_text(value: &JsValue) -> Result<JsValue, JsValue>;
}

/// A document as JSON text: from text, UTF-8 bytes or an object.
pub(super) fn document_text(value: &JsValue, argument: &str) -> Result<Vec<u8>, JsValue> {
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        return Ok(bytes.to_vec());
    }
    if let Some(text) = value.as_string() {
        return Ok(text.into_bytes());
    }
    if !value.is_object() || value.is_function() {
        return Err(invalid(argument, "a document: an object, JSON text or bytes"));
    }
    stringify(value, argument)
}

/// Any plain value as JSON text. What JSON would lose in silence (NaN, a function) is refused.
pub(super) fn stringify(value: &JsValue, argument: &str) -> Result<Vec<u8>, JsValue> {
    let why = match plain_text(value) {
        Ok(text) => match text.as_string() {
            Some(text) => return Ok(text.into_bytes()),
            None => "undefined".to_owned(),
        },
        Err(thrown) => text(&thrown, "message").unwrap_or_default(),
    };
    let why = why.lines().next().unwrap_or_default();
    Err(invalid(argument, &["plain data that JSON can hold, not ", why].concat()))
}

/// The plain members of an object of options as JSON text; functions are left out.
pub(super) fn options_text(value: &JsValue) -> Result<Vec<u8>, JsValue> {
    let text = JSON::stringify(value).ok().filter(|_| value.is_object() && !value.is_function());
    let text = text.and_then(|text| text.as_string());
    text.map(String::into_bytes).ok_or_else(|| invalid("options", "an object"))
}

/// An argument that must be text and not empty: a path, a table, the identity of a row.
pub(super) fn word(value: &JsValue, argument: &str) -> Result<String, JsValue> {
    let text = value.as_string().filter(|text| !text.is_empty());
    text.ok_or_else(|| invalid(argument, "a text that is not empty"))
}

/// An argument that must be a function.
pub(super) fn callback(value: &JsValue, argument: &str) -> Result<Function, JsValue> {
    value.clone().dyn_into().map_err(|_| invalid(argument, "a function"))
}

/// What promises something never throws: misuse rejects too.
pub(super) fn promised(result: Result<Promise, JsValue>) -> Promise {
    result.unwrap_or_else(|thrown| Promise::reject(&thrown))
}

/// Members of an object that must be of this kind, or not be there.
pub(super) fn check_members(
    object: &JsValue,
    name: &str,
    members: &[&str],
    kind: &str,
    fits: impl Fn(&JsValue) -> bool,
) -> Result<(), JsValue> {
    match members.iter().find(|member| {
        let value = get(object, member);
        !value.is_undefined() && !fits(&value)
    }) {
        Some(member) => Err(invalid(&[name, ".", member].concat(), kind)),
        None => Ok(()),
    }
}

/// JSON text as a JavaScript value.
pub(super) fn parse(text: &[u8]) -> JsValue {
    let safe = exact_numbers(text);
    let text = String::from_utf8_lossy(safe.as_deref().unwrap_or(text));
    JSON::parse(&text).unwrap_or(JsValue::UNDEFINED)
}

/// The text with every number that a double would change made a string; `None` if there is none.
fn exact_numbers(text: &[u8]) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'-' | b'0'..=b'9' => {
                let start = at;
                while matches!(text.get(at), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
                    at += 1;
                }
                if !survives(&text[start..at]) {
                    let out = out.get_or_insert_with(Vec::new);
                    out.extend_from_slice(&text[copied..start]);
                    out.push(b'"');
                    out.extend_from_slice(&text[start..at]);
                    out.push(b'"');
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    if let Some(out) = &mut out {
        out.extend_from_slice(&text[copied..]);
    }
    out
}

fn string_end(text: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(&byte) = text.get(at) {
        at += 1 + usize::from(byte == b'\\');
        if byte == b'"' {
            break;
        }
    }
    at
}

/// Up to 15 digits always survive a double; for longer ones JavaScript itself is asked.
fn survives(number: &[u8]) -> bool {
    let plain = number.iter().all(|byte| matches!(byte, b'-' | b'.' | b'0'..=b'9'));
    if plain && number.len() <= 15 {
        return true;
    }
    let text = String::from_utf8_lossy(number);
    let spelled = JSON::parse(&text).and_then(|value| JSON::stringify(&value));
    let spelled = spelled.ok().and_then(|text| text.as_string()).unwrap_or_default();
    match amount::amount(number) {
        Some(amount) => amount::amount(spelled.as_bytes()) == Some(amount),
        None => false,
    }
}

/// Freezes plain data through and through.
pub(super) fn freeze(value: &JsValue) {
    let Some(object) = value.dyn_ref::<Object>().filter(|object| !Object::is_frozen(object)) else {
        return;
    };
    Object::freeze(object);
    for member in Object::values(object) {
        if member.is_object() {
            freeze(&member);
        }
    }
}

/// A member of an object; `undefined` if there is none.
pub(super) fn get(object: &JsValue, name: &str) -> JsValue {
    if object.is_undefined() || object.is_null() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

pub(super) fn text(object: &JsValue, name: &str) -> Option<String> {
    get(object, name).as_string()
}

pub(super) fn function(object: &JsValue, name: &str) -> Option<Function> {
    get(object, name).dyn_into().ok()
}

pub(super) fn set(object: &JsValue, name: &str, value: &JsValue) {
    // Only fails for objects that are frozen or none; ours are plain.
    let _ = Reflect::set(object, &name.into(), value);
}

/// A decimal from text, or from a number by JavaScript's own shortest spelling.
pub(super) fn decimal(value: &JsValue, argument: &str) -> Result<amount::Decimal, JsValue> {
    let text = match value.as_string() {
        Some(text) => amount::decimal(&text),
        None => stringify(value, argument).ok().and_then(|text| amount::amount(&text)),
    };
    text.ok_or_else(|| {
        error("not-a-decimal", &[argument, " must be a decimal, as text: \"12.50\""])
    })
}
