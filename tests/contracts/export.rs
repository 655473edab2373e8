//! What is exported from one till and brought in at another is stored once, whoever sends it
//! first, however often it is brought in.

use restamp::core::event::{DraftId, Misuse, Outcome, Take};
use restamp::core::outbox::ExportError;
use restamp::core::policy::{Policy, TokenSupport};
use serde_json::{json, Value};

use crate::desk::{policy, profile, qty, raise, rows, Desk, D, KEY};

fn weak(token: TokenSupport) -> Policy {
    Policy { profile: profile(false), token, ..policy() }
}

/// Another device at the same server.
fn other_device(desk: &Desk) -> Desk {
    let mut other = Desk::new(desk.policy.clone());
    other.server = desk.server.clone();
    // Its chance is its own.
    other.handle(restamp::core::event::Event::Wake);
    other
}

fn sale() -> Value {
    json!({"customer": "Walk-in", "items": [
        {"posa_row_id": "r1", "item_code": "PIE", "qty": 1, "uom": "Nos", "rate": 4}]})
}

#[test]
fn all_that_is_not_on_the_server_comes_in_and_is_sent_as_it_was_to_be() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.lose_all();
    for n in 2..=3 {
        let document = sale().to_string().into_bytes();
        desk.handle(restamp::core::event::Event::Create { draft: DraftId(n), document });
    }
    desk.save_draft(DraftId(2));
    desk.lose_all();
    desk.park(DraftId(3));
    let text = desk.export();
    let shown: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!((&shown["restamp"], &shown["v"]), (&json!("outbox"), &json!(1)));
    assert_eq!(shown["drafts"].as_array().map(Vec::len), Some(3));

    let mut other = other_device(&desk);
    assert_eq!(other.import(&text, 1), 3);
    let statuses: Vec<&str> = other.till.drafts().iter().map(|draft| draft.status()).collect();
    assert_eq!(statuses, ["saving", "saving", "parked"]);
    assert_eq!(other.import(&text, 9), 0, "they are here already");
    other.restart();
    assert_eq!(other.import(&text, 9), 0, "also after a restart");
    other.drain();
    assert_eq!(qty(&other.stored(), "r1"), "2");
    assert_eq!(other.server.keys().len(), 2, "the parked one waits");
    assert_eq!(other.concluded.len(), 2, "their outcomes are told");

    // Meanwhile the first device gets through too.
    desk.server = other.server.clone();
    desk.drain();
    assert_eq!(qty(&desk.stored(), "r1"), "2");
    assert_eq!(desk.server.keys().len(), 2);
    assert!(desk.conflicts().is_empty());
    assert_eq!(other.import(&text, 20), 0);
    other.restart();
    assert_eq!(other.import(&text, 20), 2, "all but the parked one have left the journal");
    other.drain();
    assert!(other.till.drafts().iter().all(|draft| draft.conflicts().is_empty()));
    assert_eq!((qty(&other.stored(), "r1"), other.server.keys().len()), ("2".into(), 2));
}

/// One story: who saves what when.
#[derive(Debug, Clone, Copy)]
struct Story {
    with_token: bool,
    /// A save is in flight when the export is made.
    sent_before: bool,
    /// Edits between that save and the export, and after the export.
    between: bool,
    later: bool,
    /// Another till raises the same counter, before the second device saves.
    others: bool,
    saver: Saver,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Saver {
    /// The exporting device is done before the text is brought in.
    Here,
    /// Both are under way at once.
    Both,
    /// The other one is done before this one goes on.
    There,
    /// As before, but the save that was in flight is stored first, and its answer is late.
    Late,
}

/// Every order of export, edits, saves and import: no step is counted twice or lost. Where no
/// save carries a token a person may have to tell.
#[test]
fn whoever_saves_first_it_is_stored_once() {
    for saver in [Saver::Here, Saver::Both, Saver::There, Saver::Late] {
        for bits in 0..32 {
            let is = |bit: u32| bits & (1 << bit) > 0;
            tell(Story {
                with_token: is(0),
                sent_before: is(1),
                between: is(2),
                later: is(3),
                others: is(4),
                saver,
            });
        }
    }
}

fn tell(story: Story) {
    let mut desk = Desk::open_with(Policy { profile: profile(story.with_token), ..policy() });
    desk.scan("r1");
    desk.add("m1", "TEA");
    if story.sent_before {
        desk.save();
    }
    if story.between {
        desk.scan("r2");
    }
    let text = desk.export();
    if story.later {
        desk.scan("r2");
    }
    let mut other = other_device(&desk);
    let raise_both = |one: &mut Desk| one.other_till(|doc| raise(doc, "r2", 1));
    let answer = (story.saver == Saver::Late && story.sent_before).then(|| desk.carry_out());
    if matches!(story.saver, Saver::Here | Saver::Both) {
        desk.save();
    }
    if story.saver == Saver::Here {
        desk.drain();
        if story.others {
            raise_both(&mut desk);
        }
    }
    other.server = desk.server.clone();
    assert_eq!(other.import(&text, 1), 1, "{story:?}");
    other.retry(D);
    other.drain();
    // With tokens nobody is asked, as long as nobody saved on top.
    let quiet = story.with_token && !story.others && !story.later;
    assert!(!quiet || other.conflicts().is_empty(), "{story:?}: {:?}", other.conflicts());
    decide(&mut other);
    if story.saver != Saver::Here && story.others {
        raise_both(&mut other);
    }
    desk.server = other.server.clone();
    if let Some(answer) = answer {
        desk.handle(answer);
    }
    desk.save();
    desk.drain();
    assert!(!quiet || desk.conflicts().is_empty(), "{story:?}: {:?}", desk.conflicts());
    decide(&mut desk);
    let doc = desk.stored();
    let r2 = 2 + [story.between, story.later, story.others].iter().filter(|is| **is).count();
    assert_eq!(qty(&doc, "r1"), "2", "{story:?}");
    assert_eq!(qty(&doc, "r2"), r2.to_string(), "{story:?}");
    assert_eq!(rows(&doc), ["r1", "r2", "m1"], "{story:?}");
    assert_eq!((desk.status(), other.status()), ("clean", "clean"), "{story:?}");
}

/// A person who knows that it was stored.
fn decide(desk: &mut Desk) {
    for (path, reason) in desk.conflicts() {
        assert_eq!(reason, "answer-lost");
        desk.resolve(&path, Take::Theirs);
    }
    desk.drain();
}

/// With tokens nobody needs to be asked, as long as nobody else came in between.
#[test]
fn by_its_token_it_is_recognised() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let text = desk.export();
    let mut other = other_device(&desk);
    other.import(&text, 1);
    desk.save();
    desk.drain();
    assert!(desk.is_committed());
    other.server = desk.server.clone();
    let waiter = other.retry(D);
    other.drain();
    assert!(matches!(other.outcome_of(waiter), Some(Outcome::Committed { echoed: true, .. })));
    assert_eq!((qty(&other.stored(), "r1"), other.saves()), ("2".into(), 0));
}

