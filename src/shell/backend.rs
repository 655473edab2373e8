//! Backends: the built-in dialects over `fetch`, or a plain object of the page.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{AbortController, AbortSignal};

use super::clock::Clock;
use super::convert::{
    callback, check_members, function, get, options_text, parse, stringify, text, word,
};
use super::error::{error, invalid};
use super::feed::{self, Feed};
use super::fetch::{Answer, Fetch, Limit, Link};
use crate::adapters::verdict;
use crate::adapters::{options, Adapter, Change, Guarantees, Meaning, SaveKind};
use crate::core::call::{
    Answered, ApplyOutcome, BatchCall, BatchOutcome, Call, CommitOutcome, CreateCall, FindOutcome,
    LeaseOutcome, LoadOutcome, Missing, NextOutcome, SaveOutcome, UpdateCall,
};
use crate::core::json;
use crate::core::policy::{CompareAndSet, TokenSupport};
use crate::core::stamp::Stamp;
use crate::core::time::Millis;

const TIMEOUT_MS: u32 = 15_000;
/// How long the page's own backend may take for one call; then its answer counts as lost.
const PAGE_TIMEOUT_MS: u32 = 60_000;

thread_local! {
    /// Backends made here, by the number that their JavaScript object shows. Documents then go
    /// from the answer to the till as bytes, not as objects.
    static MADE: RefCell<Vec<Rc<Http>>> = const { RefCell::new(Vec::new()) };
}

/// A dialect over `fetch`.
pub(super) struct Http {
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) fetch: Fetch,
    pub(super) authorization: Option<String>,
    csrf: Option<Function>,
    csrf_token: RefCell<Option<String>>,
    /// The page is being asked for a CSRF token: whoever else needs one waits for the same.
    renewing: RefCell<Option<Promise>>,
}

impl Http {
    async fn answer(&self, call: &Call, signal: Option<AbortSignal>) -> Answer {
        self.answer_with(call, signal).await.0
    }

    /// The answer, and the CSRF token that was sent.
    async fn answer_with(
        &self,
        call: &Call,
        signal: Option<AbortSignal>,
    ) -> (Answer, Option<String>) {
        let Ok(request) = self.adapter.request(call) else {
            return (Answer::not_implemented(), None);
        };
        let mut headers = Vec::new();
        if let Some(authorization) = &self.authorization {
            headers.push(("Authorization", authorization.clone()));
        }
        let mut csrf_token = None;
        if request.method != "GET" {
            if self.csrf_token.borrow().is_none() {
                self.renewed_csrf(None).await;
            }
            csrf_token.clone_from(&self.csrf_token.borrow());
            if let Some(token) = &csrf_token {
                headers.push(("X-Frappe-CSRF-Token", token.clone()));
            }
        }
        // A page that is being closed gives its leases back all the same.
        let outlives = matches!(call, Call::Release(_) | Call::Batch(BatchCall::Release(_)));
        (self.fetch.send(request, &headers, signal, outlives).await, csrf_token)
    }

    /// Whether there is another CSRF token than the one that was `refused`. However many calls
    /// need one, the page is asked once.
    async fn renewed_csrf(&self, refused: Option<String>) -> bool {
        let Some(csrf) = &self.csrf else { return false };
        if *self.csrf_token.borrow() == refused {
            let asked = self.renewing.borrow().clone();
            let promise = asked.unwrap_or_else(|| {
                let promise = csrf.call0(&JsValue::UNDEFINED);
                let promise = promise
                    .map_or_else(|no| Promise::reject(&no), |token| Promise::resolve(&token));
                self.renewing.replace(Some(promise.clone()));
                promise
            });
            // A page that never answers must not hold the save up for ever.
            let Ok(limit) = Limit::new(self.fetch.timeout_ms) else { return false };
            let token = limit.settle(&promise).await.ok().and_then(|token| token.as_string());
            if self
                .renewing
                .borrow_mut()
                .take_if(|asked| js_sys::Object::is(asked, &promise))
                .is_some()
            {
                self.csrf_token.replace(token);
            }
        }
        self.csrf_token.borrow().is_some()
    }

