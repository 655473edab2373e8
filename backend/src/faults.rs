//! Faults on demand: by `X-Fault`, by `?_fault=`, or armed beforehand for a matching request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{json, Value};

use crate::exchange::Reply;
use crate::frappe::{self, Refused};

/// A longer delay is cut to this.
const DELAY_MS_MAX: u64 = 600_000;
/// Size of the answer of `big`.
const BIG_BYTES: usize = 30 * 1024 * 1024;
const LOGIN_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Login</title></head>\
    <body><form action=\"/login\"><input name=\"usr\"><input name=\"pwd\"></form></body></html>";

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Waits before the request is looked at.
    Delay(Duration),
    /// Waits after the request is done, before the answer.
    DelayAfter(Duration),
    /// Does everything, commits, drops the connection without an answer.
    LostAnswer,
    /// Drops the connection before doing anything.
    LostRequest,
    /// 503 with `Retry-After` in seconds; nothing done.
    Unavailable(u64),
    /// 429 with `Retry-After` in seconds; nothing done.
    TooMany(u64),
    /// A proxy's 502 page; nothing done.
    BadGateway,
    /// Does everything, then answers a proxy's 504 page.
    TimeoutApplied,
    /// 500 QueryDeadlockError; nothing kept.
    Deadlock,
    /// Does everything; the answer breaks off in the middle.
    Truncate,
    /// 200 with `{"data":`; nothing done.
    Garbage,
    /// 200 with an HTML login page; nothing done.
    Html,
    /// 200 with a 30 MB body; nothing done.
    Big,
    /// The answer of a dead session; nothing done.
    SessionExpired,
}

impl Fault {
    /// Reads a comma list. The error names the word that is no fault.
    pub fn parse(list: &str) -> Result<Vec<Self>, String> {
        list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(Self::one).collect()
    }

    fn one(word: &str) -> Result<Self, String> {
        let (name, number) = match word.split_once('=') {
            Some((name, number)) => {
                (name, Some(number.parse::<u64>().map_err(|_| format!("bad number in {word}"))?))
            }
            None => (word, None),
        };
        let wait = || Duration::from_millis(number.unwrap_or(0).min(DELAY_MS_MAX));
        Ok(match name {
            "delay" => Self::Delay(wait()),
            "delay-after" => Self::DelayAfter(wait()),
            "lost-answer" => Self::LostAnswer,
            "lost-request" => Self::LostRequest,
            "503" => Self::Unavailable(number.unwrap_or(1)),
            "429" => Self::TooMany(number.unwrap_or(1)),
            "502-html" => Self::BadGateway,
            "504-applied" => Self::TimeoutApplied,
            "deadlock" => Self::Deadlock,
            "truncate" => Self::Truncate,
            "garbage" => Self::Garbage,
            "html" => Self::Html,
            "big" => Self::Big,
            "session-expired" => Self::SessionExpired,
            _ => return Err(format!("unknown fault {word}")),
        })
    }

    /// The answer given in the place of the request's own, if this fault has one. The path
    /// chooses the dialect of errors that the application itself would have made.
    pub fn instead(self, exchange: &crate::exchange::Exchange) -> Option<Reply> {
        let refusal = |refused: &Refused| refused.reply(frappe::api_of(&exchange.path));
        Some(match self {
            Self::Unavailable(seconds) => {
                refusal(&Refused::silent(503, "SessionStopped", "Session Stopped"))
                    .with("retry-after", seconds.to_string())
            }
            Self::TooMany(seconds) => refusal(&Refused::silent(429, "TooManyRequestsError", ""))
                .with("x-ratelimit-reset", seconds.to_string())
                .with("x-ratelimit-remaining", "0")
                .with("retry-after", seconds.to_string()),
            Self::BadGateway => page(502, "Bad Gateway"),
            Self::Deadlock => refusal(&Refused::deadlock()),
            Self::Garbage => Reply::text(200, "application/json", "{\"data\":"),
            Self::Html => Reply::html(200, LOGIN_PAGE),
            Self::Big => {
                let padding = "x".repeat(BIG_BYTES);
                Reply::json(200, &json!({ "data": { "name": "BIG", "padding": padding } }))
            }
            Self::SessionExpired => frappe::session_expired(exchange),
            _ => return None,
        })
    }
}

/// A proxy's error page.
pub fn page(status: u16, title: &str) -> Reply {
    Reply::html(
        status,
        &format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ),
    )
}

/// A fault that waits for the next requests that match.
#[derive(Clone, Debug)]
struct Trap {
    matches: String,
    list: String,
    faults: Vec<Fault>,
    /// Requests still to hit; `None` means all of them.
    left: Option<u64>,
}

/// The traps set by `POST /_test/faults`.
#[derive(Debug, Default)]
pub struct Armed(Mutex<Vec<Trap>>);

impl Armed {
    /// Sets a trap from `{"match": "PUT /api/resource", "fault": "lost-answer", "times": 1}`.
    /// `times` is 1 when absent; 0 lasts until the traps are cleared.
    pub fn arm(&self, wanted: &Value) -> Result<(), String> {
        let list = wanted["fault"].as_str().ok_or("fault is missing")?.to_owned();
        let faults = Fault::parse(&list)?;
        let times = wanted.get("times").and_then(Value::as_u64).unwrap_or(1);
        let matches = wanted["match"].as_str().unwrap_or_default().to_owned();
        self.lock().push(Trap { matches, list, faults, left: (times > 0).then_some(times) });
        Ok(())
    }

    /// Removes all traps.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The traps as JSON.
    pub fn list(&self) -> Value {
        let show = |trap: &Trap| json!({"match": trap.matches, "fault": trap.list, "times": trap.left.unwrap_or(0)});
        self.lock().iter().map(show).collect()
    }

    /// Whether a trap drops connections. Browsers silently resend a request that dies on a
    /// reused connection, so while such a trap is set no connection may be reused.
    pub fn drops_connections(&self) -> bool {
        let drops = |fault: &Fault| matches!(fault, Fault::LostAnswer | Fault::LostRequest);
        self.lock().iter().any(|trap| trap.faults.iter().any(drops))
    }

    /// The faults of the first trap that this request falls into.
    pub fn spring(&self, method: &str, target: &str) -> Vec<Fault> {
        let mut traps = self.lock();
        let Some(at) = traps.iter().position(|trap| trap.catches(method, target)) else {
            return Vec::new();
        };
        let faults = traps[at].faults.clone();
        if let Some(left) = &mut traps[at].left {
            *left -= 1;
            if *left == 0 {
                traps.remove(at);
            }
        }
        faults
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trap {
    /// `METHOD /path-prefix`, `METHOD`, `/path-prefix` or nothing, which is every request.
    fn catches(&self, method: &str, target: &str) -> bool {
        let (verb, prefix) = match self.matches.split_once(' ') {
            Some((verb, prefix)) => (verb, prefix.trim()),
            None if self.matches.starts_with('/') => ("", self.matches.as_str()),
            None => (self.matches.as_str(), ""),
        };
        let verb_fits = verb.is_empty() || verb == "*" || verb.eq_ignore_ascii_case(method);
        let decoded = percent_encoding::percent_decode_str(target).decode_utf8_lossy();
        verb_fits && (target.starts_with(prefix) || decoded.starts_with(prefix))
    }
}
