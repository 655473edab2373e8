//! What a till does beside its drafts: transactions and searches. Each is a machine of the core
//! whose effects are run here until it is over. They hold no journal, so any page does its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortSignal;

use super::clock::Timer;
use super::convert::{parse, set};
use super::error::error;
use super::fetch::Link;
use super::promise::Pledge;
use super::runner::{Runner, Topic};
use crate::core::call::{Answered, Call};
use crate::core::event::CallId;
use crate::core::find_or_create::{self as search, FindOrCreate};
use crate::core::json::{list, quoted, ObjectWriter};
use crate::core::numbers::{Numbers, Waiter};
use crate::core::time::Millis;
use crate::core::transaction::{self, Step, Strategy, Transaction};

/// What a till does beside its drafts.
pub(super) struct Works {
    /// The till's name.
    pub(super) till: String,
    pub(super) strategy: Strategy,
    /// Whether it listens to others' changes.
    pub(super) hears: bool,
    under_way: RefCell<Vec<Rc<Work>>>,
    /// Of the page that leads.
    pub(super) numbers: RefCell<Numbers>,
    pub(super) counting: RefCell<Vec<(Waiter, Pledge)>>,
    pub(super) counting_timer: RefCell<Option<Timer>>,
}

impl Works {
    pub(super) fn new(till: String, strategy: Strategy, hears: bool, numbers: Numbers) -> Works {
        Works {
            till,
            strategy,
            hears,
            under_way: RefCell::default(),
            numbers: RefCell::new(numbers),
            counting: RefCell::default(),
            counting_timer: RefCell::default(),
        }
    }
}

/// A machine of the core.
pub(super) enum Machine {
    Transaction(Box<Transaction>),
    Search(Box<FindOrCreate>),
}

/// Documents by their keys, as text.
pub(super) type Documents = Vec<(String, Option<Vec<u8>>)>;

/// What the page was asked for, answered.
pub(super) enum Reply {
    Planned(Vec<(String, Vec<u8>)>),
    PlanRefused(String),
    Made(Vec<u8>),
    Failed(String),
}

/// What happened to a machine.
enum Happened {
    Answered(CallId, Answered),
    Replied(Reply),
    Wake,
    Abort,
}

/// What a machine wants done.
pub(super) enum Todo {
    Call(CallId, Call),
    /// Ask the page: for a plan on these documents, or for a new document.
    Ask(Documents),
    Log(Step),
    Settle(Ended),
}

/// How a machine ended.
pub(super) enum Ended {
    Transaction(transaction::Outcome),
    Search(search::Outcome),
}

impl Machine {
    pub(super) fn todo_of_transaction(effects: Vec<transaction::Effect>) -> Vec<Todo> {
        let todo = effects.into_iter().map(|effect| match effect {
            transaction::Effect::Call { id, call } => Todo::Call(id, call),
            transaction::Effect::Plan(documents) => Todo::Ask(documents),
            transaction::Effect::Log(step) => Todo::Log(step),
            transaction::Effect::Settle(outcome) => Todo::Settle(Ended::Transaction(outcome)),
        });
        todo.collect()
    }

    pub(super) fn todo_of_search(effects: Vec<search::Effect>) -> Vec<Todo> {
        let todo = effects.into_iter().filter_map(|effect| match effect {
            search::Effect::Call { id, call } => Some(Todo::Call(id, call)),
            search::Effect::Make => Some(Todo::Ask(Vec::new())),
            // After a crash the unique field finds what was created.
            search::Effect::Keep(_) => None,
            search::Effect::Settle(outcome) => Some(Todo::Settle(Ended::Search(outcome))),
        });
        todo.collect()
    }

