//! JSON text to [`Profile`].

use super::{
    FieldRules, Group, Lifecycle, Measure, Price, Profile, ProfileError, Rule, TableRules,
};
use crate::core::json::{self, Kind};

/// An object of the profile's text and the path to it, for messages.
struct Part<'a> {
    text: &'a [u8],
    path: String,
}

type Read<T> = Result<T, ProfileError>;

impl<'a> Part<'a> {
    fn error<T>(&self, name: &str, expected: &'static str) -> Read<T> {
        let dot = if self.path.is_empty() || name.is_empty() { "" } else { "." };
        Err(ProfileError { path: [self.path.as_str(), dot, name].concat(), expected })
    }

    fn object(&self, name: &str) -> Read<Option<Part<'a>>> {
        match json::member(self.text, name) {
            None => Ok(None),
            Some(text) if json::kind(text) == Kind::Object => {
                let dot = if self.path.is_empty() { "" } else { "." };
                Ok(Some(Part { text, path: [self.path.as_str(), dot, name].concat() }))
            }
            Some(_) => self.error(name, "an object"),
        }
    }

    fn text(&self, name: &str) -> Read<Option<String>> {
        match json::member(self.text, name) {
            None => Ok(None),
            Some(value) => match json::text(value) {
                Some(text) if !text.is_empty() => Ok(Some(text.into_owned())),
                Some(_) | None => self.error(name, "a field name"),
            },
        }
    }

    fn required_text(&self, name: &str) -> Read<String> {
        match self.text(name)? {
            Some(text) => Ok(text),
            None => self.error(name, "a field name"),
        }
    }

    fn values(&self, name: &str) -> Read<Vec<&'a [u8]>> {
        let Some(list) = json::member(self.text, name) else { return Ok(Vec::new()) };
        let mut values = Vec::new();
        match json::elements(list, 0, &mut |span| values.push(span.of(list))) {
            Ok(_) => Ok(values),
            Err(_) => self.error(name, "a list"),
        }
    }

    fn names(&self, name: &str) -> Read<Vec<String>> {
        let mut names = Vec::new();
        for value in self.values(name)? {
            match json::text(value) {
                Some(text) if !text.is_empty() => names.push(text.into_owned()),
                Some(_) | None => return self.error(name, "a list of field names"),
            }
        }
        Ok(names)
    }

    fn members(&self) -> Read<Vec<(String, &'a [u8])>> {
        let mut members = Vec::new();
        let walked = json::members(self.text, 0, &mut |member| {
            let name = json::unescape(member.key.of(self.text)).into_owned();
            members.push((name, member.value.of(self.text)));
        });
        match walked {
            Ok(_) => Ok(members),
            Err(_) => self.error("", "an object"),
        }
    }

    /// A misspelt list would silently merge its fields by another rule.
    fn only(&self, known: &[&str]) -> Read<()> {
        for (name, _) in self.members()? {
            if !known.contains(&name.as_str()) {
                return self.error(&name, "nothing: there is no such part of a profile");
            }
        }
        Ok(())
    }
}

const DOCUMENT_PARTS: [&str; 15] = [
    "identity",
    "system",
    "server",
    "frozen",
    "text",
    "serverTables",
    "groups",
    "tables",
    "due",
    "lifecycle",
    "tokenField",
    "createTokenField",
    "changedBy",
    "otherwise",
    "fields",
];
const TABLE_PARTS: [&str; 17] = [
    "row",
    "fallback",
    "serverRow",
    "position",
    "system",
    "server",
    "frozen",
    "text",
    "counter",
    "money",
    "set",
    "groups",
    "price",
    "measure",
    "derivedRowIf",
    "transaction",
    "otherwise",
];

