//! Log lines and messages for the host's error tracker.
//!
//! The host accepts at most 64 lines of 2 KiB and 5 captures per run; it drops the others and
//! counts them. Outside the host all of this does nothing. In a [`World`](crate::testing::World) a
//! test can inspect it. The host also keeps the end of what a check prints to standard output.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! report::debug("asked the second replica");
//! let event = report::capture(report::Level::Error, "the ledger does not add up");
//! ```

use crate::backend;

/// The severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author of the check.
    Debug,
    /// Informational.
    Info,
    /// Worth looking at.
    Warning,
    /// Requires action.
    Error,
}

/// Logs a line at debug level, for the author of the check.
pub fn debug(message: impl AsRef<str>) {
    backend::log(Level::Debug, message.as_ref());
}

/// Logs a line at info level.
pub fn info(message: impl AsRef<str>) {
    backend::log(Level::Info, message.as_ref());
}

/// Logs a line at warning level.
pub fn warn(message: impl AsRef<str>) {
    backend::log(Level::Warning, message.as_ref());
}

/// Logs a line at error level.
pub fn error(message: impl AsRef<str>) {
    backend::log(Level::Error, message.as_ref());
}

/// Sends a message to the host's error tracker. Returns the event's id, or `None` if no error
/// tracker is configured.
///
/// ```
/// use vitals_sdk::report::{self, Level};
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # let run = world.run(|| {
/// if let Some(event) = report::capture(Level::Error, "the ledger does not add up") {
///     report::info(format!("reported as {event}"));
/// }
/// # });
/// # assert_eq!((world.captures().len(), world.logs().len()), (1, 1));
/// ```
pub fn capture(level: Level, message: impl AsRef<str>) -> Option<String> {
    backend::capture(level, message.as_ref())
}
