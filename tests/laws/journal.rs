//! A draft comes back from its journal as it was.

use proptest::prelude::*;
use restamp::core::event::Event;
use restamp::core::till::Till;
use serde_json::Value;

use crate::cases;
use crate::desk::{policy, Desk, D, KEY};
use crate::invoice::{acts, after, invoice};

/// What a till shows of its draft: document, conflicts, stamp, whether it is dirty.
type Seen = (Value, Vec<Vec<u8>>, Option<String>, bool);

fn seen(till: &Till) -> Vec<Seen> {
    let policy = policy();
    let drafts = till.drafts().iter();
    drafts
        .map(|draft| {
            let text = serde_json::from_slice(&draft.text(&policy)).expect("JSON");
            let conflicts = draft.conflicts().iter().map(|c| c.to_journal()).collect();
            let stamp = draft.stamp().map(|stamp| stamp.0.clone());
            (text, conflicts, stamp, draft.is_dirty())
        })
        .collect()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn replay_is_the_inverse_of_writing(
        base in invoice(), mine in acts(), more in acts(), theirs in acts(), stop in 0..7_usize,
    ) {
        let mut desk = Desk::new(policy());
        desk.server.put(KEY, base);
        desk.handle(Event::Open { draft: D, key: KEY.into() });
        desk.deliver();
        let steps: [&dyn Fn(&mut Desk); 6] = [
            &|desk| { let doc = after(&desk.doc(), &mine, "m"); desk.replace(doc); },
            &|desk| { desk.save(); },
            &|desk| desk.server.change(KEY, |doc| *doc = after(doc, &theirs, "t")),
            &|desk| if !desk.calls.is_empty() { desk.deliver() },
            &|desk| { let doc = after(&desk.doc(), &more, "n"); desk.replace(doc); },
            &|desk| if !desk.calls.is_empty() { desk.deliver() },
        ];
        for step in &steps[..stop.min(6)] {
            step(&mut desk);
        }
        let restore = |entries: &[Vec<u8>]| {
            let entries = entries.iter().map(Vec::as_slice);
            Till::restore(policy(), entries, D).expect("a journal")
        };
        let dirty = desk.till.drafts().first().is_some_and(|draft| draft.is_dirty());
        let (by_history, in_short) = (restore(&desk.journal), restore(&desk.till.journal()));
        prop_assert_eq!(seen(&by_history), seen(&in_short));
        prop_assert_eq!(by_history.journal(), in_short.journal());
        if dirty {
            prop_assert_eq!(seen(&by_history), seen(&desk.till));
        } else {
            prop_assert!(by_history.drafts().len() <= 1);
        }
    }
}
