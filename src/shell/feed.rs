//! Word of others' changes: the server's stream, kept open, or the page's own.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{spawn_local, JsFuture};
use web_sys::{AbortController, AbortSignal};

use super::backend::Http;
use super::clock::Clock;
use super::convert::{document_text, function, get, parse, set, text, word};
use super::error::invalid;
use super::fetch::Link;
use super::promise::Pledge;
use super::runner::Runner;
use crate::adapters::Change;
use crate::core::event::Event;
use crate::core::random::Random;
use crate::core::retry::{Kind, Schedule};
use crate::core::stamp::Stamp;

#[wasm_bindgen(module = "/src/package/feed.js")]
extern "C" {
    #[wasm_bindgen(js_name = readEvents, catch)]
    async fn read_events(
        fetch: &Function,
        url: &str,
        headers: &JsValue,
        signal: &AbortSignal,
        quiet: f64,
        on: &JsValue,
    ) -> Result<JsValue, JsValue>;
}

/// A server says something every 15 s; one that is silent for three times as long is gone.
const QUIET_MS: f64 = 45_000.0;

/// Waits before a stream that ended is opened again.
const RECONNECT: Schedule = Schedule {
    kind: Kind::FullJitter,
    base_ms: 1_000,
    cap_ms: 30_000,
    factor_milli: 2_000,
    attempts_max: None,
    deadline_ms: None,
};

/// A stream of changes; dropping it ends it.
pub(super) enum Feed {
    Http(AbortController),
    /// The function that ends it.
    Page(Option<Function>),
}

impl Drop for Feed {
    fn drop(&mut self) {
        match self {
            Feed::Http(closing) => closing.abort(),
            Feed::Page(stop) => {
                let _ = stop.take().map(|stop| stop.call0(&JsValue::UNDEFINED));
            }
        }
    }
}

impl Feed {
    /// The server's, if it has one.
    pub(super) fn of(http: &Rc<Http>, clock: &Rc<Clock>, on: Rc<dyn Fn(Change)>) -> Option<Feed> {
        http.adapter.changes(None)?;
        let closing = AbortController::new().ok()?;
        let (http, clock, signal) = (http.clone(), clock.clone(), closing.signal());
        spawn_local(async move { keep_open(http, clock, signal, on).await });
        Some(Feed::Http(closing))
    }

    /// That of a page's own backend.
    pub(super) fn of_page(object: &JsValue, on: Rc<dyn Fn(Change)>) -> Option<Feed> {
        let hear = Closure::<dyn FnMut(JsValue, JsValue, JsValue)>::new(
            move |key: JsValue, stamp, more| {
                on(match key.as_string() {
                    // What cannot be read of it is loaded.
                    Some(key) => of_page(key, &stamp, &more),
                    None => Change::Missed,
                });
            },
        );
        let changes = function(object, "changes")?;
        let stop = changes.call1(object, &hear.into_js_value()).ok()?;
        Some(Feed::Page(stop.dyn_into().ok()))
    }
}

/// Tells a function of the page's of every change.
pub(super) fn teller(on_change: Function) -> Rc<dyn Fn(Change)> {
    Rc::new(move |change| {
        // What the page makes of it is its own matter.
        let _ = match change {
            Change::Of { key, stamp, from, token, document } => {
                let stamp = stamp.map_or(JsValue::UNDEFINED, |stamp| stamp.0.into());
                let more = js_sys::Object::new();
                for (name, word) in [("from", from.map(|from| from.0)), ("token", token)] {
                    let _ = word.map(|word| set(&more, name, &word.into()));
                }
                let _ = document.map(|text| set(&more, "doc", &parse(&text)));
                on_change.call3(&JsValue::UNDEFINED, &key.into(), &stamp, &more)
            }
            Change::Missed => on_change.call0(&JsValue::UNDEFINED),
        };
    })
}

/// What a page was told of a change, and passes on.
fn of_page(key: String, stamp: &JsValue, more: &JsValue) -> Change {
    let document = match get(more, "doc") {
        doc if doc.is_undefined() => None,
        doc => document_text(&doc, "doc").ok(),
    };
    Change::Of {
        key,
        stamp: stamp.as_string().map(Stamp),
        from: text(more, "from").map(Stamp),
        token: text(more, "token"),
        document,
    }
}

/// The same as one value, for the page that leads: the stamp alone, or what there is besides.
pub(super) fn told(stamp: JsValue, more: &JsValue) -> Result<JsValue, JsValue> {
    if more.is_undefined() {
        return Ok(stamp);
    }
    if !more.is_object() {
        return Err(invalid("more", "an object"));
    }
    let told = js_sys::Object::new();
    set(&told, "stamp", &stamp);
    for name in ["from", "token"] {
        let value = get(more, name);
        if !value.is_undefined() {
            set(&told, name, &word(&value, &["more.", name].concat())?.into());
        }
    }
    let doc = get(more, "doc");
    if !doc.is_undefined() {
        // As text: a number keeps its digits on the way to another page.
        let text = document_text(&doc, "more.doc")?;
        set(&told, "doc", &String::from_utf8_lossy(&text).as_ref().into());
    }
    Ok(told.into())
}

