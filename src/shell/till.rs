//! The exported class `Till` and `openTill()`.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::{Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{future_to_promise, spawn_local, JsFuture};

use super::backend::Backend;
use super::clock::Clock;
use super::convert::{callback, document_text, get, promised, set, word};
use super::draft::Draft;
use super::error::invalid;
use super::feed;
use super::journal::Journal;
use super::network::Network;
use super::options;
use super::outbox::Outbox;
use super::runner::{Runner, Topic};
use super::store::Store;
use super::tabs::Tabs;
use crate::core::contention_rates::MILLION;
use crate::core::event::{DraftId, Event};
use crate::core::till::Till as Core;

/// The drafts of one till.
#[wasm_bindgen]
pub struct Till {
    runner: Rc<Runner>,
    /// Made when it is first asked for: until then nothing but the till keeps the till alive.
    outbox: OnceCell<JsValue>,
}

/// Opens a till: reads its journal and lets go on what was under way. `words` is a `Words` of
/// `package/words.js`.
#[wasm_bindgen(js_name = openTill)]
pub async fn open_till(options: JsValue, words: JsValue) -> Result<Till, JsValue> {
    if !options.is_object() {
        return Err(invalid("options", "an object"));
    }
    let backend = Backend::new(get(&options, "backend"))?;
    let policy = options::policy(&options, &backend)?;
    let works = options::works(&options, &backend)?;
    let user = options::required_text(&options, "user")?;
    let host = options::host(&options)?;
    let (store, trouble) = Store::open(&options).await?;
    let journal = Journal::new(store, user.clone(), trouble);
    let runner = Runner::new(Core::new(policy), backend, journal, Clock::new(host), works);
    if words.is_object() {
        let _ = runner.words.set(words.unchecked_into());
    }
    runner.log_documents.set(get(&options, "logDocuments").is_truthy());
    let short = Rc::downgrade(&runner);
    runner.journal.set_snapshot(Box::new(move || Some(short.upgrade()?.snapshot())));
    runner.set_tabs(Tabs::join(&runner, &runner.journal.store(), &user));
    let leads = match runner.tabs() {
        Some(tabs) => tabs.start().await,
        None => true,
    };
    if leads {
        if let Err(error) = runner.lead().await {
            runner.close();
            return Err(error);
        }
    }
    runner.network.replace(Network::listen(&runner));
    Ok(Till { runner, outbox: OnceCell::new() })
}

#[wasm_bindgen]
impl Till {
    /// The local draft of this document if there is one, else the server's copy.
    pub fn open(&self, key: &JsValue) -> Promise {
        promised(self.begin_open(key))
    }

    fn begin_open(&self, key: &JsValue) -> Result<Promise, JsValue> {
        let key = word(key, "key")?;
        self.runner.check_open()?;
        self.runner.begin_open(&key)
    }

    /// The server told that the document with this key changed; nothing if it is not open here.
    pub fn changed(&self, key: &JsValue, stamp: &JsValue, more: &JsValue) -> Result<(), JsValue> {
        let key = word(key, "key")?;
        let stamp = match stamp.is_undefined() {
            true => JsValue::UNDEFINED,
            false => word(stamp, "stamp")?.into(),
        };
        let told = feed::told(stamp, more)?;
        self.runner.check_open()?;
        let told = self.runner.call("changed", &key.into(), &told);
        // Nobody waits for it.
        spawn_local(async move { drop(JsFuture::from(told).await) });
        Ok(())
    }

    /// A new document.
    pub fn create(&self, doc: &JsValue) -> Promise {
        promised(self.begin_create(doc))
    }

    fn begin_create(&self, doc: &JsValue) -> Result<Promise, JsValue> {
        let document = document_text(doc, "doc")?;
        let draft = DraftId(self.runner.number());
        let promise = self.runner.wait_for_draft(draft, String::new());
        self.runner.dispatch_or_forget(draft, Event::Create { draft, document })?;
        Ok(promise)
    }

    /// A new sale of what an ended document left over, made once however often it is asked for.
    #[wasm_bindgen(js_name = createFromLeftover)]
    pub fn create_from_leftover(&self, outcome: &JsValue) -> Promise {
        promised(word(&get(outcome, "key"), "outcome.key").map(|key| {
            let runner = self.runner.clone();
            let asked = runner.call("leftover", &key.into(), &JsValue::UNDEFINED);
            future_to_promise(async move {
                // Its handle is made by the page that wants it.
                let key = JsFuture::from(asked).await?.as_string().unwrap_or_default();
                let known = runner.till.borrow().find(&key);
                match known {
                    Some(draft) => Ok(Draft::handle(&runner, draft)),
                    None => JsFuture::from(runner.begin_open(&key)?).await,
                }
            })
        }))
    }

    /// What is not on the server yet.
    #[wasm_bindgen(getter)]
    pub fn outbox(&self) -> JsValue {
        self.outbox.get_or_init(|| Outbox::handle(&self.runner)).clone()
    }

    /// Calls `listener` for every event of this type; the answer takes it away again.
    pub fn on(&self, kind: &JsValue, listener: &JsValue) -> Result<JsValue, JsValue> {
        let listener = callback(listener, "listener")?;
        match kind.as_string().unwrap_or_default().as_str() {
            kind @ ("draft" | "notice" | "outbox" | "log") => {
                let stop = self.runner.listen(Topic::Till(kind.to_owned()), listener);
                self.runner.tell_failure();
                Ok(stop)
            }
            _ => Err(invalid("type", "\"draft\", \"notice\", \"outbox\" or \"log\"")),
        }
    }

    /// What was counted since this page opened (contract: `Metrics`).
    pub fn metrics(&self) -> JsValue {
        let metrics = self.runner.metrics.borrow();
        let object = Object::new();
        for (name, count) in metrics.counts() {
            set(&object, name, &JsValue::from_f64(count as f64));
        }
        let rate = f64::from(metrics.conflict_rate()) / f64::from(MILLION);
        set(&object, "conflictRate", &rate.into());
        set(&object, "strategy", &metrics.strategy.code().into());
        Object::freeze(&object).into()
    }

    /// Stops; what is not sent stays in the journal.
    pub fn close(&self) -> Promise {
        let runner = self.runner.clone();
        future_to_promise(async move {
            runner.durable().await;
            runner.close();
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Till {
    pub(super) fn runner(&self) -> &Rc<Runner> {
        &self.runner
    }
}

impl Runner {
    /// A promise of the draft of the document `key`.
    pub(super) fn begin_open(self: &Rc<Self>, key: &str) -> Result<Promise, JsValue> {
        let known = self.till.borrow().find(key);
        if let Some(draft) = known {
            let promise = self.wait_for_draft(draft, key.to_owned());
            self.dispatch_or_forget(draft, Event::Refresh { draft })?;
            return Ok(promise);
        }
        if let Some(draft) = self.opening(key) {
            return Ok(self.wait_for_draft(draft, key.to_owned()));
        }
        let draft = DraftId(self.number());
        let promise = self.wait_for_draft(draft, key.to_owned());
        self.dispatch_or_forget(draft, Event::Open { draft, key: key.to_owned() })?;
        Ok(promise)
    }

    fn dispatch_or_forget(self: &Rc<Self>, draft: DraftId, event: Event) -> Result<(), JsValue> {
        let dispatched = self.dispatch(event);
        if dispatched.is_err() {
            self.opened(draft);
        }
        dispatched
    }
}