    async fn save(&self, call: &Call, signal: Option<AbortSignal>) -> SaveOutcome {
        let kind = match call {
            Call::Create(_) => SaveKind::Create,
            Call::Update(update) if update.submit => SaveKind::Submit,
            Call::Update(_)
            | Call::Load { .. }
            | Call::Find { .. }
            | Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => SaveKind::Update,
        };
        let (answer, refused) = self.answer_with(call, signal.clone()).await;
        let outcome = self.adapter.classify_save(kind, &answer.response());
        // A refused CSRF token proves that nothing was applied: one renewal, one repetition.
        let refuses = outcome == (SaveOutcome::Unauthenticated { csrf: true });
        if refuses && self.renewed_csrf(refused).await {
            let answer = self.answer(call, signal).await;
            return self.adapter.classify_save(kind, &answer.response());
        }
        outcome
    }

    async fn load(&self, key: &str, signal: Option<AbortSignal>) -> LoadOutcome {
        let answer = self.answer(&Call::Load { key: key.to_owned() }, signal).await;
        self.adapter.classify_load(&answer.response())
    }

    async fn find(&self, field: &str, value: &str, signal: Option<AbortSignal>) -> FindOutcome {
        let call = Call::Find { field: field.to_owned(), value: value.to_owned() };
        let answer = self.answer(&call, signal).await;
        self.adapter.classify_find(field, value, &answer.response())
    }
}

/// A backend made by `frappe()` or `rest()`.
#[wasm_bindgen]
pub struct HttpBackend {
    http: Rc<Http>,
    number: usize,
}

#[wasm_bindgen]
impl HttpBackend {
    /// What it truly offers.
    #[wasm_bindgen(getter)]
    pub fn guarantees(&self) -> JsValue {
        parse(&self.http.adapter.guarantees().to_json())
    }

    /// The number by which a till finds it.
    #[wasm_bindgen(getter, js_name = restampBackend)]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Loads a document.
    pub fn load(&self, key: &JsValue, signal: Option<AbortSignal>) -> Result<Promise, JsValue> {
        let http = self.http.clone();
        let key = word(key, "key")?;
        Ok(future_to_promise(async move {
            Ok(parse(&Meaning::Load(http.load(&key, signal).await).to_json()))
        }))
    }

    /// Saves a document.
    pub fn save(&self, request: &JsValue, signal: Option<AbortSignal>) -> Result<Promise, JsValue> {
        let http = self.http.clone();
        let call = save_call(&stringify(request, "request")?)
            .ok_or_else(|| invalid("request", "a SaveRequest"))?;
        Ok(future_to_promise(async move {
            Ok(parse(&Meaning::Save(http.save(&call, signal).await).to_json()))
        }))
    }

    /// Finds a document by a unique field.
    pub fn find(
        &self,
        field: &JsValue,
        value: &JsValue,
        signal: Option<AbortSignal>,
    ) -> Result<Promise, JsValue> {
        let http = self.http.clone();
        let (field, value) = (word(field, "field")?, word(value, "value")?);
        Ok(future_to_promise(async move {
            Ok(parse(&Meaning::Find(http.find(&field, &value, signal).await).to_json()))
        }))
    }
}

#[wasm_bindgen]
impl HttpBackend {
    /// Calls `onChange(key, stamp, { from, token, doc })` for every change that somebody makes, as far
    /// as it is told, until the answer is called. Without arguments: changes were missed, any document may have changed.
    pub fn changes(&self, on_change: &JsValue) -> Result<JsValue, JsValue> {
        let on_change = callback(on_change, "onChange")?;
        let clock = Rc::new(Clock::new(JsValue::UNDEFINED));
        let feed = Feed::of(&self.http, &clock, feed::teller(on_change));
        let feed = feed.ok_or_else(|| {
            let offer = "guarantees.changes is missing: rest({offers: [\"changes\"]})";
            error("not-supported", &[offer, " where the server has the route _changes"])
        })?;
        Ok(Closure::once(move || drop(feed)).into_js_value())
    }
}

