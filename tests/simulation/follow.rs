//! The page that follows, as `src/shell/follow.rs` has it: it shows drafts as the leading page has
//! them, with its own newest edits on top, and hands edits and requests over to it.

use restamp::core::document::Document;
use restamp::core::draft::Draft;
use restamp::core::event::{DraftId, Effect, Event};
use restamp::core::journal::edit_of;
use restamp::core::pages::{count_of, is_as_seen, seen, Wanted};
use restamp::core::time::Millis;

use crate::page::About;
use crate::tabs::{page_name, Retold, Shown, Word};
use crate::world::World;

impl World {
    /* ------------------------------------------------------------ the page that follows */

    /// What an event of this page means while another one leads. Whether the page still lives.
    pub fn follow(&mut self, page: usize, event: Event, about: About) -> bool {
        match event {
            Event::Edit { draft, .. } | Event::Replace { draft, .. } => {
                let shown = self.shown_text(page, draft);
                let ops = self.try_here(page, event);
                let mut about = about;
                for op in ops {
                    let seen = shown.as_ref().and_then(|it| seen(it, &op, &self.policy.profile));
                    let what = about.take_for(&op);
                    let count = self.pages[page].wants.next();
                    if let Some((cart, what)) = what {
                        self.model.tell(cart, what, page, count);
                    }
                    self.want(page, Event::Edit { draft, op }, About::Nothing, seen);
                }
            }
            Event::Resolve { .. } => {
                self.try_here(page, event.clone());
                self.want(page, event, about, None);
            }
            Event::Open { .. }
            | Event::Refresh { .. }
            | Event::Create { .. }
            | Event::Save { .. }
            | Event::Submit { .. }
            | Event::Discard { .. } => self.want(page, event, about, None),
            _ => {}
        }
        self.maybe_crash(page);
        self.pages[page].till.is_some()
    }

    /// Shows an edit at once; the edits that it consists of.
    fn try_here(&mut self, page: usize, event: Event) -> Vec<restamp::core::op::Op> {
        let now = Millis(self.page_now(page));
        let random = self.random();
        let till = self.pages[page].till.as_mut().expect("a till");
        let mut ops = Vec::new();
        for effect in till.handle(event, now, random) {
            match effect {
                Effect::Journal(entry) => ops.extend(edit_of(&entry).map(|(_, op, _)| op)),
                Effect::Refused(misuse) => panic!("refused: {misuse:?}"),
                _ => {}
            }
        }
        ops
    }

    /// The document as a page shows it.
    fn shown_text(&self, page: usize, draft: DraftId) -> Option<Document> {
        let till = self.pages[page].till.as_ref()?;
        Document::parse(till.draft(draft)?.text(&self.policy), &self.policy.profile).ok()
    }

    /// Whether nothing newer would be overwritten unseen.
    pub fn is_as_seen(&self, page: usize, event: &Event, seen: Option<&[u8]>) -> bool {
        let Event::Edit { draft, op } = event else { return true };
        let draft = self.pages[page].till.as_ref().and_then(|till| till.draft(*draft));
        draft.is_none_or(|draft| is_as_seen(draft, op, seen, &self.policy))
    }

    fn want(&mut self, page: usize, event: Event, about: About, seen: Option<Vec<u8>>) {
        let random = self.random();
        let wanted = self.pages[page].wants.tell(event, random, seen);
        self.pages[page].about.insert(wanted.count, about);
        if self.pages[page].is_attached {
            self.send_wanted(page, wanted, Retold::default());
        }
    }

    fn send_wanted(&mut self, page: usize, mut wanted: Wanted, retold: Retold) {
        let follower = &self.pages[page];
        let draft = match &wanted.event {
            Event::Edit { draft, .. }
            | Event::Resolve { draft, .. }
            | Event::Discard { draft }
            | Event::Save { draft, .. }
            | Event::Submit { draft, .. }
            | Event::Open { draft, .. }
            | Event::Refresh { draft }
            | Event::Create { draft, .. } => *draft,
            other => panic!("nobody wants {other:?}"),
        };
        let till = follower.till.as_ref().expect("a till");
        let id = till.draft(draft).map(|draft| draft.id().to_owned());
        let id = id.or_else(|| follower.wants.name_of(draft));
        let about = match &wanted.event {
            Event::Submit { .. } => self.about_request(page, &wanted.event),
            _ => follower.about.get(&wanted.count).cloned().unwrap_or(About::Nothing),
        };
        if let Event::Refresh { draft } = wanted.event {
            let key = till.draft(draft).map(|draft| draft.key().to_owned()).unwrap_or_default();
            wanted.event = Event::Open { draft, key };
        }
        let to = follower.leader;
        let word = Word::Want(Box::new(wanted), id, about, retold);
        self.say(page, to, word);
    }

    /// Another page leads, or nobody known.
    pub fn on_leader(&mut self, page: usize, leader: Option<usize>) {
        let follower = &mut self.pages[page];
        let led = std::mem::take(&mut follower.leads);
        follower.term += 1;
        follower.is_attached = false;
        follower.wants.tell_anew();
        follower.leader = leader;
        follower.gate.clear();
        if led {
            self.tell(|| format!("page{page} leads no more"));
            let follower = &mut self.pages[page];
            follower.is_leaving = true;
            follower.in_flight.clear();
            follower.answering.clear();
            follower.timer += 1;
            let begun = follower.wants.begun();
            follower.till.as_mut().expect("a till").follow(&begun);
            if self.pages[page].journal.writing.is_none() {
                self.left(page);
            }
        } else if !self.pages[page].is_leaving {
            self.attach_all(page);
        }
    }

