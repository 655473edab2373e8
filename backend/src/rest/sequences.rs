//! `POST _sequences/{name}`: numbers without gaps, each once, by a single statement.

use serde_json::{json, Value};

use super::refusal::Refusal;
use super::Rest;
use crate::exchange::{Exchange, Reply};

/// Most numbers of one block.
const COUNT_MAX: i64 = 100_000;
/// Longest name of a sequence, in bytes.
const NAME_BYTES_MAX: usize = 250;

/// Answers with a block of numbers; with an `Idempotency-Key` it is the same block again.
pub fn answer(
    rest: &Rest,
    exchange: &Exchange,
    [collection, name]: [&str; 2],
) -> Result<Reply, Refusal> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(Refusal::unfit("A sequence's name has 1 to 250 bytes"));
    }
    let body: Value = match exchange.body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(&exchange.body)
            .map_err(|error| Refusal::malformed(&error.to_string()))?,
    };
    let count = match body.get("count") {
        None => Some(1),
        Some(count) => count.as_i64(),
    };
    let count = count.filter(|count| (1..=COUNT_MAX).contains(count));
    let count = count.ok_or_else(|| Refusal::unfit("count is a whole number from 1 to 100,000"))?;
    let token = exchange.header("idempotency-key").unwrap_or_default();
    let (first, given) = rest.database.block([collection, name], token, count)?;
    if given != count {
        return Err(Refusal::new(422, "token_reused", "The key was used for another request"));
    }
    Ok(Reply::json(200, &json!({"first": first.to_string(), "count": count})))
}
