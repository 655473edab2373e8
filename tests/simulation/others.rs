//! Other clients, which know nothing of Restamp: they change documents on their newest copies,
//! and end them.

use serde_json::{json, Value};

use crate::model::hundredths;
use crate::server::Document;
use crate::world::World;

impl World {
    /// A document that is open to changes.
    fn some_document(&mut self, shared: bool) -> Option<usize> {
        let is_open = |(number, truth): (usize, &crate::model::Truth)| {
            let wanted = !shared || truth.key.starts_with('D');
            (wanted && !truth.is_deleted && truth.docstatus == 0).then_some(number)
        };
        let open: Vec<usize> = self.model.truths.iter().enumerate().filter_map(is_open).collect();
        self.luck.pick(&open).copied()
    }

    pub fn office(&mut self) {
        let Some(number) = self.some_document(false) else { return };
        self.serial += 1;
        let name = format!("o{}", self.serial);
        let choice = self.luck.below(5);
        let truth = &mut self.model.truths[number];
        let removable: Vec<String> = truth.rows.keys().filter(|id| *id != "s1").cloned().collect();
        let row = self.luck.pick(&removable).cloned();
        let key = truth.key.clone();
        let before = self.stamp_before(&key);
        let truth = &mut self.model.truths[number];
        match (choice, row) {
            (0, _) => {
                *truth.rows.get_mut("s1").expect("s1 stays") += 100;
                self.server.change(&key, |document| step(document, "s1", 100));
            }
            (1, _) => {
                truth.rows.insert(name.clone(), 100);
                let row = json!({"posa_row_id": name, "item_code": "TEA", "qty": 1, "rate": 3.1});
                self.server.change(&key, |document| items(document).push(row));
            }
            (2, Some(row)) => {
                truth.rows.remove(&row);
                truth.was_gone.insert(row.clone());
                self.server.change(&key, |document| {
                    items(document).retain(|known| known["posa_row_id"] != json!(row));
                });
            }
            (3, _) => {
                truth.fields.insert("custom_f1".into(), (name.clone(), None));
                self.server.change(&key, |document| {
                    document.insert("custom_f1".into(), json!(name));
                });
            }
            _ => {
                truth.notes.insert(name.clone());
                self.server.change(&key, |document| {
                    let notes = document.get("posa_notes").and_then(Value::as_str).unwrap_or("");
                    let notes = format!("{notes}\n{name}");
                    document.insert("posa_notes".into(), json!(notes.trim_start()));
                });
            }
        }
        self.tell(|| format!("the office changes {key}: {choice} {name}"));
        self.tell_of_change(&key, before, None);
    }

    /// A document is submitted, cancelled or deleted; its name may go to another at once.
    pub fn ending(&mut self) {
        let Some(number) = self.some_document(true) else { return };
        let how = self.luck.below(4);
        let key = self.model.truths[number].key.clone();
        let before = self.stamp_before(&key);
        let truth = &mut self.model.truths[number];
        match how {
            0 | 1 => {
                truth.docstatus = 1 + how as i64;
                self.server.change(&key, |document| {
                    document.insert("docstatus".into(), json!(1 + how));
                });
            }
            _ => {
                truth.is_deleted = true;
                self.model.by_key.remove(&key);
                self.server.delete(&key);
                if how == 3 {
                    self.put_document(&key);
                }
            }
        }
        self.tell(|| {
            format!("{key} is {}", ["submitted", "cancelled", "deleted", "replaced"][how as usize])
        });
        self.tell_of_change(&key, before, None);
    }
}

fn items(document: &mut Document) -> &mut Vec<Value> {
    document.get_mut("items").and_then(Value::as_array_mut).expect("rows")
}

fn step(document: &mut Document, id: &str, by: i64) {
    for row in items(document) {
        if row["posa_row_id"] == json!(id) {
            let qty = rust_decimal::Decimal::new(hundredths(&row["qty"]) + by, 2).normalize();
            row["qty"] = serde_json::from_str(&qty.to_string()).expect("a number");
        }
    }
}
