//! Planted defects: whether the simulation would see them.

use restamp::core::defect::{self, Defect};

use crate::run;

/// Whether a page writes the journal though another one's turn has begun. This defect and the next
/// are in the second runner: the stores and `durable()` are JavaScript's.
pub fn is_fence_ignored() -> bool {
    defect::is(Defect::FenceIgnored)
}

/// Whether what a full disk took nothing of counts as kept.
pub fn is_full_disk_kept() -> bool {
    defect::is(Defect::FullDiskKept)
}

/// The first seed that catches a defect, among so many.
pub fn first_catch(planted: Defect, bound: u64) -> Option<run::Failure> {
    run::all(&run::seeds(0, bound), Some(planted)).err()
}
