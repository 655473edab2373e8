//! One draft: a base with its stamp, the edits since, and where its save stands.
//!
//! The methods stand in the order of the way of one save: edit, save, answer, reload, merge,
//! retry, committed. Each takes the [`Turn`] it acts in and adds effects to it, in order.

use super::breaker::Breaker;
use super::call::Rejection;
use super::change::{Changes, EditError};
use super::conflict::{Conflict, Reason};
use super::contention_rates::{Rates, Strategy};
use super::diff::difference;
use super::document::{Document, DocumentError};
use super::event::{
    CallId, DraftId, Effect, Misuse, NotOpened, Outcome, Queued, Step, Take, Told, Waiter,
};
use super::journal::{self, Doubted, Edit, Restored, Unanswered, Wish};
use super::json;
use super::merge::{self, ended, leftover_of, Ending, Merge, Notice, State};
use super::op::Op;
use super::policy::{CompareAndSet, Policy, TokenSupport, EDITS_MAX, ROUNDS_WAITED_MAX};
use super::random::Random;
use super::render::{render, Audience};
use super::retry::Retry;
use super::stamp::{Revision, Stamp};
use super::time::Millis;

mod answer;
mod apply;
mod doubt;
mod edit;
mod export;
mod hear;
mod keep;
mod lease;
mod mirror;
mod reload;
mod replay;
mod save;
mod settle;
mod successor;
mod wait;

pub(super) use hear::Word;
pub(super) use successor::name_of_successor;

/// What one event brings along, and the effects that it leads to.
pub(super) struct Turn<'a> {
    pub(super) policy: &'a Policy,
    pub(super) now: Millis,
    pub(super) random: Random,
    pub(super) next_call: &'a mut u32,
    /// Calls that may still be started.
    pub(super) slots: usize,
    pub(super) breaker: &'a Breaker,
    pub(super) out: Vec<Effect>,
}

/// Where a draft's save stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is under way.
    Idle,
    /// A call is in flight.
    Calling(CallId),
    /// The next step is due at this moment.
    Waiting(Millis),
    /// All call slots are taken.
    InLine,
    /// The breaker lets nothing through: it goes on when a probe was answered.
    Held,
}

/// A save that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    revision: Revision,
    token: String,
    body: Vec<u8>,
    changed: Vec<String>,
    submit: bool,
    fate: Fate,
    /// When it went out.
    at: Millis,
    /// When it went out first; not known of one that the journal or another till brought.
    since: Option<Millis>,
    /// It was built on a copy that was the newest a round trip before.
    fresh: bool,
    /// If it is stale, it is answered in its turn, with a lease.
    parks: bool,
    /// A try of this save may be on its way still: nothing but a look proves it is not stored.
    doubted: bool,
    /// Refused or discarded: if it is not stored, it is not sent again.
    given_up: bool,
    /// The server did not know its token, which proves nothing: only a look helps.
    unknown: bool,
    /// The stamp that an answer told: a copy with this stamp is what was sent.
    told: Option<Stamp>,
}

/// What is known about a save that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    InFlight,
    InDoubt,
    /// Stored with this stamp (if the answer told it); the copy to build on is being loaded.
    Stored(Option<Stamp>),
}

