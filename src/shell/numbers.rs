//! `sequence` of a till. The page that leads has the numbers, with its journal; the others ask it.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local, JsFuture};

use super::convert::{get, promised, word};
use super::error::{error, invalid};
use super::promise::Pledge;
use super::runner::Runner;
use super::tabs::number;
use super::till::Till;
use crate::core::numbers::{check_reserve, Effect, Waiter};
use crate::core::sequence::{Format, Outcome};

#[wasm_bindgen]
impl Till {
    /// The next number of a sequence.
    pub fn sequence(&self, name: &JsValue, options: &JsValue) -> Promise {
        promised(self.begin_sequence(name, options))
    }
}

impl Till {
    fn begin_sequence(&self, name: &JsValue, options: &JsValue) -> Result<Promise, JsValue> {
        let name = word(name, "name")?;
        let format = match get(options, "format") {
            format if format.is_undefined() => String::new(),
            format => word(&format, "options.format")?,
        };
        let wrong = |message: String| error("invalid-argument", &["options.", &message]);
        let format = Format::parse(&format).map_err(|found| wrong(found.message()))?;
        let reserve = match get(options, "reserve") {
            reserve if reserve.is_undefined() => 0,
            reserve => match reserve.as_f64().filter(|count| count.fract() == 0.0) {
                Some(count) if (1.0..=4_294_967_295.0).contains(&count) => count as u32,
                Some(_) | None => return Err(invalid("options.reserve", "a number from 1 on")),
            },
        };
        check_reserve(reserve).map_err(|failure| wrong(failure.message()))?;
        let runner = self.runner();
        runner.check_open()?;
        let asked = runner.call("sequence", &name.into(), &number(reserve));
        Ok(future_to_promise(async move {
            let digits = JsFuture::from(asked).await?.as_string().unwrap_or_default();
            match digits.parse() {
                Ok(number) => Ok(format.write(number).into()),
                Err(_) => Err(error("unavailable", &["no number came"])),
            }
        }))
    }
}

impl Runner {
    /// A promise of the next number's digits, of the page that leads.
    pub(super) fn next_number_of(self: &Rc<Self>, name: &str, reserve: u32) -> Promise {
        let (promise, pledge) = Pledge::new();
        let waiter = Waiter(self.number());
        self.works.counting.borrow_mut().push((waiter, pledge));
        let random = self.random();
        let effects = self.works.numbers.borrow_mut().take(name, waiter, reserve, random);
        self.count_on(effects);
        promise
    }

    /// Journal first, send second, answer third.
    fn count_on(self: &Rc<Self>, effects: Vec<Effect>) {
        let mut later = Vec::new();
        for effect in effects {
            match effect {
                Effect::Journal(entry) => self.journal.append(entry),
                Effect::Call { .. } | Effect::Given(..) | Effect::Failed(..) => later.push(effect),
            }
        }
        self.arm_counting();
        let (runner, term) = (self.clone(), self.term());
        spawn_local(async move {
            runner.settle_journal().await;
            for effect in later {
                // Another page leads: the numbers are its own now.
                if runner.term() != term {
                    return;
                }
                runner.carry_out_counting(effect, term);
            }
        });
    }

    fn carry_out_counting(self: &Rc<Self>, effect: Effect, term: u32) {
        match effect {
            Effect::Journal(_) => {}
            Effect::Call { name, id, call } => {
                let runner = self.clone();
                spawn_local(async move {
                    let answered = runner.backend.call(&call, &runner.clock).await;
                    if runner.term() != term || runner.closed.get() {
                        return;
                    }
                    let (now, random) = (runner.now(), runner.random());
                    let mut numbers = runner.works.numbers.borrow_mut();
                    let effects = numbers.answered(&name, id, answered, now, random);
                    drop(numbers);
                    runner.count_on(effects);
                });
            }
            Effect::Given(waiter, given) => {
                let Some(pledge) = self.take_counting(waiter) else { return };
                if self.journal.holds() {
                    pledge.keep(&given.to_string().into());
                } else {
                    let why = "the disk takes nothing, so a number could be given out twice";
                    pledge.fail(&error("storage", &[why]));
                }
            }
            Effect::Failed(waiter, outcome) => {
                let Some(pledge) = self.take_counting(waiter) else { return };
                pledge.fail(&why_none(&outcome));
            }
        }
    }

    fn take_counting(&self, waiter: Waiter) -> Option<Pledge> {
        let mut counting = self.works.counting.borrow_mut();
        let at = counting.iter().position(|(known, _)| *known == waiter)?;
        Some(counting.swap_remove(at).1)
    }

    fn arm_counting(self: &Rc<Self>) {
        let next = self.works.numbers.borrow().next_wake();
        let timer = next.map(|at| {
            let (runner, term) = (self.clone(), self.term());
            self.clock.sleep(at.since(self.now()), move || {
                if runner.term() == term && !runner.closed.get() {
                    let (now, random) = (runner.now(), runner.random());
                    let effects = runner.works.numbers.borrow_mut().wake(now, random);
                    runner.count_on(effects);
                }
            })
        });
        drop(self.works.counting_timer.replace(timer));
    }

    /// The till is closed: what was asked for is asked for again by the next one.
    pub(super) fn stop_counting(&self, reason: &JsValue) {
        drop(self.works.counting_timer.take());
        for (_, pledge) in self.works.counting.take() {
            pledge.fail(reason);
        }
    }
}

fn why_none(outcome: &Outcome) -> JsValue {
    match outcome {
        Outcome::Rejected(rejection) => error("rejected", &[&rejection.message]),
        Outcome::Failed(failure) => error("not-supported", &[&failure.message()]),
        Outcome::GaveUp { .. } | Outcome::Reserved(_) => {
            let why = "no answer from the server; asked again, no number gets lost";
            error("unavailable", &[why])
        }
    }
}
