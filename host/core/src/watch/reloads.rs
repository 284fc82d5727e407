//! Reloads that somebody waits for, and what is found meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use vitals_model::reload::{
    CheckChanges, ConfigurationReload, ConfigurationState, PluginOutcome, PluginReload,
    ReloadReport,
};
use vitals_model::{CheckName, PluginName};

/// The reloads that are not over yet.
#[derive(Default)]
pub(super) struct Reloads(Vec<Pending>);

struct Pending {
    answer: oneshot::Sender<ReloadReport>,
    /// When it is answered at the latest.
    until: Instant,
    /// The plugins that were being loaded when it was asked for, and are still.
    waits_for: BTreeSet<PluginName>,
    found: ReloadReport,
    plugins: BTreeMap<String, PluginReload>,
}

impl Reloads {
    /// Begins to gather for somebody who asked.
    pub(super) fn begin(&mut self, answer: oneshot::Sender<ReloadReport>) {
        self.0.push(Pending {
            answer,
            until: Instant::now() + LONGEST,
            waits_for: BTreeSet::new(),
            found: ReloadReport::default(),
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
            let mut configuration = ConfigurationReload::default();
            configuration.state = ConfigurationState::Applied;
            configuration.restart_needed = restart_needed.to_vec();
            pending.found.configuration = configuration;
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
            configuration.state = ConfigurationState::Rejected;
            configuration.errors = errors.to_vec();
        }
    }

    /// Something became of a plugin.
    pub(super) fn record(&mut self, plugin: &PluginReload) {
        for pending in &mut self.0 {
            pending.plugins.insert(plugin.name.clone(), plugin.clone());
        }
    }

    /// A plugin whose newest file is refused is not loaded again, because it has not changed.
    pub(super) fn still(&mut self, refused: &PluginReload) {
        for pending in &mut self.0 {
            let known = pending.plugins.entry(refused.name.clone());
            known.or_insert_with(|| refused.clone());
        }
    }

    /// Waits no longer for plugins that are not being loaded.
    pub(super) fn wait_only_for(&mut self, is_loading: impl Fn(&PluginName) -> bool) {
        for pending in &mut self.0 {
            pending.waits_for.retain(&is_loading);
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

    /// Answers those that wait for nothing any more, or have waited for too long at that moment.
    pub(super) fn answer(&mut self, now: Instant) {
        let is_over = |it: &mut Pending| it.waits_for.is_empty() || it.until <= now;
        for Pending {
            answer,
            waits_for,
            mut found,
            plugins,
            ..
        } in self.0.extract_if(.., is_over)
        {
            if let Some(first) = waits_for.first() {
                let others = waits_for.len() - 1;
                found.problems.push(format!(
                    "plugin `{first}` and {others} others are still being loaded after {LONGEST:?}: \
                     what becomes of them stands on /plugins"
                ));
            }
            found.plugins = plugins.into_values().collect();
            // Who asked may have gone.
            let _ = answer.send(found);
        }
    }
}

/// How long somebody waits for an answer at most.
const LONGEST: Duration = Duration::from_mins(5);

/// A plugin whose file is gone.
pub(super) fn removed(name: &PluginName) -> PluginReload {
    PluginReload::new(name.to_string(), PluginOutcome::Removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_too_long_is_answered_with_what_is_missing() {
        let mut reloads = Reloads::default();
        let (answer, mut answered) = oneshot::channel();
        reloads.begin(answer);
        reloads.wait_for(["a", "b"].into_iter().map(|name| name.parse().unwrap()));
        reloads.answer(Instant::now());
        assert!(answered.try_recv().is_err(), "it is too early");
        reloads.answer(Instant::now() + LONGEST);
        let problems = answered.try_recv().unwrap().problems;
        assert!(
            problems[0].starts_with("plugin `a` and 1 others are"),
            "{problems:?}"
        );
    }

    #[test]
    fn nobody_waits_for_a_plugin_that_is_not_being_loaded_any_more() {
        let mut reloads = Reloads::default();
        let (answer, mut answered) = oneshot::channel();
        reloads.begin(answer);
        reloads.wait_for(["a", "b"].into_iter().map(|name| name.parse().unwrap()));
        reloads.wait_only_for(|name| name.as_str() == "b");
        reloads.done(&"b".parse().unwrap(), None);
        reloads.answer(Instant::now());
        assert!(answered.try_recv().unwrap().is_empty());
    }
}
