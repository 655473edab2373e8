//! The REST dialect: strong ETags, `If-Match`, `Idempotency-Key`, and what strategies and
//! transactions need: atomic commits, leases with fences, sequences, unique fields, a change feed,
//! merging at the server.
//!
//! After RFC 9110 (conditional requests), RFC 7240 (preferences) and RFC 6585 (428). The documents
//! are the client's own; nothing is computed.

mod apply;
mod changes;
mod commit;
mod database;
mod documents;
mod gates;
mod hub;
mod leases;
mod parked;
mod places;
mod postgres;
mod redis_leases;
mod refusal;
mod replays;
mod routes;
mod saves;
mod sequences;
mod sqlite;
mod waiting;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use serde_json::Value;
use tokio::sync::{watch, Semaphore};

use self::database::{transact, Database, Session};
use self::documents::Collection;
use self::gates::Gates;
use self::hub::Hub;
use self::leases::Leases;
use self::places::Places;
use self::refusal::Refusal;
use self::routes::{Found, Route};
use crate::cli::Options;
use crate::exchange::{Exchange, Reply};
use crate::json::Fields;

/// The interface as an OpenAPI document.
const OPENAPI: &str = include_str!("../../openapi.json");
/// Longest name of a collection, in bytes.
const COLLECTION_BYTES_MAX: usize = 100;

/// What all requests of the dialect share.
pub struct Rest {
    database: Box<dyn Database>,
    leases: Box<dyn Leases>,
    places: Places,
    hub: Arc<Hub>,
    gates: Gates,
    /// As many as the database has sessions: who has none waits here, in order, and blocks no thread.
    sessions: Semaphore,
    /// Requests that wait for their turn at a document.
    waiting: AtomicUsize,
    /// Becomes true when the server ends, so that feeds do.
    ended: watch::Sender<bool>,
    /// How documents are merged at the server.
    profiles: apply::Profiles,
    /// `--unique COLLECTION.FIELD`.
    unique: Vec<(String, String)>,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl Rest {
    /// Opens the database, and Redis if leases are to be there.
    pub fn open(options: &Options) -> Result<Self, String> {
        let hub = Arc::new(Hub::default());
        let database = database::open(options, &hub)?;
        let leases: Box<dyn Leases> = match &options.redis {
            Some(url) => Box::new(redis_leases::InRedis::open(url)?),
            None => Box::new(leases::InDatabase),
        };
        let sessions = Semaphore::new(database.sessions());
        Ok(Self {
            database,
            leases,
            places: Places::default(),
            hub,
            gates: Gates::default(),
            sessions,
            waiting: AtomicUsize::new(0),
            ended: watch::channel(false).0,
            profiles: apply::Profiles::read(&options.profiles)?,
            unique: options.unique.clone(),
        })
    }

    /// All routes of the dialect: method and address.
    pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
        routes::ROUTES.iter().map(|(method, address, _)| (*method, *address))
    }

    /// How many requests wait for their turn at a document.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Ends all feeds.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Resolves when the server ends.
    async fn until_end(&self) {
        let mut ended = self.ended.subscribe();
        let _ = ended.wait_for(|ended| *ended).await.map(|_| ());
    }

    /// Empties the database, for a test that wants a fresh start.
    pub fn clear(&self) -> Result<(), String> {
        let cleared = self.database.clear().and_then(|()| self.leases.clear());
        self.hub.missed();
        cleared.map_err(|refused| format!("{refused:?}"))
    }

    fn collection(&self, name: &str) -> Collection {
        let unique = self.unique.iter().filter(|(collection, _)| collection == name);
        Collection {
            name: name.to_owned(),
            unique: unique.map(|(_, field)| field.clone()).collect(),
        }
    }

    /// Runs `work` on a thread that may block, as soon as a session of the database is free.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let broken = |reason: &str| Refusal::Broken(reason.to_owned());
        let _session = self.sessions.acquire().await.map_err(|_| broken("the server ends"))?;
        let rest = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&rest)).await;
        done.unwrap_or_else(|_| Err(Refusal::InDoubt("the server made a mistake".to_owned())))
    }
}

/// One request.
#[derive(Clone)]
pub struct Call {
    rest: Arc<Rest>,
    exchange: Arc<Exchange>,
    collection: Collection,
    /// Its sender is dropped when the client has closed the connection.
    gone: watch::Receiver<()>,
}

