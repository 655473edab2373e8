//! SQLite: one connection behind a mutex, one `BEGIN IMMEDIATE` transaction at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior};

use super::database::{Channel, Database, Row, Session, Value, Work, SCHEMA, TABLES};
use super::hub::Hub;
use super::refusal::Refusal;

/// Another process at the same file is waited for so long.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// An embedded database.
pub struct Sqlite {
    connection: Mutex<Connection>,
    hub: Arc<Hub>,
}

impl Sqlite {
    /// Opens or makes the database; in memory without a path.
    pub fn open(path: Option<&Path>, hub: &Arc<Hub>) -> rusqlite::Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(BUSY_WAIT)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        connection.execute_batch(SCHEMA)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS rest_numbers (only INTEGER PRIMARY KEY, next BIGINT NOT NULL)",
        )?;
        // A database in memory that was lost must not begin with the same numbers again.
        connection.execute("INSERT OR IGNORE INTO rest_numbers VALUES (1, ?1)", [clock()])?;
        Ok(Self { connection: Mutex::new(connection), hub: Arc::clone(hub) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database for Sqlite {
    fn run(&self, work: Work<'_>) -> Result<(), Refusal> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut session = Immediate { connection: &transaction, told: Vec::new() };
        work(&mut session)?;
        let told = session.told;
        transaction.commit()?;
        // Still under the mutex, so that word goes out in the order of commits.
        for (channel, payload) in told {
            self.hub.deliver(channel, &payload);
        }
        Ok(())
    }

    fn block(
        &self,
        [collection, name]: [&str; 2],
        token: &str,
        count: i64,
    ) -> Result<(i64, i64), Refusal> {
        let mut block = (0, 0);
        self.run(&mut |session| {
            let known = [collection.into(), name.into(), token.into()];
            if !token.is_empty() {
                let statement = "SELECT first, count FROM rest_blocks
                     WHERE collection = ?1 AND name = ?2 AND token = ?3";
                if let Some(row) = session.query(statement, &known)?.first() {
                    block = (row.int(0), row.int(1));
                    return Ok(());
                }
            }
            let rows = session.query(
                "INSERT INTO rest_sequences (collection, name, next) VALUES (?1, ?2, 1 + ?3)
                 ON CONFLICT (collection, name) DO UPDATE SET next = rest_sequences.next + ?3
                 RETURNING next - ?3",
                &[collection.into(), name.into(), count.into()],
            )?;
            block = (rows.first().map_or(0, |row| row.int(0)), count);
            if !token.is_empty() {
                let [collection, name, token] = known;
                session.query(
                    "INSERT INTO rest_blocks (collection, name, token, first, count)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    &[collection, name, token, block.0.into(), count.into()],
                )?;
            }
            Ok(())
        })?;
        Ok(block)
    }

    fn sessions(&self) -> usize {
        1
    }

    fn clear(&self) -> Result<(), Refusal> {
        let connection = self.connection();
        for table in TABLES {
            connection.execute(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(())
    }
}

/// A transaction that has the database to itself.
struct Immediate<'a> {
    connection: &'a Connection,
    told: Vec<(Channel, String)>,
}

impl Session for Immediate<'_> {
    fn query(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal> {
        let mut prepared = self.connection.prepare_cached(statement)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(rusqlite::params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let value = |column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Integer(number) => Value::Int(number),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Value::Null,
                })
            };
            found.push(Row((0..columns).map(value).collect::<rusqlite::Result<_>>()?));
        }
        Ok(found)
    }

    /// There is no other transaction.
    fn lock(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal> {
        self.query(statement, values)
    }

    fn now(&mut self) -> Result<i64, Refusal> {
        Ok(clock())
    }

    fn number(&mut self) -> Result<i64, Refusal> {
        let rows = self.query("UPDATE rest_numbers SET next = next + 1 RETURNING next", &[])?;
        Ok(rows.first().map_or(0, |row| row.int(0)))
    }

    fn tell(&mut self, channel: Channel, payload: String) -> Result<(), Refusal> {
        self.told.push((channel, payload));
        Ok(())
    }
}

fn clock() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Contended
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}
