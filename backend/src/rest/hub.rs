//! Word between requests: who waits for a turn, who listens for changes.
//!
//! Everything arrives by [`Hub::deliver`] in the order of commits: from SQLite after each commit,
//! from PostgreSQL by LISTEN, so that several processes on one database hear the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use super::changes::{Change, Rings};
use super::database::Channel;

/// A document and somebody who waits for it.
type Waiter = [String; 3];

/// Where word arrives.
#[derive(Default)]
pub struct Hub {
    /// The change feeds.
    pub rings: Rings,
    waiters: Mutex<HashMap<Waiter, Arc<Notify>>>,
}

impl Hub {
    /// Hands word to those it is for.
    pub fn deliver(&self, channel: Channel, payload: &str) {
        let Ok(word) = serde_json::from_str::<Value>(payload) else { return };
        match channel {
            Channel::Changes => {
                if let Some((collection, change)) = Change::read(&word) {
                    self.rings.push(&collection, change);
                }
            }
            Channel::Turns => {
                let text = |at: usize| word[at].as_str().unwrap_or_default().to_owned();
                let waiting = self.waiters().get(&[text(0), text(1), text(2)]).cloned();
                if let Some(notify) = waiting {
                    notify.notify_one();
                }
            }
        }
    }

    /// Word may have been missed (the connection to the database broke): everybody looks anew.
    pub fn missed(&self) {
        self.rings.reset();
        for notify in self.waiters().values() {
            notify.notify_one();
        }
    }

    /// Waits to be told that it is `holder`'s turn at one of these documents. Word that comes before
    /// it is awaited is kept.
    pub fn await_turn(self: &Arc<Self>, collection: &str, ids: &[String], holder: &str) -> Turn {
        let key = |id: &String| [collection, id, holder].map(str::to_owned);
        let keys: Vec<Waiter> = ids.iter().map(key).collect();
        let notify = Arc::new(Notify::new());
        self.waiters().extend(keys.iter().map(|key| (key.clone(), Arc::clone(&notify))));
        Turn { hub: Arc::clone(self), keys, notify }
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<Waiter, Arc<Notify>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's wait, until it is dropped.
pub struct Turn {
    hub: Arc<Hub>,
    keys: Vec<Waiter>,
    notify: Arc<Notify>,
}

impl Turn {
    /// Resolves when there is word.
    pub async fn told(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiters = self.hub.waiters();
        for key in &self.keys {
            // A later request of the same holder may wait in its place.
            if waiters.get(key).is_some_and(|known| Arc::ptr_eq(known, &self.notify)) {
                waiters.remove(key);
            }
        }
    }
}
