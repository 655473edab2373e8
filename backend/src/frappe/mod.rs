//! The Frappe dialect: `/api/resource`, `/api/method`, `/api/v2`.
//!
//! Start reading at [`answer`]; a save goes `resource` or `client_methods`, then `save`.

mod arguments;
mod children;
mod client_methods;
mod commit;
mod document;
mod envelope;
mod fields;
mod html;
mod naming;
mod query;
mod resource;
mod rules;
mod save;
mod totals;

use axum::http::Method;
use rusqlite::Transaction;
use serde_json::{json, Value};

use self::arguments::Arguments;
use self::envelope::{Dialect, Refusal};
use self::save::Save;
use crate::app::App;
use crate::clock::Moment;
use crate::exchange::{Exchange, Reply};
use crate::json::plain;
use crate::session::Caller;

pub use self::envelope::Refusal as Refused;

/// A call that succeeded.
#[derive(Debug)]
enum Done {
    /// Under `data` or `message`, as the API has it.
    Value(u16, Value),
    /// The whole body.
    Whole(Reply),
}

/// One signed-in call and all it needs.
struct Call<'a> {
    app: &'a App,
    exchange: &'a Exchange,
    arguments: Arguments,
    dialect: Dialect,
    user: String,
    sid: Option<String>,
}

/// Answers a request below `/api/`.
pub fn answer(app: &App, exchange: &Exchange) -> Reply {
    let segments = exchange.segments();
    let path: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let (dialect, path) = match path.as_slice() {
        ["v2", rest @ ..] => (Dialect::V2, rest),
        ["v1", rest @ ..] => (Dialect::V1, rest),
        rest => (Dialect::V1, rest),
    };
    let key = match (dialect, path.first()) {
        (Dialect::V1, Some(&"method")) => "message",
        _ => "data",
    };
    match route(app, exchange, dialect, path) {
        Ok(Done::Value(status, value)) => Reply::json(status, &json!({ key: value })),
        Ok(Done::Whole(reply)) => reply,
        Err(refusal) => {
            let reply = refusal.reply(dialect);
            // A browser's own Accept header gets a page in place of the envelope.
            match exchange.header("accept") {
                Some(accept) if accept.starts_with("text/html") => Reply::html(
                    reply.status,
                    "<!DOCTYPE html>\n<html><head><title>Server Error</title></head></html>",
                ),
                _ => reply,
            }
        }
    }
}

fn route(app: &App, exchange: &Exchange, dialect: Dialect, path: &[&str]) -> Result<Done, Refusal> {
    let arguments = Arguments::read(exchange)?;
    if let ["method", name] = path {
        if let Some(done) = client_methods::open_to_all(app, exchange, &arguments, name)? {
            return Ok(done);
        }
    }
    let (user, sid) = identify(app, exchange, path)?;
    if let (Some(sid), true) = (&sid, exchange.writes()) {
        let form = arguments.text("csrf_token");
        let sent = exchange.header("x-frappe-csrf-token").or(Some(form.as_str()));
        if !app.sessions.csrf_passes(sid, sent) {
            return Err(Refusal::csrf());
        }
    }
    let call = Call { app, exchange, arguments, dialect, user, sid };
    match (dialect, path) {
        (_, ["method", name]) => client_methods::run(&call, name),
        (Dialect::V1, ["resource", doctype]) | (Dialect::V2, ["document", doctype]) => {
            resource::collection(&call, doctype)
        }
        (Dialect::V1, ["resource", doctype, name]) | (Dialect::V2, ["document", doctype, name]) => {
            resource::document(&call, doctype, name)
        }
        (Dialect::V2, ["document", doctype, name, "method", method])
            if exchange.method == Method::POST =>
        {
            resource::run_method(&call, doctype, name, method)
        }
        _ => Err(Refusal::nowhere()),
    }
}

fn identify(
    app: &App,
    exchange: &Exchange,
    path: &[&str],
) -> Result<(String, Option<String>), Refusal> {
    match app.sessions.caller(exchange) {
        Caller::Token { user } => Ok((user, None)),
        Caller::Session { user, sid } => Ok((user, Some(sid))),
        Caller::Unknown => Err(Refusal::unauthenticated()),
        Caller::Guest { expired } => Err(guest(path, expired, exchange.writes())),
    }
}

/// What a guest is told: a dead session is 403, not 401 (transcript 04).
fn guest(path: &[&str], expired: bool, writes: bool) -> Refusal {
    match path {
        ["method", name] => Refusal::guest_method(name, expired),
        ["resource" | "document", doctype, ..] => Refusal::guest_document(doctype, expired, writes),
        _ => Refusal::nowhere(),
    }
}

/// The answer of a session that has ended, for the fault of that name.
pub fn session_expired(exchange: &Exchange) -> Reply {
    let segments = exchange.segments();
    let path: Vec<&str> = segments
        .iter()
        .map(String::as_str)
        .filter(|part| !matches!(*part, "api" | "v1" | "v2"))
        .collect();
    guest(&path, true, exchange.writes()).reply(api_of(&exchange.path))
}

/// The envelope a path's errors come in.
pub fn api_of(path: &str) -> Dialect {
    if path.starts_with("/api/v2/") {
        Dialect::V2
    } else {
        Dialect::V1
    }
}

impl Call<'_> {
    /// Runs `work` as one save in one transaction. The clock is read inside it, so stamps
    /// follow the order of the commits.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Save<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.app.store.transact(|transaction: &Transaction<'_>| {
            work(&Save {
                transaction,
                user: &self.user,
                now: Moment::now(),
                strict_items: self.app.options.strict_items,
            })
        })
    }
}

/// Moves a document's stamp with no edit, as server code does in the background
/// (transcript 61).
pub fn touch(app: &App, body: &Value) -> Result<(), String> {
    let (doctype, name) = (plain(&body["doctype"]), plain(&body["name"]));
    app.store
        .transact(|transaction: &Transaction<'_>| {
            let mut found = document::load(transaction, &doctype, &name)?;
            let stamp = Moment::now().after(found.text("modified")).stamp();
            found.header.insert("modified".to_owned(), json!(stamp));
            document::write_header(transaction, &found)
        })
        .map_err(|_: Refusal| format!("{doctype} {name} not found"))
}
