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
use super::web_locks::{self, Claim};

/// Keeps the entries of one user.
pub(super) enum Store {
    Memory,
    IndexedDb(RefCell<Rc<Database>>),
    Page(JsValue),
}

/// How much waits in memory for a disk that takes nothing, before it is given up for good.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pages of one user that one device keeps journals for at once.
const PARTS_MAX: usize = 16;

impl Store {
    /// The store that the options name; IndexedDB where there is one, unless they say otherwise.
    /// Where it cannot be had (private mode, a blocked or broken database) the till goes on in
    /// memory; the second answer says so.
    pub(super) async fn open(option: JsValue) -> Result<(Store, Trouble), JsValue> {
        let named = option.as_string();
        match named.as_deref() {
            Some("memory") => Ok((Store::Memory, Trouble::None)),
            Some("indexeddb") | None if option.is_undefined() || named.is_some() => {
                if named.is_none() && get(&js_sys::global(), "indexedDB").is_undefined() {
                    return Ok((Store::Memory, Trouble::NoDisk));
                }
                match Database::open().await {
                    Ok(database) => {
                        Ok((Store::IndexedDb(RefCell::new(Rc::new(database))), Trouble::None))
                    }
                    Err(_) => Ok((Store::Memory, Trouble::Lost)),
                }
            }
            Some(_) | None => {
                let whole = |name: &str| function(&option, name).is_some();
                if whole("append") && whole("load") && whole("compact") {
                    Ok((Store::Page(option), Trouble::None))
                } else {
                    Err(invalid("options.store", "\"indexeddb\", \"memory\" or a Store"))
                }
            }
        }
    }

    async fn append(&self, user: &str, entries: &[Vec<u8>]) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::IndexedDb(database) => {
                let open = database.borrow().clone();
                if open.append(user, entries).await.is_ok() {
                    return Ok(());
                }
                // The browser closes databases by itself, for example when it clears a site's
                // data: once more, with a new one.
                let open = Rc::new(Database::open().await?);
                database.replace(open.clone());
                open.append(user, entries).await
            }
            Store::Page(object) => call(object, "append", user, Some(entries)).await.map(|_| ()),
        }
    }

    /// The user's entries, oldest first.
    async fn load(&self, user: &str) -> Result<Vec<Vec<u8>>, JsValue> {
        match self {
            Store::Memory => Ok(Vec::new()),
            Store::IndexedDb(database) => {
                let open = database.borrow().clone();
                open.load(user).await
            }
            Store::Page(object) => {
                let list = call(object, "load", user, None).await?;
                let list: Array = list.dyn_into().map_err(|_| not_entries())?;
                let entries = list.iter().map(|entry| match get(&entry, "byteLength").as_f64() {
                    Some(_) => Ok(Uint8Array::new(&entry).to_vec()),
                    None => Err(not_entries()),
                });
                entries.collect()
            }
        }
    }

    /// Puts `snapshot` in the place of all entries of the user and of `others`.
    async fn compact(
        &self,
        user: &str,
        others: &[String],
        snapshot: &[Vec<u8>],
    ) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::IndexedDb(database) => {
                let open = database.borrow().clone();
                open.compact(user, others, snapshot).await
            }
            Store::Page(object) => call(object, "compact", user, Some(snapshot)).await.map(|_| ()),
        }
    }
}

fn not_entries() -> JsValue {
    invalid("options.store.load()", "a list of Uint8Array")
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

/// Why the journal is not on a disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// There is no disk here, and nobody asked for one.
    NoDisk,
    /// The disk takes nothing (for now).
    Lost,
}

/// The journal of one till: entries go to the store in batches, in the order in which they came.
///
/// Two pages of one user never write to one journal: each has a part of its own, held by a Web
/// Lock. A part whose page is gone is taken over by the next page that opens.
pub(super) struct Journal {
    store: Store,
    /// The name that this page's part has in the store: the user, or the user and a number.
    part: String,
    claim: RefCell<Option<Claim>>,
    /// Parts of pages that are gone, held until their entries are in this one.
    left_behind: RefCell<Vec<(String, Claim)>>,
    waiting: RefCell<Vec<Vec<u8>>>,
    /// Entries handed in, and entries that are on disk or were tried.
    taken: Cell<u64>,
    tried: Cell<u64>,
    /// Entries of a batch that failed: they go first in the next one, so that no gap arises.
    failed: RefCell<Vec<Vec<u8>>>,
    /// Settles when the batch that is being written is on disk, or failed.
    writing: RefCell<Option<Promise>>,
    trouble: Cell<Trouble>,
    given_up: Cell<bool>,
    told: Cell<bool>,
}