/// One draft.
#[derive(Debug)]
pub struct Draft {
    pub(super) number: DraftId,
    pub(super) id: String,
    key: Option<String>,
    pub(super) opened: bool,
    base: Document,
    stamp: Option<Stamp>,
    edits: Vec<Edit>,
    changes: Changes,
    revision: Revision,
    wanted: Revision,
    saved: Revision,
    submit: Option<SubmitWish>,
    submitted: bool,
    conflicts: Vec<Conflict>,
    ending: Option<Ending>,
    waiters: Vec<(Waiter, Revision, bool)>,
    pub(super) phase: Phase,
    sent: Option<Sent>,
    /// The newest copy is known to be the base (only asked for where nobody compares stamps).
    compared: bool,
    /// A newer copy than the base is known to exist: it is loaded before anything is sent.
    behind: bool,
    /// The save in doubt may be repeated now; again only after a wait.
    may_repeat: bool,
    /// Somebody asked while a call of the outbox was under way.
    pub(in crate::core) asked_meanwhile: bool,
    journaled: bool,
    /// As in the journal.
    journaled_wish: Option<Wish>,
    tries: u32,
    /// Stale answers in a row, after the first one only those to saves on a fresh copy.
    rounds: u32,
    /// Waits between them.
    turns: u32,
    /// When the first of the saves that were stale in a row went out.
    contended_since: Millis,
    /// A save on a fresh copy was stale: others save all the time, so the next try waits.
    pub(in crate::core) contended: bool,
    started: Millis,
    /// When the wait that is under way began.
    waiting_since: Millis,
    previous_ms: Option<u64>,
    background: bool,
    /// Not sent until somebody takes it up again.
    parked: bool,
    /// The save that an export stands for: whoever imported it may have made it.
    exported: Option<Unanswered>,
    /// Edits that may be stored by a page that is gone, see [`doubt`].
    doubted: Option<Doubted>,
    edited_at: Millis,
    /// Since when something waits to be stored (or to be opened).
    asked_at: Option<Millis>,
    /// Why it waited last.
    why: Queued,
    /// Somebody was answered "queued", or asked without waiting: the outcome is told by an event.
    owes: bool,
    /// Not all of its edits could be made on its base: it is another till's, with other rules.
    pub(super) strange: bool,
    /// The last save was refused.
    refusal: Option<Rejection>,
    /// A load is under way only because the newest copy is wanted, not for a save.
    refreshing: bool,
    /// The server told of a change that is not in the base.
    heard: Option<hear::Heard>,
    /// The last stale answer did not bring the newest copy along.
    bare: bool,
    /// Leases of parked saves that the server ended before the save with their fence was there.
    lapses: u32,
    /// When the server expects to have room for a parked save of this draft.
    turn_at: Option<Millis>,
    /// Stamps that the base had before, the last ones.
    left: Vec<Stamp>,
    /// Nobody else may save.
    lease: Option<lease::Lease>,
    /// Since when a lease is waited for.
    lease_asked_at: Option<Millis>,
    /// Somebody else had a lease: this save stands in line for one.
    queues: bool,
    /// The backend gives no lease on this document after all.
    leaseless: bool,
    /// How often saves are stale, and whether the document is leased for that.
    rates: Rates,
    strategy: Strategy,
    /// The server merges by other rules: the save that is to come is merged here.
    applies_here: bool,
    report: Report,
    version: u32,
    /// The status when it was last told that something is new.
    told: &'static str,
    /// Another page sends for this draft; this is the status there.
    mirrored: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SubmitWish {
    expected_total: Option<String>,
}

/// What happened since somebody asked for a save.
#[derive(Debug, Clone, Default)]
struct Report {
    attempts: u32,
    incoming: Vec<String>,
    reapplied: Vec<String>,
    echoed: bool,
}

impl Draft {
    fn blank(number: DraftId, id: String, policy: &Policy) -> Draft {
        Draft {
            number,
            id,
            key: None,
            opened: false,
            base: Document::default(),
            stamp: None,
            edits: Vec::new(),
            changes: Changes::none(&policy.profile),
            revision: Revision(0),
            wanted: Revision(0),
            saved: Revision(0),
            submit: None,
            submitted: false,
            conflicts: Vec::new(),
            ending: None,
            waiters: Vec::new(),
            phase: Phase::Idle,
            sent: None,
            compared: false,
            behind: false,
            may_repeat: true,
            asked_meanwhile: false,
            journaled: false,
            journaled_wish: None,
            tries: 0,
            rounds: 0,
            turns: 0,
            contended_since: Millis(0),
            contended: false,
            started: Millis(0),
            waiting_since: Millis(0),
            previous_ms: None,
            background: false,
            parked: false,
            exported: None,
            doubted: None,
            edited_at: Millis(0),
            asked_at: None,
            why: Queued::Busy,
            owes: false,
            strange: false,
            refusal: None,
            refreshing: false,
            heard: None,
            bare: false,
            lapses: 0,
            turn_at: None,
            left: Vec::new(),
            lease: None,
            lease_asked_at: None,
            queues: false,
            leaseless: false,
            rates: Rates::default(),
            strategy: Strategy::Optimistic,
            applies_here: false,
            report: Report::default(),
            version: 0,
            told: "",
            mirrored: None,
        }
    }

    /// A draft of the server's document `key`, which is loaded first.
    pub(super) fn open(number: DraftId, key: String, turn: &mut Turn<'_>) -> Draft {
        let mut draft = Draft::blank(number, turn.random.name(), turn.policy);
        draft.key = Some(key);
        draft.started = turn.now;
        draft.asked_at = Some(turn.now);
        draft.load(turn);
        draft
    }

    /// The newest copy is wanted. What is unsaved stays as it is, and so does a copy for which
    /// the server gives no newer one.
    pub(super) fn refresh(&mut self, turn: &mut Turn<'_>) {
        let at_rest = self.phase == Phase::Idle && !self.is_dirty() && self.conflicts.is_empty();
        if at_rest && self.ending.is_none() && !self.submitted {
            self.refreshing = true;
            self.load(turn);
        } else {
            turn.out.push(Effect::Opened(self.number));
        }
    }

