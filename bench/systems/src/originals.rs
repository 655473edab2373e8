//! The five systems as they were described, in the same network and at the same speed as Restamp.
//!
//! Each of them does all of its work, retries included, within one request of the till, but for the
//! second (it retries nothing) and the optimistic half of the fifth (its caller retries).

use restamp_contention::chance::Chance;
use restamp_contention::server::{LOAD_US, REFUSAL_US, SAVE_US};

use crate::figures::Figures;
use crate::line::Line;

/// One increment of a MongoDB counter, as its description measured it: 2 to 3 ms alone.
pub const COUNT_US: u64 = 2_500;
/// The same within a transaction: 5 to 10 ms.
pub const COUNT_IN_TRANSACTION_US: u64 = 7_500;

/// A till's request on its way: there and back.
struct Trip {
    begun: u64,
    back: u64,
    /// Whether it reaches the server and is not answered with a 5xx.
    is_served: bool,
    /// Whether the answer reaches the till. None of them asks again: it is an error for somebody.
    is_heard: bool,
}

/// With `faults` 1 % of requests are lost, 1 % answered with a 5xx, 1 % of answers lost.
fn depart(now: u64, chance: &mut Chance, faults: bool) -> (u64, Trip) {
    let trip = chance.round_trip_us();
    let is_served = !(faults && (chance.happens(10) || chance.happens(10)));
    let is_heard = is_served && !(faults && chance.happens(10));
    (now + trip / 2, Trip { begun: now, back: trip - trip / 2, is_served, is_heard })
}

fn done(figures: &mut Figures, trip: &Trip, at: u64) {
    if trip.is_heard {
        figures.succeeded += 1;
        figures.times_us.push(at + trip.back - trip.begun);
    }
}

/// System 1: a lock for 5 s in Redis, taken once more after 100 ms; a stale save is reloaded, every
/// field of the request is set on it, and saved once more. All tills edit at the same moment.
pub fn redis_lock(tills: usize, faults: bool, seed: u64) -> Figures {
    const LOCK_US: u64 = 5_000_000;
    let mut chance = Chance::new(seed);
    let mut figures = Figures { asked: tills as u64, requests: tills as u64, ..Figures::default() };
    let mut line = Line::default();
    let trips: Vec<Trip> = (0..tills)
        .map(|till| {
            let (arrives, trip) = depart(0, &mut chance, faults);
            if trip.is_served {
                line.at(arrives, (till, 0));
            }
            trip
        })
        .collect();
    let (mut locked_until, mut version) = (0, 1);
    // The rows of the document, by the tills that added them.
    let mut rows: Vec<usize> = Vec::new();
    let mut held = Vec::new();
    while let Some((now, (till, tries))) = line.next() {
        if now < locked_until {
            if tries == 0 {
                line.at(now + 100_000, (till, 1));
            }
            continue; // "being updated by another user"
        }
        // The page's copy is from before anybody saved: the first save fits, every other is stale.
        let stale = version != 1;
        let works = if stale { REFUSAL_US + LOAD_US + SAVE_US } else { SAVE_US };
        version += 1;
        rows = vec![till];
        locked_until = now + works.min(LOCK_US);
        done(&mut figures, &trips[till], now + works);
        if trips[till].is_heard {
            held.push(till);
        }
    }
    figures.lost = held.iter().filter(|till| !rows.contains(till)).count() as u64;
    figures
}

