//! The drafts of one till. The only way in is [`Till::handle`], the only way out its effects.
//!
//! Start reading here: an event goes to its draft, the draft adds effects, and the caller runs
//! them in order, reporting what happens as further events. Everything is decided from the
//! state, the event, the time and the random bits that are handed in; equal arguments give equal
//! effects. Not here: clocks, chance, storage, requests, waiting.

use super::document::DocumentError;
use super::draft::{Draft, Phase, Turn};
use super::event::{CallId, DraftId, Effect, Event, Misuse, Step};
use super::journal::{self, JournalError};
use super::policy::{Policy, CALLS_MAX, DRAFTS_MAX};
use super::random::Random;
use super::time::Millis;

/// The drafts of one till.
#[derive(Debug)]
pub struct Till {
    policy: Policy,
    /// In the order in which they were opened.
    drafts: Vec<Draft>,
    next_call: u32,
    /// What the backend lacks was told.
    warned: bool,
}

/// A journal that cannot be read as a whole; the till was not opened and the journal is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// Not a journal of this format.
    Journal(JournalError),
    /// The draft of this name holds no document.
    Document(String, DocumentError),
}

impl Till {
    /// A till without drafts.
    #[must_use]
    pub fn new(policy: Policy) -> Till {
        Till { policy, drafts: Vec::new(), next_call: 0, warned: false }
    }

    /// A till as its journal says, numbered from `first`. Call [`Till::handle`] with
    /// [`Event::Online`] to let what was under way go on.
    ///
    /// # Errors
    /// [`RestoreError`] if the journal is not of this format.
    pub fn restore<'a>(
        policy: Policy,
        entries: impl IntoIterator<Item = &'a [u8]>,
        first: DraftId,
    ) -> Result<Till, RestoreError> {
        let mut till = Till::new(policy);
        let restored = journal::replay(entries).map_err(RestoreError::Journal)?;
        for (number, state) in (first.0..).zip(restored) {
            let id = state.id.clone();
            let draft = Draft::restore(DraftId(number), state, &till.policy)
                .map_err(|error| RestoreError::Document(id, error))?;
            till.drafts.push(draft);
        }
        Ok(till)
    }

    /// Takes an event and returns what is to be done, in order.
    ///
    /// `now` is milliseconds since the Unix epoch, `random` is 128 fresh random bits: tokens and
    /// row identities are made of them, and they spread retries.
    pub fn handle(&mut self, event: Event, now: Millis, random: u128) -> Vec<Effect> {
        let busy = |draft: &&Draft| matches!(draft.phase, Phase::Calling(_));
        let slots = CALLS_MAX.saturating_sub(self.drafts.iter().filter(busy).count());
        let mut turn = Turn {
            policy: &self.policy,
            now,
            random: Random::new(random),
            next_call: &mut self.next_call,
            slots,
            out: Vec::new(),
        };
        if let Err(misuse) = dispatch(&mut self.drafts, event, &mut turn) {
            turn.out.push(Effect::Refused(misuse));
        }
        // A call may have ended: those in line go on, oldest first.
        let busy = self.drafts.iter().filter(busy).count();
        turn.slots = CALLS_MAX.saturating_sub(busy);
        for draft in &mut self.drafts {
            if turn.slots > 0 && draft.phase == Phase::InLine {
                draft.phase = Phase::Idle;
                draft.advance(&mut turn);
            }
            draft.catch_up(&mut turn);
        }
        let mut out = turn.out;
        self.warn_once(&mut out);
        for effect in &out {
            if let Effect::NotOpened { draft, .. } = effect {
                self.drafts.retain(|known| known.number != *draft);
            }
        }
        out
    }

    /// With the first draft that opens: what the backend lacks.
    fn warn_once(&mut self, out: &mut Vec<Effect>) {
        let opened = out.iter().find_map(|effect| match effect {
            Effect::Opened(draft) if !self.warned => Some(*draft),
            Effect::Opened(_)
            | Effect::Journal(_)
            | Effect::Call { .. }
            | Effect::NotOpened { .. }
            | Effect::Changed(_)
            | Effect::Settle { .. }
            | Effect::Notice { .. }
            | Effect::Log { .. }
            | Effect::Refused(_) => None,
        });
        let Some(draft) = opened else { return };
        self.warned = true;
        for lacking in self.policy.lacks() {
            out.push(Effect::Log { draft, step: Step::WeakBackend(lacking) });
        }
    }

    /// When [`Event::Wake`] is due next, if anything waits for time to pass.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        self.drafts.iter().filter_map(Draft::wake_at).min()
    }

    /// The draft of this number.
    #[must_use]
    pub fn draft(&self, number: DraftId) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.number == number)
    }

    /// The draft of the document with this key, if it is open here.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<DraftId> {
        let known = |draft: &&Draft| draft.opened && (draft.key() == key || draft.id == key);
        self.drafts.iter().find(known).map(|draft| draft.number)
    }

    /// How many drafts have something that is not on the server.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.drafts.iter().filter(|draft| draft.is_dirty() && draft.status() != "closed").count()
    }

    /// The journal in its shortest form: one entry for each draft that is not settled.
    #[must_use]
    pub fn journal(&self) -> Vec<Vec<u8>> {
        self.drafts.iter().filter_map(Draft::journal).collect()
    }

    /// The till's policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All drafts, oldest first.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }
}

