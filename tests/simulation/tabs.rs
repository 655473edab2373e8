//! What the pages of one device say to each other, and the page that leads: it does what the
//! others want and tells them how its drafts stand. Here and in `follow.rs` it is written down a
//! second time, after `src/shell/lead.rs` and `follow.rs`: those need a browser. What must be remembered so that everything is done once is the core's own (`pages`).

use restamp::core::event::{DraftId, Event, Outcome, Waiter};
use restamp::core::journal::Heard;
use restamp::core::pages::{can_be_doubted, is_there, Wanted};
use restamp::core::random::Random;

use crate::page::{About, For, Page};
use crate::world::{Arrival, World};

/// Longest way of a message from page to page, ms; and of a slow one.
const WAY_MS: u64 = 6;
const SLOW_WAY_MS: u64 = 300;

#[derive(Clone)]
pub enum Word {
    /// Who leads?
    Ping,
    /// A page that leads reads its journal.
    Soon,
    /// This page leads, in this term.
    Lead(u64),
    Attach(u32, Vec<u8>),
    /// The draft's name, and what it is for the model.
    Want(Box<Wanted>, Option<String>, About, Retold),
    Draft(Box<Shown>),
    Done(u32, Box<Outcome>),
    Refused(u32),
    Failed(u32),
}

impl Word {
    /// For the story.
    fn named(&self) -> String {
        match self {
            Word::Ping | Word::Soon => String::new(),
            Word::Lead(term) => format!("I lead, {term}"),
            Word::Attach(number, _) => format!("attach {number}"),
            Word::Want(wanted, id, ..) => format!("{} {:?} of {id:?}", wanted.count, wanted.event),
            Word::Draft(shown) => {
                let Shown { asked, id, status, seen, kept, .. } = &**shown;
                format!("{id} for {asked:?} is {status}, {seen:?} {kept:?}")
            }
            Word::Done(waiter, _) => format!("done {waiter}"),
            Word::Refused(waiter) => format!("refused {waiter}"),
            Word::Failed(number) => format!("failed {number}"),
        }
    }
}

/// Whether a page that led before may have been told something already, whether that one's disk took
/// nothing, and the stamp of the copy that it stands on.
#[derive(Clone, Default)]
pub struct Retold {
    pub is_retold: bool,
    pub is_doubtful: bool,
    pub stamp: Option<String>,
}

/// A draft as the page that leads has it.
#[derive(Clone)]
pub struct Shown {
    pub asked: Option<u32>,
    pub id: String,
    pub status: &'static str,
    pub state: Vec<u8>,
    pub seen: Vec<Heard>,
    pub kept: Vec<Heard>,
    pub is_kept: bool,
}

impl World {
    /* ------------------------------------------------------------ the channel */

    /// A message to one page or to all; on its way it keeps its place behind the sender's others.
    pub fn say(&mut self, from: usize, to: Option<usize>, word: Word) {
        let device = self.pages[from].device;
        let reached: Vec<usize> = (0..self.pages.len())
            .filter(|page| *page != from && self.pages[*page].device == device)
            .filter(|page| self.pages[*page].till.is_some() && to.is_none_or(|to| to == *page))
            .collect();
        for page in reached {
            let slow = self.luck.percent(3);
            let way = self.luck.below(if slow { SLOW_WAY_MS } else { WAY_MS });
            let before = self.said.get(&(from, page)).copied().unwrap_or(0);
            let at = before.max(self.now + way);
            self.said.insert((from, page), at);
            self.after(at - self.now, Arrival::Message(from, page, Box::new(word.clone())));
        }
    }

    pub fn message(&mut self, from: usize, page: usize, word: Word) {
        if !matches!(word, Word::Ping | Word::Soon) {
            self.tell(|| format!("    page{from} to page{page}: {}", word.named()));
        }
        if self.pages[page].till.is_none() || !self.hear_line(page, from, &word) {
            return;
        }
        if self.pages[page].leads {
            self.on_follower_s_word(page, from, word);
        } else if self.pages[page].leader == Some(from) {
            self.on_leader_s_word(page, word);
        }
    }

    /* ------------------------------------------------------------ the page that leads */

    pub fn begin_to_lead(&mut self, page: usize) {
        self.tell(|| format!("page{page} is to lead"));
        let wait = self.luck.below(self.disk_ms + 1);
        self.after(wait, Arrival::Loaded(page, self.pages[page].term));
    }

