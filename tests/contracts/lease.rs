//! Leases, parked saves and merging at the server, as a draft uses them.

use restamp::core::call::{
    Answered, ApplyOutcome, Call, Grant, LeaseOutcome, LoadOutcome, Loaded, SaveOutcome,
};
use restamp::core::contention_rates::Strategy;
use restamp::core::event::{Effect, Event, Outcome};
use restamp::core::policy::{Choice, Offers, Policy, Sharing, Thresholds};
use restamp::core::stamp::Stamp;
use restamp::core::time::{Millis, WAIT_MS_MAX};

use crate::desk::{policy, qty, raise, Desk, D, KEY};

fn leasing(choice: Choice) -> Policy {
    let offers = Offers { leases: true, ..Offers::default() };
    Policy { sharing: Sharing { choice, offers, ..Sharing::default() }, ..policy() }
}

fn merging() -> Policy {
    let offers = Offers { apply: true, ..Offers::default() };
    Policy { sharing: Sharing { offers, ..Sharing::default() }, ..policy() }
}

/// The answer to the only call.
fn answer(desk: &mut Desk, answered: Answered) {
    let (call, _) = desk.calls.remove(0);
    desk.handle(Event::Answered { call, answered });
}

fn grant(fence: &str) -> Grant {
    Grant { fence: fence.to_owned(), ttl: Millis(5_000) }
}

/// The server gives the lease, with the newest copy.
fn give_lease(desk: &mut Desk, fence: &str) {
    assert!(matches!(desk.call(), Call::Lease(_)), "{:?}", desk.call());
    let document = Some(newest(desk));
    answer(desk, Answered::Lease(LeaseOutcome::Granted { grant: grant(fence), document }));
}

fn newest(desk: &Desk) -> Loaded {
    let stamp = Some(Stamp(desk.stored()["modified"].as_str().expect("a stamp").to_owned()));
    let document = desk.stored().to_string().into_bytes();
    Loaded { key: Some(KEY.to_owned()), stamp, document }
}

fn fence_of(call: &Call) -> Option<&str> {
    match call {
        Call::Update(call) => call.fence.as_deref(),
        other => panic!("{other:?}"),
    }
}

/// The save gets through, and what follows it but for what was given back.
fn get_through(desk: &mut Desk) {
    while desk.calls.first().is_some_and(|(_, call)| !matches!(call, Call::Release(_))) {
        desk.deliver_first();
    }
}

/// Leases that were given back.
fn released(desk: &mut Desk) -> Vec<String> {
    let mut fences = Vec::new();
    desk.calls.retain(|(_, call)| match call {
        Call::Release(call) => {
            fences.push(call.fence.clone());
            false
        }
        _ => true,
    });
    fences
}

#[test]
fn a_pessimistic_save_asks_for_the_lease_first_and_gives_it_back() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    let saved = desk.save();
    // Another till was first: the lease brings its copy along.
    desk.other_till(|document| raise(document, "r1", 4));
    give_lease(&mut desk, "7");
    assert_eq!(fence_of(desk.call()), Some("7"));
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { .. })));
    assert_eq!(qty(&desk.stored(), "r1"), "6");
    assert_eq!(released(&mut desk), ["7"]);
}

#[test]
fn a_lease_is_given_back_when_a_person_is_asked() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.set("items[r1].qty", 9.into());
    desk.save();
    desk.other_till(|document| raise(document, "r1", 4));
    give_lease(&mut desk, "7");
    assert_eq!(desk.status(), "conflict");
    assert_eq!(released(&mut desk), ["7"]);
}

#[test]
fn a_lease_is_given_back_while_the_backend_is_busy() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    desk.save();
    give_lease(&mut desk, "7");
    desk.answer(SaveOutcome::Unavailable { retry_after: Some(Millis(9_000)) });
    assert_eq!(released(&mut desk), ["7"]);
    desk.wait();
    give_lease(&mut desk, "8");
    assert_eq!(fence_of(desk.call()), Some("8"), "a new one for the next try");
}

