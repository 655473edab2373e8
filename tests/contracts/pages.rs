//! Several pages of one user are one till: what one page shows of another's drafts, and how it
//! goes on from the other's journal.

use restamp::core::event::{DraftId, Event};
use restamp::core::journal::{all_heard, edit_of, heard, key_of_settled, replay, tagged};
use restamp::core::op::Op;
use restamp::core::till::{RestoreError, Till};
use restamp::core::time::Millis;
use serde_json::json;

use crate::desk::{policy, qty, Desk, D, KEY};

/// The number that the following page gave the draft.
const THEIRS: DraftId = DraftId(7);

fn shown(till: &Till, row: &str) -> String {
    let text = till.draft(THEIRS).expect("a draft").text(till.policy());
    qty(&serde_json::from_slice(&text).expect("JSON"), row)
}

fn status(till: &Till) -> &'static str {
    till.draft(THEIRS).expect("a draft").status()
}

fn scan(till: &mut Till, row: &str) {
    let op = json!([{"op": "increment", "path": format!("items[{row}].qty"), "by": "1"}]);
    let op = Op::parse_list(op.to_string().as_bytes()).expect("an op").remove(0);
    till.handle(Event::Edit { draft: THEIRS, op }, Millis(0), 1);
}

/// A page that shows the desk's draft.
fn follower(desk: &Desk) -> Till {
    let mut till = Till::new(policy());
    let draft = desk.till.draft(D).expect("a draft");
    let number = till.mirror(THEIRS, &draft.whole(), draft.status()).expect("a state");
    assert_eq!(number, THEIRS);
    till
}

fn entries(desk: &Desk) -> Vec<&[u8]> {
    desk.journal.iter().map(Vec::as_slice).collect()
}

#[test]
fn a_page_that_follows_shows_the_draft_as_it_stands_where_it_is_sent() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    let mut till = follower(&desk);
    assert_eq!((shown(&till, "r1").as_str(), status(&till)), ("2", "saving"));
    assert_eq!(till.next_wake(), None);
    desk.settle();
    let draft = desk.till.draft(D).expect("a draft");
    let before = till.draft(THEIRS).expect("a draft").version();
    // Under another number the draft of this name is the one that is here already.
    assert_eq!(till.mirror(DraftId(9), &draft.whole(), draft.status()), Ok(THEIRS));
    assert_eq!((shown(&till, "r1").as_str(), status(&till)), ("2", "clean"));
    assert_ne!(till.draft(THEIRS).expect("a draft").version(), before, "whoever looks sees it");
    scan(&mut till, "r1");
    assert_eq!((shown(&till, "r1").as_str(), status(&till)), ("3", "dirty"));
}

#[test]
fn a_page_that_takes_over_goes_on_where_the_journal_ends() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let mut till = follower(&desk);
    desk.scan("r2");
    desk.save();
    desk.lose_answer();
    till.take_over(&entries(&desk), DraftId(20)).expect("a journal");
    assert_eq!((shown(&till, "r1").as_str(), shown(&till, "r2").as_str()), ("2", "3"));
    // From here on the desk is that page.
    desk.calls.clear();
    desk.till = till;
    desk.handle(Event::Online);
    desk.settle();
    assert_eq!((qty(&desk.stored(), "r1"), qty(&desk.stored(), "r2")), ("2".into(), "3".into()));
    assert_eq!(status(&desk.till), "clean");
}

#[test]
fn what_was_saved_while_nobody_told_is_not_made_again() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let mut till = follower(&desk);
    desk.save();
    desk.settle();
    till.take_over(&entries(&desk), DraftId(20)).expect("a journal");
    assert_eq!(status(&till), "clean", "the edits of its copy are stored");
    desk.till = till;
    desk.handle(Event::Refresh { draft: THEIRS });
    desk.settle();
    assert_eq!(shown(&desk.till, "r1"), "2");
    assert_eq!(qty(&desk.stored(), "r1"), "2");
}

