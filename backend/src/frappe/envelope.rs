//! Frappe's refusals and how they look on the wire, in both API versions.
//!
//! The shapes are those recorded from Frappe 16 (transcripts 04, 12, 23, 25, 30, 33, 40, 41).

use rand::Rng;
use serde_json::{json, Map, Value};

use crate::exchange::Reply;
use crate::json::ascii;
use crate::number::OutOfRange;

/// Which API the request came through; it decides the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/api/resource`, `/api/method`.
    V1,
    /// `/api/v2/...`.
    V2,
}

/// How a message is shown to the user.
#[derive(Clone, Debug)]
struct Shown {
    message: String,
    title: &'static str,
    /// Thrown messages are red and carry an id; the others are bare.
    thrown: bool,
    indicator: bool,
}

/// A request Frappe refuses.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: u16,
    kind: &'static str,
    /// The line `module.Class: text`; absent for the errors that have no traceback.
    exception: Option<String>,
    source: Option<&'static str>,
    shown: Vec<Shown>,
    error_message: Option<String>,
    message: Option<&'static str>,
    session_expired: bool,
}

impl Refusal {
    /// An error of `frappe.exceptions` with its traceback and nothing to show.
    pub fn silent(status: u16, kind: &'static str, text: &str) -> Self {
        let line = match text {
            "" => format!("frappe.exceptions.{kind}"),
            text => format!("frappe.exceptions.{kind}: {text}"),
        };
        Self::traced(status, kind, line)
    }

    /// An error of `frappe.exceptions` thrown with a message for the user.
    pub fn thrown(status: u16, kind: &'static str, text: &str) -> Self {
        Self::silent(status, kind, text).showing(text, "Message", true, true)
    }

    /// An error whose exception line is written out.
    pub fn traced(status: u16, kind: &'static str, exception: String) -> Self {
        Self(Box::new(Parts {
            status,
            kind,
            exception: Some(exception),
            source: None,
            shown: Vec::new(),
            error_message: None,
            message: None,
            session_expired: false,
        }))
    }

    /// The document's stamp is not the one sent. The second time is the server's, not the
    /// client's (transcript 12).
    pub fn stale(stored: &str, second: &str) -> Self {
        let text = format!(
            "Error: Document has been modified after you have opened it ({stored}, {second}). \
             Please refresh to get the latest document."
        );
        Self::thrown(417, "TimestampMismatchError", &text)
    }

    /// A business rule says no.
    pub fn invalid(text: &str) -> Self {
        Self::thrown(417, "ValidationError", text)
    }

    /// There is no such document; no traceback.
    pub fn missing(doctype: &str, name: &str) -> Self {
        let mut refusal =
            Self::thrown(404, "DoesNotExistError", &format!("{doctype} {name} not found"));
        refusal.0.exception = None;
        refusal
    }

    /// There is no such path, or nothing to delete: the bare envelope.
    pub fn nowhere() -> Self {
        let mut refusal = Self::silent(404, "DoesNotExistError", "");
        refusal.0.exception = None;
        refusal
    }

    /// A required field is empty. `prefix` is what stands before the labels.
    pub fn mandatory(doctype: &str, name: &str, field: &str, shown: &str) -> Self {
        Self::silent(417, "MandatoryError", &format!("[{doctype}, {name}]: {field}"))
            .showing(shown, "Message", false, false)
    }

    /// A field that must never change was sent with another value.
    pub fn constant(label: &str) -> Self {
        let text = format!("Value cannot be changed for <strong>{label}</strong>");
        Self::thrown(417, "CannotChangeConstantError", &text)
    }

    /// The name is taken.
    pub fn duplicate_name(doctype: &str, name: &str) -> Self {
        let text = format!(
            "('{doctype}', '{name}', IntegrityError(1062, \"Duplicate entry '{name}' for key 'PRIMARY'\"))"
        );
        let shown = format!("{doctype} <strong>{name}</strong> already exists");
        Self::silent(409, "DuplicateEntryError", &text).showing(
            &shown,
            "Duplicate Name",
            false,
            true,
        )
    }

    /// The value of a unique field is taken.
    pub fn duplicate_value(
        doctype: &str,
        name: &str,
        field: &str,
        label: &str,
        value: &str,
    ) -> Self {
        let text = format!(
            "('{doctype}', '{name}', IntegrityError(1062, \"Duplicate entry '{value}' for key '{field}'\"))"
        );
        let shown = format!("{label} must be unique");
        Self::silent(417, "UniqueValidationError", &text).showing(&shown, "Message", false, false)
    }

    /// The body is not JSON: a 500 that will never get better.
    pub fn bad_json(reason: &str) -> Self {
        Self::traced(500, "JSONDecodeError", format!("json.decoder.JSONDecodeError: {reason}"))
    }

    /// A wrong API token.
    pub fn unauthenticated() -> Self {
        Self::silent(401, "AuthenticationError", "")
    }

    /// A wrong password.
    pub fn bad_login() -> Self {
        let mut refusal = Self::unauthenticated();
        refusal.0.message = Some("Invalid login credentials");
        refusal
    }

