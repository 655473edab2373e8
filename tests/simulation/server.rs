//! A server, written without the core's merge: documents with rows, totals, stamps. It speaks as
//! Frappe does ([`frappe`]) or as a REST server with ETags ([`rest`]).
//!
//! What a client must never do is a panic here: an update without a stamp, a row under the name
//! of a row that is not there, positions that are not 1, 2, 3, a field that is the server's.

pub mod frappe;
pub mod rest;

use std::collections::BTreeMap;

use restamp::adapters::HttpRequest;
use rust_decimal::Decimal;
use serde_json::{json, Map, Value};

/// The unique field that carries the token of a create.
pub const CREATE_TOKEN: &str = "custom_client_uuid";
/// The field that carries the token of the last save.
pub const SAVE_TOKEN: &str = "custom_mutation_id";
const TABLES: [&str; 2] = ["items", "payments"];

pub type Document = Map<String, Value>;

/// An answer on its way to a page.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What a request did to the documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub created: bool,
    pub submitted: bool,
}

/// How the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Frappe,
    Rest(Manners),
}

/// What REST servers do differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Answers to saves carry the stored document.
    pub answers_document: bool,
    /// A stale save is answered with the newest copy.
    pub stale_shows_newest: bool,
    /// Answers to saves carry the new ETag.
    pub answers_etag: bool,
    pub creates: Creates,
}

/// How a create that is sent twice is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creates {
    /// A field of the document is unique.
    UniqueField,
    /// The `Idempotency-Key` is kept with the answer that was given.
    IdempotencyKey,
    /// Not at all.
    Twice,
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    pub dialect: Dialect,
    docs: BTreeMap<String, Document>,
    series: u32,
    clock: u64,
    row_names: u64,
    /// Answers to creates by their `Idempotency-Key`.
    answered: BTreeMap<String, Answer>,
    /// What an update with a token stored, and its answer.
    updated: BTreeMap<String, (Vec<u8>, Answer)>,
    /// Counts all saves that were stored.
    pub saves: u64,
}

impl Server {
    pub fn new(dialect: Dialect) -> Server {
        Server {
            dialect,
            docs: BTreeMap::new(),
            series: 0,
            clock: 0,
            row_names: 0,
            answered: BTreeMap::new(),
            updated: BTreeMap::new(),
            saves: 0,
        }
    }

    pub fn handle(
        &mut self,
        request: &HttpRequest,
        who: &str,
        signed_in: bool,
    ) -> (Answer, Option<Stored>) {
        match self.dialect {
            Dialect::Frappe => self.frappe(request, who, signed_in),
            Dialect::Rest(manners) => self.rest(request, who, signed_in, manners),
        }
    }

    /// What a load answers.
    pub fn show(&self, key: &str) -> Answer {
        match self.dialect {
            Dialect::Frappe => self.frappe_load(key),
            Dialect::Rest(_) => self.rest_load(key),
        }
    }

    /// The document as it stands.
    pub fn doc(&self, key: &str) -> Option<&Document> {
        self.docs.get(key)
    }

    pub fn docs(&self) -> impl Iterator<Item = (&String, &Document)> {
        self.docs.iter()
    }

    /// Somebody else puts a document there.
    pub fn put(&mut self, key: &str, document: Value) {
        let mut document = document.as_object().expect("an object").clone();
        self.identify(&mut document, key, "office");
        self.keep(key, document, "office", None);
    }

    /// Somebody else changes a document, on its newest copy.
    pub fn change(&mut self, key: &str, edit: impl FnOnce(&mut Document)) {
        let mut document = self.docs[key].clone();
        edit(&mut document);
        self.keep(key, document, "office", None);
    }

    /// Somebody else deletes a document. The newest one's name is given away again.
    pub fn delete(&mut self, key: &str) {
        self.docs.remove(key);
        if key == format!("INV-{}", self.series) {
            self.series -= 1;
        }
    }

    fn stamp(&mut self) -> String {
        self.clock += 1;
        format!("2026-03-03 12:00:00.{:06}", self.clock)
    }

    fn identify(&mut self, document: &mut Document, key: &str, who: &str) {
        self.clock += 1;
        document.insert("name".into(), json!(key));
        document.insert("creation".into(), json!(format!("created {}", self.clock)));
        document.insert("owner".into(), json!(who));
        document.insert("docstatus".into(), json!(0));
    }

