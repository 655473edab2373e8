//! The page that follows: it shows drafts as the leading page has them, with its own newest edits
//! on top, and hands edits and requests over to it.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{spawn_local, JsFuture};

use super::convert::{get, set};
use super::error;
use super::promise::Pledge;
use super::runner::{Runner, Topic};
use super::tabs::{bytes, count_of, number, to_bytes, to_number, Retold, Tabs};
use crate::core::document::Document;
use crate::core::event::{DraftId, Effect, Event, Misuse, Take, Waiter};
use crate::core::journal;
use crate::core::op::Op;
use crate::core::pages::{seen, Wanted};

impl Runner {
    /// What an event of this page means while another one leads.
    pub(super) fn follow(self: &Rc<Self>, tabs: &Tabs, event: Event) -> Result<(), JsValue> {
        match event {
            Event::Edit { draft, .. } | Event::Replace { draft, .. } => {
                // Only what is written over something is held against what stands there.
                let writes_over = !matches!(
                    event,
                    Event::Edit {
                        op: Op::Increment { .. } | Op::Insert { .. } | Op::Move { .. },
                        ..
                    }
                );
                let shown = writes_over.then(|| self.shown(draft)).flatten();
                for op in self.try_here(draft, event)? {
                    let seen = shown.as_ref().and_then(|shown| seen(shown, &op, &self.profile));
                    self.want(tabs, Event::Edit { draft, op }, seen);
                }
            }
            Event::Resolve { draft, .. } => {
                self.try_here(draft, event.clone())?;
                self.want(tabs, event, None);
            }
            Event::Open { .. }
            | Event::Refresh { .. }
            | Event::Create { .. }
            | Event::Save { .. }
            | Event::Submit { .. }
            | Event::Discard { .. } => self.want(tabs, event, None),
            // Calls, waiting and the network are the leading page's; the outbox is asked of it
            // (`Runner::call`).
            Event::Answered { .. }
            | Event::Heard { .. }
            | Event::Retry { .. }
            | Event::Park { .. }
            | Event::Doubt { .. }
            | Event::Export
            | Event::Import { .. }
            | Event::CreateFromLeftover { .. }
            | Event::Wake
            | Event::Online => {}
        }
        Ok(())
    }

    /// The document as this page shows it.
    fn shown(&self, draft: DraftId) -> Option<Document> {
        let till = self.till.borrow();
        Document::parse(till.draft(draft)?.text(till.policy()), &self.profile).ok()
    }

    /// Shows an edit at once, if it can be made; the edits that it consists of.
    fn try_here(self: &Rc<Self>, draft: DraftId, event: Event) -> Result<Vec<Op>, JsValue> {
        let is_closed =
            self.till.borrow().draft(draft).is_some_and(|draft| draft.status() == "closed");
        if is_closed {
            return Err(error::of_misuse(&Misuse::Ended));
        }
        let (now, random) = (self.now(), self.random());
        let effects = self.till.borrow_mut().handle(event, now, random);
        let mut ops = Vec::new();
        for effect in effects {
            match effect {
                Effect::Journal(entry) => ops.extend(journal::edit_of(&entry).map(|(_, op, _)| op)),
                Effect::Refused(misuse) => return Err(error::of_misuse(&misuse)),
                Effect::Changed(draft) => self.changed(draft),
                Effect::Call { .. }
                | Effect::Opened(_)
                | Effect::NotOpened { .. }
                | Effect::Settle { .. }
                | Effect::Concluded { .. }
                | Effect::Notice { .. }
                | Effect::Strategy { .. }
                | Effect::Log { .. } => {}
            }
        }
        Ok(ops)
    }

    /// Tells the leading page, now or as soon as there is one.
    fn want(&self, tabs: &Tabs, event: Event, seen: Option<Vec<u8>>) {
        let wanted = tabs.wants.borrow_mut().tell(event, self.random(), seen);
        if tabs.is_attached.get() {
            self.send_wanted(tabs, &wanted, Retold::No);
        }
    }

