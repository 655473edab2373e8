//! One transaction, answered by hand: what goes out, when, and how it ends.

use restamp::core::call::{
    Answered, BatchCall, Call, CommitCall, CommitOutcome, Grant, LeaseOutcome, LoadOutcome, Loaded,
    Missing, Rejection, RejectionCode, ReleaseCall, SaveOutcome, UpdateCall, Write,
};
use restamp::core::event::CallId;
use restamp::core::policy::{CompareAndSet, TokenSupport};
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;
use restamp::core::transaction::{
    Effect, Event, Failure, GaveUp, Outcome, Step, Strategy, Terms, Transaction, Why, KEYS_MAX,
};

pub struct Script {
    pub transaction: Transaction,
    pub now: u64,
    pub calls: Vec<(CallId, Call)>,
    pub released: Vec<(String, String)>,
    pub seen: Option<Vec<(String, Option<Vec<u8>>)>>,
    pub outcome: Option<Outcome>,
    pub steps: Vec<Step>,
    bits: u128,
}

impl Script {
    pub fn begin(keys: &[&str], terms: Terms) -> Script {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let (transaction, effects) = Transaction::begin(&keys, terms, Millis(1_000), 7);
        let mut script = Script {
            transaction,
            now: 1_000,
            calls: Vec::new(),
            released: Vec::new(),
            seen: None,
            outcome: None,
            steps: Vec::new(),
            bits: 99,
        };
        script.take(effects);
        script
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { call: Call::Release(release), .. } => {
                    assert!(self.outcome.is_none(), "leases go back before the page is told");
                    self.released.push((release.key, release.fence));
                }
                Effect::Call { call: Call::Batch(BatchCall::Release(leases)), .. } => {
                    assert!(self.outcome.is_none(), "leases go back before the page is told");
                    let own = |release: ReleaseCall| (release.key, release.fence);
                    self.released.extend(leases.into_iter().map(own));
                }
                Effect::Call { id, call } => self.calls.push((id, call)),
                Effect::Plan(seen) => self.seen = Some(seen),
                Effect::Log(step) => self.steps.push(step),
                Effect::Settle(outcome) => {
                    assert!(self.outcome.is_none(), "it ends once");
                    self.outcome = Some(outcome);
                }
            }
        }
    }

    pub fn handle(&mut self, event: Event) {
        self.bits = self.bits.wrapping_mul(0x5851_f42d_4c95_7f2d_1405_7b7e_f767_814f) + 1;
        let effects = self.transaction.handle(event, Millis(self.now), self.bits);
        self.take(effects);
    }

    /// Answers the oldest call.
    pub fn answer(&mut self, answered: Answered) -> Call {
        let (call, what) = self.calls.remove(0);
        self.handle(Event::Answered { call, answered });
        what
    }

    pub fn load(&mut self, key: &str, stamp: &str, document: &str) {
        let call = self.answer(Answered::Load(LoadOutcome::Loaded(copy(key, stamp, document))));
        assert_eq!(call, Call::Load { key: key.to_owned() });
    }

    pub fn grant(&mut self, key: &str, fence: &str) -> Call {
        let grant = Grant { fence: fence.into(), ttl: Millis(5_000) };
        let document = Some(copy(key, "1", "{}"));
        let call = self.answer(Answered::Lease(LeaseOutcome::Granted { grant, document }));
        let Call::Lease(lease) = &call else { panic!("{call:?}") };
        assert_eq!(lease.key, key);
        call
    }

    pub fn plan(&mut self, documents: &[(&str, &str)]) {
        assert!(self.seen.take().is_some(), "a plan was asked for");
        let own = |(key, text): &(&str, &str)| ((*key).to_owned(), text.as_bytes().to_vec());
        self.handle(Event::Planned(documents.iter().map(own).collect()));
    }

    pub fn commit(&mut self, outcome: CommitOutcome) -> CommitCall {
        match self.answer(Answered::Commit(outcome)) {
            Call::Commit(commit) => commit,
            other => panic!("{other:?}"),
        }
    }

    /// Time passes until something is due.
    pub fn wake(&mut self) {
        let next = self.transaction.next_wake().expect("it waits");
        assert!(next.0 >= self.now);
        self.now = next.0;
        self.handle(Event::Wake);
    }

    pub fn gave_up(&self) -> &GaveUp {
        match &self.outcome {
            Some(Outcome::GaveUp(gave_up)) => gave_up,
            other => panic!("{other:?}"),
        }
    }
}

pub fn copy(key: &str, stamp: &str, document: &str) -> Loaded {
    let stamp = Some(Stamp(stamp.to_owned()));
    Loaded { key: Some(key.to_owned()), stamp, document: document.as_bytes().to_vec() }
}

