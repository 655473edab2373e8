//! How long to wait before the next try, and when to give up. Whole milliseconds, no floats.

use super::time::{Millis, WAIT_MS_MAX};

/// The shape of a schedule. Names as in "Exponential Backoff And Jitter" (AWS, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Always `base`.
    Fixed,
    /// `base`, then times `factor` each time.
    Exponential,
    /// Anything from 0 to what exponential would wait.
    FullJitter,
    /// Anything from `base` to three times the wait before.
    Decorrelated,
    /// Anything from 0 to `factor` times the time that the tries took so far (or `base`, if that
    /// is more). It needs no guess of how quick the network is or how many others there are:
    /// where answers take longer or more tries fail, more time has passed.
    Proportional,
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The shape.
    pub kind: Kind,
    /// First wait, ms. Of [`Kind::Proportional`]: what the range of a wait is at least.
    pub base_ms: u64,
    /// Longest wait, ms.
    pub cap_ms: u64,
    /// Growth from one wait to the next, in thousandths (2000 doubles). Of
    /// [`Kind::Proportional`]: share of the time passed.
    pub factor_milli: u64,
    /// Tries in all, the first included; `None` for no limit.
    pub attempts_max: Option<u32>,
    /// Give up this long after the first try, ms.
    pub deadline_ms: Option<u64>,
}

/// What to do after a try that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again at this moment.
    At(Millis),
    /// The schedule is used up.
    GiveUp,
}

impl Schedule {
    /// For a cashier who waits: up to 6 tries within 20 s.
    pub const INTERACTIVE: Schedule = Schedule {
        kind: Kind::FullJitter,
        base_ms: 300,
        cap_ms: 30_000,
        factor_milli: 2_000,
        attempts_max: Some(6),
        deadline_ms: Some(20_000),
    };

    /// Between conflicts with other tills, from the second in a row on: up to 0.4 times the time
    /// since the first save that was stale went out, at most 30 s. It has no end: at every
    /// conflict somebody's save was stored.
    ///
    /// Source: `bench/results/contention.md`. With 50 tills and more at one document fewer
    /// requests and a shorter wait than full jitter from 30 ms to 5 s, the best of the baselines;
    /// with few tills about the same.
    pub const CONTENTION: Schedule = Schedule {
        kind: Kind::Proportional,
        base_ms: 20,
        cap_ms: 30_000,
        factor_milli: 400,
        attempts_max: None,
        deadline_ms: None,
    };

    /// For what waits in the outbox: for ever, up to 5 minutes apart.
    pub const BACKGROUND: Schedule = Schedule {
        kind: Kind::FullJitter,
        base_ms: 1_000,
        cap_ms: 300_000,
        factor_milli: 2_000,
        attempts_max: None,
        deadline_ms: None,
    };

    /// Wait before try number `attempt` (2 is the first retry), ms.
    ///
    /// `random` is 32 random bits: the fraction `random / 2^32` of the range. `previous_ms` is
    /// the wait before the last try for [`Kind::Decorrelated`], the time passed since the first
    /// try for [`Kind::Proportional`], and nothing to the others. `retry_after_ms`,
    /// the server's wish, is a lower bound and may exceed the cap.
    #[must_use]
    pub fn delay(
        &self,
        attempt: u32,
        random: u32,
        previous_ms: Option<u64>,
        retry_after_ms: Option<u64>,
    ) -> u64 {
        #[cfg(feature = "planted-defects")]
        if super::defect::is(super::defect::Defect::HastyRetries) {
            return 0;
        }
        let wait = match self.kind {
            Kind::Fixed => self.base_ms.min(self.cap_ms),
            Kind::Exponential => self.grown(attempt),
            Kind::FullJitter => portion(self.grown(attempt), random),
            Kind::Decorrelated => {
                let range = previous_ms.unwrap_or(self.base_ms).saturating_mul(3);
                let spread = portion(range.saturating_sub(self.base_ms), random);
                self.base_ms.saturating_add(spread).min(self.cap_ms)
            }
            Kind::Proportional => {
                let share = previous_ms.unwrap_or(0).saturating_mul(self.factor_milli) / 1_000;
                portion(share.max(self.base_ms).min(self.cap_ms), random)
            }
        };
        wait.max(retry_after_ms.unwrap_or(0)).min(WAIT_MS_MAX)
    }

