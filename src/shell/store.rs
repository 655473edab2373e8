//! Where the journal is kept: in memory, in IndexedDB, or in an object of the page's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use super::convert::{function, get};
use super::error::invalid;
use super::indexed_db::Database;

/// Keeps the entries of one user.
pub(super) enum Store {
    Memory,
    IndexedDb(Database),
    Page(JsValue),
}

impl Store {
    /// The store that the options name; IndexedDB where there is one, unless they say otherwise.
    pub(super) async fn open(option: JsValue) -> Result<(Store, Option<JsValue>), JsValue> {
        let has_database = !get(&js_sys::global(), "indexedDB").is_undefined();
        match option.as_string().as_deref() {
            Some("memory") => Ok((Store::Memory, None)),
            Some("indexeddb") | None if option.is_undefined() || option.is_string() => {
                if !has_database {
                    return Ok((Store::Memory, None));
                }
                // Private mode, a blocked or broken database: the till goes on in memory.
                match Database::open().await {
                    Ok(database) => Ok((Store::IndexedDb(database), None)),
                    Err(error) => Ok((Store::Memory, Some(error))),
                }
            }
            Some(_) | None => {
                let whole = |name: &str| function(&option, name).is_some();
                if whole("append") && whole("load") && whole("compact") {
                    Ok((Store::Page(option), None))
                } else {
                    Err(invalid("options.store", "\"indexeddb\", \"memory\" or a Store"))
                }
            }
        }
    }

    async fn append(&self, user: &str, entries: &[Vec<u8>]) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::IndexedDb(database) => database.append(user, entries).await,
            Store::Page(object) => call(object, "append", user, Some(entries)).await.map(|_| ()),
        }
    }

    /// The user's entries, oldest first.
    pub(super) async fn load(&self, user: &str) -> Result<Vec<Vec<u8>>, JsValue> {
        match self {
            Store::Memory => Ok(Vec::new()),
            Store::IndexedDb(database) => database.load(user).await,
            Store::Page(object) => {
                let list = call(object, "load", user, None).await?;
                Ok(Array::from(&list)
                    .iter()
                    .map(|entry| Uint8Array::new(&entry).to_vec())
                    .collect())
            }
        }
    }

    /// Puts `snapshot` in the place of all entries of the user.
    pub(super) async fn compact(&self, user: &str, snapshot: &[Vec<u8>]) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::IndexedDb(database) => database.compact(user, snapshot).await,
            Store::Page(object) => call(object, "compact", user, Some(snapshot)).await.map(|_| ()),
        }
    }
}

async fn call(
    object: &JsValue,
    name: &str,
    user: &str,
    entries: Option<&[Vec<u8>]>,
) -> Result<JsValue, JsValue> {
    let method: Function = get(object, name).dyn_into()?;
    let user = user.into();
    let promise = match entries {
        Some(entries) => {
            let list: Array =
                entries.iter().map(|entry| Uint8Array::from(entry.as_slice())).collect();
            method.call2(object, &user, &list)?
        }
        None => method.call1(object, &user)?,
    };
    JsFuture::from(Promise::resolve(&promise)).await
}

/// The journal of one till: entries go to the store in batches, in the order in which they came.
pub(super) struct Journal {
    store: Store,
    user: String,
    waiting: RefCell<Vec<Vec<u8>>>,
    /// Entries handed in, and entries that are on disk or given up.
    taken: Cell<u64>,
    kept: Cell<u64>,
    /// Settles when the batch that is being written, or the next one, is on disk.
    writing: RefCell<Option<Promise>>,
    /// Why the journal cannot be kept any more, until the page was told.
    failure: RefCell<Option<JsValue>>,
}

impl Journal {
    pub(super) fn new(store: Store, user: String, failure: Option<JsValue>) -> Journal {
        Journal {
            store,
            user,
            waiting: RefCell::default(),
            taken: Cell::new(0),
            kept: Cell::new(0),
            writing: RefCell::default(),
            failure: RefCell::new(failure),
        }
    }

    pub(super) async fn load(&self) -> Result<Vec<Vec<u8>>, JsValue> {
        self.store.load(&self.user).await
    }

    pub(super) async fn compact(&self, snapshot: &[Vec<u8>]) -> Result<(), JsValue> {
        self.store.compact(&self.user, snapshot).await
    }

    /// Takes an entry; [`Journal::settled`] tells when it is kept.
    pub(super) fn append(&self, entry: Vec<u8>) {
        self.taken.set(self.taken.get() + 1);
        self.waiting.borrow_mut().push(entry);
    }

    /// Whether everything handed in so far is kept.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.store, Store::Memory) || self.kept.get() >= self.taken.get()
    }

    /// Resolves when every entry handed in so far is on disk, or certainly cannot be.
    pub(super) async fn settled(self: &Rc<Self>) {
        let wanted = self.taken.get();
        if matches!(self.store, Store::Memory) {
            self.waiting.borrow_mut().clear();
            self.kept.set(wanted);
            return;
        }
        while self.kept.get() < wanted {
            let promise = self.writing.borrow().clone().unwrap_or_else(|| self.write());
            // It never rejects.
            let _ = JsFuture::from(promise).await;
        }
    }

    /// Starts to write what waits; more entries may join until it has begun.
    fn write(self: &Rc<Self>) -> Promise {
        let journal = self.clone();
        let promise = wasm_bindgen_futures::future_to_promise(async move {
            let batch = std::mem::take(&mut *journal.waiting.borrow_mut());
            let count = batch.len() as u64;
            if let Err(error) = journal.store.append(&journal.user, &batch).await {
                *journal.failure.borrow_mut() = Some(error);
            }
            journal.kept.set(journal.kept.get() + count);
            *journal.writing.borrow_mut() = None;
            Ok(JsValue::UNDEFINED)
        });
        *self.writing.borrow_mut() = Some(promise.clone());
        promise
    }

    /// Why entries could not be kept, once.
    pub(super) fn take_failure(&self) -> Option<JsValue> {
        self.failure.borrow_mut().take()
    }
}
