//! Waiting: the till's one timer, the browser's word that the network is back, and `host.sleep`.

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    code, draft, get, heard, js, js_wait, json, listen, open_shop, save, step, text, till, wait,
};

#[wasm_bindgen_test]
async fn a_busy_server_is_tried_again_after_the_wait() {
    open_shop();
    let opened = till("wake", "{ store: 'memory' }").await;
    listen(&opened, "log");
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.busy = 2; shop.began = performance.now();
        shop.instead = () => { if (--shop.busy === 0) shop.instead = null; return { kind: 'unavailable', applied: 'no' }; }");
    let outcome = save(&edited).await;
    assert_eq!(
        (text(&outcome, "kind").as_str(), get(&outcome, "attempts").as_f64()),
        ("committed", Some(3.0))
    );
    assert!(js("performance.now() - shop.began").as_f64().unwrap() >= 39.0, "two waits of 20 ms");
    assert_eq!(heard("event").iter().filter(|event| *event == "waiting").count(), 2);
}

#[wasm_bindgen_test]
async fn nobody_has_to_ask_again_what_waits_is_sent_by_itself() {
    open_shop();
    let opened =
        till("by itself", "{ store: 'memory', schedule: { kind: 'fixed', base: 5, attempts: 2 } }")
            .await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.instead = () => ({ kind: 'unavailable', applied: 'no' })");
    let outcome = save(&edited).await;
    assert_eq!(
        (text(&outcome, "kind").as_str(), text(&outcome, "reason").as_str()),
        ("queued", "busy")
    );
    assert!(get(&outcome, "nextAttemptAt").as_f64().is_some());
    js("shop.instead = null");
    // The background schedule starts at a second.
    js_wait("new Promise((go) => { const look = () => shop.docs.A.doc.lines[0].qty === 2 ? go() : setTimeout(look, 20); look(); })").await;
}

#[wasm_bindgen_test]
async fn word_that_the_network_is_back_ends_a_long_wait() {
    open_shop();
    let opened = till(
        "online",
        "{ store: 'memory', schedule: { kind: 'fixed', base: 600000, attempts: 9 } }",
    )
    .await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.instead = () => { shop.instead = null; setTimeout(() => dispatchEvent(new Event('online')), 30); return { kind: 'unavailable', applied: 'no' }; }");
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(json(&js("shop.saves")), "2");
}

#[wasm_bindgen_test]
async fn a_till_that_was_closed_wakes_no_more() {
    open_shop();
    let opened = till("asleep", "{ store: 'memory' }").await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.instead = () => { shop.refused = true; return { kind: 'unavailable', applied: 'no' }; }");
    let saving = edited.save(&JsValue::UNDEFINED);
    js_wait("new Promise((go) => { const look = () => shop.refused ? go() : setTimeout(look, 1); look(); })").await;
    wait(&opened.close()).await;
    assert_eq!(code(&saving).await, "closed");
    let saves = json(&js("shop.saves"));
    js_wait("new Promise((go) => setTimeout(go, 100))").await;
    js("dispatchEvent(new Event('online'))");
    assert_eq!(json(&js("shop.saves")), saves);
}

#[wasm_bindgen_test]
async fn waiting_may_be_the_page_s_and_is_told_when_nobody_needs_it_any_more() {
    open_shop();
    js("shop.sleeps = [];
        shop.host = { now: () => 1000, random: () => 0.5, sleep: (ms, signal) => {
          const sleep = { ms, over: false };
          signal.addEventListener('abort', () => { sleep.over = true; });
          shop.sleeps.push(sleep);
          return new Promise((go) => { sleep.go = go; });
        } }");
    let opened = till("host", "{ store: 'memory', host: shop.host, schedule: { kind: 'fixed', base: 600000, attempts: 9 } }").await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.instead = () => { shop.instead = null; return { kind: 'unavailable', applied: 'no' }; }");
    let saving = edited.save(&JsValue::UNDEFINED);
    js_wait("new Promise((go) => { const look = () => shop.sleeps.length ? go() : setTimeout(look, 1); look(); })").await;
    assert_eq!(json(&js("shop.sleeps.at(-1).ms")), "600000");
    // Somebody asks again: the wait is over.
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(text(&wait(&saving).await, "kind"), "committed");
    assert!(js("shop.sleeps.every(({ over }) => over)").is_truthy());
}
