//! The merge for a server that holds the documents: `serve::apply_edits`.

use restamp::core::op::Op;
use restamp::core::profile::Profile;
use restamp::core::reapply::ReapplyError;
use restamp::core::serve::{apply_edits, Applied, Edits};

fn profile() -> Profile {
    Profile::parse(include_bytes!("../data/sales-invoice.json")).unwrap()
}

const BASE: &str = r#"{"name":"S1","docstatus":0,"grand_total":45.50,"customer":"A","items":[{"posa_row_id":"r1","item_code":"TEA","qty":2,"rate":1.10}]}"#;

fn apply(newest: &str, ops: &str, edits: Edits<'_>) -> Result<Applied, ReapplyError> {
    let ops = Op::parse_list(ops.as_bytes()).unwrap();
    apply_edits(BASE.as_bytes(), newest.as_bytes(), &Edits { ops: &ops, ..edits }, &profile())
}

fn merged(applied: Result<Applied, ReapplyError>) -> (String, Vec<String>, Vec<String>) {
    match applied.unwrap() {
        Applied::Merged { text, incoming, reapplied, .. } => {
            (String::from_utf8(text).unwrap(), incoming, reapplied)
        }
        other => panic!("{other:?}"),
    }
}

fn reasons(applied: Result<Applied, ReapplyError>) -> Vec<&'static str> {
    match applied.unwrap() {
        Applied::Asked { conflicts } => conflicts.iter().map(|one| one.reason.code()).collect(),
        other => panic!("{other:?}"),
    }
}

const STEP: &str = r#"[{"op":"increment","path":"items[r1].qty","by":"0.5"}]"#;

#[test]
fn edits_go_on_top_of_what_the_server_holds() {
    let newest = BASE.replace("\"qty\":2", "\"qty\":3").replace("\"A\"", "\"B\"");
    let (text, incoming, reapplied) = merged(apply(&newest, STEP, Edits::default()));
    assert_eq!(
        text,
        newest.replace("\"qty\":3,\"rate\":1.10", "\"qty\":3.5,\"rate\":1.10,\"idx\":1")
    );
    assert_eq!(incoming, ["customer", "items[r1].qty"]);
    assert_eq!(reapplied, ["items[r1].qty"]);
}

#[test]
fn the_save_s_token_is_in_the_document() {
    let edits = Edits { token: Some("tok\"en"), ..Edits::default() };
    let (text, _, _) = merged(apply(BASE, "[]", edits));
    assert!(text.contains(r#""custom_mutation_id":"tok\"en""#), "{text}");
    let (text, _, _) = merged(apply(BASE, "[]", Edits::default()));
    assert!(!text.contains("custom_mutation_id"), "{text}");
}

#[test]
fn what_a_person_must_decide_is_not_stored() {
    let newest = BASE.replace("\"A\"", "\"B\"");
    let ops = r#"[{"op":"set","path":"customer","value":"C"}]"#;
    assert_eq!(reasons(apply(&newest, ops, Edits::default())), ["both-changed"]);
}

#[test]
fn a_submit_closes_the_document_for_the_total_that_was_seen() {
    let submit = |expected_total| Edits { submit: true, expected_total, ..Edits::default() };
    let (text, _, _) = merged(apply(BASE, "[]", submit(Some("45.5"))));
    assert!(text.contains("\"docstatus\":1"), "{text}");
    let (text, _, _) = merged(apply(BASE, "[]", submit(None)));
    assert!(text.contains("\"docstatus\":1"), "{text}");
    assert_eq!(reasons(apply(BASE, "[]", submit(Some("45.49")))), ["total-changed"]);
    // Without a submit nobody looks at the total.
    let edits = Edits { expected_total: Some("1"), ..Edits::default() };
    assert!(merged(apply(BASE, "[]", edits)).0.contains("\"docstatus\":0"));
}

#[test]
fn an_ended_document_takes_no_edits() {
    let newest = BASE.replace("\"docstatus\":0", "\"docstatus\":1");
    match apply(&newest, STEP, Edits::default()).unwrap() {
        Applied::Ended { ending } => {
            assert_eq!((ending.state.code(), ending.already_done), ("submitted", false));
            assert_eq!(ending.leftover.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_edit_that_cannot_be_made_is_named() {
    let ops = r#"[{"op":"set","path":"customer","value":"C"},{"op":"remove","table":"items","row":"r9"}]"#;
    match apply(BASE, ops, Edits::default()) {
        Err(ReapplyError::Edit { number, .. }) => assert_eq!(number, 1),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        apply("[", "[]", Edits::default()),
        Err(ReapplyError::Document { which: "newest", .. })
    ));
}
