//! What is measured: which schedules, how many tills, which loads.

use restamp::core::retry::{Kind, Schedule};

use crate::cell::{measure, Cell};
use crate::world::{Edit, Load, Offer, Push, Setup, Turns};

/// A schedule and what it is called.
pub type Named = (&'static str, Schedule);

/// The backend offers compare-and-set and nothing more.
pub const NOTHING: Offer = Offer { newest: false, pushed: Push::Nothing, turns: Turns::Free };
/// Stale saves are answered with the newest document.
pub const NEWEST: Offer = Offer { newest: true, pushed: Push::Nothing, turns: Turns::Free };
/// The server tells that a document changed.
pub const PUSHED: Offer = Offer { newest: false, pushed: Push::Stamps, turns: Turns::Free };
/// The server tells that a document changed, and sends it along.
pub const DOCUMENTS: Offer = Offer { newest: false, pushed: Push::Documents, turns: Turns::Free };
/// Stale saves are answered with the newest document, and every change is sent along.
pub const NEWEST_DOCUMENTS: Offer =
    Offer { newest: true, pushed: Push::Documents, turns: Turns::Free };
/// Stale saves are answered with the newest document, and the server tells that it changed.
pub const NEWEST_PUSHED: Offer = Offer { newest: true, pushed: Push::Stamps, turns: Turns::Free };

/// The server gives leases; the tills' measured rates say when they are worth it.
pub const ADAPTIVE: Offer = Offer { turns: Turns::Leased, ..NEWEST };
/// A stale save is answered in its turn, with the newest document and a lease.
pub const PARKED: Offer = Offer { turns: Turns::Parked { places: PLACES }, ..NEWEST };
/// The same, and the server tells that a document changed.
pub const PARKED_PUSHED: Offer = Offer { pushed: Push::Stamps, ..PARKED };
/// The same, and sends it along.
pub const PARKED_DOCUMENTS: Offer = Offer { pushed: Push::Documents, ..PARKED };
/// The same as `PARKED` with only four places.
pub const PARKED_FOUR: Offer = Offer { turns: Turns::Parked { places: 4 }, ..NEWEST };
/// The server merges.
pub const MERGED: Offer = Offer { turns: Turns::Merged, ..NEWEST };
/// Places for parked saves at one document.
pub const PLACES: usize = 14;

/// How many tills edit one invoice at the same moment.
pub const TILLS: [usize; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/// A till gives an answer up after this long, microseconds.
pub const TIMEOUT_US: u64 = 2_000_000;
/// The same for the usual load with faults.
pub const SHORT_TIMEOUT_US: u64 = 500_000;

const fn of(kind: Kind, base_ms: u64, cap_ms: u64, factor_milli: u64) -> Schedule {
    Schedule { kind, base_ms, cap_ms, factor_milli, attempts_max: None, deadline_ms: None }
}

/// What a till does by default.
pub const DEFAULT: Named = ("**contention** (the default)", Schedule::CONTENTION);
/// The best known one of the baselines.
pub const BASELINE: Named =
    ("full jitter, 30 ms to 5 s (the baseline's)", of(Kind::FullJitter, 30, 5_000, 2_000));

/// Every schedule that is measured.
pub const SCHEDULES: [Named; 7] = [
    DEFAULT,
    BASELINE,
    ("interactive (full jitter, 300 ms to 30 s)", Schedule::INTERACTIVE),
    ("background (full jitter, 1 s to 5 min)", Schedule::BACKGROUND),
    ("decorrelated jitter, 50 ms to 10 s", of(Kind::Decorrelated, 50, 10_000, 2_000)),
    ("frappeOnce (fixed, 100 ms)", of(Kind::Fixed, 100, 100, 1_000)),
    ("odoo (exponential, 100 ms, doubling)", of(Kind::Exponential, 100, 30_000, 2_000)),
];

/// All tills at one invoice, at the same moment.
pub fn one_moment(tills: usize, offer: Offer, schedule: Schedule, faults: bool) -> Setup {
    Setup {
        tills,
        at_one_document: tills,
        load: Load::OneMoment,
        edit: Edit::Row,
        offer,
        schedule,
        faults,
        timeout_us: TIMEOUT_US,
    }
}

/// A hundred tills, four at each invoice, each save followed by a pause of two seconds on average.
pub fn usual(offer: Offer, schedule: Schedule, faults: bool, seconds: u64) -> Setup {
    Setup {
        tills: 100,
        at_one_document: 4,
        load: Load::Usual { think_us: 2_000_000, until_us: seconds * 1_000_000 },
        timeout_us: if faults { SHORT_TIMEOUT_US } else { TIMEOUT_US },
        ..one_moment(100, offer, schedule, faults)
    }
}

/// The cells of one schedule, one for each number of tills, of about so many saves each.
pub fn rows(
    offer: Offer,
    schedule: Schedule,
    faults: bool,
    tills: &[usize],
    saves: usize,
) -> Vec<Cell> {
    let cell = |tills: &usize| {
        let seeds = 0..(saves / tills).max(1) as u64;
        measure(one_moment(*tills, offer, schedule, faults), seeds)
    };
    tills.iter().map(cell).collect()
}
