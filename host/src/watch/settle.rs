//! Brings schedule and board in line with the catalog, touching only what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Watcher;
use super::load::SETTINGS;
use crate::board::{CheckFacts, PluginFacts};
use crate::catalog::{
    BIND_TIME, Bound, Catalog, CheckError, ConfigurationPage, GuestCheck, Shelf, Standing, bind_all,
};
use crate::check::{CheckName, RunReport, Thresholds};
use crate::config::CheckConfig;
use crate::events::Cause;
use crate::native::NativeCheck;
use crate::schedule::{FinishedRun, Job, JobGeneration, JobPromotion, Probe, Timing};

/// What a check was brought in line with.
pub(super) struct Settled {
    check: Arc<CheckConfig>,
    on: Ground,
}

enum Ground {
    Loading,
    Guest(Arc<GuestCheck>),
    Native(NativeCheck),
    Failed(CheckError),
}

impl Settled {
    fn is(&self, check: &CheckConfig, standing: &Standing) -> bool {
        let same = match (&self.on, standing) {
            (Ground::Loading, Standing::Loading) => true,
            (Ground::Guest(one), Standing::Guest(other)) => Arc::ptr_eq(one, other),
            (Ground::Native(one), Standing::Native(other)) => one.is(other),
            (Ground::Failed(one), Standing::Failed(other)) => one == other,
            _ => false,
        };
        same && *self.check == *check
    }
}

/// How long the checks of one plugin may take to be bound before something must hang.
const BIND_ALL_TIME: Duration = BIND_TIME.saturating_add(Duration::from_secs(10));

