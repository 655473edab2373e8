//! `/api/method/...`: sign-in, `frappe.client.*`, the desk's `savedocs`.

use axum::http::Method;
use serde_json::{json, Value};

use super::arguments::Arguments;
use super::document::{self, Document, Nulls};
use super::envelope::Refusal;
use super::query::{unfold, Query};
use super::save::Save;
use super::{commit, resource, Call, Done};
use crate::app::App;
use crate::exchange::{Exchange, Reply};
use crate::json::{plain, Fields};

const COOKIE: &str = "HttpOnly; Path=/; SameSite=Lax";
const POST_ONLY: [&str; 9] = [
    commit::METHOD,
    "frappe.client.save",
    "frappe.client.submit",
    "frappe.client.cancel",
    "frappe.client.insert",
    "frappe.client.delete",
    "frappe.client.set_value",
    "frappe.desk.form.save.savedocs",
    "run_doc_method",
];

/// The methods a guest may call; nothing if the method is not one of them.
pub fn open_to_all(
    app: &App,
    exchange: &Exchange,
    arguments: &Arguments,
    method: &str,
) -> Result<Option<Done>, Refusal> {
    match method {
        "ping" | "frappe.ping" => Ok(Some(Done::Value(200, json!("pong")))),
        "login" => {
            let (name, password) = (arguments.text("usr"), arguments.text("pwd"));
            let (sid, user) = app.sessions.login(&name, &password).ok_or(Refusal::bad_login())?;
            let full_name = user.split('@').next().unwrap_or(&user);
            let body = json!({"message": "Logged In", "home_page": "/app", "full_name": full_name});
            let reply = Reply::json(200, &body)
                .with("set-cookie", format!("sid={sid}; {COOKIE}"))
                .with("set-cookie", format!("user_id={user}; Path=/; SameSite=Lax"));
            Ok(Some(Done::Whole(reply)))
        }
        "logout" => {
            if let Some(sid) = exchange.cookie("sid") {
                app.sessions.logout(sid);
            }
            let clear = "sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/";
            Ok(Some(Done::Whole(Reply::json(200, &json!({})).with("set-cookie", clear))))
        }
        _ => Ok(None),
    }
}

/// Runs a method for a signed-in user.
pub fn run(call: &Call<'_>, method: &str) -> Result<Done, Refusal> {
    if POST_ONLY.contains(&method) && call.exchange.method != Method::POST {
        return Err(Refusal::thrown(403, "PermissionError", "Not permitted"));
    }
    let arguments = &call.arguments;
    let value = match method {
        "frappe.auth.get_logged_user" => json!(call.user),
        "frappe.sessions.get_csrf_token" => json!(csrf_token(call)),
        "pos_next.api.utilities.get_csrf_token" => json!({ "csrf_token": csrf_token(call) }),
        "frappe.client.get" => shown(call.transact(|save| get(save, arguments))?),
        "frappe.client.get_list" => {
            let query = Query::read(&arguments.all())?;
            call.transact(|save| query.run(save.transaction, &arguments.text("doctype")))?.into()
        }
        "frappe.client.get_value" => call.transact(|save| get_value(save, arguments))?,
        "frappe.client.save" => {
            let body = arguments.object("doc")?;
            shown(call.transact(|save| save.replace(body))?)
        }
        "frappe.client.submit" => {
            let body = with_docstatus(arguments.object("doc")?, 1);
            shown(call.transact(|save| save.replace(body))?)
        }
        "frappe.client.cancel" => {
            let (doctype, name) = (arguments.text("doctype"), arguments.text("name"));
            shown(call.transact(|save| resource::set_docstatus(save, &doctype, &name, 2))?)
        }
        "frappe.client.insert" => {
            let body = arguments.object("doc")?;
            shown(call.transact(|save| insert(save, body))?)
        }
        "frappe.client.delete" => {
            let (doctype, name) = (arguments.text("doctype"), arguments.text("name"));
            call.transact(|save| save.delete(&doctype, &name))?;
            Value::Null
        }
        "frappe.client.set_value" => shown(call.transact(|save| set_value(save, arguments))?),
        "frappe.desk.form.save.savedocs" => return save_docs(call),
        "run_doc_method" => return run_doc_method(call),
        commit::METHOD => commit::run(call)?,
        other => return Err(no_method(other)),
    };
    Ok(Done::Value(200, value))
}

fn shown(document: Document) -> Value {
    document.answer(Nulls::Shown)
}

fn no_method(name: &str) -> Refusal {
    let (module, attribute) = name.rsplit_once('.').unwrap_or((name, name));
    Refusal::invalid(&format!(
        "Failed to get method for command {name} with module '{module}' has no attribute '{attribute}'"
    ))
}

