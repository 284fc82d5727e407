//! What a configuration says of checks, as the catalog asks for it, and under which words a file was
//! refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vitals_config::{CheckConfig, Config};
use vitals_model::{CheckName, Digest, PluginName};

/// What a configuration says of checks, for the catalog.
#[derive(Debug)]
pub(super) struct Said {
    /// The checks of the configuration that are enabled.
    pub(super) configured: BTreeMap<CheckName, Arc<CheckConfig>>,
    /// What holds for a native check that the configuration does not name.
    pub(super) unconfigured: Arc<CheckConfig>,
    /// The checks of each plugin among those that are enabled.
    pub(super) by_plugin: BTreeMap<PluginName, Vec<CheckName>>,
    /// The plugins that checks of the configuration run on, or would if they were enabled.
    pub(super) named: BTreeSet<PluginName>,
}

impl Said {
    pub(super) fn new(config: &Config) -> Self {
        let enabled = config.checks.iter().filter(|(_, check)| check.enabled);
        let plugins = config.checks.values();
        let mut by_plugin: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, check) in enabled.clone() {
            if let Some(plugin) = &check.plugin {
                by_plugin
                    .entry(plugin.clone())
                    .or_default()
                    .push(name.clone());
            }
        }
        Self {
            by_plugin,
            configured: enabled
                .map(|(name, check)| (name.clone(), Arc::new(check.clone())))
                .collect(),
            unconfigured: Arc::new(CheckConfig::native(&config.defaults)),
            named: plugins.filter_map(|check| check.plugin.clone()).collect(),
        }
    }
}

/// What checks of a plugin said when a file was refused for what they say.
#[derive(Debug)]
pub(super) struct RefusedUnder {
    pub(super) digest: Digest,
    pub(super) checks: BTreeMap<CheckName, Arc<CheckConfig>>,
}

/// Counts the configurations that a catalog has stood under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revision(pub(super) u64);
