//! Decimals: from JSON text, in sums, back to JSON text. No float is ever involved.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

/// A number does not fit 28 digits, or a sum of them does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// Reads a value the way Frappe's `flt` does: number texts are numbers, the rest is zero.
pub fn decimal(value: Option<&Value>) -> Result<Decimal, OutOfRange> {
    match value {
        Some(Value::Number(number)) => parse(&number.to_string()).unwrap_or(Err(OutOfRange)),
        Some(Value::String(text)) => match parse(text.trim()) {
            Some(read) => read,
            None => Ok(Decimal::ZERO),
        },
        Some(Value::Bool(true)) => Ok(Decimal::ONE),
        _ => Ok(Decimal::ZERO),
    }
}

/// `None` for what is no number at all; `OutOfRange` for what is one but too long.
fn parse(text: &str) -> Option<Result<Decimal, OutOfRange>> {
    let digits =
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if !digits || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let read = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text)
    } else {
        text.parse::<Decimal>()
    };
    Some(read.map_err(|_| OutOfRange))
}

/// Rounds half to even, as Frappe's default rounding does.
pub fn round(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven)
}

/// `a + b`.
pub fn add(a: Decimal, b: Decimal) -> Result<Decimal, OutOfRange> {
    a.checked_add(b).ok_or(OutOfRange)
}

/// `a - b`.
pub fn subtract(a: Decimal, b: Decimal) -> Result<Decimal, OutOfRange> {
    a.checked_sub(b).ok_or(OutOfRange)
}

/// `a * b`.
pub fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, OutOfRange> {
    a.checked_mul(b).ok_or(OutOfRange)
}

/// A decimal as a JSON number with at least one decimal place: `20.0`, `45.5`.
pub fn json(amount: Decimal) -> Value {
    let mut text = amount.normalize().to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    match text.parse::<Number>() {
        Ok(number) => Value::Number(number),
        Err(_) => Value::String(text),
    }
}
