//! The server's word of changes on its way to the devices: late, twice, out of order, lost; with
//! more or less of what it could say.

use std::rc::Rc;

use restamp::adapters::HttpResponse;
use restamp::core::call::LoadOutcome;
use restamp::core::event::{Effect, Event};
use restamp::core::stamp::Stamp;

use crate::chance::Chance;
use crate::limits::Fault;
use crate::mail::key_of;
use crate::page::{About, Page};
use crate::world::{Arrival, World};

/// Longest way of a word, ms; and of a late one.
const WAY_MS: u64 = 400;
const LATE_MS: u64 = 6_000;

/// What a word says.
pub struct Told {
    key: String,
    stamp: Option<Stamp>,
    from: Option<Stamp>,
    token: Option<String>,
    document: Option<Vec<u8>>,
}

/// How a server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// Of a hundred changes so many are told.
    told: u64,
    says_stamp: bool,
    says_from: bool,
    says_token: bool,
    says_document: bool,
}

impl Telling {
    pub fn draw(chance: &mut Chance) -> Telling {
        let is_told = chance.percent(60);
        let says_stamp = chance.percent(85);
        let says_from = says_stamp && chance.percent(70);
        Telling {
            told: if is_told { 50 + chance.below(51) } else { 0 },
            says_stamp,
            says_from,
            says_token: chance.percent(50),
            says_document: says_stamp && chance.percent(60),
        }
    }
}

impl World {
    /// The stamp and the text of a document, as a load gives them.
    fn shown(&mut self, key: &str) -> Option<(Option<Stamp>, Vec<u8>)> {
        let answer = self.server.show(key);
        let response =
            HttpResponse { status: answer.status, headers: &answer.headers, body: &answer.body };
        match self.adapter.classify_load(&response) {
            LoadOutcome::Loaded(snapshot) => Some((snapshot.stamp, snapshot.document)),
            _ => None,
        }
    }

    /// The stamp that the document has now, if anybody will be told what replaced it.
    pub fn stamp_before(&mut self, key: &str) -> Option<Stamp> {
        if self.telling.told == 0 || !self.limits.has(Fault::Word) {
            return None;
        }
        self.shown(key)?.0
    }

    /// A document has changed: the devices are told.
    pub fn tell_of_change(&mut self, key: &str, from: Option<Stamp>, token: Option<&str>) {
        let telling = self.telling;
        if telling.told == 0 || !self.limits.has(Fault::Word) || self.is_calm() {
            return;
        }
        let Some((stamp, document)) = self.shown(key) else { return };
        let told = Rc::new(Told {
            key: key.to_owned(),
            stamp: stamp.filter(|_| telling.says_stamp),
            from: from.filter(|_| telling.says_from),
            token: token.filter(|_| telling.says_token).map(str::to_owned),
            document: telling.says_document.then_some(document),
        });
        for device in 0..self.devices.len() {
            if !self.luck.percent(telling.told) {
                continue;
            }
            let times = if self.luck.percent(10) { 2 } else { 1 };
            for _ in 0..times {
                let longest = if self.luck.percent(15) { LATE_MS } else { WAY_MS };
                let way = self.luck.below(longest);
                self.after(way, Arrival::Heard(device, told.clone()));
            }
        }
    }

    /// Word reaches a device: the page that leads hears it.
    pub fn hear_word(&mut self, device: usize, told: &Rc<Told>) {
        let Some(page) = self.leader(device) else { return };
        if self.pages[page].frozen_until > self.now {
            let wait = self.pages[page].frozen_until - self.now;
            return self.after(wait, Arrival::Heard(device, told.clone()));
        }
        let till = self.pages[page].till.as_ref().expect("a till");
        let Some(draft) = till.find(&told.key) else { return };
        self.tell(|| format!("page{page} hears that {} is {:?}", told.key, told.stamp));
        self.overtake(page, &told.key);
        let event = Event::Heard {
            draft,
            stamp: told.stamp.clone(),
            from: told.from.clone(),
            token: told.token.clone(),
            document: told.document.clone(),
        };
        self.handle(page, event, About::Nothing);
        self.look_at(page);
    }

    /// Answers to calls about this document that are on their way may not be waited for any more.
    fn overtake(&mut self, page: usize, key: &str) {
        let Page { in_flight, gate, overtaken, .. } = &mut self.pages[page];
        let flying = in_flight.values().map(|mail| (mail.id, &mail.call));
        let ready = gate.iter().filter_map(|(_, effect)| match effect {
            Effect::Call { id, call } => Some((*id, call)),
            _ => None,
        });
        let of_it = flying.chain(ready).filter(|(_, call)| key_of(call) == Some(key));
        overtaken.extend(of_it.map(|(id, _)| id));
    }
}
