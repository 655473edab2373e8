//! Several pages of one user are one till: one page leads, the others follow it. What each side
//! must remember so that everything is done once: what a page told and has to tell again to the
//! next one that leads ([`Wants`]), and how far the one that leads has heard each page
//! ([`Hearing`]).

use super::diff::difference;
use super::document::Document;
use super::draft::Draft;
use super::event::{DraftId, Effect, Event};
use super::journal::{self, Heard};
use super::op::Op;
use super::path::Path;
use super::policy::Policy;
use super::profile::Profile;
use super::random::Random;
use super::till::Till;

/// Pages that are remembered in the journal: those that were heard last.
const HEARD_MAX: usize = 64;

/// Something that the leading page is told, and again if another page leads before it has said
/// that it is on disk (an edit) or done (a request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The page's count with this one; 0 for what the page that leads asks itself.
    pub count: u32,
    /// What is told.
    pub event: Event,
    /// The chance that a new document's token is made of.
    pub random: u128,
    /// What stood where this edit was made, see [`seen`].
    pub seen: Option<Vec<u8>>,
}

impl Wanted {
    /// The new document that this begins.
    fn begins(&self) -> Option<DraftId> {
        let Event::Create { draft, .. } = &self.event else { return None };
        Some(*draft)
    }

    /// Its name.
    fn name(&self) -> Option<String> {
        self.begins().map(|_| Random::new(self.random).name())
    }

    /// The chance that it is done with: a new document's token is the same however often it is
    /// begun; whatever else is made of chance is made anew, for no two saves have one token.
    #[must_use]
    pub fn chance(&self, fresh: u128) -> u128 {
        if matches!(self.event, Event::Create { .. }) {
            self.random
        } else {
            fresh
        }
    }
}

/// What an edit overwrites or takes out of a document, as the page shows it; nothing for edits that
/// do neither. A page that follows may show a copy that is some moments old: if something else
/// stands there by now, the page that leads refuses the edit ([`is_as_seen`]).
#[must_use]
pub fn seen(shown: &Document, op: &Op, profile: &Profile) -> Option<Vec<u8>> {
    let value = match op {
        Op::Set { path, .. } => match Path::parse(path)? {
            Path::Field(name) => shown.field(name),
            Path::Cell { table, row, field } => profile.table(table).and_then(|number| {
                shown.row(number, row).and_then(|row| shown.cell(number, row, field))
            }),
            Path::Row { .. } => None,
        },
        Op::Remove { table, row } => profile
            .table(table)
            .and_then(|number| shown.row(number, row))
            .map(|row| shown.row_text(row)),
        Op::Increment { .. } | Op::Insert { .. } | Op::Move { .. } => return None,
    };
    Some(value.filter(|value| *value != b"null").unwrap_or_default().to_vec())
}

/// The same for an edit that the page that leads makes itself, should it lead no more before that is
/// on disk; only for values that are stated.
#[must_use]
pub fn standing(draft: &Draft, op: &Op, policy: &Policy) -> Option<Vec<u8>> {
    let Op::Set { path, .. } = op else { return None };
    Some(draft.get(path, policy).filter(|value| value != b"null").unwrap_or_default())
}

/// Whether a page that saw this where it made an edit saw what stands there now. Of a row the
/// server's own fields do not matter. Of an edit that was made before its page led no more it is
/// only known that it answers no open question.
#[must_use]
pub fn is_as_seen(draft: &Draft, op: &Op, before: Option<&[u8]>, policy: &Policy) -> bool {
    let Some(before) = before else {
        let asks = |path: &String| draft.conflicts().iter().any(|asked| asked.path == *path);
        return !matches!(op, Op::Set { path, .. } if asks(path));
    };
    let profile = &policy.profile;
    let Op::Remove { table, .. } = op else {
        return standing(draft, op, policy).is_none_or(|now| now == before);
    };
    let Ok(shown) = Document::parse(draft.text(policy), profile) else { return false };
    let now = seen(&shown, op, profile).unwrap_or_default();
    let alone = |row: &[u8]| {
        let text = [b"{\"", table.as_bytes(), b"\":[", row, b"]}"].concat();
        Document::parse(text, profile)
    };
    match (alone(before), alone(&now)) {
        (Ok(before), Ok(now)) => difference(&before, &now, profile).changes.is_empty(),
        (Ok(_) | Err(_), _) => false,
    }
}

