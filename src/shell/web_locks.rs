//! Web Locks: a name that one page at a time holds, and that is free again when the page is gone,
//! however it went.

use std::rc::Rc;

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{spawn_local, JsFuture};

use super::convert::{function, get, set};
use super::runner::Pledge;

/// A lock that is held until this is dropped.
pub(super) struct Claim(Option<Function>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Whether this browser has Web Locks (an old one, or a page without HTTPS, has none).
pub(super) fn are_there() -> bool {
    !manager().is_undefined()
}

fn manager() -> JsValue {
    get(&get(&js_sys::global(), "navigator"), "locks")
}

/// Takes the lock `name` if nobody holds it. Without Web Locks everything is granted.
pub(super) async fn claim(name: &str) -> Option<Claim> {
    let manager = manager();
    let Some(request) = function(&manager, "request") else { return Some(Claim(None)) };
    let (held, release) = Pledge::new();
    let (granted, answer) = Pledge::new();
    let answer = Rc::new(answer);
    let decider = answer.clone();
    // The lock is held for as long as the promise that this answers is open.
    let decide = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        decider.keep(&JsValue::from_bool(!lock.is_null()));
        if lock.is_null() {
            JsValue::UNDEFINED
        } else {
            held.into()
        }
    });
    let options = Object::new();
    set(&options, "ifAvailable", &JsValue::TRUE);
    let asked = request.call3(&manager, &name.into(), &options, &decide);
    let asked: Promise = asked.ok()?.dyn_into().ok()?;
    spawn_local(async move {
        // Refused (an opaque origin, a page that is going away): as if somebody held it.
        if JsFuture::from(asked).await.is_err() {
            answer.keep(&JsValue::FALSE);
        }
    });
    let is_mine = JsFuture::from(granted).await.ok()?.is_truthy();
    is_mine.then(|| Claim(Some(release.resolve)))
}
