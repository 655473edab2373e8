//! Several pages of one user are one till: one page sends, the others show its drafts. What the
//! sending page says of a draft comes in here, and so does its journal when it is gone.

use super::*;
use crate::core::journal::Restored;
use crate::core::pages::Wants;

impl Till {
    /// The draft of this name, the one in its journal entries.
    #[must_use]
    pub fn named(&self, id: &str) -> Option<DraftId> {
        self.drafts.iter().find(|draft| draft.id == id).map(|draft| draft.number)
    }

    /// Shows the draft `number` as the sending page has it. A draft of the same name that is here
    /// already is the one; its number is answered.
    ///
    /// # Errors
    /// [`RestoreError`] if `state` is not one `state` entry of this format.
    pub fn mirror(
        &mut self,
        number: DraftId,
        state: &[u8],
        status: &str,
    ) -> Result<DraftId, RestoreError> {
        let restored = one(state)?;
        let id = restored.id.clone();
        let shows = |number| {
            Draft::mirror(number, restored.clone(), status, &self.policy)
                .map_err(|error| RestoreError::Document(id.clone(), error))
        };
        let is_here = |draft: &Draft| draft.number == number;
        let at = self.drafts.iter().position(is_here);
        let at = at.or_else(|| self.drafts.iter().position(|draft| draft.id == id));
        let Some(at) = at else {
            let draft = shows(number)?;
            self.drafts.push(draft);
            return Ok(number);
        };
        // Two drafts here may have become one there: both show it.
        for place in 0..self.drafts.len() {
            if place == at || self.drafts[place].id == id {
                let mut draft = shows(self.drafts[place].number)?;
                draft.replaces(&self.drafts[place]);
                self.drafts[place] = draft;
            }
        }
        Ok(self.drafts[at].number)
    }

    /// The copy that this draft shows, as an entry without anything unsaved.
    #[must_use]
    pub fn foundation(&self, draft: DraftId) -> Option<Vec<u8>> {
        self.draft(draft).map(Draft::foundation)
    }

    /// Shows drafts again as they were before the page that led could not write any more.
    pub fn step_back(&mut self, wants: &Wants) {
        let before: Vec<(DraftId, Vec<u8>)> = self
            .drafts
            .iter()
            .filter_map(|draft| Some((draft.number, wants.before(draft.number)?.to_vec())))
            .collect();
        for (number, before) in before {
            // It is an entry that a draft here made.
            let _ = self.mirror(number, &before, "clean");
        }
    }

    /// Takes a draft over from a page that follows: its copy of a document, without edits. A
    /// draft of this document that is here already is the one; not one that is still being opened,
    /// for there is nothing that could be shown, and edits shall not wait for it.
    ///
    /// # Errors
    /// [`RestoreError`] if `state` is not one `state` entry of this format.
    pub fn adopt(&mut self, number: DraftId, state: &[u8]) -> Result<DraftId, RestoreError> {
        let restored = one(state)?;
        let id = restored.id.clone();
        let open = || self.drafts.iter().filter(|draft| draft.opened);
        // Two drafts of one document may have come together: this one, if it is here by name.
        let is_of = |draft: &&Draft| restored.key.as_deref().is_some_and(|key| draft.key() == key);
        if let Some(draft) = open().find(|draft| draft.id == id).or_else(|| open().find(is_of)) {
            return Ok(draft.number);
        }
        let mut draft = Draft::restore(number, restored, &self.policy)
            .map_err(|error| RestoreError::Document(id, error))?;
        draft.inherit(None, &self.policy);
        self.drafts.push(draft);
        Ok(number)
    }

    /// Another page sends from now on. The drafts that were `begun` here and are not known to be on
    /// disk are begun by that one.
    pub fn follow(&mut self, begun: &[DraftId]) {
        self.drafts.retain(|draft| draft.opened && !begun.contains(&draft.number));
        self.drafts.iter_mut().for_each(Draft::follow);
    }

    /// The page that sent is gone: its journal becomes this till; `is_torn` if it may have ended
    /// before that page did. Drafts that are here keep their numbers, others are numbered from
    /// `first`. Call [`Till::handle`] with [`Event::Online`] to let what was under way go on.
    ///
    /// # Errors
    /// [`RestoreError`] if the journal is not of this format; then nothing has changed.
    pub fn take_over(
        &mut self,
        entries: &[&[u8]],
        first: DraftId,
        is_torn: bool,
    ) -> Result<(), RestoreError> {
        let restored = journal::replay(entries.iter().copied()).map_err(RestoreError::Journal)?;
        let mut drafts = Vec::new();
        let mut free = first.0;
        for state in restored.drafts {
            let id = state.id.clone();
            let known = self.drafts.iter().find(|draft| draft.id == id);
            let number = known.map_or(DraftId(free), |draft| draft.number);
            free += u32::from(known.is_none());
            let mut draft = Draft::restore(number, state, &self.policy)
                .map_err(|error| RestoreError::Document(id, error))?;
            if let Some(known) = known {
                draft.replaces(known);
            }
            drafts.push(draft);
        }
        for mut draft in std::mem::take(&mut self.drafts) {
            if drafts.iter().all(|known| known.id != draft.id) {
                let key = journal::key_of_settled(entries.iter().copied(), &draft.id);
                match key {
                    None if is_torn && draft.is_new() => draft.begin_anew(&self.policy),
                    Some(_) | None => draft.inherit(key, &self.policy),
                }
                drafts.push(draft);
            }
        }
        self.drafts = drafts;
        self.breaker = restored.breaker;
        Ok(())
    }
}

fn one(state: &[u8]) -> Result<Restored, RestoreError> {
    let restored = journal::replay([state]).map_err(RestoreError::Journal)?;
    restored.drafts.into_iter().next().ok_or(RestoreError::Journal(JournalError::Broken(0)))
}
