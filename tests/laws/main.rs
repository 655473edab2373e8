//! Laws of the merge, of edits and of the journal, over thousands of made-up invoices.
//!
//! The rules are those of MERGE.md. Where a law and MERGE.md disagree, MERGE.md wins, and the law
//! says so at the place.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]
#![allow(clippy::wildcard_enum_match_arm)]

mod align;
mod canon;
mod contention_rates;
#[path = "../contracts/desk.rs"]
mod desk;
mod invoice;
mod journal;
mod merge;
mod ops;
mod panics;
mod prepared;
mod resolve;
#[path = "../contracts/server.rs"]
mod server;

use proptest::test_runner::Config;

/// Cases of every law.
pub fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() }
}
