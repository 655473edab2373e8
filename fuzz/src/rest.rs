//! Answers of REST servers, as each configuration of the adapter reads them.

use std::sync::OnceLock;

use restamp::adapters::rest::Rest;
use restamp::adapters::{options, Adapter};

const OPTIONS: [&str; 4] = [
    r#"{"path":"/orders","tokenField":"uuid"}"#,
    r#"{"path":"/v1/records","envelope":"data","stamp":{"field":"last_modified"}}"#,
    r#"{"path":"/db","key":"_id","stamp":{"field":"_rev"},"racy":true}"#,
    r#"{"path":"/odata/Orders","key":"ID","wholeAnswers":false}"#,
];

/// Any answer, whatever was asked.
pub fn run(data: &[u8]) {
    static ADAPTERS: OnceLock<[Rest; 4]> = OnceLock::new();
    let read = |text: &str| options::rest(text.as_bytes()).expect("options");
    let adapters = ADAPTERS.get_or_init(|| OPTIONS.map(read));
    let adapters: Vec<&dyn Adapter> = adapters.iter().map(|adapter| adapter as _).collect();
    super::answer::check(&adapters, data);
}
