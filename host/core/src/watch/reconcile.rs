//! Reconciles schedule and board with the catalog, touching only what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::evaluate::BIND_TIMEOUT;
use super::load::SETTINGS;
use super::{Services, Watcher};
use crate::board::{CheckFacts, PluginFacts};
use crate::catalog::{Catalog, CheckBinding, CheckState, ConfigurationPage, bind_all};
use crate::events::Cause;
use crate::schedule::{Job, JobGeneration, Probe, Timing};
use vitals_config::CheckConfig;
use vitals_model::{CheckName, Thresholds};

impl Watcher {
    /// Binds unbound checks: validates their settings against the schemas of their plugins. Schemas
    /// are untrusted and may take long, and files with trusted roots may hang. The checks of one
    /// plugin are therefore bound together and, if that does not finish, one by one.
    async fn bind(&mut self) {
        let mut plugins = BTreeMap::<_, Vec<_>>::new();
        for unbound in self.catalog.unbound() {
            let plugin = unbound.plugin.name().clone();
            plugins.entry(plugin).or_default().push(unbound);
        }
        for (plugin, unbound) in plugins {
            let what = format!("settings of the checks of plugin {plugin}");
            let again = unbound.clone();
            let bind = move || bind_all(unbound);
            if let Ok(bindings) = self.run_blocking_within(BIND_TIMEOUT, &what, bind).await {
                self.record_bindings(bindings);
                continue;
            }
            for one in again {
                let what = format!("settings of check {}", one.name);
                let abandoned = one.clone();
                let bindings = match self.run_blocking(&what, move || bind_all(vec![one])).await {
                    Ok(bindings) => bindings,
                    Err(why) => {
                        let why = why.as_deref().unwrap_or("the host panicked");
                        vec![abandoned.abandoned(why)]
                    }
                };
                self.record_bindings(bindings);
            }
        }
    }

    fn record_bindings(&mut self, bindings: Vec<CheckBinding>) {
        for bound in bindings {
            if bound.panicked() {
                self.services.panicked(SETTINGS);
            }
            self.catalog.record_binding(bound);
        }
    }

    /// Schedules the checks that can run, publishes why others can't, and removes those that no
    /// longer exist.
    pub(super) async fn reconcile(&mut self) {
        self.bind().await;
        let mut states = self.catalog.states();
        let configuration = self.configuration.as_ref();
        let configuration = ConfigurationPage {
            errors: configuration.map_or(Vec::new(), |it| it.errors().to_vec()),
            restart_needed: self.restart_needed.clone(),
            ..ConfigurationPage::default()
        };
        let page = self.catalog.page(&states, configuration);
        self.page.set(page);
        if self.is_first_scan_over() {
            for (check, (_, state)) in &states {
                if let CheckState::NotRegistered(error) = state {
                    let error = error.to_string();
                    tracing::warn!(%check, error, "native check is not registered");
                }
            }
        }
        let config = Arc::clone(self.catalog.config());
        states.retain(|name, (_, state)| match state {
            CheckState::NeedsConfig(_) | CheckState::NotRegistered(_) => false,
            // A dropped-in file becomes a check only when it is known to be a plugin.
            CheckState::Loading => config.checks.contains_key(name),
            CheckState::Guest(_) | CheckState::Native(_) | CheckState::Failed(_) => true,
        });
        let is_removed = |name: &&CheckName| !states.contains_key(*name);
        let removed: Vec<_> = self.applied.keys().filter(is_removed).cloned().collect();
        for name in removed {
            self.remove_check(&name);
        }
        let mut trials = std::mem::take(&mut self.trials);
        let mut promotions = Vec::new();
        for (name, (check, state)) in states {
            self.services.heartbeat.beat();
            let applied = self.applied.get(&name);
            if applied.is_some_and(|(config, before)| before.is_same(&state) && *config == check) {
                continue;
            }
            let facts = check_facts(&self.catalog, &check, &state);
            let before = applied.map(|(_, before)| before);
            match (before, &state, trials.remove(&name)) {
                (Some(CheckState::Guest(_)), CheckState::Guest(guest), Some(trial))
                    // The configuration may have changed since.
                    if Arc::ptr_eq(guest, &trial.guest) =>
                {
                    let job_generation = self.services.board.next_job_generation();
                    let job = job(&name, job_generation, &check, Arc::clone(guest) as _);
                    promotions.push((facts, job, trial.report));
                }
                (before, ..) => {
                    let changes_runtime = matches!(
                        (before, &state),
                        (Some(CheckState::Native(_)), CheckState::Guest(_))
                            | (Some(CheckState::Guest(_)), CheckState::Native(_))
                    );
                    if changes_runtime {
                        // Loops of guest checks run on the guest threads, others on the runtime of
                        // the host.
                        self.services.schedule.remove(&name);
                    }
                    self.apply_state(&name, &check, &state, facts);
                }
            }
            self.applied.insert(name, (check, state));
        }
        // All at once: no page shows one check of a plugin from the old version and another from
        // the new one.
        let runs = promotions.into_iter().filter_map(|(facts, job, report)| {
            Some((facts, self.services.schedule.promote(job, report)?))
        });
        let runs: Vec<_> = runs.collect();
        if !runs.is_empty() {
            self.services.publisher.promote(runs);
        }
    }

