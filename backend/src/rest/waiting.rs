//! `POST` and `DELETE {id}/_lease`, `POST _leases` and `_release`: asking for leases, waiting for
//! one's turn, giving them back.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::json::Fields;

/// Documents by id; none where there is no such document.
type Entries = BTreeMap<String, Option<Entry>>;

/// Most documents of one request.
const DOCUMENTS_MAX: usize = 1_000;
/// The lease of a holder that names none.
const TTL_MS_DEFAULT: i64 = 5_000;
/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest name of a holder, in bytes.
const HOLDER_BYTES_MAX: usize = 250;

/// Answers `POST {id}/_lease`.
pub async fn lease(call: &Call, id: &str) -> Result<Reply, Refusal> {
    let ask = ask(call, &call.body()?, BTreeSet::from([id.to_owned()]))?;
    let (fences, entries) = granted(call, &ask).await?;
    let mut body = json!({"fence": fences.first().map(i64::to_string), "ttl": ask.ttl});
    if call.wants_documents() {
        add_document(&mut body, entries.get(id).and_then(Option::as_ref));
    }
    Ok(Reply::json(200, &body))
}

/// Answers `POST _leases`: all of them, or none. With `if_contended` none where nobody has one of
/// them or stands before: then the newest copies are all that is wanted.
pub async fn leases(call: &Call) -> Result<Reply, Refusal> {
    let body = call.body()?;
    let ask = ask(call, &body, ids(&body)?)?;
    let if_contended = match body.get("if_contended") {
        None => Some(false),
        Some(wish) => wish.as_bool(),
    };
    let if_contended =
        if_contended.ok_or_else(|| Refusal::unfit("if_contended is true or false"))?;
    if if_contended {
        if let Some(found) = if_free(call, &ask).await? {
            return Ok(Reply::json(200, &json!({ "documents": found })));
        }
    }
    let (fences, entries) = granted(call, &ask).await?;
    let wants_documents = call.wants_documents();
    let lease = |(id, fence): (&String, i64)| {
        let mut lease = json!({"id": id, "fence": fence.to_string()});
        if wants_documents {
            add_document(&mut lease, entries.get(id).and_then(Option::as_ref));
        }
        lease
    };
    let leases: Vec<Value> = ask.ids.iter().zip(fences).map(lease).collect();
    Ok(Reply::json(200, &json!({"leases": leases, "ttl": ask.ttl})))
}

/// The newest copies, if the asker could have a lease on all of them now.
async fn if_free(call: &Call, ask: &Ask) -> Result<Option<Vec<Value>>, Refusal> {
    let ask = ask.clone();
    let found = call.at(ask.ids.clone(), move |call, session| {
        let ids: Vec<&str> = ask.ids.iter().map(String::as_str).collect();
        let entries = documents::lock(session, &ask.collection, &ids)?;
        for id in &ask.ids {
            if call.rest.leases.stand(session, &ask, id)?.is_some() {
                return Ok(None);
            }
        }
        let found = entries.iter().filter_map(|(id, entry)| Some(entry.as_ref()?.named(id)));
        Ok(Some(found.collect()))
    });
    found.await
}

fn add_document(answer: &mut Value, entry: Option<&Entry>) {
    answer["stamp"] = json!(entry.map(|entry| &entry.stamp));
    answer["doc"] = entry.map_or(Value::Null, Entry::document);
}

/// Answers `POST _documents`: the newest copies of those that there are.
pub async fn documents(call: &Call) -> Result<Reply, Refusal> {
    let ids = ids(&call.body()?)?;
    let found = call.at(Vec::new(), move |call, session| {
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            let entry = documents::load(session, &call.collection.name, id)?;
            found.extend(entry.map(|entry| entry.named(id)));
        }
        Ok(found)
    });
    Ok(Reply::json(200, &json!({"documents": found.await?})))
}

/// The list `ids` of a request.
fn ids(body: &Fields) -> Result<BTreeSet<String>, Refusal> {
    let unfit = || Refusal::unfit("ids is a list of 1 to 1,000 texts");
    let list = body.get("ids").and_then(Value::as_array).ok_or_else(unfit)?;
    if list.is_empty() || list.len() > DOCUMENTS_MAX {
        return Err(unfit());
    }
    list.iter().map(|id| id.as_str().map(str::to_owned).ok_or_else(unfit)).collect()
}

