//! How a transaction ended, and the words for it.

use super::KEYS_MAX;
use crate::core::call::{Loaded, Missing, Rejection};

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is stored.
    Committed {
        /// Plans tried.
        attempts: u32,
        /// The documents as stored, as far as the answer carried them.
        documents: Vec<Loaded>,
    },
    /// The plan refused; nothing is stored.
    Refused(String),
    /// The server refused for good; nothing is stored.
    Rejected(Rejection),
    /// It came to nothing in the attempts or the time there was.
    GaveUp(GaveUp),
    /// It could not be done at all; nothing is stored.
    Failed(Failure),
}

/// See [`Outcome::GaveUp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaveUp {
    /// Plans tried.
    pub attempts: u32,
    /// Why.
    pub why: Why,
    /// The token of a commit that may have been stored: nobody answered. `None`: certainly
    /// nothing is stored.
    pub in_doubt: Option<String>,
}

/// Why a transaction was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Others changed the documents in every attempt.
    Contended,
    /// Others held the leases too long.
    Leased,
    /// The backend was busy.
    Busy,
    /// No server could be reached.
    Offline,
    /// Nobody is signed in.
    SignedOut,
    /// The till was closed.
    Closed,
    /// The server refused the repetition of what was in doubt.
    Refused,
}

impl Why {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Why::Contended => "contended",
            Why::Leased => "leased",
            Why::Busy => "busy",
            Why::Offline => "offline",
            Why::SignedOut => "signed-out",
            Why::Closed => "closed",
            Why::Refused => "refused",
        }
    }
}

impl GaveUp {
    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        let why = match self.why {
            Why::Contended => "others changed the documents in every attempt",
            Why::Leased => "somebody else kept a document for too long",
            Why::Busy => "the server was busy",
            Why::Offline => "the server could not be reached",
            Why::SignedOut => "somebody has to sign in",
            Why::Closed => "the till was closed",
            Why::Refused => "the server refused to say",
        };
        match &self.in_doubt {
            None => [why, "; nothing was stored"].concat(),
            Some(token) => {
                [why, "; it is in doubt whether it was stored (token ", token, ")"].concat()
            }
        }
    }
}

/// What makes a transaction impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The backend lacks this.
    NotSupported(Missing),
    /// No documents, or more than [`KEYS_MAX`].
    Keys(usize),
    /// The plan threw.
    Plan(String),
    /// The plan answered a document of a key that is not one of the transaction's.
    UnknownKey(String),
    /// What the plan answered for this key is no document.
    NotADocument(String),
    /// The server's copy of this document carries no stamp, so nothing could be compared.
    NoStamp(String),
}

impl Failure {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Failure::NotSupported(_) => "not-supported",
            Failure::Plan(_) => "plan-failed",
            Failure::Keys(_) | Failure::UnknownKey(_) | Failure::NotADocument(_) => {
                "invalid-argument"
            }
            Failure::NoStamp(_) => "no-stamp",
        }
    }

    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Failure::NotSupported(what) => {
                ["guarantees.", what.name(), " is missing: ", what.remedy()].concat()
            }
            Failure::Keys(0) => String::from("keys: at least one document"),
            Failure::Keys(count) => [
                "keys: ",
                &count.to_string(),
                " documents are more than one transaction takes (",
                &KEYS_MAX.to_string(),
                ")",
            ]
            .concat(),
            Failure::Plan(words) => ["the plan failed: ", words].concat(),
            Failure::UnknownKey(key) => {
                ["the plan answered a document that is not in keys: ", key].concat()
            }
            Failure::NotADocument(key) => ["what the plan answered is no document: ", key].concat(),
            Failure::NoStamp(key) => {
                ["the server's copy carries no stamp, so nothing can be compared: ", key].concat()
            }
        }
    }
}
