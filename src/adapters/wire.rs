//! What all dialects on HTTP and JSON share: encoding, headers, bodies, words for people.

use super::HttpResponse;
use crate::core::call::{
    LoadOutcome, Rejection, RejectionCode, SaveOutcome, StockShortage, BODY_BYTES_MAX,
};
use crate::core::json::{self, Kind};
use crate::core::stamp::Stamp;
use crate::core::time::{Millis, WAIT_MS_MAX};
use std::borrow::Cow;

/// Longest text kept of a server's words, in bytes.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// Most fields or rows kept of one refusal.
const NAMED_MAX: usize = 100;

/// What an answer that is no success means, before it is known whether it answers a save or a
/// load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The stamp was old.
    Stale,
    /// A unique value or key is taken.
    Taken,
    /// No such document.
    Gone,
    /// The document takes no edits any more.
    Closed,
    /// Certainly not applied; again later.
    Busy,
    /// Certainly not applied: somebody else has the document.
    Locked,
    /// Signed out.
    SignedOut { csrf: bool },
    /// Refused for good.
    Refused(RejectionCode),
    /// Refused without saying by which rule; a create may have met its own earlier copy.
    Untold,
    /// Nothing is proven.
    Unknown,
}

/// A fault as the answer to a load. `rejection` is asked only for a refusal.
pub(super) fn load_fault(
    fault: Fault,
    response: &HttpResponse<'_>,
    rejection: impl FnOnce(RejectionCode) -> Rejection,
) -> LoadOutcome {
    match fault {
        Fault::Gone => LoadOutcome::Gone,
        Fault::SignedOut { csrf } => LoadOutcome::Unauthenticated { csrf },
        Fault::Refused(code) => LoadOutcome::Rejected(rejection(code)),
        Fault::Untold => LoadOutcome::Rejected(rejection(RejectionCode::Invalid)),
        Fault::Stale
        | Fault::Taken
        | Fault::Closed
        | Fault::Busy
        | Fault::Locked
        | Fault::Unknown => unavailable(response),
    }
}

/// No usable answer to a load.
pub(super) fn unavailable(response: &HttpResponse<'_>) -> LoadOutcome {
    LoadOutcome::Unavailable { retry_after: retry_after(response), reached: response.status != 0 }
}

/// A save that is certainly not applied.
pub(super) fn busy(response: &HttpResponse<'_>) -> SaveOutcome {
    SaveOutcome::Unavailable { retry_after: retry_after(response) }
}

/// A save that is certainly not applied, for somebody else has the document.
pub(super) fn locked(response: &HttpResponse<'_>) -> SaveOutcome {
    SaveOutcome::Locked { retry_after: retry_after(response) }
}

/// See the defect of this name.
#[cfg(feature = "planted-defects")]
pub(super) fn planted(fault: Fault, response: &HttpResponse<'_>) -> Fault {
    use crate::core::defect::{is, Defect};
    match is(Defect::ServerFaultRefused) && response.status >= 500 {
        true => Fault::Refused(RejectionCode::Invalid),
        false => fault,
    }
}

/// Appends `text` percent-encoded: everything but RFC 3986's unreserved characters.
pub(super) fn push_percent(out: &mut String, text: &str) {
    push_percent_but(out, text, b"");
}

/// The same, leaving the characters in `kept` alone too.
pub(super) fn push_percent_but(out: &mut String, text: &str, kept: &[u8]) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ if byte.is_ascii() && kept.contains(&byte) => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
}

/// Resolves percent escapes; what is no escape stays.
pub(super) fn percent_decoded(mut rest: &[u8]) -> String {
    let mut out = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        rest = after;
        let mut byte = *first;
        if let ([high, low, tail @ ..], b'%') = (after, byte) {
            let digits = (char::from(*high).to_digit(16), char::from(*low).to_digit(16));
            if let (Some(high), Some(low)) = digits {
                byte = (high * 16 + low) as u8;
                rest = tail;
            }
        }
        out.push(byte);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where `needle` first is.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    (0..text.len()).find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(needle)))
}

