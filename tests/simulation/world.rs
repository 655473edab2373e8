//! A world: it runs with faults for a while, then without, and is then held against what ought
//! to be.

use std::collections::{BTreeMap, BTreeSet};

use restamp::core::call::{Call, FindOutcome, LoadOutcome, SaveOutcome};
use restamp::core::event::{CallId, Event, Outcome, Take};
use restamp::core::policy::CompareAndSet;
use restamp::core::time::Millis;
use serde_json::{json, Value};

use crate::chance::Chance;
use crate::network::{Fate, Network};
use crate::server::{decimal, Server};
use crate::station::{policy, Station, DRAFT};

/// The invoice that all tills edit.
const KEY: &str = "D1";
/// Faults stop then, ms.
const CALM_MS: u64 = 60_000;
/// Every world is at rest by then, ms.
const REST_MS: u64 = CALM_MS + 3_600_000;

/// Something that arrives somewhere.
#[derive(Debug, Clone)]
enum Arrival {
    /// A call at the server; whether anybody waits for its answer.
    AtServer {
        till: usize,
        life: u32,
        id: CallId,
        call: Call,
        answered: bool,
    },
    AtTill {
        till: usize,
        life: u32,
        event: Event,
    },
    /// A till gives up waiting for an answer.
    Timeout {
        till: usize,
        life: u32,
        id: CallId,
        call: Call,
    },
    /// A cashier does something.
    Act {
        till: usize,
    },
    /// Somebody signs in, the network comes back.
    Online {
        till: usize,
    },
    Open {
        till: usize,
    },
    /// The shared invoice ends: deleted, its name perhaps given to another sale, or submitted.
    Doom,
}

/// What ought to be on the server in the end.
#[derive(Debug, Default)]
struct Model {
    /// Sum of all steps on the shared rows.
    steps: BTreeMap<String, i64>,
    /// Own rows that were added and not removed, with their quantity.
    rows: BTreeMap<String, i64>,
    /// Own rows that were removed again.
    removed: BTreeSet<String>,
    notes: BTreeSet<String>,
    payments: BTreeMap<String, i64>,
    /// Sales that were started, by the mark that the till put into them.
    sales: BTreeSet<String>,
}

/// See the module.
pub struct World {
    seed: u64,
    tells: bool,
    chance: Chance,
    now: u64,
    /// By time, then in the order in which it was put.
    queue: BTreeMap<(u64, u64), Arrival>,
    put: u64,
    server: Server,
    tills: Vec<Station>,
    network: Network,
    crashes: bool,
    token_field: bool,
    acts_left: Vec<u32>,
    model: Model,
    serial: u64,
    /// Tills that make a new sale instead of opening the shared one.
    creates: Vec<bool>,
    /// The shared invoice as it was when it ended.
    ended: Option<Value>,
    /// The sale that got its name.
    successor: Option<Value>,
}

impl World {
    pub fn new(seed: u64, tells: bool) -> World {
        let mut chance = Chance::new(seed);
        let mut server = Server::default();
        server.put(
            KEY,
            json!({
            "customer": "Walk-in", "posa_notes": "",
            "items": [
                {"posa_row_id": "s1", "item_code": "COLA", "qty": 1, "uom": "Nos", "rate": 10},
                {"posa_row_id": "s2", "item_code": "CAKE", "qty": 1, "uom": "Nos", "rate": 5}],
            "payments": [{"mode_of_payment": "Cash", "amount": 0}]}),
        );
        // Dear enough that no payment is a double one.
        server.change(KEY, |doc| doc["items"][0]["rate"] = json!(1_000_000));
        server.answers_with_document = chance.percent(50);
        let token_field = chance.percent(70);
        let racy = chance.percent(15);
        let tills = 2 + chance.below(4) as usize;
        let compare = if racy { CompareAndSet::Racy } else { CompareAndSet::Atomic };
        let stations =
            (0..tills).map(|n| Station::new(format!("till{n}"), policy(token_field, compare)));
        let network = Network { faults: chance.below(45), delay_ms: 1 + chance.below(400) };
        let mut world = World {
            seed,
            tells,
            now: 1_000_000,
            queue: BTreeMap::new(),
            put: 0,
            server,
            tills: stations.collect(),
            network,
            crashes: chance.percent(60),
            token_field,
            acts_left: vec![0; tills],
            model: Model::default(),
            serial: 0,
            creates: vec![false; tills],
            ended: None,
            successor: None,
            chance,
        };
        if world.chance.percent(15) {
            let wait = 3_000 + world.chance.below(30_000);
            world.after(wait, Arrival::Doom);
        }
        for till in 0..tills {
            world.creates[till] = world.chance.percent(20);
            world.acts_left[till] = 3 + world.chance.below(15) as u32;
            world.after(0, Arrival::Open { till });
            let first = 500 + world.chance.below(2_000);
            world.after(first, Arrival::Act { till });
        }
        world
    }

