//! What the core promises, by behaviour.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod scenarios;