/// Answers a request below `/rest/`. `gone` tells that the client has closed the connection.
pub async fn answer(
    rest: &Arc<Rest>,
    exchange: Exchange,
    gone: watch::Receiver<()>,
) -> Response<Body> {
    let segments = exchange.segments();
    let route = match routes::find(&exchange.method, &segments) {
        Found::Route(route) => route,
        Found::OtherMethod => {
            let message = "The method is not allowed here";
            return Refusal::new(405, "method_not_allowed", message).reply().into();
        }
        Found::Nothing => return Refusal::missing().reply().into(),
    };
    let segment = |at: usize| segments.get(at).cloned().unwrap_or_default();
    let (name, id) = (segment(1), segment(2));
    if name.len() > COLLECTION_BYTES_MAX || name.contains('\0') {
        return Refusal::missing().reply().into();
    }
    if route == Route::Changes {
        return changes::answer(rest, &exchange, &name);
    }
    let collection = rest.collection(&name);
    let exchange = Arc::new(exchange);
    let call = Call { rest: Arc::clone(rest), exchange, collection, gone };
    let answered = match route {
        Route::Sequence => call.sequence(segment(3)).await,
        route => call.answer(route, id).await,
    };
    answered.unwrap_or_else(Refusal::reply).into()
}

impl Call {
    async fn answer(&self, route: Route, id: String) -> Result<Reply, Refusal> {
        match route {
            Route::Openapi | Route::Changes => Ok(Reply::text(200, "application/json", OPENAPI)),
            Route::Find => self.at(Vec::new(), saves::find).await,
            Route::Create => self.at(Vec::new(), saves::create).await,
            Route::Get => {
                self.at(Vec::new(), move |call, session| saves::get(call, session, &id)).await
            }
            Route::Put => saves::put(self, &id).await,
            Route::Delete => {
                let ids = vec![id.clone()];
                self.at(ids, move |call, session| saves::delete(call, session, &id)).await
            }
            Route::Commit => {
                let commit = commit::read(self)?;
                let ids = commit.ids();
                self.at(ids, move |call, session| commit::commit(call, session, &commit)).await
            }
            Route::Lease => waiting::lease(self, &id).await,
            Route::Release => waiting::release(self, &id).await,
            Route::Documents => waiting::documents(self).await,
            Route::Leases => waiting::leases(self).await,
            Route::ReleaseSeveral => waiting::release_several(self).await,
            Route::Apply => {
                let save = apply::read(self)?;
                let ids = vec![id.clone()];
                self.at(ids, move |call, session| apply::apply(call, session, &id, &save)).await
            }
            Route::Sequence => self.sequence(id).await,
        }
    }

    async fn sequence(&self, name: String) -> Result<Reply, Refusal> {
        let call = self.clone();
        let numbers = self.rest.blocking(move |rest| {
            sequences::answer(rest, &call.exchange, [&call.collection.name, &name])
        });
        numbers.await
    }

    /// Runs `work` in a transaction, once it is this request's turn at these documents.
    async fn at<T: Send + 'static>(
        &self,
        ids: Vec<String>,
        mut work: impl FnMut(&Self, &mut dyn Session) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _turns = self.rest.gates.pass(&self.collection.name, ids).await;
        let call = self.clone();
        self.rest
            .blocking(move |rest| transact(rest.database.as_ref(), |session| work(&call, session)))
            .await
    }

    fn body(&self) -> Result<Fields, Refusal> {
        match serde_json::from_slice::<Value>(&self.exchange.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Refusal::malformed("The body is not an object")),
            Err(error) => Err(Refusal::malformed(&error.to_string())),
        }
    }

    /// A preference of RFC 7240, from the headers or `?prefer=`; empty if it has no value.
    fn preference(&self, name: &str) -> Option<&str> {
        let headers = self.exchange.headers.get_all("prefer").iter();
        let lists = headers.filter_map(|value| value.to_str().ok());
        let mut wanted =
            lists.chain(self.exchange.query("prefer")).flat_map(|list| list.split(','));
        wanted.find_map(|one| {
            let (key, value) = one.split_once('=').unwrap_or((one, ""));
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }

    /// Whether newest documents are to come with an answer that does not need them.
    fn wants_documents(&self) -> bool {
        self.preference("return") == Some("representation") || self.preference("park").is_some()
    }

    fn is_gone(&self) -> bool {
        self.gone.has_changed().is_err()
    }
}
