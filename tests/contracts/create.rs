//! New documents: the token is made and journalled before the first try, and the sale exists once.

use restamp::core::call::{Answered, Call, CreateCall, Rejection, SaveOutcome};
use restamp::core::event::{Effect, Event, Misuse, Outcome, Take, Told};
use restamp::core::policy::{Policy, TokenSupport};
use serde_json::{json, Value};

use crate::desk::{policy, profile, qty, rows, Desk, KEY};

fn sale() -> Value {
    json!({"customer": "Walk-in", "items": [
        {"item_code": "TEA", "qty": 1, "uom": "Nos", "rate": 2},
        {"posa_row_id": "r1", "item_code": "PIE", "qty": 1, "uom": "Nos", "rate": 4}],
        "payments": [{"mode_of_payment": "Cash", "amount": 0}]})
}

fn desk(token: TokenSupport) -> Desk {
    let mut desk = Desk::new(Policy { token, ..policy() });
    desk.server.delete("D1");
    desk.server.forgets_tokens = token == TokenSupport::None;
    desk.create(sale());
    desk
}

fn create(call: &Call) -> CreateCall {
    let Call::Create(create) = call else { panic!("{call:?}") };
    create.clone()
}

/// The only sale on the server.
fn only(desk: &Desk) -> Value {
    let keys = desk.server.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    desk.server.doc(&keys[0]).expect("it")
}

/// The journal was made short between the server's word that it made the document and the look at it.
#[test]
fn a_document_that_was_made_is_mine_after_a_restart_whoever_changed_it_since() {
    let mut profile = profile(true);
    profile.create_token_field = None;
    let mut desk = Desk::new(Policy { token: TokenSupport::None, profile, ..policy() });
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "TEA", "qty": 1}]}));
    desk.scan("r1");
    desk.save();
    desk.deliver();
    assert!(matches!(desk.call(), Call::Load { .. }), "it is read back");
    desk.scan("r1");
    desk.journal = desk.till.journal();
    let key = desk.server.keys().into_iter().find(|key| *key != KEY).expect("it was made");
    let key = key.to_owned();
    desk.server.change(&key, |doc| {
        crate::desk::raise(doc, "r1", 10);
        doc["custom_mutation_id"] = json!("another's");
    });
    desk.restart();
    desk.settle();
    let stored = desk.server.doc(&key).expect("a document");
    assert_eq!((desk.conflicts(), desk.server.keys().len()), (vec![], 2));
    assert_eq!(qty(&stored, "r1"), "12");
    desk.save();
    desk.settle();
    let stored = desk.server.doc(&key).expect("a document");
    assert_eq!((desk.conflicts(), qty(&stored, "r1")), (vec![], "13".into()));
}

#[test]
fn it_is_journalled_at_once_and_its_rows_have_names() {
    let desk = desk(TokenSupport::Field);
    assert!(matches!(desk.effects[0], Effect::Journal(_)));
    assert!(rows(&desk.doc()).iter().all(|name| !name.is_empty() && name != "?"));
    assert_eq!(desk.status(), "dirty");
    assert!(desk.calls.is_empty(), "sent when somebody asks");
}

#[test]
fn saved_it_has_a_key_and_is_an_ordinary_draft() {
    let mut desk = desk(TokenSupport::Field);
    let token = desk.till.drafts()[0].key().to_owned();
    desk.save();
    assert_eq!(create(desk.call()).token, token);
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(desk.till.drafts()[0].key(), "INV-1");
    desk.scan("r1");
    desk.save();
    desk.settle();
    assert_eq!(qty(&only(&desk), "r1"), "2");
    assert_eq!(desk.status(), "clean");
}

#[test]
fn edits_during_the_create_go_out_with_the_next_save() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    desk.scan("r1");
    desk.remove(&rows(&desk.doc())[0].clone());
    desk.save();
    desk.settle();
    assert_eq!((rows(&only(&desk)), qty(&only(&desk), "r1")), (vec!["r1".to_owned()], "2".into()));
}

