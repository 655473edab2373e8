//! Find a document by a unique field, or create it: two tills at once get the same one.
//!
//! The server's unique field decides. Whoever is told that the value is taken looks again; whoever
//! gets no answer sends the same document with the same token again, where the server knows
//! tokens, and looks again where it does not.

use super::amount;
use super::call::{
    Answered, Call, CreateCall, FindOutcome, LoadOutcome, Loaded, Missing, Rejection, SaveOutcome,
};
use super::event::CallId;
use super::json::{self, Kind, ObjectWriter};
use super::policy::TokenSupport;
use super::random::Random;
use super::retry::{Retry, Schedule, Tries, Wait};
use super::time::Millis;

/// Searches that may follow one another: after each somebody else has created or deleted it.
pub const ROUNDS_MAX: u32 = 8;

/// How it works, and what its backend has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Waits while the backend is busy or out of reach.
    pub schedule: Schedule,
    /// Whether documents can be searched by a unique field.
    pub can_find: bool,
    /// Whether the backend recognises a create that is sent again.
    pub token: TokenSupport,
    /// The unique field that carries the create token, if there is one.
    pub token_field: Option<String>,
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
    /// The page made the document, JSON text.
    Made(Vec<u8>),
    /// The page could not make it.
    MakeFailed(String),
    /// The moment that [`FindOrCreate::next_wake`] named has come.
    Wake,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make this call and report the answer.
    Call {
        /// Its number, of this search only.
        id: CallId,
        /// The call.
        call: Call,
    },
    /// There is none: have the page make the document.
    Make,
    /// Keep this text on disk before anything that follows is done: what is about to be created,
    /// and its token.
    Keep(Vec<u8>),
    /// It is over.
    Settle(Outcome),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is one, and only one.
    Found {
        /// The document.
        document: Loaded,
        /// Whether this till created it. Where an answer was lost and the backend keeps no
        /// tokens it cannot be known, and is `false`.
        created: bool,
    },
    /// The server refused for good; nothing was created.
    Rejected(Rejection),
    /// No answer in the time there was, or somebody created and deleted it all the time.
    GaveUp {
        /// Whether it may have been created.
        in_doubt: bool,
        /// Whether somebody has to sign in first.
        signed_out: bool,
    },
    /// It could not be done at all.
    Failed(Failure),
}

/// What makes it impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The backend lacks this.
    NotSupported(Missing),
    /// The page's function threw.
    Make(String),
    /// What it made is no document.
    NotADocument,
    /// What it made holds another value in the unique field.
    OtherValue,
}

/// One search.
#[derive(Debug, Clone)]
pub struct FindOrCreate {
    terms: Terms,
    field: String,
    value: String,
    calling: Option<CallId>,
    next_call: u32,
    create: Option<CreateCall>,
    /// A create went out and was not answered.
    doubted: bool,
    created: bool,
    making: bool,
    rounds: u32,
    tries: Tries,
    wait: Option<(Wait, Next)>,
    over: bool,
}

/// What follows after a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Find,
    Load(String),
    Create,
}

struct Turn {
    now: Millis,
    random: Random,
    out: Vec<Effect>,
}

impl FindOrCreate {
    /// Looks for the document whose unique `field` holds `value`.
    #[must_use]
    pub fn begin(
        field: &str,
        value: &str,
        terms: Terms,
        now: Millis,
        random: u128,
    ) -> (FindOrCreate, Vec<Effect>) {
        let can_find = terms.can_find;
        let mut search = FindOrCreate {
            terms,
            field: field.to_owned(),
            value: value.to_owned(),
            calling: None,
            next_call: 0,
            create: None,
            doubted: false,
            created: false,
            making: false,
            rounds: 0,
            tries: Tries::default(),
            wait: None,
            over: false,
        };
        let mut turn = Turn { now, random: Random::new(random), out: Vec::new() };
        match can_find {
            true => search.go_on(Next::Find, &mut turn),
            false => search.fail(Failure::NotSupported(Missing::Find), &mut turn),
        }
        (search, turn.out)
    }