/// A `SaveRequest` of the page as a call; an update without a stamp is none.
fn save_call(request: &[u8]) -> Option<Call> {
    let word =
        |name: &str| json::member(request, name).and_then(json::text).map(|text| text.into_owned());
    let document = json::member(request, "doc")?.to_vec();
    let token = word("token").unwrap_or_default();
    let Some(key) = word("key") else { return Some(Call::Create(CreateCall { document, token })) };
    let mut changed = Vec::new();
    let list = json::member(request, "changed")?;
    json::elements(list, 0, &mut |name| {
        changed.extend(json::text(name.of(list)).map(|name| name.into_owned()));
    })
    .ok()?;
    let submit = json::member(request, "submit") == Some(b"true");
    let (stamp, fence) = (Stamp(word("stamp")?), word("fence"));
    Some(Call::Update(UpdateCall {
        key,
        document,
        changed,
        stamp,
        token,
        submit,
        fence,
        park: None,
    }))
}

fn made(
    given: &JsValue,
    adapter: Box<dyn Adapter>,
    authorization: Option<String>,
) -> Result<HttpBackend, JsValue> {
    let texts = ["url", "token", "tokenField", "key", "envelope", "api"];
    check_members(given, "options", &texts, "text", JsValue::is_string)?;
    check_members(given, "options", &["fetch", "csrf"], "a function", JsValue::is_function)?;
    let plain = |value: &JsValue| value.is_object() && !value.is_function();
    check_members(given, "options", &["headers", "methods"], "an object", plain)?;
    let number = |value: &JsValue| value.as_f64().is_some();
    check_members(given, "options", &["timeout"], "a number of milliseconds", number)?;
    let flag = |value: &JsValue| value.as_bool().is_some();
    check_members(given, "options", &["wholeAnswers", "racy"], "true or false", flag)?;
    let timeout = get(given, "timeout").as_f64();
    if timeout.is_some_and(|ms| !(1.0..=2_147_483_647.0).contains(&ms)) {
        return Err(invalid("options.timeout", "milliseconds from 1 to 2147483647"));
    }
    let http = Rc::new(Http {
        adapter,
        fetch: Fetch {
            url: text(given, "url").unwrap_or_default().trim_end_matches('/').to_owned(),
            headers: get(given, "headers"),
            fetch: function(given, "fetch"),
            timeout_ms: timeout.map_or(TIMEOUT_MS, |ms| ms as u32),
        },
        authorization,
        csrf: function(given, "csrf"),
        csrf_token: RefCell::new(None),
        renewing: RefCell::new(None),
    });
    let number = MADE.with_borrow_mut(|made| {
        made.push(http.clone());
        made.len()
    });
    Ok(HttpBackend { http, number })
}

/// A Frappe or ERPNext server.
#[wasm_bindgen]
pub fn frappe(options: &JsValue) -> Result<HttpBackend, JsValue> {
    let adapter = options::frappe(&options_text(options)?).map_err(option_error)?;
    let token = text(options, "token").map(|token| ["token ", &token].concat());
    made(options, Box::new(adapter), token)
}

/// A REST server.
#[wasm_bindgen]
pub fn rest(options: &JsValue) -> Result<HttpBackend, JsValue> {
    let adapter = options::rest(&options_text(options)?).map_err(option_error)?;
    made(options, Box::new(adapter), None)
}

fn option_error(name: &'static str) -> JsValue {
    error("invalid-argument", &["options.", name, " is missing or malformed"])
}

/// The backend of a till.
pub(super) enum Backend {
    Http(Rc<Http>),
    /// An object of the page's; what it was asked is given up when the till closes.
    Page(JsValue, AbortController),
}

