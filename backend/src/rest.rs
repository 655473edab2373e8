//! The REST dialect: strong ETags, `If-Match`, `Idempotency-Key`, and a `version` in the body.
//!
//! After RFC 9110 (conditional requests) and RFC 6585 (428). The documents are the client's
//! own; nothing is computed.

use axum::http::Method;
use rusqlite::{OptionalExtension, Transaction};
use serde_json::{json, Map, Value};

use crate::app::App;
use crate::exchange::{Exchange, Reply};
use crate::json::{plain, text, Fields};
use crate::number::decimal;
use crate::session::random_hex;

/// A stored document.
#[derive(Debug)]
struct Entry {
    version: i64,
    etag: String,
    body: Fields,
}

/// A refused request.
#[derive(Debug)]
struct Refusal(Reply);

impl Refusal {
    fn new(status: u16, code: &str, message: &str) -> Self {
        Self(Reply::json(status, &json!({ "code": code, "message": message })))
    }

    fn invalid(fields: Fields) -> Self {
        let body =
            json!({"code": "invalid", "message": "The document is not valid", "fields": fields});
        Self(Reply::json(422, &body))
    }

    fn missing() -> Self {
        Self::new(404, "not_found", "There is no such document")
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(500, "database", &error.to_string())
    }
}

/// Answers a request below `/rest/`.
pub fn answer(app: &App, exchange: &Exchange) -> Reply {
    let segments = exchange.segments();
    let path: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let done = app.store.transact(|transaction: &Transaction<'_>| {
        let shelf =
            Shelf { transaction, exchange, collection: path.first().copied().unwrap_or("") };
        match (&exchange.method, path.as_slice()) {
            (&Method::GET | &Method::HEAD, [_]) => shelf.find(),
            (&Method::POST, [_]) => shelf.create(),
            (&Method::GET | &Method::HEAD, [_, id]) => shelf.get(id),
            (&Method::PUT, [_, id]) => shelf.put(id),
            (&Method::DELETE, [_, id]) => shelf.delete(id),
            (_, [_] | [_, _]) => {
                Err(Refusal::new(405, "method_not_allowed", "The method is not allowed here"))
            }
            _ => Err(Refusal::missing()),
        }
    });
    match done {
        Ok(reply) | Err(Refusal(reply)) => reply,
    }
}

/// One collection during one request.
struct Shelf<'a> {
    transaction: &'a Transaction<'a>,
    exchange: &'a Exchange,
    collection: &'a str,
}

