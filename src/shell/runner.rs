//! The loop: an event goes to the core's till, its effects are run in order, and what they lead
//! to comes back as events.
//!
//! No borrow of a cell lives across an `.await` or a call into the page.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::backend::Backend;
use super::clock::{Clock, Timer};
use super::convert::{function, get, parse, set};
use super::feed::Feed;
use super::fetch::Link;
use super::journal::Journal;
use super::network::Network;
use super::promise::Pledge;
use super::snapshot::Snapshot;
use super::tabs::Tabs;
use super::words::Words;
use super::works::Works;
use super::{error, outcome};
use crate::core::call::{Call, ReleaseCall};
use crate::core::conflict::Conflict;
use crate::core::event::{DraftId, Effect, Event, Outcome, Waiter};
use crate::core::json::list;
use crate::core::metrics::Metrics;
use crate::core::pages::{is_counted, is_request, standing};
use crate::core::profile::Profile;
use crate::core::random::Random;
use crate::core::till::Till;
use crate::core::time::Millis;

/// What the page sees of a draft, kept until something in it changes.
struct View {
    version: u32,
    snapshot: Snapshot,
    doc: Option<JsValue>,
    conflicts: Option<JsValue>,
}

/// A till with all that it needs to run.
pub(super) struct Runner {
    pub(super) till: RefCell<Till>,
    pub(super) closed: Cell<bool>,
    pub(super) profile: Profile,
    pub(super) backend: Backend,
    pub(super) journal: Rc<Journal>,
    pub(super) clock: Rc<Clock>,
    /// What is done beside the drafts.
    pub(super) works: Works,
    pub(super) feed: RefCell<Option<Feed>>,
    timer: RefCell<Option<Timer>>,
    next_number: Cell<u32>,
    views: RefCell<Vec<(DraftId, View)>>,
    /// With each the listener of its signal, which goes when it does.
    pub(super) waiters: RefCell<Vec<(Waiter, Pledge, Option<Link>)>>,
    pub(super) opening: RefCell<Vec<(DraftId, String, Pledge)>>,
    listeners: RefCell<Vec<(u32, Topic, Function)>>,
    pub(super) network: RefCell<Option<Network>>,
    /// The other pages of this user; none where the store is not one that pages share.
    tabs: RefCell<Option<Rc<Tabs>>>,
    /// Drafts that wait, as the page that leads says.
    pub(super) waiting: Cell<u32>,
    /// The words in the page's language.
    pub(super) words: OnceCell<Words>,
    /// Whether the log may carry documents.
    pub(super) log_documents: Cell<bool>,
    /// What was counted since this page opened.
    pub(super) metrics: RefCell<Metrics>,
}

/// What a listener wants to hear of.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Topic {
    /// Changes of one draft, without details.
    Draft(DraftId),
    /// An event of the till: `draft`, `notice`, `outbox`, `strategy` or `log`.
    Till(String),
}

impl Runner {
    pub(super) fn new(
        till: Till,
        backend: Backend,
        journal: Journal,
        clock: Clock,
        works: Works,
    ) -> Rc<Runner> {
        let profile = till.policy().profile.clone();
        Rc::new(Runner {
            profile,
            till: RefCell::new(till),
            closed: Cell::new(false),
            backend,
            journal: Rc::new(journal),
            clock: Rc::new(clock),
            works,
            feed: RefCell::default(),
            timer: RefCell::default(),
            next_number: Cell::new(0),
            views: RefCell::default(),
            waiters: RefCell::default(),
            opening: RefCell::default(),
            listeners: RefCell::default(),
            network: RefCell::default(),
            tabs: RefCell::default(),
            waiting: Cell::new(0),
            words: OnceCell::new(),
            log_documents: Cell::new(false),
            metrics: RefCell::default(),
        })
    }

    /// The other pages of this user, if there can be any.
    pub(super) fn tabs(&self) -> Option<Rc<Tabs>> {
        self.tabs.borrow().clone()
    }

