//! `POST KEY/_lease` and `DELETE KEY/_lease`.

use super::super::wire::{self, Fault};
use super::super::{HttpRequest, HttpResponse};
use super::{answer, offers, Rest};
use crate::core::call::{Grant, LeaseCall, LeaseOutcome, RejectionCode, ReleaseCall};
use crate::core::json::{self, ObjectWriter};
use crate::core::time::Millis;

pub(super) fn request(rest: &Rest, lease: &LeaseCall) -> HttpRequest {
    let mut body = ObjectWriter::new();
    body.text("holder", &lease.holder).raw("ttl", &offers::digits(lease.ttl.0));
    let mut request = rest.post(rest.route(Some(&lease.key), "_lease"), body.finish());
    let wait = lease.wait.map(seconds);
    if wait.is_some() || lease.with_document {
        request.headers.push(offers::prefer(wait, lease.with_document));
    }
    request
}

pub(super) fn release(rest: &Rest, release: &ReleaseCall) -> HttpRequest {
    let mut request = rest.read(rest.route(Some(&release.key), "_lease"));
    request.method = "DELETE";
    request.headers.push(("Fence", release.fence.clone()));
    request
}

/// A wait in whole seconds, as RFC 7240 counts them.
pub(super) fn seconds(wait: Millis) -> (&'static str, u64) {
    ("wait", wait.0.div_ceil(1_000))
}

/// A list of `{"id", "fence"}`.
pub(super) fn fences<'a>(leases: impl Iterator<Item = &'a ReleaseCall>) -> Vec<u8> {
    json::list(leases.map(|lease| {
        ObjectWriter::new().text("id", &lease.key).text("fence", &lease.fence).finish()
    }))
}

/// The lease in a body or, after a parked save, in the headers.
pub(super) fn grant(fence: Option<String>, ttl: Option<Millis>) -> Option<Grant> {
    // It goes back in a header.
    let fence = wire::header_stamp(&fence?)?.0;
    Some(Grant { fence, ttl: ttl? })
}

pub(super) fn outcome(rest: &Rest, key: &str, response: &HttpResponse<'_>) -> LeaseOutcome {
    refused(response).unwrap_or_else(|| {
        let body = wire::read(response).unwrap_or_default();
        let fence = json::member(body, "fence").and_then(wire::scalar);
        match grant(fence, offers::millis(body, "ttl")) {
            Some(grant) => LeaseOutcome::Granted { grant, document: rest.copy(body, Some(key)) },
            None => unavailable(response),
        }
    })
}

/// An answer that says neither yes nor no.
pub(super) fn unavailable(response: &HttpResponse<'_>) -> LeaseOutcome {
    let retry_after = offers::wait(response);
    LeaseOutcome::Unavailable { retry_after, reached: response.status != 0 }
}

/// What an answer that does not grant what was asked for means.
pub(super) fn refused(response: &HttpResponse<'_>) -> Option<LeaseOutcome> {
    if offers::is_no_route(response) {
        return Some(LeaseOutcome::NotSupported);
    }
    if response.status == 423 {
        return Some(LeaseOutcome::Held { retry_after: offers::wait(response) });
    }
    Some(match answer::fault(response, false)? {
        Fault::Gone => LeaseOutcome::Gone,
        Fault::SignedOut { csrf } => LeaseOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => LeaseOutcome::Rejected(answer::rejection(code, response)),
        Fault::Untold => {
            LeaseOutcome::Rejected(answer::rejection(RejectionCode::Invalid, response))
        }
        Fault::Stale
        | Fault::Taken
        | Fault::Closed
        | Fault::Busy
        | Fault::Locked
        | Fault::Unknown => unavailable(response),
    })
}
