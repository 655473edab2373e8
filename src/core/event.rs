//! What can happen to a till, what it wants done, and what it tells the page.

use super::breaker::Health;
use super::call::{Answered, Call, Rejection};
use super::change::EditError;
use super::conflict::Conflict;
use super::contention_rates::Strategy;
use super::document::DocumentError;
use super::merge::{Ending, Notice};
use super::op::{Op, OpError};
use super::outbox::ExportError;
use super::stamp::Stamp;
use super::time::Millis;

/// A draft of this till, as the shell numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DraftId(pub u32);

/// One call; answers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// Somebody who waits for the outcome of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter(pub u32);

/// A person's answer to a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// Mine stands.
    Mine,
    /// Theirs stands.
    Theirs,
    /// Neither: this JSON value.
    Value(Vec<u8>),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The page opens the document with this key.
    Open {
        /// The number of the new draft.
        draft: DraftId,
        /// The document's key.
        key: String,
    },
    /// The page opens a document that is open already: the newest copy is wanted, unless there
    /// is something unsaved.
    Refresh {
        /// The draft.
        draft: DraftId,
    },
    /// The server told that a document changed (a socket, a feed): the newest copy is fetched
    /// before a save comes back stale. Word of one's own save, or of a copy that is here
    /// already, leads to nothing. With the stamp that was replaced and the new document, nothing is
    /// fetched where the base is the copy that was replaced: the document is the base at once.
    Heard {
        /// The draft.
        draft: DraftId,
        /// The newest stamp, if the server said.
        stamp: Option<Stamp>,
        /// The stamp that it replaced, if the server said.
        from: Option<Stamp>,
        /// The token of the save that made the change, if the server said.
        token: Option<String>,
        /// The document with the newest stamp, as a load would give it, if the server sent it.
        document: Option<Vec<u8>>,
    },
    /// The page starts a new document.
    Create {
        /// The number of the new draft.
        draft: DraftId,
        /// The document's JSON text.
        document: Vec<u8>,
    },
    /// The cashier changed something.
    Edit {
        /// The draft.
        draft: DraftId,
        /// What.
        op: Op,
    },
    /// The page hands over the whole document as it shall be.
    Replace {
        /// The draft.
        draft: DraftId,
        /// The document's JSON text.
        document: Vec<u8>,
    },
    /// The page wants what was edited so far saved.
    Save {
        /// The draft.
        draft: DraftId,
        /// Who waits for the outcome.
        waiter: Waiter,
    },
    /// The page wants the document submitted.
    Submit {
        /// The draft.
        draft: DraftId,
        /// Who waits for the outcome.
        waiter: Waiter,
        /// The total that the cashier saw, as decimal text.
        expected_total: Option<String>,
    },
    /// A person answered a conflict.
    Resolve {
        /// The draft.
        draft: DraftId,
        /// The conflict's path.
        path: String,
        /// The answer.
        take: Take,
    },
    /// The cashier gives the draft's edits up.
    Discard {
        /// The draft.
        draft: DraftId,
    },
    /// A call was answered.
    Answered {
        /// Which call.
        call: CallId,
        /// What the answer means.
        answered: Answered,
    },
    /// Somebody takes up what waits, or what was parked: it is sent now.
    Retry {
        /// The draft.
        draft: DraftId,
        /// Who waits for the outcome.
        waiter: Waiter,
    },
    /// The draft is not to be sent until [`Event::Retry`].
    Park {
        /// The draft.
        draft: DraftId,
    },
    /// The journal that the draft comes from, or the page that was told its edits, may have ended
    /// before the last saves of it: they may be stored, and are looked for before they are made
    /// again.
    Doubt {
        /// The draft.
        draft: DraftId,
    },
    /// The page hands out what is not on the server ([`Till::export`](super::till::Till::export)).
    Export,
    /// What another till exported is brought in.
    Import {
        /// Its text.
        text: Vec<u8>,
        /// The new drafts are numbered from here.
        first: DraftId,
    },
    /// A new sale of what an ended document left over.
    CreateFromLeftover {
        /// The number of the new draft.
        draft: DraftId,
        /// The draft that ended.
        ended: DraftId,
    },
    /// The moment that `next_wake` named has come.
    Wake,
    /// The network seems to be back, or somebody signed in: what waits is tried now.
    Online,
}

