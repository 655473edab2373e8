//! The browser's word: that the network is back, a hint to try now and nothing more; and that the
//! page goes, so that it holds no lease that others wait for.

use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;

use super::convert::function;
use super::runner::Runner;
use crate::core::event::Event;

/// Listens for it; dropping it ends that.
pub(super) struct Network {
    online: Closure<dyn FnMut()>,
    leaving: Closure<dyn FnMut()>,
}

impl Network {
    /// `None` where nobody would say so.
    pub(super) fn listen(runner: &Rc<Runner>) -> Option<Network> {
        let add = global("addEventListener")?;
        let weak = Rc::downgrade(runner);
        let online = Closure::<dyn FnMut()>::new(move || {
            if let Some(runner) = weak.upgrade() {
                let _ = runner.dispatch(Event::Online);
            }
        });
        let weak = Rc::downgrade(runner);
        let leaving = Closure::<dyn FnMut()>::new(move || {
            if let Some(runner) = weak.upgrade() {
                runner.end_works();
                runner.give_leases_back();
            }
        });
        call(&add, "online", &online);
        call(&add, "pagehide", &leaving);
        Some(Network { online, leaving })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(remove) = global("removeEventListener") {
            call(&remove, "online", &self.online);
            call(&remove, "pagehide", &self.leaving);
        }
    }
}

fn global(name: &str) -> Option<Function> {
    function(&js_sys::global(), name)
}

fn call(function: &Function, event: &str, listener: &Closure<dyn FnMut()>) {
    let listener = listener.as_ref().unchecked_ref::<Function>();
    let _ = function.call2(&js_sys::global(), &event.into(), listener);
}
