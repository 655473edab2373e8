//! The shell's browser pieces in a real browser: one file per thing that the browser offers.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_types)]
#![allow(missing_docs, unreachable_pub)]

mod fetch;
mod functions;
mod indexed_db;
mod page;
mod store;
mod timer;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
