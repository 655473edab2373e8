//! A draft whose journal, or whose edits told by another page, may lack the last saves: whoever
//! wrote it is gone, went on in memory for want of a disk, and may have saved any of its edits.
//!
//! On the copy that the draft builds on nothing of that can be: a save would have moved its stamp.
//! So edits go out as ever, and if the answer is "stale", the newer copy may contain them. It is
//! merged as after a lost answer, and with that the doubt is over: what the other page sent for the
//! old copy can never be stored any more.

use super::*;
use crate::core::merge::Doubt;

impl Draft {
    /// Takes all that is unsaved for what may be stored by now.
    pub(in crate::core) fn doubt(&mut self, turn: &mut Turn<'_>) {
        if !self.is_exportable() || self.ending.is_some() {
            return;
        }
        match (&mut self.sent, &self.key) {
            // To create it again would make two: it is looked for first, as what was exported.
            (None, None) if self.exported.is_none() => self.expect_another(turn),
            (None, None) => self.doubted = Some(self.revision),
            (Some(sent), _) => {
                sent.doubted = true;
                self.doubted = Some(self.revision);
            }
            (None, Some(_)) => self.doubted = Some(self.revision),
        }
        self.journal_state(turn);
    }

    /// What was sent, as one save or, by a page that is gone, as who knows how many.
    pub(super) fn doubt_of<'a>(&self, sent: &'a Document) -> Doubt<'a> {
        Doubt { sent, several: self.doubted.is_some() }
    }

    /// Up to which revision edits may be stored, though nobody was told so.
    pub(super) fn doubted_until(&self) -> Option<Revision> {
        let exported = self.exported.as_ref().map(|exported| exported.revision);
        exported.max(self.doubted).filter(|revision| self.holds_edits_until(*revision))
    }
}
