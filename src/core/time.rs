//! Time as the core sees it: a number handed in by the caller.

/// Milliseconds: since the Unix epoch for a moment, or a length of time where the name says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// `self + other`, stopping at the largest representable moment.
    #[must_use]
    pub fn plus(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }

    /// `self - other`, or zero if `other` is later (a wall clock may jump back).
    #[must_use]
    pub fn since(self, other: Millis) -> Millis {
        Millis(self.0.saturating_sub(other.0))
    }
}

/// The longest wait that is ever scheduled: `setTimeout` counts in 31 bits.
pub const WAIT_MS_MAX: u64 = 0x7fff_ffff;
