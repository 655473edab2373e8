//! What cashiers do: open, edit, save, submit, discard, and answer questions by looking at what
//! is true.

use restamp::core::conflict::{Conflict, Reason};
use restamp::core::event::{DraftId, Event, Take, Waiter};
use restamp::core::op::Op;
use rust_decimal::Decimal;
use serde_json::{json, Value};

use crate::model::{hundredths, rate, Place, What};
use crate::page::{About, For, Waits};
use crate::server::Document;
use crate::world::{sale, Arrival, World};

/// Drafts that a cashier has before them at once.
const DRAFTS_MAX: usize = 4;

impl World {
    pub fn document(&self, page: usize, number: u32) -> Option<Document> {
        let draft = self.pages[page].till.as_ref()?.draft(DraftId(number))?;
        match serde_json::from_slice(&draft.text(&self.policy)).ok()? {
            Value::Object(document) => Some(document),
            _ => None,
        }
    }

    pub fn status(&self, page: usize, number: u32) -> &'static str {
        let till = self.pages[page].till.as_ref();
        till.and_then(|till| till.draft(DraftId(number))).map_or("none", |draft| draft.status())
    }

    /// One act of a page's cashier; the next one follows.
    pub fn act(&mut self, page: usize) {
        if self.pages[page].till.is_none() || self.pages[page].acts_left == 0 || self.is_calm() {
            return;
        }
        self.pages[page].acts_left -= 1;
        let pause = 1 + self.people.below(2_500);
        self.after(pause, Arrival::Act(page));
        let open: Vec<u32> = self.pages[page]
            .carts
            .keys()
            .copied()
            .filter(|number| self.is_usable(page, *number))
            .collect();
        let choice = self.people.below(100);
        let number = self.people.pick(&open).copied();
        match number {
            None if choice < 25 => self.create(page),
            None => self.open(page),
            Some(_) if choice < 10 && open.len() < DRAFTS_MAX => self.open(page),
            Some(_) if choice < 14 && open.len() < DRAFTS_MAX => self.create(page),
            Some(number) if self.status(page, number) == "conflict" => {
                if choice < 70 {
                    self.answer(page, number);
                }
            }
            Some(number) if choice < 17 => self.discard(page, number),
            Some(number) if choice < 21 => self.submit(page, number),
            Some(number) => self.edit_and_save(page, number),
        }
    }

    /// Whether there is a document to work with.
    fn is_usable(&self, page: usize, number: u32) -> bool {
        let cart = &self.model.carts[self.pages[page].carts[&number]];
        let is_there = cart.is_sale || cart.truth.is_some();
        is_there && !matches!(self.status(page, number), "closed" | "none")
    }

    fn open(&mut self, page: usize) {
        let keys: Vec<String> = self.model.by_key.keys().cloned().collect();
        let Some(key) = self.people.pick(&keys).cloned() else { return };
        let till = self.pages[page].till.as_ref().expect("a till");
        self.tell(|| format!("page{page} opens {key}"));
        if let Some(draft) = till.find(&key) {
            self.dispatch(page, Event::Refresh { draft }, About::Nothing);
        } else if self.pages[page].opening.iter().all(|(_, known, _)| *known != key) {
            self.begin_open(page, &key, For::Own);
        }
    }

    fn create(&mut self, page: usize) {
        self.pages[page].numbers += 1;
        let draft = DraftId(self.pages[page].numbers);
        self.tell(|| format!("page{page} begins a sale"));
        self.pages[page].opening.push((draft.0, String::new(), For::Own));
        let document = sale().to_string().into_bytes();
        self.dispatch(page, Event::Create { draft, document }, About::Nothing);
    }

    fn discard(&mut self, page: usize, number: u32) {
        let cart = self.pages[page].carts[&number];
        self.tell(|| format!("page{page} discards cart{cart}"));
        self.dispatch(page, Event::Discard { draft: DraftId(number) }, About::Nothing);
    }

    fn submit(&mut self, page: usize, number: u32) {
        let cart = self.pages[page].carts[&number];
        if self.status(page, number) == "conflict" {
            return;
        }
        let Some(document) = self.document(page, number) else { return };
        let seen = total(&document);
        let expects = self.people.percent(70);
        self.tell(|| format!("page{page} submits cart{cart} for {seen}"));
        let about = About::Wish(expects.then_some(seen));
        let waiter = self.waiter(page, cart, about.clone());
        let expected_total =
            expects.then(|| Decimal::from_i128_with_scale(seen, 4).normalize().to_string());
        let event = Event::Submit { draft: DraftId(number), waiter, expected_total };
        self.dispatch(page, event, about);
    }

    pub fn save(&mut self, page: usize, number: u32) {
        let cart = self.pages[page].carts[&number];
        self.tell(|| format!("page{page} saves cart{cart}"));
        let waiter = self.waiter(page, cart, About::Nothing);
        let event = Event::Save { draft: DraftId(number), waiter };
        self.dispatch(page, event, About::Nothing);
    }

    /// Who waits for all that this page shows.
    fn waiter(&mut self, page: usize, cart: usize, about: About) -> Waiter {
        let open = self.model.open_edits(cart).map(|(serial, _)| serial);
        let mut edits: Vec<usize> = open.filter(|serial| self.shows(page, *serial)).collect();
        edits.extend(self.model.told().into_iter().filter(|serial| {
            self.model.edits[*serial].cart == cart && self.model.edits[*serial].page == page
        }));
        self.serial += 1;
        self.pages[page].waiters.insert(self.serial as u32, Waits { cart, edits, about });
        Waiter(self.serial as u32)
    }

    /// Whether the page knows of this edit: it leads, or made it.
    fn shows(&self, page: usize, serial: usize) -> bool {
        self.pages[page].leads || self.model.edits[serial].page == page
    }

    /* ------------------------------------------------------------ edits */

    fn edit_and_save(&mut self, page: usize, number: u32) {
        for _ in 0..1 + self.people.below(3) {
            if !self.edit(page, number) {
                return;
            }
        }
        if !self.has_token_field {
            // Without a token a save is known by its content: two saves must not look alike.
            let field = format!("custom_by_{}", self.pages[page].carts[&number]);
            if !self.type_into(page, number, &field) {
                return;
            }
        }
        if self.people.percent(70) {
            self.save(page, number);
        }
    }

    /// One edit. Whether the page still lives and the document is open.
    fn edit(&mut self, page: usize, number: u32) -> bool {
        let Some(document) = self.document(page, number) else { return false };
        let rows: Vec<(String, i64)> = rows(&document).collect();
        let ids: Vec<String> = rows.iter().map(|(id, _)| id.clone()).collect();
        if let Some(places) = &mut self.places {
            match places.below(12) {
                0 => return self.put_elsewhere(page, number, &ids),
                1 => return self.hand_over(page, number, document),
                _ => {}
            }
        }
        self.serial += 1;
        let name = format!("p{page}x{}", self.serial);
        let by = [100, 100, 10, 25][self.people.below(4) as usize];
        let (op, what) = match self.people.below(16) {
            0..=4 => {
                let row = if self.people.percent(50) { "s1" } else { "s2" };
                let Some(id) = ids.iter().find(|id| *id == row) else { return true };
                step(id, by)
            }
            5 | 6 => {
                let Some(id) = self.people.pick(&ids) else { return true };
                step(id, by)
            }
            7..=9 => {
                let row = json!({"posa_row_id": name, "item_code": "TEA", "qty": 1, "rate": 3.1});
                let op = json!({"op": "insert", "table": "items", "row": row});
                (op, What::Row { id: name, qty: 100 })
            }
            10 => {
                let row = json!({"custom_pay_id": name, "mode_of_payment": "Card", "amount": 7.05});
                let op = json!({"op": "insert", "table": "payments", "row": row});
                (op, What::Pay { id: name, amount: 705 })
            }
            11 => {
                let path = "payments[Cash].amount";
                let op = json!({"op": "increment", "path": path, "by": "0.10"});
                (op, What::Cash { by: 10 })
            }
            12 => {
                let notes = document.get("posa_notes").and_then(Value::as_str).unwrap_or("");
                let gap = if notes.is_empty() { "" } else { "\n" };
                let value = format!("{notes}{gap}{name}");
                let op = json!({"op": "set", "path": "posa_notes", "value": value});
                (op, What::Note { line: name })
            }
            13 => {
                let Some((row, seen)) = self.people.pick(&rows).cloned() else { return true };
                if row == "s1" {
                    return true;
                }
                let op = json!({"op": "remove", "table": "items", "row": row});
                (op, What::Remove { row, seen })
            }
            _ => {
                let field = if self.people.percent(50) { "custom_f1" } else { "custom_f2" };
                return self.type_into(page, number, field);
            }
        };
        self.make(page, number, &op, what)
    }

    fn type_into(&mut self, page: usize, number: u32, field: &str) -> bool {
        let Some(document) = self.document(page, number) else { return false };
        self.serial += 1;
        let value = format!("v{}", self.serial);
        let cart = self.pages[page].carts[&number];
        let seen = self.seen(cart, field, &document);
        let op = json!({"op": "set", "path": field, "value": value});
        self.make(page, number, &op, What::Set { field: field.to_owned(), value, seen })
    }

    /// What a cashier who types into a field has seen there of others.
    fn seen(&self, cart: usize, field: &str, document: &Document) -> String {
        let own = self.model.open_edits(cart).filter_map(|(_, edit)| match &edit.what {
            What::Set { field: known, seen, .. } if known == field => Some(seen.clone()),
            _ => None,
        });
        let shown = document.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        own.last().unwrap_or(shown)
    }

    fn make(&mut self, page: usize, number: u32, op: &Value, what: What) -> bool {
        let cart = self.pages[page].carts[&number];
        self.make_op(page, number, op, About::Edits(cart, vec![what]))
    }

    fn make_op(&mut self, page: usize, number: u32, op: &Value, about: About) -> bool {
        if self.status(page, number) == "closed" {
            return false;
        }
        let cart = self.pages[page].carts[&number];
        self.tell(|| format!("page{page} cart{cart} {op}"));
        let ops = Op::parse_list(json!([op]).to_string().as_bytes()).expect("an op");
        let op = ops.into_iter().next().expect("one");
        self.dispatch(page, Event::Edit { draft: DraftId(number), op }, about)
    }

    /// A row after another one, or to the front: nothing that the model counts.
    fn put_elsewhere(&mut self, page: usize, number: u32, ids: &[String]) -> bool {
        let Some(places) = &mut self.places else { return true };
        let (row, after) = (places.pick(ids).cloned(), places.pick(ids).cloned());
        let Some(row) = row else { return true };
        let after = after.filter(|after| *after != row);
        let op = json!({"op": "move", "table": "items", "row": row, "after": after});
        self.make_op(page, number, &op, About::Nothing)
    }

    /// The whole document as it shall be: with a new row, and something typed.
    fn hand_over(&mut self, page: usize, number: u32, mut document: Document) -> bool {
        if self.status(page, number) == "closed" {
            return false;
        }
        let cart = self.pages[page].carts[&number];
        self.serial += 1;
        let (id, value) = (format!("p{page}x{}", self.serial), format!("v{}", self.serial));
        let Some(items) = document.get_mut("items").and_then(Value::as_array_mut) else {
            return true;
        };
        items.push(json!({"posa_row_id": id, "item_code": "TEA", "qty": 1, "rate": 3.1}));
        let seen = self.seen(cart, "custom_f1", &document);
        document.insert("custom_f1".into(), json!(value));
        self.tell(|| format!("page{page} cart{cart} hands over {id} {value}"));
        let field = "custom_f1".to_owned();
        let whats = vec![What::Row { id, qty: 100 }, What::Set { field, value, seen }];
        let document = Value::Object(document).to_string().into_bytes();
        let event = Event::Replace { draft: DraftId(number), document };
        self.dispatch(page, event, About::Edits(cart, whats))
    }

    /* ------------------------------------------------------------ answers */

    /// A person answers the first question, if it can be answered by now.
    pub fn answer(&mut self, page: usize, number: u32) {
        let cart = self.pages[page].carts[&number];
        let draft = self.pages[page].till.as_ref().and_then(|till| till.draft(DraftId(number)));
        // The page that leads has not seen the last answer yet.
        let Some(conflict) = draft.expect("a draft").conflicts().first().cloned() else { return };
        let Some(take) = self.decide(page, number, &conflict) else { return };
        let takes_mine = take != Take::Theirs;
        self.ran.asked += 1;
        self.tell(|| {
            let reason = conflict.reason.code();
            format!("page{page} cart{cart} answers {} {reason} {take:?}", conflict.path)
        });
        let path = conflict.path.clone();
        let event = Event::Resolve { draft: DraftId(number), path, take };
        self.dispatch(page, event, About::Answer(Box::new(conflict), takes_mine));
    }

    /// Mine, theirs, a value, or not yet.
    fn decide(&mut self, page: usize, number: u32, conflict: &Conflict) -> Option<Take> {
        let cart = self.pages[page].carts[&number];
        let row = row_of(&conflict.path);
        let takes_mine = self.people.percent(50);
        let takes_mine = match conflict.reason {
            Reason::AnswerLost if conflict.path == "@document" => {
                // A person can look, once nothing is on its way any more.
                let cart = &self.model.carts[cart];
                (cart.on_the_way == 0).then_some(cart.truth.is_none())
            }
            Reason::AnswerLost => return self.ask_around(page, number, conflict),
            // Such an answer was a quantity, and others have changed it since.
            Reason::SetAgainstChange if self.model.carts[cart].typed.contains(&conflict.path) => {
                let theirs = value_of(conflict.theirs.as_deref());
                let uncounted = self.uncounted(cart, row)?;
                return Some(typed(theirs + uncounted));
            }
            // Nobody else types into a cart's own field.
            Reason::BothChanged if conflict.path.starts_with("custom_f") => Some(takes_mine),
            // But two pages may, of which one slept and led on a copy from before.
            Reason::BothChanged if self.devices[self.pages[page].device].pages_opened > 1 => {
                Some(true)
            }
            // And what was discarded may have been stored.
            Reason::BothChanged if self.model.carts[cart].discarded.is_some() => Some(takes_mine),
            Reason::RemovedAgainstEdit | Reason::SameRowId if row.is_some() => Some(takes_mine),
            // The answer about a row may have been a typed quantity.
            Reason::SetAgainstChange
                if row.is_some_and(|row| self.model.carts[cart].asked.contains(row)) =>
            {
                Some(takes_mine)
            }
            Reason::TotalChanged => Some(takes_mine),
            _ => panic!("asked without need: {conflict:?}"),
        };
        takes_mine.map(|mine| if mine { Take::Mine } else { Take::Theirs })
    }

    /// A till cannot know what was counted; a person can ask around. Of several steps some may have
    /// been counted and others not: then neither mine nor theirs is right.
    fn ask_around(&mut self, page: usize, number: u32, conflict: &Conflict) -> Option<Take> {
        let cart = self.pages[page].carts[&number];
        if self.model.carts[cart].on_the_way > 0 {
            return None;
        }
        let uncounted = self.uncounted(cart, row_of(&conflict.path))?;
        let shown = self.base_and_shown(page, number, &conflict.path);
        let (Some((base, shown)), Some(theirs)) = (shown, conflict.theirs.as_deref()) else {
            // The row is gone meanwhile.
            return Some(if uncounted > 0 { Take::Mine } else { Take::Theirs });
        };
        let theirs = value_of(Some(theirs));
        let again = conflict.amounts.iter().find(|(name, _)| *name == "again");
        let doubted = hundredths(&Value::from(again.expect("amounts").1.as_str())) - theirs;
        match uncounted - (shown - base) {
            // What came later may be counted too: that is asked in its turn.
            open if open <= 0 => Some(Take::Theirs),
            open if open == doubted => Some(Take::Mine),
            open => {
                let cart = &mut self.model.carts[cart];
                cart.typed.insert(conflict.path.clone());
                // A quantity that others came to in another way is agreed on, and not summed.
                cart.asked.extend(row_of(&conflict.path).map(str::to_owned));
                Some(typed(shown + open))
            }
        }
    }

    /// The steps of a cart on a row, or in cash, that no save has stored; nothing if not all pages
    /// have heard of all of them.
    fn uncounted(&self, cart: usize, row: Option<&str>) -> Option<i64> {
        let counts = |what: &What| match what {
            What::Step { row: of, by } if Some(of.as_str()) == row => Some(*by),
            What::Cash { by } if row.is_none() => Some(*by),
            _ => None,
        };
        let edits = self.model.carts[cart].edits.iter().map(|serial| &self.model.edits[*serial]);
        let steps = edits.filter_map(|edit| Some((edit, counts(&edit.what)?)));
        let mut unstored = steps.filter(|(edit, _)| edit.is_unstored());
        unstored.try_fold(0, |sum, (edit, by)| edit.is_open().then_some(sum + by))
    }

    /// Hundredths that stand at a path in the copy that a draft builds on, and in the draft.
    fn base_and_shown(&self, page: usize, number: u32, path: &str) -> Option<(i64, i64)> {
        let till = self.pages[page].till.as_ref().expect("a till");
        let draft = till.draft(DraftId(number)).expect("a draft");
        let state: Value = serde_json::from_slice(&draft.foundation()).expect("JSON");
        let base = &state["base"];
        let base = match row_of(path) {
            Some(row) => base["items"].as_array().and_then(|rows| {
                rows.iter().find(|of| of["posa_row_id"] == row).map(|of| &of["qty"])
            }),
            None => base["payments"].as_array().and_then(|rows| {
                rows.iter().find(|of| of["mode_of_payment"] == "Cash").map(|of| &of["amount"])
            }),
        };
        let shown = draft.get(path, &self.policy).filter(|value| value != b"null")?;
        Some((base.map_or(0, hundredths), value_of(Some(&shown))))
    }

    pub fn learn(&mut self, cart: usize, conflict: &Conflict, takes_mine: bool, place: Place) {
        let path = conflict.path.as_str();
        match (conflict.reason, row_of(path)) {
            (Reason::AnswerLost, _) => {
                if path == "@document" && !takes_mine {
                    self.model.carts[cart].discarded.get_or_insert(place);
                    self.model.carts[cart].wishes.push((place, None));
                    self.model.drop_edits(cart, place, |_| true);
                }
            }
            (Reason::TotalChanged, _) => {
                let wish = (!takes_mine).then_some(None);
                self.model.carts[cart].wishes.push((place, wish));
            }
            (Reason::BothChanged, _) => {
                let text = |value: Option<&[u8]>| {
                    let value = serde_json::from_slice::<Value>(value.unwrap_or(b"null"));
                    value.expect("JSON").as_str().unwrap_or("").to_owned()
                };
                let mine = text(conflict.mine.as_deref());
                if takes_mine {
                    let theirs = text(conflict.theirs.as_deref());
                    self.model.insists(cart, path, (&mine, &theirs), place);
                } else {
                    // What another page typed after the question arose is not asked about.
                    let asked = self.model.typed_until(cart, path, &mine);
                    self.model.drop_edits(cart, place, |what| {
                        matches!(what, What::Set { field, value, .. }
                            if field == path && asked.contains(value))
                    });
                }
            }
            (_, Some(row)) => {
                self.model.carts[cart].asked.insert(row.to_owned());
                if takes_mine {
                    self.model.carts[cart].put_back.insert(row.to_owned());
                }
                if !takes_mine {
                    self.model.drop_edits(cart, place, |what| what.row() == Some(row));
                }
            }
            (_, None) => {}
        }
    }
}

