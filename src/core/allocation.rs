//! First in, first out: a quantity is taken from stock layers, the oldest first, all or nothing.
//!
//! A pure plan for a [transaction](super::transaction). Layers go by `orderField`, then by key:
//! amounts before texts, texts by code point (ISO dates in their order), layers without it last. A
//! layer that is used up gives its whole value. One that is used in part gives
//! `value * taken / quantity`, rounded half to even to as many decimals as its value is written
//! with; the rest of the value stays in the layer. So quantity and value are conserved to the last
//! digit, and no layer is ever below zero.

use std::cmp::Ordering;

use super::amount::{amount, decimal, shortest, sum, Decimal};
use super::json::{self, list, ObjectWriter};
use super::transfer::{held, with_sum, Refusal};

/// Names of a layer's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The quantity that is left.
    pub quantity: String,
    /// The value of that quantity. A layer without it is worth nothing.
    pub value: String,
    /// What the layers are ordered by.
    pub order: String,
}

impl Default for Fields {
    /// `quantity`, `value`, `created`.
    fn default() -> Fields {
        let [quantity, value, order] = ["quantity", "value", "created"].map(String::from);
        Fields { quantity, value, order }
    }
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The whole quantity.
    pub quantity: Decimal,
    /// The value of it.
    pub value: Decimal,
    /// From which layers, the oldest first.
    pub layers: Vec<Taken>,
}

/// What was taken from one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The layer.
    pub key: String,
    /// The quantity.
    pub quantity: Decimal,
    /// The value of it.
    pub value: Decimal,
}

impl Allocation {
    /// The contract's `Allocation` as JSON text. A plan that is carried out has no shortage.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let layer = |taken: &Taken| {
            let mut out = ObjectWriter::new();
            out.text("key", &taken.key);
            out.text("quantity", &shortest(taken.quantity)).text("value", &shortest(taken.value));
            out.finish()
        };
        let mut out = ObjectWriter::new();
        out.text("quantity", &shortest(self.quantity)).text("value", &shortest(self.value));
        out.raw("layers", &list(self.layers.iter().map(layer))).text("shortage", "0");
        out.finish()
    }
}

/// The quantity that `text` spells.
///
/// # Errors
/// The words for what is wrong with it.
pub fn quantity(text: &str) -> Result<Decimal, String> {
    match decimal(text) {
        None => Err(["quantity: no decimal: ", text].concat()),
        Some(wanted) if wanted <= Decimal::ZERO => {
            Err(["quantity: must be above zero: ", text].concat())
        }
        Some(wanted) => Ok(wanted.normalize()),
    }
}

struct Layer<'a> {
    key: &'a str,
    document: &'a [u8],
    quantity: Decimal,
}

/// A plan's answer: the layers that changed, and what was taken.
pub type Planned = (Vec<(String, Vec<u8>)>, Allocation);

/// Takes `wanted` from the layers. One that is gone, or holds nothing, gives nothing.
///
/// # Errors
/// [`Refusal`], and nothing is to be stored.
pub fn plan(
    wanted: Decimal,
    fields: &Fields,
    documents: &[(String, Option<Vec<u8>>)],
) -> Result<Planned, Refusal> {
    let layers = in_order(fields, documents)?;
    let mut left = wanted;
    let mut value = Decimal::ZERO;
    let (mut changed, mut taken) = (Vec::new(), Vec::new());
    for layer in &layers {
        if left.is_zero() {
            break;
        }
        let quantity = left.min(layer.quantity);
        let (document, worth) = take(layer, quantity, fields)?;
        let not = || not_an_amount(layer.key, &fields.quantity);
        left = sum(left, -quantity).ok_or_else(not)?;
        value = sum(value, worth).ok_or_else(|| not_an_amount(layer.key, &fields.value))?;
        changed.push((layer.key.to_owned(), document));
        taken.push(Taken { key: layer.key.to_owned(), quantity, value: worth });
    }
    if left > Decimal::ZERO {
        let available = sum(wanted, -left).unwrap_or_default();
        return Err(Refusal::Shortage { available, short: left });
    }
    Ok((changed, Allocation { quantity: wanted, value, layers: taken }))
}

