//! One till's piece of work: a state machine, and what the page would do for it.

use restamp::core::call::{Answered, Call};
use restamp::core::event::CallId;
use restamp::core::find_or_create::{self, FindOrCreate};
use restamp::core::sequence::{self, Request};
use restamp::core::time::Millis;
use restamp::core::transaction::{self, Step, Transaction};

/// Documents as a plan sees them, and as it answers them.
pub type Seen<'a> = &'a [(String, Option<Vec<u8>>)];
pub type Answer = Result<Vec<(String, Vec<u8>)>, String>;

pub enum Task {
    Transaction(Box<Transaction>, Box<dyn Fn(Seen<'_>) -> Answer>),
    Numbers(Box<Request>),
    Find(Box<FindOrCreate>, Vec<u8>),
}

#[derive(Debug, Clone)]
pub enum Ended {
    Transaction(transaction::Outcome),
    Numbers(sequence::Outcome),
    Find(find_or_create::Outcome),
}

/// What a task wants done.
#[derive(Default)]
pub struct Wanted {
    pub calls: Vec<(CallId, Call)>,
    pub steps: Vec<Step>,
    pub ended: Option<Ended>,
}

impl Task {
    pub fn answered(&mut self, call: CallId, answered: Answered, now: u64, bits: u128) -> Wanted {
        let mut wanted = Wanted::default();
        match self {
            Task::Transaction(..) => {
                let event = transaction::Event::Answered { call, answered };
                self.transact(event, now, bits, &mut wanted);
            }
            Task::Numbers(request) => {
                let event = sequence::Event::Answered { call, answered };
                take_numbers(request.handle(event, Millis(now), bits), &mut wanted);
            }
            Task::Find(..) => {
                let event = find_or_create::Event::Answered { call, answered };
                self.search(event, now, bits, &mut wanted);
            }
        }
        wanted
    }

    pub fn wake(&mut self, now: u64, bits: u128) -> Wanted {
        let mut wanted = Wanted::default();
        match self {
            Task::Transaction(..) => {
                self.transact(transaction::Event::Wake, now, bits, &mut wanted);
            }
            Task::Numbers(request) => {
                let effects = request.handle(sequence::Event::Wake, Millis(now), bits);
                take_numbers(effects, &mut wanted);
            }
            Task::Find(..) => self.search(find_or_create::Event::Wake, now, bits, &mut wanted),
        }
        wanted
    }

    pub fn next_wake(&self) -> Option<u64> {
        let next = match self {
            Task::Transaction(transaction, _) => transaction.next_wake(),
            Task::Numbers(request) => request.next_wake(),
            Task::Find(search, _) => search.next_wake(),
        };
        next.map(|at| at.0)
    }

    fn transact(&mut self, event: transaction::Event, now: u64, bits: u128, wanted: &mut Wanted) {
        let Task::Transaction(transaction, _) = self else { panic!("no transaction") };
        let effects = transaction.handle(event, Millis(now), bits);
        self.take(effects, now, bits, wanted);
    }

    /// Carries out what a transaction wants; the plan answers at once.
    pub fn take(
        &mut self,
        effects: Vec<transaction::Effect>,
        now: u64,
        bits: u128,
        wanted: &mut Wanted,
    ) {
        for effect in effects {
            match effect {
                transaction::Effect::Call { id, call } => wanted.calls.push((id, call)),
                transaction::Effect::Log(step) => wanted.steps.push(step),
                transaction::Effect::Settle(outcome) => {
                    assert!(wanted.ended.is_none(), "it ends once");
                    wanted.ended = Some(Ended::Transaction(outcome));
                }
                transaction::Effect::Plan(seen) => {
                    let Task::Transaction(_, plan) = self else { panic!("no transaction") };
                    let event = match plan(&seen) {
                        Ok(documents) => transaction::Event::Planned(documents),
                        Err(reason) => transaction::Event::PlanRefused(reason),
                    };
                    self.transact(event, now, bits.rotate_left(41), wanted);
                }
            }
        }
    }

    fn search(&mut self, event: find_or_create::Event, now: u64, bits: u128, wanted: &mut Wanted) {
        let Task::Find(search, _) = self else { panic!("no search") };
        let effects = search.handle(event, Millis(now), bits);
        self.take_search(effects, now, bits, wanted);
    }

    pub fn take_search(
        &mut self,
        effects: Vec<find_or_create::Effect>,
        now: u64,
        bits: u128,
        wanted: &mut Wanted,
    ) {
        let mut kept = false;
        for effect in effects {
            match effect {
                find_or_create::Effect::Call { id, call } => {
                    let first = matches!(call, Call::Create(_)) && matches!(id, CallId(2));
                    assert!(!first || kept, "the token is kept before it is used");
                    wanted.calls.push((id, call));
                }
                find_or_create::Effect::Keep(_) => kept = true,
                find_or_create::Effect::Settle(outcome) => {
                    wanted.ended = Some(Ended::Find(outcome));
                }
                find_or_create::Effect::Make => {
                    let Task::Find(_, document) = self else { panic!("no search") };
                    let event = find_or_create::Event::Made(document.clone());
                    self.search(event, now, bits.rotate_left(41), wanted);
                }
            }
        }
    }
}

pub fn take_numbers(effects: Vec<sequence::Effect>, wanted: &mut Wanted) {
    for effect in effects {
        match effect {
            sequence::Effect::Call { id, call } => wanted.calls.push((id, call)),
            sequence::Effect::Keep(_) => assert!(wanted.calls.is_empty(), "kept before it is sent"),
            sequence::Effect::Settle(outcome) => wanted.ended = Some(Ended::Numbers(outcome)),
        }
    }
}
