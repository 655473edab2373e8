//! A document: its JSON text, and where in the text its fields and rows lie.

use super::json::{self, JsonError, Kind, Member, Span};
use super::profile::{Profile, TableRules};

mod align;
mod shape;
mod table;

pub(crate) use align::{common, goes_on, moved, new_value, read_row};
pub use align::{Alignment, RowDifference, TableAlignment};
pub(crate) use table::occurrence;
pub use table::{Cells, Row, Table};

/// Largest document that is read, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of a document. Less than JSON may have, for an entry of the journal holds whole
/// documents and edits, and must be read again.
pub const DEPTH_MAX: usize = 64;
/// Most rows that one table may hold.
pub const ROWS_MAX: usize = 100_000;

/// Text that is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// Not JSON from this byte on, or nested too deeply.
    NotJson {
        /// Byte offset.
        at: usize,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// A field that the profile calls a table holds something else than a list of objects.
    NotATable {
        /// The field.
        field: String,
    },
    /// More than [`DOCUMENT_BYTES_MAX`] bytes or [`ROWS_MAX`] rows in a table.
    TooLarge,
}

/// A document's text with the positions of its fields and rows.
#[derive(Debug, Clone, Default)]
pub struct Document {
    text: Vec<u8>,
    object: Span,
    fields: Vec<Member>,
    tables: Vec<Table>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`DocumentError`] if the text is not JSON, no object, too large, or a table is no table.
    pub fn parse(text: Vec<u8>, profile: &Profile) -> Result<Document, DocumentError> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge);
        }
        match Index::read(&text, profile) {
            Ok(Index { object, fields, tables }) => Ok(Document { text, object, fields, tables }),
            // Text that is not UTF-8 is none at all, whatever else is wrong with it.
            Err(error) => Err(match std::str::from_utf8(&text) {
                Ok(_) => error,
                Err(error) => DocumentError::NotJson { at: error.valid_up_to() },
            }),
        }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The document's object, without white space around it.
    #[must_use]
    pub fn object(&self) -> Span {
        self.object
    }

    /// The document's own fields in the order of the text.
    #[must_use]
    pub fn fields(&self) -> Cells<'_> {
        Cells::new(&self.text, &self.fields, 0)
    }

    /// The value of the document's field `name`, as JSON.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().get(name)
    }

    /// Where the value of the field `name` lies.
    #[must_use]
    pub fn field_span(&self, name: &str) -> Option<Span> {
        self.fields().span(name)
    }

    /// The table with this number in the profile.
    #[must_use]
    pub fn table(&self, number: usize) -> &Table {
        &self.tables[number]
    }

    /// A row's identity.
    #[must_use]
    pub fn row_identity<'a>(&'a self, row: &'a Row) -> &'a str {
        row.identity(&self.text)
    }

    /// The number of the row with this identity.
    #[must_use]
    pub fn row_number(&self, table: usize, identity: &str) -> Option<usize> {
        self.tables[table].number(&self.text, identity)
    }

    /// The row with this identity.
    #[must_use]
    pub fn row(&self, table: usize, identity: &str) -> Option<&Row> {
        self.row_number(table, identity).map(|number| &self.tables[table].rows[number])
    }

    /// The number of the row with the identity of a row of another copy; most likely `next`.
    pub(super) fn row_like(
        &self,
        table: usize,
        copy: &Document,
        row: &Row,
        next: usize,
    ) -> Option<usize> {
        self.tables[table].number_like(&self.text, row.identity_bytes(&copy.text), next)
    }

    /// The text of a row's object.
    #[must_use]
    pub fn row_text(&self, row: &Row) -> &[u8] {
        row.span.of(&self.text)
    }

    /// The cells of a row in the order of the text.
    #[must_use]
    pub fn cells<'a>(&'a self, table: usize, row: &Row) -> Cells<'a> {
        self.tables[table].cells(&self.text, row)
    }

    /// The value of a row's field, as JSON.
    #[must_use]
    pub fn cell(&self, table: usize, row: &Row, name: &str) -> Option<&[u8]> {
        self.cells(table, row).get(name)
    }

    /// Where the value of a row's field lies.
    #[must_use]
    pub fn cell_span(&self, table: usize, row: &Row, name: &str) -> Option<Span> {
        self.cells(table, row).span(name)
    }
}

/// Where the fields and rows of a text lie.
struct Index {
    object: Span,
    fields: Vec<Member>,
    tables: Vec<Table>,
}

impl Index {
    fn read(text: &[u8], profile: &Profile) -> Result<Index, DocumentError> {
        let start = json::skip_space(text, 0);
        if json::kind(&text[start..]) != Kind::Object {
            json::check(text).map_err(|error| DocumentError::NotJson { at: error.at })?;
            return Err(DocumentError::NotAnObject);
        }
        let mut fields = Vec::new();
        let mut tables = vec![Table::default(); profile.tables.len()];
        let mut refused = None;
        let walked = json::members_with(text, start, &mut |key, start| {
            let name = key.of(text);
            let number = profile.tables.iter().position(|rules| json::key_is(name, &rules.name));
            let end = match number {
                Some(number) if text.get(start) == Some(&b'[') => {
                    let rules = &profile.tables[number];
                    match Table::read(text, start, rules)? {
                        Ok(table) => tables[number] = table,
                        Err(error) => refused = Some(error),
                    }
                    tables[number].array.end as usize
                }
                Some(number) => {
                    let end = json::skip_nested(text, start, DEPTH_MAX - 1)?;
                    tables[number] = Table::default();
                    if &text[start..end] != b"null" {
                        refused = Some(not_a_table(&profile.tables[number]));
                    }
                    end
                }
                None => json::skip_nested(text, start, DEPTH_MAX - 1)?,
            };
            fields.push(Member { key, value: Span::new(start, end) });
            if refused.is_some() {
                return Err(JsonError { at: start });
            }
            Ok(end)
        });
        let end = match (walked, refused) {
            (_, Some(error)) => return Err(error),
            (Err(error), None) => return Err(DocumentError::NotJson { at: error.at }),
            (Ok(end), None) => end,
        };
        let rest = json::skip_space(text, end);
        if rest != text.len() {
            return Err(DocumentError::NotJson { at: rest });
        }
        Ok(Index { object: Span::new(start, end), fields, tables })
    }
}

fn not_a_table(rules: &TableRules) -> DocumentError {
    DocumentError::NotATable { field: rules.name.clone() }
}

/// A value as part of a made identity: amounts in their shortest spelling, nothing as nothing.
pub(crate) fn fallback_text(value: &[u8]) -> String {
    if let Some(amount) = super::amount::amount(value) {
        return super::amount::shortest(amount);
    }
    match json::text(value) {
        Some(text) => text.into_owned(),
        None if value == b"null" => String::new(),
        None => String::from_utf8_lossy(value).into_owned(),
    }
}
