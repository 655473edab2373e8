//! A base and my side, read once and kept for many newest copies.
//!
//! Most of what a newest copy changes does not meet what I changed. Then what becomes of mine is
//! known before the copy comes: my side laid over the base. [`Plan`] holds that, as stretches of
//! the base's text to be replaced; a [walk](walk) over base and copy side by side puts them into
//! the copy's text. Only a row in which both changed something that may concern the other is
//! merged, alone. Where anything else could matter (a copy that does not line up, a question, an
//! ended document) the general merge has the word: the walk gives up, and nothing was done.

use std::sync::Arc;

use super::change::Changes;
use super::conflict::Conflict;
use super::document::Document;
use super::merge::{self, ended};
use super::profile::Profile;
use super::reapply::{changes, parse, Mine, ReapplyError};
use super::render::Audience;

mod plan;
mod rows;
mod walk;

use plan::Plan;

/// A base and my side.
#[derive(Debug, Clone)]
pub struct Prepared {
    base: Document,
    mine: Changes,
    profile: Arc<Profile>,
    /// `None` if my side cannot be laid over copies unseen.
    plan: Option<Plan>,
}

/// How a merge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Merged, nothing to ask.
    Merged,
    /// Merged as far as nobody has to be asked.
    Conflict,
    /// The document ended elsewhere; the text is the newest copy.
    Ended,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// How.
    pub kind: Kind,
    /// The merged document's text.
    pub text: Vec<u8>,
    /// What only a person can decide.
    pub conflicts: Vec<Conflict>,
}

impl Prepared {
    /// Reads both.
    ///
    /// # Errors
    /// [`ReapplyError`] if the base or an edit is malformed.
    pub fn new(
        base: Vec<u8>,
        mine: &Mine,
        profile: Arc<Profile>,
    ) -> Result<Prepared, ReapplyError> {
        let base = parse("base", base, &profile)?;
        let mine = changes(&base, mine, &profile)?;
        let plan = Plan::new(&base, &mine, &profile);
        Ok(Prepared { base, mine, profile, plan })
    }

    /// Lays mine over the newest copy. The result is written into `buffer`, so that one that is
    /// kept from merge to merge need not grow again.
    ///
    /// # Errors
    /// [`ReapplyError`] if the copy is no document.
    pub fn merge(&self, theirs: Vec<u8>, buffer: Vec<u8>) -> Result<Laid, ReapplyError> {
        let planned = self.plan.as_ref().map(|plan| walk::lay(self, plan, &theirs, buffer));
        match planned.flatten() {
            Some(text) => Ok(Laid { kind: Kind::Merged, text, conflicts: Vec::new() }),
            None => self.merge_whole(theirs),
        }
    }

    /// The same by the general merge alone.
    ///
    /// # Errors
    /// As for [`Prepared::merge`].
    pub fn merge_whole(&self, theirs: Vec<u8>) -> Result<Laid, ReapplyError> {
        let (base, mine, profile) = (&self.base, &self.mine, &self.profile);
        let read = merge::read_newest(base, theirs, profile);
        let (theirs, incoming) =
            read.map_err(|error| ReapplyError::Document { which: "theirs", error })?;
        if ended(base, Some(&theirs), profile).is_some() {
            let text = theirs.text().to_vec();
            return Ok(Laid { kind: Kind::Ended, text, conflicts: Vec::new() });
        }
        let merged = merge::merge_incoming(base, mine, &theirs, &incoming, profile, None);
        let text = merged.text(&theirs, profile, Audience::Page);
        let kind = if merged.conflicts.is_empty() { Kind::Merged } else { Kind::Conflict };
        Ok(Laid { kind, text, conflicts: merged.conflicts })
    }

    /// Whether a copy was merged without the general merge; for tests of how often that happens.
    #[must_use]
    pub fn is_planned(&self, theirs: &[u8]) -> bool {
        let planned = self.plan.as_ref().map(|plan| walk::lay(self, plan, theirs, Vec::new()));
        planned.flatten().is_some()
    }
}
