//! Every recorded exchange with Frappe, as the tables say it is understood.

use crate::recorded::{check_against, exchanges};
use restamp::adapters::frappe::Frappe;

#[test]
fn every_recorded_answer_of_frappe_has_its_meaning() {
    let recorded = exchanges("frappe");
    assert_eq!(recorded.len(), 310);
    check_against(&Frappe::default(), &recorded, include_str!("frappe.expected"));
}
