//! The loop: an event goes to the core's till, its effects are run in order, and what they lead
//! to comes back as events.
//!
//! No borrow of a cell lives across an `.await` or a call into the page.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortSignal;

use super::backend::Backend;
use super::clock::{Clock, Timer};
use super::convert::{freeze, function, get, parse, set};
use super::fetch::Link;
use super::network::Network;
use super::snapshot::Snapshot;
use super::store::Journal;
use super::{error, outcome};
use crate::core::conflict::Conflict;
use crate::core::event::{DraftId, Effect, Event, Outcome, Waiter};
use crate::core::json::list;
use crate::core::profile::Profile;
use crate::core::till::Till;

/// The two ends of a promise.
pub(super) struct Pledge {
    pub(super) resolve: Function,
    pub(super) reject: Function,
}

impl Pledge {
    /// A promise and its ends.
    pub(super) fn new() -> (Promise, Pledge) {
        let mut ends = None;
        let promise = Promise::new(&mut |resolve, reject| ends = Some((resolve, reject)));
        let none = || Function::new_no_args("");
        let (resolve, reject) = ends.unwrap_or_else(|| (none(), none()));
        (promise, Pledge { resolve, reject })
    }

    pub(super) fn keep(&self, value: &JsValue) {
        let _ = self.resolve.call1(&JsValue::UNDEFINED, value);
    }

    pub(super) fn fail(&self, reason: &JsValue) {
        let _ = self.reject.call1(&JsValue::UNDEFINED, reason);
    }
}

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
    profile: Profile,
    backend: Backend,
    pub(super) journal: Rc<Journal>,
    clock: Clock,
    timer: RefCell<Option<Timer>>,
    next_number: Cell<u32>,
    views: RefCell<Vec<(DraftId, View)>>,
    /// With each the listener of its signal, which goes when it does.
    waiters: RefCell<Vec<(Waiter, Pledge, Option<Link>)>>,
    opening: RefCell<Vec<(DraftId, String, Pledge)>>,
    listeners: RefCell<Vec<(u32, Topic, Function)>>,
    pub(super) network: RefCell<Option<Network>>,
}

/// What a listener wants to hear of.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Topic {
    /// Changes of one draft, without details.
    Draft(DraftId),
    /// An event of the till: `draft`, `notice`, `outbox` or `log`.
    Till(String),
}

