//! `POST` and `DELETE {id}/_lease`: asking for a lease, waiting for one's turn, giving it back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::Rng;
use serde_json::{json, Value};
use tokio::time::Instant;

use super::documents::{self, Entry};
use super::leases::{self, Ask, Claim, TTL_MS};
use super::refusal::Refusal;
use super::Call;
use crate::exchange::Reply;

/// The lease of a holder that names none.
const TTL_MS_DEFAULT: i64 = 5_000;
/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest name of a holder, in bytes.
const HOLDER_BYTES_MAX: usize = 250;

/// Answers `POST {id}/_lease`.
pub async fn lease(call: &Call, id: &str) -> Result<Reply, Refusal> {
    documents::check_id(id)?;
    let ask = ask(call, id)?;
    let wait = call.preference("wait").and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    match claim(call, &ask, Duration::from_secs(wait).min(WAIT_MAX)).await? {
        (Claim::Granted { fence }, entry) => {
            let mut body = json!({"fence": fence.to_string(), "ttl": ask.ttl});
            if call.wants_documents() {
                body["stamp"] = json!(entry.as_ref().map(|entry| &entry.stamp));
                body["doc"] = entry.as_ref().map_or(Value::Null, Entry::document);
            }
            Ok(Reply::json(200, &body))
        }
        (Claim::Waiting { retry_after } | Claim::Full { retry_after }, _) => {
            Err(Refusal::leased(id, retry_after))
        }
    }
}

fn ask(call: &Call, id: &str) -> Result<Ask, Refusal> {
    let body = call.body()?;
    let holder = body.get("holder").and_then(Value::as_str).unwrap_or_default();
    let fits = !holder.is_empty() && holder.len() <= HOLDER_BYTES_MAX;
    if !fits || holder.starts_with('_') || holder.contains('\0') {
        return Err(Refusal::unfit(
            "holder is a text of 1 to 250 bytes that does not begin with _",
        ));
    }
    let ttl = match body.get("ttl") {
        None => Some(TTL_MS_DEFAULT),
        Some(ttl) => ttl.as_i64(),
    };
    let ttl = ttl.ok_or_else(|| Refusal::unfit("ttl is a whole number of milliseconds"))?;
    Ok(Ask {
        collection: call.collection.name.clone(),
        id: id.to_owned(),
        holder: holder.to_owned(),
        ttl: ttl.clamp(*TTL_MS.start(), *TTL_MS.end()),
        parked: false,
    })
}

/// Asks for a lease and waits for it in the queue, at most for `wait`. With a grant comes the
/// document as it is then. Who has closed the connection meanwhile holds nothing afterwards.
pub async fn claim(
    call: &Call,
    ask: &Ask,
    wait: Duration,
) -> Result<(Claim, Option<Entry>), Refusal> {
    let turn = call.rest.hub.await_turn(&ask.collection, &ask.id, &ask.holder);
    let deadline = Instant::now() + wait;
    let mut gone = call.gone.clone();
    let mut counted = None;
    loop {
        let asked = ask.clone();
        let claimed = call.at(vec![ask.id.clone()], move |call, session| {
            let entry = documents::lock_one(session, &asked.collection, &asked.id)?;
            Ok((call.rest.leases.claim(session, &asked)?, entry))
        });
        let left = deadline.saturating_duration_since(Instant::now());
        let pause = match claimed.await {
            Ok((Claim::Waiting { retry_after }, _)) if !left.is_zero() => {
                Duration::from_millis(retry_after.unsigned_abs()).min(left)
            }
            Err(Refusal::Contended) if !left.is_zero() => {
                Duration::from_millis(rand::rng().random_range(5..25)).min(left)
            }
            done => {
                if !call.is_gone() {
                    return done;
                }
                leave(call, ask).await?;
                return Err(Refusal::new(499, "gone", "The client has closed the connection"));
            }
        };
        counted.get_or_insert_with(|| Counted::new(&call.rest.waiting));
        tokio::select! {
            () = turn.told() => {}
            () = tokio::time::sleep(pause) => {}
            // The client has closed the connection: the next in the queue must not wait for it.
            _ = gone.changed() => {
                leave(call, ask).await?;
                return Err(Refusal::new(499, "gone", "The client has closed the connection"));
            }
        }
    }
}

/// A request that stands in a queue.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Leaves the queue, and gives back what was granted.
pub async fn leave(call: &Call, ask: &Ask) -> Result<(), Refusal> {
    let ask = ask.clone();
    let leaving = call.at(vec![ask.id.clone()], move |call, session| {
        call.rest.leases.leave(session, [&ask.collection, &ask.id], &ask.holder)
    });
    leaving.await
}

/// Answers `DELETE {id}/_lease`: 204 whether or not there was such a lease.
pub async fn release(call: &Call, id: &str) -> Result<Reply, Refusal> {
    let fence = call.exchange.header("fence").and_then(|text| leases::fence(text).ok());
    if let Some(fence) = fence {
        let id = id.to_owned();
        let released = call.at(vec![id.clone()], move |call, session| {
            let collection = call.collection.name.as_str();
            // As in claim: leases change only while the document is locked.
            documents::lock_one(session, collection, &id)?;
            call.rest.leases.release(session, [collection, &id], fence)
        });
        released.await?;
    }
    Ok(Reply::text(204, "application/json", ""))
}
