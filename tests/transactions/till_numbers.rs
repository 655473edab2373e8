//! The numbers of one till (`core/numbers.rs`): one request at a time, blocks of its own, and a
//! journal that is written before a number is shown.

use std::collections::BTreeMap;

use restamp::core::call::{Answered, Call, NextOutcome};
use restamp::core::event::CallId;
use restamp::core::numbers::{check_reserve, Effect, Numbers, Waiter};
use restamp::core::retry::Schedule;
use restamp::core::sequence::{Outcome, BLOCK_MAX};
use restamp::core::time::Millis;

use crate::chance::Chance;

/// A till that counts, its journal, and a server that knows tokens.
struct Counter {
    numbers: Numbers,
    journal: Vec<Vec<u8>>,
    calls: Vec<(String, CallId, Call)>,
    /// By token: the sequence, the first number, how many.
    blocks: BTreeMap<String, (String, u64, u32)>,
    given: Vec<(Waiter, u64)>,
    failed: Vec<(Waiter, Outcome)>,
    waiters: u32,
    now: u64,
    chance: Chance,
}

impl Counter {
    fn new() -> Counter {
        Counter {
            numbers: Numbers::new(true, Schedule::INTERACTIVE),
            journal: Vec::new(),
            calls: Vec::new(),
            blocks: BTreeMap::new(),
            given: Vec::new(),
            failed: Vec::new(),
            waiters: 0,
            now: 1_000,
            chance: Chance(1),
        }
    }

    fn random(&mut self) -> u128 {
        self.chance.bits()
    }

    /// Carries out the first `most` effects; then the page is gone.
    fn carry_out(&mut self, effects: Vec<Effect>, most: usize) {
        for effect in effects.into_iter().take(most) {
            match effect {
                Effect::Journal(entry) => self.journal.push(entry),
                Effect::Call { name, id, call } => self.calls.push((name, id, call)),
                Effect::Given(waiter, number) => self.given.push((waiter, number)),
                Effect::Failed(waiter, outcome) => self.failed.push((waiter, outcome)),
            }
        }
    }

    fn wish(&mut self, name: &str, reserve: u32) -> Vec<Effect> {
        self.waiters += 1;
        let random = self.random();
        self.numbers.take(name, Waiter(self.waiters), reserve, random)
    }

    fn take(&mut self, name: &str, reserve: u32) {
        let effects = self.wish(name, reserve);
        self.carry_out(effects, usize::MAX);
    }

    /// The server counts, once for each token.
    fn count(&mut self, call: &Call) -> NextOutcome {
        let Call::Next(next) = call else { panic!("{call:?}") };
        let mine = |(name, ..): &&(String, u64, u32)| *name == next.sequence;
        let taken: u64 = self.blocks.values().filter(mine).map(|block| u64::from(block.2)).sum();
        let block = (next.sequence.clone(), taken + 1, next.count);
        let (_, first, count) = self.blocks.entry(next.token.clone()).or_insert(block);
        assert_eq!(*count, next.count, "one token, one request");
        NextOutcome::Numbers { first: *first, count: next.count }
    }

    fn answer(&mut self, outcome: NextOutcome) -> Vec<Effect> {
        let (name, id, _) = self.calls.remove(0);
        self.hear(&name, id, outcome)
    }

    fn hear(&mut self, name: &str, id: CallId, outcome: NextOutcome) -> Vec<Effect> {
        let (now, random) = (Millis(self.now), self.random());
        self.numbers.answered(name, id, Answered::Next(outcome), now, random)
    }

    /// The oldest call reaches the server, and its answer is here.
    fn deliver(&mut self) {
        let call = self.calls[0].2.clone();
        let outcome = self.count(&call);
        let effects = self.answer(outcome);
        self.carry_out(effects, usize::MAX);
    }

    fn wait(&mut self) {
        self.now = self.numbers.next_wake().expect("something is due").0;
        let (now, random) = (Millis(self.now), self.random());
        let effects = self.numbers.wake(now, random);
        self.carry_out(effects, usize::MAX);
    }

    /// The page dies; what is in its journal comes back.
    fn restart(&mut self) {
        self.calls.clear();
        self.numbers = Numbers::new(true, Schedule::INTERACTIVE);
        self.numbers.restore(self.journal.iter().map(Vec::as_slice));
    }

    fn shown(&self) -> Vec<u64> {
        self.given.iter().map(|(_, number)| *number).collect()
    }

