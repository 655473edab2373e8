//! JSON as bytes: where a value ends, what kind it is, its members, its text.
//!
//! Documents are never turned into a tree. Everything here walks the server's own UTF-8 text,
//! so untouched values go back byte for byte and numbers keep their digits. Grammar: RFC 8259;
//! like `JSON.parse`, a lone surrogate escape is accepted and of two equal keys the last counts.

use std::borrow::Cow;

mod scan;
mod write;
pub(crate) use scan::{common, equal, has_escape, hash, same, skip_short};
use scan::{skip_number, skip_string};
pub use write::{list, push_text, quoted, text_list, with_member, ObjectWriter};

/// Deepest nesting that is read. Deeper text is an error, so recursion is bounded.
pub const DEPTH_MAX: usize = 72;

/// Text that is not JSON, or is more deeply nested than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset at which reading stopped.
    pub at: usize,
}

/// A stretch of a text, in bytes: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        // Documents are bounded by DOCUMENT_BYTES_MAX, far below 4 GiB.
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes of `text` that this span covers.
    #[must_use]
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// The kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    Text,
    /// An array
    Array,
    /// An object
    Object,
}

/// What kind of value the (valid, trimmed) text holds. Anything unreadable counts as null.
#[must_use]
pub fn kind(value: &[u8]) -> Kind {
    match value.first() {
        Some(b'"') => Kind::Text,
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        Some(_) | None => Kind::Null,
    }
}

/// The position of the first byte at or after `at` that is not white space.
#[must_use]
pub fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Reads one whole text: a value with white space around it and nothing else, valid UTF-8.
///
/// # Errors
/// [`JsonError`] with the offset where the text stops being JSON.
pub fn check(text: &[u8]) -> Result<Span, JsonError> {
    let start = skip_space(text, 0);
    let end = skip_value(text, start).map_err(|error| first_error(text, error))?;
    let rest = skip_space(text, end);
    if rest != text.len() {
        return Err(first_error(text, JsonError { at: rest }));
    }
    Ok(Span::new(start, end))
}

/// Where a text that is not JSON stops being it: where it stops being UTF-8, if it does. Reading
/// finds that out on its way through the strings, but maybe behind the first mistake.
pub(super) fn first_error(text: &[u8], found: JsonError) -> JsonError {
    match std::str::from_utf8(text) {
        Ok(_) => found,
        Err(error) => JsonError { at: error.valid_up_to() },
    }
}

/// The end of the value that starts at `at`, checked against the grammar.
///
/// # Errors
/// [`JsonError`] where the text stops being JSON or is nested too deeply.
pub fn skip_value(text: &[u8], at: usize) -> Result<usize, JsonError> {
    skip_nested(text, at, DEPTH_MAX)
}

/// As [`skip_value`], inside other values: `depth` levels are left.
pub(super) fn skip_nested(text: &[u8], at: usize, depth: usize) -> Result<usize, JsonError> {
    match text.get(at) {
        Some(b'"') => skip_string(text, at),
        Some(b'{') if depth > 0 => skip_container(text, at, depth, b'}'),
        Some(b'[') if depth > 0 => skip_container(text, at, depth, b']'),
        Some(b't') => skip_word(text, at, b"true"),
        Some(b'f') => skip_word(text, at, b"false"),
        Some(b'n') => skip_word(text, at, b"null"),
        Some(b'-' | b'0'..=b'9') => skip_number(text, at),
        Some(_) | None => Err(JsonError { at }),
    }
}

fn skip_container(text: &[u8], at: usize, depth: usize, close: u8) -> Result<usize, JsonError> {
    let mut at = skip_space(text, at + 1);
    if text.get(at) == Some(&close) {
        return Ok(at + 1);
    }
    loop {
        if close == b'}' {
            at = skip_colon(text, skip_string(text, at)?)?;
        }
        at = skip_space(text, skip_nested(text, at, depth - 1)?);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(byte) if *byte == close => return Ok(at + 1),
            Some(_) | None => return Err(JsonError { at }),
        }
    }
}

fn skip_colon(text: &[u8], at: usize) -> Result<usize, JsonError> {
    let at = skip_space(text, at);
    if text.get(at) == Some(&b':') {
        Ok(skip_space(text, at + 1))
    } else {
        Err(JsonError { at })
    }
}

fn skip_word(text: &[u8], at: usize, word: &[u8]) -> Result<usize, JsonError> {
    if text[at..].starts_with(word) {
        Ok(at + word.len())
    } else {
        Err(JsonError { at })
    }
}

/// One member of an object: the key's text between its quotes, and where the value lies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Member {
    /// The key without its quotes, escapes as written.
    pub key: Span,
    /// The value.
    pub value: Span,
}

