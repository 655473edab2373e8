//! Idempotency keys: a write that was done is answered again, never done again.

use rand::Rng;
use serde_json::{json, Value};

use super::database::Session;
use super::refusal::Refusal;
use crate::exchange::{Exchange, Reply};

/// How long an answer is kept: longer than any till is offline.
const KEPT_MS: i64 = 90 * 24 * 3_600 * 1_000;
/// Old answers are thrown away once in so many writes.
const SWEEP_EVERY: u32 = 256;
/// Longest key, in bytes.
const TOKEN_BYTES_MAX: usize = 250;

/// Does `work` once for the request's `Idempotency-Key`, in this transaction; a request that was
/// done is answered as it was the first time. A refusal is not kept: nothing was done.
pub fn once(
    session: &mut dyn Session,
    exchange: &Exchange,
    collection: &str,
    work: impl FnOnce(&mut dyn Session) -> Result<Reply, Refusal>,
) -> Result<Reply, Refusal> {
    let token = exchange.header("idempotency-key").unwrap_or_default();
    if token.is_empty() {
        return work(session);
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::unfit("An Idempotency-Key has at most 250 bytes"));
    }
    let body = String::from_utf8_lossy(&exchange.body).replace('\0', "");
    let request = format!("{} {}\n{body}", exchange.method, exchange.path);
    let now = session.now()?;
    let claimed = session.query(
        // PostgreSQL waits here for a request with the same key that is under way.
        "INSERT INTO rest_replays (collection, token, request, created, status, headers, answer)
         VALUES (?1, ?2, ?3, ?4, 0, '', '') ON CONFLICT DO NOTHING RETURNING token",
        &[collection.into(), token.into(), request.as_str().into(), now.into()],
    )?;
    if claimed.is_empty() {
        return replay(session, collection, token, &request);
    }
    if rand::rng().random_ratio(1, SWEEP_EVERY) {
        let statement = "DELETE FROM rest_replays WHERE created < ?1";
        session.query(statement, &[(now - KEPT_MS).into()])?;
    }
    let reply = work(session)?;
    let headers: Vec<_> = reply.headers.iter().map(|(name, value)| json!([name, value])).collect();
    session.query(
        "UPDATE rest_replays SET status = ?3, headers = ?4, answer = ?5
         WHERE collection = ?1 AND token = ?2",
        &[
            collection.into(),
            token.into(),
            i64::from(reply.status).into(),
            json!(headers).to_string().as_str().into(),
            String::from_utf8_lossy(&reply.body).as_ref().into(),
        ],
    )?;
    Ok(reply)
}

/// The first answer again. `"replayed": false` in it becomes true.
fn replay(
    session: &mut dyn Session,
    collection: &str,
    token: &str,
    request: &str,
) -> Result<Reply, Refusal> {
    let statement = "SELECT request, status, headers, answer FROM rest_replays
         WHERE collection = ?1 AND token = ?2";
    let rows = session.query(statement, &[collection.into(), token.into()])?;
    // The transaction that had the key was rolled back in this moment.
    let row = rows.first().ok_or(Refusal::Contended)?;
    if row.text(0) != request {
        return Err(Refusal::new(422, "token_reused", "The key was used for another request"));
    }
    let mut answer = row.text(3);
    if let Some(marked) = marked_as_replay(&answer) {
        answer = marked;
    }
    let status = u16::try_from(row.int(1)).unwrap_or(200);
    let mut reply = Reply::text(status, "application/json", answer);
    reply.headers.clear();
    let headers: Value = serde_json::from_str(&row.text(2)).unwrap_or_default();
    for pair in headers.as_array().into_iter().flatten() {
        let known = ["content-type", "etag", "location", "fence", "lease-ttl", "retry-after"];
        let name = known.iter().find(|name| pair[0] == **name);
        if let (Some(name), Some(value)) = (name, pair[1].as_str()) {
            reply.headers.push((name, value.to_owned()));
        }
    }
    Ok(reply)
}

fn marked_as_replay(answer: &str) -> Option<String> {
    if !answer.contains("\"replayed\":false") {
        return None;
    }
    let mut body: Value = serde_json::from_str(answer).ok()?;
    let replayed = body.get_mut("replayed")?;
    *replayed = Value::Bool(true);
    Some(body.to_string())
}