    fn send_wanted(&self, tabs: &Tabs, wanted: &Wanted, retold: Retold) {
        let none = || (JsValue::UNDEFINED, JsValue::UNDEFINED);
        let (what, draft, (one, two)) = match &wanted.event {
            Event::Edit { draft, op } => {
                let seen = wanted.seen.as_ref().map_or(JsValue::UNDEFINED, |seen| to_bytes(seen));
                ("edit", *draft, (to_bytes(&op.to_json()), seen))
            }
            Event::Resolve { draft, path, take } => {
                let value = match take {
                    Take::Mine => "mine".into(),
                    Take::Theirs => "theirs".into(),
                    Take::Value(value) => to_bytes(value),
                };
                ("resolve", *draft, (path.into(), value))
            }
            Event::Discard { draft } => ("discard", *draft, none()),
            Event::Save { draft, waiter } => {
                ("save", *draft, (number(waiter.0), JsValue::UNDEFINED))
            }
            Event::Submit { draft, waiter, expected_total } => {
                let total = expected_total.as_ref().map_or(JsValue::UNDEFINED, JsValue::from);
                ("submit", *draft, (number(waiter.0), total))
            }
            Event::Open { draft, key } => ("open", *draft, (key.into(), JsValue::UNDEFINED)),
            Event::Refresh { draft } => {
                ("open", *draft, (self.key(*draft).into(), JsValue::UNDEFINED))
            }
            Event::Create { draft, document } => {
                let random = wanted.random.to_le_bytes();
                ("create", *draft, (to_bytes(document), to_bytes(&random)))
            }
            Event::Replace { .. }
            | Event::Answered { .. }
            | Event::Heard { .. }
            | Event::Retry { .. }
            | Event::Park { .. }
            | Event::Doubt { .. }
            | Event::Export
            | Event::Import { .. }
            | Event::CreateFromLeftover { .. }
            | Event::Wake
            | Event::Online => return,
        };
        let till = self.till.borrow();
        let id = till.draft(draft).map(|draft| draft.id().to_owned());
        let id = id.or_else(|| tabs.wants.borrow().name_of(draft));
        let id = id.map_or(JsValue::UNDEFINED, JsValue::from);
        let stamp = till.draft(draft).filter(|_| retold != Retold::No);
        let stamp = stamp.and_then(|draft| tabs.wants.borrow().stands_on(draft));
        let stamp = stamp.map_or(JsValue::UNDEFINED, JsValue::from);
        let to = tabs.leader.borrow().clone();
        let (count, draft) = (number(wanted.count), number(draft.0));
        tabs.post(
            "want",
            &to,
            &[count, what.into(), draft, id, one, two, number(retold as u32), stamp],
        );
    }

    /// Another page leads: what is open here is attached to it, then it is told what is wanted.
    pub(super) fn on_leader(self: &Rc<Self>, tabs: &Tabs, leader: String) {
        let led = tabs.leads.replace(false);
        tabs.term.set(tabs.term.get() + 1);
        tabs.is_attached.set(false);
        tabs.wants.borrow_mut().tell_anew();
        tabs.leader.replace(leader);
        if led {
            self.leave(tabs);
        } else if !tabs.is_leaving.get() {
            self.attach_all(tabs);
        }
    }

    /// This page led: what it could not write any more it tells the next leader.
    fn leave(self: &Rc<Self>, tabs: &Tabs) {
        tabs.is_leaving.set(true);
        let begun = tabs.wants.borrow().begun();
        self.till.borrow_mut().follow(&begun);
        self.stop_timer();
        drop(self.feed.take());
        let runner = self.clone();
        spawn_local(async move {
            runner.journal.rest().await;
            let Some(tabs) = runner.tabs() else { return };
            let unwritten = runner.journal.unwritten();
            runner.forget_answered(&tabs);
            let named = |id: &str| runner.till.borrow().named(id);
            tabs.wants.borrow_mut().leave(&tabs.page, &unwritten, &named);
            tabs.is_leaving.set(false);
            runner.attach_all(&tabs);
            tabs.wake();
        });
    }

    /// Requests that nobody waits for any more need not be repeated.
    pub(super) fn forget_answered(&self, tabs: &Tabs) {
        tabs.wants.borrow_mut().forget_answered(&|event| match event {
            Event::Save { waiter, .. } | Event::Submit { waiter, .. } => {
                self.is_waited_for(*waiter)
            }
            Event::Open { draft, .. } | Event::Refresh { draft } | Event::Create { draft, .. } => {
                self.is_opening(*draft)
            }
            Event::Edit { .. }
            | Event::Resolve { .. }
            | Event::Discard { .. }
            | Event::Replace { .. }
            | Event::Answered { .. }
            | Event::Heard { .. }
            | Event::Retry { .. }
            | Event::Park { .. }
            | Event::Doubt { .. }
            | Event::Export
            | Event::Import { .. }
            | Event::CreateFromLeftover { .. }
            | Event::Wake
            | Event::Online => false,
        });
    }

    fn attach_all(&self, tabs: &Tabs) {
        let leader = tabs.leader.borrow().clone();
        if leader.is_empty() {
            return;
        }
        let drafts: Vec<(DraftId, Vec<u8>)> = {
            let till = self.till.borrow();
            let wants = tabs.wants.borrow();
            let copy = |draft: &crate::core::draft::Draft| {
                wants.before(draft.number()).map_or_else(|| draft.foundation(), <[u8]>::to_vec)
            };
            till.drafts().iter().map(|draft| (draft.number(), copy(draft))).collect()
        };
        tabs.attaching.replace(drafts.iter().map(|(draft, _)| *draft).collect());
        for (draft, state) in &drafts {
            tabs.post("attach", &leader, &[number(draft.0), to_bytes(state)]);
        }
        self.attached(tabs, None);
    }

    /// Once all drafts are attached, the leader is told everything that it may not know.
    fn attached(&self, tabs: &Tabs, draft: Option<DraftId>) {
        tabs.attaching.borrow_mut().retain(|waiting| Some(*waiting) != draft);
        if tabs.is_attached.get() || !tabs.attaching.borrow().is_empty() {
            return;
        }
        tabs.is_attached.set(true);
        self.forget_answered(tabs);
        let wants = tabs.wants.borrow();
        for wanted in wants.list() {
            self.send_wanted(tabs, wanted, tabs.retold(wanted));
        }
        for call in tabs.calls.borrow().iter() {
            Runner::send_call(tabs, call);
        }
    }

