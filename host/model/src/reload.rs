//! The report of a reload: the response to `POST /-/reload`.
//!
//! Only values. This module does not know how a reload is done.

use serde::{Deserialize, Serialize};

use crate::CheckName;

/// The outcome of a reload of configuration and plugin files. It is the response to `POST /-/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReloadReport {
    /// The outcome for the configuration.
    pub configuration: ConfigurationReload,
    /// The checks that the new configuration adds, changes or removes.
    pub checks: CheckChanges,
    /// The plugins that changed or were rejected. Unchanged plugins are left out.
    pub plugins: Vec<PluginReload>,
    /// Other problems: a directory that can't be read, or accepted grants of a check that does not exist.
    pub problems: Vec<String>,
}

/// The outcome of a reload for the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfigurationReload {
    /// Whether the configuration was applied.
    pub state: ConfigurationState,
    /// The errors in the configuration, each with file and line. If there are any, the previous
    /// configuration stays in force.
    pub errors: Vec<String>,
    /// The changed keys that take effect only after a restart. All other changes were applied.
    pub restart_needed: Vec<String>,
}

/// Whether a configuration was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigurationState {
    /// The configuration has not changed, or a program built it and there is no file to read.
    #[default]
    Unchanged,
    /// The configuration was applied.
    Applied,
    /// The configuration has errors and was not applied.
    Rejected,
}

/// The checks that a new configuration adds, changes or removes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckChanges {
    /// The new checks.
    pub added: Vec<CheckName>,
    /// The checks whose configuration has changed.
    pub changed: Vec<CheckName>,
    /// The removed checks.
    pub removed: Vec<CheckName>,
}

/// The outcome of a reload for one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PluginReload {
    /// The plugin's name.
    pub name: String,
    /// What happened to the plugin.
    pub outcome: PluginOutcome,
    /// The declared version of the active plugin file, if one is active.
    pub version: Option<String>,
    /// The SHA-256 digest of the active plugin file in hexadecimal.
    pub digest: Option<String>,
    /// The number of versions of this plugin that the host has loaded.
    pub generation: u64,
    /// Why the newest file is not active.
    pub error: Option<String>,
}

impl PluginReload {
    /// Makes the outcome for a plugin of which no version is active.
    pub fn new(name: impl Into<String>, outcome: PluginOutcome) -> Self {
        Self {
            name: name.into(),
            outcome,
            version: None,
            digest: None,
            generation: 0,
            error: None,
        }
    }
}

/// What a reload did with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginOutcome {
    /// A new version is active.
    Loaded,
    /// The newest file was rejected. The previous version, if any, stays active.
    Rejected,
    /// The file is gone, and the plugin was removed.
    Removed,
}

impl ReloadReport {
    /// Whether the configuration or a plugin was rejected, or another problem occurred.
    pub fn has_rejections(&self) -> bool {
        let is_rejected = |plugin: &PluginReload| plugin.outcome == PluginOutcome::Rejected;
        self.configuration.state == ConfigurationState::Rejected
            || self.plugins.iter().any(is_rejected)
            || !self.problems.is_empty()
    }

    /// Whether nothing changed and nothing was rejected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
