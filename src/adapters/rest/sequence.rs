//! `POST _sequences/NAME`: numbers given out once.

use super::super::wire::{self, Fault};
use super::super::{HttpRequest, HttpResponse};
use super::{answer, offers, Rest};
use crate::core::call::{NextCall, NextOutcome, RejectionCode};
use crate::core::json::{self, ObjectWriter};

pub(super) fn request(rest: &Rest, next: &NextCall) -> HttpRequest {
    let mut path = rest.route(None, "_sequences/");
    wire::push_percent(&mut path, &next.sequence);
    let count = offers::digits(u64::from(next.count));
    let body = ObjectWriter::new().raw("count", &count).finish();
    let mut request = rest.post(path, body);
    request.headers.push(("Idempotency-Key", next.token.clone()));
    request
}

/// What the answer means. Whatever does not prove that no number was given out is in doubt: the
/// same token tells.
pub(super) fn outcome(response: &HttpResponse<'_>) -> NextOutcome {
    if offers::is_no_route(response) {
        return NextOutcome::NotSupported;
    }
    let Some(fault) = answer::fault(response, false) else {
        let body = wire::read(response).unwrap_or_default();
        let number = |name: &str| {
            let text = json::member(body, name).and_then(wire::scalar)?;
            wire::number(text.as_bytes()).filter(|number| *number < u64::MAX)
        };
        let count = number("count").and_then(|count| u32::try_from(count).ok());
        return match (number("first"), count) {
            (Some(first), Some(count)) => NextOutcome::Numbers { first, count },
            _ => NextOutcome::InDoubt,
        };
    };
    match fault {
        Fault::Busy | Fault::Locked => {
            NextOutcome::Unavailable { retry_after: offers::wait(response) }
        }
        Fault::SignedOut { csrf } => NextOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => NextOutcome::Rejected(answer::rejection(code, response)),
        Fault::Gone | Fault::Stale | Fault::Taken | Fault::Untold => {
            NextOutcome::Rejected(answer::rejection(RejectionCode::Invalid, response))
        }
        Fault::Unknown | Fault::Closed => NextOutcome::InDoubt,
    }
}
