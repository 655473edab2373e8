//! Why a request is not done, and how that is said: JSON `{"code", "message", …}`.

use serde_json::{json, Value};

use crate::exchange::Reply;
use crate::json::Fields;

/// What a client is told to wait, in seconds, when the database is busy.
const BUSY_SECONDS: u32 = 1;

/// A request that is not done. Its transaction is rolled back.
#[derive(Debug)]
pub enum Refusal {
    /// The answer says why.
    Answer(Reply),
    /// Another transaction holds the same rows, or this one lost to it: worth another try.
    Contended,
    /// The database failed before the commit: nothing is stored.
    Broken(String),
    /// The connection failed during the commit: nobody knows.
    InDoubt(String),
}

impl Refusal {
    /// An answer with a code and a sentence.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self::with(status, code, message, json!({}))
    }

    /// An answer with a code, a sentence and more members.
    pub fn with(status: u16, code: &str, message: &str, more: Value) -> Self {
        let mut body = json!({"code": code, "message": message});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        Self::Answer(Reply::json(status, &body))
    }

    /// 422 for the named fields of a document.
    pub fn invalid(fields: Fields) -> Self {
        Self::with(422, "invalid", "The document is not valid", json!({ "fields": fields }))
    }

    /// 422 for something about a request other than a document.
    pub fn unfit(message: &str) -> Self {
        Self::new(422, "invalid", message)
    }

    /// 400: not what the address takes.
    pub fn malformed(message: &str) -> Self {
        Self::new(400, "malformed", message)
    }

    /// 404 for an address.
    pub fn missing() -> Self {
        Self::new(404, "not_found", "There is no such document")
    }

    /// 404 for one of several documents.
    pub fn missing_id(id: &str) -> Self {
        Self::with(404, "not_found", "There is no such document", json!({ "id": id }))
    }

    /// 409: the fence is old, or its lease has ended.
    pub fn fenced(id: &str) -> Self {
        let message = "The lease of this fence has ended, or a newer one was granted";
        Self::with(409, "fenced", message, json!({ "id": id }))
    }

    /// 423: somebody holds the document for this many milliseconds more.
    pub fn leased(id: &str, retry_after_ms: i64) -> Self {
        let more = json!({"id": id, "retry_after": retry_after_ms});
        match Self::with(423, "leased", "Somebody holds the document", more) {
            Self::Answer(reply) => Self::Answer(reply.with("retry-after", seconds(retry_after_ms))),
            other => other,
        }
    }

    /// The answer.
    pub fn reply(self) -> Reply {
        match self {
            Self::Answer(reply) => reply,
            Self::Contended | Self::Broken(_) => {
                let message = match self {
                    Self::Broken(reason) => reason,
                    _ => "Others are at the same documents; nothing was stored".to_owned(),
                };
                Reply::json(503, &json!({"code": "busy", "message": message}))
                    .with("retry-after", BUSY_SECONDS.to_string())
            }
            // No 503: that would promise that nothing was stored.
            Self::InDoubt(reason) => {
                Reply::json(500, &json!({"code": "in_doubt", "message": reason}))
            }
        }
    }
}

/// Milliseconds as whole seconds, rounded up, for `Retry-After`.
fn seconds(milliseconds: i64) -> String {
    (milliseconds.max(0).saturating_add(999) / 1_000).to_string()
}
