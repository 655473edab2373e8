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
use super::tabs::{bytes, counts, number, to_bytes, to_number, Retold, Tabs};
use crate::core::event::{DraftId, Event, Take};
use crate::core::op::Op;
use crate::core::pages::{can_be_doubted, is_as_seen, is_counted, is_there};

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
        if let Some(tabs) = self.tabs().filter(|_| !self.journal.is_lost()) {
            self.till.borrow_mut().step_back(&tabs.wants.borrow());
        }
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let first = DraftId(self.number());
        let is_torn = self.journal.is_torn();
        let restored = self.till.borrow_mut().take_over(&entries, first, is_torn);
        restored.map_err(|error| error::of_restore(&error))?;
        if !self.journal.is_lost() {
            self.works.numbers.borrow_mut().restore(entries.iter().copied());
        }
        self.skip_numbers();
        self.journal.begin();
        if let Some(tabs) = self.tabs() {
            tabs.hearing.borrow_mut().restore(entries.iter().copied());
            tabs.leads.set(true);
            tabs.leader.replace(tabs.page.clone());
        }
        if is_torn {
            let drafts: Vec<DraftId> =
                self.till.borrow().drafts().iter().map(|draft| draft.number()).collect();
            for draft in drafts {
                self.dispatch(Event::Doubt { draft })?;
            }
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
            entries.extend(tabs.hearing.borrow().journal());
        }
        entries
    }

    /// What the page that is gone was told and has not done is done here.
    fn make_wanted(self: &Rc<Self>) {
        let Some(tabs) = self.tabs() else { return };
        self.forget_answered(&tabs);
        let heard = tabs.hearing.borrow().of(&tabs.page);
        let due = tabs.wants.borrow_mut().take(heard);
        for wanted in due {
            if self.journal.is_lost() && is_shown(&wanted.event) {
                continue;
            }
            let known = is_there(&self.till.borrow(), &wanted);
            if let Some((asked, known)) = known {
                for (_, pledge) in self.opened(asked) {
                    pledge.keep(&super::draft::Draft::handle(self, known));
                }
                continue;
            }
            self.remember(&wanted.event, wanted.random);
            let by = is_counted(&wanted.event).then_some((&*tabs.page, wanted.count));
            let retold = tabs.retold(&wanted);
            let stands_on = edited(&wanted.event)
                .and_then(|draft| tabs.wants.borrow().stands_on(self.till.borrow().draft(draft)?));
            let checked = self.check_seen(&wanted.event, wanted.seen.as_deref());
            let checked =
                checked.and_then(|()| self.check_retold(&wanted.event, retold, stands_on));
            let random = wanted.chance(self.random());
            let edited = edited(&wanted.event);
            let made = checked.and_then(|()| self.handle(wanted.event, random, by));
            if let (true, Err(refused)) = (edited.is_some(), made) {
                self.tell_refused(&tabs.page, &refused);
            }
            self.doubt_retold(edited, retold);
        }
        tabs.wants.borrow_mut().lead();
    }

    /// An edit was told to the page that led before. If that one sent saves that its disk did not
    /// take, the edit may have been in them.
    fn doubt_retold(self: &Rc<Self>, edited: Option<DraftId>, retold: Retold) {
        if let Some(draft) = edited.filter(|_| retold.is_doubtful(&self.journal)) {
            let _ = self.dispatch(Event::Doubt { draft });
        }
    }

    fn check_retold(
        &self,
        event: &Event,
        retold: Retold,
        stands_on: Option<String>,
    ) -> Result<(), JsValue> {
        let Event::Edit { draft, op } = event else { return Ok(()) };
        let till = self.till.borrow();
        match till.draft(*draft) {
            Some(draft)
                if retold.is_doubtful(&self.journal)
                    && !can_be_doubted(draft, op, stands_on.as_deref()) =>
            {
                Err(error::error("changed-meanwhile", &["it was changed meanwhile; look again"]))
            }
            Some(_) | None => Ok(()),
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
        let is_new = tabs.hearing.borrow_mut().hear(&from, count);
        match (what.as_str(), draft) {
            ("edit" | "resolve" | "discard", Some(draft)) => {
                if is_new {
                    let retold = Retold::from(to_number(&message.get(9)));
                    let stands_on = (retold, message.get(10).as_string());
                    self.make_theirs(&from, count, draft, &what, (&one, &two), stands_on);
                    self.doubt_retold(Some(draft).filter(|_| what == "edit"), retold);
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
        (one, two): (&JsValue, &JsValue),
        (retold, stands_on): (Retold, Option<String>),
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
        let seen = (!two.is_undefined()).then(|| bytes(two));
        let checked = self.check_seen(&event, seen.as_deref());
        let checked = checked.and_then(|()| self.check_retold(&event, retold, stands_on));
        let made = checked.and_then(|()| self.handle(event, self.random(), Some((from, count))));
        if let Err(refused) = made {
            self.tell_refused(from, &refused);
        }
    }

    /// A page that follows shows what was there some moments ago: nothing newer is overwritten
    /// unseen.
    fn check_seen(&self, event: &Event, seen: Option<&[u8]>) -> Result<(), JsValue> {
        let Event::Edit { draft, op } = event else { return Ok(()) };
        let till = self.till.borrow();
        match till.draft(*draft) {
            Some(draft) if !is_as_seen(draft, op, seen, till.policy()) => {
                Err(error::error("changed-meanwhile", &["it was changed meanwhile; look again"]))
            }
            Some(_) | None => Ok(()),
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
                tabs.hearing.borrow_mut().keep();
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
            counts(tabs.hearing.borrow().heard()),
            counts(tabs.hearing.borrow().kept()),
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

/// Whether a page that follows shows what it wants at once.
fn is_shown(event: &Event) -> bool {
    matches!(event, Event::Edit { .. } | Event::Resolve { .. })
}

/// The draft that this edits.
fn edited(event: &Event) -> Option<DraftId> {
    let Event::Edit { draft, .. } = event else { return None };
    Some(*draft)
}
