//! The pure function behind `merge()`: texts in, result out, no draft and no I/O.

use super::change::{Changes, EditError};
use super::conflict::{Conflict, Reason};
use super::diff::difference;
use super::document::{Document, DocumentError};
use super::json::{self, list, text_list, ObjectWriter};
use super::merge::{self, due, ended, leftover_of, Doubt, Ending, Merge, Notice};
use super::op::{Op, OpError};
use super::profile::Profile;
use super::render::Audience;

/// My side.
#[derive(Debug, Clone)]
pub enum Mine {
    /// A whole document.
    Document(Vec<u8>),
    /// Edits since the base, oldest first.
    Ops(Vec<Op>),
}

/// What else is known about my side.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// The token of a save of mine whose answer was lost.
    pub lost_token: Option<String>,
    /// The document that such a save sent.
    pub lost_sent: Option<Vec<u8>>,
    /// The total that I want to submit for, as decimal text.
    pub expected_total: Option<String>,
}

/// Input that cannot be merged; nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReapplyError {
    /// One of the documents (`base`, `mine`, `theirs`, `sent`) is none.
    Document {
        /// Which one.
        which: &'static str,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// The list of edits is none.
    Ops(OpError),
    /// An edit cannot be applied to the base.
    Edit {
        /// Its position in the list, from 0.
        number: usize,
        /// Why.
        error: EditError,
    },
}

/// What came out.
#[derive(Debug, Clone)]
pub enum Reapplied {
    /// Merged, with or without questions.
    Open {
        /// The merged document's text.
        text: Vec<u8>,
        /// The merge in detail.
        merge: Merge,
    },
    /// The document ended elsewhere.
    Ended {
        /// How, and what is left of mine.
        ending: Ending,
        /// The newest copy (`{}` if there is none).
        text: Vec<u8>,
    },
}

pub(super) fn parse(
    which: &'static str,
    text: Vec<u8>,
    profile: &Profile,
) -> Result<Document, ReapplyError> {
    Document::parse(text, profile).map_err(|error| ReapplyError::Document { which, error })
}

/// Lays mine over theirs. `theirs` of `None` means that the server has the document no more.
///
/// # Errors
/// [`ReapplyError`] if a document or an edit is malformed.
pub fn reapply(
    base: &[u8],
    mine: &Mine,
    theirs: Option<&[u8]>,
    profile: &Profile,
    circumstances: &Circumstances,
) -> Result<Reapplied, ReapplyError> {
    let base = parse("base", base.to_vec(), profile)?;
    let theirs = theirs.map(|text| parse("theirs", text.to_vec(), profile)).transpose()?;
    let changes = changes(&base, mine, profile)?;
    if let Some(state) = ended(&base, theirs.as_ref(), profile) {
        let ending = leftover_of(&base, &changes, None, theirs.as_ref(), state, profile);
        let text = theirs.map_or(b"{}".to_vec(), |theirs| theirs.text().to_vec());
        return Ok(Reapplied::Ended { ending, text });
    }
    let Some(theirs) = theirs else {
        return Ok(Reapplied::Ended { ending: Ending::deleted(), text: b"{}".to_vec() });
    };
    let sent = circumstances.lost_sent.as_deref();
    let sent = sent.map(|text| parse("sent", text.to_vec(), profile)).transpose()?;
    let mut merged = match already_saved(mine, sent.as_ref(), &theirs, profile, circumstances)? {
        Some((rest, token)) => {
            let mut merged = merge::merge(&theirs, &rest, &theirs, profile, None);
            merged.notices.push(Notice::AlreadySaved { token });
            merged
        }
        None => {
            let doubt = sent.as_ref().map(|sent| Doubt { sent, several: false });
            merge::merge(&base, &changes, &theirs, profile, doubt)
        }
    };
    if let Some(expected) = &circumstances.expected_total {
        merged.conflicts.extend(total_changed(&base, &theirs, expected, profile));
    }
    let text = merged.text(&theirs, profile, Audience::Page);
    Ok(Reapplied::Open { text, merge: merged })
}

pub(super) fn changes(
    base: &Document,
    mine: &Mine,
    profile: &Profile,
) -> Result<Changes, ReapplyError> {
    match mine {
        Mine::Document(text) => {
            let mine = parse("mine", text.clone(), profile)?;
            Ok(difference(base, &mine, profile).changes)
        }
        Mine::Ops(ops) => apply_all(ops, 0, base, profile),
    }
}

/// Fields that are the server's are left to it: an edit of one is no mistake here.
pub(super) fn apply_all(
    ops: &[Op],
    first: usize,
    base: &Document,
    profile: &Profile,
) -> Result<Changes, ReapplyError> {
    let mut changes = Changes::none(profile);
    for (number, op) in ops.iter().enumerate() {
        match changes.apply(op, base, profile) {
            Ok(()) | Err(EditError::ReadOnly(_)) => {}
            Err(error) => return Err(ReapplyError::Edit { number: first + number, error }),
        }
    }
    Ok(changes)
}

