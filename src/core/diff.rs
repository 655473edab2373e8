//! What differs between two copies of a document, as far as a person can have changed it.

use super::amount::{is_set, same, same_or_zero};
use super::change::{Changes, FieldChange, FieldChanges, RowChange};
use super::document::{Document, Row};
use super::json::Member;
use super::op::Place;
use super::profile::{FieldRules, Profile, Rule, TableRules};

/// The difference of two copies.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Edits: changes in fields that people own.
    pub changes: Changes,
    /// Rows that the server alone gave another price: (table number, row identity), sorted.
    pub repriced: Vec<(usize, String)>,
}

impl Difference {
    /// Whether the server repriced this row.
    #[must_use]
    pub fn is_repriced(&self, table: usize, row: &str) -> bool {
        let probe = |entry: &(usize, String)| (entry.0, entry.1.as_str()).cmp(&(table, row));
        self.repriced.binary_search_by(probe).is_ok()
    }
}

/// Finds what `copy` has otherwise than `base`.
#[must_use]
pub fn difference(base: &Document, copy: &Document, profile: &Profile) -> Difference {
    let mut found = Difference { changes: Changes::none(profile), repriced: Vec::new() };
    let scope = (&profile.fields, base, copy);
    found.changes.fields =
        fields(scope, base.fields(), copy.fields(), |name| profile.table(name).is_none());
    for (number, rules) in profile.tables.iter().enumerate() {
        table(base, copy, number, rules, &mut found);
    }
    found.repriced.sort_unstable();
    found
}

fn table(
    base: &Document,
    copy: &Document,
    number: usize,
    rules: &TableRules,
    found: &mut Difference,
) {
    let (before, after) = (base.table(number), copy.table(number));
    let mut matched = 0;
    let mut last = 0;
    let mut in_order = true;
    for row in &after.rows {
        let identity = copy.row_identity(row);
        let changes = &mut found.changes.tables[number];
        let Some(at) = base.row_number(number, identity) else {
            let (_, nameless) = super::change::identity_of(row.span.of(copy.text()), rules);
            changes.insert(identity, row.span.of(copy.text()).to_vec(), Place::End, nameless);
            continue;
        };
        in_order &= matched == 0 || at > last;
        last = at;
        matched += 1;
        let old = &before.rows[at];
        if old.span.of(base.text()) == row.span.of(copy.text()) {
            continue;
        }
        let edited = row_fields((base, old), (copy, row), number, rules);
        if is_repriced((base, old), (copy, row), number, rules) {
            found.repriced.push((number, identity.to_owned()));
        }
        if !edited.is_empty() {
            changes.rows.push((identity.to_owned(), RowChange::Edited(edited)));
        }
    }
    let changes = &mut found.changes.tables[number];
    if matched < before.rows.len() {
        for row in &before.rows {
            let identity = base.row_identity(row);
            if copy.row_number(number, identity).is_none() {
                changes.rows.push((identity.to_owned(), RowChange::Removed));
            }
        }
    }
    changes.rows.sort_by(|a, b| a.0.cmp(&b.0));
    if !in_order {
        changes.moves = order(copy, number, |row| base.row(number, row).is_some());
    }
}

/// The copy's order of the rows that both have, as moves.
fn order(copy: &Document, number: usize, both: impl Fn(&str) -> bool) -> Vec<(String, Place)> {
    let mut moves = Vec::new();
    let mut place = Place::Front;
    for row in &copy.table(number).rows {
        let identity = copy.row_identity(row);
        if both(identity) {
            moves.push((identity.to_owned(), place));
            place = Place::After(identity.to_owned());
        }
    }
    moves
}

