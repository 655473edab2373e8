//! Laws of the pure plans: sums are conserved to the last digit, nothing is below zero, documents
//! keep their other bytes; numbers are written as their format says.

use proptest::prelude::*;
use restamp::core::allocation::{plan, quantity, Fields};
use restamp::core::amount::{amount, decimal, Decimal};
use restamp::core::json;
use restamp::core::sequence::{Block, Format};
use restamp::core::transfer::{Refusal, Transfer, TransferError, FIELD};

type Documents = Vec<(String, Option<Vec<u8>>)>;

fn documents(all: &[(&str, &str)]) -> Documents {
    all.iter().map(|(key, text)| ((*key).to_owned(), Some(text.as_bytes().to_vec()))).collect()
}

fn text(documents: &[(String, Vec<u8>)]) -> Vec<&str> {
    documents.iter().map(|(_, text)| std::str::from_utf8(text).unwrap()).collect()
}

fn held(document: &[u8], field: &str) -> Decimal {
    json::member(document, field).and_then(amount).expect("an amount")
}

#[test]
fn a_transfer_changes_two_numbers_and_nothing_else() {
    let transfer = Transfer::new("a", "b", "0.50", FIELD).unwrap();
    let moved = transfer.plan(&documents(&[
        ("a", r#"{ "balance" : 100.00, "x":[1.10] }"#),
        ("b", r#"{"owner":"ü","balance":"7"}"#),
    ]));
    assert_eq!(
        text(&moved.unwrap()),
        [r#"{ "balance" : 99.50, "x":[1.10] }"#, r#"{"owner":"ü","balance":"7.5"}"#]
    );
    let all = Transfer::new("a", "b", "100", FIELD).unwrap();
    let moved = all.plan(&documents(&[("a", r#"{"balance":100.00}"#), ("b", "{}")]));
    assert_eq!(text(&moved.unwrap()), [r#"{"balance":0.00}"#, r#"{"balance":100}"#]);
}

#[test]
fn a_transfer_that_cannot_be_is_refused() {
    let transfer = Transfer::new("a", "b", "10", FIELD).unwrap();
    let b = ("b", r#"{"balance":1}"#);
    for (a, code, short) in [
        (r#"{"balance":9.99}"#, "insufficient", Some("0.01")),
        ("{}", "insufficient", Some("10")),
        (r#"{"balance":"lots"}"#, "not-an-amount", None),
    ] {
        let refusal = transfer.plan(&documents(&[("a", a), b])).unwrap_err();
        assert_eq!((refusal.code(), refusal.short().as_deref()), (code, short), "{a}");
        assert!(!refusal.message().is_empty());
    }
    let gone = vec![("a".to_owned(), None), documents(&[b]).remove(0)];
    assert_eq!(transfer.plan(&gone), Err(Refusal::NotFound("a".into())));
    for (amount, from) in [("0", "a"), ("-1", "a"), ("1e3", "a"), ("x", "a"), ("1", "b")] {
        let error: TransferError = Transfer::new(from, "b", amount, FIELD).unwrap_err();
        assert!(error.message().starts_with(if from == "b" { "to: " } else { "amount: " }));
    }
    // A sum of more digits than a decimal has is refused, not rounded.
    let tiny = Transfer::new("a", "b", "0.0000001", FIELD).unwrap();
    let full = documents(&[
        ("a", r#"{"balance":1}"#),
        ("b", r#"{"balance":9999999999999999999999999999}"#),
    ]);
    assert_eq!(tiny.plan(&full).unwrap_err().code(), "not-an-amount");
}

#[test]
fn the_oldest_layer_goes_first() {
    let layers = documents(&[
        ("z", r#"{"quantity":100,"value":"10.00","created":"2026-01-01"}"#),
        ("y", r#"{"quantity":"100.0","value":10.00,"created":"2026-01-02"}"#),
        ("a", r#"{"quantity":100,"value":10.00,"created":"2026-01-02"}"#),
        ("n", r#"{"quantity":100,"value":10.00}"#),
        ("g", r#"{"quantity":0,"value":0,"created":"2025-01-01"}"#),
    ]);
    let (changed, taken) = plan(quantity("233").unwrap(), &Fields::default(), &layers).unwrap();
    assert_eq!(
        String::from_utf8(taken.to_json()).unwrap(),
        r#"{"quantity":"233","value":"23.3","layers":[{"key":"z","quantity":"100","value":"10"},{"key":"a","quantity":"100","value":"10"},{"key":"y","quantity":"33","value":"3.3"}],"shortage":"0"}"#
    );
    assert_eq!(
        text(&changed),
        [
            r#"{"quantity":0,"value":"0.00","created":"2026-01-01"}"#,
            r#"{"quantity":0,"value":0.00,"created":"2026-01-02"}"#,
            r#"{"quantity":"67.0","value":6.70,"created":"2026-01-02"}"#,
        ]
    );
    let short = plan(quantity("400.5").unwrap(), &Fields::default(), &layers).unwrap_err();
    assert_eq!((short.code(), short.short().as_deref()), ("shortage", Some("0.5")));
    assert!(quantity("0").is_err() && quantity("-1").is_err() && quantity("1,5").is_err());
}

#[test]
fn numbers_are_written_as_the_format_says() {
    for (format, number, expected) in [
        ("CUST####", 1, "CUST0001"),
        ("CUST####", 9_999, "CUST9999"),
        ("CUST####", 10_000, "CUST10000"),
        ("##/2026", 7, "07/2026"),
        ("INV-#-ü", 42, "INV-42-ü"),
        ("INV-", 3, "INV-3"),
        ("", 8, "8"),
    ] {
        assert_eq!(Format::parse(format).unwrap().write(number), expected, "{format}");
    }
    let error = Format::parse("A##B#").unwrap_err();
    assert!(error.message().contains("A##B#"));
}

#[test]
fn a_block_hands_each_number_out_once_across_its_text_form() {
    let text = br#"{"sequence":"customer","next":"5","end":"8"}"#;
    let mut block = Block::from_json(text).unwrap();
    let mut numbers = Vec::new();
    while let Some(number) = block.take() {
        numbers.push(number);
        block = Block::from_json(&block.to_json()).unwrap();
        assert_eq!(block.left(), 8 - number - 1);
    }
    assert_eq!(numbers, [5, 6, 7]);
    assert_eq!(block.sequence(), "customer");
    for broken in ["{}", r#"{"sequence":"a","next":"9","end":"8"}"#, "[", r#"{"next":1}"#] {
        assert_eq!(Block::from_json(broken.as_bytes()), None);
    }
}

/// A decimal as text, with as many decimals as it is written with.
fn money() -> impl Strategy<Value = String> {
    (0_u64..10_000_000, 0_usize..4).prop_map(|(units, decimals)| {
        let digits = format!("{units:0width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        }
    })
}

fn quoted(amount: &str, as_text: bool) -> String {
    if as_text {
        format!("\"{amount}\"")
    } else {
        amount.to_owned()
    }
}

proptest! {
    #[test]
    fn a_transfer_conserves_the_sum(
        from in money(), to in money(), wanted in money(), as_text in any::<(bool, bool)>(),
    ) {
        let before = documents(&[
            ("a", &format!(r#"{{"x":1,"balance":{}}}"#, quoted(&from, as_text.0))),
            ("b", &format!(r#"{{"balance":{},"y":2}}"#, quoted(&to, as_text.1))),
        ]);
        let Ok(transfer) = Transfer::new("a", "b", &wanted, FIELD) else {
            prop_assert!(decimal(&wanted).unwrap().is_zero());
            return Ok(());
        };
        let [from, to, wanted] = [from, to, wanted].map(|text| decimal(&text).unwrap());
        match transfer.plan(&before) {
            Ok(after) => {
                let [a, b] = [0, 1].map(|at: usize| held(&after[at].1, FIELD));
                prop_assert_eq!(a, from - wanted);
                prop_assert_eq!(b, to + wanted);
                prop_assert!(a >= Decimal::ZERO);
                let is_text = |at: usize| {
                    json::kind(json::member(&after[at].1, FIELD).unwrap()) == json::Kind::Text
                };
                prop_assert_eq!((is_text(0), is_text(1)), as_text);
            }
            Err(refusal) => {
                prop_assert!(from < wanted, "{:?}", refusal);
                prop_assert_eq!(refusal.code(), "insufficient");
            }
        }
    }

    #[test]
    fn an_allocation_conserves_quantity_and_value(
        layers in proptest::collection::vec((money(), money(), 0_u8..9, any::<bool>()), 1..8),
        wanted in money(),
    ) {
        let texts: Vec<(String, String)> = layers
            .iter()
            .enumerate()
            .map(|(at, (quantity, value, order, as_text))| {
                let (quantity, value) = (quoted(quantity, *as_text), quoted(value, !*as_text));
                let text = format!(r#"{{"quantity":{quantity},"value":{value},"created":{order}}}"#);
                (format!("L{at}"), text)
            })
            .collect();
        let pairs: Vec<(&str, &str)> =
            texts.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let before = documents(&pairs);
        let Ok(wanted) = quantity(&wanted) else { return Ok(()) };
        let total = |documents: &Documents, field: &str| -> Decimal {
            documents.iter().map(|(_, text)| held(text.as_ref().unwrap(), field)).sum()
        };
        let there = total(&before, "quantity");
        match plan(wanted, &Fields::default(), &before) {
            Ok((changed, taken)) => {
                let mut after = before.clone();
                for (key, text) in changed {
                    after.iter_mut().find(|(known, _)| *known == key).unwrap().1 = Some(text);
                }
                prop_assert_eq!(total(&after, "quantity") + wanted, there);
                prop_assert_eq!(total(&after, "value") + taken.value, total(&before, "value"));
                let layers: Decimal = taken.layers.iter().map(|layer| layer.quantity).sum();
                prop_assert_eq!(layers, wanted);
                let values: Decimal = taken.layers.iter().map(|layer| layer.value).sum();
                prop_assert_eq!(values, taken.value);
                for (_, text) in &after {
                    for field in ["quantity", "value"] {
                        prop_assert!(held(text.as_ref().unwrap(), field) >= Decimal::ZERO);
                    }
                }
                // All but the last layer are used up, and none is passed over.
                let order = |key: &str| {
                    let at: usize = key[1..].parse().unwrap();
                    (layers_order(&before[at]), at)
                };
                let used: Vec<_> = taken.layers.iter().map(|layer| order(&layer.key)).collect();
                prop_assert!(used.windows(2).all(|pair| pair[0] < pair[1]));
                for (key, text) in &after {
                    let left = held(text.as_ref().unwrap(), "quantity");
                    if order(key) < *used.last().unwrap() {
                        prop_assert!(left.is_zero(), "{} was passed over", key);
                    }
                }
            }
            Err(refusal) => {
                prop_assert_eq!(refusal.code(), "shortage");
                prop_assert_eq!(decimal(&refusal.short().unwrap()).unwrap(), wanted - there);
            }
        }
    }

    #[test]
    fn a_number_keeps_its_digits(before in "[A-Z/]{0,4}", digits in 0_usize..7, after in "[a-z]{0,3}", number in any::<u64>()) {
        let format = format!("{before}{}{after}", "#".repeat(digits));
        let written = Format::parse(&format).unwrap().write(number);
        let middle = match digits {
            0 => written.strip_prefix(&format).unwrap(),
            _ => written.strip_prefix(&before).unwrap().strip_suffix(&after).unwrap(),
        };
        prop_assert_eq!(middle.parse::<u64>().unwrap(), number);
        prop_assert!(middle.len() >= digits);
    }
}

fn layers_order(layer: &(String, Option<Vec<u8>>)) -> Decimal {
    held(layer.1.as_ref().unwrap(), "created")
}
