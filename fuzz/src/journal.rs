//! Any text in place of a journal, one entry a line. What can be read can be written again, and a
//! till comes back from it and goes on.

use restamp::core::call::{Answered, Call, FindOutcome, LoadOutcome, Loaded, SaveOutcome};
use restamp::core::event::{CallId, DraftId, Effect, Event};
use restamp::core::journal::{replay, state};
use restamp::core::policy::{CompareAndSet, Policy, TokenSupport};
use restamp::core::stamp::Stamp;
use restamp::core::till::Till;
use restamp::core::time::Millis;

use super::samples::policy;

/// Any journal.
pub fn run(data: &[u8]) {
    let entries: Vec<&[u8]> =
        data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let Ok(restored) = replay(entries.iter().copied()) else { return };
    for draft in &restored.drafts {
        let written = state(draft);
        let again = replay([written.as_slice()]).expect("what was written can be read");
        assert_eq!(again.drafts, vec![draft.clone()]);
    }
    for policy in [
        policy(0, CompareAndSet::Atomic, TokenSupport::Field),
        policy(0, CompareAndSet::None, TokenSupport::None),
        policy(1, CompareAndSet::Racy, TokenSupport::Native),
    ] {
        let restore =
            |entries: &[&[u8]]| Till::restore(policy.clone(), entries.iter().copied(), DraftId(1));
        let Ok(till) = restore(&entries) else { continue };
        let short = till.journal();
        let slices: Vec<&[u8]> = short.iter().map(Vec::as_slice).collect();
        let again = restore(&slices).expect("what a till wrote is a journal");
        assert_eq!(again.journal(), short);
        assert_eq!(seen(&again, &policy, true), seen(&till, &policy, true));
        go_on(till, &policy);
    }
}

/// What is shown of each draft that has something unsaved.
fn seen(till: &Till, policy: &Policy, dirty: bool) -> Vec<(String, Vec<u8>, usize)> {
    let drafts = till.drafts().iter().filter(|draft| !dirty || draft.is_dirty());
    drafts.map(|d| (d.key().to_owned(), d.text(policy), d.conflicts().len())).collect()
}

/// Saves are in doubt, loads bring the base with another stamp: no answer is a panic.
fn go_on(mut till: Till, policy: &Policy) {
    let mut now = 1_000;
    let mut calls = calls(till.handle(Event::Online, Millis(now), 1));
    for round in 0..12 {
        let Some((call, what)) = calls.pop() else { break };
        let base = seen(&till, policy, false).first().map(|draft| draft.1.clone());
        let loaded = || match &base {
            Some(document) => LoadOutcome::Loaded(Loaded {
                key: Some("K".into()),
                stamp: Some(Stamp(format!("s{}", round / 3))),
                document: document.clone(),
            }),
            None => LoadOutcome::Gone,
        };
        let event = match what {
            Call::Create(_) | Call::Update(_) => {
                Event::Answered { call, answered: Answered::Save(SaveOutcome::InDoubt) }
            }
            Call::Load { .. } => Event::Answered { call, answered: Answered::Load(loaded()) },
            Call::Find { .. } => {
                Event::Answered { call, answered: Answered::Find(FindOutcome::Load(loaded())) }
            }
            Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => panic!("no draft makes this call"),
        };
        calls.extend(self::calls(till.handle(event, Millis(now), round)));
        if let Some(until) = till.next_wake() {
            now = now.max(until.0);
            calls.extend(self::calls(till.handle(Event::Wake, Millis(now), round)));
        }
    }
}

fn calls(effects: Vec<Effect>) -> Vec<(CallId, Call)> {
    let call = |effect| match effect {
        Effect::Call { id, call } => Some((id, call)),
        Effect::Journal(_)
        | Effect::Opened(_)
        | Effect::NotOpened { .. }
        | Effect::Changed(_)
        | Effect::Settle { .. }
        | Effect::Concluded { .. }
        | Effect::Notice { .. }
        | Effect::Strategy { .. }
        | Effect::Log { .. }
        | Effect::Refused(_) => None,
    };
    effects.into_iter().filter_map(call).collect()
}
