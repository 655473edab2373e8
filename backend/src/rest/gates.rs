//! Requests of this process for one document take turns, first come first served, before they open
//! a transaction: so `FOR UPDATE NOWAIT` meets a lock only where another process holds it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// From so many documents on, those at which nobody waits are forgotten.
const GATES_MAX: usize = 4_096;

type Gate = Arc<tokio::sync::Mutex<()>>;

/// One gate a document.
#[derive(Default)]
pub struct Gates(Mutex<HashMap<(String, String), Gate>>);

impl Gates {
    /// Waits until all these documents are free, in the order of their ids, so that two requests
    /// never wait for each other.
    pub async fn pass(&self, collection: &str, ids: Vec<String>) -> Vec<OwnedMutexGuard<()>> {
        let mut passed = Vec::with_capacity(ids.len());
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            passed.push(self.gate(collection, id).lock_owned().await);
        }
        passed
    }

    fn gate(&self, collection: &str, id: String) -> Gate {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= GATES_MAX {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        Arc::clone(gates.entry((collection.to_owned(), id)).or_default())
    }
}
