//! The server's version of a document, and this till's own count of edits.

/// A server's version stamp (`modified`, an ETag, `_rev`, `write_date` …), byte for byte.
///
/// Opaque: two stamps are equal or not. They are never parsed, ordered or made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(pub String);

/// How many edits a draft has seen on this till; ordered, unlike a [`Stamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Revision(pub u32);