    /// Something that the leading page says.
    pub(super) fn on_leader_s_word(self: &Rc<Self>, tabs: &Tabs, kind: &str, message: &Array) {
        match kind {
            // What this page led, and could not write, is looked through first; then it asks anew.
            "draft" if tabs.is_leaving.get() => {}
            "draft" => self.on_draft(tabs, message),
            "done" => {
                if let Some(pledge) = self.take_waiter(Waiter(to_number(&message.get(3)))) {
                    let outcome = message.get(4);
                    let id = message.get(5).as_string().unwrap_or_default();
                    let draft = self.till.borrow().named(&id);
                    if let Some(draft) = draft.filter(|_| get(&outcome, "doc").is_null()) {
                        set(&outcome, "doc", &self.doc(draft));
                    }
                    self.word_outcome(&outcome, draft);
                    pledge.keep(&outcome);
                }
                self.forget_answered(tabs);
            }
            "refused" => {
                let text = |at: u32| message.get(at).as_string().unwrap_or_default();
                if let Some(pledge) = self.take_waiter(Waiter(to_number(&message.get(3)))) {
                    pledge.fail(&error::again(&text(4), &text(5)));
                }
                self.forget_answered(tabs);
            }
            "failed" => {
                let text = |at: u32| message.get(at).as_string().unwrap_or_default();
                let reason = error::again(&text(4), &text(5));
                for (_, pledge) in self.opened(DraftId(to_number(&message.get(3)))) {
                    pledge.fail(&reason);
                }
                self.forget_answered(tabs);
            }
            "answer" => self.on_answer(message),
            "event" => {
                let kind = message.get(3).as_string().unwrap_or_default();
                let event = message.get(4);
                self.take_outcome(&get(&event, "outcome"));
                self.emit(&Topic::Till(kind), &event);
            }
            _ => {}
        }
    }

    /// A draft as the leading page has it.
    fn on_draft(self: &Rc<Self>, tabs: &Tabs, message: &Array) {
        let text = |at: u32| message.get(at).as_string().unwrap_or_default();
        let (asked, id, status) = (message.get(3).as_f64().unwrap_or(-1.0), text(4), text(5));
        let seen = count_of(&message.get(8), &tabs.page);
        let kept = count_of(&message.get(9), &tabs.page);
        tabs.is_kept.set(message.get(10).is_truthy());
        if !tabs.is_kept.get() {
            self.journal.suspect();
            self.tell_failure();
        }
        tabs.wants.borrow_mut().written(kept, tabs.is_kept.get());
        tabs.wake();
        let asked = (asked >= 0.0).then_some(DraftId(asked as u32));
        let known = self.till.borrow().named(&id);
        self.waiting.set(to_number(&message.get(7)));
        let Some(place) = asked.or(known) else { return self.tell_of_outbox(None) };
        let is_unsafe = !tabs.is_kept.get();
        let before = is_unsafe.then(|| self.till.borrow().foundation(place)).flatten();
        let shown = self.till.borrow_mut().mirror(place, &bytes(&message.get(6)), &status);
        let Ok(draft) = shown else { return };
        if is_unsafe {
            let before = || before.or_else(|| self.till.borrow().foundation(draft));
            tabs.wants.borrow_mut().keep_before(draft, before);
        }
        self.make_again(tabs, draft, seen);
        self.changed(draft);
        if let Some(asked) = asked {
            for (_, pledge) in self.opened(asked) {
                pledge.keep(&super::draft::Draft::handle(self, draft));
            }
            self.forget_answered(tabs);
            self.attached(tabs, Some(asked));
        }
    }

    /// Edits of this page that the leader has not seen are made on top of what it says.
    fn make_again(&self, tabs: &Tabs, draft: DraftId, seen: u32) {
        let unseen = tabs.wants.borrow().unseen(draft, seen);
        let (now, random) = (self.now(), self.random());
        for event in unseen {
            // What does not fit any more the leader refuses too, and says so.
            let _ = self.till.borrow_mut().handle(event, now, random);
        }
    }

    /// Resolves when all edits so far are on disk; whether they are. What the disk did not take
    /// before it may take now.
    pub(super) async fn durable(self: &Rc<Self>) -> bool {
        loop {
            let Some(tabs) = self.tabs().filter(|tabs| !tabs.leads.get()) else {
                self.journal.try_again().await;
                self.settle_journal().await;
                match self.tabs() {
                    Some(tabs) if !tabs.leads.get() => continue,
                    Some(_) | None => return self.journal.is_kept(),
                }
            };
            if !tabs.wants.borrow().is_open() && !tabs.is_leaving.get() {
                return tabs.is_kept.get();
            }
            let (promise, pledge) = Pledge::new();
            tabs.news.borrow_mut().push(pledge);
            drop(tabs);
            let _ = JsFuture::from(promise).await;
            if self.closed.get() {
                return false;
            }
        }
    }
}
