//! The output format of commands whose output people or programs read.

use clap::ValueEnum;

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON document.
    Json,
}
