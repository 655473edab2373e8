//! What ought to be: every edit of every cashier, and every document as it must look after each
//! save that the server stored. It knows nothing of drafts, merging or retrying.
//!
//! Quantities and money are whole hundredths.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::server::{decimal, Document, Stored};

mod kept;
mod settle;

/// One edit that a cashier made, or one that an answer to a question made.
#[derive(Debug, Clone)]
pub struct Edit {
    pub cart: usize,
    pub what: What,
    pub state: State,
    /// The page that it was made on, and that page's count.
    pub page: usize,
    pub count: u32,
    /// Its entries in journals: of the page that leads, and of one that only believes it does.
    pub places: Vec<Place>,
    /// It was said to be kept.
    pub is_promised: bool,
    /// It was said that it may not be kept.
    pub is_doubted: bool,
    /// A page that had lost its turn unknowingly refused it.
    pub may_be_refused: bool,
    /// The page was told by the server itself that this is stored.
    pub heard: bool,
}

/// The number of an entry of a journal: one for each that any page of the world takes.
pub type Place = u64;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pending,
    Kept,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A row's quantity goes up.
    Step {
        row: String,
        by: i64,
    },
    Row {
        id: String,
        qty: i64,
    },
    Pay {
        id: String,
        amount: i64,
    },
    /// Money on top of a payment that is there.
    Cash {
        by: i64,
    },
    Note {
        line: String,
    },
    /// A row is taken out; with the quantity that the cashier saw.
    Remove {
        row: String,
        seen: i64,
    },
    /// A field is typed; over the value that the cashier saw.
    Set {
        field: String,
        value: String,
        seen: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made on a page, and not yet by the one that leads.
    Told,
    /// To be stored, asked about or left over.
    Open,
    /// In the document that the server held then; or nothing is left to store.
    Stored,
    /// Given up by a person's answer, which stands at this place of a journal.
    Dropped(Place),
    /// It could not be made any more, and that was told.
    Refused,
    /// Never durable, and nobody has it any more.
    Vanished,
}

/// A document as it ought to be.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    pub key: String,
    pub creation: String,
    pub rows: BTreeMap<String, i64>,
    pub payments: BTreeMap<String, i64>,
    pub notes: BTreeSet<String>,
    /// Rows that were not there for a while, or are not.
    pub was_gone: BTreeSet<String>,
    /// Typed fields, and whose cart typed them.
    pub fields: BTreeMap<String, (String, Option<usize>)>,
    pub docstatus: i64,
    /// Not on the server any more.
    pub is_deleted: bool,
}

/// What one cashier does with one document on one device, over all pages that it lives in.
#[derive(Debug, Clone, Default)]
pub struct Cart {
    pub device: usize,
    /// The document that it is about, once the server has it.
    pub truth: Option<usize>,
    /// A sale of its own.
    pub is_sale: bool,
    pub edits: Vec<usize>,
    /// Tokens of its saves, as journalled.
    pub tokens: Vec<(Place, String)>,
    /// Rows about which a person decided since the last save.
    pub asked: BTreeSet<String>,
    /// Quantities and amounts that a person stated, for of several steps some had been counted.
    pub typed: BTreeSet<String>,
    /// Rows that a person put back after others had taken them out.
    pub put_back: BTreeSet<String>,
    /// Wishes to submit and their withdrawals, as journalled; the last one counts.
    pub wishes: Vec<(Place, Option<Wish>)>,
    /// Requests to the server that have not arrived.
    pub on_the_way: u32,
    /// Its first entry in a journal.
    pub begun: Option<Place>,
    /// A person gave it up, here for the first time.
    pub discarded: Option<Place>,
}

/// To submit for the total that the cashier saw (ten-thousandths), or for any.
pub type Wish = Option<i128>;

/// Edits, and the wish to submit.
type Contained = (Vec<usize>, Option<Wish>);

/// See the module.
#[derive(Debug, Default)]
pub struct Model {
    /// Of the server's word that it stored a save nothing is believed.
    pub is_racy: bool,
    pub edits: Vec<Edit>,
    pub carts: Vec<Cart>,
    pub truths: Vec<Truth>,
    /// The document that has this key now.
    pub by_key: BTreeMap<String, usize>,
    /// Carts by their names in journals.
    pub by_id: BTreeMap<String, usize>,
    /// What saves contain, and the total that was seen by who wanted to submit, by cart and token.
    contained: BTreeMap<(usize, String), Contained>,
    /// All entries of journals.
    entries: Vec<Fate>,
    /// Edits by the page that they were made on and its count.
    by_count: BTreeMap<(usize, u32), usize>,
    /// Answers and givings up that were done, by page and count.
    done: BTreeMap<(usize, u32), Place>,
}

