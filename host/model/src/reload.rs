//! What a reload of configuration and plugin files came to: the answer to `POST /-/reload`.

use serde::{Deserialize, Serialize};

use crate::CheckName;

/// What a look at files and configuration found, and what became of it. The answer to
/// `POST /-/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// What became of the configuration.
    pub configuration: ConfigurationReload,
    /// The checks that the configuration changed.
    pub checks: CheckChanges,
    /// The plugins that changed or were refused; those that are as they were are left out.
    pub plugins: Vec<PluginReload>,
    /// What else was in the way: a directory that can't be read, grants accepted for a check that
    /// there is not.
    pub problems: Vec<String>,
}

/// What became of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationReload {
    /// Whether it was taken over.
    pub state: ConfigurationState,
    /// What is wrong with it, one text each with file and line; the one before it still holds.
    pub errors: Vec<String>,
    /// Keys that have changed and are taken over by a restart alone; the rest was.
    pub restart_needed: Vec<String>,
}

/// Whether a configuration was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigurationState {
    /// It says what it said before; or a program made it, and nothing is read.
    #[default]
    Unchanged,
    /// It was taken over.
    Applied,
    /// It is wrong as a whole, and nothing changed.
    Rejected,
}

/// The checks that a configuration changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckChanges {
    /// Those that were not there before.
    pub added: Vec<CheckName>,
    /// Those that say something else now.
    pub changed: Vec<CheckName>,
    /// Those that are gone.
    pub removed: Vec<CheckName>,
}

/// What became of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginReload {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: PluginOutcome,
    /// What the plugin calls the version that serves now; nothing where none does.
    pub version: Option<String>,
    /// SHA-256 of the file that serves now, in hexadecimal.
    pub digest: Option<String>,
    /// How many versions of it this host has loaded.
    pub generation: u64,
    /// Why the newest file does not serve.
    pub error: Option<String>,
}

/// What became of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginOutcome {
    /// A new version serves.
    Loaded,
    /// The newest file was refused; the version before it serves on, if there is one.
    Rejected,
    /// Its file is gone, and so is it.
    Removed,
}

impl ReloadReport {
    /// Whether anything was refused.
    pub fn has_rejections(&self) -> bool {
        let refused = |plugin: &PluginReload| plugin.outcome == PluginOutcome::Rejected;
        self.configuration.state == ConfigurationState::Rejected
            || self.plugins.iter().any(refused)
            || !self.problems.is_empty()
    }

    /// Whether nothing changed and nothing was refused.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
