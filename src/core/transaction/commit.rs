//! What the plan answered goes out, with the stamps of the copies it was made on, until there is
//! a definite answer.

use super::*;
use crate::core::amount;
use crate::core::call::{CommitCall, LoadOutcome, ReleaseCall, SaveOutcome, UpdateCall, Write};
use crate::core::document::{DEPTH_MAX, DOCUMENT_BYTES_MAX};
use crate::core::json::{self, Kind};

impl Transaction {
    /// Makes what is sent. Its token is made once for these bytes.
    pub(super) fn commit(&mut self, documents: Vec<(usize, Vec<u8>)>, turn: &mut Turn) {
        if documents.is_empty() {
            let attempts = self.attempts;
            return self.finish(Outcome::Committed { attempts, documents: Vec::new() }, turn);
        }
        let token = turn.random.name();
        let mut writes = Vec::with_capacity(documents.len());
        for (at, document) in documents {
            match self.write(at, document, &token, turn) {
                Some(write) => writes.push(write),
                None => {
                    let failure = Failure::NotSupported(Missing::Transactions);
                    return self.finish(Outcome::Failed(failure), turn);
                }
            }
        }
        let call = match (self.terms.transactions, writes.pop()) {
            (false, Some(Write::Update(update))) => Call::Update(update),
            (_, last) => {
                writes.extend(last);
                Call::Commit(CommitCall {
                    writes,
                    token: token.clone(),
                    leases: self.given_back(),
                    is_final: self.terms.batches && !self.leasing,
                })
            }
        };
        self.doubt = Tries::default();
        self.sent = Some(Sent { call, token, times: 0, doubted: false, look: false });
        self.send(turn);
    }

    /// One document. `None`: the backend cannot create one under a key without transactions.
    fn write(&self, at: usize, document: Vec<u8>, token: &str, turn: &mut Turn) -> Option<Write> {
        let member = &self.members[at];
        let key = member.key.clone();
        let fence = member.lease.as_ref().map(|lease| lease.grant.fence.clone());
        let Copy::Loaded { stamp, document: before } = &member.copy else {
            let (key, token) = (Some(key), turn.random.name());
            let write = Write::Create { key, document, token, fence };
            return self.terms.transactions.then_some(write);
        };
        let document = match (&self.terms.token_field, self.terms.transactions) {
            (Some(field), false) => with_token(&document, field, token),
            (_, _) => document,
        };
        Some(Write::Update(UpdateCall {
            key,
            changed: changed(before, &document),
            document,
            stamp: stamp.clone(),
            token: token.to_owned(),
            submit: false,
            fence,
            park: None,
        }))
    }

    /// The leases that end with the commit.
    fn given_back(&self) -> Vec<ReleaseCall> {
        let held = |member: &Member| {
            let fence = member.lease.as_ref()?.grant.fence.clone();
            Some(ReleaseCall { key: member.key.clone(), fence })
        };
        match self.terms.batches {
            true => self.members.iter().filter_map(held).collect(),
            false => Vec::new(),
        }
    }

    /// Stored: the leases that were to end with it have ended.
    fn on_committed(&mut self, documents: Vec<Loaded>, turn: &mut Turn) {
        if let Some(Sent { call: Call::Commit(commit), .. }) = &self.sent {
            for member in &mut self.members {
                let ended = |lease: &mut Lease| {
                    let is_it =
                        |it: &ReleaseCall| it.key == member.key && it.fence == lease.grant.fence;
                    commit.leases.iter().any(is_it)
                };
                member.lease.take_if(ended);
            }
        }
        self.finish(Outcome::Committed { attempts: self.attempts, documents }, turn);
    }

    /// Sends it, for the first time or again byte for byte.
    pub(super) fn send(&mut self, turn: &mut Turn) {
        let attempts = self.attempts;
        let Some(sent) = &mut self.sent else { return };
        if sent.look {
            let key = self.members.first().map(|member| member.key.clone()).unwrap_or_default();
            return self.call(Purpose::Look, Call::Load { key }, turn);
        }
        sent.times += 1;
        let (call, times) = (sent.call.clone(), sent.times);
        if self.conflicts == 0 && times == 1 {
            self.contended_since = turn.now;
        }
        turn.out.push(Effect::Log(Step::CommitSent(attempts, times)));
        self.call(Purpose::Commit, call, turn);
    }

