//! Word from the server that the document changed: the newest copy is here before a save needs it.
//!
//! Word may be late, twice, out of order or lost, so a stamp alone says only that a load may be
//! worth it. Word that names the stamp which was replaced says more. If that is the base's, the
//! change is the very next one after the base: its document is the base from now on, without a
//! load, and a save that is under way on the old base is either this change or can never be stored
//! any more (stamps are compared and never come again). If it is a stamp that the base had before,
//! the change is one of those that are here already.

use super::*;
#[cfg(feature = "planted-defects")]
use crate::core::defect::{self, Defect};

/// Former stamps of the base that are remembered, to know old word by.
const LEFT_MAX: usize = 16;

/// What the server told of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core) struct Word {
    /// The document's stamp since the change; `None` if the server told none.
    pub(in crate::core) stamp: Option<Stamp>,
    /// The stamp that was replaced.
    pub(in crate::core) from: Option<Stamp>,
    /// The token of the save that made the change.
    pub(in crate::core) token: Option<String>,
    /// The document since the change, as a load would give it.
    pub(in crate::core) document: Option<Vec<u8>>,
}

/// The last word that is not cleared up.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    word: Word,
    /// It came before the load that is under way went out: the answer holds the change.
    asked: bool,
}

impl Draft {
    /// The server told that the document changed. Its document is taken at once where it is the
    /// next one after the base; else the newest copy is fetched as soon as nothing else is under
    /// way ([`Draft::catch_up`]).
    pub(in crate::core) fn hear(&mut self, word: Word, turn: &mut Turn<'_>) {
        if self.is_news(&word) {
            if let Err(word) = self.take_word(word, turn) {
                let overtaken = self.is_overtaken(&word, turn.policy);
                self.heard = Some(Heard { word, asked: false });
                if overtaken {
                    self.give_way(turn);
                }
            }
        }
    }

    /// Whether another's save took the place that the save under way was made for: it can never be
    /// stored any more, whatever its answer will be. But where that brings the newest copy along, it
    /// is waited for: it spares a load.
    fn is_overtaken(&self, word: &Word, policy: &Policy) -> bool {
        let others = |sent: &Sent| {
            sent.is_unanswered() && word.token.as_ref().is_some_and(|token| *token != sent.token)
        };
        let calling = matches!(self.phase, Phase::Calling(_));
        let follows = self.is_next(word, policy);
        let parks = self.sent.as_ref().is_some_and(|sent| sent.parks);
        calling && follows && self.bare && !parks && self.sent.as_ref().is_some_and(others)
    }

    /// The answer is not waited for: the newest copy is asked for at once, or in its turn.
    fn give_way(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        self.log(Step::Stale, turn);
        self.count_stale(turn);
        self.sent = None;
        if self.contended {
            self.wait_for_turn(turn);
        } else {
            self.load(turn);
        }
    }

    /// Fetches the copy that the server told of, before a save finds out. Unsaved edits are
    /// laid over it; a load that fails is no matter, the save will ask again.
    pub(in crate::core) fn catch_up(&mut self, turn: &mut Turn<'_>) {
        if self.take_heard(turn) || self.phase != Phase::Idle || turn.slots == 0 {
            return;
        }
        let ended = self.ending.is_some() || self.submitted || self.key.is_none();
        if ended || !self.has_heard() {
            self.heard = None;
        } else if self.conflicts.is_empty() && self.sent.is_none() {
            self.behind = true;
            self.refreshing = true;
            self.load(turn);
        }
    }

