//! Runs worlds on all cores, and makes a failing one smaller.

use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};

use restamp::core::defect::{self, Defect};

use crate::limits::{Fault, Limits};
use crate::world::{Ran, World};

/// What many worlds came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    pub worlds: u64,
    pub ran: Ran,
}

/// A world that broke a promise.
#[derive(Debug, Clone)]
pub struct Failure {
    pub seed: u64,
    pub limits: Limits,
    pub words: String,
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST_WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs one world, perhaps with a planted defect. What it came to, or which promise it broke.
pub fn attempt(seed: u64, limits: Limits, planted: Option<Defect>) -> Result<Ran, Failure> {
    listen_to_panics();
    IS_QUIET.set(true);
    defect::plant(planted);
    let ran = catch_unwind(AssertUnwindSafe(|| World::new(seed, limits, false).run()));
    defect::plant(None);
    IS_QUIET.set(false);
    ran.map_err(|_| Failure { seed, limits, words: LAST_WORDS.take() })
}

/// Panics of worlds are kept, not printed: a planted defect makes many.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match IS_QUIET.get() {
            true => LAST_WORDS.set(panic.to_string()),
            false => usual(panic),
        }));
    });
}

/// Runs worlds with the seeds that `next` gives, on all cores, up to the first that fails.
pub fn all(
    next: &(dyn Fn() -> Option<u64> + Sync),
    planted: Option<Defect>,
) -> Result<Sum, Failure> {
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    let has_failed = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !has_failed.load(Ordering::Relaxed) {
                    let Some(seed) = next() else { return };
                    match attempt(seed, Limits::NONE, planted) {
                        Ok(ran) => add(&mut sum.lock().expect("a lock"), ran),
                        Err(failure) => {
                            has_failed.store(true, Ordering::Relaxed);
                            let mut first = failed.lock().expect("a lock");
                            if first.as_ref().is_none_or(|first| failure.seed < first.seed) {
                                *first = Some(failure);
                            }
                        }
                    }
                }
            });
        }
    });
    let sum = *sum.lock().expect("a lock");
    match failed.into_inner().expect("a lock") {
        Some(failure) => Err(failure),
        None => Ok(sum),
    }
}

/// The seeds from `first` up to, not including, `end`.
pub fn seeds(first: u64, end: u64) -> impl Fn() -> Option<u64> + Sync {
    let next = AtomicU64::new(first);
    move || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < end)
}

fn add(sum: &mut Sum, ran: Ran) {
    sum.worlds += 1;
    sum.ran.saves += ran.saves;
    sum.ran.requests += ran.requests;
    sum.ran.edits += ran.edits;
    sum.ran.asked += ran.asked;
    sum.ran.crashes += ran.crashes;
    sum.ran.most_requests = sum.ran.most_requests.max(ran.most_requests);
}

/// The same seed with less of everything that still fails.
pub fn shrink(mut failure: Failure, planted: Option<Defect>) -> Failure {
    loop {
        let now = failure.limits;
        let mut smaller: Vec<Limits> = Vec::new();
        for (fault, _) in Fault::ALL.into_iter().filter(|(fault, _)| now.has(*fault)) {
            smaller.push(now.without(fault));
        }
        for (field, most) in [(0, 4), (1, 5), (2, 3), (3, 18)] {
            let count = [now.devices, now.pages, now.docs, now.acts][field].min(most + 1);
            // From very few up to one less.
            for less in (1..count).filter(|less| *less < 6 || *less + 2 > count) {
                let mut limits = now;
                match field {
                    0 => limits.devices = less,
                    1 => limits.pages = less,
                    2 => limits.docs = less,
                    _ => limits.acts = less,
                }
                smaller.push(limits);
            }
        }
        // The same promise: another one that breaks on the way is another story.
        let place = failure.words.lines().next().map(str::to_owned);
        let is_same = |fails: &Failure| fails.words.lines().next() == place.as_deref();
        let mut tries = smaller.into_iter();
        let fails =
            tries.find_map(|limits| attempt(failure.seed, limits, planted).err().filter(is_same));
        match fails {
            Some(fails) => failure = fails,
            None => return failure,
        }
    }
}

impl Failure {
    /// What to say, with the command that replays it.
    pub fn report(&self, planted: Option<Defect>) -> String {
        let defect =
            planted.map_or(String::new(), |planted| format!("RESTAMP_DEFECT={planted:?} "));
        format!(
            "seed {}: {}\n\nreplay: {defect}RESTAMP_SEED={} RESTAMP_LIMITS={} cargo test --locked \
             --test simulation worlds -- --nocapture",
            self.seed, self.words, self.seed, self.limits
        )
    }
}
