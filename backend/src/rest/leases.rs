//! Leases with fences: who may write a document for a while, and who is next.
//!
//! A fence is a number that rises with every grant of a document's lease, for ever. A write that
//! carries one is done only while the lease lives and no newer fence was granted, which is checked
//! in the write's own transaction, so a till that was too slow cannot overwrite the next one.
//!
//! Waiting is first come, first served: who is refused gets a ticket, which lives until a second
//! after the moment for which it was told to ask again. [`Leases`] is where lease and tickets are
//! kept: here in the database, or in Redis ([`super::redis_leases`]).

use serde_json::json;

use super::database::{Channel, Session};
use super::refusal::Refusal;

/// Shortest and longest lease, in milliseconds.
pub const TTL_MS: std::ops::RangeInclusive<i64> = 100..=60_000;
/// When to ask again, at the latest: most leases are given back long before they end by themselves.
pub const ASK_AGAIN_MS: i64 = 250;
/// How long a ticket outlives the moment for which its holder was told to ask again.
pub const TICKET_GRACE_MS: i64 = 1_000;
/// Most tickets of one document.
pub const TICKETS_MAX: i64 = 64;
/// Most parked saves of one document ([`super::parked`]). So many that 20 tills at one document need
/// two requests a save, and so few that the last has its turn before a client gives up after 2 s.
pub const PARKED_MAX: i64 = 14;

/// Somebody asks for a lease.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The collection.
    pub collection: String,
    /// The document.
    pub id: String,
    /// Who asks. The same holder asking again renews.
    pub holder: String,
    /// For how long, in milliseconds.
    pub ttl: i64,
    /// Whether it is a stale save that waits.
    pub parked: bool,
}

/// What becomes of an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The lease is the asker's.
    Granted {
        /// Its fence.
        fence: i64,
    },
    /// It is not the asker's turn; it has a ticket.
    Waiting {
        /// When to ask again, in milliseconds from now.
        retry_after: i64,
    },
    /// There is no more room in the queue.
    Full {
        /// When to ask again, in milliseconds from now.
        retry_after: i64,
    },
}

/// Where leases are kept. All calls are made in a transaction that has locked the document's row, if
/// there is one: so no lease is granted while a write that was allowed is under way.
pub trait Leases: Send + Sync {
    /// Grants or renews a lease, or gives or keeps a ticket.
    fn claim(&self, session: &mut dyn Session, ask: &Ask) -> Result<Claim, Refusal>;

    /// Ends the lease of this fence, if it is alive, and tells who is next.
    fn release(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: i64,
    ) -> Result<(), Refusal>;

    /// Gives a ticket back, and a lease that was granted to somebody who has gone.
    fn leave(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        holder: &str,
    ) -> Result<(), Refusal>;

    /// Whether a write may be done: with the fence of a living lease, or without one while there is
    /// none. Tells the lease's holder.
    fn check(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: Option<i64>,
    ) -> Result<String, Refusal>;

    /// Forgets all leases but not how far the fences got.
    fn clear(&self) -> Result<(), Refusal>;
}

/// Reads a fence as text.
pub fn fence(text: &str) -> Result<i64, Refusal> {
    text.trim().parse().map_err(|_| Refusal::unfit("A fence is a whole number"))
}

/// Tells a waiting holder that it is its turn.
pub fn tell_turn(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    holder: &str,
) -> Result<(), Refusal> {
    session.tell(Channel::Turns, json!([collection, id, holder]).to_string())
}

/// Leases in the database.
pub struct InDatabase;

struct Lease {
    holder: String,
    fence: i64,
    until: i64,
}

fn lease(session: &mut dyn Session, [collection, id]: [&str; 2]) -> Result<Option<Lease>, Refusal> {
    let statement = "SELECT holder, fence, until FROM rest_leases
         WHERE collection = ?1 AND id = ?2";
    let rows = session.lock(statement, &[collection.into(), id.into()])?;
    let read = |row: &super::database::Row| Lease {
        holder: row.text(0),
        fence: row.int(1),
        until: row.int(2),
    };
    Ok(rows.first().map(read))
}

/// The tickets that live at `now`, first come first: holder, until when, whether parked.
fn tickets(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    now: i64,
) -> Result<Vec<(String, i64, bool)>, Refusal> {
    let statement = "DELETE FROM rest_tickets WHERE collection = ?1 AND id = ?2 AND until <= ?3";
    session.query(statement, &[collection.into(), id.into(), now.into()])?;
    let statement = "SELECT holder, until, parked FROM rest_tickets
         WHERE collection = ?1 AND id = ?2 ORDER BY number";
    let rows = session.query(statement, &[collection.into(), id.into()])?;
    Ok(rows.iter().map(|row| (row.text(0), row.int(1), row.int(2) > 0)).collect())
}

