//! The browser's word that the network is back: a hint to try now, nothing more.

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
}

impl Network {
    /// `None` where nobody would say so.
    pub(super) fn listen(runner: &Rc<Runner>) -> Option<Network> {
        let add = global("addEventListener")?;
        let runner = Rc::downgrade(runner);
        let online = Closure::<dyn FnMut()>::new(move || {
            if let Some(runner) = runner.upgrade() {
                let _ = runner.dispatch(Event::Online);
            }
        });
        call(&add, &online);
        Some(Network { online })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(remove) = global("removeEventListener") {
            call(&remove, &self.online);
        }
    }
}

fn global(name: &str) -> Option<Function> {
    function(&js_sys::global(), name)
}

fn call(function: &Function, online: &Closure<dyn FnMut()>) {
    let listener = online.as_ref().unchecked_ref::<Function>();
    let _ = function.call2(&js_sys::global(), &"online".into(), listener);
}
