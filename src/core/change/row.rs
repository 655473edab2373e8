//! The text of one row, and of one value.

use super::*;

/// The row's text with some of its fields set.
#[must_use]
pub fn edit_row(row: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let mut place = None;
    let mut any = false;
    let end = json::members(row, 0, &mut |cell| {
        any = true;
        if json::key_is(cell.key.of(row), name) {
            place = Some(cell.value);
        }
    })
    .unwrap_or(row.len());
    let mut out = Vec::with_capacity(row.len() + name.len() + value.len() + 8);
    match place {
        Some(span) => {
            out.extend_from_slice(&row[..span.start as usize]);
            out.extend_from_slice(value);
            out.extend_from_slice(&row[span.end as usize..]);
        }
        None => {
            out.extend_from_slice(&row[..end - 1]);
            if any {
                out.push(b',');
            }
            json::push_text(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value);
            out.push(b'}');
        }
    }
    out
}

/// A value in the kind of the one that it replaces: a number stays a number, a string a string.
#[must_use]
pub fn in_kind_of(value: &[u8], replaced: Option<&[u8]>) -> Vec<u8> {
    let Some(replaced) = replaced else { return value.to_vec() };
    match (json::kind(replaced), json::kind(value)) {
        (Kind::Number, Kind::Text) if amount::amount(value).is_some() => {
            value[1..value.len() - 1].to_vec()
        }
        (Kind::Text, Kind::Number) if amount::amount(replaced).is_some() => {
            match amount::amount(value) {
                // An exponent is not plain; all else keeps its digits.
                Some(amount) if value.iter().any(|byte| matches!(byte, b'e' | b'E')) => {
                    json::quoted(&amount::shortest(amount))
                }
                Some(_) => [b"\"", value, b"\""].concat(),
                None => value.to_vec(),
            }
        }
        _ => value.to_vec(),
    }
}

/// The identity of a row by its own text: `(identity, nameless)`.
pub(crate) fn identity_of(row: &[u8], rules: &TableRules) -> (String, bool) {
    for name in &rules.row {
        let Some(value) = json::member(row, name) else { continue };
        if !amount::is_empty(Some(value)) {
            let text = json::text(value);
            return (text.unwrap_or_else(|| String::from_utf8_lossy(value)).into_owned(), false);
        }
    }
    let parts: Vec<String> = rules
        .fallback
        .iter()
        .map(|name| {
            json::member(row, name).map_or(String::new(), crate::core::document::fallback_text)
        })
        .collect();
    (parts.join("|"), true)
}
