//! The exported class `Draft`.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::future_to_promise;
use web_sys::AbortSignal;

use super::convert::{callback, decimal, document_text, get, parse, promised, stringify, word};
use super::error::{error, invalid};
use super::runner::{Runner, Topic};
use crate::core::event::{DraftId, Event, Take, Waiter};
use crate::core::op::{Op, Place};

/// One draft of a till.
#[wasm_bindgen]
pub struct Draft {
    runner: Rc<Runner>,
    number: DraftId,
}

impl Draft {
    /// A JavaScript object for the draft of this number.
    pub(super) fn handle(runner: &Rc<Runner>, number: DraftId) -> JsValue {
        Draft { runner: runner.clone(), number }.into()
    }

    fn edit(&self, op: Op) -> Result<(), JsValue> {
        self.runner.dispatch(Event::Edit { draft: self.number, op })
    }

    fn read<T>(&self, read: impl FnOnce(&crate::core::draft::Draft) -> T) -> Option<T> {
        self.runner.till.borrow().draft(self.number).map(read)
    }

    fn request(
        &self,
        options: &JsValue,
        event: &dyn Fn(Waiter) -> Event,
    ) -> Result<Promise, JsValue> {
        let signal = match get(options, "signal") {
            given if given.is_undefined() || given.is_null() => None,
            given => {
                let signal = given.dyn_into::<AbortSignal>();
                Some(signal.map_err(|_| invalid("options.signal", "an AbortSignal"))?)
            }
        };
        if signal.as_ref().is_some_and(AbortSignal::aborted) {
            return Err(error("aborted", &["the signal was aborted before; nothing was sent"]));
        }
        self.runner.ask(signal, event)
    }
}

#[wasm_bindgen]
impl Draft {
    /// The document's key; the draft's own name until the server gave one.
    #[wasm_bindgen(getter)]
    pub fn key(&self) -> String {
        self.read(|draft| draft.key().to_owned()).unwrap_or_default()
    }

    /// The stamp of the copy that the draft builds on.
    #[wasm_bindgen(getter)]
    pub fn stamp(&self) -> JsValue {
        let stamp = self.read(|draft| draft.stamp().map(|stamp| JsValue::from(&stamp.0)));
        stamp.flatten().unwrap_or(JsValue::NULL)
    }

