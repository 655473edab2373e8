//! Planted defects: whether the simulation would see them.

use restamp::core::defect::{self, Defect};

use crate::run;

/// Whether pages take over what other pages still hold: this defect is in the second runner.
pub fn is_handover_wrong() -> bool {
    defect::is(Defect::WrongHandover)
}

/// The first seed that catches a defect, among so many.
pub fn first_catch(planted: Defect, bound: u64) -> Option<run::Failure> {
    run::all(&run::seeds(0, bound), Some(planted)).err()
}
