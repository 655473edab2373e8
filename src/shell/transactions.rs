//! `transact`, `transfer`, `allocate`, `findOrCreate` of a till: what the page says, what its plan
//! answers, and what the outcome looks like.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Map, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortSignal;

use super::convert::{
    callback, check_members, decimal, document_text, freeze, function, get, parse, promised, set,
    text, word,
};
use super::error::{error, invalid};
use super::options::strategy;
use super::runner::Runner;
use super::till::Till;
use super::works::{Documents, Ended, Machine, Page, Reply};
use crate::core::allocation::{self, Fields};
use crate::core::amount::Decimal;
use crate::core::call::Loaded;
use crate::core::find_or_create::{self as search, FindOrCreate};
use crate::core::profile::Profile;
use crate::core::reapply::{reapply, Circumstances, Mine, Reapplied};
use crate::core::transaction::{Outcome, Strategy, Terms, Transaction};
use crate::core::transfer::{self, Refusal, Transfer, TransferError};

#[wasm_bindgen]
impl Till {
    /// Several documents, all or nothing.
    pub fn transact(&self, keys: &JsValue, plan: &JsValue, options: &JsValue) -> Promise {
        promised(self.begin_transact(keys, plan, options))
    }

    /// Moves an amount between two documents.
    pub fn transfer(
        &self,
        from: &JsValue,
        to: &JsValue,
        amount: &JsValue,
        options: &JsValue,
    ) -> Promise {
        promised(self.begin_transfer(from, to, amount, options))
    }

    /// Takes a quantity from stock layers, first in first out.
    pub fn allocate(&self, layers: &JsValue, quantity: &JsValue, options: &JsValue) -> Promise {
        promised(self.begin_allocate(layers, quantity, options))
    }

    /// Finds a document by a unique field, or creates it.
    #[wasm_bindgen(js_name = findOrCreate)]
    pub fn find_or_create(&self, field: &JsValue, value: &JsValue, make: &JsValue) -> Promise {
        promised(self.begin_search(field, value, make))
    }
}

impl Till {
    fn begin_transact(
        &self,
        keys: &JsValue,
        plan: &JsValue,
        options: &JsValue,
    ) -> Result<Promise, JsValue> {
        let keys = words(keys, "keys")?;
        let plan = Work::Plan(callback(plan, "plan")?);
        check_members(options, "options", &[], "", |_| true)?;
        self.runner().transaction(keys, plan, options)
    }

    fn begin_transfer(
        &self,
        from: &JsValue,
        to: &JsValue,
        amount: &JsValue,
        options: &JsValue,
    ) -> Result<Promise, JsValue> {
        let (from, to) = (word(from, "from")?, word(to, "to")?);
        let amount = decimal(amount, "amount")?.to_string();
        let field = named(options, "field", transfer::FIELD)?;
        let transfer = Transfer::new(&from, &to, &amount, &field);
        let transfer = transfer.map_err(|wrong| {
            let code = match wrong {
                TransferError::NotADecimal(_) => "not-a-decimal",
                TransferError::NotPositive(_) | TransferError::SameDocument(_) => {
                    "invalid-argument"
                }
            };
            error(code, &[&wrong.message()])
        })?;
        self.runner().transaction(transfer.keys(), Work::Transfer(transfer), options)
    }

    fn begin_allocate(
        &self,
        layers: &JsValue,
        quantity: &JsValue,
        options: &JsValue,
    ) -> Result<Promise, JsValue> {
        let keys = words(layers, "layers")?;
        let wanted = decimal(quantity, "quantity")?.to_string();
        let wanted =
            allocation::quantity(&wanted).map_err(|words| error("invalid-argument", &[&words]))?;
        let usual = Fields::default();
        let fields = Fields {
            quantity: named(options, "quantityField", &usual.quantity)?,
            value: named(options, "valueField", &usual.value)?,
            order: named(options, "orderField", &usual.order)?,
        };
        self.runner().transaction(keys, Work::Allocate(wanted, fields), options)
    }

