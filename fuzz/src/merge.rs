//! Merges of anything: parts separated by the record separator (0x1e). The first is the number of
//! a profile of `samples`; then base, mine (a document or a list of edits), theirs (or `gone`),
//! and for a save in doubt the document that was sent, its token, and the total to submit for.

use restamp::core::change::RowChange;
use restamp::core::diff::difference;
use restamp::core::document::{Cells, Document};
use restamp::core::json;
use restamp::core::op::Op;
use restamp::core::prepared::{Kind, Laid, Prepared};
use restamp::core::profile::{FieldRules, Profile};
use restamp::core::reapply::{reapply, Circumstances, Mine, Reapplied, ReapplyError};

/// Separates the parts of an input.
pub const SEPARATOR: u8 = 0x1e;

/// What is merged.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The base.
    pub base: &'a [u8],
    /// My side: a document or edits.
    pub mine: &'a [u8],
    /// Their side, unless it is gone.
    pub theirs: Option<&'a [u8]>,
}

/// Any merge.
pub fn run(data: &[u8]) {
    let parts: Vec<&[u8]> = data.split(|byte| *byte == SEPARATOR).collect();
    let part = |number: usize| parts.get(number).copied().filter(|part| !part.is_empty());
    let profiles = super::samples::profiles();
    let number = part(0).map_or(0, |digits| usize::from(digits[0].wrapping_sub(b'0')));
    let profile = &profiles[number % profiles.len()];
    let sides = Sides {
        base: part(1).unwrap_or_default(),
        mine: part(2).unwrap_or_default(),
        theirs: part(3).filter(|text| *text != b"gone"),
    };
    check(&sides, profile);
    let word = |number| part(number).map(|part| String::from_utf8_lossy(part).into_owned());
    let circumstances = Circumstances {
        lost_sent: part(4).map(<[u8]>::to_vec),
        lost_token: word(5),
        expected_total: word(6),
    };
    let Ok(mine) = mine(sides.mine) else { return };
    if let Ok(result) = reapply(sides.base, &mine, sides.theirs, profile, &circumstances) {
        check_result(&result, profile);
    }
}

fn mine(text: &[u8]) -> Result<Mine, ReapplyError> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Op::parse_list(text).map(Mine::Ops).map_err(ReapplyError::Ops);
    }
    Ok(Mine::Document(text.to_vec()))
}

/// The laws of a merge.
pub fn check(sides: &Sides<'_>, profile: &Profile) {
    let Ok(mine) = mine(sides.mine) else { return };
    let nothing = Circumstances::default();
    let merged = reapply(sides.base, &mine, sides.theirs, profile, &nothing);
    if let Some(theirs) = sides.theirs {
        let prepared = Prepared::new(sides.base.to_vec(), &mine, profile.clone().into());
        let prepared = prepared.and_then(|prepared| prepared.merge(theirs.to_vec(), Vec::new()));
        check_same(merged.as_ref(), prepared.as_ref());
    }
    let Ok(merged) = merged else { return };
    check_result(&merged, profile);
    check_one_sided(sides, &mine, profile);
}

/// Laid out beforehand and put in side by side, or merged as a whole: it comes to the same.
fn check_same(whole: Result<&Reapplied, &ReapplyError>, laid: Result<&Laid, &ReapplyError>) {
    match (whole, laid) {
        (Ok(Reapplied::Open { text, merge }), Ok(laid)) => {
            assert_eq!(String::from_utf8_lossy(text), String::from_utf8_lossy(&laid.text));
            assert_eq!(merge.conflicts, laid.conflicts);
            assert_eq!(merge.conflicts.is_empty(), laid.kind == Kind::Merged);
        }
        (Ok(Reapplied::Ended { .. }), Ok(laid)) => assert_eq!(laid.kind, Kind::Ended),
        (Err(_), Err(_)) => {}
        (one, other) => panic!("{one:?}\nlaid: {other:?}"),
    }
}

