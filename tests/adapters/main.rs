//! Every dialect against answers recorded from the real servers, and against hostile ones.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub)]
#![allow(missing_docs, clippy::unwrap_used)]

mod frappe;
mod frappe_recorded;
mod frappe_requests;
mod hostile;
mod page_offered;
mod recorded;
mod rest;
mod rest_changes;
mod rest_offers;
mod rest_recorded;
