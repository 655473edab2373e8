//! How a document is merged, as data: which rule a field follows, what identifies a row.
//!
//! A profile is read once from JSON (`Profile` in the TypeScript contract) into sorted lists;
//! what cannot be meant is refused with the path of the mistake.

mod read;

/// A profile that is none: where the mistake is, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    /// For example `tables.items.row`.
    pub path: String,
    /// What was expected.
    pub expected: &'static str,
}

/// The rule that one field follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Both changed it: ask.
    Ask,
    /// Both changed it: mine stands.
    Mine,
    /// Both changed it: theirs stands.
    Theirs,
    /// Kept by the server for good (names, stamps, owners); never mine to change.
    System,
    /// Computed by the server: the newest copy's.
    Server,
    /// Must not differ.
    Frozen,
    /// Steps add up.
    Counter,
    /// Payment amounts: steps add up, nothing is dropped.
    Money,
    /// A set of lines.
    Set,
    /// Notes: theirs, then my new lines.
    Text,
    /// The larger of both.
    Max,
    /// The smaller of both.
    Min,
    /// A member of the group with this number.
    Group(usize),
    /// Part of the row's price decision.
    Price,
}

impl Rule {
    /// Whether a person at a till owns the field, so that a change in it is somebody's edit.
    #[must_use]
    pub fn is_client_owned(self) -> bool {
        !matches!(self, Rule::System | Rule::Server)
    }
}

/// Fields decided together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The group's name, beginning with `@`.
    pub name: String,
    /// Its fields.
    pub fields: Vec<String>,
    /// The field that the others depend on, if there is one.
    pub head: Option<String>,
    /// (field, source): the field is ignored where its source is set.
    pub derived: Vec<(String, String)>,
}

/// A row's price: one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The fields of the decision.
    pub fields: Vec<String>,
    /// The rate among them; the server's unless `manual` is set.
    pub rate: String,
    /// The flag that says a person typed the rate.
    pub manual: String,
    /// Fields in which a change by the server alone is a reprice.
    pub reprice: Vec<String>,
}

/// A row's unit against its quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Fields that say the unit.
    pub unit: Vec<String>,
    /// The quantity.
    pub quantity: String,
}

/// The rules of a set of fields: of the document's own, or of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldRules {
    /// Sorted by name.
    named: Vec<(String, Rule)>,
    /// Names that end in `*`, without the star.
    prefixes: Vec<(String, Rule)>,
    otherwise: Option<Rule>,
    /// Groups, numbered as in [`Rule::Group`].
    pub groups: Vec<Group>,
}

impl FieldRules {
    /// The rule that the field `name` follows.
    #[must_use]
    pub fn rule(&self, name: &str) -> Rule {
        if let Ok(found) = self.named.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            return self.named[found].1;
        }
        for (prefix, rule) in &self.prefixes {
            if name.starts_with(prefix.as_str()) {
                return *rule;
            }
        }
        self.otherwise.unwrap_or(Rule::Ask)
    }
}

impl FieldRules {
    fn has_money(&self) -> bool {
        let all = self.named.iter().chain(&self.prefixes).map(|(_, rule)| rule);
        all.chain(&self.otherwise).any(|rule| *rule == Rule::Money)
    }
}

/// The rules of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableRules {
    /// The table's field in the document.
    pub name: String,
    /// Fields that identify a row; the first that a row has counts.
    pub row: Vec<String>,
    /// For rows without any of them: equal in these, n-th occurrence.
    pub fallback: Vec<String>,
    /// The row's identity on the server, sent only for rows that the newest copy has.
    pub server_row: Option<String>,
    /// Position field, renumbered from 1 on every save.
    pub position: Option<String>,
    /// The rules of its fields.
    pub fields: FieldRules,
    /// The price decision.
    pub price: Option<Price>,
    /// Unit against quantity.
    pub measure: Option<Measure>,
    /// Rows that hold one of these values are built by the server: (field, value as JSON).
    pub derived_row_if: Vec<(String, Vec<u8>)>,
    /// Field with an outside transaction number.
    pub transaction: Option<String>,
}

impl TableRules {
    /// Whether a row is money or carries an outside number, so that rows concern one another.
    #[must_use]
    pub fn is_delicate(&self) -> bool {
        self.transaction.is_some() || self.fields.has_money()
    }

    /// Whether changes in this table's rows change what the customer pays for.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        self.price.is_some() || self.measure.is_some()
    }
}

/// Values that end a draft's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// The field that holds them.
    pub field: String,
    /// Values (JSON) that mean submitted.
    pub submitted: Vec<Vec<u8>>,
    /// Values (JSON) that mean cancelled.
    pub cancelled: Vec<Vec<u8>>,
}

/// How a document is merged. See the TypeScript contract for the meaning of every part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Fields that identify the document beside its key.
    pub identity: Vec<String>,
    /// Rules of the document's own fields.
    pub fields: FieldRules,
    /// Rules of its tables.
    pub tables: Vec<TableRules>,
    /// First of these that is present is the amount due.
    pub due: Vec<String>,
    /// What ends a draft's life.
    pub lifecycle: Option<Lifecycle>,
    /// Field that carries the token of the last save.
    pub token_field: Option<String>,
    /// Unique field that carries the token of the document's creation.
    pub create_token_field: Option<String>,
    /// Field that says who saved last.
    pub changed_by: Option<String>,
}

impl Profile {
    /// Reads a profile from its JSON text.
    ///
    /// # Errors
    /// [`ProfileError`] naming the first part that is not as the contract says.
    pub fn parse(text: &[u8]) -> Result<Profile, ProfileError> {
        read::profile(text)
    }

    /// The number of the table kept in the field `name`.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }
}
