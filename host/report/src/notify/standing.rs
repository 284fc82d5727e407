//! Which checks are not well, and which of it is told: what turns once is told once. Knows nothing of
//! who is told, or how.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use vitals_config::{Config, NotifyStatus, Schedule};
use vitals_model::{CheckName, Code, Status};

/// What is told, by the configuration.
#[derive(Debug, Default)]
pub(super) struct Rules {
    on: Vec<NotifyStatus>,
    /// Whether it is told of a check, and whether that is critical; of those that have no table,
    /// `otherwise`.
    checks: BTreeMap<CheckName, (bool, bool)>,
    otherwise: (bool, bool),
}

/// What was found of a check when it last turned.
#[derive(Clone, Debug)]
pub(super) struct LastResult {
    pub(super) check: CheckName,
    pub(super) plugin: Option<String>,
    /// That of the plugin.
    pub(super) version: Option<String>,
    pub(super) critical: bool,
    pub(super) status: Status,
    pub(super) code: Option<Code>,
    pub(super) message: String,
    pub(super) details: Map<String, Value>,
    pub(super) at: Timestamp,
}

/// The checks that are not well.
#[derive(Debug, Default)]
pub(super) struct Standings(BTreeMap<CheckName, Standing>);

#[derive(Debug)]
struct Standing {
    found: Arc<LastResult>,
    told: Option<ActiveAlert>,
}

/// What was told of a check, and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActiveAlert {
    pub(super) status: Status,
    /// Since when there is anything to tell.
    pub(super) since: Timestamp,
    /// Since when it is this status.
    pub(super) turned: Timestamp,
}

/// Something that somebody is to be told.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) event: Event,
    pub(super) cause: Cause,
    /// What was shown before; nothing for the first result.
    pub(super) from: Option<Status>,
    /// What is shown; nothing where the check is gone.
    pub(super) to: Option<Status>,
    /// What is told from here on, or was until now.
    pub(super) told: ActiveAlert,
    pub(super) at: Timestamp,
    pub(super) found: Arc<LastResult>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    /// It is not well, or not well otherwise than before.
    Firing,
    /// It ends.
    Resolved,
    /// It goes on, for another reason: nothing that anybody is notified of.
    Restated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cause {
    /// The status of the check turned.
    Status,
    /// The check is gone.
    Removed,
    /// What is told is another thing by the configuration.
    Configuration,
}

enum Verdict {
    Fires,
    Resolves,
    /// As it was.
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
            Status::Degraded => Some(NotifyStatus::Degraded),
            Status::Unhealthy => Some(NotifyStatus::Unhealthy),
            Status::Unknown => Some(NotifyStatus::Unknown),
        };
        match notified {
            _ if !is_told => Verdict::Resolves,
            Some(notified) if self.on.contains(&notified) => Verdict::Fires,
            // Of what nothing is known, it is not known that it is well again either.
            Some(NotifyStatus::Unknown) => Verdict::Unchanged,
            _ => Verdict::Resolves,
        }
    }
}

impl Standings {
    /// Takes in that a check has turned, or fails otherwise than before; answers what is to be told.
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

    /// Takes in that a check is gone.
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

    /// Takes in that other rules hold.
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

    /// All that was told and has not ended.
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

    /// How bad it is, in the words of Prometheus' alerts.
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
