//! A server in memory that keeps the promises of the reference backend's protocol: commits all or
//! nothing, tokens answered again, leases with fences that only rise, numbers in one step.

use std::collections::BTreeMap;

use restamp::core::amount::{amount, Decimal};
use restamp::core::call::{
    Answered, BatchCall, BatchOutcome, Call, CommitCall, CommitOutcome, FindOutcome, Grant,
    LeaseCall, LeaseOutcome, Leased, LoadOutcome, Loaded, NextOutcome, ReleaseCall, SaveOutcome,
    UpdateCall, Write,
};
use restamp::core::json;
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;

#[derive(Default)]
pub struct Lease {
    pub holder: String,
    pub fence: u64,
    pub until: u64,
}

/// Somebody's place in line for several documents.
pub struct Ticket {
    pub holder: String,
    pub keys: Vec<String>,
    pub until: u64,
    /// From this moment on it bars those who came later.
    pub bars: u64,
}

/// How long those who came later may pass somebody who waits for several documents.
const PASSED_MS: u64 = 3_000;
/// When to ask again, at the latest, and how long a ticket lives beyond that.
const ASK_AGAIN_MS: u64 = 250;
const TICKET_GRACE_MS: u64 = 1_000;

#[derive(Default)]
pub struct Server {
    pub now: u64,
    pub documents: BTreeMap<String, (u64, Vec<u8>)>,
    pub leases: BTreeMap<String, Lease>,
    /// First come first.
    pub line: Vec<Ticket>,
    /// What was asked with a token, and the answer.
    pub tokens: BTreeMap<String, (String, Answered)>,
    pub sequences: BTreeMap<String, u64>,
    /// The one unique field, if there is one.
    pub unique: Option<&'static str>,
    /// The field whose sum over all documents must never change, and which is never below zero.
    pub conserved: Option<&'static str>,
    /// Whether stale answers carry documents.
    pub tells: bool,
    pub commits: usize,
    pub fenced: usize,
    pub created: usize,
}

impl Server {
    pub fn put(&mut self, key: &str, document: &str) {
        self.documents.insert(key.to_owned(), (1, document.as_bytes().to_vec()));
    }

    pub fn held(&self, key: &str, field: &str) -> Decimal {
        let document = &self.documents[key].1;
        json::member(document, field).and_then(amount).expect("an amount")
    }

    pub fn sum(&self, field: &str) -> Decimal {
        self.documents.keys().map(|key| self.held(key, field)).sum()
    }

    pub fn serve(&mut self, call: &Call) -> Answered {
        match call {
            Call::Load { key } => Answered::Load(self.load(key)),
            Call::Find { field, value } => Answered::Find(self.find(field, value)),
            Call::Create(create) => self.once(&create.token, call, |server| {
                let taken = server.taken(&create.document, None);
                let outcome = match taken {
                    Some(key) => SaveOutcome::Exists { key: Some(key) },
                    None => {
                        server.created += 1;
                        let key = format!("N{}", server.documents.len() + 1);
                        let document = create.document.clone();
                        server.documents.insert(key.clone(), (1, document));
                        let stamp = Some(Stamp("1".into()));
                        SaveOutcome::Saved { key: Some(key), stamp, document: None }
                    }
                };
                Answered::Save(outcome)
            }),
            Call::Update(update) => self.once(&update.token, call, |server| {
                let writes = vec![Write::Update(update.clone())];
                Answered::Save(match server.commit(&writes) {
                    CommitOutcome::Committed { .. } => {
                        let version = server.documents[&update.key].0;
                        let stamp = Some(Stamp(version.to_string()));
                        SaveOutcome::Saved { key: None, stamp, document: None }
                    }
                    CommitOutcome::Leased { retry_after } => {
                        SaveOutcome::Unavailable { retry_after }
                    }
                    CommitOutcome::Gone { .. } => SaveOutcome::Gone,
                    _ => SaveOutcome::Stale {
                        current: None,
                        document: None,
                        fence: None,
                        retry_after: None,
                    },
                })
            }),
            Call::Commit(CommitCall { writes, token, leases, is_final }) => {
                self.once(token, call, |server| {
                    let outcome = server.commit(writes);
                    if matches!(outcome, CommitOutcome::Committed { .. }) {
                        leases.iter().for_each(|lease| server.release(lease));
                    }
                    let is_final = *is_final && matches!(outcome, CommitOutcome::Leased { .. });
                    let answer = Answered::Commit(outcome);
                    if is_final {
                        let bytes = format!("{call:?}");
                        server.tokens.insert(token.clone(), (bytes, answer.clone()));
                    }
                    answer
                })
            }
            Call::Lease(lease) => Answered::Lease(self.lease(lease)),
            Call::Release(release) => {
                self.release(release);
                Answered::Released
            }
            Call::Batch(BatchCall::Release(leases)) => {
                leases.iter().for_each(|lease| self.release(lease));
                Answered::Released
            }
            Call::Batch(BatchCall::Load { keys }) => {
                let found = keys.iter().filter_map(|key| self.copy(key));
                Answered::Batch(BatchOutcome::Loaded(found.collect()))
            }
            Call::Batch(BatchCall::Lease { keys, holder, ttl, wait: _, if_contended }) => {
                Answered::Batch(self.lease_all(keys, holder, *ttl, *if_contended))
            }
            Call::Next(next) => self.once(&next.token, call, |server| {
                let counter = server.sequences.entry(next.sequence.clone()).or_insert(1);
                let first = *counter;
                *counter += u64::from(next.count);
                Answered::Next(NextOutcome::Numbers { first, count: next.count })
            }),
            Call::Apply(_) => panic!("nobody asks for a merge here"),
        }
    }

