//! What the core promises, by behaviour.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::wildcard_enum_match_arm, clippy::type_complexity, clippy::disallowed_types)]

mod breaker;
mod contention;
mod create;
mod desk;
mod doubt;
mod edit;
mod export;
mod heard;
mod hostile;
mod in_doubt;
mod lease;
mod leftover;
mod merge;
mod metrics;
mod open;
mod outbox;
mod pages;
mod replace;
mod replay;
mod resolve;
mod restart;
mod retry;
mod save;
mod scenarios;
mod serve;
mod server;
mod stale;
mod submit;
mod terminal;
mod word;
