//! Those who wait: for the outcome of a save, or for a draft that is being opened.

use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::error;
use super::fetch::Link;
use super::runner::Runner;
use crate::core::event::{DraftId, Event, Waiter};

/// The two ends of a promise.
pub(super) struct Pledge {
    pub(super) resolve: Function,
    pub(super) reject: Function,
}

impl Pledge {
    /// A promise and its ends.
    pub(super) fn new() -> (Promise, Pledge) {
        let mut ends = None;
        let promise = Promise::new(&mut |resolve, reject| ends = Some((resolve, reject)));
        let none = || Function::new_no_args("");
        let (resolve, reject) = ends.unwrap_or_else(|| (none(), none()));
        (promise, Pledge { resolve, reject })
    }

    pub(super) fn keep(&self, value: &JsValue) {
        let _ = self.resolve.call1(&JsValue::UNDEFINED, value);
    }

    pub(super) fn fail(&self, reason: &JsValue) {
        let _ = self.reject.call1(&JsValue::UNDEFINED, reason);
    }
}

impl Runner {
    /// A promise of the outcome of what `event` wants; with a signal, until it is aborted.
    ///
    /// # Errors
    /// As [`Runner::dispatch`].
    pub(super) fn ask(
        self: &Rc<Self>,
        signal: Option<AbortSignal>,
        event: &dyn Fn(Waiter) -> Event,
    ) -> Result<Promise, JsValue> {
        let (waiter, promise) = self.wait(signal);
        if let Err(thrown) = self.dispatch(event(waiter)) {
            // Thrown to the caller: the promise is nobody's, so it must not reject.
            drop(self.take_waiter(waiter));
            return Err(thrown);
        }
        Ok(promise)
    }

    /// Somebody who waits for an outcome, and the promise of it.
    pub(super) fn wait(self: &Rc<Self>, signal: Option<AbortSignal>) -> (Waiter, Promise) {
        let waiter = Waiter(self.number());
        let (promise, pledge) = Pledge::new();
        let link = signal.and_then(|signal| {
            let runner = Rc::downgrade(self);
            let abandon = move || {
                if let Some(runner) = runner.upgrade() {
                    runner.abandon(waiter);
                }
            };
            Link::new(signal, Box::new(abandon))
        });
        self.waiters.borrow_mut().push((waiter, pledge, link));
        (waiter, promise)
    }

    pub(super) fn is_waited_for(&self, waiter: Waiter) -> bool {
        self.waiters.borrow().iter().any(|(known, ..)| *known == waiter)
    }

    pub(super) fn take_waiter(&self, waiter: Waiter) -> Option<Pledge> {
        let mut waiters = self.waiters.borrow_mut();
        let at = waiters.iter().position(|(known, ..)| *known == waiter)?;
        Some(waiters.swap_remove(at).1)
    }

    /// Somebody stops waiting; the save goes on without them.
    fn abandon(&self, waiter: Waiter) {
        if let Some(pledge) = self.take_waiter(waiter) {
            pledge
                .fail(&error::error("aborted", &["the caller stopped waiting; the save goes on"]));
        }
    }

    /// A promise of the draft that is being opened.
    pub(super) fn wait_for_draft(&self, draft: DraftId, key: String) -> Promise {
        let (promise, pledge) = Pledge::new();
        self.opening.borrow_mut().push((draft, key, pledge));
        promise
    }

    /// The draft that is being opened for this key, if one is.
    pub(super) fn opening(&self, key: &str) -> Option<DraftId> {
        let opening = self.opening.borrow();
        opening.iter().find(|(_, known, _)| known == key).map(|(draft, ..)| *draft)
    }

    /// Whether somebody waits for this draft.
    pub(super) fn is_opening(&self, draft: DraftId) -> bool {
        self.opening.borrow().iter().any(|(known, ..)| *known == draft)
    }

    /// Those who wait for this draft; they are waiting no more.
    pub(super) fn opened(&self, draft: DraftId) -> Vec<(String, Pledge)> {
        let all = self.opening.take();
        let (done, rest) = all.into_iter().partition(|(known, ..)| *known == draft);
        self.opening.replace(rest);
        let done: Vec<(DraftId, String, Pledge)> = done;
        done.into_iter().map(|(_, key, pledge)| (key, pledge)).collect()
    }
}
