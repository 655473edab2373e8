//! Requests and answers: from a page through the network to the server, and back.

use std::rc::Rc;

use restamp::adapters::{HttpResponse, SaveKind};
use restamp::core::call::{Answered, Call, FindOutcome, LoadOutcome, SaveOutcome};
use restamp::core::event::{CallId, DraftId, Event};
use restamp::core::policy::CompareAndSet;

use crate::limits::Fault;
use crate::network::{Fate, Wrong};
use crate::page::About;
use crate::server::{Answer, Creates, Dialect};
use crate::world::{Arrival, Mail, World, TIMEOUT_MS};

impl World {
    pub fn send(&mut self, page: usize, id: CallId, call: Call) {
        let cart = self.cart_of(page, &call);
        let token = match &call {
            Call::Update(update) => Some(update.token.clone()),
            Call::Create(create) => {
                let journalled = self.model.carts[cart].tokens.last();
                Some(journalled.map_or(create.token.clone(), |(_, token)| token.clone()))
            }
            _ => None,
        };
        if let Some(token) = &token {
            self.model.captures(cart, token);
            match self.pages[page].journal.is_lost {
                true => self.pages[page].sent_in_memory = true,
                false => self.model.check_kept(cart, token),
            }
        }
        let request = self.adapter.request(&call).expect("a call of a draft");
        let session = self.devices[self.pages[page].device].session;
        let mail = Rc::new(Mail { page, cart, id, call, request, token, session });
        self.check_overlap(page, &mail);
        self.pages[page].in_flight.insert(id, mail.clone());
        self.pages[page].requests += 1;
        self.ran.requests += 1;
        self.post(mail);
    }

