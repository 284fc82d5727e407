//! What a verb says: its answer on standard output, what is wrong on standard error.

use std::io::Write as _;
use std::process::ExitCode;

/// Ends in exit status 1 after saying why.
pub(crate) fn fail(why: &str) -> ExitCode {
    complain(why);
    ExitCode::FAILURE
}

pub(super) fn complain(why: &str) {
    // Where nobody reads standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "vitals: {why}");
}

pub(super) fn print(text: &str) {
    // A reader that has gone away (`| head`) is no failure.
    let _ = writeln!(std::io::stdout(), "{text}");
}