    fn handle(&mut self, happened: Happened, now: Millis, random: u128) -> Vec<Todo> {
        match self {
            Machine::Transaction(machine) => {
                let event = match happened {
                    Happened::Answered(call, answered) => {
                        transaction::Event::Answered { call, answered }
                    }
                    Happened::Replied(Reply::Planned(documents)) => {
                        transaction::Event::Planned(documents)
                    }
                    Happened::Replied(Reply::PlanRefused(why)) => {
                        transaction::Event::PlanRefused(why)
                    }
                    Happened::Replied(Reply::Failed(words)) => {
                        transaction::Event::PlanFailed(words)
                    }
                    Happened::Replied(Reply::Made(_)) => return Vec::new(),
                    Happened::Wake => transaction::Event::Wake,
                    Happened::Abort => transaction::Event::Abort,
                };
                Machine::todo_of_transaction(machine.handle(event, now, random))
            }
            Machine::Search(machine) => {
                let event = match happened {
                    Happened::Answered(call, answered) => {
                        search::Event::Answered { call, answered }
                    }
                    Happened::Replied(Reply::Made(document)) => search::Event::Made(document),
                    Happened::Replied(Reply::Failed(words)) => search::Event::MakeFailed(words),
                    Happened::Wake => search::Event::Wake,
                    Happened::Replied(Reply::Planned(_) | Reply::PlanRefused(_))
                    | Happened::Abort => return Vec::new(),
                };
                Machine::todo_of_search(machine.handle(event, now, random))
            }
        }
    }

    fn next_wake(&self) -> Option<Millis> {
        match self {
            Machine::Transaction(machine) => machine.next_wake(),
            Machine::Search(machine) => machine.next_wake(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Machine::Transaction(machine) => machine.is_over(),
            Machine::Search(machine) => machine.is_over(),
        }
    }
}

/// What the page contributes: a plan or a new document, and what the end means to it.
pub(super) trait Page {
    /// What a machine wants to know, now or later.
    fn reply(&self, documents: Documents) -> Result<Reply, JsValue>;
    /// The document that the page makes, where that takes time.
    fn promised(&self) -> Option<Result<Promise, JsValue>> {
        None
    }
    /// What the page made, as a reply.
    fn made(&self, _made: &JsValue) -> Result<Reply, JsValue> {
        Err(JsValue::UNDEFINED)
    }
    /// The outcome, or the reason of a rejection.
    fn end(&self, ended: Ended) -> Result<JsValue, JsValue>;
}

/// One piece of work.
pub(super) struct Work {
    machine: RefCell<Machine>,
    page: Box<dyn Page>,
    timer: RefCell<Option<Timer>>,
    pledge: RefCell<Option<Pledge>>,
    link: RefCell<Option<Link>>,
    /// What the page threw, or what is wrong with its answer.
    thrown: RefCell<Option<JsValue>>,
    aborted: Cell<bool>,
}

impl Runner {
    /// Begins a piece of work; the promise of its end.
    pub(super) fn work(
        self: &Rc<Self>,
        begun: (Machine, Vec<Todo>),
        page: Box<dyn Page>,
        signal: Option<AbortSignal>,
    ) -> Promise {
        let (promise, pledge) = Pledge::new();
        let work = Rc::new(Work {
            machine: RefCell::new(begun.0),
            page,
            timer: RefCell::default(),
            pledge: RefCell::new(Some(pledge)),
            link: RefCell::default(),
            thrown: RefCell::default(),
            aborted: Cell::new(false),
        });
        self.works.under_way.borrow_mut().push(work.clone());
        self.go_on(&work, begun.1);
        if let Some(signal) = signal {
            let (runner, weak) = (self.clone(), Rc::downgrade(&work));
            let abort = move || {
                if let Some(work) = weak.upgrade() {
                    work.aborted.set(true);
                    runner.happened(&work, Happened::Abort);
                }
            };
            match Link::new(signal, Box::new(abort)) {
                Some(link) => drop(work.link.replace(Some(link))),
                None => {
                    work.aborted.set(true);
                    self.happened(&work, Happened::Abort);
                }
            }
        }
        promise
    }

    /// Gives every lease back and tells those who wait.
    pub(super) fn end_works(self: &Rc<Self>) {
        let all: Vec<Rc<Work>> = self.works.under_way.borrow().clone();
        for work in all {
            self.happened(&work, Happened::Abort);
        }
    }

    fn happened(self: &Rc<Self>, work: &Rc<Work>, happened: Happened) {
        let todo = work.machine.borrow_mut().handle(happened, self.now(), self.random());
        self.go_on(work, todo);
    }