    fn tokens(&self) -> Vec<String> {
        let token = |call: &'_ (String, CallId, Call)| -> String {
            let (_, _, Call::Next(next)) = call else { panic!("{call:?}") };
            next.token.clone()
        };
        self.calls.iter().map(token).collect()
    }
}

fn asked_for(call: &Call) -> u32 {
    let Call::Next(next) = call else { panic!("{call:?}") };
    next.count
}

#[test]
fn who_waits_while_a_request_is_under_way_shares_the_next_one() {
    let mut till = Counter::new();
    for _ in 0..5 {
        till.take("c", 0);
    }
    assert_eq!(till.calls.len(), 1, "one request at a time");
    assert_eq!(asked_for(&till.calls[0].2), 1);
    till.deliver();
    assert_eq!((till.calls.len(), asked_for(&till.calls[0].2)), (1, 4));
    till.deliver();
    assert_eq!(till.shown(), [1, 2, 3, 4, 5]);
    let order: Vec<u32> = till.given.iter().map(|(waiter, _)| waiter.0).collect();
    assert_eq!(order, [1, 2, 3, 4, 5], "in the order in which they came");
    assert!(till.calls.is_empty(), "nothing is left over");
}

#[test]
fn sequences_do_not_wait_for_each_other() {
    let mut till = Counter::new();
    till.take("a", 0);
    till.take("b", 0);
    assert_eq!(till.calls.len(), 2);
    till.calls.swap(0, 1);
    till.deliver();
    assert_eq!(till.given, [(Waiter(2), 1)]);
    till.deliver();
    assert_eq!(till.given, [(Waiter(2), 1), (Waiter(1), 1)]);
}

#[test]
fn more_are_asked_for_when_less_than_half_of_the_reserve_is_left() {
    let mut till = Counter::new();
    till.take("c", 10);
    assert_eq!(asked_for(&till.calls[0].2), 10);
    till.deliver();
    for _ in 0..4 {
        till.take("c", 10);
    }
    assert!(till.calls.is_empty(), "five are left: that is half");
    till.take("c", 10);
    assert_eq!(till.calls.len(), 1, "four are left");
    for _ in 0..4 {
        till.take("c", 10);
    }
    assert_eq!(till.shown(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "without the server");
    till.deliver();
    till.take("c", 10);
    assert_eq!(till.given.last(), Some(&(Waiter(11), 11)));
}

/// Wherever the page dies: what was shown is never shown again.
#[test]
fn what_is_left_is_written_before_a_number_is_shown() {
    let all = |till: &mut Counter| {
        let first = till.wish("c", 3);
        till.carry_out(first, usize::MAX);
        let call = till.calls[0].2.clone();
        let outcome = till.count(&call);
        till.answer(outcome)
    };
    let effects = all(&mut Counter::new()).len();
    for most in 0..=effects {
        let mut till = Counter::new();
        let answered = all(&mut till);
        till.carry_out(answered, most);
        till.restart();
        for _ in 0..4 {
            till.take("c", 3);
            while !till.calls.is_empty() {
                till.deliver();
            }
        }
        let mut shown = till.shown();
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), till.given.len(), "{most} of {effects}: {:?}", till.given);
    }
}

#[test]
fn the_token_is_written_before_the_request_goes_out_and_is_the_same_after_a_crash() {
    let mut till = Counter::new();
    let effects = till.wish("c", 0);
    let kinds: Vec<bool> = effects.iter().map(|it| matches!(it, Effect::Journal(_))).collect();
    assert_eq!(kinds, [true, false], "journal first, send second");
    till.carry_out(effects, usize::MAX);
    let token = till.tokens().remove(0);
    // It was counted, and the page died before it heard of it.
    let call = till.calls[0].2.clone();
    till.count(&call);
    till.restart();
    assert!(till.calls.is_empty(), "nobody wants a number");
    till.take("c", 0);
    assert_eq!(till.tokens(), [token]);
    till.deliver();
    assert_eq!(till.shown(), [1], "no number is lost, none is skipped");
}

#[test]
fn a_lost_answer_is_asked_for_with_its_token() {
    let mut till = Counter::new();
    till.take("c", 0);
    let call = till.calls[0].2.clone();
    till.count(&call);
    let effects = till.answer(NextOutcome::InDoubt);
    till.carry_out(effects, usize::MAX);
    assert!(till.calls.is_empty());
    till.wait();
    assert_eq!(till.calls[0].2, call);
    till.deliver();
    assert_eq!((till.shown(), till.blocks.len()), (vec![1], 1));
}

