//! Any text in place of a list of edits, and of a path.

use restamp::core::change::Changes;
use restamp::core::document::Document;
use restamp::core::op::Op;
use restamp::core::path::{cell_path, row_path, Path};
use restamp::core::profile::Profile;
use restamp::core::render::{render, Audience};

use super::samples::{profiles, INVOICES, ORDERS};

/// Any edits.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check_path(text);
    }
    let Ok(ops) = Op::parse_list(data) else { return };
    let [invoice, order, plain] = profiles();
    for (text, profile) in [(INVOICES[0], invoice), (ORDERS[0], order), (INVOICES[0], plain)] {
        let base = Document::parse(text.as_bytes().to_vec(), profile).expect("a document");
        check(&ops, &base, profile);
    }
}

/// A path that was split is the same when put together again.
fn check_path(text: &str) {
    match Path::parse(text) {
        Some(Path::Field(name)) => assert_eq!(name, text),
        Some(Path::Row { table, row }) => assert_eq!(row_path(table, row), text),
        Some(Path::Cell { table, row, field }) => assert_eq!(cell_path(table, row, field), text),
        None => {}
    }
}

/// Edits and net changes are two forms of one thing; a refused edit changes nothing.
fn check(ops: &[Op], base: &Document, profile: &Profile) {
    let mut changes = Changes::none(profile);
    for op in ops {
        let before = changes.clone();
        if changes.apply(op, base, profile).is_err() {
            assert_eq!(changes, before, "a refused edit: {op:?}");
        }
        let again = Op::parse_list(&[b"[", op.to_json().as_slice(), b"]"].concat());
        assert_eq!(again.as_deref(), Ok(&[op.clone()][..]));
    }
    let mut again = Changes::none(profile);
    for op in changes.to_ops(profile) {
        assert_eq!(again.apply(&op, base, profile), Ok(()), "{op:?}");
    }
    for audience in [Audience::Page, Audience::Server] {
        let text = render(base, &changes, profile, audience);
        let same = render(base, &again, profile, audience);
        assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&same));
        let document = Document::parse(text, profile);
        assert!(document.is_ok(), "{document:?}: {}", String::from_utf8_lossy(&same));
    }
}
