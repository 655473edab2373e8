//! One till with its disk: a second runner of the core's effects.

use restamp::core::call::Call;
use restamp::core::event::{CallId, DraftId, Effect, Event, Outcome, Waiter};
use restamp::core::op::Op;
use restamp::core::policy::{CompareAndSet, Policy, TokenSupport};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;
use restamp::core::till::Till;
use restamp::core::time::Millis;
use serde_json::{json, Value};
use std::sync::OnceLock;

use crate::chance::Chance;

/// The draft that every till edits.
pub const DRAFT: DraftId = DraftId(1);

fn profile(with_token_field: bool) -> Profile {
    static PROFILES: OnceLock<[Profile; 2]> = OnceLock::new();
    let read = |with_token_field: bool| {
        let text = include_str!("../data/sales-invoice.json");
        let more = r#"{"createTokenField":"custom_client_uuid","changedBy":"modified_by","#;
        let mut text = text.replacen('{', more, 1);
        if !with_token_field {
            text = text.replacen(r#""tokenField": "custom_mutation_id","#, "", 1);
        }
        Profile::parse(text.as_bytes()).expect("a profile")
    };
    PROFILES.get_or_init(|| [read(false), read(true)])[usize::from(with_token_field)].clone()
}

pub fn policy(with_token_field: bool, compare_and_set: CompareAndSet) -> Policy {
    Policy {
        profile: profile(with_token_field),
        schedule: Schedule::INTERACTIVE,
        contention: Schedule::CONTENTION,
        background: Schedule::BACKGROUND,
        compare_and_set,
        token: TokenSupport::Field,
        can_find: true,
    }
}

/// See the module.
pub struct Station {
    pub name: String,
    pub till: Till,
    pub policy: Policy,
    /// Entries that survive a crash.
    disk: Vec<Vec<u8>>,
    /// The call in flight, as far as this till knows.
    pub in_flight: Option<CallId>,
    /// Counts lives: an answer to a call of an earlier life is nobody's.
    pub life: u32,
    pub waiters: u32,
    pub outcomes: Vec<Outcome>,
    pub calls: u32,
    /// The token of the save that was journalled last.
    pub token: String,
    /// The key of the document, once the server gave it one.
    pub key: Option<String>,
}

/// What came of an event.
pub struct Ran {
    pub calls: Vec<(CallId, Call)>,
    pub crashed: bool,
    /// Entries that reached the disk.
    pub written: usize,
}

impl Station {
    pub fn new(name: String, policy: Policy) -> Station {
        Station {
            name,
            till: Till::new(policy.clone()),
            policy,
            disk: Vec::new(),
            in_flight: None,
            life: 0,
            waiters: 0,
            outcomes: Vec::new(),
            calls: 0,
            token: String::new(),
            key: None,
        }
    }

    /// Handles an event and runs its effects, in order; with `crash`, the page dies after some of
    /// them.
    pub fn handle(&mut self, event: Event, now: u64, chance: &mut Chance, crash: bool) -> Ran {
        let random = u128::from(chance.bits()) << 64 | u128::from(chance.bits());
        let effects = self.till.handle(event, Millis(now), random);
        let stop =
            if crash { chance.below(effects.len() as u64 + 1) as usize } else { effects.len() };
        let mut ran = Ran { calls: Vec::new(), crashed: stop < effects.len(), written: 0 };
        for effect in effects.into_iter().take(stop) {
            match effect {
                Effect::Journal(entry) => {
                    let text: Value = serde_json::from_slice(&entry).expect("JSON");
                    if text["entry"] == json!("sent") {
                        self.token = text["token"].as_str().unwrap_or_default().to_owned();
                    }
                    self.disk.push(entry);
                    ran.written += 1;
                }
                Effect::Call { id, call } => {
                    assert!(self.in_flight.is_none(), "{}: calls of one draft overlap", self.name);
                    self.in_flight = Some(id);
                    self.calls += 1;
                    ran.calls.push((id, call));
                }
                Effect::Settle { outcome, .. } => self.outcomes.push(outcome),
                Effect::Refused(misuse) => panic!("{}: {misuse:?}", self.name),
                Effect::NotOpened { .. }
                | Effect::Opened(_)
                | Effect::Changed(_)
                | Effect::Notice { .. }
                | Effect::Log { .. } => {}
            }
        }
        if self.disk.len() > 60 && !ran.crashed {
            self.disk = self.till.journal();
        }
        ran
    }

    /// The page is opened again: what the disk holds comes back.
    pub fn restart(&mut self) {
        self.life += 1;
        self.in_flight = None;
        let entries = self.disk.iter().map(Vec::as_slice);
        self.till = Till::restore(self.policy.clone(), entries, DRAFT).expect("a journal");
    }

    pub fn doc(&self) -> Option<Value> {
        let draft = self.till.draft(DRAFT)?;
        serde_json::from_slice(&draft.text(&self.policy)).ok()
    }

    pub fn status(&self) -> &'static str {
        self.till.draft(DRAFT).map_or("none", |draft| draft.status())
    }

    pub fn save(&mut self) -> Event {
        self.waiters += 1;
        Event::Save { draft: DRAFT, waiter: Waiter(self.waiters) }
    }

    pub fn edit(op: &Value) -> Event {
        let ops = Op::parse_list(json!([op]).to_string().as_bytes()).expect("an op");
        Event::Edit { draft: DRAFT, op: ops.into_iter().next().expect("one") }
    }
}
