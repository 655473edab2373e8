//! A desk with one till and a server: events go in, effects come out, and the clock jumps to
//! whatever is due next, so that a test reads as what happens.

use restamp::core::call::{Answered, Call, FindOutcome, LoadOutcome, Loaded, SaveOutcome};
use restamp::core::event::{
    CallId, DraftId, Effect, Event, Misuse, NotOpened, Outcome, Step, Take, Told, Waiter,
};
use restamp::core::op::Op;
use restamp::core::policy::{CompareAndSet, Policy, Sharing, TokenSupport};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;
use restamp::core::till::Till;
use restamp::core::time::Millis;
use serde_json::{json, Value};
use std::sync::OnceLock;

use crate::server::Server;

/// The key of the invoice that most tests edit.
pub const KEY: &str = "D1";
/// The draft of the invoice that most tests edit.
pub const D: DraftId = DraftId(1);

/// See the module.
pub struct Desk {
    pub till: Till,
    pub policy: Policy,
    pub server: Server,
    pub now: u64,
    seed: u128,
    /// Calls without an answer.
    pub calls: Vec<(CallId, Call)>,
    /// All calls that were made.
    pub made: Vec<Call>,
    pub outcomes: Vec<(Waiter, Outcome)>,
    /// Outcomes that nobody waited for.
    pub concluded: Vec<Outcome>,
    pub steps: Vec<Step>,
    pub journal: Vec<Vec<u8>>,
    pub effects: Vec<Effect>,
    pub refused: Vec<Misuse>,
    pub notices: Vec<Told>,
    pub not_opened: Vec<NotOpened>,
    waiters: u32,
}

/// The sales invoice's profile, with a create token and, if wanted, the token of the last save.
pub fn profile(with_token_field: bool) -> Profile {
    static PROFILES: OnceLock<[Profile; 2]> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| [read_profile(false), read_profile(true)]);
    profiles[usize::from(with_token_field)].clone()
}

