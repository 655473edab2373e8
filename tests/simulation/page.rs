//! A page: the second runner of the core's effects. It keeps to the one rule of the shell, that
//! nothing leaves the page before the entries in front of it are durable, and it may die between
//! any two effects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use restamp::core::conflict::Conflict;
use restamp::core::event::{CallId, DraftId, Effect, Event, Outcome, Waiter};
use restamp::core::journal::edit_of;
use restamp::core::op::Op;
use restamp::core::pages::{is_counted, is_request, standing, Hearing, Wants};
use restamp::core::random::Random;
use restamp::core::till::Till;
use restamp::core::time::Millis;
use serde_json::Value;

use crate::disk::Journal;
use crate::line::Line;
use crate::model::{Cart, What, Wish};
use crate::server::Document;
use crate::tabs::{page_name, Word};
use crate::world::{Arrival, Mail, World};

/// Effects that one event may have.
const EFFECTS_MAX: usize = 400;

/// One page in which a till runs. It ends once, and never comes back.
#[derive(Default)]
pub struct Page {
    pub device: usize,
    /// `None` once the page is gone.
    pub till: Option<Till>,
    pub line: Line,
    /// It sends, and writes the journal.
    pub leads: bool,
    /// Counts up whenever it changes who leads.
    pub term: u32,
    pub leader: Option<usize>,
    pub attaching: Vec<u32>,
    pub is_attached: bool,
    pub wants: Wants,
    /// What is told is for the model, by its count.
    pub about: BTreeMap<u32, About>,
    pub hearing: Hearing,
    /// What the leader said last: it has a disk.
    pub is_kept: bool,
    pub is_leaving: bool,
    pub is_followed: bool,
    pub untold: Vec<DraftId>,
    /// Entries that must have been tried before drafts are told of.
    pub telling: Option<u64>,
    pub journal: Journal,
    /// A save went out that is not in the journal, for the disk takes nothing. If the page slept and
    /// another one led, what it contains would be made twice: such a page does not sleep.
    pub sent_in_memory: bool,
    /// It leads, and the journal that it went on from lacks what the page before sent last.
    pub is_torn: bool,
    /// Effects that wait for the entries before them to be durable.
    pub gate: VecDeque<(u64, Effect)>,
    /// The timer that counts is the newest.
    pub timer: u64,
    pub frozen_until: u64,
    pub acts_left: u64,
    /// It goes as soon as everything is on disk.
    pub is_closing: bool,
    /// Drafts by their numbers.
    pub carts: BTreeMap<u32, usize>,
    pub numbers: u32,
    pub opening: Vec<(u32, String, For)>,
    pub in_flight: BTreeMap<CallId, Rc<Mail>>,
    /// Those that word of a change may have overtaken: their answers are not waited for.
    pub overtaken: BTreeSet<CallId>,
    pub waiters: BTreeMap<u32, Waits>,
    /// Those of other pages who wait: the page, its waiter, the draft here.
    pub answering: BTreeMap<u32, (usize, u32, DraftId)>,
    pub requests: u64,
}

/// Somebody who waits for a save, and the edits that it is about.
pub struct Waits {
    pub cart: usize,
    pub edits: Vec<usize>,
    pub about: About,
}

/// For whom a draft is opened.
#[derive(Clone, Copy)]
pub enum For {
    Own,
    Other(usize, u32),
}

/// What an event is about, for the model.
#[derive(Clone)]
pub enum About {
    Nothing,
    /// Edits of this cart.
    Edits(usize, Vec<What>),
    /// This cart is to be submitted.
    Wish(Wish),
    /// A question is answered: the one that the person saw, and whether mine stands.
    Answer(Box<Conflict>, bool),
}

