//! One till: the real engine (`Till::handle`) and the real REST adapter, with a wire between.

use restamp::adapters::rest::{Offers, Rest};
use restamp::adapters::{Adapter, HttpRequest, HttpResponse, SaveKind};
use restamp::core::call::{Answered, Call, FindOutcome};
use restamp::core::contention_rates::Strategy;
use restamp::core::event::{CallId, DraftId, Effect, Event, Outcome, Waiter};
use restamp::core::op::Op;
use restamp::core::policy::Policy;
use restamp::core::stamp::Stamp;
use restamp::core::till::Till;
use restamp::core::time::Millis;

use crate::chance::Chance;
use crate::server::{Change, Response};

/// The one draft of a till.
pub const DRAFT: DraftId = DraftId(1);
/// The page's clock at the beginning, ms since the Unix epoch.
const START_MS: u64 = 1_780_000_000_000;

/// One till at one document.
pub struct Station {
    till: Till,
    adapter: Rest,
    /// Which document.
    pub document: usize,
    /// Calls without an answer.
    calls: Vec<(CallId, Call)>,
    /// When the save that is under way was asked for.
    pub saving_since: Option<u64>,
    /// Edits made.
    pub edits: u32,
    /// Edits that the till holds for stored.
    pub acknowledged: u32,
    /// Saves whose promise was answered before they were stored: they go on by themselves.
    pub queued: u32,
    /// How often leases were found worth it, and no longer so.
    pub leasing: (u32, u32),
    /// What a cashier would see as an error or a question.
    pub refused: Vec<Outcome>,
}

/// A request that a till sends.
pub struct Sent {
    /// Its call.
    pub id: CallId,
    /// The request.
    pub request: HttpRequest,
    /// Whether a save waits for it; else the till only keeps itself up to date.
    pub for_a_save: bool,
}

impl Station {
    /// A till that has `document` open, as `copy` is.
    pub fn open(policy: Policy, document: usize, copy: &Response, chance: &mut Chance) -> Station {
        let mine = policy.sharing.offers;
        let offers = Offers {
            leases: mine.leases,
            apply: mine.apply,
            parking: mine.parking,
            ..Offers::default()
        };
        let adapter = Rest { path: "/bills".into(), offers, ..Rest::default() };
        let mut station = Station {
            till: Till::new(policy),
            adapter,
            document,
            calls: Vec::new(),
            saving_since: None,
            edits: 0,
            acknowledged: 0,
            queued: 0,
            leasing: (0, 0),
            refused: Vec::new(),
        };
        let open = Event::Open { draft: DRAFT, key: document.to_string() };
        let load = station.handle(open, 0, chance).pop();
        if let Some(load) = load {
            station.answered(load.id, copy, 0, chance);
        }
        station
    }

    /// The cashier makes one edit and saves.
    pub fn save(&mut self, op: Op, now: u64, chance: &mut Chance) -> Vec<Sent> {
        self.edits += 1;
        self.saving_since = Some(now);
        let mut sent = self.handle(Event::Edit { draft: DRAFT, op }, now, chance);
        let waiter = Waiter(self.edits);
        sent.extend(self.handle(Event::Save { draft: DRAFT, waiter }, now, chance));
        sent
    }

    /// The answer to a call, or status 0 for none in time. A late one changes nothing.
    pub fn answered(
        &mut self,
        id: CallId,
        response: &Response,
        now: u64,
        chance: &mut Chance,
    ) -> Vec<Sent> {
        let Some(at) = self.calls.iter().position(|(known, _)| *known == id) else {
            return Vec::new();
        };
        let (call, what) = self.calls.swap_remove(at);
        let etag = response.etag.iter().map(|etag| ("etag".to_owned(), etag.clone()));
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let others =
            response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let headers: Vec<(String, String)> = etag.chain([json]).chain(others).collect();
        let (status, body) = (response.status, response.body.as_slice());
        let response = HttpResponse { status, headers: &headers, body };
        let event = match what {
            Call::Create(_) => Event::Answered {
                call,
                answered: Answered::Save(self.adapter.classify_save(SaveKind::Create, &response)),
            },
            Call::Update(_) => Event::Answered {
                call,
                answered: Answered::Save(self.adapter.classify_save(SaveKind::Update, &response)),
            },
            Call::Load { .. } => Event::Answered {
                call,
                answered: Answered::Load(self.adapter.classify_load(&response)),
            },
            Call::Find { .. } => Event::Answered {
                call,
                answered: Answered::Find(FindOutcome::Load(self.adapter.classify_load(&response))),
            },
            Call::Lease(lease) => {
                let outcome = self.adapter.classify_lease(&lease.key, &response);
                Event::Answered { call, answered: Answered::Lease(outcome) }
            }
            Call::Apply(apply) => {
                let outcome = self.adapter.classify_apply(&apply.key, &response);
                Event::Answered { call, answered: Answered::Apply(outcome) }
            }
            // Nobody waits for the answer.
            Call::Release(_) => return Vec::new(),
            Call::Commit(_) | Call::Batch(_) | Call::Next(_) => panic!("no draft makes this call"),
        };
        self.handle(event, now, chance)
    }

