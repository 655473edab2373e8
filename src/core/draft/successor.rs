//! A new sale from what a document that ended elsewhere does not hold of mine.

use super::*;
use crate::core::amount;
use crate::core::json::ObjectWriter;
use crate::core::profile::Profile;

/// The name of the sale that follows after the draft `id`, which is the token of its creation:
/// always the same one, so that however often and on whichever device it is made, it exists once.
pub(in crate::core) fn name_of_successor(id: &str) -> String {
    let mut bits: u128 = 0;
    for byte in id.bytes() {
        bits = bits.rotate_left(5) ^ u128::from(byte);
    }
    Random::new(bits).name()
}

impl Draft {
    /// The document that holds what is left over, and the head of the one that ended; `None` if
    /// nothing is left.
    pub(in crate::core) fn successor(&self, policy: &Policy) -> Option<Vec<u8>> {
        let ending = self.ending.as_ref().filter(|ending| !ending.leftover.is_empty())?;
        let profile = &policy.profile;
        let mine = Document::parse(self.text(policy), profile).ok()?;
        let mut object = ObjectWriter::new();
        let fields = mine.fields();
        for at in 0..fields.len() {
            let (name, value) = (fields.name(at), fields.value(at).unwrap_or(b"null"));
            if self.is_carried_over(&name, value, profile) {
                object.raw(&name, value);
            }
        }
        for (number, rules) in profile.tables.iter().enumerate() {
            let of_table =
                |row: &&Vec<u8>| json::member(row, "table") == Some(&*json::quoted(&rules.name));
            let rows = ending.leftover.iter().filter(of_table);
            object.raw(&rules.name, &json::list(rows.map(|row| self.new_row(number, row))));
        }
        Some(object.finish())
    }

    /// What names the old document, or is the server's, is not the new one's.
    fn is_carried_over(&self, name: &str, value: &[u8], profile: &Profile) -> bool {
        let lifecycle = profile.lifecycle.as_ref().map(|lifecycle| &lifecycle.field);
        let own = [&profile.token_field, &profile.create_token_field, &profile.changed_by];
        let own = own.into_iter().flatten().chain(lifecycle);
        let names_it = json::text(value).is_some_and(|text| {
            self.key.as_deref() == Some(&*text)
                || self.stamp.as_ref().is_some_and(|stamp| stamp.0 == *text)
        });
        let kept = profile.fields.rule(name).is_client_owned() && profile.table(name).is_none();
        let told = profile.identity.iter().chain(&profile.due).chain(own).any(|own| own == name);
        kept && !told && !names_it
    }

    /// The row as the new document holds it: amounts that were numbers are numbers.
    fn new_row(&self, number: usize, leftover: &[u8]) -> Vec<u8> {
        let identity = json::member(leftover, "row").and_then(json::text).unwrap_or_default();
        let before = self.base.row(number, &identity);
        let mut object = ObjectWriter::new();
        let _ = json::members(leftover, 0, &mut |cell| {
            let name = json::unescape(cell.key.of(leftover));
            if name == "table" || name == "row" {
                return;
            }
            let value = cell.value.of(leftover);
            let was = before.and_then(|row| self.base.cell(number, row, &name));
            let was_number = was.is_some_and(|was| json::kind(was) == json::Kind::Number);
            match json::text(value).filter(|text| was_number && amount::decimal(text).is_some()) {
                Some(text) => object.raw(&name, text.as_bytes()),
                None => object.raw(&name, value),
            };
        });
        object.finish()
    }
}
