//! `POST {id}/_apply`: the merge at the server. The only file of the server that uses Restamp's core;
//! the dialects stay independent of it, so that they can disagree.

use restamp::core::conflict::Conflict;
use restamp::core::op::Op;
use restamp::core::profile::Profile;
use restamp::core::serve::{apply_edits, Applied, Edits};
use serde_json::{json, Value};

use super::database::Session;
use super::documents::{self, Entry};
use super::refusal::Refusal;
use super::replays::once;
use super::{parked, Call};
use crate::exchange::Reply;

/// Longest token of an edit, in bytes.
const TOKEN_BYTES_MAX: usize = 250;

/// How the documents of each collection are merged (`--profile`).
#[derive(Debug)]
pub struct Profiles {
    named: Vec<(String, Profile)>,
    plain: Profile,
}

impl Profiles {
    /// Reads the profiles: `salesInvoice`, `posInvoice`, `odooOrder`, `plain`, or a JSON file.
    pub fn read(wanted: &[(String, String)]) -> Result<Self, String> {
        let named =
            wanted.iter().map(|(collection, name)| Ok((collection.clone(), profile(name)?)));
        Ok(Self { named: named.collect::<Result<_, String>>()?, plain: profile("plain")? })
    }

    fn of(&self, collection: &str) -> &Profile {
        let found = self.named.iter().find(|(name, _)| name == collection);
        found.map_or(&self.plain, |(_, profile)| profile)
    }
}

fn profile(name: &str) -> Result<Profile, String> {
    let text = match name {
        "salesInvoice" | "posInvoice" => {
            include_str!("../../profiles/salesInvoice.json").to_owned()
        }
        "odooOrder" => include_str!("../../profiles/odooOrder.json").to_owned(),
        "plain" => include_str!("../../profiles/plain.json").to_owned(),
        file => std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
    };
    Profile::parse(text.as_bytes())
        .map_err(|error| format!("{name}: {}: expected {}", error.path, error.expected))
}

/// A save as it came.
#[derive(Debug)]
pub struct Save {
    ops: Vec<Op>,
    stamp: String,
    token: String,
    submit: bool,
    expected_total: Option<String>,
}

/// Reads the request.
pub fn read(call: &Call) -> Result<Save, Refusal> {
    let body = call.body()?;
    let token = call.exchange.header("idempotency-key").unwrap_or_default().to_owned();
    if token.is_empty() {
        return Err(Refusal::unfit("Send an Idempotency-Key: edits are applied once"));
    }
    let ops = body.get("ops").unwrap_or(&Value::Null).to_string();
    let ops = Op::parse_list(ops.as_bytes()).map_err(|error| {
        Refusal::unfit(&format!("ops[{}]: expected {}", error.number, error.expected))
    })?;
    if ops.iter().filter_map(token_of).any(|token| token.len() > TOKEN_BYTES_MAX) {
        return Err(Refusal::unfit("A token of an edit has at most 250 bytes"));
    }
    let stamp = body.get("stamp").and_then(Value::as_str);
    let stamp = stamp.ok_or_else(|| Refusal::unfit("stamp is text"))?.to_owned();
    let (submit, expected_total) = match body.get("submit") {
        None | Some(Value::Null) => (false, None),
        Some(Value::Object(wish)) => match wish.get("expectedTotal") {
            None | Some(Value::Null) => (true, None),
            Some(Value::String(total)) => (true, Some(total.clone())),
            Some(_) => return Err(Refusal::unfit("expectedTotal is a decimal as text")),
        },
        Some(_) => return Err(Refusal::unfit("submit is an object")),
    };
    Ok(Save { ops, stamp, token, submit, expected_total })
}

