//! One seed, one world: tills, a server, a network, and a clock that jumps to whatever is next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use restamp::adapters::HttpRequest;
use restamp::core::contention_rates::Strategy;
use restamp::core::event::CallId;
use restamp::core::op::Op;
use restamp::core::policy::{
    Choice, CompareAndSet, Offers, Policy, Sharing, Thresholds, TokenSupport,
};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;

use crate::chance::Chance;
use crate::server::{Change, Response, Served, Server};
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
    /// Every till makes so many edits and saves each at once, whether or not the one before is stored.
    Quick {
        /// From one to the next, microseconds.
        every_us: u64,
        /// How many.
        edits: u32,
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
    /// What it does against two at once.
    pub turns: Turns,
}

/// What a backend does against two at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Nothing: a stale save is refused.
    Free,
    /// It gives leases to who asks; tills ask as their measured rates tell them.
    Leased,
    /// A stale save waits for its turn.
    Parked {
        /// At most so many at one document.
        places: usize,
    },
    /// It merges the edits itself.
    Merged,
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
    /// Tills that found leases worth it, and those that found them no longer so.
    pub leasing: (u64, u64),
    /// From asking for a save until the till knew that it is stored, microseconds.
    pub times_us: Vec<u64>,
}

#[derive(Debug)]
enum Arrival {
    AtServer {
        number: u64,
        request: Box<HttpRequest>,
    },
    /// Something may happen at the server by itself.
    Passed {
        document: usize,
    },
    /// The till has closed the connection.
    Gone {
        number: u64,
    },
    GivenUp {
        number: u64,
    },
    AtTill {
        till: usize,
        id: CallId,
        response: Response,
    },
    Told {
        till: usize,
        change: Change,
    },
    Wake {
        till: usize,
    },
    Act {
        till: usize,
    },
}

/// A request on its way, and the way that its answer takes.
#[derive(Debug, Clone, Copy)]
struct Posted {
    till: usize,
    id: CallId,
    there_us: u64,
    back_us: u64,
    is_heard: bool,
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
    posted: Vec<Posted>,
    /// When something happens at a document by itself.
    passes_at: Vec<Option<u64>>,
    tally: Tally,
}

/// No world lasts longer, microseconds: what is not stored by then has failed.
const END_US: u64 = 2 * 3_600 * 1_000_000;
/// No world has more arrivals.
const ARRIVALS_MAX: usize = 2_000_000;

pub(crate) fn profile() -> Profile {
    let profile = include_bytes!("../../../tests/data/sales-invoice.json");
    Profile::parse(profile).expect("the package's profile")
}

/// How a till works with such a backend.
pub fn policy(schedule: Schedule, turns: Turns) -> Policy {
    let (leases, parking, apply) = match turns {
        Turns::Free => (false, false, false),
        Turns::Leased => (true, false, false),
        Turns::Parked { .. } => (true, true, false),
        Turns::Merged => (false, false, true),
    };
    // Where the server keeps the turns nobody asks for a lease beforehand.
    let choice = match turns {
        Turns::Leased => Choice::Adaptive(Thresholds::MEASURED),
        Turns::Free | Turns::Parked { .. } | Turns::Merged => Choice::Always(Strategy::Optimistic),
    };
    let offers = Offers { leases, parking, apply, tokens: false };
    Policy {
        profile: profile(),
        schedule: Schedule::INTERACTIVE,
        contention: schedule,
        background: Schedule::BACKGROUND,
        compare_and_set: CompareAndSet::Atomic,
        token: TokenSupport::None,
        can_find: false,
        sharing: Sharing { offers, choice, ..Sharing::default() },
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
    let server = Server::new((0..documents).map(bill).collect(), setup.offer, profile());
    let stations = (0..setup.tills)
        .map(|till| {
            let document = till / setup.at_one_document;
            let policy = policy(setup.schedule, setup.offer.turns);
            Station::open(policy, document, &server.peek(document), &mut chance)
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
        posted: Vec::new(),
        passes_at: vec![None; documents],
        tally: Tally::default(),
    };
    for till in 0..setup.tills {
        let begins = match setup.load {
            Load::OneMoment | Load::Quick { .. } => 0,
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
                Some(Arrival::AtServer { number, request }) => {
                    let served = self.server.serve(at, number, &request);
                    self.answer(self.document_of(number), served);
                }
                // Another moment was agreed on since.
                Some(Arrival::Passed { document }) if self.passes_at[document] != Some(at) => {}
                Some(Arrival::Passed { document }) => {
                    self.passes_at[document] = None;
                    let served = self.server.pass(at, document);
                    self.answer(document, served);
                }
                Some(Arrival::Gone { number }) => {
                    let document = self.document_of(number);
                    let served = self.server.gone(at, document, number);
                    self.answer(document, served);
                }
                Some(Arrival::GivenUp { number }) => {
                    let Posted { till, id, there_us, .. } = self.posted[number as usize];
                    if self.stations[till].waits_for(id) {
                        self.after(there_us, Arrival::Gone { number });
                        let response = Response::bare(0, b"");
                        self.after(0, Arrival::AtTill { till, id, response });
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
        if let Load::Quick { every_us, edits } = self.setup.load {
            if self.stations[till].edits < edits {
                self.after(every_us, Arrival::Act { till });
            }
        }
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
        let number = self.posted.len() as u64;
        let faults = self.setup.faults;
        let is_lost = faults && self.chance.happens(10);
        let is_refused = faults && !is_lost && self.chance.happens(10);
        let is_heard = is_lost || is_refused || !(faults && self.chance.happens(10));
        self.posted.push(Posted { till, id, there_us: there, back_us, is_heard });
        self.after(self.setup.timeout_us, Arrival::GivenUp { number });
        if is_refused {
            let response = Response::bare(500, br#"{"error":"out of order"}"#);
            self.after(trip, Arrival::AtTill { till, id, response });
        } else if !is_lost {
            self.after(there, Arrival::AtServer { number, request });
        }
    }

    fn document_of(&self, number: u64) -> usize {
        self.stations[self.posted[number as usize].till].document
    }

    /// Answers go their way, and word of what was stored.
    fn answer(&mut self, document: usize, served: Vec<Served>) {
        for Served { request, at, response, stored } in served {
            let wait = at - self.now;
            if let Some(change) = stored {
                self.push(document, wait, &change);
            }
            let Posted { till, id, back_us, is_heard, .. } = self.posted[request as usize];
            if is_heard {
                self.after(wait + back_us, Arrival::AtTill { till, id, response });
            }
        }
        if let Some(at) = self.server.wakes_at(self.now, document) {
            let due = at.max(self.now + 1);
            if self.passes_at[document].replace(due) != Some(due) {
                self.after(due - self.now, Arrival::Passed { document });
            }
        }
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
        // All that was saved by now went with it.
        station.acknowledged = station.edits;
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
            tally.leasing.0 += u64::from(station.leasing.0);
            tally.leasing.1 += u64::from(station.leasing.1);
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