    pub(super) fn on_commit(&mut self, outcome: CommitOutcome, turn: &mut Turn) {
        match outcome {
            CommitOutcome::Committed { documents, replayed: _ } => {
                self.on_committed(documents, turn);
            }
            // A stamp that is old, a fence that is over, a key that is taken stay so: an earlier
            // try of the same bytes that arrives late is refused as well. And had it been stored,
            // its token would have been known.
            CommitOutcome::Stale { keys, documents } => self.on_stale(keys, documents, turn),
            CommitOutcome::Fenced { key } => self.on_fenced(key, turn),
            CommitOutcome::Gone { key } | CommitOutcome::Exists { key } => {
                self.on_stale(key.into_iter().collect(), Vec::new(), turn);
            }
            // In the lease's own queue the turn comes when it is given back, not when it ends.
            CommitOutcome::Leased { .. } if self.is_final() => {
                self.leasing = self.terms.leases;
                self.sent = None;
                self.attempts = self.attempts.saturating_sub(1);
            }
            CommitOutcome::Leased { retry_after } if !self.is_doubted() => {
                self.queue(retry_after, turn);
            }
            CommitOutcome::Leased { retry_after } | CommitOutcome::Unavailable { retry_after } => {
                self.busy_wait(retry_after, Why::Busy, turn);
            }
            CommitOutcome::InDoubt => {
                let looks = !self.terms.transactions && self.terms.token != TokenSupport::Native;
                if let Some(sent) = &mut self.sent {
                    sent.doubted = true;
                    sent.look = looks;
                }
                turn.out.push(Effect::Log(Step::InDoubt));
                self.busy_wait(None, Why::Offline, turn);
            }
            CommitOutcome::Unauthenticated { .. } if self.is_doubted() => {
                self.busy_wait(None, Why::SignedOut, turn);
            }
            CommitOutcome::Unauthenticated { .. } => self.give_up(Why::SignedOut, turn),
            // The repetition is refused, but what becomes of the first is not known by that.
            CommitOutcome::Rejected(_) | CommitOutcome::NotSupported if self.is_doubted() => {
                self.give_up(Why::Refused, turn);
            }
            CommitOutcome::Rejected(rejection) => {
                self.finish(Outcome::Rejected(rejection), turn);
            }
            CommitOutcome::NotSupported => {
                self.finish(Outcome::Failed(Failure::NotSupported(Missing::Transactions)), turn);
            }
        }
    }

    /// Whether a lease of somebody's refuses what was sent for ever, also a copy that comes late: then
    /// it takes leases from now on, for only in that line is its turn sure.
    fn is_final(&self) -> bool {
        let call = self.sent.as_ref().map(|sent| &sent.call);
        matches!(call, Some(Call::Commit(CommitCall { is_final: true, .. })))
    }

    /// Whether others were quicker so often that it stands in line from now on.
    fn is_outrun(&self) -> bool {
        let most = match self.terms.strategy {
            Strategy::Adaptive { .. } => CONFLICTS_BEFORE_LEASES,
            Strategy::Optimistic | Strategy::Pessimistic => CONFLICTS_MAX,
        };
        self.conflicts >= most.min(self.terms.attempts_max.saturating_sub(1))
    }

    /// The answer to a plain save of one document.
    pub(super) fn on_save(&mut self, outcome: SaveOutcome, turn: &mut Turn) {
        // Without native tokens the repetition of a stored save is stale, by itself.
        let unsure = self.is_doubted() && self.terms.token != TokenSupport::Native;
        let told = match outcome {
            SaveOutcome::Saved { key, stamp, document } => {
                let key = key.or_else(|| self.members.first().map(|member| member.key.clone()));
                let stored = document.map(|document| Loaded { key, stamp, document });
                CommitOutcome::Committed {
                    documents: stored.into_iter().collect(),
                    replayed: false,
                }
            }
            SaveOutcome::Stale { .. } | SaveOutcome::Gone | SaveOutcome::Closed(_) if unsure => {
                let Some(sent) = &mut self.sent else { return };
                sent.look = true;
                // A server that calls the current stamp old must not be asked without end.
                if sent.times > 2 {
                    self.busy_wait(None, Why::Busy, turn);
                }
                return;
            }
            SaveOutcome::Stale { current, document, fence: _, retry_after: _ } => {
                let key = self.members.first().map(|member| member.key.clone());
                let newest = current.zip(document).map(|(stamp, document)| Loaded {
                    key: key.clone(),
                    stamp: Some(stamp),
                    document,
                });
                CommitOutcome::Stale {
                    keys: key.into_iter().collect(),
                    documents: newest.into_iter().collect(),
                }
            }
            SaveOutcome::Gone => CommitOutcome::Gone { key: None },
            SaveOutcome::Exists { key } => CommitOutcome::Exists { key },
            SaveOutcome::Closed(_) => CommitOutcome::Rejected(Rejection::invalid(
                "The document takes no changes any more.",
            )),
            SaveOutcome::Locked { retry_after } => CommitOutcome::Leased { retry_after },
            SaveOutcome::Unavailable { retry_after } => CommitOutcome::Unavailable { retry_after },
            SaveOutcome::InDoubt => CommitOutcome::InDoubt,
            SaveOutcome::Unauthenticated { csrf } => CommitOutcome::Unauthenticated { csrf },
            SaveOutcome::Rejected(rejection) => CommitOutcome::Rejected(rejection),
        };
        self.on_commit(told, turn);
    }

