//! The numbers that a till has of each sequence: blocks that are its own, one request at a time for
//! more, and those who wait for a number.
//!
//! A number is given out once. What is left of the blocks is written down before a number of them
//! is shown, and the token of a request before it goes out, so after a crash the same block is asked
//! for and none twice. Requests without a reserve ask for as many numbers as are waited for: none of
//! them is left over. With a reserve more are asked for as soon as less than half of it is left, so
//! that a till which loses its server has some.

use super::call::Answered;
use super::event::CallId;
use super::journal;
use super::random::Random;
use super::retry::Schedule;
use super::sequence::{self, Block, Failure, Outcome, Request, BLOCK_MAX};
use super::time::Millis;

/// Somebody who waits for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter(pub u32);

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write this entry to the journal before anything that follows is done.
    Journal(Vec<u8>),
    /// Make this call and report the answer with the sequence's name.
    Call {
        /// The sequence.
        name: String,
        /// The call's number, of this sequence only.
        id: CallId,
        /// The call.
        call: super::call::Call,
    },
    /// This number is theirs.
    Given(Waiter, u64),
    /// They get none.
    Failed(Waiter, Outcome),
}

#[derive(Debug, Clone)]
struct Sequence {
    name: String,
    blocks: Vec<Block>,
    /// The text of the request that is not answered for good.
    asked: Option<Vec<u8>>,
    request: Option<Request>,
    waiting: Vec<Waiter>,
    /// How many are to be kept for later.
    reserve: u32,
}

/// The numbers of one till.
#[derive(Debug, Clone)]
pub struct Numbers {
    sequences: Vec<Sequence>,
    supported: bool,
    schedule: Schedule,
}

impl Numbers {
    /// No numbers. `supported`: whether the backend counts.
    #[must_use]
    pub fn new(supported: bool, schedule: Schedule) -> Numbers {
        Numbers { sequences: Vec::new(), supported, schedule }
    }

    /// Goes on from the entries of a journal. Who waited is forgotten, and so is what was under way:
    /// it is asked for again, with its token, when the next number is wanted.
    pub fn restore<'a>(&mut self, entries: impl IntoIterator<Item = &'a [u8]>) {
        self.sequences = journal::all_numbers(entries)
            .into_iter()
            .map(|(name, blocks, asked)| Sequence {
                name,
                blocks,
                asked,
                request: None,
                waiting: Vec::new(),
                reserve: 0,
            })
            .collect();
    }

    /// The entries that say what is left.
    #[must_use]
    pub fn journal(&self) -> Vec<Vec<u8>> {
        let kept = |sequence: &&Sequence| sequence.left() > 0 || sequence.asked.is_some();
        self.sequences.iter().filter(kept).map(Sequence::entry).collect()
    }

    /// Somebody wants a number. `reserve`: how many are to be kept for later, from now on.
    pub fn take(&mut self, name: &str, waiter: Waiter, reserve: u32, random: u128) -> Vec<Effect> {
        let known = self.sequences.iter().position(|sequence| sequence.name == name);
        let at = known.unwrap_or_else(|| {
            self.sequences.push(Sequence {
                name: name.to_owned(),
                blocks: Vec::new(),
                asked: None,
                request: None,
                waiting: Vec::new(),
                reserve,
            });
            self.sequences.len() - 1
        });
        let sequence = &mut self.sequences[at];
        sequence.waiting.push(waiter);
        sequence.reserve = reserve;
        let mut out = Vec::new();
        sequence.advance(self.supported, &self.schedule, random, false, &mut out);
        out
    }

    /// A call of this sequence was answered.
    pub fn answered(
        &mut self,
        name: &str,
        call: CallId,
        answered: Answered,
        now: Millis,
        random: u128,
    ) -> Vec<Effect> {
        let event = sequence::Event::Answered { call, answered };
        let mut out = Vec::new();
        if let Some(sequence) = self.sequences.iter_mut().find(|known| known.name == name) {
            sequence.handle(event, self.supported, &self.schedule, now, random, &mut out);
        }
        out
    }

    /// The moment that [`Numbers::next_wake`] named has come.
    pub fn wake(&mut self, now: Millis, random: u128) -> Vec<Effect> {
        let (mut chance, mut out) = (Random::new(random), Vec::new());
        for sequence in &mut self.sequences {
            let bits = u128::from(chance.bits());
            let event = sequence::Event::Wake;
            sequence.handle(event, self.supported, &self.schedule, now, bits, &mut out);
        }
        out
    }

    /// When [`Numbers::wake`] is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        let requests = self.sequences.iter().filter_map(|sequence| sequence.request.as_ref());
        requests.filter_map(Request::next_wake).min()
    }
}