/// Whether somebody waits for what this event asks, until it is answered. It may be done twice.
#[must_use]
pub fn is_request(event: &Event) -> bool {
    matches!(
        event,
        Event::Open { .. }
            | Event::Refresh { .. }
            | Event::Create { .. }
            | Event::Save { .. }
            | Event::Submit { .. }
    )
}

/// Whether the leading page does this once, however often it is told.
#[must_use]
pub fn is_counted(event: &Event) -> bool {
    matches!(
        event,
        Event::Edit { .. } | Event::Replace { .. } | Event::Resolve { .. } | Event::Discard { .. }
    )
}

/// The draft that a page wants begun or opened, if the page that led before did that already: its
/// number, as it is wanted and as it is here.
#[must_use]
pub fn is_there(till: &Till, wanted: &Wanted) -> Option<(DraftId, DraftId)> {
    if let Event::Create { draft, .. } = &wanted.event {
        return Some((*draft, till.named(&Random::new(wanted.random).name())?));
    }
    let Event::Open { draft, key } = &wanted.event else { return None };
    Some((*draft, till.find(key)?))
}

/// What a page told, until it is on disk or answered, in the order in which it was told.
#[derive(Debug, Default)]
pub struct Wants {
    count: u32,
    list: Vec<Wanted>,
    /// What stood where this page made edits itself that are not on disk, by their counts.
    stood: Vec<(u32, Vec<u8>)>,
    /// How far the page that leads has written this page's edits, or has tried to.
    tried: u32,
    /// While that page's disk takes nothing: the copies of drafts here from before it wrote what it
    /// could not keep, as `state` entries.
    before: Vec<(DraftId, Vec<u8>)>,
    /// That page said last that its disk takes nothing.
    is_unsafe: bool,
    /// Edits up to here were told to such a page, which is gone: it may have sent them.
    doubted: u32,
}

impl Wants {
    /// Another thing to tell.
    pub fn tell(&mut self, event: Event, random: u128, seen: Option<Vec<u8>>) -> Wanted {
        self.count += 1;
        let wanted = Wanted { count: self.count, event, random, seen };
        self.list.push(wanted.clone());
        wanted
    }

    /// The page that leads asks this itself: should another one lead before, that one is told.
    pub fn remember(&mut self, event: Event, random: u128) {
        self.list.push(Wanted { count: 0, event, random, seen: None });
    }

