//! The drafts of one till. The only way in is [`Till::handle`], the only way out its effects.
//!
//! Start reading here: an event goes to its draft, the draft adds effects, and the caller runs
//! them in order, reporting what happens as further events. Everything is decided from the
//! state, the event, the time and the random bits that are handed in; equal arguments give equal
//! effects. Not here: clocks, chance, storage, requests, waiting.

use super::breaker::{Breaker, Health};
use super::call::Answered;
use super::document::DocumentError;
use super::draft::{name_of_successor, Draft, Phase, Turn, Word};
use super::event::{CallId, DraftId, Effect, Event, Misuse, Step, Told};
use super::journal::{self, JournalError};
use super::outbox::{self, Entry};
use super::policy::{Policy, DRAFTS_MAX};
use super::random::Random;
use super::time::Millis;

mod mirror;

/// The drafts of one till.
#[derive(Debug)]
pub struct Till {
    policy: Policy,
    /// In the order in which they were opened.
    drafts: Vec<Draft>,
    /// What all calls go through.
    breaker: Breaker,
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
        let breaker = Breaker::default();
        Till { policy, drafts: Vec::new(), breaker, next_call: 0, warned: false }
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
        till.breaker = restored.breaker;
        // Of what was discarded only a creation without an answer is of interest.
        let matters = |state: &journal::Restored| !state.discarded || state.unanswered.is_some();
        let drafts = restored.drafts.into_iter().filter(matters);
        for (number, state) in (first.0..).zip(drafts) {
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
        for draft in &mut self.drafts {
            draft.follow_clock(now);
        }
        let mut random = Random::new(random);
        let mut out = Vec::new();
        self.breaker.cut(now);
        let (busy, released) = self.hear(&event, now, &mut random, &mut out);
        // Also who asked while the call was under way that is answered now.
        let asked = event.asks() || self.drafts.iter().any(|draft| draft.asked_meanwhile);
        let is_word = matches!(event, Event::Heard { .. });
        let answers = event.answer().map(|(call, _)| call);
        let answered = answers.and_then(|call| calling(&mut self.drafts, call));
        let answered = answered.map(|draft| draft.number);
        let mut turn = Turn {
            policy: &self.policy,
            now,
            random,
            next_call: &mut self.next_call,
            slots: self.breaker.allows(busy, asked, now),
            breaker: &self.breaker,
            out,
        };
        if let Err(misuse) = dispatch(&mut self.drafts, event, &mut turn) {
            turn.out.push(Effect::Refused(misuse));
        }
        // Whoever asked meanwhile has this answer: the next one is not asked for.
        for draft in self.drafts.iter_mut().filter(|draft| Some(draft.number) == answered) {
            draft.asked_meanwhile = false;
        }
        // Word told what became of the call that probed: its answer will say nothing any more, so
        // another one probes.
        let overtaken = is_word && turn.breaker.is_open() && in_flight(&self.drafts) < busy;
        turn.slots = turn.slots.max(usize::from(overtaken));
        if released || overtaken {
            self.drafts.iter_mut().for_each(|draft| draft.line_up(&mut turn));
        }
        take_turns(&mut self.drafts, &mut turn);
        self.drafts.iter_mut().for_each(|draft| draft.catch_up(&mut turn));
        self.drafts.iter_mut().for_each(|draft| draft.give_back(&mut turn));
        self.drafts.iter_mut().for_each(|draft| draft.tell_status(&mut turn));
        let mut out = turn.out;
        self.warn_once(&mut out);
        for effect in &out {
            if let Effect::NotOpened { draft, .. } = effect {
                self.drafts.retain(|known| known.number != *draft);
            }
        }
        out
    }