impl Shelf<'_> {
    fn find(&self) -> Result<Reply, Refusal> {
        let mut statement = self
            .transaction
            .prepare("SELECT body FROM entries WHERE collection = ?1 ORDER BY rowid")?;
        let bodies = statement.query_map([self.collection], |row| row.get::<_, String>(0))?;
        let mut found = Vec::new();
        for body in bodies {
            found.extend(serde_json::from_str::<Value>(&body?));
        }
        let wanted = self.exchange.query.iter().filter(|(name, _)| name != "_fault");
        for (name, value) in wanted {
            found.retain(|document| document.get(name).map(plain).as_ref() == Some(value));
        }
        Ok(Reply::json(200, &found.into()))
    }

    fn get(&self, id: &str) -> Result<Reply, Refusal> {
        let entry = self.load(id)?.ok_or_else(Refusal::missing)?;
        match self.exchange.header("if-none-match") {
            Some(list) if lists(list, &entry.etag) => {
                Ok(Reply::text(304, "application/json", "").with("etag", entry.etag))
            }
            _ => Ok(entry.reply(200)),
        }
    }

    fn create(&self) -> Result<Reply, Refusal> {
        let body = self.body()?;
        let key = self.exchange.header("idempotency-key").unwrap_or_default();
        let request = Value::Object(body.clone()).to_string();
        if !key.is_empty() {
            if let Some(reply) = self.replay(key, &request)? {
                return Ok(reply);
            }
        }
        let id = match body.get("id").map(plain).filter(|id| !id.is_empty()) {
            Some(id) if self.load(&id)?.is_some() => return Err(self.taken(&id)),
            Some(id) => id,
            None => random_hex(8),
        };
        let entry = self.store(&id, body, 1)?;
        let location = self.location(&id);
        if !key.is_empty() {
            self.transaction.execute(
                "INSERT INTO replays (collection, key, request, status, etag, location, answer)
                 VALUES (?1, ?2, ?3, 201, ?4, ?5, ?6)",
                (self.collection, key, &request, &entry.etag, &location, entry.text()),
            )?;
        }
        Ok(entry.reply(201).with("location", location))
    }

    /// The first answer to this key again; another request under the same key is refused.
    fn replay(&self, key: &str, request: &str) -> Result<Option<Reply>, Refusal> {
        let found: Option<(String, u16, String, String, String)> = self
            .transaction
            .query_row(
                "SELECT request, status, etag, location, answer FROM replays
                 WHERE collection = ?1 AND key = ?2",
                (self.collection, key),
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
            )
            .optional()?;
        let Some((first, status, etag, location, answer)) = found else { return Ok(None) };
        if first != request {
            let message = "The key was used for another request";
            return Err(Refusal::new(422, "idempotency_key_reused", message));
        }
        let reply = Reply::text(status, "application/json", answer);
        Ok(Some(reply.with("etag", etag).with("location", location)))
    }

    fn put(&self, id: &str) -> Result<Reply, Refusal> {
        let stored = self.load(id)?;
        let exchange = self.exchange;
        if exchange.header("if-none-match").is_some_and(|list| list.trim() == "*") {
            if let Some(entry) = stored {
                return Err(self.stale(412, &entry));
            }
            return Ok(self.store(id, self.body()?, 1)?.reply(201));
        }
        let by_version = exchange.query("stamp") == Some("version");
        let if_match = exchange.header("if-match");
        if !by_version && if_match.is_none() {
            return Err(Refusal::new(428, "precondition_required", "Send If-Match"));
        }
        let entry = stored.ok_or_else(Refusal::missing)?;
        let body = self.body()?;
        if by_version {
            let sent = body.get("version").and_then(Value::as_i64);
            if sent != Some(entry.version) {
                return Err(self.stale(409, &entry));
            }
        } else if !lists(if_match.unwrap_or_default(), &entry.etag) {
            return Err(self.stale(412, &entry));
        }
        Ok(self.store(id, body, entry.version + 1)?.reply(200))
    }

    fn delete(&self, id: &str) -> Result<Reply, Refusal> {
        let entry = self.load(id)?.ok_or_else(Refusal::missing)?;
        if let Some(list) = self.exchange.header("if-match") {
            if !lists(list, &entry.etag) {
                return Err(self.stale(412, &entry));
            }
        }
        self.transaction.execute(
            "DELETE FROM entries WHERE collection = ?1 AND id = ?2",
            (self.collection, id),
        )?;
        Ok(Reply::text(204, "application/json", ""))
    }

    /// A stale save; with `Prefer: return=representation` the newest document comes with it.
    fn stale(&self, status: u16, entry: &Entry) -> Refusal {
        let prefer = self.exchange.header("prefer").or_else(|| self.exchange.query("prefer"));
        if prefer.is_some_and(|prefer| prefer.contains("return=representation")) {
            return Refusal(entry.reply(status));
        }
        let code = if status == 412 { "stale" } else { "version_conflict" };
        Refusal::new(status, code, "The document has changed since it was read")
    }

    fn taken(&self, id: &str) -> Refusal {
        let Refusal(reply) = Refusal::new(409, "exists", "The document exists already");
        Refusal(reply.with("location", self.location(id)))
    }

    fn location(&self, id: &str) -> String {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        format!("/rest/{}/{}", encode(self.collection), encode(id))
    }

    fn load(&self, id: &str) -> Result<Option<Entry>, Refusal> {
        let found = self
            .transaction
            .query_row(
                "SELECT version, etag, body FROM entries WHERE collection = ?1 AND id = ?2",
                (self.collection, id),
                |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)),
            )
            .optional()?;
        Ok(found.and_then(|(version, etag, body)| {
            let Ok(Value::Object(body)) = serde_json::from_str(&body) else { return None };
            Some(Entry { version, etag, body })
        }))
    }

    fn store(&self, id: &str, mut body: Fields, version: i64) -> Result<Entry, Refusal> {
        if let Some(other) = body.get("id").map(plain).filter(|other| other != id) {
            let message = format!("{other} is not the document at this address");
            return Err(Refusal::invalid(Map::from_iter([("id".to_owned(), json!(message))])));
        }
        check(&body)?;
        body.insert("id".to_owned(), json!(id));
        body.insert("version".to_owned(), json!(version));
        let token = text(&body, "token").filter(|token| !token.is_empty()).map(str::to_owned);
        if let Some(token) = &token {
            let holder: Option<String> = self
                .transaction
                .query_row(
                    "SELECT id FROM entries WHERE collection = ?1 AND token = ?2 AND id <> ?3",
                    (self.collection, token, id),
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(holder) = holder {
                return Err(self.taken(&holder));
            }
        }
        let entry = Entry { version, etag: format!("\"{}\"", random_hex(8)), body };
        self.transaction.execute(
            "INSERT INTO entries (collection, id, version, etag, token, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (collection, id)
             DO UPDATE SET version = ?3, etag = ?4, token = ?5, body = ?6",
            (self.collection, id, version, &entry.etag, token, entry.text()),
        )?;
        Ok(entry)
    }

    fn body(&self) -> Result<Fields, Refusal> {
        match serde_json::from_slice::<Value>(&self.exchange.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Refusal::new(400, "malformed", "The body is not an object")),
            Err(error) => Err(Refusal::new(400, "malformed", &error.to_string())),
        }
    }
}

impl Entry {
    fn text(&self) -> String {
        Value::Object(self.body.clone()).to_string()
    }

    fn reply(&self, status: u16) -> Reply {
        Reply::text(status, "application/json", self.text()).with("etag", self.etag.clone())
    }
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

/// Strong comparison: `*` matches, a weak tag never does (RFC 9110, 13.1.1).
fn lists(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|listed| listed == "*" || listed == etag)
}
