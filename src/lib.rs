//! Restamp: two tills on one document, nothing lost.
//!
//! - [`core`]: drafts, stamps, merging, retrying. Pure; start reading at [`core::till`].
//! - [`adapters`]: one dialect of a backend each. Pure.
//! - `shell`: the browser's side, for wasm32 only; public for its tests, the page sees the
//!   JavaScript face.

pub mod adapters;
pub mod core;
#[cfg(target_arch = "wasm32")]
pub mod shell;
