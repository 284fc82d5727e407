//! Chaos: files of plugins and the configuration are changed in every way that people and programs
//! have, at random, while probes hammer a real `vitals serve`.
//!
//! No probe may fail or be answered with what can't be true ([`model`](self) is widened before anything is
//! touched), no answer may mix two versions of a plugin, no broken version may serve, what is left
//! alone keeps its schedule, and whenever all is quiet the host must show what is on disk.

mod campaign;
mod campaign_log;
mod configuration;
mod files;
mod ground;
mod judge;
mod model;
mod probes;
mod pulse;
mod quiet;
mod steady;
mod tenant;
mod versions;

pub use campaign::{Campaign, Failure, Summary};
pub use campaign_log::Counts;

/// What a campaign can leave out, to narrow a failure down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing is done to the configuration.
    Configuration,
    /// There are no versions that only a trial shows to be broken.
    Trials,
    /// The checks of one plugin may change one after the other.
    Unity,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Configuration, Self::Trials, Self::Unity];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Trials => "trials",
            Self::Unity => "unity",
        }
    }
}
