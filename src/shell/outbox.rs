//! The exported class behind `till.outbox`.

use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::convert::{document_text, parse, promised, word};
use super::error::error;
use super::runner::Runner;
use crate::core::event::{DraftId, Event};
use crate::core::json::list;
use crate::core::outbox::Entry;
use crate::core::policy::DRAFTS_MAX;

/// What is not on the server yet.
#[wasm_bindgen]
pub struct Outbox {
    runner: Rc<Runner>,
}

impl Outbox {
    pub(super) fn handle(runner: &Rc<Runner>) -> JsValue {
        Outbox { runner: runner.clone() }.into()
    }

    fn find(&self, key: &JsValue) -> Result<DraftId, JsValue> {
        let key = word(key, "key")?;
        self.runner.check_open()?;
        let found = self.runner.till.borrow().find(&key);
        found.ok_or_else(|| error("not-found", &["there is no draft \"", &key, "\" on this till"]))
    }

    fn send(&self, draft: DraftId) -> Result<Promise, JsValue> {
        self.runner.ask(None, &|waiter| Event::Retry { draft, waiter })
    }

    /// A promise that is kept with `value` when all that was decided so far is on disk, or was
    /// refused by it.
    fn when_kept(&self, value: JsValue) -> Promise {
        let runner = self.runner.clone();
        future_to_promise(async move {
            runner.settle_journal().await;
            Ok(value)
        })
    }
}

#[wasm_bindgen]
impl Outbox {
    /// All that is not on the server yet, oldest first.
    pub fn list(&self) -> Promise {
        let entries = self.runner.till.borrow().outbox();
        Promise::resolve(&parse(&list(entries.iter().map(Entry::to_json))))
    }

    /// Sends what waits, now; the outcomes of what was sent.
    pub fn flush(&self) -> Promise {
        promised(self.begin_flush())
    }

    fn begin_flush(&self) -> Result<Promise, JsValue> {
        self.runner.check_open()?;
        let waiting = self.runner.till.borrow().waiting_to_be_sent();
        let outcomes: Result<Array, JsValue> =
            waiting.into_iter().map(|draft| self.send(draft)).collect();
        Ok(Promise::all(outcomes?.as_ref()))
    }

    /// Sends this one, also if it was parked.
    pub fn retry(&self, key: &JsValue) -> Promise {
        promised(self.find(key).and_then(|draft| self.send(draft)))
    }

    /// Keeps this one from being sent until it is retried.
    pub fn park(&self, key: &JsValue) -> Promise {
        promised(self.find(key).and_then(|draft| {
            self.runner.dispatch(Event::Park { draft })?;
            Ok(self.when_kept(JsValue::UNDEFINED))
        }))
    }

    /// All that is not on the server yet, as text.
    pub fn export(&self) -> Promise {
        promised(self.runner.dispatch(Event::Export).map(|()| {
            let text = self.runner.till.borrow().export();
            self.when_kept(String::from_utf8_lossy(&text).as_ref().into())
        }))
    }

    /// Brings in what another till exported; how many drafts came in.
    pub fn import(&self, text: &JsValue) -> Promise {
        promised(self.begin_import(text))
    }

    fn begin_import(&self, text: &JsValue) -> Result<Promise, JsValue> {
        let text = document_text(text, "text")?;
        // A listener may open more drafts meanwhile: they get other numbers.
        let first = DraftId(self.runner.numbers(DRAFTS_MAX as u32));
        self.runner.dispatch(Event::Import { text, first })?;
        let is_new = |draft: &&crate::core::draft::Draft| {
            (first.0..first.0 + DRAFTS_MAX as u32).contains(&draft.number().0)
        };
        let count = self.runner.till.borrow().drafts().iter().filter(is_new).count();
        Ok(self.when_kept(JsValue::from_f64(count as f64)))
    }
}
