//! Edits and net changes are two forms of one thing.

use proptest::prelude::*;
use restamp::core::change::Changes;
use restamp::core::diff::difference;
use restamp::core::document::Document;
use restamp::core::op::{Op, Place};
use restamp::core::render::{render, Audience};
use serde_json::json;

use crate::cases;
use crate::invoice::{acts, after, invoice, text};

fn op() -> impl Strategy<Value = Op> {
    let row = prop::sample::select(vec!["r1", "r2", "r3", "n1", "n2", "n3", "p1", "Cash"]);
    let table = prop::sample::select(vec!["items", "payments"]);
    let place = prop_oneof![
        Just(Place::End),
        Just(Place::Front),
        row.clone().prop_map(|row| Place::After(row.to_owned()))
    ];
    let field = prop::sample::select(vec!["qty", "amount", "uom", "posa_notes", "batch_no"]);
    let value = prop::sample::select(vec!["1", "2.50", "\"3\"", "null", "\"\"", "\"x\\u0041\""]);
    let cell = (table.clone(), row.clone(), field).prop_map(|(t, r, f)| format!("{t}[{r}].{f}"));
    let path = prop_oneof![4 => cell, 1 => Just("customer".to_owned())];
    prop_oneof![
        (path.clone(), value.clone(), any::<bool>()).prop_map(|(path, value, typed)| {
            Op::Set { path, value: value.as_bytes().to_vec(), typed }
        }),
        (path, -3..4_i64).prop_map(|(path, by)| Op::Increment { path, by: by.into(), token: None }),
        (table.clone(), row.clone(), place.clone()).prop_map(|(table, row, place)| {
            let id = if table == "items" { "posa_row_id" } else { "custom_pay_id" };
            let row = json!({id: row, "qty": 1, "name": "dead"}).to_string().into_bytes();
            Op::Insert { table: table.to_owned(), row, place }
        }),
        (place.clone()).prop_map(|place| {
            let row = br#"{"item_code":"TEA","qty":1}"#.to_vec();
            Op::Insert { table: "items".into(), row, place }
        }),
        (table.clone(), row.clone())
            .prop_map(|(table, row)| Op::Remove { table: table.into(), row: row.into() }),
        (table, row, place).prop_map(|(table, row, place)| {
            let place = if place == Place::End { Place::Front } else { place };
            Op::Move { table: table.into(), row: row.into(), place }
        }),
    ]
}

fn same(a: &Changes, b: &Changes, base: &Document) -> Result<(), TestCaseError> {
    let profile = crate::desk::profile(true);
    let text = |changes: &Changes, audience| {
        String::from_utf8(render(base, changes, &profile, audience)).expect("text")
    };
    for audience in [Audience::Page, Audience::Server] {
        prop_assert_eq!(text(a, audience), text(b, audience));
    }
    prop_assert_eq!(a.to_ops(&profile), b.to_ops(&profile));
    Ok(())
}

proptest! {
    #![proptest_config(cases(3_000))]

    /// The net effect of any edits, as edits, has the same net effect; a refused edit has none.
    #[test]
    fn changes_survive_being_edits(base in invoice(), ops in prop::collection::vec(op(), 0..12)) {
        let profile = crate::desk::profile(true);
        let base = Document::parse(text(&base, false), &profile).expect("a document");
        let mut changes = Changes::none(&profile);
        for op in &ops {
            let before = changes.clone();
            if changes.apply(op, &base, &profile).is_err() {
                prop_assert_eq!(&changes, &before);
            }
            let again = Op::parse_list(&[b"[", op.to_json().as_slice(), b"]"].concat());
            prop_assert_eq!(again.expect("an op"), vec![op.clone()]);
        }
        let mut again = Changes::none(&profile);
        for op in changes.to_ops(&profile) {
            prop_assert_eq!(again.apply(&op, &base, &profile), Ok(()), "{:?}", op);
        }
        same(&changes, &again, &base)?;
        let page = render(&base, &changes, &profile, Audience::Page);
        let server = render(&base, &changes, &profile, Audience::Server);
        prop_assert!(Document::parse(page, &profile).is_ok());
        prop_assert!(Document::parse(server, &profile).is_ok());
    }

    /// The difference to a document, laid over the base, is that document; as edits too.
    #[test]
    fn a_difference_leads_to_the_copy(base in invoice(), mine in acts()) {
        let profile = crate::desk::profile(true);
        let copy = after(&base, &mine, "m");
        let base = Document::parse(text(&base, false), &profile).expect("a document");
        let document = Document::parse(text(&copy, false), &profile).expect("a document");
        let changes = difference(&base, &document, &profile).changes;
        let got = render(&base, &changes, &profile, Audience::Page);
        let got: serde_json::Value = serde_json::from_slice(&got).expect("JSON");
        prop_assert_eq!(crate::canon::canon(&got), crate::canon::canon(&copy));
        let mut again = Changes::none(&profile);
        for op in changes.to_ops(&profile) {
            let applied = again.apply(&op, &base, &profile);
            let frozen = copy["currency"] != json!("EUR");
            prop_assert!(applied.is_ok() || frozen, "{:?} {:?}", op, applied);
        }
        let there = Document::parse(render(&base, &again, &profile, Audience::Page), &profile);
        let rest = difference(&there.expect("a document"), &document, &profile).changes;
        let left = rest.to_ops(&profile);
        prop_assert!(left.iter().all(|op| matches!(op, Op::Set { path, .. } if path == "currency")),
            "{:?}", left);
    }
}