impl Backend {
    pub(super) fn new(value: JsValue) -> Result<Backend, JsValue> {
        if let Some(number) = get(&value, "restampBackend").as_f64() {
            let at = (number as usize).checked_sub(1);
            let made = MADE.with_borrow(|made| made.get(at?).cloned());
            return made.map(Backend::Http).ok_or_else(|| invalid("options.backend", "a Backend"));
        }
        if function(&value, "load").is_none() || function(&value, "save").is_none() {
            return Err(invalid("options.backend", "a Backend: an object with load() and save()"));
        }
        Ok(Backend::Page(value, AbortController::new()?))
    }

    pub(super) fn guarantees(&self) -> Guarantees {
        match self {
            Backend::Http(http) => http.adapter.guarantees(),
            Backend::Page(object, _) => {
                let given = get(object, "guarantees");
                let compare = match text(&given, "compareAndSet").as_deref() {
                    Some("racy") => CompareAndSet::Racy,
                    Some("none") => CompareAndSet::None,
                    Some(_) | None => CompareAndSet::Atomic,
                };
                let token = match text(&given, "token").as_deref() {
                    Some("native") => TokenSupport::Native,
                    Some("field") => TokenSupport::Field,
                    Some(_) | None => TokenSupport::None,
                };
                Guarantees {
                    transactions: has(object, Missing::Transactions),
                    leases: has(object, Missing::Leases),
                    sequences: has(object, Missing::Sequences),
                    apply: has(object, Missing::Apply),
                    changes: says(object, "changes") && function(object, "changes").is_some(),
                    replays: says(object, "replays"),
                    ..Guarantees::plain(compare, token)
                }
            }
        }
    }

    pub(super) fn can_find(&self) -> bool {
        match self {
            Backend::Http(_) => true,
            Backend::Page(object, _) => function(object, "find").is_some(),
        }
    }

    /// The till is closed.
    pub(super) fn close(&self) {
        match self {
            Backend::Http(_) => {}
            Backend::Page(_, closing) => closing.abort(),
        }
    }

    /// Makes a call; what the answer means.
    pub(super) async fn call(&self, call: &Call, clock: &Clock) -> Answered {
        match (self, call) {
            (Backend::Http(http), Call::Create(_) | Call::Update(_)) => {
                Answered::Save(http.save(call, None).await)
            }
            (Backend::Http(http), _) => {
                let (answer, refused) = http.answer_with(call, None).await;
                let answered = http.adapter.classify(call, &answer.response());
                if is_csrf(&answered) && http.renewed_csrf(refused).await {
                    let answer = http.answer(call, None).await;
                    return http.adapter.classify(call, &answer.response());
                }
                answered
            }
            (Backend::Page(object, closing), _) => {
                if let Some((missing, answered)) = call.needs() {
                    if !has(object, missing) {
                        return answered;
                    }
                }
                // A rejected promise is no verdict: then nothing is proven.
                let verdict = ask(object, closing, call).await.unwrap_or_default();
                understood(call, &verdict, clock.now())
            }
        }
    }

    /// The stream of others' changes, if there is one.
    pub(super) fn feed(&self, clock: &Rc<Clock>, on: Rc<dyn Fn(Change)>) -> Option<Feed> {
        match self {
            Backend::Http(http) => Feed::of(http, clock, on),
            Backend::Page(object, _) if self.guarantees().changes => Feed::of_page(object, on),
            Backend::Page(..) => None,
        }
    }
}

/// Whether only the CSRF token was refused: certainly nothing was applied.
fn is_csrf(answered: &Answered) -> bool {
    matches!(
        answered,
        Answered::Commit(CommitOutcome::Unauthenticated { csrf: true })
            | Answered::Lease(LeaseOutcome::Unauthenticated { csrf: true })
            | Answered::Batch(BatchOutcome::Not(LeaseOutcome::Unauthenticated { csrf: true }))
            | Answered::Next(NextOutcome::Unauthenticated { csrf: true })
            | Answered::Apply(ApplyOutcome::Unauthenticated { csrf: true })
    )
}

