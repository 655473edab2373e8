//! Time, chance and waiting: the page's own, or what the options hand in.

use std::cell::RefCell;

use gloo_timers::callback::Timeout;
use js_sys::{Date, Function, Math};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use super::convert::function;
use crate::core::time::{Millis, WAIT_MS_MAX};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}

/// Time, chance and waiting of one till.
pub(super) struct Clock {
    host: JsValue,
    now: Option<Function>,
    random: Option<Function>,
    sleep: Option<Function>,
    /// Random bits that are not used yet.
    pool: RefCell<Vec<u128>>,
}

/// A wait; dropping it cancels it.
pub(super) enum Timer {
    Own { _timeout: Timeout },
    Host(AbortController),
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Timer::Host(controller) = self {
            controller.abort();
        }
    }
}

impl Clock {
    pub(super) fn new(host: JsValue) -> Clock {
        Clock {
            now: function(&host, "now"),
            random: function(&host, "random"),
            sleep: function(&host, "sleep"),
            pool: RefCell::default(),
            host,
        }
    }

    pub(super) fn now(&self) -> Millis {
        let own = || Date::now();
        let now = match &self.now {
            Some(now) => {
                now.call0(&self.host).ok().and_then(|now| now.as_f64()).unwrap_or_else(own)
            }
            None => own(),
        };
        Millis(now.max(0.0) as u64)
    }

    /// 128 random bits: the browser's secure ones, unless the options hand in chance.
    pub(super) fn random(&self) -> u128 {
        let Some(random) = &self.random else {
            if let Some(bits) = self.pool.borrow_mut().pop() {
                return bits;
            }
            // A call into the browser costs more than the random bits: many at a time.
            let mut bytes = [0; 16 * 64];
            if get_random_values(&mut bytes).is_ok() {
                let mut pool = self.pool.borrow_mut();
                for chunk in bytes.chunks_exact(16) {
                    let mut bits = [0; 16];
                    bits.copy_from_slice(chunk);
                    pool.push(u128::from_le_bytes(bits));
                }
                return pool.pop().unwrap_or(0);
            }
            return (0..4).fold(0, |bits, _| bits << 32 | u128::from(fraction(Math::random())));
        };
        (0..4).fold(0, |bits, _| {
            let part = random.call0(&self.host).ok().and_then(|part| part.as_f64());
            bits << 32 | u128::from(fraction(part.unwrap_or(0.0)))
        })
    }

    /// Calls `then` after `wait`.
    pub(super) fn sleep(&self, wait: Millis, then: impl FnOnce() + 'static) -> Timer {
        let wait = wait.0.min(WAIT_MS_MAX);
        let (Some(sleep), Ok(controller)) = (&self.sleep, AbortController::new()) else {
            return Timer::Own { _timeout: Timeout::new(wait as u32, then) };
        };
        let signal = controller.signal();
        let promise = sleep.call2(&self.host, &JsValue::from_f64(wait as f64), &signal);
        wasm_bindgen_futures::spawn_local(async move {
            let promise = js_sys::Promise::resolve(&promise.unwrap_or(JsValue::UNDEFINED));
            if wasm_bindgen_futures::JsFuture::from(promise).await.is_ok() && !signal.aborted() {
                then();
            }
        });
        Timer::Host(controller)
    }
}

/// A number in [0, 1) as 32 bits.
pub(super) fn fraction(number: f64) -> u32 {
    (number * 4_294_967_296.0) as u32
}
