//! A world: it runs with faults for a while, then without, and comes to rest. What happens in it
//! is held against the model all the time.

use std::collections::BTreeMap;
use std::rc::Rc;

use restamp::adapters::{Adapter, HttpRequest};
use restamp::core::call::Call;
use restamp::core::event::CallId;
use restamp::core::policy::{CompareAndSet, Policy};
use serde_json::{json, Value};

use crate::backend::{self, Backend};
use crate::chance::Chance;
use crate::disk::Disk;
use crate::limits::{Fault, Limits};
use crate::model::{Model, Truth};
use crate::network::{Fate, Network, Wrong};
use crate::page::Page;
use crate::server::{Answer, Dialect, Server, SAVE_TOKEN};
use crate::tabs::Word;
use crate::word::{Telling, Told};

/// When the world begins, ms since the Unix epoch.
pub const BEGIN_MS: u64 = 1_750_000_000_000;
/// Faults stop then, ms after the beginning.
pub const CALM_MS: u64 = 60_000;
/// Every world is at rest by then, ms after the beginning.
const REST_MS: u64 = CALM_MS + 7_200_000;
/// A page gives a request up after this long.
pub const TIMEOUT_MS: u64 = 1_500;

/// A device of one user: its disk, and the pages on it.
#[derive(Default)]
pub struct Device {
    pub name: String,
    pub disk: Disk,
    /// Whether its browser has Web Locks; the page that holds the one of this till, and those that
    /// stand in line for it.
    pub has_locks: bool,
    pub lock: Option<usize>,
    pub in_line: Vec<usize>,
    pub pages_left: u64,
    pub pages_opened: u64,
    /// Its clock against the true one, ms.
    pub offset: i64,
    pub is_signed_in: bool,
    /// Counts sessions.
    pub session: u64,
    /// Somebody is signing in again: once for all pages and drafts.
    pub is_renewing: bool,
}

/// A request on its way.
pub struct Mail {
    pub page: usize,
    pub cart: usize,
    pub id: CallId,
    pub call: Call,
    pub request: HttpRequest,
    /// The token of a save.
    pub token: Option<String>,
    pub session: u64,
}

/// Something that arrives somewhere.
pub enum Arrival {
    /// A request at the server; whether its answer reaches the page.
    AtServer(Rc<Mail>, bool),
    /// An answer that is not the server's own; whether the server gets the request.
    Instead(Rc<Mail>, Wrong, bool),
    AtPage(Rc<Mail>, Answer),
    /// A page gives up waiting for an answer.
    Timeout(Rc<Mail>),
    /// A cashier does something.
    Act(usize),
    /// The timer of a page, if it is still the newest.
    Timer(usize, u64),
    /// A batch of a page's entries was written, or refused.
    Written(usize),
    /// A page that is to lead has read the journal; in which of its terms.
    Loaded(usize, u32),
    /// A word of another page.
    Message(usize, usize, Box<Word>),
    /// A page looks whether the one that leads still does.
    Tick(usize),
    /// The lock is a page's; the disk has counted the term up, for which grant of it; the lock was
    /// taken away.
    Granted(usize),
    Fenced(usize, u32),
    LockLost(usize),
    /// The page that leads tells the others how its drafts stand.
    Tell(usize),
    /// A page is opened on a device.
    OpenPage(usize),
    SessionEnds(usize),
    SignedIn(usize),
    ClockJumps(usize),
    Freeze(usize),
    ClosePage(usize),
    DiskFills(usize),
    /// The server's word of a change, at a device.
    Heard(usize, Rc<Told>),
    /// Another client changes a document.
    Office,
    /// A document ends.
    Ending,
}

/// What came of a world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ran {
    /// Saves that the server stored.
    pub saves: u64,
    pub requests: u64,
    /// Documents, edits, and questions that were asked.
    pub edits: u64,
    pub asked: u64,
    pub crashes: u64,
    /// Most requests of one page.
    pub most_requests: u64,
}

/// See the module.
pub struct World {
    pub limits: Limits,
    pub tells: bool,
    pub now: u64,
    queue: BTreeMap<(u64, u64), Arrival>,
    put: u64,
    pub server: Server,
    pub adapter: Box<dyn Adapter>,
    pub policy: Policy,
    pub has_token_field: bool,
    pub network: Network,
    /// From when until when no request gets through, and what becomes of it.
    pub outage: (u64, u64, Fate),
    pub devices: Vec<Device>,
    pub pages: Vec<Page>,
    pub model: Model,
    /// The crashes that this world has, of a hundred events.
    pub crash_percent: u64,
    pub disk_ms: u64,
    /// Entries by which a journal grows before it is made short.
    pub grown_max: usize,
    /// How the server tells of changes.
    pub telling: Telling,
    /// When the last message from page to page arrives.
    pub said: BTreeMap<(usize, usize), u64>,
    pub serial: u64,
    pub ran: Ran,
    /// What cashiers do, what the network does, what else goes wrong.
    pub people: Chance,
    pub ways: Chance,
    pub luck: Chance,
    /// Rows put elsewhere and whole documents handed over, in the worlds that have them.
    pub places: Option<Chance>,
}

