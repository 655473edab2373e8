//! What a page's own backend answers beyond loads, searches and saves: `commit`, `lease`, `next`,
//! `apply` of the contract.

use super::{flag, grant_of, millis, rejection, retry_after, save_outcome, word};
use crate::core::call::{
    ApplyCall, ApplyOutcome, Call, CommitCall, CommitOutcome, CreateCall, LeaseOutcome, Loaded,
    NextCall, NextOutcome, SaveOutcome, Write,
};
use crate::core::json::{self, list, Kind, ObjectWriter};
use crate::core::stamp::Stamp;
use crate::core::time::Millis;

/// The first argument of `commit` (contract: a list of `SaveRequest`) as JSON text.
#[must_use]
pub fn commit_requests(commit: &CommitCall) -> Vec<u8> {
    list(commit.writes.iter().map(|write| match write {
        Write::Update(update) => {
            super::save_request(&Call::Update(update.clone())).unwrap_or_default()
        }
        Write::Create { key, document, token, fence } => {
            let create = CreateCall { document: document.clone(), token: token.clone() };
            let request = super::save_request(&Call::Create(create)).unwrap_or_default();
            let request = match key {
                // Without a stamp it is a new document, under this key.
                Some(key) => json::with_member(&request, "key", &json::quoted(key)),
                None => request,
            };
            match fence {
                Some(fence) => json::with_member(&request, "fence", &json::quoted(fence)),
                None => request,
            }
        }
    }))
}

/// What the answer to `commit` means: a verdict of all the documents. Beyond the contract,
/// `documents: [{key, stamp, doc}]` saves loads, `kind: "fenced"` tells that a lease is over, and
/// `kind: "leased"` (with `retryAfter`) that somebody else holds one.
#[must_use]
pub fn commit_outcome(verdict: &[u8]) -> CommitOutcome {
    let key = || word(verdict, "key");
    if word(verdict, "kind").as_deref() == Some("fenced") {
        return CommitOutcome::Fenced { key: key() };
    }
    if word(verdict, "kind").as_deref() == Some("leased") {
        return CommitOutcome::Leased { retry_after: retry_after(verdict) };
    }
    match save_outcome(verdict) {
        SaveOutcome::Saved { .. } => {
            let replayed = flag(verdict, "replayed");
            CommitOutcome::Committed { documents: copies(verdict), replayed }
        }
        SaveOutcome::Stale { .. } => {
            CommitOutcome::Stale { keys: texts(verdict, "stale"), documents: copies(verdict) }
        }
        SaveOutcome::Exists { key } => CommitOutcome::Exists { key },
        SaveOutcome::Gone => CommitOutcome::Gone { key: key() },
        // The state of one of them: nothing is stored, and the newest copies tell.
        SaveOutcome::Closed(_) => {
            CommitOutcome::Stale { keys: texts(verdict, "stale"), documents: copies(verdict) }
        }
        SaveOutcome::Unavailable { retry_after } | SaveOutcome::Locked { retry_after } => {
            CommitOutcome::Unavailable { retry_after }
        }
        SaveOutcome::InDoubt => CommitOutcome::InDoubt,
        SaveOutcome::Unauthenticated { csrf } => CommitOutcome::Unauthenticated { csrf },
        SaveOutcome::Rejected(rejection) => CommitOutcome::Rejected(rejection),
    }
}

/// What the answer to `lease` means: `{granted: true, fence, until}` or
/// `{granted: false, retryAfter}`. `until` is a moment of the page's clock, which shows `now`.
/// A verdict counts as well (`gone`, `unauthenticated`, `rejected`).
#[must_use]
pub fn lease_outcome(key: &str, answer: &[u8], now: Millis) -> LeaseOutcome {
    if flag(answer, "granted") {
        let until = millis(answer, "until").filter(|until| *until > now);
        let ttl = millis(answer, "ttl").or_else(|| until.map(|until| until.since(now)));
        let grant = word(answer, "fence").zip(ttl).map(|(fence, ttl)| grant_of(fence, ttl));
        return match grant {
            Some(grant) => LeaseOutcome::Granted { grant, document: copy(answer, Some(key)) },
            None => LeaseOutcome::Unavailable { retry_after: None, reached: true },
        };
    }
    if json::member(answer, "granted") == Some(b"false") {
        return LeaseOutcome::Held { retry_after: retry_after(answer) };
    }
    match word(answer, "kind").as_deref() {
        Some("gone") => LeaseOutcome::Gone,
        Some("unauthenticated") => LeaseOutcome::Unauthenticated { csrf: flag(answer, "csrf") },
        Some("rejected") => LeaseOutcome::Rejected(rejection(answer)),
        Some(_) | None => {
            LeaseOutcome::Unavailable { retry_after: retry_after(answer), reached: false }
        }
    }
}

