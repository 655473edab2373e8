//! Documents in the database: the newest copy, old versions by stamp, unique values.

use std::collections::BTreeMap;

use serde_json::{json, Map, Value};

use super::changes::Change;
use super::database::Session;
use super::refusal::Refusal;
use crate::exchange::Reply;
use crate::json::{plain, Fields};
use crate::number::decimal;
use crate::session::random_hex;

/// Old versions of a document that are kept as bases for a merge.
const VERSIONS_MAX: i64 = 1_000;
/// They are thinned out once in so many saves.
const THIN_EVERY: i64 = 64;
/// Longest unique value, in bytes: what an index of PostgreSQL takes.
const VALUE_BYTES_MAX: usize = 500;
/// Longest identity of a document, in bytes.
pub const ID_BYTES_MAX: usize = 250;

/// A stored document.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How often it was saved.
    pub version: i64,
    /// Its strong ETag, quotes included.
    pub stamp: String,
    /// Its JSON text.
    pub text: String,
}

impl Entry {
    /// An answer that carries the document.
    pub fn reply(&self, status: u16) -> Reply {
        Reply::text(status, "application/json", self.text.clone()).with("etag", self.stamp.clone())
    }

    /// `{"id", "stamp", "doc"}`, as answers about several documents have it.
    pub fn named(&self, id: &str) -> Value {
        json!({"id": id, "stamp": self.stamp, "doc": self.document()})
    }

    /// The document as a value; numbers keep their text.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// The collection that a request is about, and which of its fields are unique.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Fields whose values two documents never share; `token` is one always.
    pub unique: Vec<String>,
}

/// The newest copies of these documents, locked in the order of their ids, so that two requests
/// never wait for each other.
pub fn lock(
    session: &mut dyn Session,
    collection: &str,
    ids: &[&str],
) -> Result<BTreeMap<String, Option<Entry>>, Refusal> {
    let mut found: BTreeMap<String, Option<Entry>> =
        ids.iter().map(|id| ((*id).to_owned(), None)).collect();
    for (id, entry) in &mut found {
        let statement = "SELECT version, stamp, body FROM rest_documents
             WHERE collection = ?1 AND id = ?2";
        let rows = session.lock(statement, &[collection.into(), id.as_str().into()])?;
        *entry = rows.first().map(|row| Entry {
            version: row.int(0),
            stamp: row.text(1),
            text: row.text(2),
        });
    }
    Ok(found)
}

/// The newest copy of one document, locked.
pub fn lock_one(
    session: &mut dyn Session,
    collection: &str,
    id: &str,
) -> Result<Option<Entry>, Refusal> {
    Ok(lock(session, collection, &[id])?.remove(id).flatten())
}

/// The newest copy of one document.
pub fn load(
    session: &mut dyn Session,
    collection: &str,
    id: &str,
) -> Result<Option<Entry>, Refusal> {
    let statement =
        "SELECT version, stamp, body FROM rest_documents WHERE collection = ?1 AND id = ?2";
    let rows = session.query(statement, &[collection.into(), id.into()])?;
    let entry = |row: &super::database::Row| Entry {
        version: row.int(0),
        stamp: row.text(1),
        text: row.text(2),
    };
    Ok(rows.first().map(entry))
}

