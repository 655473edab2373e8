//! A draft whose journal, or whose edits told by another page, may lack the last saves: whoever
//! wrote it is gone, went on in memory for want of a disk, and may have saved any of its edits.
//!
//! On the copy that the draft builds on nothing of that can be: a save would have moved its stamp.
//! So edits go out as ever, and if the answer is "stale", the newer copy may contain them. It is
//! merged as after a lost answer. A last request of the page that is gone may still be on its way,
//! for that newer copy; so the doubt is over with the next one, or with a save of this till.

use super::*;
use crate::core::merge::Doubt;

impl Draft {
    /// Takes all that is unsaved for what may be stored by now.
    pub(in crate::core) fn doubt(&mut self, turn: &mut Turn<'_>) {
        if !self.is_exportable() || self.ending.is_some() {
            return;
        }
        #[cfg(feature = "planted-defects")]
        if crate::core::defect::is(crate::core::defect::Defect::TornTrusted) {
            return;
        }
        match (&mut self.sent, &self.key) {
            // To create it again would make two: it is looked for first, as what was exported.
            (None, None) if self.exported.is_none() => self.expect_another(turn),
            (None, None | Some(_)) => self.doubt_all(false),
            (Some(sent), _) => {
                sent.doubted = true;
                self.doubt_all(false);
            }
        }
        self.journal_state(turn);
    }

    fn doubt_all(&mut self, moved: bool) {
        self.doubted = Some(Doubted { until: self.revision, moved });
    }

    /// What is left stands on a newer copy now.
    pub(super) fn move_doubt(&mut self) {
        match self.doubted.take() {
            Some(doubted) if !doubted.moved => self.doubt_all(true),
            Some(_) | None => {}
        }
    }

    /// Edits that may be stored by a page that is gone, if any are left.
    pub(super) fn doubted(&self) -> Option<Doubted> {
        self.doubted.filter(|doubted| self.holds_edits_until(doubted.until))
    }

    /// What was sent, as one save or, by a page that is gone, as who knows how many.
    pub(super) fn doubt_of<'a>(&self, sent: &'a Document) -> Doubt<'a> {
        Doubt { sent, several: self.doubted.is_some() }
    }

    /// Up to which revision edits may be stored, though nobody was told so.
    pub(super) fn doubted_until(&self) -> Option<Revision> {
        let exported = self.exported.as_ref().map(|exported| exported.revision);
        let doubted = self.doubted.map(|doubted| doubted.until);
        exported.max(doubted).filter(|revision| self.holds_edits_until(*revision))
    }
}