impl Event {
    /// The call that this answers, and what the answer says about the backend.
    pub(super) fn answer(&self) -> Option<(CallId, Health)> {
        match self {
            Event::Answered { call, answered } => Some((*call, answered.into())),
            Event::Open { .. }
            | Event::Refresh { .. }
            | Event::Heard { .. }
            | Event::Create { .. }
            | Event::Edit { .. }
            | Event::Replace { .. }
            | Event::Save { .. }
            | Event::Submit { .. }
            | Event::Resolve { .. }
            | Event::Discard { .. }
            | Event::Retry { .. }
            | Event::Park { .. }
            | Event::Doubt { .. }
            | Event::Export
            | Event::Import { .. }
            | Event::CreateFromLeftover { .. }
            | Event::Wake
            | Event::Online => None,
        }
    }

    /// Whether somebody wants a call made now, whatever the breaker says.
    pub(super) fn asks(&self) -> bool {
        match self {
            Event::Open { .. }
            | Event::Refresh { .. }
            | Event::Save { .. }
            | Event::Submit { .. }
            | Event::Resolve { .. }
            | Event::Retry { .. }
            | Event::Import { .. }
            | Event::Online => true,
            Event::Heard { .. }
            | Event::Create { .. }
            | Event::Edit { .. }
            | Event::Replace { .. }
            | Event::Discard { .. }
            | Event::Park { .. }
            | Event::Doubt { .. }
            | Event::Export
            | Event::CreateFromLeftover { .. }
            | Event::Answered { .. }
            | Event::Wake => false,
        }
    }
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep this entry on disk before anything that follows is done.
    Journal(Vec<u8>),
    /// Make this call and report the answer.
    Call {
        /// Its number.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// The draft can be used.
    Opened(DraftId),
    /// The draft could not be opened and is forgotten.
    NotOpened {
        /// The draft.
        draft: DraftId,
        /// Why.
        why: NotOpened,
    },
    /// Status, document or conflicts of the draft are new.
    Changed(DraftId),
    /// Answer somebody who waits.
    Settle {
        /// Who.
        waiter: Waiter,
        /// The draft that it is about.
        draft: DraftId,
        /// The outcome.
        outcome: Outcome,
    },
    /// A save for which nobody waits has come to an end.
    Concluded {
        /// The draft that it is about.
        draft: DraftId,
        /// How.
        outcome: Outcome,
    },
    /// Tell the page.
    Notice {
        /// The draft that it is about.
        draft: DraftId,
        /// What.
        notice: Told,
    },
    /// The document is worked on another way from now on, because of the rate of conflicts.
    Strategy {
        /// The draft.
        draft: DraftId,
        /// Before.
        from: Strategy,
        /// From now on.
        to: Strategy,
        /// The rate that decides, in millionths.
        rate: u32,
    },
    /// A step on the way of a save, for the log.
    Log {
        /// The draft that it is about.
        draft: DraftId,
        /// Which step.
        step: Step,
    },
    /// The event could not be applied; nothing has changed.
    Refused(Misuse),
}

/// Why a document could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOpened {
    /// There is no such document.
    NotFound,
    /// No answer, and no local copy.
    Unavailable,
    /// Signed out.
    SignedOut,
    /// The user may not see it.
    Rejected(Rejection),
    /// What the server answered is no document.
    Unreadable(DocumentError),
}

/// Things to tell, not to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The others' changes came in; these places.
    Merged(Vec<String>),
    /// From the merge.
    Merge(Notice),
    /// Quantities, rows or discounts changed: prices and offers must be computed again.
    NeedsReprice,
    /// The server answers again, or does not any more.
    Reachable(bool),
    /// A new document was discarded while its creation was on its way.
    Discarded {
        /// It was stored, and is open again; else nothing tells whether it was.
        stored: bool,
    },
}

