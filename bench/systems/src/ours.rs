//! What Restamp does: its real state machines (`Transaction`, `sequence::Request`), in the same
//! network, against a server that keeps the promises of the reference backend's protocol.

use std::collections::{BTreeMap, BTreeSet};

use restamp::core::allocation::{self, Fields};
use restamp::core::amount::Decimal;
use restamp::core::call::{
    Answered, BatchCall, BatchOutcome, Call, CommitOutcome, FindOutcome, LeaseOutcome, LoadOutcome,
    NextOutcome, SaveOutcome,
};
use restamp::core::event::CallId;
use restamp::core::policy::TokenSupport;
use restamp::core::retry::Schedule;
use restamp::core::sequence::{self, Request};
use restamp::core::time::Millis;
use restamp::core::transaction::{Outcome, Strategy, Terms, Transaction};
use restamp::core::transfer::{Transfer, FIELD};
use restamp_contention::chance::Chance;
use restamp_contention::server::{LOAD_US, REFUSAL_US, SAVE_US};

use crate::figures::Figures;
use crate::line::Line;
use crate::originals::{Move, COUNT_US};
use crate::server::Server;
use crate::task::{take_numbers, Answer, Ended, Seen, Task, Wanted};

const START_MS: u64 = 1_780_000_000_000;
/// To grant a lease, or take it back: one row.
const LEASE_US: u64 = 2_000;
/// How often a request that stands in line looks by itself.
const LOOK_US: u64 = 250_000;
/// A till gives an answer up after this long: the 2 s of the drafts, and the 2 s for which a request
/// may stand in line.
const TIMEOUT_US: u64 = 4_000_000;

enum Arrival {
    Begin(usize),
    AtServer {
        task: usize,
        id: CallId,
        call: Call,
        back: u64,
    },
    /// A request that stands in line looks again, as the reference backend does.
    Look(u64),
    AtTill {
        task: usize,
        id: CallId,
        answered: Answered,
    },
    Wake(usize),
}

/// A request for leases that stands in line.
struct Place {
    number: u64,
    task: usize,
    id: CallId,
    call: Call,
    back: u64,
    /// For how long it may.
    until: u64,
}

struct World {
    chance: Chance,
    now: u64,
    server: Server,
    busy: BTreeMap<String, u64>,
    /// First come first.
    places: Vec<Place>,
    placed: u64,
    faults: bool,
    /// Which calls have been answered, where an answer may be lost.
    heard: BTreeSet<(usize, CallId)>,
    /// Who met a conflict.
    conflicted: BTreeSet<usize>,
    tasks: Vec<Option<Task>>,
    begun: Vec<u64>,
    first: BTreeMap<usize, Vec<(CallId, Call)>>,
    ended: Vec<Option<Ended>>,
    line: Line<Arrival>,
    figures: Figures,
}

fn terms(till: usize, strategy: Strategy) -> Terms {
    Terms {
        strategy,
        transactions: true,
        leases: true,
        batches: true,
        token: TokenSupport::Native,
        ..Terms::new(&format!("till-{till}"))
    }
}

impl World {
    fn new(seed: u64, faults: bool) -> World {
        World {
            chance: Chance::new(seed),
            now: 0,
            server: Server { tells: true, ..Server::default() },
            busy: BTreeMap::new(),
            places: Vec::new(),
            placed: 0,
            faults,
            heard: BTreeSet::new(),
            conflicted: BTreeSet::new(),
            tasks: Vec::new(),
            begun: Vec::new(),
            first: BTreeMap::new(),
            ended: Vec::new(),
            line: Line::default(),
            figures: Figures::default(),
        }
    }

