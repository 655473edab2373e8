//! Several documents, all or nothing: load them, ask for the plan, store what it answers only if
//! nothing has changed meanwhile, else begin again on fresh copies.
//!
//! Start reading at [`Transaction::begin`]. Like a till it has one way in, events, and one way
//! out, effects in order; the time and chance come along with the event. What is to be done next
//! is read off the state ([`Transaction::advance`]), so that no order of answers is special:
//!
//! | what is missing | what is done | where |
//! |---|---|---|
//! | leases, or they are half over (only with leases) | ask: for all at once where the backend has that, else one by one in the order of the keys | `batch.rs`, `lease.rs` |
//! | copies of documents | load: all at once, or several at a time | `batch.rs`, `load.rs` |
//! | a plan for these copies | [`Effect::Plan`]: the page's pure function | here |
//! | a definite answer to what was sent | send the same bytes with the same token again | `commit.rs` |
//!
//! Every exit gives the leases back (`finish.rs`). Nothing is stored unless the outcome is
//! [`Outcome::Committed`]; the one exception says so: [`GaveUp::in_doubt`].

use super::call::{Answered, Call, CommitOutcome, Grant, Loaded, Missing, Rejection};
use super::event::CallId;
use super::policy::{CompareAndSet, TokenSupport};
use super::random::Random;
use super::retry::{Retry, Schedule, Tries, Wait};
use super::stamp::Stamp;
use super::time::Millis;

mod batch;
mod commit;
mod finish;
mod lease;
mod load;
mod outcome;
mod terms;

pub use outcome::{Failure, GaveUp, Outcome, Why};
pub use terms::{Strategy, Terms, ATTEMPTS_MAX, KEYS_MAX};

/// Conflicts in a row after which an adaptive transaction takes leases.
const CONFLICTS_BEFORE_LEASES: u32 = 1;
/// The same for an optimistic one: before it gave up it would stand in line like the others.
const CONFLICTS_MAX: u32 = 3;

/// How long leases on all documents at once are asked for first.
const BATCH_LEASE_MS: u64 = 1_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call was answered.
    Answered {
        /// Which.
        call: CallId,
        /// What the answer means.
        answered: Answered,
    },
    /// The plan answered documents to store. One that it does not name is neither stored nor
    /// compared: to have a document compared that does not change, it answers it as it was.
    Planned(Vec<(String, Vec<u8>)>),
    /// The plan refused.
    PlanRefused(String),
    /// The plan threw.
    PlanFailed(String),
    /// The moment that [`Transaction::next_wake`] named has come.
    Wake,
    /// The till closes: nobody waits for the outcome any more.
    Abort,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make this call and report the answer.
    Call {
        /// Its number, of this transaction only.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// Ask the plan, and report what it answers. `None` where there is no such document: what
    /// the plan answers for it is a new one.
    Plan(Vec<(String, Option<Vec<u8>>)>),
    /// A step on the way, for metrics and the log.
    Log(Step),
    /// It is over.
    Settle(Outcome),
}

/// A step on the way of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A commit goes out: attempt number, and the how manieth time these bytes do.
    CommitSent(u32, u32),
    /// The commit was stale because of these documents; those who are all `fresh` were just
    /// loaded.
    Stale(Vec<String>),
    /// A lease was granted.
    LeaseGranted(String),
    /// Somebody else holds the lease.
    LeaseHeld(String),
    /// A lease of ours is over before we gave it back.
    LeaseLost(String),
    /// It goes on at this moment.
    Waiting(Millis),
    /// No proof whether it was stored.
    InDoubt,
}

impl Step {
    /// The stable name in the `log` event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Step::CommitSent(..) => "commit-sent",
            Step::Stale(_) => "stale",
            Step::LeaseGranted(_) => "lease-granted",
            Step::LeaseHeld(_) => "lease-held",
            Step::LeaseLost(_) => "lease-lost",
            Step::Waiting(_) => "waiting",
            Step::InDoubt => "in-doubt",
        }
    }
}

/// What is known of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Copy {
    /// It must be loaded.
    Unknown,
    /// There is none.
    Missing,
    /// The server's copy.
    Loaded { stamp: Stamp, document: Vec<u8> },
}

