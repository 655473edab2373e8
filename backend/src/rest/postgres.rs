//! PostgreSQL: a pool of connections, READ COMMITTED, row locks by `FOR UPDATE NOWAIT`.
//!
//! Several server processes may work on one database: what is decided is decided under row locks of
//! the same transaction, and word goes to all of them by NOTIFY.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::postgres::error::SqlState;
use ::postgres::fallible_iterator::FallibleIterator;
use ::postgres::types::{to_sql_checked, IsNull, ToSql, Type};
use ::postgres::{Client, Config, NoTls, Statement, Transaction};
use bytes::BytesMut;
use rand::Rng;

use super::database::{Channel, Database, Row, Session, Value, Work, SCHEMA, TABLES};
use super::hub::Hub;
use super::refusal::Refusal;

/// Connections, and so transactions at once.
const SESSIONS: usize = 10;
/// Tries of a transaction that meets another one's locks (SQLSTATE 40001, 40P01, 55P03).
const TRIES: u32 = 6;
/// The wait before the second try, at most; it doubles with each.
const WAIT_MS: u64 = 10;
/// A statement that waits longer for another transaction is refused.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '500ms'";
/// Names the lock under which one process makes the tables.
const SCHEMA_LOCK: i64 = 7_262_346;
/// How long to wait before the listener connects again.
const RECONNECT: Duration = Duration::from_millis(250);

/// A database on a server.
pub struct Postgres {
    config: Config,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    client: Client,
    prepared: HashMap<(&'static str, bool), Statement>,
}

impl Postgres {
    /// Connects, makes the tables and begins to listen.
    pub fn open(url: &str, hub: &Arc<Hub>) -> Result<Self, String> {
        let mut config: Config = url.parse().map_err(|error| format!("{url}: {error}"))?;
        config.connect_timeout(Duration::from_secs(5));
        let database = Self { config: config.clone(), idle: Mutex::default() };
        let reason = |refused: Refusal| format!("{url}: {refused:?}");
        let mut connection = database.connect().map_err(reason)?;
        let made = make_tables(&mut connection.client);
        made.map_err(|error| format!("{url}: {}", broken(&error)))?;
        database.idle().push(connection);
        let first = listener(&config).map_err(|error| format!("{url}: {}", broken(&error)))?;
        let hub = Arc::clone(hub);
        std::thread::spawn(move || listen(first, &config, &hub));
        Ok(database)
    }

    fn connect(&self) -> Result<Connection, Refusal> {
        let mut client = self.config.connect(NoTls).map_err(Refusal::from)?;
        client.batch_execute(LOCK_TIMEOUT)?;
        Ok(Connection { client, prepared: HashMap::new() })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on a connection; one that broke is not used again.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => self.connect()?,
        };
        let done = work(&mut connection);
        if !connection.client.is_closed() {
            self.idle().push(connection);
        }
        done
    }

    fn attempt(
        &self,
        work: &mut dyn FnMut(&mut dyn Session) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.with(|connection| {
            let Connection { client, prepared } = connection;
            let mut open = Open { transaction: client.transaction()?, prepared };
            work(&mut open)?;
            open.transaction.commit().map_err(|error| match error.code() {
                // The server says what became of it.
                Some(_) => Refusal::from(error),
                None => Refusal::InDoubt(broken(&error)),
            })
        })
    }
}

impl Database for Postgres {
    fn run(&self, work: Work<'_>) -> Result<(), Refusal> {
        again(|| self.attempt(work))
    }

    /// One statement, and no transaction around it: the counter moves and the block is noted, or,
    /// where the token is known, neither is.
    fn block(
        &self,
        [collection, name]: [&str; 2],
        token: &str,
        count: i64,
    ) -> Result<(i64, i64), Refusal> {
        const STEP: &str =
            "INSERT INTO rest_sequences (collection, name, next) VALUES (?1, ?2, CAST(?3 AS BIGINT) + 1)
             ON CONFLICT (collection, name) DO UPDATE SET next = rest_sequences.next + ?3
             RETURNING next - ?3, CAST(?3 AS BIGINT)";
        const NOTED_STEP: &str = "WITH step AS (
                 INSERT INTO rest_sequences (collection, name, next) VALUES (?1, ?2, CAST(?3 AS BIGINT) + 1)
                 ON CONFLICT (collection, name) DO UPDATE SET next = rest_sequences.next + ?3
                 RETURNING next - ?3 AS first)
             INSERT INTO rest_blocks (collection, name, token, first, count)
             SELECT ?1, ?2, ?4, step.first, ?3 FROM step RETURNING first, count";
        const KNOWN: &str = "SELECT first, count FROM rest_blocks
             WHERE collection = ?1 AND name = ?2 AND token = ?3";
        let read = |rows: Vec<Row>| {
            rows.first().map(|row| (row.int(0), row.int(1))).ok_or(Refusal::Contended)
        };
        let step = [collection.into(), name.into(), count.into(), token.into()];
        again(|| {
            self.with(|Connection { client, prepared }| {
                let mut query = |statement: &'static str, values: &[Value]| {
                    let statement = prepare(client, prepared, statement, false)?;
                    let rows = client.query(&statement, &parameters(values))?;
                    rows.iter().map(row).collect::<Result<Vec<_>, ::postgres::Error>>()
                };
                if token.is_empty() {
                    return read(query(STEP, &step[..3])?);
                }
                match query(NOTED_STEP, &step) {
                    Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                        read(query(KNOWN, &[collection.into(), name.into(), token.into()])?)
                    }
                    done => read(done?),
                }
            })
        })
    }

    fn sessions(&self) -> usize {
        SESSIONS
    }

    fn clear(&self) -> Result<(), Refusal> {
        self.with(|connection| {
            let statement = format!("TRUNCATE {}", TABLES.join(", "));
            Ok(connection.client.batch_execute(&statement)?)
        })
    }
}

