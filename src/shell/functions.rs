//! The exported pure functions: `merge`, `mergeBytes`, `classify`, `delay`.

use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;

use super::clock::fraction;
use super::convert::{
    check_members, decimal, document_text, function, get, parse, set, stringify, text,
};
use super::error::{invalid, of_ops, of_reapply};
use super::options;
use crate::adapters::{self, CallKind, HttpResponse};
use crate::core::conflict::Conflict;
use crate::core::json::list;
use crate::core::op::Op;
use crate::core::prepared::{Kind, Prepared};
use crate::core::reapply::{reapply, Circumstances, Mine, Reapplied};

fn mine(value: &JsValue) -> Result<Mine, JsValue> {
    let ops = get(value, "ops");
    if Array::is_array(&ops) && !value.has_type::<Uint8Array>() {
        let ops = Op::parse_list(&stringify(&ops, "mine.ops")?);
        return ops.map(Mine::Ops).map_err(|error| of_ops(&error));
    }
    if !ops.is_undefined() && !value.has_type::<Uint8Array>() && !value.is_string() {
        return Err(invalid("mine.ops", "a list of edits"));
    }
    document_text(value, "mine").map(Mine::Document)
}

fn run(
    base: &JsValue,
    mine_value: &JsValue,
    theirs: &JsValue,
    profile: &JsValue,
    circumstances: &Circumstances,
) -> Result<Reapplied, JsValue> {
    let profile = options::profile(profile)?;
    let base = document_text(base, "base")?;
    let mine = mine(mine_value)?;
    let theirs = match theirs {
        theirs if theirs.is_null() => None,
        theirs => Some(document_text(theirs, "theirs")?),
    };
    reapply(&base, &mine, theirs.as_deref(), &profile, circumstances)
        .map_err(|error| of_reapply(&error))
}

/// Lays mine over theirs; documents in, a result object out.
#[wasm_bindgen]
pub fn merge(
    base: &JsValue,
    mine: &JsValue,
    theirs: &JsValue,
    profile: &JsValue,
    options: &JsValue,
) -> Result<JsValue, JsValue> {
    let doubt = get(options, "inDoubt");
    let sent = get(&doubt, "sent");
    if !options.is_undefined() && !options.is_object() {
        return Err(invalid("options", "an object"));
    }
    check_members(options, "options", &["inDoubt"], "an object", JsValue::is_object)?;
    check_members(&doubt, "options.inDoubt", &["token"], "text", JsValue::is_string)?;
    let expected_total = match get(options, "expectedTotal") {
        total if total.is_undefined() => None,
        total => Some(decimal(&total, "options.expectedTotal")?.to_string()),
    };
    let circumstances = Circumstances {
        lost_token: text(&doubt, "token"),
        lost_sent: if sent.is_undefined() {
            None
        } else {
            Some(document_text(&sent, "options.inDoubt.sent")?)
        },
        expected_total,
    };
    let result = run(base, mine, theirs, profile, &circumstances)?;
    Ok(parse(&result.to_json()))
}

/// The same from bytes to bytes: no document becomes a JavaScript object.
#[wasm_bindgen(js_name = mergeBytes)]
pub fn merge_bytes(
    base: &JsValue,
    mine: &JsValue,
    theirs: &JsValue,
    profile: &JsValue,
) -> Result<JsValue, JsValue> {
    let mut prepared = prepare_merge(base, mine, profile)?;
    let kind = prepared.run(document_text(theirs, "theirs")?)?;
    let object = Object::new();
    set(&object, "kind", &KINDS[kind].into());
    set(&object, "bytes", &Uint8Array::from(prepared.bytes.as_slice()));
    set(&object, "conflicts", &prepared.conflicts());
    Ok(object.into())
}

const KINDS: [&str; 3] = ["merged", "conflict", "terminal"];

