//! What Frappe does to text with angle brackets before it stores it (transcript 34).

const REFUSED_TAGS: [&str; 8] =
    ["script", "style", "iframe", "object", "embed", "form", "link", "meta"];

/// Harmless tags stay; other brackets and bare ampersands become entities. Text without
/// brackets is left alone, ampersands too. Doing it twice changes nothing more.
pub fn sanitize(text: &str) -> String {
    if !text.contains(['<', '>']) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let tag = if letter == '<' { tag(rest) } else { None };
        let (piece, length) = match (letter, tag) {
            ('<', Some(tag)) => (tag, tag.len()),
            ('<', None) => ("&lt;", 1),
            ('>', _) => ("&gt;", 1),
            ('&', _) if !is_entity(rest) => ("&amp;", 1),
            _ => (&rest[..letter.len_utf8()], letter.len_utf8()),
        };
        clean.push_str(piece);
        rest = &rest[length..];
    }
    clean
}

/// The harmless tag that `text` begins with, brackets included.
fn tag(text: &str) -> Option<&str> {
    let end = text.find('>')?;
    let inside = text[1..end].trim_start_matches('/');
    let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect();
    let harmless = inside.starts_with(|first: char| first.is_ascii_alphabetic())
        && !inside.contains('<')
        && !REFUSED_TAGS.contains(&name.to_ascii_lowercase().as_str());
    harmless.then(|| &text[..=end])
}

fn is_entity(text: &str) -> bool {
    let Some((name, _)) = text[1..].split_once(';') else { return false };
    !name.is_empty()
        && name.len() <= 10
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
}
