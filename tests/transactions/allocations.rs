//! Five tills take 100 each out of 300 in layers: three get it, two are told the shortage.

use std::cell::RefCell;
use std::rc::Rc;

use restamp::core::allocation::{plan, quantity, Allocation, Fields};
use restamp::core::amount::Decimal;
use restamp::core::transaction::{Outcome, Strategy, Terms};

use crate::chance::Chance;
use crate::task::Ended;
use crate::world::{patient, World, NONE, ROUGH};

/// The layers' keys; together they hold 300.
fn layers(world: &mut World) -> Vec<String> {
    let mut chance = Chance(world.chance.next());
    let mut left = 300;
    let mut keys = Vec::new();
    while left > 0 {
        let held = left.min(20 + chance.below(130));
        left -= held;
        let (key, day) = (format!("L{}", keys.len()), 1 + chance.below(28));
        let (cents, minor) = (chance.below(100_000), chance.below(100));
        // Half of them have numbers, half texts.
        let document = match keys.len() % 2 {
            0 => format!(
                r#"{{"quantity":{held},"value":{cents}.{minor:02},"created":"2026-01-{day:02}"}}"#
            ),
            _ => format!(
                r#"{{"created":"2026-01-{day:02}","value":"{cents}.{minor:02}","quantity":"{held}.0"}}"#
            ),
        };
        world.server.put(&key, &document);
        keys.push(key);
    }
    keys
}

fn run(seed: u64, rough: bool, strategy: Strategy) {
    let mut world = World::new(seed, if rough { ROUGH } else { NONE });
    let keys = layers(&mut world);
    let value = world.server.sum("value");
    let mut taken: Vec<Rc<RefCell<Option<Allocation>>>> = Vec::new();
    for till in 0..5 {
        let at = world.chance.below(300);
        let terms = Terms { strategy, ..patient(till) };
        let wanted = quantity("100").unwrap();
        let last = Rc::new(RefCell::new(None));
        taken.push(last.clone());
        world.transact(at, &keys, terms, move |seen| {
            match plan(wanted, &Fields::default(), seen) {
                Ok((documents, allocation)) => {
                    *last.borrow_mut() = Some(allocation);
                    Ok(documents)
                }
                Err(refusal) => Err(format!("{}: {}", refusal.code(), refusal.short().unwrap())),
            }
        });
    }
    world.run();
    let mut got = 0;
    let mut worth = Decimal::ZERO;
    for (ended, taken) in world.ended.iter().zip(&taken) {
        match ended {
            Some(Ended::Transaction(Outcome::Committed { .. })) => {
                got += 1;
                worth += taken.borrow().as_ref().expect("what was taken").value;
            }
            Some(Ended::Transaction(Outcome::Refused(reason))) => {
                assert_eq!(reason, "shortage: 100", "seed {seed}");
            }
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert_eq!(worth, value, "seed {seed}: all of the value went out, and no more");
    assert_eq!(got, 3, "seed {seed}");
    assert_eq!(world.server.commits, 3, "seed {seed}: each of them once");
    for key in &keys {
        assert!(world.server.held(key, "quantity") == Decimal::ZERO, "seed {seed}: {key}");
        assert!(world.server.held(key, "value") == Decimal::ZERO, "seed {seed}: {key}");
    }
}

#[test]
fn of_five_tills_three_get_it_and_two_are_told_the_shortage() {
    let strategies =
        [Strategy::Optimistic, Strategy::Pessimistic, Strategy::Adaptive { contended: false }];
    for seed in 0..1_000 {
        run(seed, seed % 4 != 0, strategies[seed as usize % 3]);
    }
}
