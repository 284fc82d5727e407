//! The exit statuses of the verbs, beside those of success and failure.

/// The exit status of a check or a benchmark that could not be run.
pub(super) const NOT_RUN: u8 = 3;
/// The exit status where a running host could not be asked.
pub(super) const NOT_ASKED: u8 = 3;
/// The exit status of a reload that refused something.
pub(super) const REFUSED: u8 = 2;
/// The exit status for a configuration that can't be used.
pub(super) const CONFIGURATION: u8 = 2;
