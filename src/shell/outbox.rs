//! The exported class behind `till.outbox`, and what it asks of the page that leads.

use std::rc::Rc;

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local, JsFuture};

use super::convert::{document_text, freeze, get, parse, promised, set, text, word};
use super::error::{again, error};
use super::promise::Pledge;
use super::runner::Runner;
use super::tabs::{bytes, number, to_bytes, to_number, Call, Tabs};
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

    fn call(&self, what: &'static str, one: Result<JsValue, JsValue>) -> Promise {
        promised(one.map(|one| self.runner.call(what, &one, &JsValue::UNDEFINED)))
    }
}

#[wasm_bindgen]
impl Outbox {
    /// All that is not on the server yet, oldest first.
    pub fn list(&self) -> Promise {
        self.call("list", Ok(JsValue::UNDEFINED))
    }

    /// Sends what waits, now; the outcomes of what was sent.
    pub fn flush(&self) -> Promise {
        self.call("flush", Ok(JsValue::UNDEFINED))
    }

    /// Sends this one, also if it was parked.
    pub fn retry(&self, key: &JsValue) -> Promise {
        self.call("retry", word(key, "key").map(JsValue::from))
    }

    /// Keeps this one from being sent until it is retried.
    pub fn park(&self, key: &JsValue) -> Promise {
        self.call("park", word(key, "key").map(JsValue::from))
    }

    /// All that is not on the server yet, as text.
    pub fn export(&self) -> Promise {
        self.call("export", Ok(JsValue::UNDEFINED))
    }

    /// Brings in what another till exported; how many drafts came in.
    pub fn import(&self, text: &JsValue) -> Promise {
        self.call("import", document_text(text, "text").map(|text| to_bytes(&text)))
    }
}

impl Runner {
    /// Does this, or asks it of the page that leads.
    pub(super) fn call(
        self: &Rc<Self>,
        what: &'static str,
        one: &JsValue,
        two: &JsValue,
    ) -> Promise {
        let Some(tabs) = self.tabs() else { return promised(self.perform_call(what, one, two)) };
        let (promise, pledge) = Pledge::new();
        let number = self.number();
        let call = Call { number, what, one: one.clone(), two: two.clone(), pledge };
        if !tabs.leads.get() && tabs.is_attached.get() {
            Runner::send_call(&tabs, &call);
        }
        tabs.calls.borrow_mut().push(call);
        if tabs.leads.get() {
            self.make_call(number, what, one, two);
        }
        promise
    }

    pub(super) fn send_call(tabs: &Tabs, call: &Call) {
        let to = tabs.leader.borrow().clone();
        let parts = [number(call.number), call.what.into(), call.one.clone(), call.two.clone()];
        tabs.post("call", &to, &parts);
    }

    /// This page leads now: what it asked of the one before it does itself.
    pub(super) fn make_calls(self: &Rc<Self>, tabs: &Tabs) {
        let asked = |call: &Call| (call.number, call.what, call.one.clone(), call.two.clone());
        let calls: Vec<_> = tabs.calls.borrow().iter().map(asked).collect();
        for (number, what, one, two) in calls {
            self.make_call(number, what, &one, &two);
        }
    }

    fn make_call(self: &Rc<Self>, number: u32, what: &str, one: &JsValue, two: &JsValue) {
        let made = promised(self.perform_call(what, one, two));
        let (runner, term) = (self.clone(), self.term());
        spawn_local(async move {
            let answer = JsFuture::from(made).await;
            // If another page leads, it is asked.
            if runner.term() == term {
                runner.answered(number, answer);
            }
        });
    }

    fn answered(&self, number: u32, answer: Result<JsValue, JsValue>) {
        let Some(tabs) = self.tabs() else { return };
        let mut calls = tabs.calls.borrow_mut();
        let Some(at) = calls.iter().position(|call| call.number == number) else { return };
        let pledge = calls.remove(at).pledge;
        drop(calls);
        match answer {
            Ok(value) => pledge.keep(&value),
            Err(reason) => pledge.fail(&reason),
        }
    }

    /// Does what a page that follows asks.
    pub(super) fn answer_call(self: &Rc<Self>, to: String, message: &Array) {
        let (asked, what) = (message.get(3), message.get(4).as_string().unwrap_or_default());
        let made = promised(self.perform_call(&what, &message.get(5), &message.get(6)));
        let (runner, term) = (self.clone(), self.term());
        spawn_local(async move {
            let answer = JsFuture::from(made).await;
            let Some(tabs) = runner.tabs().filter(|_| runner.term() == term) else { return };
            let (done, value, message) = match answer {
                Ok(value) => (true, value, JsValue::UNDEFINED),
                Err(reason) => (false, get(&reason, "code"), get(&reason, "message")),
            };
            each_outcome(&value, &|outcome| runner.tell_outcome(&to, outcome));
            tabs.post("answer", &to, &[asked, done.into(), value, message]);
        });
    }