#[test]
fn with_a_token_field_a_lost_create_is_looked_up() {
    for stored in [true, false] {
        let mut desk = desk(TokenSupport::Field);
        desk.save();
        let first = create(desk.call());
        if stored {
            desk.lose_answer();
        } else {
            desk.lose_request();
        }
        assert!(matches!(desk.call(), Call::Find { .. }), "find first");
        desk.deliver();
        if !stored {
            assert_eq!(create(desk.call()), first, "the same bytes again");
        }
        desk.settle();
        only(&desk);
        let Outcome::Committed { echoed, .. } = desk.outcome() else { panic!() };
        assert_eq!(*echoed, stored);
    }
}

/// Not found, sent again, and only then the first one arrives: the token is taken.
#[test]
fn a_create_that_was_only_late_is_found_by_its_token() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    let first = desk.call().clone();
    desk.lose_request();
    desk.deliver();
    assert!(matches!(desk.call(), Call::Create(_)));
    desk.server.save(&first, "me");
    desk.settle();
    only(&desk);
    assert!(matches!(desk.outcome(), Outcome::Committed { echoed: true, .. }));
    assert_eq!(desk.status(), "clean");
}

/// "It exists" leads to the document that exists. What it holds beyond mine is somebody else's.
#[test]
fn what_exists_already_is_compared_with_what_was_sent() {
    for by_mine_alone in [true, false] {
        let mut desk = desk(TokenSupport::Field);
        desk.save();
        let first = desk.call().clone();
        desk.lose_request();
        desk.deliver();
        assert!(matches!(desk.call(), Call::Create(_)));
        desk.server.save(&first, "me");
        if !by_mine_alone {
            desk.server.change("INV-1", |doc| crate::desk::raise(doc, "r1", 1));
            desk.server.change("INV-1", |doc| doc["custom_mutation_id"] = json!("theirs"));
        }
        desk.scan("r1");
        desk.save();
        desk.settle();
        assert_eq!(qty(&only(&desk), "r1"), if by_mine_alone { "2" } else { "3" });
        let Outcome::Committed { incoming, .. } = desk.outcome() else { panic!() };
        let theirs = incoming.iter().any(|path| path == "items[r1].qty");
        assert_eq!(theirs, !by_mine_alone, "{incoming:?}");
    }
}

#[test]
fn a_stored_create_that_another_till_edited_since_is_still_mine() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    desk.lose_answer();
    desk.scan("r1");
    desk.server.change("INV-1", |doc| crate::desk::raise(doc, "r1", 1));
    desk.save();
    desk.settle();
    assert_eq!(qty(&only(&desk), "r1"), "3");
    assert!(desk.is_committed());
}

#[test]
fn with_tokens_kept_by_the_server_the_same_create_is_the_question() {
    let mut desk = desk(TokenSupport::Native);
    desk.save();
    let first = create(desk.call());
    desk.lose_request();
    assert!(desk.calls.is_empty(), "not at once");
    desk.wait();
    assert_eq!(create(desk.call()), first);
    desk.settle();
    only(&desk);
    assert!(matches!(desk.outcome(), Outcome::Queued { .. } | Outcome::Committed { .. }));
    assert_eq!(desk.status(), "clean");
}

#[test]
fn a_server_that_says_exists_for_ever_is_not_asked_in_a_loop() {
    let mut desk = desk(TokenSupport::Native);
    desk.save();
    let start = desk.now;
    for _ in 0..50 {
        if desk.calls.is_empty() {
            desk.wait();
        } else if matches!(desk.calls[0].1, Call::Create(_)) {
            desk.answer(SaveOutcome::Exists { key: None });
        } else {
            desk.deliver();
        }
    }
    assert!(desk.now - start > 10_000, "{} calls in {} ms", desk.made.len(), desk.now - start);
}

#[test]
fn without_tokens_a_lost_create_is_a_question() {
    for (take, sales) in [(Take::Mine, 2), (Take::Theirs, 1)] {
        let mut desk = desk(TokenSupport::None);
        desk.save();
        desk.lose_answer();
        assert_eq!(desk.conflicts(), [("@document".to_owned(), "answer-lost")]);
        assert!(matches!(desk.outcome(), Outcome::Conflict(_)));
        desk.resolve("@document", Take::Value(b"{}".to_vec()));
        assert_eq!(desk.refused.len(), 1);
        desk.resolve("@document", take.clone());
        desk.settle();
        assert_eq!(desk.server.keys().len(), sales, "{take:?}");
        if take == Take::Theirs {
            assert_eq!(desk.status(), "closed");
            desk.restart();
            assert!(desk.till.drafts().is_empty(), "it does not come back");
        } else {
            assert_eq!(desk.status(), "clean");
        }
    }
}

