//! A draft's document as frozen JavaScript data. A row keeps its object until something in the
//! row changes, so that a page that draws rows sees which ones are new.

use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;

use super::convert::{freeze, parse, set};
use crate::core::document::{Document, TableAlignment};
use crate::core::order::sort_by;
use crate::core::profile::Profile;

/// The last snapshot of a draft.
#[derive(Default)]
pub(super) struct Snapshot {
    document: Option<Document>,
    /// Row objects by table, in the order of the rows.
    rows: Vec<Vec<JsValue>>,
}

impl Snapshot {
    /// The document as data; rows that are as before are the objects from before.
    pub(super) fn take(&mut self, text: Vec<u8>, profile: &Profile) -> JsValue {
        let aligned = match self.document.take() {
            Some(before) => Document::align(&before, text, profile),
            None => Err(text),
        };
        let (document, before) = match aligned {
            Ok((document, alignment)) => (Ok(document), alignment.tables),
            Err(text) => (Document::parse(text, profile), Vec::new()),
        };
        // A draft's own text is a document.
        let Ok(document) = document else { return JsValue::UNDEFINED };
        let mut rows = Vec::new();
        for number in 0..profile.tables.len() {
            let known = before.get(number).zip(self.rows.get(number));
            rows.push(objects(&document, number, known));
        }
        let value = assemble(&document, profile, &rows);
        self.rows = rows;
        self.document = Some(document);
        value
    }
}

/// The row objects of a table: those of rows that did not change are taken from `known`.
fn objects(
    document: &Document,
    number: usize,
    known: Option<(&TableAlignment, &Vec<JsValue>)>,
) -> Vec<JsValue> {
    let table = document.table(number);
    let mut taken: Vec<Option<JsValue>> = vec![None; table.rows.len()];
    if let Some((alignment, objects)) = known {
        let mut added = alignment.added.iter().peekable();
        let mut removed = alignment.removed.iter().peekable();
        let mut old = 0;
        for (at, slot) in taken.iter_mut().enumerate() {
            if added.next_if_eq(&&at).is_some() {
                continue;
            }
            while removed.next_if_eq(&&old).is_some() {
                old += 1;
            }
            *slot = objects.get(old).cloned();
            old += 1;
        }
        for row in &alignment.rows {
            taken[row.number] = None;
        }
    }
    let fresh = |at: usize| {
        let row = parse(document.row_text(&table.rows[at]));
        freeze(&row);
        row
    };
    taken.into_iter().enumerate().map(|(at, row)| row.unwrap_or_else(|| fresh(at))).collect()
}

/// The document's own fields, and the rows in their places.
fn assemble(document: &Document, profile: &Profile, rows: &[Vec<JsValue>]) -> JsValue {
    let text = document.text();
    let mut arrays: Vec<_> =
        (0..rows.len()).map(|number| document.table(number).array).filter(|a| a.end > 0).collect();
    sort_by(&mut arrays, |a, b| a.start < b.start);
    let mut own = Vec::new();
    let mut at = 0;
    for array in arrays {
        own.extend_from_slice(&text[at..array.start as usize]);
        own.extend_from_slice(b"[]");
        at = array.end as usize;
    }
    own.extend_from_slice(&text[at..]);
    let value = parse(&own);
    for (number, rules) in profile.tables.iter().enumerate() {
        if document.table(number).array.end > 0 {
            let list: Array = rows[number].iter().collect();
            Object::freeze(&list);
            set(&value, &rules.name, &list);
        }
    }
    for member in Object::values(value.unchecked_ref::<Object>()) {
        freeze(&member);
    }
    Object::freeze(value.unchecked_ref::<Object>());
    value
}