impl About {
    /// What this edit is for the model, and whose.
    pub fn take_for(&mut self, op: &Op) -> Option<(usize, What)> {
        let About::Edits(cart, whats) = self else { return None };
        let fits = |what: &What| match op {
            Op::Insert { table, .. } if table == "items" => matches!(what, What::Row { .. }),
            Op::Insert { .. } => matches!(what, What::Pay { .. }),
            Op::Remove { .. } => matches!(what, What::Remove { .. }),
            Op::Increment { path, .. } if path.starts_with("payments") => {
                matches!(what, What::Cash { .. })
            }
            Op::Increment { .. } => matches!(what, What::Step { .. }),
            Op::Set { path, .. } if path == "posa_notes" => matches!(what, What::Note { .. }),
            Op::Set { .. } => matches!(what, What::Set { .. }),
            _ => false,
        };
        let at = whats.iter().position(fits)?;
        Some((*cart, whats.remove(at)))
    }
}

impl World {
    /* ------------------------------------------------------------ events and effects */

    pub fn random(&mut self) -> u128 {
        u128::from(self.luck.bits()) << 64 | u128::from(self.luck.bits())
    }

    /// An event of this page. Whether the page still lives.
    pub fn dispatch(&mut self, page: usize, event: Event, about: About) -> bool {
        if self.pages[page].till.is_none() {
            return false;
        }
        if !self.pages[page].leads {
            return self.follow(page, event, about);
        }
        let random = self.random();
        if is_request(&event) {
            self.pages[page].wants.remember(event.clone(), random);
            self.forget_answered(page);
        }
        if let Event::Edit { draft, op } = &event {
            let leads = &mut self.pages[page];
            let draft = leads.till.as_ref().and_then(|till| till.draft(*draft));
            leads.wants.note(draft.and_then(|draft| standing(draft, op, &self.policy)));
        }
        let count = self.pages[page].wants.next();
        let by = is_counted(&event).then_some((page, count));
        self.handle_as(page, event, random, by, about, false)
    }

    /// An event that is only the leading page's.
    pub fn handle(&mut self, page: usize, event: Event, about: About) -> bool {
        if self.pages[page].till.is_none() {
            return false;
        }
        if !self.pages[page].leads {
            return true;
        }
        let random = self.random();
        self.handle_as(page, event, random, None, about, false)
    }

    /// Hands an event of this page or of another one to the till and runs the effects; `by` is the
    /// page and its count. Whether the page still lives.
    pub fn handle_as(
        &mut self,
        page: usize,
        event: Event,
        random: u128,
        by: Option<(usize, u32)>,
        about: About,
        may_refuse: bool,
    ) -> bool {
        let now = self.page_now(page);
        if self.pages[page].till.is_none() {
            return false;
        }
        self.begin_cart(page, &event, random);
        self.learn_first(page, &event, by.filter(|_| may_refuse), &about);
        let first_place = self.model.next_place();
        let waiter = match &event {
            Event::Save { waiter, .. } | Event::Submit { waiter, .. } => Some(*waiter),
            _ => None,
        };
        let before = match &event {
            Event::Edit { draft, .. } if may_refuse => self.document(page, draft.0),
            _ => None,
        };
        let till = self.pages[page].till.as_mut().expect("a till");
        let mut effects = till.handle(event, Millis(now), random);
        assert!(effects.len() < EFFECTS_MAX, "{} effects of one event", effects.len());
        if let Some((of, count)) = by {
            let leads = &mut self.pages[page];
            let last = leads.hearing.tag(&mut effects, &page_name(of), count);
            if of == page {
                leads.wants.made(last);
            }
        }
        let crashes = self.crashes();
        let stop = match crashes {
            true => self.luck.below(effects.len() as u64 + 1) as usize,
            false => effects.len(),
        };
        let mut about = about;
        for effect in effects.into_iter().take(stop) {
            match effect {
                Effect::Journal(entry) => self.take_entry(page, entry, &mut about, before.as_ref()),
                Effect::Refused(misuse) => {
                    assert!(may_refuse, "refused: {misuse:?}");
                    self.tell(|| format!("page{page} refuses {by:?}: {misuse:?}"));
                    match self.is_fenced(page) {
                        false => self.model.refuse(by),
                        true => self.model.refuse_unsure(by),
                    }
                    if let Some(Waiter(waiter)) = waiter {
                        self.refuse_waiter(page, waiter);
                    }
                }
                Effect::Changed(draft) => self.tell_soon(page, draft),
                other => {
                    let taken = self.pages[page].journal.taken;
                    self.pages[page].gate.push_back((taken, other));
                }
            }
        }
        if first_place == self.model.next_place() {
            // What left no entry has a place too, of which nothing can be lost but by dying now.
            let place = self.model.take_place();
            match crashes {
                true => self.model.lose(vec![place]),
                false => self.model.keep(place),
            }
        }
        if crashes {
            self.crash(page);
            return false;
        }
        self.write(page);
        self.open_gate(page);
        self.set_timer(page);
        self.pages[page].till.is_some()
    }

