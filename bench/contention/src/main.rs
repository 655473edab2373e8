//! Measures, prints, and writes `bench/results/contention.md` and `contention.svg`.
//!
//! `--quick` takes seconds, with up to 20 tills, and writes nothing.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use restamp_contention::cell::{measure, Cell};
use restamp_contention::picture::draw;
use restamp_contention::plan::{
    rows, usual, Named, ADAPTIVE, BASELINE, DEFAULT, DOCUMENTS, MERGED, NEWEST, NEWEST_DOCUMENTS,
    NEWEST_PUSHED, NOTHING, PARKED, PARKED_DOCUMENTS, PARKED_FOUR, PARKED_PUSHED, PUSHED,
    SCHEDULES, TILLS,
};
use restamp_contention::report::{goals, tables, Results};
use restamp_contention::world::Offer;

const ABOUT: &str = include_str!("about.md");

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let results = run(is_quick);
    let (goals, missed) = goals(&results, DEFAULT.0);
    let tables = tables(&results);
    println!("{goals}{tables}");
    for goal in &missed {
        println!("missed: {goal}");
    }
    let (cells, saves) = results.totals();
    let verdict = match results.is_right() {
        true => "In every one success is 100 %, lost 0, doubled 0.",
        false => "**Edits failed, were lost or doubled: see the tables.**",
    };
    println!("{cells} cells, {saves} saves. {verdict}");
    if !is_quick {
        let head = format!(
            "# Contention\n\nMeasured on {}, {}. {cells} cells, {saves} saves. {verdict}\n\n{ABOUT}",
            date(),
            machine()
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
        let text = format!("{head}\n## Goals\n\n{goals}\n## One invoice, one moment\n{tables}");
        fs::write(folder.join("contention.md"), text).expect("the report can be written");
        let series: Vec<_> = results
            .moments
            .iter()
            .filter(|(offer, faults, ..)| *offer == NOTHING && !faults)
            .map(|(_, _, (name, _), cells)| (*name, cells.as_slice()))
            .collect();
        fs::write(folder.join("contention.svg"), draw(&series)).expect("the picture too");
        println!("written: bench/results/contention.md, contention.svg");
    }
    if results.is_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One row of the plan: a table of one moment, or one line of the usual load.
type Row = (Offer, bool, Named, bool);

/// Several threads take rows in turn; worlds do not know of each other, so the figures are the
/// same in any order.
fn run(is_quick: bool) -> Results {
    let tills = if is_quick { &TILLS[..5] } else { &TILLS[..] };
    let (seconds, seeds) = if is_quick { (20, 0..1) } else { (60, 0..5) };
    let (plan, next) = (plan(), AtomicUsize::new(0));
    let measured: Mutex<Vec<(usize, Vec<Cell>)>> = Mutex::new(Vec::new());
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((offer, faults, (name, schedule), is_moment)) = plan.get(at).copied() else {
            return;
        };
        // Those of the default are the ones that goals are about.
        let saves = if name == DEFAULT.0 { 1_000 } else { 500 };
        let cells = match is_moment {
            true => rows(offer, schedule, faults, tills, saves),
            false => vec![measure(usual(offer, schedule, faults, seconds), seeds.clone())],
        };
        eprintln!("{} of {}: {offer:?}, faults: {faults}, {name}", at + 1, plan.len());
        if let Ok(mut measured) = measured.lock() {
            measured.push((at, cells));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut measured = measured.into_inner().expect("no thread panicked");
    measured.sort_by_key(|(at, _)| *at);
    let mut results = Results::default();
    for (at, mut cells) in measured {
        let (offer, faults, named, is_moment) = plan[at];
        match is_moment {
            true => results.moments.push((offer, faults, named, cells)),
            false => results.usual.push((offer, faults, named, cells.remove(0))),
        }
    }
    results
}

fn plan() -> Vec<Row> {
    let mut plan = Vec::new();
    for faults in [false, true] {
        for (offer, schedules) in
            [(NOTHING, &SCHEDULES[..]), (NEWEST, &SCHEDULES[..2]), (DOCUMENTS, &SCHEDULES[..1])]
        {
            plan.extend(schedules.iter().map(|named| (offer, faults, *named, true)));
        }
        for offer in [PARKED, PARKED_FOUR, MERGED, ADAPTIVE] {
            plan.push((offer, faults, DEFAULT, true));
        }
        for offer in [PARKED, PARKED_PUSHED, PARKED_DOCUMENTS, MERGED, ADAPTIVE] {
            plan.push((offer, faults, DEFAULT, false));
        }
        for offer in [NOTHING, PUSHED, DOCUMENTS, NEWEST, NEWEST_PUSHED, NEWEST_DOCUMENTS] {
            plan.extend([DEFAULT, BASELINE].map(|named| (offer, faults, named, false)));
        }
    }
    plan
}

/// Today, UTC (days to civil date, Hinnant 2013).
fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = (since.as_secs() / 86_400) as i64 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    format!("{}-{month:02}-{day:02}", era * 400 + year + i64::from(month < 3))
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{} {} ({model})", std::env::consts::OS, std::env::consts::ARCH)
}