fn in_order<'a>(
    fields: &Fields,
    documents: &'a [(String, Option<Vec<u8>>)],
) -> Result<Vec<Layer<'a>>, Refusal> {
    let mut layers = Vec::with_capacity(documents.len());
    for (key, document) in documents {
        let Some(document) = document.as_deref() else { continue };
        let quantity = held(document, key, &fields.quantity)?;
        if quantity > Decimal::ZERO {
            let order = Order::of(json::member(document, &fields.order));
            layers.push((order, Layer { key, document, quantity }));
        }
    }
    layers.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.key.cmp(y.key)));
    Ok(layers.into_iter().map(|(_, layer)| layer).collect())
}

/// What a layer is ordered by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Amount(Decimal),
    Text(String),
    None,
}

impl Order {
    fn of(value: Option<&[u8]>) -> Order {
        match value {
            Some(value) => match (amount(value), json::text(value)) {
                (Some(amount), _) => Order::Amount(amount),
                (None, Some(text)) if !text.is_empty() => Order::Text(text.into_owned()),
                (None, _) => Order::None,
            },
            None => Order::None,
        }
    }
}

/// The layer without the quantity, and the value of it.
fn take(
    layer: &Layer<'_>,
    quantity: Decimal,
    fields: &Fields,
) -> Result<(Vec<u8>, Decimal), Refusal> {
    let not = || not_an_amount(layer.key, &fields.value);
    let value = held(layer.document, layer.key, &fields.value)?;
    let worth = match quantity == layer.quantity {
        true => value,
        false => portion(value, quantity, layer.quantity).ok_or_else(not)?,
    };
    let document =
        with_sum(layer.document, layer.key, &fields.quantity, layer.quantity, -quantity)?;
    if worth.is_zero() {
        return Ok((document, worth));
    }
    let document = with_sum(&document, layer.key, &fields.value, value, -worth)?;
    Ok((document, worth))
}

fn not_an_amount(key: &str, field: &str) -> Refusal {
    Refusal::NotAnAmount { key: key.to_owned(), field: field.to_owned() }
}

/// `value * part / whole`, rounded half to even to the decimals of `value`; `part` is below
/// `whole`, both above zero. `None` if they cannot be written with the same decimals.
fn portion(value: Decimal, part: Decimal, whole: Decimal) -> Option<Decimal> {
    let decimals = part.scale().max(whole.scale());
    let scaled = |number: Decimal| {
        let factor = 10_u128.checked_pow(decimals - number.scale())?;
        number.mantissa().unsigned_abs().checked_mul(factor)
    };
    let (part, whole) = (scaled(part)?, scaled(whole)?);
    // The remainder below is under three times this.
    if whole >= 1 << 125 {
        return None;
    }
    let (mut quotient, mut rest) = divided(value.mantissa().unsigned_abs(), part, whole);
    rest *= 2;
    match rest.cmp(&whole) {
        Ordering::Greater => quotient += 1,
        Ordering::Equal => quotient += quotient % 2,
        Ordering::Less => {}
    }
    let mantissa = i128::try_from(quotient).ok()? * value.mantissa().signum();
    Decimal::try_from_i128_with_scale(mantissa, value.scale()).ok()
}

/// `factor * part / whole` and the remainder, for `part < whole`: the product has more digits than
/// any number here, so it is made and divided bit by bit.
fn divided(factor: u128, part: u128, whole: u128) -> (u128, u128) {
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for bit in (0..u128::BITS - factor.leading_zeros()).rev() {
        quotient *= 2;
        rest *= 2;
        if factor >> bit & 1 == 1 {
            rest += part;
        }
        while rest >= whole {
            rest -= whole;
            quotient += 1;
        }
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_rounded_half_to_even_at_the_decimals_of_the_value() {
        for (value, part, whole, expected) in [
            ("100.00", "1", "3", "33.33"),
            ("100", "1", "3", "33"),
            ("0.05", "1", "2", "0.02"),
            ("0.15", "1", "2", "0.08"),
            ("-0.05", "1", "2", "-0.02"),
            ("10.0", "0.25", "1.000", "2.5"),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950334",
                "79228162514264337593543950335",
                "79228162514264337593543950334",
            ),
            ("5", "1", "79228162514264337593543950335", "0"),
        ] {
            let [value, part, whole] = [value, part, whole].map(|text| decimal(text).unwrap());
            let got = portion(value, part, whole).unwrap();
            assert_eq!(got.to_string(), expected, "{value} {part} {whole}");
        }
        let [tiny, huge] =
            ["0.0000000000000000000000000001", "79228162514264337593543950335"].map(decimal);
        assert_eq!(portion(Decimal::ONE, tiny.unwrap(), huge.unwrap()), None);
    }
}
