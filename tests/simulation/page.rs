//! A page: the second runner of the core's effects. It keeps to the one rule of the shell, that
//! nothing leaves the page before the entries in front of it are durable, and it may die between
//! any two effects.

use std::collections::{BTreeMap, VecDeque};

use restamp::core::event::{DraftId, Effect, Event, Outcome};
use restamp::core::till::Till;
use restamp::core::time::Millis;

use crate::model::{Cart, Place, What, Wish};
use crate::world::{Arrival, Page, Part, World};

/// Effects that one event may have.
const EFFECTS_MAX: usize = 400;
/// Pages of one user on one device at once.
const PARTS_MAX: usize = 16;

/// What an event is about, for the model.
pub enum About {
    Nothing,
    /// An edit of this cart.
    Edit(usize, What),
    /// This cart is to be submitted.
    Wish(usize, Wish),
}

impl World {
    /* ------------------------------------------------------------ events and effects */

    /// Hands an event to a page's till and runs the effects. Whether the page still lives.
    pub fn handle(&mut self, page: usize, event: Event, about: About) -> bool {
        let now = self.page_now(page);
        let random = u128::from(self.luck.bits()) << 64 | u128::from(self.luck.bits());
        let Some(till) = &mut self.pages[page].till else { return false };
        let effects = till.handle(event, Millis(now), random);
        assert!(effects.len() < EFFECTS_MAX, "{} effects of one event", effects.len());
        let crashes = !self.is_calm() && self.luck.percent(self.crash_percent);
        let stop = match crashes {
            true => self.luck.below(effects.len() as u64 + 1) as usize,
            false => effects.len(),
        };
        let mut about = about;
        for effect in effects.into_iter().take(stop) {
            match effect {
                Effect::Journal(entry) => self.take_entry(page, entry, &mut about),
                Effect::Refused(misuse) => panic!("refused: {misuse:?}"),
                other => {
                    let written = self.pages[page].written;
                    self.pages[page].gate.push_back((written, other));
                }
            }
        }
        self.open_gate(page);
        if crashes {
            self.crash(page);
        } else {
            self.set_timer(page);
        }
        self.pages[page].till.is_some()
    }

    pub fn page_now(&self, page: usize) -> u64 {
        let offset = self.devices[self.pages[page].device].offset;
        self.now.saturating_add_signed(offset)
    }

    /// An entry goes to the disk, which keeps it a little later.
    fn take_entry(&mut self, page: usize, entry: Vec<u8>, about: &mut About) {
        let place = Place { page, entry: self.pages[page].written + 1 };
        let (kind, id) = entry_head(&entry);
        // The breaker's entry is no draft's.
        let cart = match self.model.by_id.get(id) {
            Some(cart) => *cart,
            None if kind == "breaker" => 0,
            None => self.name_cart(page, id, place),
        };
        // The first entry that tells of a wish is the one that must be kept.
        match std::mem::replace(about, About::Nothing) {
            About::Edit(cart, what) if kind == "edited" => self.model.add_edit(cart, what, place),
            About::Wish(of, wish) if of == cart && tells_of_wish(&entry) => {
                self.model.carts[cart].wishes.push((place, Some(wish)));
            }
            other => *about = other,
        }
        if kind == "sent" {
            let token = member(&entry, "token").expect("a token").to_owned();
            self.model.captures(cart, &token);
            self.model.carts[cart].tokens.push((place, token));
        }
        if kind == "settled" {
            self.settle_done(page, cart);
        }
        let wait = self.luck.below(self.disk_ms + 1);
        let holder = &mut self.pages[page];
        holder.written += 1;
        holder.unwritten.push_back(entry);
        let written = holder.written;
        self.after(wait, Arrival::Durable(page, written));
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
    fn name_cart(&mut self, page: usize, id: &str, place: Place) -> usize {
        let till = self.pages[page].till.as_ref().expect("a till");
        let is_it = |number: u32| {
            let state = till.draft(DraftId(number)).and_then(|draft| draft.journal());
            state.is_some_and(|state| entry_head(&state).1 == id)
        };
        let carts = &self.pages[page].carts;
        let cart = carts.iter().find(|(number, _)| is_it(**number)).map(|(_, cart)| *cart);
        let cart = cart.unwrap_or_else(|| panic!("whose is {id}?"));
        self.model.carts[cart].begun = Some(place);
        self.model.by_id.insert(id.to_owned(), cart);
        cart
    }

    /// The disk has kept everything up to `entry`, in order.
    pub fn durable(&mut self, page: usize, entry: u64) {
        if self.pages[page].till.is_some() {
            self.keep(page, entry);
            self.open_gate(page);
        }
    }

    fn keep(&mut self, page: usize, last: u64) {
        let (device, part) = (self.pages[page].device, self.pages[page].part);
        let page = &mut self.pages[page];
        while page.durable < last {
            let entry = page.unwritten.pop_front().expect("what was written");
            self.devices[device].parts[part].entries.push(entry);
            page.durable += 1;
        }
    }

    /// Runs the effects whose entries are durable, in order.
    fn open_gate(&mut self, page: usize) {
        while let Some((needed, _)) = self.pages[page].gate.front() {
            if *needed > self.pages[page].durable {
                return;
            }
            let (_, effect) = self.pages[page].gate.pop_front().expect("it is there");
            self.perform(page, effect);
        }
    }

    fn perform(&mut self, page: usize, effect: Effect) {
        match effect {
            Effect::Call { id, call } => self.send(page, id, call),
            Effect::Opened(draft) => self.opened(page, draft),
            Effect::NotOpened { draft, why } => {
                self.tell(|| format!("page{page} cannot open: {why:?}"));
                self.pages[page].carts.remove(&draft.0);
            }
            Effect::Settle { waiter, outcome, .. } => self.settled(page, waiter.0, &outcome),
            _ => {}
        }
    }

    /// The document that the page sees is the one that it may change.
    fn opened(&mut self, page: usize, draft: DraftId) {
        let Some(cart) = self.pages[page].carts.get(&draft.0).copied() else { return };
        if self.model.carts[cart].truth.is_some() {
            return;
        }
        let Some(document) = self.document(page, draft.0) else { return };
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str);
        let (creation, key) =
            (text("creation").unwrap_or_default(), text("name").unwrap_or_default());
        let known = |truth: &crate::model::Truth| truth.key == key && truth.creation == creation;
        self.model.carts[cart].truth = self.model.truths.iter().position(known);
    }