    /// The count of the next edit that this page makes itself, because it leads.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.count + 1
    }

    /// This page makes the next edit itself; what stands there, if it states a value.
    pub fn note(&mut self, stands: Option<Vec<u8>>) {
        self.stood.extend(stands.map(|stands| (self.next(), stands)));
    }

    /// This page made edits itself, up to this count.
    pub fn made(&mut self, last: u32) {
        self.count = self.count.max(last);
    }

    /// All that this page made itself is on disk.
    pub fn settle(&mut self) {
        self.stood.clear();
    }

    /// All of it, in order.
    #[must_use]
    pub fn list(&self) -> &[Wanted] {
        &self.list
    }

    /// The new documents that are not known to be on disk.
    #[must_use]
    pub fn begun(&self) -> Vec<DraftId> {
        self.list.iter().filter_map(Wanted::begins).collect()
    }

    /// Whether it is not known of something that the page that leads tried to write it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.list.iter().any(|wanted| is_counted(&wanted.event) && wanted.count > self.tried)
    }

    /// The page that leads has written this page's edits up to `count`; or its disk did not take
    /// them: then the next one that leads is told them again.
    pub fn written(&mut self, count: u32, is_kept: bool) {
        self.tried = self.tried.max(count);
        self.is_unsafe = !is_kept;
        if is_kept {
            self.list.retain(|wanted| !(is_counted(&wanted.event) && wanted.count <= count));
            let until = self.doubted;
            let is_left = |wanted: &Wanted| is_counted(&wanted.event) && wanted.count <= until;
            if !self.list.iter().any(is_left) {
                self.before.clear();
            }
        }
    }

    /// The page that leads shows a draft whose edits it could not write: `before` is the copy that
    /// was shown until then. On a newer one edits that are told again may be stored already.
    pub fn keep_before(&mut self, draft: DraftId, before: impl FnOnce() -> Option<Vec<u8>>) {
        if self.before(draft).is_none() {
            self.before.extend(before().map(|before| (draft, before)));
        }
    }

    /// The copy of this draft that edits which are told again stand on, if it is not the shown one.
    #[must_use]
    pub fn before(&self, draft: DraftId) -> Option<&[u8]> {
        self.before.iter().find(|(known, _)| *known == draft).map(|(_, before)| &**before)
    }

    /// Another page leads: it has written nothing of this yet.
    pub fn tell_anew(&mut self) {
        self.tried = 0;
        self.doubt();
    }

    fn doubt(&mut self) {
        if std::mem::take(&mut self.is_unsafe) {
            self.doubted = self.count;
        }
    }

    /// Whether this edit may be stored already by a page that could not write it, and is gone.
    #[must_use]
    pub fn is_doubtful(&self, count: u32) -> bool {
        count <= self.doubted
    }

    /// Requests for which nobody waits any more need not be repeated.
    pub fn forget_answered(&mut self, is_waited_for: &dyn Fn(&Event) -> bool) {
        self.list.retain(|wanted| is_counted(&wanted.event) || is_waited_for(&wanted.event));
    }

    /// The edits of this draft that the page that leads had not seen when it had heard this page
    /// up to `seen`.
    #[must_use]
    pub fn unseen(&self, draft: DraftId, seen: u32) -> Vec<Event> {
        let is_it = |wanted: &&Wanted| {
            let edits = matches!(&wanted.event, Event::Edit { draft: of, .. } if *of == draft);
            edits && wanted.count > seen
        };
        self.list.iter().filter(is_it).map(|wanted| wanted.event.clone()).collect()
    }

    /// This page led and could not write these entries any more: its own edits are told to the
    /// next one, before what it asked, and those of a new document after that. What a page that
    /// follows has sent it sends again by itself. What is counted anew: the counts before and now.
    pub fn leave(
        &mut self,
        page: &str,
        unwritten: &[Vec<u8>],
        named: &dyn Fn(&str) -> Option<DraftId>,
    ) -> Vec<(u32, u32)> {
        let stood = std::mem::take(&mut self.stood);
        let (mut own, mut begun) = (Vec::new(), Vec::new());
        for entry in unwritten {
            let Some((id, op, Some((by, count)))) = journal::edit_of(entry) else { continue };
            let new = self.list.iter().find(|wanted| wanted.name().as_ref() == Some(&id));
            let new = new.and_then(Wanted::begins);
            let Some(draft) = new.or_else(|| named(&id)).filter(|_| by == page) else { continue };
            let seen = stood.iter().rfind(|(known, _)| *known == count);
            let seen = seen.map(|(_, seen)| seen.clone());
            let event = Event::Edit { draft, op };
            let list = if new.is_some() { &mut begun } else { &mut own };
            list.push(Wanted { count, event, random: 0, seen });
        }
        let mut anew = Vec::new();
        for request in std::mem::take(&mut self.list) {
            let draft = request.begins();
            let is_of = |wanted: &Wanted| matches!(wanted.event, Event::Edit { draft: of, .. } if Some(of) == draft);
            let (edits, others) = begun.into_iter().partition(is_of);
            begun = others;
            let edits: Vec<Wanted> = edits;
            for mut wanted in std::iter::once(request).chain(edits) {
                self.count += 1;
                anew.push((wanted.count, self.count));
                wanted.count = self.count;
                own.push(wanted);
            }
        }
        self.list = own;
        anew
    }

    /// The name of a new document that is still to be begun.
    #[must_use]
    pub fn name_of(&self, draft: DraftId) -> Option<String> {
        self.list.iter().find(|wanted| wanted.begins() == Some(draft)).and_then(Wanted::name)
    }

    /// The stamp of the copy that this page's edits of a draft stand on, if they are told again.
    #[must_use]
    pub fn stands_on(&self, draft: &Draft) -> Option<String> {
        match self.before(draft.number()) {
            Some(before) => journal::stamp_of(before),
            None => draft.stamp().map(|stamp| stamp.0.clone()),
        }
    }

    /// What this page wanted is made: it is the one that leads.
    pub fn lead(&mut self) {
        self.before.clear();
    }

    /// This page leads from now on, and its journal has it heard up to `heard`: what is left to
    /// be done.
    pub fn take(&mut self, heard: u32) -> Vec<Wanted> {
        self.doubt();
        let all = std::mem::take(&mut self.list);
        let is_due = |wanted: &Wanted| !is_counted(&wanted.event) || wanted.count > heard;
        all.into_iter().filter(is_due).collect()
    }
}