impl World {
    pub fn new(seed: u64, limits: Limits, tells: bool) -> World {
        let mut chance = Chance::new(seed, 0);
        let Backend { adapter, policy, dialect, has_token_field } = backend::draw(&mut chance);
        let is_racy = policy.compare_and_set == CompareAndSet::Racy;
        let faults = chance.below(45);
        let delay_ms = (1, 1 + chance.below(400));
        let crash_percent = if chance.percent(60) { 1 + chance.below(4) } else { 0 };
        let devices = (1 + chance.below(4)).min(limits.devices);
        let pages = if limits.has(Fault::Pages) { 2 + chance.below(3) } else { 1 };
        let mut world = World {
            limits,
            tells,
            now: BEGIN_MS,
            queue: BTreeMap::new(),
            put: 0,
            server: Server::new(dialect),
            adapter,
            policy,
            has_token_field,
            network: Network { faults, delay_ms },
            outage: (0, 0, Fate::Through),
            devices: Vec::new(),
            pages: Vec::new(),
            model: Model::of(is_racy),
            crash_percent: if limits.has(Fault::Crash) { crash_percent } else { 0 },
            disk_ms: chance.below(60),
            grown_max: [5_000, 40, 12][chance.below(3) as usize],
            telling: Telling::draw(&mut chance),
            said: BTreeMap::new(),
            serial: 0,
            ran: Ran::default(),
            people: Chance::new(seed, 1),
            ways: Chance::new(seed, 2),
            luck: Chance::new(seed, 3),
            places: Some(Chance::new(seed, 4)).filter(|places| places.clone().percent(40)),
        };
        world.tell(|| format!("{dialect:?} {limits}"));
        for number in 1..=(1 + chance.below(3)).min(limits.docs) {
            world.put_document(&format!("D{number}"));
        }
        for number in 0..devices {
            world.devices.push(Device {
                name: format!("till{number}"),
                has_locks: chance.percent(75),
                pages_left: pages.min(limits.pages),
                is_signed_in: true,
                session: 1,
                ..Device::default()
            });
            world.after(chance.below(500), Arrival::OpenPage(number as usize));
        }
        world.plan_faults(&mut chance);
        world
    }

    /// What happens to devices and documents at moments of its own.
    fn plan_faults(&mut self, chance: &mut Chance) {
        let devices = self.devices.len();
        let (fault, fate) = match chance.below(3) {
            0 => (Fault::Lost, Fate::RequestLost),
            1 => (Fault::Busy, Fate::Instead(Wrong::TooManyRequests, false)),
            _ => (Fault::Proxy, Fate::Instead(Wrong::Maintenance, false)),
        };
        let begin = BEGIN_MS + chance.below(40_000);
        if chance.percent(40) && self.limits.has(fault) {
            self.outage = (begin, begin + chance.below(20_000), fate);
        }
        let mut plan = |fault: Fault, most: u64, arrival: &dyn Fn(usize) -> Arrival| {
            for _ in 0..chance.below(most + 1) {
                let wait = 1_000 + chance.below(45_000);
                let device = chance.below(devices.max(1) as u64) as usize;
                if self.limits.has(fault) && devices > 0 {
                    self.after(wait, arrival(device));
                }
            }
        };
        plan(Fault::Pages, 3, &Arrival::OpenPage);
        plan(Fault::Session, 3, &Arrival::SessionEnds);
        plan(Fault::Clock, 3, &Arrival::ClockJumps);
        plan(Fault::Freeze, 2, &Arrival::Freeze);
        plan(Fault::Close, 2, &Arrival::ClosePage);
        plan(Fault::Full, 1, &Arrival::DiskFills);
        plan(Fault::Office, 8, &|_| Arrival::Office);
        plan(Fault::Ending, 1, &|_| Arrival::Ending);
    }

    pub fn put_document(&mut self, key: &str) {
        let mut document = sale();
        if self.has_token_field {
            // A document that no till has saved yet shows no token; then only the content tells a
            // lost save from another client's equal step, as where there is no token field.
            document[SAVE_TOKEN] = json!("none of a till");
        }
        self.server.put(key, document);
        let document = self.server.doc(key).expect("it was put there");
        self.model.by_key.insert(key.to_owned(), self.model.truths.len());
        self.model.truths.push(Truth::of(key, document));
    }

    pub fn tell(&self, story: impl FnOnce() -> String) {
        if self.tells {
            let story: String = story().chars().take(240).collect();
            println!("{:>9} {story}", self.now - BEGIN_MS);
        }
    }

    pub fn after(&mut self, wait: u64, arrival: Arrival) {
        self.put += 1;
        self.queue.insert((self.now + wait, self.put), arrival);
    }