/// System 2: the framework's check and nothing else; a conflict is an error, and the page loads.
/// `seconds` of tills that edit, save and think; with none, all edit once at the same moment.
pub fn no_lock(
    tills: usize,
    at_one_document: usize,
    seconds: u64,
    faults: bool,
    seed: u64,
) -> Figures {
    const THINK_US: u64 = 2_000_000;
    enum Thing {
        Act(usize),
        Save(usize, Trip),
        Load(usize, u64),
        Loaded(usize, u64),
        Saved(usize, u64),
    }
    let mut chance = Chance::new(seed);
    let mut figures = Figures::default();
    let mut line = Line::default();
    let documents = tills.div_ceil(at_one_document);
    let (mut versions, mut busy) = (vec![1_u64; documents], vec![0_u64; documents]);
    let mut base = vec![1_u64; tills];
    for till in 0..tills {
        let begins = if seconds == 0 { 0 } else { chance.pause_us(THINK_US) };
        line.at(begins, Thing::Act(till));
    }
    let again = |till: usize, now: u64, chance: &mut Chance, line: &mut Line<Thing>| {
        let next = now + chance.pause_us(THINK_US);
        if next < seconds * 1_000_000 {
            line.at(next, Thing::Act(till));
        }
    };
    while let Some((now, thing)) = line.next() {
        match thing {
            Thing::Act(till) => {
                figures.asked += 1;
                figures.requests += 1;
                let (arrives, trip) = depart(now, &mut chance, faults);
                match trip.is_served {
                    true => line.at(arrives, Thing::Save(till, trip)),
                    // An error, and the cashier goes on.
                    false => again(till, arrives + trip.back, &mut chance, &mut line),
                }
            }
            Thing::Save(till, trip) => {
                let document = till / at_one_document;
                let start = now.max(busy[document]);
                if base[till] == versions[document] {
                    versions[document] += 1;
                    busy[document] = start + SAVE_US;
                    done(&mut figures, &trip, busy[document]);
                    // Without the answer the page keeps the copy that it had.
                    let seen = if trip.is_heard { versions[document] } else { base[till] };
                    line.at(busy[document] + trip.back, Thing::Saved(till, seen));
                } else {
                    // An error for the cashier, who refreshes the page.
                    busy[document] = start + REFUSAL_US;
                    figures.requests += 1;
                    let (arrives, load) = depart(busy[document] + trip.back, &mut chance, false);
                    line.at(arrives, Thing::Load(till, load.back));
                }
            }
            Thing::Load(till, back) => {
                let document = till / at_one_document;
                busy[document] = now.max(busy[document]) + LOAD_US;
                line.at(busy[document] + back, Thing::Loaded(till, versions[document]));
            }
            Thing::Loaded(till, version) | Thing::Saved(till, version) => {
                base[till] = version;
                again(till, now, &mut chance, &mut line);
            }
        }
    }
    figures
}

/// Quick successive updates by one till, so many, each `every_us` after the one before. The page's copy
/// is the one that the last answer brought: who is quicker than that conflicts with itself, which
/// is an error (`merges`: reloaded and all set on it, once, under the lock).
pub fn quick(updates: u64, every_us: u64, merges: bool, faults: bool, seed: u64) -> Figures {
    enum Thing {
        Update,
        Save(Trip, u64),
        Saved(u64),
    }
    let mut chance = Chance::new(seed);
    let mut figures = Figures { asked: updates, requests: updates, ..Figures::default() };
    let mut line = Line::default();
    (0..updates).for_each(|number| line.at(number * every_us, Thing::Update));
    let (mut version, mut base, mut locked_until) = (1, 1, 0);
    while let Some((now, thing)) = line.next() {
        match thing {
            Thing::Update => {
                let (arrives, trip) = depart(now, &mut chance, faults);
                if trip.is_served {
                    line.at(arrives, Thing::Save(trip, base));
                }
            }
            Thing::Save(trip, seen) => {
                let stale = seen != version;
                if stale && !merges || merges && now < locked_until {
                    continue; // "Document has been modified after you have opened it"
                }
                let works = if stale { REFUSAL_US + LOAD_US + SAVE_US } else { SAVE_US };
                version += 1;
                locked_until = now + works;
                done(&mut figures, &trip, locked_until);
                if trip.is_heard {
                    line.at(locked_until + trip.back, Thing::Saved(version));
                }
            }
            Thing::Saved(newest) => base = base.max(newest),
        }
    }
    figures
}

/// System 3: stock layers locked with `FOR UPDATE NOWAIT`, tried at once, again at once, and after
/// 0.1, 0.2 and 0.4 s. All sales come at the same moment. Who is told the shortage is told right.
pub fn nowait(sales: usize, each: u64, mut stock: u64, faults: bool, seed: u64) -> Figures {
    const WAITS_US: [u64; 4] = [0, 100_000, 200_000, 400_000];
    let mut chance = Chance::new(seed);
    let mut figures = Figures { asked: sales as u64, requests: sales as u64, ..Figures::default() };
    let mut line = Line::default();
    let trips: Vec<Trip> = (0..sales)
        .map(|sale| {
            let (arrives, trip) = depart(0, &mut chance, faults);
            if trip.is_served {
                line.at(arrives, (sale, 0));
            }
            trip
        })
        .collect();
    let mut locked_until = 0;
    while let Some((now, (sale, tries))) = line.next() {
        if now < locked_until {
            if let Some(wait) = WAITS_US.get(tries) {
                line.at(now + wait, (sale, tries + 1));
            }
            continue; // an error that a user understands, in Thai
        }
        let works = if stock >= each { SAVE_US } else { LOAD_US };
        stock -= each * u64::from(stock >= each);
        locked_until = now + works;
        done(&mut figures, &trips[sale], locked_until);
    }
    figures
}

