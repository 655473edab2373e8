//! Whether the backend can be reached: the one gate that all calls of a till go through.
//!
//! After [`FAILURES_MAX`] calls in a row that came to nothing (no answer, a 5xx, busy) it opens:
//! nothing goes out, what waits keeps waiting. One call at a time probes (half open): when the
//! time has come, when somebody asks, or when the network is back. Any real answer closes it, and
//! all that waited goes out. Being signed out is the same with another cause: one call probes
//! when somebody asks, and time does not help.

use super::call::{
    Answered, ApplyOutcome, BatchOutcome, CommitOutcome, FindOutcome, LeaseOutcome, LoadOutcome,
    NextOutcome, SaveOutcome,
};
use super::event::Queued;
use super::json::ObjectWriter;
use super::policy::{BREAKER_MS_MAX, CALLS_MAX, FAILURES_MAX};
use super::random::Random;
use super::retry::Schedule;
use super::time::Millis;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Calls in a row that came to nothing.
    failures: u32,
    /// Open; a probe is due at this moment.
    until: Option<Millis>,
    signed_out: bool,
    /// What the last failure looked like.
    reached: bool,
}

/// What an answer says about the backend as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Well,
    /// It does not: no answer at all, or one that is none.
    Ill {
        /// Whether any server answered, where the answer tells.
        reached: Option<bool>,
        /// The server's own wish how long to wait.
        retry_after: Option<Millis>,
    },
    /// It answers, but to nobody who is signed out.
    SignedOut,
}

impl Breaker {
    /// Whether calls are held back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.until.is_some() || self.signed_out
    }

    /// Why calls are held back, if they are.
    #[must_use]
    pub fn why(&self) -> Queued {
        match (self.signed_out, self.reached) {
            (true, _) => Queued::SignedOut,
            (false, true) => Queued::Busy,
            (false, false) => Queued::Offline,
        }
    }

    /// When the next probe is due by itself.
    #[must_use]
    pub fn until(&self) -> Option<Millis> {
        self.until.filter(|_| !self.signed_out)
    }

    /// How many calls may be started while `busy` are in flight; `asked`: somebody wants one.
    #[must_use]
    pub fn allows(&self, busy: usize, asked: bool, now: Millis) -> usize {
        if !self.is_open() {
            return CALLS_MAX.saturating_sub(busy);
        }
        let due = self.until().is_some_and(|until| until <= now);
        usize::from(busy == 0 && (asked || due))
    }

    /// Takes what an answer says, with `others` calls still in flight. Whether what waits for the
    /// server may go on now. Chance spreads the probes of many tills.
    pub fn note(
        &mut self,
        health: Health,
        others: usize,
        background: &Schedule,
        now: Millis,
        random: &mut Random,
    ) -> bool {
        match health {
            Health::Well => {
                let was_ill = self.failures > 0 || self.is_open();
                *self = Breaker::default();
                was_ill
            }
            Health::SignedOut => {
                *self = Breaker { signed_out: true, ..Breaker::default() };
                false
            }
            // Calls from before it opened tell nothing new: the probe is the only one in flight.
            Health::Ill { .. } if self.is_open() && others > 0 => false,
            Health::Ill { reached, retry_after } => {
                let probed = self.is_open();
                self.failures = self.failures.saturating_add(1);
                self.reached = reached.unwrap_or(self.reached);
                // Whether somebody has signed in meanwhile is what the next probe tells.
                self.signed_out = false;
                if probed || self.failures >= FAILURES_MAX {
                    let wish = retry_after.map(|wait| wait.0);
                    let tries = self.failures.saturating_add(1);
                    let wait = background.delay(tries, random.bits(), None, wish);
                    self.until = Some(now.plus(Millis(wait.min(BREAKER_MS_MAX))));
                }
                false
            }
        }
    }

    /// As the journal holds it: members of an entry.
    pub(super) fn write(&self, object: &mut ObjectWriter) {
        object.raw("failures", self.failures.to_string().as_bytes());
        if let Some(until) = self.until {
            object.raw("until", until.0.to_string().as_bytes());
        }
    }

    /// What the journal says. Being signed out is not kept: who opens a till has signed in.
    #[must_use]
    pub(super) fn restored(failures: u32, until: Option<Millis>) -> Breaker {
        Breaker { failures, until, ..Breaker::default() }
    }

    /// Whether the journal has to know of it.
    pub(super) fn is_worth_keeping(&self) -> bool {
        self.until.is_some()
    }

    /// A moment that is further off than any wait (the wall clock jumped) is cut to it.
    pub(super) fn cut(&mut self, now: Millis) {
        self.until = self.until.map(|until| until.min(now.plus(Millis(BREAKER_MS_MAX))));
    }
}

