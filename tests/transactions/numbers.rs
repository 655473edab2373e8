//! A hundred and a thousand creations at once: different numbers without gaps.

use restamp::core::sequence::{Format, Outcome};

use crate::task::Ended;
use crate::world::{World, ROUGH};

fn run(seed: u64, tills: u64) {
    let mut world = World::new(seed, ROUGH);
    for _ in 0..tills {
        let at = world.chance.below(2_000);
        world.number(at, "customer", 1);
    }
    world.run();
    let format = Format::parse("CUST####").unwrap();
    let mut names = Vec::new();
    for ended in &world.ended {
        match ended {
            Some(Ended::Numbers(Outcome::Reserved(block))) => {
                let mut block = block.clone();
                names.push(format.write(block.take().unwrap()));
                assert_eq!(block.take(), None);
            }
            other => panic!("{other:?}"),
        }
    }
    names.sort_unstable();
    let all: Vec<String> = (1..=tills).map(|number| format.write(number)).collect();
    assert_eq!(names, all, "seed {seed}");
}

#[test]
fn a_hundred_and_a_thousand_creations_get_different_gapless_numbers() {
    for seed in 0..10 {
        run(seed, 100);
    }
    run(10, 1_000);
}

#[test]
fn blocks_do_not_overlap() {
    let mut world = World::new(7, ROUGH);
    for till in 0..40 {
        let at = world.chance.below(500);
        world.number(at, "customer", 1 + till % 9);
    }
    world.run();
    let mut numbers = Vec::new();
    for ended in &world.ended {
        let Some(Ended::Numbers(Outcome::Reserved(block))) = ended else { panic!("{ended:?}") };
        let mut block = block.clone();
        numbers.extend(std::iter::from_fn(|| block.take()));
    }
    numbers.sort_unstable();
    let all: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, all);
}
