//! What of it all is on a disk: entries of journals, edits that are told by page to page, and what
//! was promised of them.

use super::*;

impl Model {
    /// The number of the next entry that any page takes.
    pub fn next_place(&self) -> Place {
        self.entries.len() as Place
    }

    pub fn take_place(&mut self) -> Place {
        self.entries.push(Fate::Pending);
        self.next_place() - 1
    }

    /// An entry is on disk.
    pub fn keep(&mut self, place: Place) {
        self.entries[place as usize] = Fate::Kept;
    }

    pub fn is_kept(&self, place: Place) -> bool {
        self.entries.get(place as usize) == Some(&Fate::Kept)
    }

    /// These entries never came to the disk, and nobody writes them any more.
    pub fn lose(&mut self, places: Vec<Place>) {
        for place in &places {
            self.entries[*place as usize] = Fate::Lost;
        }
        if places.is_empty() {
            return;
        }
        let entries = &self.entries;
        let is_lost = |place: Place| entries.get(place as usize) == Some(&Fate::Lost);
        for edit in &mut self.edits {
            if matches!(edit.state, State::Dropped(place) if is_lost(place)) {
                edit.state = State::Open;
            }
            edit.places.retain(|place| !is_lost(*place));
            if edit.places.is_empty() && edit.state == State::Open {
                edit.state = State::Told;
            }
        }
        for cart in &mut self.carts {
            cart.tokens.retain(|(place, _)| !is_lost(*place));
            cart.wishes.retain(|(place, _)| !is_lost(*place));
            cart.begun.take_if(|place| is_lost(*place));
            cart.discarded.take_if(|place| is_lost(*place));
            let edits = &self.edits;
            cart.edits.retain(|serial| edits[*serial].state != State::Told);
        }
        self.done.retain(|_, place| !is_lost(*place));
    }

    /// A cashier makes an edit on a page.
    pub fn tell(&mut self, cart: usize, what: What, page: usize, count: u32) {
        let before = self.by_count.insert((page, count), self.edits.len());
        assert!(before.is_none(), "page{page} counts {count} twice");
        self.edits.push(Edit::new(cart, what, page, count));
    }

    /// A page counts an edit anew that nobody was told of yet.
    pub fn count_anew(&mut self, page: usize, before: u32, now: u32) {
        if let Some(serial) = self.by_count.remove(&(page, before)) {
            self.edits[serial].count = now;
            self.by_count.insert((page, now), serial);
        }
    }

    /// The page that leads has made it, in this draft.
    pub fn make(&mut self, by: (usize, u32), cart: usize, place: Place) {
        // Rows that are put elsewhere are not edits of the model.
        let Some(serial) = self.by_count.get(&by).copied() else { return };
        let edit = &mut self.edits[serial];
        edit.cart = cart;
        edit.places.push(place);
        if edit.state != State::Stored {
            edit.state = State::Open;
            let edits = &mut self.carts[cart].edits;
            edits.retain(|known| *known != serial);
            edits.push(serial);
        }
    }

    /// A page that follows may show a copy that is some milliseconds old: what counts is the one
    /// that its edit is made on.
    pub fn see_anew(&mut self, by: (usize, u32), cart: usize, shown: &Document) {
        let Some(serial) = self.by_count.get(&by).copied() else { return };
        let seen_now = match &self.edits[serial].what {
            What::Set { field, .. } => {
                let is_it = |(of, edit): (usize, &Edit)| match &edit.what {
                    What::Set { field: known, seen, .. } if known == field && of != serial => {
                        Some(seen.clone())
                    }
                    _ => None,
                };
                let own = self.open_edits(cart).filter_map(is_it).last();
                own.unwrap_or_else(|| text(shown, field))
            }
            _ => String::new(),
        };
        match &mut self.edits[serial].what {
            What::Set { seen, .. } => *seen = seen_now,
            What::Remove { row, seen } => *seen = quantity(shown, row).unwrap_or(*seen),
            _ => {}
        }
    }

    /// It could not be made, and that is told.
    pub fn refuse(&mut self, by: Option<(usize, u32)>) {
        if let Some(serial) = by.and_then(|by| self.by_count.get(&by)) {
            // What is stored by now, though nobody heard of it, stays so.
            let edit = &mut self.edits[*serial];
            edit.state = if edit.state == State::Stored { State::Stored } else { State::Refused };
        }
    }

    /// A page that does not know yet that another one leads refuses it: who hears that has been told,
    /// who does not tells it to the other one.
    pub fn refuse_unsure(&mut self, by: Option<(usize, u32)>) {
        if let Some(serial) = by.and_then(|by| self.by_count.get(&by)) {
            self.edits[*serial].may_be_refused = true;
        }
    }

    /// Whether this is done for the first time; then it stands at this place.
    pub fn is_first(&mut self, by: (usize, u32), place: Place) -> bool {
        let is_first = !self.done.contains_key(&by);
        if is_first {
            self.done.insert(by, place);
        }
        is_first
    }

    /// Edits that the page that leads has not made.
    pub fn told(&self) -> Vec<usize> {
        let is_told = |serial: &usize| self.edits[*serial].state == State::Told;
        (0..self.edits.len()).filter(is_told).collect()
    }

    /// Nobody has it any more.
    pub fn vanish(&mut self, serial: usize) {
        let edit = &mut self.edits[serial];
        assert!(!edit.is_promised, "said to be kept, and lost: {edit:?}");
        edit.state = State::Vanished;
    }

    /// The page is told that the disk takes nothing: of its edits so far nothing is promised.
    pub fn doubt(&mut self, page: usize) {
        for edit in self.edits.iter_mut().filter(|edit| edit.page == page) {
            edit.is_doubted = true;
        }
    }

    /// All edits of this page are said to be on disk.
    pub fn promise(&mut self, page: usize) {
        for serial in 0..self.edits.len() {
            let edit = &self.edits[serial];
            if edit.page != page || edit.is_promised || edit.is_gone() {
                continue;
            }
            let is_there = match edit.state {
                State::Stored | State::Dropped(_) => true,
                _ => edit.places.iter().any(|place| self.is_kept(*place)),
            };
            if edit.is_doubted && !is_there {
                continue;
            }
            if edit.may_be_refused && !is_there {
                self.edits[serial].state = State::Refused;
                continue;
            }
            assert!(is_there, "said to be kept, but it is not: {edit:?}");
            self.edits[serial].is_promised = true;
        }
    }

    /// A save goes out: all that it contains is on disk, and so is that it goes out.
    pub fn check_kept(&self, cart: usize, token: &str) {
        let is_told = |(place, known): &(Place, String)| known == token && self.is_kept(*place);
        assert!(self.carts[cart].tokens.iter().any(is_told), "sent before that was on disk");
        for serial in &self.contained[&(cart, token.to_owned())].0 {
            let edit = &self.edits[*serial];
            let is_kept = edit.places.iter().any(|place| self.is_kept(*place));
            assert!(is_kept || edit.state == State::Stored, "sent before it was durable: {edit:?}");
        }
    }

    /// The page that led is gone: what the server told it is not known any more.
    pub fn forget_heard(&mut self, device: usize) {
        for edit in &mut self.edits {
            if self.carts[edit.cart].device == device {
                edit.heard = false;
            }
        }
    }
}