    /// The same token with the same bytes is answered the same, once something was stored.
    fn once(
        &mut self,
        token: &str,
        call: &Call,
        act: impl FnOnce(&mut Server) -> Answered,
    ) -> Answered {
        let bytes = format!("{call:?}");
        if let Some((known, answer)) = self.tokens.get(token) {
            assert_eq!(*known, bytes, "one token, two sets of bytes");
            return answer.clone();
        }
        let answer = act(self);
        let stored = matches!(
            answer,
            Answered::Commit(CommitOutcome::Committed { .. })
                | Answered::Save(SaveOutcome::Saved { .. })
                | Answered::Next(_)
        );
        if stored {
            self.tokens.insert(token.to_owned(), (bytes, answer.clone()));
        }
        answer
    }

    fn copy(&self, key: &str) -> Option<Loaded> {
        let (version, document) = self.documents.get(key)?;
        let stamp = Some(Stamp(version.to_string()));
        Some(Loaded { key: Some(key.to_owned()), stamp, document: document.clone() })
    }

    fn load(&self, key: &str) -> LoadOutcome {
        self.copy(key).map_or(LoadOutcome::Gone, LoadOutcome::Loaded)
    }

    fn find(&self, field: &str, value: &str) -> FindOutcome {
        let holds = |(_, document): &(u64, Vec<u8>)| {
            json::member(document, field).and_then(json::text).is_some_and(|held| held == value)
        };
        let found = self.documents.iter().find(|(_, stored)| holds(stored));
        found.map_or(FindOutcome::Load(LoadOutcome::Gone), |(key, _)| FindOutcome::Key(key.clone()))
    }

    fn taken(&self, document: &[u8], but: Option<&str>) -> Option<String> {
        let field = self.unique?;
        let value = json::member(document, field).and_then(json::text)?;
        match self.find(field, &value) {
            FindOutcome::Key(key) if Some(key.as_str()) != but => Some(key),
            _ => None,
        }
    }

    fn commit(&mut self, writes: &[Write]) -> CommitOutcome {
        let mut stale = Vec::new();
        for write in writes {
            let key = write.key().expect("a key");
            let lease = self.leases.get(key).filter(|lease| lease.until > self.now);
            let write = match write {
                Write::Create { .. } if self.documents.contains_key(key) => {
                    return CommitOutcome::Exists { key: Some(key.to_owned()) };
                }
                Write::Create { fence, .. } => (fence, None),
                Write::Update(update) => (&update.fence, Some(update)),
            };
            let (fence, update) = write;
            match (fence, lease) {
                (None, Some(lease)) => {
                    let retry_after = Some(Millis(lease.until - self.now));
                    return CommitOutcome::Leased { retry_after };
                }
                (Some(fence), lease) => {
                    if lease.is_none_or(|lease| lease.fence.to_string() != *fence) {
                        self.fenced += 1;
                        return CommitOutcome::Fenced { key: Some(key.to_owned()) };
                    }
                }
                (None, None) => {}
            }
            let Some(update) = update else { continue };
            match self.documents.get(key) {
                None => return CommitOutcome::Gone { key: Some(key.to_owned()) },
                Some((version, _)) if version.to_string() != update.stamp.0 => {
                    stale.push(key.to_owned());
                }
                Some(_) => {}
            }
        }
        if !stale.is_empty() {
            let documents = writes.iter().filter_map(|write| self.copy(write.key()?));
            let documents = if self.tells { documents.collect() } else { Vec::new() };
            return CommitOutcome::Stale { keys: stale, documents };
        }
        let before = self.conserved.map(|field| self.sum(field));
        for write in writes {
            let (key, document) = match write {
                Write::Create { key, document, .. } => (key.clone().expect("a key"), document),
                Write::Update(UpdateCall { key, document, .. }) => (key.clone(), document),
            };
            let version = self.documents.get(&key).map_or(1, |(version, _)| version + 1);
            self.documents.insert(key, (version, document.clone()));
        }
        self.commits += 1;
        if let (Some(field), Some(before)) = (self.conserved, before) {
            assert_eq!(self.sum(field), before, "the sum is conserved by every commit");
            let below = self.documents.keys().find(|key| self.held(key, field) < Decimal::ZERO);
            assert_eq!(below, None, "nothing is ever below zero");
        }
        let documents = writes.iter().filter_map(|write| self.copy(write.key()?)).collect();
        CommitOutcome::Committed { documents, replayed: false }
    }