impl From<&SaveOutcome> for Health {
    fn from(outcome: &SaveOutcome) -> Health {
        match outcome {
            SaveOutcome::Unavailable { retry_after } => {
                Health::Ill { reached: Some(true), retry_after: *retry_after }
            }
            SaveOutcome::InDoubt => Health::Ill { reached: None, retry_after: None },
            SaveOutcome::Unauthenticated { .. } => Health::SignedOut,
            SaveOutcome::Saved { .. }
            | SaveOutcome::Stale { .. }
            | SaveOutcome::Exists { .. }
            | SaveOutcome::Locked { .. }
            | SaveOutcome::Gone
            | SaveOutcome::Closed(_)
            | SaveOutcome::Rejected(_) => Health::Well,
        }
    }
}

impl From<&Answered> for Health {
    fn from(answered: &Answered) -> Health {
        let busy =
            |after: &Option<Millis>| Health::Ill { reached: Some(true), retry_after: *after };
        let unknown = Health::Ill { reached: None, retry_after: None };
        match answered {
            Answered::Save(outcome) => outcome.into(),
            Answered::Load(outcome) => outcome.into(),
            Answered::Find(outcome) => outcome.into(),
            Answered::Commit(CommitOutcome::Unavailable { retry_after })
            | Answered::Next(NextOutcome::Unavailable { retry_after })
            | Answered::Apply(ApplyOutcome::Unavailable { retry_after }) => busy(retry_after),
            Answered::Lease(LeaseOutcome::Unavailable { retry_after, reached })
            | Answered::Batch(BatchOutcome::Not(LeaseOutcome::Unavailable {
                retry_after,
                reached,
            })) => Health::Ill { reached: Some(*reached), retry_after: *retry_after },
            Answered::Commit(CommitOutcome::InDoubt)
            | Answered::Next(NextOutcome::InDoubt)
            | Answered::Apply(ApplyOutcome::InDoubt) => unknown,
            Answered::Commit(CommitOutcome::Unauthenticated { .. })
            | Answered::Lease(LeaseOutcome::Unauthenticated { .. })
            | Answered::Batch(BatchOutcome::Not(LeaseOutcome::Unauthenticated { .. }))
            | Answered::Next(NextOutcome::Unauthenticated { .. })
            | Answered::Apply(ApplyOutcome::Unauthenticated { .. }) => Health::SignedOut,
            Answered::Commit(_)
            | Answered::Lease(_)
            | Answered::Released
            | Answered::Batch(_)
            | Answered::Next(_)
            | Answered::Apply(_) => Health::Well,
        }
    }
}

impl From<&LoadOutcome> for Health {
    fn from(outcome: &LoadOutcome) -> Health {
        match outcome {
            LoadOutcome::Unavailable { retry_after, reached } => {
                Health::Ill { reached: Some(*reached), retry_after: *retry_after }
            }
            LoadOutcome::Unauthenticated { .. } => Health::SignedOut,
            LoadOutcome::Loaded(_) | LoadOutcome::Gone | LoadOutcome::Rejected(_) => Health::Well,
        }
    }
}

impl From<&FindOutcome> for Health {
    fn from(outcome: &FindOutcome) -> Health {
        match outcome {
            FindOutcome::Key(_) => Health::Well,
            FindOutcome::Load(outcome) => outcome.into(),
        }
    }
}
