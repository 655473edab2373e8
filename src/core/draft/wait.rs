//! Waiting, giving up waiting, standing in line.

use super::*;
use crate::core::retry::Kind;

/// How often a server is asked for a creation that was discarded.
const LOOKS_MAX: u32 = 5;

impl Draft {
    /// Not now: again after a while, by the schedule of somebody who waits, then of the outbox.
    pub(super) fn retry_later(
        &mut self,
        retry_after: Option<Millis>,
        why: Queued,
        turn: &mut Turn<'_>,
    ) {
        if self.tries_for_who_asked(turn) {
            return;
        }
        self.tries += 1;
        if turn.breaker.is_open() {
            // It waits for the server, not for a moment of its own.
            return self.hold(turn);
        }
        let bits = turn.random.bits();
        let wish = retry_after.map(|wait| wait.0);
        let interactive = turn.policy.schedule.decide(
            self.tries,
            self.started,
            turn.now,
            bits,
            self.previous_ms,
            wish,
        );
        let until = match interactive {
            Retry::At(until) if !self.background => until,
            Retry::At(_) | Retry::GiveUp => {
                if !self.opened {
                    return self.not_opened(NotOpened::Unavailable, turn);
                }
                let tries = if self.background { self.tries + 1 } else { 2 };
                if !self.background {
                    self.background = true;
                    self.tries = 1;
                }
                let background = turn.policy.background;
                let wait = background.delay(tries, bits, self.previous_ms, wish);
                turn.now.plus(Millis(wait))
            }
        };
        self.previous_ms = Some(until.since(turn.now).0);
        self.wait(until, why, turn);
        // Offline is noticed at once: nobody is made to wait for a network that is not there.
        if self.opened && (self.background || why == Queued::Offline) {
            self.background = true;
            self.settle_queued(why, Some(until), turn);
        }
    }

    /// Who asked while a try of the outbox was under way gets a try of their own: what that one
    /// met may be over.
    fn tries_for_who_asked(&mut self, turn: &Turn<'_>) -> bool {
        let asked = self.opened && std::mem::take(&mut self.asked_meanwhile);
        if asked {
            self.start_over(turn);
            self.phase = Phase::InLine;
        }
        asked
    }

    /// The save in doubt is not stored so far: the same again, at once or after a wait; or, if it
    /// was given up, what is to be saved now.
    pub(super) fn try_again(&mut self, turn: &mut Turn<'_>) {
        let is_over = self.is_discarded() && self.sent.is_none();
        if is_over || self.sent.as_ref().is_some_and(|sent| sent.given_up) {
            if self.is_discarded() && !is_over && self.tries < LOOKS_MAX {
                // It may still be on its way.
                return self.retry_later(None, Queued::Busy, turn);
            }
            self.sent = None;
            return self.advance(turn);
        }
        if self.parked {
            return self.advance(turn);
        }
        if std::mem::take(&mut self.may_repeat) {
            return self.call_save(turn);
        }
        self.retry_later(None, Queued::Busy, turn);
    }

    /// Others save all the time: it waits by the schedule for that, then begins with the newest
    /// copy. After some rounds those who wait are told; the save goes on.
    pub(super) fn wait_for_turn(&mut self, turn: &mut Turn<'_>) {
        self.contended = false;
        self.turns += 1;
        let schedule = turn.policy.contention;
        let before = match schedule.kind {
            Kind::Proportional => Some(turn.now.since(self.contended_since).0),
            Kind::Fixed | Kind::Exponential | Kind::FullJitter | Kind::Decorrelated => {
                self.previous_ms
            }
        };
        let wait = schedule.delay(self.turns + 1, turn.random.bits(), before, None);
        self.previous_ms = Some(wait);
        let until = turn.now.plus(Millis(wait));
        self.wait(until, Queued::Busy, turn);
        if self.rounds >= ROUNDS_WAITED_MAX {
            self.settle_queued(Queued::Busy, Some(until), turn);
        }
    }

    /// The next stale answer is the first again.
    pub(super) fn forget_rounds(&mut self) {
        self.rounds = 0;
        self.turns = 0;
        self.contended = false;
        self.previous_ms = None;
    }

