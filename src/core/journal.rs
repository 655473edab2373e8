//! What must be on disk, and how drafts come back from it.
//!
//! An entry is one JSON text. The first member says the format: [`FORMAT`] is written,
//! [`FORMATS`] are read; another number is refused, never guessed. A draft's `state` is written when it changes as a whole, every edit
//! by itself, and `sent` before a save goes out: what was sent and not settled is in doubt after
//! a restart, unless `unsent` says that it was refused. `wished` is what goes on by itself. A
//! save's body is not kept; it is the same again from the same state and edits. `breaker` is
//! nobody's: it says that the backend was ill.
//!
//! `numbers` is what is left of a sequence's reserved numbers.
//!
//! Where several pages of a user share the journal, edits carry the name of the page that made
//! them and its count (`by`, `count`), so that one which is told twice is made once; `heard` is
//! what is left of those when the journal is compacted.

use super::breaker::Breaker;
use super::conflict::Conflict;
use super::json::{self, list, ObjectWriter};
use super::op::Op;
use super::sequence::Block;
use super::stamp::{Revision, Stamp};
use super::time::Millis;

/// The format of entries written now.
pub const FORMAT: &[u8] = b"2";
/// The formats that are read. What 1 does not say (when something was edited, what is parked or
/// exported) is taken as not so.
pub const FORMATS: [&[u8]; 2] = [b"1", FORMAT];

/// An edit and the count that it brought the draft to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The draft's count of edits with this one.
    pub revision: Revision,
    /// The edit.
    pub op: Op,
}

/// A save that was sent and not answered before the page died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The edits up to here were in it.
    pub revision: Revision,
    /// Its token.
    pub token: String,
    /// Whether it was to submit the document.
    pub submit: bool,
    /// The server said that it made the document, which was not read back before the page died.
    pub stored: bool,
}

/// Edits that a page which is gone may have saved, and may save yet by a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubted {
    /// The edits up to here.
    pub until: Revision,
    /// They stand on the newest copy that was found since: only what is on its way may change that.
    pub moved: bool,
}

/// What somebody asked for and has not got yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The edits up to here shall be stored.
    pub revision: Revision,
    /// The document shall be submitted then.
    pub submit: bool,
    /// The total that the cashier saw, as decimal text.
    pub expected_total: Option<String>,
    /// Since when.
    pub asked_at: Millis,
}

/// A draft as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The draft's own name: the token of its creation, if it was created here.
    pub id: String,
    /// The document's key, once the server gave it one.
    pub key: Option<String>,
    /// The stamp of the base.
    pub stamp: Option<Stamp>,
    /// The base's text.
    pub base: Vec<u8>,
    /// Edits since.
    pub edits: Vec<Edit>,
    /// Questions that are open.
    pub conflicts: Vec<Conflict>,
    /// How the document ended, as JSON members, if it did.
    pub ending: Option<Vec<u8>>,
    /// A save without an answer.
    pub unanswered: Option<Unanswered>,
    /// What goes on by itself after a restart.
    pub wish: Option<Wish>,
    /// Not sent until somebody takes it up again.
    pub parked: bool,
    /// A new document that was discarded; whether it was stored all the same is not known yet.
    pub discarded: bool,
    /// The save that an export stands for.
    pub exported: Option<Unanswered>,
    /// Edits that may have been saved by a page that is gone.
    pub doubted: Option<Doubted>,
    /// When it was edited last.
    pub edited_at: Millis,
    /// Saves sent for what is unsaved.
    pub attempts: u32,
}

/// All that a journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Drafts that are not settled, oldest first.
    pub drafts: Vec<Restored>,
    /// Whether the backend was ill.
    pub breaker: Breaker,
}

/// Bytes that are no journal of this format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalError {
    /// Written by another version of Restamp; the number of the entry.
    UnknownFormat(usize),
    /// Not an entry; its number.
    Broken(usize),
}

fn entry(what: &str, id: &str) -> ObjectWriter {
    let mut object = ObjectWriter::new();
    object.raw("v", FORMAT).text("entry", what).text("id", id);
    object
}

fn number(value: impl Into<u64>) -> Vec<u8> {
    value.into().to_string().into_bytes()
}

