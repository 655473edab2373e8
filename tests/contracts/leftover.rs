//! A new sale of what an ended document left over: in one call, and one sale however often.

use restamp::core::call::Call;
use restamp::core::event::{DraftId, Effect, Event, Misuse, Outcome};
use serde_json::{json, Value};

use crate::desk::{qty, raise, rows, Desk, D, KEY};

const NEW: DraftId = DraftId(2);

/// A desk whose invoice ended elsewhere, with a scan and a cake of mine.
fn ended(end: impl FnOnce(&mut Desk)) -> Desk {
    let mut desk = Desk::open();
    desk.add("m1", "CAKE");
    desk.scan("r1");
    desk.save();
    end(&mut desk);
    desk.settle();
    assert!(matches!(desk.outcome(), Outcome::Ended(_)), "{:?}", desk.outcome());
    desk
}

fn submitted() -> Desk {
    ended(|desk| {
        desk.other_till(|doc| {
            doc["docstatus"] = json!(1);
            doc["company"] = json!("Shop");
        });
    })
}

fn create(desk: &mut Desk, number: DraftId) {
    let (ended, _) = desk.till.ended(KEY).expect("an ended draft");
    desk.handle(Event::CreateFromLeftover { draft: number, ended });
}

fn text_of(desk: &Desk, number: DraftId) -> Value {
    let draft = desk.till.draft(number).expect("a draft");
    serde_json::from_slice(&draft.text(&desk.policy)).expect("JSON")
}

#[test]
fn of_a_submitted_document_what_was_added_becomes_a_sale_of_its_own() {
    let mut desk = submitted();
    let journalled = desk.journal.len();
    create(&mut desk, NEW);
    assert!(desk.calls.is_empty(), "sent when somebody asks");
    assert!(matches!(desk.effects.last(), Some(Effect::Changed(D))));
    assert!(desk.journal.len() > journalled, "made and stored before the first try");
    let sale = text_of(&desk, NEW);
    assert_eq!((&sale["customer"], &sale["custom_table_no"]), (&json!("Walk-in"), &json!("T4")));
    for strange in ["name", "modified", "creation", "docstatus", "custom_mutation_id"] {
        assert!(sale.get(strange).is_none(), "{strange}: {sale}");
    }
    assert_eq!(rows(&sale), ["r1", "m1"]);
    assert_eq!(sale["items"][0]["item_code"], json!("COLA"));
    assert_eq!(sale["items"][0]["qty"], json!(1), "a number stays a number");
    assert_eq!(sale["payments"], json!([]));
    desk.save_draft(NEW);
    let Call::Create(call) = desk.call().clone() else { panic!() };
    assert_eq!(call.token, desk.till.drafts()[1].key());
    desk.drain();
    assert!(desk.is_committed());
    assert_eq!(desk.server.keys().len(), 2);
    assert_eq!(qty(&desk.server.doc("INV-1").expect("it"), "r1"), "1");
}

#[test]
fn of_a_deleted_or_cancelled_one_everything_goes_over_with_the_money() {
    let ends: [fn(&mut Desk); 2] =
        [|desk| desk.server.delete(KEY), |desk| desk.other_till(|doc| doc["docstatus"] = json!(2))];
    for end in ends {
        let mut desk = ended(|desk| {
            desk.pay("pA", "20");
            end(desk);
        });
        create(&mut desk, NEW);
        let sale = text_of(&desk, NEW);
        assert_eq!(rows(&sale), ["r1", "r2", "m1"]);
        assert_eq!(sale["payments"].as_array().map(Vec::len), Some(2));
        desk.save_draft(NEW);
        desk.drain();
        assert!(desk.is_committed());
    }
}

/// The ended draft is done with: what it left over is in the new one, before and after a restart.
#[test]
fn nothing_of_it_is_kept_twice() {
    let mut desk = submitted();
    assert_eq!(desk.listed(), [(KEY.to_owned(), "closed", Some("submitted"))]);
    create(&mut desk, NEW);
    assert_eq!(desk.listed().len(), 1);
    assert_eq!(desk.listed()[0].1, "dirty");
    desk.restart();
    assert_eq!(desk.till.drafts().len(), 1);
    assert_eq!(rows(&desk.doc()), ["r1", "m1"]);
    assert_eq!(desk.till.ended(KEY), None);
}

#[test]
fn twice_it_is_one_sale() {
    let mut desk = submitted();
    create(&mut desk, NEW);
    for saved in [false, true] {
        assert_eq!(desk.till.ended(KEY), Some((D, Some(NEW))), "saved: {saved}");
        create(&mut desk, DraftId(3));
        assert_eq!(desk.refused.pop(), Some(Misuse::NothingLeft));
        desk.save_draft(NEW);
        desk.drain();
    }
    assert_eq!(desk.server.keys().len(), 2);
}

/// The page dies after any effect of the call, or the call is made on two devices: the token of
/// the sale is the same one, so the server holds it once.
#[test]
fn it_is_one_sale_after_a_crash_and_on_two_devices() {
    let mut first = submitted();
    let text = first.export();
    let mut second = Desk::new(first.policy.clone());
    second.import(&text, 1);
    let journal = first.journal.len();
    create(&mut first, NEW);
    assert_eq!(first.journal.len(), journal + 2);
    for kept in journal..=journal + 2 {
        let mut desk = Desk::new(first.policy.clone());
        desk.server = first.server.clone();
        desk.journal = first.journal[..kept].to_vec();
        desk.restart();
        match desk.till.ended(KEY) {
            Some((_, Some(_))) | None => {}
            Some((_, None)) => create(&mut desk, DraftId(5)),
        }
        let number = desk.till.drafts().last().expect("the sale").number();
        desk.save_draft(number);
        desk.drain();
        assert_eq!(desk.server.keys().len(), 2, "{kept}");
        first.server = desk.server.clone();
    }
    second.server = first.server.clone();
    create(&mut second, NEW);
    second.save_draft(NEW);
    second.drain();
    assert!(second.is_committed());
    assert_eq!(second.server.keys().len(), 2);
}

#[test]
fn where_nothing_is_left_there_is_no_sale() {
    let mut desk = Desk::open();
    desk.handle(Event::CreateFromLeftover { draft: NEW, ended: D });
    assert_eq!(desk.refused.pop(), Some(Misuse::NothingLeft), "not ended");
    desk.scan("r1");
    desk.save();
    desk.other_till(|doc| {
        raise(doc, "r1", 1);
        doc["docstatus"] = json!(1);
    });
    desk.settle();
    create(&mut desk, NEW);
    assert_eq!(desk.refused.pop(), Some(Misuse::NothingLeft), "already done");
}
