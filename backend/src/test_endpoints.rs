//! `/_test/*`: what a test needs to say to the server beside the API.

use axum::http::Method;
use rusqlite::Transaction;
use serde_json::{json, Value};

use crate::app::App;
use crate::exchange::{Exchange, Reply};
use crate::frappe;
use crate::json::plain;
use crate::rest::Rest;

/// Answers a request below `/_test/`; 404 unless the server was started for tests.
pub fn answer(app: &App, exchange: &Exchange) -> Reply {
    if !app.options.test_endpoints {
        return Reply::json(404, &json!({"message": "start with --test-endpoints"}));
    }
    let body: Value = match exchange.body.is_empty() {
        true => Value::Null,
        false => match serde_json::from_slice(&exchange.body) {
            Ok(body) => body,
            Err(error) => return refused(&error.to_string()),
        },
    };
    let segments = exchange.segments();
    let done = match (&exchange.method, segments.get(1).map_or("", String::as_str)) {
        (&Method::GET, "log") => return Reply::json(200, &app.record.list()),
        (&Method::GET, "faults") => return Reply::json(200, &app.armed.list()),
        (&Method::GET, "routes") => {
            let routes = Rest::routes().map(|(method, address)| json!([method, address]));
            return Reply::json(200, &routes.collect());
        }
        (&Method::GET, "waiting") => {
            return Reply::json(200, &json!({"waiting": app.rest.waiting()}));
        }
        (&Method::DELETE, "log") => {
            app.record.clear();
            Ok(())
        }
        (&Method::DELETE, "faults") => {
            app.armed.clear();
            Ok(())
        }
        (&Method::POST, "faults") => app.armed.arm(&body),
        (&Method::POST, "price") => price(app, &body),
        (&Method::POST, "stock") => stock(app, &body),
        (&Method::POST, "touch") => frappe::touch(app, &body),
        (&Method::POST, "expire-sessions") => {
            app.sessions.expire_all();
            Ok(())
        }
        (&Method::POST, "reset") => reset(app),
        _ => return Reply::json(404, &json!({"message": "no such test endpoint"})),
    };
    match done {
        Ok(()) => Reply::json(200, &json!({"ok": true})),
        Err(reason) => refused(&reason),
    }
}

fn refused(reason: &str) -> Reply {
    Reply::json(400, &json!({ "message": reason }))
}

fn price(app: &App, body: &Value) -> Result<(), String> {
    let (item, rate) = (plain(&body["item_code"]), plain(&body["price_list_rate"]));
    if item.is_empty() || rate.is_empty() {
        return Err("item_code and price_list_rate are needed".to_owned());
    }
    execute(
        app,
        "INSERT INTO prices (item_code, rate, fresh) VALUES (?1, ?2, 1)
         ON CONFLICT (item_code) DO UPDATE SET rate = ?2, fresh = 1",
        &[&item, &rate],
    )
}

fn stock(app: &App, body: &Value) -> Result<(), String> {
    let (item, available) = (plain(&body["item_code"]), plain(&body["available"]));
    if item.is_empty() {
        return Err("item_code is needed".to_owned());
    }
    if available.is_empty() {
        return execute(app, "DELETE FROM stock WHERE item_code = ?1", &[&item]);
    }
    execute(
        app,
        "INSERT INTO stock (item_code, available) VALUES (?1, ?2)
         ON CONFLICT (item_code) DO UPDATE SET available = ?2",
        &[&item, &available],
    )
}

fn execute(app: &App, statement: &str, values: &[&String]) -> Result<(), String> {
    app.store
        .transact(|transaction: &Transaction<'_>| {
            transaction.execute(statement, rusqlite::params_from_iter(values)).map(|_| ())
        })
        .map_err(|error: rusqlite::Error| error.to_string())
}

fn reset(app: &App) -> Result<(), String> {
    app.armed.clear();
    app.record.clear();
    app.rest.clear()?;
    app.store.clear().map_err(|error| error.to_string())
}
