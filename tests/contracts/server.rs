//! A server as Frappe behaves, written without the core's merge: string stamps, a PUT that
//! patches the named fields and replaces tables whole, docstatus, one unique field for the token
//! of a create, a naming series that gives a deleted newest name away again.
//!
//! What a client must never do is a panic here: an update without a stamp, a row under the name
//! of a row that is not there, positions that are not 1, 2, 3.

use std::collections::BTreeMap;

use restamp::core::call::{
    Call, CreateCall, FindOutcome, LoadOutcome, Loaded, Rejection, SaveOutcome, UpdateCall,
};
use restamp::core::stamp::Stamp;
use rust_decimal::Decimal;
use serde_json::{json, Map, Value};

/// The unique field that carries the token of a create.
pub const CREATE_TOKEN: &str = "custom_client_uuid";
const TABLES: [&str; 2] = ["items", "payments"];

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Server {
    docs: BTreeMap<String, Map<String, Value>>,
    series: u32,
    clock: u64,
    row_names: u64,
    /// Whether answers to saves carry the stored document.
    pub answers_with_document: bool,
    /// Whether stale saves are accepted (no compare-and-set at all).
    pub overwrites: bool,
    /// Whether the token of a create is ignored.
    pub forgets_tokens: bool,
    /// Whether a save is answered by its token, the second time as the first.
    pub keeps_tokens: bool,
    kept: BTreeMap<String, (Vec<u8>, SaveOutcome)>,
    /// Every stored save: who, which document, which stamp.
    pub history: Vec<String>,
    /// The tokens of all stored saves: what a till cannot know, the test may.
    pub tokens: Vec<String>,
}

/// A decimal value of a document; nothing is zero.
pub fn decimal(value: &Value) -> Decimal {
    match value {
        Value::Number(number) => number.to_string().parse().expect("a decimal"),
        Value::String(text) if !text.is_empty() => text.parse().expect("a decimal"),
        _ => Decimal::ZERO,
    }
}

impl Server {
    fn stamp(&mut self) -> String {
        self.clock += 1;
        format!("2026-03-03 12:00:00.{:06}", self.clock)
    }

    /// All tokens are over.
    pub fn forget_tokens(&mut self) {
        self.kept.clear();
    }

    /// Stores a document as it is, for the beginning of a test.
    pub fn put(&mut self, key: &str, document: Value) {
        let mut document = document.as_object().expect("an object").clone();
        let stamp = self.stamp();
        document.insert("name".into(), json!(key));
        document.insert("creation".into(), json!(format!("created {stamp}")));
        document.insert("docstatus".into(), json!(0));
        document.insert("modified".into(), json!(stamp));
        self.name_rows(&mut document, None);
        total(&mut document);
        self.docs.insert(key.to_owned(), document);
    }

    /// The document as it stands.
    pub fn doc(&self, key: &str) -> Option<Value> {
        self.docs.get(key).map(|document| Value::Object(document.clone()))
    }

    /// All keys.
    pub fn keys(&self) -> Vec<String> {
        self.docs.keys().cloned().collect()
    }

    /// Another client changes a document.
    pub fn change(&mut self, key: &str, edit: impl FnOnce(&mut Value)) {
        let mut document = Value::Object(self.docs[key].clone());
        edit(&mut document);
        let mut document = document.as_object().expect("an object").clone();
        self.name_rows(&mut document, None);
        total(&mut document);
        document.insert("modified".into(), json!(self.stamp()));
        self.docs.insert(key.to_owned(), document);
    }

    /// Deletes a document; the newest one's name is given away again.
    pub fn delete(&mut self, key: &str) {
        self.docs.remove(key);
        if key == format!("INV-{}", self.series) {
            self.series -= 1;
        }
    }

    /// Carries out a save or create.
    pub fn save(&mut self, call: &Call, who: &str) -> SaveOutcome {
        match call {
            Call::Create(create) => self.create(create, who),
            Call::Update(update) if self.keeps_tokens => {
                if let Some((document, answer)) = self.kept.get(&update.token) {
                    assert_eq!(*document, update.document, "one token, one document");
                    return answer.clone();
                }
                let answer = self.update(update, who);
                if let SaveOutcome::Saved { .. } = &answer {
                    let kept = (update.document.clone(), answer.clone());
                    self.kept.insert(update.token.clone(), kept);
                }
                answer
            }
            Call::Update(update) => self.update(update, who),
            Call::Load { .. }
            | Call::Find { .. }
            | Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => {
                panic!("not a save")
            }
        }
    }

    /// Carries out a load.
    pub fn load(&self, key: &str) -> LoadOutcome {
        self.docs.get(key).map_or(LoadOutcome::Gone, |document| {
            LoadOutcome::Loaded(Loaded {
                key: Some(key.to_owned()),
                stamp: Some(Stamp(document["modified"].as_str().expect("a stamp").to_owned())),
                document: without_nulls(document),
            })
        })
    }

