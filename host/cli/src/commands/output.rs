//! The output of commands: results on standard output, errors on standard error, exit statuses.
//!
//! This file does not know the content.

use std::io::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;

/// The format of output that people or programs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON document.
    Json,
}

/// Prints an error and returns exit status 1.
pub(crate) fn fail(error: &str) -> ExitCode {
    fail_with(1, error)
}

/// Prints an error and returns an exit status.
pub(super) fn fail_with(status: u8, error: &str) -> ExitCode {
    print_error(error);
    ExitCode::from(status)
}

pub(super) fn print_error(error: &str) {
    // An error here means that nobody reads standard error.
    let _ = writeln!(std::io::stderr(), "vitals: {error}");
}

pub(super) fn print(text: &str) {
    // A reader that closes the pipe early, such as `head`, is not an error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Splits a text into lines of at most `width` characters. A longer word gets a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("the list starts with one line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            *line += " ";
            *line += word;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

// The exit statuses besides 0 and 1. `--help` of each command and `docs/operate.md` document them.

/// A check or a benchmark could not be run.
pub(super) const NOT_RUN: u8 = 3;
/// The running host did not answer, or answered with an error.
pub(super) const NO_RESPONSE: u8 = 3;
/// A reload rejected a file.
pub(super) const REJECTED: u8 = 2;
/// The configuration or the command line is not valid.
pub(super) const INVALID_USAGE: u8 = 2;
