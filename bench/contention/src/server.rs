//! The server: documents with a version, one request at a time for each, as
//! `PUT` with `If-Match` and `GET` (RFC 9110). It never looks into a document, and shares nothing
//! with the engine but bytes.

use std::rc::Rc;

use restamp::adapters::HttpRequest;

/// What a stored save costs, microseconds.
pub const SAVE_US: u64 = 15_000;
/// What a load costs.
pub const LOAD_US: u64 = 8_000;
/// What it costs to find a save stale.
pub const REFUSAL_US: u64 = 2_000;

/// An answer on its way to a till.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status; 0 if none came.
    pub status: u16,
    /// The `ETag`, if there is one.
    pub etag: Option<String>,
    /// The body.
    pub body: Rc<Vec<u8>>,
}

impl Response {
    /// Without a document.
    pub fn bare(status: u16, body: &[u8]) -> Response {
        Response { status, etag: None, body: Rc::new(body.to_vec()) }
    }
}

#[derive(Debug)]
struct Stored {
    version: u64,
    text: Rc<Vec<u8>>,
    /// When the work that is in line for this document is done.
    busy_until: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    documents: Vec<Stored>,
    /// Whether a stale save is answered with the newest document.
    pub answers_newest: bool,
}

/// What came of a request.
#[derive(Debug)]
pub struct Served {
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

impl Server {
    /// A server with these documents; document 3 lies at `/bills/3`.
    pub fn new(documents: Vec<Vec<u8>>, answers_newest: bool) -> Server {
        let stored = |text| Stored { version: 1, text: Rc::new(text), busy_until: 0 };
        Server { documents: documents.into_iter().map(stored).collect(), answers_newest }
    }

    /// The document as it stands.
    pub fn text(&self, document: usize) -> &[u8] {
        &self.documents[document].text
    }

    /// A load without cost, for the beginning.
    pub fn peek(&self, document: usize) -> Response {
        self.documents[document].response(200)
    }

    /// A request arrives and gets in line for its document.
    pub fn serve(&mut self, now: u64, request: &HttpRequest) -> Served {
        let number = request.path.rsplit('/').next().and_then(|key| key.parse::<usize>().ok());
        let Some(stored) = number.and_then(|number| self.documents.get_mut(number)) else {
            return Served { at: now, response: Response::bare(404, b""), stored: None };
        };
        let start = now.max(stored.busy_until);
        let condition = request.headers.iter().find(|(name, _)| *name == "If-Match");
        let (cost, response, change) = match (&request.body, condition) {
            (None, _) => (LOAD_US, stored.response(200), None),
            (Some(body), Some((_, stamp))) if *stamp == stored.etag() => {
                let from = stored.etag();
                let token = request.headers.iter().find(|(name, _)| *name == "Idempotency-Key");
                let token = token.map(|(_, token)| token.clone());
                stored.version += 1;
                stored.text = Rc::new(body.clone());
                let document = Some(stored.text.clone());
                let change = Change { stamp: stored.etag(), from, token, document };
                (SAVE_US, stored.response(200), Some(change))
            }
            // To answer with the document costs as much as to load it.
            (Some(_), Some(_)) if self.answers_newest => (LOAD_US, stored.response(412), None),
            (Some(_), Some(_)) => (REFUSAL_US, Response::bare(412, b""), None),
            // A save without a stamp would overwrite others: no till may ever send one.
            (Some(_), None) => (REFUSAL_US, Response::bare(428, b""), None),
        };
        stored.busy_until = start + cost;
        Served { at: stored.busy_until, response, stored: change }
    }
}

impl Stored {
    fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    fn response(&self, status: u16) -> Response {
        Response { status, etag: Some(self.etag()), body: self.text.clone() }
    }
}
