//! Which page of a device leads, as `src/package/tabs.js` finds it out: the one that holds the Web
//! Lock; where there are no Web Locks, the one that renews the lease on the disk. The others stand
//! in line, and take it from a page that answers no more.

use crate::page::Page;
use crate::tabs::Word;
use crate::world::{Arrival, World, BEGIN_MS, CALM_MS};

pub const PING_MS: u64 = 2_000;
const SILENCES_MAX: u32 = 2;
const LEASE_MS: u64 = 6_000;
/// Pages look after each other so long: what was frozen is awake then, and what died is followed.
const TICKS_MS: u64 = CALM_MS + 20_000;

/// A page's own view of who leads.
#[derive(Default)]
pub struct Line {
    pub leads: bool,
    /// The till that leads has read its journal.
    pub ready: bool,
    pub leader: Option<usize>,
    pub term: u64,
    /// The term that the store of this page checks.
    pub store_term: Option<u64>,
    /// The disk was full when its turn began: the term is the one before, and counts up with the
    /// first write.
    pub owes: bool,
    heard: bool,
    silences: u32,
    /// Counts the times that it was given the lock; whether it still has it, as far as it knows.
    grants: u32,
    holds: bool,
}

impl World {
    /// A page begins: it leads if nobody does.
    pub fn start_line(&mut self, page: usize) {
        let device = self.pages[page].device;
        self.pages[page].line.heard = true;
        let mine = match self.devices[device].has_locks {
            true => self.devices[device].lock.is_none(),
            false => self.renew(page, false),
        };
        if mine && self.devices[device].has_locks {
            self.devices[device].lock = Some(page);
            self.granted(page);
        } else if mine {
            self.won(page);
        } else {
            self.stand_in_line(page);
            self.say(page, None, Word::Ping);
        }
        self.after(PING_MS, Arrival::Tick(page));
    }

    fn stand_in_line(&mut self, page: usize) {
        let device = &mut self.devices[self.pages[page].device];
        device.in_line.retain(|known| *known != page);
        if device.has_locks {
            device.in_line.push(page);
        }
        self.grant(self.pages[page].device);
    }

    /// The browser gives a free lock to the first in line, frozen or not.
    pub fn grant(&mut self, device: usize) {
        let device = &mut self.devices[device];
        if device.lock.is_some() || device.in_line.is_empty() {
            return;
        }
        let page = device.in_line.remove(0);
        device.lock = Some(page);
        let wait = self.luck.below(20);
        self.after(wait, Arrival::Granted(page));
    }

    /// A new term: whoever wrote before is fenced.
    pub fn granted(&mut self, page: usize) {
        if self.pages[page].till.is_some() {
            let line = &mut self.pages[page].line;
            line.grants += 1;
            line.holds = true;
            let grant = line.grants;
            let wait = self.luck.below(self.disk_ms + 1);
            self.after(wait, Arrival::Fenced(page, grant));
        }
    }

    /// The disk has counted the term up, or takes nothing, which keeps nobody from leading. Who
    /// lost the lock meanwhile has fenced the others, but leads not.
    pub fn fenced(&mut self, page: usize, grant: u32) {
        if self.pages[page].till.is_none() {
            return;
        }
        let device = self.pages[page].device;
        if self.is_full(device) {
            let term = self.devices[device].disk.term;
            let line = &mut self.pages[page].line;
            line.term += 1;
            (line.store_term, line.owes) = (Some(term), true);
        } else {
            self.count_term(page);
        }
        let line = &self.pages[page].line;
        if line.holds && line.grants == grant {
            self.won(page);
        }
    }

    pub fn count_term(&mut self, page: usize) {
        let disk = &mut self.devices[self.pages[page].device].disk;
        disk.term += 1;
        let line = &mut self.pages[page].line;
        (line.store_term, line.owes) = (Some(disk.term), false);
        line.term = disk.term.max(line.term);
        self.end_turns(page);
    }

    /// What other pages have on their way to the disk never gets there any more.
    fn end_turns(&mut self, page: usize) {
        let device = self.pages[page].device;
        if crate::defects::is_fence_ignored() {
            return;
        }
        let others = self.pages.iter().enumerate();
        let others = others.filter(|(other, of)| *other != page && of.device == device);
        let lost = others.flat_map(|(_, other)| other.journal.on_its_way()).collect();
        self.model.lose(lost);
    }

    fn won(&mut self, page: usize) {
        let line = &mut self.pages[page].line;
        if line.leads {
            return;
        }
        line.leads = true;
        line.leader = Some(page);
        self.begin_to_lead(page);
    }

    /// Another page took the lock away, or the journal is another's.
    pub fn lose_lead(&mut self, page: usize, to: Option<usize>, term: u64) {
        if to == Some(page) {
            return;
        }
        let device = self.pages[page].device;
        let line = &mut self.pages[page].line;
        (line.leads, line.ready, line.holds) = (false, false, false);
        (line.leader, line.term) = (to, term);
        if self.devices[device].lock == Some(page) {
            self.devices[device].lock = None;
        }
        self.stand_in_line(page);
        self.on_leader(page, to);
        self.say(page, None, Word::Ping);
    }