    /// What is there after a save without an answer: the same stamp as before proves that it is
    /// not stored yet, our token that it is. Anything else proves neither.
    pub(super) fn on_look(&mut self, outcome: LoadOutcome, turn: &mut Turn) {
        let loaded = match outcome {
            LoadOutcome::Loaded(loaded) => loaded,
            LoadOutcome::Unavailable { retry_after, reached } => {
                let why = if reached { Why::Busy } else { Why::Offline };
                return self.busy_wait(retry_after, why, turn);
            }
            LoadOutcome::Unauthenticated { .. } => {
                return self.busy_wait(None, Why::SignedOut, turn);
            }
            LoadOutcome::Gone | LoadOutcome::Rejected(_) => {
                return self.give_up(Why::Refused, turn);
            }
        };
        let Some(sent) = &mut self.sent else { return };
        let before = match self.members.first().map(|member| &member.copy) {
            Some(Copy::Loaded { stamp, .. }) => Some(stamp),
            Some(Copy::Unknown | Copy::Missing) | None => None,
        };
        if loaded.stamp.is_some() && loaded.stamp.as_ref() == before {
            sent.look = false;
            return;
        }
        let field = self.terms.token_field.as_ref();
        let told = field.and_then(|field| json::member(&loaded.document, field));
        if told.and_then(json::text).is_some_and(|token| token == sent.token) {
            let (attempts, documents) = (self.attempts, vec![loaded]);
            return self.finish(Outcome::Committed { attempts, documents }, turn);
        }
        self.give_up(Why::Contended, turn);
    }

    /// Certainly not stored: fresh copies of what was stale, and a new plan.
    fn on_stale(&mut self, keys: Vec<String>, documents: Vec<Loaded>, turn: &mut Turn) {
        self.sent = None;
        self.busy = Tries::default();
        turn.out.push(Effect::Log(Step::Stale(keys.clone())));
        self.conflicts += 1;
        let told = |member: &Member| keys.is_empty() || keys.contains(&member.key);
        for member in self.members.iter_mut().filter(|member| told(member)) {
            member.copy = Copy::Unknown;
        }
        self.leasing |= self.terms.leases && self.is_outrun();
        // Who holds leases has nobody to give way to, and who asks for them waits in that line.
        if self.conflicts > 1 && !self.terms.leases {
            // Copies that are loaded before the wait would be old after it.
            return self.give_way(turn);
        }
        for loaded in documents.into_iter().filter(|loaded| loaded.stamp.is_some()) {
            let of = |member: &Member| loaded.key.as_deref() == Some(member.key.as_str());
            if let Some(at) = self.members.iter().position(of) {
                self.take_copy(at, loaded, turn);
            }
        }
    }

    fn give_way(&mut self, turn: &mut Turn) {
        let passed = turn.now.since(self.contended_since).0;
        let random = turn.random.bits();
        let wait = self.terms.contention.delay(self.conflicts, random, Some(passed), None);
        self.wait_until(turn.now.plus(Millis(wait)), turn);
    }

    /// The lease was over: others may have had it. All that is behind it is asked for anew.
    fn on_fenced(&mut self, key: Option<String>, turn: &mut Turn) {
        let of = |member: &Member| key.as_deref().is_none_or(|key| key == member.key);
        let lost = self.members.iter().position(of).unwrap_or(0);
        self.members[lost].lease = None;
        // The way to the server takes longer than was thought.
        self.ttl = Millis(self.ttl.0 * 2).min(self.terms.lease_ttl);
        turn.out.push(Effect::Log(Step::LeaseLost(self.members[lost].key.clone())));
        self.release_from(lost + 1, turn);
        let keys = self.members[lost..].iter().map(|member| member.key.clone()).collect();
        self.on_stale(keys, Vec::new(), turn);
    }
}

/// Whether a plan's answer is a document.
pub(super) fn is_document(text: &[u8]) -> bool {
    if text.len() > DOCUMENT_BYTES_MAX {
        return false;
    }
    let object = json::check(text).map(|span| json::kind(span.of(text)) == Kind::Object);
    // Checked against the depth of a document, not of any JSON.
    object == Ok(true) && json::skip_nested(text, json::skip_space(text, 0), DEPTH_MAX).is_ok()
}

/// The document with the token of its save in `field`.
fn with_token(document: &[u8], field: &str, token: &str) -> Vec<u8> {
    json::with_member(document, field, &json::quoted(token))
}

/// Names of the top-level fields that differ.
fn changed(before: &[u8], after: &[u8]) -> Vec<String> {
    let (old, new) = (named(before), named(after));
    let mut names = Vec::new();
    for (name, value) in &new {
        let was = old.binary_search_by(|(known, _)| known.cmp(name)).ok().map(|at| old[at].1);
        if was != Some(*value) {
            names.push(name.clone());
        }
    }
    for (name, value) in &old {
        let gone = new.binary_search_by(|(known, _)| known.cmp(name)).is_err();
        if gone && !amount::is_empty(Some(value)) {
            names.push(name.clone());
        }
    }
    names
}

/// The members of an object by name; of two equal names the last counts.
fn named(object: &[u8]) -> Vec<(String, &[u8])> {
    let mut members = Vec::new();
    let _ = json::members(object, json::skip_space(object, 0), &mut |member| {
        let name = json::unescape(member.key.of(object)).into_owned();
        members.push((name, member.value.of(object)));
    });
    members.reverse();
    members.sort_by(|a: &(String, &[u8]), b| a.0.cmp(&b.0));
    members.dedup_by(|later, kept| later.0 == kept.0);
    members
}
