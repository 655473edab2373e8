//! What may happen to a request on its way, and to its answer on the way back.

use crate::chance::Chance;
use crate::limits::{Fault, Limits};
use crate::server::Answer;

/// The fate of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer too.
    Through,
    /// It never arrives; the page hears nothing.
    RequestLost,
    /// It arrives, its answer does not.
    AnswerLost,
    /// The page has given it up before it arrives.
    Late,
    /// It arrives twice; the first answer counts.
    Doubled,
    /// Somebody on the way answers in the server's place; whether the server got the request.
    Instead(Wrong, bool),
}

/// An answer that is not the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    TooManyRequests,
    /// 503 with the time to wait.
    Unavailable,
    /// Rolled back by the database.
    Deadlock,
    BadGateway,
    /// 503 as a page, without a time.
    Maintenance,
    GatewayTimeout,
    /// A portal's page with status 200.
    Portal,
    /// The server's answer, broken off.
    Cut,
}

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Of a hundred requests that many have some other fate than going through.
    pub faults: u64,
    /// Shortest and longest way to the server or back, ms.
    pub delay_ms: (u64, u64),
}

impl Network {
    pub fn fate(&self, chance: &mut Chance, limits: &Limits) -> Fate {
        if !chance.percent(self.faults) {
            return Fate::Through;
        }
        let applied = chance.percent(50);
        let (fault, fate) = match chance.below(20) {
            0..=3 => (Fault::Lost, Fate::RequestLost),
            4..=7 => (Fault::Lost, Fate::AnswerLost),
            8 | 9 => (Fault::Late, Fate::Late),
            10 | 11 => (Fault::Doubled, Fate::Doubled),
            12 => (Fault::Busy, Fate::Instead(Wrong::TooManyRequests, false)),
            13 => (Fault::Busy, Fate::Instead(Wrong::Unavailable, false)),
            14 => (Fault::Busy, Fate::Instead(Wrong::Deadlock, false)),
            15 => (Fault::Proxy, Fate::Instead(Wrong::BadGateway, applied)),
            16 => (Fault::Proxy, Fate::Instead(Wrong::Maintenance, applied)),
            17 => (Fault::Proxy, Fate::Instead(Wrong::GatewayTimeout, applied)),
            18 => (Fault::Proxy, Fate::Instead(Wrong::Portal, false)),
            _ => (Fault::Proxy, Fate::Instead(Wrong::Cut, true)),
        };
        if limits.has(fault) {
            fate
        } else {
            Fate::Through
        }
    }

    pub fn delay(&self, chance: &mut Chance) -> u64 {
        let (shortest, longest) = self.delay_ms;
        shortest + chance.below(longest - shortest + 1)
    }
}

impl Wrong {
    /// What the page gets; `own` is the server's own answer if it got the request.
    ///
    /// `seconds` to wait, where it says so.
    pub fn answer(self, own: Option<Answer>, frappe: bool, seconds: u64) -> Answer {
        let page = |status| Answer {
            status,
            headers: vec![("content-type".into(), "text/html".into())],
            body: b"<html><head><title>nginx</title></head><body>Sorry</body></html>".to_vec(),
        };
        let json = |status, body: &str| Answer {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        match self {
            Wrong::TooManyRequests => {
                let mut answer = json(429, "");
                answer.headers.push(("retry-after".into(), seconds.to_string()));
                answer
            }
            Wrong::Unavailable if frappe => json(503, r#"{"exc_type":"SessionStopped"}"#),
            Wrong::Unavailable => {
                let mut answer = json(503, "");
                answer.headers.push(("retry-after".into(), seconds.to_string()));
                answer
            }
            Wrong::Deadlock if frappe => json(500, r#"{"exc_type":"QueryDeadlockError"}"#),
            Wrong::Deadlock => json(500, r#"{"code":"40P01","message":"deadlock detected"}"#),
            Wrong::BadGateway => page(502),
            Wrong::Maintenance => page(503),
            Wrong::GatewayTimeout => page(504),
            Wrong::Portal => page(200),
            Wrong::Cut => {
                let mut answer = own.unwrap_or_else(|| page(200));
                let half = answer.body.len() / 2;
                // An empty body cannot be cut.
                if answer.body.is_empty() {
                    return page(502);
                }
                answer.body.truncate(half.max(1));
                answer
            }
        }
    }
}