/// A lease of ours.
#[derive(Debug, Clone)]
struct Lease {
    grant: Grant,
    /// When it is to be renewed: at half time, counted from when it was asked for, so that there
    /// is time for a lost answer.
    due: Millis,
    /// Until then it lives for sure.
    ends: Millis,
}

#[derive(Debug, Clone)]
struct Member {
    key: String,
    copy: Copy,
    lease: Option<Lease>,
}

/// What a call in flight is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Load(usize),
    /// Asked at this moment.
    Lease(usize, Millis),
    /// All copies, or all leases.
    Batch {
        leases: bool,
        asked: Millis,
    },
    Commit,
    /// After a single save without an answer: is it there?
    Look,
}

impl Purpose {
    fn is_for_leases(self) -> bool {
        matches!(self, Purpose::Lease(..) | Purpose::Batch { leases: true, .. })
    }
}

/// What was sent to be stored, byte for byte.
#[derive(Debug, Clone)]
struct Sent {
    call: Call,
    token: String,
    /// How often it went out.
    times: u32,
    /// An earlier try may have been stored, or may be on its way still.
    doubted: bool,
    /// Ask what is there before it is sent again.
    look: bool,
}

/// One transaction.
#[derive(Debug, Clone)]
pub struct Transaction {
    terms: Terms,
    holder: String,
    /// Sorted by key: everybody asks for leases in this order, so nobody waits in a circle.
    members: Vec<Member>,
    leasing: bool,
    /// How long leases on all at once are asked for.
    ttl: Millis,
    attempts: u32,
    /// Conflicts in a row, and when the first of them was sent.
    conflicts: u32,
    contended_since: Millis,
    plan_asked: bool,
    planned: Option<Vec<(usize, Vec<u8>)>>,
    /// Why the plan refused, and the stamps of the copies that it saw.
    refused: Option<(String, Vec<Option<Stamp>>)>,
    /// The stamps of copies that were there together, for they came with leases on all.
    together: Option<Vec<Option<Stamp>>>,
    sent: Option<Sent>,
    in_flight: Vec<(CallId, Purpose)>,
    next_call: u32,
    wait: Option<Wait>,
    busy: Tries,
    queued: Tries,
    doubt: Tries,
    over: bool,
}

/// What one event brings along, and the effects that it leads to.
struct Turn {
    now: Millis,
    random: Random,
    out: Vec<Effect>,
}

impl Transaction {
    /// Begins a transaction over the documents with these keys, in any order. `random` is 128
    /// fresh random bits: the holder's name, tokens and waits are made of such.
    #[must_use]
    pub fn begin(
        keys: &[String],
        terms: Terms,
        now: Millis,
        random: u128,
    ) -> (Transaction, Vec<Effect>) {
        let mut turn = Turn { now, random: Random::new(random), out: Vec::new() };
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let holder = [terms.till.as_str(), "/", &turn.random.name()].concat();
        let leasing = match terms.strategy {
            Strategy::Optimistic => false,
            Strategy::Pessimistic => true,
            Strategy::Adaptive { contended } => contended && terms.leases,
        };
        let ttl = terms.lease_ttl.min(Millis(BATCH_LEASE_MS));
        let failure = possible(&keys, &terms).err();
        let members =
            keys.into_iter().map(|key| Member { key, copy: Copy::Unknown, lease: None }).collect();
        let mut transaction = Transaction {
            terms,
            holder,
            members,
            leasing,
            ttl,
            attempts: 0,
            conflicts: 0,
            contended_since: now,
            plan_asked: false,
            planned: None,
            refused: None,
            together: None,
            sent: None,
            in_flight: Vec::new(),
            next_call: 0,
            wait: None,
            busy: Tries::default(),
            queued: Tries::default(),
            doubt: Tries::default(),
            over: false,
        };
        match failure {
            Some(failure) => transaction.finish(Outcome::Failed(failure), &mut turn),
            None => transaction.advance(&mut turn),
        }
        (transaction, turn.out)
    }