/// The whole state of a draft.
#[must_use]
pub fn state(draft: &Restored) -> Vec<u8> {
    let mut object = entry("state", &draft.id);
    if let Some(key) = &draft.key {
        object.text("key", key);
    }
    if let Some(stamp) = &draft.stamp {
        object.text("stamp", &stamp.0);
    }
    object.raw("base", &draft.base);
    object.raw(
        "edits",
        &list(draft.edits.iter().map(|edit| {
            let mut object = ObjectWriter::new();
            object.raw("revision", &number(edit.revision.0)).raw("op", &edit.op.to_json());
            object.finish()
        })),
    );
    object.raw("conflicts", &list(draft.conflicts.iter().map(Conflict::to_journal)));
    if let Some(ending) = &draft.ending {
        object.raw("ending", ending);
    }
    if let Some(sent) = &draft.unanswered {
        write_sent(&mut object, sent);
    }
    write_wish(&mut object, draft.wish.as_ref());
    object.raw("at", &number(draft.edited_at.0));
    if draft.attempts > 0 {
        object.raw("attempts", &number(draft.attempts));
    }
    if draft.parked {
        object.raw("parked", b"true");
    }
    if draft.discarded {
        object.raw("discarded", b"true");
    }
    if let Some(exported) = &draft.exported {
        let mut inner = ObjectWriter::new();
        write_sent(&mut inner, exported);
        object.raw("exported", &inner.finish());
    }
    if let Some(doubted) = draft.doubted {
        object.raw("doubted", &number(doubted.until.0));
        if doubted.moved {
            object.raw("doubtMoved", b"true");
        }
    }
    object.finish()
}

fn write_wish(object: &mut ObjectWriter, wish: Option<&Wish>) {
    let Some(wish) = wish else { return };
    object.raw("wanted", &number(wish.revision.0)).raw("asked", &number(wish.asked_at.0));
    match &wish.expected_total {
        Some(total) => object.text("submitFor", total),
        None if wish.submit => object.raw("submitFor", b"null"),
        None => object,
    };
}

fn write_sent(object: &mut ObjectWriter, sent: &Unanswered) {
    object.raw("sent", &number(sent.revision.0)).text("token", &sent.token);
    object.raw("submit", if sent.submit { b"true" } else { b"false" });
    if sent.stored {
        object.raw("stored", b"true");
    }
}

/// One edit, made at this moment.
#[must_use]
pub fn edited(id: &str, edit: &Edit, now: Millis) -> Vec<u8> {
    let mut object = entry("edited", id);
    object.raw("revision", &number(edit.revision.0)).raw("op", &edit.op.to_json());
    object.raw("at", &number(now.0));
    object.finish()
}

/// A save is about to go out for this wish, the n-th one.
#[must_use]
pub fn sent(id: &str, sent: &Unanswered, attempts: u32, wish: Option<&Wish>) -> Vec<u8> {
    let mut object = entry("sent", id);
    write_sent(&mut object, sent);
    object.raw("attempts", &number(attempts));
    write_wish(&mut object, wish);
    object.finish()
}

/// Somebody asked for more than the last entry says.
#[must_use]
pub fn wished(id: &str, wish: &Wish) -> Vec<u8> {
    let mut object = entry("wished", id);
    write_wish(&mut object, Some(wish));
    object.finish()
}

/// The save that was sent certainly was not stored.
#[must_use]
pub fn unsent(id: &str) -> Vec<u8> {
    entry("unsent", id).finish()
}

/// Nothing of the draft is unsaved; the document has this key.
#[must_use]
pub fn settled(id: &str, key: Option<&str>) -> Vec<u8> {
    let mut object = entry("settled", id);
    if let Some(key) = key {
        object.text("key", key);
    }
    object.finish()
}

/// How far a page was heard: its name and its count.
pub type Heard = (String, u32);

/// The entry, which came about by what this page counts so.
#[must_use]
pub fn tagged(entry: &[u8], by: &str, count: u32) -> Vec<u8> {
    let mut tag = ObjectWriter::new();
    tag.text("by", by).raw("count", &number(count));
    let tag = tag.finish();
    match (entry.strip_suffix(b"}"), tag.strip_prefix(b"{")) {
        (Some(entry), Some(tag)) => [entry, b",", tag].concat(),
        (Some(_) | None, _) => entry.to_vec(),
    }
}

/// How far a page was heard, in a journal without history.
#[must_use]
pub fn heard((by, count): &Heard) -> Vec<u8> {
    let mut object = entry("heard", by);
    object.raw("count", &number(*count));
    object.finish()
}

