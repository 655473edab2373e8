//! Stamps: the server's local time as Frappe spells it.
//!
//! The clock runs at +05:30 like the recorded server's, so that a client which takes a stamp
//! for UTC is wrong here too.

use chrono::{FixedOffset, NaiveDateTime, TimeDelta, Timelike, Utc};

const OFFSET_SECONDS: i32 = 5 * 3600 + 1800;
const FORMAT: &str = "%Y-%m-%d %H:%M:%S%.6f";

/// One moment of the server's local time, to the microsecond.
#[derive(Clone, Copy, Debug)]
pub struct Moment(NaiveDateTime);

impl Moment {
    /// Now, never with zero microseconds: Frappe spells those two ways, and this server does
    /// not want a conflict with itself once in a million saves.
    pub fn now() -> Self {
        let utc = Utc::now();
        let local = match FixedOffset::east_opt(OFFSET_SECONDS) {
            Some(zone) => utc.with_timezone(&zone).naive_local(),
            None => utc.naive_utc(),
        };
        Self(local).with_microseconds()
    }

    /// This moment, or the first one after `stamp` if the clock has not passed it yet.
    #[must_use]
    pub fn after(self, stamp: &str) -> Self {
        match NaiveDateTime::parse_from_str(stamp, "%Y-%m-%d %H:%M:%S%.f") {
            Ok(old) if self.0 <= old => Self(old + TimeDelta::microseconds(1)).with_microseconds(),
            _ => self,
        }
    }

    /// `2026-11-22 13:15:57.354151`.
    pub fn stamp(self) -> String {
        self.0.format(FORMAT).to_string()
    }

    /// `2026-11-22`.
    pub fn date(self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }

    /// `13:15:57.388120`.
    pub fn time(self) -> String {
        self.0.format("%H:%M:%S%.6f").to_string()
    }

    /// `2026`.
    pub fn year(self) -> String {
        self.0.format("%Y").to_string()
    }

    fn with_microseconds(self) -> Self {
        let cut = self.0.with_nanosecond(self.0.nanosecond() / 1_000 * 1_000).unwrap_or(self.0);
        if cut.nanosecond() < 1_000 {
            Self(cut + TimeDelta::microseconds(1))
        } else {
            Self(cut)
        }
    }
}