    fn tell(&self, story: impl FnOnce() -> String) {
        if self.tells {
            println!("{:>9} {}", self.now - 1_000_000, story());
        }
    }

    fn after(&mut self, wait: u64, arrival: Arrival) {
        self.put += 1;
        self.queue.insert((self.now + wait, self.put), arrival);
    }

    fn is_calm(&self) -> bool {
        self.now >= 1_000_000 + CALM_MS
    }

    /// Runs to rest and checks; the number of saves that were stored.
    pub fn run(mut self) -> u64 {
        let mut steps = 0_u32;
        let mut signed_in = false;
        loop {
            steps += 1;
            assert!(steps < 200_000, "too many steps: it does not come to rest");
            if self.is_calm() && !signed_in {
                signed_in = true;
                for till in 0..self.tills.len() {
                    self.after(0, Arrival::Online { till });
                }
            }
            let wake = (0..self.tills.len())
                .filter_map(|till| Some((self.tills[till].till.next_wake()?.0.max(self.now), till)))
                .min();
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            match (next, wake) {
                (Some(at), Some((woken, till))) if woken < at => self.wake(woken, till),
                (None, Some((woken, till))) => self.wake(woken, till),
                (Some(_), _) => {
                    let ((at, _), arrival) = self.queue.pop_first().expect("something");
                    self.now = at;
                    self.arrive(arrival);
                }
                (None, None) => {
                    if !self.finish() {
                        break;
                    }
                }
            }
            assert!(self.now < 1_000_000 + REST_MS, "not at rest in time");
        }
        self.check();
        self.server.history.len() as u64
    }

    fn wake(&mut self, at: u64, till: usize) {
        self.now = at;
        self.handle(till, Event::Wake);
    }

    /// Nothing is under way: questions are answered, and what was never saved is. Whether there
    /// was anything.
    fn finish(&mut self) -> bool {
        for till in 0..self.tills.len() {
            match self.tills[till].status() {
                "conflict" => {
                    self.answer(till);
                    return true;
                }
                "dirty" => {
                    let save = self.tills[till].save();
                    self.handle(till, save);
                    return true;
                }
                "clean" | "closed" | "none" => {}
                other => panic!("at rest and {other}"),
            }
        }
        false
    }

    /// A person answers the questions of a till by looking at what is true. Where every save
    /// carries a token only another till that came in between makes a question.
    fn answer(&mut self, till: usize) {
        let draft = self.tills[till].till.draft(DRAFT).expect("a draft");
        let conflict = draft.conflicts()[0].clone();
        let reason = conflict.reason.code();
        assert_eq!(reason, "answer-lost", "seed {}: asked without need: {conflict:?}", self.seed);
        let take = if self.is_counted(till) { Take::Theirs } else { Take::Mine };
        self.tell(|| format!("till{till} answers {} {take:?}", conflict.path));
        let path = conflict.path;
        self.handle(till, Event::Resolve { draft: DRAFT, path, take });
    }

    /// Whether the save in question was stored: a till cannot know, a person can ask around.
    fn is_counted(&self, till: usize) -> bool {
        self.server.tokens.contains(&self.tills[till].token)
    }