    pub fn lock_lost(&mut self, page: usize) {
        let Page { till, line, .. } = &mut self.pages[page];
        if till.is_none() || !std::mem::take(&mut line.holds) {
            return;
        }
        match line.leads {
            true => self.lose_lead(page, None, self.pages[page].line.term),
            false => self.stand_in_line(page),
        }
    }

    fn steal(&mut self, page: usize) {
        let device = self.pages[page].device;
        self.devices[device].in_line.retain(|known| *known != page);
        if let Some(before) = self.devices[device].lock.replace(page) {
            self.tell(|| format!("page{page} takes the lock from page{before}"));
            self.after(0, Arrival::LockLost(before));
        }
        self.after(0, Arrival::Granted(page));
    }

    /// By lease: whether this page leads now. A lapsed one is free if nobody answers.
    fn renew(&mut self, page: usize, is_silent: bool) -> bool {
        let device = self.pages[page].device;
        if self.is_full(device) {
            return self.pages[page].line.leads;
        }
        let now = self.page_now(page);
        let line = &self.pages[page].line;
        let disk = &self.devices[device].disk;
        let mine = disk.lease.is_some_and(|(holder, _)| holder == page)
            && line.store_term == Some(disk.term);
        let is_held = disk
            .lease
            .is_some_and(|(_, until)| !is_silent || until > now && until <= now + LEASE_MS);
        if !mine && is_held {
            return false;
        }
        let line = &mut self.pages[page].line;
        let disk = &mut self.devices[device].disk;
        disk.term += u64::from(!mine);
        disk.lease = Some((page, now + LEASE_MS));
        line.term = disk.term;
        (line.store_term, line.owes) = (Some(disk.term), false);
        if !mine {
            self.end_turns(page);
        }
        true
    }

    pub fn tick(&mut self, page: usize) {
        if self.pages[page].till.is_none() || self.now > BEGIN_MS + TICKS_MS {
            return;
        }
        self.after(PING_MS, Arrival::Tick(page));
        let device = self.pages[page].device;
        let line = &self.pages[page].line;
        if !self.devices[device].has_locks && (line.leads || !line.heard) {
            let before = self.pages[page].line.term;
            let is_silent = !self.pages[page].line.heard;
            let mine = self.renew(page, is_silent);
            let line = &self.pages[page].line;
            if line.leads && line.term != before {
                // Another page led meanwhile: the journal is read anew.
                self.lose_lead(page, None, line.term);
            }
            if mine {
                self.won(page);
            } else if self.pages[page].line.leads {
                self.lose_lead(page, None, self.pages[page].line.term);
            }
        }
        if self.pages[page].till.is_none() {
            return;
        }
        if self.pages[page].line.leads {
            // The disk may take it now: until then nothing keeps the page before from writing.
            let owes = self.devices[device].has_locks && self.pages[page].line.owes;
            match self.is_fenced(page) {
                true if owes => self.lose_lead(page, None, self.pages[page].line.term),
                false if owes && !self.is_full(device) => self.count_term(page),
                true | false => {}
            }
            return;
        }
        let line = &mut self.pages[page].line;
        line.silences = if std::mem::take(&mut line.heard) { 0 } else { line.silences + 1 };
        if self.devices[device].has_locks && line.silences >= SILENCES_MAX {
            line.silences = 0;
            self.steal(page);
        } else {
            self.say(page, None, Word::Ping);
        }
    }

    /// Says that this page leads: its till is ready.
    pub fn announce(&mut self, page: usize) {
        self.pages[page].line.ready = true;
        self.say_who_leads(page);
    }

    pub fn say_who_leads(&mut self, page: usize) {
        let line = &self.pages[page].line;
        if line.leads {
            let word = if line.ready { Word::Lead(line.term) } else { Word::Soon };
            self.say(page, None, word);
        }
    }

    /// Anything from another page; whether it is between the tills.
    pub fn hear_line(&mut self, page: usize, from: usize, word: &Word) -> bool {
        let line = &mut self.pages[page].line;
        match word {
            Word::Ping => self.say_who_leads(page),
            Word::Soon => line.heard = true,
            Word::Lead(term) if *term < line.term => {}
            Word::Lead(term) => {
                line.heard = true;
                if line.leads {
                    self.lose_lead(page, Some(from), *term);
                } else if line.leader != Some(from) || line.term != *term {
                    (line.leader, line.term) = (Some(from), *term);
                    self.on_leader(page, Some(from));
                }
            }
            _ => {
                line.heard |= line.leader == Some(from);
                return true;
            }
        }
        false
    }

    /// The page is gone: its lock is free, and so is its lease if it could still give it back.
    pub fn leave_line(&mut self, page: usize, gives_back: bool) {
        let device = self.pages[page].device;
        let is_own = self.pages[page].line.store_term == Some(self.devices[device].disk.term);
        let leads = self.pages[page].line.leads;
        let device_now = &mut self.devices[device];
        device_now.in_line.retain(|known| *known != page);
        if device_now.lock == Some(page) {
            device_now.lock = None;
        }
        if gives_back && leads && is_own && !device_now.has_locks {
            device_now.disk.lease = None;
        }
        self.grant(device);
    }
}
