//! A document: a header and tables of rows; reading and writing it in the database.

use rusqlite::{OptionalExtension, Transaction};
use serde_json::{json, Value};

use super::envelope::Refusal;
use super::fields::{self, NULLS, STANDARD};
use crate::json::{text, Fields};

/// One table of a document.
#[derive(Clone, Debug)]
pub struct Table {
    /// The header's field that holds it.
    pub field: String,
    /// Its rows, in order.
    pub rows: Vec<Fields>,
}

/// A document apart from its JSON form: tables are not header fields.
#[derive(Clone, Debug)]
pub struct Document {
    /// The DocType.
    pub doctype: String,
    /// All that is not a table.
    pub header: Fields,
    /// The tables.
    pub tables: Vec<Table>,
}

/// Whether fields without a value appear in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Left out: `/api/resource`.
    Absent,
    /// Shown: `frappe.client.*`.
    Shown,
}

impl Document {
    /// Splits a sent body into header and tables.
    ///
    /// A list of objects is a table, an empty list too; any other list is a plain value.
    pub fn from_body(doctype: &str, body: Fields) -> Self {
        let mut document =
            Self { doctype: doctype.to_owned(), header: Fields::new(), tables: Vec::new() };
        document.patch(body);
        document
    }

    /// Lays a sent body over the document: fields one by one, tables whole.
    pub fn patch(&mut self, body: Fields) {
        for (name, value) in body {
            let known = self.tables.iter().any(|table| table.field == name)
                || fields::tables_of(&self.doctype).contains(&name.as_str());
            match value {
                Value::Array(list) if list.iter().all(Value::is_object) => {
                    self.set_table(&name, list.into_iter().filter_map(into_fields).collect());
                }
                Value::Null if known => self.set_table(&name, Vec::new()),
                value => {
                    self.header.insert(name, value);
                }
            }
        }
    }

    /// A header field's text; empty if it is absent or not a text.
    pub fn text(&self, field: &str) -> &str {
        text(&self.header, field).unwrap_or_default()
    }

    /// The document's name.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// 0 draft, 1 submitted, 2 cancelled.
    pub fn docstatus(&self) -> i64 {
        match self.header.get("docstatus") {
            Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
            Some(Value::String(text)) => text.parse().unwrap_or(0),
            Some(Value::Bool(yes)) => i64::from(*yes),
            _ => 0,
        }
    }

    /// The rows of a table; none if the document has no such table.
    pub fn rows(&self, field: &str) -> &[Fields] {
        self.tables.iter().find(|table| table.field == field).map_or(&[], |table| &table.rows)
    }

    /// The rows of a table, to change.
    pub fn rows_mut(&mut self, field: &str) -> &mut [Fields] {
        match self.tables.iter_mut().find(|table| table.field == field) {
            Some(table) => &mut table.rows,
            None => &mut [],
        }
    }

    fn set_table(&mut self, field: &str, rows: Vec<Fields>) {
        match self.tables.iter_mut().find(|table| table.field == field) {
            Some(table) => table.rows = rows,
            None => self.tables.push(Table { field: field.to_owned(), rows }),
        }
    }

    /// The document as answered: standard fields, the others, then the tables.
    pub fn answer(&self, nulls: Nulls) -> Value {
        let mut answer = ordered(&self.header, nulls);
        if nulls == Nulls::Shown && fields::is_invoice(&self.doctype) {
            for name in NULLS {
                answer.entry(name).or_insert(Value::Null);
            }
        }
        answer.insert("doctype".to_owned(), json!(self.doctype));
        let named = fields::tables_of(&self.doctype).iter().copied();
        let others = self.tables.iter().map(|table| table.field.as_str());
        for field in named.chain(others) {
            let rows = self.rows(field).iter().map(|row| self.row_answer(field, row, nulls));
            answer.insert(field.to_owned(), rows.collect());
        }
        Value::Object(answer)
    }