    fn release(&mut self, release: &ReleaseCall) {
        let now = self.now;
        let lease = self.leases.get_mut(&release.key);
        if let Some(lease) = lease.filter(|lease| lease.fence.to_string() == release.fence) {
            lease.until = lease.until.min(now);
        }
    }

    /// All or none, in line as at the reference backend.
    fn lease_all(
        &mut self,
        keys: &[String],
        holder: &str,
        ttl: Millis,
        if_contended: bool,
    ) -> BatchOutcome {
        let now = self.now;
        self.line.retain(|ticket| ticket.until > now);
        let others = |lease: &&Lease| lease.until > now && lease.holder != holder;
        let held = keys.iter().filter_map(|key| self.leases.get(key)).filter(others);
        let held = held.map(|lease| lease.until - now).max();
        let before = self.line.iter().take_while(|ticket| ticket.holder != holder);
        let meets = |ticket: &&Ticket| ticket.keys.iter().any(|key| keys.contains(key));
        let barred = before.filter(|ticket| ticket.bars <= now).filter(meets);
        let barred = barred.map(|ticket| ticket.until - now).max();
        if let Some(wait) = held.max(barred) {
            let own = |(key, lease): &(&String, &mut Lease)| {
                keys.contains(key) && lease.holder == holder && lease.until > now
            };
            self.leases.iter_mut().filter(own).for_each(|(_, lease)| lease.until = now);
            let wait = wait.clamp(1, ASK_AGAIN_MS);
            let until = now + wait + TICKET_GRACE_MS;
            match self.line.iter_mut().find(|ticket| ticket.holder == holder) {
                Some(ticket) => ticket.until = until,
                None => self.line.push(Ticket {
                    holder: holder.to_owned(),
                    keys: keys.to_vec(),
                    until,
                    bars: now + PASSED_MS,
                }),
            }
            return BatchOutcome::Not(LeaseOutcome::Held { retry_after: Some(Millis(wait)) });
        }
        let has_waited = self.line.iter().any(|ticket| ticket.holder == holder);
        self.line.retain(|ticket| ticket.holder != holder);
        if if_contended && !has_waited {
            let found = keys.iter().filter_map(|key| self.copy(key));
            return BatchOutcome::Loaded(found.collect());
        }
        let leased = keys.iter().map(|key| {
            let lease = self.leases.entry(key.clone()).or_default();
            if lease.until <= now {
                lease.fence += 1;
                holder.clone_into(&mut lease.holder);
            }
            lease.until = now + ttl.0;
            let grant = Grant { fence: lease.fence.to_string(), ttl };
            (key.clone(), grant)
        });
        let leased: Vec<_> = leased.collect();
        let of = |(key, grant): (String, Grant)| {
            let document = self.copy(&key);
            Leased { key, grant, document }
        };
        BatchOutcome::Leased(leased.into_iter().map(of).collect())
    }

    fn lease(&mut self, asked: &LeaseCall) -> LeaseOutcome {
        let Some(document) = self.copy(&asked.key) else { return LeaseOutcome::Gone };
        let now = self.now;
        let lease = self.leases.entry(asked.key.clone()).or_default();
        let live = lease.until > now;
        if live && lease.holder != asked.holder {
            let retry_after = Some(Millis((lease.until - now).min(50)));
            return LeaseOutcome::Held { retry_after };
        }
        if !live {
            lease.fence += 1;
            lease.holder.clone_from(&asked.holder);
        }
        lease.until = now + asked.ttl.0;
        let grant = Grant { fence: lease.fence.to_string(), ttl: asked.ttl };
        let document = asked.with_document.then_some(document);
        LeaseOutcome::Granted { grant, document }
    }
}
