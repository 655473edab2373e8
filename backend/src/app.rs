//! What all requests share.

use crate::cli::Options;
use crate::faults::Armed;
use crate::record::Record;
use crate::session::Sessions;
use crate::store::Store;

/// The running server's state.
#[derive(Debug)]
pub struct App {
    /// The command line.
    pub options: Options,
    /// The database.
    pub store: Store,
    /// Accounts and cookie sessions.
    pub sessions: Sessions,
    /// Faults waiting for a matching request.
    pub armed: Armed,
    /// The last requests.
    pub record: Record,
}

impl App {
    /// Opens the database and starts with nobody signed in.
    pub fn open(options: Options) -> rusqlite::Result<Self> {
        Ok(Self {
            store: Store::open(options.data.as_deref())?,
            sessions: Sessions::new(options.accounts.clone()),
            armed: Armed::default(),
            record: Record::default(),
            options,
        })
    }
}