    pub(super) fn set_tabs(&self, tabs: Option<Tabs>) {
        self.tabs.replace(tabs.map(Rc::new));
    }

    /// A name that nobody else has.
    pub(super) fn name(&self) -> String {
        Random::new(self.random()).name()
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(super) fn random(&self) -> u128 {
        self.clock.random()
    }

    /// A number that was not given before: for drafts, waiters and listeners.
    pub(super) fn number(&self) -> u32 {
        self.numbers(1)
    }

    /// The first of `count` numbers in a row.
    pub(super) fn numbers(&self, count: u32) -> u32 {
        let first = self.next_number.get() + 1;
        self.next_number.set(self.next_number.get() + count);
        first
    }

    pub(super) fn check_open(&self) -> Result<(), JsValue> {
        match self.closed.get() {
            true => Err(error::error("closed", &["this till is closed"])),
            false => Ok(()),
        }
    }

    /// Hands an event to the till and sees to its effects.
    ///
    /// # Errors
    /// A `RestampError` if the event made no sense; then nothing has changed.
    pub(super) fn dispatch(self: &Rc<Self>, event: Event) -> Result<(), JsValue> {
        self.check_open()?;
        if let Some(tabs) = self.tabs().filter(|tabs| !tabs.leads.get()) {
            return self.follow(&tabs, event);
        }
        let random = self.random();
        self.remember(&event, random);
        let Some(tabs) = self.tabs().filter(|_| is_counted(&event)) else {
            return self.handle(event, random, None);
        };
        if let Event::Edit { draft, op } = &event {
            let till = self.till.borrow();
            let stands = till.draft(*draft).and_then(|draft| standing(draft, op, till.policy()));
            tabs.wants.borrow_mut().note(stands);
        }
        let count = tabs.wants.borrow().next();
        self.handle(event, random, Some((&tabs.page, count)))
    }

    /// The page waits for what this event asks; should another page lead before, it is told.
    pub(super) fn remember(&self, event: &Event, random: u128) {
        let Some(tabs) = self.tabs().filter(|_| is_request(event)) else { return };
        tabs.wants.borrow_mut().remember(event.clone(), random);
        self.forget_answered(&tabs);
    }

    /// The same for an event of this page or of another one; `by` is the page and its count.
    pub(super) fn handle(
        self: &Rc<Self>,
        event: Event,
        random: u128,
        by: Option<(&str, u32)>,
    ) -> Result<(), JsValue> {
        let mut effects = self.till.borrow_mut().handle(event, self.clock.now(), random);
        if let Some((page, count)) = by {
            self.tag(&mut effects, page, count);
        }
        self.metrics.borrow_mut().note(&effects);
        let mut later = Vec::new();
        let mut refused = Ok(());
        for effect in effects {
            match effect {
                // Taken at once, so that the order on disk is the order of events.
                Effect::Journal(entry) => self.journal.append(entry),
                Effect::Refused(misuse) => refused = Err(error::of_misuse(&misuse)),
                later_on @ (Effect::Call { .. }
                | Effect::Opened(_)
                | Effect::NotOpened { .. }
                | Effect::Changed(_)
                | Effect::Settle { .. }
                | Effect::Concluded { .. }
                | Effect::Notice { .. }
                | Effect::Strategy { .. }
                | Effect::Log { .. }) => later.push(later_on),
            }
        }
        self.arm_timer();
        if !later.is_empty() {
            self.run(later);
        }
        refused
    }

    /// Says in the journal whose edits these are.
    fn tag(&self, effects: &mut [Effect], page: &str, count: u32) {
        let Some(tabs) = self.tabs() else { return };
        let last = tabs.hearing.borrow_mut().tag(effects, page, count);
        if page == tabs.page {
            tabs.wants.borrow_mut().made(last);
        }
    }

    /// Journal first, send second, answer third; that something changed is shown at once.
    fn run(self: &Rc<Self>, effects: Vec<Effect>) {
        let (shown, kept): (Vec<Effect>, Vec<Effect>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::Changed(_)));
        for effect in shown {
            self.perform(effect);
        }
        if kept.is_empty() {
            // Nobody waits for the disk now, but it shall not wait either.
            if !self.journal.is_settled() {
                let runner = self.clone();
                spawn_local(async move { runner.settle_journal().await });
            }
            return;
        }
        let runner = self.clone();
        let term = self.term();
        spawn_local(async move {
            runner.settle_journal().await;
            for effect in kept {
                // Another page leads: the rest is its to do.
                if runner.term() != term {
                    return;
                }
                runner.perform(effect);
            }
        });
    }