    fn go_on(self: &Rc<Self>, work: &Rc<Work>, todo: Vec<Todo>) {
        for todo in todo {
            self.carry_out(work, todo);
        }
        let next = work.machine.borrow().next_wake();
        let timer = next.map(|at| {
            let (runner, work) = (self.clone(), work.clone());
            self.clock.sleep(at.since(self.now()), move || runner.happened(&work, Happened::Wake))
        });
        drop(work.timer.replace(timer));
        if work.machine.borrow().is_over() {
            self.works.under_way.borrow_mut().retain(|known| !Rc::ptr_eq(known, work));
        }
    }

    fn carry_out(self: &Rc<Self>, work: &Rc<Work>, todo: Todo) {
        let (runner, work) = (self.clone(), work.clone());
        match todo {
            Todo::Call(id, call) => spawn_local(async move {
                let answered = runner.backend.call(&call, &runner.clock).await;
                runner.happened(&work, Happened::Answered(id, answered));
            }),
            // Not from within the machine's turn: the page may begin another piece of work.
            Todo::Ask(documents) => spawn_local(async move {
                let reply = work.ask_page(documents).await;
                let reply = reply.unwrap_or_else(|thrown| {
                    let words = super::convert::text(&thrown, "message");
                    let words = words.or_else(|| thrown.as_string()).unwrap_or_default();
                    work.thrown.replace(Some(thrown));
                    Reply::Failed(words)
                });
                runner.happened(&work, Happened::Replied(reply));
            }),
            Todo::Log(step) => self.log_step(&work, &step),
            Todo::Settle(ended) => {
                drop(work.link.take());
                let told = runner.closing_words(&work, work.page.end(ended));
                let Some(pledge) = work.pledge.take() else { return };
                match told {
                    Ok(outcome) => pledge.keep(&outcome),
                    Err(reason) => pledge.fail(&reason),
                }
            }
        }
    }

    fn closing_words(
        &self,
        work: &Work,
        told: Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue> {
        if let (Ok(outcome), true) = (&told, work.aborted.get()) {
            if super::convert::text(outcome, "kind").as_deref() == Some("gave-up") {
                let message = super::convert::text(outcome, "message").unwrap_or_default();
                return Err(error("aborted", &["the caller gave up: ", &message]));
            }
        }
        match (told, work.thrown.take()) {
            // A typed error of ours says more than that the plan failed.
            (Err(_), Some(thrown)) if is_typed(&thrown) => Err(thrown),
            (Err(reason), Some(thrown)) => {
                set(&reason, "cause", &thrown);
                Err(reason)
            }
            (told, _) => told,
        }
    }

    fn log_step(&self, work: &Work, step: &Step) {
        let mut line = ObjectWriter::new();
        line.raw("at", self.now().0.to_string().as_bytes()).text("event", step.name());
        let mut level = "info";
        match step {
            Step::CommitSent(attempt, times) => {
                level = "debug";
                line.raw("attempt", attempt.to_string().as_bytes());
                line.raw("times", times.to_string().as_bytes());
            }
            Step::Stale(keys) => {
                line.raw("keys", &list(keys.iter().map(|key| quoted(key))));
            }
            Step::LeaseGranted(key) | Step::LeaseHeld(key) | Step::LeaseLost(key) => {
                line.text("key", key);
            }
            Step::Waiting(until) => {
                line.raw("until", until.0.to_string().as_bytes());
            }
            Step::InDoubt => level = "warn",
        }
        if let Machine::Transaction(machine) = &*work.machine.borrow() {
            line.raw("transaction", &list(machine.keys().map(quoted)));
        }
        line.text("level", level);
        self.emit(&Topic::Till("log".into()), &parse(&line.finish()));
    }
}

fn is_typed(thrown: &JsValue) -> bool {
    let message = super::convert::text(thrown, "message").unwrap_or_default();
    super::convert::text(thrown, "code").is_some() && message.starts_with("restamp: ")
}

impl Work {
    async fn ask_page(&self, documents: Documents) -> Result<Reply, JsValue> {
        match self.page.promised() {
            None => self.page.reply(documents),
            Some(promise) => {
                let made = wasm_bindgen_futures::JsFuture::from(promise?).await?;
                self.page.made(&made)
            }
        }
    }
}