#[test]
fn a_sale_that_was_created_while_nobody_told_has_its_key() {
    let mut desk = Desk::new(policy());
    desk.server.delete(KEY);
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "COLA", "qty": 1}]}));
    let id = desk.till.draft(D).expect("a draft").id().to_owned();
    let mut till = follower(&desk);
    desk.save();
    desk.settle();
    let key = desk.server.keys()[0].clone();
    assert_eq!(key_of_settled(entries(&desk), &id), Some(key.clone()));
    till.take_over(&entries(&desk), DraftId(20)).expect("a journal");
    assert_eq!(till.draft(THEIRS).map(|draft| draft.key().to_owned()), Some(key));
}

#[test]
fn a_sale_that_was_discarded_while_nobody_told_stays_so() {
    let mut desk = Desk::new(policy());
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "COLA", "qty": 1}]}));
    let mut till = follower(&desk);
    desk.discard();
    till.take_over(&entries(&desk), DraftId(20)).expect("a journal");
    assert_eq!(status(&till), "closed");
    desk.till = till;
    desk.handle(Event::Online);
    desk.settle();
    assert_eq!(desk.saves(), 0);
}

#[test]
fn a_copy_from_another_page_is_adopted_once_and_never_sent_as_it_is() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let copy = desk.till.draft(D).expect("a draft").foundation();
    desk.other_till(|doc| crate::desk::raise(doc, "r1", 5));
    let mut till = Till::new(policy());
    assert_eq!(till.adopt(THEIRS, &copy), Ok(THEIRS));
    assert_eq!(till.adopt(DraftId(8), &copy), Ok(THEIRS));
    assert_eq!((shown(&till, "r1").as_str(), status(&till)), ("1", "clean"));
    desk.till = till;
    desk.edit_draft(THEIRS, json!({"op": "increment", "path": "items[r1].qty", "by": "1"}));
    desk.save_draft(THEIRS);
    desk.settle();
    assert_eq!(qty(&desk.stored(), "r1"), "7");
}

#[test]
fn a_page_that_leads_no_more_sends_nothing_and_waits_for_nothing() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.save();
    desk.answer(restamp::core::call::SaveOutcome::Unavailable { retry_after: None });
    assert!(desk.till.next_wake().is_some());
    desk.till.follow();
    assert_eq!((desk.till.next_wake(), desk.status()), (None, "waiting"));
    desk.scan("r2");
    assert_eq!(desk.made.len(), 1);
}

#[test]
fn an_entry_says_whose_edit_it_is_and_is_read_as_before() {
    let mut desk = Desk::open();
    desk.scan("r1");
    desk.scan("r2");
    let plain = replay(entries(&desk)).expect("a journal");
    let last = desk.journal.len() - 1;
    for (number, entry) in desk.journal.iter_mut().enumerate().skip(1) {
        assert_eq!(edit_of(entry).expect("an edit").2, None);
        *entry = tagged(entry, "page \"two\"", number as u32);
    }
    assert_eq!(replay(entries(&desk)).expect("a journal"), plain);
    let (_, _, by) = edit_of(&desk.journal[last]).expect("an edit");
    assert_eq!(by, Some(("page \"two\"".to_owned(), last as u32)));

    // Made short, the journal still knows how far each page was heard.
    let pages = all_heard(entries(&desk));
    assert_eq!(pages, [("page \"two\"".to_owned(), last as u32)]);
    let short: Vec<Vec<u8>> =
        desk.till.journal().into_iter().chain(pages.iter().map(heard)).collect();
    assert_eq!(all_heard(short.iter().map(Vec::as_slice)), pages);
    assert_eq!(replay(short.iter().map(Vec::as_slice)).expect("a journal").drafts.len(), 1);
    assert_eq!(edit_of(&desk.journal[0]), None, "a state is no edit");
}

#[test]
fn a_journal_that_cannot_be_read_changes_nothing_at_a_hand_over() {
    let desk = Desk::open();
    let mut till = follower(&desk);
    let broken: &[u8] = b"{\"v\":9}";
    assert!(matches!(till.take_over(&[broken], DraftId(20)), Err(RestoreError::Journal(_))));
    assert!(till.mirror(THEIRS, broken, "clean").is_err());
    assert_eq!(shown(&till, "r1"), "1");
}
