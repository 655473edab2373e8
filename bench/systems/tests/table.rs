//! What the table rests on: the originals have the faults that they are known for, and ours have not.

use restamp::core::transaction::Strategy;
use restamp_systems::figures::Figures;
use restamp_systems::originals::{self, Move};
use restamp_systems::ours;
use restamp_systems::table::{scenarios, wrong};

const STRATEGIES: [Strategy; 3] =
    [Strategy::Optimistic, Strategy::Pessimistic, Strategy::Adaptive { contended: false }];

#[test]
fn ours_lose_and_double_nothing_in_any_scenario() {
    for faults in [false, true] {
        let all = scenarios(4, faults);
        assert_eq!(all.len(), 11);
        assert_eq!(wrong(&all), Vec::<String>::new());
        for (title, rows) in &all {
            assert!(rows.len() >= 3, "{title}");
            for (name, figures) in rows {
                assert!(figures.asked > 0, "{title}");
                let done = figures.succeeded == figures.asked;
                assert!(done || name.starts_with("original"), "{title}: {name}");
            }
        }
    }
}

#[test]
fn of_five_sales_three_are_served_and_two_are_told_the_shortage() {
    for strategy in STRATEGIES {
        let figures = Figures::of(20, |seed| ours::allocations(5, 100, 300, strategy, false, seed));
        assert_eq!((figures.succeeded, figures.lost, figures.doubled), (100, 0, 0));
    }
}

/// Setting every field of the request on the newest copy is "the last writer wins".
#[test]
fn the_redis_lock_keeps_one_of_the_edits_that_it_acknowledges() {
    for seed in 0..20 {
        let figures = originals::redis_lock(10, false, seed);
        assert_eq!(figures.lost, figures.succeeded - 1);
        assert!(figures.succeeded < 10, "who finds the lock taken twice gets an error");
    }
}

#[test]
fn without_a_retry_one_of_all_is_stored() {
    let figures = originals::no_lock(10, 10, 0, false, 1);
    assert_eq!((figures.asked, figures.succeeded, figures.lost), (10, 1, 0));
}

#[test]
fn a_transaction_around_one_increment_costs_most_of_the_time() {
    let last = |inside| {
        *Figures::of(4, |s| originals::counter(1_000, inside, false, s)).times_us.last().unwrap()
    };
    assert!(last(true) > 2 * last(false));
}

#[test]
fn two_who_do_not_meet_need_no_second_try() {
    let moves = [Move { at: 0, from: 0, to: 1 }, Move { at: 0, from: 2, to: 3 }];
    assert_eq!(originals::versioned_transfers(&moves, 4, false, 1).requests, 2);
    // The documents, with leases or without, and a commit that gives the leases back.
    for strategy in STRATEGIES {
        let figures = ours::transfers(&moves, 4, strategy, false, 1);
        assert_eq!((figures.succeeded, figures.requests), (2, 4), "{strategy:?}");
    }
}
