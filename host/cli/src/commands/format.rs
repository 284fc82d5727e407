//! How the answer of a verb is printed, where it can be read by a person or a program.

use clap::ValueEnum;

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines for a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
}
