//! `POST _commit`: several documents in one transaction, all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, Value};

use super::database::Session;
use super::documents::{self, Entry};
use super::leases;
use super::refusal::Refusal;
use super::replays::once;
use super::{parked, waiting, Call};
use crate::exchange::Reply;
use crate::json::{plain, Fields};
use crate::session::random_hex;

/// Most writes of one commit.
const WRITES_MAX: usize = 1_000;

/// One write.
#[derive(Debug)]
pub struct Write {
    id: String,
    /// The stamp that the document must have; none for a document that must not be there.
    stamp: Option<String>,
    /// The unique token of a new document.
    token: Option<String>,
    fence: Option<i64>,
    body: Fields,
}

/// All of a commit.
#[derive(Debug)]
pub struct Commit {
    writes: Vec<Write>,
    /// Leases on documents that are not written: they end with it if `release` says so.
    leases: Vec<(String, i64)>,
    /// Whether the leases of all its fences end in the same transaction.
    release: bool,
    /// Whether a refusal because of somebody's lease is the answer to its key for ever.
    is_final: bool,
}

/// Reads the request.
pub fn read(call: &Call) -> Result<Commit, Refusal> {
    let body = call.body()?;
    let list = body.get("writes").and_then(Value::as_array);
    let list = list.ok_or_else(|| Refusal::unfit("writes is a list"))?;
    if list.is_empty() || list.len() > WRITES_MAX {
        return Err(Refusal::unfit("A commit has 1 to 1,000 writes"));
    }
    let writes: Vec<Write> = list.iter().map(write).collect::<Result<_, _>>()?;
    let ids: BTreeSet<&str> = writes.iter().map(|write| write.id.as_str()).collect();
    if ids.len() < writes.len() {
        return Err(Refusal::unfit("A commit writes a document once"));
    }
    let flag = |name: &str| match body.get(name).map_or(Some(false), Value::as_bool) {
        Some(flag) => Ok(flag),
        None => Err(Refusal::unfit(&format!("{name} is true or false"))),
    };
    let (release, is_final) = (flag("release")?, flag("final")?);
    let leases = match body.get("leases") {
        None => Vec::new(),
        Some(_) => waiting::fences(&body)?,
    };
    Ok(Commit { writes, leases, release, is_final })
}

fn write(value: &Value) -> Result<Write, Refusal> {
    let text = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::unfit(&format!("{name} of a write is text"))),
    };
    let Some(Value::Object(body)) = value.get("doc") else {
        return Err(Refusal::unfit("doc of a write is an object"));
    };
    let (id, stamp) = (text("id")?, text("stamp")?);
    if id.is_none() && stamp.is_some() {
        return Err(Refusal::unfit("A write with a stamp has an id"));
    }
    let own = || body.get("id").map(plain).filter(|id| !id.is_empty());
    let id = id.or_else(own).unwrap_or_else(|| random_hex(8));
    documents::check_id(&id)?;
    let fence = text("fence")?.map(|fence| leases::fence(&fence)).transpose()?;
    Ok(Write { id, stamp, token: text("token")?, fence, body: body.clone() })
}

impl Commit {
    /// The ids of its documents.
    pub fn ids(&self) -> Vec<String> {
        let written = self.writes.iter().map(|write| &write.id);
        written.chain(self.leases.iter().map(|(id, _)| id)).cloned().collect()
    }

    /// What ends with it.
    fn released(&self) -> impl Iterator<Item = (&str, i64)> {
        let written =
            self.writes.iter().filter_map(|write| Some((write.id.as_str(), write.fence?)));
        let read = self.leases.iter().map(|(id, fence)| (id.as_str(), *fence));
        written.chain(read).filter(|_| self.release)
    }
}

/// The transaction.
pub fn commit(call: &Call, session: &mut dyn Session, commit: &Commit) -> Result<Reply, Refusal> {
    let (collection, writes) = (&call.collection, &commit.writes);
    once(session, &call.exchange, &collection.name, |session| {
        let ids = commit.ids();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let stored = documents::lock(session, &collection.name, &ids)?;
        let parked = match check(call, session, writes, &stored) {
            // Not rolled back, so that it is kept under the key: a copy that comes late, when nobody
            // has the lease any more, is not done then.
            Err(Refusal::Answer(leased)) if commit.is_final && leased.status == 423 => {
                return Ok(leased);
            }
            checked => checked?,
        };
        for write in writes {
            documents::release_unique(session, collection, &write.id)?;
        }
        let mut done = Vec::with_capacity(writes.len());
        for write in writes {
            let before = stored.get(&write.id).and_then(Option::as_ref);
            let body = write.body.clone();
            let entry =
                documents::store(session, collection, &write.id, body, before, call.token())?;
            if let Some(token) = &write.token {
                documents::claim_value(session, collection, &write.id, "token", token)?;
            }
            done.push(entry.named(&write.id));
        }
        let released: BTreeMap<&str, i64> = parked.into_iter().chain(commit.released()).collect();
        for (id, fence) in released {
            call.rest.leases.release(session, [&collection.name, id], fence)?;
        }
        Ok(Reply::json(200, &json!({"documents": done, "replayed": false})))
    })
}

/// Whether all writes may be done; the fences of parked saves, whose leases end with it.
fn check<'a>(
    call: &Call,
    session: &mut dyn Session,
    writes: &'a [Write],
    stored: &BTreeMap<String, Option<Entry>>,
) -> Result<Vec<(&'a str, i64)>, Refusal> {
    let collection = call.collection.name.as_str();
    let mut parked = Vec::new();
    let mut stale = Vec::new();
    // In the order of their ids, like the documents: leases are locked too.
    let by_id: BTreeMap<&str, &Write> =
        writes.iter().map(|write| (write.id.as_str(), write)).collect();
    for (id, write) in by_id {
        let entry = stored.get(id).and_then(Option::as_ref);
        match (&write.stamp, entry) {
            (Some(_), None) => return Err(Refusal::missing_id(id)),
            (None, Some(_)) => return Err(documents::taken(collection, id, None)),
            (Some(stamp), Some(entry)) if *stamp != entry.stamp => stale.push(id),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let holder = call.rest.leases.check(session, [collection, id], write.fence)?;
        parked.extend(write.fence.filter(|_| parked::is_parked(&holder)).map(|fence| (id, fence)));
    }
    if stale.is_empty() {
        return Ok(parked);
    }
    let mut more = json!({ "stale": stale });
    if call.wants_documents() {
        let newest = stored.iter().filter_map(|(id, entry)| Some(entry.as_ref()?.named(id)));
        more["documents"] = newest.collect();
    }
    let message = "Some of the documents have changed since they were read";
    Err(Refusal::with(412, "stale", message, more))
}
