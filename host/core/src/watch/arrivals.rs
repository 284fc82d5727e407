//! Handles finished loads and finished evaluations of new versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::{Id, JoinError};

use super::Watcher;
use super::judge::{Arrival, Judged, judge};
use super::load::{self, Load};
use crate::catalog::{LoadOutcome, PluginEntry, Recorded, Restored, Stamp, Wanted};
use crate::events::Event;
use vitals_model::reload::{PluginOutcome, PluginReload};
use vitals_model::{CheckName, PluginName};
use vitals_sandbox::{LoadError, Plugin};

/// A loaded version that is not yet evaluated.
struct ToJudge {
    wanted: Wanted,
    stamp: Option<Stamp>,
    plugin: Arc<Plugin>,
}

impl Watcher {
    pub(super) fn joined(&mut self, arrival: Result<(Id, Arrival), JoinError>) {
        match arrival {
            Ok((task, arrival)) => {
                self.tasks.remove(&task);
                self.arrived(arrival);
            }
            Err(error) => {
                let name = self.tasks.remove(&error.id());
                if let Ok(panic) = error.try_into_panic() {
                    self.tell_of_panic(panic.as_ref());
                }
                if let Some(name) = name {
                    self.loading.remove(&name);
                    self.loaded(&name);
                }
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let name = arrival.wanted().name.clone();
        // This comes first, so that the plugin can be loaded again whatever fails below.
        let accepted = self.loading.remove(&name).unwrap_or_default();
        let now = self.catalog.wanted_of(&name);
        // The plugin has another file by now, so the outcome says nothing about it.
        let is_another = now
            .as_ref()
            .is_some_and(|now| now.path != arrival.wanted().path);
        if is_another {
            self.again.entry(name.clone()).or_default();
        } else if let Some(to_judge) = self.take_in(arrival, now.is_some()) {
            self.judge(to_judge, &accepted);
            self.loading.insert(name, accepted);
            return;
        }
        self.loaded(&name);
    }

    /// Records the outcome of a load or an evaluation. `is_there` says whether the file still
    /// exists. Returns a version that has to be evaluated (again).
    fn take_in(&mut self, arrival: Arrival, is_there: bool) -> Option<ToJudge> {
        match arrival {
            Arrival::Loaded(Load {
                wanted,
                outcome: LoadOutcome::Loaded(plugin),
                stamp,
            }) => {
                let name = &wanted.name;
                match self.catalog.restore(&plugin, wanted.source, stamp) {
                    None => {
                        return Some(ToJudge {
                            wanted,
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
            Arrival::Judged(judged) if judged.revision != self.catalog.revision() => {
                let Judged {
                    wanted,
                    stamp,
                    plugin,
                    ..
                } = judged;
                return Some(ToJudge {
                    wanted,
                    stamp,
                    plugin,
                });
            }
            Arrival::Judged(judged) => self.judged(judged),
            Arrival::Loaded(Load {
                wanted,
                outcome,
                stamp,
            }) => {
                let is_unread = matches!(outcome, LoadOutcome::Failed(_, LoadError::Read(_)));
                let is_due = is_there && self.again.contains_key(&wanted.name);
                // The file was missing for a moment.
                if !(is_unread && is_due) {
                    self.record_load(&wanted, outcome, stamp);
                }
            }
        }
        None
    }

    /// Ends the load of a plugin, or starts another one if the file changed meanwhile.
    fn loaded(&mut self, name: &PluginName) {
        if let Some(accepted) = self.again.remove(name)
            && let Some(now) = self.catalog.wanted_of(name)
        {
            self.begin(now, accepted);
            if self.loading.contains_key(name) {
                return;
            }
        }
        let refused = self.refused(name);
        self.reloads.done(name, refused.as_ref());
    }

    /// Starts the evaluation of a loaded version.
    fn judge(&mut self, to_judge: ToJudge, accepted: &BTreeSet<CheckName>) {
        let ToJudge {
            wanted,
            stamp,
            plugin,
        } = to_judge;
        let candidate = self.catalog.candidate(plugin, wanted.source, accepted);
        let schedule = Arc::clone(&self.services.schedule);
        let name = wanted.name.clone();
        let judged = judge(wanted, stamp, candidate, schedule);
        let judged = self.arrivals.spawn(async { Arrival::Judged(judged.await) });
        self.tasks.insert(judged.id(), name);
    }

    /// Records the outcome of an evaluation.
    fn judged(&mut self, judged: Judged) {
        let Judged {
            wanted,
            stamp,
            plugin,
            verdict,
            ..
        } = judged;
        match verdict {
            Err(error) => {
                let refusal = LoadOutcome::Failed(Some(plugin.digest()), error);
                let facts = load::facts(&refusal).of(&plugin);
                let now = Timestamp::now();
                let recorded = self.catalog.record_load(&wanted, refusal, stamp, now);
                self.tell(&wanted, recorded, &facts);
            }
            Ok(passed) => {
                for _ in 0..passed.fitting.panics() {
                    self.services.panicked(load::SETTINGS);
                }
                let facts = load::facts(&LoadOutcome::Loaded(plugin));
                let now = Timestamp::now();
                let recorded = self.catalog.install(&wanted, passed.fitting, stamp, now);
                self.tell(&wanted, recorded, &facts);
                if matches!(recorded, Recorded::Loaded(_)) {
                    let trials = passed.trials.into_iter();
                    self.trials
                        .extend(trials.map(|trial| (trial.check.clone(), trial)));
                }
            }
        }
    }

    fn record_load(&mut self, wanted: &Wanted, outcome: LoadOutcome, stamp: Option<Stamp>) {
        let facts = load::facts(&outcome);
        let now = Timestamp::now();
        let recorded = self.catalog.record_load(wanted, outcome, stamp, now);
        self.tell(wanted, recorded, &facts);
    }

    fn tell(&mut self, wanted: &Wanted, recorded: Recorded, facts: &load::Facts) {
        let entry = self.catalog.entry(&wanted.name);
        let serving = entry.and_then(|entry| Some(entry.active()?.digest()));
        load::report(wanted, recorded, facts, serving, &self.services);
        self.needs_reconciling |= recorded != Recorded::Unchanged;
        let outcome = match recorded {
            Recorded::Loaded(_) => PluginOutcome::Loaded,
            Recorded::Failed => PluginOutcome::Refused,
            Recorded::Unchanged => return,
        };
        if let Some(entry) = self.catalog.entry(&wanted.name) {
            self.reloads
                .record(&reload_of(&wanted.name, entry, outcome));
        }
    }

    /// Returns the reload entry of a plugin whose newest file was rejected.
    pub(super) fn refused(&self, name: &PluginName) -> Option<PluginReload> {
        let entry = self.catalog.entry(name)?;
        entry.error()?;
        Some(reload_of(name, entry, PluginOutcome::Refused))
    }
}

fn reload_of(name: &PluginName, entry: &PluginEntry, outcome: PluginOutcome) -> PluginReload {
    let good = entry.active();
    PluginReload {
        name: name.to_string(),
        outcome,
        version: good.map(|plugin| plugin.description().version.clone()),
        digest: good.map(|plugin| plugin.digest().to_string()),
        generation: entry.generation(),
        error: entry.error().map(ToString::to_string),
    }
}
