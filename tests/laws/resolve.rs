//! However the questions are answered, none is left, and the server holds what the cashier sees.

use proptest::prelude::*;
use restamp::core::event::{Event, Take};
use serde_json::json;

use crate::canon::canon;
use crate::cases;
use crate::desk::{policy, profile, Desk, D, KEY};
use crate::invoice::{acts, after, invoice};

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn answers_leave_no_questions(
        base in invoice(), mine in acts(), theirs in acts(), lost: bool, token: bool,
        takes in prop::collection::vec(0..3_usize, 12),
    ) {
        let policy = restamp::core::policy::Policy { profile: profile(token), ..policy() };
        let mut desk = Desk::new(policy);
        desk.server.put(KEY, base);
        desk.handle(Event::Open { draft: D, key: KEY.into() });
        desk.deliver();
        let doc = after(&desk.doc(), &mine, "m");
        desk.replace(doc);
        if !desk.refused.is_empty() {
            return Ok(()); // a frozen field
        }
        if desk.status() == "clean" {
            return Ok(());
        }
        desk.save();
        if lost && !desk.calls.is_empty() {
            desk.lose_answer();
        }
        desk.server.change(KEY, |doc| *doc = after(doc, &theirs, "t"));
        desk.settle();
        let mut takes = takes.into_iter().cycle();
        let mut asked = 0;
        while let Some((path, _)) = desk.conflicts().first().cloned() {
            let take = match takes.next() {
                Some(0) => Take::Mine,
                Some(1) => Take::Theirs,
                _ => {
                    let draft = desk.till.draft(D).expect("it");
                    match &draft.conflicts()[0].theirs {
                        Some(theirs) => Take::Value(theirs.clone()),
                        None => Take::Theirs,
                    }
                }
            };
            let refused = desk.refused.len();
            desk.resolve(&path, take.clone());
            if desk.refused.len() > refused {
                prop_assert!(matches!(take, Take::Value(_)), "{} {:?}", path, desk.refused);
                desk.resolve(&path, Take::Theirs);
            }
            desk.settle();
            asked += 1;
            prop_assert!(asked < 40, "asked again and again: {:?}", desk.conflicts());
        }
        prop_assert_eq!(desk.status(), "clean");
        prop_assert_eq!(canon(&desk.doc()), canon(&desk.stored()));
        prop_assert_eq!(&desk.doc()["modified"], &desk.stored()["modified"]);
        let ghosts = desk.stored()["items"].as_array().is_some_and(|rows| {
            rows.iter().any(|row| row["name"] == json!(null))
        });
        prop_assert!(!ghosts);
    }
}
