//! The browser's side: the only code that knows JavaScript, and the only asynchronous code.
//!
//! It decides nothing. `runner` feeds events to the core's till and runs the effects in order;
//! every other file wraps one thing that JavaScript offers.

#![expect(
    clippy::disallowed_types,
    reason = "JavaScript's numbers are f64: here milliseconds, counts and chance, never an amount"
)]

pub mod backend;
mod clock;
mod convert;
pub mod draft;
mod error;
mod feed;
mod fetch;
mod follow;
pub mod functions;
mod journal;
mod lead;
mod network;
mod numbers;
mod options;
pub mod outbox;
mod outcome;
mod promise;
mod runner;
mod snapshot;
mod store;
mod tabs;
pub mod till;
mod transactions;
mod words;
mod works;
