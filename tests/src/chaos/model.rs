//! What may be true now: the versions of each plugin that may serve, and the states in which each
//! check may be.
//!
//! An operation widens the model before it touches anything. The model is narrowed only after the
//! host was seen to show what is on disk. Every response must therefore agree with it.

use std::collections::{BTreeMap, BTreeSet};

use super::versions::Version;

/// What may be true of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) plugins: BTreeMap<String, Plugin>,
    pub(super) checks: BTreeMap<String, Check>,
    /// The plugins directory may be absent or unreadable.
    pub(super) directory_may_be_absent: bool,
}

/// What may be true of a plugin.
#[derive(Clone, Debug, Default)]
pub(super) struct Plugin {
    /// Those that may serve.
    pub(super) versions: BTreeSet<Version>,
    /// Its file may be absent, and none of its versions loaded.
    pub(super) may_be_absent: bool,
    /// Its newest file may be rejected.
    pub(super) may_be_rejected: bool,
}

/// What may be true of a check.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be true or not, whatever the others are"
)]
pub(super) struct Check {
    pub(super) plugin: String,
    /// A campaign never changes it, so that the verdict of every response follows from its checks.
    pub(super) critical: bool,
    pub(super) may_be_absent: bool,
    /// It may have no result yet.
    pub(super) may_be_new: bool,
    /// It may be unable to run: its plugin is absent, or its configuration invalid.
    pub(super) may_fail: bool,
}

impl Model {
    /// A plugin that has loaded this version.
    pub(super) fn add_plugin(&mut self, name: &str, version: Version) {
        let plugin = Plugin {
            versions: [version].into(),
            ..Plugin::default()
        };
        self.plugins.insert(name.to_owned(), plugin);
    }

    /// A check that is present and healthy.
    pub(super) fn add_check(&mut self, name: &str, plugin: &str, critical: bool) {
        let check = Check {
            plugin: plugin.to_owned(),
            critical,
            ..Check::default()
        };
        self.checks.insert(name.to_owned(), check);
    }

    pub(super) fn may_serve(&mut self, plugin: &str, version: Version) {
        self.plugin(plugin).versions.insert(version);
    }

    pub(super) fn may_be_rejected(&mut self, plugin: &str) {
        self.plugin(plugin).may_be_rejected = true;
    }

    /// No plugin can be read while the directory is absent.
    pub(super) fn directory_may_be_absent(&mut self) {
        self.directory_may_be_absent = true;
        for plugin in self.plugins.values_mut() {
            plugin.may_be_rejected = true;
        }
    }

    /// The plugin may be absent while its checks are present.
    pub(super) fn plugin_may_be_absent(&mut self, name: &str) {
        let plugin = self.plugin(name);
        (plugin.may_be_absent, plugin.may_be_rejected) = (true, true);
        let checks = self.checks.iter_mut();
        for (check_name, check) in checks.filter(|(_, check)| check.plugin == name) {
            (check.may_be_new, check.may_fail) = (true, true);
            check.may_be_absent |= *check_name == unnamed(name);
        }
    }

    /// A check may appear, or start anew.
    pub(super) fn check_may_appear(&mut self, name: &str, plugin: &str, critical: bool) {
        let may_fail = self.plugin(plugin).may_be_absent;
        let check = self.checks.entry(name.to_owned()).or_insert(Check {
            plugin: plugin.to_owned(),
            critical,
            may_be_absent: true,
            ..Check::default()
        });
        check.may_be_new = true;
        check.may_fail |= may_fail;
    }

    pub(super) fn check_may_vanish(&mut self, name: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            (check.may_be_absent, check.may_be_new) = (true, true);
        }
    }

    pub(super) fn check_may_fail(&mut self, name: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.may_fail = true;
        }
    }

    /// Whether a critical check may be unhealthy.
    pub(super) fn may_be_unready(&self) -> bool {
        let mut checks = self.checks.values();
        checks.any(|check| check.critical && check.may_fail)
    }

    /// A plugin that was not known may be absent.
    fn plugin(&mut self, name: &str) -> &mut Plugin {
        let plugin = self.plugins.entry(name.to_owned());
        plugin.or_insert(Plugin {
            may_be_absent: true,
            ..Plugin::default()
        })
    }
}

/// The check of a plugin that no configured check names.
pub(super) fn unnamed(plugin: &str) -> String {
    format!("module:{plugin}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_may_be_absent_affects_its_checks_and_no_others() {
        let mut model = Model::default();
        for plugin in ["a", "b"] {
            model.add_plugin(plugin, Version(1));
            model.add_check(plugin, plugin, true);
            model.add_check(&unnamed(plugin), plugin, false);
        }
        assert!(!model.may_be_unready());
        model.plugin_may_be_absent("a");
        assert!(model.may_be_unready());
        assert!(model.checks["a"].may_fail && !model.checks["a"].may_be_absent);
        assert!(model.checks["module:a"].may_be_absent);
        assert!(!model.checks["b"].may_fail && !model.checks["module:b"].may_be_new);
        model.check_may_appear("c", "a", false);
        assert!(model.checks["c"].may_fail, "its plugin may be absent");
    }
}
