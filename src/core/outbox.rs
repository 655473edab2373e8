//! What is not on the server yet: the list that the page shows, and its text for another device.

use super::document::DocumentError;
use super::draft::Draft;
use super::event::DraftId;
use super::journal::{self, Restored};
use super::json::{self, list, ObjectWriter};
use super::policy::Policy;
use super::time::Millis;

/// What an export is marked with.
const KIND: &str = "outbox";
/// The format of exports.
const FORMAT: &[u8] = b"1";

/// A draft that holds something that the server does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The document's key, or the draft's own name.
    pub key: String,
    /// Where it stands, in the contract's words.
    pub status: &'static str,
    /// When it was edited last.
    pub edited_at: Millis,
    /// Saves sent so far.
    pub attempts: u32,
    /// When the next try is due, if time alone brings it.
    pub next_attempt_at: Option<Millis>,
    /// Why it is not on the server, as a stable word.
    pub reason: Option<&'static str>,
    /// The server's own words, if it refused.
    pub message: Option<String>,
}

impl Entry {
    /// As JSON (contract: `OutboxEntry`).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        let number = |object: &mut ObjectWriter, name: &str, value: u64| {
            object.raw(name, value.to_string().as_bytes());
        };
        object.text("key", &self.key).text("status", self.status);
        number(&mut object, "editedAt", self.edited_at.0);
        number(&mut object, "attempts", u64::from(self.attempts));
        if let Some(at) = self.next_attempt_at {
            number(&mut object, "nextAttemptAt", at.0);
        }
        if let Some(reason) = self.reason {
            object.text("reason", reason);
        }
        if let Some(message) = &self.message {
            object.text("message", message);
        }
        object.finish()
    }
}

/// A text that is no export of this format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportError {
    /// Not an export at all.
    NotAnExport,
    /// Written by another version of Restamp.
    UnknownFormat,
    /// The draft with this number cannot be read, or was made by other rules.
    Broken(usize),
    /// The draft with this number holds no document.
    Document(usize, DocumentError),
}

/// The text of these drafts, each as the journal holds it.
#[must_use]
pub fn export(drafts: &[Draft]) -> Vec<u8> {
    let drafts = drafts.iter().filter(|draft| draft.is_exportable()).filter_map(Draft::journal);
    let mut object = ObjectWriter::new();
    object.text("restamp", KIND).raw("v", FORMAT).raw("drafts", &list(drafts));
    object.finish()
}

/// The drafts of an exported text that are not among those `known`, numbered from `first`.
///
/// # Errors
/// [`ExportError`] if any of it cannot be read: all or nothing comes in.
pub fn import(
    text: &[u8],
    first: DraftId,
    known: &[Draft],
    policy: &Policy,
) -> Result<Vec<Draft>, ExportError> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (at, restored) in read(text)?.into_iter().enumerate() {
        let number = DraftId(first.0.saturating_add(drafts.len() as u32));
        let draft = Draft::restore(number, restored, policy)
            .map_err(|error| ExportError::Document(at, error))?;
        if draft.strange {
            return Err(ExportError::Broken(at));
        }
        if !known.iter().chain(&drafts).any(|known| known.id == draft.id) {
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

fn read(text: &[u8]) -> Result<Vec<Restored>, ExportError> {
    json::check(text).map_err(|_| ExportError::NotAnExport)?;
    if json::member(text, "restamp").and_then(json::text).as_deref() != Some(KIND) {
        return Err(ExportError::NotAnExport);
    }
    if json::member(text, "v") != Some(FORMAT) {
        return Err(ExportError::UnknownFormat);
    }
    let entries = json::member(text, "drafts").ok_or(ExportError::NotAnExport)?;
    let mut drafts = Vec::new();
    let walked = json::elements(entries, 0, &mut |entry| drafts.push(entry.of(entries).to_vec()));
    walked.map_err(|_| ExportError::NotAnExport)?;
    let read = |(at, text): (usize, &Vec<u8>)| match journal::read_draft(text) {
        Ok(draft) => Ok(draft),
        Err(journal::JournalError::UnknownFormat(_)) => Err(ExportError::UnknownFormat),
        Err(journal::JournalError::Broken(_)) => Err(ExportError::Broken(at)),
    };
    drafts.iter().enumerate().map(read).collect()
}
