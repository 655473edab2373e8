//! When a parked save that found no room should come again: those that are sent away are spread over
//! the turns to come, so that the queue is never empty and nobody comes in vain.
//!
//! What is told is a hint, kept in this process: several processes on one database know of their own
//! clients only, and those come a little too soon.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a turn is taken to last before one was measured: a round trip and a save.
const TURN: Duration = Duration::from_millis(95);
/// The weight of one turn is one of this.
const WEIGHT: u32 = 10;
/// Documents that are remembered; beyond, those that nobody waits for are forgotten.
const DOCUMENTS_MAX: usize = 1_000;

/// The turns of all documents.
pub struct Places(Mutex<All>);

struct All {
    /// How long a turn lasts: that depends on the network and the tills, not on the document.
    lasts: Duration,
    documents: HashMap<[String; 2], Turns>,
}

struct Turns {
    /// The last place that was promised.
    promised: Instant,
    /// The turn that is on: its fence, and since when.
    on: Option<(i64, Instant)>,
}

impl Default for Places {
    fn default() -> Self {
        Self(Mutex::new(All { lasts: TURN, documents: HashMap::new() }))
    }
}

impl Places {
    /// A parked save was given the lease.
    pub fn begin(&self, document: [&str; 2], fence: i64) {
        self.all().of(document).on = Some((fence, Instant::now()));
    }

    /// The lease of this fence was used.
    pub fn end(&self, document: [&str; 2], fence: i64) {
        let mut all = self.all();
        if let Some((_, since)) = all.of(document).on.take_if(|(on, _)| *on == fence) {
            // One that took for ever says little about the next.
            let lasted = since.elapsed().min(all.lasts * 2);
            all.lasts = (all.lasts * (WEIGHT - 1) + lasted) / WEIGHT;
        }
    }

    /// A save finds all `places` taken: how long until it has one. Each gets a turn of its own, the
    /// first when two thirds of the places are free, so that neither comes too soon nor finds it idle.
    pub fn promise(&self, document: [&str; 2], places: u32) -> Duration {
        let mut all = self.all();
        let (now, lasts) = (Instant::now(), all.lasts);
        let turns = all.of(document);
        turns.promised = turns.promised.max(now + lasts * places * 2 / 3) + lasts;
        turns.promised - now
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn of(&mut self, document: [&str; 2]) -> &mut Turns {
        let now = Instant::now();
        if self.documents.len() >= DOCUMENTS_MAX {
            self.documents.retain(|_, turns| turns.promised > now || turns.on.is_some());
        }
        let begin = || Turns { promised: now, on: None };
        self.documents.entry(document.map(str::to_owned)).or_insert_with(begin)
    }
}