/// Hundredths.
fn value_of(bytes: Option<&[u8]>) -> i64 {
    hundredths(&serde_json::from_slice(bytes.expect("a value")).expect("JSON"))
}

fn typed(hundredths: i64) -> Take {
    Take::Value(Decimal::new(hundredths, 2).normalize().to_string().into_bytes())
}

/// `items[r1]` or `items[r1].qty` is about row `r1`.
fn row_of(path: &str) -> Option<&str> {
    let (row, _) = path.strip_prefix("items[")?.split_once(']')?;
    Some(row)
}

fn step(id: &str, by: i64) -> (Value, What) {
    let amount = Decimal::new(by, 2).normalize().to_string();
    let op = json!({"op": "increment", "path": format!("items[{id}].qty"), "by": amount});
    (op, What::Step { row: id.to_owned(), by })
}

fn rows(document: &Document) -> impl Iterator<Item = (String, i64)> + '_ {
    let rows = document.get("items").and_then(Value::as_array).into_iter().flatten();
    rows.map(|row| {
        (row["posa_row_id"].as_str().expect("an identity").to_owned(), hundredths(&row["qty"]))
    })
}

/// What a cashier sees on the page, ten-thousandths.
fn total(document: &Document) -> i128 {
    rows(document).map(|(id, qty)| i128::from(qty) * i128::from(rate(&id))).sum()
}