    /// Where it stands.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> String {
        self.read(|draft| draft.status()).unwrap_or("closed").to_owned()
    }

    /// The document as the cashier sees it, frozen.
    #[wasm_bindgen(getter)]
    pub fn doc(&self) -> JsValue {
        self.runner.doc(self.number)
    }

    /// Open questions, frozen.
    #[wasm_bindgen(getter)]
    pub fn conflicts(&self) -> JsValue {
        self.runner.conflicts(self.number)
    }

    /// The value at a path; `undefined` if there is none.
    pub fn get(&self, path: &JsValue) -> Result<JsValue, JsValue> {
        let path = word(path, "path")?;
        let value = {
            let till = self.runner.till.borrow();
            till.draft(self.number).and_then(|draft| draft.get(&path, till.policy()))
        };
        Ok(value.map_or(JsValue::UNDEFINED, |value| parse(&value)))
    }

    /// States a value.
    pub fn set(&self, path: &JsValue, value: &JsValue) -> Result<(), JsValue> {
        let (path, value) = (word(path, "path")?, stringify(value, "value")?);
        self.edit(Op::Set { path, value, typed: true })
    }

    /// Adds a step.
    pub fn increment(&self, path: &JsValue, by: &JsValue) -> Result<(), JsValue> {
        let path = word(path, "path")?;
        let by = decimal(by, "by")?;
        self.edit(Op::Increment { path, by, token: None })
    }

    /// Adds a row; answers its identity.
    pub fn insert(
        &self,
        table: &JsValue,
        row: &JsValue,
        options: &JsValue,
    ) -> Result<String, JsValue> {
        let table = word(table, "table")?;
        if !row.is_object() || row.is_function() || js_sys::Array::is_array(row) {
            return Err(invalid("row", "an object"));
        }
        let row = stringify(row, "row")?;
        let after = get(options, "after");
        let place = if after.is_undefined() { Place::End } else { place(&after)? };
        self.edit(Op::Insert { table, row, place })?;
        let till = self.runner.till.borrow();
        let draft = till.draft(self.number);
        Ok(draft.and_then(|draft| draft.last_inserted(till.policy())).unwrap_or_default())
    }

    /// Takes a row out.
    pub fn remove(&self, table: &JsValue, row: &JsValue) -> Result<(), JsValue> {
        let (table, row) = (word(table, "table")?, word(row, "row")?);
        self.edit(Op::Remove { table, row })
    }

    /// Puts a row after another one, or to the front.
    #[wasm_bindgen(js_name = move)]
    pub fn move_row(&self, table: &JsValue, row: &JsValue, after: &JsValue) -> Result<(), JsValue> {
        let (table, row) = (word(table, "table")?, word(row, "row")?);
        let place = place(after)?;
        self.edit(Op::Move { table, row, place })
    }

    /// The difference to `doc` becomes edits.
    pub fn replace(&self, doc: &JsValue) -> Result<(), JsValue> {
        let document = document_text(doc, "doc")?;
        self.runner.dispatch(Event::Replace { draft: self.number, document })
    }

    /// Resolves when the edits made so far are on disk.
    pub fn durable(&self) -> Promise {
        let runner = self.runner.clone();
        future_to_promise(async move {
            match runner.durable().await {
                true => Ok(JsValue::UNDEFINED),
                false => Err(error("storage", &["this till cannot write to its disk"])),
            }
        })
    }

    /// Sends what was edited so far.
    pub fn save(&self, options: &JsValue) -> Promise {
        let draft = self.number;
        promised(self.request(options, &|waiter| Event::Save { draft, waiter }))
    }

    /// Submits the document for the total that the cashier saw.
    pub fn submit(&self, options: &JsValue) -> Promise {
        let draft = self.number;
        let expected_total = match get(options, "expectedTotal") {
            total if total.is_undefined() => Ok(None),
            total => decimal(&total, "options.expectedTotal").map(|total| Some(total.to_string())),
        };
        promised(expected_total.and_then(|total| {
            self.request(options, &|waiter| {
                let expected_total = total.clone();
                Event::Submit { draft, waiter, expected_total }
            })
        }))
    }

    /// Answers a conflict.
    pub fn resolve(&self, path: &JsValue, take: &JsValue) -> Result<(), JsValue> {
        let path = word(path, "path")?;
        let take = match take.as_string().as_deref() {
            Some("mine") => Take::Mine,
            Some("theirs") => Take::Theirs,
            Some(_) => return Err(invalid("take", "\"mine\", \"theirs\" or {value}")),
            None => {
                let value = get(take, "value");
                if value.is_undefined() {
                    return Err(invalid("take", "\"mine\", \"theirs\" or {value}"));
                }
                Take::Value(stringify(&value, "value")?)
            }
        };
        self.runner.dispatch(Event::Resolve { draft: self.number, path, take })
    }

    /// Gives the edits up.
    pub fn discard(&self) -> Promise {
        let discarded = self.runner.dispatch(Event::Discard { draft: self.number });
        promised(discarded.map(|()| self.durable()))
    }

    /// Calls `listener` whenever the document, its status or its conflicts change.
    pub fn subscribe(&self, listener: &JsValue) -> Result<JsValue, JsValue> {
        let listener = callback(listener, "listener")?;
        Ok(self.runner.listen(Topic::Draft(self.number), listener))
    }
}

fn place(after: &JsValue) -> Result<Place, JsValue> {
    match after.as_string() {
        Some(row) => Ok(Place::After(row)),
        None if after.is_null() => Ok(Place::Front),
        None => Err(invalid("after", "a row's identity or null")),
    }
}