    /// What an answer says about the backend; how many other calls are in flight, and whether what
    /// waits for the backend may go on.
    fn hear(
        &mut self,
        event: &Event,
        now: Millis,
        random: &mut Random,
        out: &mut Vec<Effect>,
    ) -> (usize, bool) {
        let busy = in_flight(&self.drafts);
        let Some((call, health)) = event.answer() else { return (busy, false) };
        let (draft, others) = match calling(&mut self.drafts, call) {
            Some(draft) => (draft.number, busy - 1),
            // The late answer to a call that is over says only that the server is well again.
            None if health == Health::Well && self.breaker.is_open() => {
                (self.drafts.first().map_or(DraftId(0), |draft| draft.number), busy)
            }
            None => return (busy, false),
        };
        let before = self.breaker.clone();
        let released = self.breaker.note(health, others, &self.policy.background, now, random);
        tell_of(&before, &self.breaker, draft, out);
        (others, released)
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
            | Effect::Concluded { .. }
            | Effect::Notice { .. }
            | Effect::Strategy { .. }
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
        let held = || self.drafts.iter().any(|draft| draft.phase == Phase::Held);
        // With a call in flight its answer is what is waited for.
        let probes = in_flight(&self.drafts) == 0 && held();
        let probe = self.breaker.until().filter(|_| probes);
        self.drafts.iter().filter_map(Draft::wake_at).chain(probe).min()
    }

    /// The draft of this number.
    #[must_use]
    pub fn draft(&self, number: DraftId) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.number == number)
    }

    /// The draft of the document with this key, if it is open here; one with something unsaved
    /// before others.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<DraftId> {
        let known = |draft: &&Draft| draft.opened && (draft.key() == key || draft.id == key);
        let mut found = self.drafts.iter().filter(known);
        let first = found.clone().next();
        found.find(|draft| draft.is_exportable()).or(first).map(|draft| draft.number)
    }

    /// Whether others save the document with this key all the time, as its draft here found out.
    #[must_use]
    pub fn is_contended(&self, key: &str) -> bool {
        self.drafts.iter().any(|draft| draft.contended && draft.key() == key)
    }

    /// What is not on the server yet, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Entry> {
        let unsent = self.drafts.iter().filter(|draft| draft.is_exportable());
        unsent.map(|draft| draft.entry(&self.breaker)).collect()
    }

    /// The drafts that wait to be sent, for [`Event::Retry`] one by one: not those that are
    /// parked, ended or asked, nor edits that nobody asked to save.
    #[must_use]
    pub fn waiting_to_be_sent(&self) -> Vec<DraftId> {
        let waits = self.drafts.iter().filter(|draft| draft.is_exportable() && draft.goes_on());
        waits.map(|draft| draft.number).collect()
    }

    /// The text of all that is not on the server. Handle [`Event::Export`] first, and hand the
    /// text out when its effects are done.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        outbox::export(&self.drafts)
    }

    /// The draft of the document with this key that ended elsewhere, and the sale that was made of
    /// what it left over.
    #[must_use]
    pub fn ended(&self, key: &str) -> Option<(DraftId, Option<DraftId>)> {
        let known = |draft: &&Draft| draft.ending().is_some() && draft.key() == key;
        let ended = self.drafts.iter().rfind(known)?;
        let name = name_of_successor(&ended.id);
        let successor = self.drafts.iter().find(|draft| draft.id == name);
        Some((ended.number, successor.map(|draft| draft.number)))
    }

    /// How many drafts have something that is not on the server.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let waits = |draft: &&Draft| draft.is_exportable() && draft.status() != "closed";
        self.drafts.iter().filter(waits).count()
    }

    /// The journal in its shortest form: one entry for each draft that is not settled, and one if
    /// the backend is ill.
    #[must_use]
    pub fn journal(&self) -> Vec<Vec<u8>> {
        let breaker = self.breaker.is_worth_keeping().then(|| journal::breaker(&self.breaker));
        self.drafts.iter().filter_map(Draft::journal).chain(breaker).collect()
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
        Event::Heard { draft, stamp, from, token, document } => {
            of(drafts, draft)?.hear(Word { stamp, from, token, document }, turn);
        }
        Event::Create { draft, document } => {
            check_room(drafts)?;
            let created = Draft::create(draft, None, document, turn)?;
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
        Event::Retry { draft, waiter } => of(drafts, draft)?.retry(waiter, turn)?,
        Event::Park { draft } => of(drafts, draft)?.park(turn),
        Event::Doubt { draft } => of(drafts, draft)?.doubt(turn),
        Event::Export => drafts.iter_mut().for_each(|draft| draft.export(turn)),
        Event::Import { text, first } => import(drafts, &text, first, turn)?,
        Event::CreateFromLeftover { draft, ended } => {
            create_from_leftover(drafts, draft, ended, turn)?;
        }
        Event::Answered { call, answered } => {
            let Some(draft) = calling(drafts, call) else { return Ok(()) };
            match answered {
                Answered::Save(outcome) => draft.on_save_answer(outcome, turn),
                Answered::Load(outcome) => draft.on_load_answer(outcome, turn),
                Answered::Find(outcome) => draft.on_find_answer(outcome, turn),
                Answered::Lease(outcome) => draft.on_lease_answer(outcome, turn),
                Answered::Apply(outcome) => draft.on_apply_answer(outcome, turn),
                // No draft makes these calls, or waits for the answer.
                Answered::Commit(_)
                | Answered::Released
                | Answered::Batch(_)
                | Answered::Next(_) => {}
            }
        }
        Event::Wake => {
            for draft in drafts {
                if draft.wake_at().is_some_and(|until| until <= turn.now) {
                    draft.resume(turn);
                }
            }
        }
        Event::Online => drafts.iter_mut().for_each(|draft| draft.wake(turn)),
    }
    Ok(())
}