impl Leases for InDatabase {
    fn claim(&self, session: &mut dyn Session, ask: &Ask) -> Result<Claim, Refusal> {
        let document = [ask.collection.as_str(), ask.id.as_str()];
        let [collection, id] = document;
        session.query(
            "INSERT INTO rest_leases (collection, id, holder, fence, until)
             VALUES (?1, ?2, '', 0, 0) ON CONFLICT DO NOTHING",
            &[collection.into(), id.into()],
        )?;
        let lease = lease(session, document)?.ok_or(Refusal::Contended)?;
        let now = session.now()?;
        let lives = lease.until > now;
        let tickets = tickets(session, document, now)?;
        let renews = lives && lease.holder == ask.holder;
        let first = tickets.first().is_none_or(|(holder, _, _)| *holder == ask.holder);
        if renews || !lives && first {
            let fence = if renews { lease.fence } else { lease.fence + 1 };
            let statement = "UPDATE rest_leases SET holder = ?3, fence = ?4, until = ?5
                 WHERE collection = ?1 AND id = ?2";
            let until = now + ask.ttl;
            let holder = ask.holder.as_str();
            session.query(
                statement,
                &[collection.into(), id.into(), holder.into(), fence.into(), until.into()],
            )?;
            drop_ticket(session, document, holder)?;
            return Ok(Claim::Granted { fence });
        }
        let until = match tickets.first() {
            Some((_, until, _)) if !lives => *until,
            _ => lease.until,
        };
        let retry_after = (until - now).max(1);
        if !tickets.iter().any(|(holder, _, _)| *holder == ask.holder) {
            let parked = tickets.iter().filter(|(_, _, parked)| *parked).count();
            let is_full = |count: usize, most: i64| i64::try_from(count).is_ok_and(|n| n >= most);
            if is_full(tickets.len(), TICKETS_MAX) || ask.parked && is_full(parked, PARKED_MAX) {
                return Ok(Claim::Full { retry_after });
            }
        }
        let retry_after = retry_after.min(ASK_AGAIN_MS);
        keep_ticket(session, ask, now + retry_after + TICKET_GRACE_MS)?;
        Ok(Claim::Waiting { retry_after })
    }

    fn release(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: i64,
    ) -> Result<(), Refusal> {
        let now = session.now()?;
        let Some(found) = lease(session, document)? else { return Ok(()) };
        if found.fence != fence || found.until <= now {
            return Ok(());
        }
        end(session, document, now)
    }

    fn leave(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        holder: &str,
    ) -> Result<(), Refusal> {
        drop_ticket(session, document, holder)?;
        let now = session.now()?;
        match lease(session, document)? {
            Some(found) if found.holder == holder && found.until > now => {
                end(session, document, now)
            }
            Some(found) if found.until > now => Ok(()),
            // It may have been this one's turn: the next must not wait for it.
            _ => tell_next(session, document, now),
        }
    }

    fn check(
        &self,
        session: &mut dyn Session,
        document: [&str; 2],
        fence: Option<i64>,
    ) -> Result<String, Refusal> {
        let now = session.now()?;
        let found = lease(session, document)?;
        let lives = |lease: &Lease| lease.until > now;
        match (fence, found) {
            (None, Some(lease)) if lives(&lease) => {
                Err(Refusal::leased(document[1], (lease.until - now).min(ASK_AGAIN_MS)))
            }
            (None, _) => Ok(String::new()),
            (Some(fence), Some(lease)) if lease.fence == fence && lives(&lease) => Ok(lease.holder),
            (Some(_), _) => Err(Refusal::fenced(document[1])),
        }
    }

    fn clear(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn end(session: &mut dyn Session, document: [&str; 2], now: i64) -> Result<(), Refusal> {
    let [collection, id] = document;
    let statement = "UPDATE rest_leases SET until = 0 WHERE collection = ?1 AND id = ?2";
    session.query(statement, &[collection.into(), id.into()])?;
    tell_next(session, document, now)
}

fn tell_next(session: &mut dyn Session, document: [&str; 2], now: i64) -> Result<(), Refusal> {
    match tickets(session, document, now)?.first() {
        Some((holder, _, _)) => tell_turn(session, document, holder),
        None => Ok(()),
    }
}

fn keep_ticket(session: &mut dyn Session, ask: &Ask, until: i64) -> Result<(), Refusal> {
    let number = session.number()?;
    session.query(
        "INSERT INTO rest_tickets (collection, id, holder, number, until, parked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (collection, id, holder) DO UPDATE SET until = ?5",
        &[
            ask.collection.as_str().into(),
            ask.id.as_str().into(),
            ask.holder.as_str().into(),
            number.into(),
            until.into(),
            i64::from(ask.parked).into(),
        ],
    )?;
    Ok(())
}

fn drop_ticket(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    holder: &str,
) -> Result<(), Refusal> {
    let statement = "DELETE FROM rest_tickets WHERE collection = ?1 AND id = ?2 AND holder = ?3";
    session.query(statement, &[collection.into(), id.into(), holder.into()])?;
    Ok(())
}