/// What an answer means.
#[wasm_bindgen]
pub fn classify(adapter: &JsValue, call: &JsValue, response: &JsValue) -> Result<JsValue, JsValue> {
    let kind = call.as_string().and_then(|call| CallKind::parse(&call));
    let kind = kind.ok_or_else(|| invalid("call", "a CallKind"))?;
    let status = get(response, "status").as_f64().filter(|status| (0.0..1_000.0).contains(status));
    let Some(status) = status else {
        return Err(invalid("response", "{status, headers?, body?}"));
    };
    check_members(response, "response", &["body"], "text", JsValue::is_string)?;
    // The Headers of a fetch have no members to read: taken for none, they would be lost.
    let plain = |value: &JsValue| value.is_object() && function(value, "get").is_none();
    check_members(response, "response", &["headers"], "a plain object", plain)?;
    let mut headers = Vec::new();
    if let Ok(given) = get(response, "headers").dyn_into::<Object>() {
        for entry in Object::entries(&given) {
            let entry = Array::from(&entry);
            if let (Some(name), Some(value)) = (entry.get(0).as_string(), entry.get(1).as_string())
            {
                headers.push((name.to_ascii_lowercase(), value));
            }
        }
    }
    let body = text(response, "body").unwrap_or_default();
    let response = HttpResponse { status: status as u16, headers: &headers, body: body.as_bytes() };
    match adapters::classify(&adapter.as_string().unwrap_or_default(), kind, &response) {
        Some(meaning) => Ok(parse(&meaning.to_json())),
        None => Err(invalid("adapter", "\"frappe\" or \"rest\"")),
    }
}

/// The wait before a try, ms.
#[wasm_bindgen]
pub fn delay(
    schedule: JsValue,
    attempt: &JsValue,
    random: &JsValue,
    previous: &JsValue,
    retry_after: &JsValue,
) -> Result<f64, JsValue> {
    let random = random.as_f64().filter(|random| (0.0..1.0).contains(random));
    let random = random.ok_or_else(|| invalid("random", "a number in [0, 1)"))?;
    let attempt = attempt.as_f64().filter(|attempt| *attempt >= 1.0);
    let attempt = attempt.ok_or_else(|| invalid("attempt", "a whole number from 1"))?;
    let schedule = options::schedule(schedule)?;
    let previous = milliseconds(previous, "previous")?;
    let retry_after = milliseconds(retry_after, "retryAfter")?;
    Ok(schedule.delay(attempt as u32, fraction(random), previous, retry_after) as f64)
}

fn milliseconds(value: &JsValue, argument: &str) -> Result<Option<u64>, JsValue> {
    if value.is_undefined() {
        return Ok(None);
    }
    let given = value.as_f64().filter(|ms| *ms >= 0.0);
    let given = given.ok_or_else(|| invalid(argument, "milliseconds from 0"))?;
    Ok(Some(given as u64))
}

/// The module's memory, for views of results.
#[wasm_bindgen(js_name = moduleMemory)]
pub fn module_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// A base and my side, read once and kept in the module's memory for many newest copies; and the
/// last result. The page's own class of this name is made of it (src/package/prepared.js): it
/// asks for as little as it needs, since every object and text that crosses costs more than the
/// merge of a small document.
#[wasm_bindgen]
pub struct PreparedMerge {
    prepared: Prepared,
    bytes: Vec<u8>,
    conflicts: Vec<Conflict>,
}

/// Prepares a merge: what is held is not read again.
#[wasm_bindgen(js_name = prepareMerge)]
pub fn prepare_merge(
    base: &JsValue,
    mine_value: &JsValue,
    profile: &JsValue,
) -> Result<PreparedMerge, JsValue> {
    let profile = options::profile(profile)?;
    let base = document_text(base, "base")?;
    let prepared = Prepared::new(base, &mine(mine_value)?, profile);
    let prepared = prepared.map_err(|error| of_reapply(&error))?;
    Ok(PreparedMerge { prepared, bytes: Vec::new(), conflicts: Vec::new() })
}

#[wasm_bindgen]
impl PreparedMerge {
    /// Lays mine over the newest copy. The kind of the result: 0 merged, 1 conflict, 2 terminal.
    pub fn run(&mut self, theirs: Vec<u8>) -> Result<usize, JsValue> {
        let buffer = std::mem::take(&mut self.bytes);
        let laid = self.prepared.merge(theirs, buffer).map_err(|error| of_reapply(&error))?;
        (self.bytes, self.conflicts) = (laid.text, laid.conflicts);
        Ok(match laid.kind {
            Kind::Merged => 0,
            Kind::Conflict => 1,
            Kind::Ended => 2,
        })
    }

    /// Where the result's text lies in the module's memory: valid until the next call of anything
    /// in this package.
    pub fn start(&self) -> usize {
        self.bytes.as_ptr() as usize
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The result's conflicts.
    pub fn conflicts(&self) -> JsValue {
        parse(&list(self.conflicts.iter().map(Conflict::to_json)))
    }
}
