//! The tables as Markdown, and the goals with what was reached.

use std::fmt::Write;

use crate::cell::Cell;
use crate::plan::{
    Named, ADAPTIVE, DOCUMENTS, MERGED, NEWEST, NEWEST_DOCUMENTS, NOTHING, PARKED,
    PARKED_DOCUMENTS, PARKED_PUSHED, PUSHED,
};
use crate::world::{Offer, Push, Turns};

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Results {
    /// One moment: offer, faults, schedule, one cell for each number of tills.
    pub moments: Vec<(Offer, bool, Named, Vec<Cell>)>,
    /// The usual load: offer, faults, schedule.
    pub usual: Vec<(Offer, bool, Named, Cell)>,
}

impl Results {
    fn moment(&self, offer: Offer, schedule: &str, tills: usize) -> Option<&Cell> {
        let rows = self
            .moments
            .iter()
            .find(|(known, faults, (name, _), _)| *known == offer && !faults && *name == schedule);
        rows?.3.iter().find(|cell| cell.setup.tills == tills)
    }

    fn usual(&self, offer: Offer, faults: bool, schedule: &str) -> Option<&Cell> {
        let cell = self.usual.iter().find(|(known, with, (name, _), _)| {
            *known == offer && *with == faults && *name == schedule
        });
        cell.map(|(.., cell)| cell)
    }

    /// Whether nothing failed, was lost or doubled in any cell.
    pub fn is_right(&self) -> bool {
        let moments = self.moments.iter().flat_map(|(.., cells)| cells);
        moments.chain(self.usual.iter().map(|(.., cell)| cell)).all(Cell::is_right)
    }

    /// How many cells there are, and how many saves were stored in them.
    pub fn totals(&self) -> (usize, u64) {
        let moments = self.moments.iter().flat_map(|(.., cells)| cells);
        let cells: Vec<&Cell> = moments.chain(self.usual.iter().map(|(.., cell)| cell)).collect();
        (cells.len(), cells.iter().map(|cell| cell.tally.succeeded).sum())
    }
}

fn offered(offer: Offer) -> String {
    let pushed = match offer.pushed {
        Push::Nothing => "",
        Push::Stamps => ", and pushed stamps",
        Push::Documents => ", and pushed documents",
    };
    match offer.turns {
        Turns::Free => free(offer).to_owned(),
        Turns::Leased => format!("adaptive: leases by the measured rates{pushed}"),
        Turns::Parked { places } => format!("parked conflicts, {places} places{pushed}"),
        Turns::Merged => format!("merge at the server{pushed}"),
    }
}

fn free(offer: Offer) -> &'static str {
    match (offer.newest, offer.pushed) {
        (false, Push::Nothing) => "compare-and-set and nothing more",
        (false, Push::Stamps) => "pushed stamps",
        (false, Push::Documents) => "pushed documents",
        (true, Push::Nothing) => "the newest document in the conflict answer",
        (true, Push::Stamps) => "the newest document in the conflict answer, and pushed stamps",
        (true, Push::Documents) => {
            "the newest document in the conflict answer, and pushed documents"
        }
    }
}

fn faulty(faults: bool) -> &'static str {
    match faults {
        true => "1 % of requests lost, 1 % of answers lost, 1 % 5xx",
        false => "no faults",
    }
}