    /// Looks a document up by a field.
    pub fn find(&self, field: &str, value: &str) -> FindOutcome {
        let found =
            self.docs.iter().find(|(_, document)| document.get(field) == Some(&json!(value)));
        match found {
            Some((key, _)) if self.clock % 2 == 0 => FindOutcome::Key(key.clone()),
            Some((key, _)) => FindOutcome::Load(self.load(key)),
            None => FindOutcome::Load(LoadOutcome::Gone),
        }
    }

    fn create(&mut self, call: &CreateCall, who: &str) -> SaveOutcome {
        let document: Value = serde_json::from_slice(&call.document).expect("JSON");
        let mut document = document.as_object().expect("an object").clone();
        let token = document.get(CREATE_TOKEN).cloned();
        if let Some(token) = token.filter(|_| !self.forgets_tokens) {
            assert_eq!(token, json!(call.token), "the token stands in its field");
            let known = self.docs.values().any(|known| known.get(CREATE_TOKEN) == Some(&token));
            if known {
                return SaveOutcome::Exists { key: None };
            }
        }
        self.series += 1;
        let key = format!("INV-{}", self.series);
        let stamp = self.stamp();
        document.insert("name".into(), json!(key));
        document.insert("creation".into(), json!(format!("created {stamp}")));
        document.insert("owner".into(), json!(who));
        document.insert("docstatus".into(), json!(0));
        self.store(&key, document, stamp, who, None)
    }

    fn update(&mut self, call: &UpdateCall, who: &str) -> SaveOutcome {
        assert!(!call.stamp.0.is_empty() || self.overwrites, "an update without a stamp");
        let Some(stored) = self.docs.get(&call.key) else { return SaveOutcome::Gone };
        let stored = stored.clone();
        if stored["modified"] != json!(call.stamp.0) && !self.overwrites {
            return SaveOutcome::Stale {
                current: None,
                document: None,
                fence: None,
                retry_after: None,
            };
        }
        if stored["docstatus"] != json!(0) {
            let code = "Cannot edit a submitted or cancelled document";
            return SaveOutcome::Rejected(Rejection::invalid(code));
        }
        let sent: Value = serde_json::from_slice(&call.document).expect("JSON");
        let mut document = stored.clone();
        for name in &call.changed {
            let kept = ["name", "creation", "owner", "modified"];
            assert!(!kept.contains(&name.as_str()), "{name} is the server's");
            document.insert(name.clone(), sent.get(name).cloned().unwrap_or(Value::Null));
        }
        assert!(call.submit || document["docstatus"] == json!(0), "submitted unasked");
        let stamp = self.stamp();
        self.tokens.push(call.token.clone());
        self.store(&call.key, document, stamp, who, Some(&stored))
    }

    fn store(
        &mut self,
        key: &str,
        mut document: Map<String, Value>,
        stamp: String,
        who: &str,
        before: Option<&Map<String, Value>>,
    ) -> SaveOutcome {
        self.name_rows(&mut document, Some(before));
        total(&mut document);
        document.insert("modified".into(), json!(stamp));
        document.insert("modified_by".into(), json!(who));
        let answer = self.answers_with_document.then(|| without_nulls(&document));
        self.docs.insert(key.to_owned(), document);
        self.history.push(format!("{who} {key} {stamp}"));
        SaveOutcome::Saved {
            key: Some(key.to_owned()),
            stamp: Some(Stamp(stamp)),
            document: answer,
        }
    }

    /// Names new rows, numbers all; with `before` a client's rows are checked.
    fn name_rows(
        &mut self,
        document: &mut Map<String, Value>,
        before: Option<Option<&Map<String, Value>>>,
    ) {
        for table in TABLES {
            let known: Vec<Value> = before
                .flatten()
                .and_then(|before| before.get(table)?.as_array().cloned())
                .unwrap_or_default()
                .iter()
                .map(|row| row["name"].clone())
                .collect();
            let Some(rows) = document.get_mut(table).and_then(Value::as_array_mut) else {
                continue;
            };
            for (n, row) in rows.iter_mut().enumerate() {
                let row = row.as_object_mut().expect("a row");
                match row.get("name") {
                    Some(name) => {
                        let checked = before.is_none() || known.contains(name);
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
}

/// Totals and amounts are the server's.
fn total(document: &mut Map<String, Value>) {
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

/// As `/api/resource` answers: a null field is absent.
fn without_nulls(document: &Map<String, Value>) -> Vec<u8> {
    let mut document = document.clone();
    document.retain(|_, value| !value.is_null());
    Value::Object(document).to_string().into_bytes()
}
