//! What only a person can decide, and what each answer does.

use super::json::{self, list, Kind, ObjectWriter};
use super::op::Op;
use super::path::Path;

/// Why it cannot be decided without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Both changed it, differently.
    BothChanged,
    /// One stated a value, the other changed it.
    SetAgainstChange,
    /// One removed the row, the other edited it.
    RemovedAgainstEdit,
    /// One changed the unit, the other the quantity.
    UnitAgainstQuantity,
    /// The server changed the price under a typed one.
    Repriced,
    /// It must not differ.
    Frozen,
    /// Both took money, and it is more than is due.
    DoublePayment,
    /// A payment with a terminal's number is to be removed.
    CapturedPayment,
    /// A save whose answer was lost may have been counted already.
    AnswerLost,
    /// Two rows of one identity.
    SameRowId,
    /// The total is not what the cashier saw.
    TotalChanged,
    /// Not enough stock.
    Stock,
}

impl Reason {
    const ALL: [(Reason, &'static str); 12] = [
        (Reason::BothChanged, "both-changed"),
        (Reason::SetAgainstChange, "set-against-change"),
        (Reason::RemovedAgainstEdit, "removed-against-edit"),
        (Reason::UnitAgainstQuantity, "unit-against-quantity"),
        (Reason::Repriced, "repriced"),
        (Reason::Frozen, "frozen"),
        (Reason::DoublePayment, "double-payment"),
        (Reason::CapturedPayment, "captured-payment"),
        (Reason::AnswerLost, "answer-lost"),
        (Reason::SameRowId, "same-row-id"),
        (Reason::TotalChanged, "total-changed"),
        (Reason::Stock, "stock"),
    ];

    /// The stable code of the contract.
    #[must_use]
    pub fn code(self) -> &'static str {
        Reason::ALL.iter().find(|(reason, _)| *reason == self).map_or("", |(_, code)| code)
    }

    fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.iter().find(|(_, known)| *known == code).map(|(reason, _)| *reason)
    }
}

/// One question for a person. Values are JSON text; amounts are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: Reason,
    /// The value before both.
    pub base: Option<Vec<u8>>,
    /// My value.
    pub mine: Option<Vec<u8>>,
    /// Their value.
    pub theirs: Option<Vec<u8>>,
    /// What the document holds until somebody decides.
    pub provisional: Option<Vec<u8>>,
    /// Who saved last, where the server says.
    pub by: Option<String>,
    /// More amounts as decimal text: `paid`, `due`, `available`, `again`.
    pub amounts: Vec<(&'static str, String)>,
    /// Edits that the answer "mine" makes.
    pub on_mine: Vec<Op>,
    /// Edits that the answer "theirs" makes; mostly none, since the document holds theirs.
    pub on_theirs: Vec<Op>,
}

impl Conflict {
    /// A conflict without values.
    #[must_use]
    pub fn new(path: String, reason: Reason) -> Conflict {
        Conflict {
            path,
            reason,
            base: None,
            mine: None,
            theirs: None,
            provisional: None,
            by: None,
            amounts: Vec::new(),
            on_mine: Vec::new(),
            on_theirs: Vec::new(),
        }
    }

    /// The edits that stating `value` makes: one for a field, one per member for a group or a
    /// row. `None` if this conflict takes no value.
    #[must_use]
    pub fn on_value(&self, value: &[u8]) -> Option<Vec<Op>> {
        let set = |path: String, value: &[u8]| Op::Set { path, value: value.to_vec(), typed: true };
        let members = |prefix: &str| {
            let mut ops = Vec::new();
            json::members(value, 0, &mut |member| {
                let name = json::unescape(member.key.of(value));
                ops.push(set([prefix, &name].concat(), member.value.of(value)));
            })
            .ok()?;
            Some(ops)
        };
        match self.reason {
            Reason::DoublePayment | Reason::TotalChanged | Reason::CapturedPayment => return None,
            Reason::RemovedAgainstEdit | Reason::SameRowId => {
                return members(&[self.path.as_str(), "."].concat());
            }
            Reason::BothChanged
            | Reason::SetAgainstChange
            | Reason::UnitAgainstQuantity
            | Reason::Repriced
            | Reason::Frozen
            | Reason::AnswerLost
            | Reason::Stock => {}
        }
        match Path::parse(&self.path)? {
            Path::Field(name) if name.starts_with('@') => members(""),
            Path::Cell { table, row, field } if field.starts_with('@') => {
                members(&[table, "[", row, "]."].concat())
            }
            Path::Field(_) | Path::Cell { .. } => Some(vec![set(self.path.clone(), value)]),
            Path::Row { .. } => None,
        }
    }

    /// The conflict as the page sees it (`Conflict` in the contract).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.write(false)
    }

    /// The conflict with all that is needed to answer it after a restart.
    #[must_use]
    pub fn to_journal(&self) -> Vec<u8> {
        self.write(true)
    }

    fn write(&self, with_answers: bool) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        object.text("path", &self.path).text("reason", self.reason.code());
        for (name, value) in [
            ("base", &self.base),
            ("mine", &self.mine),
            ("theirs", &self.theirs),
            ("provisional", &self.provisional),
        ] {
            if let Some(value) = value {
                object.raw(name, value);
            }
        }
        if let Some(by) = &self.by {
            object.text("by", by);
        }
        for (name, amount) in &self.amounts {
            object.text(name, amount);
        }
        if with_answers {
            object.raw("onMine", &list(self.on_mine.iter().map(Op::to_json)));
            object.raw("onTheirs", &list(self.on_theirs.iter().map(Op::to_json)));
        }
        object.finish()
    }

    /// Reads [`Conflict::to_journal`]'s text; `None` if it is none.
    #[must_use]
    pub fn from_journal(text: &[u8]) -> Option<Conflict> {
        let word = |name: &str| json::member(text, name).and_then(json::text);
        let value = |name: &str| json::member(text, name).map(<[u8]>::to_vec);
        let ops = |name: &str| Op::parse_list(json::member(text, name)?).ok();
        let mut conflict =
            Conflict::new(word("path")?.into_owned(), Reason::from_code(&word("reason")?)?);
        conflict.base = value("base");
        conflict.mine = value("mine");
        conflict.theirs = value("theirs");
        conflict.provisional = value("provisional");
        conflict.by = word("by").map(|by| by.into_owned());
        for name in ["paid", "due", "available", "again"] {
            if let Some(amount) = word(name) {
                conflict.amounts.push((name, amount.into_owned()));
            }
        }
        conflict.on_mine = ops("onMine")?;
        conflict.on_theirs = ops("onTheirs")?;
        Some(conflict)
    }
}

/// A value as conflicts show it: amounts are strings, rows and groups are as they are.
#[must_use]
pub fn shown(value: Option<&[u8]>) -> Option<Vec<u8>> {
    value.map(|value| match json::kind(value) {
        Kind::Number => [b"\"", value, b"\""].concat(),
        Kind::Null | Kind::Bool | Kind::Text | Kind::Array | Kind::Object => value.to_vec(),
    })
}
