//! A till driven by bytes: what a cashier, a network, a server and a crash can do, in any order.
//!
//! While nothing but steps up are made and nobody lies, every step that reached the journal is in
//! the server's document exactly once in the end. In every world the journal restores what is
//! unsaved, a save is journalled before it goes out, and nobody is answered twice.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use restamp::core::call::{Answered, Call, FindOutcome, LoadOutcome, SaveOutcome};
use restamp::core::event::{CallId, DraftId, Effect, Event, Take, Waiter};
use restamp::core::json;
use restamp::core::op::Op;
use restamp::core::policy::{CompareAndSet, Policy, TokenSupport, CALLS_MAX};
use restamp::core::till::Till;
use restamp::core::time::{Millis, WAIT_MS_MAX};

use super::samples::{policy, INVOICES, ORDERS};

mod hostile;
mod laws;
mod server;

use server::Server;

/// Steps of one world.
const STEPS_MAX: usize = 300;
/// Opening, creating, scanning, saving, time, the network, others who scan, crashes.
const GENTLE: [u32; 18] = [0, 0, 1, 2, 2, 3, 7, 8, 12, 13, 14, 14, 15, 17, 18, 20, 22, 23];

struct World {
    till: Till,
    policy: Policy,
    server: Server,
    /// 0: sales invoices, 1: orders.
    kind: usize,
    now: u64,
    /// The latest moment so far: the clock jumps back, too.
    latest: u64,
    random: u128,
    /// All draft numbers up to this one were given out.
    last_draft: u32,
    last_waiter: u32,
    waiting: BTreeSet<u32>,
    calls: Vec<(CallId, Call)>,
    /// Answers that arrived already: they may arrive again.
    answered: Vec<Event>,
    journal: Vec<Vec<u8>>,
    /// See [`GENTLE`].
    gentle: bool,
    /// Only steps up were made, and nobody lied.
    counting: bool,
    /// Nobody lied, and nobody has to sign in.
    honest: bool,
    /// What the quantity of each document's first row must come to, in thousandths.
    expected: BTreeMap<String, i64>,
}

