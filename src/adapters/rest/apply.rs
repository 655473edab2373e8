//! `POST KEY/_apply`: merging at the server.

use super::super::wire::{self, Fault};
use super::super::{HttpRequest, HttpResponse};
use super::{answer, offers, Rest};
use crate::core::call::{ApplyCall, ApplyOutcome, Closed, RejectionCode};
use crate::core::json::{self, list, ObjectWriter};

pub(super) fn request(rest: &Rest, apply: &ApplyCall) -> HttpRequest {
    let mut body = ObjectWriter::new();
    body.raw("ops", &list(apply.ops.iter().map(|op| op.to_json()))).text("stamp", &apply.stamp.0);
    if let Some(submit) = &apply.submit {
        let mut wanted = ObjectWriter::new();
        if let Some(total) = &submit.expected_total {
            wanted.text("expectedTotal", total);
        }
        body.raw("submit", &wanted.finish());
    }
    let mut request = rest.post(rest.route(Some(&apply.key), "_apply"), body.finish());
    request.headers.push(("Idempotency-Key", apply.token.clone()));
    request.headers.push(offers::prefer(None, true));
    request
}

pub(super) fn outcome(rest: &Rest, key: &str, response: &HttpResponse<'_>) -> ApplyOutcome {
    if offers::is_no_route(response) {
        return ApplyOutcome::NotSupported;
    }
    let body = wire::read(response).unwrap_or_default();
    let document = rest.copy(body, Some(key));
    let code = offers::code(response);
    match (response.status, code.as_deref(), document.clone()) {
        (409, Some("conflict"), Some(document)) => {
            let conflicts = json::member(body, "conflicts").unwrap_or(b"[]").to_vec();
            return ApplyOutcome::Conflict { conflicts, document };
        }
        (409, Some("closed"), _) => {
            let state = wire::text_of(body, "state");
            return ApplyOutcome::Closed(match state.as_deref() {
                Some("cancelled") => Closed::Cancelled,
                Some(_) | None => Closed::Submitted,
            });
        }
        // A unique value is taken: the same edits would be refused again.
        (409, Some("exists"), _) => {
            return ApplyOutcome::Rejected(answer::rejection(RejectionCode::Invalid, response));
        }
        (_, _, _) => {}
    }
    let Some(fault) = answer::fault(response, false) else {
        let Some(document) = document else { return ApplyOutcome::InDoubt };
        return ApplyOutcome::Applied {
            document,
            incoming: texts(body, "incoming"),
            reapplied: texts(body, "reapplied"),
            replayed: json::member(body, "replayed") == Some(b"true"),
        };
    };
    match fault {
        Fault::Stale => ApplyOutcome::Stale { document },
        Fault::Gone => ApplyOutcome::Gone,
        Fault::Busy => ApplyOutcome::Unavailable { retry_after: offers::wait(response) },
        Fault::Locked => ApplyOutcome::Locked { retry_after: offers::wait(response) },
        Fault::SignedOut { csrf } => ApplyOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => ApplyOutcome::Rejected(answer::rejection(code, response)),
        Fault::Taken | Fault::Untold => {
            ApplyOutcome::Rejected(answer::rejection(RejectionCode::Invalid, response))
        }
        Fault::Unknown | Fault::Closed => ApplyOutcome::InDoubt,
    }
}

fn texts(object: &[u8], name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let list = json::member(object, name).unwrap_or_default();
    wire::each_element(list, &mut |text| {
        texts.extend(json::text(text).map(|text| text.into_owned()));
    });
    texts
}
