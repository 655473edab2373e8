//! Exact decimals, and when two JSON values are the same.
//!
//! `rust_decimal` is the decimal type: 28 digits. What does not fit is kept as text and compared
//! as text; nothing is ever rounded.

pub use rust_decimal::Decimal;

use super::json::{self, Kind};

/// The amount that a JSON number, or a string spelling a plain decimal, means.
///
/// Strings count only in plain form ("12.50", "-3"): no exponent, no sign but minus, no zeros in
/// front, so that a phone number or an article number is not mistaken for an amount. `None` for
/// everything else, also for a number of more than 28 digits.
#[must_use]
pub fn amount(value: &[u8]) -> Option<Decimal> {
    match value {
        [b'"', inner @ .., b'"'] => plain_decimal(inner).then(|| exact(inner)).flatten(),
        [b'-' | b'0'..=b'9', ..] => number(value),
        _ => None,
    }
}

/// The decimal that `text` spells plainly: "12.50", "-3". `None` if it is none or does not fit.
#[must_use]
pub fn decimal(text: &str) -> Option<Decimal> {
    plain_decimal(text.as_bytes()).then(|| exact(text.as_bytes())).flatten()
}

fn exact(text: &[u8]) -> Option<Decimal> {
    Decimal::from_str_exact(std::str::from_utf8(text).ok()?).ok()
}

fn plain_decimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &b"0"[..]),
    };
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    all_digits(whole) && all_digits(fraction) && (whole.len() == 1 || whole[0] != b'0')
}

/// A JSON number, its exponent shifted into the digits.
fn number(text: &[u8]) -> Option<Decimal> {
    let Some(mark) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else {
        return exact(text);
    };
    let mantissa = exact(&text[..mark])?.normalize();
    let exponent: i32 = std::str::from_utf8(&text[mark + 1..]).ok()?.parse().ok()?;
    if mantissa.is_zero() {
        return Some(mantissa);
    }
    let scale = i32::try_from(mantissa.scale()).ok()?.checked_sub(exponent)?;
    match u32::try_from(scale) {
        Ok(scale) => Decimal::try_from_i128_with_scale(mantissa.mantissa(), scale).ok(),
        Err(_) => {
            let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
            let whole = mantissa.mantissa().checked_mul(factor)?;
            Decimal::try_from_i128_with_scale(whole, 0).ok()
        }
    }
}

/// `a + b`, or `None` if the exact sum has more than 28 digits.
#[must_use]
pub fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    if a.is_zero() {
        return Some(b);
    }
    if b.is_zero() {
        return Some(a);
    }
    // rust_decimal gives up digits of the fraction before it overflows: that would be rounding.
    let sum = a.checked_add(b)?;
    (sum.scale() >= a.scale().max(b.scale())).then_some(sum)
}

/// The shortest plain spelling: `100.00` is "100".
#[must_use]
pub fn shortest(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// `amount` as JSON, in the kind of the value that it replaces: a string stays a string, and all
/// else becomes a number.
#[must_use]
pub fn like(amount: Decimal, replaced: Option<&[u8]>) -> Vec<u8> {
    let text = shortest(amount);
    match replaced.map(json::kind) {
        Some(Kind::Text) => json::quoted(&text),
        Some(_) | None => text.into_bytes(),
    }
}

/// A value that stands for "nothing": absent, `null` or `""`.
#[must_use]
pub fn is_empty(value: Option<&[u8]>) -> bool {
    matches!(value, None | Some(b"null" | b"\"\""))
}

/// Whether two values are the same to a person: "3", "3.000" and 3.0; absent, null and "";
/// true and 1; objects whatever the order of their members.
#[must_use]
pub fn same(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || same_values(a, b),
        (one, other) => is_empty(one) && is_empty(other),
    }
}

/// As [`same`], and zero counts as nothing (discounts, prices).
#[must_use]
pub fn same_or_zero(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let blank = |value: Option<&[u8]>| {
        is_empty(value) || value.and_then(amount).is_some_and(|amount| amount.is_zero())
    };
    same(a, b) || (blank(a) && blank(b))
}