    fn transact(
        &mut self,
        at: u64,
        keys: &[String],
        terms: Terms,
        plan: impl Fn(Seen<'_>) -> Answer + 'static,
    ) {
        let (bits, now) = (self.chance.many_bits(), Millis(ms(at)));
        let (transaction, effects) = Transaction::begin(keys, terms, now, bits);
        let mut task = Task::Transaction(Box::new(transaction), Box::new(plan));
        let mut wanted = Wanted::default();
        task.take(effects, now.0, bits, &mut wanted);
        self.add(at, task, wanted);
    }

    fn number(&mut self, sequence: &str) {
        let bits = self.chance.many_bits();
        let (request, effects) = Request::begin(sequence, 1, true, Schedule::INTERACTIVE, bits);
        let mut wanted = Wanted::default();
        take_numbers(effects, &mut wanted);
        self.add(0, Task::Numbers(Box::new(request)), wanted);
    }

    fn add(&mut self, at: u64, task: Task, wanted: Wanted) {
        let number = self.tasks.len();
        self.tasks.push(Some(task));
        self.begun.push(at);
        self.ended.push(wanted.ended);
        self.first.insert(number, wanted.calls);
        self.figures.asked += 1;
        self.line.at(at, Arrival::Begin(number));
    }

    fn run(&mut self) {
        while let Some((at, arrival)) = self.line.next() {
            self.now = at;
            self.server.now = ms(at);
            match arrival {
                Arrival::Begin(task) => {
                    let calls = self.first.remove(&task).unwrap_or_default();
                    self.send(task, calls);
                }
                Arrival::AtServer { task, id, call, back } => self.serve(task, id, call, back),
                Arrival::Look(place) => self.look(place),
                Arrival::AtTill { task, id, answered } => {
                    if self.faults && !self.heard.insert((task, id)) {
                        continue;
                    }
                    let met = |outcome: &CommitOutcome| {
                        matches!(
                            outcome,
                            CommitOutcome::Stale { .. } | CommitOutcome::Leased { .. }
                        )
                    };
                    let met = matches!(&answered, Answered::Commit(outcome) if met(outcome));
                    self.figures.conflicts += u64::from(met && self.conflicted.insert(task));
                    self.act(task, |task, now, bits| task.answered(id, answered, now, bits));
                }
                Arrival::Wake(task) => self.act(task, |task, now, bits| task.wake(now, bits)),
            }
        }
    }

    fn serve(&mut self, task: usize, id: CallId, call: Call, back: u64) {
        let answered = self.server.serve(&call);
        if let (Some(wait), true) = (wait(&call), is_held(&answered)) {
            self.placed += 1;
            let (number, until) = (self.placed, self.now + wait.0 * 1_000);
            self.places.push(Place { number, task, id, call, back, until });
            return self.line.at(self.now + LOOK_US.min(wait.0 * 1_000), Arrival::Look(number));
        }
        let is_free = gives_back(&call, &answered);
        self.answer(task, id, &call, back, answered);
        if is_free {
            self.wake_line();
        }
    }

    /// The server works, and the answer goes its way.
    fn answer(&mut self, task: usize, id: CallId, call: &Call, back: u64, answered: Answered) {
        let (keys, cost) = cost(call, &answered);
        let start =
            keys.iter().filter_map(|key| self.busy.get(key)).fold(self.now, |a, b| a.max(*b));
        for key in keys {
            self.busy.insert(key, start + cost);
        }
        if self.faults && self.chance.happens(10) {
            return;
        }
        self.line.at(start + cost + back, Arrival::AtTill { task, id, answered });
    }

    /// Something is free: who stands in line looks, first come first.
    fn wake_line(&mut self) {
        let numbers: Vec<u64> = self.places.iter().map(|place| place.number).collect();
        numbers.into_iter().for_each(|number| self.claim(number, false));
    }

    fn look(&mut self, number: u64) {
        self.claim(number, true);
        if self.places.iter().any(|place| place.number == number) {
            self.line.at(self.now + LOOK_US, Arrival::Look(number));
        }
    }

    /// It has its turn, or has waited for as long as it may, or waits on.
    fn claim(&mut self, number: u64, is_time: bool) {
        let Some(at) = self.places.iter().position(|place| place.number == number) else { return };
        let answered = self.server.serve(&self.places[at].call);
        let is_over = is_time && self.places[at].until <= self.now;
        if is_over || !is_held(&answered) {
            let Place { task, id, call, back, .. } = self.places.remove(at);
            self.answer(task, id, &call, back, answered);
        }
    }

    fn act(&mut self, number: usize, act: impl FnOnce(&mut Task, u64, u128) -> Wanted) {
        let bits = self.chance.many_bits();
        let Some(mut task) = self.tasks[number].take() else { return };
        let wanted = act(&mut task, ms(self.now), bits);
        self.tasks[number] = Some(task);
        if let Some(ended) = wanted.ended {
            self.ended[number] = Some(ended);
            let done = match &self.ended[number] {
                Some(Ended::Transaction(Outcome::Committed { .. } | Outcome::Refused(_)))
                | Some(Ended::Numbers(sequence::Outcome::Reserved(_))) => true,
                Some(Ended::Transaction(_) | Ended::Numbers(_) | Ended::Find(_)) | None => false,
            };
            if done {
                self.figures.succeeded += 1;
                self.figures.times_us.push(self.now - self.begun[number]);
            }
        }
        self.send(number, wanted.calls);
    }

    fn send(&mut self, task: usize, calls: Vec<(CallId, Call)>) {
        for (id, call) in calls {
            self.figures.requests += 1;
            let trip = self.chance.round_trip_us();
            let back = trip - trip / 2;
            if self.faults {
                let given_up = Arrival::AtTill { task, id, answered: unanswered(&call, false) };
                self.line.at(self.now + TIMEOUT_US, given_up);
                if self.chance.happens(10) {
                    continue;
                }
                if self.chance.happens(10) {
                    let answered = unanswered(&call, true);
                    self.line.at(self.now + trip, Arrival::AtTill { task, id, answered });
                    continue;
                }
            }
            self.line.at(self.now + trip / 2, Arrival::AtServer { task, id, call, back });
        }
        let next = self.tasks[task].as_ref().and_then(Task::next_wake);
        if let Some(at) = next {
            let at = (at.saturating_sub(START_MS) * 1_000).max(self.now);
            self.line.at(at, Arrival::Wake(task));
        }
    }

    fn committed(&self) -> impl Iterator<Item = usize> + '_ {
        let is_it = |ended: &Option<Ended>| {
            matches!(ended, Some(Ended::Transaction(Outcome::Committed { .. })))
        };
        self.ended.iter().enumerate().filter(move |(_, ended)| is_it(ended)).map(|(at, _)| at)
    }
}

