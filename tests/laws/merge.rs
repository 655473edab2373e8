//! The laws of MERGE.md.

use proptest::prelude::*;
use restamp::core::reapply::{reapply, Circumstances, Mine};
use serde_json::{json, Value};

use crate::canon::{canon, covers, differing, spelling, Canon};
use crate::cases;
use crate::invoice::{act, acts, after, int, invoice, number, respell, text, Act};

/// The result of a merge, as the page sees it.
pub struct Merged {
    pub doc: Value,
    pub text: Vec<u8>,
    pub conflicts: Vec<(String, String)>,
}

pub fn merged(base: &Value, mine: &Mine, theirs: &Value) -> Merged {
    merged_text(&text(base, false), mine, &text(theirs, false))
}

fn merged_text(base: &[u8], mine: &Mine, theirs: &[u8]) -> Merged {
    let nothing = Circumstances::default();
    let profile = crate::desk::profile(true);
    let result = reapply(base, mine, Some(theirs), &profile, &nothing).expect("mergeable");
    let restamp::core::reapply::Reapplied::Open { text, .. } = &result else { panic!("ended") };
    let text = text.clone();
    let result: Value = serde_json::from_slice(&result.to_json()).expect("JSON");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let conflicts = result["conflicts"].as_array().expect("a list");
    let mut conflicts: Vec<(String, String)> =
        conflicts.iter().map(|c| (word(&c["path"]), word(&c["reason"]))).collect();
    conflicts.sort_unstable();
    Merged { doc: result["doc"].clone(), text, conflicts }
}

fn whole(document: &Value) -> Mine {
    Mine::Document(text(document, false))
}