/// All documents in the order of their creation.
pub fn list(session: &mut dyn Session, collection: &str) -> Result<Vec<String>, Refusal> {
    let statement = "SELECT body FROM rest_documents WHERE collection = ?1 ORDER BY number";
    let rows = session.query(statement, &[collection.into()])?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

/// The document that holds a unique value.
pub fn holding(
    session: &mut dyn Session,
    collection: &str,
    field: &str,
    value: &str,
) -> Result<Option<String>, Refusal> {
    let statement = "SELECT documents.body FROM rest_unique AS held
         JOIN rest_documents AS documents
           ON documents.collection = held.collection AND documents.id = held.id
         WHERE held.collection = ?1 AND held.field = ?2 AND held.value = ?3";
    let rows = session.query(statement, &[collection.into(), field.into(), value.into()])?;
    Ok(rows.first().map(|row| row.text(0)))
}

/// The text that a document had at a stamp, if it is still kept.
pub fn version(
    session: &mut dyn Session,
    collection: &str,
    id: &str,
    stamp: &str,
) -> Result<Option<String>, Refusal> {
    let statement = "SELECT body FROM rest_versions
         WHERE collection = ?1 AND id = ?2 AND stamp = ?3";
    let rows = session.query(statement, &[collection.into(), id.into(), stamp.into()])?;
    Ok(rows.first().map(|row| row.text(0)))
}

/// Stores a document over `before`, which this transaction has locked; none if it is new. The feed
/// tells the write's `token`.
pub fn store(
    session: &mut dyn Session,
    collection: &Collection,
    id: &str,
    mut body: Fields,
    before: Option<&Entry>,
    token: Option<&str>,
) -> Result<Entry, Refusal> {
    if let Some(other) = body.get("id").map(plain).filter(|other| other != id) {
        let message = format!("{other} is not the document at this address");
        return Err(Refusal::invalid(Map::from_iter([("id".to_owned(), json!(message))])));
    }
    check(&body)?;
    let version = before.map_or(1, |entry| entry.version + 1);
    body.insert("id".to_owned(), json!(id));
    body.insert("version".to_owned(), json!(version));
    let entry = Entry {
        version,
        stamp: format!("\"{}\"", random_hex(8)),
        text: Value::Object(body.clone()).to_string(),
    };
    let number = write(session, collection, id, &entry, before)?;
    let from = before.map(|entry| entry.stamp.as_str());
    let place = [collection.name.as_str(), id];
    Change::tell(session, place, number, Some(&entry.stamp), from, token)?;
    claim_unique(session, collection, id, &body)?;
    Ok(entry)
}

fn write(
    session: &mut dyn Session,
    collection: &Collection,
    id: &str,
    entry: &Entry,
    before: Option<&Entry>,
) -> Result<i64, Refusal> {
    let name = collection.name.as_str();
    let number = session.number()?;
    let values = [
        name.into(),
        id.into(),
        number.into(),
        entry.version.into(),
        entry.stamp.as_str().into(),
        entry.text.as_str().into(),
    ];
    match before {
        // Where there was no row, none was locked: another transaction may have made one since.
        None => {
            let statement =
                "INSERT INTO rest_documents (collection, id, number, version, stamp, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING id";
            if session.query(statement, &values)?.is_empty() {
                return Err(Refusal::Contended);
            }
        }
        Some(_) => {
            let statement = "UPDATE rest_documents SET version = ?3, stamp = ?4, body = ?5
                 WHERE collection = ?1 AND id = ?2";
            let [name, id, _, version, stamp, text] = values;
            session.query(statement, &[name, id, version, stamp, text])?;
        }
    }
    session.query(
        "INSERT INTO rest_versions (collection, id, stamp, number, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            name.into(),
            id.into(),
            entry.stamp.as_str().into(),
            number.into(),
            entry.text.as_str().into(),
        ],
    )?;
    if entry.version % THIN_EVERY == 0 {
        session.query(
            "DELETE FROM rest_versions WHERE collection = ?1 AND id = ?2 AND number <= (
                 SELECT number FROM rest_versions WHERE collection = ?1 AND id = ?2
                 ORDER BY number DESC LIMIT 1 OFFSET ?3)",
            &[name.into(), id.into(), VERSIONS_MAX.into()],
        )?;
    }
    Ok(number)
}

/// Lets go of a document's unique values but the token that made it, so that documents of one commit
/// may swap theirs.
pub fn release_unique(
    session: &mut dyn Session,
    collection: &Collection,
    id: &str,
) -> Result<(), Refusal> {
    let statement = "DELETE FROM rest_unique
         WHERE collection = ?1 AND id = ?2 AND field <> 'token'";
    session.query(statement, &[collection.name.as_str().into(), id.into()])?;
    Ok(())
}