/// A unique value that another document has is no proof that the sale is there: nothing of the
/// other document is touched, and nothing of the sale is given up.
#[test]
fn another_documents_key_is_never_taken_for_mine() {
    let mut desk = desk(TokenSupport::Field);
    desk.server.put("D7", json!({"customer": "Other", "items": []}));
    desk.save();
    desk.answer(SaveOutcome::Exists { key: Some("D7".into()) });
    desk.settle();
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)), "{:?}", desk.outcome());
    assert_eq!(desk.doc()["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.server.doc("D7").expect("it")["customer"], json!("Other"));
    assert_eq!(desk.status(), "dirty");
    desk.save();
    desk.settle();
    assert!(desk.is_committed());
    assert_eq!(desk.till.drafts()[0].key(), "INV-1");
}

#[test]
fn a_refused_create_stays_a_draft() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    desk.answer(SaveOutcome::Rejected(Rejection::invalid("no")));
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)));
    desk.scan("r1");
    desk.save();
    desk.answer(SaveOutcome::Gone);
    assert!(matches!(desk.outcome(), Outcome::Rejected(_)), "no place for new documents");
    desk.save();
    desk.settle();
    assert_eq!(qty(&only(&desk), "r1"), "2");
}

/// A document that is not there yet can be neither stale nor closed: whatever copy comes along is
/// not mine.
#[test]
fn a_create_that_is_told_stale_or_closed_is_refused_and_stays_a_draft() {
    for token in [TokenSupport::Field, TokenSupport::Native, TokenSupport::None] {
        let other = || {
            let stamp = Some(restamp::core::stamp::Stamp("s9".into()));
            let document = Some(br#"{"name":"D7","items":[]}"#.to_vec());
            SaveOutcome::Stale { current: stamp, document, fence: None, retry_after: None }
        };
        let none =
            SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None };
        let closed = SaveOutcome::Closed(restamp::core::call::Closed::Submitted);
        for wrong in [other(), none, closed] {
            let mut desk = desk(token);
            desk.save();
            desk.answer(wrong);
            assert!(matches!(desk.outcome(), Outcome::Rejected(_)), "{:?}", desk.outcomes);
            assert_eq!(desk.status(), "dirty");
            desk.save();
            desk.settle();
            assert_eq!(qty(&only(&desk), "r1"), "1");
            assert!(desk.is_committed());
        }
    }
}

#[test]
fn discarded_it_is_gone_for_good() {
    let mut desk = desk(TokenSupport::Field);
    desk.discard();
    assert_eq!(desk.status(), "closed");
    desk.scan("r1");
    assert_eq!(desk.refused.len(), 1);
    desk.save();
    assert!(desk.calls.is_empty());
    assert_eq!(desk.refused.len(), 2, "there is nothing that could be saved");
    desk.restart();
    assert!(desk.till.drafts().is_empty());
}

/// Its creation is on its way: once it is known to be stored, it is an ordinary document again and
/// the page is told. No sale is on the server that nobody knows of.
#[test]
fn discarded_while_its_creation_is_on_its_way_it_is_told_if_it_was_stored() {
    for (lost, dies) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut desk = desk(TokenSupport::Field);
        desk.save();
        let first = desk.call().clone();
        desk.discard();
        assert_eq!(desk.status(), "closed");
        assert!(
            desk.listed().is_empty() && desk.till.export() == Desk::new(policy()).till.export()
        );
        desk.scan("r1");
        assert_eq!(desk.refused, [Misuse::Ended]);
        assert_eq!(desk.calls.len(), 1, "the call is still counted");
        match (lost, dies) {
            (false, false) => desk.deliver(),
            (true, false) => desk.lose_answer(),
            (_, true) => {
                desk.server.save(&first, "me");
                desk.restart();
            }
        }
        desk.settle();
        assert!(desk.notices.contains(&Told::Discarded { stored: true }), "{:?}", desk.notices);
        assert_eq!((desk.status(), desk.till.drafts()[0].key()), ("clean", "INV-1"));
        assert_eq!(desk.made.iter().filter(|call| matches!(call, Call::Create(_))).count(), 1);
        desk.scan("r1");
        desk.save();
        desk.settle();
        assert_eq!(qty(&only(&desk), "r1"), "2");
    }
}

