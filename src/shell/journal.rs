//! The journal of one till: entries go to the store in batches, in the order in which they came.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::convert::text;
use super::store::{Store, Trouble};

/// How much waits in memory for a disk that takes nothing, before it is given up for good.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The journal is made short again when it has grown by this many bytes and entries.
const GROWN_BYTES_MAX: usize = 4 * 1024 * 1024;
const GROWN_ENTRIES_MAX: usize = 5_000;

/// Makes the journal in its shortest form, as of now.
type Snapshot = Box<dyn Fn() -> Option<Vec<Vec<u8>>>>;

/// The journal of one till.
pub(super) struct Journal {
    store: Store,
    user: String,
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
    /// Another page writes this journal now.
    fenced: Cell<bool>,
    /// What was loaded ended before the last saves: its disk had taken nothing any more.
    torn: Cell<bool>,
    /// Bytes and entries since it was last made short, and how to make it short.
    grown: Cell<(usize, usize)>,
    snapshot: RefCell<Option<Snapshot>>,
}

impl Journal {
    pub(super) fn new(store: Store, user: String, trouble: Trouble) -> Journal {
        Journal {
            store,
            user,
            waiting: RefCell::default(),
            taken: Cell::new(0),
            tried: Cell::new(0),
            failed: RefCell::default(),
            writing: RefCell::default(),
            trouble: Cell::new(trouble),
            given_up: Cell::new(false),
            told: Cell::new(false),
            fenced: Cell::new(false),
            torn: Cell::new(false),
            grown: Cell::new((0, 0)),
            snapshot: RefCell::default(),
        }
    }

    /// The object that keeps the entries, if one does.
    pub(super) fn store(&self) -> JsValue {
        self.store.object()
    }

    /// How the journal is made short while the till runs.
    pub(super) fn set_snapshot(&self, snapshot: Snapshot) {
        self.snapshot.replace(Some(snapshot));
    }

    /// All entries, oldest first. A disk that cannot be read holds none for now: the till goes on
    /// in memory, and what is there stays as it is.
    pub(super) async fn load(&self) -> Result<Vec<Vec<u8>>, JsValue> {
        if self.in_memory() {
            return Ok(Vec::new());
        }
        match self.store.load(&self.user).await? {
            Some(entries) => {
                self.torn.set(!self.store.is_whole(&self.user).await);
                Ok(entries)
            }
            None => {
                self.torn.set(true);
                self.lose();
                Ok(Vec::new())
            }
        }
    }

    /// Whether saves may have gone out that what was loaded does not tell of.
    pub(super) fn is_torn(&self) -> bool {
        self.torn.get()
    }

    /// Puts `snapshot` in the place of all that was loaded. Where the store cannot, all stays.
    pub(super) async fn compact(&self, loaded: usize, snapshot: &[Vec<u8>]) {
        if snapshot.len() >= loaded || self.in_memory() {
            return;
        }
        if let Err(error) = self.store.compact(&self.user, snapshot).await {
            self.fail(&error);
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
        self.trouble.get() != Trouble::Lost && !self.fenced.get()
    }

    /// Whether nothing that is on a disk contradicts what was handed in: it is kept, or this till
    /// never wrote anything.
    pub(super) fn holds(&self) -> bool {
        self.is_kept() || self.in_memory() && self.taken.get() == 0
    }

    /// Whether another page writes this journal now.
    pub(super) fn is_fenced(&self) -> bool {
        self.fenced.get()
    }

    /// This page writes from now on: what was not written is another story's.
    pub(super) fn begin(&self) {
        self.unwritten();
        self.fenced.set(false);
    }

    /// What another page must be told, for it was not written here: this page does not write any
    /// more.
    pub(super) fn unwritten(&self) -> Vec<Vec<u8>> {
        self.fenced.set(true);
        let mut entries = self.failed.take();
        entries.extend(self.waiting.take());
        self.tried.set(self.taken.get());
        entries
    }

    /// Resolves when no batch is on its way to the disk.
    pub(super) async fn rest(&self) {
        let writing = self.writing.borrow().clone();
        if let Some(writing) = writing {
            let _ = JsFuture::from(writing).await;
        }
    }

    /// Another page that writes this journal says that its disk takes nothing.
    pub(super) fn suspect(&self) {
        self.trouble.set(Trouble::Lost);
    }

    /// Whether this till is in memory for good, against its wish.
    pub(super) fn is_lost(&self) -> bool {
        self.given_up.get()
    }

    /// The disk is lost for good: the till goes on in memory.
    pub(super) fn lose(&self) {
        self.trouble.set(Trouble::Lost);
        self.given_up.set(true);
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

    /// What the disk did not take is tried once more.
    pub(super) async fn try_again(self: &Rc<Self>) {
        let has_failed = !self.failed.borrow().is_empty() && !self.fenced.get();
        if has_failed && !self.in_memory() && self.writing.borrow().is_none() {
            let _ = JsFuture::from(self.write()).await;
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
            if let Err(error) = journal.keep(&batch).await {
                journal.keep_for_later(batch, &error);
            }
            // After unwritten() all of this is tried already.
            journal.tried.set(journal.taken.get().min(journal.tried.get() + count));
            journal.writing.replace(None);
            Ok(JsValue::UNDEFINED)
        });
        self.writing.replace(Some(promise.clone()));
        promise
    }

    /// Appends the batch; or, if the journal has grown long, puts the till as it is now, with
    /// all that the batch says, in the place of the whole journal.
    async fn keep(&self, batch: &[Vec<u8>]) -> Result<(), JsValue> {
        let (bytes, entries) = self.grown.get();
        let grown = (bytes + batch.iter().map(Vec::len).sum::<usize>(), entries + batch.len());
        let is_long = grown.0 > GROWN_BYTES_MAX || grown.1 > GROWN_ENTRIES_MAX;
        self.grown.set(if is_long { (0, 0) } else { grown });
        let snapshot = self.snapshot.borrow().as_ref().filter(|_| is_long).and_then(|make| make());
        if let Some(snapshot) = snapshot {
            if self.store.compact(&self.user, &snapshot).await.is_ok() {
                self.trouble.set(Trouble::None);
                return Ok(());
            }
        }
        self.store.append(&self.user, batch).await?;
        self.trouble.set(Trouble::None);
        Ok(())
    }

    fn fail(&self, error: &JsValue) {
        match text(error, "code").as_deref() {
            Some("fenced") => self.fenced.set(true),
            Some(_) | None => self.trouble.set(Trouble::Lost),
        }
    }

    fn keep_for_later(&self, mut batch: Vec<Vec<u8>>, error: &JsValue) {
        self.fail(error);
        if batch.iter().map(Vec::len).sum::<usize>() > WAITING_BYTES_MAX {
            self.given_up.set(true);
            self.waiting.take();
        } else {
            batch.append(&mut self.failed.borrow_mut());
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
        self.store.close();
    }
}
