//! Paths in their text form: `customer`, `items[r1].qty`, `items[r1]`, `payments`.

/// A place in a document, split. Rows are named by identity, never by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path<'a> {
    /// A field of the document itself (or a whole table).
    Field(&'a str),
    /// A row of a table.
    Row {
        /// The table's field name.
        table: &'a str,
        /// The row's identity.
        row: &'a str,
    },
    /// A field of a row.
    Cell {
        /// The table's field name.
        table: &'a str,
        /// The row's identity.
        row: &'a str,
        /// The field's name.
        field: &'a str,
    },
}

impl<'a> Path<'a> {
    /// Splits a path; `None` if it is malformed. A row's identity may hold any character: it ends
    /// at the last `]` that is followed by the end or by `.field`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Path<'a>> {
        let Some((table, rest)) = text.split_once('[') else {
            return (!text.is_empty() && !text.contains(']')).then_some(Path::Field(text));
        };
        if table.is_empty() {
            return None;
        }
        if let Some(row) = rest.strip_suffix(']') {
            return (!row.is_empty()).then_some(Path::Row { table, row });
        }
        let (row, field) = rest.rsplit_once("].")?;
        (!row.is_empty() && !field.is_empty()).then_some(Path::Cell { table, row, field })
    }
}

/// `items[r1]`
#[must_use]
pub fn row_path(table: &str, row: &str) -> String {
    [table, "[", row, "]"].concat()
}

/// `items[r1].qty`
#[must_use]
pub fn cell_path(table: &str, row: &str, field: &str) -> String {
    [table, "[", row, "].", field].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_fields_rows_and_cells() {
        assert_eq!(Path::parse("customer"), Some(Path::Field("customer")));
        assert_eq!(Path::parse("items[r1]"), Some(Path::Row { table: "items", row: "r1" }));
        let cell = Path::Cell { table: "items", row: "a].b|[c", field: "qty" };
        assert_eq!(Path::parse("items[a].b|[c].qty"), Some(cell));
        for bad in ["", "items[", "items[]", "[r1].qty", "items[r1]qty", "items[r1].", "a]"] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
    }
}
