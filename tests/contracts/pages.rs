//! Several pages of one user are one till: what one page shows of another's drafts, and how it
//! goes on from the other's journal.

use restamp::core::event::{DraftId, Event};
use restamp::core::journal::{all_heard, edit_of, heard, key_of_settled, replay, tagged};
use restamp::core::op::Op;
use restamp::core::pages::{can_be_doubted, is_as_seen, seen, Wants};
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
    till.take_over(&entries(&desk), DraftId(20), false).expect("a journal");
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
    till.take_over(&entries(&desk), DraftId(20), false).expect("a journal");
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
    till.take_over(&entries(&desk), DraftId(20), false).expect("a journal");
    assert_eq!(till.draft(THEIRS).map(|draft| draft.key().to_owned()), Some(key));
}

#[test]
fn a_sale_that_was_discarded_while_nobody_told_stays_so() {
    let mut desk = Desk::new(policy());
    desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "COLA", "qty": 1}]}));
    let mut till = follower(&desk);
    desk.discard();
    till.take_over(&entries(&desk), DraftId(20), false).expect("a journal");
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
    desk.till.follow(&[]);
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
    assert!(matches!(till.take_over(&[broken], DraftId(20), false), Err(RestoreError::Journal(_))));
    assert!(till.mirror(THEIRS, broken, "clean").is_err());
    assert_eq!(shown(&till, "r1"), "1");
}

#[test]
fn edits_of_a_page_wait_for_no_draft_that_is_being_opened() {
    let desk = Desk::open();
    let copy = desk.till.draft(D).expect("a draft").foundation();
    let mut till = Till::new(policy());
    till.handle(Event::Open { draft: DraftId(3), key: KEY.to_owned() }, Millis(0), 1);
    assert_eq!(till.adopt(THEIRS, &copy), Ok(THEIRS), "the one that is being opened shows nothing");
    assert_eq!(shown(&till, "r1"), "1");
}

#[test]
fn two_drafts_of_one_document_keep_their_names_at_a_hand_over() {
    let (one, two) = (Desk::open(), Desk::open());
    let state = |desk: &Desk| desk.till.draft(D).expect("a draft").foundation();
    let mut till = Till::new(policy());
    assert_eq!(till.adopt(DraftId(1), &state(&one)), Ok(DraftId(1)));
    let name = till.draft(DraftId(1)).expect("a draft").id().to_owned();
    // The same name again is the same draft, whatever else there is of the document.
    let renamed = String::from_utf8(state(&two)).expect("UTF-8").replace(&name, "another");
    let mut other = Till::new(policy());
    other.mirror(DraftId(1), renamed.as_bytes(), "clean").expect("a state");
    other.mirror(DraftId(2), &state(&one), "clean").expect("a state");
    assert_eq!(other.adopt(DraftId(9), &state(&one)), Ok(DraftId(2)));
}

#[test]
fn a_document_that_had_ended_is_not_open_again_after_a_hand_over() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let copy = String::from_utf8(desk.till.draft(D).expect("a draft").foundation()).expect("UTF-8");
    let ended = copy.replacen("\"docstatus\":0", "\"docstatus\":1", 1);
    assert_ne!(ended, copy, "the base shows how it stands");
    let mut till = Till::new(policy());
    till.adopt(THEIRS, ended.as_bytes()).expect("a state");
    assert_eq!(status(&till), "closed");
}

#[test]
fn a_sale_that_was_begun_as_the_page_lost_its_turn_is_no_draft_of_it_any_more() {
    let mut desk = Desk::open();
    desk.till.follow(&[D]);
    assert!(desk.till.draft(D).is_none(), "the next page begins it");
}

#[test]
fn an_edit_of_a_page_that_follows_overwrites_nothing_newer_than_it_shows() {
    let mut desk = Desk::open();
    let follower = follower(&desk);
    let set = json!([{"op": "set", "path": "posa_notes", "value": "mine"}]);
    let set = Op::parse_list(set.to_string().as_bytes()).expect("an op").remove(0);
    let text = follower.draft(THEIRS).expect("a draft").text(&policy());
    let text = restamp::core::document::Document::parse(text, &policy().profile).expect("JSON");
    let before = seen(&text, &set, &policy().profile).expect("a value is stated");
    let as_seen = |desk: &Desk| {
        let draft = desk.till.draft(D).expect("a draft");
        is_as_seen(draft, &set, Some(&before), &policy())
    };
    assert!(as_seen(&desk));
    desk.edit(json!({"op": "set", "path": "posa_notes", "value": "theirs"}));
    assert!(!as_seen(&desk));
    let step = json!([{"op": "increment", "path": "items[r1].qty", "by": "1"}]);
    let step = Op::parse_list(step.to_string().as_bytes()).expect("an op").remove(0);
    assert_eq!(seen(&text, &step, &policy().profile), None, "a step overwrites nothing");
}

