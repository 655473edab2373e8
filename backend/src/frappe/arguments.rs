//! The arguments of a Frappe call, from the query, a form or a JSON body.

use serde_json::Value;

use super::envelope::Refusal;
use super::query::unfold;
use crate::exchange::{pairs, Exchange};
use crate::json::{plain, Fields};

/// Everything a call was given, by name.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// From the query string; values are texts.
    pub query: Fields,
    /// From the body.
    pub body: Fields,
}

impl Arguments {
    /// Reads query and body. A body that is no form is JSON whatever its Content-Type says
    /// (transcript 41), and one that begins with a brace is no form.
    pub fn read(exchange: &Exchange) -> Result<Self, Refusal> {
        let query = exchange.query.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        let form = exchange.header("content-type").is_some_and(|kind| kind.contains("urlencoded"))
            && !exchange.body.starts_with(b"{");
        let body = match (exchange.body.is_empty(), form) {
            (true, _) => Fields::new(),
            (false, true) => {
                let text = String::from_utf8_lossy(&exchange.body);
                pairs(&text).into_iter().map(|(key, value)| (key, Value::from(value))).collect()
            }
            (false, false) => object(&exchange.body)?,
        };
        Ok(Self { query: query.collect(), body })
    }

    /// The document of a resource call: the body itself, or its `data`.
    pub fn document(&self) -> Result<Fields, Refusal> {
        match self.body.get("data") {
            Some(Value::String(text)) => object(text.as_bytes()),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            _ => {
                let mut fields = self.body.clone();
                for name in ["cmd", "run_method", "csrf_token"] {
                    fields.shift_remove(name);
                }
                Ok(fields)
            }
        }
    }

    /// Query and body together; the body wins.
    pub fn all(&self) -> Fields {
        let mut all = self.query.clone();
        all.extend(self.body.clone());
        all
    }

    /// One argument as it came.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.body.get(name).or_else(|| self.query.get(name))
    }

    /// One argument as text; empty if absent.
    pub fn text(&self, name: &str) -> String {
        self.value(name).map(plain).unwrap_or_default()
    }

    /// One argument that is an object, or JSON text of one.
    pub fn object(&self, name: &str) -> Result<Fields, Refusal> {
        match unfold(self.value(name)) {
            Value::Object(fields) => Ok(fields),
            Value::String(text) => object(text.as_bytes()),
            _ => Err(Refusal::invalid(&format!("Missing argument {name}"))),
        }
    }
}

fn object(bytes: &[u8]) -> Result<Fields, Refusal> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::invalid("Invalid request arguments")),
        Err(error) => Err(Refusal::bad_json(&error.to_string())),
    }
}