/// Edits of one row.
fn row_fields(
    (base, old): (&Document, &Row),
    (copy, row): (&Document, &Row),
    number: usize,
    rules: &TableRules,
) -> FieldChanges {
    let scope = (&rules.fields, base, copy);
    // A rate is the server's unless a person typed it.
    let typed_rate = |price: &super::profile::Price| is_set(copy.cell(number, row, &price.manual));
    let server_rate = rules.price.as_ref().filter(|price| !typed_rate(price));
    fields(scope, base.cells(number, old), copy.cells(number, row), |name| {
        server_rate.is_none_or(|price| price.rate != name)
    })
}

/// Whether the server gave the row another price: nobody typed one.
fn is_repriced(
    (base, old): (&Document, &Row),
    (copy, row): (&Document, &Row),
    number: usize,
    rules: &TableRules,
) -> bool {
    rules.price.as_ref().is_some_and(|price| {
        !is_set(copy.cell(number, row, &price.manual))
            && price.reprice.iter().any(|name| {
                !same_or_zero(base.cell(number, old, name), copy.cell(number, row, name))
            })
    })
}

/// Edits among two lists of fields: in `after` otherwise, or in `before` only.
fn fields(
    (rules, base, copy): (&FieldRules, &Document, &Document),
    before: &[Member],
    after: &[Member],
    is_wanted: impl Fn(&str) -> bool,
) -> FieldChanges {
    let mut found = FieldChanges::new();
    let find = |members: &[Member], document: &Document, name: &str| {
        members.iter().rev().find(|member| document.name(member) == name).map(|m| m.value)
    };
    for (at, member) in after.iter().enumerate() {
        let key = member.key.of(copy.text());
        let value = member.value.of(copy.text());
        // Servers answer the fields in the same order each time: look there first.
        let aligned = before.get(at).filter(|old| old.key.of(base.text()) == key);
        if aligned.is_some_and(|old| old.value.of(base.text()) == value) {
            continue;
        }
        let name = copy.name(member);
        let old = match aligned {
            Some(old) => Some(old.value),
            None => find(before, base, &name),
        };
        note(&mut found, rules, &name, old.map(|span| span.of(base.text())), value, &is_wanted);
    }
    for (at, member) in before.iter().enumerate() {
        let key = member.key.of(base.text());
        if after.get(at).is_some_and(|new| new.key.of(copy.text()) == key) {
            continue;
        }
        let name = base.name(member);
        if find(after, copy, &name).is_none() {
            let old = Some(member.value.of(base.text()));
            note(&mut found, rules, &name, old, b"null", &is_wanted);
        }
    }
    found
}

fn note(
    found: &mut FieldChanges,
    rules: &FieldRules,
    name: &str,
    old: Option<&[u8]>,
    value: &[u8],
    is_wanted: &impl Fn(&str) -> bool,
) {
    let rule = rules.rule(name);
    if !rule.is_client_owned() || !is_wanted(name) {
        return;
    }
    let equal = match rule {
        // Decisions about money: nothing and zero are one.
        Rule::Group(_) | Rule::Price => same_or_zero(old, Some(value)),
        Rule::Ask
        | Rule::Mine
        | Rule::Theirs
        | Rule::System
        | Rule::Server
        | Rule::Frozen
        | Rule::Counter
        | Rule::Money
        | Rule::Set
        | Rule::Text
        | Rule::Max
        | Rule::Min => same(old, Some(value)),
    };
    if !equal {
        super::change::put(found, name, FieldChange::Found(value.to_vec()));
    }
}

/// Whether two copies are the same sale: everything that people own is the same, whatever the
/// order of the rows and whatever the server computed.
#[must_use]
pub fn same_content(a: &Document, b: &Document, profile: &Profile) -> bool {
    let found = difference(a, b, profile).changes;
    found.fields.is_empty()
        && profile.tables.iter().enumerate().all(|(number, rules)| {
            let is_derived = |document: &Document, row: &str| {
                let row = document.row(number, row);
                row.is_none_or(|row| document.is_derived_row(number, rules, row))
            };
            let rows = &found.tables[number].rows;
            rows.iter().all(|(row, _)| is_derived(a, row) && is_derived(b, row))
        })
}