    fn apply_state(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        state: &CheckState,
        facts: CheckFacts,
    ) {
        let Services {
            schedule,
            publisher,
            ..
        } = &self.services;
        let job_generation = publisher.upsert(name, facts);
        let run = |probe: Arc<dyn Probe>| {
            schedule.upsert(Arc::new(job(name, job_generation, check, probe)));
        };
        match state {
            CheckState::Guest(guest) => run(Arc::clone(guest) as _),
            CheckState::Native(native) => run(Arc::new(native.probe(check.schedule.timeout))),
            // The last two are no checks, and the caller has left them out.
            CheckState::Loading | CheckState::NeedsConfig(_) | CheckState::NotRegistered(_) => {
                schedule.remove(name);
            }
            CheckState::Failed(error) => {
                schedule.remove(name);
                let entry = check.plugin.as_ref().map(|name| self.catalog.entry(name));
                // A rejected file has already been reported, once for all its checks.
                let cause = match entry.flatten() {
                    Some(entry) if entry.active().is_none() => Cause::PluginRejected,
                    _ => Cause::NotRunnable,
                };
                let (why, is_host_error) = (error.to_string(), error.is_host_error());
                publisher.not_runnable(name, job_generation, &why, is_host_error, cause);
            }
        }
    }

    fn remove_check(&mut self, name: &CheckName) {
        self.applied.remove(name);
        self.services.schedule.remove(name);
        self.services.publisher.remove(name);
    }
}

fn job(
    name: &CheckName,
    job_generation: JobGeneration,
    check: &CheckConfig,
    probe: Arc<dyn Probe>,
) -> Job {
    let schedule = &check.schedule;
    let timing = Timing {
        interval: schedule.interval,
        timeout: schedule.timeout,
        retry_interval: schedule.retry_interval,
        thresholds: Thresholds::new(schedule.fall, schedule.rise),
    };
    Job {
        job_generation,
        name: name.clone(),
        timing,
        probe,
        first_run: None,
    }
}

fn check_facts(catalog: &Catalog, check: &CheckConfig, state: &CheckState) -> CheckFacts {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let guest = match state {
        CheckState::Guest(guest) => Some(guest),
        _ => None,
    };
    let plugin = check.plugin.as_ref().map(|name| PluginFacts {
        name: name.to_string(),
        version: guest.map(|guest| guest.plugin.description().version.clone()),
        digest: guest.map(|guest| guest.plugin.digest()),
        generation: catalog.entry(name).map_or(0, |entry| entry.generation),
    });
    let grants = guest.map(|guest| guest.shown_grants());
    CheckFacts {
        critical: check.schedule.critical,
        interval_ms: millis(check.schedule.interval),
        timeout_ms: millis(check.schedule.timeout),
        plugin,
        grants: grants.unwrap_or_default(),
    }
}