#[test]
fn given_up_in_doubt_its_token_is_kept_for_the_next_wish() {
    let mut till = Counter::new();
    till.take("c", 0);
    let call = till.calls[0].2.clone();
    till.count(&call);
    while till.failed.is_empty() {
        if till.calls.is_empty() {
            till.wait();
        } else {
            let effects = till.answer(NextOutcome::InDoubt);
            till.carry_out(effects, usize::MAX);
        }
    }
    assert_eq!(till.failed, [(Waiter(1), Outcome::GaveUp { in_doubt: true })]);
    till.restart();
    till.take("c", 0);
    assert_eq!(till.calls[0].2, call);
    till.deliver();
    assert_eq!(till.shown(), [1]);
}

#[test]
fn refused_all_who_wait_are_told_and_nothing_is_kept() {
    let mut till = Counter::new();
    for _ in 0..3 {
        till.take("c", 8);
    }
    let no = restamp::core::call::Rejection::invalid("no");
    let effects = till.answer(NextOutcome::Rejected(no.clone()));
    till.carry_out(effects, usize::MAX);
    let told: Vec<u32> = till.failed.iter().map(|(waiter, _)| waiter.0).collect();
    assert_eq!(told, [1, 2, 3]);
    assert!(till.failed.iter().all(|(_, outcome)| *outcome == Outcome::Rejected(no.clone())));
    assert!(till.calls.is_empty() && till.numbers.next_wake().is_none(), "nobody asks any more");
    till.restart();
    assert!(till.numbers.journal().is_empty());
    till.take("c", 0);
    assert_eq!(asked_for(&till.calls[0].2), 1, "a new request, for who waits");
}

#[test]
fn a_backend_that_does_not_count_is_not_asked() {
    let mut till = Counter::new();
    till.numbers = Numbers::new(false, Schedule::INTERACTIVE);
    till.take("c", 0);
    assert!(till.calls.is_empty());
    assert!(matches!(&till.failed[..], [(Waiter(1), Outcome::Failed(_))]), "{:?}", till.failed);
}

#[test]
fn late_and_foreign_answers_change_nothing() {
    let mut till = Counter::new();
    till.take("c", 0);
    let (name, id, _) = till.calls[0].clone();
    till.deliver();
    for (name, id) in [(name.as_str(), id), ("c", CallId(99)), ("other", id)] {
        assert_eq!(till.hear(name, id, NextOutcome::Numbers { first: 50, count: 1 }), []);
    }
    till.take("c", 0);
    till.deliver();
    assert_eq!(till.shown(), [1, 2]);
}

#[test]
fn a_reserve_has_a_limit() {
    assert!(check_reserve(0).is_ok() && check_reserve(BLOCK_MAX).is_ok());
    assert!(check_reserve(BLOCK_MAX + 1).is_err());
}

/// Wishes, lost requests and answers, crashes in the middle: no number is shown twice, and without a
/// reserve the only ones missing were on their way to somebody when the page died.
#[test]
fn no_number_is_shown_twice_whatever_gets_lost() {
    for seed in 0..400 {
        let mut chance = Chance(seed);
        let reserve = if seed % 2 == 0 { 0 } else { 1 + chance.below(9) as u32 };
        let mut till = Counter::new();
        till.chance = Chance(seed);
        let mut cut = 0;
        for _ in 0..60 {
            match chance.below(8) {
                0..=2 => till.take("c", reserve),
                3 if !till.calls.is_empty() => {
                    let effects = till.answer(NextOutcome::InDoubt);
                    till.carry_out(effects, usize::MAX);
                }
                4 if !till.calls.is_empty() => {
                    // Counted, answered, and the page dies while it takes the answer.
                    let call = till.calls[0].2.clone();
                    let outcome = till.count(&call);
                    let effects = till.answer(outcome);
                    cut += effects.iter().filter(|it| matches!(it, Effect::Given(..))).count();
                    let most = chance.below(effects.len() as u64 + 1) as usize;
                    till.carry_out(effects, most);
                    till.restart();
                }
                5 => till.restart(),
                _ if !till.calls.is_empty() => till.deliver(),
                _ if till.numbers.next_wake().is_some() => till.wait(),
                _ => {}
            }
        }
        let mut shown = till.shown();
        shown.sort_unstable();
        let count = shown.len();
        shown.dedup();
        assert_eq!(shown.len(), count, "seed {seed}: {:?}", till.given);
        if reserve == 0 {
            let last = shown.last().copied().unwrap_or(0);
            let missing = last - count as u64;
            assert!(missing <= cut as u64, "seed {seed}: {missing} of {last} are gaps, {cut} cut");
        }
    }
}
