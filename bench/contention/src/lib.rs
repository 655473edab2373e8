//! Many tills, one invoice: how many requests a save takes, and how long.
//!
//! A discrete-event simulation. The tills are the real engine and its REST adapter; the network,
//! the server's time and the cashiers are a model, from a seed. No clock of this machine is read,
//! so the same seed gives the same figures everywhere.

pub mod cell;
pub mod chance;
pub mod picture;
pub mod places;
pub mod plan;
pub mod report;
pub mod server;
pub mod station;
mod turns;
pub mod world;