/// System 4: a counter by `$inc`; within a transaction two at once are a write conflict, which the
/// driver tries again. All customers come at the same moment.
pub fn counter(customers: usize, in_transaction: bool, faults: bool, seed: u64) -> Figures {
    let mut chance = Chance::new(seed);
    let count = customers as u64;
    let mut figures = Figures { asked: count, requests: count, ..Figures::default() };
    let mut line = Line::default();
    let trips: Vec<Trip> = (0..customers)
        .map(|customer| {
            let (arrives, trip) = depart(0, &mut chance, faults);
            if trip.is_served {
                line.at(arrives, customer);
            }
            trip
        })
        .collect();
    let mut busy_until = 0;
    while let Some((now, customer)) = line.next() {
        if in_transaction && now < busy_until {
            line.at(now + REFUSAL_US, customer);
            continue;
        }
        let works = if in_transaction { COUNT_IN_TRANSACTION_US } else { COUNT_US };
        busy_until = now.max(busy_until) + works;
        done(&mut figures, &trips[customer], busy_until);
    }
    figures
}

/// A transfer: when it is asked for, and between which wallets.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// When, microseconds.
    pub at: u64,
    /// From which wallet.
    pub from: usize,
    /// To which.
    pub to: usize,
}

/// System 5, pessimistic: both wallets are locked first, and who comes later waits.
pub fn locked_transfers(moves: &[Move], wallets: usize, faults: bool, seed: u64) -> Figures {
    let mut chance = Chance::new(seed);
    let count = moves.len() as u64;
    let mut figures = Figures { asked: count, requests: count, ..Figures::default() };
    let mut line = Line::default();
    for one in moves {
        let (arrives, trip) = depart(one.at, &mut chance, faults);
        if trip.is_served {
            line.at(arrives, (one, trip));
        }
    }
    let mut busy = vec![0; wallets];
    for (now, (one, trip)) in line {
        let start = now.max(busy[one.from]).max(busy[one.to]);
        busy[one.from] = start + SAVE_US;
        busy[one.to] = start + SAVE_US;
        done(&mut figures, &trip, start + SAVE_US);
    }
    figures
}

/// System 5, optimistic: a version column; on a `ConcurrencyError` the caller asks again, three
/// tries in all, after 0.1 and 0.2 s.
pub fn versioned_transfers(moves: &[Move], wallets: usize, faults: bool, seed: u64) -> Figures {
    enum Thing {
        Ask(usize, u32),
        Read(usize, u32, Trip),
        Write(usize, u32, Trip, [u64; 2]),
    }
    const TRIES: u32 = 3;
    let mut chance = Chance::new(seed);
    let mut figures = Figures { asked: moves.len() as u64, ..Figures::default() };
    let mut line = Line::default();
    for (number, one) in moves.iter().enumerate() {
        line.at(one.at, Thing::Ask(number, 0));
    }
    let mut versions = vec![1_u64; wallets];
    while let Some((now, thing)) = line.next() {
        match thing {
            Thing::Ask(number, tries) => {
                figures.requests += 1;
                let (arrives, trip) = depart(now, &mut chance, faults);
                if trip.is_served {
                    line.at(arrives, Thing::Read(number, tries, trip));
                }
            }
            Thing::Read(number, tries, trip) => {
                let one = &moves[number];
                let seen = [versions[one.from], versions[one.to]];
                line.at(now + SAVE_US, Thing::Write(number, tries, trip, seen));
            }
            Thing::Write(number, tries, trip, seen) => {
                let one = &moves[number];
                if seen == [versions[one.from], versions[one.to]] {
                    versions[one.from] += 1;
                    versions[one.to] += 1;
                    done(&mut figures, &Trip { begun: one.at, ..trip }, now);
                } else if tries + 1 < TRIES {
                    let wait = 100_000 << tries;
                    line.at(now + trip.back + wait, Thing::Ask(number, tries + 1));
                }
            }
        }
    }
    figures
}
