//! Restamp: two tills on one document, nothing lost.
//!
//! - [`core`]: drafts, stamps, merging, retrying. Pure; start reading at [`core::till`].
//! - [`adapters`]: one dialect of a backend each. Pure.
//! - `shell`: the browser's side, for wasm32 only.

pub mod adapters;
pub mod core;
#[cfg(target_arch = "wasm32")]
#[allow(unreachable_pub, reason = "wasm-bindgen exports by attribute, not by path")]
mod shell;