/// Fields that cashiers type into.
fn is_typed_field(name: &str) -> bool {
    name.starts_with("custom_f") || name.starts_with("custom_by_")
}

pub fn hundredths(value: &Value) -> i64 {
    let exact = decimal(value) * Decimal::from(100);
    assert_eq!(exact.fract(), Decimal::ZERO, "{value} is not of whole hundredths");
    exact.to_i64().expect("a small number")
}

/// Hundredths, by row.
pub fn rate(row: &str) -> i64 {
    match row {
        // Dear enough that no payment is a double one.
        "s1" => 100_000_000,
        "s2" => 505,
        _ => 310,
    }
}

impl Truth {
    /// A document that somebody else put there.
    pub fn of(key: &str, document: &Document) -> Truth {
        let mut truth = Truth { key: key.to_owned(), ..Truth::default() };
        truth.creation = text(document, "creation");
        read(document, &mut truth);
        truth
    }

    pub fn total(&self) -> i128 {
        self.rows.iter().map(|(id, qty)| i128::from(*qty) * i128::from(rate(id))).sum()
    }
}

fn text(document: &Document, name: &str) -> String {
    document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The content of a server's document; panics at a row, payment or line that is there twice.
fn read(document: &Document, into: &mut Truth) {
    let rows = |table: &str| document.get(table).and_then(Value::as_array).into_iter().flatten();
    for row in rows("items") {
        let id = row["posa_row_id"].as_str().expect("a row's identity");
        let twice = into.rows.insert(id.to_owned(), hundredths(&row["qty"]));
        assert!(twice.is_none(), "row {id} is there twice");
    }
    for row in rows("payments") {
        let id = row["custom_pay_id"].as_str().or(row["mode_of_payment"].as_str());
        let id = id.expect("a payment's identity");
        let twice = into.payments.insert(id.to_owned(), hundredths(&row["amount"]));
        assert!(twice.is_none(), "payment {id} is there twice");
    }
    for line in text(document, "posa_notes").lines() {
        assert!(into.notes.insert(line.to_owned()), "line {line} is there twice");
    }
    for (name, value) in document.iter().filter(|(name, _)| is_typed_field(name)) {
        let value = value.as_str().unwrap_or_default();
        if !value.is_empty() {
            into.fields.insert(name.clone(), (value.to_owned(), None));
        }
    }
    // A sale that was never read back shows none.
    into.docstatus = document.get("docstatus").map_or(0, |is| is.as_i64().expect("a number"));
}

impl Model {
    /// Of a world whose server is racy, or not.
    pub fn of(is_racy: bool) -> Model {
        Model { is_racy, ..Model::default() }
    }

    pub fn open_edits(&self, cart: usize) -> impl Iterator<Item = (usize, &Edit)> {
        let edits = self.carts[cart].edits.iter().map(|serial| (*serial, &self.edits[*serial]));
        edits.filter(|(_, edit)| edit.is_open())
    }

    /// A save of this cart is journalled, or goes out: what it contains is known.
    pub fn captures(&mut self, cart: usize, token: &str) {
        if !self.contained.contains_key(&(cart, token.to_owned())) {
            self.captures_anew(cart, token, &[]);
        }
    }

    /// The same for a save that is not to go out yet, but may have been another page's; questions at
    /// these paths are open.
    pub fn captures_anew(&mut self, cart: usize, token: &str, asked: &[&str]) {
        let is_asked = |what: &What| asked.iter().any(|path| what.is_at(path));
        let open = self.open_edits(cart).filter(|(_, edit)| !is_asked(&edit.what));
        let open = open.map(|(serial, _)| serial).collect();
        let wish = self.carts[cart].wish();
        self.contained.insert((cart, token.to_owned()), (open, wish));
    }

    /// The page was told that a save is stored.
    pub fn hears(&mut self, cart: usize, token: &str) {
        let contained = self.contained.get(&(cart, token.to_owned()));
        for serial in contained.into_iter().flat_map(|(edits, _)| edits) {
            self.edits[*serial].heard = true;
        }
    }

    /// Open edits that this tells of are given up.
    pub fn drop_edits(&mut self, cart: usize, place: Place, which: impl Fn(&What) -> bool) {
        for serial in &self.carts[cart].edits {
            let edit = &mut self.edits[*serial];
            if edit.state == State::Open && which(&edit.what) {
                edit.state = State::Dropped(place);
            }
        }
    }

    /// What was typed into a field up to this value, or all of it.
    pub fn typed_until(&self, cart: usize, path: &str, last: &str) -> Vec<String> {
        let typed = self.open_edits(cart).filter_map(|(_, edit)| match &edit.what {
            What::Set { field, value, .. } if field == path => Some(value.clone()),
            _ => None,
        });
        let mut typed: Vec<String> = typed.collect();
        if let Some(at) = typed.iter().rposition(|value| value == last) {
            typed.truncate(at + 1);
        }
        typed
    }

    /// A person saw `theirs` and wants their own value all the same.
    pub fn insists(&mut self, cart: usize, path: &str, (mine, theirs): (&str, &str), place: Place) {
        let (mut is_own, mut is_open) = (false, false);
        for serial in &self.carts[cart].edits {
            let edit = &mut self.edits[*serial];
            let is_gone = edit.is_gone();
            if let What::Set { field, value, seen } = &mut edit.what {
                if field == path && !is_gone {
                    theirs.clone_into(seen);
                    is_own |= value == mine;
                    is_open |= edit.state == State::Open;
                }
            }
        }
        // It had been stored, unheard, and was overwritten by somebody who saw it.
        let truth = self.carts[cart].truth.map(|truth| &self.truths[truth]);
        let stands =
            truth.and_then(|truth| truth.fields.get(path)).map(|(value, _)| value.as_str());
        if is_own && !is_open && stands != Some(mine) {
            let (field, value) = (path.to_owned(), mine.to_owned());
            let what = What::Set { field, value, seen: theirs.to_owned() };
            let serial = self.edits.len();
            self.edits.push(Edit::new(cart, what, usize::MAX, 0));
            self.edits[serial].places.push(place);
            self.edits[serial].state = State::Open;
            self.carts[cart].edits.push(serial);
        }
    }

    /// The server stored a save of this cart: the document must be the one before, and the edits
    /// that the save contains, each once, and nothing else.
    pub fn stored(&mut self, cart: usize, token: &str, stored: &Stored, document: &Document) {
        self.captures(cart, token);
        let (contained, wish) = self.contained[&(cart, token.to_owned())].clone();
        let number = if stored.created {
            assert!(self.carts[cart].truth.is_none(), "a sale twice: {}", stored.key);
            assert!(self.carts[cart].is_sale, "a document that nobody made");
            self.carts[cart].truth = Some(self.truths.len());
            self.by_key.insert(stored.key.clone(), self.truths.len());
            self.truths.push(new_sale(&stored.key, document));
            self.truths.len() - 1
        } else {
            let number = self.by_key[&stored.key];
            assert_eq!(Some(number), self.carts[cart].truth, "a save into another's document");
            number
        };
        let mut truth = std::mem::take(&mut self.truths[number]);
        self.apply(cart, &contained, &mut truth, document);
        if stored.submitted {
            let wish = wish.expect("submitted without being asked");
            let total = truth.total();
            let fits = wish.is_none_or(|seen| seen == total);
            assert!(fits, "submitted for {total}, but the cashier saw {wish:?}");
            truth.docstatus = 1;
        }
        self.compare(cart, &mut truth, document);
        self.truths[number] = truth;
        self.carts[cart].asked.clear();
    }

    fn apply(&mut self, cart: usize, contained: &[usize], truth: &mut Truth, document: &Document) {
        let is_due = |edit: &Edit| edit.state != State::Stored;
        let asked = &self.carts[cart].asked;
        let removed: Vec<&str> = contained
            .iter()
            .filter_map(|serial| match &self.edits[*serial] {
                Edit { what: What::Remove { row, .. }, .. } => Some(row.as_str()),
                _ => None,
            })
            .collect();
        // Taken out by somebody else, which left nothing to do, and put back by a third.
        let moot: BTreeSet<String> = removed
            .iter()
            .filter(|row| {
                let is = truth.rows.get(**row);
                truth.was_gone.contains(**row)
                    && is.is_some()
                    && quantity(document, row) == is.copied()
            })
            .map(|row| (*row).to_owned())
            .collect();
        let mut revived: BTreeSet<String> = BTreeSet::new();
        for serial in contained {
            let edit = &self.edits[*serial];
            let is_moot = edit.what.row().is_some_and(|row| moot.contains(row));
            if !is_due(edit) || is_moot {
                continue;
            }
            match &edit.what {
                What::Step { row, by } => match truth.rows.get_mut(row) {
                    Some(_) if revived.contains(row) => {}
                    Some(qty) => *qty += by,
                    None if removed.contains(&row.as_str()) => {}
                    None => {
                        let is_known = asked.contains(row) || self.is_in_doubt(cart, row);
                        assert!(is_known, "{row} was removed, and its edit is lost");
                        if let Some(qty) = quantity(document, row) {
                            truth.rows.insert(row.clone(), qty);
                            revived.insert(row.clone());
                        }
                    }
                },
                What::Row { id, qty } => {
                    assert!(truth.rows.insert(id.clone(), *qty).is_none(), "row {id} twice");
                }
                What::Pay { id, amount } => {
                    let twice = truth.payments.insert(id.clone(), *amount);
                    assert!(twice.is_none(), "payment {id} twice");
                }
                What::Cash { by } => *truth.payments.get_mut("Cash").expect("cash") += by,
                What::Note { line } => {
                    truth.notes.insert(line.clone());
                }
                // Others removed it too, and somebody put it back since: what I did is done with.
                What::Remove { row, seen }
                    if truth.was_gone.contains(row)
                        && truth.rows.get(row).is_some_and(|qty| qty != seen)
                        && quantity(document, row).is_some() =>
                {
                    truth.rows.extend(quantity(document, row).map(|qty| (row.clone(), qty)));
                    revived.insert(row.clone());
                }
                What::Remove { row, seen } => {
                    if let Some(qty) = truth.rows.remove(row) {
                        truth.was_gone.insert(row.clone());
                        // What was discarded may have been stored, and was not shown any more.
                        let discarded = self.carts[cart].discarded.is_some();
                        let is_seen = qty == *seen || asked.contains(row) || discarded;
                        assert!(is_seen, "{row} was removed unseen: {qty}, not {seen}");
                    }
                }
                What::Set { field, value, seen } => {
                    let now = truth.fields.get(field).cloned().unwrap_or_default();
                    // Put back by somebody who saw mine, to what it was before: it looks as if mine
                    // had not been stored, and a racy server may well have lost it.
                    let is_back = |edit: &Edit| {
                        let before = |what: &What| matches!(what, What::Set { field: of, seen, .. } if of == field && *seen == now.0);
                        edit.cart == cart && before(&edit.what)
                    };
                    let is_back = self.is_racy && self.edits.iter().any(is_back);
                    let is_seen = now.0 == *seen || now.1 == Some(cart) || is_back;
                    assert!(is_seen, "{field} {now:?} was overwritten unseen by {value}");
                    truth.fields.insert(field.clone(), (value.clone(), Some(cart)));
                }
            }
        }
        for serial in contained {
            if is_due(&self.edits[*serial]) {
                self.edits[*serial].state = State::Stored;
            }
        }
    }

    /// The server's document against the one that ought to be.
    fn compare(&self, cart: usize, truth: &mut Truth, document: &Document) {
        let mut held = Truth { key: truth.key.clone(), ..Truth::default() };
        read(document, &mut held);
        let ids: BTreeSet<&String> = truth.rows.keys().chain(held.rows.keys()).collect();
        let mut rows = truth.rows.clone();
        for id in ids {
            let (ought, is) = (truth.rows.get(id), held.rows.get(id));
            let may_differ = self.carts[cart].asked.contains(id)
                || (ought.is_none() || is.is_none()) && self.is_in_doubt(cart, id);
            if ought == is {
                continue;
            }
            assert!(may_differ, "row {id} of {}: {is:?}, not {ought:?}", truth.key);
            match is {
                Some(qty) => rows.insert(id.clone(), *qty),
                None => {
                    truth.was_gone.insert(id.clone());
                    rows.remove(id)
                }
            };
        }
        truth.rows = rows;
        if self.carts[cart].typed.contains("payments[Cash].amount") {
            truth.payments.extend(held.payments.get("Cash").map(|cash| ("Cash".to_owned(), *cash)));
        }
        assert_eq!(held.payments, truth.payments, "payments of {}", truth.key);
        if self.carts[cart].discarded.is_some() {
            // What was discarded may have been stored, and is taken out by the next note.
            truth.notes.retain(|line| held.notes.contains(line) || !self.is_own(cart, line));
        }
        assert_eq!(held.notes, truth.notes, "notes of {}", truth.key);
        assert_eq!(held.docstatus, truth.docstatus, "status of {}", truth.key);
        for (field, (value, _)) in &held.fields {
            let stands = truth.fields.get(field).map_or("", |(value, _)| value.as_str());
            if stands != value && self.is_typed_again(cart, field, value, stands) {
                truth.fields.insert(field.clone(), (value.clone(), Some(cart)));
            }
        }
        let values = |truth: &Truth| -> Vec<(String, String)> {
            truth.fields.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect()
        };
        assert_eq!(values(&held), values(truth), "fields of {}", truth.key);
        let total = decimal(&document["grand_total"]) * Decimal::from(10_000);
        assert_eq!(total.to_i128(), Some(truth.total()), "total of {}", truth.key);
    }

    fn is_own(&self, cart: usize, line: &str) -> bool {
        let is_it = |what: &What| matches!(what, What::Note { line: known } if known == line);
        self.carts[cart].edits.iter().any(|serial| is_it(&self.edits[*serial].what))
    }

    /// Whether this cart typed the value in a save that it never heard of, over just the value that
    /// somebody else put back since: it cannot know, and types it again.
    fn is_typed_again(&self, cart: usize, name: &str, typed: &str, stands: &str) -> bool {
        let edits = self.carts[cart].edits.iter().map(|serial| &self.edits[*serial]);
        let unheard = edits.filter(|edit| edit.state == State::Stored && !edit.heard);
        unheard.into_iter().any(|edit| {
            matches!(&edit.what, What::Set { field, value, seen }
                if field == name && value == typed && seen == stands)
        })
    }

    /// Whether this cart put the row there, or took it out, in a save that it never heard of: if
    /// somebody else undid that, it cannot know, and does it again.
    fn is_in_doubt(&self, cart: usize, id: &str) -> bool {
        self.carts[cart].edits.iter().map(|serial| &self.edits[*serial]).any(|edit| {
            let is_it = match &edit.what {
                What::Row { id: row, .. } | What::Remove { row, .. } => row == id,
                What::Step { row, .. } => row == id && self.carts[cart].put_back.contains(id),
                _ => false,
            };
            is_it && edit.state == State::Stored && !edit.heard
        })
    }
}

impl Cart {
    /// What it is to be submitted for, if it is.
    pub fn wish(&self) -> Option<Wish> {
        self.wishes.last().and_then(|(_, wish)| *wish)
    }
}

impl Edit {
    pub fn new(cart: usize, what: What, page: usize, count: u32) -> Edit {
        let (state, places) = (State::Told, Vec::new());
        let (is_promised, is_doubted, may_be_refused, heard) = (false, false, false, false);
        Edit {
            cart,
            what,
            state,
            page,
            count,
            places,
            is_promised,
            is_doubted,
            may_be_refused,
            heard,
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether it is to be stored, wherever it is.
    pub fn is_unstored(&self) -> bool {
        matches!(self.state, State::Open | State::Told)
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.state, State::Vanished | State::Refused)
    }
}

impl What {
    /// Whether this path is its place, or that of its row.
    fn is_at(&self, path: &str) -> bool {
        match self {
            What::Step { row: id, .. } | What::Remove { row: id, .. } | What::Row { id, .. } => {
                path.strip_prefix("items[").is_some_and(|rest| rest.starts_with(&format!("{id}]")))
            }
            What::Pay { id, .. } => path.starts_with(&format!("payments[{id}]")),
            What::Cash { .. } => path.starts_with("payments[Cash]"),
            What::Note { .. } => path == "posa_notes",
            What::Set { field, .. } => field == path,
        }
    }

    /// The row that it is about.
    pub fn row(&self) -> Option<&str> {
        match self {
            What::Step { row, .. } | What::Remove { row, .. } => Some(row),
            What::Row { id, .. } => Some(id),
            _ => None,
        }
    }
}

fn quantity(document: &Document, id: &str) -> Option<i64> {
    let rows = document.get("items")?.as_array()?;
    let row = rows.iter().find(|row| row["posa_row_id"].as_str() == Some(id))?;
    Some(hundredths(&row["qty"]))
}

/// A sale as every cashier begins it.
fn new_sale(key: &str, document: &Document) -> Truth {
    let mut truth = Truth { key: key.to_owned(), ..Truth::default() };
    truth.creation = text(document, "creation");
    truth.rows.insert("s1".into(), 100);
    truth.rows.insert("s2".into(), 100);
    truth.payments.insert("Cash".into(), 0);
    truth
}