/// Whether the page's object has the method and says that it keeps its promise.
fn has(object: &JsValue, missing: Missing) -> bool {
    let methods: &[&str] = match missing {
        Missing::Transactions => &["commit"],
        Missing::Leases => &["lease", "release"],
        Missing::Sequences => &["next"],
        Missing::Apply => &["apply"],
        Missing::Find => return function(object, "find").is_some(),
        Missing::CompareAndSet => return true,
        // An object of the page's is asked for one document at a time.
        Missing::Batches => return false,
    };
    says(object, missing.name()) && methods.iter().all(|name| function(object, name).is_some())
}

/// Whether the page's object says so in its guarantees.
fn says(object: &JsValue, guarantee: &str) -> bool {
    get(&get(object, "guarantees"), guarantee).as_bool() == Some(true)
}

/// What the answer of the page's object means.
fn understood(call: &Call, verdict: &[u8], now: Millis) -> Answered {
    match call {
        Call::Create(_) | Call::Update(_) => Answered::Save(verdict::save_outcome(verdict)),
        Call::Load { .. } => Answered::Load(verdict::load_outcome(verdict)),
        Call::Find { .. } => Answered::Find(verdict::find_outcome(verdict)),
        Call::Commit(_) => Answered::Commit(verdict::commit_outcome(verdict)),
        Call::Lease(lease) => Answered::Lease(verdict::lease_outcome(&lease.key, verdict, now)),
        Call::Release(_) => Answered::Released,
        Call::Batch(_) => Answered::Batch(BatchOutcome::Not(LeaseOutcome::NotSupported)),
        Call::Next(next) => Answered::Next(verdict::next_outcome(next, verdict)),
        Call::Apply(apply) => Answered::Apply(verdict::apply_outcome(&apply.key, verdict)),
    }
}

async fn ask(object: &JsValue, closing: &AbortController, call: &Call) -> Result<Vec<u8>, JsValue> {
    let limit = Limit::new(PAGE_TIMEOUT_MS)?;
    let method = |name: &str| function(object, name).ok_or(JsValue::UNDEFINED);
    if let Call::Release(release) = call {
        // Also of a till that is closed.
        let (key, fence) = (release.key.as_str().into(), release.fence.as_str().into());
        limit.settle(&method("release")?.call2(object, &key, &fence)?).await?;
        return Ok(Vec::new());
    }
    let link = Link::to(closing.signal(), limit.controller.clone());
    let _link = link.ok_or(JsValue::UNDEFINED)?;
    let signal = JsValue::from(limit.controller.signal());
    let number = |number: u64| JsValue::from_f64(number as f64);
    let (name, arguments): (&str, Vec<JsValue>) = match call {
        Call::Load { key } => ("load", vec![key.into(), signal]),
        Call::Find { field, value } => ("find", vec![field.into(), value.into(), signal]),
        Call::Create(_) | Call::Update(_) => {
            let request = parse(&verdict::save_request(call).unwrap_or_default());
            ("save", vec![request, signal])
        }
        Call::Commit(commit) => {
            let requests = parse(&verdict::commit_requests(commit));
            ("commit", vec![requests, commit.token.as_str().into(), signal])
        }
        Call::Lease(lease) => {
            let (key, holder) = (lease.key.as_str().into(), lease.holder.as_str().into());
            ("lease", vec![key, holder, number(lease.ttl.0), signal])
        }
        Call::Next(next) => {
            let count = number(u64::from(next.count));
            ("next", vec![next.sequence.as_str().into(), count, next.token.as_str().into()])
        }
        Call::Apply(apply) => ("apply", vec![parse(&verdict::apply_request(apply)), signal]),
        Call::Release(_) | Call::Batch(_) => return Err(JsValue::UNDEFINED),
    };
    let promise = method(name)?.apply(object, &arguments.into_iter().collect::<Array>())?;
    stringify(&limit.settle(&promise).await?, "verdict")
}
