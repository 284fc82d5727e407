//! What came of loads and of judgements on new versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinError;

use super::Watcher;
use super::judge::{Arrival, Judged, judge};
use super::load::{self, Load};
use crate::catalog::{LoadOutcome, Restored, Shelf, Shelved, Stamp, Wanted};
use crate::check::PluginName;
use crate::plugin::{LoadError, Plugin};
use crate::reload::{PluginOutcome, PluginReload};

impl Watcher {
    pub(super) fn joined(&mut self, arrival: Result<Arrival, JoinError>) {
        match arrival {
            Ok(arrival) => self.arrived(arrival),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    self.tell_of_panic(panic.as_ref());
                }
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let name = arrival.wanted().name.clone();
        let now = if self.again.contains_key(&name) {
            let mut all = self.catalog.wanted().into_iter();
            all.find(|now| now.name == name)
        } else {
            None
        };
        // Another file stands for it now: what was found says nothing of what is there.
        let is_another = now
            .as_ref()
            .is_some_and(|now| now.path != arrival.wanted().path);
        if !is_another {
            match arrival {
                Arrival::Loaded(Load {
                    wanted,
                    outcome: LoadOutcome::Loaded(plugin),
                    stamp,
                }) => match self.catalog.restore(&plugin, stamp) {
                    None => return self.judge(wanted, stamp, plugin),
                    Some(Restored::Unchanged) => {}
                    Some(Restored::Mended) => {
                        let digest = plugin.digest();
                        let digest = digest.short();
                        let version = &plugin.description().version;
                        tracing::info!(
                            plugin = %name, %version, %digest,
                            "plugin that serves is back in its file"
                        );
                        self.rooms.metrics.plugin_restored(&name);
                        self.rooms.sentry.forget(&name);
                        self.unsettled = true;
                    }
                },
                Arrival::Judged(judged) if judged.revision != self.catalog.revision() => {
                    // The configuration has changed since.
                    return self.judge(judged.wanted, judged.stamp, judged.plugin);
                }
                Arrival::Judged(judged) => self.judged(judged),
                Arrival::Loaded(Load {
                    wanted,
                    outcome,
                    stamp,
                }) => {
                    let is_unread = matches!(outcome, LoadOutcome::Failed(_, LoadError::Read(_)));
                    // It was away for a moment.
                    if now.is_none() || !is_unread {
                        self.shelve(&wanted, outcome, stamp);
                    }
                }
            }
        }
        self.loading.remove(&name);
        let accepted = self.again.remove(&name).unwrap_or_default();
        if let Some(now) = now {
            self.begin(now, accepted);
        } else {
            let refused = self.refused(&name);
            self.reloads.done(&name, refused.as_ref());
        }
    }

    /// Has a version judged that could be loaded.
    fn judge(&mut self, wanted: Wanted, stamp: Option<Stamp>, plugin: Arc<Plugin>) {
        let nothing = BTreeSet::new();
        let accepted = self.loading.get(&wanted.name).unwrap_or(&nothing);
        let candidate = self.catalog.candidate(plugin, accepted);
        let schedule = Arc::clone(&self.rooms.schedule);
        let judged = judge(wanted, stamp, candidate, schedule);
        self.arrivals.spawn(async { Arrival::Judged(judged.await) });
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
                let (name, now) = (&wanted.name, Timestamp::now());
                let shelved = self.catalog.shelve(name, refusal, stamp, now);
                self.tell(&wanted, shelved, &facts);
            }
            Ok(passed) => {
                for _ in 0..passed.fitting.panics() {
                    self.rooms.panicked(load::SETTINGS);
                }
                let facts = load::facts(&LoadOutcome::Loaded(plugin));
                let now = Timestamp::now();
                let shelved = self.catalog.install(passed.fitting, stamp, now);
                self.tell(&wanted, shelved, &facts);
                if matches!(shelved, Shelved::Loaded(_)) {
                    let trials = passed.trials.into_iter();
                    self.openings
                        .extend(trials.map(|trial| (trial.check.clone(), trial)));
                }
            }
        }
    }

    fn shelve(&mut self, wanted: &Wanted, outcome: LoadOutcome, stamp: Option<Stamp>) {
        let facts = load::facts(&outcome);
        let name = &wanted.name;
        let shelved = self.catalog.shelve(name, outcome, stamp, Timestamp::now());
        self.tell(wanted, shelved, &facts);
    }

    fn tell(&mut self, wanted: &Wanted, shelved: Shelved, facts: &load::Facts) {
        let shelf = self.catalog.shelf(&wanted.name);
        let serving = shelf.and_then(|shelf| Some(shelf.good()?.digest()));
        load::report(wanted, shelved, facts, serving, &self.rooms);
        self.unsettled |= shelved != Shelved::Unchanged;
        let outcome = match shelved {
            Shelved::Loaded(_) => PluginOutcome::Loaded,
            Shelved::Failed => PluginOutcome::Refused,
            Shelved::Unchanged => return,
        };
        if let Some(shelf) = self.catalog.shelf(&wanted.name) {
            self.reloads
                .record(&reload_of(&wanted.name, shelf, outcome));
        }
    }

    /// What there is to say of a plugin whose newest file does not serve.
    fn refused(&self, name: &PluginName) -> Option<PluginReload> {
        let shelf = self.catalog.shelf(name)?;
        shelf.error()?;
        Some(reload_of(name, shelf, PluginOutcome::Refused))
    }
}

fn reload_of(name: &PluginName, shelf: &Shelf, outcome: PluginOutcome) -> PluginReload {
    let good = shelf.good();
    PluginReload {
        name: name.to_string(),
        outcome,
        version: good.map(|plugin| plugin.description().version.clone()),
        digest: good.map(|plugin| plugin.digest().to_string()),
        generation: shelf.generation(),
        error: shelf.error().map(ToString::to_string),
    }
}