    pub(super) fn wait(&mut self, until: Millis, why: Queued, turn: &mut Turn<'_>) {
        self.phase = Phase::Waiting(until);
        self.waiting_since = turn.now;
        self.why = why;
        self.log(Step::Waiting(until), turn);
        self.changed(turn);
    }

    /// A wall clock that was set back makes no wait longer than it was meant to be.
    pub(in crate::core) fn follow_clock(&mut self, now: Millis) {
        if let Phase::Waiting(until) = self.phase {
            #[cfg(feature = "planted-defects")]
            if crate::core::defect::is(crate::core::defect::Defect::ClockBelieved) {
                return;
            }
            if now < self.waiting_since {
                self.phase = Phase::Waiting(now.plus(until.since(self.waiting_since)));
                self.waiting_since = now;
            }
        }
    }

    pub(super) fn sign_out(&mut self, turn: &mut Turn<'_>) {
        self.log(Step::SignedOut, turn);
        self.hold(turn);
    }

    /// The breaker lets nothing through: nobody is made to wait for that.
    pub(in crate::core) fn hold(&mut self, turn: &mut Turn<'_>) {
        let (why, until) = (turn.breaker.why(), turn.breaker.until());
        if !self.opened {
            let signed_out = why == Queued::SignedOut;
            let why = if signed_out { NotOpened::SignedOut } else { NotOpened::Unavailable };
            return self.not_opened(why, turn);
        }
        if std::mem::take(&mut self.refreshing) {
            // No newer copy to be had: the page works with the one that is here.
            turn.out.push(Effect::Opened(self.number));
        }
        self.phase = if self.goes_on() { Phase::Held } else { Phase::Idle };
        self.why = why;
        self.background = true;
        if let (Phase::Held, Some(until)) = (self.phase, until) {
            self.log(Step::Waiting(until), turn);
        }
        self.changed(turn);
        self.settle_queued(why, until, turn);
    }

    /// Whether there is something to ask of the server, now or when it is well again.
    pub(in crate::core) fn goes_on(&self) -> bool {
        let saves = || self.conflicts.is_empty() && self.wish().is_some();
        let unsaved = || self.ending.is_none() && (self.sent.is_some() || saves());
        !self.parked && (!self.opened || unsaved())
    }

    /// The server is well again, or seems to be: what waits for it stands in line.
    pub(in crate::core) fn line_up(&mut self, turn: &mut Turn<'_>) {
        let waits = match self.phase {
            Phase::Held => true,
            Phase::Waiting(_) => self.why == Queued::Offline,
            Phase::Idle | Phase::Calling(_) | Phase::InLine => false,
        };
        if waits {
            self.start_over(turn);
            self.phase = Phase::InLine;
        }
    }

    /// The network is back, or somebody signed in: whatever waits stands in line.
    pub(in crate::core) fn wake(&mut self, turn: &mut Turn<'_>) {
        let waits = match self.phase {
            Phase::Held | Phase::Waiting(_) => true,
            Phase::Idle => self.goes_on(),
            Phase::Calling(_) | Phase::InLine => false,
        };
        if waits {
            if self.opened {
                self.start_over(turn);
            }
            self.phase = Phase::InLine;
        }
    }

    /// Its turn has come: the next step of what it waited for.
    pub(in crate::core) fn take_turn(&mut self, turn: &mut Turn<'_>) {
        if self.phase == Phase::Held {
            self.may_repeat = true;
            self.compared = false;
        }
        self.phase = Phase::Idle;
        if std::mem::take(&mut self.refreshing) {
            self.refresh(turn);
        }
        self.advance(turn);
    }

    /// Since when it stands in line, or is held; `None` if it does not.
    pub(in crate::core) fn waits_since(&self) -> Option<Millis> {
        let waits = matches!(self.phase, Phase::InLine | Phase::Held);
        waits.then(|| self.asked_at.unwrap_or(self.edited_at))
    }

    /// Keeps it from being sent until somebody takes it up again.
    pub(in crate::core) fn park(&mut self, turn: &mut Turn<'_>) {
        let has_something = self.is_exportable() && self.ending.is_none();
        if self.parked || !has_something {
            return;
        }
        self.parked = true;
        if !matches!(self.phase, Phase::Calling(_)) {
            self.phase = Phase::Idle;
            self.settle_queued(Queued::Parked, None, turn);
        }
        self.journal_state(turn);
        self.changed(turn);
    }
}
