//! The merge for a server that holds the documents itself: edits in, the document to store out.
//!
//! A client sends its edits since a stamp; the server keeps the copies of the last stamps. In the
//! transaction in which it stores, with the newest copy locked, it calls [`apply_edits`]: one request
//! a save, whatever others do. See `backend/src/rest/apply.rs` for a server that does.

use super::change::{put, FieldChange};
use super::conflict::Conflict;
use super::document::Document;
use super::json::quoted;
use super::merge::{self, ended, leftover_of, Ending};
use super::op::Op;
use super::profile::Profile;
use super::reapply::{apply_all, parse, total_differs, ReapplyError};
use super::render::Audience;

/// One save of a client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edits<'a> {
    /// What was changed since the base, oldest first.
    pub ops: &'a [Op],
    /// The save's token, kept in the profile's `token_field`; that a token is applied once is for the
    /// server to see to.
    pub token: Option<&'a str>,
    /// Whether the document is to be submitted.
    pub submit: bool,
    /// The total to submit for, as decimal text: another one is a conflict.
    pub expected_total: Option<&'a str>,
}

/// What becomes of a save.
#[derive(Debug, Clone)]
pub enum Applied {
    /// This is to be stored.
    Merged {
        /// The newest copy with the edits laid over it: what they did not touch, byte for byte.
        text: Vec<u8>,
        /// Places that others changed since the base.
        incoming: Vec<String>,
        /// Places where the edits were laid over a newer copy.
        reapplied: Vec<String>,
        /// Whether prices and offers must be computed again before it is stored.
        needs_reprice: bool,
    },
    /// Nothing is to be stored: a person must decide.
    Asked {
        /// The questions.
        conflicts: Vec<Conflict>,
    },
    /// Nothing is to be stored: the document has ended.
    Ended {
        /// How, and what is left of the edits.
        ending: Ending,
    },
}

/// Lays a client's edits of `base` over `newest`, the copy that the server holds by now.
///
/// ```
/// use restamp::core::{op::Op, profile::Profile, serve::{apply_edits, Applied, Edits}};
///
/// let profile = br#"{"tables": {"items": {"row": ["id"], "counter": ["qty"]}}, "otherwise": "ask"}"#;
/// let profile = Profile::parse(profile).unwrap();
/// let ops = br#"[{"op": "increment", "path": "items[a].qty", "by": "0.25"}]"#;
/// let ops = Op::parse_list(ops).unwrap();
/// let edits = Edits { ops: &ops, ..Edits::default() };
/// let base = br#"{"total":9.50,"items":[{"id":"a","qty":1}]}"#;
/// let newest = br#"{"total":9.50,"items":[{"id":"a","qty":2}]}"#;
/// let applied = apply_edits(base, newest, &edits, &profile).unwrap();
/// let Applied::Merged { text, .. } = applied else { panic!("nothing to ask") };
/// assert_eq!(text, br#"{"total":9.50,"items":[{"id":"a","qty":2.25}]}"#);
/// ```
///
/// # Errors
/// [`ReapplyError`] if a copy is no document, or an edit cannot be made on the base.
pub fn apply_edits(
    base: &[u8],
    newest: &[u8],
    edits: &Edits<'_>,
    profile: &Profile,
) -> Result<Applied, ReapplyError> {
    let base = parse("base", base.to_vec(), profile)?;
    let newest = parse("newest", newest.to_vec(), profile)?;
    let changes = apply_all(edits.ops, 0, &base, profile)?;
    if let Some(state) = ended(&base, Some(&newest), profile) {
        let ending = leftover_of(&base, &changes, None, Some(&newest), state, profile);
        return Ok(Applied::Ended { ending });
    }
    let mut merged = merge::merge(&base, &changes, &newest, profile, None);
    if merged.conflicts.is_empty() {
        merged.conflicts.extend(total_moved(&merged, &newest, edits, profile)?);
    }
    if !merged.conflicts.is_empty() {
        return Ok(Applied::Asked { conflicts: merged.conflicts });
    }
    let closing = profile.lifecycle.as_ref().filter(|_| edits.submit);
    if let Some((lifecycle, value)) = closing.and_then(|l| Some((l, l.submitted.first()?))) {
        put(&mut merged.pending.fields, &lifecycle.field, FieldChange::Typed(value.clone()));
    }
    if let (Some(field), Some(token)) = (&profile.token_field, edits.token) {
        put(&mut merged.pending.fields, field, FieldChange::Typed(quoted(token)));
    }
    Ok(Applied::Merged {
        text: merged.text(&newest, profile, Audience::Server),
        incoming: merged.incoming,
        reapplied: merged.reapplied,
        needs_reprice: merged.needs_reprice,
    })
}

/// The merged document's total against the one that the cashier saw.
fn total_moved(
    merged: &merge::Merge,
    newest: &Document,
    edits: &Edits<'_>,
    profile: &Profile,
) -> Result<Option<Conflict>, ReapplyError> {
    let Some(expected) = edits.expected_total.filter(|_| edits.submit) else { return Ok(None) };
    let text = merged.text(newest, profile, Audience::Page);
    Ok(total_differs(&parse("merged", text, profile)?, expected, profile))
}
