//! What all requests share.

use std::sync::Arc;

use crate::cli::Options;
use crate::faults::Armed;
use crate::record::Record;
use crate::rest::Rest;
use crate::session::Sessions;
use crate::store::Store;

/// The running server's state.
#[derive(Debug)]
pub struct App {
    /// The command line.
    pub options: Options,
    /// The database of the Frappe dialect.
    pub store: Store,
    /// The REST dialect with its database.
    pub rest: Arc<Rest>,
    /// Accounts and cookie sessions.
    pub sessions: Sessions,
    /// Faults waiting for a matching request.
    pub armed: Armed,
    /// The last requests.
    pub record: Record,
}

impl App {
    /// Opens the databases and starts with nobody signed in.
    pub fn open(options: Options) -> Result<Self, String> {
        Ok(Self {
            store: Store::open(options.data.as_deref()).map_err(|error| error.to_string())?,
            rest: Arc::new(Rest::open(&options)?),
            sessions: Sessions::new(options.accounts.clone()),
            armed: Armed::default(),
            record: Record::default(),
            options,
        })
    }
}
