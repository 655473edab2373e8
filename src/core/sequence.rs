//! Numbers that are given out once: `CUST0001`, `CUST0002`, …
//!
//! The server counts, in one atomic statement; every request has its token, so that a lost answer
//! is asked for again and takes no second number. Numbers that are asked for one by one and shown
//! are without gaps, whatever gets lost on the way.
//!
//! **Reserved blocks** ([`Block`]) are for selling without a server: a till takes, say, a hundred
//! numbers while it can and hands them out by itself. What it does not hand out is a *gap*: nobody
//! gets these numbers any more. They are never given out twice, also not after a crash (the next
//! number is kept on disk before it is handed out), and a block dies with its till (a lost device,
//! a cleared browser) unless it was exported with [`Block::to_json`] before. Where the law wants
//! numbers without gaps, take no blocks.

use super::call::{Answered, Call, Missing, NextCall, NextOutcome, Rejection};
use super::event::CallId;
use super::json::{self, ObjectWriter};
use super::random::Random;
use super::retry::{Retry, Schedule, Tries, Wait};
use super::time::Millis;

/// Most numbers of one block.
pub const BLOCK_MAX: u32 = 100_000;

/// How a number is written: `CUST####`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Format {
    before: String,
    digits: usize,
    after: String,
}

/// A format with more than one group of `#`: which one is the number?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The format.
    pub format: String,
}

impl FormatError {
    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        ["format: more than one group of #: ", &self.format].concat()
    }
}

impl Format {
    /// Reads a format: a group of `#` stands for the number, filled up with zeros to as many
    /// digits. A number of more digits is written in full, so `CUST####` goes on with
    /// `CUST10000`. Without `#` the number is appended.
    ///
    /// # Errors
    /// [`FormatError`] for two groups.
    pub fn parse(format: &str) -> Result<Format, FormatError> {
        let (before, rest) = match format.find('#') {
            Some(at) => format.split_at(at),
            None => (format, ""),
        };
        let after = rest.trim_start_matches('#');
        if after.contains('#') {
            return Err(FormatError { format: format.to_owned() });
        }
        let digits = rest.len() - after.len();
        Ok(Format { before: before.to_owned(), digits, after: after.to_owned() })
    }

    /// The number in this format.
    #[must_use]
    pub fn write(&self, number: u64) -> String {
        let digits = number.to_string();
        let zeros = "0".repeat(self.digits.saturating_sub(digits.len()));
        [&self.before, zeros.as_str(), &digits, &self.after].concat()
    }
}

/// Numbers that are ours and not handed out yet. Its text form goes on disk after each number that
/// is taken and before that number is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    sequence: String,
    next: u64,
    end: u64,
}

impl Block {
    /// The sequence's name.
    #[must_use]
    pub fn sequence(&self) -> &str {
        &self.sequence
    }

    /// How many numbers are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.end - self.next
    }

    /// The next number; never the same again.
    pub fn take(&mut self) -> Option<u64> {
        if self.next >= self.end {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// The text form.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = ObjectWriter::new();
        out.text("sequence", &self.sequence);
        out.text("next", &self.next.to_string()).text("end", &self.end.to_string());
        out.finish()
    }

    /// Reads [`Block::to_json`]'s text; `None` if it is none.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Option<Block> {
        let (next, end) = (number(text, "next")?, number(text, "end")?);
        (next <= end).then_some(Block { sequence: word(text, "sequence")?, next, end })
    }
}

fn word(text: &[u8], name: &str) -> Option<String> {
    json::member(text, name).and_then(json::text).map(|text| text.into_owned())
}

fn number(text: &[u8], name: &str) -> Option<u64> {
    word(text, name)?.parse().ok()
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The call was answered.
    Answered {
        /// Which.
        call: CallId,
        /// What the answer means.
        answered: Answered,
    },
    /// The moment that [`Request::next_wake`] named has come.
    Wake,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep this text ([`Request::restore`] reads it) on disk before the call is made: after a
    /// crash the same token asks for the same numbers.
    Keep(Vec<u8>),
    /// Make this call and report the answer.
    Call {
        /// Its number, of this request only.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// It is over.
    Settle(Outcome),
}

/// How a request for numbers ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The numbers are ours: keep the block before the first of them is shown.
    Reserved(Block),
    /// The server refused for good.
    Rejected(Rejection),
    /// No answer in the time there was. Asked again with the same text ([`Request::restore`]) no
    /// number gets lost.
    GaveUp {
        /// Whether numbers may have been given out.
        in_doubt: bool,
    },
    /// The backend does not count, or the count is none.
    Failed(Failure),
}

/// Why numbers cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The backend has no sequences.
    NotSupported(Missing),
    /// No number, or more than [`BLOCK_MAX`].
    Count(u32),
}

impl Failure {
    /// The words for it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Failure::NotSupported(what) => {
                ["guarantees.", what.name(), " is missing: ", what.remedy()].concat()
            }
            Failure::Count(_) => ["reserve: a number from 1 to ", &BLOCK_MAX.to_string()].concat(),
        }
    }
}

/// One request for numbers.
#[derive(Debug, Clone)]
pub struct Request {
    call: NextCall,
    schedule: Schedule,
    calling: Option<CallId>,
    next_call: u32,
    tries: Tries,
    wait: Option<Wait>,
    doubted: bool,
    over: bool,
}