    fn begin_search(
        &self,
        field: &JsValue,
        value: &JsValue,
        make: &JsValue,
    ) -> Result<Promise, JsValue> {
        let (field, value) = (word(field, "field")?, word(value, "value")?);
        let make = callback(make, "make")?;
        let runner = self.runner();
        runner.check_open()?;
        let terms = {
            let till = runner.till.borrow();
            let policy = till.policy();
            search::Terms {
                schedule: policy.schedule,
                can_find: policy.can_find,
                token: policy.token,
                token_field: policy.profile.create_token_field.clone(),
            }
        };
        let (now, random) = (runner.now(), runner.random());
        let (search, effects) = FindOrCreate::begin(&field, &value, terms, now, random);
        let begun = (Machine::Search(Box::new(search)), Machine::todo_of_search(effects));
        Ok(runner.work(begun, Box::new(Maker { make }), None))
    }
}

/// A list of keys.
fn words(value: &JsValue, argument: &str) -> Result<Vec<String>, JsValue> {
    if !Array::is_array(value) {
        return Err(invalid(argument, "a list of keys"));
    }
    Array::from(value).iter().map(|key| word(&key, &[argument, "[]"].concat())).collect()
}

fn named(options: &JsValue, member: &str, usual: &str) -> Result<String, JsValue> {
    match get(options, member) {
        value if value.is_undefined() => Ok(usual.to_owned()),
        value => word(&value, &["options.", member].concat()),
    }
}

impl Runner {
    fn transaction(
        self: &Rc<Self>,
        keys: Vec<String>,
        work: Work,
        options: &JsValue,
    ) -> Result<Promise, JsValue> {
        self.check_open()?;
        if !options.is_undefined() && !options.is_object() {
            return Err(invalid("options", "an object"));
        }
        let given = get(options, "signal");
        let signal = match given.is_undefined() {
            true => None,
            // Of another realm it is no less a signal.
            false if function(&given, "addEventListener").is_some() => {
                Some(given.unchecked_into::<AbortSignal>())
            }
            false => return Err(invalid("options.signal", "an AbortSignal")),
        };
        let wanted = match strategy(options)? {
            Some(strategy) => strategy,
            None => self.works.strategy,
        };
        let terms = self.terms(&keys, wanted);
        let (now, random) = (self.now(), self.random());
        let (transaction, effects) = Transaction::begin(&keys, terms, now, random);
        let begun =
            (Machine::Transaction(Box::new(transaction)), Machine::todo_of_transaction(effects));
        let planner = Planner {
            runner: self.clone(),
            work,
            keys,
            result: RefCell::new(JsValue::NULL),
            refusal: RefCell::default(),
        };
        Ok(self.work(begun, Box::new(planner), signal))
    }

    fn terms(&self, keys: &[String], wanted: Strategy) -> Terms {
        let guarantees = self.backend.guarantees();
        let till = self.till.borrow();
        let policy = till.policy();
        let strategy = match wanted {
            Strategy::Adaptive { .. } => {
                let contended = keys.iter().any(|key| till.is_contended(key));
                Strategy::Adaptive { contended }
            }
            Strategy::Optimistic | Strategy::Pessimistic => wanted,
        };
        Terms {
            strategy,
            schedule: policy.schedule,
            contention: policy.contention,
            lease_ttl: policy.sharing.lease_ttl,
            lease_wait: policy.sharing.lease_wait,
            transactions: guarantees.transactions,
            leases: guarantees.leases,
            batches: guarantees.batches,
            compare_and_set: guarantees.compare_and_set,
            token: guarantees.token,
            token_field: policy.profile.token_field.clone(),
            ..Terms::new(&self.works.till)
        }
    }

