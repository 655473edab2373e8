//! Any text in place of a profile; what is one is merged with.

use restamp::core::profile::Profile;

use super::merge::{self, Sides};
use super::samples::{INVOICES, ORDERS};

/// Any profile.
pub fn run(data: &[u8]) {
    let Ok(profile) = Profile::parse(data) else { return };
    for table in &profile.tables {
        assert!(!table.row.is_empty(), "rows without an identity");
    }
    for [base, mine, theirs] in [INVOICES, ORDERS] {
        let [base, mine, theirs] = [base, mine, theirs].map(str::as_bytes);
        merge::check(&Sides { base, mine, theirs: Some(theirs) }, &profile);
    }
}
