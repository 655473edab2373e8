//! The pure core: no clock, no randomness, no I/O, not async, no floating point.
//!
//! Start reading at [`till`]. It never says HTTP, header, browser tab, IndexedDB or the name of
//! any backend.

pub mod allocation;
pub mod amount;
pub mod breaker;
pub mod call;
pub mod change;
pub mod conflict;
pub mod contention_rates;
#[cfg(feature = "planted-defects")]
pub mod defect;
pub mod diff;
pub mod document;
pub mod draft;
pub mod event;
pub mod find_or_create;
pub mod journal;
pub mod json;
pub mod merge;
pub mod metrics;
pub mod numbers;
pub mod op;
pub mod order;
pub mod outbox;
pub mod pages;
pub mod path;
pub mod policy;
pub mod prepared;
pub mod profile;
pub mod random;
pub mod reapply;
pub mod render;
pub mod retry;
pub mod sequence;
pub mod serve;
pub mod stamp;
pub mod till;
pub mod time;
pub mod transaction;
pub mod transfer;