    /// Whether the server told of a copy that is not the base.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.as_ref().is_some_and(|heard| self.is_news(&heard.word))
    }

    /// The base has moved: the document of the last word may be the next one now.
    pub(super) fn take_heard(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(heard) = self.heard.take() else { return false };
        match self.take_word(heard.word, turn) {
            Ok(()) => true,
            Err(word) => {
                self.heard = Some(Heard { word, ..heard });
                false
            }
        }
    }

    /// A load goes out: what was told so far is in its answer, what is told from now on may not be.
    pub(super) fn ask_for_heard(&mut self) {
        if let Some(heard) = &mut self.heard {
            heard.asked = true;
        }
    }

    /// A load was answered.
    pub(super) fn clear_up_heard(&mut self) {
        self.heard.take_if(|heard| heard.asked);
    }

    /// The base moves to another stamp.
    pub(super) fn leave_stamp(&mut self, next: &Stamp) {
        let Some(old) = self.stamp.take_if(|old| old != next && !old.0.is_empty()) else { return };
        if self.left.len() == LEFT_MAX {
            self.left.remove(0);
        }
        self.left.push(old);
    }

    fn is_news(&self, word: &Word) -> bool {
        let is_left =
            |stamp: &Option<Stamp>| stamp.as_ref().is_some_and(|it| self.left.contains(it));
        let is_here = word.stamp.is_some() && word.stamp == self.stamp;
        !is_here && !is_left(&word.stamp) && !is_left(&word.from)
    }

    /// Takes the document of a word as the new base, if it is the next one after the base and
    /// nothing is in the way; else hands the word back.
    fn take_word(&mut self, mut word: Word, turn: &mut Turn<'_>) -> Result<(), Word> {
        let (Some(stamp), true) = (word.stamp.clone(), self.is_next(&word, turn.policy)) else {
            return Err(word);
        };
        let Some(text) = word.document.take() else { return Err(word) };
        // One that cannot be read is loaded.
        let read = merge::read_newest(&self.base, text, &turn.policy.profile);
        let Ok((copy, incoming)) = read else { return Err(word) };
        if let Phase::Calling(_) = self.phase {
            // The answer comes too late: it would tell of an older copy, or what is known now.
            self.phase = Phase::Idle;
        }
        self.tell_fate(&word, &copy, turn);
        let refreshing = std::mem::take(&mut self.refreshing);
        self.log(Step::Loaded, turn);
        self.on_newest(copy, &incoming, stamp, turn);
        if refreshing {
            turn.out.push(Effect::Opened(self.number));
        }
        if matches!(self.phase, Phase::Waiting(_) | Phase::InLine | Phase::Held) && !self.goes_on()
        {
            self.phase = Phase::Idle;
            self.changed(turn);
        }
        Ok(())
    }

    /// A save without an answer is the change that was told, or can never be stored any more.
    fn tell_fate(&mut self, word: &Word, copy: &Document, turn: &mut Turn<'_>) {
        let Some(sent) = self.sent.as_mut().filter(|sent| sent.is_unanswered()) else { return };
        let field = turn.policy.profile.token_field.as_ref();
        let held = || Some(json::text(copy.field(field?)?)?.into_owned());
        if word.token.clone().or_else(held).as_ref() == Some(&sent.token) {
            sent.told.clone_from(&word.stamp);
        } else {
            self.log(Step::Stale, turn);
            self.count_stale(turn);
            self.sent = None;
        }
    }

    /// Whether the word is of the change that came right after the base, and can be taken now.
    fn is_next(&self, word: &Word, policy: &Policy) -> bool {
        let follows = word.from.is_some() && word.from == self.stamp;
        #[cfg(feature = "planted-defects")]
        let follows = follows || defect::is(Defect::LostWordTrusted) && word.from.is_some();
        // The answer brings a lease: who does not wait for it keeps all others waiting.
        let calling = matches!(self.phase, Phase::Calling(_));
        let waits_for_lease =
            |sent: &Sent| calling && sent.parks && word.token.as_ref() != Some(&sent.token);
        let is_in_line = self.sent.as_ref().is_some_and(waits_for_lease);
        let open = self.opened && self.ending.is_none() && !self.submitted;
        // An open question is about the copy that is shown.
        let certain = self.exported.is_none() && self.doubted.is_none();
        let settled = self.conflicts.is_empty() && certain;
        let atomic = policy.compare_and_set == CompareAndSet::Atomic;
        // The same content may be another's save: only a token tells whose it is.
        let has_token = word.token.is_some() || policy.profile.token_field.is_some();
        let is_told = self.sent.as_ref().is_none_or(|sent| match &sent.fate {
            Fate::Stored(Some(stored)) => Some(stored) == word.stamp.as_ref(),
            Fate::Stored(None) => true,
            // One that the server merges may be stored whatever its stamp is.
            Fate::InFlight | Fate::InDoubt => has_token && !self.is_applied(policy),
        });
        follows && open && settled && atomic && is_told && !is_in_line
    }
}

impl Sent {
    pub(super) fn is_unanswered(&self) -> bool {
        match &self.fate {
            Fate::InFlight | Fate::InDoubt => true,
            Fate::Stored(_) => false,
        }
    }
}
