//! The words for a cashier, in the page's language (`package/words.js`): what leaves the shell gets
//! its message here.

use wasm_bindgen::prelude::*;

use super::convert::{freeze, get};
use super::runner::Runner;
use crate::core::event::DraftId;

#[wasm_bindgen]
extern "C" {
    /// `Words` of `package/words.js`.
    pub(super) type Words;
    #[wasm_bindgen(method, catch)]
    fn outcome(this: &Words, outcome: &JsValue, doc: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn conflicts(this: &Words, conflicts: &JsValue, doc: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn notice(this: &Words, notice: &JsValue, doc: &JsValue) -> Result<JsValue, JsValue>;
}

impl Runner {
    /// Gives an outcome its message. Whatever goes wrong there, the outcome stays.
    pub(super) fn word_outcome(&self, outcome: &JsValue, draft: Option<DraftId>) {
        let Some(words) = self.words.get() else { return };
        let doc = draft.map_or(JsValue::UNDEFINED, |draft| self.doc(draft));
        let _ = words.outcome(outcome, &doc);
    }

    /// The conflicts with their messages, frozen.
    pub(super) fn word_conflicts(&self, conflicts: JsValue, draft: DraftId) -> JsValue {
        let worded = self.words.get().map(|words| words.conflicts(&conflicts, &self.doc(draft)));
        let conflicts = match worded {
            Some(Ok(worded)) => worded,
            Some(Err(_)) | None => conflicts,
        };
        freeze(&conflicts);
        conflicts
    }

    /// Gives an event of the till its message, if it is one that has one.
    pub(super) fn word_event(&self, kind: &str, event: &JsValue) {
        let Some(words) = self.words.get() else { return };
        match kind {
            "notice" => {
                let draft = self.draft_of(event);
                let doc = draft.map_or(JsValue::UNDEFINED, |draft| self.doc(draft));
                let _ = words.notice(event, &doc);
            }
            "outbox" => {
                let outcome = get(event, "outcome");
                if outcome.is_object() {
                    self.word_outcome(&outcome, self.draft_of(&outcome));
                }
            }
            _ => {}
        }
    }

    fn draft_of(&self, event: &JsValue) -> Option<DraftId> {
        let key = get(event, "key").as_string()?;
        self.till.borrow().find(&key)
    }
}
