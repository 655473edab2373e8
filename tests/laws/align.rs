//! Reading a copy side by side gives the same as reading it as a whole.
use restamp::core::diff::{aligned_difference, difference};
use restamp::core::document::Document;
use restamp::core::profile::Profile;

pub struct Rng(pub u64);
impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
pub fn row(id: u64, rng: &mut Rng) -> Vec<(String, String)> {
    let mut r = vec![
        ("name".into(), format!("\"n{id}\"")),
        ("modified".into(), "\"2026-01-01 10:00:00.000001\"".into()),
        ("posa_row_id".into(), format!("\"r{id}\"")),
        ("idx".into(), format!("{id}")),
        ("item_code".into(), format!("\"SKU{}\"", rng.below(5))),
        ("qty".into(), format!("{}", rng.below(200))),
        ("rate".into(), format!("{}.5", rng.below(30))),
        ("price_list_rate".into(), "10.5".into()),
        ("posa_notes".into(), "\"caf\u{e9}\"".into()),
        ("warehouse".into(), "\"W\"".into()),
    ];
    if rng.below(3) == 0 {
        r.push(("custom_x".into(), "null".into()));
    }
    r
}
pub fn text(
    header: &[(String, String)],
    rows: &[Vec<(String, String)>],
    pays: &[Vec<(String, String)>],
    pretty: bool,
) -> Vec<u8> {
    let (c, k) = if pretty { (", ", ": ") } else { (",", ":") };
    let obj = |r: &Vec<(String, String)>| {
        format!(
            "{{{}}}",
            r.iter().map(|(a, b)| format!("\"{a}\"{k}{b}")).collect::<Vec<_>>().join(c)
        )
    };
    let arr = |rs: &[Vec<(String, String)>]| {
        format!("[{}]", rs.iter().map(obj).collect::<Vec<_>>().join(c))
    };
    let mut h: Vec<String> = header.iter().map(|(a, b)| format!("\"{a}\"{k}{b}")).collect();
    h.insert(2, format!("\"items\"{k}{}", arr(rows)));
    h.push(format!("\"payments\"{k}{}", arr(pays)));
    h.push(format!("\"remarks\"{k}\"x\""));
    format!("{{{}}}", h.join(c)).into_bytes()
}
#[test]
fn aligned_is_whole() {
    let profile = Profile::parse(include_bytes!("../data/sales-invoice.json")).unwrap();
    let mut aligned = 0;
    for seed in 0..3_000u64 {
        let mut rng = Rng(seed);
        let n = rng.below(8);
        let mut rows: Vec<_> = (0..n).map(|i| row(i, &mut rng)).collect();
        let pays: Vec<Vec<(String, String)>> = (0..rng.below(3))
            .map(|i| {
                vec![
                    ("mode_of_payment".into(), format!("\"M{i}\"")),
                    ("amount".into(), format!("{}", rng.below(50))),
                ]
            })
            .collect();
        let mut header: Vec<(String, String)> = vec![
            ("name".into(), "\"D\"".into()),
            ("modified".into(), "\"a\"".into()),
            ("customer".into(), "\"C\"".into()),
            ("grand_total".into(), "100".into()),
            ("note".into(), "\"n\"".into()),
        ];
        let mut base = Document::parse(text(&header, &rows, &pays, false), &profile).unwrap();
        let mut pays = pays;
        let mut id = 100;
        for _generation in 0..3 {
            header[1].1 = format!("\"{}\"", rng.next());
            let mut pretty = false;
            for _ in 0..rng.below(6) {
                let at = if rows.is_empty() { 0 } else { rng.below(rows.len() as u64) as usize };
                match rng.below(16) {
                    0 => {
                        id += 1;
                        let r = row(id, &mut rng);
                        let at = rng.below(rows.len() as u64 + 1) as usize;
                        rows.insert(at, r);
                    }
                    1 if !rows.is_empty() => {
                        rows.remove(at);
                    }
                    2 if !rows.is_empty() => rows[at][5].1 = format!("{}", rng.below(2000)),
                    3 => {
                        for r in &mut rows {
                            r[1].1 = format!("\"2026-01-01 10:00:00.{:06}\"", rng.below(1000000));
                        }
                    }
                    4 if !rows.is_empty() => rows[at][6].1 = format!("{}", rng.below(9999)),
                    5 if !rows.is_empty() && rows[at].len() > 8 => {
                        rows[at].swap(3, 7);
                    }
                    6 if !rows.is_empty() && rows[at].len() > 8 => {
                        let l = rows[at].len();
                        rows[at].remove(l - 1);
                    }
                    7 if !rows.is_empty() => {
                        rows[at].push(("extra".into(), "1".into()));
                    }
                    8 => header[3].1 = format!("{}", rng.below(100000)),
                    9 => header[4].1 = "\"other note \\\" \"".into(),
                    10 if rows.len() > 1 => {
                        let r = rows.remove(at);
                        rows.push(r);
                    }
                    11 => {
                        for (i, r) in rows.iter_mut().enumerate() {
                            if r[3].0 == "idx" {
                                r[3].1 = format!("{}", i + 1);
                            }
                        }
                    }
                    12 => pretty = rng.below(8) == 0,
                    13 if !pays.is_empty() => {
                        pays[0][1].1 = format!("{}", rng.below(500));
                    }
                    14 if !rows.is_empty() && rng.below(4) == 0 => {
                        let r = rows[at].clone();
                        rows.push(r);
                    }
                    15 if !rows.is_empty() && rows[at].len() > 8 => rows[at][7].1 = "12.25".into(),
                    _ => {}
                }
            }
            let t = text(&header, &rows, &pays, pretty);
            let whole = Document::parse(t.clone(), &profile).unwrap();
            let want = difference(&base, &whole, &profile);
            match Document::align(&base, t.clone(), &profile) {
                Ok((copy, alignment)) => {
                    aligned += 1;
                    let got = aligned_difference(&base, &copy, &alignment, &profile);
                    assert_eq!(got.repriced, want.repriced, "seed {seed}");
                    let strip = |d: &restamp::core::change::Changes| {
                        format!(
                            "{:?}",
                            d.to_ops(&profile)
                                .iter()
                                .map(|o| String::from_utf8(o.to_json()).unwrap())
                                .collect::<std::collections::BTreeSet<_>>()
                        )
                    };
                    assert_eq!(strip(&got.changes), strip(&want.changes), "seed {seed}");
                    for (number, _) in profile.tables.iter().enumerate() {
                        assert_eq!(copy.table(number).rows.len(), whole.table(number).rows.len());
                        for (a, b) in copy.table(number).rows.iter().zip(&whole.table(number).rows)
                        {
                            assert_eq!(copy.row_identity(a), whole.row_identity(b), "seed {seed}");
                            assert_eq!(copy.row_text(a), whole.row_text(b), "seed {seed}");
                            let (x, y) = (copy.cells(number, a), whole.cells(number, b));
                            assert_eq!(x.len(), y.len());
                            for i in 0..x.len() {
                                assert_eq!(x.key(i), y.key(i), "seed {seed}");
                                assert_eq!(x.value(i), y.value(i), "seed {seed}");
                            }
                            let id = copy.row_identity(a);
                            assert_eq!(
                                copy.row_number(number, id),
                                whole.row_number(number, id),
                                "seed {seed} {id}"
                            );
                        }
                        for r in &base.table(number).rows {
                            let id = base.row_identity(r);
                            assert_eq!(
                                copy.row_number(number, id),
                                whole.row_number(number, id),
                                "seed {seed} {id}"
                            );
                        }
                    }
                    let (f, g) = (copy.fields(), whole.fields());
                    assert_eq!(f.len(), g.len());
                    for i in 0..f.len() {
                        assert_eq!(f.key(i), g.key(i), "seed {seed}");
                        assert_eq!(f.value(i), g.value(i), "seed {seed}");
                    }
                    assert_eq!(copy.object(), whole.object());
                    base = copy;
                }
                Err(back) => {
                    assert_eq!(back, t);
                    base = whole;
                }
            }
            // damaged
            let mut bad = t.clone();
            let at = rng.below(bad.len() as u64) as usize;
            match rng.below(3) {
                0 => {
                    bad.remove(at);
                }
                1 => bad.insert(at, b",{}[]\"x1\\:"[rng.below(10) as usize]),
                _ => bad[at] = (rng.next() & 255) as u8,
            }
            let parsed = Document::parse(bad.clone(), &profile);
            if let Ok((copy, _)) = Document::align(&base, bad.clone(), &profile) {
                let parsed = parsed.unwrap_or_else(|e| {
                    panic!("seed {seed}: aligned but {e:?}: {}", String::from_utf8_lossy(&bad))
                });
                for (number, _) in profile.tables.iter().enumerate() {
                    assert_eq!(
                        copy.table(number).rows.len(),
                        parsed.table(number).rows.len(),
                        "seed {seed}"
                    );
                }
            }
        }
    }
    assert!(aligned > 4_500, "{aligned}");
}
