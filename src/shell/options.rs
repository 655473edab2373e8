//! What the page says about a till: checked once, here.

use std::cell::RefCell;
use std::sync::Arc;

use wasm_bindgen::prelude::*;

use super::backend::Backend;
use super::convert::{check_members, get, stringify, text};
use super::error::{error, invalid, of_profile};
use super::works::Works;
use crate::adapters::Guarantees;
use crate::core::contention_rates::{self, MILLION};
use crate::core::numbers::Numbers;
use crate::core::policy::{Choice, Measure, Offers, Policy, Sharing, Thresholds, TokenSupport};
use crate::core::profile::Profile;
use crate::core::retry::{Kind, Schedule};
use crate::core::time::{Millis, WAIT_MS_MAX};
use crate::core::transaction::Strategy;

/// `Schedule` of the contract.
struct GivenSchedule {
    kind: String,
    base: f64,
    cap: Option<f64>,
    factor: Option<f64>,
    attempts: Option<f64>,
    deadline: Option<f64>,
}

/// A schedule of the page.
pub(super) fn schedule(value: JsValue) -> Result<Schedule, JsValue> {
    if !value.is_object() {
        return Err(invalid("schedule", "{kind, base, cap?, factor?, attempts?, deadline?}"));
    }
    let number = |name: &str| get(&value, name).as_f64();
    let given = GivenSchedule {
        kind: text(&value, "kind").unwrap_or_default(),
        base: number("base").unwrap_or(-1.0),
        cap: number("cap"),
        factor: number("factor"),
        attempts: number("attempts"),
        deadline: number("deadline"),
    };
    let kind = match given.kind.as_str() {
        "fixed" => Kind::Fixed,
        "exponential" => Kind::Exponential,
        "full-jitter" => Kind::FullJitter,
        "decorrelated" => Kind::Decorrelated,
        "proportional" => Kind::Proportional,
        _ => {
            let kinds = "fixed, exponential, full-jitter, decorrelated or proportional";
            return Err(invalid("schedule.kind", kinds));
        }
    };
    let most = WAIT_MS_MAX as f64;
    let ms = |name: &str, value: f64| {
        if (0.0..=most).contains(&value) {
            Ok(value as u64)
        } else {
            Err(invalid(name, "milliseconds from 0 to 2147483647"))
        }
    };
    // A wait grows; a share of the time passed need not be a multiple of it.
    let (least, usual) = if kind == Kind::Proportional { (0.0, 0.4) } else { (1.0, 2.0) };
    let factor = given.factor.unwrap_or(usual);
    if !(least..=1_000.0).contains(&factor) {
        return Err(invalid("schedule.factor", "a number from 1 (or 0, if proportional) to 1000"));
    }
    if given.attempts.is_some_and(|attempts| attempts.is_nan() || attempts < 1.0) {
        return Err(invalid("schedule.attempts", "at least 1"));
    }
    if given.deadline.is_some_and(|deadline| deadline.is_nan() || deadline < 0.0) {
        return Err(invalid("schedule.deadline", "milliseconds from 0"));
    }
    Ok(Schedule {
        kind,
        base_ms: ms("schedule.base", given.base)?,
        cap_ms: ms("schedule.cap", given.cap.unwrap_or(most))?,
        factor_milli: (factor * 1_000.0) as u64,
        // `as` stops at the largest value: Infinity is "no limit" in effect.
        attempts_max: given.attempts.map(|attempts| attempts as u32),
        deadline_ms: given.deadline.map(|deadline| deadline as u64),
    })
}

#[wasm_bindgen(module = "/src/package/freeze.js")]
extern "C" {
    // Caught, for only functions with glue of their own get short names in the build.
    #[wasm_bindgen(js_name = isConstant, catch)]
    fn is_constant(value: &JsValue) -> Result<bool, JsValue>;
}

/// A profile that was read.
struct Read {
    value: JsValue,
    text: Vec<u8>,
    profile: Arc<Profile>,
}

thread_local! {
    /// A page merges with one profile all day: reading it costs more than a small merge.
    static RECENT: RefCell<Option<Read>> = const { RefCell::new(None) };
}

/// A profile of the page; `undefined` is the one without rules.
pub(super) fn profile(value: &JsValue) -> Result<Arc<Profile>, JsValue> {
    if value.is_undefined() {
        return Ok(Arc::default());
    }
    if !value.is_object() {
        return Err(invalid("profile", "an object"));
    }
    RECENT.with_borrow_mut(|recent| {
        if let Some(read) = recent.as_ref().filter(|read| read.value == *value) {
            if is_constant(value) == Ok(true) {
                return Ok(read.profile.clone());
            }
        }
        let text = stringify(value, "profile")?;
        let profile = match recent.as_ref().filter(|read| read.text == text) {
            Some(read) => read.profile.clone(),
            None => Arc::new(Profile::parse(&text).map_err(|error| of_profile(&error))?),
        };
        *recent = Some(Read { value: value.clone(), text, profile: profile.clone() });
        Ok(profile)
    })
}

