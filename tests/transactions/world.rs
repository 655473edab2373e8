//! Tills, a network that loses and delays, a server: what happens when, out of one seed.

use std::collections::BTreeMap;

use restamp::core::call::{
    Answered, BatchCall, BatchOutcome, Call, CommitOutcome, FindOutcome, LeaseOutcome, LoadOutcome,
    NextOutcome, SaveOutcome,
};
use restamp::core::event::CallId;
use restamp::core::find_or_create::{self, FindOrCreate};
use restamp::core::retry::Schedule;
use restamp::core::sequence::Request;
use restamp::core::time::Millis;
use restamp::core::transaction::{Step, Terms, Transaction};

use crate::chance::Chance;
use crate::server::Server;
use crate::task::{take_numbers, Answer, Ended, Seen, Task, Wanted};

pub const START: u64 = 1_700_000_000_000;

/// Shares in percent of what goes wrong, over all requests.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    pub request_lost: u64,
    pub answer_lost: u64,
    pub busy: u64,
    /// Arrives after everybody has given the answer up.
    pub late: u64,
    pub doubled: u64,
    /// Longest way, ms.
    pub way: u64,
}

pub const NONE: Faults =
    Faults { request_lost: 0, answer_lost: 0, busy: 0, late: 0, doubled: 0, way: 40 };
pub const ROUGH: Faults =
    Faults { request_lost: 5, answer_lost: 5, busy: 5, late: 3, doubled: 4, way: 200 };

const TIMEOUT: u64 = 3_000;

enum Arrival {
    AtServer { task: usize, id: CallId, call: Call, is_answered: bool },
    AtTill { task: usize, id: CallId, answered: Answered },
    Wake { task: usize },
    Begin { task: usize },
}

pub struct World {
    pub chance: Chance,
    pub now: u64,
    pub server: Server,
    pub faults: Faults,
    pub tasks: Vec<Option<Task>>,
    pub ended: Vec<Option<Ended>>,
    pub steps: Vec<Vec<Step>>,
    /// Whose till was switched off: nothing of it is heard again, but for what is on its way.
    pub dead: Vec<bool>,
    first: BTreeMap<usize, Vec<(CallId, Call)>>,
    queue: BTreeMap<(u64, u64), Arrival>,
    order: u64,
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> World {
        World {
            chance: Chance(seed),
            now: START,
            server: Server { tells: seed % 2 == 0, ..Server::default() },
            faults,
            tasks: Vec::new(),
            ended: Vec::new(),
            steps: Vec::new(),
            dead: Vec::new(),
            first: BTreeMap::new(),
            queue: BTreeMap::new(),
            order: 0,
        }
    }