    pub fn is_calm(&self) -> bool {
        self.now >= BEGIN_MS + CALM_MS
    }

    pub fn is_frappe(&self) -> bool {
        self.server.dialect == Dialect::Frappe
    }

    /// Runs to rest and checks.
    pub fn run(mut self) -> Ran {
        let mut steps = 0_u32;
        loop {
            steps += 1;
            assert!(steps < 300_000, "too many steps: it does not come to rest");
            assert!(self.now < BEGIN_MS + REST_MS, "not at rest in time");
            match self.queue.pop_first() {
                Some(((at, put), arrival)) => {
                    self.now = at;
                    self.arrive(put, arrival);
                }
                None if self.is_calm() => {
                    if !self.finish() {
                        break;
                    }
                }
                None => self.now = BEGIN_MS + CALM_MS,
            }
        }
        self.check_rest();
        self.ran.saves = self.server.saves;
        self.ran.edits = self.model.edits.len() as u64;
        self.ran
    }

    fn arrive(&mut self, put: u64, arrival: Arrival) {
        if let Some(page) = page_of(&arrival) {
            let until = self.pages[page].frozen_until;
            if until > self.now {
                // In the order in which it was sent.
                self.queue.insert((until, put), arrival);
                return;
            }
        }
        let page = page_of(&arrival);
        match arrival {
            Arrival::AtServer(mail, is_answered) => self.at_server(&mail, is_answered),
            Arrival::Instead(mail, wrong, applied) => self.instead(&mail, wrong, applied),
            Arrival::AtPage(mail, answer) => self.at_page(&mail, &answer),
            Arrival::Timeout(mail) => self.timeout(&mail),
            Arrival::Act(page) => self.act(page),
            Arrival::Timer(page, number) => self.timer(page, number),
            Arrival::Written(page) => self.written(page),
            Arrival::Loaded(page, term) => self.lead(page, term),
            Arrival::Message(from, page, word) => self.message(from, page, *word),
            Arrival::Tick(page) => self.tick(page),
            Arrival::Granted(page) => self.granted(page),
            Arrival::Fenced(page, grant) => self.fenced(page, grant),
            Arrival::LockLost(page) => self.lock_lost(page),
            Arrival::Tell(page) => self.go_on_telling(page),
            Arrival::OpenPage(device) => self.open_page(device),
            Arrival::SessionEnds(device) => {
                self.tell(|| format!("the session of till{device} ends"));
                self.devices[device].is_signed_in = false;
            }
            Arrival::SignedIn(device) => self.signed_in(device),
            Arrival::ClockJumps(device) => self.clock_jumps(device),
            Arrival::Freeze(device) => self.freeze(device),
            Arrival::ClosePage(device) => self.close_page(device),
            Arrival::DiskFills(device) => self.disk_fills(device),
            Arrival::Heard(device, told) => self.hear_word(device, &told),
            Arrival::Office => self.office(),
            Arrival::Ending => self.ending(),
        }
        if let Some(page) = page {
            self.look_at(page);
        }
    }
}

/// The page that must not be frozen for this.
fn page_of(arrival: &Arrival) -> Option<usize> {
    match arrival {
        Arrival::AtPage(mail, _) | Arrival::Timeout(mail) => Some(mail.page),
        Arrival::Act(page)
        | Arrival::Timer(page, _)
        | Arrival::Written(page)
        | Arrival::Loaded(page, _)
        | Arrival::Message(_, page, _)
        | Arrival::Tick(page)
        | Arrival::Granted(page)
        | Arrival::Fenced(page, _)
        | Arrival::LockLost(page)
        | Arrival::Tell(page) => Some(*page),
        _ => None,
    }
}

impl World {
    /// Whether another page will still hear of this edit, though the one that made it is gone.
    pub fn is_on_the_way(&self, of: usize, count: u32) -> bool {
        self.queue.values().any(|arrival| match arrival {
            Arrival::Message(from, _, word) if *from == of => match &**word {
                Word::Want(wanted, ..) => wanted.count == count,
                _ => false,
            },
            _ => false,
        })
    }

    /// Of what a page that dies has said last some may never arrive.
    pub fn lose_messages(&mut self, page: usize) {
        let last = self.now + self.luck.below(20);
        if self.luck.percent(50) {
            self.queue.retain(|(at, _), arrival| {
                !matches!(arrival, Arrival::Message(from, ..) if *from == page && *at > last)
            });
        }
    }
}

/// A sale as every one begins.
pub fn sale() -> Value {
    json!({"customer": "Walk-in", "posa_notes": "", "items": [
        {"posa_row_id": "s1", "item_code": "COLA", "qty": 1, "uom": "Nos", "rate": 1_000_000},
        {"posa_row_id": "s2", "item_code": "CAKE", "qty": 1, "uom": "Nos", "rate": 5.05}],
        "payments": [{"mode_of_payment": "Cash", "amount": 0}]})
}
