//! The table: five scenarios, in each the original's figures and ours.

use std::fmt::Write;

use restamp::core::retry::Schedule;
use restamp::core::transaction::Strategy;
use restamp_contention::cell::{measure, Cell};
use restamp_contention::chance::Chance;
use restamp_contention::plan::{one_moment, usual, DOCUMENTS, MERGED, NOTHING, PARKED};
use restamp_contention::world::{Load, Offer, Setup};

use crate::figures::Figures;
use crate::originals::{self, Move};
use crate::ours;

/// A row: who, and its figures.
pub type Row = (&'static str, Figures);

/// A scenario: its title, and its rows; ours begin with "Restamp".
pub type Scenario = (String, Vec<Row>);

/// How far apart the two updates of system 1's message are, microseconds.
const QUICK_US: u64 = 107_000;

/// Runs all scenarios, each with so many seeds; with `faults` 1 % of requests and 1 % of answers are
/// lost and 1 % answered with a 5xx.
pub fn scenarios(seeds: u64, faults: bool) -> Vec<Scenario> {
    let mut all: Vec<Scenario> = Vec::new();
    let mut add = |title: &str, rows: Vec<Row>| all.push((title.to_owned(), rows));
    add("1. ten cashiers edit one invoice at the same moment", redis(seeds, faults));
    add("1. five quick updates by one till, 107 ms apart", quick(seeds, faults));
    let title = "2. a hundred tills, four at each invoice, 2 s of thinking, a minute";
    add(title, usual_load(seeds, faults));
    add("3. five sales of 100 out of 300 at the same moment", stock(seeds, 5, 100, faults));
    add("3. fifty sales of 6 out of 300 at the same moment", stock(seeds, 50, 6, faults));
    add("4. a hundred new customers at the same moment", customers(seeds, 100, faults));
    add("4. a thousand new customers at the same moment", customers(seeds / 4, 1_000, faults));
    for (wallets, within_ms) in [(1_000, 20_000), (40, 20_000), (20, 20_000), (20, 2_000)] {
        let (conflicts, rows) = transfers(seeds, wallets, within_ms, faults);
        let title = format!(
            "5. 300 transfers among {wallets} wallets in {} s: {conflicts:.1} % of them meet a conflict",
            within_ms / 1_000
        );
        all.push((title, rows));
    }
    all
}

fn of_cell(cell: Cell) -> Figures {
    let tally = cell.tally;
    Figures {
        asked: tally.edits,
        succeeded: tally.succeeded,
        lost: tally.lost,
        doubled: tally.doubled,
        requests: tally.requests,
        times_us: tally.times_us,
        ..Figures::default()
    }
}

/// What a backend may offer drafts, each with its name.
const OFFERS: [(&str, Offer); 4] = [
    ("Restamp, the backend offers nothing", NOTHING),
    ("Restamp, changes are pushed", DOCUMENTS),
    ("Restamp, stale saves are parked", PARKED),
    ("Restamp, the server merges", MERGED),
];

fn drafts(setup: impl Fn(Offer) -> Setup, seeds: u64) -> impl Iterator<Item = Row> {
    OFFERS.into_iter().map(move |(name, offer)| (name, of_cell(measure(setup(offer), 0..seeds))))
}

fn redis(seeds: u64, faults: bool) -> Vec<Row> {
    let original = Figures::of(seeds, |seed| originals::redis_lock(10, faults, seed));
    let mut rows = vec![("original: Redis lock, one retry, reload and set all", original)];
    rows.extend(drafts(|offer| one_moment(10, offer, Schedule::CONTENTION, faults), seeds));
    rows
}

fn quick(seeds: u64, faults: bool) -> Vec<Row> {
    let original =
        |merges| Figures::of(seeds, |seed| originals::quick(5, QUICK_US, merges, faults, seed));
    let mut rows = vec![
        ("original: no lock, an error for the cashier", original(false)),
        ("original: Redis lock, one retry, reload and set all", original(true)),
    ];
    let setup = |offer| Setup {
        load: Load::Quick { every_us: QUICK_US, edits: 5 },
        ..one_moment(1, offer, Schedule::CONTENTION, faults)
    };
    rows.extend(drafts(setup, seeds));
    rows
}

fn usual_load(seeds: u64, faults: bool) -> Vec<Row> {
    let seeds = (seeds / 20).max(1);
    let original = Figures::of(seeds, |seed| originals::no_lock(100, 4, 60, faults, seed));
    let mut rows = vec![("original: no lock, an error for the cashier", original)];
    rows.extend(drafts(|offer| usual(offer, Schedule::CONTENTION, faults, 60), seeds));
    rows
}

fn stock(seeds: u64, sales: usize, each: u64, faults: bool) -> Vec<Row> {
    let ours = |strategy| {
        Figures::of(seeds, |seed| ours::allocations(sales, each, 300, strategy, faults, seed))
    };
    vec![
        (
            "original: NOWAIT, 0/0.1/0.2/0.4 s",
            Figures::of(seeds, |seed| originals::nowait(sales, each, 300, faults, seed)),
        ),
        ("Restamp, optimistic", ours(Strategy::Optimistic)),
        ("Restamp, leases", ours(Strategy::Pessimistic)),
        ("Restamp, adaptive", ours(Strategy::Adaptive { contended: false })),
    ]
}

fn customers(seeds: u64, count: usize, faults: bool) -> Vec<Row> {
    let original = |in_transaction| {
        Figures::of(seeds, |seed| originals::counter(count, in_transaction, faults, seed))
    };
    vec![
        ("original: $inc within a transaction", original(true)),
        ("original: $inc alone", original(false)),
        ("Restamp, sequence", Figures::of(seeds, |seed| ours::numbers(count, faults, seed))),
    ]
}

/// 300 transfers at random moments within `within_ms`.
fn moves(wallets: usize, within_ms: u64, seed: u64) -> Vec<Move> {
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut below = |bound: usize| (chance.bits() % bound as u64) as usize;
    let mut moves: Vec<Move> = (0..300)
        .map(|_| {
            let from = below(wallets);
            let to = (from + 1 + below(wallets - 1)) % wallets;
            Move { at: below(within_ms as usize) as u64 * 1_000, from, to }
        })
        .collect();
    moves.sort_by_key(|one| one.at);
    moves
}

/// The share of transfers that meet a conflict, percent, and the rows.
fn transfers(seeds: u64, wallets: usize, within_ms: u64, faults: bool) -> (f64, Vec<Row>) {
    let seeds = (seeds / 4).max(1);
    let with = |run: &dyn Fn(&[Move], u64) -> Figures| {
        Figures::of(seeds, |seed| run(&moves(wallets, within_ms, seed), seed))
    };
    let ours =
        |strategy| with(&|moves, seed| ours::transfers(moves, wallets, strategy, faults, seed));
    let optimistic = ours(Strategy::Optimistic);
    let conflicts = 100.0 * optimistic.conflicts as f64 / optimistic.asked.max(1) as f64;
    let rows = vec![
        (
            "original: pessimistic",
            with(&|moves, seed| originals::locked_transfers(moves, wallets, faults, seed)),
        ),
        (
            "original: optimistic, 3 tries",
            with(&|moves, seed| originals::versioned_transfers(moves, wallets, faults, seed)),
        ),
        ("Restamp, optimistic", optimistic),
        ("Restamp, leases", ours(Strategy::Pessimistic)),
        ("Restamp, adaptive", ours(Strategy::Adaptive { contended: false })),
    ];
    (conflicts, rows)
}

/// All scenarios as Markdown.
pub fn markdown(scenarios: &[Scenario]) -> String {
    let mut out = String::new();
    for (title, rows) in scenarios {
        let _ = writeln!(out, "\n## {title}\n");
        out += "| | success | lost | doubled | p50 | p99 | requests |\n|---|---|---|---|---|---|---|\n";
        for (name, figures) in rows {
            let _ = writeln!(out, "| {name} | {} |", figures.row());
        }
    }
    out
}

/// Ours that lost or doubled something.
pub fn wrong(scenarios: &[Scenario]) -> Vec<String> {
    let rows = scenarios.iter().flat_map(|(title, rows)| rows.iter().map(move |row| (title, row)));
    let ours =
        rows.filter(|(_, (name, figures))| name.starts_with("Restamp") && !figures.is_right());
    ours.map(|(title, (name, _))| format!("{title}: {name}")).collect()
}