/// Walks the members of the object that starts at `at`, in the order of the text.
///
/// # Errors
/// [`JsonError`] if there is no well-formed object; members before the error were visited.
pub fn members(text: &[u8], at: usize, visit: &mut dyn FnMut(Member)) -> Result<usize, JsonError> {
    members_with(text, at, &mut |key, start| {
        let end = skip_nested(text, start, DEPTH_MAX - 1)?;
        visit(Member { key, value: Span::new(start, end) });
        Ok(end)
    })
}

/// Walks the members of an object; `read` takes a key and where its value begins, and answers
/// where the value ends.
///
/// # Errors
/// [`JsonError`] if there is no well-formed object, or what `read` answers.
pub fn members_with(
    text: &[u8],
    at: usize,
    read: &mut dyn FnMut(Span, usize) -> Result<usize, JsonError>,
) -> Result<usize, JsonError> {
    if text.get(at) != Some(&b'{') {
        return Err(JsonError { at });
    }
    let mut at = skip_space(text, at + 1);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        let key_end = skip_string(text, at)?;
        let key = Span::new(at + 1, key_end - 1);
        let start = skip_colon(text, key_end)?;
        let end = read(key, start)?;
        at = skip_space(text, end);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b'}') => return Ok(at + 1),
            Some(_) | None => return Err(JsonError { at }),
        }
    }
}

/// Walks the elements of the array that starts at `at`.
///
/// # Errors
/// [`JsonError`] if there is no well-formed array.
pub fn elements(text: &[u8], at: usize, visit: &mut dyn FnMut(Span)) -> Result<usize, JsonError> {
    elements_with(text, at, &mut |start| {
        let end = skip_nested(text, start, DEPTH_MAX - 1)?;
        visit(Span::new(start, end));
        Ok(end)
    })
}

/// Walks the elements of an array; `read` takes where one begins and answers where it ends.
///
/// # Errors
/// [`JsonError`] if there is no well-formed array, or what `read` answers.
pub fn elements_with(
    text: &[u8],
    at: usize,
    read: &mut dyn FnMut(usize) -> Result<usize, JsonError>,
) -> Result<usize, JsonError> {
    if text.get(at) != Some(&b'[') {
        return Err(JsonError { at });
    }
    let mut at = skip_space(text, at + 1);
    if text.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    loop {
        let end = read(at)?;
        at = skip_space(text, end);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b']') => return Ok(at + 1),
            Some(_) | None => return Err(JsonError { at }),
        }
    }
}

/// The value of an object's member `name`; the last one if the key occurs twice.
///
/// `None` if `object` is no well-formed object or has no such member.
#[must_use]
pub fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    members(object, skip_space(object, 0), &mut |member| {
        if key_is(member.key.of(object), name) {
            found = Some(member.value);
        }
    })
    .ok()?;
    found.map(|span| span.of(object))
}

/// Whether a key as written (without quotes) spells `name`.
#[must_use]
pub fn key_is(key: &[u8], name: &str) -> bool {
    let spelled = name.as_bytes();
    // Most keys differ in their first byte, which an escape may spell otherwise.
    match (key.first(), spelled.first()) {
        (Some(a), Some(b)) if a != b && *a != b'\\' => false,
        // A key that spells a name with escapes is longer than the name.
        _ => {
            equal(key, spelled)
                || (key.len() > name.len() && has_escape(key) && unescape(key) == name)
        }
    }
}

/// The string that a JSON string value means; `None` for other kinds.
#[must_use]
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    match value {
        [b'"', inner @ .., b'"'] => Some(unescape(inner)),
        _ => None,
    }
}

/// Resolves the escapes of a string's inside. A lone surrogate becomes U+FFFD.
#[must_use]
pub fn unescape(inner: &[u8]) -> Cow<'_, str> {
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut i = 0;
    while i < inner.len() {
        if inner[i] != b'\\' {
            out.push(inner[i]);
            i += 1;
            continue;
        }
        match inner.get(i + 1) {
            Some(b'u') => i = unescape_unit(inner, i, &mut out),
            Some(&byte) => {
                out.push(match byte {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                });
                i += 2;
            }
            None => i += 1,
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn unescape_unit(inner: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let unit = |at: usize| -> Option<u32> {
        let digits = inner.get(at..at + 6)?;
        if !digits.starts_with(b"\\u") {
            return None;
        }
        digits[2..]
            .iter()
            .try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    };
    let Some(high) = unit(at) else { return at + 2 };
    let (code, next) = match (high, unit(at + 6)) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), at + 12)
        }
        (other, _) => (other, at + 6),
    };
    let mut buffer = [0; 4];
    let character = char::from_u32(code).unwrap_or('\u{fffd}');
    out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    next
}