/// The pages that sent something, and how far each was heard; the last one to be heard is last.
pub fn all_heard<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<Heard> {
    let mut pages: Vec<Heard> = Vec::new();
    for entry in entries {
        let name = word(entry, "by").or_else(|| match word(entry, "entry") {
            Some(what) if what == "heard" => word(entry, "id"),
            Some(_) | None => None,
        });
        if let (Some(name), Some(Revision(count))) = (name, count(entry, "count")) {
            pages.retain(|(known, _)| *known != name);
            pages.push((name, count));
        }
    }
    pages
}

/// The draft and the edit of an `edited` entry, and the page and count that it is tagged with.
#[must_use]
pub fn edit_of(entry: &[u8]) -> Option<(String, Op, Option<Heard>)> {
    if word(entry, "entry")? != "edited" {
        return None;
    }
    let by = word(entry, "by").zip(count(entry, "count").map(|Revision(count)| count));
    Some((word(entry, "id")?, read_edit(entry)?.op, by))
}

/// The key of the document whose draft `id` left the journal, if it got one.
pub fn key_of_settled<'a>(entries: impl IntoIterator<Item = &'a [u8]>, id: &str) -> Option<String> {
    let is_it = |entry: &&[u8]| {
        word(entry, "entry").as_deref() == Some("settled")
            && word(entry, "id").as_deref() == Some(id)
    };
    entries.into_iter().filter(is_it).last().and_then(|entry| word(entry, "key"))
}

/// The backend is ill, or well again.
#[must_use]
pub fn breaker(breaker: &Breaker) -> Vec<u8> {
    let mut object = entry("breaker", "");
    breaker.write(&mut object);
    object.finish()
}

/// What is left of a sequence's numbers: its name, the blocks, and the request that is not answered.
pub type NumbersLeft = (String, Vec<Block>, Option<Vec<u8>>);

/// What a till has of a sequence's numbers from now on, and what it has asked for.
#[must_use]
pub fn numbers(name: &str, blocks: &[Block], asked: Option<&[u8]>) -> Vec<u8> {
    let mut object = entry("numbers", name);
    object.raw("blocks", &list(blocks.iter().map(Block::to_json)));
    if let Some(asked) = asked {
        object.raw("asked", asked);
    }
    object.finish()
}

/// The stamp of the base, of a `state` entry.
#[must_use]
pub fn stamp_of(state: &[u8]) -> Option<String> {
    word(state, "stamp")
}

/// What is left of each sequence: of its entries the last one counts.
pub fn all_numbers<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<NumbersLeft> {
    let mut all: Vec<NumbersLeft> = Vec::new();
    for entry in entries {
        if word(entry, "entry").as_deref() == Some("numbers") {
            if let Some(left) = read_numbers(entry) {
                all.retain(|(name, ..)| *name != left.0);
                all.push(left);
            }
        }
    }
    all
}

fn read_numbers(text: &[u8]) -> Option<NumbersLeft> {
    let (mut blocks, mut whole) = (Vec::new(), true);
    let all = json::member(text, "blocks")?;
    json::elements(all, 0, &mut |block| match Block::from_json(block.of(all)) {
        Some(block) => blocks.push(block),
        None => whole = false,
    })
    .ok()?;
    let asked = json::member(text, "asked").map(<[u8]>::to_vec);
    whole.then_some((word(text, "id")?, blocks, asked))
}

/// Reads entries in the order in which they were written.
///
/// # Errors
/// [`JournalError`] at the first entry that is not of this format.
pub fn replay<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Replayed, JournalError> {
    let mut replayed = Replayed::default();
    for (at, text) in entries.into_iter().enumerate() {
        json::check(text).map_err(|_| JournalError::Broken(at))?;
        check_format(text, at)?;
        read_entry(text, &mut replayed).ok_or(JournalError::Broken(at))?;
    }
    Ok(replayed)
}

fn word(text: &[u8], name: &str) -> Option<String> {
    json::member(text, name).and_then(json::text).map(|text| text.into_owned())
}

fn digits(text: &[u8], name: &str) -> Option<u64> {
    let digits = std::str::from_utf8(json::member(text, name)?).ok()?;
    digits.parse().ok()
}

fn count(text: &[u8], name: &str) -> Option<Revision> {
    digits(text, name).and_then(|digits| u32::try_from(digits).ok()).map(Revision)
}

fn moment(text: &[u8], name: &str) -> Option<Millis> {
    digits(text, name).map(Millis)
}

