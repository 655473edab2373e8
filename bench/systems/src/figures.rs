//! What came of a scenario.

/// The figures of one way of doing it, over all seeds.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// What was asked for.
    pub asked: u64,
    /// Done, or rightly told that it cannot be done, without an error.
    pub succeeded: u64,
    /// Held for done, and not there in the end.
    pub lost: u64,
    /// There more often than asked for.
    pub doubled: u64,
    /// Of what was asked for, how much met a conflict.
    pub conflicts: u64,
    /// Requests sent, all of them.
    pub requests: u64,
    /// From asking until it was known to be done, microseconds.
    pub times_us: Vec<u64>,
}

impl Figures {
    /// Adds another world's.
    pub fn add(&mut self, other: Figures) {
        self.asked += other.asked;
        self.succeeded += other.succeeded;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.conflicts += other.conflicts;
        self.requests += other.requests;
        self.times_us.extend(other.times_us);
    }

    /// All worlds of these seeds together.
    pub fn of(seeds: u64, run: impl Fn(u64) -> Figures) -> Figures {
        let mut sum = Figures::default();
        for seed in 0..seeds {
            sum.add(run(seed));
        }
        sum.times_us.sort_unstable();
        sum
    }

    /// Whether nothing was lost or doubled.
    pub fn is_right(&self) -> bool {
        self.lost == 0 && self.doubled == 0
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.times_us.len() * percent).div_ceil(100).max(1);
        self.times_us.get(rank - 1).map_or(f64::NAN, |time| *time as f64 / 1_000.0)
    }

    /// A row of a Markdown table, without its name.
    pub fn row(&self) -> String {
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        format!(
            "{:.1} % | {:.1} % | {:.1} % | {:.0} ms | {:.0} ms | {:.2}",
            percent(self.succeeded, self.asked),
            percent(self.lost, self.succeeded),
            percent(self.doubled, self.succeeded),
            self.percentile_ms(50),
            self.percentile_ms(99),
            self.requests as f64 / self.succeeded.max(1) as f64
        )
    }
}