fn same_values(a: &[u8], b: &[u8]) -> bool {
    if is_empty(Some(a)) && is_empty(Some(b)) {
        return true;
    }
    if let (Some(x), Some(y)) = (flag_or_amount(a), flag_or_amount(b)) {
        return x == y;
    }
    match (json::kind(a), json::kind(b)) {
        (Kind::Text, Kind::Text) => json::text(a) == json::text(b),
        (Kind::Array, Kind::Array) => same_arrays(a, b),
        (Kind::Object, Kind::Object) => same_objects(a, b) && same_objects(b, a),
        // A number of too many digits for a decimal is shown to pages as text, and comes back so.
        (Kind::Number, Kind::Text) => b.get(1..b.len() - 1) == Some(a),
        (Kind::Text, Kind::Number) => a.get(1..a.len() - 1) == Some(b),
        _ => false,
    }
}

/// Databases keep check boxes as 0 and 1, forms send true and false.
fn flag_or_amount(value: &[u8]) -> Option<Decimal> {
    match value {
        b"true" => Some(Decimal::ONE),
        b"false" => Some(Decimal::ZERO),
        other => amount(other),
    }
}

/// Whether a flag is set: true, 1, "1" or any other amount but zero.
#[must_use]
pub fn is_set(value: Option<&[u8]>) -> bool {
    value.and_then(flag_or_amount).is_some_and(|amount| !amount.is_zero())
}

fn same_arrays(a: &[u8], b: &[u8]) -> bool {
    let list = |text: &[u8]| {
        let mut spans = Vec::new();
        json::elements(text, 0, &mut |span| spans.push(span)).map(|_| spans).unwrap_or_default()
    };
    let (left, right) = (list(a), list(b));
    left.len() == right.len()
        && left.iter().zip(&right).all(|(x, y)| same(Some(x.of(a)), Some(y.of(b))))
}

/// Whether every member of `a` is the same in `b`.
/// Of two members of one name the last one counts, as in JavaScript.
fn same_objects(a: &[u8], b: &[u8]) -> bool {
    let mut equal = true;
    let walked = json::members(a, 0, &mut |member| {
        let name = json::unescape(member.key.of(a));
        equal = equal && same(json::member(a, &name), json::member(b, &name));
    });
    walked.is_ok() && equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_plain() {
        for (text, spelled) in [
            ("0.10", Some("0.1")),
            ("\"3.000\"", Some("3")),
            ("1e3", Some("1000")),
            ("12.5e-1", Some("1.25")),
            ("-0.0", Some("0")),
            ("\"007\"", None),
            ("\"1e3\"", None),
            ("\"+1\"", None),
            ("\"\"", None),
            ("1e400", None),
            ("12345678901234567890123456789012", None),
            ("null", None),
        ] {
            let read = amount(text.as_bytes()).map(|a| shortest(a).replace("-0", "0"));
            assert_eq!(read.as_deref(), spelled, "{text}");
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused_not_rounded() {
        let big = decimal("7922816251426433759354395033.5").expect("28 digits");
        assert_eq!(sum(big, decimal("0.001").expect("small")), None);
        let tenth = decimal("0.1").expect("0.1");
        let fifth = decimal("0.2").expect("0.2");
        assert_eq!(sum(tenth, fifth).map(shortest).as_deref(), Some("0.3"));
    }

    #[test]
    fn values_are_compared_as_people_see_them() {
        for (a, b, equal) in [
            ("3", "\"3.000\"", true),
            ("3", "3.0", true),
            ("\"007\"", "\"7\"", false),
            ("null", "\"\"", true),
            ("true", "1", true),
            ("\"a\\u0062\"", "\"ab\"", true),
            ("{\"a\":1,\"b\":null}", "{\"a\":1.0}", true),
            ("{\"a\":1,\"a\":2}", "{\"a\":2}", true),
            ("{\"a\":1,\"a\":2}", "{\"a\":1, \"a\":2}", true),
            ("{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}", false),
            ("[1,2]", "[2,1]", false),
            ("0", "null", false),
        ] {
            assert_eq!(same(Some(a.as_bytes()), Some(b.as_bytes())), equal, "{a} {b}");
        }
        assert!(same_or_zero(Some(b"0"), None));
    }
}
