//! Pending reload requests, and the changes found since.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use vitals_model::PluginName;
use vitals_model::reload::{
    CheckChanges, ConfigurationReload, ConfigurationState, PluginReload, ReloadReport,
};

/// The reloads that are not answered yet.
#[derive(Default)]
pub(super) struct Reloads(Vec<Pending>);

struct Pending {
    answer: oneshot::Sender<ReloadReport>,
    /// When it is answered at the latest.
    until: Instant,
    /// The plugins that were being loaded at the request and still are.
    loading: BTreeSet<PluginName>,
    found: ReloadReport,
    plugins: BTreeMap<String, PluginReload>,
}

impl Reloads {
    /// Starts to collect changes for a caller.
    pub(super) fn begin(&mut self, answer: oneshot::Sender<ReloadReport>) {
        self.0.push(Pending {
            answer,
            until: Instant::now() + TIMEOUT,
            loading: BTreeSet::new(),
            found: ReloadReport::default(),
            plugins: BTreeMap::new(),
        });
    }

    /// Makes the last request wait for these plugins.
    pub(super) fn wait_for(&mut self, plugins: impl Iterator<Item = PluginName>) {
        if let Some(last) = self.0.last_mut() {
            last.loading.extend(plugins);
        }
    }

    /// Adds a problem to the last request.
    pub(super) fn problem(&mut self, problem: String) {
        if let Some(last) = self.0.last_mut() {
            last.found.problems.push(problem);
        }
    }

    /// Records that a configuration was applied.
    pub(super) fn applied(&mut self, changes: &CheckChanges, restart_needed: &[String]) {
        for pending in &mut self.0 {
            let mut configuration = ConfigurationReload::default();
            configuration.state = ConfigurationState::Applied;
            configuration.restart_needed = restart_needed.to_vec();
            pending.found.configuration = configuration;
            let checks = &mut pending.found.checks;
            checks.added.extend_from_slice(&changes.added);
            checks.changed.extend_from_slice(&changes.changed);
            checks.removed.extend_from_slice(&changes.removed);
        }
    }

    /// Records that a configuration was rejected.
    pub(super) fn configuration_rejected(&mut self, errors: &[String]) {
        for pending in &mut self.0 {
            let configuration = &mut pending.found.configuration;
            configuration.state = ConfigurationState::Rejected;
            configuration.errors = errors.to_vec();
        }
    }

    /// Records the outcome for a plugin.
    pub(super) fn record(&mut self, plugin: &PluginReload) {
        for pending in &mut self.0 {
            pending.plugins.insert(plugin.name.clone(), plugin.clone());
        }
    }

    /// Records a plugin whose rejected file has not changed and is therefore not loaded again.
    pub(super) fn unchanged_rejection(&mut self, refused: &PluginReload) {
        for pending in &mut self.0 {
            let known = pending.plugins.entry(refused.name.clone());
            known.or_insert_with(|| refused.clone());
        }
    }

    /// Stops waiting for plugins that are no longer being loaded.
    pub(super) fn wait_only_for(&mut self, is_loading: impl Fn(&PluginName) -> bool) {
        for pending in &mut self.0 {
            pending.loading.retain(&is_loading);
        }
    }

    /// Records that a plugin is no longer being loaded. `refused` is its entry, if its file is
    /// rejected.
    pub(super) fn load_finished(&mut self, plugin: &PluginName, refused: Option<&PluginReload>) {
        for pending in &mut self.0 {
            if pending.loading.remove(plugin)
                && let Some(refused) = refused
            {
                let known = pending.plugins.entry(refused.name.clone());
                known.or_insert_with(|| refused.clone());
            }
        }
    }

    /// Answers the requests that wait for nothing or whose time limit has passed at `now`.
    pub(super) fn answer(&mut self, now: Instant) {
        let is_over = |it: &mut Pending| it.loading.is_empty() || it.until <= now;
        for Pending {
            answer,
            loading,
            mut found,
            plugins,
            ..
        } in self.0.extract_if(.., is_over)
        {
            if let Some(first) = loading.first() {
                let others = loading.len() - 1;
                found.problems.push(format!(
                    "plugin `{first}` and {others} others are still being loaded after {TIMEOUT:?}: \
                     see /plugins for their outcome"
                ));
            }
            found.plugins = plugins.into_values().collect();
            // The caller may have gone.
            let _ = answer.send(found);
        }
    }
}

/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_that_takes_too_long_reports_the_pending_plugins() {
        let mut reloads = Reloads::default();
        let (answer, mut answered) = oneshot::channel();
        reloads.begin(answer);
        reloads.wait_for(["a", "b"].into_iter().map(|name| name.parse().unwrap()));
        reloads.answer(Instant::now());
        assert!(answered.try_recv().is_err(), "it is too early");
        reloads.answer(Instant::now() + TIMEOUT);
        let problems = answered.try_recv().unwrap().problems;
        assert!(
            problems[0].starts_with("plugin `a` and 1 others are"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_reload_waits_only_for_plugins_being_loaded() {
        let mut reloads = Reloads::default();
        let (answer, mut answered) = oneshot::channel();
        reloads.begin(answer);
        reloads.wait_for(["a", "b"].into_iter().map(|name| name.parse().unwrap()));
        reloads.wait_only_for(|name| name.as_str() == "b");
        reloads.load_finished(&"b".parse().unwrap(), None);
        reloads.answer(Instant::now());
        assert!(answered.try_recv().unwrap().is_empty());
    }
}
