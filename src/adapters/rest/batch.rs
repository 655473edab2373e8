//! `POST _documents`, `POST _leases`, `POST _release`: several documents in one request.

use super::super::wire;
use super::super::{HttpRequest, HttpResponse};
use super::{lease, offers, Rest};
use crate::core::call::{BatchCall, BatchOutcome, Leased};
use crate::core::json::{self, text_list, ObjectWriter};

pub(super) fn request(rest: &Rest, batch: &BatchCall) -> HttpRequest {
    let mut body = ObjectWriter::new();
    let (name, preferred) = match batch {
        BatchCall::Load { keys } => {
            body.raw("ids", &text_list(keys));
            ("_documents", None)
        }
        BatchCall::Lease { keys, holder, ttl, wait, if_contended } => {
            body.raw("ids", &text_list(keys)).text("holder", holder);
            body.raw("ttl", &offers::digits(ttl.0));
            if *if_contended {
                body.raw("if_contended", b"true");
            }
            ("_leases", Some(offers::prefer(wait.map(lease::seconds), true)))
        }
        BatchCall::Release(leases) => {
            body.raw("leases", &lease::fences(leases.iter()));
            ("_release", None)
        }
    };
    let mut request = rest.post(rest.route(None, name), body.finish());
    request.headers.extend(preferred);
    request
}

pub(super) fn outcome(rest: &Rest, batch: &BatchCall, response: &HttpResponse<'_>) -> BatchOutcome {
    let refused = lease::refused(response).map(BatchOutcome::Not);
    let given = refused.or_else(|| given(rest, batch, response));
    given.unwrap_or_else(|| BatchOutcome::Not(lease::unavailable(response)))
}

/// `None`: not what was asked for.
fn given(rest: &Rest, batch: &BatchCall, response: &HttpResponse<'_>) -> Option<BatchOutcome> {
    let body = wire::read(response)?;
    let leases = json::member(body, "leases");
    let (BatchCall::Lease { keys, .. }, Some(list)) = (batch, leases) else {
        if matches!(batch, BatchCall::Lease { if_contended: false, .. }) {
            return None;
        }
        json::member(body, "documents")?;
        return Some(BatchOutcome::Loaded(rest.copies(body)));
    };
    let ttl = offers::millis(body, "ttl");
    let mut leases = Vec::with_capacity(keys.len());
    wire::each_element(list, &mut |entry| {
        let fence = json::member(entry, "fence").and_then(wire::scalar);
        let key = json::member(entry, "id").and_then(wire::scalar);
        if let (Some(key), Some(grant)) = (key, lease::grant(fence, ttl)) {
            leases.push(Leased { key, grant, document: rest.copy(entry, None) });
        }
    });
    Some(BatchOutcome::Leased(leases))
}