#[test]
fn who_finds_the_document_leased_waits_as_told_and_is_not_kept_waiting_for_ever() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    let saved = desk.save();
    let mut asked = 0;
    while desk.outcome_of(saved).is_none() {
        asked += 1;
        assert!(asked < 20);
        answer(&mut desk, Answered::Lease(LeaseOutcome::Held { retry_after: Some(Millis(300)) }));
        assert_eq!(desk.wait(), 300);
    }
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Queued { .. })));
    give_lease(&mut desk, "9");
    get_through(&mut desk);
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn a_fenced_save_starts_again_with_a_new_lease() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    desk.save();
    give_lease(&mut desk, "7");
    desk.other_till(|document| raise(document, "r2", 1));
    desk.answer(SaveOutcome::Stale {
        current: None,
        document: None,
        fence: None,
        retry_after: None,
    });
    desk.deliver_first(); // the load
    give_lease(&mut desk, "8");
    assert_eq!(fence_of(desk.call()), Some("8"));
    get_through(&mut desk);
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "3".into()));
}

#[test]
fn a_lease_that_is_about_to_end_is_renewed_before_it_is_used() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    desk.save();
    give_lease(&mut desk, "7");
    desk.scan("r1");
    let next = desk.save();
    desk.deliver_first();
    desk.now += 4_000;
    desk.deliver_first();
    let Call::Lease(call) = desk.call().clone() else { panic!("{:?}", desk.call()) };
    assert_eq!(call.holder, desk.till.drafts()[0].id());
    give_lease(&mut desk, "7");
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(next), Some(Outcome::Committed { .. })));
    assert_eq!(released(&mut desk), ["7"], "once, at the end");
}

#[test]
fn where_there_is_no_such_route_it_works_without() {
    let mut desk = Desk::open_with(leasing(Choice::Always(Strategy::Pessimistic)));
    desk.scan("r1");
    let saved = desk.save();
    answer(&mut desk, Answered::Lease(LeaseOutcome::NotSupported));
    assert_eq!(fence_of(desk.call()), None);
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { .. })));
}

#[test]
fn an_adaptive_till_takes_leases_while_fresh_copies_are_stale() {
    let mut desk = Desk::open_with(leasing(Choice::Adaptive(Thresholds::MEASURED)));
    desk.scan("r1");
    desk.save();
    for _ in 0..20 {
        match desk.call() {
            Call::Update(_) => {
                desk.other_till(|document| raise(document, "r2", 1));
                desk.deliver_first();
            }
            Call::Load { .. } => desk.deliver_first(),
            Call::Lease(_) => break,
            other => panic!("{other:?}"),
        }
        if desk.calls.is_empty() {
            desk.wait();
        }
    }
    give_lease(&mut desk, "1");
    let told = desk.effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Strategy { from: Strategy::Optimistic, to: Strategy::Pessimistic, .. }
        )
    });
    assert!(told);
    get_through(&mut desk);
    released(&mut desk);
    // Nobody interferes any more: after a while it works without.
    let mut leases = 0;
    for _ in 0..200 {
        desk.scan("r1");
        desk.save();
        if matches!(desk.call(), Call::Lease(_)) {
            leases += 1;
            give_lease(&mut desk, "2");
        }
        get_through(&mut desk);
        released(&mut desk);
    }
    assert!(leases > 0 && leases < 100, "{leases}");
}

#[test]
fn a_parked_save_is_answered_in_its_turn_and_saves_at_once() {
    let offers = Offers { parking: true, ..Offers::default() };
    let sharing = Sharing { offers, ..Sharing::default() };
    let mut desk = Desk::open_with(Policy { sharing, ..policy() });
    desk.scan("r1");
    let saved = desk.save();
    match desk.call() {
        Call::Update(call) => assert_eq!(call.park, Some(Millis(500))),
        other => panic!("{other:?}"),
    }
    desk.other_till(|document| raise(document, "r1", 4));
    let loaded = newest(&desk);
    desk.answer(SaveOutcome::Stale {
        current: loaded.stamp,
        document: Some(loaded.document),
        fence: Some(grant("5")),
        retry_after: None,
    });
    assert_eq!(fence_of(desk.call()), Some("5"));
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { .. })));
    assert_eq!(qty(&desk.stored(), "r1"), "6");
    assert_eq!(released(&mut desk), Vec::<String>::new(), "it ended with the save");
}