    fn grown(&self, attempt: u32) -> u64 {
        let mut wait = self.base_ms;
        for _ in 2..attempt {
            if wait >= self.cap_ms {
                break;
            }
            let next = wait.saturating_mul(self.factor_milli) / 1_000;
            if next <= wait {
                break;
            }
            wait = next;
        }
        wait.min(self.cap_ms)
    }

    /// What follows after `tries` tries that came to nothing, the first of them at `started`.
    #[must_use]
    pub fn decide(
        &self,
        tries: u32,
        started: Millis,
        now: Millis,
        random: u32,
        previous_ms: Option<u64>,
        retry_after_ms: Option<u64>,
    ) -> Retry {
        if self.attempts_max.is_some_and(|most| tries >= most) {
            return Retry::GiveUp;
        }
        let wait = self.delay(tries.saturating_add(1), random, previous_ms, retry_after_ms);
        let at = now.plus(Millis(wait));
        match self.deadline_ms {
            Some(deadline) if at.since(started).0 > deadline => Retry::GiveUp,
            Some(_) | None => Retry::At(at),
        }
    }
}

/// Tries of one kind since something last went well.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tries {
    count: u32,
    since: Millis,
    last_wait: Option<u64>,
}

impl Tries {
    /// One more came to nothing: what follows.
    pub(super) fn another(
        &mut self,
        schedule: &Schedule,
        now: Millis,
        random: u32,
        retry_after: Option<Millis>,
    ) -> Retry {
        // A wall clock that jumps back does not prolong it.
        self.since = if self.count == 0 { now } else { self.since.min(now) };
        self.count += 1;
        let after = retry_after.map(|wait| wait.0);
        let next = schedule.decide(self.count, self.since, now, random, self.last_wait, after);
        if let Retry::At(until) = next {
            self.last_wait = Some(until.since(now).0);
        }
        next
    }
}

/// A moment that is waited for, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    since: Millis,
    pub(super) until: Millis,
}

impl Wait {
    pub(super) fn new(now: Millis, until: Millis) -> Wait {
        Wait { since: now, until }
    }

    /// A wall clock that jumps back must not make the wait longer.
    pub(super) fn follow_clock(&mut self, now: Millis) {
        if now < self.since {
            let length = self.until.since(self.since).0.min(WAIT_MS_MAX);
            *self = Wait { since: now, until: now.plus(Millis(length)) };
        }
    }
}

/// `range * random / 2^32`.
fn portion(range: u64, random: u32) -> u64 {
    ((u128::from(range) * u128::from(random)) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = 1 << 31;

    #[test]
    fn waits_follow_the_schedule() {
        let of = |kind| Schedule {
            kind,
            base_ms: 100,
            cap_ms: 1_000,
            factor_milli: 2_000,
            attempts_max: Some(4),
            deadline_ms: None,
        };
        for (kind, attempt, random, previous, retry_after, wait) in [
            (Kind::Fixed, 9, 0, None, None, 100),
            (Kind::Exponential, 2, 0, None, None, 100),
            (Kind::Exponential, 4, 0, None, None, 400),
            (Kind::Exponential, 40, 0, None, None, 1_000),
            (Kind::FullJitter, 3, HALF, None, None, 100),
            (Kind::FullJitter, 3, 0, None, Some(5_000), 5_000),
            (Kind::Decorrelated, 2, HALF, None, None, 200),
            (Kind::Decorrelated, 3, HALF, Some(600), None, 950),
            (Kind::Decorrelated, 3, u32::MAX, Some(600), None, 1_000),
            (Kind::Proportional, 2, HALF, None, None, 50),
            (Kind::Proportional, 2, HALF, Some(10), None, 50),
            (Kind::Proportional, 9, HALF, Some(400), None, 400),
            (Kind::Proportional, 2, HALF, Some(60_000), None, 500),
        ] {
            let got = of(kind).delay(attempt, random, previous, retry_after);
            assert_eq!(got, wait, "{kind:?} {attempt}");
        }
    }

    #[test]
    fn attempts_and_deadline_end_it() {
        let schedule = Schedule { attempts_max: Some(3), ..Schedule::INTERACTIVE };
        let decide = |tries, now| schedule.decide(tries, Millis(0), Millis(now), 0, None, None);
        assert_eq!(decide(2, 10), Retry::At(Millis(10)));
        assert_eq!(decide(3, 10), Retry::GiveUp);
        assert_eq!(decide(1, 20_001), Retry::GiveUp);
        // A wall clock that jumps back does not end it.
        let late = schedule.decide(1, Millis(1_000_000), Millis(5), 0, None, None);
        assert_eq!(late, Retry::At(Millis(5)));
    }
}