    /// The server tells that the document changed.
    pub fn hears(&mut self, change: Change, now: u64, chance: &mut Chance) -> Vec<Sent> {
        let Change { token, .. } = change;
        let (stamp, from) = (Some(Stamp(change.stamp)), Some(Stamp(change.from)));
        let document = change.document.map(|text| text.to_vec());
        self.handle(Event::Heard { draft: DRAFT, stamp, from, token, document }, now, chance)
    }

    /// Time has passed.
    pub fn wake(&mut self, now: u64, chance: &mut Chance) -> Vec<Sent> {
        self.handle(Event::Wake, now, chance)
    }

    /// When it wants to be woken, microseconds.
    pub fn wakes_at(&self) -> Option<u64> {
        self.till.next_wake().map(|at| at.0.saturating_sub(START_MS) * 1_000)
    }

    /// Whether a call is without an answer.
    pub fn waits_for(&self, id: CallId) -> bool {
        self.calls.iter().any(|(known, _)| *known == id)
    }

    /// Whether everything is stored, as far as the till knows.
    pub fn is_clean(&self) -> bool {
        self.till.draft(DRAFT).is_some_and(|draft| draft.status() == "clean")
    }

    /// Every save says its token, so that word of it does too.
    fn request(&self, call: &Call) -> HttpRequest {
        let mut request = self.adapter.request(call).expect("a call of a draft");
        if let Call::Update(update) = call {
            request.headers.retain(|(name, _)| *name != "Idempotency-Key");
            request.headers.push(("Idempotency-Key", update.token.clone()));
        }
        request
    }

    fn handle(&mut self, event: Event, now: u64, chance: &mut Chance) -> Vec<Sent> {
        // Rounded up, or a till that is woken on time would find it a moment early.
        let at = Millis(START_MS + now.div_ceil(1_000));
        let mut sent = Vec::new();
        for effect in self.till.handle(event, at, chance.many_bits()) {
            match effect {
                Effect::Call { id, call } => {
                    let request = self.request(&call);
                    self.calls.push((id, call));
                    sent.push(Sent { id, request, for_a_save: false });
                }
                Effect::Settle { outcome, .. } => match outcome {
                    Outcome::Committed { .. } => {}
                    Outcome::Queued { .. } => self.queued += 1,
                    Outcome::Conflict(_) | Outcome::Rejected(_) | Outcome::Ended(_) => {
                        self.refused.push(outcome);
                    }
                },
                Effect::Strategy { to: Strategy::Pessimistic, .. } => self.leasing.0 += 1,
                Effect::Strategy { to: Strategy::Optimistic, .. } => self.leasing.1 += 1,
                Effect::Refused(misuse) => panic!("a till refuses an event: {misuse:?}"),
                Effect::Journal(_)
                | Effect::Opened(_)
                | Effect::NotOpened { .. }
                | Effect::Changed(_)
                | Effect::Concluded { .. }
                | Effect::Notice { .. }
                | Effect::Log { .. } => {}
            }
        }
        // A till that fetches the next copy after its save was stored makes nobody wait.
        let waits = self.saving_since.is_some() && !self.is_clean();
        sent.iter_mut().for_each(|sent| sent.for_a_save = waits);
        sent
    }
}
