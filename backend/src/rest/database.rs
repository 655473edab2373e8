//! The storage of the REST dialect: one set of SQL statements over SQLite or PostgreSQL.
//!
//! What differs between the two is behind two traits: [`Database`] opens transactions, [`Session`]
//! runs statements in one. Statements use `?1`, `?2`, … and nothing but `TEXT` and `BIGINT`, so that
//! both understand them; documents are JSON text, so no number passes through a database type.

use std::sync::Arc;

use super::hub::Hub;
use super::refusal::Refusal;
use super::{postgres, sqlite};
use crate::cli::Options;

/// Tables of both databases.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS rest_documents (
    collection TEXT NOT NULL, id TEXT NOT NULL, number BIGINT NOT NULL, version BIGINT NOT NULL,
    stamp TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id));
CREATE TABLE IF NOT EXISTS rest_versions (
    collection TEXT NOT NULL, id TEXT NOT NULL, stamp TEXT NOT NULL, number BIGINT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (collection, id, stamp));
CREATE INDEX IF NOT EXISTS rest_versions_in_order ON rest_versions (collection, id, number);
CREATE TABLE IF NOT EXISTS rest_unique (
    collection TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (collection, field, value));
CREATE INDEX IF NOT EXISTS rest_unique_of_document ON rest_unique (collection, id);
CREATE TABLE IF NOT EXISTS rest_replays (
    collection TEXT NOT NULL, token TEXT NOT NULL, request TEXT NOT NULL, created BIGINT NOT NULL,
    status BIGINT NOT NULL, headers TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (collection, token));
CREATE INDEX IF NOT EXISTS rest_replays_by_age ON rest_replays (created);
CREATE TABLE IF NOT EXISTS rest_sequences (
    collection TEXT NOT NULL, name TEXT NOT NULL, next BIGINT NOT NULL,
    PRIMARY KEY (collection, name));
CREATE TABLE IF NOT EXISTS rest_blocks (
    collection TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, first BIGINT NOT NULL,
    count BIGINT NOT NULL, PRIMARY KEY (collection, name, token));
CREATE TABLE IF NOT EXISTS rest_leases (
    collection TEXT NOT NULL, id TEXT NOT NULL, holder TEXT NOT NULL, fence BIGINT NOT NULL,
    until BIGINT NOT NULL, PRIMARY KEY (collection, id));
DROP TABLE IF EXISTS rest_tickets;
CREATE TABLE IF NOT EXISTS rest_queue (
    collection TEXT NOT NULL, id TEXT NOT NULL, holder TEXT NOT NULL, number BIGINT NOT NULL,
    until BIGINT NOT NULL, bars BIGINT NOT NULL, parked BIGINT NOT NULL,
    PRIMARY KEY (collection, id, holder));
CREATE TABLE IF NOT EXISTS rest_edits (
    collection TEXT NOT NULL, id TEXT NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (collection, id, token));
";

/// The tables of [`SCHEMA`] that hold data.
pub const TABLES: [&str; 9] = [
    "rest_documents",
    "rest_versions",
    "rest_unique",
    "rest_replays",
    "rest_sequences",
    "rest_blocks",
    "rest_leases",
    "rest_queue",
    "rest_edits",
];

/// A value of a statement or of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// A BIGINT.
    Int(i64),
    /// A TEXT.
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A row of an answer.
#[derive(Clone, Debug)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The text of a column; empty if it has none.
    pub fn text(&self, column: usize) -> String {
        match self.0.get(column) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// The number of a column; 0 if it has none.
    pub fn int(&self, column: usize) -> i64 {
        match self.0.get(column) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        }
    }
}

/// Where word for other requests and other processes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A document changed ([`super::changes`]).
    Changes,
    /// It is somebody's turn ([`super::leases`]).
    Turns,
}

impl Channel {
    /// Its name in PostgreSQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changes => "restamp_changes",
            Self::Turns => "restamp_turns",
        }
    }
}

/// One transaction.
pub trait Session {
    /// Runs a statement and returns its rows.
    fn query(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal>;

    /// The same for a statement that reads rows which this transaction is going to decide about:
    /// they are locked until its end, and if another transaction holds one, that is
    /// [`Refusal::Contended`] at once (`FOR UPDATE NOWAIT`).
    fn lock(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal>;

    /// The database's clock in milliseconds: the same for all processes.
    fn now(&mut self) -> Result<i64, Refusal>;

    /// A number that no other call got, rising, never the same after a restart either.
    fn number(&mut self) -> Result<i64, Refusal>;

    /// Tells everybody, this process too, once the transaction is committed, in the order of commits.
    fn tell(&mut self, channel: Channel, payload: String) -> Result<(), Refusal>;
}

/// Work in a transaction.
pub type Work<'a> = &'a mut dyn FnMut(&mut dyn Session) -> Result<(), Refusal>;

/// A database.
pub trait Database: Send + Sync {
    /// Runs `work` in one transaction: committed if it is `Ok`, rolled back otherwise. Work that is
    /// [`Refusal::Contended`] is done anew a few times after a short wait with jitter.
    fn run(&self, work: Work<'_>) -> Result<(), Refusal>;

    /// The first of `count` numbers of a sequence that nobody else gets, by a single statement. With
    /// a token the same block again; the answer says how many numbers it has.
    fn block(&self, sequence: [&str; 2], token: &str, count: i64) -> Result<(i64, i64), Refusal>;

    /// How many transactions may run at once.
    fn sessions(&self) -> usize;

    /// Empties all tables.
    fn clear(&self) -> Result<(), Refusal>;
}

/// Opens the database that the options name. What it has to tell goes to `hub`.
pub fn open(options: &Options, hub: &Arc<Hub>) -> Result<Box<dyn Database>, String> {
    match &options.database {
        Some(url) => Ok(Box::new(postgres::Postgres::open(url, hub)?)),
        None => {
            let opened = sqlite::Sqlite::open(options.data.as_deref(), hub);
            Ok(Box::new(opened.map_err(|error| error.to_string())?))
        }
    }
}

/// Runs `work` in one transaction and returns what it made.
pub fn transact<T>(
    database: &dyn Database,
    mut work: impl FnMut(&mut dyn Session) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut made = None;
    database.run(&mut |session| {
        made = Some(work(session)?);
        Ok(())
    })?;
    made.ok_or_else(|| Refusal::Broken("a transaction ended without a result".to_owned()))
}