    /// Drafts of these documents that are open here learn of the new copies.
    fn tell_of_commit(self: &Rc<Self>, documents: &[Loaded], keys: &[String]) {
        let known = |document: &Loaded| {
            let stamp = document.stamp.as_ref().map(|stamp| stamp.0.clone());
            document.key.clone().map(|key| (key, stamp))
        };
        let mut told: Vec<(String, Option<String>)> = documents.iter().filter_map(known).collect();
        if told.is_empty() {
            told = keys.iter().map(|key| (key.clone(), None)).collect();
        }
        for (key, stamp) in told {
            let stamp = stamp.map_or(JsValue::UNDEFINED, JsValue::from);
            let asked = self.call("changed", &key.into(), &stamp);
            spawn_local(async move { drop(wasm_bindgen_futures::JsFuture::from(asked).await) });
        }
    }
}

/// What a transaction is for.
enum Work {
    Plan(Function),
    Transfer(Transfer),
    Allocate(Decimal, Fields),
}

struct Planner {
    runner: Rc<Runner>,
    work: Work,
    keys: Vec<String>,
    /// Of the plan that was made last.
    result: RefCell<JsValue>,
    refusal: RefCell<Option<Refusal>>,
}

impl Page for Planner {
    fn reply(&self, documents: Documents) -> Result<Reply, JsValue> {
        let planned = match &self.work {
            Work::Plan(plan) => return self.ask(plan, &documents),
            Work::Transfer(transfer) => transfer.plan(&documents),
            Work::Allocate(wanted, fields) => {
                allocation::plan(*wanted, fields, &documents).map(|(changed, taken)| {
                    self.result.replace(parse(&taken.to_json()));
                    changed
                })
            }
        };
        Ok(match planned {
            Ok(documents) => Reply::Planned(documents),
            Err(refusal) => {
                let code = refusal.code().to_owned();
                self.refusal.replace(Some(refusal));
                Reply::PlanRefused(code)
            }
        })
    }

    fn end(&self, ended: Ended) -> Result<JsValue, JsValue> {
        let outcome = match ended {
            Ended::Transaction(outcome) => outcome,
            Ended::Search(_) => return Err(JsValue::UNDEFINED),
        };
        let object = js_sys::Object::new();
        let put = |name: &str, value: &str| set(&object, name, &value.into());
        let attempts = |count: u32| set(&object, "attempts", &JsValue::from_f64(count.into()));
        match outcome {
            Outcome::Committed { attempts: count, documents } => {
                self.runner.tell_of_commit(&documents, &self.keys);
                put("kind", "committed");
                set(&object, "result", &self.result.borrow());
                attempts(count);
            }
            Outcome::Refused(reason) => {
                put("kind", "refused");
                put("reason", &reason);
                if let Some(refusal) = self.refusal.take() {
                    put("message", &refusal.message());
                    if let Some(short) = refusal.short() {
                        put("short", &short);
                    }
                }
            }
            // Refused for good, and nothing is stored: by the server this time.
            Outcome::Rejected(rejection) => {
                put("kind", "refused");
                put("reason", rejection.code.code());
                put("message", &rejection.message);
            }
            Outcome::GaveUp(gave_up) => {
                put("kind", "gave-up");
                attempts(gave_up.attempts);
                put("reason", gave_up.why.code());
                put("message", &gave_up.message());
                if let Some(token) = gave_up.in_doubt {
                    put("inDoubt", &token);
                }
            }
            Outcome::Failed(failure) => return Err(error(failure.code(), &[&failure.message()])),
        }
        Ok(object.into())
    }
}

