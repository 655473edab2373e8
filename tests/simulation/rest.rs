//! The end of a world: nothing is under way any more. Questions are answered, what was never
//! saved is saved, and then everything is where it ought to be.

use std::collections::BTreeSet;

use restamp::core::draft::Draft;
use restamp::core::merge::Ending;
use serde_json::Value;

use crate::model::{hundredths, What};
use crate::page::For;
use crate::world::World;

/// Requests that one page may make in its life; the most of 88,530 worlds was 118.
const REQUESTS_MAX: u64 = 150;
/// A draft as a whole in the journal, bytes.
const STATE_BYTES_MAX: usize = 100_000;

impl World {
    /// Whether there was anything left to do.
    pub fn finish(&mut self) -> bool {
        for device in 0..self.devices.len() {
            let has_work = !self.devices[device].disk.entries.is_empty();
            if has_work && !self.has_page(device) {
                self.devices[device].pages_left += 1;
                self.open_page(device);
                return true;
            }
        }
        for page in 0..self.pages.len() {
            if self.pages[page].till.is_none() || !self.pages[page].leads {
                continue;
            }
            for number in self.pages[page].carts.keys().copied().collect::<Vec<_>>() {
                match self.status(page, number) {
                    "conflict" => {
                        self.answer(page, number);
                        return true;
                    }
                    "dirty" => {
                        self.save(page, number);
                        return true;
                    }
                    "clean" | "closed" | "none" => {}
                    other => panic!(
                        "page{page} cart{} {number} at rest and {other}",
                        self.pages[page].carts[&number]
                    ),
                }
            }
        }
        false
    }

    pub fn check_rest(&mut self) {
        for device in 0..self.devices.len() {
            self.check_vanished(device);
        }
        let told = self.model.told();
        let told: Vec<_> = told.iter().map(|serial| &self.model.edits[*serial]).collect();
        assert!(told.is_empty(), "told, and never made: {told:?}");
        for page in 0..self.pages.len() {
            self.check_shown(page);
        }
        for cart in 0..self.model.carts.len() {
            self.model.settle_moot(cart);
            let edits = self.model.carts[cart].edits.clone();
            self.model.settle_put_back(cart, &edits);
            self.check_cart(cart);
        }
        for (key, document) in self.server.docs() {
            let number = self.model.by_key.get(key).unwrap_or_else(|| panic!("{key} is nobody's"));
            let truth = &self.model.truths[*number];
            assert_eq!(document["docstatus"].as_i64(), Some(truth.docstatus), "status of {key}");
        }
        assert_eq!(self.server.docs().count(), self.model.by_key.len(), "documents");
        for page in &self.pages {
            self.ran.most_requests = self.ran.most_requests.max(page.requests);
            assert!(page.requests < REQUESTS_MAX, "{} requests of one page", page.requests);
            assert!(page.waiters.is_empty(), "somebody still waits for a save");
            let opens = page.opening.iter().any(|(_, _, who)| matches!(who, For::Own));
            assert!(!opens, "somebody still waits for a draft");
            assert!(!page.wants.is_open(), "not told to be kept: {:?}", page.wants.list());
            let drafts = page.till.iter().flat_map(|till| till.drafts());
            for state in drafts.filter_map(Draft::journal) {
                assert!(state.len() < STATE_BYTES_MAX, "{} bytes of one draft", state.len());
            }
        }
    }

    /// A page that follows shows what the page that leads has.
    fn check_shown(&self, page: usize) {
        let follower = &self.pages[page];
        let (Some(till), false) = (&follower.till, follower.leads) else { return };
        let leader = self.leader(follower.device).expect("some page leads");
        let leader = self.pages[leader].till.as_ref().expect("a till");
        for draft in till.drafts() {
            let theirs = leader.named(draft.id()).and_then(|number| leader.draft(number));
            let Some(theirs) = theirs else { continue };
            let text = |draft: &Draft| String::from_utf8(draft.text(&self.policy)).expect("UTF-8");
            assert_eq!(draft.status(), theirs.status(), "page{page} shows {}", draft.key());
            assert_eq!(text(draft), text(theirs), "page{page} shows {}", draft.key());
        }
    }