fn check_result(result: &Reapplied, profile: &Profile) {
    let text = result.to_json();
    assert!(json::check(&text).is_ok(), "{}", String::from_utf8_lossy(&text));
    match result {
        Reapplied::Open { text, merge } => {
            let document = Document::parse(text.clone(), profile);
            assert!(document.is_ok(), "{document:?}: {}", String::from_utf8_lossy(text));
            for conflict in &merge.conflicts {
                let told = conflict.to_journal();
                let read = restamp::core::conflict::Conflict::from_journal(&told);
                assert_eq!(read.as_ref(), Some(conflict));
            }
        }
        Reapplied::Ended { ending, .. } => {
            let read = restamp::core::merge::Ending::read(&ending.to_json());
            assert_eq!(read.as_ref(), Some(ending));
        }
    }
}

/// Where one side did nothing, the other one stands.
fn check_one_sided(sides: &Sides<'_>, mine: &Mine, profile: &Profile) {
    let nothing = Circumstances::default();
    let unchanged = Mine::Document(sides.base.to_vec());
    if let Some(theirs) = sides.theirs {
        match reapply(sides.base, &unchanged, Some(theirs), profile, &nothing) {
            Ok(Reapplied::Open { text, merge }) => {
                assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(theirs));
                assert!(merge.conflicts.is_empty(), "{:?}", merge.conflicts);
            }
            Ok(Reapplied::Ended { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let Mine::Document(mine_text) = mine else { return };
    let alone = reapply(sides.base, mine, Some(sides.base), profile, &nothing);
    let Ok(Reapplied::Open { text, merge }) = alone else { return };
    let read = |text: &[u8]| Document::parse(text.to_vec(), profile).expect("a document");
    let [base, mine, result] = [sides.base, mine_text.as_slice(), &text].map(read);
    let doubled = names_twice(&base, profile) || names_twice(&mine, profile);
    if merge.conflicts.is_empty() && !merge.needs_reprice && !doubled {
        let rest = missing(&result, &mine, profile);
        assert!(rest.is_empty(), "{rest:?} is missing in {}", String::from_utf8_lossy(&text));
    }
}

/// What of mine a result does not have, beside what the rules leave out: new rows stand behind
/// the others', rows that the server builds are its own, and a field that is derived is ignored
/// where its source is set.
fn missing(result: &Document, mine: &Document, profile: &Profile) -> Vec<Op> {
    let mut rest = difference(result, mine, profile).changes;
    let stated = |rules: &FieldRules, name: &str| {
        !rules.groups.iter().flat_map(|group| &group.derived).any(|(field, _)| field == name)
    };
    rest.fields.retain(|(name, _)| stated(&profile.fields, name));
    for (number, rules) in profile.tables.iter().enumerate() {
        let table = &mut rest.tables[number];
        table.moves.clear();
        let is_derived = |document: &Document, row: &str| {
            document.row(number, row).is_some_and(|row| row.is_derived)
        };
        table.rows.retain(|(row, _)| !is_derived(mine, row) && !is_derived(result, row));
        for (_, row) in &mut table.rows {
            if let RowChange::Edited(fields) = row {
                fields.retain(|(name, _)| stated(&rules.fields, name));
            }
        }
    }
    rest.tables.iter_mut().for_each(|table| {
        table.rows.retain(|(_, row)| !matches!(row, RowChange::Edited(fields) if fields.is_empty()))
    });
    rest.to_ops(profile)
}

/// Whether an object has two members of one name. The last counts, but a difference may see both.
fn names_twice(document: &Document, profile: &Profile) -> bool {
    let twice =
        |cells: Cells<'_>| (0..cells.len()).any(|at| cells.position(&cells.name(at)) != Some(at));
    let in_table = |table: usize| {
        document.table(table).rows.iter().any(|row| twice(document.cells(table, row)))
    };
    twice(document.fields()) || (0..profile.tables.len()).any(in_table)
}