#[test]
fn discarded_while_its_creation_is_on_its_way_it_is_forgotten_if_it_was_not_stored() {
    let lost: fn(&mut Desk) = |desk| desk.lose_request();
    let refused: fn(&mut Desk) =
        |desk| desk.answer(SaveOutcome::Rejected(Rejection::invalid("no")));
    let busy: fn(&mut Desk) = |desk| desk.answer(SaveOutcome::Unavailable { retry_after: None });
    let signed_out: fn(&mut Desk) =
        |desk| desk.answer(SaveOutcome::Unauthenticated { csrf: false });
    for end in [lost, refused, busy, signed_out] {
        let mut desk = desk(TokenSupport::Field);
        desk.save();
        desk.discard();
        end(&mut desk);
        desk.settle();
        assert!(desk.server.keys().is_empty() && desk.notices.is_empty());
        assert_eq!((desk.saves(), desk.status()), (1, "closed"), "never sent again");
        desk.restart();
        assert!(desk.till.drafts().is_empty());
    }
}

/// It may come late: the server is asked more than once.
#[test]
fn a_discarded_creation_that_arrives_late_is_told_too() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    let first = desk.call().clone();
    desk.discard();
    desk.lose_request();
    desk.deliver(); // not there
    desk.server.save(&first, "me");
    desk.settle();
    assert!(desk.notices.contains(&Told::Discarded { stored: true }));
    assert_eq!(desk.status(), "clean");
}

/// Nothing can be asked there without creating it.
#[test]
fn where_nothing_tells_whether_a_discarded_creation_was_stored_the_page_is_told_that() {
    for token in [TokenSupport::Native, TokenSupport::None] {
        let mut desk = desk(token);
        desk.save();
        desk.discard();
        desk.lose_answer();
        desk.settle();
        assert_eq!(desk.notices, [Told::Discarded { stored: false }]);
        assert_eq!((desk.saves(), desk.status(), desk.conflicts().len()), (1, "closed", 0));
        desk.restart();
        assert!(desk.till.drafts().is_empty());
    }
}

/// It is stored, but was not read back yet: there is no stamp to save with before it is.
#[test]
fn discarded_before_it_was_read_back_it_is_read_before_the_next_save() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    desk.deliver();
    assert!(matches!(desk.call(), Call::Load { .. }));
    desk.lose_request();
    desk.discard();
    desk.scan("r1");
    desk.save();
    for call in &desk.made {
        let Call::Update(update) = call else { continue };
        assert!(!update.stamp.0.is_empty(), "an update without a stamp");
    }
    desk.settle();
    assert_eq!(qty(&only(&desk), "r1"), "2");
    assert!(desk.is_committed());
}

#[test]
fn a_create_answered_without_its_key_is_found() {
    let mut desk = desk(TokenSupport::Field);
    desk.save();
    let (call, what) = desk.calls.remove(0);
    desk.server.save(&what, "me");
    let outcome = SaveOutcome::Saved { key: None, stamp: None, document: None };
    desk.handle(Event::Answered { call, answered: Answered::Save(outcome) });
    assert!(matches!(desk.call(), Call::Find { .. }));
    desk.settle();
    only(&desk);
    assert!(matches!(desk.outcome(), Outcome::Committed { echoed: false, .. }));
}

#[test]
fn without_a_create_token_in_the_profile_a_document_is_created_too() {
    let text = include_str!("../data/sales-invoice.json");
    let profile = restamp::core::profile::Profile::parse(text.as_bytes()).expect("a profile");
    let mut desk = Desk::new(Policy { profile, ..policy() });
    desk.server.delete("D1");
    desk.create(sale());
    desk.save();
    desk.settle();
    only(&desk);
    assert!(desk.is_committed());
    let _ = self::profile;
}
