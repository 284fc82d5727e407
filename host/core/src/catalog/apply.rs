//! Applies a new configuration to a catalog in use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::check_configs::CheckConfigs;
use super::{Catalog, CheckState};
use vitals_config::{CheckConfig, Config};
use vitals_model::CheckName;
use vitals_model::reload::CheckChanges;
use vitals_sandbox::LoadError;

impl Catalog {
    /// Replaces the configuration and returns the checks that it adds, changes and removes. Checks
    /// with the same configuration keep their state. `changed_roots` lists trusted-root files with
    /// new content. Files that were rejected because of the old configuration are loaded again at
    /// the next scan.
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
        let other_secrets = !self.config.secrets.is_equivalent(&config.secrets);
        self.check_configs = CheckConfigs::new(&config);
        self.binder.config = Arc::clone(&config);
        self.config = config;
        self.revision.0 += 1;
        self.bindings.retain(|_, bound| {
            matches!(bound.state, CheckState::Guest(_))
                && !bound.trusts(changed_roots, other_roots)
                && !bound.names_undefined(&self.config)
        });
        if other_secrets {
            for bound in self.bindings.values() {
                if let CheckState::Guest(guest) = &bound.state {
                    guest.renew_secrets(&self.config.secrets);
                }
            }
        }
        let checks = &self.config.checks;
        self.grant_baselines
            .retain(|name, _| checks.contains_key(name));
        self.retry_if(LoadError::depends_on_configuration);
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
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    changes.removed = removed.cloned().collect();
    changes
}