    /// Takes an event and returns what is to be done, in order. Late answers change nothing, but
    /// for a lease that is granted after the end: it is given back.
    pub fn handle(&mut self, event: Event, now: Millis, random: u128) -> Vec<Effect> {
        let mut turn = Turn { now, random: Random::new(random), out: Vec::new() };
        self.follow_clock(now);
        match event {
            Event::Answered { call, answered } => {
                if let Some(at) = self.in_flight.iter().position(|(known, _)| *known == call) {
                    let (_, purpose) = self.in_flight.remove(at);
                    self.on_answer(purpose, answered, &mut turn);
                }
            }
            Event::Planned(documents) if self.plan_asked => {
                self.plan_asked = false;
                self.on_plan(documents, &mut turn);
            }
            Event::PlanRefused(reason) if self.plan_asked => {
                self.plan_asked = false;
                self.on_refused(reason, &mut turn);
            }
            Event::PlanFailed(words) if self.plan_asked => {
                self.finish(Outcome::Failed(Failure::Plan(words)), &mut turn);
            }
            Event::Planned(_) | Event::PlanRefused(_) | Event::PlanFailed(_) => {}
            Event::Wake => {
                if self.wait.is_some_and(|wait| wait.until <= now) {
                    self.wait = None;
                }
            }
            Event::Abort => self.give_up(Why::Closed, &mut turn),
        }
        self.advance(&mut turn);
        turn.out
    }