    pub fn transact(
        &mut self,
        at: u64,
        keys: &[String],
        terms: Terms,
        plan: impl Fn(Seen<'_>) -> Answer + 'static,
    ) -> usize {
        let bits = self.chance.bits();
        let (transaction, effects) = Transaction::begin(keys, terms, Millis(START + at), bits);
        let mut task = Task::Transaction(Box::new(transaction), Box::new(plan));
        let mut wanted = Wanted::default();
        task.take(effects, START + at, bits, &mut wanted);
        self.add(at, task, wanted)
    }

    pub fn number(&mut self, at: u64, sequence: &str, count: u32) -> usize {
        let bits = self.chance.bits();
        let (request, effects) = Request::begin(sequence, count, true, Schedule::BACKGROUND, bits);
        let mut wanted = Wanted::default();
        take_numbers(effects, &mut wanted);
        self.add(at, Task::Numbers(Box::new(request)), wanted)
    }

    pub fn search(
        &mut self,
        at: u64,
        field: &str,
        value: &str,
        terms: find_or_create::Terms,
        made: &str,
    ) -> usize {
        let bits = self.chance.bits();
        let now = Millis(START + at);
        let (search, effects) = FindOrCreate::begin(field, value, terms, now, bits);
        let mut task = Task::Find(Box::new(search), made.as_bytes().to_vec());
        let mut wanted = Wanted::default();
        task.take_search(effects, START + at, bits, &mut wanted);
        self.add(at, task, wanted)
    }

    fn add(&mut self, at: u64, task: Task, wanted: Wanted) -> usize {
        let number = self.tasks.len();
        self.tasks.push(Some(task));
        self.ended.push(wanted.ended);
        self.steps.push(wanted.steps);
        self.dead.push(false);
        self.first.insert(number, wanted.calls);
        self.put(START + at, Arrival::Begin { task: number });
        number
    }

    fn put(&mut self, at: u64, arrival: Arrival) {
        self.order += 1;
        self.queue.insert((at, self.order), arrival);
    }

    /// Runs until nothing happens any more.
    pub fn run(&mut self) {
        let mut happened = 0;
        while self.step() {
            happened += 1;
            assert!(happened < 5_000_000, "it never ends");
        }
    }

    pub fn step(&mut self) -> bool {
        let Some(((at, _), arrival)) = self.queue.pop_first() else { return false };
        self.now = self.now.max(at);
        self.server.now = self.now;
        match arrival {
            Arrival::Begin { task } => {
                let calls = self.first.remove(&task).unwrap_or_default();
                self.send_all(task, calls);
                self.arm(task);
            }
            Arrival::AtServer { task, id, call, is_answered } => {
                let answered = self.server.serve(&call);
                if is_answered {
                    let way = self.way();
                    self.put(self.now + way, Arrival::AtTill { task, id, answered });
                }
            }
            Arrival::AtTill { task, id, answered } => {
                self.act(task, |task, now, bits| task.answered(id, answered, now, bits));
            }
            Arrival::Wake { task } => self.act(task, |task, now, bits| task.wake(now, bits)),
        }
        true
    }

    fn act(&mut self, number: usize, act: impl FnOnce(&mut Task, u64, u128) -> Wanted) {
        if self.dead[number] {
            return;
        }
        let bits = self.chance.bits();
        let mut task = self.tasks[number].take().expect("a task");
        let wanted = act(&mut task, self.now, bits);
        self.tasks[number] = Some(task);
        self.steps[number].extend(wanted.steps);
        if let Some(ended) = wanted.ended {
            assert!(self.ended[number].is_none(), "it ends once");
            self.ended[number] = Some(ended);
        }
        self.send_all(number, wanted.calls);
        self.arm(number);
    }

    fn arm(&mut self, task: usize) {
        let next = self.tasks[task].as_ref().and_then(Task::next_wake);
        if let Some(at) = next {
            self.put(at.max(self.now), Arrival::Wake { task });
        }
    }

    fn way(&mut self) -> u64 {
        1 + self.chance.below(self.faults.way)
    }

    fn send_all(&mut self, task: usize, calls: Vec<(CallId, Call)>) {
        for (id, call) in calls {
            self.send(task, id, call);
        }
    }

    fn send(&mut self, task: usize, id: CallId, call: Call) {
        let faults = self.faults;
        let drawn = self.chance.below(100);
        let shares = [faults.request_lost, faults.answer_lost, faults.busy, faults.late];
        let mut sum = 0;
        let fault = shares.iter().position(|share| {
            sum += share;
            drawn < sum
        });
        let way = self.way();
        let travel = |at: u64, is_answered: bool| {
            (at, Arrival::AtServer { task, id, call: call.clone(), is_answered })
        };
        let nothing = (self.now + TIMEOUT, Arrival::AtTill { task, id, answered: lost(&call) });
        let mut arrivals = match fault {
            Some(0) => vec![nothing],
            Some(1) => vec![travel(self.now + way, false), nothing],
            Some(2) => {
                let busy = Arrival::AtTill { task, id, answered: busy(&call) };
                vec![(self.now + way, busy)]
            }
            Some(_) => {
                let late = self.now + TIMEOUT + self.chance.below(10_000);
                vec![nothing, travel(late, false)]
            }
            None => vec![travel(self.now + way, true)],
        };
        if self.chance.percent(faults.doubled) {
            let again = self.now + way + self.chance.below(6_000);
            arrivals.push(travel(again, false));
        }
        for (at, arrival) in arrivals {
            self.put(at, arrival);
        }
    }
}

/// Nobody answered.
fn lost(call: &Call) -> Answered {
    let load = LoadOutcome::Unavailable { retry_after: None, reached: false };
    match call {
        Call::Create(_) | Call::Update(_) => Answered::Save(SaveOutcome::InDoubt),
        Call::Load { .. } => Answered::Load(load),
        Call::Find { .. } => Answered::Find(FindOutcome::Load(load)),
        Call::Commit(_) => Answered::Commit(CommitOutcome::InDoubt),
        Call::Lease(_) => {
            Answered::Lease(LeaseOutcome::Unavailable { retry_after: None, reached: false })
        }
        Call::Release(_) | Call::Batch(BatchCall::Release(_)) => Answered::Released,
        Call::Batch(_) => Answered::Batch(BatchOutcome::Not(LeaseOutcome::Unavailable {
            retry_after: None,
            reached: false,
        })),
        Call::Next(_) => Answered::Next(NextOutcome::InDoubt),
        Call::Apply(_) => panic!("nobody asks for a merge here"),
    }
}

/// The server had no time; it did nothing.
fn busy(call: &Call) -> Answered {
    let retry_after = Some(Millis(20));
    match call {
        Call::Create(_) | Call::Update(_) => {
            Answered::Save(SaveOutcome::Unavailable { retry_after })
        }
        Call::Commit(_) => Answered::Commit(CommitOutcome::Unavailable { retry_after }),
        Call::Next(_) => Answered::Next(NextOutcome::Unavailable { retry_after }),
        Call::Load { .. }
        | Call::Find { .. }
        | Call::Lease(_)
        | Call::Release(_)
        | Call::Batch(_)
        | Call::Apply(_) => lost(call),
    }
}

/// Terms of a backend that has everything, with patience for whatever the network does.
pub fn patient(till: usize) -> Terms {
    Terms {
        attempts_max: 1_000,
        schedule: Schedule::BACKGROUND,
        doubt: Schedule::BACKGROUND,
        queue: Schedule { deadline_ms: None, ..Terms::QUEUE },
        transactions: true,
        leases: true,
        batches: till % 2 == 0,
        token: restamp::core::policy::TokenSupport::Native,
        ..Terms::new(&format!("till-{till}"))
    }
}
