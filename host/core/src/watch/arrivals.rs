//! What came of loads and of judgements on new versions.

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

/// A version that could be loaded, and is to be judged.
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
        // First of all: whatever goes wrong here, the plugin can be loaded again.
        let accepted = self.loading.remove(&name).unwrap_or_default();
        let now = self.catalog.wanted_of(&name);
        // Another file stands for it now: what was found says nothing of what is there.
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

    /// Takes in what became of a file that `is_there`, and answers what is to be judged yet.
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
                // It was away for a moment.
                if !(is_unread && is_due) {
                    self.record_load(&wanted, outcome, stamp);
                }
            }
        }
        None
    }

    /// A plugin is not being loaded any more, unless it has changed meanwhile.
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

    /// Has a version judged that could be loaded.
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

    /// Takes in what became of a version.
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
            Recorded::Failed => PluginOutcome::Rejected,
            Recorded::Unchanged => return,
        };
        if let Some(entry) = self.catalog.entry(&wanted.name) {
            self.reloads
                .record(&reload_of(&wanted.name, entry, outcome));
        }
    }

    /// What there is to say of a plugin whose newest file does not serve.
    pub(super) fn refused(&self, name: &PluginName) -> Option<PluginReload> {
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
    reload.generation = entry.generation();
    reload.error = entry.error().map(ToString::to_string);
    reload
}