fn import(
    drafts: &mut Vec<Draft>,
    text: &[u8],
    first: DraftId,
    turn: &mut Turn<'_>,
) -> Result<(), Misuse> {
    let mut brought = outbox::import(text, first, drafts, turn.policy).map_err(Misuse::Export)?;
    if drafts.len() + brought.len() > DRAFTS_MAX {
        return Err(Misuse::TooMany("drafts"));
    }
    brought.iter_mut().for_each(|draft| draft.import(turn));
    drafts.append(&mut brought);
    Ok(())
}

/// The new draft is on disk before the old one leaves it.
fn create_from_leftover(
    drafts: &mut Vec<Draft>,
    number: DraftId,
    ended: DraftId,
    turn: &mut Turn<'_>,
) -> Result<(), Misuse> {
    check_room(drafts)?;
    let old = of(drafts, ended)?;
    let name = name_of_successor(&old.id);
    let document = old.successor(turn.policy).ok_or(Misuse::NothingLeft)?;
    if drafts.iter().any(|draft| draft.id == name) {
        return Err(Misuse::NothingLeft);
    }
    let new = Draft::create(number, Some(name), document, turn)?;
    of(drafts, ended)?.take_note(turn);
    drafts.push(new);
    Ok(())
}

fn in_flight(drafts: &[Draft]) -> usize {
    drafts.iter().filter(|draft| matches!(draft.phase, Phase::Calling(_))).count()
}

/// Those in line go on, those first who waited longest. Where nothing gets through and no answer
/// is awaited either, they are held.
fn take_turns(drafts: &mut [Draft], turn: &mut Turn<'_>) {
    for _ in 0..=drafts.len() {
        let waits = drafts.iter_mut().filter(|draft| draft.waits_since().is_some());
        let next = waits.min_by_key(|draft| draft.waits_since());
        match next {
            Some(draft) if turn.slots > 0 => draft.take_turn(turn),
            Some(_) | None => break,
        }
    }
    if !turn.breaker.is_open() {
        return;
    }
    let calling = drafts.iter().find(|draft| matches!(draft.phase, Phase::Calling(_)));
    if let Some(draft) = calling {
        let calls = |effect: &Effect| matches!(effect, Effect::Call { .. });
        if turn.breaker.until().is_some() && turn.out.iter().any(calls) {
            let step = Step::Breaker("half-open");
            turn.out.push(Effect::Log { draft: draft.number, step });
        }
        return;
    }
    for draft in drafts.iter_mut().filter(|draft| draft.phase == Phase::InLine) {
        draft.hold(turn);
    }
}

/// The breaker has moved by the answer to a call of this draft.
fn tell_of(before: &Breaker, now: &Breaker, draft: DraftId, out: &mut Vec<Effect>) {
    if before.is_worth_keeping() != now.is_worth_keeping() || before.until() != now.until() {
        out.push(Effect::Journal(journal::breaker(now)));
    }
    let state = match (before.is_worth_keeping(), now.is_worth_keeping()) {
        (false, true) => "open",
        (true, false) => "closed",
        (true, true) | (false, false) => return,
    };
    out.push(Effect::Log { draft, step: Step::Breaker(state) });
    out.push(Effect::Notice { draft, notice: Told::Reachable(state == "closed") });
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
fn calling(drafts: &mut [Draft], call: CallId) -> Option<&mut Draft> {
    drafts.iter_mut().find(|draft| draft.phase == Phase::Calling(call))
}
