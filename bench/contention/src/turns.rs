//! The server's leases, its queue, parked saves and the merge, as `backend/src/rest/` has them:
//! `leases.rs`, `waiting.rs`, `parked.rs`, `places.rs`, `apply.rs`.

use std::rc::Rc;

use restamp::adapters::HttpRequest;
use restamp::core::op::Op;
use restamp::core::profile::Profile;
use restamp::core::serve::{apply_edits, Applied, Edits};
use serde_json::Value;

use crate::server::{
    header, preference, Response, Save, Served, Stored, Ticket, Work, LOAD_US, PARKED_WAIT_US,
    REFUSAL_US, SAVE_US, TICKETS_MAX, TICKET_GRACE_US,
};

/// When to ask again, at the latest: most leases are given back long before they end by themselves.
const ASK_AGAIN_US: u64 = 250_000;

fn leased(wait_us: u64) -> Response {
    let wait = wait_us.div_ceil(1_000);
    Response::bare(423, format!(r#"{{"code":"leased","retry_after":{wait}}}"#).as_bytes())
}

impl Stored {
    /// Whether a write may be done: with the fence of a living lease, or while there is none.
    pub(crate) fn check(&self, now: u64, fence: Option<u64>) -> Result<(), Response> {
        let lives = self.lease.until > now;
        match fence {
            None if lives => Err(leased((self.lease.until - now).min(ASK_AGAIN_US))),
            Some(fence) if !lives || fence != self.lease.fence => {
                Err(Response::bare(409, br#"{"code":"fenced"}"#))
            }
            None | Some(_) => Ok(()),
        }
    }

    /// A save that is stale or meets a lease: its turn, a place in the queue, or no room.
    pub(crate) fn park(
        &mut self,
        start: u64,
        number: u64,
        save: Save,
        ttl_us: u64,
        places: usize,
    ) -> Work {
        let holder = format!("_parked-{number}");
        if self.lease.until <= start && self.tickets.is_empty() {
            return Some(self.in_turn(start, holder, ttl_us, save));
        }
        if self.tickets.iter().filter(|ticket| ticket.save.is_some()).count() >= places {
            let wait = self.places.promise(start, places).div_ceil(1_000);
            return Some(if save.stamp == self.etag() {
                (REFUSAL_US, leased(wait * 1_000), None)
            } else {
                (LOAD_US, self.response(412).with("retry-after-ms", wait), None)
            });
        }
        let (request, until) = (Some(number), start + PARKED_WAIT_US);
        self.tickets.push_back(Ticket { request, holder, ttl_us, until, save: Some(save) });
        None
    }

    /// The turn of a parked save: stored if its stamp is the newest by now, else told the newest
    /// document and given the lease.
    fn in_turn(
        &mut self,
        start: u64,
        holder: String,
        ttl_us: u64,
        save: Save,
    ) -> (u64, Response, Option<crate::server::Change>) {
        if save.stamp == self.etag() {
            let change = self.store(save.text, save.token);
            self.lease.fence += 1;
            return (SAVE_US, self.response(200), Some(change));
        }
        self.grant(start, holder, ttl_us, true);
        let response = self.response(412).with("fence", self.lease.fence);
        (LOAD_US, response.with("lease-ttl", ttl_us / 1_000), None)
    }

    fn grant(&mut self, start: u64, holder: String, ttl_us: u64, parked: bool) {
        self.lease.holder = holder;
        self.lease.fence += 1;
        self.lease.since = start;
        self.lease.until = start + ttl_us;
        self.lease.parked = parked;
    }

    pub(crate) fn end_lease(&mut self, now: u64) {
        self.lease.until = now;
        self.places.note(now - self.lease.since);
    }

    /// `POST _lease`.
    pub(crate) fn claim(
        &mut self,
        start: u64,
        number: u64,
        request: &HttpRequest,
        body: &[u8],
    ) -> Work {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        let holder = body["holder"].as_str().expect("a holder").to_owned();
        let ttl_us = body["ttl"].as_u64().expect("a time to live") * 1_000;
        let lives = self.lease.until > start;
        let renews = lives && self.lease.holder == holder;
        let first = self.tickets.front().is_none_or(|ticket| ticket.holder == holder);
        if renews || !lives && first {
            self.tickets.retain(|ticket| ticket.holder != holder);
            if renews {
                self.lease.until = start + ttl_us;
            } else {
                self.grant(start, holder, ttl_us, false);
            }
            return Some((LOAD_US, self.granted(ttl_us), None));
        }
        let until = start + preference(request, "wait").unwrap_or(0) * 1_000_000;
        if let Some(ticket) = self.tickets.iter_mut().find(|ticket| ticket.holder == holder) {
            (ticket.request, ticket.until) = (Some(number), until);
        } else if self.tickets.len() >= TICKETS_MAX {
            return Some((REFUSAL_US, leased(self.turn_within(start)), None));
        } else {
            let request = Some(number);
            self.tickets.push_back(Ticket { request, holder, ttl_us, until, save: None });
        }
        None
    }

    fn granted(&self, ttl_us: u64) -> Response {
        let text = String::from_utf8_lossy(&self.text);
        let (fence, ttl, stamp) = (self.lease.fence, ttl_us / 1_000, Value::from(self.etag()));
        let body = format!(r#"{{"fence":"{fence}","ttl":{ttl},"stamp":{stamp},"doc":{text}}}"#);
        Response::bare(200, body.as_bytes())
    }

    /// How long until the lease, or the place of the first in the queue, ends by itself.
    fn turn_within(&self, now: u64) -> u64 {
        let until = match self.tickets.front() {
            Some(ticket) if self.lease.until <= now => ticket.until,
            _ => self.lease.until,
        };
        until.saturating_sub(now).max(1_000)
    }

    /// `DELETE _lease`.
    pub(crate) fn release(&mut self, start: u64, request: &HttpRequest) -> Work {
        let fence = header(request, "Fence").and_then(|fence| fence.parse::<u64>().ok());
        if self.lease.until > start && fence == Some(self.lease.fence) {
            self.end_lease(start + REFUSAL_US);
        }
        Some((REFUSAL_US, Response::bare(204, b""), None))
    }

    /// Whoever is next has its turn; whoever waited too long is told so.
    pub(crate) fn go_on(&mut self, mut now: u64, out: &mut Vec<Served>) {
        loop {
            if let Some(at) = self.tickets.iter().position(|ticket| ticket.until <= now) {
                let retry_after = self.turn_within(now).min(ASK_AGAIN_US);
                let refused = match &self.tickets[at] {
                    Ticket { request: Some(number), save: Some(_), .. } => {
                        Some((*number, (LOAD_US, self.response(412), None)))
                    }
                    Ticket { request: Some(number), save: None, .. } => {
                        Some((*number, (REFUSAL_US, leased(retry_after), None)))
                    }
                    Ticket { request: None, .. } => None,
                };
                let ticket = &mut self.tickets[at];
                // Who asked for a lease keeps its place for a while.
                let keeps = ticket.save.is_none() && ticket.request.take().is_some();
                ticket.until = now + retry_after + TICKET_GRACE_US;
                if !keeps {
                    self.tickets.remove(at);
                }
                if let Some((number, work)) = refused {
                    let cost = work.0;
                    self.done(now, number, work, out);
                    now += cost;
                }
                continue;
            }
            if self.lease.until > now || self.tickets.front().is_none_or(|t| t.request.is_none()) {
                return;
            }
            let Some(ticket) = self.tickets.pop_front() else { return };
            let number = ticket.request.unwrap_or_default();
            let work = match ticket.save {
                Some(save) => self.in_turn(now, ticket.holder, ticket.ttl_us, save),
                None => {
                    self.grant(now, ticket.holder, ticket.ttl_us, false);
                    (LOAD_US, self.granted(ticket.ttl_us), None)
                }
            };
            let cost = work.0;
            self.done(now, number, work, out);
            now += cost;
        }
    }

    /// When something happens by itself: nothing if nobody waits.
    pub(crate) fn wakes_at(&self, now: u64) -> Option<u64> {
        let ends = self.tickets.iter().map(|ticket| ticket.until).min()?;
        let lives = self.lease.until > now;
        Some(if lives { ends.min(self.lease.until) } else { ends })
    }

    /// `POST _apply`: the edits are laid over the newest copy, each token once.
    pub(crate) fn apply(
        &mut self,
        start: u64,
        request: &HttpRequest,
        body: &[u8],
        profile: &Profile,
    ) -> Work {
        let token = header(request, "Idempotency-Key").unwrap_or_default().to_owned();
        if let Some(known) = self.merged.get(&token) {
            return Some((LOAD_US, known.clone(), None));
        }
        if let Err(refused) = self.check(start, None) {
            return Some((REFUSAL_US, refused, None));
        }
        let body: Value = serde_json::from_slice(body).expect("JSON");
        let ops = Op::parse_list(body["ops"].to_string().as_bytes()).expect("edits");
        let base: &Rc<Vec<u8>> = &self.versions[body["stamp"].as_str().expect("a stamp")];
        let edits = Edits { ops: &ops, token: Some(&token), ..Edits::default() };
        let applied = apply_edits(base, &self.text, &edits, profile).expect("the edits fit");
        let Applied::Merged { text, incoming, reapplied, .. } = applied else {
            panic!("additions ask nobody")
        };
        let change = self.store(text, Some(token.clone()));
        let answer = |replayed: bool| {
            let (doc, stamp) = (String::from_utf8_lossy(&self.text), Value::from(self.etag()));
            let (incoming, reapplied) =
                (Value::from(incoming.clone()), Value::from(reapplied.clone()));
            let body = format!(
                r#"{{"stamp":{stamp},"doc":{doc},"incoming":{incoming},"reapplied":{reapplied},"replayed":{replayed}}}"#
            );
            Response::bare(200, body.as_bytes())
        };
        let (response, again) = (answer(false), answer(true));
        self.merged.insert(token, again);
        Some((SAVE_US, response, Some(change)))
    }
}