/// Rounded up, or whoever is woken on time would find it a moment early.
fn ms(now: u64) -> u64 {
    START_MS + now.div_ceil(1_000)
}

/// For how long a request may stand in line.
fn wait(call: &Call) -> Option<Millis> {
    match call {
        Call::Lease(lease) => lease.wait,
        Call::Batch(BatchCall::Lease { wait, .. }) => *wait,
        Call::Batch(BatchCall::Load { .. } | BatchCall::Release(_))
        | Call::Load { .. }
        | Call::Find { .. }
        | Call::Create(_)
        | Call::Update(_)
        | Call::Commit(_)
        | Call::Release(_)
        | Call::Next(_)
        | Call::Apply(_) => None,
    }
}

fn is_held(answered: &Answered) -> bool {
    matches!(
        answered,
        Answered::Lease(LeaseOutcome::Held { .. })
            | Answered::Batch(BatchOutcome::Not(LeaseOutcome::Held { .. }))
    )
}

/// Whether leases end with it.
fn gives_back(call: &Call, answered: &Answered) -> bool {
    match call {
        Call::Release(_) | Call::Batch(BatchCall::Release(_)) => true,
        Call::Commit(commit) => {
            let stored = matches!(answered, Answered::Commit(CommitOutcome::Committed { .. }));
            stored && !commit.leases.is_empty()
        }
        Call::Batch(BatchCall::Load { .. } | BatchCall::Lease { .. })
        | Call::Lease(_)
        | Call::Load { .. }
        | Call::Find { .. }
        | Call::Create(_)
        | Call::Update(_)
        | Call::Next(_)
        | Call::Apply(_) => false,
    }
}

/// What a till makes of no answer, or of a 500 (`reached`).
fn unanswered(call: &Call, reached: bool) -> Answered {
    let load = LoadOutcome::Unavailable { retry_after: None, reached };
    match call {
        Call::Create(_) | Call::Update(_) => Answered::Save(SaveOutcome::InDoubt),
        Call::Load { .. } => Answered::Load(load),
        Call::Find { .. } => Answered::Find(FindOutcome::Load(load)),
        Call::Commit(_) => Answered::Commit(CommitOutcome::InDoubt),
        Call::Lease(_) => Answered::Lease(LeaseOutcome::Unavailable { retry_after: None, reached }),
        Call::Release(_) | Call::Batch(BatchCall::Release(_)) => Answered::Released,
        Call::Batch(_) => Answered::Batch(BatchOutcome::Not(LeaseOutcome::Unavailable {
            retry_after: None,
            reached,
        })),
        Call::Next(_) => Answered::Next(NextOutcome::InDoubt),
        Call::Apply(_) => panic!("no plan asks for a merge"),
    }
}