fn read_profile(with_token_field: bool) -> Profile {
    let text = include_str!("../data/sales-invoice.json");
    let more = r#"{"createTokenField":"custom_client_uuid","changedBy":"modified_by","#;
    let text = text.replacen('{', more, 1);
    let text = match with_token_field {
        true => text,
        false => text.replacen(r#""tokenField": "custom_mutation_id","#, "", 1),
    };
    Profile::parse(text.as_bytes()).expect("a profile")
}

pub fn policy() -> Policy {
    Policy {
        profile: profile(true),
        schedule: Schedule::INTERACTIVE,
        contention: Schedule::CONTENTION,
        background: Schedule::BACKGROUND,
        compare_and_set: CompareAndSet::Atomic,
        token: TokenSupport::Field,
        can_find: true,
        sharing: Sharing::default(),
    }
}

/// An invoice: one cola, one cake, a note, cash.
pub fn invoice() -> Value {
    json!({
        "customer": "Walk-in",
        "posa_notes": "",
        "custom_table_no": "T4",
        "items": [
            {"posa_row_id": "r1", "item_code": "COLA", "qty": 1, "uom": "Nos", "rate": 10},
            {"posa_row_id": "r2", "item_code": "CAKE", "qty": 2, "uom": "Nos", "rate": 5}
        ],
        "payments": [{"mode_of_payment": "Cash", "amount": 0}]
    })
}

impl Desk {
    pub fn new(policy: Policy) -> Desk {
        let mut server = Server::default();
        server.put(KEY, invoice());
        Desk {
            till: Till::new(policy.clone()),
            policy,
            server,
            now: 1_000_000,
            seed: 7,
            calls: Vec::new(),
            made: Vec::new(),
            outcomes: Vec::new(),
            concluded: Vec::new(),
            steps: Vec::new(),
            journal: Vec::new(),
            effects: Vec::new(),
            refused: Vec::new(),
            notices: Vec::new(),
            not_opened: Vec::new(),
            waiters: 0,
        }
    }

    /// A desk at which the invoice is open.
    pub fn open() -> Desk {
        Desk::open_with(policy())
    }

    pub fn open_with(policy: Policy) -> Desk {
        let mut desk = Desk::new(policy);
        desk.handle(Event::Open { draft: D, key: KEY.to_owned() });
        desk.deliver();
        assert_eq!(desk.status(), "clean");
        desk.made.clear();
        desk.effects.clear();
        desk
    }

    pub fn handle(&mut self, event: Event) {
        self.seed =
            self.seed.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        let effects = self.till.handle(event, Millis(self.now), self.seed);
        for effect in effects {
            match &effect {
                Effect::Journal(entry) => self.journal.push(entry.clone()),
                Effect::Call { id, call } => {
                    self.calls.push((*id, call.clone()));
                    self.made.push(call.clone());
                }
                Effect::Settle { waiter, outcome, .. } => {
                    self.outcomes.push((*waiter, outcome.clone()));
                }
                Effect::Refused(misuse) => self.refused.push(misuse.clone()),
                Effect::Notice { notice, .. } => self.notices.push(notice.clone()),
                Effect::NotOpened { why, .. } => self.not_opened.push(why.clone()),
                Effect::Concluded { outcome, .. } => self.concluded.push(outcome.clone()),
                Effect::Log { step, .. } => self.steps.push(step.clone()),
                Effect::Opened(_) | Effect::Changed(_) | Effect::Strategy { .. } => {}
            }
            self.effects.push(effect);
        }
        let in_flight = self.calls.iter().filter(|(_, call)| !is_look(call)).count();
        assert!(in_flight <= self.till.drafts().len(), "saves of one draft overlap");
    }

    /* ------------------------------------------------------------ the cashier */

    pub fn edit(&mut self, op: Value) {
        self.edit_draft(D, op);
    }

    pub fn edit_draft(&mut self, draft: DraftId, op: Value) {
        let ops = Op::parse_list(json!([op]).to_string().as_bytes()).expect("an op");
        for op in ops {
            self.handle(Event::Edit { draft, op });
        }
    }

    pub fn set(&mut self, path: &str, value: Value) {
        self.edit(json!({"op": "set", "path": path, "value": value}));
    }

    pub fn scan(&mut self, row: &str) {
        self.edit(json!({"op": "increment", "path": format!("items[{row}].qty"), "by": "1"}));
    }

    pub fn add(&mut self, row: &str, item: &str) {
        let row = json!({"posa_row_id": row, "item_code": item, "qty": 1, "uom": "Nos", "rate": 3});
        self.edit(json!({"op": "insert", "table": "items", "row": row}));
    }

    pub fn remove(&mut self, row: &str) {
        self.edit(json!({"op": "remove", "table": "items", "row": row}));
    }

    pub fn pay(&mut self, id: &str, amount: &str) {
        let row = json!({"custom_pay_id": id, "mode_of_payment": "Card", "amount": amount});
        self.edit(json!({"op": "insert", "table": "payments", "row": row}));
    }

    pub fn save(&mut self) -> Waiter {
        self.save_draft(D)
    }

    pub fn save_draft(&mut self, draft: DraftId) -> Waiter {
        self.waiters += 1;
        let waiter = Waiter(self.waiters);
        self.handle(Event::Save { draft, waiter });
        waiter
    }

    pub fn submit(&mut self, expected_total: Option<&str>) -> Waiter {
        self.waiters += 1;
        let waiter = Waiter(self.waiters);
        let expected_total = expected_total.map(str::to_owned);
        self.handle(Event::Submit { draft: D, waiter, expected_total });
        waiter
    }

    pub fn create(&mut self, document: Value) {
        self.handle(Event::Create { draft: D, document: document.to_string().into_bytes() });
    }

    pub fn replace(&mut self, document: Value) {
        self.handle(Event::Replace { draft: D, document: document.to_string().into_bytes() });
    }

    pub fn resolve(&mut self, path: &str, take: Take) {
        self.handle(Event::Resolve { draft: D, path: path.to_owned(), take });
    }

    pub fn discard(&mut self) {
        self.handle(Event::Discard { draft: D });
    }

    /* ------------------------------------------------------------ the network */

    /// The only call without an answer.
    pub fn call(&self) -> &Call {
        assert_eq!(self.calls.len(), 1, "{:?}", self.calls);
        &self.calls[0].1
    }

    /// The only call reaches the server and its answer comes back.
    pub fn deliver(&mut self) {
        let event = self.carry_out();
        self.handle(event);
    }

    /// The oldest call reaches the server and its answer comes back.
    pub fn deliver_first(&mut self) {
        let rest = self.calls.split_off(1);
        let event = self.carry_out();
        self.calls = rest;
        self.handle(event);
    }

    /// Everything that waits gets through, in the order in which it was sent, until nothing is
    /// left to do.
    pub fn drain(&mut self) {
        for _ in 0..10_000 {
            if !self.calls.is_empty() {
                self.deliver_first();
            } else if self.till.next_wake().is_some() {
                self.wait();
            } else {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Whatever is in flight, and whatever that leads to at once, gets no answer.
    pub fn lose_all(&mut self) {
        for _ in 0..1_000 {
            if self.calls.is_empty() {
                return;
            }
            self.lose_request();
        }
        panic!("calls without end");
    }

    pub fn retry(&mut self, draft: DraftId) -> Waiter {
        self.waiters += 1;
        let waiter = Waiter(self.waiters);
        self.handle(Event::Retry { draft, waiter });
        waiter
    }

    pub fn park(&mut self, draft: DraftId) {
        self.handle(Event::Park { draft });
    }

    /// What the page shows of the outbox: key, status, reason.
    pub fn listed(&self) -> Vec<(String, &'static str, Option<&'static str>)> {
        let entries = self.till.outbox().into_iter();
        entries.map(|entry| (entry.key, entry.status, entry.reason)).collect()
    }

    pub fn export(&mut self) -> Vec<u8> {
        self.handle(Event::Export);
        self.till.export()
    }

    /// How many drafts came in; they are numbered from `first`.
    pub fn import(&mut self, text: &[u8], first: u32) -> usize {
        let before = self.till.drafts().len();
        self.handle(Event::Import { text: text.to_vec(), first: DraftId(first) });
        self.till.drafts().len() - before
    }

    /// The only call reaches the server; its answer is an event that nobody has handled yet.
    pub fn carry_out(&mut self) -> Event {
        assert_eq!(self.calls.len(), 1, "{:?}", self.calls);
        let (call, what) = self.calls.remove(0);
        match &what {
            Call::Create(_) | Call::Update(_) => {
                Event::Answered { call, answered: Answered::Save(self.server.save(&what, "me")) }
            }
            Call::Load { key } => {
                Event::Answered { call, answered: Answered::Load(self.server.load(key)) }
            }
            Call::Find { field, value } => {
                Event::Answered { call, answered: Answered::Find(self.server.find(field, value)) }
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        }
    }

    /// The call reaches the server, and nobody ever hears of it.
    pub fn lose_answer_silently(&mut self) {
        self.carry_out();
    }

    /// The call reaches the server, its answer is lost.
    pub fn lose_answer(&mut self) {
        match self.carry_out() {
            Event::Answered { call, answered: Answered::Save(_) } => {
                self.handle(Event::Answered {
                    call,
                    answered: Answered::Save(SaveOutcome::InDoubt),
                });
            }
            other => panic!("{other:?}"),
        }
    }

    /// The call never reaches the server, and nobody can tell.
    pub fn lose_request(&mut self) {
        let (call, what) = self.calls.remove(0);
        let nothing = || LoadOutcome::Unavailable { retry_after: None, reached: false };
        match what {
            Call::Create(_) | Call::Update(_) => {
                self.handle(Event::Answered {
                    call,
                    answered: Answered::Save(SaveOutcome::InDoubt),
                });
            }
            Call::Load { .. } => {
                self.handle(Event::Answered { call, answered: Answered::Load(nothing()) })
            }
            Call::Find { .. } => {
                let outcome = FindOutcome::Load(nothing());
                self.handle(Event::Answered { call, answered: Answered::Find(outcome) });
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        }
    }

    pub fn answer(&mut self, outcome: SaveOutcome) {
        let (call, _) = self.calls.remove(0);
        self.handle(Event::Answered { call, answered: Answered::Save(outcome) });
    }

    pub fn answer_load(&mut self, outcome: LoadOutcome) {
        let (call, _) = self.calls.remove(0);
        self.handle(Event::Answered { call, answered: Answered::Load(outcome) });
    }

    pub fn answer_with(&mut self, stamp: &str, document: &str) {
        let stamp = Some(restamp::core::stamp::Stamp(stamp.to_owned()));
        let loaded = Loaded { key: None, stamp, document: document.as_bytes().to_vec() };
        self.answer_load(LoadOutcome::Loaded(loaded));
    }

    /// Time passes until the next step is due.
    pub fn wait(&mut self) -> u64 {
        let until = self.till.next_wake().expect("something is due");
        let waited = until.0.saturating_sub(self.now);
        self.now = self.now.max(until.0);
        self.handle(Event::Wake);
        waited
    }

    /// Everything goes its way, without faults, until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..1_000 {
            if !self.calls.is_empty() {
                self.deliver();
            } else if self.till.next_wake().is_some() {
                self.wait();
            } else {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.made.len());
    }

    /// Another till changes the invoice.
    pub fn other_till(&mut self, edit: impl FnOnce(&mut Value)) {
        self.server.change(KEY, edit);
    }

    /// The page dies; what the journal holds comes back.
    pub fn restart(&mut self) {
        self.restart_from(D);
    }

    /// The same, numbering the drafts from `first`.
    pub fn restart_from(&mut self, first: DraftId) {
        self.calls.clear();
        let entries = self.journal.iter().map(Vec::as_slice);
        self.till = Till::restore(self.policy.clone(), entries, first).expect("a journal");
        self.handle(Event::Online);
    }

    /* ------------------------------------------------------------ what is seen */

    pub fn doc(&self) -> Value {
        let draft = self.till.draft(D).expect("a draft");
        serde_json::from_slice(&draft.text(&self.policy)).expect("JSON")
    }

    pub fn stored(&self) -> Value {
        self.server.doc(KEY).expect("a document")
    }

    pub fn status(&self) -> &'static str {
        self.till.draft(D).expect("a draft").status()
    }

    pub fn conflicts(&self) -> Vec<(String, &'static str)> {
        let draft = self.till.draft(D).expect("a draft");
        draft.conflicts().iter().map(|c| (c.path.clone(), c.reason.code())).collect()
    }

    /// The outcome that was answered last.
    pub fn outcome(&self) -> &Outcome {
        &self.outcomes.last().expect("an outcome").1
    }

    pub fn outcome_of(&self, waiter: Waiter) -> Option<&Outcome> {
        self.outcomes.iter().find(|(known, _)| *known == waiter).map(|(_, outcome)| outcome)
    }

    pub fn is_committed(&self) -> bool {
        matches!(self.outcome(), Outcome::Committed { .. })
    }

    /// Saves that were sent.
    pub fn saves(&self) -> usize {
        self.made.iter().filter(|call| !is_look(call)).count()
    }
}

fn is_look(call: &Call) -> bool {
    matches!(call, Call::Load { .. } | Call::Find { .. })
}

/// The quantity of a row.
pub fn qty(document: &Value, row: &str) -> String {
    let rows = document["items"].as_array().expect("rows");
    let row = rows.iter().find(|known| known["posa_row_id"] == json!(row)).expect("the row");
    match &row["qty"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Adds to the quantity of a row, as another till would.
pub fn raise(document: &mut Value, row: &str, by: i64) {
    let rows = document["items"].as_array_mut().expect("rows");
    let row = rows.iter_mut().find(|known| known["posa_row_id"] == json!(row)).expect("the row");
    row["qty"] = json!(row["qty"].as_i64().expect("a whole number") + by);
}

/// The identities of the rows in their order.
pub fn rows(document: &Value) -> Vec<String> {
    let rows = document["items"].as_array().expect("rows");
    rows.iter().map(|row| row["posa_row_id"].as_str().unwrap_or("?").to_owned()).collect()
}
