//! `GET _changes`: server-sent events.

use super::super::wire;
use super::super::{Change, HttpRequest};
use super::{Rest, StampPlace};
use crate::core::json::{self, Kind};
use crate::core::stamp::Stamp;

pub(super) fn request(rest: &Rest, last: Option<&str>) -> HttpRequest {
    let mut path = rest.route(None, "_changes");
    if rest.push_documents {
        path.push_str("?documents=1");
    }
    let mut request = rest.read(path);
    request.headers = vec![("Accept", String::from("text/event-stream"))];
    if let Some(last) = last.filter(|last| wire::header_stamp(last).is_some()) {
        request.headers.push(("Last-Event-ID", last.to_owned()));
    }
    request
}

/// What an event says; nothing where it cannot be read, for a save finds out by itself.
pub(super) fn read(rest: &Rest, event: &str, data: &[u8]) -> Option<Change> {
    match event {
        "reset" => return Some(Change::Missed),
        "change" => {}
        _ => return None,
    }
    json::check(data).ok()?;
    let word = |name: &str| json::member(data, name).and_then(wire::scalar);
    let stamp = |name: &str| match rest.stamp {
        StampPlace::Etag => wire::header_stamp(&word(name)?),
        // The feed's stamp may be another than the field's.
        StampPlace::Field(_) => None,
    };
    let document = json::member(data, "doc").filter(|doc| json::kind(doc) == Kind::Object);
    let document = document.map(<[u8]>::to_vec);
    let newest: Option<Stamp> =
        stamp("stamp").or_else(|| document.as_deref().and_then(|doc| rest.stamp_in(doc)));
    let (from, token) = (stamp("from"), word("token"));
    Some(Change::Of { key: word("id")?, stamp: newest, from, token, document })
}
