//! Chaos: random changes to plugin files and to the configuration of a real `vitals serve`, while
//! probes request every page.
//!
//! No request may fail. No response may show what cannot be true by `chaos/model.rs`, two versions of
//! one plugin, or a broken version. Checks that are not changed keep their schedule. Whenever
//! everything is repaired, the host must show what is on disk.

mod campaign;
mod campaign_log;
mod configuration;
mod convergence;
mod files;
mod judge;
mod metrics;
mod model;
mod plugin_file;
mod probes;
mod stalls;
mod state;
mod steady;
mod versions;
mod worker;

pub use campaign::{Campaign, Summary};
pub use campaign_log::Counts;

/// What a campaign can leave out, to narrow a failure down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Changes to the configuration.
    Configuration,
    /// Versions that only a trial run shows to be broken.
    Trials,
    /// The law that a response shows all checks of a plugin by one version.
    Unity,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Configuration, Self::Trials, Self::Unity];

    /// Its name on the command line.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