/// Tries again where another transaction was in the way, each time after a longer random wait.
fn again<T>(mut attempt: impl FnMut() -> Result<T, Refusal>) -> Result<T, Refusal> {
    let mut wait = WAIT_MS;
    for _ in 1..TRIES {
        match attempt() {
            Err(Refusal::Contended) => {}
            done => return done,
        }
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(1..=wait)));
        wait *= 2;
    }
    attempt()
}

/// Two processes that make the same table at once would fail: they take turns.
fn make_tables(client: &mut Client) -> Result<(), ::postgres::Error> {
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])?;
    transaction.batch_execute("SET LOCAL client_min_messages = 'warning'")?;
    transaction.batch_execute(SCHEMA)?;
    transaction.batch_execute("CREATE SEQUENCE IF NOT EXISTS rest_numbers AS BIGINT")?;
    transaction.commit()
}

fn listener(config: &Config) -> Result<Client, ::postgres::Error> {
    let mut client = config.connect(NoTls)?;
    for channel in [Channel::Changes, Channel::Turns] {
        client.batch_execute(&format!("LISTEN {}", channel.name()))?;
    }
    Ok(client)
}

/// Hands on what all processes tell, for as long as this one lives.
fn listen(mut client: Client, config: &Config, hub: &Hub) {
    loop {
        hear(&mut client, hub);
        client = loop {
            std::thread::sleep(RECONNECT);
            match listener(config) {
                Ok(client) => break client,
                Err(_) => continue,
            }
        };
        hub.missed();
    }
}

/// Hands on what is told, until the connection breaks.
fn hear(client: &mut Client, hub: &Hub) {
    let mut notifications = client.notifications();
    let mut heard = notifications.blocking_iter();
    while let Ok(Some(word)) = heard.next() {
        for channel in [Channel::Changes, Channel::Turns] {
            if word.channel() == channel.name() {
                hub.deliver(channel, word.payload());
            }
        }
    }
}

/// An open transaction.
struct Open<'a> {
    transaction: Transaction<'a>,
    prepared: &'a mut HashMap<(&'static str, bool), Statement>,
}

impl Open<'_> {
    fn rows(
        &mut self,
        statement: &'static str,
        values: &[Value],
        locks: bool,
    ) -> Result<Vec<Row>, Refusal> {
        let statement = prepare(&mut self.transaction, self.prepared, statement, locks)?;
        let rows = self.transaction.query(&statement, &parameters(values))?;
        Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
    }
}

impl Session for Open<'_> {
    fn query(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal> {
        self.rows(statement, values, false)
    }

    fn lock(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, Refusal> {
        self.rows(statement, values, true)
    }

    fn now(&mut self) -> Result<i64, Refusal> {
        let statement = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
        Ok(self.query(statement, &[])?.first().map_or(0, |row| row.int(0)))
    }

    fn number(&mut self) -> Result<i64, Refusal> {
        Ok(self.query("SELECT nextval('rest_numbers')", &[])?.first().map_or(0, |row| row.int(0)))
    }

    fn tell(&mut self, channel: Channel, payload: String) -> Result<(), Refusal> {
        let values = [channel.name().into(), payload.as_str().into()];
        self.query("SELECT pg_notify(?1, ?2)::TEXT", &values)?;
        Ok(())
    }
}

fn prepare(
    client: &mut impl ::postgres::GenericClient,
    prepared: &mut HashMap<(&'static str, bool), Statement>,
    statement: &'static str,
    locks: bool,
) -> Result<Statement, ::postgres::Error> {
    if let Some(known) = prepared.get(&(statement, locks)) {
        return Ok(known.clone());
    }
    let ending = if locks { " FOR UPDATE NOWAIT" } else { "" };
    let made = client.prepare(&(statement.replace('?', "$") + ending))?;
    prepared.insert((statement, locks), made.clone());
    Ok(made)
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn row(row: &::postgres::Row) -> Result<Row, ::postgres::Error> {
    let value = |column: usize| {
        Ok(if *row.columns()[column].type_() == Type::INT8 {
            row.try_get::<_, Option<i64>>(column)?.map_or(Value::Null, Value::Int)
        } else {
            row.try_get::<_, Option<String>>(column)?.map_or(Value::Null, Value::Text)
        })
    };
    Ok(Row((0..row.len()).map(value).collect::<Result<_, ::postgres::Error>>()?))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}

impl From<::postgres::Error> for Refusal {
    fn from(error: ::postgres::Error) -> Self {
        let contended = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        match error.code() {
            Some(code) if contended.contains(code) => Self::Contended,
            _ => Self::Broken(broken(&error)),
        }
    }
}

/// The error with its reasons.
fn broken(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text += &format!(": {reason}");
        source = reason.source();
    }
    text
}
