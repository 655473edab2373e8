//! What a page does: a server object, tills on it, and a look into the browser's database.

use js_sys::{Array, Promise, Reflect};
use restamp::shell::draft::Draft;
use restamp::shell::till::{open_till, Till};
use wasm_bindgen::convert::TryFromJsValue;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Runs JavaScript text; its value.
pub(crate) fn js(text: &str) -> JsValue {
    js_sys::eval(text).unwrap_or_else(|thrown| panic!("{text}: {thrown:?}"))
}

/// Runs JavaScript text and waits for the promise that it is.
pub(crate) async fn js_wait(text: &str) -> JsValue {
    wait(&js(text)).await
}

pub(crate) async fn wait(promise: &JsValue) -> JsValue {
    let settled = JsFuture::from(Promise::resolve(promise)).await;
    settled.unwrap_or_else(|thrown| panic!("rejected: {thrown:?}"))
}

/// The code of the error that a promise rejects with.
pub(crate) async fn code(promise: &JsValue) -> String {
    match JsFuture::from(Promise::resolve(promise)).await {
        Ok(value) => panic!("not rejected: {value:?}"),
        Err(error) => text(&error, "code"),
    }
}

pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

pub(crate) fn text(object: &JsValue, name: &str) -> String {
    get(object, name).as_string().unwrap_or_default()
}

pub(crate) fn json(value: &JsValue) -> String {
    js_sys::JSON::stringify(value).unwrap().into()
}

/// A server of the documents A and B in the page's memory, as `globalThis.shop`.
pub(crate) fn open_shop() {
    js(r#"
        globalThis.shop = { stamp: 1, saves: 0, instead: null, docs: {} };
        for (const key of ["A", "B"]) shop.docs[key] = { stamp: "1", doc: { customer: "Walk-in", lines: [{ id: "r1", qty: 1 }] } };
        shop.backend = {
          guarantees: { compareAndSet: "atomic", token: "native", transactions: false, leases: false, sequences: false, changes: false, apply: false },
          async load(key) {
            const found = shop.docs[key];
            return found ? { kind: "loaded", stamp: found.stamp, doc: structuredClone(found.doc) } : { kind: "gone" };
          },
          async save(request) {
            shop.saves += 1;
            if (shop.instead) return shop.instead(request);
            const key = request.key ?? "N" + shop.saves;
            if (request.key && shop.docs[key].stamp !== request.stamp) return { kind: "stale" };
            shop.stamp += 1;
            shop.docs[key] = { stamp: String(shop.stamp), doc: structuredClone(request.doc) };
            return { kind: "saved", key, stamp: String(shop.stamp) };
          },
        };
        shop.options = {
          backend: shop.backend, till: "T1", user: "anna", schedule: { kind: "fixed", base: 20, attempts: 5 },
          profile: { tables: { lines: { row: ["id"], counter: ["qty"] } } },
        };
    "#);
}

/// A till of this user; `more` are further options as JavaScript text.
pub(crate) async fn till(user: &str, more: &str) -> Till {
    let options = js(&format!("({{ ...shop.options, user: {user:?}, ...{more} }})"));
    open_till(options, JsValue::UNDEFINED)
        .await
        .unwrap_or_else(|error| panic!("openTill: {}", text(&error, "message")))
}

pub(crate) async fn draft(till: &Till, key: &str) -> Draft {
    Draft::try_from_js_value(wait(&till.open(&key.into())).await).unwrap()
}

pub(crate) async fn save(draft: &Draft) -> JsValue {
    wait(&draft.save(&JsValue::UNDEFINED)).await
}

pub(crate) fn step(draft: &Draft, by: &str) {
    draft.increment(&"lines[r1].qty".into(), &by.into()).unwrap();
}

pub(crate) fn set(draft: &Draft, path: &str, value: &str) {
    draft.set(&path.into(), &value.into()).unwrap();
}

pub(crate) fn shown(draft: &Draft, path: &str) -> String {
    json(&draft.get(&path.into()).unwrap())
}

/// Listens to the till's events of this type; they are kept in `globalThis.heard`.
pub(crate) fn listen(till: &Till, kind: &str) {
    let listener = js("globalThis.heard = []; (event) => globalThis.heard.push(event)");
    till.on(&kind.into(), &listener).unwrap();
}

/// A member of each event that was heard.
pub(crate) fn heard(member: &str) -> Vec<String> {
    Array::from(&js("globalThis.heard")).iter().map(|event| text(&event, member)).collect()
}

/// What the journal of this user holds, read by a connection of its own: one text an entry.
pub(crate) async fn entries(user: &str) -> Vec<String> {
    let list = js_wait(&format!(
        r#"new Promise((resolve, reject) => {{
            const opened = indexedDB.open("restamp");
            opened.onerror = reject;
            opened.onsuccess = () => {{
              const read = opened.result.transaction("entries").objectStore("entries").index("user").getAll({user:?});
              read.onsuccess = () => {{
                opened.result.close();
                resolve(read.result.map(({{ bytes }}) => new TextDecoder().decode(bytes)));
              }};
              read.onerror = reject;
            }};
          }})"#
    ))
    .await;
    Array::from(&list).iter().map(|entry| entry.as_string().unwrap()).collect()
}