fn claim_unique(
    session: &mut dyn Session,
    collection: &Collection,
    id: &str,
    body: &Fields,
) -> Result<(), Refusal> {
    release_unique(session, collection, id)?;
    if let Some(token) = body.get("token").map(plain).filter(|token| !token.is_empty()) {
        let statement = "DELETE FROM rest_unique
             WHERE collection = ?1 AND id = ?2 AND field = 'token' AND value <> ?3";
        let name = collection.name.as_str();
        session.query(statement, &[name.into(), id.into(), token.as_str().into()])?;
        claim_value(session, collection, id, "token", &token)?;
    }
    for field in &collection.unique {
        if let Some(value) = body.get(field).map(plain).filter(|value| !value.is_empty()) {
            claim_value(session, collection, id, field, &value)?;
        }
    }
    Ok(())
}

/// Takes a unique value for a document, or says who has it.
pub fn claim_value(
    session: &mut dyn Session,
    collection: &Collection,
    id: &str,
    field: &str,
    value: &str,
) -> Result<(), Refusal> {
    if value.len() > VALUE_BYTES_MAX || value.contains('\0') {
        let message = "a unique value has at most 500 bytes and no zero byte";
        return Err(Refusal::invalid(Map::from_iter([(field.to_owned(), json!(message))])));
    }
    let name = collection.name.as_str();
    // PostgreSQL waits here for another transaction that has just written the same value.
    session.query(
        "INSERT INTO rest_unique (collection, field, value, id) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        &[name.into(), field.into(), value.into(), id.into()],
    )?;
    let statement = "SELECT id FROM rest_unique
         WHERE collection = ?1 AND field = ?2 AND value = ?3";
    let rows = session.query(statement, &[name.into(), field.into(), value.into()])?;
    match rows.first().map(|row| row.text(0)) {
        Some(holder) if holder == id => Ok(()),
        Some(holder) => Err(taken(name, &holder, Some(field))),
        // Its holder has just let go of it.
        None => Err(Refusal::Contended),
    }
}

/// Deletes a document that this transaction has locked.
pub fn delete(
    session: &mut dyn Session,
    collection: &str,
    id: &str,
    before: &Entry,
    token: Option<&str>,
) -> Result<(), Refusal> {
    let number = session.number()?;
    let key = [collection.into(), id.into()];
    session.query("DELETE FROM rest_documents WHERE collection = ?1 AND id = ?2", &key)?;
    session.query("DELETE FROM rest_unique WHERE collection = ?1 AND id = ?2", &key)?;
    Change::tell(session, [collection, id], number, None, Some(&before.stamp), token)
}

/// 409: there is such a document already, or one with this unique value.
pub fn taken(collection: &str, id: &str, field: Option<&str>) -> Refusal {
    let mut more = json!({ "id": id });
    if let Some(field) = field {
        more["field"] = json!(field);
    }
    match Refusal::with(409, "exists", "The document exists already", more) {
        Refusal::Answer(reply) => Refusal::Answer(reply.with("location", location(collection, id))),
        other => other,
    }
}

/// A document's address.
pub fn location(collection: &str, id: &str) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    format!("/rest/{}/{}", encode(collection), encode(id))
}

/// Refuses identities that the dialect keeps for itself, and such as do not fit.
pub fn check_id(id: &str) -> Result<(), Refusal> {
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.contains('\0') {
        return Err(Refusal::unfit("An id has 1 to 250 bytes and no zero byte"));
    }
    if id.starts_with('_') {
        return Err(Refusal::unfit("Ids that begin with _ are reserved"));
    }
    Ok(())
}

/// Every quantity in a row is greater than zero.
fn check(body: &Fields) -> Result<(), Refusal> {
    let mut fields = Map::new();
    for (table, value) in body {
        for (index, row) in value.as_array().into_iter().flatten().enumerate() {
            let Some(qty) = row.get("qty") else { continue };
            if decimal(Some(qty)).map_or(true, |qty| qty <= 0.into()) {
                fields.insert(format!("{table}.{index}.qty"), json!("must be greater than zero"));
            }
        }
    }
    if fields.is_empty() {
        Ok(())
    } else {
        Err(Refusal::invalid(fields))
    }
}
