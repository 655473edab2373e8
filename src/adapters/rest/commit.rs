//! `POST _commit`: several documents, all or nothing.

use super::super::wire::{self, Fault};
use super::super::{HttpRequest, HttpResponse};
use super::{answer, lease, offers, Rest, StampPlace};
use crate::core::call::{CommitCall, CommitOutcome, RejectionCode, Write};
use crate::core::json::{self, list, Kind, ObjectWriter};

pub(super) fn request(rest: &Rest, commit: &CommitCall) -> HttpRequest {
    let writes = list(commit.writes.iter().map(|one| write(rest, one)));
    let mut body = ObjectWriter::new();
    body.raw("writes", &writes);
    if !commit.leases.is_empty() {
        // Leases on documents that are not written end with it too.
        let read = commit.leases.iter().filter(|lease| {
            commit.writes.iter().all(|write| write.key() != Some(lease.key.as_str()))
        });
        body.raw("release", b"true").raw("leases", &lease::fences(read));
    }
    if commit.is_final {
        body.raw("final", b"true");
    }
    let body = body.finish();
    let mut request = rest.post(rest.route(None, "_commit"), body);
    request.headers.push(("Idempotency-Key", commit.token.clone()));
    request.headers.push(offers::prefer(None, true));
    request
}

fn write(rest: &Rest, write: &Write) -> Vec<u8> {
    let mut out = ObjectWriter::new();
    match write {
        Write::Create { key, document, token, fence } => {
            match key {
                Some(key) => out.text("id", key),
                None => out.raw("id", b"null"),
            };
            out.raw("stamp", b"null").text("token", token);
            if let Some(fence) = fence {
                out.text("fence", fence);
            }
            out.raw("doc", document);
        }
        Write::Update(update) => {
            out.text("id", &update.key).text("stamp", &update.stamp.0);
            if let Some(fence) = &update.fence {
                out.text("fence", fence);
            }
            match &rest.stamp {
                StampPlace::Etag => out.raw("doc", &update.document),
                StampPlace::Field(field) => {
                    let stamp = super::stamp_value(&update.stamp.0);
                    out.raw("doc", &wire::overlay(&update.document, &[(field, &stamp)]))
                }
            };
        }
    }
    out.finish()
}

/// What the answer means. Nothing is applied unless it says so, and an answer that proves neither
/// is in doubt.
pub(super) fn outcome(rest: &Rest, response: &HttpResponse<'_>) -> CommitOutcome {
    if offers::is_no_route(response) {
        return CommitOutcome::NotSupported;
    }
    let body = wire::read(response).unwrap_or_default();
    let key = || json::member(body, "id").and_then(wire::scalar);
    match offers::code(response).as_deref() {
        Some("fenced") if response.status == 409 => return CommitOutcome::Fenced { key: key() },
        Some("leased") if response.status == 423 => {
            return CommitOutcome::Leased { retry_after: offers::wait(response) };
        }
        Some("exists") if response.status == 409 => return CommitOutcome::Exists { key: key() },
        Some(_) | None => {}
    }
    let Some(fault) = answer::fault(response, false) else {
        return match json::kind(body) {
            Kind::Object => CommitOutcome::Committed {
                documents: rest.copies(body),
                replayed: json::member(body, "replayed") == Some(b"true"),
            },
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::Array => {
                CommitOutcome::InDoubt
            }
        };
    };
    match fault {
        Fault::Stale => {
            let mut keys = Vec::new();
            let stale = json::member(body, "stale").unwrap_or_default();
            wire::each_element(stale, &mut |key| keys.extend(wire::scalar(key)));
            CommitOutcome::Stale { keys, documents: rest.copies(body) }
        }
        Fault::Gone => CommitOutcome::Gone { key: key() },
        Fault::Taken => CommitOutcome::Exists { key: key() },
        Fault::Busy | Fault::Locked => {
            CommitOutcome::Unavailable { retry_after: offers::wait(response) }
        }
        Fault::SignedOut { csrf } => CommitOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => CommitOutcome::Rejected(answer::rejection(code, response)),
        Fault::Untold => {
            CommitOutcome::Rejected(answer::rejection(RejectionCode::Invalid, response))
        }
        Fault::Unknown | Fault::Closed => CommitOutcome::InDoubt,
    }
}
