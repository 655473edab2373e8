//! Answers of servers: a status, headers, an empty line, the body. Whatever they hold, no success
//! is seen in what broke off, and what is understood can be said and read again.

use restamp::adapters::{verdict, Adapter, CallKind, FindOutcome, HttpResponse, Meaning, SaveKind};
use restamp::core::call::{LoadOutcome, Rejection, SaveOutcome};
use restamp::core::json;

const KINDS: [CallKind; 6] = [
    CallKind::Load,
    CallKind::Find,
    CallKind::Save(SaveKind::Create),
    CallKind::Save(SaveKind::Update),
    CallKind::Save(SaveKind::Submit),
    CallKind::Save(SaveKind::Delete),
];

/// Reads the answer in `data` as each adapter would after each kind of call.
pub fn check(adapters: &[&dyn Adapter], data: &[u8]) {
    let (status, headers, body) = parse(data);
    let response = HttpResponse { status, headers: &headers, body };
    for adapter in adapters {
        for kind in KINDS {
            let meaning = meaning(*adapter, kind, &response);
            if status == 0 {
                assert!(proves_nothing(&meaning), "no answer came: {meaning:?}");
            }
            if is_success(&meaning) {
                assert!((200..300).contains(&status), "{status}: {meaning:?}");
                let cut = HttpResponse { body: cut_off(body), ..response };
                if !cut.body.is_empty() && kind != CallKind::Save(SaveKind::Delete) {
                    let cut = self::meaning(*adapter, kind, &cut);
                    assert!(!is_success(&cut), "a body that broke off: {cut:?}");
                }
            }
            check_meaning(&meaning);
        }
    }
}

/// What is understood is well formed, and the same when said as a verdict and read again.
pub fn check_meaning(meaning: &Meaning) {
    let text = meaning.to_json();
    assert!(json::check(&text).is_ok(), "{}", String::from_utf8_lossy(&text));
    match meaning {
        Meaning::Save(outcome) => {
            check_save(outcome);
            assert_eq!(verdict::save_outcome(&text), *outcome);
        }
        Meaning::Load(outcome) => {
            check_load(outcome);
            assert_eq!(verdict::load_outcome(&text), as_told(outcome));
        }
        Meaning::Find(FindOutcome::Key(key)) => {
            assert_eq!(verdict::find_outcome(&text), FindOutcome::Key(key.clone()));
        }
        Meaning::Find(FindOutcome::Load(outcome)) => {
            check_load(outcome);
            assert_eq!(verdict::find_outcome(&text), FindOutcome::Load(as_told(outcome)));
        }
    }
}

fn check_save(outcome: &SaveOutcome) {
    match outcome {
        SaveOutcome::Saved { key: _, stamp: _, document }
        | SaveOutcome::Stale { current: _, document, fence: _, retry_after: _ } => {
            document.iter().for_each(|document| check_document(document));
        }
        SaveOutcome::Rejected(rejection) => check_rejection(rejection),
        SaveOutcome::Exists { .. }
        | SaveOutcome::Gone
        | SaveOutcome::Closed(_)
        | SaveOutcome::Unavailable { .. }
        | SaveOutcome::Locked { .. }
        | SaveOutcome::InDoubt
        | SaveOutcome::Unauthenticated { .. } => {}
    }
}

fn check_load(outcome: &LoadOutcome) {
    match outcome {
        LoadOutcome::Loaded(loaded) => check_document(&loaded.document),
        LoadOutcome::Rejected(rejection) => check_rejection(rejection),
        LoadOutcome::Gone
        | LoadOutcome::Unavailable { .. }
        | LoadOutcome::Unauthenticated { .. } => {}
    }
}

fn check_document(document: &[u8]) {
    assert!(json::check(document).is_ok() && json::kind(document) == json::Kind::Object);
}

/// A refusal has words, and not endlessly many.
fn check_rejection(rejection: &Rejection) {
    assert!(rejection.message.len() < 4_096 && rejection.fields.len() < 1_000);
    assert!(rejection.stock.len() < 1_000);
}

/// A verdict names neither a loaded document's key nor whether a server was reached.
fn as_told(outcome: &LoadOutcome) -> LoadOutcome {
    let mut told = outcome.clone();
    match &mut told {
        LoadOutcome::Loaded(loaded) => loaded.key = None,
        LoadOutcome::Unavailable { reached, .. } => *reached = true,
        LoadOutcome::Gone | LoadOutcome::Unauthenticated { .. } | LoadOutcome::Rejected(_) => {}
    }
    told
}

fn proves_nothing(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Save(outcome) => *outcome == SaveOutcome::InDoubt,
        Meaning::Load(outcome) | Meaning::Find(FindOutcome::Load(outcome)) => {
            matches!(outcome, LoadOutcome::Unavailable { reached: false, .. })
        }
        Meaning::Find(FindOutcome::Key(_)) => false,
    }
}

fn is_success(meaning: &Meaning) -> bool {
    matches!(
        meaning,
        Meaning::Save(SaveOutcome::Saved { .. })
            | Meaning::Load(LoadOutcome::Loaded(_))
            | Meaning::Find(FindOutcome::Key(_) | FindOutcome::Load(LoadOutcome::Loaded(_)))
    )
}

fn cut_off(body: &[u8]) -> &[u8] {
    let body = body.trim_ascii_end();
    &body[..body.len().saturating_sub(1)]
}

fn meaning(adapter: &dyn Adapter, kind: CallKind, response: &HttpResponse<'_>) -> Meaning {
    match kind {
        CallKind::Load => Meaning::Load(adapter.classify_load(response)),
        CallKind::Find => Meaning::Find(adapter.classify_find("uuid", "c-1", response)),
        CallKind::Save(kind) => Meaning::Save(adapter.classify_save(kind, response)),
    }
}

/// Status, headers and body. What is no number is status 0, as if no answer came.
fn parse(data: &[u8]) -> (u16, Vec<(String, String)>, &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let status = status.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let mut rest = lines.next().unwrap_or_default();
    let mut headers = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    (status, headers, rest)
}
