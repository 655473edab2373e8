//! The disk of a device, which all pages of its user share, and what each page has on its way to
//! it. As the stores of the package: a batch is one transaction, which checks the fence first, and
//! either all of it is kept or nothing.

use crate::line::Line;
use crate::page::Page;
use crate::world::{Arrival, World};

/// One entry of a journal; the number is this world's.
pub type Numbered = (u64, Vec<u8>);

/// What survives a crash.
#[derive(Default)]
pub struct Disk {
    pub entries: Vec<Numbered>,
    /// Counts up whenever another page begins to write.
    pub term: u64,
    /// Where there are no Web Locks: the page that leads, and until when.
    pub lease: Option<(usize, u64)>,
    /// It takes nothing until then.
    pub full_until: u64,
    /// Saves may have gone out that the entries do not tell of: deleting the mark that says
    /// otherwise needs no room.
    pub is_torn: bool,
}

/// The journal of one page (`src/shell/journal.rs`).
#[derive(Default)]
pub struct Journal {
    pub waiting: Vec<Numbered>,
    /// Entries of batches that failed: they go first in the next one.
    pub failed: Vec<Numbered>,
    pub writing: Option<Batch>,
    pub taken: u64,
    pub tried: u64,
    /// The disk takes nothing, for now.
    pub is_lost: bool,
    pub is_fenced: bool,
    /// More comes at once: it is written together.
    pub is_held: bool,
    /// How often the page was told that its disk takes nothing.
    pub told: u32,
    pub is_tried_again: bool,
    /// Entries since the journal was made short.
    pub grown: usize,
}

/// What is on its way to the disk.
pub struct Batch {
    pub entries: Vec<Numbered>,
    /// How many of them were not tried before.
    pub fresh: u64,
    /// The whole journal, if it is made short.
    pub snapshot: Option<Vec<Vec<u8>>>,
    /// The page's term when the transaction began, and whether that was the one before its own.
    pub term: Option<u64>,
    pub owed: bool,
}

impl Journal {
    /// Everything that was handed in was written, or tried.
    pub fn is_settled(&self) -> bool {
        self.tried >= self.taken
    }

    /// What was tried is kept.
    pub fn is_kept(&self) -> bool {
        (!self.is_lost || crate::defects::is_full_disk_kept()) && !self.is_fenced
    }

    /// The numbers of the entries that are not on disk.
    pub fn on_its_way(&self) -> Vec<u64> {
        let writing = self.writing.iter().flat_map(|batch| &batch.entries);
        let all = self.waiting.iter().chain(&self.failed).chain(writing);
        all.map(|(number, _)| *number).collect()
    }

    /// What another page must be told: this one does not write any more.
    pub fn unwritten(&mut self) -> Vec<Numbered> {
        self.is_fenced = true;
        let mut entries = std::mem::take(&mut self.failed);
        entries.append(&mut self.waiting);
        self.tried = self.taken;
        entries
    }
}

impl World {
    pub fn is_full(&self, device: usize) -> bool {
        self.devices[device].disk.full_until > self.now
    }

    /// Starts to write what waits, unless something is being written.
    pub fn write(&mut self, page: usize) {
        let journal = &mut self.pages[page].journal;
        if !journal.waiting.is_empty() && journal.writing.is_none() && !journal.is_held {
            self.begin_to_write(page);
        }
    }

    /// Who wants to be sure, or to go, tries once more to write what the disk did not take. Whether
    /// something is on its way now.
    pub fn write_again(&mut self, page: usize) -> bool {
        let journal = &mut self.pages[page].journal;
        let may = !journal.failed.is_empty() && !journal.is_fenced && !journal.is_tried_again;
        if may && journal.writing.is_none() {
            journal.is_tried_again = true;
            self.begin_to_write(page);
        }
        self.pages[page].journal.writing.is_some()
    }

    fn begin_to_write(&mut self, page: usize) {
        let grown_max = self.grown_max;
        let journal = &mut self.pages[page].journal;
        let fresh = std::mem::take(&mut journal.waiting);
        let count = fresh.len() as u64;
        let mut entries = std::mem::take(&mut journal.failed);
        entries.extend(fresh);
        journal.grown += entries.len();
        let is_long = journal.grown > grown_max;
        let snapshot = is_long.then(|| self.snapshot(page));
        let journal = &mut self.pages[page].journal;
        if is_long {
            journal.grown = 0;
        }
        let Line { store_term: term, owes: owed, .. } = self.pages[page].line;
        let journal = &mut self.pages[page].journal;
        journal.writing = Some(Batch { entries, fresh: count, snapshot, term, owed });
        let wait = self.luck.below(self.disk_ms + 1);
        self.after(wait, Arrival::Written(page));
    }

