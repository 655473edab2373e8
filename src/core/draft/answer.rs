//! Answers to saves, loads and searches.

use super::*;
use crate::core::call::{FindOutcome, LoadOutcome, Loaded, RejectionCode, SaveOutcome};
#[cfg(feature = "planted-defects")]
use crate::core::defect::{self, Defect};

impl Draft {
    /// Takes the answer to a save. A late answer to another call changes nothing.
    ///
    /// A lost answer is not a failure: the save may have been applied, so the document is loaded
    /// before anything is sent again.
    pub(in crate::core) fn on_save_answer(&mut self, outcome: SaveOutcome, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        match outcome {
            SaveOutcome::Saved { key, stamp, document } => {
                self.on_saved(key, stamp, document, turn);
            }
            // What is not there yet can be neither gone nor stale nor closed.
            SaveOutcome::Gone | SaveOutcome::Stale { .. } | SaveOutcome::Closed(_)
                if self.key.is_none() =>
            {
                let no_place = "The server has no place for new documents here.";
                self.on_rejected(Rejection::invalid(no_place), turn);
            }
            SaveOutcome::Stale { current, document, fence, retry_after } => {
                self.log(Step::Stale, turn);
                self.take_refusal(turn);
                self.count_stale(turn);
                // What was held is not any more, or this save would not be stale.
                self.count_lapse();
                self.forget_lease(turn);
                if let Some(grant) = fence {
                    self.hold_lease(grant, true, turn);
                    // Nothing that was told before is newer than the copy that a lease comes with.
                    self.heard.take_if(|_| document.is_some());
                }
                self.bare = document.is_none();
                self.told_turn(retry_after, turn.now);
                match (current, document) {
                    (Some(stamp), Some(document)) => {
                        let key = self.key.clone();
                        self.on_loaded(Loaded { key, stamp: Some(stamp), document }, turn);
                    }
                    // A copy that is loaded before the wait would be old after it.
                    _ if self.contended => self.wait_for_turn(turn),
                    _ => self.look_or_load(turn),
                }
            }
            SaveOutcome::Exists { key } => self.on_exists(key, turn),
            SaveOutcome::Gone => self.end(State::Deleted, None, turn),
            SaveOutcome::Closed(_) => {
                self.take_refusal(turn);
                self.count_stale(turn);
                self.look_or_load(turn);
            }
            SaveOutcome::Unavailable { retry_after } => {
                self.forget_unless_doubted(turn);
                self.retry_later(retry_after, Queued::Busy, turn);
            }
            SaveOutcome::Locked { retry_after } => {
                self.forget_unless_doubted(turn);
                self.on_locked(retry_after, turn);
            }
            #[cfg(feature = "planted-defects")]
            SaveOutcome::InDoubt if defect::is(Defect::DoubtDropped) => {
                self.forget_unless_doubted(turn);
                self.retry_later(None, Queued::Busy, turn);
            }
            SaveOutcome::InDoubt => {
                self.log(Step::InDoubt, turn);
                if let Some(sent) = &mut self.sent {
                    sent.fate = Fate::InDoubt;
                    sent.doubted = true;
                }
                let is_new = self.key.is_none() && turn.policy.token == TokenSupport::Native;
                let asks_by_sending = is_new || self.is_applied(turn.policy);
                let replayed = self.is_replayed(turn.policy);
                // Once more at once: whoever waits is not told "queued" for one lost answer.
                if asks_by_sending || (replayed && !std::mem::take(&mut self.may_repeat)) {
                    self.retry_later(None, Queued::Offline, turn);
                } else {
                    self.look(turn);
                }
            }
            SaveOutcome::Unauthenticated { .. } => {
                self.forget_unless_doubted(turn);
                self.sign_out(turn);
            }
            SaveOutcome::Rejected(rejection) => self.on_rejected(rejection, turn),
        }
    }

    /// A save was stale. That its copy was old says only that others save too; if the copy was
    /// fresh, they save all the time.
    pub(super) fn count_stale(&mut self, turn: &mut Turn<'_>) {
        self.behind = true;
        self.note_rate(self.rounds == 0, true, turn);
        let (at, fresh) = self.sent.as_ref().map_or((turn.now, false), |s| (s.at, s.fresh));
        if self.rounds == 0 {
            self.rounds = 1;
            self.contended_since = at;
        } else if fresh {
            self.rounds += 1;
            self.contended = true;
        }
        self.forget_unless_doubted(turn);
    }

    /// A save that certainly was not applied is forgotten, but not while an earlier try of the
    /// same save may still be on its way.
    pub(super) fn forget_unless_doubted(&mut self, turn: &mut Turn<'_>) {
        match &mut self.sent {
            Some(sent) if sent.doubted => sent.fate = Fate::InDoubt,
            Some(_) | None => {
                self.sent = None;
                if self.journaled {
                    turn.out.push(Effect::Journal(journal::unsent(&self.id)));
                }
                if self.is_discarded() {
                    self.journal_settled(turn);
                }
            }
        }
    }