/// What stands before the first `needle`, and what after it.
pub(super) fn cut<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(text, needle)?;
    Some((text.get(..at)?, text.get(at + needle.len()..)?))
}

/// What stands after the last `byte`; all of the text if there is none.
pub(super) fn after_last(text: &[u8], byte: u8) -> &[u8] {
    text.rsplit(|one| *one == byte).next().unwrap_or(text)
}

/// Appends a whole number's digits. `to_string` would bring the formatting machinery along.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    if number > 9 {
        push_number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// Visits the elements of a list; anything else has none. Not generic: it is used often.
pub(super) fn each_element(list: &[u8], visit: &mut dyn FnMut(&[u8])) {
    let _ = json::elements(list, json::skip_space(list, 0), &mut |span| visit(span.of(list)));
}

/// Visits the members of an object, keys as written. `false` if it is no whole object.
pub(super) fn each_member<'a>(object: &'a [u8], visit: &mut dyn FnMut(&'a [u8], &'a [u8])) -> bool {
    json::members(object, json::skip_space(object, 0), &mut |member| {
        visit(member.key.of(object), member.value.of(object));
    })
    .is_ok()
}

/// The header `name` (lower case), if it came and could be read.
pub(super) fn header<'a>(response: &HttpResponse<'a>, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// `Retry-After` where it counts seconds. A date is ignored: clocks differ.
pub(super) fn retry_after(response: &HttpResponse<'_>) -> Option<Millis> {
    let seconds = number(header(response, "retry-after")?.as_bytes().trim_ascii())?;
    Some(Millis(seconds.saturating_mul(1_000).min(WAIT_MS_MAX)))
}

/// A whole number, the largest one if it is too large.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits.iter().fold(0_u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        }),
    )
}

/// Whether the body is a page: then a proxy, a portal or another site speaks, not the API.
pub(super) fn is_page(response: &HttpResponse<'_>) -> bool {
    response.body.get(json::skip_space(response.body, 0)) == Some(&b'<')
}

/// The body as one whole JSON value. `None` if it is too large, cut off or something else: the
/// content type is not asked, servers lie (express-pouchdb 04: JSON as text/plain). Without a status
/// no answer came, whatever the body is said to be.
pub(super) fn read<'a>(response: &HttpResponse<'a>) -> Option<&'a [u8]> {
    if response.status == 0 || response.body.len() > BODY_BYTES_MAX {
        return None;
    }
    json::check(response.body).ok().map(|span| span.of(response.body))
}

/// The value at a path such as `message.data` or `docs.0`; the empty path is the value itself.
pub(super) fn at_path<'a>(value: &'a [u8], path: &str) -> Option<&'a [u8]> {
    let mut at = value;
    let mut rest = path.as_bytes();
    while !rest.is_empty() {
        let (step, after) = cut(rest, b".").unwrap_or((rest, b""));
        at = match json::kind(at) {
            Kind::Array => element(at, number(step)?)?,
            Kind::Object => json::member(at, std::str::from_utf8(step).ok()?)?,
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text => return None,
        };
        rest = after;
    }
    Some(at)
}

/// The element at `index` of an array.
pub(super) fn element(array: &[u8], index: u64) -> Option<&[u8]> {
    let mut found = None;
    let mut left = index;
    json::elements(array, 0, &mut |span| {
        if left == 0 && found.is_none() {
            found = Some(span);
        }
        left = left.saturating_sub(1);
    })
    .ok()?;
    found.map(|span| span.of(array))
}

/// The text of an object's member that is a string.
pub(super) fn text_of<'a>(object: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    json::text(json::member(object, name)?)
}