    pub fn maybe_crash(&mut self, page: usize) {
        if self.crashes() {
            self.crash(page);
        }
    }

    fn crashes(&mut self) -> bool {
        !self.is_calm() && self.luck.percent(self.crash_percent)
    }

    pub fn page_now(&self, page: usize) -> u64 {
        let offset = self.devices[self.pages[page].device].offset;
        self.now.saturating_add_signed(offset)
    }

    /// A draft that begins here has a cart; the same create again is the same one.
    fn begin_cart(&mut self, page: usize, event: &Event, random: u128) {
        let (draft, known) = match event {
            Event::Create { draft, .. } => {
                let id = Random::new(random).name();
                (*draft, self.model.by_id.get(&id).copied())
            }
            Event::Open { draft, .. } => (*draft, None),
            _ => return,
        };
        let device = self.pages[page].device;
        let is_sale = matches!(event, Event::Create { .. });
        let cart = known.unwrap_or_else(|| {
            self.model.carts.push(Cart { device, is_sale, ..Cart::default() });
            self.model.carts.len() - 1
        });
        self.pages[page].carts.insert(draft.0, cart);
    }

    /// What giving up or an answer means for the model comes first: the save may go out at once.
    /// It means that once, however often it is done.
    fn learn_first(&mut self, page: usize, event: &Event, by: Option<(usize, u32)>, about: &About) {
        let (Event::Discard { draft } | Event::Resolve { draft, .. }) = event else { return };
        if self.is_fenced(page) {
            return;
        }
        let Some(cart) = self.pages[page].carts.get(&draft.0).copied() else { return };
        let place = self.model.next_place();
        let is_first = by.is_none_or(|by| self.model.is_first(by, place));
        match about {
            About::Answer(conflict, takes_mine) if is_first => {
                let till = self.pages[page].till.as_ref().expect("a till");
                let open = till.draft(*draft).map_or(&[][..], |draft| draft.conflicts());
                if open.iter().any(|known| known.path == conflict.path) {
                    self.learn(cart, conflict, *takes_mine, place);
                }
            }
            _ if is_first && matches!(event, Event::Discard { .. }) => {
                self.model.drop_edits(cart, place, |_| true);
                self.model.carts[cart].discarded.get_or_insert(place);
                self.model.carts[cart].wishes.push((place, None));
            }
            _ => {}
        }
    }

    /// An entry goes to the disk, which keeps it a little later.
    fn take_entry(
        &mut self,
        page: usize,
        entry: Vec<u8>,
        about: &mut About,
        before: Option<&Document>,
    ) {
        let place = self.model.take_place();
        let (kind, id) = entry_head(&entry);
        let (kind, id) = (kind.to_owned(), id.to_owned());
        if kind != "breaker" && kind != "heard" {
            let cart = match self.model.by_id.get(&id) {
                Some(cart) => *cart,
                None => self.name_cart(page, &id),
            };
            self.model.carts[cart].begun.get_or_insert(place);
            self.learn_entry(page, (cart, place), &entry, about, before);
        }
        let journal = &mut self.pages[page].journal;
        journal.taken += 1;
        journal.waiting.push((place, entry));
    }