#[test]
fn edits_are_merged_at_the_server_in_one_request() {
    let mut desk = Desk::open_with(merging());
    desk.scan("r1");
    let saved = desk.save();
    let Call::Apply(call) = desk.call().clone() else { panic!("{:?}", desk.call()) };
    assert_eq!((call.ops.len(), call.key.as_str()), (1, KEY));
    desk.other_till(|document| {
        raise(document, "r1", 4);
        raise(document, "r1", 1);
    });
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Applied {
            document,
            incoming: vec!["items[r1].qty".to_owned()],
            reapplied: vec!["items[r1].qty".to_owned()],
            replayed: false,
        }),
    );
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { attempts: 1, .. })));
    assert_eq!(qty(&desk.doc(), "r1"), "6");
    assert_eq!(desk.status(), "clean");
}

#[test]
fn edits_made_while_the_server_merges_stay() {
    let mut desk = Desk::open_with(merging());
    desk.scan("r1");
    desk.save();
    desk.scan("r1");
    desk.other_till(|document| raise(document, "r1", 5));
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Applied {
            document,
            incoming: vec!["items[r1].qty".to_owned()],
            reapplied: Vec::new(),
            replayed: false,
        }),
    );
    assert_eq!(
        qty(&desk.doc(), "r1"),
        "7",
        "one of mine and four of theirs are stored, one is to come"
    );
    assert_eq!(desk.status(), "dirty");
}

#[test]
fn a_lost_answer_of_a_merge_is_asked_for_with_the_same_token_and_bytes() {
    let mut desk = Desk::open_with(merging());
    desk.scan("r1");
    let saved = desk.save();
    let first = desk.call().clone();
    answer(&mut desk, Answered::Apply(ApplyOutcome::InDoubt));
    while desk.calls.is_empty() {
        desk.wait();
    }
    assert_eq!(*desk.call(), first);
    desk.other_till(|document| raise(document, "r1", 1));
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Applied {
            document,
            incoming: Vec::new(),
            reapplied: Vec::new(),
            replayed: true,
        }),
    );
    let last = desk.outcomes.iter().rfind(|(waiter, _)| *waiter == saved);
    assert!(last.is_some() || !desk.concluded.is_empty());
    assert_eq!(desk.status(), "clean");
    assert_eq!(qty(&desk.doc(), "r1"), "2");
}

#[test]
fn what_the_server_asks_is_asked_here_with_what_each_answer_does() {
    let mut desk = Desk::open_with(merging());
    desk.set("items[r1].qty", 9.into());
    desk.save();
    desk.other_till(|document| raise(document, "r1", 4));
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Conflict { conflicts: b"[]".to_vec(), document }),
    );
    assert_eq!(desk.status(), "conflict");
    assert_eq!(desk.conflicts(), [("items[r1].qty".to_owned(), "set-against-change")]);
    assert!(desk.calls.is_empty());
}

#[test]
fn a_server_that_asks_what_nobody_here_would_ask_gets_a_plain_save() {
    let mut desk = Desk::open_with(merging());
    desk.scan("r1");
    desk.save();
    desk.other_till(|document| raise(document, "r2", 4));
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Conflict { conflicts: b"[]".to_vec(), document }),
    );
    assert!(matches!(desk.call(), Call::Update(_)), "{:?}", desk.call());
    get_through(&mut desk);
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    desk.scan("r1");
    desk.save();
    assert!(matches!(desk.call(), Call::Apply(_)), "only that one save");
}

/// On a network that is slower than the lease the next one is asked for twice as long.
#[test]
fn a_lease_that_was_over_too_soon_is_asked_for_longer() {
    let offers = Offers { parking: true, ..Offers::default() };
    let sharing = Sharing { offers, ..Sharing::default() };
    let mut desk = Desk::open_with(Policy { sharing, ..policy() });
    desk.scan("r1");
    desk.save();
    for asked in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
        while !matches!(desk.calls.first(), Some((_, Call::Update(_)))) {
            match desk.calls.first() {
                Some(_) => desk.answer_load(LoadOutcome::Loaded(newest(&desk))),
                None => {
                    desk.wait();
                }
            }
        }
        match desk.call() {
            Call::Update(call) => assert_eq!(call.park, Some(Millis(asked))),
            other => panic!("{other:?}"),
        }
        desk.other_till(|document| raise(document, "r1", 1));
        let loaded = newest(&desk);
        let (current, document) = (loaded.stamp, Some(loaded.document));
        let fence = Some(grant("5"));
        desk.answer(SaveOutcome::Stale { current, document, fence, retry_after: None });
        assert_eq!(fence_of(desk.call()), Some("5"));
        desk.answer(SaveOutcome::Stale {
            current: None,
            document: None,
            fence: None,
            retry_after: None,
        });
    }
}

