//! Random transfers among 20 wallets by 50 tills: the sum never changes, no wallet is below zero,
//! every acknowledged transfer happened once and every other one not at all.

use std::collections::BTreeMap;

use restamp::core::amount::{decimal, Decimal};
use restamp::core::call::{Answered, CommitOutcome};
use restamp::core::transaction::{Outcome, Strategy, Terms};
use restamp::core::transfer::{Transfer, FIELD};

use crate::task::Ended;
use crate::world::{patient, World, NONE, ROUGH};

const WALLETS: u64 = 20;
const TILLS: usize = 50;
const EACH: u64 = 6;

fn run(seed: u64, rough: bool, strategy: Strategy, hasty: bool) {
    let mut world = World::new(seed, if rough { ROUGH } else { NONE });
    world.server.conserved = Some(FIELD);
    let mut expected: BTreeMap<String, Decimal> = BTreeMap::new();
    for wallet in 0..WALLETS {
        let (key, cents) = (format!("W{wallet:02}"), world.chance.below(20_000));
        let held = format!("{}.{:02}", cents / 100, cents % 100);
        let document = match wallet % 2 {
            0 => format!(r#"{{"owner":"ü {wallet}","balance":{held}}}"#),
            _ => format!(r#"{{"balance":"{held}","owner":null}}"#),
        };
        world.server.put(&key, &document);
        expected.insert(key, decimal(&held).unwrap());
    }
    let mut wanted = Vec::new();
    for till in 0..TILLS {
        for _ in 0..EACH {
            let from = format!("W{:02}", world.chance.below(WALLETS));
            let to = format!("W{:02}", world.chance.below(WALLETS));
            let cents = 1 + world.chance.below(9_000);
            let amount = format!("{}.{:02}", cents / 100, cents % 100);
            let Ok(transfer) = Transfer::new(&from, &to, &amount, FIELD) else {
                assert_eq!(from, to);
                continue;
            };
            let at = world.chance.below(20_000);
            let terms = Terms { strategy, ..patient(till) };
            let defaults = Terms::new("till");
            let terms = match hasty {
                true => Terms {
                    attempts_max: defaults.attempts_max,
                    schedule: defaults.schedule,
                    doubt: restamp::core::retry::Schedule {
                        attempts_max: Some(2),
                        ..defaults.doubt
                    },
                    queue: defaults.queue,
                    ..terms
                },
                false => terms,
            };
            let keys = transfer.keys();
            let plan = transfer.clone();
            let task = world.transact(at, &keys, terms, move |seen| {
                plan.plan(seen).map_err(|refusal| refusal.code().to_owned())
            });
            wanted.push((task, from, to, decimal(&amount).unwrap()));
        }
    }
    world.run();
    let (mut committed, mut doubted) = (0, 0);
    let mut why: BTreeMap<&str, usize> = BTreeMap::new();
    for (task, from, to, amount) in wanted {
        let happened = match &world.ended[task] {
            Some(Ended::Transaction(Outcome::Committed { .. })) => true,
            Some(Ended::Transaction(Outcome::Refused(reason))) => {
                assert_eq!(reason, "insufficient");
                false
            }
            Some(Ended::Transaction(Outcome::GaveUp(gave_up))) if hasty => {
                *why.entry(gave_up.why.code()).or_default() += 1;
                match &gave_up.in_doubt {
                    Some(token) => {
                        doubted += 1;
                        let known = world.server.tokens.get(token).map(|(_, answer)| answer);
                        matches!(known, Some(Answered::Commit(CommitOutcome::Committed { .. })))
                    }
                    None => false,
                }
            }
            other => panic!("seed {seed}: {other:?} {:?}", world.steps[task]),
        };
        if happened {
            committed += 1;
            *expected.get_mut(&from).unwrap() -= amount;
            *expected.get_mut(&to).unwrap() += amount;
        }
    }
    assert_eq!(committed, world.server.commits, "seed {seed}: each once ({doubted} in doubt)");
    for (key, held) in expected {
        assert_eq!(world.server.held(&key, FIELD), held, "seed {seed}: {key}");
    }
    assert!(committed > 30, "seed {seed}: {committed}");
}

#[test]
fn transfers_without_locks() {
    (0..30).for_each(|seed| run(seed, seed % 4 != 0, Strategy::Optimistic, false));
}

#[test]
fn transfers_with_leases() {
    (0..30).for_each(|seed| run(seed, seed % 4 != 0, Strategy::Pessimistic, false));
}

#[test]
fn transfers_as_the_rate_of_conflicts_says() {
    (0..30).for_each(|seed| {
        run(seed, seed % 4 != 0, Strategy::Adaptive { contended: seed % 2 == 0 }, false);
    });
}

#[test]
fn who_gives_up_says_truly_whether_it_may_have_happened() {
    for seed in 0..12 {
        run(seed, true, Strategy::Optimistic, true);
        run(seed, true, Strategy::Pessimistic, true);
    }
}