/// The transaction: what others saved since the edits' stamp and the edits become one document, or
/// nothing is stored.
pub fn apply(
    call: &Call,
    session: &mut dyn Session,
    id: &str,
    save: &Save,
) -> Result<Reply, Refusal> {
    let collection = &call.collection;
    once(session, &call.exchange, &collection.name, |session| {
        let newest = documents::lock_one(session, &collection.name, id)?;
        let newest = newest.ok_or_else(Refusal::missing)?;
        let document = [collection.name.as_str(), id];
        let fence = call.fence()?;
        let holder = call.rest.leases.check(session, document, fence)?;
        let base = if save.stamp == newest.stamp {
            Some(newest.text.clone())
        } else {
            documents::version(session, &collection.name, id, &save.stamp)?
        };
        let base = base.ok_or_else(|| {
            let message = "The copy with this stamp is no longer kept: merge at the client";
            refused(412, "stale", message, &newest, json!({}))
        })?;
        let ops = not_yet_applied(session, document, &save.ops)?;
        let edits = Edits {
            ops: &ops,
            token: Some(&save.token),
            submit: save.submit,
            expected_total: save.expected_total.as_deref(),
        };
        let profile = call.rest.profiles.of(&collection.name);
        let applied = apply_edits(base.as_bytes(), newest.text.as_bytes(), &edits, profile);
        let applied = applied.map_err(|error| Refusal::unfit(&format!("{error:?}")))?;
        let (text, incoming, reapplied) = merged(applied, &newest)?;
        let Ok(Value::Object(body)) = serde_json::from_slice(&text) else {
            return Err(Refusal::Broken("the merge made no document".to_owned()));
        };
        let entry = documents::store(session, collection, id, body, Some(&newest), call.token())?;
        note_applied(session, document, &ops)?;
        if let Some(fence) = fence.filter(|_| parked::is_parked(&holder)) {
            call.rest.leases.release(session, document, fence)?;
        }
        let answer = json!({
            "stamp": entry.stamp, "doc": entry.document(),
            "incoming": incoming, "reapplied": reapplied, "replayed": false,
        });
        Ok(Reply::json(200, &answer).with("etag", entry.stamp))
    })
}

/// A merged document's text, places that others changed, places where edits were laid over theirs.
type Merged = (Vec<u8>, Vec<String>, Vec<String>);

/// The document to store and what is to be told, or why there is none.
fn merged(applied: Applied, newest: &Entry) -> Result<Merged, Refusal> {
    match applied {
        Applied::Merged { text, mut incoming, reapplied, .. } => {
            // The server counts the saves; nobody wants to know.
            incoming.retain(|path| path != "version");
            Ok((text, incoming, reapplied))
        }
        Applied::Asked { conflicts } => {
            let read =
                |conflict: &Conflict| serde_json::from_slice::<Value>(&conflict.to_json()).ok();
            let conflicts: Vec<Value> = conflicts.iter().filter_map(read).collect();
            let message = "Somebody has to decide";
            Err(refused(409, "conflict", message, newest, json!({ "conflicts": conflicts })))
        }
        Applied::Ended { ending } => {
            let ending: Value = serde_json::from_slice(&ending.to_json()).unwrap_or_default();
            Err(refused(409, "closed", "The document has ended", newest, ending))
        }
    }
}

fn refused(status: u16, code: &str, message: &str, newest: &Entry, mut more: Value) -> Refusal {
    if let Value::Object(more) = &mut more {
        more.insert("stamp".to_owned(), json!(newest.stamp));
        more.insert("doc".to_owned(), newest.document());
    }
    Refusal::with(status, code, message, more)
}

/// The edits less the steps whose token was applied in an earlier save: a client that does not know
/// what became of that one may send them again with later ones.
fn not_yet_applied(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    ops: &[Op],
) -> Result<Vec<Op>, Refusal> {
    let mut left = Vec::with_capacity(ops.len());
    for op in ops {
        let known = match token_of(op) {
            None => false,
            Some(token) => {
                let statement = "SELECT token FROM rest_edits
                     WHERE collection = ?1 AND id = ?2 AND token = ?3";
                let values = [collection.into(), id.into(), token.into()];
                !session.query(statement, &values)?.is_empty()
            }
        };
        if !known {
            left.push(op.clone());
        }
    }
    Ok(left)
}

fn note_applied(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    ops: &[Op],
) -> Result<(), Refusal> {
    for token in ops.iter().filter_map(token_of) {
        session.query(
            "INSERT INTO rest_edits (collection, id, token) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
            &[collection.into(), id.into(), token.into()],
        )?;
    }
    Ok(())
}

fn token_of(op: &Op) -> Option<&str> {
    match op {
        Op::Increment { token, .. } => token.as_deref(),
        Op::Set { .. } | Op::Insert { .. } | Op::Remove { .. } | Op::Move { .. } => None,
    }
}