    /// When [`Event::Wake`] is due next, if anything waits for time to pass.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        if self.over {
            return None;
        }
        let wait = self.wait.map(|wait| wait.until);
        wait.into_iter().chain(self.wait.and_then(|_| self.renewal_due())).min()
    }

    /// Whether nothing more can come of it; until then answers are to be reported.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over && !self.in_flight.iter().any(|(_, purpose)| purpose.is_for_leases())
    }

    /// The keys in the order in which leases are asked for.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.key.as_str())
    }

    /// Does what is missing next; see the table above.
    fn advance(&mut self, turn: &mut Turn) {
        if self.over {
            return;
        }
        if self.wait.is_some() {
            return self.keep_leases(turn);
        }
        if self.is_calling() || self.plan_asked {
            return self.load_more(turn);
        }
        if self.sent.is_some() {
            return self.send(turn);
        }
        if self.leasing && self.ask_for_lease(turn) {
            return;
        }
        if self.load_missing(turn) {
            return;
        }
        if let Some((reason, stamps)) = self.refused.take() {
            if stamps == self.stamps() {
                return self.finish(Outcome::Refused(reason), turn);
            }
        }
        match self.planned.take() {
            Some(documents) => self.commit(documents, turn),
            None if self.attempts >= self.terms.attempts_max.max(1) => {
                self.give_up(Why::Contended, turn);
            }
            None => {
                self.plan_asked = true;
                self.attempts += 1;
                let seen = |member: &Member| match &member.copy {
                    Copy::Loaded { document, .. } => (member.key.clone(), Some(document.clone())),
                    Copy::Unknown | Copy::Missing => (member.key.clone(), None),
                };
                turn.out.push(Effect::Plan(self.members.iter().map(seen).collect()));
            }
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let stamp = |member: &Member| match &member.copy {
            Copy::Loaded { stamp, .. } => Some(stamp.clone()),
            Copy::Unknown | Copy::Missing => None,
        };
        self.members.iter().map(stamp).collect()
    }

    /// A refusal stores nothing, so no commit compares what it was made on: copies that were
    /// loaded one by one may never have been there together. Loaded once more with the same
    /// stamps, they have. Under leases that live nobody changes them.
    fn on_refused(&mut self, reason: String, turn: &mut Turn) {
        let lives = |member: &Member| match &member.lease {
            Some(lease) => lease.ends > turn.now,
            None => member.copy == Copy::Missing,
        };
        let leased = self.leasing && self.members.iter().all(lives);
        let together = self.together.as_ref().is_some_and(|seen| *seen == self.stamps());
        if self.members.len() == 1 || leased || together {
            return self.finish(Outcome::Refused(reason), turn);
        }
        self.refused = Some((reason, self.stamps()));
        for member in &mut self.members {
            member.copy = Copy::Unknown;
        }
    }

    fn on_plan(&mut self, documents: Vec<(String, Vec<u8>)>, turn: &mut Turn) {
        let mut planned: Vec<(usize, Vec<u8>)> = Vec::with_capacity(documents.len());
        for (key, document) in documents {
            let Ok(at) = self.members.binary_search_by(|member| member.key.cmp(&key)) else {
                return self.finish(Outcome::Failed(Failure::UnknownKey(key)), turn);
            };
            if !commit::is_document(&document) {
                return self.finish(Outcome::Failed(Failure::NotADocument(key)), turn);
            }
            planned.push((at, document));
        }
        planned.sort_by_key(|(at, _)| *at);
        // Of two documents for one key the later counts.
        planned.reverse();
        planned.dedup_by_key(|(at, _)| *at);
        planned.reverse();
        self.planned = Some(planned);
    }

    fn on_answer(&mut self, purpose: Purpose, answered: Answered, turn: &mut Turn) {
        match (purpose, answered) {
            (Purpose::Lease(at, asked), Answered::Lease(outcome)) => {
                self.on_lease(at, asked, outcome, turn);
            }
            (Purpose::Batch { leases, asked }, Answered::Batch(outcome)) => {
                self.on_batch(leases, asked, outcome, turn);
            }
            (_, _) if self.over => {}
            (Purpose::Load(at), Answered::Load(outcome)) => self.on_load(at, outcome, turn),
            (Purpose::Commit, Answered::Commit(outcome)) => self.on_commit(outcome, turn),
            (Purpose::Commit, Answered::Save(outcome)) => self.on_save(outcome, turn),
            (Purpose::Look, Answered::Load(outcome)) => self.on_look(outcome, turn),
            // An answer of another kind than the call's proves nothing.
            (Purpose::Commit, _) => self.on_commit(CommitOutcome::InDoubt, turn),
            (Purpose::Load(_) | Purpose::Look | Purpose::Lease(..) | Purpose::Batch { .. }, _) => {
                self.busy_wait(None, Why::Offline, turn);
            }
        }
    }

    fn call(&mut self, purpose: Purpose, call: Call, turn: &mut Turn) {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.in_flight.push((id, purpose));
        turn.out.push(Effect::Call { id, call });
    }

    fn is_calling(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Waits for the backend, or gives up; certainly nothing was stored unless something sent is
    /// in doubt.
    fn busy_wait(&mut self, retry_after: Option<Millis>, why: Why, turn: &mut Turn) {
        let doubted = self.sent.as_ref().is_some_and(|sent| sent.doubted);
        let (schedule, mut tries) = match doubted {
            true => (self.terms.doubt, self.doubt),
            false => (self.terms.schedule, self.busy),
        };
        let goes_on = self.wait_by(&schedule, &mut tries, retry_after, turn);
        match doubted {
            true => self.doubt = tries,
            false => self.busy = tries,
        }
        if !goes_on {
            self.give_up(why, turn);
        }
    }

    /// Waits as the schedule says; `false` if it is used up.
    fn wait_by(
        &mut self,
        schedule: &Schedule,
        tries: &mut Tries,
        retry_after: Option<Millis>,
        turn: &mut Turn,
    ) -> bool {
        let random = turn.random.bits();
        match tries.another(schedule, turn.now, random, retry_after) {
            Retry::At(until) => {
                self.wait_until(until, turn);
                true
            }
            Retry::GiveUp => false,
        }
    }

    fn wait_until(&mut self, until: Millis, turn: &mut Turn) {
        // Loads are made several at a time: the longest wait that one of them asks for counts.
        let until = self.wait.map_or(until, |wait| wait.until.max(until));
        self.wait = Some(Wait::new(turn.now, until));
        turn.out.push(Effect::Log(Step::Waiting(until)));
    }

    /// A wall clock that jumps back must not make a wait longer.
    fn follow_clock(&mut self, now: Millis) {
        if let Some(wait) = &mut self.wait {
            wait.follow_clock(now);
        }
        self.contended_since = self.contended_since.min(now);
        for lease in self.members.iter_mut().filter_map(|member| member.lease.as_mut()) {
            let latest = now.plus(lease.grant.ttl);
            (lease.due, lease.ends) = (lease.due.min(latest), lease.ends.min(latest));
        }
    }
}

/// Whether it can be done with this backend: found out before anything is sent.
fn possible(keys: &[String], terms: &Terms) -> Result<(), Failure> {
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(Failure::Keys(keys.len()));
    }
    if !terms.transactions && keys.len() > 1 {
        return Err(Failure::NotSupported(Missing::Transactions));
    }
    if !terms.transactions && terms.compare_and_set != CompareAndSet::Atomic {
        return Err(Failure::NotSupported(Missing::CompareAndSet));
    }
    if terms.strategy == Strategy::Pessimistic && !terms.leases {
        return Err(Failure::NotSupported(Missing::Leases));
    }
    Ok(())
}
