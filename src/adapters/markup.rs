//! Plain text out of a server's HTML: for display only, nothing is decided by it.

use super::wire::{cut, find};

/// Elements that begin a new line.
const BLOCKS: [&[u8]; 8] = [b"br", b"p", b"div", b"li", b"tr", b"h1", b"details", b"summary"];

/// Entities that Frappe's own escaping writes.
const ENTITIES: [(&[u8], u8); 7] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"#39", b'\''),
    (b"nbsp", b' '),
];

/// `html` without tags and with the common entities resolved; blocks become line breaks.
///
/// A `<` that begins no tag stays ("qty < 3"). The result is text: shown as HTML it would be
/// markup again.
pub(super) fn plain(html: &str) -> String {
    let mut out = Vec::new();
    let mut rest = html.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match first {
            b'<' => tag(after, &mut out),
            b'&' => entity(after, &mut out),
            _ => None,
        }
        .unwrap_or_else(|| {
            out.push(*first);
            after
        });
    }
    String::from_utf8_lossy(out.trim_ascii()).into_owned()
}

/// What follows the tag, `None` if it is none. Of a tag that is cut off nothing follows.
fn tag<'a>(after: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let name = after.strip_prefix(b"/").unwrap_or(after);
    if !name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'!') {
        return None;
    }
    let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let is_block = BLOCKS.iter().any(|block| name.get(..length) == Some(*block));
    if is_block && out.last().is_some_and(|last| *last != b'\n') {
        out.push(b'\n');
    }
    Some(cut(after, b">").map_or(b"", |(_, rest)| rest))
}

/// What follows the entity, `None` if it is none that is known.
fn entity<'a>(after: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    // The longest has four letters: text with many ampersands is not searched to its end.
    let length = find(after.get(..after.len().min(6))?, b";")?;
    let name = after.get(..length)?;
    let (_, byte) = ENTITIES.iter().find(|(known, _)| *known == name)?;
    out.push(*byte);
    after.get(length + 1..)
}