fn ask(call: &Call, body: &Fields, ids: BTreeSet<String>) -> Result<Ask, Refusal> {
    for id in &ids {
        documents::check_id(id)?;
    }
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
        ids: ids.into_iter().collect(),
        holder: holder.to_owned(),
        ttl: ttl.clamp(*TTL_MS.start(), *TTL_MS.end()),
        parked: false,
    })
}

/// The fences of all leases, after a wait in the queue for as long as the request allows.
async fn granted(call: &Call, ask: &Ask) -> Result<(Vec<i64>, Entries), Refusal> {
    let wait = call.preference("wait").and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    match claim(call, ask, Duration::from_secs(wait).min(WAIT_MAX)).await? {
        (Claim::Granted { fences }, entries) => Ok((fences, entries)),
        (Claim::Waiting { retry_after } | Claim::Full { retry_after }, _) => {
            let id = ask.ids.first().map_or("", String::as_str);
            Err(Refusal::leased(id, retry_after))
        }
    }
}

/// Asks for leases and waits for them in the queue, at most for `wait`. With the grant come the
/// documents as they are then. Who has closed the connection meanwhile holds nothing afterwards.
pub async fn claim(call: &Call, ask: &Ask, wait: Duration) -> Result<(Claim, Entries), Refusal> {
    let turn = call.rest.hub.await_turn(&ask.collection, &ask.ids, &ask.holder);
    let deadline = Instant::now() + wait;
    let mut gone = call.gone.clone();
    let mut counted = None;
    loop {
        let asked = ask.clone();
        let claimed = call.at(ask.ids.clone(), move |call, session| {
            let ids: Vec<&str> = asked.ids.iter().map(String::as_str).collect();
            let entries = documents::lock(session, &asked.collection, &ids)?;
            Ok((leases::claim(call.rest.leases.as_ref(), session, &asked)?, entries))
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
    let leaving = call.at(ask.ids.clone(), move |call, session| {
        for id in &ask.ids {
            call.rest.leases.leave(session, [&ask.collection, id], &ask.holder)?;
        }
        Ok(())
    });
    leaving.await
}

/// Answers `DELETE {id}/_lease`: 204 whether or not there was such a lease.
pub async fn release(call: &Call, id: &str) -> Result<Reply, Refusal> {
    let fence = call.exchange.header("fence").and_then(|text| leases::fence(text).ok());
    if let Some(fence) = fence {
        release_all(call, vec![(id.to_owned(), fence)]).await?;
    }
    Ok(Reply::text(204, "application/json", ""))
}

/// Answers `POST _release`: 204 whether or not there were such leases.
pub async fn release_several(call: &Call) -> Result<Reply, Refusal> {
    release_all(call, fences(&call.body()?)?).await?;
    Ok(Reply::text(204, "application/json", ""))
}

/// The list `leases` of a request: documents and fences.
pub fn fences(body: &Fields) -> Result<Vec<(String, i64)>, Refusal> {
    let unfit = || Refusal::unfit("leases is a list of up to 1,000 {id, fence}");
    let list = body.get("leases").and_then(Value::as_array).ok_or_else(unfit)?;
    if list.len() > DOCUMENTS_MAX {
        return Err(unfit());
    }
    let one = |lease: &Value| {
        let text = |name: &str| lease.get(name).and_then(Value::as_str).ok_or_else(unfit);
        Ok((text("id")?.to_owned(), leases::fence(text("fence")?)?))
    };
    list.iter().map(one).collect()
}

async fn release_all(call: &Call, leases: Vec<(String, i64)>) -> Result<(), Refusal> {
    let ids: Vec<String> = leases.iter().map(|(id, _)| id.clone()).collect();
    let released = call.at(ids.clone(), move |call, session| {
        let collection = call.collection.name.as_str();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        // As in claim: leases change only while the documents are locked.
        documents::lock(session, collection, &ids)?;
        for (id, fence) in &leases {
            call.rest.leases.release(session, [collection, id], *fence)?;
        }
        Ok(())
    });
    released.await
}