    /// Somebody who waited is told how a save ended.
    fn settled(&mut self, page: usize, waiter: u32, outcome: &Outcome) {
        self.tell(|| format!("page{page} is told {outcome:?}"));
        let Some((cart, edits)) = self.pages[page].waiters.remove(&waiter) else { return };
        match outcome {
            Outcome::Committed { .. } => {
                self.model.settle_moot(cart);
                self.model.settle_put_back(cart, &edits);
                let open = |serial: &&usize| self.model.edits[**serial].is_open();
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

    /* ------------------------------------------------------------ pages come and go */

    /// The page is gone; of what was not durable some may have been kept all the same.
    pub fn crash(&mut self, page: usize) {
        let waiting = self.pages[page].unwritten.len() as u64;
        let kept = self.pages[page].durable + self.luck.below(waiting + 1);
        self.keep(page, kept);
        let lost = self.pages[page].unwritten.len();
        self.tell(|| format!("page{page} is gone, {lost} entries with it"));
        self.ran.crashes += 1;
        self.model.crashed(page, kept);
        let (device, part) = (self.pages[page].device, self.pages[page].part);
        self.devices[device].parts[part].holder = None;
        let gone = &mut self.pages[page];
        gone.till = None;
        gone.gate.clear();
        gone.unwritten.clear();
        gone.in_flight.clear();
        gone.waiters.clear();
        for cart in std::mem::take(&mut gone.carts).into_values() {
            self.model.carts[cart].page = None;
        }
        if self.devices[device].pages_left > 0 || !self.has_page(device) {
            let wait = 50 + self.luck.below(4_000);
            self.after(wait, Arrival::OpenPage(device));
        }
    }

    pub fn has_page(&self, device: usize) -> bool {
        self.pages.iter().any(|page| page.device == device && page.till.is_some())
    }

    /// Opens a page: it takes a free part of the journal for its own, and takes over what pages
    /// that are gone have left in the others.
    pub fn open_page(&mut self, device: usize) {
        let is_first = !self.has_page(device);
        if !is_first && self.devices[device].pages_left == 0 {
            return;
        }
        self.devices[device].pages_left = self.devices[device].pages_left.saturating_sub(1);
        let page = self.pages.len();
        let (part, entries, left) = self.claim(device, page);
        let first = DraftId(1);
        let restored = Till::restore(self.policy.clone(), entries.iter().map(Vec::as_slice), first);
        let till = restored.unwrap_or_else(|error| panic!("a journal: {error:?}"));
        let acts = (3 + self.people.below(15)).min(self.limits.acts);
        self.pages.push(Page {
            device,
            part,
            written: 0,
            durable: 0,
            unwritten: VecDeque::new(),
            gate: VecDeque::new(),
            timer: 0,
            frozen_until: 0,
            acts_left: acts,
            carts: BTreeMap::new(),
            numbers: till.drafts().len() as u32,
            in_flight: BTreeMap::new(),
            waiters: BTreeMap::new(),
            requests: 0,
            till: Some(till),
        });
        self.tell(|| {
            format!("page{page} of till{device}: {} entries, left {left:?}", entries.len())
        });
        self.adopt_drafts(page);
        // In one transaction: what was left behind is mine, and the rest is short.
        let journal = self.pages[page].till.as_ref().expect("a till").journal();
        for other in left {
            self.devices[device].parts[other] = Part::default();
        }
        self.devices[device].parts[part].entries = journal;
        self.handle(page, Event::Online, About::Nothing);
        let first = 50 + self.people.below(1_500);
        self.after(first, Arrival::Act(page));
    }

    /// The page's part, all entries that it takes over, and the parts they were in.
    fn claim(&mut self, device: usize, page: usize) -> (usize, Vec<Vec<u8>>, Vec<usize>) {
        let parts = &mut self.devices[device].parts;
        let mut own = None;
        let (mut entries, mut left) = (Vec::new(), Vec::new());
        for number in 0..PARTS_MAX {
            if number == parts.len() {
                if own.is_some() {
                    break;
                }
                parts.push(Part::default());
            }
            let part = &mut parts[number];
            if part.holder.is_some() && !ignores_locks() {
                continue;
            }
            entries.extend(part.entries.iter().cloned());
            if own.is_none() && part.holder.is_none() {
                own = Some(number);
                part.holder = Some(page);
            } else if !part.entries.is_empty() {
                left.push(number);
            }
        }
        (own.expect("a free part"), entries, left)
    }

    /// Drafts that came out of the journal are those of earlier pages.
    fn adopt_drafts(&mut self, page: usize) {
        let till = self.pages[page].till.as_ref().expect("a till");
        let mut found = Vec::new();
        for (at, draft) in till.drafts().iter().enumerate() {
            let state = draft.journal().expect("a restored draft is journalled");
            let (_, id) = entry_head(&state);
            found.push((at as u32 + 1, self.model.by_id[id]));
        }
        for (number, cart) in found {
            self.pages[page].carts.insert(number, cart);
            self.model.carts[cart].page = Some((page, number));
        }
    }

    /// A number for a new draft of a page, and its cart.
    pub fn new_cart(&mut self, page: usize, is_sale: bool) -> (DraftId, usize) {
        let holder = &mut self.pages[page];
        holder.numbers += 1;
        let number = holder.numbers;
        let cart = self.model.carts.len();
        holder.carts.insert(number, cart);
        let page = Some((page, number));
        self.model.carts.push(Cart { page, is_sale, ..Cart::default() });
        (DraftId(number), cart)
    }

    /* ------------------------------------------------------------ clocks and sleep */

    pub fn clock_jumps(&mut self, device: usize) {
        let size = match self.luck.below(3) {
            0 => self.luck.below(5_000),
            1 => self.luck.below(3_600_000),
            _ => self.luck.below(86_400_000 * 3),
        };
        let jump = if self.luck.percent(50) { size as i64 } else { -(size as i64) };
        self.tell(|| format!("the clock of till{device} jumps by {jump} ms"));
        self.devices[device].offset += jump;
    }

    /// A page of the device does nothing for a while.
    pub fn freeze(&mut self, device: usize) {
        let lives =
            |page: &usize| self.pages[*page].device == device && self.pages[*page].till.is_some();
        let pages: Vec<usize> = (0..self.pages.len()).filter(lives).collect();
        if let Some(page) = self.luck.pick(&pages).copied() {
            let wait = self.luck.below(12_000);
            self.tell(|| format!("page{page} freezes for {wait} ms"));
            self.pages[page].frozen_until = self.now + wait;
        }
    }

    pub fn signed_in(&mut self, device: usize) {
        self.tell(|| format!("till{device} has signed in"));
        self.devices[device].is_signed_in = true;
        self.devices[device].session += 1;
        self.devices[device].is_renewing = false;
        for page in 0..self.pages.len() {
            if self.pages[page].device == device {
                self.handle(page, Event::Online, About::Nothing);
            }
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

/// A defect of the take-over itself, see `defects.rs`.
fn ignores_locks() -> bool {
    crate::defects::is_handover_wrong()
}