    /// The transaction is over.
    pub fn written(&mut self, page: usize) {
        if self.pages[page].till.is_none() {
            return;
        }
        let Some(batch) = self.pages[page].journal.writing.take() else { return };
        let fresh = batch.fresh;
        let device = self.pages[page].device;
        let is_told = self.is_full(device) && !self.is_over(page, self.term_of(page, &batch));
        if let Err(mut entries) = self.commit(page, batch) {
            self.devices[device].disk.is_torn |= is_told;
            let journal = &mut self.pages[page].journal;
            match is_told {
                true => journal.is_lost = true,
                false => journal.is_fenced = true,
            }
            entries.append(&mut journal.failed);
            journal.failed = entries;
        } else {
            self.pages[page].journal.is_lost = false;
            self.pages[page].sent_in_memory = false;
        }
        let journal = &mut self.pages[page].journal;
        if journal.is_lost && journal.told == 0 {
            journal.told = 1;
        }
        journal.tried = journal.taken.min(journal.tried + fresh);
        if self.pages[page].is_leaving {
            return self.left(page);
        }
        if self.pages[page].journal.is_fenced && self.pages[page].leads {
            self.tell(|| format!("page{page} finds its journal another's"));
            self.lose_lead(page, None, self.pages[page].line.term);
        } else if self.pages[page].journal.is_settled() && !self.pages[page].journal.is_lost {
            self.pages[page].wants.settle();
        }
        self.open_gate(page);
        self.go_on_telling(page);
        if self.pages[page].till.is_some() {
            self.write(page);
        }
    }

    /// Whether another page's turn has begun: what this one does comes to nothing.
    pub fn is_fenced(&self, page: usize) -> bool {
        self.is_over(page, self.pages[page].line.store_term)
    }

    fn is_over(&self, page: usize, term: Option<u64>) -> bool {
        let now = self.devices[self.pages[page].device].disk.term;
        term.is_some_and(|term| term != now) && !crate::defects::is_fence_ignored()
    }

    /// A write before this one may have begun the turn that was owed.
    fn term_of(&self, page: usize, batch: &Batch) -> Option<u64> {
        if batch.owed {
            self.pages[page].line.store_term
        } else {
            batch.term
        }
    }

    /// Keeps a batch as a whole, or gives it back.
    fn commit(&mut self, page: usize, batch: Batch) -> Result<(), Vec<Numbered>> {
        let device = self.pages[page].device;
        if self.is_over(page, self.term_of(page, &batch)) || self.is_full(device) {
            return Err(batch.entries);
        }
        for (number, _) in &batch.entries {
            self.model.keep(*number);
        }
        self.begin_owed_turn(page);
        let disk = &mut self.devices[device].disk;
        match batch.snapshot {
            Some(snapshot) => disk.entries = snapshot.into_iter().map(|e| (0, e)).collect(),
            None => disk.entries.extend(batch.entries),
        }
        disk.is_torn = false;
        Ok(())
    }

    /// With the first write of a page whose turn began while the disk was full.
    fn begin_owed_turn(&mut self, page: usize) {
        if self.pages[page].line.owes {
            self.count_term(page);
        }
    }

    /// The page dies: what was being written may be there as a whole, the rest is gone.
    pub fn lose_unwritten(&mut self, page: usize) {
        let mut lost = Vec::new();
        if let Some(batch) = self.pages[page].journal.writing.take() {
            if self.luck.percent(50) {
                lost.extend(self.commit(page, batch).err().unwrap_or_default());
            } else {
                lost.extend(batch.entries);
            }
        }
        lost.extend(self.pages[page].journal.unwritten());
        let lost = lost.into_iter().map(|(number, _)| number);
        self.model.lose(lost.collect());
    }

    /// Puts the till as it is in the place of a journal that another page has left.
    pub fn compact(&mut self, page: usize) {
        let device = self.pages[page].device;
        let snapshot = self.snapshot(page);
        if snapshot.len() >= self.devices[device].disk.entries.len() {
            return;
        }
        if self.is_fenced(page) {
            self.pages[page].journal.is_fenced = true;
        } else if self.is_full(device) {
            self.pages[page].journal.is_lost = true;
        } else {
            self.begin_owed_turn(page);
            let entries = snapshot.into_iter().map(|entry| (0, entry)).collect();
            self.devices[device].disk.entries = entries;
            self.devices[device].disk.is_torn = false;
        }
    }

    /// The journal in its shortest form.
    fn snapshot(&self, page: usize) -> Vec<Vec<u8>> {
        let page = &self.pages[page];
        let mut entries = page.till.as_ref().expect("a till").journal();
        entries.extend(page.hearing.journal());
        entries
    }

    pub fn disk_fills(&mut self, device: usize) {
        let wait = 500 + self.luck.below(15_000);
        let sleeps = |page: &Page| page.device == device && page.frozen_until > self.now;
        if self.pages.iter().any(sleeps) {
            return; // see `freeze`
        }
        self.tell(|| format!("the disk of till{device} is full for {wait} ms"));
        self.devices[device].disk.full_until = self.now + wait;
    }
}