fn dispatch(drafts: &mut Vec<Draft>, event: Event, turn: &mut Turn<'_>) -> Result<(), Misuse> {
    match event {
        Event::Open { draft, key } => {
            check_room(drafts)?;
            let opened = Draft::open(draft, key, turn);
            drafts.push(opened);
        }
        Event::Refresh { draft } => of(drafts, draft)?.refresh(turn),
        Event::Heard { draft, stamp } => of(drafts, draft)?.hear(stamp),
        Event::Create { draft, document } => {
            check_room(drafts)?;
            let created = Draft::create(draft, document, turn)?;
            drafts.push(created);
        }
        Event::Edit { draft, op } => of(drafts, draft)?.edit(op, turn)?,
        Event::Replace { draft, document } => of(drafts, draft)?.replace(document, turn)?,
        Event::Save { draft, waiter } => of(drafts, draft)?.request_save(waiter, turn)?,
        Event::Submit { draft, waiter, expected_total } => {
            if let Some(total) = &expected_total {
                if super::amount::decimal(total).is_none() {
                    return Err(Misuse::NotADecimal(total.clone()));
                }
            }
            of(drafts, draft)?.request_submit(waiter, expected_total, turn)?;
        }
        Event::Resolve { draft, path, take } => of(drafts, draft)?.resolve(&path, &take, turn)?,
        Event::Discard { draft } => of(drafts, draft)?.discard(turn),
        Event::SaveAnswered { call, outcome } => {
            if let Some(draft) = calling(drafts, call, turn) {
                draft.on_save_answer(outcome, turn);
            }
        }
        Event::LoadAnswered { call, outcome } => {
            if let Some(draft) = calling(drafts, call, turn) {
                draft.on_load_answer(outcome, turn);
            }
        }
        Event::FindAnswered { call, outcome } => {
            if let Some(draft) = calling(drafts, call, turn) {
                draft.on_find_answer(outcome, turn);
            }
        }
        Event::Wake => {
            for draft in drafts {
                if draft.wake_at().is_some_and(|until| until <= turn.now) {
                    draft.resume(turn);
                }
            }
        }
        Event::Online => {
            for draft in drafts {
                match draft.phase {
                    Phase::Waiting(_) | Phase::SignedOut | Phase::Idle if draft.opened => {
                        draft.begin_try(turn);
                    }
                    Phase::Waiting(_) => draft.resume(turn),
                    Phase::Idle | Phase::SignedOut | Phase::Calling(_) | Phase::InLine => {}
                }
            }
        }
    }
    Ok(())
}

fn check_room(drafts: &[Draft]) -> Result<(), Misuse> {
    if drafts.len() >= DRAFTS_MAX {
        return Err(Misuse::TooMany("drafts"));
    }
    Ok(())
}

/// The draft with this number, once it is open: before, there is no document that could be edited,
/// saved or journalled.
fn of(drafts: &mut [Draft], number: DraftId) -> Result<&mut Draft, Misuse> {
    let is_it = |draft: &&mut Draft| draft.number == number && draft.opened;
    drafts.iter_mut().find(is_it).ok_or(Misuse::UnknownDraft)
}

/// The draft whose call this is; a late answer to a call that is over finds none.
fn calling<'d>(
    drafts: &'d mut [Draft],
    call: CallId,
    turn: &mut Turn<'_>,
) -> Option<&'d mut Draft> {
    let draft = drafts.iter_mut().find(|draft| draft.phase == Phase::Calling(call))?;
    // Its call is over: the draft's next one takes its place.
    turn.slots += 1;
    Some(draft)
}
