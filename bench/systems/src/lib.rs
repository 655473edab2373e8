//! The five systems that Restamp grew out of, each in its own scenario, beside what Restamp does
//! under the same simulated load. Start reading at `main.rs`.

pub mod figures;
pub mod line;
pub mod originals;
pub mod ours;
pub mod real;
pub mod table;

/// The server in memory that the tests of transactions use.
#[path = "../../../tests/transactions/server.rs"]
#[allow(dead_code)]
mod server;
/// The state machines with what a page does for them, as those tests run them.
#[path = "../../../tests/transactions/task.rs"]
#[allow(dead_code)]
mod task;
