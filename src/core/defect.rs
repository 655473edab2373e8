//! Planted defects, for the simulation to catch: each breaks one promise at one place. Only with
//! the feature `planted-defects`, which no package has.

use std::cell::Cell;

use super::call::{Call, UpdateCall};
use super::profile::Profile;
use super::stamp::Stamp;

/// A defect that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A save goes out before its journal entry.
    SendBeforeJournal,
    /// A journal that is read again forgets that a save went out.
    SentForgotten,
    /// A draft leaves the journal as soon as its save goes out.
    SettledTooEarly,
    /// All saves of a draft carry one token.
    TokenReused,
    /// A new document goes out without its token.
    CreateWithoutToken,
    /// A save without an answer counts as not applied.
    DoubtDropped,
    /// Any newer copy counts as the save in doubt.
    UnknownStampAccepted,
    /// A stale save goes out again with the newest stamp, over everything.
    RetryWithoutReload,
    /// An update goes out without a stamp.
    NoStamp,
    /// Another document under the same key counts as the same one.
    CreationIgnored,
    /// Two tills' steps on one counter: mine counts twice.
    StepCountedTwice,
    /// Edits that were made while a save was in flight are forgotten.
    LaterEditsForgotten,
    /// Of notes that both wrote only theirs stay.
    NotesOverwritten,
    /// A row that somebody removed takes my edits of it along.
    RemovalUnasked,
    /// What I typed goes over what they typed.
    TypedUnasked,
    /// Nothing is left over of a document that ended elsewhere.
    LeftoverLost,
    /// A submit goes out whatever the total is.
    TotalUnchecked,
    /// A fault of the server or a proxy counts as a refusal.
    ServerFaultRefused,
    /// What failed is tried again at once, for ever.
    HastyRetries,
    /// A wait lasts until a clock that was set back gets there.
    ClockBelieved,
    /// The next page that leads forgets what the one before has done of what a page wants.
    WishDoneTwice,
    /// A page is told that its edits are on disk before they are.
    KeptTooEarly,
    /// A page that wakes up after its turn goes on without looking at its fence.
    FenceIgnored,
    /// What a full disk took nothing of counts as kept.
    FullDiskKept,
    /// Word of a change that does not follow the base is the base all the same.
    LostWordTrusted,
    /// A journal that lacks what was sent last is taken at its word.
    TornTrusted,
}

impl Defect {
    /// All of them.
    pub const ALL: [Defect; 26] = [
        Defect::SendBeforeJournal,
        Defect::SentForgotten,
        Defect::SettledTooEarly,
        Defect::TokenReused,
        Defect::CreateWithoutToken,
        Defect::DoubtDropped,
        Defect::UnknownStampAccepted,
        Defect::RetryWithoutReload,
        Defect::NoStamp,
        Defect::CreationIgnored,
        Defect::StepCountedTwice,
        Defect::LaterEditsForgotten,
        Defect::NotesOverwritten,
        Defect::RemovalUnasked,
        Defect::TypedUnasked,
        Defect::LeftoverLost,
        Defect::TotalUnchecked,
        Defect::ServerFaultRefused,
        Defect::HastyRetries,
        Defect::ClockBelieved,
        Defect::WishDoneTwice,
        Defect::KeptTooEarly,
        Defect::FenceIgnored,
        Defect::FullDiskKept,
        Defect::LostWordTrusted,
        Defect::TornTrusted,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
}

/// Plants a defect on this thread, or none.
pub fn plant(defect: Option<Defect>) {
    PLANTED.set(defect);
}

/// Whether this one is planted.
#[must_use]
pub fn is(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// For [`Defect::CreateWithoutToken`].
#[must_use]
pub fn without_create_token(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    profile.create_token_field.take_if(|_| is(Defect::CreateWithoutToken));
    profile
}

/// For [`Defect::CreationIgnored`].
#[must_use]
pub fn without_identity(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    if is(Defect::CreationIgnored) {
        profile.identity.clear();
    }
    profile
}

/// For [`Defect::NoStamp`].
#[must_use]
pub fn without_stamp(call: Call) -> Call {
    match call {
        Call::Update(update) if is(Defect::NoStamp) => {
            Call::Update(UpdateCall { stamp: Stamp(String::new()), ..update })
        }
        call @ (Call::Update(_)
        | Call::Create(_)
        | Call::Load { .. }
        | Call::Find { .. }
        | Call::Commit(_)
        | Call::Lease(_)
        | Call::Release(_)
        | Call::Batch(_)
        | Call::Next(_)
        | Call::Apply(_)) => call,
    }
}
