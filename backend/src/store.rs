//! SQLite for the Frappe dialect: one connection behind a mutex, one `BEGIN IMMEDIATE` transaction per request.
//!
//! Documents are JSON text, so no number passes through a database type.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS documents (
    doctype TEXT NOT NULL, name TEXT NOT NULL, modified TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (doctype, name));
CREATE TABLE IF NOT EXISTS rows (
    doctype TEXT NOT NULL, name TEXT NOT NULL, parenttype TEXT NOT NULL, parent TEXT NOT NULL,
    parentfield TEXT NOT NULL, idx INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (doctype, name));
CREATE INDEX IF NOT EXISTS rows_of_parent ON rows (parenttype, parent);
CREATE TABLE IF NOT EXISTS unique_values (
    doctype TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (doctype, field, value));
CREATE TABLE IF NOT EXISTS series (prefix TEXT PRIMARY KEY, current INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS prices (
    item_code TEXT PRIMARY KEY, rate TEXT NOT NULL, fresh INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stock (item_code TEXT PRIMARY KEY, available TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS commits (
    token TEXT PRIMARY KEY, user TEXT NOT NULL, answer TEXT NOT NULL);
";

const PRICE_LIST: [(&str, &str); 20] = [
    ("SKU001", "10"),
    ("SKU002", "25.5"),
    ("SKU003", "3.333"),
    ("SKU004", "99.99"),
    ("SKU005", "0.1"),
    ("SKU006", "0.2"),
    ("TEA", "2.5"),
    ("COFFEE", "3.5"),
    ("ESPRESSO", "2.75"),
    ("FLATWHITE", "18"),
    ("CAKE", "4.25"),
    ("CROISSANT", "12"),
    ("COLA", "2"),
    ("SODA", "1.75"),
    ("WATER", "1"),
    ("JUICE", "3"),
    ("BURGER", "8.9"),
    ("FRIES", "3.2"),
    ("PIZZA", "9.5"),
    ("SALAD", "6.4"),
];

/// The database.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens or makes the database; in memory without a path.
    pub fn open(path: Option<&Path>) -> rusqlite::Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // The REST dialect has a connection of its own to the same file.
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        connection.execute_batch(SCHEMA)?;
        for (item_code, rate) in PRICE_LIST {
            connection.execute(
                "INSERT OR IGNORE INTO prices (item_code, rate, fresh) VALUES (?1, ?2, 0)",
                (item_code, rate),
            )?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs `work` in one transaction: committed if it is `Ok`, rolled back otherwise.
    pub fn transact<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Empties every table but the built-in price list, for a test that wants a fresh start.
    pub fn clear(&self) -> rusqlite::Result<()> {
        self.transact(|transaction| {
            transaction.execute_batch(
                "DELETE FROM documents; DELETE FROM rows; DELETE FROM unique_values;
                 DELETE FROM series; DELETE FROM stock; DELETE FROM prices;
                 DELETE FROM commits;",
            )?;
            for (item_code, rate) in PRICE_LIST {
                transaction.execute(
                    "INSERT INTO prices (item_code, rate, fresh) VALUES (?1, ?2, 0)",
                    (item_code, rate),
                )?;
            }
            Ok(())
        })
    }
}
