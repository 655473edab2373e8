//! How contended one document is, by two measured rates, and which strategy follows from them.
//!
//! Both rates are exponentially weighted (each try counts a tenth, what was before nine tenths),
//! in millionths:
//!
//! - the **first** rate: saves whose stamp was stale at their first try. It says that a document
//!   is *shared*: somebody changed it since it was loaded, maybe long ago;
//! - the **again** rate: tries on a copy that was fresh, and stale all the same. It says that it
//!   is *contended*: others save at this very moment, so taking turns costs less than trying.
//!
//! What is told with [`Rates::note`], and when:
//!
//! | what happened | `first` | `stale` |
//! |---|---|---|
//! | the first try of a save was answered | true | whether it was stale |
//! | a try on a copy that was loaded for it was answered | false | whether it was stale |
//! | a lease was asked for | false | whether somebody else held it |
//! | the copy that came with a lease, for the first try of a save | true | whether it is news |
//!
//! With leases hardly any save is stale, so a lease that had to be waited for counts in its place:
//! somebody else was at it at the same moment. What proves nothing (no answer, busy, refused) is
//! not told.

use super::policy::{Measure, Thresholds};

/// Whether others are kept out while somebody saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Nobody is; a conflict is merged and sent again.
    #[default]
    Optimistic,
    /// A lease on the document first.
    Pessimistic,
}

impl Strategy {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Strategy::Optimistic => "optimistic",
            Strategy::Pessimistic => "pessimistic",
        }
    }
}

/// A rate of one.
pub const MILLION: u32 = 1_000_000;
/// The weight of one try is one of this.
const WEIGHT: u32 = 10;

/// The measured rates of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    first: u32,
    again: u32,
    all: u32,
    /// Saves since the strategy was changed; `None` if it never was.
    since_change: Option<u32>,
}

impl Rates {
    /// One try was answered: see the table above.
    pub fn note(&mut self, first: bool, stale: bool) {
        let rate = match first {
            true => &mut self.first,
            false => &mut self.again,
        };
        *rate = weighed(*rate, stale);
        self.all = weighed(self.all, stale);
        if first {
            self.since_change = self.since_change.map(|saves| saves.saturating_add(1));
        }
    }

    /// The strategy for the next save, if `current` was that of the last one.
    ///
    /// The answer follows from what was noted, `current` and `thresholds` alone. Leases begin when
    /// the rate reaches the upper threshold and end when it is below the lower one; in between it
    /// stays as it is. After a change the answer stays for `saves_min` saves at least. An answer
    /// that differs from `current` counts as a change.
    pub fn choose(&mut self, current: Strategy, thresholds: &Thresholds) -> Strategy {
        if self.since_change.is_some_and(|saves| saves < thresholds.saves_min) {
            return current;
        }
        let rate = self.of(thresholds.measure);
        let next = match current {
            Strategy::Optimistic if rate >= thresholds.lease_from => Strategy::Pessimistic,
            Strategy::Pessimistic if rate < thresholds.optimistic_below => Strategy::Optimistic,
            Strategy::Optimistic | Strategy::Pessimistic => current,
        };
        if next != current {
            self.since_change = Some(0);
        }
        next
    }

    /// A rate, in millionths.
    #[must_use]
    pub fn of(&self, measure: Measure) -> u32 {
        match measure {
            Measure::First => self.first,
            Measure::Again => self.again,
            Measure::All => self.all,
        }
    }
}

/// An exponentially weighted mean. What division leaves over goes towards the new value, so that
/// nought and one are reached.
fn weighed(rate: u32, stale: bool) -> u32 {
    match stale {
        true => rate + (MILLION - rate).div_ceil(WEIGHT),
        false => rate - rate.div_ceil(WEIGHT),
    }
}