    /// A guest asks for a document.
    pub fn guest_document(doctype: &str, expired: bool, writes: bool) -> Self {
        let shown = format!(
            "User <strong>Guest</strong> does not have doctype access via role permission for document \
             <strong>{doctype}</strong><br>User <strong>Guest</strong> does not have access to this document"
        );
        let mut refusal =
            Self::silent(403, "PermissionError", "").showing(&shown, "Message", false, false);
        refusal.0.session_expired = expired;
        refusal.0.error_message = writes
            .then(|| format!("Insufficient Permission for {doctype} (<strong>write</strong>)"));
        refusal
    }

    /// A guest calls a method.
    pub fn guest_method(method: &str, expired: bool) -> Self {
        let text = format!(
            "<details><summary>You are not permitted to access this resource.</summary>\
             Function <strong>{method}</strong> is not whitelisted.</details>"
        );
        let mut refusal = Self::silent(403, "PermissionError", &text).showing(
            &text,
            "Method Not Allowed",
            true,
            true,
        );
        refusal.0.session_expired = expired;
        refusal
    }

    /// The CSRF token is missing or wrong; never a traceback.
    pub fn csrf() -> Self {
        let mut refusal = Self::thrown(400, "CSRFTokenError", "Invalid Request");
        refusal.0.exception = None;
        refusal
    }

    /// InnoDB found a deadlock and rolled the transaction back.
    pub fn deadlock() -> Self {
        let text = "(1213, 'Deadlock found when trying to get lock; try restarting transaction')";
        Self::silent(500, "QueryDeadlockError", text)
    }

    /// The same refusal with one more message for the user.
    #[must_use]
    pub fn showing(
        mut self,
        message: &str,
        title: &'static str,
        thrown: bool,
        indicator: bool,
    ) -> Self {
        self.0.shown.push(Shown { message: message.to_owned(), title, thrown, indicator });
        self
    }

    /// The same refusal with another title over its first message.
    #[must_use]
    pub fn titled(mut self, title: &'static str) -> Self {
        if let Some(first) = self.0.shown.first_mut() {
            first.title = title;
        }
        self
    }

    /// The same refusal, named as coming from an app rather than the framework.
    #[must_use]
    pub fn raised_in(mut self, app: &'static str) -> Self {
        self.0.source = Some(app);
        self
    }

    /// The answer on the wire.
    pub fn reply(&self, dialect: Dialect) -> Reply {
        let body = match dialect {
            Dialect::V1 => self.v1(),
            Dialect::V2 => self.v2(),
        };
        let reply = Reply::json(self.0.status, &body);
        let clears_cookie = self.0.session_expired || self.0.status == 401;
        if clears_cookie {
            reply.with("set-cookie", "sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/")
        } else {
            reply
        }
    }

    fn v1(&self) -> Value {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put("message", self.0.message.map(Value::from));
        put("session_expired", self.0.session_expired.then(|| json!(1)));
        put("exception", self.0.exception.clone().map(Value::from));
        put("exc_type", Some(json!(self.0.kind)));
        put("_exc_source", self.0.source.map(Value::from));
        put("exc", self.0.exception.as_ref().map(|line| Value::from(ascii(&json!([line])))));
        let shown: Vec<Value> =
            self.0.shown.iter().map(|shown| Value::from(ascii(&shown.v1()))).collect();
        put(
            "_server_messages",
            (!shown.is_empty()).then(|| Value::from(ascii(&Value::from(shown)))),
        );
        put("_error_message", self.0.error_message.clone().map(Value::from));
        Value::Object(body)
    }

    fn v2(&self) -> Value {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(self.0.kind));
        if let Some(line) = &self.0.exception {
            error.insert("exception".to_owned(), json!(line));
        }
        let mut errors = Vec::new();
        match self.0.shown.split_first() {
            None => errors.push(Value::Object(error)),
            Some((first, rest)) => {
                first.add_to(&mut error);
                errors.push(Value::Object(error));
                for shown in rest {
                    let mut more = Map::new();
                    more.insert("type".to_owned(), json!(self.0.kind));
                    shown.add_to(&mut more);
                    errors.push(Value::Object(more));
                }
            }
        }
        json!({ "errors": errors })
    }
}

impl Shown {
    fn v1(&self) -> Value {
        let mut fields = Map::new();
        self.add_to(&mut fields);
        if self.thrown {
            let mut rng = rand::rng();
            let id: String = (0..28).map(|_| format!("{:02x}", rng.random::<u8>())).collect();
            fields.insert("raise_exception".to_owned(), json!(1));
            fields.insert("__frappe_exc_id".to_owned(), json!(id));
        }
        Value::Object(fields)
    }

    fn add_to(&self, fields: &mut Map<String, Value>) {
        fields.insert("message".to_owned(), json!(self.message));
        fields.insert("title".to_owned(), json!(self.title));
        if self.indicator {
            fields.insert("indicator".to_owned(), json!("red"));
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::traced(500, "OperationalError", format!("sqlite3.OperationalError: {error}"))
    }
}

impl From<OutOfRange> for Refusal {
    fn from(_: OutOfRange) -> Self {
        Self::invalid("A number is too large")
    }
}
