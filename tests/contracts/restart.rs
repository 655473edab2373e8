//! The page dies between any two effects: what the journal holds so far comes back, goes on, and
//! the server's document is right.

use restamp::core::call::Call;
use restamp::core::event::{Effect, Event};
use restamp::core::journal::{replay, JournalError};
use restamp::core::policy::Policy;
use restamp::core::till::{RestoreError, Till};
use serde_json::{json, Value};

use crate::desk::{policy, profile, qty, raise, rows, Desk, D};

/// What a cashier does, what goes wrong, in one story. `None` where the page died.
fn story(
    desk: &mut Desk,
    create: bool,
    step: &mut dyn FnMut(&mut Desk, &dyn Fn(&mut Desk)) -> bool,
) {
    let acts: Vec<Box<dyn Fn(&mut Desk)>> = vec![
        Box::new(move |desk| {
            if create {
                desk.create(json!({"items": [
                    {"posa_row_id": "r1", "item_code": "COLA", "qty": 1, "rate": 10},
                    {"posa_row_id": "r2", "item_code": "CAKE", "qty": 2, "rate": 5}]}));
            }
        }),
        Box::new(|desk| desk.scan("r1")),
        Box::new(|desk| desk.add("m1", "TEA")),
        Box::new(|desk| {
            desk.save();
        }),
        Box::new(|desk| desk.lose_answer()),
        Box::new(|desk| desk.scan("r1")),
        Box::new(|desk| desk.deliver()),
        Box::new(|desk| {
            desk.save();
        }),
        Box::new(|desk| {
            let key = desk.server.keys()[0].clone();
            desk.server.change(&key, |doc| raise(doc, "r2", 1));
        }),
        Box::new(deliver),
        Box::new(|desk| desk.scan("m1")),
        Box::new(deliver),
        Box::new(|desk| {
            desk.save();
        }),
        Box::new(deliver),
        Box::new(deliver),
        Box::new(deliver),
        Box::new(deliver),
        Box::new(deliver),
        Box::new(deliver),
    ];
    for act in &acts {
        if !step(desk, act.as_ref()) {
            return;
        }
    }
}

fn deliver(desk: &mut Desk) {
    if !desk.calls.is_empty() {
        desk.deliver();
    }
}

/// Runs the story, lets the page die after the n-th effect, and goes on from the journal.
fn dies_after(effects: usize, create: bool, with_token: bool) -> bool {
    let policy = Policy { profile: profile(with_token), ..policy() };
    let mut desk = if create { Desk::new(policy) } else { Desk::open_with(policy) };
    if create {
        desk.server.delete("D1");
    }
    desk.effects.clear();
    let mut died = false;
    story(&mut desk, create, &mut |desk, act| {
        act(desk);
        died = desk.effects.len() >= effects;
        !died
    });
    if !died {
        return false;
    }
    // What was done before the page died, as far as it is durable.
    let before = desk.till.drafts().first().map(|_| desk.doc());
    let kept: Vec<Vec<u8>> = desk.effects[..effects]
        .iter()
        .filter_map(|effect| match effect {
            Effect::Journal(entry) => Some(entry.clone()),
            _ => None,
        })
        .collect();
    let whole = kept.len() == desk.journal.len();
    desk.journal = kept;
    // Calls whose effect was not reached were never made; those before it stay made.
    desk.restart();
    if desk.till.drafts().is_empty() {
        return true; // nothing of the draft was on disk yet, or nothing is unsaved
    }
    desk.save();
    desk.settle();
    let at = format!("after {effects} effects, create {create}, token {with_token}");
    assert_eq!(desk.status(), "clean", "{at}: {:?}", desk.conflicts());
    let keys = desk.server.keys();
    assert_eq!(keys.len(), 1, "{at}");
    let stored = desk.server.doc(&keys[0]).expect("it");
    if whole {
        let before: Value = before.expect("a draft");
        assert_eq!(qty(&before, "r1"), qty(&stored, "r1"), "{at}");
        let rows_before = rows(&before);
        assert_eq!(rows_before, rows(&stored), "{at}");
        if rows_before.contains(&"m1".to_owned()) {
            assert_eq!(qty(&before, "m1"), qty(&stored, "m1"), "{at}");
        }
    } else {
        let steps: i64 = qty(&stored, "r1").parse().expect("a number");
        assert!((1..=3).contains(&steps), "{at}: {stored}");
    }
    true
}

#[test]
fn the_page_may_die_between_any_two_effects() {
    for create in [false, true] {
        for with_token in [true, false] {
            let mut effects = 1;
            while dies_after(effects, create, with_token) {
                effects += 1;
            }
            assert!(effects > 25, "only {effects}");
        }
    }
}

#[test]
fn what_was_sent_is_the_same_bytes_after_a_restart() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.add("m1", "TEA");
    desk.remove("r2");
    desk.set("customer", json!("Som\u{1F600}chai \"x\""));
    desk.save();
    let Call::Update(first) = desk.call().clone() else { panic!() };
    desk.scan("r1");
    desk.restart();
    assert!(matches!(desk.call(), Call::Load { .. }), "in doubt: look first");
    desk.deliver();
    let Call::Update(again) = desk.call() else { panic!() };
    assert_eq!(*again, first);
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "3");
}