    /// Every edit that a cashier was promised to keep is stored, was given up by a person, or is
    /// left over in a draft whose document ended; what was to be submitted is.
    fn check_cart(&self, number: usize) {
        let cart = &self.model.carts[number];
        let open: Vec<&What> = self.model.open_edits(number).map(|(_, edit)| &edit.what).collect();
        let is_expected = cart.is_sale && cart.begun.is_some() && cart.discarded.is_none();
        assert!(!is_expected || cart.truth.is_some(), "a sale is lost: cart{number}");
        let stands = cart.truth.map(|number| &self.model.truths[number]);
        let is_open = stands.is_some_and(|truth| !truth.is_deleted && truth.docstatus == 0);
        assert!(!is_open || cart.wish().is_none(), "a wish to submit is lost: cart{number}");
        if open.is_empty() {
            return;
        }
        let page = self.leader(cart.device).unwrap_or_else(|| panic!("cart{number} lost {open:?}"));
        let till = self.pages[page].till.as_ref().expect("a page that lives");
        let has = |draft: &&Draft| self.model.by_id.get(draft.id()) == Some(&number);
        let found = till.drafts().iter().find(has);
        let draft = found.unwrap_or_else(|| panic!("cart{number} lost {open:?}"));
        let Some(ending) = draft.ending() else { panic!("cart{number} lost {open:?}") };
        // Scenario S33: submitted with exactly my content is done, whoever made the same steps.
        if ending.already_done {
            return;
        }
        let text = String::from_utf8(draft.text(&self.policy)).expect("UTF-8");
        check_leftover(&open, ending, &text, &(&cart.asked | &cart.put_back));
    }
}

/// Of rows about which a person decided it is only known that they are still to be seen.
fn check_leftover(open: &[&What], ending: &Ending, text: &str, asked: &BTreeSet<String>) {
    let rows: Vec<Value> =
        ending.leftover.iter().map(|row| serde_json::from_slice(row).expect("JSON")).collect();
    let amount = |table: &str, id: &str, field: &str| {
        let is_it = |row: &&Value| row["table"] == *table && row["row"] == *id;
        rows.iter().find(is_it).map(|row| hundredths(&row[field]))
    };
    let is_removed =
        |id: &str| open.iter().any(|what| matches!(what, What::Remove { row, .. } if row == id));
    for what in open {
        let is_there = match what {
            What::Step { row: id, .. } | What::Row { id, .. } => {
                let steps = open.iter().map(|what| match what {
                    What::Step { row, by } if row == id => *by,
                    What::Row { id: row, qty } if row == id => *qty,
                    _ => 0,
                });
                let wanted: i64 = steps.sum();
                let is_seen = asked.contains(id) && text.contains(id.as_str());
                is_removed(id)
                    || is_seen
                    || amount("items", id, "qty").is_some_and(|qty| qty >= wanted)
            }
            What::Pay { id, amount: paid } => amount("payments", id, "amount") == Some(*paid),
            What::Cash { .. } => {
                let steps = open.iter().map(|what| match what {
                    What::Cash { by } => *by,
                    _ => 0,
                });
                let wanted: i64 = steps.sum();
                amount("payments", "Cash", "amount").is_some_and(|amount| amount >= wanted)
            }
            // Rows are left over; the rest is still to be seen in the draft.
            What::Note { line } => text.contains(line.as_str()),
            What::Set { value, field, .. } => {
                let typed =
                    |what: &&&What| matches!(what, What::Set { field: f, .. } if f == field);
                let last = open.iter().rfind(typed).copied();
                text.contains(value.as_str()) || last != Some(*what)
            }
            What::Remove { .. } => true,
        };
        let state = ending.state;
        assert!(is_there, "{what:?} is neither stored nor left over: {state:?} {rows:?} {text}");
    }
}
