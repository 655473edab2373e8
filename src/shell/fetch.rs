//! One request by `fetch`, with a timeout that aborts it.

use js_sys::{Function, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, Response};

use super::convert::{get, set};
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

    pub(super) fn response(&self) -> HttpResponse<'_> {
        HttpResponse { status: self.status, headers: &self.headers, body: &self.body }
    }
}

impl Fetch {
    /// Sends a request. Never fails: what goes wrong on the way is an answer of status 0.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        more_headers: &[(&str, String)],
        outer: Option<AbortSignal>,
    ) -> Answer {
        let Ok(controller) = AbortController::new() else { return Answer::none() };
        let abort = {
            let controller = controller.clone();
            Closure::<dyn FnMut()>::new(move || controller.abort())
        };
        let _timeout = {
            let controller = controller.clone();
            gloo_timers::callback::Timeout::new(self.timeout_ms, move || controller.abort())
        };
        if let Some(outer) = &outer {
            if outer.aborted() {
                return Answer::none();
            }
            outer.set_onabort(Some(abort.as_ref().unchecked_ref()));
        }
        let answer = self.exchange(request, more_headers, &controller.signal()).await;
        if let Some(outer) = &outer {
            outer.set_onabort(None);
        }
        answer.unwrap_or_else(|_| Answer::none())
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        more_headers: &[(&str, String)],
        signal: &AbortSignal,
    ) -> Result<Answer, JsValue> {
        let headers = Object::assign(&Object::new(), &Object::from(self.headers.clone()));
        for (name, value) in &request.headers {
            set(&headers, name, &value.as_str().into());
        }
        for (name, value) in more_headers {
            set(&headers, name, &value.as_str().into());
        }
        let init = Object::new();
        set(&init, "method", &request.method.into());
        set(&init, "headers", &headers);
        set(&init, "signal", signal);
        if let Some(body) = &request.body {
            set(&init, "body", &Uint8Array::from(body.as_slice()));
        }
        let url = [self.url.as_str(), &request.path].concat();
        let global = js_sys::global();
        let fetch = match &self.fetch {
            Some(fetch) => fetch.clone(),
            None => get(&global, "fetch").dyn_into()?,
        };
        let promise = fetch.call2(&JsValue::UNDEFINED, &url.into(), &init)?;
        let response = JsFuture::from(Promise::resolve(&promise)).await?;
        // A fetch handed in may answer with an object of its own making: duck typing.
        read(response.unchecked_into()).await
    }
}

async fn read(response: Response) -> Result<Answer, JsValue> {
    let mut headers = Vec::new();
    // Across origins the others cannot be read anyway.
    for name in ["etag", "retry-after", "location", "content-type", "content-length"] {
        if let Ok(Some(value)) = response.headers().get(name) {
            headers.push((name.to_owned(), value));
        }
    }
    let declared = headers.iter().find(|(name, _)| name == "content-length");
    let too_large = |length: usize| length > BODY_BYTES_MAX;
    let mut body = Vec::new();
    if !declared.is_some_and(|(_, length)| length.parse().is_ok_and(too_large)) {
        let buffer = JsFuture::from(response.array_buffer()?).await?;
        let bytes = Uint8Array::new(&buffer);
        // Too large a body is not read: it counts as unreadable, like an empty one.
        if !too_large(bytes.length() as usize) {
            body = bytes.to_vec();
        }
    }
    Ok(Answer { status: response.status(), headers, body })
}
