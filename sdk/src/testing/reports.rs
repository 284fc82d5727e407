//! What was logged and captured in a world.

use super::{World, lock};
use crate::report::Level;

/// What was reported.
#[derive(Default)]
pub(super) struct Reports {
    logs: Vec<(Level, String)>,
    captures: Vec<(Level, String)>,
    has_no_tracker: bool,
}

impl World {
    /// The lines for the host's log so far. (The host takes 64 of a run, with 2 KiB each.)
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

    /// The messages for the error tracker so far. (The host takes 5 of a run.)
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

    /// The host has no error tracker.
    ///
    /// ```
    /// use vitals_sdk::report::{self, Level};
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.without_error_tracker();
    /// assert_eq!(world.run(|| report::capture(Level::Error, "lost")), None);
    /// ```
    pub fn without_error_tracker(&self) {
        lock(&self.0.reports).has_no_tracker = true;
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        let line = (level, message.to_owned());
        lock(&self.0.reports).logs.push(line);
    }

    pub(crate) fn capture(&self, level: Level, message: &str) -> Option<String> {
        let mut reports = lock(&self.0.reports);
        if reports.has_no_tracker {
            return None;
        }
        reports.captures.push((level, message.to_owned()));
        // As an error tracker has them: 32 hexadecimal digits.
        Some(format!("{:032x}", reports.captures.len()))
    }
}
