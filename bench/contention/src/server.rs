//! The server: documents with a version, one request at a time for each, as
//! `PUT` with `If-Match` and `GET` (RFC 9110), and what the reference backend has beyond: leases,
//! parked conflicts, merging. Time is told to it; answers may come later than the next request.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use restamp::adapters::HttpRequest;
use restamp::core::profile::Profile;

use crate::places::Places;
use crate::world::{Offer, Turns};

/// What a stored save costs, microseconds.
pub const SAVE_US: u64 = 15_000;
/// What a load costs.
pub const LOAD_US: u64 = 8_000;
/// What it costs to find a save stale.
pub const REFUSAL_US: u64 = 2_000;
/// Most requests for a lease that wait at one document.
pub(crate) const TICKETS_MAX: usize = 64;
/// How long a parked save waits at most.
pub(crate) const PARKED_WAIT_US: u64 = 10_000_000;
/// How long a ticket outlives the moment for which its holder was told to ask again.
pub(crate) const TICKET_GRACE_US: u64 = 1_000_000;

/// An answer on its way to a till.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status; 0 if none came.
    pub status: u16,
    /// The `ETag`, if there is one.
    pub etag: Option<String>,
    /// Other headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Rc<Vec<u8>>,
}

impl Response {
    /// Without a document.
    pub fn bare(status: u16, body: &[u8]) -> Response {
        Response { status, etag: None, headers: Vec::new(), body: Rc::new(body.to_vec()) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: u64) -> Response {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// A lease, alive or over.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    pub holder: String,
    pub fence: u64,
    pub since: u64,
    pub until: u64,
    /// It came with the answer to a parked save and ends with the next one that is stored.
    pub parked: bool,
}

/// Somebody's place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// The request that waits; none if its holder was told to ask again.
    pub request: Option<u64>,
    pub holder: String,
    pub ttl_us: u64,
    /// Until when the request waits, or the ticket lives.
    pub until: u64,
    /// The save that was parked.
    pub save: Option<Save>,
}

/// A save as it came.
#[derive(Debug)]
pub(crate) struct Save {
    pub stamp: String,
    pub token: Option<String>,
    pub text: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Stored {
    version: u64,
    pub text: Rc<Vec<u8>>,
    /// When the work that is in line for this document is done.
    busy_until: u64,
    pub lease: Lease,
    pub tickets: VecDeque<Ticket>,
    pub places: Places,
    /// Every copy that was the newest once, for the merge.
    pub versions: HashMap<String, Rc<Vec<u8>>>,
    /// The answers to the saves that were merged, by their tokens.
    pub merged: HashMap<String, Response>,
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    documents: Vec<Stored>,
    offer: Offer,
    pub(crate) profile: Profile,
}

/// What came of a request.
#[derive(Debug)]
pub struct Served {
    /// The request.
    pub request: u64,
    /// When the answer leaves the server.
    pub at: u64,
    /// The answer.
    pub response: Response,
    /// What changed, if a save was stored.
    pub stored: Option<Change>,
}

/// A save that was stored, as those are told who have the document open.
#[derive(Debug, Clone)]
pub struct Change {
    /// The new stamp.
    pub stamp: String,
    /// The one that it replaced.
    pub from: String,
    /// The token of the save that made it.
    pub token: Option<String>,
    /// The new document, where it is sent along.
    pub document: Option<Rc<Vec<u8>>>,
}

/// What work on a document comes to: cost, answer, change. No answer: the request waits.
pub(crate) type Work = Option<(u64, Response, Option<Change>)>;

pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// The number of a preference (RFC 7240).
pub(crate) fn preference(request: &HttpRequest, name: &str) -> Option<u64> {
    let mut listed = header(request, "Prefer")?.split(',').map(str::trim);
    listed.find_map(|one| one.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

impl Server {
    /// A server with these documents; document 3 lies at `/bills/3`.
    pub fn new(documents: Vec<Vec<u8>>, offer: Offer, profile: Profile) -> Server {
        let stored = |text| {
            let mut stored = Stored {
                version: 1,
                text: Rc::new(text),
                busy_until: 0,
                lease: Lease::default(),
                tickets: VecDeque::new(),
                places: Places::default(),
                versions: HashMap::new(),
                merged: HashMap::new(),
            };
            stored.versions.insert(stored.etag(), stored.text.clone());
            stored
        };
        Server { documents: documents.into_iter().map(stored).collect(), offer, profile }
    }

    /// The document as it stands.
    pub fn text(&self, document: usize) -> &[u8] {
        &self.documents[document].text
    }

    /// A load without cost, for the beginning.
    pub fn peek(&self, document: usize) -> Response {
        self.documents[document].response(200)
    }

    /// A request arrives and gets in line for its document. Others that wait may be answered too.
    pub fn serve(&mut self, now: u64, number: u64, request: &HttpRequest) -> Vec<Served> {
        let mut path = request.path.split('/').skip(2);
        let document = path.next().and_then(|key| key.parse::<usize>().ok());
        let route = path.next();
        let Some(stored) = document.and_then(|document| self.documents.get_mut(document)) else {
            let response = Response::bare(404, b"");
            return vec![Served { request: number, at: now, response, stored: None }];
        };
        let start = now.max(stored.busy_until);
        let work = match (route, &request.body) {
            (Some("_lease"), Some(body)) => stored.claim(start, number, request, body),
            (Some("_lease"), None) => stored.release(start, request),
            (Some("_apply"), Some(body)) => stored.apply(start, request, body, &self.profile),
            (Some(_), _) => Some((REFUSAL_US, Response::bare(404, b""), None)),
            (None, None) => Some((LOAD_US, stored.response(200), None)),
            (None, Some(body)) => stored.save(start, number, request, body, self.offer),
        };
        let mut out = Vec::new();
        match work {
            Some(work) => stored.done(start, number, work, &mut out),
            None => stored.busy_until = start + REFUSAL_US,
        }
        stored.go_on(stored.busy_until, &mut out);
        out
    }

    /// Time has passed at a document: leases end, and waits.
    pub fn pass(&mut self, now: u64, document: usize) -> Vec<Served> {
        let stored = &mut self.documents[document];
        let mut out = Vec::new();
        stored.go_on(now.max(stored.busy_until), &mut out);
        out
    }

    /// The client of a request has gone: it waits no more, and what it was granted meanwhile ends.
    pub fn gone(&mut self, now: u64, document: usize, number: u64) -> Vec<Served> {
        let stored = &mut self.documents[document];
        stored.tickets.retain(|ticket| ticket.request != Some(number));
        self.pass(now, document)
    }

    /// When something happens at a document by itself.
    pub fn wakes_at(&self, now: u64, document: usize) -> Option<u64> {
        self.documents[document].wakes_at(now)
    }
}

impl Stored {
    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    pub(crate) fn response(&self, status: u16) -> Response {
        let etag = Some(self.etag());
        Response { status, etag, headers: Vec::new(), body: self.text.clone() }
    }

    /// Stores a document.
    pub(crate) fn store(&mut self, text: Vec<u8>, token: Option<String>) -> Change {
        let from = self.etag();
        self.version += 1;
        self.text = Rc::new(text);
        self.versions.insert(self.etag(), self.text.clone());
        Change { stamp: self.etag(), from, token, document: Some(self.text.clone()) }
    }

    /// The work of a request is done.
    pub(crate) fn done(
        &mut self,
        start: u64,
        request: u64,
        (cost, response, stored): (u64, Response, Option<Change>),
        out: &mut Vec<Served>,
    ) {
        self.busy_until = start + cost;
        out.push(Served { request, at: self.busy_until, response, stored });
    }

    /// `PUT` with `If-Match`, maybe with a fence, maybe to be parked.
    fn save(
        &mut self,
        start: u64,
        number: u64,
        request: &HttpRequest,
        body: &[u8],
        offer: Offer,
    ) -> Work {
        // A save without a stamp would overwrite others: no till may ever send one.
        let Some(stamp) = header(request, "If-Match") else {
            return Some((REFUSAL_US, Response::bare(428, b""), None));
        };
        let token = header(request, "Idempotency-Key").map(str::to_owned);
        let save = Save { stamp: stamp.to_owned(), token, text: body.to_vec() };
        let fence = header(request, "Fence").map(|fence| fence.parse::<u64>().unwrap_or(0));
        if let Err(refused) = self.check(start, fence) {
            return match (preference(request, "park"), refused.status, offer.turns) {
                (Some(ttl), 423, Turns::Parked { places }) => {
                    self.park(start, number, save, ttl * 1_000, places)
                }
                _ => Some((REFUSAL_US, refused, None)),
            };
        }
        if save.stamp == self.etag() {
            let change = self.store(save.text, save.token);
            let response = self.response(200);
            if self.lease.parked && fence.is_some() {
                self.end_lease(start + SAVE_US);
            }
            return Some((SAVE_US, response, Some(change)));
        }
        match (preference(request, "park"), fence, offer.turns) {
            (Some(ttl), None, Turns::Parked { places }) => {
                self.park(start, number, save, ttl * 1_000, places)
            }
            // To answer with the document costs as much as to load it.
            _ if offer.newest => Some((LOAD_US, self.response(412), None)),
            _ => Some((REFUSAL_US, Response::bare(412, b""), None)),
        }
    }
}
