//! Who is asking: API tokens, cookie sessions and their CSRF tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::Rng;

use crate::cli::Account;
use crate::exchange::Exchange;

/// What the request's credentials say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A valid API token.
    Token {
        /// The user's name.
        user: String,
    },
    /// A living cookie session.
    Session {
        /// The user's name.
        user: String,
        /// The session's id.
        sid: String,
    },
    /// No credentials, or a session that has ended.
    Guest {
        /// True if a session id came that is no longer (or never was) known.
        expired: bool,
    },
    /// An API token that is wrong.
    Unknown,
}

#[derive(Debug)]
struct Session {
    user: String,
    csrf: Option<String>,
}

/// The accounts and the living sessions. Sessions are not stored: a restart signs all out.
#[derive(Debug)]
pub struct Sessions {
    accounts: Vec<Account>,
    living: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Sessions for these accounts.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self { accounts, living: Mutex::default() }
    }

    /// Reads the credentials. A cookie wins over a token, as in Frappe.
    pub fn caller(&self, exchange: &Exchange) -> Caller {
        let sid = exchange.cookie("sid").filter(|sid| !sid.is_empty() && *sid != "Guest");
        if let Some(sid) = sid {
            return match self.lock().get(sid) {
                Some(session) => {
                    Caller::Session { user: session.user.clone(), sid: sid.to_owned() }
                }
                None => Caller::Guest { expired: true },
            };
        }
        let Some(header) = exchange.header("authorization") else {
            return Caller::Guest { expired: false };
        };
        let token =
            header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("token"));
        let found =
            token.and_then(|(_, token)| token.trim().split_once(':')).and_then(|(key, secret)| {
                self.accounts.iter().find(|account| account.key == key && account.secret == secret)
            });
        match found {
            Some(account) => Caller::Token { user: account.user.clone() },
            None => Caller::Unknown,
        }
    }

    /// Opens a session and returns its id and user; the password is the API secret.
    pub fn login(&self, name: &str, password: &str) -> Option<(String, String)> {
        let account = self.accounts.iter().find(|account| {
            (account.user == name || account.key == name) && account.secret == password
        })?;
        let sid = random_hex(28);
        let session = Session { user: account.user.clone(), csrf: None };
        self.lock().insert(sid.clone(), session);
        Some((sid, account.user.clone()))
    }

    /// Ends one session.
    pub fn logout(&self, sid: &str) {
        self.lock().remove(sid);
    }

    /// Ends all sessions, as when they expire.
    pub fn expire_all(&self) {
        self.lock().clear();
    }

    /// The session's CSRF token; made, and checked from then on, when first asked for.
    pub fn csrf_token(&self, sid: &str) -> Option<String> {
        let mut living = self.lock();
        let session = living.get_mut(sid)?;
        Some(session.csrf.get_or_insert_with(|| random_hex(28)).clone())
    }

    /// Whether a write with this CSRF token may pass.
    pub fn csrf_passes(&self, sid: &str, sent: Option<&str>) -> bool {
        match self.lock().get(sid) {
            Some(Session { csrf: Some(token), .. }) => sent == Some(token.as_str()),
            _ => true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `bytes` random bytes as lower-case hex.
pub fn random_hex(bytes: usize) -> String {
    let mut rng = rand::rng();
    (0..bytes).map(|_| format!("{:02x}", rng.random::<u8>())).collect()
}