/// The policy of a till with this backend.
pub(super) fn policy(options: &JsValue, backend: &Backend) -> Result<Policy, JsValue> {
    let profile = profile(&get(options, "profile"))?;
    // A schedule of the page's is for both: a server that is busy, and other tills that are.
    let (schedule, contention) = match get(options, "schedule") {
        given if given.is_undefined() => (Schedule::INTERACTIVE, Schedule::CONTENTION),
        given => {
            let given = schedule(given)?;
            (given, given)
        }
    };
    let guarantees = backend.guarantees();
    let can_find = backend.can_find();
    let Guarantees { leases, parking, apply, replays: tokens, .. } = guarantees;
    let offers = Offers { leases, parking, apply, tokens };
    // A profile that names a unique field for it lets a create be found again.
    let by_field = can_find && profile.create_token_field.is_some();
    let token = match guarantees.token {
        TokenSupport::None if by_field => TokenSupport::Field,
        token @ (TokenSupport::None | TokenSupport::Field | TokenSupport::Native) => token,
    };
    Ok(Policy {
        profile: Profile::clone(&profile),
        schedule,
        contention,
        background: Schedule::BACKGROUND,
        compare_and_set: guarantees.compare_and_set,
        token,
        can_find,
        sharing: Sharing { offers, ..sharing(options) },
    })
}

/// The strategy that the options name, if they do.
pub(super) fn strategy(options: &JsValue) -> Result<Option<Strategy>, JsValue> {
    match get(options, "strategy") {
        given if given.is_undefined() => Ok(None),
        given => match given.as_string().as_deref() {
            Some("optimistic") => Ok(Some(Strategy::Optimistic)),
            Some("pessimistic") => Ok(Some(Strategy::Pessimistic)),
            Some("adaptive") => Ok(Some(Strategy::Adaptive { contended: false })),
            Some(_) | None => {
                let known = "\"optimistic\", \"pessimistic\" or \"adaptive\"";
                Err(invalid("options.strategy", known))
            }
        },
    }
}

/// What a till does beside its drafts.
pub(super) fn works(options: &JsValue, backend: &Backend) -> Result<Works, JsValue> {
    check_members(options, "options", &["changes"], "true or false", |value| {
        value.as_bool().is_some()
    })?;
    let hears = get(options, "changes").as_bool().unwrap_or(true);
    let strategy = strategy(options)?.unwrap_or(Strategy::Adaptive { contended: false });
    let schedule = match get(options, "schedule") {
        given if given.is_undefined() => Schedule::INTERACTIVE,
        given => schedule(given)?,
    };
    let numbers = Numbers::new(backend.guarantees().sequences, schedule);
    Ok(Works::new(required_text(options, "till")?, strategy, hears, numbers))
}

/// How documents are shared. `package/options.js` has checked names and limits.
fn sharing(options: &JsValue) -> Sharing {
    let usual = Sharing::default();
    let part = |of: &JsValue, name: &str, scale: f64, usual: u64| {
        get(of, name).as_f64().map_or(usual, |value| (value * scale).round() as u64)
    };
    let (lease, adaptive) = (get(options, "lease"), get(options, "adaptive"));
    let choice = match text(options, "strategy").as_deref() {
        Some("optimistic") => Choice::Always(contention_rates::Strategy::Optimistic),
        Some("pessimistic") => Choice::Always(contention_rates::Strategy::Pessimistic),
        Some(_) | None if adaptive.is_string() => Choice::Adaptive(Thresholds::FIFTH_SYSTEM),
        Some(_) | None => {
            let preset = Thresholds::MEASURED;
            let rate = |name: &str, usual: u32| {
                part(&adaptive, name, f64::from(MILLION), usual.into()) as u32
            };
            Choice::Adaptive(Thresholds {
                measure: match text(&adaptive, "measure").as_deref() {
                    Some("first") => Measure::First,
                    Some("all") => Measure::All,
                    Some(_) | None => preset.measure,
                },
                lease_from: rate("leaseAbove", preset.lease_from),
                optimistic_below: rate("optimisticBelow", preset.optimistic_below),
                saves_min: part(&adaptive, "saves", 1.0, preset.saves_min.into()) as u32,
            })
        }
    };
    Sharing {
        choice,
        lease_ttl: Millis(part(&lease, "ttl", 1.0, usual.lease_ttl.0)),
        lease_wait: Millis(part(&lease, "wait", 1.0, usual.lease_wait.0)),
        park: Millis(part(options, "park", 1.0, usual.park.0)),
        ..usual
    }
}

/// Time, chance and waiting of the page's, if it hands them in.
pub(super) fn host(options: &JsValue) -> Result<JsValue, JsValue> {
    let host = get(options, "host");
    if !host.is_undefined() && !host.is_object() {
        return Err(invalid("options.host", "an object"));
    }
    let members = ["now", "random", "sleep"];
    check_members(&host, "options.host", &members, "a function", JsValue::is_function)?;
    Ok(host)
}

/// A name that must be there.
pub(super) fn required_text(options: &JsValue, name: &str) -> Result<String, JsValue> {
    match text(options, name) {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) | None => {
            Err(error("invalid-argument", &["options.", name, " must be a text that is not empty"]))
        }
    }
}