/// A save that found no place is sent again when the server expects one to be free, whatever the
/// stamp is then, and not before.
#[test]
fn who_finds_no_place_to_be_parked_comes_again_when_told() {
    let offers = Offers { leases: true, parking: true, ..Offers::default() };
    let choice = Choice::Always(Strategy::Optimistic);
    let sharing = Sharing { choice, offers, ..Sharing::default() };
    let mut desk = Desk::open_with(Policy { sharing, ..policy() });
    desk.scan("r1");
    let saved = desk.save();
    for round in 1..=2 {
        desk.other_till(|document| raise(document, "r1", 1));
        let loaded = newest(&desk);
        desk.answer(SaveOutcome::Stale {
            current: loaded.stamp,
            document: Some(loaded.document),
            fence: None,
            retry_after: Some(Millis(700 * round)),
        });
        assert_eq!((desk.status(), desk.calls.len()), ("waiting", 0));
        assert_eq!(desk.wait(), 700 * round);
        match desk.call() {
            Call::Update(call) => assert_eq!(call.park, Some(Millis(500)), "no load before"),
            other => panic!("{other:?}"),
        }
    }
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { .. })));
    assert_eq!(qty(&desk.stored(), "r1"), "4");
}

#[test]
fn who_meets_a_lease_stands_in_line_for_one() {
    let mut desk = Desk::open_with(leasing(Choice::Adaptive(Thresholds::MEASURED)));
    desk.scan("r1");
    let saved = desk.save();
    desk.answer(SaveOutcome::Locked { retry_after: Some(Millis(4_000)) });
    give_lease(&mut desk, "3");
    assert_eq!(fence_of(desk.call()), Some("3"));
    get_through(&mut desk);
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { .. })));
    assert_eq!(released(&mut desk), ["3"]);
    desk.scan("r1");
    desk.save();
    assert_eq!(fence_of(desk.call()), None, "only that once");
}

#[test]
fn a_document_that_others_have_says_nothing_against_the_backend() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    for _ in 0..8 {
        while desk.calls.is_empty() {
            desk.wait();
        }
        desk.answer(SaveOutcome::Locked { retry_after: None });
    }
    let breaks = desk.steps.iter().filter(|step| step.name() == "breaker").count();
    assert_eq!(breaks, 0, "other documents go on");
    desk.drain();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

/// A save that the server merges may be stored whatever its stamp is: word of another's change says
/// nothing against it, and a second one with another token would count twice.
#[test]
fn word_of_another_s_change_does_not_repeat_a_save_that_the_server_merges() {
    let mut desk = Desk::open_with(merging());
    let from = newest(&desk).stamp;
    desk.scan("r1");
    let saved = desk.save();
    desk.other_till(|document| raise(document, "r2", 1));
    let other = newest(&desk);
    let (stamp, document, token) = (other.stamp, Some(other.document), Some("theirs".to_owned()));
    desk.handle(Event::Heard { draft: D, stamp, from, token, document });
    assert_eq!(desk.calls.len(), 1, "{:?}", desk.calls);
    desk.other_till(|document| raise(document, "r1", 1));
    let document = newest(&desk);
    answer(
        &mut desk,
        Answered::Apply(ApplyOutcome::Applied {
            document,
            incoming: vec!["items[r2].qty".to_owned()],
            reapplied: Vec::new(),
            replayed: false,
        }),
    );
    assert!(matches!(desk.outcome_of(saved), Some(Outcome::Committed { attempts: 1, .. })));
    assert_eq!((qty(&desk.doc(), "r1"), desk.status()), ("2".into(), "clean"));
}

/// However far off the server says that our turn is: no timer of a browser waits longer.
#[test]
fn no_turn_that_is_told_is_waited_for_longer_than_any_wait() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| raise(doc, "r2", 1));
    let retry_after = Some(Millis(u64::MAX));
    desk.answer(SaveOutcome::Stale { current: None, document: None, fence: None, retry_after });
    desk.deliver();
    let until = desk.till.next_wake().expect("it waits");
    assert_eq!(until, Millis(desk.now + WAIT_MS_MAX));
}
