//! Brings schedule and board in line with the catalog, touching only what changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Watcher;
use crate::board::{CheckFacts, PluginFacts, Posting};
use crate::catalog::{Catalog, GuestCheck, Shelf, Standing, Unbound};
use crate::check::{Breaker, CheckName, Code, Digest, RunError, RunReport, Status, Thresholds};
use crate::config::CheckConfig;
use crate::native::NativeCheck;
use crate::schedule::{Job, Placement, Probe, Timing};

/// What a check was brought in line with.
pub(super) enum Settled {
    Loading,
    Guest(Digest, u64),
    Native(NativeCheck),
    Failed(String),
}

impl Settled {
    fn is(&self, standing: &Standing) -> bool {
        match (self, standing) {
            (Self::Loading, Standing::Loading) => true,
            (Self::Guest(digest, generation), Standing::Guest(guest)) => {
                (*digest, *generation) == (guest.plugin.digest(), guest.generation)
            }
            (Self::Native(one), Standing::Native(other)) => one.is(other),
            (Self::Failed(one), Standing::Failed(other)) => one == other,
            _ => false,
        }
    }
}

impl Watcher {
    /// Follows every check that can run, shows every one that can't, and forgets those that are
    /// gone.
    pub(super) async fn settle(&mut self) {
        let unbound = self.catalog.unbound();
        if !unbound.is_empty() {
            // A schema comes from a stranger: holding settings against it takes what it takes.
            let bind = || unbound.into_iter().map(Unbound::bind).collect::<Vec<_>>();
            for bound in self.aside(bind).await.into_iter().flatten() {
                if bound.panicked {
                    self.rooms.metrics.host_panic();
                }
                self.catalog.take_in(bound);
            }
        }
        let mut standings = self.catalog.standings();
        self.page.store(Arc::new(self.catalog.page(&standings)));
        if self.first_look_ends() {
            let absent = standings
                .values()
                .filter_map(|(_, standing)| match standing {
                    Standing::Absent(why) => Some(why),
                    _ => None,
                });
            absent.for_each(|why| tracing::warn!("{why}"));
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
        for (name, (check, standing)) in standings {
            if self
                .settled
                .get(&name)
                .is_some_and(|settled| settled.is(&standing))
            {
                continue;
            }
            let facts = check_facts(&self.catalog, &check, &standing);
            if let Some(settled) = self.place(&name, &check, standing, facts) {
                self.settled.insert(name, settled);
            }
        }
    }

    fn place(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        standing: Standing,
        facts: CheckFacts,
    ) -> Option<Settled> {
        if matches!(standing, Standing::Idle(_) | Standing::Absent(_)) {
            return None;
        }
        let plugin = facts.plugin.as_ref().map_or("", |plugin| &plugin.name);
        self.rooms
            .metrics
            .check_placed(name, plugin, facts.critical);
        let placement = self.rooms.board.place(name.clone(), facts);
        match standing {
            Standing::Idle(_) | Standing::Absent(_) => None,
            Standing::Loading => Some(Settled::Loading),
            Standing::Guest(guest) => {
                let settled = Settled::Guest(guest.plugin.digest(), guest.generation);
                self.follow(name, placement, check, guest as Arc<GuestCheck>);
                Some(settled)
            }
            Standing::Native(native) => {
                self.follow(
                    name,
                    placement,
                    check,
                    Arc::new(native.probe(check.schedule.timeout)),
                );
                Some(Settled::Native(native))
            }
            Standing::Failed(why) => {
                self.rooms.schedule.forget(name);
                let shelf = check.plugin.as_ref().map(|name| self.catalog.shelf(name));
                // A file that can't be loaded was told of when it was not, once for all its checks.
                if shelf.flatten().is_none_or(|shelf| shelf.good().is_some()) {
                    tracing::error!(check = %name, "{why}");
                }
                self.post_failure(name, placement, &why);
                Some(Settled::Failed(why))
            }
        }
    }

    fn follow(
        &self,
        name: &CheckName,
        placement: Placement,
        check: &CheckConfig,
        probe: Arc<dyn Probe>,
    ) {
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
        self.rooms.schedule.follow(Arc::new(Job {
            placement,
            name: name.clone(),
            timing,
            probe,
        }));
    }

    fn post_failure(&self, name: &CheckName, placement: Placement, why: &str) {
        let report = RunReport::failed(RunError::new(Code::Load, why), Duration::ZERO);
        self.rooms.board.post(
            name,
            Posting {
                placement,
                status: Status::Unhealthy,
                report: Arc::new(report),
                checked_at: Timestamp::now(),
                consecutive_failures: 0,
                breaker: Breaker::default(),
                next_run: None,
                stale_at: None,
            },
        );
    }

    fn forget(&mut self, name: &CheckName) {
        self.settled.remove(name);
        self.rooms.schedule.forget(name);
        self.rooms.board.remove(name);
        self.rooms.metrics.check_removed(name);
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
