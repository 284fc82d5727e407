//! The checks that are not healthy, and the alerts that are active for them. The module knows
//! neither receivers nor formats.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use vitals_config::{Config, NotifyStatus, Schedule};
use vitals_model::{CheckName, Code, Status};

/// The rules of the configuration for notifications.
#[derive(Debug, Default)]
pub(super) struct Rules {
    on: Vec<NotifyStatus>,
    /// Whether a check notifies and whether it is critical. `default` holds for checks without a
    /// table.
    checks: BTreeMap<CheckName, (bool, bool)>,
    default: (bool, bool),
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
pub(super) struct AlertStates(BTreeMap<CheckName, AlertState>);

#[derive(Debug)]
struct AlertState {
    last_result: Arc<LastResult>,
    alert: Option<ActiveAlert>,
}

/// An alert that has not been resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActiveAlert {
    pub(super) status: Status,
    /// When the alert started.
    pub(super) since: Timestamp,
    /// When the alert got its present status.
    pub(super) status_since: Timestamp,
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
    pub(super) alert: ActiveAlert,
    pub(super) at: Timestamp,
    pub(super) last_result: Arc<LastResult>,
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

enum Decision {
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
            default: of(&config.defaults.schedule),
        }
    }

    fn of(&self, check: &CheckName) -> (bool, bool) {
        self.checks.get(check).copied().unwrap_or(self.default)
    }

    fn decide(&self, check: &CheckName, status: Status) -> Decision {
        let (notifies, _) = self.of(check);
        let notified = match status {
            Status::Healthy => None,
            Status::Degraded => Some(NotifyStatus::Degraded),
            Status::Unhealthy => Some(NotifyStatus::Unhealthy),
            Status::Unknown => Some(NotifyStatus::Unknown),
        };
        match notified {
            _ if !notifies => Decision::Resolves,
            Some(notified) if self.on.contains(&notified) => Decision::Fires,
            // An unknown status does not show that the check has recovered.
            Some(NotifyStatus::Unknown) => Decision::Unchanged,
            _ => Decision::Resolves,
        }
    }
}

impl AlertStates {
    /// Records a transition of a check. Returns the change to notify receivers of, if any.
    pub(super) fn record(
        &mut self,
        last_result: LastResult,
        from: Option<Status>,
        rules: &Rules,
    ) -> Option<Change> {
        let (status, at) = (last_result.status, last_result.at);
        let before = self
            .0
            .remove(&last_result.check)
            .and_then(|alert_state| alert_state.alert);
        let last_result = Arc::new(last_result);
        let (alert, event) = match (rules.decide(&last_result.check, status), before) {
            (Decision::Fires, None) => (Some(ActiveAlert::new(status, at)), Some(Event::Firing)),
            (Decision::Fires, Some(alert)) if alert.status == status => {
                (Some(alert), Some(Event::Restated))
            }
            (Decision::Fires, Some(alert)) => {
                let changed = ActiveAlert {
                    status,
                    status_since: at,
                    ..alert
                };
                (Some(changed), Some(Event::Firing))
            }
            (Decision::Resolves, alert) => (None, alert.map(|_| Event::Resolved)),
            (Decision::Unchanged, alert) => (alert, None),
        };
        if alert.is_some() || status != Status::Healthy {
            let last_result = Arc::clone(&last_result);
            self.0
                .insert(last_result.check.clone(), AlertState { last_result, alert });
        }
        Some(Change {
            event: event?,
            cause: Cause::Status,
            from,
            to: Some(status),
            alert: alert.or(before)?,
            at,
            last_result,
        })
    }

    /// Records that a check was removed.
    pub(super) fn remove(&mut self, check: &CheckName, at: Timestamp) -> Option<Change> {
        let AlertState { last_result, alert } = self.0.remove(check)?;
        Some(Change {
            event: Event::Resolved,
            cause: Cause::Removed,
            from: Some(last_result.status),
            to: None,
            alert: alert?,
            at,
            last_result,
        })
    }

    /// Applies new rules to all checks.
    pub(super) fn apply_rules(&mut self, rules: &Rules, at: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for (check, alert_state) in &mut self.0 {
            let (_, critical) = rules.of(check);
            if alert_state.last_result.critical != critical {
                Arc::make_mut(&mut alert_state.last_result).critical = critical;
            }
            let status = alert_state.last_result.status;
            let decision = match (rules.decide(check, status), alert_state.alert) {
                (Decision::Unchanged, Some(alert)) => rules.decide(check, alert.status),
                (verdict, _) => verdict,
            };
            let (alert, event) = match (decision, alert_state.alert) {
                (Decision::Fires, None) => {
                    let alert = ActiveAlert::new(status, alert_state.last_result.at);
                    alert_state.alert = Some(alert);
                    (alert, Event::Firing)
                }
                (Decision::Resolves, Some(alert)) => {
                    alert_state.alert = None;
                    (alert, Event::Resolved)
                }
                _ => continue,
            };
            changes.push(Change {
                event,
                cause: Cause::Configuration,
                from: Some(status),
                to: Some(status),
                alert,
                at,
                last_result: Arc::clone(&alert_state.last_result),
            });
        }
        changes
    }

    /// Returns all active alerts.
    pub(super) fn firing(&self) -> impl Iterator<Item = (&Arc<LastResult>, ActiveAlert)> {
        let all = self.0.values();
        all.filter_map(|alert_state| Some((&alert_state.last_result, alert_state.alert?)))
    }
}

impl ActiveAlert {
    fn new(status: Status, at: Timestamp) -> Self {
        Self {
            status,
            since: at,
            status_since: at,
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