    /// Waits for the journal; a journal that cannot be kept is told once, and the till goes on.
    pub(super) async fn settle_journal(self: &Rc<Self>) {
        self.journal.settled().await;
        if let Some(tabs) = self.tabs().filter(|tabs| self.journal.is_fenced() && tabs.leads.get())
        {
            tabs.lost();
        } else if let Some(tabs) =
            self.tabs().filter(|_| self.journal.is_settled() && self.journal.is_kept())
        {
            tabs.wants.borrow_mut().settle();
        }
        self.tell_failure();
    }

    /// Counts up whenever it changes which page leads.
    pub(super) fn term(&self) -> u32 {
        self.tabs().map_or(0, |tabs| tabs.term.get())
    }

    /// A journal that is on no disk is told once, as soon as somebody listens.
    pub(super) fn tell_failure(self: &Rc<Self>) {
        let notices = Topic::Till("notice".into());
        let heard = self.listeners.borrow().iter().any(|(_, topic, _)| *topic == notices);
        if self.journal.has_news() && heard {
            self.journal.set_told();
            let notice = Object::new();
            set(&notice, "key", &"".into());
            set(&notice, "kind", &"storage".into());
            self.emit(&notices, &notice);
        }
    }

    fn perform(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Journal(_) | Effect::Refused(_) => {}
            Effect::Call { id, call } => {
                let runner = self.clone();
                spawn_local(async move {
                    let answered = runner.backend.call(&call, &runner.clock).await;
                    // After close() the answer is nobody's.
                    let _ = runner.dispatch(Event::Answered { call: id, answered });
                });
            }
            Effect::Opened(draft) => {
                for (_, pledge) in self.opened(draft) {
                    pledge.keep(&super::draft::Draft::handle(self, draft));
                }
            }
            Effect::NotOpened { draft, why } => {
                for (key, pledge) in self.opened(draft) {
                    pledge.fail(&error::of_not_opened(&why, &key));
                }
            }
            Effect::Changed(draft) => self.changed(draft),
            Effect::Settle { waiter, draft, outcome } => self.settle(waiter, draft, &outcome),
            Effect::Concluded { draft, outcome } => self.conclude(draft, &outcome),
            Effect::Notice { draft, notice } => {
                let notice = outcome::notice(&self.key(draft), &notice);
                self.emit(&Topic::Till("notice".into()), &notice);
                self.tell_event("notice", &notice);
            }
            Effect::Strategy { draft, from, to, rate } => {
                let event = outcome::strategy(&self.key(draft), from, to, rate);
                self.emit(&Topic::Till("strategy".into()), &event);
                self.tell_event("strategy", &event);
            }
            Effect::Log { draft, step } => {
                let line = outcome::log(&self.key(draft), &step, self.clock.now());
                if self.log_documents.get() && outcome::shows_document(&step) {
                    set(&line, "doc", &self.doc(draft));
                }
                self.emit(&Topic::Till("log".into()), &line);
                self.tell_event("log", &line);
            }
        }
    }

    pub(super) fn changed(self: &Rc<Self>, draft: DraftId) {
        self.tell_soon(draft);
        self.emit(&Topic::Draft(draft), &JsValue::UNDEFINED);
        let hears = |(_, topic, _): &(u32, Topic, Function)| matches!(topic, Topic::Till(_));
        if !self.listeners.borrow().iter().any(hears) {
            return;
        }
        let (key, status) = {
            let till = self.till.borrow();
            let Some(draft) = till.draft(draft) else { return };
            (draft.key().to_owned(), draft.status())
        };
        let event = Object::new();
        set(&event, "key", &key.into());
        set(&event, "status", &status.into());
        self.emit(&Topic::Till("draft".into()), &event);
        self.tell_of_outbox(None);
    }

    /// How many wait, and what became of one for which nobody waited.
    pub(super) fn tell_of_outbox(&self, outcome: Option<&JsValue>) {
        let follows = self.tabs().is_some_and(|tabs| !tabs.leads.get());
        let waiting = match follows {
            true => self.waiting.get() as usize,
            false => self.till.borrow().waiting(),
        };
        let event = Object::new();
        set(&event, "waiting", &JsValue::from_f64(waiting as f64));
        if let Some(outcome) = outcome {
            set(&event, "outcome", outcome);
            self.tell_event("outbox", &event);
        }
        self.emit(&Topic::Till("outbox".into()), &event);
    }

    fn settle(self: &Rc<Self>, waiter: Waiter, number: DraftId, outcome: &Outcome) {
        let Some(pledge) = self.take_waiter(waiter) else { return };
        pledge.keep(&self.outcome(number, outcome));
    }

    fn conclude(self: &Rc<Self>, number: DraftId, outcome: &Outcome) {
        let outcome = self.outcome(number, outcome);
        self.tell_outcome("", &outcome);
        self.tell_of_outbox(Some(&outcome));
    }

    fn outcome(&self, number: DraftId, outcome: &Outcome) -> JsValue {
        let doc = self.doc(number);
        let value = match self.till.borrow().draft(number) {
            Some(draft) => outcome::outcome(outcome, draft, &doc),
            None => return JsValue::UNDEFINED,
        };
        self.word_outcome(&value, Some(number));
        value
    }

    pub(super) fn key(&self, draft: DraftId) -> String {
        self.till.borrow().draft(draft).map_or(String::new(), |draft| draft.key().to_owned())
    }

    /* ---------------------------------------------------------------- listeners */

    /// Adds a listener; the function that takes it away again.
    pub(super) fn listen(self: &Rc<Self>, topic: Topic, listener: Function) -> JsValue {
        let number = self.number();
        self.listeners.borrow_mut().push((number, topic, listener));
        let runner = Rc::downgrade(self);
        Closure::<dyn FnMut()>::new(move || {
            if let Some(runner) = runner.upgrade() {
                runner.listeners.borrow_mut().retain(|(known, ..)| *known != number);
            }
        })
        .into_js_value()
    }

    pub(super) fn emit(&self, topic: &Topic, event: &JsValue) {
        if let Topic::Till(kind) = topic {
            self.word_event(kind, event);
        }
        let heard: Vec<Function> = self
            .listeners
            .borrow()
            .iter()
            .filter(|(_, wanted, _)| wanted == topic)
            .map(|(_, _, listener)| listener.clone())
            .collect();
        for listener in heard {
            // A listener that throws is its author's matter: the save goes on, and the page hears
            // of it as of any uncaught error. A host without reportError() has a console.
            if let Err(thrown) = listener.call1(&JsValue::UNDEFINED, event) {
                let global = js_sys::global();
                let report = function(&global, "reportError")
                    .or_else(|| function(&get(&global, "console"), "error"));
                let _ = report.map(|report| report.call1(&JsValue::UNDEFINED, &thrown));
            }
        }
    }

    /* ---------------------------------------------------------------- time */

    /// One timer for everything that waits.
    fn arm_timer(self: &Rc<Self>) {
        if self.tabs().is_some_and(|tabs| !tabs.leads.get()) {
            return;
        }
        let next = self.till.borrow().next_wake();
        let timer = next.map(|at| {
            let runner = self.clone();
            let wait = at.since(self.clock.now());
            self.clock.sleep(wait, move || {
                let _ = runner.dispatch(Event::Wake);
            })
        });
        let before = self.timer.replace(timer);
        drop(before);
    }

    pub(super) fn stop_timer(&self) {
        drop(self.timer.replace(None));
    }

    /// Drafts are numbered by their own till too: the next number is a free one.
    pub(super) fn skip_numbers(&self) {
        let till = self.till.borrow();
        let most = till.drafts().iter().map(|draft| draft.number().0).max().unwrap_or(0);
        self.next_number.set(most.max(self.next_number.get()));
    }

    /// Drafts whose newest copy may be fetched without anything being sent.
    pub(super) fn drafts_at_rest(&self) -> Vec<DraftId> {
        let till = self.till.borrow();
        let at_rest = till.drafts().iter().filter(|draft| draft.status() == "clean");
        at_rest.map(|draft| draft.number()).collect()
    }

    pub(super) fn close(self: &Rc<Self>) {
        self.closed.set(true);
        self.end_works();
        drop(self.feed.take());
        self.stop_timer();
        self.listeners.borrow_mut().clear();
        drop(self.network.take());
        let waiting = self.waiters.take();
        let reason = error::error("closed", &["the till was closed; what is unsent is kept"]);
        for (_, pledge, _) in waiting {
            pledge.fail(&reason);
        }
        self.stop_counting(&reason);
        for (_, _, pledge) in self.opening.take() {
            pledge.fail(&reason);
        }
        self.give_leases_back();
        self.backend.close();
        if let Some(tabs) = self.tabs.take() {
            tabs.close();
            tabs.wake();
            for call in tabs.calls.take() {
                call.pledge.fail(&reason);
            }
        }
        self.journal.close();
    }

    /// Others shall not wait for a page that is gone.
    pub(super) fn give_leases_back(self: &Rc<Self>) {
        let till = self.till.borrow();
        for (key, fence) in till.drafts().iter().filter_map(|draft| draft.leased()) {
            let call = ReleaseCall { key: key.to_owned(), fence: fence.to_owned() };
            let runner = self.clone();
            spawn_local(async move {
                runner.backend.call(&Call::Release(call), &runner.clock).await;
            });
        }
    }

    /* ---------------------------------------------------------------- snapshots */

    fn view<T>(&self, number: DraftId, read: impl FnOnce(&mut View) -> T) -> T {
        let version = self.till.borrow().draft(number).map_or(0, |draft| draft.version());
        let mut views = self.views.borrow_mut();
        let at = views.iter().position(|(known, _)| *known == number).unwrap_or_else(|| {
            let snapshot = Snapshot::default();
            views.push((number, View { version, snapshot, doc: None, conflicts: None }));
            views.len() - 1
        });
        let view = &mut views[at].1;
        if view.version != version {
            (view.version, view.doc, view.conflicts) = (version, None, None);
        }
        read(view)
    }

    /// The document, frozen; the same object until something in it changes.
    pub(super) fn doc(&self, number: DraftId) -> JsValue {
        if let Some(doc) = self.view(number, |view| view.doc.clone()) {
            return doc;
        }
        let text = {
            let till = self.till.borrow();
            till.draft(number).map(|draft| draft.text(till.policy())).unwrap_or_default()
        };
        self.view(number, |view| {
            // JSON.parse and Object.freeze are the engine's own: the page is not called.
            let doc = view.snapshot.take(text, &self.profile);
            view.doc = Some(doc.clone());
            doc
        })
    }

    /// Open conflicts, frozen; the same list until something in it changes.
    pub(super) fn conflicts(&self, number: DraftId) -> JsValue {
        if let Some(conflicts) = self.view(number, |view| view.conflicts.clone()) {
            return conflicts;
        }
        let text = {
            let till = self.till.borrow();
            let conflicts = till.draft(number).map_or(&[][..], |draft| draft.conflicts());
            list(conflicts.iter().map(Conflict::to_json))
        };
        let value = self.word_conflicts(parse(&text), number);
        self.view(number, |view| view.conflicts = Some(value.clone()));
        value
    }
}
