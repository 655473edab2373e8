//! The change feed: `GET /rest/{collection}/_changes`, server-sent events.
//!
//! Events keep the order of commits, the same in every process on one database; their numbers are
//! unique but not always in that order, so a resume looks its `Last-Event-ID` up in the ring and
//! goes on behind it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use serde_json::{json, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

use super::database::{transact, Channel, Session};
use super::documents;
use super::refusal::Refusal;
use super::Rest;
use crate::exchange::Exchange;

/// Events of one collection that a client which was away can catch up with.
const RING_EVENTS_MAX: usize = 1_024;
/// A comment keeps the connection known to be alive.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// One change of one document.
#[derive(Debug)]
pub struct Change {
    number: i64,
    id: String,
    stamp: Option<String>,
    from: Option<String>,
    /// The `Idempotency-Key` of the write.
    token: Option<String>,
    /// The document, once somebody asked for it.
    document: OnceLock<Value>,
}

impl Change {
    /// Tells all feeds of a change, at commit. `stamp` is none for a deletion, `from` for a
    /// creation.
    pub fn tell(
        session: &mut dyn Session,
        [collection, id]: [&str; 2],
        number: i64,
        stamp: Option<&str>,
        from: Option<&str>,
        token: Option<&str>,
    ) -> Result<(), Refusal> {
        let word = json!([collection, number, id, stamp, from, token]);
        session.tell(Channel::Changes, word.to_string())
    }

    /// Reads what [`Change::tell`] told.
    pub fn read(word: &Value) -> Option<(String, Self)> {
        let text = |at: usize| word[at].as_str().map(str::to_owned);
        let (number, id) = (word[1].as_i64()?, text(2)?);
        let (stamp, from, token) = (text(3), text(4), text(5));
        let document = OnceLock::new();
        Some((text(0)?, Self { number, id, stamp, from, token, document }))
    }

    fn event(&self, document: Option<&Value>) -> Bytes {
        let mut data = json!({"id": self.id, "stamp": self.stamp, "from": self.from});
        if let Some(token) = &self.token {
            data["token"] = json!(token);
        }
        if let Some(document) = document {
            data["doc"] = document.clone();
        }
        format!("id: {}\nevent: change\ndata: {data}\n\n", self.number).into()
    }
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Change>>,
    live: Sender<Arc<Change>>,
}

/// The last changes of each collection.
#[derive(Debug, Default)]
pub struct Rings(Mutex<HashMap<String, Ring>>);

impl Rings {
    /// Adds a change and hands it to all who listen.
    pub fn push(&self, collection: &str, change: Change) {
        let mut rings = self.lock();
        let ring = ring(&mut rings, collection);
        if ring.events.len() == RING_EVENTS_MAX {
            ring.events.pop_front();
        }
        let change = Arc::new(change);
        ring.events.push_back(Arc::clone(&change));
        // Nobody may be listening.
        let _ = ring.live.send(change);
    }

    /// Forgets everything; who listens is told to load anew, for its feed ends and its resume
    /// finds nothing.
    pub fn reset(&self) {
        self.lock().clear();
    }

    /// What came after `last`, and what is to come. No list if `last` is not known (any more).
    fn listen(
        &self,
        collection: &str,
        last: Option<&str>,
    ) -> (Option<Missed>, Receiver<Arc<Change>>) {
        let mut rings = self.lock();
        let ring = ring(&mut rings, collection);
        let missed = match last {
            None => Some(VecDeque::new()),
            Some(last) => {
                let at = ring.events.iter().position(|event| event.number.to_string() == last);
                at.map(|at| ring.events.iter().skip(at + 1).cloned().collect())
            }
        };
        (missed, ring.live.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Ring>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Missed = VecDeque<Arc<Change>>;

fn ring<'a>(rings: &'a mut HashMap<String, Ring>, collection: &str) -> &'a mut Ring {
    rings.entry(collection.to_owned()).or_insert_with(|| Ring {
        events: VecDeque::new(),
        live: broadcast::channel(RING_EVENTS_MAX).0,
    })
}

/// One client's feed.
struct Feed {
    rest: Arc<Rest>,
    collection: String,
    with_documents: bool,
    /// Told before anything else.
    greeting: Option<&'static str>,
    missed: Missed,
    live: Receiver<Arc<Change>>,
}

/// Answers `GET _changes` with a stream that ends when the server does.
pub fn answer(rest: &Arc<Rest>, exchange: &Exchange, collection: &str) -> Response<Body> {
    let last = exchange.header("last-event-id").or_else(|| exchange.query("last-event-id"));
    let (missed, live) = rest.hub.rings.listen(collection, last);
    let greeting = if missed.is_some() { ": open\n\n" } else { "event: reset\ndata: {}\n\n" };
    let feed = Feed {
        rest: Arc::clone(rest),
        collection: collection.to_owned(),
        with_documents: exchange.query("documents") == Some("1"),
        greeting: Some(greeting),
        missed: missed.unwrap_or_default(),
        live,
    };
    let stream = futures_util::stream::unfold(feed, |mut feed| async move {
        let next = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(next), feed))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(Bytes::from_static(greeting.as_bytes()));
        }
        if let Some(change) = self.missed.pop_front() {
            return Some(self.event(change).await);
        }
        tokio::select! {
            biased;
            () = self.rest.until_end() => None,
            heard = self.live.recv() => match heard {
                Ok(change) => Some(self.event(change).await),
                // Too slow for the ring: what is lost must be loaded.
                Err(RecvError::Lagged(_)) => Some(Bytes::from_static(b"event: reset\ndata: {}\n\n")),
                Err(RecvError::Closed) => None,
            },
            () = tokio::time::sleep(COMMENT_EVERY) => Some(Bytes::from_static(b": still here\n\n")),
        }
    }

    async fn event(&self, change: Arc<Change>) -> Bytes {
        if !self.with_documents {
            return change.event(None);
        }
        if change.document.get().is_none() {
            let document = self.load(&change).await;
            let _ = change.document.set(document);
        }
        change.event(change.document.get())
    }

    /// The document as this change left it; null if it is deleted or no longer kept.
    async fn load(&self, change: &Change) -> Value {
        let Some(stamp) = change.stamp.clone() else { return Value::Null };
        let (collection, id) = (self.collection.clone(), change.id.clone());
        let found = self.rest.blocking(move |rest| {
            transact(rest.database.as_ref(), |session| {
                documents::version(session, &collection, &id, &stamp)
            })
        });
        let text = found.await.ok().flatten();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }
}
