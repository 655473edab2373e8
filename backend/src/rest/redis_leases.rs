//! Leases in Redis, one Lua script a step (`leases.lua`).
//!
//! Redis says who holds a document and who is next. It cannot say it inside the write's transaction,
//! and it may lose its data, so by itself it would not be safe. What makes it safe:
//!
//! 1. Every grant is noted in the database (`rest_leases.fence`) before it is answered, in a
//!    transaction that locks the document's row, as every write does. A write that was under way when
//!    the lease changed hands is therefore stored before the grant is answered, and the new holder
//!    reads it.
//! 2. A write with a fence is done only if that fence is the highest that the database knows, read
//!    under the lock of the write's own transaction, and Redis says that its lease lives. So a write
//!    that comes after a newer grant is refused, whatever Redis says or has forgotten.
//! 3. A new fence is above the highest that the database knows, so fences rise for ever, also where
//!    Redis was emptied.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Client, Connection, Script};

use super::database::Session;
use super::leases::{tell_turn, Ask, Leases, ASK_AGAIN_MS, PARKED_MAX, TICKETS_MAX, TOLD};
use super::refusal::Refusal;

/// Longer than Redis ever needs for a step.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Leases in a Redis server.
pub struct InRedis {
    client: Client,
    idle: Mutex<Vec<Connection>>,
    script: Script,
}

impl InRedis {
    /// Connects.
    pub fn open(url: &str) -> Result<Self, String> {
        let reason = |error: redis::RedisError| format!("{url}: {error}");
        let client = Client::open(url).map_err(reason)?;
        let script = Script::new(include_str!("leases.lua"));
        let leases = Self { client, idle: Mutex::default(), script };
        let connection = leases.connect().map_err(reason)?;
        leases.idle().push(connection);
        Ok(leases)
    }

    fn connect(&self) -> redis::RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, step: &Step<'_>) -> Result<Vec<String>, Refusal> {
        let broken = |error: redis::RedisError| Refusal::Broken(format!("Redis: {error}"));
        let [collection, id] = step.document;
        let mut call = self.script.prepare_invoke();
        // The braces put a document's keys into one slot of a cluster.
        let name = format!("{{{}:{collection}/{id}}}", collection.len());
        for kind in ["lease", "fence", "queue"] {
            call.key(format!("restamp:{kind}:{name}"));
        }
        call.arg(step.what).arg(step.holder).arg(step.ttl).arg(step.fence);
        call.arg(i64::from(step.parked)).arg(step.passed);
        call.arg(TICKETS_MAX).arg(PARKED_MAX).arg(TOLD);
        let idle = self.idle().pop();
        if let Some(mut connection) = idle {
            if let Ok(answer) = call.invoke(&mut connection) {
                self.idle().push(connection);
                return Ok(answer);
            }
            // Redis was started anew, say. A step done twice does no harm: a claim renews.
        }
        let mut connection = self.connect().map_err(broken)?;
        let answer = call.invoke(&mut connection).map_err(broken)?;
        self.idle().push(connection);
        Ok(answer)
    }
}

/// What the script is asked.
struct Step<'a> {
    what: &'static str,
    document: [&'a str; 2],
    holder: &'a str,
    /// How long the lease or the ticket lasts.
    ttl: i64,
    /// The fence to release, or the highest that the database knows.
    fence: i64,
    parked: bool,
    /// For how long those who came later may pass it.
    passed: i64,
}

impl<'a> Step<'a> {
    fn new(what: &'static str, document: [&'a str; 2], holder: &'a str) -> Self {
        Self { what, document, holder, ttl: 0, fence: 0, parked: false, passed: 0 }
    }
}

/// The highest fence that the database knows, under a lock.
fn noted(session: &mut dyn Session, [collection, id]: [&str; 2]) -> Result<i64, Refusal> {
    let statement = "SELECT fence FROM rest_leases WHERE collection = ?1 AND id = ?2";
    let rows = session.lock(statement, &[collection.into(), id.into()])?;
    Ok(rows.first().map_or(0, |row| row.int(0)))
}

fn number(text: Option<&String>) -> i64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Leases for InRedis {
    fn stand(
        &self,
        session: &mut dyn Session,
        ask: &Ask,
        id: &str,
    ) -> Result<Option<i64>, Refusal> {
        let document = [ask.collection.as_str(), id];
        session.query(
            "INSERT INTO rest_leases (collection, id, holder, fence, until)
             VALUES (?1, ?2, '', 0, 0) ON CONFLICT DO NOTHING",
            &[document[0].into(), id.into()],
        )?;
        noted(session, document)?;
        let answer = self.step(&Step::new("stand", document, &ask.holder))?;
        Ok((answer.first().map_or("", String::as_str) != "free").then(|| number(answer.get(1))))
    }

    fn grant(&self, session: &mut dyn Session, ask: &Ask, id: &str) -> Result<i64, Refusal> {
        let document = [ask.collection.as_str(), id];
        let mut step = Step::new("grant", document, &ask.holder);
        (step.ttl, step.fence) = (ask.ttl, noted(session, document)?);
        let fence = number(self.step(&step)?.get(1));
        if fence == 0 {
            // It ended, or somebody came, between the two steps.
            return Err(Refusal::Contended);
        }
        let statement = "UPDATE rest_leases SET fence = ?3
             WHERE collection = ?1 AND id = ?2 AND fence < ?3";
        session.query(statement, &[document[0].into(), id.into(), fence.into()])?;
        Ok(fence)
    }

    fn queue(
        &self,
        session: &mut dyn Session,
        ask: &Ask,
        id: &str,
        lives_ms: i64,
    ) -> Result<bool, Refusal> {
        let document = [ask.collection.as_str(), id];
        let mut step = Step::new("queue", document, &ask.holder);
        (step.ttl, step.passed, step.parked) = (lives_ms, ask.passed_ms(), ask.parked);
        let answer = self.step(&step)?;
        for next in answer.iter().skip(1) {
            tell_turn(session, document, next)?;
        }
        Ok(answer.first().map_or("", String::as_str) == "waiting")
    }

    fn release(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: i64,
    ) -> Result<(), Refusal> {
        let mut step = Step::new("release", document, "");
        step.fence = fence;
        for next in self.step(&step)?.iter().skip(1) {
            tell_turn(session, document, next)?;
        }
        Ok(())
    }

    fn leave(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        holder: &str,
    ) -> Result<(), Refusal> {
        for next in self.step(&Step::new("leave", document, holder))?.iter().skip(1) {
            tell_turn(session, document, next)?;
        }
        Ok(())
    }

    fn check(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: Option<i64>,
    ) -> Result<String, Refusal> {
        let noted = noted(session, document)?;
        let answer = self.step(&Step::new("look", document, ""))?;
        let (holder, granted) =
            (answer.first().cloned().unwrap_or_default(), number(answer.get(1)));
        match fence {
            None if holder.is_empty() => Ok(holder),
            None => Err(Refusal::leased(document[1], number(answer.get(2)).min(ASK_AGAIN_MS))),
            Some(fence) if !holder.is_empty() && fence == granted && fence >= noted => Ok(holder),
            Some(_) => Err(Refusal::fenced(document[1])),
        }
    }

    fn clear(&self) -> Result<(), Refusal> {
        Ok(())
    }
}