impl Runner {
    pub(super) fn new(till: Till, backend: Backend, journal: Journal, clock: Clock) -> Rc<Runner> {
        let first = till.drafts().len() as u32;
        let profile = till.policy().profile.clone();
        Rc::new(Runner {
            profile,
            till: RefCell::new(till),
            closed: Cell::new(false),
            backend,
            journal: Rc::new(journal),
            clock,
            timer: RefCell::default(),
            next_number: Cell::new(first),
            views: RefCell::default(),
            waiters: RefCell::default(),
            opening: RefCell::default(),
            listeners: RefCell::default(),
            network: RefCell::default(),
        })
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
        let (now, random) = (self.clock.now(), self.clock.random());
        let effects = self.till.borrow_mut().handle(event, now, random);
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
                | Effect::Log { .. }) => later.push(later_on),
            }
        }
        self.arm_timer();
        if !later.is_empty() {
            self.run(later);
        }
        refused
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
        spawn_local(async move {
            runner.settle_journal().await;
            for effect in kept {
                runner.perform(effect);
            }
        });
    }

    /// Waits for the journal; a journal that cannot be kept is told once, and the till goes on.
    pub(super) async fn settle_journal(self: &Rc<Self>) {
        self.journal.settled().await;
        self.tell_failure();
    }

    /// A journal that is on no disk is told once, as soon as somebody listens.
    pub(super) fn tell_failure(self: &Rc<Self>) {
        let notices = Topic::Till("notice".into());
        let heard = self.listeners.borrow().iter().any(|(_, topic, _)| *topic == notices);
        if self.journal.has_news() && heard {
            self.journal.set_told();
            let message = "This till cannot write to its disk: what is not sent yet is lost if \
                           the page closes.";
            let notice = Object::new();
            set(&notice, "key", &"".into());
            set(&notice, "kind", &"storage".into());
            set(&notice, "message", &message.into());
            self.emit(&notices, &notice);
        }
    }

    fn perform(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Journal(_) | Effect::Refused(_) => {}
            Effect::Call { id, call } => {
                let runner = self.clone();
                spawn_local(async move {
                    let event = runner.backend.call(id, call).await;
                    // After close() the answer is nobody's.
                    let _ = runner.dispatch(event);
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
            }
            Effect::Log { draft, step } => {
                let line = outcome::log(&self.key(draft), &step, self.clock.now());
                self.emit(&Topic::Till("log".into()), &line);
            }
        }
    }

    fn changed(self: &Rc<Self>, draft: DraftId) {
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
    fn tell_of_outbox(self: &Rc<Self>, outcome: Option<&JsValue>) {
        let event = Object::new();
        let waiting = self.till.borrow().waiting();
        set(&event, "waiting", &JsValue::from_f64(waiting as f64));
        if let Some(outcome) = outcome {
            set(&event, "outcome", outcome);
        }
        self.emit(&Topic::Till("outbox".into()), &event);
    }

    fn settle(self: &Rc<Self>, waiter: Waiter, number: DraftId, outcome: &Outcome) {
        let Some(pledge) = self.take_waiter(waiter) else { return };
        pledge.keep(&self.outcome(number, outcome));
    }

    fn conclude(self: &Rc<Self>, number: DraftId, outcome: &Outcome) {
        let outcome = self.outcome(number, outcome);
        self.tell_of_outbox(Some(&outcome));
    }

    fn outcome(&self, number: DraftId, outcome: &Outcome) -> JsValue {
        let doc = self.doc(number);
        let till = self.till.borrow();
        let draft = till.draft(number);
        draft.map_or(JsValue::UNDEFINED, |draft| outcome::outcome(outcome, draft, &doc))
    }

    fn key(&self, draft: DraftId) -> String {
        self.till.borrow().draft(draft).map_or(String::new(), |draft| draft.key().to_owned())
    }

    /* ---------------------------------------------------------------- promises and listeners */

    /// A promise of the outcome of what `event` wants; with a signal, until it is aborted.
    ///
    /// # Errors
    /// As [`Runner::dispatch`].
    pub(super) fn ask(
        self: &Rc<Self>,
        signal: Option<AbortSignal>,
        event: &dyn Fn(Waiter) -> Event,
    ) -> Result<Promise, JsValue> {
        let waiter = Waiter(self.number());
        let (promise, pledge) = Pledge::new();
        let link = signal.and_then(|signal| {
            let runner = Rc::downgrade(self);
            let abandon = move || {
                if let Some(runner) = runner.upgrade() {
                    runner.abandon(waiter);
                }
            };
            Link::new(signal, Box::new(abandon))
        });
        self.waiters.borrow_mut().push((waiter, pledge, link));
        if let Err(thrown) = self.dispatch(event(waiter)) {
            // Thrown to the caller: the promise is nobody's, so it must not reject.
            drop(self.take_waiter(waiter));
            return Err(thrown);
        }
        Ok(promise)
    }

    fn take_waiter(&self, waiter: Waiter) -> Option<Pledge> {
        let mut waiters = self.waiters.borrow_mut();
        let at = waiters.iter().position(|(known, ..)| *known == waiter)?;
        Some(waiters.swap_remove(at).1)
    }

    /// Somebody stops waiting; the save goes on without them.
    fn abandon(&self, waiter: Waiter) {
        if let Some(pledge) = self.take_waiter(waiter) {
            pledge
                .fail(&error::error("aborted", &["the caller stopped waiting; the save goes on"]));
        }
    }

    /// A promise of the draft that is being opened.
    pub(super) fn wait_for_draft(&self, draft: DraftId, key: String) -> Promise {
        let (promise, pledge) = Pledge::new();
        self.opening.borrow_mut().push((draft, key, pledge));
        promise
    }

    /// The draft that is being opened for this key, if one is.
    pub(super) fn opening(&self, key: &str) -> Option<DraftId> {
        let opening = self.opening.borrow();
        opening.iter().find(|(_, known, _)| known == key).map(|(draft, ..)| *draft)
    }

    /// Those who wait for this draft; they are waiting no more.
    pub(super) fn opened(&self, draft: DraftId) -> Vec<(String, Pledge)> {
        let all = self.opening.take();
        let (done, rest) = all.into_iter().partition(|(known, ..)| *known == draft);
        self.opening.replace(rest);
        let done: Vec<(DraftId, String, Pledge)> = done;
        done.into_iter().map(|(_, key, pledge)| (key, pledge)).collect()
    }

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

    fn emit(&self, topic: &Topic, event: &JsValue) {
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

    pub(super) fn close(&self) {
        self.closed.set(true);
        drop(self.timer.replace(None));
        self.listeners.borrow_mut().clear();
        drop(self.network.take());
        let waiting = self.waiters.take();
        let reason = error::error("closed", &["the till was closed; what is unsent is kept"]);
        for (_, pledge, _) in waiting {
            pledge.fail(&reason);
        }
        for (_, _, pledge) in self.opening.take() {
            pledge.fail(&reason);
        }
        self.backend.close();
        self.journal.close();
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
        let value = parse(&text);
        freeze(&value);
        self.view(number, |view| view.conflicts = Some(value.clone()));
        value
    }
}
