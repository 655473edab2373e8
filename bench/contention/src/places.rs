//! When a parked save that found no room should come again: the server spreads those that it sends
//! away over the turns to come, so that its queue is never empty and nobody comes in vain.

/// What a turn is taken to last before one was measured, microseconds.
const TURN_US: u64 = 95_000;
/// The weight of one turn is one of this.
const WEIGHT: u64 = 10;

/// The turns of one document.
#[derive(Debug, Default)]
pub struct Places {
    measured_us: Option<u64>,
    promised: u64,
}

impl Places {
    /// A turn was over after this long.
    pub fn note(&mut self, lasted_us: u64) {
        let average = |so_far: u64| (so_far * (WEIGHT - 1) + lasted_us) / WEIGHT;
        self.measured_us = Some(self.measured_us.map_or(lasted_us, average));
    }

    /// A save finds all `places` taken: how long until it has one. Each gets a turn of its own, the
    /// first when half of the places are free, so that neither comes too soon nor finds it idle.
    pub fn promise(&mut self, now: u64, places: usize) -> u64 {
        let turn_us = self.measured_us.unwrap_or(TURN_US);
        let soonest = now + turn_us * places as u64 / 2;
        self.promised = self.promised.max(soonest) + turn_us;
        self.promised - now
    }
}
