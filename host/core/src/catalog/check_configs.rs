//! The checks of a configuration, indexed for the catalog, and the configurations under which a
//! file was rejected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vitals_config::{CheckConfig, Config};
use vitals_model::{CheckName, Digest, PluginName};

/// The checks of a configuration, indexed for the catalog.
#[derive(Debug)]
pub(super) struct CheckConfigs {
    /// The enabled checks of the configuration.
    pub(super) configured: BTreeMap<CheckName, Arc<CheckConfig>>,
    /// The configuration of native checks that the file does not name.
    pub(super) unconfigured: Arc<CheckConfig>,
    /// The enabled checks of each plugin.
    pub(super) by_plugin: BTreeMap<PluginName, Vec<CheckName>>,
    /// The plugins that checks of the configuration name, enabled or not.
    pub(super) named: BTreeSet<PluginName>,
}

impl CheckConfigs {
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

/// The configurations of a plugin's checks when one of its files was rejected because of them.
#[derive(Debug)]
pub(super) struct RejectedUnder {
    pub(super) digest: Digest,
    pub(super) checks: BTreeMap<CheckName, Arc<CheckConfig>>,
}

/// A counter of the configurations that a catalog has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revision(pub(super) u64);
