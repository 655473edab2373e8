//! Drafts for which another page of the same user sends: what this page shows of them, and how
//! they become its own when it takes over.

use super::*;

/// The contract's words for where a draft stands.
const STATUSES: [&str; 7] = ["clean", "dirty", "saving", "waiting", "conflict", "parked", "closed"];

impl Draft {
    /// The draft's own name: the token of its creation, if it was created here.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The draft as the sending page has it, which says `status`.
    pub(in crate::core) fn mirror(
        number: DraftId,
        mut restored: Restored,
        status: &str,
        policy: &Policy,
    ) -> Result<Draft, DocumentError> {
        // What is sent, and what goes on by itself, is the other page's.
        restored.unanswered = None;
        restored.wish = None;
        let mut draft = Draft::restore(number, restored, policy)?;
        draft.mirrored = STATUSES.into_iter().find(|known| *known == status).or(Some("dirty"));
        Ok(draft)
    }

    /// This draft is the other page's from now on.
    pub(in crate::core) fn follow(&mut self) {
        self.mirrored = Some(self.status());
        self.phase = Phase::Idle;
        self.sent = None;
        self.submit = None;
        self.wanted = self.saved;
        self.waiters.clear();
        self.journaled = true;
        self.journaled_wish = None;
        self.refreshing = false;
        self.heard = None;
        self.owes = false;
    }

    /// The page that sent is gone, and nothing of this draft is in its journal: all that it had
    /// is saved, or given up. `key` is the one that its document got.
    pub(in crate::core) fn inherit(&mut self, key: Option<String>, policy: &Policy) {
        let closed = self.mirrored.take() == Some("closed");
        self.key = self.key.take().or(key);
        self.edits.clear();
        self.changes = Changes::none(&policy.profile);
        self.conflicts.clear();
        self.journaled = false;
        self.parked = false;
        self.exported = None;
        self.doubted = None;
        self.refusal = None;
        // The copy may be of a document that has ended.
        let state = ended(&Document::default(), Some(&self.base), &policy.profile);
        self.submitted |= closed || self.key.is_none() || state.is_some();
        // The base may be older than what was saved: the newest copy is fetched first.
        self.behind = true;
        self.version = self.version.wrapping_add(1);
    }

    /// A new document that is not known to be on the server, nor given up.
    pub(in crate::core) fn is_new(&self) -> bool {
        self.key.is_none() && self.status() != "closed"
    }

    /// The page that sent is gone, and nothing of this new document came to its disk: it is this
    /// page's to make, if it is not made yet ([`Draft::doubt`]).
    pub(in crate::core) fn begin_anew(&mut self, policy: &Policy) {
        self.mirrored = None;
        self.edits.clear();
        self.changes = Changes::none(&policy.profile);
        self.conflicts.clear();
        self.parked = false;
        self.refusal = None;
        self.version = self.version.wrapping_add(1);
    }

    /// This draft takes the place of `before`: whoever looks sees that something is new.
    pub(in crate::core) fn replaces(&mut self, before: &Draft) {
        self.version = before.version.wrapping_add(1);
    }

    /// The draft as a `state` entry, whether or not something of it is unsaved.
    #[must_use]
    pub fn whole(&self) -> Vec<u8> {
        journal::state(&self.state())
    }

    /// The copy that the draft builds on as a `state` entry, without anything unsaved.
    #[must_use]
    pub fn foundation(&self) -> Vec<u8> {
        let mut state = self.state();
        state.edits.clear();
        state.conflicts.clear();
        state.ending = None;
        state.unanswered = None;
        state.wish = None;
        state.parked = false;
        state.exported = None;
        state.doubted = None;
        state.attempts = 0;
        journal::state(&state)
    }
}