#[test]
fn a_sale_exists_once_also_where_the_server_keeps_no_tokens() {
    for token in [TokenSupport::Field, TokenSupport::None] {
        for here_first in [true, false] {
            let mut desk = Desk::new(weak(token));
            desk.server.delete(KEY);
            desk.server.forgets_tokens = token == TokenSupport::None;
            desk.create(sale());
            let text = desk.export();
            let mut other = other_device(&desk);
            if here_first {
                desk.save();
                desk.drain();
                other.server = desk.server.clone();
            }
            assert_eq!(other.import(&text, 1), 1);
            other.retry(D);
            other.drain();
            if token == TokenSupport::None {
                // Nothing tells whether it was stored: that is a person's decision.
                assert_eq!(other.conflicts(), [("@document".to_owned(), "answer-lost")]);
                other.resolve("@document", if here_first { Take::Theirs } else { Take::Mine });
                other.drain();
            }
            if token != TokenSupport::None {
                desk.server = other.server.clone();
                desk.save();
                desk.drain();
                assert_eq!(desk.status(), "clean");
            } else if !here_first {
                desk.server = other.server.clone();
            }
            assert_eq!(desk.server.keys().len(), 1, "{token:?}, here first: {here_first}");
        }
    }
}

/// An export is durable before it is handed out: the page dies, and what was exported is still
/// not taken for unsent.
#[test]
fn an_export_is_remembered_over_a_restart() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let text = desk.export();
    assert_eq!(desk.export(), text, "the same text while nothing is edited");
    let mut other = other_device(&desk);
    other.import(&text, 1);
    other.retry(D);
    other.drain();
    desk.server = other.server.clone();
    desk.restart();
    desk.save();
    desk.restart();
    desk.drain();
    assert_eq!((qty(&desk.stored(), "r1"), desk.status()), ("2".into(), "clean"));
    assert!(desk.conflicts().is_empty());
}

#[test]
fn a_text_that_is_none_changes_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let text = String::from_utf8(desk.export()).expect("text");
    let mut other = other_device(&desk);
    let journal = other.journal.len();
    let broken = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (text, error) in [
        (String::new(), ExportError::NotAnExport),
        ("{}".into(), ExportError::NotAnExport),
        ("[1]".into(), ExportError::NotAnExport),
        (text[..text.len() - 9].into(), ExportError::NotAnExport),
        (broken("\"outbox\"", "\"inbox\""), ExportError::NotAnExport),
        (broken("\"drafts\":", "\"draft\":"), ExportError::NotAnExport),
        (r#"{"restamp":"outbox","v":1,"drafts":5}"#.into(), ExportError::NotAnExport),
        (broken("\"v\":1", "\"v\":9"), ExportError::UnknownFormat),
        (broken("\"v\":2", "\"v\":9"), ExportError::UnknownFormat),
        (broken("\"state\"", "\"sent\""), ExportError::Broken(0)),
        (broken("\"edits\"", "\"edit\""), ExportError::Broken(0)),
        (broken("items[r1].qty", "nothing[r1].qty"), ExportError::Broken(0)),
    ] {
        assert_eq!(other.import(text.as_bytes(), 1), 0, "{text}");
        assert_eq!(other.refused.pop(), Some(Misuse::Export(error)), "{text}");
    }
    let array = broken("\"base\":{", "\"base\":[],\"was\":{");
    assert_eq!(other.import(array.as_bytes(), 1), 0);
    assert!(matches!(other.refused.pop(), Some(Misuse::Export(ExportError::Document(0, _)))));
    assert!(other.till.drafts().is_empty() && other.calls.is_empty());
    assert_eq!(other.journal.len(), journal);
    assert_eq!(other.import(text.as_bytes(), 1), 1);
}

/// One good draft beside a broken one does not come in: all or nothing.
#[test]
fn half_of_a_text_does_not_come_in() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let text = desk.export();
    let mut shown: Value = serde_json::from_slice(&text).expect("JSON");
    let drafts = shown["drafts"].as_array_mut().expect("a list");
    drafts.push(json!({"v": 2, "entry": "state", "id": "x"}));
    let mut other = other_device(&desk);
    assert_eq!(other.import(shown.to_string().as_bytes(), 1), 0);
    assert_eq!(other.refused, [Misuse::Export(ExportError::Broken(1))]);
}