/// The goals, what was reached with the default schedule, and which goals were missed.
pub fn goals(results: &Results, schedule: &str) -> (String, Vec<String>) {
    let mut out = String::from("| goal | at most | reached | |\n|---|---|---|---|\n");
    let mut missed = Vec::new();
    let mut line = |name: &str, most: f64, reached: f64, digits: usize| {
        let is_met = reached <= most;
        let mark = if is_met { "met" } else { "**missed**" };
        let _ = writeln!(out, "| {name} | {most} | {reached:.digits$} | {mark} |");
        if !is_met {
            missed.push(format!("{name}: {reached:.digits$} instead of {most}"));
        }
    };
    for (offer, name, requests, multiples) in [
        (NOTHING, "nothing", [4.2, 9.5, 17.0], [8.5, 15.0]),
        (NEWEST, "newest document", [3.0, 8.5, 24.0], [8.5, 17.0]),
        (PARKED, "parked", [2.0, 2.1, 3.3], [6.2, 6.2]),
        (MERGED, "merge at the server", [1.0, 1.0, 1.02], [1.6, 1.2]),
    ] {
        for (tills, most) in [5, 20, 100].into_iter().zip(requests) {
            if let Some(cell) = results.moment(offer, schedule, tills) {
                let name = format!("{name}: requests per save, {tills} tills");
                line(&name, most, cell.requests(), 2);
            }
        }
        for (tills, most) in [20, 100].into_iter().zip(multiples) {
            if let Some(cell) = results.moment(offer, schedule, tills) {
                let name = format!("{name}: p99 as a multiple of the bound, {tills} tills");
                line(&name, most, cell.multiple(), 1);
            }
        }
        if let Some(cell) = results.moment(offer, schedule, 1) {
            line(&format!("{name}: requests if nobody interferes"), 1.0, cell.requests(), 2);
        }
    }
    for (offer, name, goals) in [
        (NOTHING, "nothing", [2.7, 550.0, 950.0]),
        (PUSHED, "pushed stamps", [1.25, 320.0, 600.0]),
        (DOCUMENTS, "pushed documents", [1.25, 320.0, 600.0]),
        (NEWEST_DOCUMENTS, "newest document, with push", [1.15, 270.0, 550.0]),
        (PARKED_DOCUMENTS, "parked, with pushed documents", [1.15, 270.0, 550.0]),
        (PARKED_PUSHED, "parked, with pushed stamps", [1.15, 270.0, 550.0]),
        (MERGED, "merge at the server", [1.0, 240.0, 490.0]),
    ] {
        if let Some(cell) = results.usual(offer, false, schedule) {
            let name = format!("usual load, {name}");
            line(&format!("{name}: requests per save"), goals[0], cell.requests(), 2);
            line(&format!("{name}: p95, ms"), goals[1], cell.percentile_ms(95), 0);
            line(&format!("{name}: p99, ms"), goals[2], cell.percentile_ms(99), 0);
        }
    }
    for (offer, name, most) in [
        (NOTHING, "nothing", 1_100.0),
        (PUSHED, "pushed stamps", 750.0),
        (DOCUMENTS, "pushed documents", 750.0),
        (PARKED, "parked", 1_300.0),
    ] {
        if let Some(cell) = results.usual(offer, true, schedule) {
            let name = format!("usual load with faults, {name}: p99, ms");
            line(&name, most, cell.percentile_ms(99), 0);
        }
    }
    (out, missed)
}

/// What the adaptive strategy does.
fn leasing(results: &Results) -> String {
    let mut out = String::from("\n### What the adaptive strategy does\n\n");
    out += "| tills | faults | tills that found leases worth it | and later no longer so |\n|---|---|---|---|\n";
    for (_, faults, _, cells) in results.moments.iter().filter(|row| row.0 == ADAPTIVE) {
        for cell in cells {
            let share = |tills: u64| 100 * tills / cell.tally.edits.max(1);
            let (to, from) = cell.tally.leasing;
            let faults = if *faults { "yes" } else { "no" };
            let tills = cell.setup.tills;
            let _ = writeln!(out, "| {tills} | {faults} | {} % | {} % |", share(to), share(from));
        }
    }
    out
}

/// All tables.
pub fn tables(results: &Results) -> String {
    let mut out = String::new();
    for (offer, faults, (name, _), cells) in &results.moments {
        let _ = writeln!(out, "\n### {name}: {}, {}\n", offered(*offer), faulty(*faults));
        out += "| tills | success | lost | doubled | requests per save | p50 | p95 | p99 | p99 / bound | told \"queued\" |\n";
        out += "|---|---|---|---|---|---|---|---|---|---|\n";
        for cell in cells {
            let _ = writeln!(out, "| {} | {} |", cell.setup.tills, cell.row());
        }
    }
    out += &leasing(results);
    out += "\n## A usual load: 100 tills, 4 per invoice, a pause of 2 s on average\n\n";
    out += "| backend offers | faults | schedule | success | lost | doubled | requests per save | in the background | p50 | p95 | p99 | told \"queued\" |\n";
    out += "|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (offer, faults, (name, _), cell) in &results.usual {
        let faults = if *faults { "yes" } else { "no" };
        let _ = writeln!(out, "| {} | {faults} | {name} | {} |", offered(*offer), cell.row());
    }
    out
}
