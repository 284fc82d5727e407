//! Reconciles schedule and board with the catalog, touching only what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Watcher;
use super::applied::{Applied, Runner};
use super::load::SETTINGS;
use crate::board::{CheckFacts, PluginFacts};
use crate::catalog::{
    BIND_TIME, Catalog, CheckBinding, CheckState, ConfigurationPage, GuestCheck, PluginEntry,
    bind_all,
};
use crate::events::Cause;
use crate::schedule::{FinishedRun, Job, JobGeneration, JobPromotion, Probe, Timing};
use vitals_config::CheckConfig;
use vitals_model::{CheckName, RunReport, Thresholds};

/// The time limit for binding the checks of one plugin, after which a file system must be hanging.
const BIND_ALL_TIMEOUT: Duration = BIND_TIME.saturating_add(Duration::from_secs(10));

impl Watcher {
    /// Binds unbound checks: validates their settings against the schemas of their plugins. Schemas
    /// are untrusted and may take long, and files with trusted roots may hang. The checks of one
    /// plugin are therefore bound together and, if that does not finish, one by one.
    async fn bind(&mut self) {
        let mut plugins = BTreeMap::<_, Vec<_>>::new();
        for unbound in self.catalog.unbound() {
            let plugin = unbound.plugin().name().clone();
            plugins.entry(plugin).or_default().push(unbound);
        }
        for (plugin, unbound) in plugins {
            let what = format!("settings of the checks of plugin {plugin}");
            let again = unbound.clone();
            let bind = move || bind_all(unbound);
            if let Ok(bindings) = self
                .run_blocking_within(BIND_ALL_TIMEOUT, &what, bind)
                .await
            {
                self.record_bindings(bindings);
                continue;
            }
            for one in again {
                let what = format!("settings of check {}", one.name());
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
            if applied.is_some_and(|applied| applied.matches(&check, &state)) {
                continue;
            }
            let facts = check_facts(&self.catalog, &check, &state);
            let runs_on = applied.map(|applied| &applied.runner);
            let first_run = trials.remove(&name);
            if let (CheckState::Guest(guest), Some(Runner::Guest(_)), Some(trial)) =
                (&state, runs_on, first_run)
                // The configuration may have changed since.
                && Arc::ptr_eq(guest, &trial.guest)
            {
                let promotion = self.promotion(&name, &check, guest, trial.report);
                promotions.push((facts, promotion));
                let runner = Runner::Guest(Arc::clone(guest));
                self.applied.insert(name, Applied { check, runner });
                continue;
            }
            let changes_runtime = matches!(
                (runs_on, &state),
                (Some(Runner::Native(_)), CheckState::Guest(_))
                    | (Some(Runner::Guest(_)), CheckState::Native(_))
            );
            if changes_runtime {
                // Loops of guest checks run on the guest threads, others on the runtime of the
                // host.
                self.services.schedule.remove(&name);
            }
            if let Some(runner) = self.apply_state(&name, &check, state, facts) {
                self.applied.insert(name, Applied { check, runner });
            }
        }
        self.promote(promotions);
    }

    fn promotion(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        guest: &Arc<GuestCheck>,
        report: RunReport,
    ) -> JobPromotion {
        let job_generation = self.services.board.next_job_generation();
        let probe = Arc::clone(guest) as Arc<dyn Probe>;
        JobPromotion {
            job: job(name, job_generation, check, probe),
            report,
        }
    }

    /// Promotes new versions together with their trial runs. No page shows one check of a plugin
    /// from the old version and another from the new one.
    fn promote(&self, promotions: Vec<(CheckFacts, JobPromotion)>) {
        if promotions.is_empty() {
            return;
        }
        let mut facts = BTreeMap::new();
        let mut jobs = Vec::with_capacity(promotions.len());
        for (of_check, promotion) in promotions {
            let name = promotion.job.name.clone();
            facts.insert(name, of_check);
            jobs.push(promotion);
        }
        let runs = self.services.schedule.promote(jobs).into_iter();
        let with_facts = |run: FinishedRun| Some((facts.remove(&run.check)?, run));
        self.services
            .publisher
            .promote(runs.filter_map(with_facts).collect());
    }

    fn apply_state(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        state: CheckState,
        facts: CheckFacts,
    ) -> Option<Runner> {
        if matches!(
            state,
            CheckState::NeedsConfig(_) | CheckState::NotRegistered(_)
        ) {
            return None;
        }
        let job_generation = self.services.publisher.upsert(name, facts);
        match state {
            CheckState::NeedsConfig(_) | CheckState::NotRegistered(_) => None,
            CheckState::Loading => {
                self.services.schedule.remove(name);
                Some(Runner::Loading)
            }
            CheckState::Guest(guest) => {
                let probe = Arc::clone(&guest) as Arc<dyn Probe>;
                self.schedule_check(name, job_generation, check, probe);
                Some(Runner::Guest(guest))
            }
            CheckState::Native(native) => {
                self.schedule_check(
                    name,
                    job_generation,
                    check,
                    Arc::new(native.probe(check.schedule.timeout)),
                );
                Some(Runner::Native(native))
            }
            CheckState::Failed(error) => {
                self.services.schedule.remove(name);
                let entry = check.plugin.as_ref().map(|name| self.catalog.entry(name));
                // A rejected file has already been reported, once for all its checks.
                let cause = match entry.flatten() {
                    Some(entry) if entry.active().is_none() => Cause::PluginRejected,
                    _ => Cause::NotRunnable,
                };
                let (why, is_host_error) = (error.to_string(), error.is_host_error());
                let publisher = &self.services.publisher;
                publisher.not_runnable(name, job_generation, &why, is_host_error, cause);
                Some(Runner::Failed(error))
            }
        }
    }

    fn schedule_check(
        &self,
        name: &CheckName,
        job_generation: JobGeneration,
        check: &CheckConfig,
        probe: Arc<dyn Probe>,
    ) {
        let job = job(name, job_generation, check, probe);
        self.services.schedule.upsert(Arc::new(job));
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
        generation: catalog.entry(name).map_or(0, PluginEntry::generation),
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
