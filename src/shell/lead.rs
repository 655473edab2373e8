//! The page that leads: it reads the journal and goes on from it, does what the pages that follow
//! want, and tells them how its drafts stand.

use std::rc::Rc;

use js_sys::{Array, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{spawn_local, JsFuture};

use super::convert::{set, text};
use super::error;
use super::runner::{Runner, Topic};
use super::tabs::{bytes, counts, is_counted, number, to_bytes, to_number, Tabs};
use crate::core::event::{DraftId, Event, Take};
use crate::core::journal::{self, Heard};
use crate::core::op::Op;

/// Pages that are remembered in the journal: those that were heard last.
const HEARD_MAX: usize = 64;

impl Runner {
    /// Goes on from the journal: at the start, or because the page that led is gone.
    pub(super) async fn lead(self: &Rc<Self>) -> Result<(), JsValue> {
        let term = self.tabs().map(|tabs| tabs.term.get());
        let mut entries = self.journal.load().await?;
        if term != self.tabs().map(|tabs| tabs.term.get()) || self.closed.get() {
            return Ok(()); // another page was quicker
        }
        if self.journal.is_lost() {
            // What this page shows is all that there is.
            let till = self.till.borrow();
            entries = till.drafts().iter().map(|draft| draft.whole()).collect();
        }
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let first = DraftId(self.number());
        let restored = self.till.borrow_mut().take_over(&entries, first);
        restored.map_err(|error| error::of_restore(&error))?;
        if !self.journal.is_lost() {
            self.works.numbers.borrow_mut().restore(entries.iter().copied());
        }
        self.skip_numbers();
        self.journal.begin();
        let mut heard = journal::all_heard(entries.iter().copied());
        heard.drain(..heard.len().saturating_sub(HEARD_MAX));
        if let Some(tabs) = self.tabs() {
            tabs.heard.replace(heard.clone());
            tabs.kept.replace(heard);
            tabs.leads.set(true);
            tabs.leader.replace(tabs.page.clone());
        }
        let snapshot = self.snapshot();
        self.journal.compact(entries.len(), &snapshot).await;
        self.make_wanted();
        self.dispatch(Event::Online)?;
        for draft in self.drafts_at_rest() {
            self.changed(draft);
            self.dispatch(Event::Refresh { draft })?;
        }
        if let Some(tabs) = self.tabs() {
            self.make_calls(&tabs);
            tabs.announce();
            tabs.wake();
        }
        self.listen_to_changes();
        Ok(())
    }

    /// The journal in its shortest form.
    pub(super) fn snapshot(&self) -> Vec<Vec<u8>> {
        let mut entries = self.till.borrow().journal();
        entries.extend(self.works.numbers.borrow().journal());
        if let Some(tabs) = self.tabs() {
            entries.extend(tabs.heard.borrow().iter().map(journal::heard));
        }
        entries
    }

    /// What the page that is gone was told and has not done is done here.
    fn make_wanted(self: &Rc<Self>) {
        let Some(tabs) = self.tabs() else { return };
        self.forget_answered(&tabs);
        let heard = tabs.heard_of(&tabs.page);
        for wanted in tabs.wanted.take() {
            let done = is_counted(&wanted.event) && wanted.count <= heard;
            if !done {
                let is_edit = matches!(wanted.event, Event::Edit { .. });
                self.remember(&wanted.event, wanted.random);
                let by = is_counted(&wanted.event).then_some((&*tabs.page, wanted.count));
                let made = self.handle(wanted.event, wanted.random, by);
                if let (true, Err(refused)) = (is_edit, made) {
                    self.tell_refused(&tabs.page, &refused);
                }
            }
        }
    }

    /// Something that a page that follows says.
    pub(super) fn on_follower_s_word(self: &Rc<Self>, tabs: &Tabs, kind: &str, message: &Array) {
        let from = message.get(1).as_string().unwrap_or_default();
        tabs.is_followed.set(true);
        match kind {
            "attach" => {
                let asked = to_number(&message.get(3));
                let place = DraftId(self.number());
                let adopted = self.till.borrow_mut().adopt(place, &bytes(&message.get(4)));
                if let Ok(draft) = adopted {
                    self.tell_draft(tabs, &from, Some(asked), draft);
                }
            }
            "want" => self.on_want(tabs, from, message),
            "call" => self.answer_call(from, message),
            _ => {}
        }
    }

    fn on_want(self: &Rc<Self>, tabs: &Tabs, from: String, message: &Array) {
        let text = |at: u32| message.get(at).as_string().unwrap_or_default();
        let (count, what, asked) =
            (to_number(&message.get(3)), text(4), to_number(&message.get(5)));
        let draft = self.till.borrow().named(&text(6));
        let (one, two) = (message.get(7), message.get(8));
        let is_new = count > tabs.heard_of(&from);
        if is_new {
            tabs.hear(&from, count);
        }
        match (what.as_str(), draft) {
            ("edit" | "resolve" | "discard", Some(draft)) => {
                if is_new {
                    self.make_theirs(&from, count, draft, &what, &one, &two);
                }
                self.tell_soon(draft);
            }
            ("save" | "submit", Some(draft)) => {
                let (waiter, promise) = self.wait(None);
                let event = if what == "save" {
                    Event::Save { draft, waiter }
                } else {
                    Event::Submit { draft, waiter, expected_total: two.as_string() }
                };
                if let Err(refused) = self.handle(event, self.random(), None) {
                    drop(self.take_waiter(waiter));
                    return tabs.refuse(&from, one, &refused);
                }
                self.answer_save(from, to_number(&one), draft, promise);
            }
            ("open", _) => {
                let opened = self.begin_open(&one.as_string().unwrap_or_default());
                self.answer_open(from, asked, opened);
            }
            ("create", _) => {
                let random = bytes(&two).try_into().map_or(0, u128::from_le_bytes);
                let created = self.create_theirs(bytes(&one), random);
                self.answer_open(from, asked, created);
            }
            _ => {}
        }
    }

    /// An edit of another page; one that cannot be made is told.
    fn make_theirs(
        self: &Rc<Self>,
        from: &str,
        count: u32,
        draft: DraftId,
        what: &str,
        one: &JsValue,
        two: &JsValue,
    ) {
        let event = match what {
            "edit" => {
                let list = [b"[".as_slice(), &bytes(one), b"]"].concat();
                let op = Op::parse_list(&list).ok().and_then(|mut ops| ops.pop());
                let Some(op) = op else { return };
                Event::Edit { draft, op }
            }
            "resolve" => {
                let take = match two.as_string().as_deref() {
                    Some("mine") => Take::Mine,
                    Some(_) => Take::Theirs,
                    None => Take::Value(bytes(two)),
                };
                Event::Resolve { draft, path: one.as_string().unwrap_or_default(), take }
            }
            _ => Event::Discard { draft },
        };
        if let Err(refused) = self.handle(event, self.random(), Some((from, count))) {
            self.tell_refused(from, &refused);
        }
    }

    /// The same create again, from a page that did not hear of the first, is the same draft.
    fn create_theirs(self: &Rc<Self>, document: Vec<u8>, random: u128) -> Result<Promise, JsValue> {
        let id = crate::core::random::Random::new(random).name();
        if self.till.borrow().named(&id).is_some() {
            return self.begin_open(&id);
        }
        let draft = DraftId(self.number());
        let promise = self.wait_for_draft(draft, String::new());
        if let Err(refused) = self.handle(Event::Create { draft, document }, random, None) {
            self.opened(draft);
            return Err(refused);
        }
        Ok(promise)
    }

    fn answer_open(self: &Rc<Self>, to: String, asked: u32, opened: Result<Promise, JsValue>) {
        let runner = self.clone();
        spawn_local(async move {
            let opened = match opened {
                Ok(promise) => JsFuture::from(promise).await,
                Err(refused) => Err(refused),
            };
            let Some(tabs) = runner.tabs().filter(|tabs| tabs.leads.get()) else { return };
            match opened {
                Ok(handle) => {
                    let key = text(&handle, "key").unwrap_or_default();
                    let draft = runner.till.borrow().find(&key);
                    if let Some(draft) = draft {
                        runner.tell_draft(&tabs, &to, Some(asked), draft);
                    }
                }
                Err(refused) => {
                    let code = text(&refused, "code").unwrap_or_default();
                    let message = text(&refused, "message").unwrap_or_default();
                    tabs.post("failed", &to, &[number(asked), code.into(), message.into()]);
                }
            }
        });
    }

    fn answer_save(self: &Rc<Self>, to: String, waiter: u32, draft: DraftId, promise: Promise) {
        let runner = self.clone();
        spawn_local(async move {
            let Ok(outcome) = JsFuture::from(promise).await else { return };
            let Some(tabs) = runner.tabs().filter(|tabs| tabs.leads.get()) else { return };
            // The document is there already, in the draft itself.
            let outcome = Object::assign(&Object::new(), outcome.unchecked_ref());
            if super::convert::get(&outcome, "doc").is_object() {
                set(&outcome, "doc", &JsValue::NULL);
            }
            let id = runner.till.borrow().draft(draft).map(|draft| draft.id().to_owned());
            tabs.post(
                "done",
                &to,
                &[number(waiter), outcome.into(), id.unwrap_or_default().into()],
            );
        });
    }

    fn tell_refused(&self, page: &str, refused: &JsValue) {
        let Some(tabs) = self.tabs() else { return };
        let notice = Object::new();
        set(&notice, "key", &"".into());
        set(&notice, "kind", &"edit-refused".into());
        set(&notice, "message", &text(refused, "message").unwrap_or_default().into());
        if page == tabs.page {
            self.emit(&Topic::Till("notice".into()), &notice);
        } else {
            tabs.post("event", page, &["notice".into(), notice.into()]);
        }
    }

    /// The others learn how this draft stands once that is on disk; many changes are one message.
    pub(super) fn tell_soon(self: &Rc<Self>, draft: DraftId) {
        let Some(tabs) = self.tabs().filter(|tabs| tabs.is_followed.get()) else { return };
        let mut untold = tabs.untold.borrow_mut();
        if !untold.contains(&draft) {
            untold.push(draft);
        }
        drop(untold);
        if !tabs.is_telling.replace(true) {
            let runner = self.clone();
            spawn_local(async move { runner.tell().await });
        }
    }

    async fn tell(self: Rc<Self>) {
        loop {
            self.settle_journal().await;
            let Some(tabs) = self.tabs() else { return };
            let drafts = tabs.untold.take();
            if !tabs.leads.get() {
                return tabs.is_telling.set(false);
            }
            let is_settled = self.journal.is_settled();
            if is_settled {
                let heard: Vec<Heard> = tabs.heard.borrow().clone();
                tabs.kept.replace(heard);
            }
            for draft in &drafts {
                self.tell_draft(&tabs, "", None, *draft);
            }
            if is_settled {
                return tabs.is_telling.set(false);
            }
            // More came meanwhile: that it is kept is told when it is.
            tabs.untold.replace(drafts);
        }
    }

    /// The page that hears of this outcome shall have the document as it is now.
    pub(super) fn tell_outcome(&self, to: &str, outcome: &JsValue) {
        let Some(tabs) = self.tabs().filter(|tabs| tabs.leads.get() && tabs.is_followed.get())
        else {
            return;
        };
        let key = text(outcome, "key").unwrap_or_default();
        let draft = self.till.borrow().find(&key);
        if let Some(draft) = draft {
            self.tell_draft(&tabs, to, None, draft);
        }
    }

    fn tell_draft(&self, tabs: &Tabs, to: &str, asked: Option<u32>, draft: DraftId) {
        let till = self.till.borrow();
        let Some(known) = till.draft(draft) else { return };
        let parts = [
            asked.map_or(JsValue::from_f64(-1.0), number),
            known.id().into(),
            known.status().into(),
            to_bytes(&known.whole()),
            number(till.waiting() as u32),
            counts(&tabs.heard.borrow()),
            counts(&tabs.kept.borrow()),
            self.journal.is_kept().into(),
        ];
        drop(till);
        tabs.post("draft", to, &parts);
    }

    /// What the listeners of this till hear, those of the other pages hear too.
    pub(super) fn tell_event(&self, kind: &str, event: &JsValue) {
        if let Some(tabs) = self.tabs().filter(|tabs| tabs.leads.get() && tabs.is_followed.get()) {
            tabs.post("event", "", &[kind.into(), event.clone()]);
        }
    }

    /// What the pages say to each other.
    pub(super) fn on_tabs(self: &Rc<Self>, kind: &str, data: JsValue) {
        let Some(tabs) = self.tabs().filter(|_| !self.closed.get()) else { return };
        match kind {
            "lead" => {
                let runner = self.clone();
                spawn_local(async move {
                    // A journal that cannot be read any more: as a disk that takes nothing.
                    if runner.lead().await.is_err() {
                        runner.journal.lose();
                        let _ = runner.lead().await;
                    }
                    runner.tell_failure();
                });
            }
            "follow" => self.on_leader(&tabs, data.as_string().unwrap_or_default()),
            _ => {
                let message = Array::from(&data);
                let text = |at: u32| message.get(at).as_string().unwrap_or_default();
                let (kind, to) = (text(0), text(2));
                if to == tabs.page && tabs.leads.get() {
                    self.on_follower_s_word(&tabs, &kind, &message);
                } else if (to == tabs.page || to.is_empty()) && text(1) == *tabs.leader.borrow() {
                    self.on_leader_s_word(&tabs, &kind, &message);
                }
            }
        }
    }
}
