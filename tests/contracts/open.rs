//! Opening a document.

use restamp::core::call::{LoadOutcome, Rejection};
use restamp::core::event::{DraftId, Effect, Event, Misuse, NotOpened, Outcome, Step};
use restamp::core::policy::{CompareAndSet, Policy, TokenSupport};
use serde_json::json;

use crate::desk::{policy, qty, raise, Desk, D, KEY};

fn opening() -> Desk {
    let mut desk = Desk::new(policy());
    desk.handle(Event::Open { draft: D, key: KEY.into() });
    desk
}

#[test]
fn what_cannot_be_opened_is_told_and_forgotten() {
    let unavailable = || LoadOutcome::Unavailable { retry_after: None, reached: true };
    type Is = fn(&NotOpened) -> bool;
    let cases: [(LoadOutcome, Is); 4] = [
        (LoadOutcome::Gone, |why| *why == NotOpened::NotFound),
        (LoadOutcome::Unauthenticated { csrf: false }, |why| *why == NotOpened::SignedOut),
        (LoadOutcome::Rejected(Rejection::invalid("no")), |why| {
            matches!(why, NotOpened::Rejected(_))
        }),
        (unavailable(), |why| *why == NotOpened::Unavailable),
    ];
    for (outcome, is) in cases {
        let mut desk = opening();
        while desk.not_opened.is_empty() {
            if desk.calls.is_empty() {
                desk.wait();
            } else {
                desk.answer_load(outcome.clone());
            }
        }
        assert!(is(&desk.not_opened[0]), "{:?}", desk.not_opened);
        assert!(desk.till.drafts().is_empty());
        assert!(desk.now < 1_030_000, "bounded");
    }
}

#[test]
fn a_shaky_network_delays_it() {
    let mut desk = opening();
    desk.answer_load(LoadOutcome::Unavailable { retry_after: None, reached: false });
    desk.settle();
    assert_eq!(desk.status(), "clean");
    assert_eq!(desk.till.find(KEY), Some(D));
}

#[test]
fn a_document_without_a_stamp_cannot_be_saved_and_is_not_opened() {
    let mut desk = opening();
    let loaded = restamp::core::call::Loaded { key: None, stamp: None, document: b"{}".to_vec() };
    desk.answer_load(LoadOutcome::Loaded(loaded));
    assert!(matches!(&desk.not_opened[0], NotOpened::Rejected(_)));
}

#[test]
fn with_nothing_of_mine_the_newest_copy_is_taken() {
    let mut desk = Desk::open_with(Policy { ..policy() });
    desk.other_till(|doc| raise(doc, "r1", 1));
    desk.scan("r2");
    desk.save();
    desk.settle();
    assert_eq!(qty(&desk.doc(), "r1"), "2");
    assert!(matches!(desk.outcome(), Outcome::Committed { .. }));
    assert_eq!(
        desk.doc()["modified"],
        json!(desk.till.draft(D).expect("it").stamp().expect("one").0)
    );
}

/// Opened again while nothing is unsaved: the newest copy, as the server has it.
#[test]
fn opening_a_clean_draft_again_fetches_the_newest_copy() {
    let mut desk = Desk::open();
    desk.other_till(|invoice| raise(invoice, "r1", 3));
    desk.handle(Event::Refresh { draft: D });
    desk.settle();
    assert_eq!(qty(&desk.doc(), "r1"), "4");
    assert_eq!(desk.status(), "clean");
    assert!(desk.till.journal().is_empty(), "nothing is unsaved");
    assert!(desk.effects.contains(&Effect::Opened(D)));
}

#[test]
fn opening_a_draft_with_edits_again_leaves_it_as_it_is() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.other_till(|invoice| raise(invoice, "r1", 3));
    desk.handle(Event::Refresh { draft: D });
    assert!(desk.calls.is_empty(), "no load: the local draft is what is wanted");
    assert_eq!(qty(&desk.doc(), "r1"), "2");
    assert!(desk.effects.contains(&Effect::Opened(D)));
}

#[test]
fn without_a_server_a_clean_draft_opens_as_it_was() {
    let mut desk = Desk::open();
    desk.handle(Event::Refresh { draft: D });
    desk.answer_load(LoadOutcome::Unavailable { retry_after: None, reached: false });
    assert!(desk.effects.contains(&Effect::Opened(D)));
    assert_eq!(desk.status(), "clean");
    assert_eq!(desk.till.next_wake(), None, "nothing waits");
}

#[test]
fn a_draft_is_found_by_its_own_name_after_the_server_gave_it_a_key() {
    let mut desk = Desk::new(policy());
    desk.create(json!({"customer": "Walk-in", "items": []}));
    let own_name = desk.till.draft(D).expect("a draft").key().to_owned();
    desk.save();
    desk.settle();
    assert_ne!(desk.till.draft(D).expect("a draft").key(), own_name);
    assert_eq!(desk.till.find(&own_name), Some(D));
}

#[test]
fn what_the_backend_lacks_is_logged_once_and_only_if_it_lacks_something() {
    let weak = |desk: &Desk| {
        let is_weak =
            |effect: &&Effect| matches!(effect, Effect::Log { step: Step::WeakBackend(_), .. });
        desk.effects.iter().filter(is_weak).count()
    };
    assert_eq!(weak(&Desk::open()), 0);
    let (compare_and_set, token) = (CompareAndSet::Racy, TokenSupport::None);
    let mut desk = Desk::new(Policy { compare_and_set, token, ..policy() });
    for (number, told) in [(1, 2), (2, 0)] {
        let document = br#"{"customer":"Walk-in","items":[]}"#.to_vec();
        desk.effects.clear();
        desk.handle(Event::Create { draft: DraftId(number), document });
        assert_eq!(weak(&desk), told, "draft {number}");
    }
}

/// Found by fuzzing: the entry had no base, and the whole journal could not be read any more.
#[test]
fn a_draft_that_is_still_opening_takes_no_events_and_leaves_no_entry() {
    let mut desk = opening();
    desk.scan("r1");
    desk.replace(json!({"customer": "B"}));
    desk.save();
    desk.submit(Some("20"));
    desk.discard();
    assert_eq!(desk.refused, vec![Misuse::UnknownDraft; 5]);
    assert!(desk.journal.is_empty());
    desk.deliver();
    assert_eq!(desk.status(), "clean");
}