pub(super) fn profile(text: &[u8]) -> Read<Profile> {
    let Ok(span) = json::check(text) else {
        return Err(ProfileError { path: String::new(), expected: "JSON" });
    };
    let part = Part { text: span.of(text), path: String::new() };
    part.only(&DOCUMENT_PARTS)?;
    let identity = part.names("identity")?;
    let token_field = part.text("tokenField")?;
    let create_token_field = part.text("createTokenField")?;
    let lifecycle = lifecycle(&part)?;
    let mut system = part.names("system")?;
    system.extend(identity.iter().cloned());
    system.extend(token_field.iter().chain(&create_token_field).cloned());
    system.extend(lifecycle.iter().map(|lifecycle| lifecycle.field.clone()));
    let mut fields = field_rules(&part, Vec::new())?;
    add(&mut fields, &system, Rule::System);
    add(&mut fields, &part.names("serverTables")?, Rule::Server);
    let mut profile = Profile {
        identity,
        fields,
        tables: Vec::new(),
        due: part.names("due")?,
        lifecycle,
        token_field,
        create_token_field,
        changed_by: part.text("changedBy")?,
    };
    finish(&mut profile.fields);
    if let Some(tables) = part.object("tables")? {
        for (name, text) in tables.members()? {
            let path = [tables.path.as_str(), ".", &name].concat();
            profile.tables.push(table(Part { text, path }, name, &system, &profile.fields)?);
        }
    }
    Ok(profile)
}

fn lifecycle(part: &Part<'_>) -> Read<Option<Lifecycle>> {
    let Some(part) = part.object("lifecycle")? else { return Ok(None) };
    part.only(&["field", "submitted", "cancelled"])?;
    let owned = |values: Vec<&[u8]>| values.into_iter().map(<[u8]>::to_vec).collect();
    // Without one, a submit would be an ordinary save, and nobody would notice.
    let submitted = part.values("submitted")?;
    if submitted.is_empty() {
        return part.error("submitted", "a list of at least one value");
    }
    Ok(Some(Lifecycle {
        field: part.required_text("field")?,
        submitted: owned(submitted),
        cancelled: owned(part.values("cancelled")?),
    }))
}

fn table(
    part: Part<'_>,
    name: String,
    system: &[String],
    document: &FieldRules,
) -> Read<TableRules> {
    if json::kind(part.text) != Kind::Object {
        return part.error("", "an object");
    }
    let mut known = TABLE_PARTS.to_vec();
    known.push("fields");
    part.only(&known)?;
    let row = part.names("row")?;
    if row.is_empty() {
        return part.error("row", "a list of at least one field name");
    }
    let price = price(&part)?;
    let mut rules = Vec::new();
    for field in price.iter().flat_map(|price| &price.fields) {
        rules.push((field.clone(), Rule::Price));
    }
    let mut fields = field_rules(&part, rules)?;
    let server_row = part.text("serverRow")?;
    let position = part.text("position")?;
    add(&mut fields, &row, Rule::Ask);
    // Rows of these backends carry the document's own bookkeeping fields too.
    add(&mut fields, server_row.as_slice(), Rule::System);
    add(&mut fields, position.as_slice(), Rule::System);
    add(&mut fields, system, Rule::System);
    fields.otherwise = fields.otherwise.or(document.otherwise);
    finish(&mut fields);
    let mut derived_row_if = Vec::new();
    if let Some(part) = part.object("derivedRowIf")? {
        for (field, value) in part.members()? {
            derived_row_if.push((field, value.to_vec()));
        }
    }
    Ok(TableRules {
        name,
        row,
        fallback: part.names("fallback")?,
        server_row,
        position,
        fields,
        price,
        measure: measure(&part)?,
        derived_row_if,
        transaction: part.text("transaction")?,
    })
}

fn price(part: &Part<'_>) -> Read<Option<Price>> {
    let Some(part) = part.object("price")? else { return Ok(None) };
    part.only(&["fields", "rate", "manual", "reprice"])?;
    Ok(Some(Price {
        fields: part.names("fields")?,
        rate: part.required_text("rate")?,
        manual: part.required_text("manual")?,
        reprice: part.names("reprice")?,
    }))
}