    /// One row as answered.
    pub fn row_answer(&self, field: &str, row: &Fields, nulls: Nulls) -> Value {
        let mut answer = ordered(row, nulls);
        let unsaved = answer.shift_remove("__unsaved");
        for (name, value) in [
            ("parent", json!(self.name())),
            ("parentfield", json!(field)),
            ("parenttype", json!(self.doctype)),
            ("doctype", json!(fields::row_doctype(&self.doctype, field))),
        ] {
            answer.shift_remove(name);
            answer.insert(name.to_owned(), value);
        }
        if let Some(mark) = unsaved {
            answer.insert("__unsaved".to_owned(), mark);
        }
        Value::Object(answer)
    }
}

fn into_fields(value: Value) -> Option<Fields> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

fn ordered(source: &Fields, nulls: Nulls) -> Fields {
    let first = STANDARD.iter().filter_map(|name| source.get_key_value(*name));
    let rest = source.iter().filter(|(name, _)| !STANDARD.contains(&name.as_str()));
    first
        .chain(rest)
        .filter(|(_, value)| nulls == Nulls::Shown || !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Reads a document, or refuses with 404.
pub fn load(transaction: &Transaction<'_>, doctype: &str, name: &str) -> Result<Document, Refusal> {
    let body: Option<String> = transaction
        .query_row(
            "SELECT body FROM documents WHERE doctype = ?1 AND name = ?2",
            (doctype, name),
            |row| row.get(0),
        )
        .optional()?;
    let header = body.as_deref().and_then(parse).ok_or_else(|| Refusal::missing(doctype, name))?;
    let mut document = Document::from_body(doctype, Fields::new());
    document.header = header;
    let mut statement = transaction.prepare_cached(
        "SELECT parentfield, body FROM rows WHERE parenttype = ?1 AND parent = ?2
         ORDER BY idx, rowid",
    )?;
    let rows = statement.query_map((doctype, name), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    for row in rows {
        let (field, body) = row?;
        let Some(fields) = parse(&body) else { continue };
        match document.tables.iter_mut().find(|table| table.field == field) {
            Some(table) => table.rows.push(fields),
            None => document.tables.push(Table { field, rows: vec![fields] }),
        }
    }
    Ok(document)
}

/// The parent of a row: its DocType, name and table.
pub fn parent_of(
    transaction: &Transaction<'_>,
    row_doctype: &str,
    row: &str,
) -> Result<Option<(String, String, String)>, Refusal> {
    Ok(transaction
        .query_row(
            "SELECT parenttype, parent, parentfield FROM rows WHERE doctype = ?1 AND name = ?2",
            (row_doctype, row),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?)
}

/// Writes the header; the rows are written by [`super::children`].
pub fn write_header(transaction: &Transaction<'_>, document: &Document) -> Result<(), Refusal> {
    let body = Value::Object(fields::stored(&document.header)).to_string();
    transaction.execute(
        "INSERT INTO documents (doctype, name, modified, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (doctype, name) DO UPDATE SET modified = ?3, body = ?4",
        (&document.doctype, document.name(), document.text("modified"), body),
    )?;
    Ok(())
}

/// Whether a document of that name is there.
pub fn exists(transaction: &Transaction<'_>, doctype: &str, name: &str) -> Result<bool, Refusal> {
    Ok(transaction
        .query_row(
            "SELECT 1 FROM documents WHERE doctype = ?1 AND name = ?2",
            (doctype, name),
            |_| Ok(()),
        )
        .optional()?
        .is_some())
}

/// Removes a document with its rows and its unique values.
pub fn erase(transaction: &Transaction<'_>, doctype: &str, name: &str) -> Result<(), Refusal> {
    transaction
        .execute("DELETE FROM documents WHERE doctype = ?1 AND name = ?2", (doctype, name))?;
    transaction
        .execute("DELETE FROM rows WHERE parenttype = ?1 AND parent = ?2", (doctype, name))?;
    transaction
        .execute("DELETE FROM unique_values WHERE doctype = ?1 AND name = ?2", (doctype, name))?;
    Ok(())
}

/// Reads a JSON object.
pub fn parse(body: &str) -> Option<Fields> {
    serde_json::from_str::<Value>(body).ok().and_then(into_fields)
}