impl Watcher {
    /// Binds the checks that are not: holds their settings against the schemas of their plugins. A schema
    /// comes from a stranger, and takes what it takes; trusted roots lie in files, which may hang. So the
    /// checks of one plugin are bound together, and where that does not end each of them by itself.
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
            if let Ok(bounds) = self.on_disk_within(BIND_ALL_TIME, &what, bind).await {
                self.take_bounds(bounds);
                continue;
            }
            for one in again {
                let what = format!("settings of check {}", one.name());
                let given_up = one.clone();
                let bounds = match self.on_disk(&what, move || bind_all(vec![one])).await {
                    Ok(bounds) => bounds,
                    Err(why) => {
                        let why = why.as_deref().unwrap_or("the host panicked over them");
                        vec![given_up.given_up(why)]
                    }
                };
                self.take_bounds(bounds);
            }
        }
    }

    fn take_bounds(&mut self, bounds: Vec<Bound>) {
        for bound in bounds {
            if bound.panicked() {
                self.rooms.panicked(SETTINGS);
            }
            self.catalog.take_in(bound);
        }
    }

    /// Follows every check that can run, shows every one that can't, and forgets those that are
    /// gone.
    pub(super) async fn settle(&mut self) {
        self.bind().await;
        let mut standings = self.catalog.standings();
        let configuration = self.configuration.as_ref();
        let configuration = ConfigurationPage {
            errors: configuration.map_or(Vec::new(), |it| it.errors().to_vec()),
            restart_needed: self.restart_needed.clone(),
            ..ConfigurationPage::default()
        };
        let page = self.catalog.page(&standings, configuration);
        self.page.set(page);
        if self.first_look_ends() {
            for (check, (_, standing)) in &standings {
                if let Standing::Absent(error) = standing {
                    let error = error.to_string();
                    tracing::warn!(%check, error, "native check is not registered");
                }
            }
        }
        let config = Arc::clone(self.catalog.config());
        standings.retain(|name, (_, standing)| match standing {
            Standing::Idle(_) | Standing::Absent(_) => false,
            // One that was dropped in is no check before it is known to be a plugin.
            Standing::Loading => config.checks.contains_key(name),
            Standing::Guest(_) | Standing::Native(_) | Standing::Failed(_) => true,
        });
        let is_gone = |name: &&CheckName| !standings.contains_key(*name);
        let gone: Vec<_> = self.settled.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.forget(&name);
        }
        let mut trials = std::mem::take(&mut self.trials);
        let mut promotions = Vec::new();
        for (name, (check, standing)) in standings {
            self.rooms.beat.turn();
            let settled = self.settled.get(&name);
            if settled.is_some_and(|settled| settled.is(&check, &standing)) {
                continue;
            }
            let facts = check_facts(&self.catalog, &check, &standing);
            let runs_on = settled.map(|settled| &settled.on);
            let first_run = trials.remove(&name);
            if let (Standing::Guest(guest), Some(Ground::Guest(_)), Some(trial)) =
                (&standing, runs_on, first_run)
                // The configuration may have changed since.
                && Arc::ptr_eq(guest, &trial.guest)
            {
                let promotion = self.promotion(&name, &check, guest, trial.report);
                promotions.push((facts, promotion));
                let on = Ground::Guest(Arc::clone(guest));
                self.settled.insert(name, Settled { check, on });
                continue;
            }
            let lives_elsewhere = matches!(
                (runs_on, &standing),
                (Some(Ground::Native(_)), Standing::Guest(_))
                    | (Some(Ground::Guest(_)), Standing::Native(_))
            );
            if lives_elsewhere {
                // The loops of guests' checks live on the guest threads, those of others do not.
                self.rooms.schedule.remove(&name);
            }
            if let Some(on) = self.place(&name, &check, standing, facts) {
                self.settled.insert(name, Settled { check, on });
            }
        }
        self.let_succeed(promotions);
    }

    fn promotion(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        guest: &Arc<GuestCheck>,
        report: RunReport,
    ) -> JobPromotion {
        let job_generation = self.rooms.board.next_job_generation();
        let probe = Arc::clone(guest) as Arc<dyn Probe>;
        JobPromotion {
            job: job(name, job_generation, check, probe),
            report,
        }
    }

    /// Lets new versions take over with the runs that were made of them, all at one moment: no answer
    /// shows one check of a plugin as the old version found it, and another as the new one did.
    fn let_succeed(&self, promotions: Vec<(CheckFacts, JobPromotion)>) {
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
        let runs = self.rooms.schedule.promote(jobs).into_iter();
        let with_facts = |run: FinishedRun| Some((facts.remove(&run.check)?, run));
        self.rooms
            .publisher
            .promote(runs.filter_map(with_facts).collect());
    }

    fn place(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        standing: Standing,
        facts: CheckFacts,
    ) -> Option<Ground> {
        if matches!(standing, Standing::Idle(_) | Standing::Absent(_)) {
            return None;
        }
        let job_generation = self.rooms.publisher.upsert(name, facts);
        match standing {
            Standing::Idle(_) | Standing::Absent(_) => None,
            Standing::Loading => {
                self.rooms.schedule.remove(name);
                Some(Ground::Loading)
            }
            Standing::Guest(guest) => {
                let probe = Arc::clone(&guest) as Arc<dyn Probe>;
                self.follow(name, job_generation, check, probe);
                Some(Ground::Guest(guest))
            }
            Standing::Native(native) => {
                self.follow(
                    name,
                    job_generation,
                    check,
                    Arc::new(native.probe(check.schedule.timeout)),
                );
                Some(Ground::Native(native))
            }
            Standing::Failed(error) => {
                self.rooms.schedule.remove(name);
                let shelf = check.plugin.as_ref().map(|name| self.catalog.shelf(name));
                // A file that can't be loaded was reported when it was not, once for all its checks.
                let cause = match shelf.flatten() {
                    Some(shelf) if shelf.good().is_none() => Cause::PluginRejected,
                    _ => Cause::NotRunnable,
                };
                let (why, is_of_host) = (error.to_string(), error.is_of_host());
                let publisher = &self.rooms.publisher;
                publisher.not_runnable(name, job_generation, &why, is_of_host, cause);
                Some(Ground::Failed(error))
            }
        }
    }

    fn follow(
        &self,
        name: &CheckName,
        job_generation: JobGeneration,
        check: &CheckConfig,
        probe: Arc<dyn Probe>,
    ) {
        let job = job(name, job_generation, check, probe);
        self.rooms.schedule.upsert(Arc::new(job));
    }

    fn forget(&mut self, name: &CheckName) {
        self.settled.remove(name);
        self.rooms.schedule.remove(name);
        self.rooms.publisher.remove(name);
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
        thresholds: Thresholds {
            fall: schedule.fall,
            rise: schedule.rise,
        },
    };
    Job {
        job_generation,
        name: name.clone(),
        timing,
        probe,
        first_run: None,
    }
}

fn check_facts(catalog: &Catalog, check: &CheckConfig, standing: &Standing) -> CheckFacts {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let guest = match standing {
        Standing::Guest(guest) => Some(guest),
        _ => None,
    };
    let plugin = check.plugin.as_ref().map(|name| PluginFacts {
        name: name.to_string(),
        version: guest.map(|guest| guest.plugin.description().version.clone()),
        digest: guest.map(|guest| guest.plugin.digest()),
        generation: catalog.shelf(name).map_or(0, Shelf::generation),
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