fn without(canon: &Canon, conflicts: &[(String, String)]) -> Canon {
    let open = |place: &str| conflicts.iter().any(|(path, _)| covers(path, place));
    canon.iter().filter(|(place, _)| !open(place)).map(|(p, v)| (p.clone(), v.clone())).collect()
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// Nothing of mine gives theirs, byte for byte.
    #[test]
    fn nothing_of_mine_gives_theirs(
        base in invoice(), theirs in acts(), kind in 0..6_usize, escaped: bool,
    ) {
        let theirs = respell(&after(&base, &theirs, "t"), kind);
        let theirs = text(&theirs, escaped);
        let result = merged_text(&text(&base, false), &whole(&respell(&base, kind + 1)), &theirs);
        prop_assert_eq!(result.text, theirs);
        prop_assert!(result.conflicts.is_empty());
    }

    /// Nothing of theirs gives mine. One rule of MERGE.md is stronger: a payment with a terminal
    /// number is not removed unasked.
    #[test]
    fn nothing_of_theirs_gives_mine(base in invoice(), mine in acts(), kind in 0..6_usize) {
        let mine = after(&base, &mine, "m");
        let result = merged(&base, &whole(&mine), &respell(&base, kind));
        let captured = |(_, reason): &(String, String)| reason == "captured-payment";
        prop_assert!(result.conflicts.iter().all(captured), "{:?}", result.conflicts);
        let open = &result.conflicts;
        prop_assert_eq!(without(&canon(&result.doc), open), without(&canon(&mine), open));
    }

    /// Swapping the sides gives the same conflicts and the same content elsewhere. Where one side
    /// did nothing the two laws above say more. A price of the server has one side only: it comes
    /// with the newest copy, so nobody reprices here.
    #[test]
    fn the_sides_are_equal(base in invoice(), mine in acts(), theirs in acts(), kind in 0..6_usize) {
        let people = |acts: &[Act]| -> Vec<Act> {
            acts.iter().filter(|act| !matches!(act, Act::Reprice(..))).cloned().collect()
        };
        let mine = after(&base, &people(&mine), "m");
        let theirs = respell(&after(&base, &people(&theirs), "t"), kind);
        let (b, m, t) = (canon(&base), canon(&mine), canon(&theirs));
        if b == m || b == t {
            return Ok(());
        }
        let one = merged(&base, &whole(&mine), &theirs);
        let other = merged(&base, &whole(&theirs), &mine);
        prop_assert_eq!(&one.conflicts, &other.conflicts);
        let (one, other) = (without(&canon(&one.doc), &one.conflicts),
            without(&canon(&other.doc), &other.conflicts));
        prop_assert_eq!(differing(&one, &other), Vec::<String>::new(), "{:?} {:?}", one, other);
    }

    /// A result laid over the newest copy once more is the same result.
    #[test]
    fn a_result_applied_again_changes_nothing(base in invoice(), mine in acts(), theirs in acts()) {
        let theirs = after(&base, &theirs, "t");
        let first = merged(&base, &whole(&after(&base, &mine, "m")), &theirs);
        let again = merged(&theirs, &whole(&first.doc), &theirs);
        prop_assert_eq!(canon(&again.doc), canon(&first.doc));
        let settled = merged(&first.doc, &whole(&first.doc), &first.doc);
        prop_assert_eq!(settled.text, first.text);
    }

    /// No value appears that neither side wrote, but by counters, money, sets and notes.
    #[test]
    fn nothing_is_invented(base in invoice(), mine in acts(), theirs in acts()) {
        let mine = after(&base, &mine, "m");
        let theirs = after(&base, &theirs, "t");
        let result = merged(&base, &whole(&mine), &theirs);
        let (b, m, t) = (canon(&base), canon(&mine), canon(&theirs));
        for (place, value) in canon(&result.doc) {
            let field = place.rsplit('.').next().unwrap_or_default();
            if ["qty", "amount", "serial_no", "posa_notes"].contains(&field) {
                continue;
            }
            let written = [&b, &m, &t].iter().any(|side| side.get(&place) == Some(&value));
            prop_assert!(written, "{} {}", place, value);
        }
    }

    /// Where both wrote a plain field differently there is a conflict that covers it, and
    /// whatever only one side changed is in the result.
    #[test]
    fn no_conflict_is_silent(base in invoice(), mine in acts(), theirs in acts()) {
        let mine = after(&base, &mine, "m");
        let theirs = after(&base, &theirs, "t");
        let result = merged(&base, &whole(&mine), &theirs);
        let (b, m, t) = (canon(&base), canon(&mine), canon(&theirs));
        let r = canon(&result.doc);
        let rowless = |side: &Canon, place: &str| {
            place.split_once("].").is_some_and(|(row, _)| !side.contains_key(&format!("{row}]")))
        };
        for place in differing(&b, &m) {
            let asked = result.conflicts.iter().any(|(path, _)| covers(path, &place));
            let field = place.rsplit('.').next().unwrap_or_default();
            let own_rule = ["qty", "amount", "serial_no", "posa_notes"].contains(&field);
            let moved = b.get(&place) != t.get(&place);
            // A customer that was replaced takes the dependents along, whoever replaced it.
            let replaced = |side: &Canon| {
                b.get("customer") != side.get("customer") && covers("customer", &place)
            };
            let dependent = replaced(&t) || covers("@discount", &place);
            if asked || own_rule || dependent || rowless(&m, &place) || rowless(&t, &place) {
                continue;
            }
            if moved && m.get(&place) != t.get(&place) && !replaced(&m) {
                prop_assert!(asked, "{} is not asked: {:?}", place, result.conflicts);
            }
            prop_assert_eq!(r.get(&place), m.get(&place), "{} is lost", place);
        }
    }

    /// Edits at different places never meet, and all of them are there.
    #[test]
    fn disjoint_edits_never_conflict(
        base in invoice(),
        mine in prop::collection::vec(act(1..3), 0..6),
        theirs in prop::collection::vec(act(3..6), 0..6),
    ) {
        let mine: Vec<Act> = mine.into_iter().filter(|act| match act {
            Act::Header(field, _) => ["custom_table_no", "due_date"].contains(field),
            Act::PayStep(_) | Act::PayRemove(_) | Act::Pay(..) | Act::Swap(..) => false,
            _ => true,
        }).collect();
        let theirs: Vec<Act> = theirs.into_iter().filter(|act| match act {
            Act::Header(field, _) => !["custom_table_no", "due_date", "currency"].contains(field),
            Act::PayRemove(_) => false,
            _ => true,
        }).collect();
        let result = merged(&base, &whole(&after(&base, &mine, "m")), &after(&base, &theirs, "t"));
        prop_assert!(result.conflicts.is_empty(), "{:?}", result.conflicts);
        let both = after(&after(&base, &theirs, "t"), &mine, "m");
        prop_assert_eq!(canon(&result.doc), canon(&both));
    }

    /// Steps add up to the last digit. MERGE.md's one exception: both down to one value is one
    /// correction made twice.
    #[test]
    fn every_step_counts(
        start in 0..9_i64, mine in -4..5_i64, theirs in -4..5_i64, kind in 0..6_usize, tenths: bool,
    ) {
        let scale = |amount: i64| match tenths {
            true => number(&format!("{}{}.{}", if amount < 0 { "-" } else { "" },
                amount.abs() / 10, amount.abs() % 10)),
            false => json!(amount),
        };
        let of = |qty: Value| json!({"items": [{"posa_row_id": "r1", "qty": qty}]});
        let spelled = match tenths { true => scale(start), false => crate::invoice::spelled(start, kind) };
        let op = json!([{"op": "increment", "path": "items[r1].qty", "by": scale(mine)}]);
        let ops = restamp::core::op::Op::parse_list(op.to_string().as_bytes()).expect("ops");
        let result = merged(&of(spelled), &Mine::Ops(ops), &of(scale(start + theirs)));
        let held = spelling(&result.doc["items"][0]["qty"]);
        let sum = spelling(&scale(start + mine + theirs));
        if mine == theirs && mine < 0 {
            prop_assert_eq!(held, spelling(&scale(start + mine)));
        } else if mine != 0 && theirs != 0 && (mine < 0 || theirs < 0) && start + mine + theirs <= 0 {
            prop_assert_eq!(result.conflicts.len(), 1);
            prop_assert_eq!(held, spelling(&scale(start + theirs)));
        } else {
            prop_assert!(result.conflicts.is_empty(), "{:?}", result.conflicts);
            prop_assert_eq!(held, sum);
        }
    }

    /// All the money that was taken is there, asked about or not.
    #[test]
    fn money_adds_up(
        base in invoice(),
        mine in prop::collection::vec(prop_oneof![
            (0..3_usize, 1..40_i64).prop_map(|(n, a)| Act::Pay(n, a)),
            (1..40_i64).prop_map(Act::PayStep)], 0..5),
        theirs in prop::collection::vec(prop_oneof![
            (0..3_usize, 1..40_i64).prop_map(|(n, a)| Act::Pay(n, a)),
            (1..40_i64).prop_map(Act::PayStep)], 0..5),
    ) {
        let paid = |document: &Value| -> i64 {
            document["payments"].as_array().expect("rows").iter().map(|row| int(&row["amount"])).sum()
        };
        let mine = after(&base, &mine, "m");
        let theirs = after(&base, &theirs, "t");
        let result = merged(&base, &whole(&mine), &theirs);
        let all = paid(&mine) + paid(&theirs) - paid(&base);
        prop_assert_eq!(paid(&result.doc), all);
        let both = paid(&mine) > paid(&base) && paid(&theirs) > paid(&base);
        prop_assert_eq!(!result.conflicts.is_empty(), both && all > 50);
    }

    /// Two reloads, one after the other, lead to what one leads to, where nothing overlaps.
    #[test]
    fn two_steps_are_one(
        base in invoice(),
        mine in prop::collection::vec(act(1..2), 0..5),
        first in prop::collection::vec(act(2..4), 0..5),
        second in prop::collection::vec(act(4..6), 0..5),
    ) {
        let only = |acts: Vec<Act>, field: &'static str| -> Vec<Act> {
            acts.into_iter().filter(|act| match act {
                Act::Header(name, _) => *name == field,
                Act::PayStep(_) | Act::PayRemove(_) | Act::Pay(..) | Act::Swap(..) => false,
                _ => true,
            }).collect()
        };
        let mine = after(&base, &only(mine, "po_no"), "m");
        let one = after(&base, &only(first, "due_date"), "t");
        let two = after(&one, &only(second, "custom_x"), "u");
        let at_once = merged(&base, &whole(&mine), &two);
        let step = merged(&base, &whole(&mine), &one);
        let stepwise = merged(&one, &whole(&step.doc), &two);
        prop_assert!(at_once.conflicts.is_empty() && stepwise.conflicts.is_empty());
        prop_assert_eq!(canon(&stepwise.doc), canon(&at_once.doc));
    }

    /// What nobody touched keeps its text, however odd.
    #[test]
    fn untouched_numbers_keep_their_text(
        base in invoice(), mine in acts(), theirs in acts(),
        odd in prop::sample::select(vec!["1.50", "-0.0", "1E400", "0.1e-7",
            "123456789012345678901234567890.12", "100.00"]),
    ) {
        let mark = |document: &Value| {
            let mut text = document.to_string();
            text = text.replacen("\"custom_weight\":1", &format!("\"custom_weight\": {odd}"), 1);
            text.into_bytes()
        };
        let mine = Mine::Document(mark(&after(&base, &mine, "m")));
        let result = merged_text(&mark(&base), &mine, &mark(&after(&base, &theirs, "t")));
        let text = String::from_utf8(result.text).expect("text");
        let kept = format!("\"custom_weight\": {odd}");
        prop_assert!(text.contains(&kept), "{}", text);
    }
}
