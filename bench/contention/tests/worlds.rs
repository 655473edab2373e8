//! The promises of the contention measure, with few tills: nothing fails, is lost or there twice,
//! whatever the schedule and the faults, and the requests are these. The simulation reads no
//! clock and its chance is the same on every machine, so the figures are exact.
#![allow(clippy::unwrap_used)]

use restamp::core::retry::Schedule;
use restamp_contention::cell::measure;
use restamp_contention::plan::{
    one_moment, usual, ADAPTIVE, DOCUMENTS, MERGED, NEWEST, NEWEST_DOCUMENTS, NEWEST_PUSHED,
    NOTHING, PARKED, PARKED_DOCUMENTS, PARKED_PUSHED, PUSHED, SCHEDULES,
};
use restamp_contention::world::{run, Edit, Offer, Setup};

fn requests(tills: usize, offer: Offer) -> u64 {
    let cell = measure(one_moment(tills, offer, Schedule::CONTENTION, false), 0..20);
    assert!(cell.is_right(), "{:?}", cell.tally);
    assert_eq!(cell.tally.edits, 20 * tills as u64);
    cell.tally.requests
}

#[test]
fn a_save_that_nobody_disturbs_is_one_request() {
    for offer in [NOTHING, NEWEST, PUSHED, NEWEST_PUSHED, DOCUMENTS, NEWEST_DOCUMENTS] {
        assert_eq!(requests(1, offer), 20);
    }
}

/// One of two is stored at once; the other is stale, loads and saves again: 4 requests for 2.
#[test]
fn of_two_tills_one_saves_again() {
    assert_eq!(requests(2, NOTHING), 20 * 4);
    // The answer that carries the newest document spares the load.
    assert_eq!(requests(2, NEWEST), 20 * 3);
}

#[test]
fn requests_stay_within_the_goals() {
    for (tills, offer, exact, goal_tenths) in [
        (5, NOTHING, 352, 42),
        (20, NOTHING, 3018, 95),
        (5, NEWEST, 280, 30),
        (20, NEWEST, 2738, 85),
    ] {
        let made = requests(tills, offer);
        assert_eq!(made, exact, "{tills} tills, {offer:?}");
        assert!(made * 10 <= goal_tenths * 20 * tills as u64, "{tills} tills, {offer:?}: {made}");
    }
}

/// Of 20 tills that park two or three come in vain; a server that merges is asked once a save.
#[test]
fn turns_at_the_server_spare_requests() {
    assert_eq!(requests(1, PARKED), 20);
    assert_eq!(requests(2, PARKED), 20 * 3);
    assert_eq!(requests(5, PARKED), 20 * 9);
    assert!(requests(20, PARKED) * 10 <= 21 * 20 * 20);
    for tills in [1, 2, 5, 20] {
        assert_eq!(requests(tills, MERGED), 20 * tills as u64);
    }
}

#[test]
fn turns_at_the_server_lose_nothing() {
    for offer in [PARKED, PARKED_PUSHED, PARKED_DOCUMENTS, MERGED, ADAPTIVE] {
        for faults in [false, true] {
            let cell = measure(one_moment(30, offer, Schedule::CONTENTION, faults), 0..3);
            assert!(cell.is_right(), "{offer:?} {:?}", cell.tally);
            let cell = measure(usual(offer, Schedule::CONTENTION, faults, 20), 0..1);
            assert!(cell.is_right(), "{offer:?} {:?}", cell.tally);
        }
    }
}

#[test]
fn nothing_fails_or_is_lost_or_doubled_with_any_schedule_and_any_fault() {
    for (_, schedule) in SCHEDULES {
        for offer in [NOTHING, NEWEST_PUSHED, DOCUMENTS] {
            for faults in [false, true] {
                let setup = one_moment(10, offer, schedule, faults);
                let cell = measure(setup, 0..2);
                assert!(cell.is_right(), "{setup:?}: {:?}", cell.tally);
            }
        }
    }
}

/// What all tills add to one number is in it, all of it and once.
#[test]
fn a_counter_that_all_raise_is_right() {
    for offer in [NOTHING, NEWEST, PUSHED, NEWEST_PUSHED, DOCUMENTS, NEWEST_DOCUMENTS] {
        let setup = one_moment(20, offer, Schedule::CONTENTION, false);
        // No answer is given up: a counter that moved meanwhile would have to be asked about.
        let setup = Setup { edit: Edit::Counter, timeout_us: 600_000_000, ..setup };
        let cell = measure(setup, 0..3);
        assert!(cell.is_right(), "{:?}", cell.tally);
    }
}

#[test]
fn word_of_changes_spares_most_of_the_requests_of_a_usual_load() {
    let load = |offer| {
        let cell = measure(usual(offer, Schedule::CONTENTION, false, 20), 0..1);
        assert!(cell.is_right(), "{:?}", cell.tally);
        (cell.tally.edits, cell.tally.requests)
    };
    assert_eq!(load(NOTHING), (903, 2357));
    assert_eq!(load(PUSHED), (951, 1130));
    assert_eq!(load(NEWEST_PUSHED), (964, 1100));
    assert_eq!(load(DOCUMENTS), (1011, 1152));
    assert_eq!(load(NEWEST_DOCUMENTS), (965, 1094));
}

#[test]
fn a_usual_load_with_faults_is_right() {
    for offer in [NOTHING, PUSHED, DOCUMENTS, NEWEST_DOCUMENTS] {
        let cell = measure(usual(offer, Schedule::CONTENTION, true, 20), 7..8);
        assert!(cell.is_right(), "{:?}", cell.tally);
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    let setup = one_moment(10, NOTHING, Schedule::CONTENTION, true);
    let (one, two) = (run(&setup, 3), run(&setup, 3));
    assert_eq!((one.requests, &one.times_us), (two.requests, &two.times_us));
    assert_ne!(one.times_us, run(&setup, 4).times_us);
}
