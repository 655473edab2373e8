//! The table: five scenarios, in each the original's figures and ours.

use std::fmt::Write;

use restamp::core::retry::Schedule;
use restamp::core::transaction::Strategy;
use restamp_contention::cell::{measure, Cell};
use restamp_contention::chance::Chance;
use restamp_contention::plan::{one_moment, usual, DOCUMENTS, NOTHING};

use crate::figures::Figures;
use crate::originals::{self, Move};
use crate::ours;

/// A row: who, and its figures.
pub type Row = (&'static str, Figures);

/// A scenario: its title, and its rows; ours begin with "Restamp".
pub type Scenario = (&'static str, Vec<Row>);

/// Runs all scenarios, each with so many seeds.
pub fn scenarios(seeds: u64) -> Vec<Scenario> {
    vec![
        ("1. ten cashiers edit one invoice at the same moment", redis(seeds)),
        ("2. a hundred tills, four at each invoice, 2 s of thinking, a minute", usual_load(seeds)),
        ("3. five sales of 100 out of 300 at the same moment", stock(seeds, 5, 100)),
        ("3. fifty sales of 6 out of 300 at the same moment", stock(seeds, 50, 6)),
        ("4. a hundred new customers at the same moment", customers(seeds, 100)),
        ("4. a thousand new customers at the same moment", customers(seeds / 4, 1_000)),
        ("5. fifty tills, 300 transfers among 20 wallets in 20 s", wallets(seeds, 20, 20_000)),
        ("5. the same within 2 s", wallets(seeds, 20, 2_000)),
        ("5. the same among 200 wallets in 20 s", wallets(seeds, 200, 20_000)),
    ]
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
    }
}

fn redis(seeds: u64) -> Vec<Row> {
    let ours =
        |offer| of_cell(measure(one_moment(10, offer, Schedule::CONTENTION, false), 0..seeds));
    vec![
        (
            "original: Redis lock, one retry, reload and set all",
            Figures::of(seeds, |seed| originals::redis_lock(10, seed)),
        ),
        ("Restamp, the backend offers nothing", ours(NOTHING)),
        ("Restamp, changes are pushed", ours(DOCUMENTS)),
    ]
}

fn usual_load(seeds: u64) -> Vec<Row> {
    let seeds = (seeds / 20).max(1);
    let ours = |offer| of_cell(measure(usual(offer, Schedule::CONTENTION, false, 60), 0..seeds));
    vec![
        (
            "original: no lock, an error for the cashier",
            Figures::of(seeds, |seed| originals::no_lock(100, 4, 60, seed)),
        ),
        ("Restamp, the backend offers nothing", ours(NOTHING)),
        ("Restamp, changes are pushed", ours(DOCUMENTS)),
    ]
}

fn stock(seeds: u64, sales: usize, each: u64) -> Vec<Row> {
    let ours =
        |strategy| Figures::of(seeds, |seed| ours::allocations(sales, each, 300, strategy, seed));
    vec![
        (
            "original: NOWAIT, 0/0.1/0.2/0.4 s",
            Figures::of(seeds, |seed| originals::nowait(sales, each, 300, seed)),
        ),
        ("Restamp, optimistic", ours(Strategy::Optimistic)),
        ("Restamp, leases", ours(Strategy::Pessimistic)),
        ("Restamp, adaptive", ours(Strategy::Adaptive { contended: true })),
    ]
}

fn customers(seeds: u64, count: usize) -> Vec<Row> {
    let original =
        |in_transaction| Figures::of(seeds, |seed| originals::counter(count, in_transaction, seed));
    vec![
        ("original: $inc within a transaction", original(true)),
        ("original: $inc alone", original(false)),
        ("Restamp, sequence", Figures::of(seeds, |seed| ours::numbers(count, seed))),
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

fn wallets(seeds: u64, wallets: usize, within_ms: u64) -> Vec<Row> {
    let seeds = (seeds / 4).max(1);
    let with = |run: &dyn Fn(&[Move], u64) -> Figures| {
        Figures::of(seeds, |seed| run(&moves(wallets, within_ms, seed), seed))
    };
    let ours = |strategy| with(&|moves, seed| ours::transfers(moves, wallets, strategy, seed));
    vec![
        (
            "original: pessimistic",
            with(&|moves, seed| originals::locked_transfers(moves, wallets, seed)),
        ),
        (
            "original: optimistic, 3 tries",
            with(&|moves, seed| originals::versioned_transfers(moves, wallets, seed)),
        ),
        ("Restamp, optimistic", ours(Strategy::Optimistic)),
        ("Restamp, leases", ours(Strategy::Pessimistic)),
        ("Restamp, adaptive", ours(Strategy::Adaptive { contended: false })),
    ]
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
