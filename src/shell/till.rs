//! The exported class `Till` and `openTill()`.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::backend::Backend;
use super::clock::Clock;
use super::convert::{callback, document_text, get, promised, word};
use super::draft::Draft;
use super::error::{self, invalid};
use super::network::Network;
use super::options;
use super::outbox::Outbox;
use super::runner::{Runner, Topic};
use super::store::{Journal, Store};
use crate::core::event::{DraftId, Event};
use crate::core::stamp::Stamp;
use crate::core::till::Till as Core;

/// The drafts of one till.
#[wasm_bindgen]
pub struct Till {
    runner: Rc<Runner>,
    /// Made when it is first asked for: until then nothing but the till keeps the till alive.
    outbox: OnceCell<JsValue>,
}

/// Opens a till: reads its journal and lets go on what was under way.
#[wasm_bindgen(js_name = openTill)]
pub async fn open_till(options: JsValue) -> Result<Till, JsValue> {
    if !options.is_object() {
        return Err(invalid("options", "an object"));
    }
    let backend = Backend::new(get(&options, "backend"))?;
    let policy = options::policy(&options, &backend)?;
    options::required_text(&options, "till")?;
    let user = options::required_text(&options, "user")?;
    let host = options::host(&options)?;
    let (store, trouble) = Store::open(get(&options, "store")).await?;
    let (journal, entries) = Journal::open(store, user, trouble).await?;
    let restored = Core::restore(policy, entries.iter().map(Vec::as_slice), DraftId(0));
    let core = restored.map_err(|error| error::of_restore(&error))?;
    // What is settled leaves the journal here; the rest becomes one entry a draft.
    journal.compact(entries.len(), &core.journal()).await;
    let runner = Runner::new(core, backend, journal, Clock::new(host));
    runner.dispatch(Event::Online)?;
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
        let known = self.runner.till.borrow().find(&key);
        if let Some(draft) = known {
            let promise = self.runner.wait_for_draft(draft, key);
            self.dispatch_or_forget(draft, Event::Refresh { draft })?;
            return Ok(promise);
        }
        if let Some(draft) = self.runner.opening(&key) {
            return Ok(self.runner.wait_for_draft(draft, key));
        }
        let draft = DraftId(self.runner.number());
        let promise = self.runner.wait_for_draft(draft, key.clone());
        self.dispatch_or_forget(draft, Event::Open { draft, key })?;
        Ok(promise)
    }

    /// The server told that the document with this key changed; nothing if it is not open here.
    pub fn changed(&self, key: &JsValue, stamp: &JsValue) -> Result<(), JsValue> {
        let key = word(key, "key")?;
        let stamp = match stamp.is_undefined() {
            true => None,
            false => Some(Stamp(word(stamp, "stamp")?)),
        };
        self.runner.check_open()?;
        let known = self.runner.till.borrow().find(&key);
        known.map_or(Ok(()), |draft| self.runner.dispatch(Event::Heard { draft, stamp }))
    }

    /// A new document.
    pub fn create(&self, doc: &JsValue) -> Promise {
        promised(self.begin_create(doc))
    }

    fn begin_create(&self, doc: &JsValue) -> Result<Promise, JsValue> {
        let document = document_text(doc, "doc")?;
        let draft = DraftId(self.runner.number());
        let promise = self.runner.wait_for_draft(draft, String::new());
        self.dispatch_or_forget(draft, Event::Create { draft, document })?;
        Ok(promise)
    }

    /// A new sale of what an ended document left over, made once however often it is asked for.
    #[wasm_bindgen(js_name = createFromLeftover)]
    pub fn create_from_leftover(&self, outcome: &JsValue) -> Promise {
        promised(self.begin_from_leftover(outcome))
    }

    fn begin_from_leftover(&self, outcome: &JsValue) -> Result<Promise, JsValue> {
        let key = word(&get(outcome, "key"), "outcome.key")?;
        self.runner.check_open()?;
        let (ended, made) = self.runner.till.borrow().ended(&key).ok_or_else(|| {
            error::error("no-leftover", &["nothing is left over of \"", &key, "\" on this till"])
        })?;
        if let Some(draft) = made {
            return Ok(Promise::resolve(&Draft::handle(&self.runner, draft)));
        }
        let draft = DraftId(self.runner.number());
        let promise = self.runner.wait_for_draft(draft, String::new());
        self.dispatch_or_forget(draft, Event::CreateFromLeftover { draft, ended })?;
        Ok(promise)
    }

    /// What is not on the server yet.
    #[wasm_bindgen(getter)]
    pub fn outbox(&self) -> JsValue {
        self.outbox.get_or_init(|| Outbox::handle(&self.runner)).clone()
    }

    fn dispatch_or_forget(&self, draft: DraftId, event: Event) -> Result<(), JsValue> {
        let dispatched = self.runner.dispatch(event);
        if dispatched.is_err() {
            self.runner.opened(draft);
        }
        dispatched
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

    /// Stops; what is not sent stays in the journal.
    pub fn close(&self) -> Promise {
        let runner = self.runner.clone();
        future_to_promise(async move {
            runner.settle_journal().await;
            runner.close();
            Ok(JsValue::UNDEFINED)
        })
    }
}
