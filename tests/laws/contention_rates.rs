//! Laws of the measured rates: what they tend to, and that the strategy does not flap.

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use restamp::core::contention_rates::{Rates, Strategy, MILLION};
use restamp::core::policy::{Measure, Thresholds};

use Strategy::{Optimistic, Pessimistic};

const PRESETS: [Thresholds; 2] = [Thresholds::MEASURED, Thresholds::FIFTH_SYSTEM];

/// What a till does: notes tries, chooses before each save.
fn run(tries: &[(bool, bool)], thresholds: &Thresholds) -> (Rates, Vec<Strategy>) {
    let (mut rates, mut current, mut chosen) = (Rates::default(), Optimistic, Vec::new());
    for &(first, stale) in tries {
        if first {
            current = rates.choose(current, thresholds);
            chosen.push(current);
        }
        rates.note(first, stale);
    }
    (rates, chosen)
}

#[test]
fn each_try_counts_a_tenth() {
    let mut rates = Rates::default();
    let mut seen = Vec::new();
    for stale in [true, true, false, true] {
        rates.note(false, stale);
        seen.push(rates.of(Measure::Again));
    }
    assert_eq!(seen, [100_000, 190_000, 171_000, 253_900]);
    assert_eq!((rates.of(Measure::First), rates.of(Measure::All)), (0, 253_900));
    rates.note(true, true);
    let of = [Measure::First, Measure::Again, Measure::All].map(|measure| rates.of(measure));
    assert_eq!(of, [100_000, 253_900, 328_510]);
}

#[test]
fn leases_begin_with_the_third_fresh_copy_in_a_row_that_is_stale_and_end_below_5_percent() {
    let (mut rates, thresholds) = (Rates::default(), Thresholds::MEASURED);
    for stale_before in 0..3 {
        assert_eq!(rates.choose(Optimistic, &thresholds), Optimistic, "after {stale_before}");
        rates.note(false, true);
    }
    assert_eq!(rates.choose(Optimistic, &thresholds), Pessimistic);
    let mut saves = 0;
    while rates.choose(Pessimistic, &thresholds) == Pessimistic {
        rates.note(true, false);
        rates.note(false, false);
        saves += 1;
    }
    assert_eq!(saves, 17);
    assert!(rates.of(Measure::Again) < 50_000);
}

#[test]
fn a_shared_document_is_leased_by_the_fifth_system_and_not_by_what_contention_costs() {
    let tries: Vec<_> = (0..200).flat_map(|n| [(true, n % 2 == 0), (false, false)]).collect();
    let (rates, chosen) = run(&tries, &Thresholds::MEASURED);
    assert!(rates.of(Measure::First) > 400_000, "{rates:?}");
    assert!(chosen.iter().all(|strategy| *strategy == Optimistic));
    let (_, chosen) = run(&tries, &Thresholds::FIFTH_SYSTEM);
    assert_eq!(chosen.last(), Some(&Pessimistic));
}

#[test]
fn the_first_rate_decides_if_it_is_told_to() {
    let thresholds = Thresholds { measure: Measure::First, ..Thresholds::MEASURED };
    let mut rates = Rates::default();
    rates.note(false, true);
    for _ in 0..3 {
        assert_eq!(rates.choose(Optimistic, &thresholds), Optimistic);
        rates.note(true, true);
    }
    assert_eq!(rates.choose(Optimistic, &thresholds), Pessimistic);
}

/// Quiet and busy stretches, so that both thresholds are crossed many times.
fn tries() -> impl Generator<Value = Vec<(bool, bool)>> {
    let stretch = (any::<bool>(), 0_usize..40);
    let stretches = prop::collection::vec(stretch, 0..20);
    Generator::prop_map((stretches, any::<u64>()), |(stretches, firsts)| {
        let tries = stretches.iter().flat_map(|&(stale, length)| vec![stale; length]);
        tries.enumerate().map(|(at, stale)| (firsts >> (at % 64) & 1 == 1, stale)).collect()
    })
}

proptest! {
    #![proptest_config(super::cases(500))]

    #[test]
    fn a_change_lasts_for_so_many_saves(tries in tries(), saves_min in 0_u32..30) {
        for preset in PRESETS {
            let thresholds = Thresholds { saves_min, ..preset };
            let (_, chosen) = run(&tries, &thresholds);
            let changes: Vec<usize> =
                (1..chosen.len()).filter(|&at| chosen[at] != chosen[at - 1]).collect();
            for pair in changes.windows(2) {
                prop_assert!(pair[1] - pair[0] >= saves_min as usize, "{changes:?}");
            }
        }
    }

    #[test]
    fn between_the_thresholds_nothing_changes(tries in tries(), current in 0..2) {
        let current = [Optimistic, Pessimistic][current as usize];
        for thresholds in PRESETS {
            let (mut rates, _) = run(&tries, &thresholds);
            let rate = rates.of(thresholds.measure);
            if (thresholds.optimistic_below..thresholds.lease_from).contains(&rate) {
                prop_assert_eq!(rates.choose(current, &thresholds), current);
            }
        }
    }

    #[test]
    fn a_rate_stays_a_rate_and_is_that_of_the_last_tries(tries in tries(), stale: bool) {
        let (mut rates, _) = run(&tries, &Thresholds::MEASURED);
        for measure in [Measure::First, Measure::Again, Measure::All] {
            prop_assert!(rates.of(measure) <= MILLION);
        }
        for _ in 0..200 {
            rates.note(true, stale);
            rates.note(false, stale);
        }
        for measure in [Measure::First, Measure::Again, Measure::All] {
            prop_assert_eq!(rates.of(measure), if stale { MILLION } else { 0 });
        }
    }

    #[test]
    fn the_same_tries_lead_to_the_same_choice(tries in tries()) {
        for thresholds in PRESETS {
            prop_assert_eq!(run(&tries, &thresholds), run(&tries, &thresholds));
        }
    }
}
