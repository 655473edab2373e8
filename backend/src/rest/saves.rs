//! One document: GET, PUT, POST, DELETE, with conditions, fences and idempotency keys.

use serde_json::Value;

use super::database::Session;
use super::documents::{self, Entry};
use super::leases;
use super::refusal::Refusal;
use super::replays::once;
use super::{parked, Call};
use crate::exchange::Reply;
use crate::json::plain;
use crate::session::random_hex;

/// All documents, or those with the wanted values.
pub fn find(call: &Call, session: &mut dyn Session) -> Result<Reply, Refusal> {
    let collection = call.collection.name.as_str();
    let special = ["_fault", "prefer"];
    let wanted: Vec<_> =
        call.exchange.query.iter().filter(|(name, _)| !special.contains(&name.as_str())).collect();
    let is_unique = |field: &String| field == "token" || call.collection.unique.contains(field);
    let texts = match wanted.iter().find(|(field, _)| is_unique(field)) {
        Some((field, value)) => {
            documents::holding(session, collection, field, value)?.into_iter().collect()
        }
        None => documents::list(session, collection)?,
    };
    let mut found: Vec<Value> =
        texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    for (name, value) in wanted {
        // A token may have come beside its document.
        found.retain(|document| match document.get(name) {
            None => name == "token",
            Some(held) => plain(held) == *value,
        });
    }
    Ok(Reply::json(200, &found.into()))
}

/// One document.
pub fn get(call: &Call, session: &mut dyn Session, id: &str) -> Result<Reply, Refusal> {
    let entry =
        documents::load(session, &call.collection.name, id)?.ok_or_else(Refusal::missing)?;
    match call.exchange.header("if-none-match") {
        Some(list) if lists(list, &entry.stamp) => {
            Ok(Reply::text(304, "application/json", "").with("etag", entry.stamp))
        }
        _ => Ok(entry.reply(200)),
    }
}

/// A new document.
pub fn create(call: &Call, session: &mut dyn Session) -> Result<Reply, Refusal> {
    let body = call.body()?;
    let collection = &call.collection;
    once(session, &call.exchange, &collection.name, |session| {
        let id = match body.get("id").map(plain).filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => random_hex(8),
        };
        documents::check_id(&id)?;
        if documents::lock_one(session, &collection.name, &id)?.is_some() {
            return Err(documents::taken(&collection.name, &id, None));
        }
        call.rest.leases.check(session, [&collection.name, &id], call.fence()?)?;
        let entry = documents::store(session, collection, &id, body, None, call.token())?;
        Ok(entry.reply(201).with("location", documents::location(&collection.name, &id)))
    })
}

/// A save under a condition; one that may be parked waits for its turn if it is refused.
pub async fn put(call: &Call, id: &str) -> Result<Reply, Refusal> {
    let target = id.to_owned();
    let saved = call
        .at(vec![target.clone()], move |call, session| save(call, session, &target, call.fence()?));
    match saved.await {
        Err(Refusal::Answer(refused)) if parked::may_wait(call, &refused) => {
            parked::wait(call, id, refused).await
        }
        done => done,
    }
}

/// The transaction of a PUT.
pub fn save(
    call: &Call,
    session: &mut dyn Session,
    id: &str,
    fence: Option<i64>,
) -> Result<Reply, Refusal> {
    documents::check_id(id)?;
    let collection = &call.collection;
    once(session, &call.exchange, &collection.name, |session| {
        let stored = documents::lock_one(session, &collection.name, id)?;
        let document = [collection.name.as_str(), id];
        let holder = call.rest.leases.check(session, document, fence)?;
        let reply = conditional(call, session, id, stored.as_ref())?;
        // The lease of a parked save is for one save.
        if let Some(fence) = fence.filter(|_| parked::is_parked(&holder)) {
            call.rest.leases.release(session, document, fence)?;
            call.rest.places.end(document, fence);
        }
        Ok(reply)
    })
}

fn conditional(
    call: &Call,
    session: &mut dyn Session,
    id: &str,
    stored: Option<&Entry>,
) -> Result<Reply, Refusal> {
    let (exchange, collection) = (&call.exchange, &call.collection);
    if exchange.header("if-none-match").is_some_and(|list| list.trim() == "*") {
        return match stored {
            Some(entry) => Err(stale(call, 412, entry)),
            None => {
                let body = call.body()?;
                let entry = documents::store(session, collection, id, body, None, call.token())?;
                Ok(entry.reply(201))
            }
        };
    }
    let by_version = exchange.query("stamp") == Some("version");
    let if_match = exchange.header("if-match");
    if !by_version && if_match.is_none() {
        return Err(Refusal::new(428, "precondition_required", "Send If-Match"));
    }
    let entry = stored.ok_or_else(Refusal::missing)?;
    let body = call.body()?;
    if by_version {
        if body.get("version").and_then(Value::as_i64) != Some(entry.version) {
            return Err(stale(call, 409, entry));
        }
    } else if !lists(if_match.unwrap_or_default(), &entry.stamp) {
        return Err(stale(call, 412, entry));
    }
    let stored = documents::store(session, collection, id, body, Some(entry), call.token())?;
    Ok(stored.reply(200))
}

/// Deletes a document, under a condition if one is sent.
pub fn delete(call: &Call, session: &mut dyn Session, id: &str) -> Result<Reply, Refusal> {
    let collection = call.collection.name.as_str();
    once(session, &call.exchange, collection, |session| {
        let entry = documents::lock_one(session, collection, id)?.ok_or_else(Refusal::missing)?;
        call.rest.leases.check(session, [collection, id], call.fence()?)?;
        if let Some(list) = call.exchange.header("if-match") {
            if !lists(list, &entry.stamp) {
                return Err(stale(call, 412, &entry));
            }
        }
        documents::delete(session, collection, id, &entry, call.token())?;
        Ok(Reply::text(204, "application/json", ""))
    })
}

/// A stale save; with `Prefer: return=representation` the newest document comes with it.
fn stale(call: &Call, status: u16, entry: &Entry) -> Refusal {
    if call.wants_documents() {
        return Refusal::Answer(entry.reply(status));
    }
    let code = if status == 412 { "stale" } else { "version_conflict" };
    Refusal::new(status, code, "The document has changed since it was read")
}

/// Strong comparison: `*` matches, a weak tag never does (RFC 9110, 13.1.1).
pub fn lists(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|listed| listed == "*" || listed == etag)
}

impl Call {
    /// The write's `Idempotency-Key`.
    pub fn token(&self) -> Option<&str> {
        self.exchange.header("idempotency-key").filter(|token| !token.is_empty())
    }

    /// The fence that the request carries.
    pub fn fence(&self) -> Result<Option<i64>, Refusal> {
        self.exchange.header("fence").map(leases::fence).transpose()
    }
}