impl Request {
    /// Asks for `count` numbers of a sequence. `supported`: whether the backend counts.
    #[must_use]
    pub fn begin(
        sequence: &str,
        count: u32,
        supported: bool,
        schedule: Schedule,
        random: u128,
    ) -> (Request, Vec<Effect>) {
        let token = Random::new(random).name();
        let call = NextCall { sequence: sequence.to_owned(), count, token };
        let mut request = Request::of(call, schedule);
        let failure = match (supported, count) {
            (false, _) => Some(Failure::NotSupported(Missing::Sequences)),
            (true, 1..=BLOCK_MAX) => None,
            (true, _) => Some(Failure::Count(count)),
        };
        let mut out = Vec::new();
        match failure {
            Some(failure) => request.settle(Outcome::Failed(failure), &mut out),
            None => {
                out.push(Effect::Keep(request.to_json()));
                request.send(&mut out);
            }
        }
        (request, out)
    }

    /// A request that was under way when the page was closed, from the text that was kept; `None`
    /// if it is none.
    #[must_use]
    pub fn restore(text: &[u8], schedule: Schedule) -> Option<(Request, Vec<Effect>)> {
        let count = u32::try_from(number(text, "count")?).ok()?;
        let call =
            NextCall { sequence: word(text, "sequence")?, count, token: word(text, "token")? };
        let mut request = Request::of(call, schedule);
        request.doubted = true;
        let mut out = Vec::new();
        request.send(&mut out);
        Some((request, out))
    }

    fn of(call: NextCall, schedule: Schedule) -> Request {
        Request {
            call,
            schedule,
            calling: None,
            next_call: 0,
            tries: Tries::default(),
            wait: None,
            doubted: false,
            over: false,
        }
    }

    /// The text that is kept while it is under way.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = ObjectWriter::new();
        out.text("sequence", &self.call.sequence).text("count", &self.call.count.to_string());
        out.text("token", &self.call.token);
        out.finish()
    }

    /// Takes an event and returns what is to be done, in order. A late answer changes nothing.
    pub fn handle(&mut self, event: Event, now: Millis, random: u128) -> Vec<Effect> {
        let mut out = Vec::new();
        if let Some(wait) = &mut self.wait {
            wait.follow_clock(now);
        }
        match event {
            Event::Answered { call, answered } if self.calling == Some(call) => {
                self.calling = None;
                let outcome = match answered {
                    Answered::Next(outcome) => outcome,
                    Answered::Save(_)
                    | Answered::Load(_)
                    | Answered::Find(_)
                    | Answered::Commit(_)
                    | Answered::Lease(_)
                    | Answered::Released
                    | Answered::Batch(_)
                    | Answered::Apply(_) => NextOutcome::InDoubt,
                };
                self.on_answer(outcome, now, random, &mut out);
            }
            Event::Wake if self.wait.is_some_and(|wait| wait.until <= now) => {
                self.wait = None;
                self.send(&mut out);
            }
            Event::Answered { .. } | Event::Wake => {}
        }
        out
    }

    /// When [`Event::Wake`] is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        self.wait.map(|wait| wait.until)
    }

    fn send(&mut self, out: &mut Vec<Effect>) {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.calling = Some(id);
        out.push(Effect::Call { id, call: Call::Next(self.call.clone()) });
    }

    fn on_answer(
        &mut self,
        outcome: NextOutcome,
        now: Millis,
        random: u128,
        out: &mut Vec<Effect>,
    ) {
        let retry_after = match outcome {
            NextOutcome::Numbers { first, count } => {
                let end = first.checked_add(u64::from(count));
                match end.filter(|_| count == self.call.count) {
                    Some(end) => {
                        let sequence = self.call.sequence.clone();
                        let block = Block { sequence, next: first, end };
                        return self.settle(Outcome::Reserved(block), out);
                    }
                    // Another count than was asked for is no answer to this.
                    None => None,
                }
            }
            NextOutcome::Unavailable { retry_after } => retry_after,
            NextOutcome::InDoubt => None,
            NextOutcome::Unauthenticated { .. } => {
                let in_doubt = self.doubted;
                return self.settle(Outcome::GaveUp { in_doubt }, out);
            }
            NextOutcome::Rejected(rejection) => {
                return self.settle(Outcome::Rejected(rejection), out);
            }
            NextOutcome::NotSupported => {
                let failure = Failure::NotSupported(Missing::Sequences);
                return self.settle(Outcome::Failed(failure), out);
            }
        };
        self.doubted |= matches!(outcome, NextOutcome::InDoubt | NextOutcome::Numbers { .. });
        let bits = Random::new(random).bits();
        match self.tries.another(&self.schedule, now, bits, retry_after) {
            Retry::At(until) => self.wait = Some(Wait::new(now, until)),
            Retry::GiveUp => {
                let in_doubt = self.doubted;
                self.settle(Outcome::GaveUp { in_doubt }, out);
            }
        }
    }

    fn settle(&mut self, outcome: Outcome, out: &mut Vec<Effect>) {
        self.over = true;
        self.wait = None;
        out.push(Effect::Settle(outcome));
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }
}
