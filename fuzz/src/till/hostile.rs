//! Answers that no honest server gives, made of bytes.

use arbitrary::{Result, Unstructured};
use restamp::core::call::{
    Closed, FindOutcome, LoadOutcome, Loaded, Rejection, RejectionCode, SaveOutcome, StockShortage,
};
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;

use super::super::samples::{INVOICES, ORDERS};

/// Any meaning of an answer to a save.
pub fn save(u: &mut Unstructured<'_>) -> Result<SaveOutcome> {
    Ok(match u.int_in_range(0..=10)? {
        0 => SaveOutcome::Saved { key: key(u)?, stamp: stamp(u)?, document: document(u)? },
        1 => {
            let (current, document, retry_after) = (stamp(u)?, document(u)?, wait(u)?);
            SaveOutcome::Stale { current, document, fence: None, retry_after }
        }
        2 => SaveOutcome::Exists { key: key(u)? },
        3 => SaveOutcome::Gone,
        4 => SaveOutcome::Closed(Closed::Submitted),
        5 => SaveOutcome::Closed(Closed::Cancelled),
        6 => SaveOutcome::Unavailable { retry_after: wait(u)? },
        7 => SaveOutcome::InDoubt,
        8 => SaveOutcome::Unauthenticated { csrf: u.arbitrary()? },
        9 => SaveOutcome::Locked { retry_after: wait(u)? },
        _ => SaveOutcome::Rejected(rejection(u)?),
    })
}

/// Any meaning of an answer to a load.
pub fn load(u: &mut Unstructured<'_>) -> Result<LoadOutcome> {
    Ok(match u.int_in_range(0..=5)? {
        0 | 1 => LoadOutcome::Loaded(Loaded {
            key: key(u)?,
            stamp: stamp(u)?,
            document: document(u)?.unwrap_or_default(),
        }),
        2 => LoadOutcome::Gone,
        3 => LoadOutcome::Unavailable { retry_after: wait(u)?, reached: u.arbitrary()? },
        4 => LoadOutcome::Unauthenticated { csrf: u.arbitrary()? },
        _ => LoadOutcome::Rejected(rejection(u)?),
    })
}

/// Any meaning of an answer to a search.
pub fn find(u: &mut Unstructured<'_>) -> Result<FindOutcome> {
    Ok(match key(u)? {
        Some(key) => FindOutcome::Key(key),
        None => FindOutcome::Load(load(u)?),
    })
}

fn key(u: &mut Unstructured<'_>) -> Result<Option<String>> {
    Ok(u.choose(&[None, Some("K1"), Some("K2"), Some("N1"), Some("")])?.map(str::to_owned))
}

fn stamp(u: &mut Unstructured<'_>) -> Result<Option<Stamp>> {
    let stamps = [None, Some("1"), Some("2"), Some("3"), Some("")];
    Ok(u.choose(&stamps)?.map(|text| Stamp(text.to_owned())))
}

fn wait(u: &mut Unstructured<'_>) -> Result<Option<Millis>> {
    Ok(u.choose(&[None, Some(0), Some(1_000), Some(u64::MAX)])?.map(Millis))
}

/// A document of the samples, a broken one, or the bytes that follow.
fn document(u: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    let texts = [
        INVOICES[0],
        INVOICES[1],
        INVOICES[2],
        ORDERS[0],
        ORDERS[1],
        ORDERS[2],
        "{}",
        "[]",
        "",
        r#"{"docstatus":1,"state":"paid"}"#,
        r#"{"creation":"other","uuid":"other"}"#,
        r#"{"items":[{"posa_row_id":"r1","qty":7},{"posa_row_id":"r1"}],"docstatus":2}"#,
    ];
    let number = u.int_in_range(0..=texts.len() + 1)?;
    if let Some(text) = texts.get(number) {
        return Ok(Some(text.as_bytes().to_vec()));
    }
    if number == texts.len() {
        return Ok(None);
    }
    let length = u.int_in_range(0..=255_usize)?.min(u.len());
    Ok(Some(u.bytes(length)?.to_vec()))
}

fn rejection(u: &mut Unstructured<'_>) -> Result<Rejection> {
    use RejectionCode::{Forbidden, Invalid, Stock};
    let code = *u.choose(&[Forbidden, Invalid, Stock])?;
    let row = |row: &str, left: &str| StockShortage { row: row.into(), available: left.into() };
    let stock = match u.int_in_range(0..=3)? {
        0 => Vec::new(),
        1 => vec![row("r1", "1")],
        2 => vec![row("COLA", "0.5"), row("n2", "0")],
        _ => vec![row("", "many"), row("r1", "-1"), row("r1", "1e400")],
    };
    Ok(Rejection { code, message: "no".into(), fields: vec!["customer".into()], stock })
}
