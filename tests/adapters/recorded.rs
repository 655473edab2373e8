//! Reads the recorded exchanges and says in one line what an answer was taken to mean.

use restamp::adapters::{Adapter, CallKind, FindOutcome, HttpResponse, Meaning};
use restamp::core::call::{Closed, LoadOutcome, Rejection, RejectionCode, SaveOutcome};
use restamp::core::stamp::Stamp;
use restamp::core::time::Millis;
use serde_json::Value;

/// One recorded exchange.
pub(crate) struct Exchange {
    pub(crate) file: String,
    pub(crate) index: usize,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Exchange {
    pub(crate) fn response(&self) -> HttpResponse<'_> {
        HttpResponse { status: self.status, headers: &self.headers, body: &self.body }
    }
}

/// All exchanges of a backend, in the order of the files' names.
pub(crate) fn exchanges(backend: &str) -> Vec<Exchange> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(folder.join(backend))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let list = recorded["exchanges"].as_array().map_or(&[][..], Vec::as_slice);
        all.extend(list.iter().enumerate().map(|(index, one)| exchange(&file, index, one)));
    }
    all
}

fn exchange(file: &str, index: usize, recorded: &Value) -> Exchange {
    let response = &recorded["response"];
    let pair = |name: &str, value: &Value| {
        (name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned())
    };
    // Frappe's recorder kept a list of pairs, the others an object.
    let mut headers = Vec::new();
    for header in response["headers"].as_array().into_iter().flatten() {
        headers.push(pair(header[0].as_str().unwrap(), &header[1]));
    }
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        headers.push(pair(name, value));
    }
    let body = &response["body"];
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Exchange {
        file: file.to_owned(),
        index,
        status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
        headers,
        body: if body.is_null() { Vec::new() } else { text.into_bytes() },
    }
}

/// A meaning in one line, such as `saved D-1 "4711" +doc` or `invalid [customer] Value missing`.
pub(crate) fn say(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Save(outcome) => say_save(outcome),
        Meaning::Load(outcome) | Meaning::Find(FindOutcome::Load(outcome)) => say_load(outcome),
        Meaning::Find(FindOutcome::Key(key)) => format!("found {key}"),
    }
}

fn say_save(outcome: &SaveOutcome) -> String {
    match outcome {
        SaveOutcome::Saved { key, stamp, document } => {
            format!("saved{}", copy(key.as_ref(), stamp.as_ref(), document.is_some()))
        }
        SaveOutcome::Stale { current, document, fence, retry_after } => {
            let lease = fence.as_ref().map_or(String::new(), |grant| {
                format!(" fence {} for {}", grant.fence, grant.ttl.0)
            });
            let told = wait(*retry_after);
            format!("stale{}{lease}{told}", copy(None, current.as_ref(), document.is_some()))
        }
        SaveOutcome::Exists { key } => format!("exists{}", copy(key.as_ref(), None, false)),
        SaveOutcome::Gone => "gone".to_owned(),
        SaveOutcome::Closed(Closed::Submitted) => "submitted".to_owned(),
        SaveOutcome::Closed(Closed::Cancelled) => "cancelled".to_owned(),
        SaveOutcome::Locked { retry_after } => format!("busy{}", wait(*retry_after)),
        SaveOutcome::Unavailable { retry_after } => format!("busy{}", wait(*retry_after)),
        SaveOutcome::InDoubt => "in doubt".to_owned(),
        SaveOutcome::Unauthenticated { csrf } => signed_out(*csrf),
        SaveOutcome::Rejected(rejection) => say_rejection(rejection),
    }
}

fn say_load(outcome: &LoadOutcome) -> String {
    match outcome {
        LoadOutcome::Loaded(loaded) => {
            format!("loaded{}", copy(loaded.key.as_ref(), loaded.stamp.as_ref(), false))
        }
        LoadOutcome::Gone => "gone".to_owned(),
        LoadOutcome::Unavailable { retry_after, reached } => {
            let name = if *reached { "unusable" } else { "unreached" };
            format!("{name}{}", wait(*retry_after))
        }
        LoadOutcome::Unauthenticated { csrf } => signed_out(*csrf),
        LoadOutcome::Rejected(rejection) => say_rejection(rejection),
    }
}

fn copy(key: Option<&String>, stamp: Option<&Stamp>, document: bool) -> String {
    let mut out = String::new();
    for part in [key, stamp.map(|stamp| &stamp.0)].into_iter().flatten() {
        out.push(' ');
        out.push_str(part);
    }
    if document {
        out.push_str(" +doc");
    }
    out
}

fn wait(retry_after: Option<Millis>) -> String {
    retry_after.map_or(String::new(), |wait| format!(" {}", wait.0))
}

fn signed_out(csrf: bool) -> String {
    if csrf { "csrf" } else { "signed out" }.to_owned()
}

fn say_rejection(rejection: &Rejection) -> String {
    let code = match rejection.code {
        RejectionCode::Forbidden => "forbidden",
        RejectionCode::Invalid => "invalid",
        RejectionCode::Stock => "stock",
    };
    let mut out = code.to_owned();
    for row in &rejection.stock {
        out.push_str(&format!(" {}={}", row.row, row.available));
    }
    if !rejection.fields.is_empty() {
        out.push_str(&format!(" {:?}", rejection.fields));
    }
    out.push_str(" | ");
    out.push_str(&rejection.message.replace('\n', " / "));
    out
}

/// Compares each exchange with its line in `table`: `file/index`, kind of call, meaning, note,
/// separated by tabs. No line may be missing or left over.
pub(crate) fn check_against(adapter: &dyn Adapter, recorded: &[Exchange], table: &str) {
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    let mut wrong = Vec::new();
    for (one, row) in recorded.iter().zip(&rows) {
        assert_eq!(row[0], format!("{}/{}", one.file, one.index), "the table's next line");
        let kind = CallKind::parse(row[1]).unwrap_or_else(|| panic!("{}: kind {}", row[0], row[1]));
        let meaning = say(&meaning(adapter, kind, &one.response()));
        if meaning != row[2] {
            wrong.push(format!("{}\n  expected {}\n  got      {meaning}", row[0], row[2]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(recorded.len(), rows.len(), "lines in the table");
}

/// Asks `adapter` what a response to this kind of call means.
pub(crate) fn meaning(
    adapter: &dyn Adapter,
    kind: CallKind,
    response: &HttpResponse<'_>,
) -> Meaning {
    match kind {
        CallKind::Load => Meaning::Load(adapter.classify_load(response)),
        CallKind::Find => Meaning::Find(adapter.classify_find("", "", response)),
        CallKind::Save(kind) => Meaning::Save(adapter.classify_save(kind, response)),
    }
}