    /// A new document; its token is made and journalled at once.
    pub(super) fn create(
        number: DraftId,
        id: Option<String>,
        text: Vec<u8>,
        turn: &mut Turn<'_>,
    ) -> Result<Draft, Misuse> {
        let id = id.unwrap_or_else(|| turn.random.name());
        let mut draft = Draft::blank(number, id, turn.policy);
        let text = edit::name_rows(text, turn).map_err(Misuse::Document)?;
        draft.base = Document::parse(text, &turn.policy.profile).map_err(Misuse::Document)?;
        draft.revision = Revision(1);
        draft.opened = true;
        draft.edited_at = turn.now;
        draft.journal_state(turn);
        turn.out.push(Effect::Opened(number));
        Ok(draft)
    }

    /* ---------------------------------------------------------------- what the page sees */

    /// The number that the shell knows it by.
    #[must_use]
    pub fn number(&self) -> DraftId {
        self.number
    }

    /// The document's key: the server's, or until it gave one, the draft's own name.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.id)
    }

    /// The stamp of the base; `None` for a document that the server does not have yet.
    #[must_use]
    pub fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// Counts up whenever the document, its status or its conflicts change.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The document as the cashier sees it, as JSON text.
    #[must_use]
    pub fn text(&self, policy: &Policy) -> Vec<u8> {
        render(&self.base, &self.changes, &policy.profile, Audience::Page)
    }

    /// The value at a path, as JSON; `None` if there is none.
    #[must_use]
    pub fn get(&self, path: &str, policy: &Policy) -> Option<Vec<u8>> {
        use super::path::Path;
        match Path::parse(path)? {
            Path::Field(name) if policy.profile.table(name).is_none() => {
                self.changes.field(&self.base, name).map(|value| value.into_owned())
            }
            Path::Cell { table, row, field } => {
                let number = policy.profile.table(table)?;
                let value = self.changes.cell(&self.base, number, row, field);
                value.map(|value| value.into_owned())
            }
            Path::Field(_) | Path::Row { .. } => {
                let document = Document::parse(self.text(policy), &policy.profile).ok()?;
                match Path::parse(path)? {
                    Path::Row { table, row } => {
                        let number = policy.profile.table(table)?;
                        let row = document.row(number, row)?;
                        Some(row.span.of(document.text()).to_vec())
                    }
                    Path::Field(name) => document.field(name).map(<[u8]>::to_vec),
                    Path::Cell { .. } => None,
                }
            }
        }
    }

    /// Open questions.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Where it stands, in the contract's words.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if let Some(status) = self.mirrored {
            return if status == "clean" && self.is_dirty() { "dirty" } else { status };
        }
        if self.ending.is_some() || self.submitted {
            return "closed";
        }
        if self.parked && !matches!(self.phase, Phase::Calling(_)) {
            return "parked";
        }
        if !self.conflicts.is_empty() {
            return "conflict";
        }
        match self.phase {
            Phase::Calling(_) if self.refreshing && self.is_dirty() => "dirty",
            Phase::Calling(_) if self.refreshing => "clean",
            Phase::Calling(_) | Phase::InLine => "saving",
            Phase::Held if self.why == Queued::SignedOut => "parked",
            Phase::Waiting(_) | Phase::Held => "waiting",
            Phase::Idle if self.is_dirty() => "dirty",
            Phase::Idle => "clean",
        }
    }

    /// A new document that was discarded: whether it was stored is still to be learnt, or it is
    /// over.
    fn is_discarded(&self) -> bool {
        self.submitted && self.stamp.is_none()
    }

    /// Whether something of it is not on the server.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let sent = self.sent.as_ref().is_some_and(|sent| !sent.given_up);
        !self.changes.is_empty() || self.key.is_none() || sent
    }

    /// When the next step is due, if one waits for time to pass.
    #[must_use]
    pub fn wake_at(&self) -> Option<Millis> {
        match self.phase {
            Phase::Waiting(until) => Some(until),
            Phase::Idle | Phase::Calling(_) | Phase::InLine | Phase::Held => None,
        }
    }

    /// How the document ended elsewhere, if it did.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /* ---------------------------------------------------------------- shared by the steps */

    /// Nothing may be new but that something is under way, or is not any more.
    pub(super) fn tell_status(&mut self, turn: &mut Turn<'_>) {
        if !self.opened {
            return;
        }
        let status = self.status();
        let told = std::mem::replace(&mut self.told, status);
        if !told.is_empty() && told != status {
            self.changed(turn);
        }
    }

    fn changed(&mut self, turn: &mut Turn<'_>) {
        self.told = self.status();
        self.version = self.version.wrapping_add(1);
        turn.out.push(Effect::Changed(self.number));
    }

    fn log(&self, step: Step, turn: &mut Turn<'_>) {
        turn.out.push(Effect::Log { draft: self.number, step });
    }

    fn tell(&self, notice: Told, turn: &mut Turn<'_>) {
        turn.out.push(Effect::Notice { draft: self.number, notice });
    }
}
