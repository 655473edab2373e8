//! The last requests, for tests that ask what really arrived.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{json, Value};

const ENTRIES_MAX: usize = 1_000;

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub struct Record(Mutex<VecDeque<Value>>);

impl Record {
    /// Notes one request; without a status its connection was dropped.
    pub fn note(&self, method: &str, path: &str, status: Option<u16>, took: Duration) {
        let status = status.map_or(json!("dropped"), |status| json!(status));
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut entries = self.lock();
        if entries.len() == ENTRIES_MAX {
            entries.pop_front();
        }
        entries
            .push_back(json!({"method": method, "path": path, "status": status, "millis": millis}));
    }

    /// All entries as a JSON list.
    pub fn list(&self) -> Value {
        self.lock().iter().cloned().collect()
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
