//! Lists: filters, fields, order and limit over one DocType.

use std::cmp::Ordering;

use rusqlite::Transaction;
use serde_json::{json, Value};

use super::document;
use super::envelope::Refusal;
use crate::json::{plain, Fields};
use crate::number::decimal;

/// Rows answered when no limit is asked.
const LIMIT: usize = 20;

/// One condition: field, operator, value.
#[derive(Clone, Debug)]
struct Condition {
    field: String,
    operator: String,
    value: Value,
}

/// What a list was asked for.
#[derive(Clone, Debug)]
pub struct Query {
    conditions: Vec<Condition>,
    fields: Vec<String>,
    order: (String, bool),
    start: usize,
    limit: Option<usize>,
}

impl Query {
    /// Reads the arguments of a list call; unreadable filters are a ValidationError.
    pub fn read(arguments: &Fields) -> Result<Self, Refusal> {
        let number =
            |name: &str| arguments.get(name).map(plain).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit_page_length").or_else(|| number("limit")).unwrap_or(LIMIT);
        let fields = match unfold(arguments.get("fields")) {
            Value::Array(list) => list.iter().map(plain).collect(),
            Value::String(one) if !one.is_empty() => vec![one],
            _ => vec!["name".to_owned()],
        };
        let order = arguments.get("order_by").map(plain).unwrap_or_default();
        let order = order.split(',').next().unwrap_or_default().replace('`', "");
        let mut words = order.split_whitespace();
        let by = words.next().unwrap_or("modified").rsplit('.').next().unwrap_or("modified");
        let descending = match words.next() {
            Some(direction) => direction.eq_ignore_ascii_case("desc"),
            None => order.is_empty(),
        };
        Ok(Self {
            conditions: conditions(&unfold(arguments.get("filters")))?,
            fields,
            order: (by.to_owned(), descending),
            start: number("limit_start").or_else(|| number("start")).unwrap_or(0),
            limit: (limit > 0).then_some(limit),
        })
    }

    /// Runs the query and returns the chosen fields of each document.
    pub fn run(&self, transaction: &Transaction<'_>, doctype: &str) -> Result<Vec<Value>, Refusal> {
        let mut found = headers(transaction, doctype)?;
        found.retain(|header| self.conditions.iter().all(|condition| condition.holds(header)));
        let (by, descending) = &self.order;
        found.sort_by(|a, b| {
            let order = compare(a.get(by), b.get(by));
            if *descending {
                order.reverse()
            } else {
                order
            }
        });
        let limit = self.limit.unwrap_or(usize::MAX);
        let chosen = found.iter().skip(self.start).take(limit);
        Ok(chosen.map(|header| self.choose(header)).collect())
    }

    fn choose(&self, header: &Fields) -> Value {
        if self.fields.iter().any(|field| field == "*") {
            return Value::Object(header.clone());
        }
        let pick = |field: &String| {
            let bare = field.replace('`', "");
            let bare = bare.rsplit('.').next().unwrap_or(&bare).to_owned();
            let value = header.get(&bare).cloned().unwrap_or(Value::Null);
            (bare, value)
        };
        Value::Object(self.fields.iter().map(pick).collect())
    }
}

fn headers(transaction: &Transaction<'_>, doctype: &str) -> Result<Vec<Fields>, Refusal> {
    let mut statement =
        transaction.prepare_cached("SELECT body FROM documents WHERE doctype = ?1")?;
    let bodies = statement.query_map([doctype], |row| row.get::<_, String>(0))?;
    let mut found = Vec::new();
    for body in bodies {
        found.extend(document::parse(&body?));
    }
    Ok(found)
}

/// Arguments in a query string are JSON text; in a JSON body they are JSON already.
pub fn unfold(value: Option<&Value>) -> Value {
    match value {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn conditions(filters: &Value) -> Result<Vec<Condition>, Refusal> {
    let condition = |field: &Value, operator: &Value, value: &Value| Condition {
        field: plain(field),
        operator: plain(operator).to_lowercase(),
        value: value.clone(),
    };
    match filters {
        Value::Null => Ok(Vec::new()),
        Value::String(name) if name.is_empty() => Ok(Vec::new()),
        Value::String(_) | Value::Number(_) => {
            Ok(vec![condition(&json!("name"), &json!("="), &json!(plain(filters)))])
        }
        Value::Object(fields) => Ok(fields
            .iter()
            .map(|(field, value)| match value.as_array().map(Vec::as_slice) {
                Some([operator, value]) => condition(&json!(field), operator, value),
                _ => condition(&json!(field), &json!("="), value),
            })
            .collect()),
        Value::Array(list) => list
            .iter()
            .map(|filter| match filter.as_array().map(Vec::as_slice) {
                Some([field, operator, value] | [_, field, operator, value]) => {
                    Ok(condition(field, operator, value))
                }
                Some([field, value]) => Ok(condition(field, &json!("="), value)),
                _ => Err(Refusal::invalid("Invalid filter")),
            })
            .collect(),
        Value::Bool(_) => Err(Refusal::invalid("Invalid filter")),
    }
}

impl Condition {
    fn holds(&self, header: &Fields) -> bool {
        let ours = header.get(&self.field);
        let equal = |value: &Value| compare(ours, Some(value)) == Ordering::Equal;
        let listed = || match &self.value {
            Value::Array(list) => list.iter().any(equal),
            Value::String(text) => text.split(',').any(|part| equal(&json!(part.trim()))),
            other => equal(other),
        };
        match self.operator.as_str() {
            "=" | "is" => equal(&self.value),
            "!=" => !equal(&self.value),
            "in" => listed(),
            "not in" => !listed(),
            ">" => compare(ours, Some(&self.value)) == Ordering::Greater,
            "<" => compare(ours, Some(&self.value)) == Ordering::Less,
            ">=" => compare(ours, Some(&self.value)) != Ordering::Less,
            "<=" => compare(ours, Some(&self.value)) != Ordering::Greater,
            "like" => like(&plain(ours.unwrap_or(&Value::Null)), &plain(&self.value)),
            _ => false,
        }
    }
}

/// Numbers by value, everything else as text.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (a, b) = (a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null));
    if a.is_number() || b.is_number() {
        if let (Ok(a), Ok(b)) = (decimal(Some(a)), decimal(Some(b))) {
            return a.cmp(&b);
        }
    }
    plain(a).cmp(&plain(b))
}

/// SQL's `LIKE` with `%` only, ignoring case.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let parts: Vec<&str> = pattern.split('%').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return text == pattern };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