impl Sequence {
    fn left(&self) -> u64 {
        self.blocks.iter().map(Block::left).sum()
    }

    fn entry(&self) -> Vec<u8> {
        journal::numbers(&self.name, &self.blocks, self.asked.as_deref())
    }

    fn handle(
        &mut self,
        event: sequence::Event,
        supported: bool,
        schedule: &Schedule,
        now: Millis,
        random: u128,
        out: &mut Vec<Effect>,
    ) {
        let Some(request) = &mut self.request else { return };
        let effects = request.handle(event, now, random);
        let mut ended = false;
        let changed = self.take_effects(effects, &mut ended, out);
        if ended {
            self.advance(supported, schedule, random, changed, out);
        }
    }

    /// Whether what is left has changed; `ended`: the request has, and waits for nothing more.
    fn take_effects(
        &mut self,
        effects: Vec<sequence::Effect>,
        ended: &mut bool,
        out: &mut Vec<Effect>,
    ) -> bool {
        let mut changed = false;
        for effect in effects {
            match effect {
                sequence::Effect::Keep(text) => {
                    self.asked = Some(text);
                    out.push(Effect::Journal(self.entry()));
                }
                sequence::Effect::Call { id, call } => {
                    out.push(Effect::Call { name: self.name.clone(), id, call });
                }
                sequence::Effect::Settle(outcome) => {
                    self.request = None;
                    *ended = true;
                    changed |= self.settle(outcome, out);
                }
            }
        }
        changed
    }

    fn settle(&mut self, outcome: Outcome, out: &mut Vec<Effect>) -> bool {
        let keeps = matches!(outcome, Outcome::GaveUp { in_doubt: true });
        let changed = !keeps && self.asked.take().is_some();
        match outcome {
            Outcome::Reserved(block) => self.blocks.push(block),
            Outcome::Rejected(_) | Outcome::GaveUp { .. } | Outcome::Failed(_) => {
                if changed {
                    out.push(Effect::Journal(self.entry()));
                }
                let waiting = std::mem::take(&mut self.waiting);
                out.extend(waiting.into_iter().map(|who| Effect::Failed(who, outcome.clone())));
                // Nothing more is asked for until somebody wants a number.
                self.reserve = 0;
            }
        }
        changed
    }

    /// Gives out what there is and asks for what is missing.
    fn advance(
        &mut self,
        supported: bool,
        schedule: &Schedule,
        random: u128,
        mut changed: bool,
        out: &mut Vec<Effect>,
    ) {
        let mut given = Vec::new();
        while let (Some(block), false) = (self.blocks.first_mut(), self.waiting.is_empty()) {
            match block.take() {
                Some(number) => given.push(Effect::Given(self.waiting.remove(0), number)),
                None => drop(self.blocks.remove(0)),
            }
        }
        self.blocks.retain(|block| block.left() > 0);
        changed |= !given.is_empty();
        if changed {
            out.push(Effect::Journal(self.entry()));
        }
        out.append(&mut given);
        let is_low = self.reserve > 1 && self.left() * 2 < u64::from(self.reserve);
        if self.request.is_some() || self.waiting.is_empty() && !is_low {
            return;
        }
        let restored = self.asked.as_deref().and_then(|text| Request::restore(text, *schedule));
        let (request, effects) = restored.unwrap_or_else(|| {
            let wanted = u32::try_from(self.waiting.len()).unwrap_or(BLOCK_MAX).min(BLOCK_MAX);
            let count = self.reserve.max(wanted).max(1);
            Request::begin(&self.name, count, supported, *schedule, random)
        });
        self.request = Some(request);
        let mut ended = false;
        self.take_effects(effects, &mut ended, out);
    }
}

/// Whether a wish for so many reserved numbers makes sense.
///
/// # Errors
/// [`Failure`] if it does not.
pub fn check_reserve(reserve: u32) -> Result<(), Failure> {
    match reserve {
        0..=BLOCK_MAX => Ok(()),
        _ => Err(Failure::Count(reserve)),
    }
}
