//! A client that looks every answer up in `openapi.json`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{json, Value};

use crate::support::{Answer, Server};

/// A server whose every answer is looked up in its own description.
pub struct Described {
    pub server: Server,
    pub document: Value,
    pub seen: RefCell<BTreeSet<(String, String, String)>>,
}

impl Described {
    pub fn new(server: Server) -> Self {
        let document = server.get("/rest/_openapi.json").json();
        Self { server, document, seen: RefCell::default() }
    }

    /// The address in the description, most literal first.
    fn template(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let fits = |template: &&String| {
            let (wanted, given): (Vec<_>, Vec<_>) =
                (template.split('/').collect(), path.split('/').collect());
            wanted.len() == given.len()
                && wanted.iter().zip(&given).all(|(wanted, given)| {
                    wanted == given || wanted.starts_with('{') && !given.starts_with('_')
                })
        };
        let paths = self.document["paths"].as_object().unwrap();
        paths.keys().find(fits).unwrap_or_else(|| panic!("{path} is not described")).clone()
    }

    /// Checks a value against a schema of the description.
    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?}\n{value}");
    }

    pub fn note(&self, method: &str, template: &str, status: u16) -> Value {
        let operation = &self.document["paths"][template][method.to_lowercase()];
        let described = operation["responses"][status.to_string()].clone();
        assert!(described.is_object(), "{method} {template}: {status} is not described");
        let key = (method.to_owned(), template.to_owned(), status.to_string());
        self.seen.borrow_mut().insert(key);
        described
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = format!("/rest/{path}");
        let template = self.template(&path);
        let answer = self.server.send(method, &path, headers, body).unwrap();
        let described = self.note(method, &template, answer.status);
        let what = format!("{method} {path} {}", answer.status);
        match described["content"]["application/json"].get("schema") {
            Some(schema) => self.check(schema, &answer.json(), &what),
            None => assert_eq!(answer.text, "", "{what}"),
        }
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            match answer.header(&name.to_lowercase()) {
                Some(value) => self.check(&header["schema"], &json!(value), &what),
                None => assert_eq!(header["required"], false, "{what} lacks {name}"),
            }
        }
        if answer.status < 300 && !body.is_empty() {
            let operation = &self.document["paths"][&template][method.to_lowercase()];
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            self.check(schema, &serde_json::from_str(body).unwrap(), &what);
        }
        answer
    }

    /// Sends and wants a status; `code` is the member of the body.
    pub fn wants(
        &self,
        status: u16,
        code: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, path, headers, &body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        if !code.is_empty() {
            assert_eq!(answer.json()["code"], code, "{method} {path}");
        }
        answer
    }

    pub fn stamp(&self, path: &str) -> String {
        self.send("GET", path, &[], "").header("etag").unwrap().to_owned()
    }
}
