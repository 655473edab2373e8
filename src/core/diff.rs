//! What differs between two copies of a document, as far as a person can have changed it.

use super::amount::{is_set, same, same_or_zero};
use super::change::{Changes, FieldChange, FieldChanges, RowChange};
use super::document::{Alignment, Cells, Document, Row, TableAlignment};
use super::json;
use super::op::Place;
use super::order::sort_by;
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
    found.changes.fields = {
        let is_wanted = |name: &str| profile.table(name).is_none();
        fields(&profile.fields, base.fields(), copy.fields(), &mut Places::default(), is_wanted)
    };
    for (number, rules) in profile.tables.iter().enumerate() {
        table(base, copy, number, rules, &mut found);
    }
    sort_by(&mut found.repriced, |a, b| a < b);
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
    let mut places = Places::default();
    for row in &after.rows {
        let next = if matched == 0 { 0 } else { last + 1 };
        let Some(at) = base.row_like(number, copy, row, next) else {
            let identity = copy.row_identity(row);
            let (_, nameless) = super::change::identity_of(row.span.of(copy.text()), rules);
            let changes = &mut found.changes.tables[number];
            changes.push_new(identity, row.span.of(copy.text()).to_vec(), nameless);
            continue;
        };
        in_order &= matched == 0 || at > last;
        last = at;
        matched += 1;
        let old = &before.rows[at];
        if json::equal(base.row_text(old), copy.row_text(row)) {
            continue;
        }
        row_edits((base, old), (copy, row), (number, rules), &mut places, found);
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
    sort_by(&mut changes.rows, |a, b| a.0 < b.0);
    if !in_order {
        changes.moves = order(copy, number, |row| base.row(number, row).is_some());
    }
}