    fn learn_entry(
        &mut self,
        page: usize,
        (cart, place): (usize, u64),
        entry: &[u8],
        about: &mut About,
        before: Option<&Document>,
    ) {
        if let Some((_, op, by)) = edit_of(entry) {
            let (name, count) = by.expect("an edit is somebody's");
            let of = name[1..].parse().expect("the name of a page");
            if let Some((cart, what)) = about.take_for(&op) {
                self.model.tell(cart, what, of, count);
            }
            if self.is_fenced(page) {
                return;
            }
            if let Some(before) = before {
                self.model.see_anew((of, count), cart, before);
            }
            self.model.make((of, count), cart, place);
        }
        if self.is_fenced(page) {
            return;
        }
        // The first entry that tells of a wish is the one that must be kept.
        if let (About::Wish(wish), true) = (&*about, tells_of_wish(entry)) {
            self.model.carts[cart].wishes.push((place, Some(*wish)));
            *about = About::Nothing;
        }
        match entry_head(entry).0 {
            "sent" => {
                let token = member(entry, "token").expect("a token").to_owned();
                self.model.captures(cart, &token);
                self.model.carts[cart].tokens.push((place, token));
            }
            "state" => self.learn_doubt(cart, entry),
            "settled" => self.settle_done(page, cart),
            _ => {}
        }
    }

    /// What may be stored by now is what was open then, and not asked about.
    fn learn_doubt(&mut self, cart: usize, entry: &[u8]) {
        let state: Value = serde_json::from_slice(entry).expect("JSON");
        let Some(token) = state["exported"]["token"].as_str() else { return };
        let list = |name: &str| state[name].as_array().into_iter().flatten();
        let asked: Vec<&str> = list("conflicts").filter_map(|of| of["path"].as_str()).collect();
        let until = state["exported"]["sent"].as_u64();
        if list("edits").all(|edit| edit["revision"].as_u64() <= until) {
            self.model.captures_anew(cart, token, &asked);
        }
    }

    /// Scenario S33: a document that was submitted with exactly my content is done, whoever made
    /// the same steps, and the draft leaves the journal.
    fn settle_done(&mut self, page: usize, cart: usize) {
        let number = self.pages[page].carts.iter().find(|(_, known)| **known == cart);
        let Some(number) = number.map(|(number, _)| *number) else { return };
        let draft = self.pages[page].till.as_ref().and_then(|till| till.draft(DraftId(number)));
        let ending = draft.and_then(|draft| draft.ending());
        if ending.is_some_and(|ending| ending.already_done) {
            let document = self.document(page, number).expect("a document");
            self.model.settle_done(cart, &document);
        }
    }

    /// The first entry of a draft tells its name.
    fn name_cart(&mut self, page: usize, id: &str) -> usize {
        let till = self.pages[page].till.as_ref().expect("a till");
        let number = till.named(id).unwrap_or_else(|| panic!("whose is {id}?"));
        let cart = self.pages[page].carts[&number.0];
        self.model.by_id.insert(id.to_owned(), cart);
        cart
    }

    /// Runs the effects whose entries are durable, in order.
    pub fn open_gate(&mut self, page: usize) {
        while let Some((needed, _)) = self.pages[page].gate.front() {
            if *needed > self.pages[page].journal.tried {
                return;
            }
            let (_, effect) = self.pages[page].gate.pop_front().expect("it is there");
            self.perform(page, effect);
        }
    }

