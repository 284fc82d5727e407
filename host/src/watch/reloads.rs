//! Reloads that somebody waits for, and what is found meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

use crate::check::{CheckName, PluginName};
use crate::reload::{
    CheckChanges, ConfigurationReload, ConfigurationState, PluginOutcome, PluginReload, Reload,
};

/// The reloads that are not over yet.
#[derive(Default)]
pub(super) struct Reloads(Vec<Pending>);

struct Pending {
    answer: oneshot::Sender<Reload>,
    /// The plugins that were being loaded when it was asked for, and are still.
    waits_for: BTreeSet<PluginName>,
    found: Reload,
    plugins: BTreeMap<String, PluginReload>,
}

impl Reloads {
    /// Begins to gather for somebody who asked.
    pub(super) fn begin(&mut self, answer: oneshot::Sender<Reload>) {
        self.0.push(Pending {
            answer,
            waits_for: BTreeSet::new(),
            found: Reload::default(),
            plugins: BTreeMap::new(),
        });
    }

    /// What the last one that was begun waits for.
    pub(super) fn wait_for(&mut self, plugins: impl Iterator<Item = PluginName>) {
        if let Some(last) = self.0.last_mut() {
            last.waits_for.extend(plugins);
        }
    }

    /// Something was in the way of the last one that was begun.
    pub(super) fn problem(&mut self, problem: String) {
        if let Some(last) = self.0.last_mut() {
            last.found.problems.push(problem);
        }
    }

    /// A configuration was taken over.
    pub(super) fn applied(&mut self, changes: &CheckChanges, restart_needed: &[String]) {
        for pending in &mut self.0 {
            pending.found.configuration = ConfigurationReload {
                state: ConfigurationState::Applied,
                errors: Vec::new(),
                restart_needed: restart_needed.to_vec(),
            };
            let checks = &mut pending.found.checks;
            let add = |to: &mut Vec<CheckName>, from: &[CheckName]| to.extend_from_slice(from);
            add(&mut checks.added, &changes.added);
            add(&mut checks.changed, &changes.changed);
            add(&mut checks.removed, &changes.removed);
        }
    }

    /// A configuration is wrong as a whole.
    pub(super) fn refused(&mut self, errors: &[String]) {
        for pending in &mut self.0 {
            let configuration = &mut pending.found.configuration;
            configuration.state = ConfigurationState::Refused;
            configuration.errors = errors.to_vec();
        }
    }

    /// Something became of a plugin.
    pub(super) fn record(&mut self, plugin: &PluginReload) {
        for pending in &mut self.0 {
            pending.plugins.insert(plugin.name.clone(), plugin.clone());
        }
    }

    /// A plugin is not being loaded any more. Where it is `refused` still, that is said to who asked.
    pub(super) fn done(&mut self, plugin: &PluginName, refused: Option<&PluginReload>) {
        for pending in &mut self.0 {
            if !pending.waits_for.remove(plugin) {
                continue;
            }
            if let Some(refused) = refused {
                let known = pending.plugins.entry(refused.name.clone());
                known.or_insert_with(|| refused.clone());
            }
        }
    }

    /// Answers those that wait for nothing any more.
    pub(super) fn answer(&mut self) {
        let over = self.0.extract_if(.., |it| it.waits_for.is_empty());
        for Pending {
            answer,
            mut found,
            plugins,
            ..
        } in over
        {
            found.plugins = plugins.into_values().collect();
            // Who asked may have gone.
            let _ = answer.send(found);
        }
    }
}

/// A plugin whose file is gone.
pub(super) fn removed(name: &PluginName) -> PluginReload {
    PluginReload {
        name: name.to_string(),
        outcome: PluginOutcome::Removed,
        version: None,
        digest: None,
        generation: 0,
        error: None,
    }
}
