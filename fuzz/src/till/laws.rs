//! What must hold in every world, all the time and in the end.

use restamp::adapters::{frappe::Frappe, rest::Rest, Adapter};
use restamp::core::amount::{amount, shortest, Decimal};
use restamp::core::call::Call;
use restamp::core::conflict::{Conflict, Reason};
use restamp::core::document::Document;
use restamp::core::event::{DraftId, Event, Outcome};
use restamp::core::json;
use restamp::core::path::cell_path;
use restamp::core::till::Till;

use super::World;

impl World {
    /// Where nothing but steps up are made, only one question is ever asked: after a lost answer
    /// and a save of another till nobody can tell whose steps are there (S40).
    pub(super) fn check_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Conflict(conflicts) if self.counting => {
                let told = conflicts.iter().all(|one| one.reason == Reason::AnswerLost);
                assert!(told, "nothing but steps up: {conflicts:?}");
                self.counting = false;
            }
            Outcome::Ended(ending) => assert!(!self.counting, "nobody ended it: {ending:?}"),
            Outcome::Conflict(_)
            | Outcome::Committed { .. }
            | Outcome::Queued { .. }
            | Outcome::Rejected(_) => {}
        }
    }

    /// What a draft shows is a document, once it is open.
    pub(super) fn check_text(&self, draft: DraftId) {
        if let Some(draft) = self.till.draft(draft) {
            let text = draft.text(&self.policy);
            assert!(text.is_empty() || Document::parse(text, &self.policy.profile).is_ok());
        }
    }

    /// What goes out is whole, was journalled before, and can be requested.
    pub(super) fn check_call(&self, call: &Call) {
        let (document, token) = match call {
            Call::Create(create) => (&create.document, &create.token),
            Call::Update(update) => (&update.document, &update.token),
            Call::Load { .. }
            | Call::Find { .. }
            | Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => return check_requests(call),
        };
        assert!(Document::parse(document.clone(), &self.policy.profile).is_ok());
        let told = self.journal.iter().any(|entry| {
            let word = |name| json::member(entry, name).and_then(json::text);
            word("token").as_deref() == Some(token) || word("id").as_deref() == Some(token)
        });
        assert!(told, "a save that is not in the journal: {call:?}");
        check_requests(call);
    }

    /// A till made from the journal shows what this one shows of what is unsaved.
    pub(super) fn check_restored(&self) {
        let entries = self.journal.iter().map(Vec::as_slice);
        let first = DraftId(self.last_draft + 1);
        let restored = Till::restore(self.policy.clone(), entries, first).expect("own journal");
        let mut kept = self.seen(&restored);
        for (text, conflicts) in self.seen(&self.till) {
            let same = kept.iter().position(|(kept, open)| *kept == text && *open == conflicts);
            let Some(at) = same else {
                panic!("{} with {conflicts} questions is not kept", String::from_utf8_lossy(&text))
            };
            kept.remove(at);
        }
    }

    /// The text and the number of questions of each draft that has something unsaved. Whether a
    /// total is what the cashier saw is asked anew after a restart.
    fn seen(&self, till: &Till) -> Vec<(Vec<u8>, usize)> {
        let open = till.drafts().iter().filter(|d| d.is_dirty() && d.status() != "closed");
        let kept = |conflict: &&Conflict| conflict.reason != Reason::TotalChanged;
        open.map(|draft| (draft.text(&self.policy), draft.conflicts().iter().filter(kept).count()))
            .collect()
    }

    /// Once nobody lies and nothing is lost, all comes to rest and everybody is answered.
    pub(super) fn finish(&mut self) {
        for number in 1..=self.last_draft {
            let draft = DraftId(number);
            if self.till.draft(draft).is_some() {
                let waiter = self.waiter();
                self.waiting.insert(waiter.0);
                self.handle(Event::Save { draft, waiter });
            }
        }
        let mut turns = 0;
        while !self.calls.is_empty() || self.till.next_wake().is_some() {
            turns += 1;
            assert!(turns < 2_000, "it does not come to rest: {:?}", self.calls);
            if self.calls.is_empty() {
                self.wake();
            } else {
                let (call, what) = self.calls.remove(0);
                let event = self.answer(call, &what);
                self.handle(event);
            }
        }
        assert!(self.waiting.is_empty() || !self.honest, "not answered: {:?}", self.waiting);
        if self.counting {
            self.check_counts();
        }
    }

    fn check_counts(&self) {
        for stored in &self.server.documents {
            let Some(expected) = self.expected.get(&stored.token) else { continue };
            let found = self.sum(&stored.text);
            assert_eq!(
                found,
                *expected,
                "{}: {}",
                stored.key,
                String::from_utf8_lossy(&stored.text)
            );
        }
    }

    /// The field that is counted: the quantity of the first row.
    pub(super) fn first_quantity(&self, text: &[u8]) -> Option<String> {
        let document = Document::parse(text.to_vec(), &self.policy.profile).ok()?;
        let row = document.table(0).rows.first()?;
        let table = ["items", "lines"][self.kind];
        Some(cell_path(table, document.row_identity(row), "qty"))
    }

    /// The quantity of the first row, in thousandths.
    fn sum(&self, text: &[u8]) -> i64 {
        let document = Document::parse(text.to_vec(), &self.policy.profile).expect("a document");
        let Some(row) = document.table(0).rows.first() else { return 0 };
        let value = document.cell(0, row, "qty").and_then(amount);
        value.map_or(0, |value| {
            let thousandths = value * Decimal::from(1_000);
            shortest(thousandths).parse().expect("whole thousandths")
        })
    }
}

/// Paths can be sent, headers hold no control characters, bodies are JSON.
fn check_requests(call: &Call) {
    let frappe = Frappe { doctype: "Sales Invoice".into(), ..Frappe::default() };
    let rest = Rest { path: "/orders".into(), ..Rest::default() };
    for adapter in [&frappe as &dyn Adapter, &rest] {
        let Ok(request) = adapter.request(call) else { continue };
        let sendable = |text: &str| text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        assert!(request.path.starts_with('/') && sendable(&request.path), "{}", request.path);
        if let Some(body) = &request.body {
            assert!(json::check(body).is_ok(), "{}", String::from_utf8_lossy(body));
        }
    }
}
