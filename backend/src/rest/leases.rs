//! Leases with fences: who may write a document for a while, and who is next.
//!
//! A fence is a number that rises with every grant of a document's lease, for ever. A write that
//! carries one is done only while the lease lives and no newer fence was granted, which is checked
//! in the write's own transaction, so a till that was too slow cannot overwrite the next one.
//!
//! Waiting is first come, first served: who is refused gets a ticket, which lives until a second
//! after the moment for which it was told to ask again. [`Leases`] is where lease and tickets are
//! kept: here in the database, or in Redis ([`super::redis_leases`]).
//!
//! Who asks for several documents gets all or none, so nobody waits in a circle. Its tickets let
//! others pass while it waits for another of its documents, but for no longer than three seconds:
//! then they bar its documents for all who came later. So documents are not idle, and nobody starves.

use serde_json::json;

use super::database::{Channel, Session};
use super::refusal::Refusal;

/// Shortest and longest lease, in milliseconds.
pub const TTL_MS: std::ops::RangeInclusive<i64> = 100..=60_000;
/// When to ask again, at the latest: most leases are given back long before they end by themselves.
pub const ASK_AGAIN_MS: i64 = 250;
/// How long a ticket outlives the moment for which its holder was told to ask again.
pub const TICKET_GRACE_MS: i64 = 1_000;
/// How long those who came later may pass somebody who waits for several documents.
const PASSED_MS: i64 = 3_000;
/// How many of a document's queue are told that it is free: the first may wait for another one.
pub const TOLD: usize = 4;
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
    /// The documents, in order, each once.
    pub ids: Vec<String>,
    /// Who asks. The same holder asking again renews.
    pub holder: String,
    /// For how long, in milliseconds.
    pub ttl: i64,
    /// Whether it is a stale save that waits.
    pub parked: bool,
}

impl Ask {
    fn document<'a>(&'a self, id: &'a str) -> [&'a str; 2] {
        [&self.collection, id]
    }

    /// For how long those who came later may pass it.
    pub fn passed_ms(&self) -> i64 {
        if self.ids.len() > 1 {
            PASSED_MS
        } else {
            0
        }
    }
}

