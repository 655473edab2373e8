//! Documents that ended elsewhere: what is mine is kept and shown, never sent again by itself.

use restamp::core::call::{LoadOutcome, Loaded};
use restamp::core::event::{Event, Outcome};
use restamp::core::merge::{Ending, State};
use serde_json::{json, Value};

use crate::desk::{Desk, D, KEY};

fn ending(desk: &Desk) -> Ending {
    let Outcome::Ended(ending) = desk.outcome() else { panic!("{:?}", desk.outcome()) };
    ending.clone()
}

fn leftover(desk: &Desk) -> Vec<Value> {
    ending(desk).leftover.iter().map(|row| serde_json::from_slice(row).expect("JSON")).collect()
}

/// S33: my save and somebody's submit had arrived.
#[test]
fn submitted_with_exactly_my_content_is_done() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| {
        crate::desk::raise(doc, "r1", 1);
        doc["docstatus"] = json!(1);
    });
    desk.settle();
    assert_eq!(ending(&desk).state, State::Submitted);
    assert!(ending(&desk).already_done && leftover(&desk).is_empty());
    assert_eq!(desk.status(), "closed");
    desk.restart();
    assert!(desk.till.drafts().is_empty(), "nothing is left to keep");
}

/// S34: what I had added is kept, nothing else.
#[test]
fn submitted_without_my_additions_they_are_left_over() {
    let mut desk = Desk::open();
    desk.add("m1", "CAKE");
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["docstatus"] = json!(1));
    desk.settle();
    assert_eq!(ending(&desk).state, State::Submitted);
    assert!(!ending(&desk).already_done);
    let left = leftover(&desk);
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!((&left[0]["row"], &left[0]["qty"]), (&json!("r1"), &json!("1")));
    assert_eq!((&left[1]["row"], &left[1]["item_code"]), (&json!("m1"), &json!("CAKE")));
    desk.restart();
    assert_eq!(desk.status(), "closed");
    desk.save();
    assert_eq!(leftover(&desk), left, "kept over a restart");
    desk.discard();
    desk.restart();
    assert!(desk.till.drafts().is_empty(), "until somebody took note");
}

/// A page that led no more may have left a draft with the stamp of the submit on a copy from before
/// it: a save of that in doubt is not tried for ever.
#[test]
fn a_save_in_doubt_ends_with_a_submitted_document_also_under_the_stamp_that_it_was_made_for() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let LoadOutcome::Loaded(loaded) = desk.server.load(KEY) else { panic!("not there") };
    let mut document = desk.stored();
    document["docstatus"] = json!(1);
    desk.lose_request();
    let document = document.to_string().into_bytes();
    desk.answer_load(LoadOutcome::Loaded(Loaded { document, ..loaded }));
    assert_eq!((desk.status(), desk.calls.len()), ("closed", 0));
    assert_eq!(ending(&desk).state, State::Submitted);
    assert_eq!(leftover(&desk).len(), 1);
}

/// The answer to my save was lost, another till went on from it and submitted: my new row was
/// stored, and what was added to it since is left over, though another till added as much.
#[test]
fn of_a_row_that_was_stored_unheard_what_came_since_is_left_over() {
    for later in [true, false] {
        let mut desk = Desk::open();
        desk.add("m1", "CAKE");
        desk.save();
        desk.lose_answer();
        if later {
            desk.scan("m1");
        }
        desk.other_till(|doc| {
            crate::desk::raise(doc, "m1", 1);
            doc["custom_mutation_id"] = json!("theirs");
            doc["custom_table_no"] = json!("T9");
            doc["docstatus"] = json!(1);
        });
        desk.save();
        desk.settle();
        assert_eq!(ending(&desk).state, State::Submitted);
        let left: Vec<Value> = leftover(&desk).iter().map(|row| row["row"].clone()).collect();
        assert_eq!(left, if later { vec![json!("m1")] } else { Vec::new() });
        if later {
            assert_eq!(leftover(&desk)[0]["qty"], json!("1"), "another till's step is not mine");
        }
    }
}

/// S35.
#[test]
fn cancelled_all_of_mine_is_left_over() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["docstatus"] = json!(2));
    desk.settle();
    assert_eq!(ending(&desk).state, State::Cancelled);
    let left = leftover(&desk);
    assert_eq!(left.len(), 3, "two items, one payment: {left:?}");
    assert_eq!(left[0]["qty"], json!(2));
}

/// S36.
#[test]
fn deleted_it_is_neither_made_again_nor_lost() {
    for edits_in_flight in [false, true] {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        desk.server.delete("D1");
        if edits_in_flight {
            desk.scan("r1");
        }
        desk.settle();
        assert_eq!(ending(&desk).state, State::Deleted);
        let qty = if edits_in_flight { 3 } else { 2 };
        assert_eq!(leftover(&desk)[0]["qty"], json!(qty));
        assert!(desk.server.keys().is_empty());
    }
}

/// S37: the name was given away again, to another sale.
#[test]
fn another_sale_under_my_key_is_left_alone() {
    for same_content in [false, true] {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        desk.lose_answer();
        let mine = desk.stored();
        desk.server.delete("D1");
        let other = json!({"customer": "Other", "items": []});
        desk.server.put("D1", if same_content { mine } else { other });
        let before = desk.stored();
        desk.settle();
        assert_eq!(ending(&desk).state, State::Replaced);
        assert_eq!(leftover(&desk)[0]["qty"], json!(2));
        assert_eq!(desk.stored(), before);
    }
}

/// My save was stored; before it was read back, somebody submitted the document.
#[test]
fn ended_between_my_save_and_its_load() {
    for later_edit in [false, true] {
        let mut desk = Desk::open();
        desk.scan("r1");
        desk.save();
        desk.deliver();
        if later_edit {
            desk.add("m1", "CAKE");
            desk.save();
        }
        desk.other_till(|doc| doc["docstatus"] = json!(1));
        desk.settle();
        assert!(matches!(desk.outcomes[0].1, Outcome::Committed { .. }));
        assert_eq!(desk.status(), "closed");
        if later_edit {
            assert_eq!(ending(&desk).state, State::Submitted);
            assert_eq!(leftover(&desk).len(), 1);
        }
    }
}

#[test]
fn a_server_that_says_closed_is_looked_at() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| doc["docstatus"] = json!(1));
    let closed = restamp::core::call::Closed::Submitted;
    desk.answer(restamp::core::call::SaveOutcome::Closed(closed));
    desk.settle();
    assert_eq!(ending(&desk).state, State::Submitted);
}

#[test]
fn a_closed_document_opens_closed() {
    let mut desk = Desk::new(crate::desk::policy());
    desk.server.change("D1", |doc| doc["docstatus"] = json!(1));
    desk.handle(Event::Open { draft: D, key: "D1".into() });
    desk.settle();
    assert_eq!(desk.status(), "closed");
    desk.scan("r1");
    assert_eq!(desk.refused.len(), 1);
}
