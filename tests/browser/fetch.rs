//! Requests by `fetch`: the browser's own and one that the page hands in.

use restamp::shell::backend::rest;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{code, draft, js, js_wait, json, open_shop, save, set, text, till, wait};

/// A fetch of the page's over one document, as `globalThis.net`; `net.instead` answers in its place.
fn open_net() {
    open_shop();
    js(r#"
        globalThis.net = { stamp: 1, doc: { id: "A", customer: "Walk-in", lines: [] }, aborted: 0, requests: [], instead: null };
        net.fetch = async function (url, init) {
          net.receiver = this;
          net.requests.push({ url, ...init });
          if (net.instead) return net.instead(url, init);
          if (init.method === "PUT") {
            if (init.headers["If-Match"] !== `"${net.stamp}"`) return new Response("", { status: 412 });
            net.doc = JSON.parse(new TextDecoder().decode(init.body));
            net.stamp += 1;
          }
          return new Response(JSON.stringify(net.doc), { status: 200, headers: { etag: `"${net.stamp}"` } });
        };
        net.never = (url, init) => new Promise(() => { init.signal.addEventListener("abort", () => { net.aborted += 1; }); });
    "#);
}

async fn net_till(options: &str) -> restamp::shell::till::Till {
    js(&format!("net.options = {options}"));
    let backend = rest(&js("({ path: '/carts', url: 'https://shop.test/', fetch: net.fetch, headers: { 'X-Shop': '7' }, ...net.options })"));
    js_sys::Reflect::set(&js("net"), &"backend".into(), &backend.unwrap().into()).unwrap();
    till("net", "{ store: 'memory', backend: net.backend }").await
}

#[wasm_bindgen_test]
async fn a_request_carries_what_the_page_asked_for() {
    open_net();
    let opened = net_till("{}").await;
    let edited = draft(&opened, "A").await;
    set(&edited, "customer", "Somchai");
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(
        json(&js("net.requests.map(({ method, url }) => `${method} ${url}`)")),
        r#"["GET https://shop.test/carts/A","PUT https://shop.test/carts/A"]"#
    );
    assert!(js("net.requests.every(({ headers, signal }) => headers['X-Shop'] === '7' && signal instanceof AbortSignal)").is_truthy());
    assert_eq!(json(&js("net.doc.customer")), "\"Somchai\"");
}

#[wasm_bindgen_test]
async fn a_fetch_that_never_answers_is_aborted_after_the_timeout_and_its_save_is_in_doubt() {
    open_net();
    let opened = net_till("{ timeout: 60 }").await;
    let edited = draft(&opened, "A").await;
    set(&edited, "customer", "Somchai");
    js("net.instead = net.never");
    let outcome = save(&edited).await;
    assert_eq!(
        (text(&outcome, "kind").as_str(), text(&outcome, "reason").as_str()),
        ("queued", "offline")
    );
    assert!(js("net.aborted >= 2").is_truthy(), "the save and the look after it");
    js("net.instead = null");
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(json(&js("net.doc.customer")), "\"Somchai\"");
}

#[wasm_bindgen_test]
async fn a_body_that_never_ends_is_given_up_too() {
    open_net();
    let opened = net_till("{ timeout: 60 }").await;
    js("net.instead = () => new Response(new ReadableStream({ start(stream) { stream.enqueue(new Uint8Array([123])); } }))");
    assert_eq!(code(&opened.open(&"A".into())).await, "unavailable");
}

#[wasm_bindgen_test]
async fn an_outer_signal_ends_a_request_and_the_page_s_own_handler_stays() {
    open_net();
    net_till("{}").await;
    js("net.instead = net.never; net.stop = new AbortController(); net.own = 0; net.stop.signal.onabort = () => { net.own += 1; }");
    let loading = js("net.backend.load('A', net.stop.signal)");
    js_wait("new Promise((go) => setTimeout(go, 20))").await;
    js("net.stop.abort()");
    assert_eq!(text(&wait(&loading).await, "kind"), "unavailable");
    assert_eq!(json(&js("[net.aborted, net.own]")), "[1,1]");
    let at_once = wait(&js("net.backend.load('A', AbortSignal.abort())")).await;
    assert_eq!(text(&at_once, "kind"), "unavailable");
}

#[wasm_bindgen_test]
async fn the_browser_s_own_fetch_is_the_default() {
    open_net();
    let opened = net_till(
        "{ fetch: undefined, url: undefined, headers: undefined, path: '/no-such-folder' }",
    )
    .await;
    // The test runner's own server answers 404.
    assert_eq!(code(&opened.open(&"A".into())).await, "not-found");
    let nowhere = net_till("{ fetch: undefined, url: 'http://127.0.0.1:9', timeout: 2000 }").await;
    assert_eq!(code(&nowhere.open(&"A".into())).await, "unavailable");
}

#[wasm_bindgen_test]
async fn answers_that_are_no_responses_are_no_answers() {
    open_net();
    let opened = net_till("{ timeout: 200 }").await;
    for nonsense in [
        "undefined",
        "null",
        "'OK'",
        "{}",
        "{ status: 200 }",
        "{ status: 200, headers: new Headers() }",
        "{ status: 200, headers: {}, arrayBuffer: () => 5 }",
    ] {
        js(&format!("net.instead = async () => ({nonsense})"));
        assert_eq!(code(&opened.open(&"A".into())).await, "unavailable", "{nonsense}");
    }
    js("net.instead = () => { throw 'no'; }");
    assert_eq!(code(&opened.open(&"A".into())).await, "unavailable");
    js("net.instead = null");
    assert_eq!(draft(&opened, "A").await.status(), "clean");
    assert!(
        js("net.receiver === undefined || net.receiver === globalThis").is_truthy(),
        "fetch keeps its receiver"
    );
    let _ = JsValue::UNDEFINED;
}
