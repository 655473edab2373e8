//! Several pages of one origin and user are one till: one page leads (it alone sends and writes
//! the journal), the others follow it. What is here is what both sides keep and say to each
//! other; `lead.rs` is the leading side, `follow.rs` the following one. Who leads is found out by
//! `src/package/tabs.js`.
//!
//! A message is a list: its kind, the page it is from, the page it is for ("" for all), and then
//!
//! | kind | from | |
//! |---|---|---|
//! | `attach` | follower | number, state: a draft that is open here; answered with `draft` |
//! | `want` | follower | count, what, number, draft's name, two arguments, [`Retold`], the stamp of the copy: an edit or a request |
//! | `draft` | leader | number or -1, name, status, state, drafts waiting, seen, kept, whether kept |
//! | `done` | leader | waiter, outcome |
//! | `refused` | leader | waiter, code, message: a save or a submit that made no sense |
//! | `failed` | leader | number, code, message: a draft could not be opened |
//! | `call` | follower | number, what, two arguments: about the outbox, or by key |
//! | `answer` | leader | number, whether done, value or code, message |
//! | `event` | leader | type, event: for the listeners of the till |

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::convert::text;
use super::journal::Journal;
use super::promise::Pledge;
use super::runner::Runner;
use crate::core::event::DraftId;
use crate::core::journal::Heard;
use crate::core::pages::{Hearing, Wanted, Wants};

#[wasm_bindgen(module = "/src/package/tabs.js")]
extern "C" {
    // With `catch`, for the build shortens the names of wrapped imports only.
    #[wasm_bindgen(js_name = canShare, catch)]
    fn can_share(store: &JsValue) -> Result<bool, JsValue>;
    #[wasm_bindgen(js_name = Tabs)]
    type Line;
    #[wasm_bindgen(constructor, js_class = "Tabs")]
    fn new(store: &JsValue, user: &str, page: &str, on: &JsValue) -> Line;
    #[wasm_bindgen(method)]
    async fn start(this: &Line) -> JsValue;
    #[wasm_bindgen(method)]
    fn announce(this: &Line);
    #[wasm_bindgen(method)]
    fn lost(this: &Line);
    #[wasm_bindgen(method)]
    fn post(this: &Line, message: &Array);
    #[wasm_bindgen(method)]
    fn close(this: &Line);
}

/// Whether a page that led before may have been told something already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Retold {
    No,
    /// It may have, and wrote what it made of it before it sent it.
    Yes,
    /// It was, and its disk took nothing.
    Doubtful,
}

impl Retold {
    pub(super) fn from(number: u32) -> Retold {
        match number {
            0 => Retold::No,
            1 => Retold::Yes,
            _ => Retold::Doubtful,
        }
    }

    /// Whether an edit may be stored already, for a page that goes on from this journal.
    pub(super) fn is_doubtful(self, journal: &Journal) -> bool {
        match self {
            Retold::No => false,
            Retold::Yes => journal.is_torn(),
            Retold::Doubtful => true,
        }
    }
}

/// What the leading page is asked about the outbox, or about a document that need not be open
/// here; asked again of the next one until it is answered.
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) what: &'static str,
    pub(super) one: JsValue,
    pub(super) two: JsValue,
    pub(super) pledge: Pledge,
}

/// One page of a till that may have several.
pub(super) struct Tabs {
    line: Line,
    pub(super) page: String,
    pub(super) leads: Cell<bool>,
    /// Counts up whenever it changes who leads.
    pub(super) term: Cell<u32>,
    /// The page that leads and is told things; none until all drafts are attached to it.
    pub(super) leader: RefCell<String>,
    pub(super) attaching: RefCell<Vec<DraftId>>,
    pub(super) is_attached: Cell<bool>,
    pub(super) wants: RefCell<Wants>,
    pub(super) calls: RefCell<Vec<Call>>,
    /// Those who wait for the leader to have everything on disk, or for another one.
    pub(super) news: RefCell<Vec<Pledge>>,
    /// What the leader said last: it has a disk.
    pub(super) is_kept: Cell<bool>,
    /// Entries that this page could not write any more are not looked through yet.
    pub(super) is_leaving: Cell<bool>,
    /// The leader: some page follows.
    pub(super) is_followed: Cell<bool>,
    /// The leader: how far it heard each page.
    pub(super) hearing: RefCell<Hearing>,
    /// Drafts of which the followers do not know the newest state.
    pub(super) untold: RefCell<Vec<DraftId>>,
    pub(super) is_telling: Cell<bool>,
}

