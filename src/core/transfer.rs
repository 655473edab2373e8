//! Moving an amount between two documents: wallets, gift cards, loyalty points.
//!
//! A pure plan for a [transaction](super::transaction): what leaves one document is what comes
//! into the other, to the last digit, and neither is ever below zero.

use super::amount::{amount, decimal, is_empty, shortest, sum, Decimal};
use super::json::{self, Kind};

/// The field that holds the amount, unless another is named.
pub const FIELD: &str = "balance";

/// What is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    from: String,
    to: String,
    amount: Decimal,
    field: String,
}

/// Arguments that make no transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferError {
    /// The amount is no plain decimal of at most 28 digits.
    NotADecimal(String),
    /// The amount is not above zero.
    NotPositive(String),
    /// From a document to itself.
    SameDocument(String),
}

impl TransferError {
    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            TransferError::NotADecimal(text) => ["amount: no decimal: ", text].concat(),
            TransferError::NotPositive(text) => ["amount: must be above zero: ", text].concat(),
            TransferError::SameDocument(key) => ["to: the same document as from: ", key].concat(),
        }
    }
}

/// Why a plan of a transfer or an allocation refuses. Nothing is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Less is there than is wanted.
    Insufficient {
        /// The document.
        key: String,
        /// What is there.
        available: Decimal,
        /// What is missing.
        short: Decimal,
    },
    /// The layers together hold less than is wanted.
    Shortage {
        /// What they hold.
        available: Decimal,
        /// What is missing.
        short: Decimal,
    },
    /// There is no such document.
    NotFound(String),
    /// The field of this document holds no amount of at most 28 digits, or the result does not
    /// fit.
    NotAnAmount {
        /// The document.
        key: String,
        /// The field.
        field: String,
    },
}

impl Refusal {
    /// The stable word for it: the `reason` of the outcome.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Insufficient { .. } => "insufficient",
            Refusal::Shortage { .. } => "shortage",
            Refusal::NotFound(_) => "not-found",
            Refusal::NotAnAmount { .. } => "not-an-amount",
        }
    }

    /// What is missing, as decimal text.
    #[must_use]
    pub fn short(&self) -> Option<String> {
        match self {
            Refusal::Insufficient { short, .. } | Refusal::Shortage { short, .. } => {
                Some(shortest(*short))
            }
            Refusal::NotFound(_) | Refusal::NotAnAmount { .. } => None,
        }
    }

    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Refusal::Insufficient { key, available, short } => {
                [key, " holds ", &shortest(*available), ": ", &shortest(*short), " short"].concat()
            }
            Refusal::Shortage { available, short } => {
                ["available: ", &shortest(*available), "; short: ", &shortest(*short)].concat()
            }
            Refusal::NotFound(key) => ["there is no document ", key].concat(),
            Refusal::NotAnAmount { key, field } => {
                [key, ".", field, " is no amount of at most 28 digits"].concat()
            }
        }
    }
}

impl Transfer {
    /// A transfer of `amount` in `field`.
    ///
    /// # Errors
    /// [`TransferError`] if the amount is none or not above zero, or both documents are one.
    pub fn new(from: &str, to: &str, amount: &str, field: &str) -> Result<Transfer, TransferError> {
        let wanted =
            decimal(amount).ok_or_else(|| TransferError::NotADecimal(amount.to_owned()))?;
        if wanted <= Decimal::ZERO {
            return Err(TransferError::NotPositive(amount.to_owned()));
        }
        if from == to {
            return Err(TransferError::SameDocument(from.to_owned()));
        }
        let (from, to, field) = (from.to_owned(), to.to_owned(), field.to_owned());
        Ok(Transfer { from, to, amount: wanted.normalize(), field })
    }

    /// The keys of the two documents.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        vec![self.from.clone(), self.to.clone()]
    }

    /// The documents with the amount moved. A field that is empty counts as zero.
    ///
    /// # Errors
    /// [`Refusal`], and nothing is to be stored.
    pub fn plan(
        &self,
        documents: &[(String, Option<Vec<u8>>)],
    ) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        let from = document(documents, &self.from)?;
        let to = document(documents, &self.to)?;
        let held = held(from, &self.from, &self.field)?;
        if held < self.amount {
            let not = || not_an_amount(&self.from, &self.field);
            let short = sum(self.amount, -held).ok_or_else(not)?;
            return Err(Refusal::Insufficient { key: self.from.clone(), available: held, short });
        }
        let into = self::held(to, &self.to, &self.field)?;
        Ok(vec![
            (self.from.clone(), with_sum(from, &self.from, &self.field, held, -self.amount)?),
            (self.to.clone(), with_sum(to, &self.to, &self.field, into, self.amount)?),
        ])
    }
}

fn document<'a>(
    documents: &'a [(String, Option<Vec<u8>>)],
    key: &str,
) -> Result<&'a [u8], Refusal> {
    let found = documents.iter().find(|(known, _)| known == key);
    found
        .and_then(|(_, document)| document.as_deref())
        .ok_or_else(|| Refusal::NotFound(key.to_owned()))
}

fn not_an_amount(key: &str, field: &str) -> Refusal {
    Refusal::NotAnAmount { key: key.to_owned(), field: field.to_owned() }
}

/// The amount in a document's field; nothing there is zero.
pub(super) fn held(document: &[u8], key: &str, field: &str) -> Result<Decimal, Refusal> {
    let value = json::member(document, field);
    if is_empty(value) {
        return Ok(Decimal::ZERO);
    }
    value.and_then(amount).ok_or_else(|| not_an_amount(key, field))
}

/// The document with `held + by` in its field: a string stays a string, all else is a number. It
/// has as many decimals as it had, or as `by` needs.
pub(super) fn with_sum(
    document: &[u8],
    key: &str,
    field: &str,
    held: Decimal,
    by: Decimal,
) -> Result<Vec<u8>, Refusal> {
    let not = || not_an_amount(key, field);
    let mut total = sum(held, by).ok_or_else(not)?;
    let decimals = held.scale().max(by.normalize().scale());
    total.rescale(decimals);
    if total.scale() != decimals {
        // So many decimals do not fit: all that count are there, but for zeros at the end.
        total = total.normalize();
    }
    if total.is_zero() {
        total.set_sign_positive(true);
    }
    let text = total.to_string();
    let value = match json::member(document, field).map(json::kind) {
        Some(Kind::Text) => json::quoted(&text),
        Some(_) | None => text.into_bytes(),
    };
    Ok(json::with_member(document, field, &value))
}
