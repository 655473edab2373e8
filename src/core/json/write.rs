//! Writing JSON: strings, objects member by member, lists.

use super::{key_is, members, skip_space};

/// Appends `text` as a JSON string, quotes included.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// `text` as a JSON string value.
#[must_use]
pub fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_text(&mut out, text);
    out
}

/// Writes an object member by member, commas in their places.
#[derive(Debug, Default)]
pub struct ObjectWriter {
    out: Vec<u8>,
}

impl ObjectWriter {
    /// An object without members.
    #[must_use]
    pub fn new() -> ObjectWriter {
        ObjectWriter { out: vec![b'{'] }
    }

    /// Adds a member whose value is JSON text already.
    pub fn raw(&mut self, key: &str, value: &[u8]) -> &mut ObjectWriter {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        push_text(&mut self.out, key);
        self.out.push(b':');
        self.out.extend_from_slice(value);
        self
    }

    /// Adds a member whose value is a string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut ObjectWriter {
        self.raw(key, &quoted(value))
    }

    /// The finished text.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        self.out.push(b'}');
        std::mem::take(&mut self.out)
    }
}

/// A JSON list of finished texts.
#[must_use]
pub fn list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = vec![b'['];
    for item in items {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend(item);
    }
    out.push(b']');
    out
}

/// Texts as a JSON list.
#[must_use]
pub fn text_list(texts: &[String]) -> Vec<u8> {
    list(texts.iter().map(|text| quoted(text)))
}

/// The object with `value` (JSON text) as its member `name`: in the place of the member that counts,
/// or as the last one. All else is byte for byte as it was; text that is no object stays as it is.
#[must_use]
pub fn with_member(object: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let (mut found, mut empty) = (None, true);
    let walked = members(object, skip_space(object, 0), &mut |member| {
        empty = false;
        if key_is(member.key.of(object), name) {
            found = Some(member.value);
        }
    });
    let Ok(end) = walked else { return object.to_vec() };
    let mut out = Vec::with_capacity(object.len() + name.len() + value.len() + 8);
    match found {
        Some(span) => {
            out.extend_from_slice(&object[..span.start as usize]);
            out.extend_from_slice(value);
            out.extend_from_slice(&object[span.end as usize..]);
        }
        None => {
            out.extend_from_slice(&object[..end - 1]);
            if !empty {
                out.push(b',');
            }
            push_text(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value);
            out.extend_from_slice(&object[end - 1..]);
        }
    }
    out
}