/// A step on the way of a save. The names are stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A save goes out; try number.
    SaveSent(u32),
    /// A load goes out.
    LoadSent,
    /// The save was stale.
    Stale,
    /// The newest copy is here.
    Loaded,
    /// Merged with a newer copy: the places that came in, those where mine was reapplied, and who
    /// saved that copy, where the server says.
    Merged(Vec<String>, Vec<String>, Option<String>),
    /// A person has to decide: how many questions.
    Asked(usize),
    /// No proof whether the save was applied.
    InDoubt,
    /// A save whose answer was lost is recognised.
    Echoed,
    /// It goes on at this moment.
    Waiting(Millis),
    /// A lease on the document is asked for.
    LeaseAsked,
    /// The lease is here, after this wait.
    LeaseGranted(Millis),
    /// The lease is given back.
    LeaseReleased,
    /// Stored.
    Committed,
    /// Refused.
    Rejected,
    /// Signed out: it waits for somebody to sign in.
    SignedOut,
    /// The document ended elsewhere.
    Ended,
    /// The breaker: `open`, `half-open` (one call probes) or `closed`.
    Breaker(&'static str),
    /// The backend lacks this, so a promise of Restamp is kept less well. Told once a till.
    WeakBackend(&'static str),
}

impl Step {
    /// The stable name in the `log` event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Step::SaveSent(_) => "save-sent",
            Step::LoadSent => "load-sent",
            Step::Stale => "stale",
            Step::Loaded => "loaded",
            Step::Merged(..) => "merged",
            Step::Asked(_) => "asked",
            Step::InDoubt => "in-doubt",
            Step::Echoed => "echoed",
            Step::Waiting(_) => "waiting",
            Step::LeaseAsked => "lease-asked",
            Step::LeaseGranted(_) => "lease-granted",
            Step::LeaseReleased => "lease-released",
            Step::Committed => "committed",
            Step::Rejected => "rejected",
            Step::SignedOut => "signed-out",
            Step::Ended => "ended",
            Step::Breaker(_) => "breaker",
            Step::WeakBackend(_) => "weak-backend",
        }
    }
}

/// How a save ended, or that it goes on without anybody waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server holds it.
    Committed {
        /// The new stamp.
        stamp: Option<Stamp>,
        /// Saves sent for it.
        attempts: u32,
        /// Places that the others changed meanwhile.
        incoming: Vec<String>,
        /// Places where mine was reapplied.
        reapplied: Vec<String>,
        /// Whether an own save was recognised after a lost answer.
        echoed: bool,
    },
    /// A person has to decide.
    Conflict(Vec<Conflict>),
    /// Kept on this device; it goes on by itself.
    Queued {
        /// Why.
        why: Queued,
        /// When the next try is due.
        next_attempt_at: Option<Millis>,
    },
    /// Refused for good.
    Rejected(Rejection),
    /// The document ended elsewhere.
    Ended(Ending),
}

/// Why something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// No server could be reached.
    Offline,
    /// The server, or other tills, were busy.
    Busy,
    /// Somebody has to sign in.
    SignedOut,
    /// It was parked: somebody has to take it up.
    Parked,
}

impl Queued {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Queued::Offline => "offline",
            Queued::Busy => "busy",
            Queued::SignedOut => "signed-out",
            Queued::Parked => "parked",
        }
    }
}

/// An event that makes no sense now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misuse {
    /// There is no such draft (any more).
    UnknownDraft,
    /// The edit cannot be made.
    Edit(EditError),
    /// The list of edits is none.
    Ops(OpError),
    /// What was handed over is no document.
    Document(DocumentError),
    /// There is no conflict at this path, or it takes no such answer.
    NoSuchConflict(String),
    /// The document has ended elsewhere.
    Ended,
    /// More drafts or edits than a till holds.
    TooMany(&'static str),
    /// A decimal that is none.
    NotADecimal(String),
    /// The text is no export; nothing was brought in.
    Export(ExportError),
    /// The draft has not ended, or leaves nothing over.
    NothingLeft,
}