    /// The page that leads did what this one asked.
    pub(super) fn on_answer(&self, message: &Array) {
        let (value, done) = (message.get(5), message.get(4).is_truthy());
        let answer = if done {
            each_outcome(&value, &|outcome| self.take_outcome(outcome));
            Ok(value)
        } else {
            let text = |at: u32| message.get(at).as_string().unwrap_or_default();
            Err(again(&text(5), &text(6)))
        };
        self.answered(to_number(&message.get(3)), answer);
    }

    /// The document of another page's outcome is the draft's own, if that is open here.
    pub(super) fn take_outcome(&self, outcome: &JsValue) {
        freeze(&get(outcome, "doc"));
        let known = self.till.borrow().find(&text(outcome, "key").unwrap_or_default());
        if let Some(draft) = known.filter(|_| get(outcome, "doc").is_object()) {
            set(outcome, "doc", &self.doc(draft));
        }
    }

    fn perform_call(
        self: &Rc<Self>,
        what: &str,
        one: &JsValue,
        two: &JsValue,
    ) -> Result<Promise, JsValue> {
        self.check_open()?;
        let key = one.as_string().unwrap_or_default();
        match what {
            "list" => {
                let entries = self.till.borrow().outbox();
                Ok(Promise::resolve(&parse(&list(entries.iter().map(Entry::to_json)))))
            }
            "flush" => {
                let waiting = self.till.borrow().waiting_to_be_sent();
                let outcomes: Result<Array, JsValue> =
                    waiting.into_iter().map(|draft| self.send(draft)).collect();
                Ok(Promise::all(outcomes?.as_ref()))
            }
            "retry" => self.named_draft(&key).and_then(|draft| self.send(draft)),
            "park" => {
                let draft = self.named_draft(&key)?;
                self.dispatch(Event::Park { draft })?;
                Ok(self.when_kept(JsValue::UNDEFINED))
            }
            "export" => {
                self.dispatch(Event::Export)?;
                let text = self.till.borrow().export();
                Ok(self.when_kept(String::from_utf8_lossy(&text).as_ref().into()))
            }
            "import" => self.import(bytes(one)),
            "sequence" => Ok(self.next_number_of(&key, to_number(two))),
            "leftover" => self.create_from_leftover(&key),
            _ => {
                self.on_told(key, two);
                Ok(Promise::resolve(&JsValue::UNDEFINED))
            }
        }
    }

    fn named_draft(&self, key: &str) -> Result<DraftId, JsValue> {
        let found = self.till.borrow().find(key);
        found.ok_or_else(|| error("not-found", &["there is no draft \"", key, "\" on this till"]))
    }

    fn send(self: &Rc<Self>, draft: DraftId) -> Result<Promise, JsValue> {
        self.ask(None, &|waiter| Event::Retry { draft, waiter })
    }

    fn import(self: &Rc<Self>, text: Vec<u8>) -> Result<Promise, JsValue> {
        // A listener may open more drafts meanwhile: they get other numbers.
        let first = DraftId(self.numbers(DRAFTS_MAX as u32));
        self.dispatch(Event::Import { text, first })?;
        let is_new = |draft: &&crate::core::draft::Draft| {
            (first.0..first.0 + DRAFTS_MAX as u32).contains(&draft.number().0)
        };
        let count = self.till.borrow().drafts().iter().filter(is_new).count();
        Ok(self.when_kept(JsValue::from_f64(count as f64)))
    }

    /// The key of the new sale of what the document `key` left over.
    fn create_from_leftover(self: &Rc<Self>, key: &str) -> Result<Promise, JsValue> {
        let ended = self.till.borrow().ended(key);
        let (ended, made) = ended.ok_or_else(|| {
            error("no-leftover", &["nothing is left over of \"", key, "\" on this till"])
        })?;
        let draft = match made {
            Some(draft) => draft,
            None => {
                let draft = DraftId(self.number());
                self.dispatch(Event::CreateFromLeftover { draft, ended })?;
                draft
            }
        };
        Ok(self.when_kept(self.key(draft).into()))
    }

    /// A promise that is kept with `value` when all that was decided so far is on disk, or was
    /// refused by it.
    fn when_kept(self: &Rc<Self>, value: JsValue) -> Promise {
        let runner = self.clone();
        future_to_promise(async move {
            runner.settle_journal().await;
            Ok(value)
        })
    }
}

/// The outcomes with a document that a call is answered with: one, several, or none.
fn each_outcome(value: &JsValue, see: &dyn Fn(&JsValue)) {
    let all = if Array::is_array(value) { Array::from(value) } else { Array::of1(value) };
    let outcomes = all.iter().filter(|answer| get(answer, "doc").is_object());
    outcomes.for_each(|outcome| see(&outcome));
}