/// A token caller has no session to keep a CSRF token in, and needs none.
fn csrf_token(call: &Call<'_>) -> Option<String> {
    call.sid.as_deref().and_then(|sid| call.app.sessions.csrf_token(sid))
}

fn with_docstatus(mut body: Fields, docstatus: i64) -> Fields {
    body.insert("docstatus".to_owned(), json!(docstatus));
    body
}

fn insert(save: &Save<'_>, body: Fields) -> Result<Document, Refusal> {
    let doctype = body.get("doctype").map(plain).unwrap_or_default();
    save.insert(&doctype, body)
}

fn get(save: &Save<'_>, arguments: &Arguments) -> Result<Document, Refusal> {
    let doctype = arguments.text("doctype");
    let name = match arguments.text("name") {
        name if name.is_empty() => match first_match(save, arguments, &doctype)? {
            Some(name) => name,
            None => return Err(Refusal::missing(&doctype, "")),
        },
        name => name,
    };
    document::load(save.transaction, &doctype, &name)
}

fn first_match(
    save: &Save<'_>,
    arguments: &Arguments,
    doctype: &str,
) -> Result<Option<String>, Refusal> {
    let mut search = arguments.all();
    search.insert("fields".to_owned(), json!(["name"]));
    let found = Query::read(&search)?.run(save.transaction, doctype)?;
    Ok(found.first().and_then(|one| one["name"].as_str()).map(str::to_owned))
}

fn get_value(save: &Save<'_>, arguments: &Arguments) -> Result<Value, Refusal> {
    let mut search = arguments.all();
    let fields = search.shift_remove("fieldname").unwrap_or_else(|| json!("name"));
    search.insert("fields".to_owned(), fields);
    let found = Query::read(&search)?.run(save.transaction, &arguments.text("doctype"))?;
    Ok(found.into_iter().next().unwrap_or_else(|| json!({})))
}

/// Sets fields without a stamp, unless the dict form carries one (transcript 22).
fn set_value(save: &Save<'_>, arguments: &Arguments) -> Result<Document, Refusal> {
    let (doctype, name) = (arguments.text("doctype"), arguments.text("name"));
    let body = match unfold(arguments.value("fieldname")) {
        Value::Object(fields) => fields,
        field => {
            let field = plain(&field);
            if super::fields::STANDARD.contains(&field.as_str()) {
                return Err(Refusal::invalid("Cannot edit standard fields"));
            }
            let value = arguments.value("value").cloned().unwrap_or(Value::Null);
            Fields::from_iter([(field, value)])
        }
    };
    match document::parent_of(save.transaction, &doctype, &name)? {
        None => save.patch(&doctype, &name, body),
        Some((parenttype, parent, field)) => {
            resource::write_row(save, (&parenttype, &parent, &field), &name, body)
        }
    }
}

/// The desk's save: a form with `doc` as JSON text and an `action`.
fn save_docs(call: &Call<'_>) -> Result<Done, Refusal> {
    let mut body = call.arguments.object("doc")?;
    let word = match call.arguments.text("action").as_str() {
        "Submit" => {
            body = with_docstatus(body, 1);
            "Submitted"
        }
        "Cancel" => {
            body = with_docstatus(body, 2);
            "Cancelled"
        }
        _ => "Saved",
    };
    let saved = call.transact(|save| save.replace(body))?;
    let notice = json!({"message": word, "title": "Message", "indicator": "green", "alert": 1});
    Ok(Done::Whole(Reply::json(
        200,
        &json!({
            "docs": [shown(saved)],
            "docinfo": {"doctype": call.arguments.text("doctype"), "name": Value::Null},
            "_server_messages": json!([notice.to_string()]).to_string(),
        }),
    )))
}

/// Checks a sent document's stamp, then runs a method on the stored one. Here the second time
/// of a conflict is the client's (transcript 40).
fn run_doc_method(call: &Call<'_>) -> Result<Done, Refusal> {
    let body = match call.arguments.value("document") {
        Some(_) => call.arguments.object("document")?,
        None => call.arguments.object("docs")?,
    };
    let doctype = body.get("doctype").map(plain).unwrap_or_default();
    let name = body.get("name").map(plain).unwrap_or_default();
    let sent = body.get("modified").map(plain).unwrap_or_default();
    let docstatus = match call.arguments.text("method").as_str() {
        "submit" => 1,
        "cancel" => 2,
        "save" => body.get("docstatus").and_then(Value::as_i64).unwrap_or(0),
        other => return Err(no_method(other)),
    };
    let saved = call.transact(|save| {
        let stored = document::load(save.transaction, &doctype, &name)?;
        if stored.text("modified") != sent {
            return Err(Refusal::stale(stored.text("modified"), &sent));
        }
        save.replace(with_docstatus(body, docstatus))
    })?;
    Ok(Done::Whole(Reply::json(200, &json!({ "docs": [shown(saved)] }))))
}