#[test]
fn what_a_page_made_and_could_not_write_is_told_before_what_it_asked() {
    let mut desk = Desk::open();
    desk.scan("r1");
    let entry = tagged(desk.journal.last().expect("an edit"), "p1", 4);
    let mut wants = Wants::default();
    wants.made(4);
    wants.remember(Event::Refresh { draft: D }, 0);
    wants.leave("p1", &[entry], &|_| Some(D));
    let told: Vec<(u32, bool)> = wants
        .list()
        .iter()
        .map(|wanted| (wanted.count, matches!(wanted.event, Event::Edit { .. })))
        .collect();
    assert_eq!(told, [(4, true), (5, false)]);
    assert_eq!(wants.take(4).len(), 1, "the edit is known there");
}

/// Its disk took nothing: what it was told is told the next one too, as doubtful, and on the copy
/// from before.
#[test]
fn what_a_page_could_not_write_is_told_again_as_doubtful() {
    let desk = Desk::open();
    let mut till = follower(&desk);
    let mut wants = Wants::default();
    let edit = |row: &str| {
        let op = json!([{"op": "increment", "path": format!("items[{row}].qty"), "by": "1"}]);
        let op = Op::parse_list(op.to_string().as_bytes()).expect("an op").remove(0);
        Event::Edit { draft: THEIRS, op }
    };
    let first = wants.tell(edit("r1"), 1, None);
    assert!(wants.is_open());
    let before = till.foundation(THEIRS);
    wants.written(first.count, false);
    wants.keep_before(THEIRS, || before.clone());
    assert!(!wants.is_open(), "nobody waits for a disk that takes nothing");
    assert_eq!(
        wants.list(),
        std::slice::from_ref(&first),
        "it is still to be told to the next one"
    );

    // Saved in memory, and shown on a newer copy.
    let mut desk = desk;
    desk.other_till(|doc| crate::desk::raise(doc, "r1", 1));
    desk.scan("r2");
    desk.save();
    desk.settle();
    let draft = desk.till.draft(D).expect("a draft");
    till.mirror(THEIRS, &draft.whole(), draft.status()).expect("a state");
    wants.keep_before(THEIRS, || till.foundation(THEIRS));
    let step = |till: &Till| {
        let Event::Edit { op, .. } = edit("r1") else { panic!("an edit") };
        can_be_doubted(till.draft(THEIRS).expect("a draft"), &op, first_stamp().as_deref())
    };
    assert!(!step(&till), "the newer copy may contain it");
    assert_eq!(wants.stands_on(till.draft(THEIRS).expect("a draft")), first_stamp());
    wants.tell_anew();
    let later = wants.tell(edit("r2"), 2, None);
    assert_eq!((wants.is_doubtful(first.count), wants.is_doubtful(later.count)), (true, false));
    till.step_back(&wants);
    assert!(step(&till), "on the copy from before it is laid over as a doubtful one");

    // The next one has a disk; until it has the edit too, the copy is kept.
    wants.written(0, true);
    assert!(wants.before(THEIRS).is_some() && wants.is_open());
    wants.written(first.count, true);
    assert_eq!((wants.before(THEIRS), wants.list()), (None, [later].as_slice()));
}

fn first_stamp() -> Option<String> {
    Desk::open().till.draft(D).and_then(|draft| draft.stamp()).map(|stamp| stamp.0.clone())
}

/// A sale that a page which follows began, and of which nothing is on the disk of the one that is
/// gone, is begun anew where its journal lacks what was sent last.
#[test]
fn a_sale_that_is_on_no_disk_goes_on_in_the_page_that_began_it() {
    for is_torn in [true, false] {
        let mut desk = Desk::new(policy());
        desk.create(json!({"items": [{"posa_row_id": "r1", "item_code": "TEA", "qty": 1}]}));
        let mut till = follower(&desk);
        till.take_over(&[], DraftId(20), is_torn).expect("a journal");
        assert_eq!(status(&till), if is_torn { "dirty" } else { "closed" });
    }
}
