//! The life of a page: it opens, promises, closes or dies; clocks jump, and it sleeps.

use restamp::core::event::Event;
use restamp::core::till::Till;

use crate::page::{About, Page};
use crate::world::{Arrival, World};

/// What a page may have to tell the one that leads.
const WANTS_MAX: usize = 200;

impl World {
    /* ------------------------------------------------------------ what is promised */

    /// Looks at a page whenever something happened there: what `durable()` would promise now is
    /// true, and a page that wanted to go goes.
    pub fn look_at(&mut self, page: usize) {
        let Page { till, leads, wants, journal, is_leaving, is_kept, .. } = &self.pages[page];
        if till.is_none() {
            return;
        }
        assert!(wants.list().len() < WANTS_MAX, "{} things to tell", wants.list().len());
        let (is_done, is_kept) = match leads {
            true => (journal.is_settled(), journal.is_kept()),
            false => (!wants.is_open() && !is_leaving, *is_kept),
        };
        if is_done && is_kept {
            self.model.promise(page);
        }
        let goes = is_done && self.pages[page].is_closing && !self.is_calm();
        if goes && !self.write_again(page) {
            self.tell(|| format!("page{page} closes"));
            self.leave_line(page, true);
            self.lose_unwritten(page);
            self.end(page);
        }
    }

    /// An edit that nobody has any more, and that was not said to be kept, is gone.
    pub fn check_vanished(&mut self, device: usize) {
        for serial in self.model.told() {
            let edit = &self.model.edits[serial];
            let (of, count) = (edit.page, edit.count);
            let Some(origin) = self.pages.get(of) else {
                // No page's: what stood in the document when a question was asked about it.
                self.model.vanish(serial);
                continue;
            };
            if origin.device != device {
                continue;
            }
            let tells = origin.till.is_some()
                && (origin.is_leaving
                    || origin.leads && self.is_fenced(of)
                    || origin.wants.list().iter().any(|wanted| {
                        wanted.count == count && matches!(wanted.event, Event::Edit { .. })
                    }));
            if !tells && !self.is_on_the_way(of, count) {
                self.model.vanish(serial);
            }
        }
    }

    /* ------------------------------------------------------------ pages come and go */

    /// The page is gone.
    pub fn crash(&mut self, page: usize) {
        self.tell(|| format!("page{page} is gone"));
        self.ran.crashes += 1;
        self.lose_unwritten(page);
        self.leave_line(page, false);
        self.lose_messages(page);
        self.end(page);
    }

    fn end(&mut self, page: usize) {
        let device = self.pages[page].device;
        if self.pages[page].leads {
            self.model.forget_heard(device);
        }
        let Page { requests, line, .. } = std::mem::take(&mut self.pages[page]);
        self.pages[page] = Page { device, requests, line, ..Page::default() };
        self.check_vanished(device);
        if self.devices[device].pages_left > 0 || !self.has_page(device) {
            let wait = 50 + self.luck.below(4_000);
            self.after(wait, Arrival::OpenPage(device));
        }
    }

    pub fn has_page(&self, device: usize) -> bool {
        self.pages.iter().any(|page| page.device == device && page.till.is_some())
    }

    /// The page of a device that leads, if one does.
    pub fn leader(&self, device: usize) -> Option<usize> {
        let leads = |page: &Page| page.device == device && page.leads;
        self.pages.iter().position(leads)
    }

    /// Opens a page: it leads, if no other does.
    pub fn open_page(&mut self, device: usize) {
        let is_first = !self.has_page(device);
        if !is_first && self.devices[device].pages_left == 0 {
            return;
        }
        self.devices[device].pages_left = self.devices[device].pages_left.saturating_sub(1);
        self.devices[device].pages_opened += 1;
        let page = self.pages.len();
        let acts_left = (3 + self.people.below(15)).min(self.limits.acts);
        let till = Some(Till::new(self.policy.clone()));
        let is_kept = true;
        self.pages.push(Page { device, till, acts_left, is_kept, ..Page::default() });
        self.tell(|| format!("page{page} of till{device} opens"));
        self.start_line(page);
        let first = 50 + self.people.below(1_500);
        self.after(first, Arrival::Act(page));
    }

    /// Drafts that a page has are those of carts by their names.
    pub fn know_drafts(&mut self, page: usize) {
        let holder = &mut self.pages[page];
        let till = holder.till.as_ref().expect("a till");
        for draft in till.drafts() {
            if let Some(cart) = self.model.by_id.get(draft.id()) {
                holder.carts.insert(draft.number().0, *cart);
            }
            holder.numbers = holder.numbers.max(draft.number().0);
        }
    }

    pub fn close_page(&mut self, device: usize) {
        if let Some(page) = self.some_page(device) {
            self.pages[page].is_closing = true;
            self.pages[page].acts_left = 0;
        }
    }

    fn some_page(&mut self, device: usize) -> Option<usize> {
        let lives =
            |page: &usize| self.pages[*page].device == device && self.pages[*page].till.is_some();
        let pages: Vec<usize> = (0..self.pages.len()).filter(lives).collect();
        self.luck.pick(&pages).copied()
    }

    /* ------------------------------------------------------------ clocks and sleep */

    pub fn clock_jumps(&mut self, device: usize) {
        let size = match self.luck.below(3) {
            0 => self.luck.below(5_000),
            1 => self.luck.below(3_600_000),
            _ => self.luck.below(86_400_000 * 3),
        };
        let jump = if self.luck.percent(50) { size as i64 } else { -(size as i64) };
        self.tell(|| format!("the clock of till{device} jumps by {jump} ms"));
        self.devices[device].offset += jump;
    }

    /// A page of the device does nothing for a while; more often than not the one that leads.
    pub fn freeze(&mut self, device: usize) {
        let leader = self.leader(device).filter(|_| self.luck.clone().percent(60));
        if let Some(page) = leader.or_else(|| self.some_page(device)) {
            let wait = self.luck.below(14_000);
            // A disk that takes nothing fences nobody: who sleeps meanwhile and wakes up would lead
            // beside the next one for a moment.
            if self.pages[page].sent_in_memory || self.is_full(device) {
                return;
            }
            self.tell(|| format!("page{page} freezes for {wait} ms"));
            let before = self.pages[page].frozen_until;
            self.pages[page].frozen_until = before.max(self.now + wait);
        }
    }

    pub fn signed_in(&mut self, device: usize) {
        self.tell(|| format!("till{device} has signed in"));
        self.devices[device].is_signed_in = true;
        self.devices[device].session += 1;
        self.devices[device].is_renewing = false;
        for page in 0..self.pages.len() {
            if self.pages[page].device == device {
                self.handle(page, Event::Online, About::Nothing);
                self.look_at(page);
            }
        }
    }
}
