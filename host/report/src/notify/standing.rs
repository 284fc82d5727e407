//! The checks that are not healthy, and the alerts that are active for them. The module knows
//! neither receivers nor formats.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use vitals_config::{Config, Notified, Schedule};
use vitals_model::{CheckName, Code, Status};

/// The rules of the configuration for notifications.
#[derive(Debug, Default)]
pub(super) struct Rules {
    on: Vec<Notified>,
    /// Whether a check notifies and whether it is critical. `otherwise` holds for checks without a
    /// table.
    checks: BTreeMap<CheckName, (bool, bool)>,
    otherwise: (bool, bool),
}

/// The result of a check at its last transition.
#[derive(Clone, Debug)]
pub(super) struct LastResult {
    pub(super) check: CheckName,
    pub(super) plugin: Option<String>,
    /// The version of the plugin.
    pub(super) version: Option<String>,
    pub(super) critical: bool,
    pub(super) status: Status,
    pub(super) code: Option<Code>,
    pub(super) message: String,
    pub(super) details: Map<String, Value>,
    pub(super) at: Timestamp,
}

/// The checks that are not healthy.
#[derive(Debug, Default)]
pub(super) struct Standings(BTreeMap<CheckName, Standing>);

#[derive(Debug)]
struct Standing {
    found: Arc<LastResult>,
    told: Option<ActiveAlert>,
}

/// An alert that has not been resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActiveAlert {
    pub(super) status: Status,
    /// When the alert started.
    pub(super) since: Timestamp,
    /// When the alert got its present status.
    pub(super) turned: Timestamp,
}

/// A change to notify receivers of.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) event: Event,
    pub(super) cause: Cause,
    /// The status shown before, or `None` for the first result.
    pub(super) from: Option<Status>,
    /// The status shown now, or `None` if the check was removed.
    pub(super) to: Option<Status>,
    /// The active alert, or the one that was resolved.
    pub(super) told: ActiveAlert,
    pub(super) at: Timestamp,
    pub(super) found: Arc<LastResult>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    /// An alert starts, or changes its status.
    Firing,
    /// An alert is resolved.
    Resolved,
    /// The alert goes on with another reason. Webhooks are not notified.
    Restated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cause {
    /// The status of the check changed.
    Status,
    /// The check was removed.
    Removed,
    /// The configuration of notifications changed.
    Configuration,
}

enum Verdict {
    Fires,
    Resolves,
    /// The alert stays as it is.
    Unchanged,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let checks = config.checks.iter();
        let of = |schedule: &Schedule| (schedule.notify, schedule.critical);
        Self {
            on: config.notify.on.clone(),
            checks: checks
                .map(|(name, check)| (name.clone(), of(&check.schedule)))
                .collect(),
            otherwise: of(&config.defaults.schedule),
        }
    }

    fn of(&self, check: &CheckName) -> (bool, bool) {
        self.checks.get(check).copied().unwrap_or(self.otherwise)
    }

    fn judge(&self, check: &CheckName, status: Status) -> Verdict {
        let (is_told, _) = self.of(check);
        let notified = match status {
            Status::Healthy => None,
            Status::Degraded => Some(Notified::Degraded),
            Status::Unhealthy => Some(Notified::Unhealthy),
            Status::Unknown => Some(Notified::Unknown),
        };
        match notified {
            _ if !is_told => Verdict::Resolves,
            Some(notified) if self.on.contains(&notified) => Verdict::Fires,
            // An unknown status does not show that the check has recovered.
            Some(Notified::Unknown) => Verdict::Unchanged,
            _ => Verdict::Resolves,
        }
    }
}

impl Standings {
    /// Records a transition of a check. Returns the change to notify receivers of, if any.
    pub(super) fn turned(
        &mut self,
        found: LastResult,
        from: Option<Status>,
        rules: &Rules,
    ) -> Option<Change> {
        let (status, at) = (found.status, found.at);
        let before = self
            .0
            .remove(&found.check)
            .and_then(|standing| standing.told);
        let found = Arc::new(found);
        let (told, event) = match (rules.judge(&found.check, status), before) {
            (Verdict::Fires, None) => (Some(ActiveAlert::new(status, at)), Some(Event::Firing)),
            (Verdict::Fires, Some(told)) if told.status == status => {
                (Some(told), Some(Event::Restated))
            }
            (Verdict::Fires, Some(told)) => (Some(told.turned(status, at)), Some(Event::Firing)),
            (Verdict::Resolves, told) => (None, told.map(|_| Event::Resolved)),
            (Verdict::Unchanged, told) => (told, None),
        };
        if told.is_some() || status != Status::Healthy {
            let found = Arc::clone(&found);
            self.0.insert(found.check.clone(), Standing { found, told });
        }
        Some(Change {
            event: event?,
            cause: Cause::Status,
            from,
            to: Some(status),
            told: told.or(before)?,
            at,
            found,
        })
    }

    /// Records that a check was removed.
    pub(super) fn gone(&mut self, check: &CheckName, at: Timestamp) -> Option<Change> {
        let Standing { found, told } = self.0.remove(check)?;
        Some(Change {
            event: Event::Resolved,
            cause: Cause::Removed,
            from: Some(found.status),
            to: None,
            told: told?,
            at,
            found,
        })
    }

    /// Applies new rules to all checks.
    pub(super) fn reconsider(&mut self, rules: &Rules, at: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for (check, standing) in &mut self.0 {
            let (_, critical) = rules.of(check);
            if standing.found.critical != critical {
                Arc::make_mut(&mut standing.found).critical = critical;
            }
            let status = standing.found.status;
            let judged = match (rules.judge(check, status), standing.told) {
                (Verdict::Unchanged, Some(told)) => rules.judge(check, told.status),
                (verdict, _) => verdict,
            };
            let (told, event) = match (judged, standing.told) {
                (Verdict::Fires, None) => {
                    let told = ActiveAlert::new(status, standing.found.at);
                    standing.told = Some(told);
                    (told, Event::Firing)
                }
                (Verdict::Resolves, Some(told)) => {
                    standing.told = None;
                    (told, Event::Resolved)
                }
                _ => continue,
            };
            changes.push(Change {
                event,
                cause: Cause::Configuration,
                from: Some(status),
                to: Some(status),
                told,
                at,
                found: Arc::clone(&standing.found),
            });
        }
        changes
    }

    /// Returns all active alerts.
    pub(super) fn firing(&self) -> impl Iterator<Item = (&Arc<LastResult>, ActiveAlert)> {
        let all = self.0.values();
        all.filter_map(|standing| Some((&standing.found, standing.told?)))
    }
}

impl ActiveAlert {
    fn new(status: Status, at: Timestamp) -> Self {
        Self {
            status,
            since: at,
            turned: at,
        }
    }

    fn turned(self, status: Status, at: Timestamp) -> Self {
        Self {
            status,
            since: self.since,
            turned: at,
        }
    }

    /// Returns the severity, in the terms of common Prometheus alerts.
    pub(super) fn severity(self, critical: bool) -> &'static str {
        if critical && self.status == Status::Unhealthy {
            "critical"
        } else {
            "warning"
        }
    }
}

#[cfg(test)]
mod tests;