/// On which documents it works, and for how long.
fn cost(call: &Call, answered: &Answered) -> (Vec<String>, u64) {
    match call {
        Call::Load { key } => (vec![key.clone()], LOAD_US),
        Call::Commit(commit) => {
            let keys = commit.writes.iter().filter_map(|write| write.key()).map(str::to_owned);
            let is_stored = matches!(answered, Answered::Commit(CommitOutcome::Committed { .. }));
            (keys.collect(), if is_stored { SAVE_US } else { LOAD_US })
        }
        Call::Update(update) => (vec![update.key.clone()], SAVE_US),
        Call::Lease(lease) => {
            (vec![lease.key.clone()], if lease.with_document { LOAD_US } else { LEASE_US })
        }
        Call::Release(release) => (vec![release.key.clone()], LEASE_US),
        Call::Batch(BatchCall::Load { keys }) => (keys.clone(), LOAD_US),
        // Somebody else has them: they are not worked on.
        Call::Batch(BatchCall::Lease { .. }) if is_held(answered) => (Vec::new(), LEASE_US),
        Call::Batch(BatchCall::Lease { keys, .. }) => (keys.clone(), LOAD_US),
        Call::Batch(BatchCall::Release(leases)) => {
            (leases.iter().map(|lease| lease.key.clone()).collect(), LEASE_US)
        }
        Call::Next(next) => (vec![next.sequence.clone()], COUNT_US),
        Call::Create(_) | Call::Find { .. } | Call::Apply(_) => (Vec::new(), REFUSAL_US),
    }
}

/// System 3: sales that take from three layers, all at the same moment.
pub fn allocations(
    sales: usize,
    each: u64,
    stock: u64,
    strategy: Strategy,
    faults: bool,
    seed: u64,
) -> Figures {
    let mut world = World::new(seed, faults);
    let keys: Vec<String> = (1..=3).map(|layer| format!("L{layer}")).collect();
    for key in &keys {
        let held = stock / 3;
        world
            .server
            .put(key, &format!(r#"{{"created":"{key}","quantity":{held},"value":{held}}}"#));
    }
    let wanted = Decimal::from(each);
    for till in 0..sales {
        world.transact(0, &keys, terms(till, strategy), move |seen| {
            let planned = allocation::plan(wanted, &Fields::default(), seen);
            planned.map(|(documents, _)| documents).map_err(|refusal| refusal.code().to_owned())
        });
    }
    world.run();
    let taken = Decimal::from(stock) - world.server.sum("quantity");
    let sold = Decimal::from(each * world.committed().count() as u64);
    let mut figures = world.figures;
    figures.lost = u64::from(taken < sold);
    figures.doubled = u64::from(taken > sold);
    figures
}

/// System 4: customers that all want their number at the same moment.
pub fn numbers(customers: usize, faults: bool, seed: u64) -> Figures {
    let mut world = World::new(seed, faults);
    for _ in 0..customers {
        world.number("CUST");
    }
    world.run();
    let (mut seen, mut doubled) = (BTreeSet::new(), 0);
    for ended in world.ended.into_iter().flatten() {
        if let Ended::Numbers(sequence::Outcome::Reserved(mut block)) = ended {
            while let Some(number) = block.take() {
                doubled += u64::from(!seen.insert(number));
            }
        }
    }
    // Gapless: the last of so many numbers is their count.
    let last = seen.last().copied().unwrap_or_default();
    Figures { doubled, lost: last.saturating_sub(seen.len() as u64), ..world.figures }
}

/// System 5: one unit moves from wallet to wallet.
pub fn transfers(
    moves: &[Move],
    wallets: usize,
    strategy: Strategy,
    faults: bool,
    seed: u64,
) -> Figures {
    const BEGIN: i64 = 1_000_000;
    let mut world = World::new(seed, faults);
    let key = |wallet: usize| format!("W{wallet:03}");
    for wallet in 0..wallets {
        world.server.put(&key(wallet), &format!(r#"{{"balance":{BEGIN}}}"#));
    }
    world.server.conserved = Some(FIELD);
    for (till, one) in moves.iter().enumerate() {
        let Ok(transfer) = Transfer::new(&key(one.from), &key(one.to), "1", FIELD) else {
            continue;
        };
        let keys = transfer.keys();
        world.transact(one.at, &keys, terms(till, strategy), move |seen| {
            transfer.plan(seen).map_err(|refusal| refusal.code().to_owned())
        });
    }
    world.run();
    let mut expected = vec![BEGIN; wallets];
    for at in world.committed() {
        expected[moves[at].from] -= 1;
        expected[moves[at].to] += 1;
    }
    let (mut lost, mut doubled) = (0, 0);
    for (wallet, expected) in expected.into_iter().enumerate() {
        let held = world.server.held(&key(wallet), FIELD);
        lost += u64::from(held < Decimal::from(expected));
        doubled += u64::from(held > Decimal::from(expected));
    }
    Figures { lost, doubled, ..world.figures }
}
