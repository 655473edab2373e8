//! What the fuzz targets run: from bytes to an input, through the core or an adapter, and the laws
//! that must hold whatever the bytes are. A broken law is a panic.
//!
//! The targets in `fuzz_targets` hand libFuzzer's bytes over; `tests/fuzz` hands over the corpora,
//! so that both run the same code.

pub mod answer;
pub mod frappe;
pub mod journal;
pub mod json;
pub mod merge;
pub mod ops;
pub mod profile;
pub mod rest;
pub mod samples;
pub mod till;
pub mod verdict;

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by the names of their corpora.
pub const TARGETS: [(&str, Target); 9] = [
    ("frappe", frappe::run),
    ("rest", rest::run),
    ("verdict", verdict::run),
    ("journal", journal::run),
    ("profile", profile::run),
    ("ops", ops::run),
    ("json", json::run),
    ("merge", merge::run),
    ("till", till::run),
];
