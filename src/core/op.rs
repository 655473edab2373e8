//! One edit with its intent, and its JSON form.

use rust_decimal::Decimal;

use super::amount;
use super::json::{self, ObjectWriter};

/// Where a row goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// After all others.
    End,
    /// Before all others.
    Front,
    /// After the row of this identity.
    After(String),
}

/// One edit. Values and rows are JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A field holds this value from now on.
    Set {
        /// The field.
        path: String,
        /// The value.
        value: Vec<u8>,
        /// Whether a person stated it; `false` if it was only seen in a whole document, so that
        /// it may as well be the result of steps.
        typed: bool,
    },
    /// A step: one scan more, two pieces less.
    Increment {
        /// The field.
        path: String,
        /// The step.
        by: Decimal,
        /// The token of the save that carries it, where the caller knows it.
        token: Option<String>,
    },
    /// A new row.
    Insert {
        /// The table.
        table: String,
        /// The row, an object.
        row: Vec<u8>,
        /// Where it goes.
        place: Place,
    },
    /// A row is taken out.
    Remove {
        /// The table.
        table: String,
        /// The row's identity.
        row: String,
    },
    /// A row goes to another place.
    Move {
        /// The table.
        table: String,
        /// The row's identity.
        row: String,
        /// Where it goes; never [`Place::End`].
        place: Place,
    },
}

/// Text that is no list of edits: which one is wrong, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpError {
    /// Position in the list, from 0.
    pub number: usize,
    /// What was expected.
    pub expected: &'static str,
}

impl Op {
    /// Reads a JSON list of edits as the TypeScript contract has them.
    ///
    /// # Errors
    /// [`OpError`] naming the first edit that is none.
    pub fn parse_list(text: &[u8]) -> Result<Vec<Op>, OpError> {
        let whole = OpError { number: 0, expected: "a list of edits as JSON" };
        let span = json::check(text).map_err(|_| whole.clone())?;
        let list = span.of(text);
        let mut ops = Vec::new();
        let mut broken = None;
        json::elements(list, 0, &mut |element| match Op::parse(element.of(list)) {
            Ok(op) => ops.push(op),
            Err(expected) => {
                broken.get_or_insert(OpError { number: ops.len(), expected });
            }
        })
        .map_err(|_| whole)?;
        match broken {
            Some(error) => Err(error),
            None => Ok(ops),
        }
    }

    fn parse(text: &[u8]) -> Result<Op, &'static str> {
        let field = |name: &str| json::member(text, name);
        let word = |name: &str, expected: &'static str| {
            field(name).and_then(json::text).map(|text| text.into_owned()).ok_or(expected)
        };
        let place = || match field("after") {
            None => Place::End,
            Some(value) => match json::text(value) {
                Some(row) => Place::After(row.into_owned()),
                None => Place::Front,
            },
        };
        let path = || word("path", "a path as text");
        let table = || word("table", "a table's name");
        let row = || word("row", "a row's identity as text");
        match word("op", "an op")?.as_str() {
            "set" => Ok(Op::Set {
                path: path()?,
                value: field("value").ok_or("a value")?.to_vec(),
                typed: field("typed") != Some(b"false"),
            }),
            "increment" => Ok(Op::Increment {
                path: path()?,
                by: field("by").and_then(amount::amount).ok_or("a decimal as text")?,
                token: field("token").and_then(json::text).map(|token| token.into_owned()),
            }),
            "insert" => {
                let row = field("row").filter(|row| json::kind(row) == json::Kind::Object);
                let row = row.ok_or("a row as an object")?.to_vec();
                Ok(Op::Insert { table: table()?, row, place: place() })
            }
            "remove" => Ok(Op::Remove { table: table()?, row: row()? }),
            "move" => {
                let place = match place() {
                    Place::End => return Err("the row to move after, or null"),
                    found @ (Place::Front | Place::After(_)) => found,
                };
                Ok(Op::Move { table: table()?, row: row()?, place })
            }
            _ => Err("set, increment, insert, remove or move"),
        }
    }

    /// The edit as JSON, readable by [`Op::parse_list`].
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        match self {
            Op::Set { path, value, typed } => {
                object.text("op", "set").text("path", path).raw("value", value);
                if !typed {
                    object.raw("typed", b"false");
                }
            }
            Op::Increment { path, by, token } => {
                object.text("op", "increment").text("path", path);
                object.text("by", &amount::shortest(*by));
                if let Some(token) = token {
                    object.text("token", token);
                }
            }
            Op::Insert { table, row, place } => {
                object.text("op", "insert").text("table", table).raw("row", row);
                push_place(&mut object, place);
            }
            Op::Remove { table, row } => {
                object.text("op", "remove").text("table", table).text("row", row);
            }
            Op::Move { table, row, place } => {
                object.text("op", "move").text("table", table).text("row", row);
                push_place(&mut object, place);
            }
        }
        object.finish()
    }
}

fn push_place(object: &mut ObjectWriter, place: &Place) {
    match place {
        Place::End => {}
        Place::Front => {
            object.raw("after", b"null");
        }
        Place::After(row) => {
            object.text("after", row);
        }
    }
}
