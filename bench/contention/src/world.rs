//! One seed, one world: tills, a server, a network, and a clock that jumps to whatever is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use restamp::adapters::HttpRequest;
use restamp::core::event::CallId;
use restamp::core::op::Op;
use restamp::core::policy::{CompareAndSet, Policy, Sharing, TokenSupport};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;

use crate::chance::Chance;
use crate::server::{Change, Response, Server};
use crate::station::{Sent, Station};

/// What tills do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Every till makes one edit at the same moment.
    OneMoment,
    /// Every till edits and saves, thinks (exponential, this mean), edits and saves, for so long.
    Usual {
        /// Mean pause between a save that is stored and the next edit, microseconds.
        think_us: u64,
        /// When the last edits are made.
        until_us: u64,
    },
}

/// What an edit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// A row of its own.
    Row,
    /// One more on a row that all share.
    Counter,
}

/// What a backend offers beside compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// A stale save is answered with the newest document.
    pub newest: bool,
    /// What everybody who has a document open is told when it changes.
    pub pushed: Push,
}

/// What the server tells of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// Nothing.
    Nothing,
    /// The new stamp, the one that it replaced, and the token of the save.
    Stamps,
    /// The same and the new document.
    Documents,
}

/// A world before it begins.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// How many tills.
    pub tills: usize,
    /// How many of them at each document.
    pub at_one_document: usize,
    /// What they do.
    pub load: Load,
    /// What an edit is.
    pub edit: Edit,
    /// What the backend offers.
    pub offer: Offer,
    /// How tills wait between conflicts.
    pub schedule: Schedule,
    /// Whether 1 % of requests and 1 % of answers are lost and 1 % answered with a 5xx.
    pub faults: bool,
    /// After how long a till gives an answer up, microseconds.
    pub timeout_us: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Edits made.
    pub edits: u64,
    /// Edits that were stored, without an error or a question shown.
    pub succeeded: u64,
    /// Edits that a till holds for stored and that are not there.
    pub lost: u64,
    /// Edits that are there more than once.
    pub doubled: u64,
    /// Requests that a save waited for.
    pub requests: u64,
    /// Requests that nobody waited for.
    pub background: u64,
    /// Saves whose promise was answered "queued" before they were stored.
    pub queued: u64,
    /// From asking for a save until the till knew that it is stored, microseconds.
    pub times_us: Vec<u64>,
}

#[derive(Debug)]
enum Arrival {
    AtServer { till: usize, id: CallId, request: Box<HttpRequest>, back_us: u64, is_heard: bool },
    AtTill { till: usize, id: CallId, response: Response },
    Told { till: usize, change: Change },
    Wake { till: usize },
    Act { till: usize },
}

/// A world under way.
struct World {
    setup: Setup,
    chance: Chance,
    server: Server,
    stations: Vec<Station>,
    now: u64,
    line: BinaryHeap<Reverse<(u64, u64)>>,
    arrivals: Vec<Option<Arrival>>,
    tally: Tally,
}

/// No world lasts longer, microseconds: what is not stored by then has failed.
const END_US: u64 = 2 * 3_600 * 1_000_000;
/// No world has more arrivals.
const ARRIVALS_MAX: usize = 2_000_000;

fn policy(schedule: Schedule) -> Policy {
    let profile = include_bytes!("../../../tests/data/sales-invoice.json");
    Policy {
        profile: Profile::parse(profile).expect("the package's profile"),
        schedule: Schedule::INTERACTIVE,
        contention: schedule,
        background: Schedule::BACKGROUND,
        compare_and_set: CompareAndSet::Atomic,
        token: TokenSupport::None,
        can_find: false,
        sharing: Sharing::default(),
    }
}

fn bill(number: usize) -> Vec<u8> {
    format!(
        r#"{{"id":"{number}","creation":"c{number}","customer":"Walk-in Customer","custom_mutation_id":"","items":[{{"posa_row_id":"shared","item_code":"COFFEE","qty":1,"rate":2.5}}],"payments":[]}}"#
    )
    .into_bytes()
}

/// Runs one world to its end.
pub fn run(setup: &Setup, seed: u64) -> Tally {
    let mut chance = Chance::new(seed);
    let documents = setup.tills.div_ceil(setup.at_one_document);
    let server = Server::new((0..documents).map(bill).collect(), setup.offer.newest);
    let stations = (0..setup.tills)
        .map(|till| {
            let document = till / setup.at_one_document;
            Station::open(policy(setup.schedule), document, &server.peek(document), &mut chance)
        })
        .collect();
    let mut world = World {
        setup: *setup,
        chance,
        server,
        stations,
        now: 0,
        line: BinaryHeap::new(),
        arrivals: Vec::new(),
        tally: Tally::default(),
    };
    for till in 0..setup.tills {
        let begins = match setup.load {
            Load::OneMoment => 0,
            Load::Usual { think_us, .. } => world.chance.pause_us(think_us),
        };
        world.after(begins, Arrival::Act { till });
    }
    world.go_on();
    world.count();
    world.tally
}

impl World {
    fn after(&mut self, wait_us: u64, arrival: Arrival) {
        self.line.push(Reverse((self.now + wait_us, self.arrivals.len() as u64)));
        self.arrivals.push(Some(arrival));
    }

