//! Lines for the host's log and messages for its error tracker.
//!
//! The host takes at most 64 lines of 2 KiB and 5 captures from a run, drops the others and counts them.
//! Outside of the host all of it is silent, but in a [`World`](crate::testing::World), which keeps it. What a check prints is not lost either: the host keeps the end
//! of it, for the author to look at.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! report::debug("asked the second replica");
//! let event = report::capture(report::Level::Error, "the ledger does not add up");
//! ```

use crate::backend;

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author of the check.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warning,
    /// Worth acting on.
    Error,
}

/// Writes a line for the author of the check to the host's log.
pub fn debug(message: impl AsRef<str>) {
    backend::log(Level::Debug, message.as_ref());
}

/// Writes a line that is worth knowing to the host's log.
pub fn info(message: impl AsRef<str>) {
    backend::log(Level::Info, message.as_ref());
}

/// Writes a line that is worth looking at to the host's log.
pub fn warn(message: impl AsRef<str>) {
    backend::log(Level::Warning, message.as_ref());
}

/// Writes a line that is worth acting on to the host's log.
pub fn error(message: impl AsRef<str>) {
    backend::log(Level::Error, message.as_ref());
}

/// Sends a message to the host's error tracker. Answers the event's id, or nothing where no error
/// tracker is configured.
///
/// ```
/// use vitals_sdk::report::{self, Level};
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # let told = world.run(|| {
/// if let Some(event) = report::capture(Level::Error, "the ledger does not add up") {
///     report::info(format!("reported as {event}"));
/// }
/// # });
/// # assert_eq!((world.captures().len(), world.logs().len()), (1, 1));
/// ```
pub fn capture(level: Level, message: impl AsRef<str>) -> Option<String> {
    backend::capture(level, message.as_ref())
}