fn row_edits(
    (base, old): (&Document, &Row),
    (copy, row): (&Document, &Row),
    (number, rules): (usize, &TableRules),
    places: &mut Places,
    found: &mut Difference,
) {
    let identity = copy.row_identity(row);
    places.differ = false;
    let edited = placed_row_fields((base, old), (copy, row), number, rules, places);
    let (before, after) = (base.cells(number, old), copy.cells(number, row));
    if places.differ && is_repriced(before, after, rules) {
        found.repriced.push((number, identity.to_owned()));
    }
    if !edited.is_empty() {
        let changed = (identity.to_owned(), RowChange::Edited(edited));
        found.changes.tables[number].rows.push(changed);
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
    let mut places = Places::default();
    placed_row_fields((base, old), (copy, row), number, rules, &mut places)
}

/// Edits that lead from a row to one that is only a text; its own name aside.
pub(super) fn row_difference(
    base: &Document,
    before: &Row,
    row: &[u8],
    number: usize,
    profile: &Profile,
) -> FieldChanges {
    let rules = &profile.tables[number];
    let text = [b"{", json::quoted(&rules.name).as_slice(), b":[", row, b"]}"].concat();
    let Ok(alone) = Document::parse(text, profile) else { return FieldChanges::new() };
    let Some(row) = alone.table(number).rows.first() else { return FieldChanges::new() };
    let mut edits = row_fields((base, before), (&alone, row), number, rules);
    edits.retain(|(name, _)| rules.row.first() != Some(name));
    edits
}

fn placed_row_fields(
    (base, old): (&Document, &Row),
    (copy, row): (&Document, &Row),
    number: usize,
    rules: &TableRules,
    places: &mut Places,
) -> FieldChanges {
    let (before, after) = (base.cells(number, old), copy.cells(number, row));
    let is_wanted = |name: &str| is_persons_rate(name, after, rules);
    places.turn_to((old.shape(), row.shape()));
    fields(&rules.fields, before, after, places, is_wanted)
}

/// A rate is the server's unless a person typed it; any other field passes.
fn is_persons_rate(name: &str, cells: Cells<'_>, rules: &TableRules) -> bool {
    match &rules.price {
        Some(price) if price.rate == name => is_set(cells.get(&price.manual)),
        Some(_) | None => true,
    }
}

/// Whether the server gave a row another price: nobody typed one.
fn is_repriced(before: Cells<'_>, after: Cells<'_>, rules: &TableRules) -> bool {
    rules.price.as_ref().is_some_and(|price| {
        !is_set(after.get(&price.manual))
            && price.reprice.iter().any(|name| !same_or_zero(before.get(name), after.get(name)))
    })
}

/// Of two equal names the last counts.
fn counts(at: usize, name: &str, cells: Cells<'_>) -> bool {
    cells.position(name) == Some(at)
}

/// Edits of a row whose cells stand at the same positions in both copies and differ at the listed
/// ones; and whether the server repriced it.
pub(super) fn listed_edits(
    before: Cells<'_>,
    after: Cells<'_>,
    listed: &[u32],
    rules: &TableRules,
) -> (FieldChanges, bool) {
    let mut edited = FieldChanges::new();
    for at in listed.iter().map(|at| *at as usize) {
        let (name, value) = (after.name(at), after.value(at).unwrap_or_default());
        let is_wanted = |name: &str| is_persons_rate(name, after, rules) && counts(at, name, after);
        note(&mut edited, &rules.fields, &name, before.value(at), value, &is_wanted);
    }
    // Looked at only where a price field is among those that differ.
    let priced = rules.price.as_ref().is_some_and(|price| {
        let is_one =
            |at: &u32| price.reprice.iter().any(|name| after.is_called(*at as usize, name));
        listed.iter().any(is_one)
    });
    (edited, priced && is_repriced(before, after, rules))
}

/// Where the fields of one copy are in another: mostly at the same positions, and where not,
/// mostly moved alike in every row. Learned from row to row.
#[derive(Debug, Default)]
struct Places {
    known: Vec<usize>,
    /// Where those of the last rows are, or [`NOWHERE`].
    found: Vec<usize>,
    /// The shapes of the two rows before that this was learned from.
    shapes: Option<(u32, u32)>,
    /// The two rows have the keys of those before: no key is looked at.
    are_sure: bool,
    /// How many fields of the rows before were in both.
    matched: usize,
    /// Whether any value differs, of whosever field.
    differ: bool,
}

/// The position of a field that is not there.
const NOWHERE: usize = usize::MAX;

impl Places {
    /// Goes on to two rows of these shapes.
    fn turn_to(&mut self, shapes: (u32, u32)) {
        let shapes = Some(shapes).filter(|(before, after)| *before != 0 && *after != 0);
        self.are_sure = shapes.is_some() && self.shapes == shapes;
        self.shapes = shapes;
    }

    /// The position in `before` of the field at `at` in `after`; asked for one after the other.
    fn of(&mut self, at: usize, before: Cells<'_>, after: Cells<'_>) -> usize {
        if !self.are_sure {
            let found = self.find(at, before, after).unwrap_or(NOWHERE);
            self.found.truncate(at);
            self.found.push(found);
        }
        self.found[at]
    }

    fn find(&mut self, at: usize, before: Cells<'_>, after: Cells<'_>) -> Option<usize> {
        while self.known.len() <= at {
            self.known.push(self.known.len());
        }
        if before.key(self.known[at]) != after.key(at) {
            self.known[at] = before.position(&after.name(at))?;
        }
        Some(self.known[at])
    }
}

/// Edits among two lists of fields: in `after` otherwise, or in `before` only.
fn fields(
    rules: &FieldRules,
    before: Cells<'_>,
    after: Cells<'_>,
    places: &mut Places,
    is_wanted: impl Fn(&str) -> bool,
) -> FieldChanges {
    let mut found = FieldChanges::new();
    if places.are_sure && places.matched == before.len() && after.are_same(&before, &places.found) {
        return found;
    }
    let mut matched = 0;
    for at in 0..after.len() {
        let place = places.of(at, before, after);
        matched += usize::from(place != NOWHERE);
        if !after.is_same(at, &before, place) {
            places.differ = true;
            let (name, value) = (after.name(at), after.value(at).unwrap_or_default());
            if counts(at, &name, after) {
                note(&mut found, rules, &name, before.get(&name), value, &is_wanted);
            }
        }
    }
    places.matched = matched;
    if matched == before.len() {
        return found;
    }
    places.differ = true;
    for at in 0..before.len() {
        let name = before.name(at);
        if after.key(at) != before.key(at) && after.position(&name).is_none() {
            note(&mut found, rules, &name, before.value(at), b"null", &is_wanted);
        }
    }
    found
}

/// The same as [`difference`], from what reading `copy` side by side with `base` has shown.
#[must_use]
pub fn aligned_difference(
    base: &Document,
    copy: &Document,
    alignment: &Alignment,
    profile: &Profile,
) -> Difference {
    let mut found = Difference { changes: Changes::none(profile), repriced: Vec::new() };
    let (before, after) = (base.fields(), copy.fields());
    for at in &alignment.fields {
        let (name, value) = (after.name(*at), after.value(*at).unwrap_or_default());
        let fields = &mut found.changes.fields;
        let is_wanted = |name: &str| counts(*at, name, after);
        note(fields, &profile.fields, &name, before.value(*at), value, &is_wanted);
    }
    for (number, rules) in profile.tables.iter().enumerate() {
        aligned_table(base, copy, number, rules, &alignment.tables[number], &mut found);
    }
    sort_by(&mut found.repriced, |a, b| a < b);
    found
}

fn aligned_table(
    base: &Document,
    copy: &Document,
    number: usize,
    rules: &TableRules,
    alignment: &TableAlignment,
    found: &mut Difference,
) {
    let (before, after) = (base.table(number), copy.table(number));
    let changes = &mut found.changes.tables[number];
    // Most rows of a table have their fields at the same positions: a rule is looked up once.
    let mut known_rules: Vec<Option<(&[u8], Rule)>> = Vec::new();
    let mut places = Places::default();
    for difference in &alignment.rows {
        let (old, row) = (&before.rows[difference.known], &after.rows[difference.number]);
        let (old_cells, cells) = (base.cells(number, old), copy.cells(number, row));
        let listed = difference.cells.clone().map(|range| &alignment.cells[range]);
        if let Some(listed) = listed {
            let owned = |at: &u32| {
                let at = *at as usize;
                let key = cells.key(at).unwrap_or_default();
                if known_rules.len() <= at {
                    known_rules.resize(at + 1, None);
                }
                let (_, rule) = match known_rules[at].filter(|(known, _)| *known == key) {
                    Some(known) => known,
                    None => *known_rules[at].insert((key, rules.fields.rule(&cells.name(at)))),
                };
                rule.is_client_owned()
                    || rules.price.as_ref().is_some_and(|price| {
                        price.reprice.iter().any(|name| json::key_is(key, name))
                    })
            };
            // All that a server touches on every save is settled here.
            if !listed.iter().any(owned) {
                continue;
            }
        }
        let identity = copy.row_identity(row);
        let (edited, repriced) = match listed {
            Some(listed) => listed_edits(old_cells, cells, listed, rules),
            None => {
                let is_wanted = |name: &str| is_persons_rate(name, cells, rules);
                let edited = fields(&rules.fields, old_cells, cells, &mut places, is_wanted);
                (edited, is_repriced(old_cells, cells, rules))
            }
        };
        if repriced {
            found.repriced.push((number, identity.to_owned()));
        }
        if !edited.is_empty() {
            changes.rows.push((identity.to_owned(), RowChange::Edited(edited)));
        }
    }
    for row in alignment.added.iter().map(|row| &after.rows[*row]) {
        let text = copy.row_text(row).to_vec();
        changes.push_new(copy.row_identity(row), text, false);
    }
    for row in alignment.removed.iter().map(|row| &before.rows[*row]) {
        changes.rows.push((base.row_identity(row).to_owned(), RowChange::Removed));
    }
    sort_by(&mut changes.rows, |a, b| a.0 < b.0);
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
        && (0..profile.tables.len()).all(|number| {
            let is_derived = |document: &Document, row: &str| {
                let row = document.row(number, row);
                row.is_none_or(|row| row.is_derived)
            };
            let rows = &found.tables[number].rows;
            rows.iter().all(|(row, _)| is_derived(a, row) && is_derived(b, row))
        })
}
