//! Recorded exchanges with three REST-like servers, as the tables say they are understood.
//!
//! Left out: batches, change feeds, metadata, bursts. Their routes are not this dialect's.

use crate::recorded::{check_against, exchanges, Exchange};
use restamp::adapters::rest::{Rest, StampPlace};

const NOT_REST: [&str; 6] = ["00_", "10_", "12_", "13_", "_meta", "06b"];

fn plain_exchanges(backend: &str) -> Vec<Exchange> {
    let mut all = exchanges(backend);
    all.retain(|one| !NOT_REST.iter().any(|start| one.file.starts_with(start)));
    all
}

pub(crate) fn kinto() -> Rest {
    let path = String::from("/v1/buckets/pos/collections/drafts/records");
    Rest { path, envelope: Some(String::from("data")), ..Rest::default() }
}

pub(crate) fn pouchdb() -> Rest {
    let stamp = StampPlace::Field(String::from("_rev"));
    Rest { path: String::from("pos"), stamp, ..Rest::default() }
}

pub(crate) fn cap() -> Rest {
    let path = String::from("/odata/v4/pos/Drafts");
    Rest { path, whole_answers: false, racy: true, ..Rest::default() }
}

#[test]
fn every_recorded_answer_of_kinto_has_its_meaning() {
    let recorded = plain_exchanges("kinto");
    assert_eq!(recorded.len(), 41);
    check_against(&kinto(), &recorded, include_str!("kinto.expected"));
}

#[test]
fn every_recorded_answer_of_express_pouchdb_has_its_meaning() {
    let recorded = plain_exchanges("express-pouchdb");
    assert_eq!(recorded.len(), 30);
    check_against(&pouchdb(), &recorded, include_str!("express-pouchdb.expected"));
}

#[test]
fn every_recorded_answer_of_cap_has_its_meaning() {
    let recorded = plain_exchanges("sap-cap");
    assert_eq!(recorded.len(), 51);
    check_against(&cap(), &recorded, include_str!("sap-cap.expected"));
}
