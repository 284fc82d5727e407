//! Another configuration for a catalog that is in use: what it changes, and what stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Catalog, CheckState};
use crate::check::{CheckName, PluginName};
use crate::config::{CheckConfig, Config};
use crate::reload::CheckChanges;

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

impl Catalog {
    /// Stands under another configuration from here on, and answers which checks it changes. Checks
    /// that say what they said stay as they are. `changed_roots` are files of trusted roots that
    /// have other content now. Files that were refused for what the configuration said are loaded
    /// again at the next look.
    pub(crate) fn apply(
        &mut self,
        config: Arc<Config>,
        changed_roots: &BTreeSet<PathBuf>,
    ) -> CheckChanges {
        let before: BTreeMap<_, _> = self.checks().into_iter().collect();
        let other_roots = self.config.tls.roots != config.tls.roots
            || config
                .tls
                .root_files()
                .any(|file| changed_roots.contains(file));
        let other_secrets = !self.config.secrets.is_same(&config.secrets);
        self.said = Said::new(&config);
        self.binder.config = Arc::clone(&config);
        self.config = config;
        self.revision.0 += 1;
        self.bound.retain(|_, bound| {
            matches!(bound.state, CheckState::Guest(_)) && !bound.trusts(changed_roots, other_roots)
        });
        if other_secrets {
            for bound in self.bound.values() {
                if let CheckState::Guest(guest) = &bound.state {
                    guest.renew_secrets(&self.config.secrets);
                }
            }
        }
        let checks = &self.config.checks;
        self.given.retain(|name, _| checks.contains_key(name));
        self.forget_refusals();
        let after: BTreeMap<_, _> = self.checks().into_iter().collect();
        changes(&before, &after)
    }
}

type Checks = BTreeMap<CheckName, Arc<CheckConfig>>;

fn changes(before: &Checks, after: &Checks) -> CheckChanges {
    let mut changes = CheckChanges::default();
    for (name, check) in after {
        match before.get(name) {
            None => changes.added.push(name.clone()),
            Some(was) if **was != **check => changes.changed.push(name.clone()),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changes.removed = gone.cloned().collect();
    changes
}
