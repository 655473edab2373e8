//! Parked conflicts: `Prefer: park=1000` on a PUT with `If-Match`.
//!
//! A save that is stale, or that meets somebody's lease, waits in the document's queue instead of
//! being sent away. In its turn it is done after all if its stamp is the newest by then; else it is
//! answered 412 with the newest document, its `ETag`, a `Fence` and `Lease-Ttl`: until then nobody
//! else can save, so the till merges and saves, once, with that fence. That save ends the lease.
//! Where the queue is full, the 412 says in `Retry-After-Ms` when a place is expected to be free.

use std::time::Duration;

use super::documents;
use super::leases::{Ask, Claim, PARKED_MAX, TTL_MS};
use super::refusal::Refusal;
use super::saves;
use super::waiting::{claim, leave};
use super::Call;
use crate::exchange::Reply;
use crate::session::random_hex;

/// Holders that are parked saves begin so; no client's holder may begin with `_`.
const HOLDER_PREFIX: &str = "_parked-";
/// How long a parked save waits at most.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Whether a lease's holder is a parked save.
pub fn is_parked(holder: &str) -> bool {
    holder.starts_with(HOLDER_PREFIX)
}

/// Whether the request asks to be parked and was refused for a reason that waiting can mend.
pub fn may_wait(call: &Call, refused: &Reply) -> bool {
    matches!(refused.status, 412 | 423)
        && call.preference("park").is_some()
        && call.exchange.header("if-match").is_some()
        && call.exchange.header("fence").is_none()
}

/// Waits for the document; `refused` is the answer if there is no room or no turn comes.
pub async fn wait(call: &Call, id: &str, refused: Reply) -> Result<Reply, Refusal> {
    let wanted = call.preference("park").and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let ask = Ask {
        collection: call.collection.name.clone(),
        ids: vec![id.to_owned()],
        holder: format!("{HOLDER_PREFIX}{}", random_hex(8)),
        ttl: i64::clamp(wanted, *TTL_MS.start(), *TTL_MS.end()),
        parked: true,
    };
    match claim(call, &ask, WAIT_MAX).await? {
        (Claim::Granted { fences }, _) => {
            in_turn(call, ask, fences.first().copied().unwrap_or_default()).await
        }
        (Claim::Full { .. }, _) => {
            let document = [call.collection.name.as_str(), id];
            let places = u32::try_from(PARKED_MAX).unwrap_or(1);
            let wait = call.rest.places.promise(document, places).as_millis();
            match without_turn(call, id, refused).await {
                Err(Refusal::Answer(stale)) if stale.status == 412 => {
                    Err(Refusal::Answer(stale.with("retry-after-ms", wait.to_string())))
                }
                done => done,
            }
        }
        (Claim::Waiting { .. }, _) => {
            leave(call, &ask).await?;
            without_turn(call, id, refused).await
        }
    }
}

async fn in_turn(call: &Call, ask: Ask, fence: i64) -> Result<Reply, Refusal> {
    let id = ask.ids.first().cloned().unwrap_or_default();
    let saving = id.clone();
    let saved = call.at(vec![id.clone()], move |call, session| {
        saves::save(call, session, &saving, Some(fence))
    });
    match saved.await {
        Err(Refusal::Answer(stale)) if stale.status == 412 => {
            call.rest.places.begin([&ask.collection, &id], fence);
            Err(Refusal::Answer(
                stale.with("fence", fence.to_string()).with("lease-ttl", ask.ttl.to_string()),
            ))
        }
        Err(refused) => {
            // For another reason: nobody needs the lease.
            leave(call, &ask).await?;
            Err(refused)
        }
        done => done,
    }
}

/// The answer without waiting: for a stale save the newest document by now.
async fn without_turn(call: &Call, id: &str, refused: Reply) -> Result<Reply, Refusal> {
    let id = id.to_owned();
    let newest = call
        .at(Vec::new(), move |call, session| documents::load(session, &call.collection.name, &id));
    let sent = call.exchange.header("if-match").unwrap_or_default();
    Err(Refusal::Answer(match newest.await? {
        Some(entry) if !saves::lists(sent, &entry.stamp) => entry.reply(412),
        _ => refused,
    }))
}
