//! The way of one save: stamp, state, rows, rules, totals, database.
//!
//! The order of the checks is Frappe 16's: the stamp first, then the state, then the rules.

use rusqlite::Transaction;
use serde_json::{json, Value};

use super::document::{self, Document};
use super::envelope::Refusal;
use super::{children, fields, naming, rules, totals};
use crate::clock::Moment;
use crate::json::{plain, truthy, Fields};

/// Who saves, when, and under which rules.
#[derive(Clone, Copy, Debug)]
pub struct Save<'a> {
    /// The open transaction.
    pub transaction: &'a Transaction<'a>,
    /// The user, for `owner` and `modified_by`.
    pub user: &'a str,
    /// The server's time.
    pub now: Moment,
    /// Refuse unknown item codes.
    pub strict_items: bool,
}

impl Save<'_> {
    /// Makes a new document.
    pub fn insert(&self, doctype: &str, body: Fields) -> Result<Document, Refusal> {
        let mut document = Document::from_body(doctype, body);
        if fields::is_invoice(doctype) && document.text("naming_series").is_empty() {
            if let Some(series) = naming::default_series(doctype) {
                document.header.insert("naming_series".to_owned(), json!(series));
            }
        }
        let name = naming::choose(self.transaction, &document, self.now)?;
        let stamp = json!(self.now.stamp());
        for (field, value) in [
            ("name", json!(name)),
            ("owner", json!(self.user)),
            ("creation", stamp),
            ("docstatus", json!(document.docstatus())),
            ("idx", json!(0)),
        ] {
            document.header.insert(field.to_owned(), value);
        }
        if !(0..=1).contains(&document.docstatus()) {
            rules::transition(0, document.docstatus())?;
        }
        fields::cast(&mut document.header)?;
        children::prepare(&mut document, true)?;
        self.check_and_compute(&mut document)?;
        self.write(document, "")
    }

    /// Lays a patch over a document: `PUT`. The stamp is checked only if it is sent, so a
    /// patch without one overwrites what another till has saved (transcript 13).
    pub fn patch(&self, doctype: &str, name: &str, body: Fields) -> Result<Document, Refusal> {
        let stored = document::load(self.transaction, doctype, name)?;
        if let Some(other) = body.get("name").map(plain).filter(|other| other != name) {
            return Err(Refusal::missing(doctype, &other));
        }
        if let Some(sent) = body.get("modified") {
            self.check_stamp(&stored, Some(sent))?;
        }
        let mut wanted = stored.clone();
        wanted.patch(body);
        self.update(&stored, wanted)
    }

    /// Puts a whole document in the place of the stored one: `frappe.client.save`. A missing
    /// stamp is a conflict; a missing field becomes null (transcript 20). A document without a
    /// name, or marked `__islocal`, is a new one.
    pub fn replace(&self, body: Fields) -> Result<Document, Refusal> {
        let doctype = body.get("doctype").map(plain).unwrap_or_default();
        let name = body.get("name").map(plain).unwrap_or_default();
        if name.is_empty() || truthy(body.get("__islocal")) {
            return self.insert(&doctype, body);
        }
        let stored = document::load(self.transaction, &doctype, &name)?;
        self.check_stamp(&stored, body.get("modified"))?;
        self.update(&stored, Document::from_body(&doctype, body))
    }

    /// Refuses unless the sent stamp is the stored one, letter by letter.
    pub fn check_stamp(&self, stored: &Document, sent: Option<&Value>) -> Result<(), Refusal> {
        let ours = stored.text("modified");
        if sent.and_then(Value::as_str) == Some(ours) {
            Ok(())
        } else {
            Err(Refusal::stale(ours, &self.now.after(ours).stamp()))
        }
    }

    /// Stores `wanted` in the place of `stored`; the stamp has been checked.
    pub fn update(&self, stored: &Document, mut wanted: Document) -> Result<Document, Refusal> {
        let docstatus = wanted.docstatus();
        rules::transition(stored.docstatus(), docstatus)?;
        wanted.header.insert("docstatus".to_owned(), json!(docstatus));
        fields::cast(&mut wanted.header)?;
        children::prepare(&mut wanted, false)?;
        match (stored.docstatus(), docstatus) {
            (1, 1) => rules::after_submit(stored, &wanted)?,
            (1, 2) => {}
            _ => self.check_and_compute(&mut wanted)?,
        }
        rules::constants(stored, &wanted)?;
        self.write(wanted, stored.text("modified"))
    }

    /// Removes a document. A draft's number goes back to its series.
    pub fn delete(&self, doctype: &str, name: &str) -> Result<(), Refusal> {
        let stored = match document::exists(self.transaction, doctype, name)? {
            true => document::load(self.transaction, doctype, name)?,
            false => return Err(Refusal::nowhere()),
        };
        if stored.docstatus() == 1 {
            let link = "https://docs.erpnext.com//docs/user/manual/en/setting-up/articles/\
                        delete-submitted-document";
            return Err(Refusal::invalid(&format!(
                "{doctype} {name}: Submitted Record cannot be deleted. You must \
                 <a href='{link}' target='_blank'> Cancel </a> it first."
            )));
        }
        document::erase(self.transaction, doctype, name)?;
        naming::give_back(self.transaction, &stored)
    }

    fn check_and_compute(&self, document: &mut Document) -> Result<(), Refusal> {
        if !fields::is_invoice(&document.doctype) {
            return Ok(());
        }
        if self.strict_items {
            rules::links(self.transaction, document)?;
        }
        totals::fill_in(document, self.now);
        totals::price(self.transaction, document)?;
        rules::quantities(document)?;
        rules::stock(self.transaction, document)?;
        totals::compute(document)?;
        rules::mandatory(document)
    }

    fn write(&self, mut document: Document, before: &str) -> Result<Document, Refusal> {
        if fields::is_invoice(&document.doctype) {
            totals::status(&mut document)?;
        }
        let stamp = self.now.after(before).stamp();
        document.header.insert("modified".to_owned(), json!(stamp));
        document.header.insert("modified_by".to_owned(), json!(self.user));
        children::stamp(&mut document);
        rules::dates(&document)?;
        rules::unique(self.transaction, &document)?;
        document::write_header(self.transaction, &document)?;
        children::write(self.transaction, &document)?;
        Ok(document)
    }
}
