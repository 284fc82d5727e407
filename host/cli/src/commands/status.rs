//! The exit statuses of commands besides success and failure.
//!
//! `--help` of each command and `docs/operate.md` document them.

/// A check or a benchmark could not be run.
pub(super) const NOT_RUN: u8 = 3;
/// The running host did not answer, or answered with an error.
pub(super) const NO_RESPONSE: u8 = 3;
/// A reload rejected a file.
pub(super) const REJECTED: u8 = 2;
/// The configuration or the command line is not valid.
pub(super) const INVALID_USAGE: u8 = 2;