impl Journal {
    /// The user's journal, and its entries, oldest first.
    pub(super) async fn open(
        store: Store,
        user: String,
        trouble: Trouble,
    ) -> Result<(Journal, Vec<Vec<u8>>), JsValue> {
        let mut journal = Journal::new(store, user, trouble);
        let user = journal.part.clone();
        let has_parts = matches!(journal.store, Store::IndexedDb(_)) && web_locks::are_there();
        if !has_parts {
            let entries = journal.store.load(&user).await?;
            return Ok((journal, entries));
        }
        let mut entries = Vec::new();
        for number in 0..PARTS_MAX {
            let part = match number {
                0 => user.clone(),
                _ => [user.as_str(), "\0", &number.to_string()].concat(),
            };
            let Some(claim) = web_locks::claim(&["restamp\0", &part].concat()).await else {
                continue;
            };
            let found = journal.store.load(&part).await?;
            if journal.claim.get_mut().is_none() {
                journal.part = part;
                journal.claim.replace(Some(claim));
            } else if !found.is_empty() {
                journal.left_behind.get_mut().push((part, claim));
            }
            entries.extend(found);
        }
        if journal.claim.get_mut().is_none() {
            journal.store = Store::Memory;
            journal.trouble.set(Trouble::Lost);
        }
        Ok((journal, entries))
    }

    fn new(store: Store, part: String, trouble: Trouble) -> Journal {
        Journal {
            store,
            part,
            claim: RefCell::default(),
            left_behind: RefCell::default(),
            waiting: RefCell::default(),
            taken: Cell::new(0),
            tried: Cell::new(0),
            failed: RefCell::default(),
            writing: RefCell::default(),
            trouble: Cell::new(trouble),
            given_up: Cell::new(false),
            told: Cell::new(false),
        }
    }

    /// Puts `snapshot` in the place of all that was loaded. Where the store cannot, all stays,
    /// and so do the claims: nobody else takes these drafts over while they are here.
    pub(super) async fn compact(&self, loaded: usize, snapshot: &[Vec<u8>]) {
        let others: Vec<String> =
            self.left_behind.borrow().iter().map(|(part, _)| part.clone()).collect();
        if snapshot.len() >= loaded && others.is_empty() {
            return;
        }
        if self.store.compact(&self.part, &others, snapshot).await.is_ok() {
            self.left_behind.take();
        } else {
            self.trouble.set(Trouble::Lost);
        }
    }

    /// Takes an entry; [`Journal::settled`] tells when it is kept.
    pub(super) fn append(&self, entry: Vec<u8>) {
        if self.in_memory() {
            return;
        }
        self.taken.set(self.taken.get() + 1);
        self.waiting.borrow_mut().push(entry);
    }

    fn in_memory(&self) -> bool {
        matches!(self.store, Store::Memory) || self.given_up.get()
    }

    /// Whether everything handed in so far was written, or tried.
    pub(super) fn is_settled(&self) -> bool {
        self.in_memory() || self.tried.get() >= self.taken.get()
    }

    /// Whether everything that was tried is kept as well as this till was asked to keep it.
    pub(super) fn is_kept(&self) -> bool {
        self.trouble.get() != Trouble::Lost
    }

    /// Resolves when every entry handed in so far is on disk, or was refused by it.
    pub(super) async fn settled(self: &Rc<Self>) {
        let wanted = self.taken.get();
        while !self.in_memory() && self.tried.get() < wanted {
            let writing = self.writing.borrow().clone();
            let promise = writing.unwrap_or_else(|| self.write());
            // It never rejects.
            let _ = JsFuture::from(promise).await;
        }
    }

    /// Starts to write what waits; more entries may join until it has begun.
    fn write(self: &Rc<Self>) -> Promise {
        let journal = self.clone();
        let promise = wasm_bindgen_futures::future_to_promise(async move {
            let mut batch = journal.failed.take();
            let fresh = journal.waiting.take();
            let count = fresh.len() as u64;
            batch.extend(fresh);
            match journal.store.append(&journal.part, &batch).await {
                Ok(()) => journal.trouble.set(Trouble::None),
                Err(_) => journal.keep_for_later(batch),
            }
            journal.tried.set(journal.tried.get() + count);
            journal.writing.replace(None);
            Ok(JsValue::UNDEFINED)
        });
        self.writing.replace(Some(promise.clone()));
        promise
    }

    fn keep_for_later(&self, batch: Vec<Vec<u8>>) {
        self.trouble.set(Trouble::Lost);
        if batch.iter().map(Vec::len).sum::<usize>() > WAITING_BYTES_MAX {
            self.given_up.set(true);
            self.waiting.take();
        } else {
            self.failed.replace(batch);
        }
    }

    /// Whether there is trouble that the page was not told of yet.
    pub(super) fn has_news(&self) -> bool {
        self.trouble.get() != Trouble::None && !self.told.get()
    }

    /// The page was told: once is enough.
    pub(super) fn set_told(&self) {
        self.told.set(true);
    }

    /// Lets go of the store.
    pub(super) fn close(&self) {
        if let Store::IndexedDb(database) = &self.store {
            database.borrow().close();
        }
        self.claim.take();
        self.left_behind.take();
    }
}