impl Planner {
    /// The page's plan: documents in, documents out.
    fn ask(&self, plan: &Function, documents: &Documents) -> Result<Reply, JsValue> {
        let map = Map::new();
        for (key, document) in documents {
            if let Some(document) = document {
                let doc = parse(document);
                freeze(&doc);
                map.set(&key.into(), &doc);
            }
        }
        let answer = plan.call1(&JsValue::UNDEFINED, &map)?;
        if let Some(reason) = text(&answer, "refuse") {
            return Ok(Reply::PlanRefused(reason));
        }
        let docs = get(&answer, "docs");
        let expected = "at once {docs: a Map of documents, result} or {refuse: a text}";
        let is_map = function(&docs, "forEach").is_some() && !Array::is_array(&docs);
        if !is_map {
            return Err(error("invalid-argument", &["plan must answer ", expected]));
        }
        let mut answered = Vec::new();
        docs.unchecked_ref::<Map>().for_each(&mut |doc, key| answered.push((key, doc)));
        let mut planned = Vec::with_capacity(answered.len());
        for (key, doc) in answered {
            let key = word(&key, "a key of the plan's docs")?;
            let mine = document_text(&doc, &["docs of the plan: ", &key].concat())?;
            let given = documents.iter().find(|(known, _)| *known == key);
            let base = given.and_then(|(_, base)| base.as_deref());
            planned.push((key, base.and_then(|base| laid_over(base, &mine)).unwrap_or(mine)));
        }
        self.result.replace(get(&answer, "result"));
        Ok(Reply::Planned(planned))
    }
}

/// The server's text with what the plan changed put in: what it left alone goes back byte for byte,
/// a number that JavaScript shows as text goes back as a number.
fn laid_over(base: &[u8], mine: &[u8]) -> Option<Vec<u8>> {
    let mine = Mine::Document(mine.to_vec());
    let (plain, nothing) = (Profile::default(), Circumstances::default());
    match reapply(base, &mine, Some(base), &plain, &nothing).ok()? {
        Reapplied::Open { text, merge } => merge.conflicts.is_empty().then_some(text),
        Reapplied::Ended { .. } => None,
    }
}

/// Makes the document that was not found.
struct Maker {
    make: Function,
}

impl Page for Maker {
    fn reply(&self, _: Documents) -> Result<Reply, JsValue> {
        Err(JsValue::UNDEFINED)
    }

    fn promised(&self) -> Option<Result<Promise, JsValue>> {
        let made = self.make.call0(&JsValue::UNDEFINED);
        Some(made.map(|made| Promise::resolve(&made)))
    }

    fn made(&self, made: &JsValue) -> Result<Reply, JsValue> {
        document_text(made, "what make() answers").map(Reply::Made)
    }

    fn end(&self, ended: Ended) -> Result<JsValue, JsValue> {
        let outcome = match ended {
            Ended::Search(outcome) => outcome,
            Ended::Transaction(_) => return Err(JsValue::UNDEFINED),
        };
        match outcome {
            search::Outcome::Found { document, created } => {
                let object = js_sys::Object::new();
                let doc = parse(&document.document);
                freeze(&doc);
                set(&object, "doc", &doc);
                set(&object, "created", &created.into());
                if let Some(key) = document.key {
                    set(&object, "key", &key.into());
                }
                Ok(object.into())
            }
            search::Outcome::Rejected(rejection) => Err(error("rejected", &[&rejection.message])),
            search::Outcome::GaveUp { in_doubt, signed_out } => {
                let code = if signed_out { "signed-out" } else { "unavailable" };
                let doubt = match in_doubt {
                    true => "; it may have been created: ask again, it will be found",
                    false => "; nothing was created",
                };
                Err(error(code, &["no answer from the server", doubt]))
            }
            search::Outcome::Failed(failure) => Err(failed(&failure)),
        }
    }
}

fn failed(failure: &search::Failure) -> JsValue {
    match failure {
        search::Failure::NotSupported(what) => {
            error("not-supported", &["guarantees.", what.name(), " is missing: ", what.remedy()])
        }
        search::Failure::Make(words) => error("make-failed", &["make() failed: ", words]),
        search::Failure::NotADocument => error("not-a-document", &["make() answers no document"]),
        search::Failure::OtherValue => error(
            "invalid-argument",
            &["make() answers a document with another value in the unique field"],
        ),
    }
}