async fn keep_open(http: Rc<Http>, clock: Rc<Clock>, signal: AbortSignal, on: Rc<dyn Fn(Change)>) {
    let last: Rc<RefCell<Option<String>>> = Rc::default();
    let mut attempt = 1;
    while !signal.aborted() {
        let opened = read(&http, &signal, &last, &on).await;
        attempt = if opened { 2 } else { attempt + 1 };
        let bits = Random::new(clock.random()).bits();
        let wait = RECONNECT.delay(attempt, bits, None, None);
        if signal.aborted() || !pause(&clock, wait, &signal).await {
            return;
        }
    }
}

/// Reads the stream once; whether there was one.
async fn read(
    http: &Rc<Http>,
    signal: &AbortSignal,
    last: &Rc<RefCell<Option<String>>>,
    on: &Rc<dyn Fn(Change)>,
) -> bool {
    let from = last.borrow().clone();
    let Some(request) = http.adapter.changes(from.as_deref()) else { return false };
    let authorization = http.authorization.iter().map(|word| ("Authorization", word.clone()));
    let headers = http.fetch.headers(&request, &authorization.collect::<Vec<_>>());
    let Ok(fetch) = http.fetch.function() else { return false };
    let opened = Rc::new(RefCell::new(false));
    let hear = {
        let (http, last, on, opened) = (http.clone(), last.clone(), on.clone(), opened.clone());
        Closure::<dyn FnMut(String, String, String)>::new(
            move |event: String, data: String, id: String| {
                if event == "open" {
                    opened.replace(true);
                    // Where it cannot be gone on from, anything may have been missed.
                    if last.borrow().is_none() {
                        on(Change::Missed);
                    }
                    return;
                }
                if !id.is_empty() {
                    last.replace(Some(id));
                }
                if let Some(change) = http.adapter.read_change(&event, data.as_bytes()) {
                    on(change);
                }
            },
        )
    };
    let url = http.fetch.address(&request);
    let ended = read_events(&fetch, &url, &headers, signal, QUIET_MS, hear.as_ref()).await;
    let opened = *opened.borrow();
    ended.is_ok() && opened
}

/// Whether the wait went by; it ends with the signal.
async fn pause(clock: &Rc<Clock>, wait: u64, signal: &AbortSignal) -> bool {
    let (promise, pledge) = Pledge::new();
    let pledge = Rc::new(pledge);
    let ended = pledge.clone();
    let stop = move || ended.fail(&JsValue::UNDEFINED);
    let Some(_link) = Link::new(signal.clone(), Box::new(stop)) else { return false };
    let wait = crate::core::time::Millis(wait);
    let _timer = clock.sleep(wait, move || pledge.keep(&JsValue::UNDEFINED));
    JsFuture::from(Promise::resolve(&promise)).await.is_ok()
}

impl Runner {
    /// Listens for others' changes, if the backend tells of them.
    pub(super) fn listen_to_changes(self: &Rc<Self>) {
        let runner = Rc::downgrade(self);
        let on = Rc::new(move |change| {
            if let Some(runner) = runner.upgrade() {
                runner.on_change(change);
            }
        });
        let feed = self.works.hears.then(|| self.backend.feed(&self.clock, on)).flatten();
        let before = self.feed.replace(feed);
        drop(before);
    }

    /// Somebody changed something: what is open here learns of it before its next save.
    fn on_change(self: &Rc<Self>, change: Change) {
        let (drafts, word) = match change {
            Change::Of { key, stamp, from, token, document } => {
                let known = self.till.borrow().find(&key);
                (known.into_iter().collect(), (stamp, from, token, document))
            }
            Change::Missed => {
                let till = self.till.borrow();
                let all: Vec<_> = till.drafts().iter().map(|draft| draft.number()).collect();
                (all, (None, None, None, None))
            }
        };
        for draft in drafts {
            let (stamp, from, token, document) = word.clone();
            // One that is still opening is loaded anyway.
            let _ = self.dispatch(Event::Heard { draft, stamp, from, token, document });
        }
    }

    /// A page was told of a change, and told it to the one that leads.
    pub(super) fn on_told(self: &Rc<Self>, key: String, told: &JsValue) {
        let stamp = if told.is_object() { get(told, "stamp") } else { told.clone() };
        self.on_change(of_page(key, &stamp, told));
    }
}