    /// Goes on from the journal.
    pub fn lead(&mut self, page: usize, term: u32) {
        if self.pages[page].till.is_none() || self.pages[page].term != term {
            return; // another page was quicker
        }
        if self.pages[page].is_leaving {
            // What it had on its way to the disk goes first.
            return self.after(1, Arrival::Loaded(page, term));
        }
        let device = self.pages[page].device;
        let entries = self.devices[device].disk.entries.clone();
        let entries: Vec<&[u8]> = entries.iter().map(|(_, entry)| entry.as_slice()).collect();
        let first = DraftId(self.pages[page].numbers + 1);
        let Page { till, wants, .. } = &mut self.pages[page];
        let till = till.as_mut().expect("a till");
        till.step_back(wants);
        let is_torn = self.devices[device].disk.is_torn;
        let taken = till.take_over(&entries, first, is_torn);
        taken.unwrap_or_else(|error| panic!("a journal: {error:?}"));
        let lost = self.pages[page].journal.unwritten();
        self.pages[page].journal.is_fenced = false;
        self.model.lose(lost.into_iter().map(|(number, _)| number).collect());
        self.know_drafts(page);
        self.model.forget_heard(device);
        let leads = &mut self.pages[page];
        leads.hearing.restore(entries.iter().copied());
        leads.leads = true;
        leads.leader = Some(page);
        self.tell(|| format!("page{page} of till{device} leads: {} entries", entries.len()));
        self.doubt_all(page);
        if self.pages[page].till.is_none() {
            return;
        }
        self.compact(page);
        self.make_wanted(page);
        if !self.handle(page, Event::Online, About::Nothing) {
            return;
        }
        let till = self.pages[page].till.as_ref().expect("a till");
        let at_rest = till.drafts().iter().filter(|draft| draft.status() == "clean");
        for draft in at_rest.map(|draft| draft.number()).collect::<Vec<_>>() {
            self.tell_soon(page, draft);
            if !self.dispatch(page, Event::Refresh { draft }, About::Nothing) {
                return;
            }
        }
        self.announce(page);
        self.check_vanished(device);
    }

    /// The journal ends before the last saves: what it has may be stored.
    fn doubt_all(&mut self, page: usize) {
        let device = self.pages[page].device;
        self.pages[page].is_torn = self.devices[device].disk.is_torn;
        if !self.pages[page].is_torn {
            return;
        }
        self.tell(|| format!("page{page} finds that its journal lacks what was sent last"));
        let till = self.pages[page].till.as_ref().expect("a till");
        let drafts: Vec<DraftId> = till.drafts().iter().map(|draft| draft.number()).collect();
        self.pages[page].journal.is_held = true;
        for draft in drafts {
            self.handle(page, Event::Doubt { draft }, About::Nothing);
        }
        self.let_write(page);
    }

    fn let_write(&mut self, page: usize) {
        self.pages[page].journal.is_held = false;
        if self.pages[page].till.is_some() {
            self.write(page);
        }
    }

    /// An edit was told to the page that led before, which may have sent it, see there.
    fn doubt_retold(&mut self, page: usize, draft: Option<DraftId>, retold: &Retold) {
        if let Some(draft) = draft.filter(|_| self.is_doubtful(page, retold)) {
            self.handle(page, Event::Doubt { draft }, About::Nothing);
        }
    }

    fn is_doubtful(&self, page: usize, retold: &Retold) -> bool {
        self.pages[page].is_torn && retold.is_retold || retold.is_doubtful
    }

    /// Not a step that may be contained in the copy that it would be made on.
    fn may_be_told_again(&self, page: usize, event: &Event, retold: &Retold) -> bool {
        let Event::Edit { draft, op } = event else { return true };
        let draft = self.pages[page].till.as_ref().and_then(|till| till.draft(*draft));
        !self.is_doubtful(page, retold)
            || draft.is_none_or(|draft| can_be_doubted(draft, op, retold.stamp.as_deref()))
    }

    /// What the page that is gone was told and has not done is done here.
    fn make_wanted(&mut self, page: usize) {
        self.forget_answered(page);
        let name = page_name(page);
        let heard = self.pages[page].hearing.of(&name);
        let due = self.pages[page].wants.take(heard);
        for wanted in due {
            let Some(till) = &self.pages[page].till else { return };
            if let Some((asked, _)) = is_there(till, &wanted) {
                self.answer_opening(page, asked, true);
                continue;
            }
            let random = wanted.chance(self.random());
            let retold = self.retold(page, &wanted);
            let Wanted { count, event, seen, .. } = wanted;
            let about = self.pages[page].about.get(&count).cloned().unwrap_or(About::Nothing);
            if restamp::core::pages::is_request(&event) {
                let about = self.about_request(page, &event);
                self.pages[page].wants.remember(event.clone(), random);
                self.handle_as(page, event, random, None, about, true);
            } else if self.is_as_seen(page, &event, seen.as_deref())
                && self.may_be_told_again(page, &event, &retold)
            {
                let draft = edited(&event);
                self.pages[page].journal.is_held = true;
                self.handle_as(page, event, random, Some((page, count)), about, true);
                self.doubt_retold(page, draft, &retold);
                self.let_write(page);
            } else {
                self.refuse_unseen(page, Some((page, count)));
            }
        }
        self.pages[page].wants.lead();
    }