/// Any world.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(mut world) = World::new(&mut u) else { return };
    for _ in 0..STEPS_MAX {
        if u.is_empty() || world.step(&mut u).is_err() {
            break;
        }
    }
    world.check_restored();
    world.finish();
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<World> {
        use CompareAndSet::{Atomic, None as Blind, Racy};
        use TokenSupport::{Field, Native, None as Without};
        let kind = u.int_in_range(0..=1)?;
        let compare_and_set = *u.choose(&[Atomic, Atomic, Racy, Blind])?;
        let token = *u.choose(&[Field, Native, Without])?;
        let mut policy = policy(kind, compare_and_set, token);
        policy.can_find = u.ratio(3, 4)?;
        let mut server = Server::default();
        let text = [INVOICES[0], ORDERS[0]][kind];
        let mut expected = BTreeMap::new();
        for key in ["K1", "K2"] {
            // Identity is by `creation` or `uuid`; the documents need not differ in it.
            server.put(key, key, text.as_bytes().to_vec());
            expected.insert(key.to_owned(), 1_000);
        }
        let creates_once = token == Native || token == Field && policy.can_find;
        let known = policy.profile.token_field.is_some() || compare_and_set == Atomic;
        Ok(World {
            till: Till::new(policy.clone()),
            server,
            kind,
            now: 1_000_000,
            latest: 0,
            random: u128::from(u.arbitrary::<u32>()?),
            last_draft: 0,
            last_waiter: 0,
            waiting: BTreeSet::new(),
            calls: Vec::new(),
            answered: Vec::new(),
            journal: Vec::new(),
            gentle: u.arbitrary()?,
            counting: compare_and_set != Blind && creates_once && known,
            honest: true,
            expected,
            policy,
        })
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        // Half of the worlds do only what lets the steps be counted to the end.
        let step = if self.gentle { *u.choose(&GENTLE)? } else { u.int_in_range(0..=23)? };
        match step {
            0 => self.open(u)?,
            1 => self.create(u)?,
            2..=4 => self.scan(u)?,
            5 => self.edit(u)?,
            6 => self.replace(u)?,
            7..=8 => self.save(u)?,
            9 => self.submit(u)?,
            10 => self.resolve(u)?,
            11 => {
                self.counting = false;
                let draft = self.draft(u)?;
                self.handle(Event::Discard { draft });
            }
            12 => self.wake(),
            13 => self.handle(Event::Online),
            14..=16 => self.deliver(u)?,
            17 => self.lose(u)?,
            18 => self.deliver_again(u)?,
            19 => self.lie(u)?,
            20 => self.others_scan(u)?,
            21 => self.others_edit(u)?,
            22 => self.crash(),
            _ => self.now = self.now.saturating_add_signed(i64::from(u.arbitrary::<i32>()?)),
        }
        Ok(())
    }

    /* ------------------------------------------------------------------------ the cashier */

    fn draft(&mut self, u: &mut Unstructured<'_>) -> Result<DraftId> {
        let known = |number: &u32| self.till.draft(DraftId(*number)).is_some();
        let mut numbers: Vec<u32> = (1..=self.last_draft).filter(known).collect();
        numbers.push(self.last_draft + 1);
        let most = numbers.len() - usize::from(numbers.len() > 1 && self.gentle);
        Ok(DraftId(*u.choose(&numbers[..most])?))
    }

    fn open(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let key = (*u.choose(&["K1", "K2", "N1", "K9"])?).to_owned();
        match self.till.find(&key) {
            Some(draft) => self.handle(Event::Refresh { draft }),
            None => {
                self.last_draft += 1;
                self.handle(Event::Open { draft: DraftId(self.last_draft), key });
            }
        }
        Ok(())
    }

    fn create(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.last_draft += 1;
        let draft = DraftId(self.last_draft);
        let text = match u.int_in_range(0..=2)? {
            0 => r#"{"items":[{"item_code":"COLA","qty":1}],"lines":[{"qty":1}]}"#,
            1 => r#"{"items":[{"posa_row_id":"r1","qty":1}],"lines":[{"uuid":"l1","qty":1}]}"#,
            _ => r#"{"customer":"A","items":[],"lines":[],"payments":[]}"#,
        };
        let before = self.journal.len();
        self.handle(Event::Create { draft, document: text.as_bytes().to_vec() });
        if self.journal.len() > before {
            if let Some(created) = self.till.draft(draft) {
                let quantity = if text.contains("qty") { 1_000 } else { 0 };
                self.expected.insert(created.key().to_owned(), quantity);
            }
        }
        Ok(())
    }

    /// A step up at the first row.
    fn scan(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let draft = self.draft(u)?;
        let by = u.int_in_range(1..=3_i64)?;
        let Some((key, id)) = self.names(draft) else { return Ok(()) };
        let Some(path) =
            self.till.draft(draft).and_then(|d| self.first_quantity(&d.text(&self.policy)))
        else {
            return Ok(());
        };
        let before = self.journal.len();
        self.handle(Event::Edit { draft, op: step_op(&path, by) });
        let kept = self.journal[before..].iter().any(|entry| is_entry(entry, "edited"));
        let name = if self.expected.contains_key(&id) { id } else { key };
        if let (true, Some(sum)) = (kept, self.expected.get_mut(&name)) {
            *sum += by * 1_000;
        }
        Ok(())
    }

    /// The key of a draft, and the token of its creation.
    fn names(&self, draft: DraftId) -> Option<(String, String)> {
        let key = self.till.draft(draft)?.key().to_owned();
        let stored = self.server.documents.iter().find(|stored| stored.key == key);
        let id = stored.map_or_else(|| key.clone(), |stored| stored.token.clone());
        Some((key, id))
    }

    fn edit(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.counting = false;
        let draft = self.draft(u)?;
        for op in self.ops(u)? {
            self.handle(Event::Edit { draft, op });
        }
        Ok(())
    }

    /// Edits: some that make sense, or the bytes that follow.
    fn ops(&self, u: &mut Unstructured<'_>) -> Result<Vec<Op>> {
        let texts = [
            r#"[{"op":"set","path":"customer","value":"B"},{"op":"set","path":"seq","value":4}]"#,
            r#"[{"op":"set","path":"items[r1].qty","value":5},{"op":"set","path":"lines[l1].qty","value":5}]"#,
            r#"[{"op":"increment","path":"items[r1].qty","by":"-2"},{"op":"increment","path":"lines[l1].qty","by":"-1"}]"#,
            r#"[{"op":"increment","path":"items[r2].qty","by":"0.5"},{"op":"increment","path":"lines[l1].cash","by":"2.5"}]"#,
            r#"[{"op":"insert","table":"items","row":{"item_code":"TEA","qty":1}},{"op":"insert","table":"lines","row":{"qty":1}}]"#,
            r#"[{"op":"insert","table":"items","row":{"posa_row_id":"r7","qty":1},"after":"r1"}]"#,
            r#"[{"op":"remove","table":"items","row":"r1"},{"op":"remove","table":"lines","row":"l1"}]"#,
            r#"[{"op":"move","table":"items","row":"r2","after":null},{"op":"move","table":"lines","row":"l2","after":null}]"#,
            r#"[{"op":"insert","table":"payments","row":{"mode_of_payment":"Card","amount":"20.00","custom_txn_id":"T9"}}]"#,
            r#"[{"op":"increment","path":"payments[Cash].amount","by":"20"}]"#,
            r#"[{"op":"set","path":"posa_notes","value":"a\nb\nnote"},{"op":"set","path":"items[r1].uom","value":"Box"}]"#,
            r#"[{"op":"set","path":"items[r1].rate","value":9},{"op":"set","path":"items[r1].is_rate_manually_edited","value":1}]"#,
        ];
        let number = u.int_in_range(0..=texts.len())?;
        if let Some(text) = texts.get(number) {
            return Ok(Op::parse_list(text.as_bytes()).expect("edits"));
        }
        let length = u.int_in_range(0..=255_usize)?.min(u.len());
        Ok(Op::parse_list(u.bytes(length)?).unwrap_or_default())
    }

    fn replace(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.counting = false;
        let draft = self.draft(u)?;
        let document = *u.choose(&[INVOICES[0], INVOICES[1], INVOICES[2], ORDERS[1], "{}"])?;
        self.handle(Event::Replace { draft, document: document.as_bytes().to_vec() });
        Ok(())
    }

    fn waiter(&mut self) -> Waiter {
        self.last_waiter += 1;
        Waiter(self.last_waiter)
    }

    fn save(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let draft = self.draft(u)?;
        let waiter = self.waiter();
        self.waiting.insert(waiter.0);
        self.handle(Event::Save { draft, waiter });
        Ok(())
    }

    fn submit(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.counting = false;
        let draft = self.draft(u)?;
        let waiter = self.waiter();
        self.waiting.insert(waiter.0);
        let totals = [None, Some("20"), Some("30"), Some("5"), Some("x")];
        let expected_total = u.choose(&totals)?.map(str::to_owned);
        self.handle(Event::Submit { draft, waiter, expected_total });
        Ok(())
    }

    /// Answers a question, in any way that the page can.
    fn resolve(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.counting = false;
        let draft = self.draft(u)?;
        let paths: Vec<String> = self.till.draft(draft).map_or_else(Vec::new, |draft| {
            draft.conflicts().iter().map(|conflict| conflict.path.clone()).collect()
        });
        let path = if paths.is_empty() { "customer".to_owned() } else { u.choose(&paths)?.clone() };
        let values = ["3", "\"4.50\"", "null", "{}", r#"{"rate":1,"uom":"Nos","customer":"C"}"#];
        let take = match u.int_in_range(0..=3)? {
            0 => Take::Mine,
            1 => Take::Theirs,
            _ => Take::Value(u.choose(&values)?.as_bytes().to_vec()),
        };
        self.handle(Event::Resolve { draft, path, take });
        Ok(())
    }

    /* ------------------------------------------------------------------------ the network */

    fn take_call(&mut self, u: &mut Unstructured<'_>) -> Result<Option<(CallId, Call)>> {
        if self.calls.is_empty() {
            return Ok(None);
        }
        let at = u.int_in_range(0..=self.calls.len() - 1)?;
        Ok(Some(self.calls.remove(at)))
    }

    fn answer(&mut self, call: CallId, what: &Call) -> Event {
        match what {
            Call::Create(_) | Call::Update(_) => {
                let outcome = self.server.save(what).expect("a save");
                Event::Answered { call, answered: Answered::Save(outcome) }
            }
            Call::Load { key } => {
                Event::Answered { call, answered: Answered::Load(self.server.load(key)) }
            }
            Call::Find { field, value } => {
                Event::Answered { call, answered: Answered::Find(self.server.search(field, value)) }
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        }
    }

    fn deliver(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some((call, what)) = self.take_call(u)? else { return Ok(()) };
        let event = self.answer(call, &what);
        self.answered.push(event.clone());
        self.handle(event);
        Ok(())
    }

    /// A request or its answer is lost, or a server is too busy to look.
    fn lose(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.look_alike();
        let Some((call, what)) = self.take_call(u)? else { return Ok(()) };
        let way = u.int_in_range(0..=3)?;
        if way == 0 {
            let _ = self.answer(call, &what);
        }
        let nothing = LoadOutcome::Unavailable { retry_after: None, reached: way == 1 };
        self.handle(match what {
            Call::Create(_) | Call::Update(_) if way == 1 => Event::Answered {
                call,
                answered: Answered::Save(SaveOutcome::Unavailable { retry_after: None }),
            },
            Call::Create(_) | Call::Update(_) => {
                Event::Answered { call, answered: Answered::Save(SaveOutcome::InDoubt) }
            }
            Call::Load { .. } => Event::Answered { call, answered: Answered::Load(nothing) },
            Call::Find { .. } => {
                Event::Answered { call, answered: Answered::Find(FindOutcome::Load(nothing)) }
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        });
        Ok(())
    }

    /// Without a token a save in doubt is known by its content, and others' steps may have led to
    /// the same.
    fn look_alike(&mut self) {
        self.counting &= self.policy.profile.token_field.is_some();
    }

    /// An answer arrives twice.
    fn deliver_again(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if !self.answered.is_empty() {
            let event = u.choose(&self.answered)?.clone();
            self.handle(event);
        }
        Ok(())
    }

    /// An answer that an honest server does not give.
    fn lie(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some((call, what)) = self.take_call(u)? else { return Ok(()) };
        (self.counting, self.honest) = (false, false);
        let event = match what {
            Call::Create(_) | Call::Update(_) => {
                Event::Answered { call, answered: Answered::Save(hostile::save(u)?) }
            }
            Call::Load { .. } => {
                Event::Answered { call, answered: Answered::Load(hostile::load(u)?) }
            }
            Call::Find { .. } => {
                Event::Answered { call, answered: Answered::Find(hostile::find(u)?) }
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        };
        self.handle(event);
        Ok(())
    }

    /* ------------------------------------------------------------------------ the others */

    fn others_scan(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let at = u.int_in_range(0..=self.server.documents.len() - 1)?;
        let stored = &self.server.documents[at];
        let (key, token) = (stored.key.clone(), stored.token.clone());
        let Some(path) = self.first_quantity(&stored.text) else { return Ok(()) };
        if self.server.edit(&key, &step_op(&path, 1), &self.policy.profile) {
            *self.expected.entry(token).or_default() += 1_000;
        }
        Ok(())
    }

    fn others_edit(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.counting = false;
        let at = u.int_in_range(0..=self.server.documents.len() - 1)?;
        if u.ratio(1, 8)? && self.server.documents.len() > 1 {
            self.server.documents.remove(at);
            return Ok(());
        }
        let key = self.server.documents[at].key.clone();
        for op in self.ops(u)? {
            self.server.edit(&key, &op, &self.policy.profile);
        }
        Ok(())
    }

    /// The page dies, and another one opens the journal.
    fn crash(&mut self) {
        self.look_alike();
        self.check_restored();
        self.calls.clear();
        self.answered.clear();
        self.waiting.clear();
        let entries = self.journal.iter().map(Vec::as_slice);
        let first = DraftId(self.last_draft + 1);
        self.till = Till::restore(self.policy.clone(), entries, first).expect("own journal");
        self.last_draft += u32::try_from(self.till.drafts().len()).expect("few drafts");
        self.journal = self.till.journal();
        self.handle(Event::Online);
    }

    /* ------------------------------------------------------------------------ the till */

    fn wake(&mut self) {
        if let Some(until) = self.till.next_wake() {
            self.now = self.now.max(until.0);
            self.handle(Event::Wake);
        }
    }

    fn handle(&mut self, event: Event) {
        self.random =
            self.random.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        self.latest = self.latest.max(self.now);
        let asked = if let Event::Save { waiter, .. } | Event::Submit { waiter, .. } = &event {
            Some(waiter.0)
        } else {
            None
        };
        let effects = self.till.handle(event, Millis(self.now), self.random);
        for effect in effects {
            match effect {
                Effect::Journal(entry) => {
                    assert!(json::check(&entry).is_ok());
                    self.journal.push(entry);
                }
                Effect::Call { id, call } => {
                    self.check_call(&call);
                    self.calls.push((id, call));
                }
                Effect::Settle { waiter, outcome, .. } => {
                    assert!(self.waiting.remove(&waiter.0), "answered twice: {waiter:?}");
                    self.check_outcome(&outcome);
                }
                Effect::Concluded { outcome, .. } => self.check_outcome(&outcome),
                Effect::Refused(_) => {
                    asked.iter().for_each(|waiter| assert!(self.waiting.remove(waiter)));
                }
                Effect::Opened(draft) | Effect::Changed(draft) => self.check_text(draft),
                Effect::NotOpened { .. }
                | Effect::Notice { .. }
                | Effect::Strategy { .. }
                | Effect::Log { .. } => {}
            }
        }
        assert!(self.calls.len() <= CALLS_MAX, "calls in flight: {}", self.calls.len());
        if let Some(until) = self.till.next_wake() {
            assert!(until.0 <= self.latest.saturating_add(WAIT_MS_MAX), "{until:?}");
        }
    }
}

fn is_entry(entry: &[u8], what: &str) -> bool {
    json::member(entry, "entry").and_then(json::text).as_deref() == Some(what)
}

fn step_op(path: &str, by: i64) -> Op {
    Op::Increment { path: path.to_owned(), by: by.into(), token: None }
}
