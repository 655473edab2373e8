//! Answers of Frappe, as each configuration of its adapter reads them.

use std::sync::OnceLock;

use restamp::adapters::frappe::Frappe;
use restamp::adapters::{options, Adapter};

const OPTIONS: [&str; 3] = [
    r#"{"doctype":"Sales Invoice","tokenField":"client_uuid"}"#,
    r#"{"doctype":"Sales Invoice","api":"v2"}"#,
    r#"{"doctype":"Sales Invoice","methods":{
        "create":{"path":"pos.api.create","answer":"message.data"},
        "update":{"path":"pos.api.save","encode":"json-string","answer":"message"},
        "submit":{"path":"pos.api.submit","answer":"message.0.doc"},
        "load":{"path":"pos.api.load","answer":"message.docs.0"},
        "find":{"path":"pos.api.find","answer":"message"}}}"#,
];

/// Any answer, whatever was asked.
pub fn run(data: &[u8]) {
    static ADAPTERS: OnceLock<[Frappe; 3]> = OnceLock::new();
    let read = |text: &str| options::frappe(text.as_bytes()).expect("options");
    let adapters = ADAPTERS.get_or_init(|| OPTIONS.map(read));
    let adapters: Vec<&dyn Adapter> = adapters.iter().map(|adapter| adapter as _).collect();
    super::answer::check(&adapters, data);
}
