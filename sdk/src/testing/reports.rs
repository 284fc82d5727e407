//! The log lines and captures of a world.

use super::{World, lock};
use crate::report::Level;

/// What was reported.
#[derive(Default)]
pub(super) struct Reports {
    logs: Vec<(Level, String)>,
    captures: Vec<(Level, String)>,
}

impl World {
    /// Returns the log lines so far. (The host accepts 64 of 2 KiB per run.)
    ///
    /// ```
    /// use vitals_sdk::report::{self, Level};
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.run(|| report::warn("the replica is behind"));
    /// assert_eq!(world.logs(), [(Level::Warning, "the replica is behind".to_owned())]);
    /// ```
    pub fn logs(&self) -> Vec<(Level, String)> {
        lock(&self.0.reports).logs.clone()
    }

    /// Returns the messages for the error tracker so far. (The host accepts 5 per run.)
    ///
    /// ```
    /// use vitals_sdk::report::{self, Level};
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// let event = world.run(|| report::capture(Level::Error, "the ledger does not add up"));
    /// assert!(event.is_some());
    /// assert_eq!(world.captures(), [(Level::Error, "the ledger does not add up".to_owned())]);
    /// ```
    pub fn captures(&self) -> Vec<(Level, String)> {
        lock(&self.0.reports).captures.clone()
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        let line = (level, message.to_owned());
        lock(&self.0.reports).logs.push(line);
    }

    pub(crate) fn capture(&self, level: Level, message: &str) -> String {
        let mut reports = lock(&self.0.reports);
        reports.captures.push((level, message.to_owned()));
        // In the form of an error tracker's ids: 32 hexadecimal digits.
        format!("{:032x}", reports.captures.len())
    }
}
