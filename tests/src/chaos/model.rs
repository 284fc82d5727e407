//! What may be true now: for each plugin the versions that may serve, for each check the states that it
//! may be in.
//!
//! It is widened before anything is touched, and narrowed only when all is quiet and the host was seen
//! to show what is on disk. So whatever a probe is answered must be in it.

use std::collections::{BTreeMap, BTreeSet};

use super::versions::Version;

/// What may be true of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) plugins: BTreeMap<String, Plugin>,
    pub(super) checks: BTreeMap<String, Check>,
    /// Whether the plugins directory may be away, or closed.
    pub(super) is_directory_unsure: bool,
}

/// What may be true of a plugin.
#[derive(Clone, Debug, Default)]
pub(super) struct Plugin {
    /// Those that may serve.
    pub(super) versions: BTreeSet<Version>,
    /// Whether its file may be away, and no version of it loaded.
    pub(super) may_be_away: bool,
    /// Whether its newest file may be refused.
    pub(super) may_be_refused: bool,
}

/// What may be true of a check.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that may be so or not, whatever the others are"
)]
pub(super) struct Check {
    pub(super) plugin: String,
    /// Never changed by the campaign, so that every answer's verdict can be told from its checks.
    pub(super) critical: bool,
    /// Whether it may be missing.
    pub(super) may_be_away: bool,
    /// Whether it may be there without a result.
    pub(super) may_be_new: bool,
    /// Whether it may be one that can't run: its plugin is away, its settings are wrong.
    pub(super) may_fail: bool,
}

impl Model {
    /// A plugin with the version that serves.
    pub(super) fn add_plugin(&mut self, name: &str, version: Version) {
        let plugin = Plugin {
            versions: [version].into(),
            ..Plugin::default()
        };
        self.plugins.insert(name.to_owned(), plugin);
    }

    /// A check that is there and healthy.
    pub(super) fn add_check(&mut self, name: &str, plugin: &str, critical: bool) {
        let check = Check {
            plugin: plugin.to_owned(),
            critical,
            may_be_away: false,
            may_be_new: false,
            may_fail: false,
        };
        self.checks.insert(name.to_owned(), check);
    }

    /// This version of the plugin may serve from now on. The plugin may be one that was not there.
    pub(super) fn may_serve(&mut self, plugin: &str, version: Version) {
        let absent = || Plugin {
            may_be_away: true,
            ..Plugin::default()
        };
        let known = self.plugins.entry(plugin.to_owned());
        known.or_insert_with(absent).versions.insert(version);
    }

    /// The newest file of the plugin may be one that is refused.
    pub(super) fn may_be_refused(&mut self, plugin: &str) {
        if let Some(plugin) = self.plugins.get_mut(plugin) {
            plugin.may_be_refused = true;
        }
    }

    /// The newest file of any plugin may be one that can't be read, because the directory is away.
    pub(super) fn directory_may_be_away(&mut self) {
        self.is_directory_unsure = true;
        for plugin in self.plugins.values_mut() {
            plugin.may_be_refused = true;
        }
    }

    /// The plugin may be away, and its checks be there without it.
    pub(super) fn may_be_away(&mut self, plugin: &str) {
        if let Some(plugin) = self.plugins.get_mut(plugin) {
            plugin.may_be_away = true;
            plugin.may_be_refused = true;
        }
        for (name, check) in &mut self.checks {
            if check.plugin == plugin {
                check.may_be_new = true;
                check.may_fail = true;
                // One that nobody wrote is there while its file is.
                check.may_be_away |= name.starts_with(BY_ITSELF);
            }
        }
    }

    /// A check may come that was not there, or be made anew.
    pub(super) fn may_come(&mut self, name: &str, plugin: &str, critical: bool) {
        let may_fail = self
            .plugins
            .get(plugin)
            .is_none_or(|plugin| plugin.may_be_away);
        let check = self.checks.entry(name.to_owned()).or_insert(Check {
            plugin: plugin.to_owned(),
            critical,
            may_be_away: true,
            may_be_new: true,
            may_fail: false,
        });
        check.may_be_new = true;
        check.may_fail |= may_fail;
    }

    /// A check may go.
    pub(super) fn may_go(&mut self, name: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.may_be_away = true;
            check.may_be_new = true;
        }
    }

    /// The settings of a check may be wrong.
    pub(super) fn may_fail(&mut self, name: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.may_fail = true;
        }
    }

    /// Whether a critical check may be unhealthy.
    pub(super) fn may_be_unready(&self) -> bool {
        let mut checks = self.checks.values();
        checks.any(|check| check.critical && check.may_fail)
    }
}

/// The name of the check that a plugin has which no check of the configuration names.
pub(super) fn by_itself(plugin: &str) -> String {
    format!("{BY_ITSELF}{plugin}")
}

const BY_ITSELF: &str = "module:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::versions::Foundry;

    #[test]
    fn a_plugin_that_may_be_away_makes_its_checks_unsure_and_no_others() {
        let foundry = Foundry::new();
        let mut model = Model::default();
        for plugin in ["a", "b"] {
            model.add_plugin(plugin, foundry.next().0);
            model.add_check(plugin, plugin, true);
            model.add_check(&by_itself(plugin), plugin, false);
        }
        assert!(!model.may_be_unready());
        model.may_be_away("a");
        assert!(model.may_be_unready());
        assert!(model.checks["a"].may_fail && !model.checks["a"].may_be_away);
        assert!(model.checks["module:a"].may_be_away);
        assert!(!model.checks["b"].may_fail && !model.checks["module:b"].may_be_new);
        model.may_come("c", "a", false);
        assert!(model.checks["c"].may_fail, "its plugin may be away");
    }
}
