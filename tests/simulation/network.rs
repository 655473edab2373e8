//! What may happen to a call between a till and the server.

use crate::chance::Chance;

/// The fate of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer too.
    Through,
    /// It never arrives; the till hears nothing.
    RequestLost,
    /// It arrives, its answer does not.
    AnswerLost,
    /// The till has given it up before it arrives.
    Late,
    /// It arrives twice; the first answer counts.
    Doubled,
    /// A proxy or a lock: not applied, try later.
    Busy,
    /// Signed out.
    SignedOut,
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Of a hundred calls that many have some other fate than going through.
    pub faults: u64,
    /// Longest way to the server or back, ms.
    pub delay_ms: u64,
}

impl Network {
    pub fn fate(&self, chance: &mut Chance) -> Fate {
        if !chance.percent(self.faults) {
            return Fate::Through;
        }
        match chance.below(12) {
            0..=2 => Fate::RequestLost,
            3..=5 => Fate::AnswerLost,
            6 | 7 => Fate::Late,
            8 => Fate::Doubled,
            9 | 10 => Fate::Busy,
            _ => Fate::SignedOut,
        }
    }

    pub fn delay(&self, chance: &mut Chance) -> u64 {
        1 + chance.below(self.delay_ms)
    }
}