    fn look_or_load(&mut self, turn: &mut Turn<'_>) {
        if self.sent.is_some() {
            self.look(turn);
        } else {
            self.load(turn);
        }
    }

    fn on_saved(
        &mut self,
        key: Option<String>,
        stamp: Option<Stamp>,
        document: Option<Vec<u8>>,
        turn: &mut Turn<'_>,
    ) {
        let created = self.key.is_none();
        if created {
            self.key = key;
        }
        // Two creates do not race for one stamp.
        let atomic = created || turn.policy.compare_and_set == CompareAndSet::Atomic;
        let Some(sent) = &mut self.sent else { return };
        if !atomic || self.key.is_none() {
            // Believed only once it is read back.
            sent.fate = Fate::InDoubt;
            sent.told = stamp;
            return self.look(turn);
        }
        let profile = &turn.policy.profile;
        let copy = document.map(|text| Document::parse(text, profile));
        match (copy, stamp) {
            (Some(Err(_)), _) => {
                // Whatever answered so is no server that stored my document.
                sent.fate = Fate::InDoubt;
                sent.doubted = true;
                self.look(turn);
            }
            (Some(Ok(copy)), Some(stamp)) => {
                if sent.doubted && turn.policy.sharing.offers.tokens {
                    self.expect_newer(turn);
                }
                self.acknowledge(copy, stamp, false, turn);
            }
            (_, stamp) => {
                sent.fate = Fate::Stored(stamp);
                self.load(turn);
            }
        }
    }

    fn on_exists(&mut self, key: Option<String>, turn: &mut Turn<'_>) {
        if self.key.is_some() {
            return self.on_rejected(Rejection::invalid("A unique value is taken."), turn);
        }
        self.key = key;
        if let Some(sent) = &mut self.sent {
            sent.fate = Fate::InDoubt;
            sent.doubted = true;
        }
        if self.key.is_none() && turn.policy.token == TokenSupport::Native {
            // It has the document but does not say where: perhaps the next time.
            return self.retry_later(None, Queued::Busy, turn);
        }
        self.look(turn);
    }

    pub(super) fn on_rejected(&mut self, rejection: Rejection, turn: &mut Turn<'_>) {
        self.log(Step::Rejected, turn);
        if self.is_discarded() {
            self.forget_unless_doubted(turn);
            return self.try_again(turn);
        }
        self.refusal = Some(rejection.clone());
        // An earlier try of the same save may have been stored all the same.
        self.sent.take_if(|sent| !sent.doubted);
        if let Some(sent) = &mut self.sent {
            sent.fate = Fate::InDoubt;
            sent.given_up = true;
        }
        self.submit = None;
        let questions = self.shortages(&rejection, turn.policy);
        let asked = rejection.code == RejectionCode::Stock && !questions.is_empty();
        if asked {
            // The save goes on once the row is answered; a submit would be for another total.
            self.conflicts.extend(questions);
        } else {
            self.wanted = self.saved;
        }
        self.journal_state(turn);
        self.changed(turn);
        if asked {
            self.settle_conflict(turn);
        } else {
            self.settle_rejected(rejection, turn);
        }
    }

    /// The rows that ask for more than there is, as questions. The cart stays.
    fn shortages(&self, rejection: &Rejection, policy: &Policy) -> Vec<Conflict> {
        let Ok(document) = Document::parse(self.text(policy), &policy.profile) else {
            return Vec::new();
        };
        let mut questions: Vec<Conflict> = Vec::new();
        for shortage in &rejection.stock {
            for (number, rules) in policy.profile.tables.iter().enumerate() {
                let Some(measure) = &rules.measure else { continue };
                let named = |row: &&crate::core::document::Row| {
                    document.row_identity(row) == shortage.row
                        || is_named(document.cells(number, row), rules, &shortage.row)
                };
                for row in document.table(number).rows.iter().filter(named) {
                    let identity = document.row_identity(row);
                    let path =
                        crate::core::path::cell_path(&rules.name, identity, &measure.quantity);
                    if questions.iter().any(|question| question.path == path) {
                        continue;
                    }
                    let asked = document.cell(number, row, &measure.quantity);
                    questions.push(shortage_question(path, asked, &shortage.available));
                }
            }
        }
        questions
    }

    /// Takes the answer to a load.
    pub(in crate::core) fn on_load_answer(&mut self, outcome: LoadOutcome, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        self.clear_up_heard();
        if std::mem::take(&mut self.refreshing) {
            match outcome {
                LoadOutcome::Loaded(loaded) => self.on_loaded(loaded, turn),
                LoadOutcome::Gone => self.end(State::Deleted, None, turn),
                // No newer copy to be had: the page works with the one that is here.
                LoadOutcome::Unavailable { .. }
                | LoadOutcome::Unauthenticated { .. }
                | LoadOutcome::Rejected(_) => {}
            }
            turn.out.push(Effect::Opened(self.number));
            return self.advance(turn);
        }
        match outcome {
            LoadOutcome::Loaded(loaded) => self.on_loaded(loaded, turn),
            LoadOutcome::Gone if !self.opened => self.not_opened(NotOpened::NotFound, turn),
            LoadOutcome::Gone => self.end(State::Deleted, None, turn),
            LoadOutcome::Unavailable { retry_after, reached } => {
                let why = if reached { Queued::Busy } else { Queued::Offline };
                self.retry_later(retry_after, why, turn);
            }
            LoadOutcome::Unauthenticated { .. } if !self.opened => {
                self.not_opened(NotOpened::SignedOut, turn);
            }
            LoadOutcome::Unauthenticated { .. } => self.sign_out(turn),
            LoadOutcome::Rejected(rejection) if !self.opened => {
                self.not_opened(NotOpened::Rejected(rejection), turn);
            }
            LoadOutcome::Rejected(rejection) => {
                self.log(Step::Rejected, turn);
                self.refusal = Some(rejection.clone());
                self.settle_rejected(rejection, turn);
            }
        }
    }