/// Whether an edit that may be stored already can be made in this draft: a step, where the copy that
/// it was made on had this stamp, is laid over a newer copy only as what it is, a doubtful one
/// ([`Event::Doubt`]). On a copy that may contain it nobody could tell.
#[must_use]
pub fn can_be_doubted(draft: &Draft, op: &Op, stamp: Option<&str>) -> bool {
    let is_step = matches!(op, Op::Increment { .. });
    !is_step || draft.stamp().map(|stamp| &*stamp.0) == stamp
}

/// How far the page that leads has heard each page, and how much of that is on disk.
#[derive(Debug, Default)]
pub struct Hearing {
    heard: Vec<Heard>,
    kept: Vec<Heard>,
}

impl Hearing {
    /// As far as the journal says.
    pub fn restore<'a>(&mut self, entries: impl IntoIterator<Item = &'a [u8]>) {
        self.heard = journal::all_heard(entries);
        #[cfg(feature = "planted-defects")]
        if super::defect::is(super::defect::Defect::WishDoneTwice) {
            self.heard.clear();
        }
        self.heard.drain(..self.heard.len().saturating_sub(HEARD_MAX));
        self.kept.clone_from(&self.heard);
    }

    /// How far a page was heard.
    #[must_use]
    pub fn of(&self, page: &str) -> u32 {
        count_of(&self.heard, page)
    }

    /// A page was heard this far; whether it was not before.
    pub fn hear(&mut self, page: &str, count: u32) -> bool {
        let is_new = count > self.of(page);
        if is_new {
            self.heard.retain(|(known, _)| known != page);
            self.heard.push((page.to_owned(), count));
        }
        is_new
    }

    /// Says in the journal whose edits these are, from this count on: a whole document that is
    /// handed over is many, and each has a count of its own. The count of the last one.
    pub fn tag(&mut self, effects: &mut [Effect], page: &str, mut count: u32) -> u32 {
        for effect in effects {
            if let Effect::Journal(entry) = effect {
                if journal::edit_of(entry).is_some() {
                    *entry = journal::tagged(entry, page, count);
                    count += 1;
                }
            }
        }
        let last = count.saturating_sub(1);
        self.hear(page, last);
        last
    }

    /// All that was heard so far is on disk.
    pub fn keep(&mut self) {
        self.kept.clone_from(&self.heard);
    }

    /// How far each page was heard, the last one last.
    #[must_use]
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// How much of it is on disk.
    #[must_use]
    pub fn kept(&self) -> &[Heard] {
        #[cfg(feature = "planted-defects")]
        if super::defect::is(super::defect::Defect::KeptTooEarly) {
            return &self.heard;
        }
        &self.kept
    }

    /// For a journal that is made short.
    #[must_use]
    pub fn journal(&self) -> Vec<Vec<u8>> {
        self.heard.iter().map(journal::heard).collect()
    }
}

/// How far `page` was heard, in such a list.
#[must_use]
pub fn count_of(counts: &[Heard], page: &str) -> u32 {
    counts.iter().find(|(known, _)| known == page).map_or(0, |(_, count)| *count)
}