    /* ------------------------------------------------------------ what happens */

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Open { till } => self.open(till),
            Arrival::Doom => self.doom(),
            Arrival::Act { till } => self.act(till),
            Arrival::Online { till } => {
                if self.tills[till].till.draft(DRAFT).is_some() {
                    self.handle(till, Event::Online);
                } else {
                    self.open(till);
                }
            }
            Arrival::AtServer { till, life, id, call, answered } => {
                let event = self.serve(till, id, &call);
                if answered {
                    let wait = self.network.delay(&mut self.chance);
                    self.after(wait, Arrival::AtTill { till, life, event });
                }
            }
            Arrival::AtTill { till, life, event } => {
                if self.tills[till].life == life {
                    self.answered(till, event);
                }
            }
            Arrival::Timeout { till, life, id, call } => {
                if self.tills[till].life == life && self.tills[till].in_flight == Some(id) {
                    self.answered(till, nothing(id, &call));
                }
            }
        }
    }

    fn doom(&mut self) {
        self.ended = self.server.doc(KEY);
        let how = self.chance.below(3);
        self.tell(|| format!("the shared invoice ends: {how}"));
        match how {
            0 => self.server.change(KEY, |doc| doc["docstatus"] = json!(1)),
            1 => self.server.delete(KEY),
            _ => {
                self.server.delete(KEY);
                self.server.put(KEY, json!({"custom_mark": "successor", "items": []}));
                self.successor = self.server.doc(KEY);
            }
        }
    }

    fn open(&mut self, till: usize) {
        let over = self.ended.is_some() && !self.creates[till];
        if over || self.tills[till].till.draft(DRAFT).is_some() {
            return;
        }
        let event = match &self.tills[till].key {
            Some(key) => Event::Open { draft: DRAFT, key: key.clone() },
            None if self.creates[till] => {
                let mark = format!("sale of till{till}");
                let document = json!({"custom_mark": mark, "posa_notes": "", "items": [
                    {"posa_row_id": "s1", "item_code": "COLA", "qty": 1, "rate": 1_000_000},
                    {"posa_row_id": "s2", "item_code": "CAKE", "qty": 1, "rate": 5}],
                    "payments": [{"mode_of_payment": "Cash", "amount": 0}]});
                self.model.sales.insert(mark);
                Event::Create { draft: DRAFT, document: document.to_string().into_bytes() }
            }
            None => Event::Open { draft: DRAFT, key: KEY.to_owned() },
        };
        self.tell(|| format!("till{till} opens {event:?}").chars().take(90).collect());
        let creates = matches!(event, Event::Create { .. });
        self.handle_with(till, event, !creates);
    }

    /// The answer of a call comes back to its till.
    fn answered(&mut self, till: usize, event: Event) {
        self.tills[till].in_flight = None;
        self.handle(till, event);
    }

    fn handle(&mut self, till: usize, event: Event) {
        self.handle_with(till, event, true);
    }

    fn handle_with(&mut self, till: usize, event: Event, may_crash: bool) -> bool {
        let crash = may_crash && self.crashes && !self.is_calm() && self.chance.percent(3);
        let now = self.now;
        let before = self.tills[till].outcomes.len();
        let ran = self.tills[till].handle(event, now, &mut self.chance, crash);
        for outcome in &self.tills[till].outcomes[before..] {
            let text = format!("{outcome:?}");
            self.tell(|| {
                format!("till{till} is told {}", text.chars().take(160).collect::<String>())
            });
        }
        for (id, call) in ran.calls {
            self.send(till, id, call);
        }
        if let Some(draft) = self.tills[till].till.draft(DRAFT) {
            if draft.stamp().is_some() {
                self.tills[till].key = Some(draft.key().to_owned());
            }
        }
        if ran.crashed {
            self.tell(|| format!("till{till} crashes"));
            self.tills[till].restart();
            let wait = 100 + self.chance.below(3_000);
            self.after(wait, Arrival::Online { till });
        }
        !ran.crashed
    }

    fn send(&mut self, till: usize, id: CallId, call: Call) {
        let life = self.tills[till].life;
        let fate = match self.is_calm() {
            true => Fate::Through,
            false => self.network.fate(&mut self.chance),
        };
        self.tell(|| format!("till{till} calls {} {fate:?}", named(&call)));
        let way = self.network.delay(&mut self.chance);
        let at_server =
            |answered| Arrival::AtServer { till, life, id, call: call.clone(), answered };
        let timeout = Arrival::Timeout { till, life, id, call: call.clone() };
        match fate {
            Fate::Through => self.after(way, at_server(true)),
            Fate::RequestLost => self.after(1_000, timeout),
            Fate::AnswerLost => {
                self.after(way, at_server(false));
                self.after(1_000, timeout);
            }
            Fate::Late => {
                let late = 1_000 + self.chance.below(4_000);
                self.after(late, at_server(false));
                self.after(900, timeout);
            }
            Fate::Doubled => {
                let again = way + self.network.delay(&mut self.chance) * 3;
                self.after(way, at_server(true));
                self.after(again, at_server(false));
            }
            Fate::Busy => {
                let retry_after = self.chance.percent(50).then(|| Millis(self.chance.below(3_000)));
                let event = refused(
                    id,
                    &call,
                    SaveOutcome::Unavailable { retry_after },
                    LoadOutcome::Unavailable { retry_after, reached: true },
                );
                self.after(way, Arrival::AtTill { till, life, event });
            }
            Fate::SignedOut => {
                let csrf = false;
                let event = refused(
                    id,
                    &call,
                    SaveOutcome::Unauthenticated { csrf },
                    LoadOutcome::Unauthenticated { csrf },
                );
                self.after(way, Arrival::AtTill { till, life, event });
                let wait = way + 500 + self.chance.below(3_000);
                self.after(wait, Arrival::Online { till });
            }
        }
    }

    fn serve(&mut self, till: usize, id: CallId, call: &Call) -> Event {
        let event = match call {
            Call::Create(_) | Call::Update(_) => {
                let outcome = self.server.save(call, &self.tills[till].name);
                Event::SaveAnswered { call: id, outcome }
            }
            Call::Load { key } => Event::LoadAnswered { call: id, outcome: self.server.load(key) },
            Call::Find { field, value } => {
                Event::FindAnswered { call: id, outcome: self.server.find(field, value) }
            }
        };
        self.tell(|| {
            let text: String = format!("{event:?}").chars().take(110).collect();
            format!("  server: till{till} {}: {text}", named(call))
        });
        if matches!(&event, Event::SaveAnswered { outcome: SaveOutcome::Saved { .. }, .. }) {
            self.tell(|| {
                let held = self.server.keys().into_iter().map(|key| self.server.doc(&key));
                let held = held.flatten().map(|doc| {
                    let rows = doc["items"].as_array().cloned().unwrap_or_default();
                    let rows = rows.iter().map(|r| format!("{}={}", r["posa_row_id"], r["qty"]));
                    rows.collect::<Vec<_>>().join(" ")
                });
                format!("  server holds {}", held.collect::<Vec<_>>().join(" | "))
            });
        }
        event
    }

    /* ------------------------------------------------------------ the cashier */

    fn act(&mut self, till: usize) {
        if self.acts_left[till] == 0 {
            return;
        }
        self.acts_left[till] -= 1;
        let pause = 1 + self.chance.below(2_500);
        self.after(pause, Arrival::Act { till });
        let Some(doc) = self.tills[till].doc().filter(|doc| doc["items"].is_array()) else {
            return;
        };
        // A till that opened the name only now has another sale before it: it leaves it alone.
        let successor = doc["custom_mark"] == json!("successor");
        if successor || self.tills[till].status() == "closed" {
            return;
        }
        for _ in 0..1 + self.chance.below(3) {
            self.one_edit(till, &doc);
            if self.tills[till].till.draft(DRAFT).is_none() {
                return;
            }
        }
        if !self.token_field {
            // Without a token a save is known by its content: two saves must not look alike.
            let value = json!(self.serial);
            let op = json!({"op": "set", "path": format!("custom_by_{till}"), "value": value});
            self.handle_with(till, Station::edit(&op), false);
        }
        if self.chance.percent(70) {
            let save = self.tills[till].save();
            self.tell(|| format!("till{till} saves"));
            self.handle(till, save);
        }
    }

    /// One additive edit. It counts once its journal entry is on disk.
    fn one_edit(&mut self, till: usize, doc: &Value) {
        self.serial += 1;
        let serial = self.serial;
        let sale = doc["custom_mark"].as_str().unwrap_or("").to_owned();
        let shared = if self.chance.percent(50) { "s1" } else { "s2" };
        let name = format!("t{till}x{serial}");
        let kind = self.chance.below(10);
        let own: Vec<String> = self
            .model
            .rows
            .keys()
            .filter(|row| row.starts_with(&format!("t{till}x")))
            .cloned()
            .collect();
        let target = match own.len() {
            0 => String::new(),
            len => own[self.chance.below(len as u64) as usize].clone(),
        };
        let op = match kind {
            0..=3 => json!({"op": "increment", "path": format!("items[{shared}].qty"), "by": "1"}),
            4 | 5 => json!({"op": "insert", "table": "items",
                "row": {"posa_row_id": name, "item_code": "TEA", "qty": 1, "rate": 3}}),
            6 => json!({"op": "insert", "table": "payments",
                "row": {"custom_pay_id": name, "mode_of_payment": "Card", "amount": 7}}),
            7 => {
                let draft = self.tills[till].doc().unwrap_or_default();
                let notes = draft["posa_notes"].as_str().unwrap_or("").to_owned();
                let all = if notes.is_empty() { name.clone() } else { format!("{notes}\n{name}") };
                json!({"op": "set", "path": "posa_notes", "value": all})
            }
            8 if !own.is_empty() => {
                json!({"op": "increment", "path": format!("items[{target}].qty"), "by": "1"})
            }
            9 if !own.is_empty() => json!({"op": "remove", "table": "items", "row": target}),
            _ => return,
        };
        // A row that was added in a life that did not reach the disk is not there.
        let now = self.tills[till].doc().unwrap_or_default();
        let there = |row: &str| {
            now["items"]
                .as_array()
                .is_some_and(|rows| rows.iter().any(|r| r["posa_row_id"] == json!(row)))
        };
        if kind >= 8 && !there(&target) {
            return;
        }
        self.tell(|| format!("till{till} edits {op}"));
        if !self.handle_with(till, Station::edit(&op), false) {
            return;
        }
        let model = &mut self.model;
        match kind {
            0..=3 => *model.steps.entry(format!("{sale}/{shared}")).or_default() += 1,
            4 | 5 => {
                model.rows.insert(name, 1);
            }
            6 => {
                model.payments.insert(name, 7);
            }
            7 => {
                model.notes.insert(name);
            }
            8 => {
                *model.rows.get_mut(&target).expect("it") += 1;
            }
            _ => {
                model.rows.remove(&target);
                model.removed.insert(target);
            }
        }
    }

    /* ------------------------------------------------------------ what ought to be */

    /// A row that was added to an invoice which then ended is in it, or is left over at its till,
    /// and nowhere else.
    fn check_ended(&mut self) {
        let Some(ended) = self.ended.take() else { return };
        let left: Vec<String> = self
            .tills
            .iter()
            .flat_map(|till| till.till.drafts())
            .filter_map(|d| {
                let leftover = d.ending()?.leftover.iter().map(|row| String::from_utf8_lossy(row));
                Some(leftover.collect::<Vec<_>>().join(" "))
            })
            .collect();
        let now = self.server.doc(KEY);
        if let Some(successor) = &self.successor {
            assert_eq!(now.as_ref(), Some(successor), "the successor was touched");
        }
        let others: Vec<usize> =
            (0..self.tills.len()).filter(|till| !self.creates[*till]).collect();
        let is_theirs = |id: &str| others.iter().any(|till| id.starts_with(&format!("t{till}x")));
        let text = ended.to_string();
        for id in
            self.model.rows.keys().chain(self.model.payments.keys()).filter(|id| is_theirs(id))
        {
            let name = format!("\"{id}\"");
            let places = usize::from(text.contains(&name))
                + left.iter().filter(|rows| rows.contains(&name)).count();
            assert!(places >= 1, "{id} is lost: {left:?}");
        }
        self.model.rows.retain(|id, _| !is_theirs(id));
        self.model.payments.retain(|id, _| !is_theirs(id));
        self.model.notes.retain(|id| !is_theirs(id));
        self.server.delete(KEY);
        for till in others {
            self.tills[till].outcomes.clear();
        }
    }

    fn check(&mut self) {
        self.check_ended();
        let docs: Vec<Value> =
            self.server.keys().iter().map(|key| self.server.doc(key).expect("it")).collect();
        let marks: Vec<&str> = docs.iter().filter_map(|doc| doc["custom_mark"].as_str()).collect();
        let sales: BTreeSet<&str> = marks.iter().copied().collect();
        assert_eq!(marks.len(), sales.len(), "a sale twice: {marks:?}");
        let mut rows = BTreeMap::new();
        let mut payments = BTreeMap::new();
        let mut notes = BTreeSet::new();
        for doc in &docs {
            let sale = doc["custom_mark"].as_str().unwrap_or("");
            for row in doc["items"].as_array().expect("rows") {
                let id = row["posa_row_id"].as_str().expect("an identity").to_owned();
                let qty: i64 = decimal(&row["qty"]).try_into().expect("a whole number");
                if id.starts_with('s') {
                    let steps = self.model.steps.get(&format!("{sale}/{id}")).copied();
                    assert_eq!(qty, 1 + steps.unwrap_or(0), "{} {id} of {sale:?}", self.seed);
                } else {
                    assert!(rows.insert(id.clone(), qty).is_none(), "{id} is there twice");
                }
            }
            for row in doc["payments"].as_array().expect("rows") {
                if let Some(id) = row["custom_pay_id"].as_str() {
                    let amount: i64 = decimal(&row["amount"]).try_into().expect("whole");
                    assert!(
                        payments.insert(id.to_owned(), amount).is_none(),
                        "{id} is there twice"
                    );
                }
            }
            for line in doc["posa_notes"].as_str().unwrap_or("").lines() {
                assert!(notes.insert(line.to_owned()), "{line} is there twice");
            }
        }
        assert_eq!(rows, self.model.rows, "rows");
        assert_eq!(payments, self.model.payments, "payments");
        assert_eq!(notes, self.model.notes, "notes");
        for (n, till) in self.tills.iter().enumerate() {
            let most = 60 * (self.acts_total() + 20);
            assert!(till.calls < most, "till{n} made {} calls", till.calls);
            let ended =
                |outcome: &&Outcome| matches!(outcome, Outcome::Ended(_) | Outcome::Rejected(_));
            let ended = till.outcomes.iter().find(ended);
            assert!(ended.is_none(), "till{n}: {ended:?}");
        }
    }

    fn acts_total(&self) -> u32 {
        18 * self.tills.len() as u32
    }
}

fn named(call: &Call) -> String {
    match call {
        Call::Create(_) => "create".into(),
        Call::Update(update) => format!("update {}", update.stamp.0),
        Call::Load { key } => format!("load {key}"),
        Call::Find { .. } => "find".into(),
    }
}

fn refused(id: CallId, call: &Call, save: SaveOutcome, load: LoadOutcome) -> Event {
    match call {
        Call::Create(_) | Call::Update(_) => Event::SaveAnswered { call: id, outcome: save },
        Call::Load { .. } => Event::LoadAnswered { call: id, outcome: load },
        Call::Find { .. } => Event::FindAnswered { call: id, outcome: FindOutcome::Load(load) },
    }
}

/// No answer within the time allowed.
fn nothing(id: CallId, call: &Call) -> Event {
    let load = LoadOutcome::Unavailable { retry_after: None, reached: false };
    refused(id, call, SaveOutcome::InDoubt, load)
}
