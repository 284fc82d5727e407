//! Handles finished loads and finished evaluations of new versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::{Id, JoinError};

use super::Watcher;
use super::evaluate::{Evaluated, Finished, LoadedVersion, evaluate};
use super::load::{Load, SETTINGS};
use crate::catalog::{LoadOutcome, LoadRequest, PluginEntry, Recorded, Restored, Stamp};
use crate::events::{Event, PluginLoaded, PluginRejected};
use vitals_model::reload::{PluginOutcome, PluginReload};
use vitals_model::{CheckName, Digest, PluginName};
use vitals_sandbox::LoadError;

impl Watcher {
    pub(super) fn handle_joined(&mut self, finished: Result<(Id, Finished), JoinError>) {
        match finished {
            Ok((task, finished)) => {
                self.tasks.remove(&task);
                self.handle_finished(finished);
            }
            Err(error) => {
                let name = self.tasks.remove(&error.id());
                if let Ok(panic) = error.try_into_panic() {
                    self.report_panic(panic.as_ref());
                }
                if let Some(name) = name {
                    self.loading.remove(&name);
                    self.finish_load(&name);
                }
            }
        }
    }

    fn handle_finished(&mut self, finished: Finished) {
        let name = finished.request().name.clone();
        // This comes first, so that the plugin can be loaded again whatever fails below.
        let accepted = self.loading.remove(&name).unwrap_or_default();
        let now = self.catalog.load_request(&name);
        // The plugin has another file by now, so the outcome says nothing about it.
        let has_changed = now
            .as_ref()
            .is_some_and(|now| now.path != finished.request().path);
        if has_changed {
            self.changed_while_loading.entry(name.clone()).or_default();
        } else if let Some(pending) = self.record_finished(finished, now.is_some()) {
            self.evaluate(pending, &accepted);
            self.loading.insert(name, accepted);
            return;
        }
        self.finish_load(&name);
    }

    /// Records the outcome of a load or an evaluation. `is_there` says whether the file still
    /// exists. Returns a version that has to be evaluated (again).
    fn record_finished(&mut self, finished: Finished, is_there: bool) -> Option<LoadedVersion> {
        match finished {
            Finished::Loaded(Load {
                request,
                outcome: LoadOutcome::Loaded(plugin),
                stamp,
            }) => {
                let name = &request.name;
                match self.catalog.restore(&plugin, request.source, stamp) {
                    None => {
                        return Some(LoadedVersion {
                            request,
                            stamp,
                            plugin,
                        });
                    }
                    Some(Restored::Unchanged) => {}
                    Some(Restored::Moved) => self.needs_reconciling = true,
                    Some(Restored::Recovered) => {
                        self.services.emit(&Event::PluginRecovered {
                            plugin: name,
                            version: &plugin.description().version,
                            digest: plugin.digest(),
                        });
                        self.needs_reconciling = true;
                    }
                }
            }
            // The configuration has changed since.
            Finished::Evaluated(evaluated) if evaluated.revision != self.catalog.revision() => {
                return Some(evaluated.version);
            }
            Finished::Evaluated(evaluated) => self.record_evaluation(evaluated),
            Finished::Loaded(Load {
                request,
                outcome,
                stamp,
            }) => {
                let is_unread = matches!(outcome, LoadOutcome::Failed(_, LoadError::Read(_)));
                let is_due = is_there && self.changed_while_loading.contains_key(&request.name);
                // The file was missing for a moment.
                if !(is_unread && is_due) {
                    self.record_load(&request, outcome, stamp, None);
                }
            }
        }
        None
    }

    /// Ends the load of a plugin, or starts another one if the file changed meanwhile.
    fn finish_load(&mut self, name: &PluginName) {
        if let Some(accepted) = self.changed_while_loading.remove(name)
            && let Some(now) = self.catalog.load_request(name)
        {
            self.begin(now, accepted);
            if self.loading.contains_key(name) {
                return;
            }
        }
        let refused = self.rejected(name);
        self.reloads.load_finished(name, refused.as_ref());
    }