    /// Takes an event and returns what is to be done, in order. A late answer changes nothing.
    pub fn handle(&mut self, event: Event, now: Millis, random: u128) -> Vec<Effect> {
        let mut turn = Turn { now, random: Random::new(random), out: Vec::new() };
        if let Some((wait, _)) = &mut self.wait {
            wait.follow_clock(now);
        }
        match event {
            Event::Answered { call, answered } if self.calling == Some(call) => {
                self.calling = None;
                self.on_answer(answered, &mut turn);
            }
            Event::Made(document) if self.making => {
                self.making = false;
                self.on_made(document, &mut turn);
            }
            Event::MakeFailed(words) if self.making => {
                self.making = false;
                self.fail(Failure::Make(words), &mut turn);
            }
            Event::Wake => {
                let due = self.wait.take_if(|(wait, _)| wait.until <= now);
                if let Some((_, next)) = due {
                    self.go_on(next, &mut turn);
                }
            }
            Event::Answered { .. } | Event::Made(_) | Event::MakeFailed(_) => {}
        }
        turn.out
    }

    /// When [`Event::Wake`] is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        self.wait.as_ref().map(|(wait, _)| wait.until)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn go_on(&mut self, next: Next, turn: &mut Turn) {
        let call = match next {
            Next::Find => {
                self.rounds += 1;
                if self.rounds > ROUNDS_MAX {
                    return self.give_up(false, turn);
                }
                Call::Find { field: self.field.clone(), value: self.value.clone() }
            }
            Next::Load(key) => Call::Load { key },
            Next::Create => match &self.create {
                Some(create) => Call::Create(create.clone()),
                None => return,
            },
        };
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.calling = Some(id);
        turn.out.push(Effect::Call { id, call });
    }

    fn on_answer(&mut self, answered: Answered, turn: &mut Turn) {
        match answered {
            Answered::Find(FindOutcome::Key(key)) => self.go_on(Next::Load(key), turn),
            Answered::Find(FindOutcome::Load(LoadOutcome::Gone)) => self.on_none(turn),
            Answered::Find(FindOutcome::Load(outcome)) | Answered::Load(outcome) => {
                self.on_loaded(outcome, turn);
            }
            Answered::Save(outcome) => self.on_created(outcome, turn),
            // No call of this search.
            Answered::Commit(_)
            | Answered::Lease(_)
            | Answered::Released
            | Answered::Batch(_)
            | Answered::Next(_)
            | Answered::Apply(_) => self.wait_for(Next::Find, None, turn),
        }
    }

    fn on_loaded(&mut self, outcome: LoadOutcome, turn: &mut Turn) {
        match outcome {
            LoadOutcome::Loaded(document) => {
                let created = self.created || self.is_ours(&document);
                self.settle(Outcome::Found { document, created }, turn);
            }
            // It was there a moment ago.
            LoadOutcome::Gone => self.go_on(Next::Find, turn),
            LoadOutcome::Unavailable { retry_after, reached: _ } => {
                self.wait_for(Next::Find, retry_after, turn);
            }
            LoadOutcome::Unauthenticated { .. } => self.give_up(true, turn),
            LoadOutcome::Rejected(rejection) => self.settle(Outcome::Rejected(rejection), turn),
        }
    }

    /// Whether a document carries the token of our create.
    fn is_ours(&self, document: &Loaded) -> bool {
        let token = self.create.as_ref().map(|create| create.token.as_str());
        let field = self.terms.token_field.as_deref();
        let held = field.and_then(|field| json::member(&document.document, field));
        token.is_some() && held.and_then(json::text).as_deref() == token
    }

    /// There is none: it is made, or what was made goes out (again).
    fn on_none(&mut self, turn: &mut Turn) {
        if self.created {
            // Created, and deleted by somebody since.
            self.created = false;
            self.create = None;
        }
        if self.create.is_some() {
            return self.go_on(Next::Create, turn);
        }
        self.making = true;
        turn.out.push(Effect::Make);
    }

    fn on_made(&mut self, document: Vec<u8>, turn: &mut Turn) {
        let object = json::check(&document).map(|span| json::kind(span.of(&document)));
        if object != Ok(Kind::Object) {
            return self.fail(Failure::NotADocument, turn);
        }
        let value = json::quoted(&self.value);
        let held = json::member(&document, &self.field);
        let document = match held {
            held if amount::is_empty(held) => json::with_member(&document, &self.field, &value),
            held if amount::same(held, Some(&value)) => document,
            _ => return self.fail(Failure::OtherValue, turn),
        };
        let token = turn.random.name();
        let document = match &self.terms.token_field {
            Some(field) => json::with_member(&document, field, &json::quoted(&token)),
            None => document,
        };
        let mut kept = ObjectWriter::new();
        kept.text("field", &self.field).text("value", &self.value).text("token", &token);
        turn.out.push(Effect::Keep(kept.raw("document", &document).finish()));
        self.create = Some(CreateCall { document, token });
        self.go_on(Next::Create, turn);
    }

    fn on_created(&mut self, outcome: SaveOutcome, turn: &mut Turn) {
        match outcome {
            SaveOutcome::Saved { key, stamp, document } => {
                self.created = true;
                match (key, document) {
                    (key, Some(document)) => {
                        let document = Loaded { key, stamp, document };
                        self.settle(Outcome::Found { document, created: true }, turn);
                    }
                    (Some(key), None) => self.go_on(Next::Load(key), turn),
                    (None, None) => self.go_on(Next::Find, turn),
                }
            }
            // By somebody else, or by an earlier try of ours.
            SaveOutcome::Exists { .. } => self.go_on(Next::Find, turn),
            SaveOutcome::Rejected(rejection) if rejection.fields.contains(&self.field) => {
                // Refused because of the unique field: if it is taken, a search finds who has it.
                if self.rounds > 1 {
                    return self.settle(Outcome::Rejected(rejection), turn);
                }
                self.go_on(Next::Find, turn);
            }
            SaveOutcome::Rejected(rejection) => self.settle(Outcome::Rejected(rejection), turn),
            SaveOutcome::Unavailable { retry_after } | SaveOutcome::Locked { retry_after } => {
                self.wait_for(Next::Create, retry_after, turn);
            }
            SaveOutcome::InDoubt => {
                self.doubted = true;
                let next = match self.terms.token {
                    TokenSupport::Native => Next::Create,
                    TokenSupport::Field | TokenSupport::None => Next::Find,
                };
                self.wait_for(next, None, turn);
            }
            SaveOutcome::Unauthenticated { .. } => self.give_up(true, turn),
            // None of these answers a create.
            SaveOutcome::Stale { .. } | SaveOutcome::Gone | SaveOutcome::Closed(_) => {
                self.wait_for(Next::Find, None, turn);
            }
        }
    }

    fn wait_for(&mut self, next: Next, retry_after: Option<Millis>, turn: &mut Turn) {
        let bits = turn.random.bits();
        match self.tries.another(&self.terms.schedule, turn.now, bits, retry_after) {
            Retry::At(until) => {
                // A search made again because it was not answered is no new round.
                self.rounds -= u32::from(next == Next::Find && self.rounds > 0);
                self.wait = Some((Wait::new(turn.now, until), next));
            }
            Retry::GiveUp => self.give_up(false, turn),
        }
    }

    fn give_up(&mut self, signed_out: bool, turn: &mut Turn) {
        let in_doubt = self.doubted;
        self.settle(Outcome::GaveUp { in_doubt, signed_out }, turn);
    }

    fn fail(&mut self, failure: Failure, turn: &mut Turn) {
        self.settle(Outcome::Failed(failure), turn);
    }

    fn settle(&mut self, outcome: Outcome, turn: &mut Turn) {
        self.over = true;
        turn.out.push(Effect::Settle(outcome));
    }
}
