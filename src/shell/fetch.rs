//! One request by `fetch`, with a timeout that aborts it.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Function, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal};

use super::convert::{function, get, set};
use crate::adapters::{HttpRequest, HttpResponse};
use crate::core::call::BODY_BYTES_MAX;

/// How requests are made.
pub(super) struct Fetch {
    /// Origin, or a prefix of every path; empty for the page's own origin.
    pub(super) url: String,
    /// Headers of the page's, a plain object or undefined.
    pub(super) headers: JsValue,
    /// The page's own `fetch`, if it handed one in.
    pub(super) fetch: Option<Function>,
    /// An answer that takes longer counts as lost, ms.
    pub(super) timeout_ms: u32,
}

/// An answer with its bytes; status 0 if none came.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn none() -> Answer {
        Answer { status: 0, headers: Vec::new(), body: Vec::new() }
    }

    /// The answer of a server that has no such route.
    pub(super) fn not_implemented() -> Answer {
        Answer { status: 501, ..Answer::none() }
    }

    pub(super) fn response(&self) -> HttpResponse<'_> {
        HttpResponse { status: self.status, headers: &self.headers, body: &self.body }
    }
}

impl Fetch {
    /// Sends a request, one that `outlives` also while the page is being closed. Never fails: what
    /// goes wrong on the way is an answer of status 0.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        more_headers: &[(&str, String)],
        outer: Option<AbortSignal>,
        outlives: bool,
    ) -> Answer {
        let Ok(limit) = Limit::new(self.timeout_ms) else { return Answer::none() };
        let _outer = match outer.map(|outer| Link::to(outer, limit.controller.clone())) {
            Some(None) => return Answer::none(),
            link => link,
        };
        let answer = self.exchange(request, more_headers, &limit, outlives).await;
        answer.unwrap_or_else(|_| Answer::none())
    }

    pub(super) fn address(&self, request: &HttpRequest) -> String {
        [self.url.as_str(), &request.path].concat()
    }

    /// The page's own `fetch`, or the browser's.
    pub(super) fn function(&self) -> Result<Function, JsValue> {
        match &self.fetch {
            Some(fetch) => Ok(fetch.clone()),
            None => get(&js_sys::global(), "fetch").dyn_into(),
        }
    }

    /// The page's headers, the dialect's and `more`.
    pub(super) fn headers(&self, request: &HttpRequest, more: &[(&str, String)]) -> Object {
        let headers = Object::assign(&Object::new(), &Object::from(self.headers.clone()));
        let own = request.headers.iter().map(|(name, value)| (*name, value));
        for (name, value) in own.chain(more.iter().map(|(name, value)| (*name, value))) {
            set(&headers, name, &value.as_str().into());
        }
        headers
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        more_headers: &[(&str, String)],
        limit: &Limit,
        outlives: bool,
    ) -> Result<Answer, JsValue> {
        let headers = self.headers(&request, more_headers);
        let init = Object::new();
        set(&init, "method", &request.method.into());
        set(&init, "headers", &headers);
        set(&init, "signal", &limit.controller.signal());
        if outlives {
            set(&init, "keepalive", &JsValue::TRUE);
        }
        if let Some(body) = &request.body {
            set(&init, "body", &Uint8Array::from(body.as_slice()));
        }
        let url = self.address(&request);
        let promise = self.function()?.call2(&JsValue::UNDEFINED, &url.into(), &init)?;
        let response = limit.settle(&promise).await?;
        read(&response, limit).await
    }
}

/// Reads an answer. A `fetch` handed in may answer with an object of its own making, so nothing
/// about it is taken for granted.
async fn read(response: &JsValue, limit: &Limit) -> Result<Answer, JsValue> {
    let status = get(response, "status").as_f64().ok_or(JsValue::UNDEFINED)? as u16;
    let given = get(response, "headers");
    let mut headers = Vec::new();
    // Across origins the others cannot be read anyway.
    for name in ["etag", "retry-after", "location", "content-type", "content-length"] {
        let Some(read) = function(&given, "get") else { break };
        if let Some(value) = read.call1(&given, &name.into())?.as_string() {
            headers.push((name.to_owned(), value));
        }
    }
    let declared = headers.iter().find(|(name, _)| name == "content-length");
    let too_large = |length: usize| length > BODY_BYTES_MAX;
    if declared.is_some_and(|(_, length)| length.parse().is_ok_and(too_large)) {
        limit.controller.abort();
        return Ok(Answer { status, headers, body: UNREADABLE.to_vec() });
    }
    let read = function(response, "arrayBuffer").ok_or(JsValue::UNDEFINED)?;
    let buffer = limit.settle(&read.call0(response)?).await?;
    // Not asked for its class: it may come from another realm, as in a test runner.
    let length = get(&buffer, "byteLength").as_f64().ok_or(JsValue::UNDEFINED)?;
    let body = match too_large(length as usize) {
        true => UNREADABLE.to_vec(),
        false => Uint8Array::new(&buffer).to_vec(),
    };
    Ok(Answer { status, headers, body })
}

/// Stands for a body that is too large to be read: no JSON, and not empty either, for an empty
/// body may be a success.
const UNREADABLE: &[u8] = b"\0";

thread_local! {
    /// Takes the end of limits for which nothing waits any more. Never dropped.
    static QUIET: Closure<dyn FnMut(JsValue)> = Closure::new(|_| {});
}

/// A time limit: when it is over, the request is aborted, and nothing is waited for any longer,
/// also if the other side does not heed its signal.
pub(super) struct Limit {
    pub(super) controller: AbortController,
    over: Promise,
    _timeout: Timeout,
}

impl Limit {
    pub(super) fn new(limit_ms: u32) -> Result<Limit, JsValue> {
        let controller = AbortController::new()?;
        let signal = controller.signal();
        let over = Promise::new(&mut |_, reject| {
            // An event target runs its listeners once, and cannot fail to take this one.
            let _ = signal.add_event_listener_with_callback("abort", &reject);
        });
        QUIET.with(|quiet| {
            let _ = over.catch(quiet);
        });
        let timeout = {
            let controller = controller.clone();
            Timeout::new(limit_ms, move || controller.abort())
        };
        Ok(Limit { controller, over, _timeout: timeout })
    }

    /// What `promise` (or plain value) comes to within the limit.
    pub(super) async fn settle(&self, promise: &JsValue) -> Result<JsValue, JsValue> {
        let first = Promise::race(&Array::of2(promise, &self.over));
        JsFuture::from(first).await
    }
}

/// What is done when a signal is aborted; dropping it ends that.
pub(super) struct Link {
    outer: AbortSignal,
    abort: Closure<dyn FnMut()>,
}

impl Link {
    /// Aborts the inner one. `None` if the outer one is aborted already.
    pub(super) fn to(outer: AbortSignal, inner: AbortController) -> Option<Link> {
        Link::new(outer, Box::new(move || inner.abort()))
    }

    /// The same, for any deed.
    pub(super) fn new(outer: AbortSignal, deed: Box<dyn FnMut()>) -> Option<Link> {
        if outer.aborted() {
            return None;
        }
        let abort = Closure::wrap(deed);
        let listener = abort.as_ref().unchecked_ref();
        outer.add_event_listener_with_callback("abort", listener).ok()?;
        Some(Link { outer, abort })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let listener = self.abort.as_ref().unchecked_ref();
        let _ = self.outer.remove_event_listener_with_callback("abort", listener);
    }
}
