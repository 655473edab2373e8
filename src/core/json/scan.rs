//! Where strings and numbers end, and whether two texts are equal: eight bytes at a time. In
//! WebAssembly the library's own searches and comparisons go byte by byte.

use super::JsonError;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The eight bytes from `at` on, the first one lowest.
#[inline(always)]
pub(crate) fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Which of eight bytes end a stretch of plain characters (a quote, a backslash, a control
/// character): the high bit of each. Bytes behind the first one may be marked in error.
#[inline(always)]
fn specials(word: u64) -> u64 {
    // Turning one bit puts the quote beside the control characters, below all others.
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (quote_or_control | backslash) & !word & HIGH
}

/// Which of eight bytes are no digits: the high bit of each.
#[inline(always)]
fn no_digits(word: u64) -> u64 {
    let digits = word ^ (ONES * b'0' as u64);
    (((digits & !HIGH) + ONES * 0x76) | digits) & HIGH
}

/// The number of the first byte that is marked.
#[inline(always)]
fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// The end of the string whose opening quote is at `at`.
pub(super) fn skip_string(text: &[u8], at: usize) -> Result<usize, JsonError> {
    if text.get(at) != Some(&b'"') {
        return Err(JsonError { at });
    }
    skip_plain(text, at)
}

/// The end of the string that begins at `at`, where there is a quote.
#[inline(always)]
fn skip_plain(text: &[u8], at: usize) -> Result<usize, JsonError> {
    let mut i = at + 1;
    let mut seen = 0;
    while let Some(word) = word(text, i) {
        let marks = specials(word);
        seen |= word;
        if marks == 0 {
            i += 8;
            continue;
        }
        i += first(marks);
        if text[i] != b'"' || seen & HIGH != 0 {
            break;
        }
        return Ok(i + 1);
    }
    skip_difficult(text, at, i)
}

/// The same for strings with escapes, beyond ASCII, or near the end of the text; up to `i` there
/// is none of what ends a stretch of plain characters.
#[inline(never)]
fn skip_difficult(text: &[u8], at: usize, mut i: usize) -> Result<usize, JsonError> {
    loop {
        while let Some(word) = word(text, i) {
            let marks = specials(word);
            if marks != 0 {
                i += first(marks);
                break;
            }
            i += 8;
        }
        match text.get(i) {
            Some(b'"') => break,
            Some(b'\\') => i = skip_escape(text, i)?,
            Some(0..=0x1f) | None => return Err(JsonError { at: i }),
            Some(_) => i += 1,
        }
    }
    // Quotes are ASCII: a text is UTF-8 if each of its strings is.
    match std::str::from_utf8(&text[at..i]) {
        Ok(_) => Ok(i + 1),
        Err(error) => Err(JsonError { at: at + error.valid_up_to() }),
    }
}

fn skip_escape(text: &[u8], at: usize) -> Result<usize, JsonError> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if text.len() >= at + 6 => {
            if text[at + 2..at + 6].iter().all(u8::is_ascii_hexdigit) {
                Ok(at + 6)
            } else {
                Err(JsonError { at })
            }
        }
        Some(_) | None => Err(JsonError { at }),
    }
}

/// The end of the number that starts at `at` with a digit or a minus.
#[inline(always)]
pub(super) fn skip_number(text: &[u8], at: usize) -> Result<usize, JsonError> {
    // Mostly digits, or digits and a fraction, that end within eight bytes.
    let Some(word) = word(text, at) else { return skip_long_number(text, at) };
    let marks = no_digits(word);
    let whole = first(marks);
    let byte = |n: usize| (word >> (8 * n)) as u8;
    if marks == 0 || whole == 0 || (whole > 1 && byte(0) == b'0') {
        return skip_long_number(text, at);
    }
    let (mut end, mut next) = (whole, byte(whole));
    if next == b'.' {
        let marks = marks & (marks - 1);
        end = first(marks);
        if marks == 0 || end == whole + 1 {
            return skip_long_number(text, at);
        }
        next = byte(end);
    }
    if next | 0x20 == b'e' {
        return skip_long_number(text, at);
    }
    Ok(at + end)
}

#[inline(never)]
fn skip_long_number(text: &[u8], at: usize) -> Result<usize, JsonError> {
    let first = at + usize::from(text[at] == b'-');
    let mut end = match text.get(first) {
        Some(b'0') => first + 1,
        _ => skip_digits(text, first)?,
    };
    if text.get(end) == Some(&b'.') {
        end = skip_digits(text, end + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = skip_digits(text, end + 1 + sign)?;
    }
    Ok(end)
}

fn skip_digits(text: &[u8], at: usize) -> Result<usize, JsonError> {
    let mut end = at;
    while text.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    if end == at {
        Err(JsonError { at })
    } else {
        Ok(end)
    }
}

/// The end of a value that holds no others, or what [`super::skip_nested`] says.
#[inline(always)]
pub(crate) fn skip_short(text: &[u8], at: usize, depth: usize) -> Result<usize, JsonError> {
    match text.get(at) {
        Some(b'"') => skip_plain(text, at),
        Some(b'0'..=b'9') => skip_number(text, at),
        Some(_) | None => super::skip_nested(text, at, depth),
    }
}

/// How many bytes agree from the start: often few, sometimes hundreds.
#[inline(always)]
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    loop {
        for _ in 0..3 {
            let (Some(x), Some(y)) = (word(a, at), word(b, at)) else {
                let rest = a[at..].len().min(b[at..].len());
                let end = at + rest;
                while at < end && a[at] == b[at] {
                    at += 1;
                }
                return at;
            };
            if x != y {
                return at + first(x ^ y);
            }
            at += 8;
        }
        while let (Some(x), Some(y)) = (block(a, at), block(b, at)) {
            let differ = |at: usize| word(x, at).unwrap_or(0) ^ word(y, at).unwrap_or(0);
            if differ(0) | differ(8) | differ(16) | differ(24) != 0 {
                break;
            }
            at += 32;
        }
    }
}

#[inline(always)]
fn block(text: &[u8], at: usize) -> Option<&[u8; 32]> {
    text.get(at..)?.first_chunk()
}

/// Whether two texts are the same bytes.
#[inline]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && same(a, 0, b, 0, a.len())
}

/// Whether `length` bytes from `i` on in `a` are the same as from `j` on in `b`.
#[inline(always)]
pub(crate) fn same(a: &[u8], mut i: usize, b: &[u8], mut j: usize, length: usize) -> bool {
    let mut left = length;
    while let (Some(x), Some(y)) = (word(a, i), word(b, j)) {
        let differ = x ^ y;
        if left <= 8 {
            return left == 0 || differ << (64 - 8 * left) == 0;
        }
        if differ != 0 {
            return false;
        }
        (i, j, left) = (i + 8, j + 8, left - 8);
    }
    a.get(i..i + left) == b.get(j..j + left)
}

/// Whether a text holds a backslash.
#[inline]
pub(crate) fn has_escape(text: &[u8]) -> bool {
    text.contains(&b'\\')
}

/// A hash for tables of slots, eight bytes a step; its low bits are as good as its high ones.
pub(crate) fn hash(text: &[u8]) -> u32 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = text.len() as u64;
    let mut at = 0;
    while let Some(word) = word(text, at) {
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(PRIME);
        at += 8;
    }
    for byte in &text[at..] {
        hash = (hash.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    (hash >> 32) as u32
}
