//! The output of commands: results on standard output, errors on standard error.
//!
//! This file does not know the content.

use std::io::Write as _;
use std::process::ExitCode;

/// Prints an error and returns exit status 1.
pub(crate) fn fail(error: &str) -> ExitCode {
    print_error(error);
    ExitCode::FAILURE
}

pub(super) fn print_error(error: &str) {
    // An error here means that nobody reads standard error.
    let _ = writeln!(std::io::stderr(), "vitals: {error}");
}

pub(super) fn print(text: &str) {
    // A reader that closes the pipe early, such as `head`, is not an error.
    let _ = writeln!(std::io::stdout(), "{text}");
}
