//! A document: its JSON text, and where in the text its fields and rows lie.

use super::json::{self, Kind, Member, Span};
use super::profile::{Profile, TableRules};

/// Largest document that is read, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
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

/// The rows of one table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The array in the text; empty if the document does not have the table.
    pub array: Span,
    /// The rows in the order of the text.
    pub rows: Vec<Row>,
    cells: Vec<Member>,
    /// Open addressing, a power of two of slots, at most half of them taken: row number + 1.
    slots: Vec<u32>,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The row's object in the text.
    pub span: Span,
    first_cell: u32,
    cells_end: u32,
    identity: Identity,
}

#[derive(Debug, Clone)]
enum Identity {
    /// Spelled by these bytes of the text.
    Written(Span),
    Made(Box<str>),
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
        if let Err(error) = std::str::from_utf8(&text) {
            return Err(DocumentError::NotJson { at: error.valid_up_to() });
        }
        let start = json::skip_space(&text, 0);
        if json::kind(&text[start..]) != Kind::Object {
            json::check(&text).map_err(|error| DocumentError::NotJson { at: error.at })?;
            return Err(DocumentError::NotAnObject);
        }
        let mut fields = Vec::new();
        let end = json::members(&text, start, |member| fields.push(member))
            .map_err(|error| DocumentError::NotJson { at: error.at })?;
        let rest = json::skip_space(&text, end);
        if rest != text.len() {
            return Err(DocumentError::NotJson { at: rest });
        }
        let object = Span::new(start, end);
        let mut document = Document { text, object, fields, tables: Vec::new() };
        for rules in &profile.tables {
            let table = document.read_table(rules)?;
            document.tables.push(table);
        }
        Ok(document)
    }

    fn read_table(&self, rules: &TableRules) -> Result<Table, DocumentError> {
        let mut table = Table::default();
        let Some(array) = self.field_span(&rules.name) else { return Ok(table) };
        let not_a_table = || DocumentError::NotATable { field: rules.name.clone() };
        let value = array.of(&self.text);
        if value == b"null" {
            return Ok(table);
        }
        table.array = array;
        let mut spans = Vec::new();
        json::elements(&self.text, array.start as usize, |span| spans.push(span))
            .map_err(|_| not_a_table())?;
        if spans.len() > ROWS_MAX {
            return Err(DocumentError::TooLarge);
        }
        table.slots = vec![0; (spans.len() * 2).next_power_of_two()];
        for span in spans {
            let first_cell = table.cells.len() as u32;
            json::members(&self.text, span.start as usize, |cell| table.cells.push(cell))
                .map_err(|_| not_a_table())?;
            let cells_end = table.cells.len() as u32;
            let cells = &table.cells[first_cell as usize..];
            let identity = self.identity(cells, rules);
            table.push(Row { span, first_cell, cells_end, identity }, &self.text);
        }
        Ok(table)
    }

    /// The first identity field that the row has counts; then the fallback.
    fn identity(&self, cells: &[Member], rules: &TableRules) -> Identity {
        for name in &rules.row {
            let Some(span) = find(&self.text, cells, name) else { continue };
            match span.of(&self.text) {
                b"null" | b"\"\"" => {}
                [b'"', inner @ .., b'"'] if inner.contains(&b'\\') => {
                    return Identity::Made(json::unescape(inner).into());
                }
                [b'"', ..] => {
                    return Identity::Written(Span { start: span.start + 1, end: span.end - 1 });
                }
                _ => return Identity::Written(span),
            }
        }
        let mut made = String::new();
        for (n, name) in rules.fallback.iter().enumerate() {
            if n > 0 {
                made.push('|');
            }
            if let Some(span) = find(&self.text, cells, name) {
                made.push_str(&fallback_text(span.of(&self.text)));
            }
        }
        Identity::Made(made.into())
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
    pub fn fields(&self) -> &[Member] {
        &self.fields
    }

    /// The name of a field or cell of this document.
    #[must_use]
    pub fn name(&self, member: &Member) -> std::borrow::Cow<'_, str> {
        json::unescape(member.key.of(&self.text))
    }

    /// The value of the document's field `name`, as JSON.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.field_span(name).map(|span| span.of(&self.text))
    }

    /// Where the value of the field `name` lies.
    #[must_use]
    pub fn field_span(&self, name: &str) -> Option<Span> {
        find(&self.text, &self.fields, name)
    }

    /// The table with this number in the profile.
    #[must_use]
    pub fn table(&self, number: usize) -> &Table {
        &self.tables[number]
    }

    /// A row's identity.
    #[must_use]
    pub fn row_identity<'a>(&'a self, row: &'a Row) -> &'a str {
        row.identity.of(&self.text)
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

    /// The cells of a row in the order of the text.
    #[must_use]
    pub fn cells(&self, table: usize, row: &Row) -> &[Member] {
        &self.tables[table].cells[row.first_cell as usize..row.cells_end as usize]
    }

    /// The value of a row's field, as JSON.
    #[must_use]
    pub fn cell(&self, table: usize, row: &Row, name: &str) -> Option<&[u8]> {
        self.cell_span(table, row, name).map(|span| span.of(&self.text))
    }

    /// Where the value of a row's field lies.
    #[must_use]
    pub fn cell_span(&self, table: usize, row: &Row, name: &str) -> Option<Span> {
        find(&self.text, self.cells(table, row), name)
    }

    /// Whether the server builds this row (free items, offers).
    #[must_use]
    pub fn is_derived_row(&self, number: usize, rules: &TableRules, row: &Row) -> bool {
        rules
            .derived_row_if
            .iter()
            .any(|(field, value)| super::amount::same(self.cell(number, row, field), Some(value)))
    }
}

impl Table {
    /// Adds a row; a second row of the same identity is told apart as its n-th occurrence.
    fn push(&mut self, mut row: Row, text: &[u8]) {
        let mut slot = self.slot(text, row.identity.of(text));
        if self.slots[slot] != 0 {
            let given = row.identity.of(text).to_owned();
            let mut occurrence = 2;
            while self.slots[slot] != 0 {
                let made = [given.as_str(), "#", &occurrence.to_string()].concat();
                row.identity = Identity::Made(made.into());
                slot = self.slot(text, row.identity.of(text));
                occurrence += 1;
            }
        }
        self.rows.push(row);
        self.slots[slot] = self.rows.len() as u32;
    }

    /// The slot that holds the row of this identity, or the free one where it would go.
    fn slot(&self, text: &[u8], identity: &str) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = hash(identity.as_bytes()) as usize & last;
        while let Some(row) = self.slots[slot].checked_sub(1) {
            if self.rows[row as usize].identity.of(text) == identity {
                break;
            }
            slot = (slot + 1) & last;
        }
        slot
    }

    fn number(&self, text: &[u8], identity: &str) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots[self.slot(text, identity)].checked_sub(1).map(|row| row as usize)
    }
}

impl Identity {
    fn of<'a>(&'a self, text: &'a [u8]) -> &'a str {
        match self {
            // Checked to be UTF-8 with the whole text.
            Identity::Written(span) => std::str::from_utf8(span.of(text)).unwrap_or_default(),
            Identity::Made(made) => made,
        }
    }
}

/// The last member called `name`: of two equal keys the last counts, as in `JSON.parse`.
fn find(text: &[u8], members: &[Member], name: &str) -> Option<Span> {
    members
        .iter()
        .rev()
        .find(|member| json::key_is(member.key.of(text), name))
        .map(|member| member.value)
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

/// FNV-1a, 32 bits.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
