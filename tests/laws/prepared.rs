//! My side laid out beforehand comes to the same as the general merge.

use proptest::prelude::*;
use restamp::core::op::{Op, Place};
use restamp::core::prepared::Prepared;
use restamp::core::profile::Profile;
use restamp::core::reapply::Mine;

use crate::align::{row, text as plain_text, Rng};
use crate::cases;
use crate::invoice::{acts, after, invoice, respell, text};

/// Merges in both ways, and compares; whether the plan sufficed.
fn both_ways(prepared: &Prepared, theirs: &[u8], what: &str) -> bool {
    let whole = prepared.merge_whole(theirs.to_vec());
    let planned = prepared.merge(theirs.to_vec(), vec![b'x'; 7]);
    if let (Ok(whole), Ok(planned)) = (&whole, &planned) {
        let show = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        assert_eq!(show(&planned.text), show(&whole.text), "{what}");
    }
    assert_eq!(planned, whole, "{what}");
    prepared.is_planned(theirs)
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn planned_is_general(
        base in invoice(), mine in acts(), theirs in acts(), kind in 0..12_usize, stamped: bool,
    ) {
        let profile = crate::desk::profile(true);
        let my_document = Mine::Document(text(&after(&base, &mine, "m"), false));
        let Ok(prepared) = Prepared::new(text(&base, false), &my_document, profile.into()) else {
            return Ok(());
        };
        let mut theirs = after(&base, &theirs, "t");
        if stamped {
            theirs["modified"] = "m2".into();
        }
        let theirs = if kind < 6 { respell(&theirs, kind) } else { theirs };
        both_ways(&prepared, &text(&theirs, false), "");
    }
}

type Fields = Vec<(String, String)>;

/// Something that happens to rows at the server.
fn change(rows: &mut Vec<Fields>, id: &mut u64, rng: &mut Rng) {
    let at = rng.below(rows.len().max(1) as u64) as usize;
    match rng.below(13) {
        0 => {
            *id += 1;
            let place = rng.below(rows.len() as u64 + 1) as usize;
            rows.insert(place, row(*id, rng));
        }
        1 => {
            *id += 1;
            rows.push(row(*id, rng));
        }
        2 if !rows.is_empty() => {
            rows.remove(at);
        }
        3 => rows.iter_mut().for_each(|row| row[1].1 = format!("\"{}\"", rng.below(100_000))),
        4 => {
            for (at, row) in rows.iter_mut().enumerate() {
                row[3].1 = format!("{}", at + 1);
            }
        }
        _ if rows.is_empty() => {}
        5 | 6 => rows[at][5].1 = format!("{}", rng.below(2_000)),
        7 => rows[at][6].1 = format!("{}", rng.below(9_999)),
        8 => rows[at][7].1 = "12.25".into(),
        9 => rows[at][8].1 = format!("\"caf\u{ea} {}\"", rng.below(3)),
        10 => rows[at][9].1 = "\"Store\"".into(),
        11 if rng.below(3) == 0 => {
            let moved = rows.remove(at);
            rows.push(moved);
        }
        12 if rng.below(3) == 0 => rows[at].push(("extra".into(), "1".into())),
        _ => {}
    }
}

fn my_edits(rows: &[Fields], rng: &mut Rng) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..rng.below(6) {
        let Some(row) = rows.get(rng.below(rows.len() as u64 + 1) as usize) else { continue };
        let identity = row[2].1.trim_matches('"').to_owned();
        let cell = |field: &str| format!("items[{identity}].{field}");
        ops.push(match rng.below(7) {
            0 | 1 => Op::Increment { path: cell("qty"), by: 1.into(), token: None },
            2 => Op::Set { path: cell("posa_notes"), value: b"\"hot\"".to_vec(), typed: true },
            3 => Op::Set { path: cell("custom_x"), value: b"\"new\"".to_vec(), typed: true },
            4 => Op::Set { path: cell("price_list_rate"), value: b"9".to_vec(), typed: true },
            5 => Op::Remove { table: "items".into(), row: identity },
            _ => Op::Set { path: "note".into(), value: b"\"mine\"".to_vec(), typed: true },
        });
    }
    for n in 0..rng.below(3) {
        let row =
            format!("{{\"posa_row_id\":\"mine{n}\",\"item_code\":\"TEA\",\"qty\":1}}").into_bytes();
        ops.push(Op::Insert { table: "items".into(), row, place: Place::End });
    }
    ops
}

/// Thousands of random copies of one base, damaged ones among them.
#[test]
fn planned_is_general_row_by_row() {
    let profile = Profile::parse(include_bytes!("../data/sales-invoice.json")).expect("a profile");
    let (first, last) = (0, if cfg!(debug_assertions) { 4_000_u64 } else { 100_000 });
    let (mut planned, mut made) = (0, 0);
    for seed in first..last {
        let mut rng = Rng(seed);
        let rows: Vec<Fields> = (0..rng.below(9)).map(|id| row(id, &mut rng)).collect();
        let payment =
            vec![("mode_of_payment".into(), "\"Cash\"".into()), ("amount".into(), "0".into())];
        let mut header: Fields = [
            ("name", "\"D\""),
            ("modified", "\"a\""),
            ("customer", "\"C\""),
            ("grand_total", "100"),
            ("note", "\"n\""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let pretty = rng.below(4) == 0;
        let payments = [payment];
        let base = plain_text(&header, &rows, &payments, pretty);
        let mine = Mine::Ops(my_edits(&rows, &mut rng));
        let Ok(prepared) = Prepared::new(base.clone(), &mine, profile.clone().into()) else {
            continue;
        };
        header[1].1 = "\"b\"".into();
        if rng.below(4) == 0 {
            header[3].1 = format!("{}", rng.below(100_000));
            header[2 + 2 * rng.below(2) as usize].1 = "\"theirs\"".into();
        }
        let (mut theirs, mut id) = (rows, 100);
        for _ in 0..rng.below(5) {
            change(&mut theirs, &mut id, &mut rng);
        }
        let mut theirs = plain_text(&header, &theirs, &payments, pretty);
        made += 1;
        planned += usize::from(both_ways(&prepared, &theirs, &format!("seed {seed}")));
        let at = rng.below(theirs.len() as u64) as usize;
        match rng.below(3) {
            0 => {
                theirs.remove(at);
            }
            1 => theirs.insert(at, b",{}[]\"x1\\:"[rng.below(10) as usize]),
            _ => theirs[at] = (rng.next() & 255) as u8,
        }
        both_ways(&prepared, &theirs, &format!("damaged, seed {seed}"));
    }
    assert!(planned * 2 > made, "{planned} of {made}");
}