/// If the lost save is what the server holds: what I changed after it, and its token.
#[allow(clippy::type_complexity)]
fn already_saved(
    mine: &Mine,
    sent: Option<&Document>,
    theirs: &Document,
    profile: &Profile,
    circumstances: &Circumstances,
) -> Result<Option<(Changes, Option<String>)>, ReapplyError> {
    let held = profile.token_field.as_ref().and_then(|field| theirs.field(field));
    let held = held.and_then(json::text);
    let by_token =
        circumstances.lost_token.as_deref().filter(|token| held.as_deref() == Some(*token));
    // Content like mine under another token, or under none, proves nothing.
    let another = circumstances.lost_token.is_some() && profile.token_field.is_some();
    let by_content = !another && sent.is_some_and(|sent| merge::is_saved(sent, theirs, profile));
    if by_token.is_none() && !by_content {
        return Ok(None);
    }
    let token = by_token.map(str::to_owned);
    let rest = match mine {
        Mine::Document(text) => {
            difference(sent.unwrap_or(theirs), &parse("mine", text.clone(), profile)?, profile)
                .changes
        }
        Mine::Ops(ops) => {
            let carries = |op: &Op| match op {
                Op::Increment { token, .. } => {
                    token.is_some() && *token == circumstances.lost_token
                }
                Op::Set { .. } | Op::Insert { .. } | Op::Remove { .. } | Op::Move { .. } => false,
            };
            let last = ops.iter().rposition(carries);
            let first = last.map_or(ops.len(), |last| last + 1);
            apply_all(&ops[first..], first, theirs, profile)?
        }
    };
    Ok(Some((rest, token)))
}

/// A submit is for the total that the cashier saw: asked if the server's total moved away.
#[must_use]
pub fn total_changed(
    base: &Document,
    theirs: &Document,
    expected: &str,
    profile: &Profile,
) -> Option<Conflict> {
    let now = due(theirs, profile).map(|(_, amount)| amount);
    let before = due(base, profile).map(|(_, amount)| amount);
    (now.is_none() || before != now).then(|| total_differs(theirs, expected, profile)).flatten()
}

/// The copy's total against the one that the cashier saw. A total that the copy does not show is
/// a question too: it could not be checked.
#[must_use]
pub fn total_differs(copy: &Document, expected: &str, profile: &Profile) -> Option<Conflict> {
    let total = due(copy, profile);
    if total.is_some_and(|(_, now)| super::amount::decimal(expected) == Some(now)) {
        return None;
    }
    let field = match (total, profile.due.first()) {
        (Some((field, _)), _) => field,
        (None, Some(field)) => field,
        (None, None) => "total",
    };
    let mut conflict = Conflict::new(field.to_owned(), Reason::TotalChanged);
    conflict.mine = Some(json::quoted(expected));
    conflict.theirs = super::conflict::shown(copy.field(field).or(Some(b"null")));
    conflict.provisional = copy.field(field).map(<[u8]>::to_vec);
    Some(conflict)
}

impl Reapplied {
    /// The result as JSON (`MergeResult` in the contract).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        match self {
            Reapplied::Open { text, merge } => {
                let open = merge.conflicts.is_empty();
                object.text("kind", if open { "merged" } else { "conflict" }).raw("doc", text);
                object.raw("conflicts", &list(merge.conflicts.iter().map(Conflict::to_json)));
                object.raw("incoming", &text_list(&merge.incoming));
                object.raw("reapplied", &text_list(&merge.reapplied));
                object.raw("notices", &list(merge.notices.iter().map(Notice::to_json)));
                object.raw("needsReprice", if merge.needs_reprice { b"true" } else { b"false" });
            }
            Reapplied::Ended { ending, text } => {
                object.text("kind", "terminal").raw("doc", text);
                for name in ["conflicts", "incoming", "reapplied", "notices"] {
                    object.raw(name, b"[]");
                }
                object.raw("needsReprice", b"false");
                ending.write(&mut object);
            }
        }
        object.finish()
    }
}

impl Ending {
    fn deleted() -> Ending {
        let state = merge::State::Deleted;
        Ending { state, already_done: false, leftover: Vec::new(), by: None }
    }

    /// Adds `state`, `alreadyDone` and `leftover`.
    pub fn write(&self, object: &mut ObjectWriter) {
        object.text("state", self.state.code());
        object.raw("alreadyDone", if self.already_done { b"true" } else { b"false" });
        object.raw("leftover", &list(self.leftover.iter().cloned()));
        if let Some(by) = &self.by {
            object.text("by", by);
        }
    }
}

impl Notice {
    /// The notice as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        match self {
            Notice::Repriced { path, from, to } => {
                object.text("kind", "repriced").text("path", path);
                object.text("from", from).text("to", to);
            }
            Notice::AlreadySaved { token } => {
                object.text("kind", "already-saved");
                if let Some(token) = token {
                    object.text("token", token);
                }
            }
        }
        object.finish()
    }
}