    fn perform(&mut self, page: usize, effect: Effect) {
        match effect {
            Effect::Call { id, call } => self.send(page, id, call),
            Effect::Opened(draft) => {
                self.opened(page, draft);
                self.answer_opening(page, draft, true);
                self.forget_answered(page);
            }
            Effect::NotOpened { draft, why } => {
                self.tell(|| format!("page{page} cannot open: {why:?}"));
                self.pages[page].carts.remove(&draft.0);
                self.answer_opening(page, draft, false);
                self.forget_answered(page);
            }
            Effect::Settle { waiter, outcome, .. } => {
                match self.pages[page].answering.remove(&waiter.0) {
                    Some((to, theirs, _)) => {
                        self.say(page, Some(to), Word::Done(theirs, Box::new(outcome)));
                    }
                    None => {
                        self.settled(page, waiter.0, &outcome);
                        self.forget_answered(page);
                    }
                }
            }
            Effect::Concluded { draft, .. } if self.pages[page].is_followed => {
                self.tell_draft(page, None, None, draft);
            }
            _ => {}
        }
    }

    /// The document that the page sees is the one that it may change.
    fn opened(&mut self, page: usize, draft: DraftId) {
        let Some(cart) = self.pages[page].carts.get(&draft.0).copied() else { return };
        let till = self.pages[page].till.as_ref().expect("a till");
        if let Some(known) = till.draft(draft) {
            self.model.by_id.insert(known.id().to_owned(), cart);
        }
        if self.model.carts[cart].truth.is_some() {
            return;
        }
        let Some(document) = self.document(page, draft.0) else { return };
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let (creation, key) =
            (text("creation").unwrap_or_default(), text("name").unwrap_or_default());
        let known = |truth: &crate::model::Truth| truth.key == key && truth.creation == creation;
        self.model.carts[cart].truth = self.model.truths.iter().position(known);
    }

    /// Somebody who waited is told how a save ended.
    pub fn settled(&mut self, page: usize, waiter: u32, outcome: &Outcome) {
        self.tell(|| format!("page{page} is told {outcome:?}"));
        let Some(Waits { cart, edits, .. }) = self.pages[page].waiters.remove(&waiter) else {
            return;
        };
        match outcome {
            Outcome::Committed { .. } => {
                self.model.settle_moot(cart);
                self.model.settle_put_back(cart, &edits);
                // A page that does not know yet that it leads no more speaks of what it shows.
                let is_stale = self.pages[page].leads && self.is_fenced(page);
                let open = |serial: &&usize| {
                    let edit = &self.model.edits[**serial];
                    edit.is_unstored() && (edit.page == page || !is_stale)
                };
                let open = edits.iter().find(open).map(|serial| &self.model.edits[*serial]);
                assert!(open.is_none(), "told committed, but it is not stored: {open:?}");
            }
            Outcome::Rejected(why) => panic!("refused without a reason: {why:?}"),
            _ => {}
        }
    }

    fn set_timer(&mut self, page: usize) {
        let now = self.page_now(page);
        self.pages[page].timer += 1;
        if !self.pages[page].leads {
            return;
        }
        let next = self.pages[page].till.as_ref().and_then(Till::next_wake);
        if let Some(at) = next {
            self.after(at.0.saturating_sub(now), Arrival::Timer(page, self.pages[page].timer));
        }
    }

    pub fn timer(&mut self, page: usize, number: u64) {
        if self.pages[page].timer == number {
            self.handle(page, Event::Wake, About::Nothing);
        }
    }
}

/// The kind of an entry and the name of its draft: `{"v":1,"entry":"…","id":"…"`.
fn entry_head(entry: &[u8]) -> (&str, &str) {
    (member(entry, "entry").expect("a kind"), member(entry, "id").expect("a name"))
}

/// Whether an entry says that the document shall be submitted.
fn tells_of_wish(entry: &[u8]) -> bool {
    restamp::core::json::member(entry, "submitFor").is_some()
}

/// A plain text member.
fn member<'a>(entry: &'a [u8], name: &str) -> Option<&'a str> {
    restamp::core::json::member(entry, name)
        .and_then(|value| std::str::from_utf8(value).ok())
        .map(|text| text.trim_matches('"'))
}