/// What becomes of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The leases are the asker's.
    Granted {
        /// Their fences, in the order of the documents.
        fences: Vec<i64>,
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

/// Where leases are kept. All calls are made in a transaction that has locked the documents' rows, if
/// there are any: so no lease is granted while a write that was allowed is under way.
pub trait Leases: Send + Sync {
    /// Whether the asker could have this document now; else for how many milliseconds more somebody
    /// has it, or may come before.
    fn stand(&self, session: &mut dyn Session, ask: &Ask, id: &str)
        -> Result<Option<i64>, Refusal>;

    /// Grants or renews the lease on a document that the asker can have; its fence.
    fn grant(&self, session: &mut dyn Session, ask: &Ask, id: &str) -> Result<i64, Refusal>;

    /// Gives or keeps a ticket for so many milliseconds, and ends a lease that the asker has; `false`
    /// if there is no room.
    fn queue(
        &self,
        session: &mut dyn Session,
        ask: &Ask,
        id: &str,
        lives_ms: i64,
    ) -> Result<bool, Refusal>;

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

/// Grants or renews all leases, or gives or keeps tickets.
pub fn claim(leases: &dyn Leases, session: &mut dyn Session, ask: &Ask) -> Result<Claim, Refusal> {
    let mut retry_after = 0;
    for id in &ask.ids {
        let wait = leases.stand(session, ask, id)?;
        retry_after = retry_after.max(wait.map_or(0, |wait| wait.max(1)));
    }
    if retry_after == 0 {
        let grants = ask.ids.iter().map(|id| leases.grant(session, ask, id));
        return Ok(Claim::Granted { fences: grants.collect::<Result<_, _>>()? });
    }
    let soon = retry_after.min(ASK_AGAIN_MS);
    let mut has_room = true;
    for id in &ask.ids {
        has_room &= leases.queue(session, ask, id, soon + TICKET_GRACE_MS)?;
    }
    Ok(if has_room { Claim::Waiting { retry_after: soon } } else { Claim::Full { retry_after } })
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

/// Somebody's place in a document's queue.
struct Ticket {
    holder: String,
    until: i64,
    /// From this moment on it bars those who came later.
    bars: i64,
    parked: bool,
}

/// The tickets that live at `now`, first come first.
fn tickets(
    session: &mut dyn Session,
    [collection, id]: [&str; 2],
    now: i64,
) -> Result<Vec<Ticket>, Refusal> {
    let statement = "DELETE FROM rest_queue WHERE collection = ?1 AND id = ?2 AND until <= ?3";
    session.query(statement, &[collection.into(), id.into(), now.into()])?;
    let statement = "SELECT holder, until, bars, parked FROM rest_queue
         WHERE collection = ?1 AND id = ?2 ORDER BY number";
    let rows = session.query(statement, &[collection.into(), id.into()])?;
    let ticket = |row: &super::database::Row| Ticket {
        holder: row.text(0),
        until: row.int(1),
        bars: row.int(2),
        parked: row.int(3) > 0,
    };
    Ok(rows.iter().map(ticket).collect())
}

impl Leases for InDatabase {
    fn stand(
        &self,
        session: &mut dyn Session,
        ask: &Ask,
        id: &str,
    ) -> Result<Option<i64>, Refusal> {
        let document = ask.document(id);
        session.query(
            "INSERT INTO rest_leases (collection, id, holder, fence, until)
             VALUES (?1, ?2, '', 0, 0) ON CONFLICT DO NOTHING",
            &[document[0].into(), id.into()],
        )?;
        let lease = lease(session, document)?.ok_or(Refusal::Contended)?;
        let now = session.now()?;
        if lease.until > now {
            return Ok((lease.holder != ask.holder).then_some(lease.until - now));
        }
        let tickets = tickets(session, document, now)?;
        let before = tickets.iter().take_while(|ticket| ticket.holder != ask.holder);
        let bars = before.filter(|ticket| ticket.bars <= now).map(|ticket| ticket.until - now);
        Ok(bars.max())
    }

    fn grant(&self, session: &mut dyn Session, ask: &Ask, id: &str) -> Result<i64, Refusal> {
        let document = ask.document(id);
        let lease = lease(session, document)?.ok_or(Refusal::Contended)?;
        let now = session.now()?;
        let renews = lease.until > now && lease.holder == ask.holder;
        let fence = if renews { lease.fence } else { lease.fence + 1 };
        session.query(
            "UPDATE rest_leases SET holder = ?3, fence = ?4, until = ?5
                 WHERE collection = ?1 AND id = ?2",
            &[
                document[0].into(),
                id.into(),
                ask.holder.as_str().into(),
                fence.into(),
                (now + ask.ttl).into(),
            ],
        )?;
        drop_ticket(session, document, &ask.holder)?;
        Ok(fence)
    }

    fn queue(
        &self,
        session: &mut dyn Session,
        ask: &Ask,
        id: &str,
        lives_ms: i64,
    ) -> Result<bool, Refusal> {
        let document = ask.document(id);
        let now = session.now()?;
        // All or nothing: who waits for one document holds no other up.
        if let Some(own) = lease(session, document)? {
            if own.until > now && own.holder == ask.holder {
                end(session, document, now)?;
            }
        }
        let tickets = tickets(session, document, now)?;
        let has_one = tickets.iter().any(|ticket| ticket.holder == ask.holder);
        let parked = tickets.iter().filter(|ticket| ticket.parked).count();
        let is_full = |count: usize, most: i64| i64::try_from(count).is_ok_and(|n| n >= most);
        let full = is_full(tickets.len(), TICKETS_MAX) || ask.parked && is_full(parked, PARKED_MAX);
        if full && !has_one {
            return Ok(false);
        }
        keep_ticket(session, ask, id, now, lives_ms)?;
        Ok(true)
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
    for ticket in tickets(session, document, now)?.iter().take(TOLD) {
        tell_turn(session, document, &ticket.holder)?;
    }
    Ok(())
}

fn keep_ticket(
    session: &mut dyn Session,
    ask: &Ask,
    id: &str,
    now: i64,
    lives_ms: i64,
) -> Result<(), Refusal> {
    let number = session.number()?;
    session.query(
        "INSERT INTO rest_queue (collection, id, holder, number, until, bars, parked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (collection, id, holder) DO UPDATE SET until = ?5",
        &[
            ask.collection.as_str().into(),
            id.into(),
            ask.holder.as_str().into(),
            number.into(),
            (now + lives_ms).into(),
            (now + ask.passed_ms()).into(),
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
    let statement = "DELETE FROM rest_queue WHERE collection = ?1 AND id = ?2 AND holder = ?3";
    session.query(statement, &[collection.into(), id.into(), holder.into()])?;
    Ok(())
}