    fn go_on(&mut self) {
        while let Some(Reverse((at, number))) = self.line.pop() {
            if at > END_US || self.arrivals.len() > ARRIVALS_MAX {
                return;
            }
            self.now = at;
            match self.arrivals[number as usize].take() {
                Some(Arrival::AtServer { till, id, request, back_us, is_heard }) => {
                    let served = self.server.serve(at, &request);
                    if let Some(change) = served.stored {
                        self.push(self.stations[till].document, served.at - at, &change);
                    }
                    if is_heard {
                        let response = served.response;
                        let back = served.at - at + back_us;
                        self.after(back, Arrival::AtTill { till, id, response });
                    }
                }
                Some(Arrival::AtTill { till, id, response }) => {
                    let sent = self.stations[till].answered(id, &response, at, &mut self.chance);
                    self.send(till, sent);
                }
                Some(Arrival::Told { till, change }) => {
                    let sent = self.stations[till].hears(change, at, &mut self.chance);
                    self.send(till, sent);
                }
                Some(Arrival::Wake { till }) => {
                    if self.stations[till].wakes_at().is_some_and(|due| due <= at) {
                        let sent = self.stations[till].wake(at, &mut self.chance);
                        self.send(till, sent);
                    }
                }
                Some(Arrival::Act { till }) => self.act(till),
                None => {}
            }
        }
    }

    /// The cashier's edit, saved at once.
    fn act(&mut self, till: usize) {
        let station = &mut self.stations[till];
        let op = match self.setup.edit {
            Edit::Row => format!(
                r#"[{{"op":"insert","table":"items","row":{{"posa_row_id":"{till}-{}","item_code":"TEA","qty":1,"rate":3}}}}]"#,
                station.edits
            ),
            Edit::Counter => {
                r#"[{"op":"increment","path":"items[shared].qty","by":"1"}]"#.to_owned()
            }
        };
        let op: Op = Op::parse_list(op.as_bytes()).expect("an op").remove(0);
        let sent = station.save(op, self.now, &mut self.chance);
        self.send(till, sent);
    }

    /// What a till sends goes its way, and what it waits for is noted.
    fn send(&mut self, till: usize, sent: Vec<Sent>) {
        for Sent { id, request, for_a_save } in sent {
            match for_a_save {
                true => self.tally.requests += 1,
                false => self.tally.background += 1,
            }
            self.post(till, id, Box::new(request));
        }
        if let Some(due) = self.stations[till].wakes_at() {
            self.after(due.saturating_sub(self.now), Arrival::Wake { till });
        }
        self.note_commit(till);
    }

    fn post(&mut self, till: usize, id: CallId, request: Box<HttpRequest>) {
        let trip = self.chance.round_trip_us();
        let (there, back_us) = (trip / 2, trip - trip / 2);
        let nothing = Arrival::AtTill { till, id, response: Response::bare(0, b"") };
        self.after(self.setup.timeout_us, nothing);
        let faults = self.setup.faults;
        if faults && self.chance.happens(10) {
            return; // the request is lost
        }
        if faults && self.chance.happens(10) {
            let response = Response::bare(500, br#"{"error":"out of order"}"#);
            return self.after(trip, Arrival::AtTill { till, id, response });
        }
        let is_heard = !(faults && self.chance.happens(10));
        self.after(there, Arrival::AtServer { till, id, request, back_us, is_heard });
    }

    /// Word of a change goes to all who have the document open, once it is stored.
    fn push(&mut self, document: usize, wait_us: u64, change: &Change) {
        let change = match self.setup.offer.pushed {
            Push::Nothing => return,
            Push::Stamps => Change { document: None, ..change.clone() },
            Push::Documents => change.clone(),
        };
        for till in 0..self.stations.len() {
            if self.stations[till].document != document {
                continue;
            }
            let way = self.chance.round_trip_us() / 2;
            if !(self.setup.faults && self.chance.happens(10)) {
                self.after(wait_us + way, Arrival::Told { till, change: change.clone() });
            }
        }
    }

    fn note_commit(&mut self, till: usize) {
        let station = &mut self.stations[till];
        let Some(since) = station.saving_since.filter(|_| station.is_clean()) else { return };
        station.saving_since = None;
        station.acknowledged += 1;
        self.tally.times_us.push(self.now - since);
        if let Load::Usual { think_us, until_us } = self.setup.load {
            let pause = self.chance.pause_us(think_us);
            if self.now + pause < until_us {
                self.after(pause, Arrival::Act { till });
            }
        }
    }

    /// What is in the documents against what the tills hold for stored.
    fn count(&mut self) {
        let tally = &mut self.tally;
        for station in &self.stations {
            tally.edits += u64::from(station.edits);
            let refused = station.refused.len() as u64;
            tally.succeeded += u64::from(station.acknowledged).saturating_sub(refused);
            tally.queued += u64::from(station.queued);
        }
        for number in 0..self.setup.tills.div_ceil(self.setup.at_one_document) {
            let document: serde_json::Value =
                serde_json::from_slice(self.server.text(number)).expect("JSON");
            let rows = document["items"].as_array().expect("rows");
            let quantity = |row: &serde_json::Value| match &row["qty"] {
                serde_json::Value::String(text) => text.parse::<u64>(),
                other => other.to_string().parse(),
            };
            let there = |name: &str| -> u64 {
                let found = rows.iter().filter(|row| row["posa_row_id"] == name);
                found.map(|row| quantity(row).expect("a whole number")).sum()
            };
            let here = self.stations.iter().enumerate();
            let here = here.filter(|(_, station)| station.document == number);
            let counted = there("shared") - 1;
            let mut expected = (0, 0);
            for (till, station) in here {
                for edit in 0..station.edits {
                    let known = u64::from(edit < station.acknowledged);
                    match self.setup.edit {
                        Edit::Counter => {
                            expected.0 += known;
                            expected.1 += 1;
                        }
                        Edit::Row => {
                            let count = there(&format!("{till}-{edit}"));
                            tally.lost += known.saturating_sub(count);
                            tally.doubled += count.saturating_sub(1);
                        }
                    }
                }
            }
            tally.lost += u64::saturating_sub(expected.0, counted);
            tally.doubled += u64::saturating_sub(counted, expected.1);
        }
    }
}