    /// One call of a draft at a time. Of two drafts of one document, which came together from two
    /// pages, a load does not say whose it is.
    fn check_overlap(&self, page: usize, mail: &Mail) {
        let is_awaited = |mail: &&Rc<Mail>| !self.pages[page].overtaken.contains(&mail.id);
        let flying = self.pages[page].in_flight.values().filter(is_awaited);
        let (drafts, calls) = match &mail.call {
            Call::Create(_) | Call::Find { .. } => {
                (1, flying.filter(|other| other.cart == mail.cart).count())
            }
            Call::Update(_) | Call::Load { .. } => {
                let till = self.pages[page].till.as_ref().expect("a till");
                let key = key_of(&mail.call);
                let drafts = till.drafts().iter().filter(|draft| Some(draft.key()) == key).count();
                (drafts, flying.filter(|other| key_of(&other.call) == key).count())
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        };
        assert!(calls < drafts, "calls of one draft overlap");
    }

    /// The cart whose call this is: a save names it by its token, others by key or name.
    fn cart_of(&self, page: usize, call: &Call) -> usize {
        let carts = &self.pages[page].carts;
        let by_id = |id: &str| self.model.by_id.get(id).copied();
        let till = self.pages[page].till.as_ref().expect("a till");
        // Two drafts of one document may have come together from two pages.
        let by_key = |key: &str| {
            let flying =
                |cart: usize| self.pages[page].in_flight.values().any(|mail| mail.cart == cart);
            let has_key =
                |number: u32| till.draft(DraftId(number)).is_some_and(|draft| draft.key() == key);
            let carts = || carts.iter().filter(|(number, _)| has_key(**number)).map(|(_, c)| *c);
            carts().find(|cart| !flying(*cart)).or_else(|| carts().next())
        };
        let found = match call {
            Call::Create(create) => by_id(&create.token),
            Call::Find { value, .. } => by_id(value),
            Call::Load { key } => by_key(key),
            Call::Update(update) => {
                let sent = |cart: &&usize| {
                    let tokens = &self.model.carts[**cart].tokens;
                    tokens.iter().any(|(_, token)| *token == update.token)
                };
                carts.values().find(sent).copied().or_else(|| by_key(&update.key))
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        };
        found.unwrap_or_else(|| panic!("whose call is this? {call:?}"))
    }

    /// What becomes of a request on its way.
    fn post(&mut self, mail: Rc<Mail>) {
        let mut fate = match self.is_calm() {
            true => Fate::Through,
            false if (self.outage.0..self.outage.1).contains(&self.now) => self.outage.2,
            false => self.network.fate(&mut self.ways, &self.limits),
        };
        let creates_twice = matches!(self.server.dialect,
            Dialect::Rest(manners) if manners.creates == Creates::Twice);
        if creates_twice && fate == Fate::Doubled && matches!(mail.call, Call::Create(_)) {
            // Nothing can keep such a server from storing it twice.
            fate = Fate::Through;
        }
        self.tell(|| format!("page{} cart{} {} {fate:?}", mail.page, mail.cart, named(&mail.call)));
        let way = self.network.delay(&mut self.ways);
        let travel = |world: &mut World, wait: u64, is_answered: bool| {
            world.model.carts[mail.cart].on_the_way += 1;
            world.after(wait, Arrival::AtServer(mail.clone(), is_answered));
        };
        match fate {
            Fate::Through => travel(self, way, true),
            Fate::RequestLost => {}
            Fate::AnswerLost => travel(self, way, false),
            Fate::Late => {
                let late = TIMEOUT_MS + self.ways.below(8_000);
                travel(self, late, true);
            }
            Fate::Doubled => {
                let again = way + self.ways.below(if way % 2 == 0 { 20_000 } else { 300 });
                travel(self, way, true);
                // The answer to the second is nobody's.
                travel(self, again, false);
            }
            Fate::Instead(wrong, applied) => {
                self.model.carts[mail.cart].on_the_way += u32::from(applied);
                self.after(way, Arrival::Instead(mail.clone(), wrong, applied));
            }
        }
        self.after(TIMEOUT_MS, Arrival::Timeout(mail));
    }

    pub fn at_server(&mut self, mail: &Rc<Mail>, is_answered: bool) {
        let answer = self.serve(mail);
        if is_answered {
            let wait = self.network.delay(&mut self.ways);
            if !self.is_calm() && self.limits.has(Fault::Doubled) && self.ways.percent(2) {
                let again = wait + self.ways.below(3_000);
                self.after(again, Arrival::AtPage(mail.clone(), answer.clone()));
            }
            self.after(wait, Arrival::AtPage(mail.clone(), answer));
        }
    }

    pub fn instead(&mut self, mail: &Rc<Mail>, wrong: Wrong, applied: bool) {
        let own = applied.then(|| self.serve(mail));
        let answer = wrong.answer(own, self.is_frappe(), self.ways.clone().below(4));
        let wait = self.network.delay(&mut self.ways);
        self.after(wait, Arrival::AtPage(mail.clone(), answer));
    }

    /// The server does what is asked; the model hears of what it stored.
    fn serve(&mut self, mail: &Mail) -> Answer {
        let device = &self.devices[self.pages[mail.page].device];
        // A request that comes late still shows the session that it was made in.
        let signed_in = device.is_signed_in && device.session == mail.session;
        let name = device.name.clone();
        self.model.carts[mail.cart].on_the_way -= 1;
        let key = key_of(&mail.call).unwrap_or_default().to_owned();
        let before = self.stamp_before(&key);
        let (answer, stored) = self.server.handle(&mail.request, &name, signed_in);
        self.tell(|| {
            format!("  server: cart{} {} {}", mail.cart, named(&mail.call), answer.status)
        });
        if let Some(stored) = stored {
            let document = self.server.doc(&stored.key).expect("it is stored");
            let token = mail.token.as_ref().expect("only saves are stored");
            self.tell(|| format!("  server holds {} {}", stored.key, shown(document)));
            self.model.stored(mail.cart, token, &stored, document);
            self.tell_of_change(&stored.key, before, Some(token));
        }
        answer
    }

    pub fn at_page(&mut self, mail: &Rc<Mail>, answer: &Answer) {
        let was_awaited = self.pages[mail.page].in_flight.remove(&mail.id).is_some();
        if !self.pages[mail.page].leads {
            return;
        }
        let response =
            HttpResponse { status: answer.status, headers: &answer.headers, body: &answer.body };
        let event = self.meaning(mail, &response);
        let signed_out = matches!(
            event,
            Event::Answered { answered: Answered::Save(SaveOutcome::Unauthenticated { .. }), .. }
                | Event::Answered {
                    answered: Answered::Load(LoadOutcome::Unauthenticated { .. }),
                    ..
                }
                | Event::Answered {
                    answered: Answered::Find(FindOutcome::Load(
                        LoadOutcome::Unauthenticated { .. }
                    )),
                    ..
                }
        );
        let saved = matches!(
            event,
            Event::Answered { answered: Answered::Save(SaveOutcome::Saved { .. }), .. }
        );
        // Of a racy server's word nothing is believed.
        if saved && was_awaited && self.policy.compare_and_set == CompareAndSet::Atomic {
            let token = mail.token.as_ref().expect("the token of a save");
            self.model.hears(mail.cart, token);
        }
        self.tell(|| format!("  page{} hears {event:?}", mail.page));
        let device = self.pages[mail.page].device;
        if signed_out && !self.devices[device].is_renewing {
            self.devices[device].is_renewing = true;
            let wait = 300 + self.luck.below(4_000);
            self.after(wait, Arrival::SignedIn(device));
        }
        self.handle(mail.page, event, About::Nothing);
    }

    pub fn timeout(&mut self, mail: &Rc<Mail>) {
        let page = &mut self.pages[mail.page];
        if page.in_flight.remove(&mail.id).is_some() {
            let nothing = HttpResponse { status: 0, headers: &[], body: b"" };
            let event = self.meaning(mail, &nothing);
            self.handle(mail.page, event, About::Nothing);
        }
    }

    fn meaning(&self, mail: &Mail, response: &HttpResponse<'_>) -> Event {
        let call = mail.id;
        match &mail.call {
            Call::Create(_) => {
                let outcome = self.adapter.classify_save(SaveKind::Create, response);
                Event::Answered { call, answered: Answered::Save(outcome) }
            }
            Call::Update(update) => {
                let kind = if update.submit { SaveKind::Submit } else { SaveKind::Update };
                Event::Answered {
                    call,
                    answered: Answered::Save(self.adapter.classify_save(kind, response)),
                }
            }
            Call::Load { .. } => Event::Answered {
                call,
                answered: Answered::Load(self.adapter.classify_load(response)),
            },
            Call::Find { field, value } => Event::Answered {
                call,
                answered: Answered::Find(self.adapter.classify_find(field, value, response)),
            },
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        }
    }
}

pub fn key_of(call: &Call) -> Option<&str> {
    match call {
        Call::Update(update) => Some(&update.key),
        Call::Load { key } => Some(key),
        Call::Create(_) | Call::Find { .. } => None,
        Call::Commit(_)
        | Call::Lease(_)
        | Call::Release(_)
        | Call::Batch(_)
        | Call::Next(_)
        | Call::Apply(_) => {
            panic!("no draft makes this call")
        }
    }
}

fn named(call: &Call) -> String {
    match call {
        Call::Create(_) => "create".into(),
        Call::Update(update) => {
            let submits = if update.submit { " and submits" } else { "" };
            format!("update {} {}{submits}", update.key, update.stamp.0)
        }
        Call::Load { key } => format!("load {key}"),
        Call::Find { .. } => "find".into(),
        Call::Commit(_)
        | Call::Lease(_)
        | Call::Release(_)
        | Call::Batch(_)
        | Call::Next(_)
        | Call::Apply(_) => {
            panic!("no draft makes this call")
        }
    }
}

/// A document in a line.
fn shown(document: &crate::server::Document) -> String {
    let mut words = Vec::new();
    for row in document["items"].as_array().into_iter().flatten() {
        words.push(format!("{}={}", row["posa_row_id"].as_str().unwrap_or("?"), row["qty"]));
    }
    for (name, value) in document.iter().filter(|(name, _)| name.starts_with("custom_f")) {
        words.push(format!("{name}={value}"));
    }
    words.join(" ")
}