/// Stale, and the page dies before the newest copy is here: nothing is asked that need not be.
#[test]
fn a_refused_save_is_not_in_doubt_after_a_restart() {
    let mut desk = Desk::open_with(Policy { profile: profile(false), ..policy() });
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.deliver();
    desk.restart();
    desk.settle();
    assert!(desk.conflicts().is_empty(), "{:?}", desk.conflicts());
    assert_eq!(qty(&desk.stored(), "r1"), "3", "and the wish goes on by itself");
}

#[test]
fn a_wish_that_waits_goes_on_after_a_restart() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    while desk.status() != "waiting" {
        desk.other_till(|doc| raise(doc, "r2", 1));
        desk.deliver(); // stale
        if !desk.calls.is_empty() {
            desk.deliver(); // the newest copy
        }
    }
    desk.restart();
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.status(), "clean");
}

#[test]
fn edits_that_nobody_asked_to_save_are_not_sent_after_a_restart() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.restart();
    desk.settle();
    assert_eq!((desk.status(), desk.saves()), ("dirty", 0));
    assert_eq!(qty(&desk.doc(), "r1"), "2");
}

#[test]
fn what_is_on_the_server_leaves_the_journal() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.settle();
    let left = replay(desk.journal.iter().map(Vec::as_slice)).expect("a journal");
    assert!(left.drafts.is_empty());
}

#[test]
fn another_format_is_refused_never_guessed() {
    let restore = |entries: &[&[u8]]| {
        Till::restore(policy(), entries.iter().copied(), D).map(|till| till.drafts().len())
    };
    let state: &[u8] = br#"{"v":1,"entry":"state","id":"a","base":{},"edits":[],"conflicts":[]}"#;
    assert_eq!(restore(&[state]), Ok(1));
    let other: &[u8] = br#"{"v":3,"entry":"state","id":"a","base":{},"edits":[],"conflicts":[]}"#;
    for (entries, error) in [
        (vec![state, other], JournalError::UnknownFormat(1)),
        (vec![state, b"{}"], JournalError::UnknownFormat(1)),
        (vec![state, b"\xff\xfe"], JournalError::Broken(1)),
        (vec![state, br#"{"v":1,"entry":"state""#], JournalError::Broken(1)),
        (
            vec![br#"{"v":1,"entry":"edited","id":"b","revision":1,"op":{}}"#],
            JournalError::Broken(0),
        ),
        (vec![br#"{"v":1,"entry":"what","id":"b"}"#], JournalError::Broken(0)),
    ] {
        assert_eq!(restore(&entries), Err(RestoreError::Journal(error)));
    }
    let broken: &[u8] = br#"{"v":1,"entry":"state","id":"a","base":[],"edits":[],"conflicts":[]}"#;
    assert!(matches!(restore(&[broken]), Err(RestoreError::Document(..))));
}

/// A journal that 0.1.0 left behind: a sale that was sent and not answered, with a later edit, and
/// a bill that was not asked to be saved.
#[test]
fn a_journal_of_format_1_is_read_and_goes_on() {
    let base = desk_base();
    let scan = r#"{"op":"increment","path":"items[r1].qty","by":"1"}"#;
    let entries: [String; 6] = [
        format!(
            r#"{{"v":1,"entry":"state","id":"a","key":"D1","stamp":"S","base":{base},"edits":[],"conflicts":[]}}"#
        ),
        format!(r#"{{"v":1,"entry":"edited","id":"a","revision":1,"op":{scan}}}"#),
        r#"{"v":1,"entry":"sent","id":"a","sent":1,"token":"t","submit":false,"wanted":1}"#.into(),
        format!(r#"{{"v":1,"entry":"edited","id":"a","revision":2,"op":{scan}}}"#),
        r#"{"v":1,"entry":"wished","id":"a","wanted":2}"#.into(),
        r#"{"v":1,"entry":"state","id":"b","base":{"items":[]},"edits":[],"conflicts":[]}"#.into(),
    ];
    let mut desk = Desk::new(policy());
    let stamp = desk.stored()["modified"].as_str().expect("a stamp").to_owned();
    desk.journal =
        entries.map(|entry| entry.replace("\"S\"", &format!("\"{stamp}\"")).into()).into();
    desk.restart();
    assert!(matches!(desk.call(), Call::Load { .. }), "in doubt: look first");
    let listed = desk.listed();
    assert_eq!(listed, [("D1".into(), "saving", None), ("b".into(), "dirty", None)]);
    assert_eq!(desk.till.outbox()[0].edited_at.0, 0, "format 1 did not say");
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("3".into(), "clean"));
    let short = desk.till.journal();
    assert_eq!(short.len(), 1);
    assert!(short[0].starts_with(br#"{"v":2,"#), "what is written is of format 2");
    let mixed: Vec<Vec<u8>> = desk.journal.clone();
    desk.journal = mixed;
    desk.restart();
    assert_eq!(desk.till.drafts().len(), 1, "both formats in one journal");
}

fn desk_base() -> Value {
    Desk::open().doc()
}

#[test]
fn several_drafts_come_back_in_their_order() {
    let mut desk = Desk::new(policy());
    for n in 1..=3 {
        let draft = restamp::core::event::DraftId(n);
        let document = json!({"items": [], "custom_n": n}).to_string().into_bytes();
        desk.handle(Event::Create { draft, document });
    }
    desk.restart();
    let texts: Vec<Value> = desk
        .till
        .drafts()
        .iter()
        .map(|draft| serde_json::from_slice(&draft.text(&desk.policy)).expect("JSON"))
        .collect();
    let numbers: Vec<&Value> = texts.iter().map(|text| &text["custom_n"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2), &json!(3)]);
}