    /// Of something that was told to a page that led before.
    pub fn retold(&self, page: usize, wanted: &Wanted) -> Retold {
        let Page { till, wants, .. } = &self.pages[page];
        let draft = edited(&wanted.event);
        let draft = draft.and_then(|draft| till.as_ref()?.draft(draft));
        let stamp = draft.and_then(|draft| wants.stands_on(draft));
        Retold { is_retold: true, is_doubtful: wants.is_doubtful(wanted.count), stamp }
    }

    fn refuse_unseen(&mut self, page: usize, by: Option<(usize, u32)>) {
        self.tell(|| format!("page{page} refuses {by:?}: changed meanwhile"));
        match self.is_fenced(page) {
            false => self.model.refuse(by),
            true => self.model.refuse_unsure(by),
        }
    }

    pub fn about_request(&self, page: usize, event: &Event) -> About {
        let Event::Submit { waiter, .. } = event else { return About::Nothing };
        let waits = self.pages[page].waiters.get(&waiter.0);
        waits.map_or(About::Nothing, |waits| waits.about.clone())
    }

    fn on_follower_s_word(&mut self, page: usize, from: usize, word: Word) {
        self.pages[page].is_followed = true;
        match word {
            Word::Attach(asked, state) => {
                let holder = &mut self.pages[page];
                holder.numbers += 1;
                let place = DraftId(holder.numbers);
                let till = holder.till.as_mut().expect("a till");
                let draft = till.adopt(place, &state).expect("a state");
                self.know_drafts(page);
                self.tell_draft(page, Some(from), Some(asked), draft);
            }
            Word::Want(wanted, id, about, retold) => {
                self.pages[page].journal.is_held = true;
                self.on_want(page, from, *wanted, id, about, &retold);
                self.let_write(page);
            }
            _ => {}
        }
    }

    fn on_want(
        &mut self,
        page: usize,
        from: usize,
        wanted: Wanted,
        id: Option<String>,
        about: About,
        retold: &Retold,
    ) {
        let Wanted { count, event, random, seen } = wanted;
        let till = self.pages[page].till.as_ref().expect("a till");
        let draft = id.and_then(|id| till.named(&id));
        let known = till.named(&Random::new(random).name());
        let is_new = self.pages[page].hearing.hear(&page_name(from), count);
        let theirs = |event: &Event, draft| match event.clone() {
            Event::Edit { op, .. } => Event::Edit { draft, op },
            Event::Resolve { path, take, .. } => Event::Resolve { draft, path, take },
            _ => Event::Discard { draft },
        };
        match (&event, draft) {
            (Event::Edit { .. } | Event::Resolve { .. } | Event::Discard { .. }, Some(draft)) => {
                if is_new {
                    let event = theirs(&event, draft);
                    let random = self.random();
                    let by = Some((from, count));
                    let may = self.is_as_seen(page, &event, seen.as_deref())
                        && self.may_be_told_again(page, &event, retold);
                    if may {
                        let draft = edited(&event);
                        self.handle_as(page, event, random, by, about, true);
                        self.doubt_retold(page, draft, retold);
                    } else {
                        self.refuse_unseen(page, by);
                    }
                }
                self.tell_soon(page, draft);
            }
            (Event::Save { waiter: theirs, .. }, Some(draft)) => {
                let waiter = self.wait_for_other(page, from, theirs.0, draft);
                let random = self.random();
                let event = Event::Save { draft, waiter };
                self.handle_as(page, event, random, None, About::Nothing, true);
            }
            (Event::Submit { waiter: theirs, expected_total, .. }, Some(draft)) => {
                let waiter = self.wait_for_other(page, from, theirs.0, draft);
                let expected_total = expected_total.clone();
                let event = Event::Submit { draft, waiter, expected_total };
                let random = self.random();
                self.handle_as(page, event, random, None, about, true);
            }
            (Event::Open { key, .. }, _) => {
                let Event::Open { draft, .. } = event else { return };
                self.begin_open(page, key, For::Other(from, draft.0));
            }
            (Event::Create { draft: asked, document }, _) => {
                let who = For::Other(from, asked.0);
                if known.is_some() {
                    return self.begin_open(page, &Random::new(random).name(), who);
                }
                self.pages[page].numbers += 1;
                let draft = DraftId(self.pages[page].numbers);
                self.pages[page].opening.push((draft.0, String::new(), who));
                let event = Event::Create { draft, document: document.clone() };
                self.handle_as(page, event, random, None, About::Nothing, false);
            }
            _ => {}
        }
    }

