//! No input panics, however malformed; what is no document, profile or edit is an error.

use proptest::prelude::*;
use restamp::core::amount;
use restamp::core::document::Document;
use restamp::core::journal::replay;
use restamp::core::json;
use restamp::core::op::Op;
use restamp::core::path::Path;
use restamp::core::prepared::Prepared;
use restamp::core::profile::Profile;
use restamp::core::reapply::{reapply, Circumstances, Mine};

use crate::cases;
use crate::desk::profile;
use crate::invoice::{acts, after, invoice, text};

/// A text with some bytes changed, cut or doubled.
fn damaged(mut text: Vec<u8>, damage: &[(usize, usize, u8)]) -> Vec<u8> {
    const SIGNS: &[u8] = b"{}[]\",:\\ue-0.1#|@ \n\x00\xff";
    for (kind, place, byte) in damage {
        if text.is_empty() {
            break;
        }
        let at = place % text.len();
        match kind % 5 {
            0 => text[at] = *byte,
            1 => text[at] = SIGNS[usize::from(*byte) % SIGNS.len()],
            2 => text.truncate(at),
            3 => {
                text.remove(at);
            }
            _ => {
                let end = (at + usize::from(*byte % 32)).min(text.len());
                let part = text[at..end].to_vec();
                text.splice(at..at, part);
            }
        }
    }
    text
}

fn damage() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((0..5_usize, 0..10_000_usize, any::<u8>()), 0..4)
}

fn try_all(base: &[u8], mine: Mine, theirs: &[u8], sent: Option<Vec<u8>>, profile: &Profile) {
    let circumstances = Circumstances {
        lost_token: Some("m-1".into()),
        lost_sent: sent,
        expected_total: Some("50".into()),
    };
    if let Ok(result) = reapply(base, &mine, Some(theirs), profile, &circumstances) {
        serde_json::from_slice::<serde::Any>(&result.to_json()).expect("JSON");
    }
    if let Ok(prepared) = Prepared::new(base.to_vec(), &mine, profile.clone().into()) {
        if let Ok(result) = prepared.merge(theirs.to_vec(), Vec::new()) {
            serde_json::from_slice::<serde::Any>(&result.text).expect("JSON");
        }
    }
}

mod serde {
    /// Any JSON, checked by somebody else's reader.
    pub type Any = serde_json::Value;
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), word in ".{0,40}") {
        let profile = profile(true);
        let _ = (json::check(&bytes), Document::parse(bytes.clone(), &profile));
        let _ = (Profile::parse(&bytes), Op::parse_list(&bytes), replay([bytes.as_slice()]));
        let _ = (amount::amount(&bytes), amount::decimal(&word), Path::parse(&word));
        let _ = (json::text(&bytes), json::kind(&bytes), json::unescape(&bytes));
        try_all(&bytes, Mine::Document(bytes.clone()), &bytes, Some(bytes.clone()), &profile);
    }

    /// JSON is what an independent reader takes for JSON (depth and odd escapes aside).
    #[test]
    fn what_is_json_is_json(base in invoice(), damage in damage()) {
        let text = damaged(text(&base, true), &damage);
        let ours = json::check(&text).is_ok();
        let theirs = serde_json::from_slice::<serde_json::Value>(&text).is_ok();
        let surrogate = text.windows(3).any(|w| w[..2] == *b"\\u" && w[2].eq_ignore_ascii_case(&b'd'));
        prop_assert!(ours == theirs || surrogate, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn damaged_documents(
        base in invoice(), mine in acts(), theirs in acts(),
        harm in (damage(), damage(), damage(), damage()),
    ) {
        let of = |document: &serde_json::Value, harm: &[(usize, usize, u8)]| {
            damaged(text(document, false), harm)
        };
        let mine = of(&after(&base, &mine, "m"), &harm.1);
        let theirs = of(&after(&base, &theirs, "t"), &harm.2);
        let sent = Some(damaged(mine.clone(), &harm.3));
        try_all(&of(&base, &harm.0), Mine::Document(mine), &theirs, sent, &profile(true));
    }

    #[test]
    fn damaged_profiles(base in invoice(), mine in acts(), theirs in acts(), harm in damage()) {
        let text_of = include_bytes!("../data/sales-invoice.json").to_vec();
        let Ok(profile) = Profile::parse(&damaged(text_of, &harm)) else { return Ok(()) };
        let mine = text(&after(&base, &mine, "m"), false);
        try_all(&text(&base, false), Mine::Document(mine.clone()),
            &text(&after(&base, &theirs, "t"), false), Some(mine), &profile);
    }

    #[test]
    fn damaged_edits(base in invoice(), theirs in acts(), harm in damage()) {
        let ops = br#"[{"op":"set","path":"items[r1].uom","value":"Box"},
            {"op":"increment","path":"items[r2].qty","by":"1.5","token":"m-1"},
            {"op":"insert","table":"items","row":{"item_code":"TEA"},"after":"r1"},
            {"op":"remove","table":"items","row":"r3"},
            {"op":"move","table":"items","row":"r2","after":null}]"#;
        let Ok(ops) = Op::parse_list(&damaged(ops.to_vec(), &harm)) else { return Ok(()) };
        try_all(&text(&base, false), Mine::Ops(ops), &text(&after(&base, &theirs, "t"), false),
            None, &profile(true));
    }

    #[test]
    fn damaged_journals(base in invoice(), harm in damage()) {
        let mut desk = crate::desk::Desk::new(crate::desk::policy());
        desk.create(base);
        desk.scan("r1");
        desk.save();
        let journal: Vec<Vec<u8>> =
            desk.journal.iter().map(|entry| damaged(entry.clone(), &harm)).collect();
        let entries = journal.iter().map(Vec::as_slice);
        let restored = restamp::core::till::Till::restore(desk.policy.clone(), entries, crate::desk::D);
        if let Ok(mut till) = restored {
            let now = restamp::core::time::Millis(5);
            till.handle(restamp::core::event::Event::Online, now, 7);
        }
    }
}
