//! When a parked save that found no room should come again: the server spreads those that it sends
//! away over the turns to come, so that its queue is never empty and nobody comes in vain.

/// What a turn is taken to last before one was measured, microseconds.
const TURN_US: u64 = 95_000;
/// The weight of one turn is one of this.
const WEIGHT: u64 = 10;

/// The turns of one document.
#[derive(Debug)]
pub struct Places {
    turn_us: u64,
    promised: u64,
}

impl Default for Places {
    fn default() -> Places {
        Places { turn_us: TURN_US, promised: 0 }
    }
}

impl Places {
    /// A turn was over after this long; one that took for ever says little about the next.
    pub fn note(&mut self, lasted_us: u64) {
        self.turn_us = (self.turn_us * (WEIGHT - 1) + lasted_us.min(2 * self.turn_us)) / WEIGHT;
    }

    /// A save finds all `places` taken: how long until it has one. Each gets a turn of its own, the
    /// first when two thirds of the places are free, so that neither comes too soon nor finds it idle.
    pub fn promise(&mut self, now: u64, places: usize) -> u64 {
        let soonest = now + self.turn_us * places as u64 * 2 / 3;
        self.promised = self.promised.max(soonest) + self.turn_us;
        self.promised - now
    }
}