    fn wait_for_other(&mut self, page: usize, to: usize, theirs: u32, draft: DraftId) -> Waiter {
        self.serial += 1;
        let waiter = self.serial as u32;
        self.pages[page].answering.insert(waiter, (to, theirs, draft));
        Waiter(waiter)
    }

    /// What a page that follows asked made no sense.
    pub fn refuse_waiter(&mut self, page: usize, waiter: u32) {
        match self.pages[page].answering.remove(&waiter) {
            Some((to, theirs, _)) => self.say(page, Some(to), Word::Refused(theirs)),
            None => drop(self.pages[page].waiters.remove(&waiter)),
        }
    }

    /// A promise of the draft of this document.
    pub fn begin_open(&mut self, page: usize, key: &str, who: For) {
        let till = self.pages[page].till.as_ref().expect("a till");
        let known = till.find(key);
        if let Some(draft) = known {
            self.pages[page].opening.push((draft.0, key.to_owned(), who));
            self.dispatch(page, Event::Refresh { draft }, About::Nothing);
            return;
        }
        let opening = self.pages[page].opening.iter().find(|(_, known, _)| known == key);
        if let Some(number) = opening.map(|(number, ..)| *number) {
            return self.pages[page].opening.push((number, key.to_owned(), who));
        }
        self.pages[page].numbers += 1;
        let draft = DraftId(self.pages[page].numbers);
        self.pages[page].opening.push((draft.0, key.to_owned(), who));
        self.dispatch(page, Event::Open { draft, key: key.to_owned() }, About::Nothing);
    }

    /// Whoever waits for a draft has it, or cannot have it.
    pub fn answer_opening(&mut self, page: usize, draft: DraftId, is_there: bool) {
        let all = std::mem::take(&mut self.pages[page].opening);
        let (done, rest) = all.into_iter().partition(|(number, ..)| *number == draft.0);
        self.pages[page].opening = rest;
        let done: Vec<(u32, String, For)> = done;
        for (_, _, who) in done {
            match who {
                For::Other(to, asked) if self.pages[page].leads && is_there => {
                    self.tell_draft(page, Some(to), Some(asked), draft);
                }
                For::Other(to, asked) if self.pages[page].leads => {
                    self.say(page, Some(to), Word::Failed(asked));
                }
                For::Other(..) | For::Own => {}
            }
        }
    }

    /* ------------------------------------------------------------ telling how drafts stand */

    pub fn tell_soon(&mut self, page: usize, draft: DraftId) {
        let leads = &mut self.pages[page];
        if !leads.leads || !leads.is_followed {
            return;
        }
        if !leads.untold.contains(&draft) {
            leads.untold.push(draft);
        }
        if leads.telling.is_none() {
            leads.telling = Some(leads.journal.taken);
            self.after(0, Arrival::Tell(page));
        }
    }

    /// The others learn how drafts stand once that is on disk.
    pub fn go_on_telling(&mut self, page: usize) {
        let leads = &mut self.pages[page];
        if leads.till.is_none() || leads.telling.is_none_or(|wanted| leads.journal.tried < wanted) {
            return;
        }
        let drafts = std::mem::take(&mut leads.untold);
        if !leads.leads {
            leads.telling = None;
            return;
        }
        let is_settled = leads.journal.is_settled();
        if is_settled {
            leads.hearing.keep();
        }
        for draft in &drafts {
            self.tell_draft(page, None, None, *draft);
        }
        let leads = &mut self.pages[page];
        if is_settled {
            leads.telling = None;
        } else {
            // More came meanwhile: that it is kept is told when it is.
            leads.untold = drafts;
            leads.telling = Some(leads.journal.taken);
        }
    }

    pub fn tell_draft(
        &mut self,
        page: usize,
        to: Option<usize>,
        asked: Option<u32>,
        draft: DraftId,
    ) {
        let leads = &self.pages[page];
        let Some(draft) = leads.till.as_ref().and_then(|till| till.draft(draft)) else { return };
        let shown = Shown {
            asked,
            id: draft.id().to_owned(),
            status: draft.status(),
            state: draft.whole(),
            seen: leads.hearing.heard().to_vec(),
            kept: leads.hearing.kept().to_vec(),
            is_kept: leads.journal.is_kept(),
        };
        self.say(page, to, Word::Draft(Box::new(shown)));
    }
}

/// The draft that this edits.
fn edited(event: &Event) -> Option<DraftId> {
    match event {
        Event::Edit { draft, .. } => Some(*draft),
        _ => None,
    }
}

pub fn page_name(page: usize) -> String {
    format!("p{page}")
}