pub fn all() -> Terms {
    Terms { transactions: true, leases: true, token: TokenSupport::Native, ..Terms::new("till-1") }
}

fn two() -> Script {
    let mut script = Script::begin(&["b", "a", "b"], all());
    script.load("a", "1", r#"{"n":1}"#);
    script.load("b", "7", r#"{"n":2}"#);
    script
}

fn committed() -> CommitOutcome {
    CommitOutcome::Committed { documents: Vec::new(), replayed: false }
}

#[test]
fn documents_are_loaded_planned_and_stored_with_their_stamps() {
    let mut script = two();
    let seen = script.seen.clone().unwrap();
    assert_eq!(seen[0], ("a".into(), Some(br#"{"n":1}"#.to_vec())));
    assert_eq!(seen[1].0, "b", "each once, in the order of their keys");
    script.plan(&[("b", r#"{"n":3}"#), ("a", r#"{"n":0}"#)]);
    let commit = script.commit(committed());
    let [Write::Update(a), Write::Update(b)] = &commit.writes[..] else { panic!("{commit:?}") };
    assert_eq!((a.key.as_str(), a.stamp.0.as_str()), ("a", "1"));
    assert_eq!((b.key.as_str(), b.stamp.0.as_str()), ("b", "7"));
    assert_eq!(
        (b.document.as_slice(), b.changed.as_slice()),
        (&br#"{"n":3}"#[..], &["n".into()][..])
    );
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    assert!(script.transaction.is_over());
}

#[test]
fn a_lost_answer_is_asked_for_with_the_same_token_and_bytes() {
    let mut script = two();
    script.plan(&[("a", "{}")]);
    let first = script.commit(CommitOutcome::InDoubt);
    script.wake();
    let second = script.commit(CommitOutcome::Unavailable { retry_after: Some(Millis(4_321)) });
    assert_eq!(first, second);
    let before = script.now;
    script.wake();
    assert!(script.now >= before + 4_321, "the server's wish is a lower bound");
    let third = script.commit(CommitOutcome::Committed { documents: Vec::new(), replayed: true });
    assert_eq!(first, third);
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
}

#[test]
fn what_stays_in_doubt_is_said_so_with_its_token() {
    let mut script = two();
    script.plan(&[("a", "{}")]);
    let mut tokens = Vec::new();
    while script.outcome.is_none() {
        tokens.push(script.commit(CommitOutcome::InDoubt).token);
        if script.outcome.is_none() {
            script.wake();
        }
    }
    assert!(tokens.len() > 5 && tokens.iter().all(|token| *token == tokens[0]));
    let gave_up = script.gave_up();
    assert_eq!(gave_up.in_doubt.as_ref(), Some(&tokens[0]));
    assert!(gave_up.message().contains("in doubt") && gave_up.message().contains(&tokens[0]));
}

#[test]
fn what_was_certainly_not_stored_is_said_so() {
    for (outcome, why) in [
        (CommitOutcome::Unavailable { retry_after: None }, Why::Busy),
        (CommitOutcome::Unauthenticated { csrf: false }, Why::SignedOut),
    ] {
        let mut script = two();
        script.plan(&[("a", "{}")]);
        while script.outcome.is_none() {
            script.commit(outcome.clone());
            if script.outcome.is_none() {
                script.wake();
            }
        }
        assert_eq!(script.gave_up(), &GaveUp { attempts: 1, why, in_doubt: None });
    }
    // After a lost answer, being signed out or refused proves nothing.
    let rejection = Rejection {
        code: RejectionCode::Forbidden,
        message: "no".into(),
        fields: Vec::new(),
        stock: Vec::new(),
    };
    let mut script = two();
    script.plan(&[("a", "{}")]);
    let token = script.commit(CommitOutcome::InDoubt).token;
    script.wake();
    script.commit(CommitOutcome::Rejected(rejection.clone()));
    assert_eq!(script.gave_up().in_doubt, Some(token));
    let mut script = two();
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Rejected(rejection.clone()));
    assert_eq!(script.outcome, Some(Outcome::Rejected(rejection)));
}

#[test]
fn a_conflict_plans_again_on_the_copies_that_came_with_it() {
    let mut script = Script::begin(&["b", "a", "b"], Terms { leases: false, ..all() });
    script.load("a", "1", r#"{"n":1}"#);
    script.load("b", "7", r#"{"n":2}"#);
    script.plan(&[("a", "{}"), ("b", "{}")]);
    let keys = vec!["b".to_owned()];
    let first = script.commit(CommitOutcome::Stale {
        keys: keys.clone(),
        documents: vec![copy("a", "1", "{}"), copy("b", "8", r#"{"n":9}"#)],
    });
    assert!(script.calls.is_empty(), "nothing to load: {:?}", script.calls);
    assert_eq!(script.seen.as_ref().unwrap()[1].1.as_deref(), Some(&br#"{"n":9}"#[..]));
    script.plan(&[("b", "{}")]);
    // Without copies only what was stale is loaded; the second time after a
    // wait, where nobody can stand in line for a lease.
    let second = script.commit(CommitOutcome::Stale { keys, documents: Vec::new() });
    assert_ne!(first.token, second.token, "other bytes, another token");
    script.wake();
    script.load("b", "9", "{}");
    script.plan(&[("b", "{}")]);
    script.commit(committed());
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 3, .. })));
}

#[test]
fn attempts_are_bounded() {
    let mut script = Script::begin(&["a"], Terms { attempts_max: 3, leases: false, ..all() });
    let mut commits = 0;
    while script.outcome.is_none() {
        if script.calls.is_empty() && script.seen.is_none() {
            script.wake();
        } else if script.seen.is_some() {
            script.plan(&[("a", "{}")]);
            script.commit(CommitOutcome::Stale { keys: Vec::new(), documents: Vec::new() });
            commits += 1;
        } else {
            script.load("a", "1", "{}");
        }
    }
    assert_eq!(commits, 3);
    let expected = GaveUp { attempts: 3, why: Why::Contended, in_doubt: None };
    assert_eq!(script.gave_up(), &expected);
}

#[test]
fn what_the_backend_cannot_do_is_refused_before_anything_is_sent() {
    let weak = Terms::new("till-1");
    let many: Vec<String> = (0..=KEYS_MAX).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let pessimistic = Terms { strategy: Strategy::Pessimistic, leases: false, ..all() };
    let racy = Terms { compare_and_set: CompareAndSet::Racy, ..weak.clone() };
    for (keys, terms, failure) in [
        (&["a", "b"][..], weak.clone(), Failure::NotSupported(Missing::Transactions)),
        (&["a"], pessimistic, Failure::NotSupported(Missing::Leases)),
        (&["a"], racy, Failure::NotSupported(Missing::CompareAndSet)),
        (&[], all(), Failure::Keys(0)),
        (&many, all(), Failure::Keys(KEYS_MAX + 1)),
    ] {
        let script = Script::begin(keys, terms);
        assert!(script.calls.is_empty());
        assert_eq!(script.outcome, Some(Outcome::Failed(failure)));
    }
    let failure = Failure::NotSupported(Missing::Transactions);
    assert_eq!(failure.code(), "not-supported");
    assert!(failure.message().contains("commit"), "{}", failure.message());
}

#[test]
fn a_plan_that_fails_or_answers_nonsense_stores_nothing() {
    let mut script = two();
    script.handle(Event::PlanFailed("boom".into()));
    assert_eq!(script.outcome, Some(Outcome::Failed(Failure::Plan("boom".into()))));
    for (key, text, failure) in [
        ("c", "{}", Failure::UnknownKey("c".into())),
        ("a", "[]", Failure::NotADocument("a".into())),
        ("a", "{\"a\":", Failure::NotADocument("a".into())),
    ] {
        let mut script = two();
        script.plan(&[(key, text)]);
        assert_eq!(script.outcome, Some(Outcome::Failed(failure)));
        assert!(script.calls.is_empty());
    }
}

#[test]
fn a_plan_that_changes_nothing_sends_nothing() {
    let mut script = two();
    script.plan(&[]);
    assert!(script.calls.is_empty());
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
}

#[test]
fn a_refusal_counts_only_on_copies_that_were_there_together() {
    let refuse = || Event::PlanRefused("empty".into());
    let mut script = two();
    script.seen = None;
    script.handle(refuse());
    assert_eq!(script.outcome, None, "they were loaded one by one");
    script.load("a", "1", "{}");
    script.load("b", "8", "{}");
    assert!(script.seen.is_some(), "b has changed: what does the plan say now?");
    script.handle(refuse());
    script.load("a", "1", "{}");
    script.load("b", "8", "{}");
    assert_eq!(script.outcome, Some(Outcome::Refused("empty".into())));
}

#[test]
fn a_missing_document_is_created_with_its_key() {
    let mut script = Script::begin(&["a", "b"], all());
    script.answer(Answered::Load(LoadOutcome::Gone));
    script.load("b", "1", "{}");
    assert_eq!(script.seen.as_ref().unwrap()[0], ("a".into(), None));
    script.plan(&[("a", r#"{"n":1}"#)]);
    let commit = script.commit(CommitOutcome::Exists { key: Some("a".into()) });
    assert!(matches!(&commit.writes[..], [Write::Create { key: Some(key), .. }] if key == "a"));
    script.load("a", "4", r#"{"n":5}"#);
    script.plan(&[("a", r#"{"n":6}"#)]);
    script.commit(committed());
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 2, .. })));
}

fn single(script: &mut Script, outcome: SaveOutcome) -> UpdateCall {
    match script.answer(Answered::Save(outcome)) {
        Call::Update(update) => update,
        other => panic!("{other:?}"),
    }
}

fn plain(token_field: Option<&str>) -> Script {
    let terms = Terms { token_field: token_field.map(String::from), ..Terms::new("till-1") };
    let mut script = Script::begin(&["a"], terms);
    script.load("a", "1", r#"{"n":1}"#);
    script.plan(&[("a", r#"{"n":2}"#)]);
    script
}

#[test]
fn one_document_needs_no_transactions() {
    let mut script = plain(None);
    let stale =
        SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None };
    let update = single(&mut script, stale);
    assert_eq!((update.stamp.0.as_str(), update.changed), ("1", vec!["n".to_owned()]));
    script.load("a", "2", r#"{"n":5}"#);
    script.plan(&[("a", r#"{"n":6}"#)]);
    let saved = SaveOutcome::Saved { key: None, stamp: None, document: None };
    assert_eq!(single(&mut script, saved).stamp.0, "2");
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 2, .. })));
}

#[test]
fn a_single_save_without_an_answer_is_looked_for() {
    let saved = || SaveOutcome::Saved { key: None, stamp: None, document: None };
    // The stamp is as it was: it is not stored, and the same goes out again.
    let mut script = plain(None);
    let first = single(&mut script, SaveOutcome::InDoubt);
    script.wake();
    script.load("a", "1", r#"{"n":1}"#);
    assert_eq!(single(&mut script, saved()), first);
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    // It carries our token: it is ours.
    let mut script = plain(Some("mutation"));
    let update = single(&mut script, SaveOutcome::InDoubt);
    assert_eq!(
        String::from_utf8(update.document).unwrap(),
        format!(r#"{{"n":2,"mutation":"{}"}}"#, update.token)
    );
    script.wake();
    script.load("a", "2", &format!(r#"{{"mutation":"{}"}}"#, update.token));
    assert!(matches!(script.outcome, Some(Outcome::Committed { attempts: 1, .. })));
    // Anything else proves neither.
    let mut script = plain(None);
    let update = single(&mut script, SaveOutcome::InDoubt);
    script.wake();
    script.load("a", "2", r#"{"n":2}"#);
    assert_eq!(script.gave_up().in_doubt, Some(update.token));
    // The repetition of a stored save is stale by itself.
    let mut script = plain(None);
    single(&mut script, SaveOutcome::InDoubt);
    script.wake();
    script.load("a", "1", r#"{"n":1}"#);
    single(
        &mut script,
        SaveOutcome::Stale { current: None, document: None, fence: None, retry_after: None },
    );
    script.load("a", "2", r#"{"n":2}"#);
    assert!(script.gave_up().in_doubt.is_some());
}

#[test]
fn loads_that_come_to_nothing_are_repeated_and_given_up() {
    let mut script = Script::begin(&["a"], all());
    let nothing = LoadOutcome::Unavailable { retry_after: None, reached: false };
    let mut tries = 0;
    while script.outcome.is_none() {
        script.answer(Answered::Load(nothing.clone()));
        tries += 1;
        if script.outcome.is_none() {
            script.wake();
        }
    }
    assert_eq!(tries, 6);
    assert_eq!(script.gave_up(), &GaveUp { attempts: 0, why: Why::Offline, in_doubt: None });
}

#[test]
fn loads_are_made_several_at_a_time_and_no_more() {
    let keys: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut script = Script::begin(&keys, Terms { calls_max: 4, ..all() });
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(script.calls.len(), 4.min(9 - at));
        script.load(key, "1", "{}");
    }
    assert_eq!(script.seen.as_ref().map(Vec::len), Some(9));
}

#[test]
fn a_clock_that_jumps_back_does_not_prolong_a_wait() {
    let mut script = two();
    script.plan(&[("a", "{}")]);
    script.commit(CommitOutcome::Unavailable { retry_after: Some(Millis(500)) });
    script.now = 10;
    script.handle(Event::Wake);
    assert!(script.transaction.next_wake().unwrap().0 <= 10 + 1_000);
}