fn read_entry(text: &[u8], replayed: &mut Replayed) -> Option<()> {
    let id = word(text, "id")?;
    let drafts = &mut replayed.drafts;
    let at = drafts.iter().position(|draft| draft.id == id);
    match word(text, "entry")?.as_str() {
        "state" => {
            let draft = read_state(text, id)?;
            match at {
                Some(at) => drafts[at] = draft,
                None => drafts.push(draft),
            }
        }
        "edited" => {
            let draft = &mut drafts[at?];
            draft.edits.push(read_edit(text)?);
            draft.edited_at = moment(text, "at").unwrap_or(draft.edited_at);
        }
        #[cfg(feature = "planted-defects")]
        "sent" if super::defect::is(super::defect::Defect::SentForgotten) => {
            drafts[at?].wish = read_wish(text);
        }
        "sent" => {
            let (draft, sent) = (&mut drafts[at?], read_sent(text)?);
            // It is the save that was exported.
            draft.exported.take_if(|exported| exported.token == sent.token);
            draft.unanswered = Some(sent);
            draft.attempts = count(text, "attempts").map_or(draft.attempts, |count| count.0);
            draft.wish = read_wish(text);
        }
        "breaker" => {
            let failures = count(text, "failures")?.0;
            replayed.breaker = Breaker::restored(failures, moment(text, "until"));
        }
        "wished" => drafts[at?].wish = Some(read_wish(text)?),
        "unsent" => drafts[at?].unanswered = None,
        "settled" => {
            if let Some(at) = at {
                drafts.remove(at);
            }
        }
        "numbers" => drop(read_numbers(text)?),
        "heard" => {}
        _ => return None,
    }
    Some(())
}

/// The draft whose `state` entry this is.
///
/// # Errors
/// [`JournalError`] if it is none of a known format.
pub fn read_draft(text: &[u8]) -> Result<Restored, JournalError> {
    check_format(text, 0)?;
    let is_state = word(text, "entry").as_deref() == Some("state");
    let id = word(text, "id").filter(|_| is_state);
    id.and_then(|id| read_state(text, id)).ok_or(JournalError::Broken(0))
}

fn check_format(text: &[u8], at: usize) -> Result<(), JournalError> {
    let known = FORMATS.iter().any(|known| json::member(text, "v") == Some(known));
    known.then_some(()).ok_or(JournalError::UnknownFormat(at))
}

fn read_state(text: &[u8], id: String) -> Option<Restored> {
    let mut draft = Restored {
        id,
        key: word(text, "key"),
        stamp: word(text, "stamp").map(Stamp),
        base: json::member(text, "base")?.to_vec(),
        edits: Vec::new(),
        conflicts: Vec::new(),
        ending: json::member(text, "ending").map(<[u8]>::to_vec),
        unanswered: read_sent(text),
        wish: read_wish(text),
        parked: json::member(text, "parked") == Some(b"true"),
        discarded: json::member(text, "discarded") == Some(b"true"),
        exported: json::member(text, "exported").and_then(read_sent),
        doubted: count(text, "doubted").map(|until| Doubted {
            until,
            moved: json::member(text, "doubtMoved") == Some(b"true"),
        }),
        edited_at: moment(text, "at").unwrap_or_default(),
        attempts: count(text, "attempts").unwrap_or_default().0,
    };
    let mut whole = true;
    let edits = json::member(text, "edits")?;
    json::elements(edits, 0, &mut |edit| match read_edit(edit.of(edits)) {
        Some(edit) => draft.edits.push(edit),
        None => whole = false,
    })
    .ok()?;
    let conflicts = json::member(text, "conflicts")?;
    json::elements(conflicts, 0, &mut |conflict| match Conflict::from_journal(
        conflict.of(conflicts),
    ) {
        Some(conflict) => draft.conflicts.push(conflict),
        None => whole = false,
    })
    .ok()?;
    whole.then_some(draft)
}

fn read_edit(text: &[u8]) -> Option<Edit> {
    let op = json::member(text, "op")?;
    let mut ops = Op::parse_list(&[b"[", op, b"]"].concat()).ok()?;
    Some(Edit { revision: count(text, "revision")?, op: ops.pop()? })
}

fn read_sent(text: &[u8]) -> Option<Unanswered> {
    Some(Unanswered {
        revision: count(text, "sent")?,
        token: word(text, "token")?,
        submit: json::member(text, "submit") == Some(b"true"),
        stored: json::member(text, "stored") == Some(b"true"),
    })
}

fn read_wish(text: &[u8]) -> Option<Wish> {
    Some(Wish {
        revision: count(text, "wanted")?,
        submit: json::member(text, "submitFor").is_some(),
        expected_total: word(text, "submitFor"),
        asked_at: moment(text, "asked").unwrap_or_default(),
    })
}