impl Drop for Tabs {
    fn drop(&mut self) {
        self.line.close();
    }
}

impl Tabs {
    /// Joins the other pages of this user, if the store is one that pages share.
    pub(super) fn join(runner: &Rc<Runner>, store: &JsValue, user: &str) -> Option<Tabs> {
        if !can_share(store).unwrap_or(false) {
            return None;
        }
        let page = runner.name();
        let weak: Weak<Runner> = Rc::downgrade(runner);
        let on =
            Closure::<dyn FnMut(JsValue, JsValue)>::new(move |kind: JsValue, data: JsValue| {
                if let Some(runner) = weak.upgrade() {
                    runner.on_tabs(&kind.as_string().unwrap_or_default(), data);
                }
            });
        let line = Line::new(store, user, &page, &on.into_js_value());
        Some(Tabs {
            line,
            page,
            leads: Cell::new(false),
            term: Cell::new(0),
            leader: RefCell::default(),
            attaching: RefCell::default(),
            is_attached: Cell::new(false),
            wants: RefCell::default(),
            calls: RefCell::default(),
            news: RefCell::default(),
            is_kept: Cell::new(true),
            is_leaving: Cell::new(false),
            is_followed: Cell::new(false),
            hearing: RefCell::default(),
            untold: RefCell::default(),
            is_telling: Cell::new(false),
        })
    }

    /// Whether this page leads from the start.
    pub(super) async fn start(&self) -> bool {
        self.line.start().await.is_truthy()
    }

    /// Tells the others that this page leads and is ready.
    pub(super) fn announce(&self) {
        self.line.announce();
    }

    /// The journal turns out to be another page's: this one leads no more, and is told so.
    pub(super) fn lost(&self) {
        self.line.lost();
    }

    pub(super) fn close(&self) {
        self.line.close();
    }

    /// Sends a message; `to` is a page or "" for all.
    pub(super) fn post(&self, kind: &str, to: &str, parts: &[JsValue]) {
        let message = Array::of3(&kind.into(), &self.page.as_str().into(), &to.into());
        for part in parts {
            message.push(part);
        }
        self.line.post(&message);
    }

    /// Of something that was told to a page that led before.
    pub(super) fn retold(&self, wanted: &Wanted) -> Retold {
        match self.wants.borrow().is_doubtful(wanted.count) {
            true => Retold::Doubtful,
            false => Retold::Yes,
        }
    }

    /// What `page` asked made no sense.
    pub(super) fn refuse(&self, page: &str, waiter: JsValue, refused: &JsValue) {
        let part = |member: &str| JsValue::from(text(refused, member).unwrap_or_default());
        self.post("refused", page, &[waiter, part("code"), part("message")]);
    }

    /// Somebody who waits for news looks again.
    pub(super) fn wake(&self) {
        for pledge in self.news.take() {
            pledge.keep(&JsValue::UNDEFINED);
        }
    }
}

pub(super) fn bytes(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}

pub(super) fn to_bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

pub(super) fn number(value: u32) -> JsValue {
    JsValue::from_f64(f64::from(value))
}

pub(super) fn to_number(value: &JsValue) -> u32 {
    value.as_f64().unwrap_or(0.0) as u32
}

/// The member of a list of counts, by page, as it is sent.
pub(super) fn counts(heard: &[Heard]) -> JsValue {
    heard
        .iter()
        .map(|(page, count)| Array::of2(&page.into(), &number(*count)))
        .collect::<Array>()
        .into()
}

/// How far `page` was heard, in such a list.
pub(super) fn count_of(counts: &JsValue, page: &str) -> u32 {
    let list = Array::from(counts);
    let found = list
        .iter()
        .map(|pair| Array::from(&pair))
        .find(|pair| pair.get(0).as_string().as_deref() == Some(page));
    found.map_or(0, |pair| to_number(&pair.get(1)))
}