/// What the answer to `next` means: `{first}`, decimal text. A verdict counts as well.
#[must_use]
pub fn next_outcome(call: &NextCall, answer: &[u8]) -> NextOutcome {
    if let Some(first) = word(answer, "first") {
        return match first.parse() {
            Ok(first) => NextOutcome::Numbers { first, count: call.count },
            Err(_) => NextOutcome::InDoubt,
        };
    }
    match word(answer, "kind").as_deref() {
        Some("unavailable") => NextOutcome::Unavailable { retry_after: retry_after(answer) },
        Some("unauthenticated") => NextOutcome::Unauthenticated { csrf: flag(answer, "csrf") },
        Some("rejected") => NextOutcome::Rejected(rejection(answer)),
        Some(_) | None => NextOutcome::InDoubt,
    }
}

/// The first argument of `apply` as JSON text.
#[must_use]
pub fn apply_request(apply: &ApplyCall) -> Vec<u8> {
    let mut out = ObjectWriter::new();
    out.text("key", &apply.key).raw("ops", &list(apply.ops.iter().map(|op| op.to_json())));
    out.text("stamp", &apply.stamp.0).text("token", &apply.token);
    if let Some(submit) = &apply.submit {
        let mut wanted = ObjectWriter::new();
        if let Some(total) = &submit.expected_total {
            wanted.text("expectedTotal", total);
        }
        out.raw("submit", &wanted.finish());
    }
    out.finish()
}

/// What the answer to `apply` means: a verdict, with `conflicts` where a person has to decide.
#[must_use]
pub fn apply_outcome(key: &str, verdict: &[u8]) -> ApplyOutcome {
    let document = copy(verdict, Some(key));
    let conflicts = json::member(verdict, "conflicts").filter(|list| {
        json::kind(list) == Kind::Array
            && json::elements(list, 0, &mut |_| {}).is_ok_and(|end| end > 2)
    });
    if let (Some(conflicts), Some(document)) = (conflicts, &document) {
        let (conflicts, document) = (conflicts.to_vec(), document.clone());
        return ApplyOutcome::Conflict { conflicts, document };
    }
    match (save_outcome(verdict), document) {
        (SaveOutcome::Saved { .. }, Some(document)) => ApplyOutcome::Applied {
            document,
            incoming: texts(verdict, "incoming"),
            reapplied: texts(verdict, "reapplied"),
            replayed: flag(verdict, "replayed"),
        },
        // Stored, but as what? The same token tells.
        (SaveOutcome::Saved { .. } | SaveOutcome::InDoubt, _) => ApplyOutcome::InDoubt,
        (SaveOutcome::Stale { .. } | SaveOutcome::Exists { .. }, document) => {
            ApplyOutcome::Stale { document }
        }
        (SaveOutcome::Gone, _) => ApplyOutcome::Gone,
        (SaveOutcome::Closed(state), _) => ApplyOutcome::Closed(state),
        (SaveOutcome::Locked { retry_after }, _) => ApplyOutcome::Locked { retry_after },
        (SaveOutcome::Unavailable { retry_after }, _) => ApplyOutcome::Unavailable { retry_after },
        (SaveOutcome::Unauthenticated { csrf }, _) => ApplyOutcome::Unauthenticated { csrf },
        (SaveOutcome::Rejected(rejection), _) => ApplyOutcome::Rejected(rejection),
    }
}

fn copy(object: &[u8], key: Option<&str>) -> Option<Loaded> {
    let document = json::member(object, "doc").filter(|doc| json::kind(doc) == Kind::Object)?;
    let stamp = word(object, "stamp").or_else(|| word(object, "current")).map(Stamp);
    let key = word(object, "key").or_else(|| key.map(str::to_owned));
    Some(Loaded { key, stamp, document: document.to_vec() })
}

fn copies(object: &[u8]) -> Vec<Loaded> {
    let mut copies = Vec::new();
    super::each(object, "documents", |entry| copies.extend(copy(entry, None)));
    copies
}

fn texts(object: &[u8], name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    super::each(object, name, |text| {
        texts.extend(json::text(text).map(|text| text.into_owned()));
    });
    texts
}
