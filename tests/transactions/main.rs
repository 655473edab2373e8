//! Several documents at once, leases, numbers and find-or-create: state machines of many tills at
//! one server in memory, with lost requests, lost answers, busy servers, answers that come late
//! and leases that run out. One seed is one world.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::wildcard_enum_match_arm)]

mod allocations;
mod batches;
mod chance;
mod documents;
mod leases;
mod numbers;
mod same_customer;
mod scripted;
mod server;
mod task;
mod till_numbers;
mod wallets;
mod world;