/// A key or stamp as text: a string's text or a number's digits; not an empty string.
pub(super) fn scalar(value: &[u8]) -> Option<String> {
    let text = match json::kind(value) {
        Kind::Text => json::text(value)?.into_owned(),
        Kind::Number => String::from_utf8_lossy(value).into_owned(),
        Kind::Null | Kind::Bool | Kind::Array | Kind::Object => return None,
    };
    if text.is_empty() {
        None
    } else {
        Some(text)
    }
}

/// A stamp that may be sent back in a header: no control characters, or fetch would throw.
pub(super) fn header_stamp(text: &str) -> Option<Stamp> {
    let sendable = !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    sendable.then(|| Stamp(text.to_owned()))
}

/// `document` with the members of `set` put in place of its own; all else byte for byte.
///
/// A text that is no object stays as it is: a cut-off document, sent to a server that replaces,
/// would erase what is missing.
pub(super) fn overlay(document: &[u8], set: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len() + 128);
    out.push(b'{');
    let whole = each_member(document, &mut |key, value| {
        if !set.iter().any(|(name, _)| json::key_is(key, name)) {
            if out.len() > 1 {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(value);
        }
    });
    if !whole {
        return document.to_vec();
    }
    for (name, value) in set {
        if out.len() > 1 {
            out.push(b',');
        }
        json::push_text(&mut out, name);
        out.push(b':');
        out.extend_from_slice(value);
    }
    out.push(b'}');
    out
}

/// Starts a refusal without words.
pub(super) fn refusal(code: RejectionCode) -> Rejection {
    Rejection { code, message: String::new(), fields: Vec::new(), stock: Vec::new() }
}

/// Adds a field at fault.
pub(super) fn add_field(rejection: &mut Rejection, name: &str) {
    if !name.is_empty()
        && rejection.fields.len() < NAMED_MAX
        && !rejection.fields.iter().any(|known| known == name)
    {
        rejection.fields.push(name.to_owned());
    }
}

/// Adds rows short of stock from a list such as `[{"item_code": …, "available_qty": …}]`, which
/// makes the refusal one of stock. Other lists add nothing.
pub(super) fn add_shortages(rejection: &mut Rejection, list: &[u8]) {
    each_element(list, &mut |entry| {
        let value = |names: [&str; 3]| {
            names.iter().find_map(|name| json::member(entry, name).and_then(scalar))
        };
        let available = value(["available_qty", "available", "actual_qty"]);
        let row = value(["row", "name", "item_code"]);
        if let (Some(row), Some(available), true) =
            (row, available, rejection.stock.len() < NAMED_MAX)
        {
            rejection.code = RejectionCode::Stock;
            rejection.stock.push(StockShortage { row, available });
        }
    });
}

/// Adds a sentence of the server's, plain text, as far as there is room. A refusal never stays
/// without words: see [`finish`].
pub(super) fn add_message(rejection: &mut Rejection, text: &str) {
    let out = &mut rejection.message;
    let mut room = MESSAGE_BYTES_MAX.saturating_sub(out.len()).min(text.len());
    while !text.is_char_boundary(room) {
        room -= 1;
    }
    let text = text.get(..room).unwrap_or_default();
    if !out.is_empty() && !text.is_empty() {
        out.push('\n');
    }
    out.push_str(text);
}

/// Gives a refusal that has no words the little that is known: the rows, or the status.
pub(super) fn finish(mut rejection: Rejection, status: u16) -> Rejection {
    if rejection.message.is_empty() {
        let mut message = String::new();
        for shortage in &rejection.stock {
            if !message.is_empty() {
                message.push('\n');
            }
            message.push_str(&shortage.row);
            message.push_str(": ");
            message.push_str(&shortage.available);
        }
        if message.is_empty() {
            message.push_str("HTTP ");
            let mut digits = Vec::new();
            push_number(&mut digits, u64::from(status));
            message.push_str(&String::from_utf8_lossy(&digits));
        }
        rejection.message = message;
    }
    rejection
}
