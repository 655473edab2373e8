//! Opening a document.

use restamp::core::call::{LoadOutcome, Rejection};
use restamp::core::event::{Event, NotOpened, Outcome};
use restamp::core::policy::Policy;
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