fn measure(part: &Part<'_>) -> Read<Option<Measure>> {
    let Some(part) = part.object("measure")? else { return Ok(None) };
    part.only(&["unit", "quantity"])?;
    Ok(Some(Measure { unit: part.names("unit")?, quantity: part.required_text("quantity")? }))
}

/// The lists that documents and tables share. Rules named first win.
fn field_rules(part: &Part<'_>, first: Vec<(String, Rule)>) -> Read<FieldRules> {
    let mut rules = FieldRules::default();
    if let Some(fields) = part.object("fields")? {
        for (name, value) in fields.members()? {
            let Some(rule) = json::text(value).and_then(|text| named_rule(&text)) else {
                return fields.error(&name, "a rule");
            };
            rules.named.push((name, rule));
        }
    }
    rules.named.extend(first);
    for (list, rule) in [
        ("system", Rule::System),
        ("server", Rule::Server),
        ("frozen", Rule::Frozen),
        ("text", Rule::Text),
        ("counter", Rule::Counter),
        ("money", Rule::Money),
        ("set", Rule::Set),
    ] {
        add(&mut rules, &part.names(list)?, rule);
    }
    if let Some(groups) = part.object("groups")? {
        for (name, text) in groups.members()? {
            let path = [groups.path.as_str(), ".", &name].concat();
            let group = group(&Part { text, path }, name)?;
            let number = rules.groups.len();
            add(&mut rules, &group.fields, Rule::Group(number));
            rules.groups.push(group);
        }
    }
    if let Some(name) = part.text("otherwise")? {
        match named_rule(&name) {
            Some(rule) => rules.otherwise = Some(rule),
            None => return part.error("otherwise", "a rule"),
        }
    }
    Ok(rules)
}

fn group(part: &Part<'_>, name: String) -> Read<Group> {
    if json::kind(part.text) != Kind::Object {
        return part.error("", "an object");
    }
    part.only(&["fields", "head", "derived"])?;
    if !name.starts_with('@') {
        return part.error("", "a name that begins with @");
    }
    let mut group = Group {
        name,
        fields: part.names("fields")?,
        head: part.text("head")?,
        derived: Vec::new(),
    };
    if group.fields.is_empty() {
        return part.error("fields", "a list of at least one field name");
    }
    if group.head.as_ref().is_some_and(|head| !group.fields.contains(head)) {
        return part.error("head", "one of the group's fields");
    }
    if let Some(derived) = part.object("derived")? {
        for (field, source) in derived.members()? {
            match json::text(source) {
                Some(source) => group.derived.push((field, source.into_owned())),
                None => return derived.error(&field, "a field name"),
            }
        }
    }
    Ok(group)
}

fn named_rule(name: &str) -> Option<Rule> {
    Some(match name {
        "ask" => Rule::Ask,
        "mine" => Rule::Mine,
        "theirs" => Rule::Theirs,
        "server" => Rule::Server,
        "frozen" => Rule::Frozen,
        "counter" => Rule::Counter,
        "money" => Rule::Money,
        "set" => Rule::Set,
        "text" => Rule::Text,
        "max" => Rule::Max,
        "min" => Rule::Min,
        _ => return None,
    })
}

fn add(rules: &mut FieldRules, names: &[String], rule: Rule) {
    for name in names {
        match name.strip_suffix('*') {
            Some(prefix) => rules.prefixes.push((prefix.to_owned(), rule)),
            None => rules.named.push((name.clone(), rule)),
        }
    }
}

/// Sorts for the binary search; of several rules for one name the first named stays.
fn finish(rules: &mut FieldRules) {
    crate::core::order::sort_by(&mut rules.named, |a, b| a.0 < b.0);
    rules.named.dedup_by(|later, first| later.0 == first.0);
}