    /// Stores a new document under the next name of the series; submitted at once if it says so
    /// and may.
    fn keep_new(&mut self, mut document: Document, who: &str, may_submit: bool) -> Stored {
        self.series += 1;
        let key = format!("INV-{}", self.series);
        assert!(!self.docs.contains_key(&key), "{key} is taken");
        let submitted = may_submit && document.get("docstatus") == Some(&json!(1));
        self.identify(&mut document, &key, who);
        document.insert("docstatus".into(), json!(u8::from(submitted)));
        self.keep(&key, document, who, Some(None));
        self.saves += 1;
        Stored { key, created: true, submitted }
    }

    /// Stores a new version of what a client sent.
    fn keep_update(&mut self, key: &str, document: Document, who: &str) -> Stored {
        let before = self.docs[key].clone();
        for name in ["name", "creation", "owner"] {
            assert_eq!(document.get(name), before.get(name), "{name} is the server's");
        }
        let submitted = document["docstatus"] != before["docstatus"];
        assert!(!submitted || document["docstatus"] == json!(1), "{:?}", document["docstatus"]);
        self.keep(key, document, who, Some(Some(&before)));
        self.saves += 1;
        Stored { key: key.to_owned(), created: false, submitted }
    }

    /// With `before` a client's rows are checked.
    fn keep(
        &mut self,
        key: &str,
        mut document: Document,
        who: &str,
        before: Option<Option<&Document>>,
    ) {
        self.name_rows(&mut document, before);
        total(&mut document);
        let stamp = self.stamp();
        document.insert("modified".into(), json!(stamp));
        document.insert("modified_by".into(), json!(who));
        self.docs.insert(key.to_owned(), document);
    }

    fn name_rows(&mut self, document: &mut Document, before: Option<Option<&Document>>) {
        for table in TABLES {
            let known: Vec<&Value> = before
                .flatten()
                .and_then(|before| before.get(table)?.as_array())
                .into_iter()
                .flatten()
                .map(|row| &row["name"])
                .collect();
            let Some(rows) = document.get_mut(table).and_then(Value::as_array_mut) else {
                continue;
            };
            for (n, row) in rows.iter_mut().enumerate() {
                let row = row.as_object_mut().expect("a row");
                match row.get("name") {
                    Some(name) => {
                        let checked = before.is_none() || known.contains(&name);
                        assert!(checked, "ghost row {name} in {table}");
                    }
                    None => {
                        self.row_names += 1;
                        row.insert("name".into(), json!(format!("row{}", self.row_names)));
                    }
                }
                let wrong =
                    before.is_some() && row.get("idx").is_some_and(|idx| *idx != json!(n + 1));
                assert!(!wrong, "position {:?} of row {n} of {table}", row.get("idx"));
                row.insert("idx".into(), json!(n + 1));
            }
        }
    }

    /// The key of the document that holds this create token.
    fn with_token(&self, field: &str, value: &str) -> Option<&String> {
        let holds =
            |document: &Document| document.get(field).and_then(Value::as_str) == Some(value);
        self.docs.iter().find(|(_, document)| holds(document)).map(|(key, _)| key)
    }
}

/// A decimal value of a document; nothing is zero.
pub fn decimal(value: &Value) -> Decimal {
    match value {
        Value::Number(number) => number.to_string().parse().expect("a decimal"),
        Value::String(text) if !text.is_empty() => text.parse().expect("a decimal"),
        _ => Decimal::ZERO,
    }
}

/// Totals and amounts are the server's.
fn total(document: &mut Document) {
    let mut sum = Decimal::ZERO;
    for row in document.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        let amount = decimal(&row["qty"]) * decimal(&row["rate"]);
        row["amount"] = number(amount);
        sum += amount;
    }
    document.insert("grand_total".into(), number(sum));
}

fn number(amount: Decimal) -> Value {
    serde_json::from_str(&amount.normalize().to_string()).expect("a number")
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn body(request: &HttpRequest) -> Document {
    let body = request.body.as_deref().expect("a body");
    match serde_json::from_slice(body).expect("JSON") {
        Value::Object(document) => document,
        other => panic!("not an object: {other}"),
    }
}

/// Resolves percent escapes.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let mut byte = *first;
        if byte == b'%' {
            let digits = std::str::from_utf8(&after[..2]).expect("two digits");
            byte = u8::from_str_radix(digits, 16).expect("two digits");
            rest = &after[2..];
        }
        out.push(byte);
    }
    String::from_utf8(out).expect("UTF-8")
}