    /// Takes the answer to a search for a create whose answer was lost.
    pub(in crate::core) fn on_find_answer(&mut self, outcome: FindOutcome, turn: &mut Turn<'_>) {
        match outcome {
            FindOutcome::Key(key) => {
                self.phase = Phase::Idle;
                self.key = Some(key);
                self.load(turn);
            }
            FindOutcome::Load(LoadOutcome::Gone) => {
                // Not stored, or not yet: the unique token makes a second try safe.
                self.phase = Phase::Idle;
                self.behind = false;
                self.try_again(turn);
            }
            FindOutcome::Load(LoadOutcome::Loaded(loaded)) if loaded.key.is_none() => {
                self.phase = Phase::Idle;
                self.retry_later(None, Queued::Busy, turn);
            }
            FindOutcome::Load(outcome) => {
                if let LoadOutcome::Loaded(loaded) = &outcome {
                    self.key.clone_from(&loaded.key);
                }
                self.on_load_answer(outcome, turn);
            }
        }
    }

    pub(super) fn on_loaded(&mut self, loaded: Loaded, turn: &mut Turn<'_>) {
        self.log(Step::Loaded, turn);
        let none = turn.policy.compare_and_set == CompareAndSet::None;
        let stamp = loaded.stamp.or_else(|| none.then(|| Stamp(String::new())));
        let profile = &turn.policy.profile;
        let copy = if self.opened {
            // Side by side with the base, as far as they line up.
            let read = merge::read_newest(&self.base, loaded.document, profile);
            read.map(|(copy, incoming)| (copy, Some(incoming)))
        } else {
            Document::parse(loaded.document, profile).map(|copy| (copy, None))
        };
        match (copy, stamp) {
            (Ok((copy, Some(incoming))), Some(stamp)) => {
                self.on_newest(copy, &incoming, stamp, turn);
            }
            (Ok((copy, None)), Some(stamp)) => {
                self.base = copy;
                self.stamp = Some(stamp);
                self.compared = none;
                self.opened = true;
                let state = ended(&Document::default(), Some(&self.base), &turn.policy.profile);
                self.submitted = state.is_some();
                turn.out.push(Effect::Opened(self.number));
            }
            (Err(error), _) if !self.opened => {
                self.not_opened(NotOpened::Unreadable(error), turn);
            }
            (Ok(_), None) if !self.opened => {
                let no_stamp = "The server's answer shows no stamp to save with.";
                self.not_opened(NotOpened::Rejected(Rejection::invalid(no_stamp)), turn);
            }
            (Err(_), _) | (_, None) => self.retry_later(None, Queued::Busy, turn),
        }
    }

    pub(super) fn not_opened(&mut self, why: NotOpened, turn: &mut Turn<'_>) {
        self.phase = Phase::Idle;
        turn.out.push(Effect::NotOpened { draft: self.number, why });
    }
}

/// Whether the row has this server row name, or is of this article.
fn is_named(
    cells: crate::core::document::Cells<'_>,
    rules: &crate::core::profile::TableRules,
    wanted: &str,
) -> bool {
    (0..cells.len()).any(|at| {
        let name = cells.name(at);
        let names = rules.server_row.as_deref() == Some(&*name)
            || rules.fields.rule(&name) == crate::core::profile::Rule::Frozen;
        names && cells.value(at).and_then(json::text).as_deref() == Some(wanted)
    })
}

fn shortage_question(path: String, asked: Option<&[u8]>, available: &str) -> Conflict {
    let mut conflict = Conflict::new(path.clone(), Reason::Stock);
    conflict.mine = crate::core::conflict::shown(asked);
    conflict.theirs = Some(b"null".to_vec());
    conflict.provisional = asked.map(<[u8]>::to_vec);
    conflict.amounts.push(("available", available.to_owned()));
    let value = json::quoted(available);
    conflict.on_theirs = vec![Op::Set { path, value, typed: true }];
    conflict
}

impl Rejection {
    /// A refusal by a rule, in Restamp's own words.
    #[must_use]
    pub fn invalid(message: &str) -> Rejection {
        Rejection {
            code: RejectionCode::Invalid,
            message: message.to_owned(),
            fields: Vec::new(),
            stock: Vec::new(),
        }
    }
}