    /// Starts the evaluation of a loaded version.
    fn evaluate(&mut self, version: LoadedVersion, accepted: &BTreeSet<CheckName>) {
        let (plugin, source) = (Arc::clone(&version.plugin), version.request.source);
        let candidate = self.catalog.candidate(plugin, source, accepted);
        let schedule = Arc::clone(&self.services.schedule);
        let name = version.request.name.clone();
        let evaluated = evaluate(version, candidate, schedule);
        let evaluated = self
            .running_tasks
            .spawn(async { Finished::Evaluated(evaluated.await) });
        self.tasks.insert(evaluated.id(), name);
    }

    /// Records the outcome of an evaluation.
    fn record_evaluation(&mut self, evaluated: Evaluated) {
        let LoadedVersion {
            request,
            stamp,
            plugin,
        } = evaluated.version;
        match evaluated.verdict {
            Err(error) => {
                let outcome = LoadOutcome::Failed(Some(plugin.digest()), error);
                let version = plugin.description().version.as_str();
                self.record_load(&request, outcome, stamp, Some(version));
            }
            Ok(passed) => {
                for _ in 0..passed.candidate.panics() {
                    self.services.panicked(SETTINGS);
                }
                let now = Timestamp::now();
                let recorded = self.catalog.install(&request, passed.candidate, stamp, now);
                self.report_load(&request, recorded, None, None);
                if recorded == Recorded::Loaded {
                    let trials = passed.trials.into_iter();
                    self.trials
                        .extend(trials.map(|trial| (trial.check.clone(), trial)));
                }
            }
        }
    }

    /// Records the outcome of a load that promotes nothing. `version` is that of a plugin that was
    /// loaded and then rejected.
    fn record_load(
        &mut self,
        request: &LoadRequest,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        version: Option<&str>,
    ) {
        let mut digest = None;
        if let LoadOutcome::Failed(of_file, error) = &outcome {
            digest = *of_file;
            if matches!(error, LoadError::Panic(_)) {
                self.services.panicked("while loading a plugin");
            }
        }
        let now = Timestamp::now();
        let recorded = self.catalog.record_load(request, outcome, stamp, now);
        self.report_load(request, recorded, digest, version);
    }

    /// Reports a load if it changed anything. `digest` and `version` are those of a rejected file,
    /// if known.
    fn report_load(
        &mut self,
        request: &LoadRequest,
        recorded: Recorded,
        digest: Option<Digest>,
        version: Option<&str>,
    ) {
        let Some(entry) = self.catalog.entry(&request.name) else {
            return;
        };
        let (plugin, path) = (&request.name, request.path.as_path());
        let outcome = match (recorded, entry.active(), entry.error()) {
            (Recorded::Loaded, Some(active), _) => {
                self.services.emit(&Event::PluginLoaded(&PluginLoaded {
                    plugin,
                    version: &active.description().version,
                    digest: active.digest(),
                    generation: entry.generation,
                    compile_time: active.compile_time(),
                    path,
                }));
                PluginOutcome::Loaded
            }
            (Recorded::Failed, active, Some(error)) => {
                self.services.emit(&Event::PluginRejected(&PluginRejected {
                    plugin,
                    version: version.filter(|version| !version.is_empty()),
                    digest,
                    active: active.map(|active| active.digest()),
                    error,
                    path,
                }));
                PluginOutcome::Rejected
            }
            _ => return,
        };
        self.reloads.record(&reload_of(plugin, entry, outcome));
        self.needs_reconciling = true;
    }

    /// Returns the reload entry of a plugin whose newest file was rejected.
    pub(super) fn rejected(&self, name: &PluginName) -> Option<PluginReload> {
        let entry = self.catalog.entry(name)?;
        entry.error()?;
        Some(reload_of(name, entry, PluginOutcome::Rejected))
    }
}

fn reload_of(name: &PluginName, entry: &PluginEntry, outcome: PluginOutcome) -> PluginReload {
    let active = entry.active();
    let mut reload = PluginReload::new(name.to_string(), outcome);
    reload.version = active.map(|plugin| plugin.description().version.clone());
    reload.digest = active.map(|plugin| plugin.digest().to_string());
    reload.generation = entry.generation;
    reload.error = entry.error().map(ToString::to_string);
    reload
}