    /// This page led: what it could not write any more it tells the next leader.
    pub fn left(&mut self, page: usize) {
        let unwritten = self.pages[page].journal.unwritten();
        let numbers: Vec<u64> = unwritten.iter().map(|(number, _)| *number).collect();
        let entries: Vec<Vec<u8>> = unwritten.into_iter().map(|(_, entry)| entry).collect();
        self.forget_answered(page);
        let follower = &mut self.pages[page];
        let till = follower.till.as_ref().expect("a till");
        let anew = follower.wants.leave(&page_name(page), &entries, &|id| till.named(id));
        follower.is_leaving = false;
        (follower.telling, follower.untold) = (None, Vec::new());
        // The highest first: what was told while it left is counted anew.
        for (before, now) in anew.into_iter().rev().filter(|(before, _)| *before > 0) {
            let about = follower.about.remove(&before).unwrap_or(About::Nothing);
            follower.about.insert(now, about);
            self.model.count_anew(page, before, now);
        }
        self.model.lose(numbers);
        self.check_vanished(self.pages[page].device);
        self.attach_all(page);
    }

    /// Requests that nobody waits for any more need not be repeated.
    pub fn forget_answered(&mut self, page: usize) {
        let mut wants = std::mem::take(&mut self.pages[page].wants);
        let holder = &self.pages[page];
        wants.forget_answered(&|event| match event {
            Event::Save { waiter, .. } | Event::Submit { waiter, .. } => {
                holder.waiters.contains_key(&waiter.0)
            }
            Event::Open { draft, .. } | Event::Refresh { draft } | Event::Create { draft, .. } => {
                holder.opening.iter().any(|(number, ..)| *number == draft.0)
            }
            _ => false,
        });
        self.pages[page].wants = wants;
    }

    fn attach_all(&mut self, page: usize) {
        let Some(leader) = self.pages[page].leader else { return };
        let till = self.pages[page].till.as_ref().expect("a till");
        let wants = &self.pages[page].wants;
        let copy = |draft: &Draft| {
            wants.before(draft.number()).map_or_else(|| draft.foundation(), <[u8]>::to_vec)
        };
        let drafts: Vec<(u32, Vec<u8>)> =
            till.drafts().iter().map(|draft| (draft.number().0, copy(draft))).collect();
        self.pages[page].attaching = drafts.iter().map(|(number, _)| *number).collect();
        for (number, state) in drafts {
            self.say(page, Some(leader), Word::Attach(number, state));
        }
        self.attached(page, None);
    }

    /// Once all drafts are attached, the leader is told everything that it may not know.
    fn attached(&mut self, page: usize, draft: Option<u32>) {
        let follower = &mut self.pages[page];
        follower.attaching.retain(|waiting| Some(*waiting) != draft);
        if follower.is_attached || !follower.attaching.is_empty() {
            return;
        }
        follower.is_attached = true;
        self.forget_answered(page);
        for wanted in self.pages[page].wants.list().to_vec() {
            let retold = self.retold(page, &wanted);
            self.send_wanted(page, wanted, retold);
        }
    }

    pub fn on_leader_s_word(&mut self, page: usize, word: Word) {
        match word {
            Word::Draft(_) if self.pages[page].is_leaving => {}
            Word::Draft(shown) => self.on_draft(page, *shown),
            Word::Done(waiter, outcome) => {
                self.settled(page, waiter, &outcome);
                self.forget_answered(page);
            }
            Word::Refused(waiter) => {
                self.pages[page].waiters.remove(&waiter);
                self.forget_answered(page);
            }
            Word::Failed(asked) => {
                self.answer_opening(page, DraftId(asked), false);
                self.forget_answered(page);
            }
            _ => {}
        }
    }

    /// A draft as the page that leads has it.
    fn on_draft(&mut self, page: usize, shown: Shown) {
        let name = page_name(page);
        let (seen, kept) = (count_of(&shown.seen, &name), count_of(&shown.kept, &name));
        let follower = &mut self.pages[page];
        follower.is_kept = shown.is_kept;
        follower.wants.written(kept, shown.is_kept);
        if !shown.is_kept {
            follower.journal.is_lost = true;
            self.model.doubt(page);
        }
        let follower = &mut self.pages[page];
        let till = follower.till.as_mut().expect("a till");
        let asked = shown.asked.map(DraftId);
        let Some(place) = asked.or(till.named(&shown.id)) else { return };
        let before = till.foundation(place);
        // One that is being opened there has no state yet.
        let Ok(draft) = till.mirror(place, &shown.state, shown.status) else { return };
        if !shown.is_kept {
            let before = || before.or_else(|| till.foundation(draft));
            follower.wants.keep_before(draft, before);
        }
        follower.numbers = follower.numbers.max(draft.0);
        let now = Millis(self.page_now(page));
        for event in self.pages[page].wants.unseen(draft, seen) {
            let random = self.random();
            let till = self.pages[page].till.as_mut().expect("a till");
            // What does not fit any more the leader refuses too.
            drop(till.handle(event, now, random));
        }
        self.know_drafts(page);
        if let Some(asked) = asked {
            self.answer_opening(page, asked, true);
            self.forget_answered(page);
            self.attached(page, Some(asked.0));
        }
    }
}
