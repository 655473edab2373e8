//! `restamp_commit.commit`: the server method of `examples/frappe`, which a team adds to its app so
//! that several documents are stored all or none. Frappe itself has nothing like it.

use rusqlite::OptionalExtension;
use serde_json::{json, Value};

use super::arguments::Arguments;
use super::document::{self, Nulls};
use super::envelope::Refusal;
use super::query::unfold;
use super::save::Save;
use super::Call;
use crate::json::{plain, Fields};

/// The path of the method.
pub const METHOD: &str = "restamp_commit.commit";

/// Stores all of `writes` or nothing; a token that is known is answered as it was.
pub fn run(call: &Call<'_>) -> Result<Value, Refusal> {
    call.transact(|save| commit(save, &call.arguments))
}

fn commit(save: &Save<'_>, arguments: &Arguments) -> Result<Value, Refusal> {
    let (doctype, token) = (arguments.text("doctype"), arguments.text("token"));
    if token.is_empty() {
        return Err(Refusal::invalid("token is missing"));
    }
    if let Some(mut answer) = known(save, &token)? {
        answer["replayed"] = json!(true);
        return Ok(answer);
    }
    let Value::Array(mut writes) = unfold(arguments.value("writes")) else {
        return Err(Refusal::invalid("writes is not a list"));
    };
    // Always in the same order, so that two commits never wait for each other.
    writes.sort_by_key(|write| plain(&write["name"]));
    let mut documents = Vec::with_capacity(writes.len());
    for write in writes {
        let name = store(save, &doctype, &write)?;
        let stored = document::load(save.transaction, &doctype, &name)?;
        documents.push(stored.answer(Nulls::Absent));
    }
    let answer = json!({ "documents": documents, "replayed": false });
    save.transaction.execute(
        "INSERT INTO commits (token, user, answer) VALUES (?1, ?2, ?3)",
        (&token, save.user, answer.to_string()),
    )?;
    Ok(answer)
}

/// A document is new unless a stamp is sent with it.
fn store(save: &Save<'_>, doctype: &str, write: &Value) -> Result<String, Refusal> {
    let Value::Object(doc) = &write["doc"] else {
        return Err(Refusal::invalid("a write has no doc"));
    };
    let mut body: Fields = doc.clone();
    body.insert("doctype".to_owned(), json!(doctype));
    let stored = match plain(&write["modified"]) {
        stamp if stamp.is_empty() => save.insert(doctype, body)?,
        stamp => {
            body.insert("name".to_owned(), write["name"].clone());
            body.insert("modified".to_owned(), json!(stamp));
            save.replace(body)?
        }
    };
    Ok(stored.text("name").to_owned())
}

/// What this user's commit with this token was answered.
fn known(save: &Save<'_>, token: &str) -> Result<Option<Value>, Refusal> {
    let statement = "SELECT answer FROM commits WHERE token = ?1 AND user = ?2";
    let found: Option<String> =
        save.transaction.query_row(statement, (token, save.user), |row| row.get(0)).optional()?;
    Ok(found.and_then(|answer| serde_json::from_str(&answer).ok()))
}
