//! One cell of a table: a setup, run with as many seeds as its figures need.

use crate::chance::ROUND_TRIP_MEDIAN_US;
use crate::server::SAVE_US;
use crate::world::{run, Load, Setup, Tally};

/// The figures of one cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What was run.
    pub setup: Setup,
    /// The worlds' tallies, added up; times in order.
    pub tally: Tally,
}

/// Runs the worlds of these seeds.
pub fn measure(setup: Setup, seeds: std::ops::Range<u64>) -> Cell {
    let mut tally = Tally::default();
    for seed in seeds {
        let one = run(&setup, seed);
        tally.edits += one.edits;
        tally.succeeded += one.succeeded;
        tally.lost += one.lost;
        tally.doubled += one.doubled;
        tally.requests += one.requests;
        tally.background += one.background;
        tally.queued += one.queued;
        tally.leasing.0 += one.leasing.0;
        tally.leasing.1 += one.leasing.1;
        tally.times_us.extend(one.times_us);
    }
    tally.times_us.sort_unstable();
    Cell { setup, tally }
}

impl Cell {
    /// Share of edits that were stored without an error or a question shown, percent.
    pub fn success(&self) -> f64 {
        100.0 * self.tally.succeeded as f64 / self.tally.edits.max(1) as f64
    }

    /// Whether no edit failed, was lost or is there twice.
    pub fn is_right(&self) -> bool {
        let tally = &self.tally;
        tally.succeeded == tally.edits && tally.lost == 0 && tally.doubled == 0
    }

    /// Requests that saves waited for, per stored save.
    pub fn requests(&self) -> f64 {
        self.tally.requests as f64 / self.tally.succeeded.max(1) as f64
    }

    /// Requests that nobody waited for, per stored save.
    pub fn background(&self) -> f64 {
        self.tally.background as f64 / self.tally.succeeded.max(1) as f64
    }

    /// Share of saves whose promise was answered "queued" first, percent.
    pub fn queued(&self) -> f64 {
        100.0 * self.tally.queued as f64 / self.tally.edits.max(1) as f64
    }

    /// A percentile of the time to commit (nearest rank), ms.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let times = &self.tally.times_us;
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).map_or(f64::NAN, |time| *time as f64 / 1_000.0)
    }

    /// The 99th percentile as a multiple of the bound: all saves one after another, and one round
    /// trip.
    pub fn multiple(&self) -> f64 {
        let bound_us = self.setup.tills as u64 * SAVE_US + ROUND_TRIP_MEDIAN_US;
        self.percentile_ms(99) * 1_000.0 / bound_us as f64
    }

    /// A row of a Markdown table.
    pub fn row(&self) -> String {
        let tally = &self.tally;
        let ms = |percent| self.percentile_ms(percent);
        let figures = match self.setup.load {
            Load::OneMoment => format!(
                "{:.1} | {:.2} s | {:.2} s | {:.2} s | {:.1}",
                self.requests(),
                ms(50) / 1_000.0,
                ms(95) / 1_000.0,
                ms(99) / 1_000.0,
                self.multiple()
            ),
            Load::Usual { .. } | Load::Quick { .. } => format!(
                "{:.2} | {:.2} | {:.0} ms | {:.0} ms | {:.0} ms",
                self.requests(),
                self.background(),
                ms(50),
                ms(95),
                ms(99)
            ),
        };
        format!(
            "{:.*} % | {} | {} | {figures} | {:.0} %",
            usize::from(tally.succeeded != tally.edits),
            self.success(),
            tally.lost,
            tally.doubled,
            self.queued()
        )
    }
}
