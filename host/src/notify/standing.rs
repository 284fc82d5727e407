//! Which checks are not well, and which of it is told: what turns once is told once. Knows nothing of
//! who is told, or how.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::check::{CheckName, Code, Status};
use crate::config::{Config, Notified};

/// What is told, by the configuration.
#[derive(Debug, Default)]
pub(super) struct Rules {
    on: Vec<Notified>,
    /// Whether it is told of a check; of those that have no table, `otherwise`.
    checks: BTreeMap<CheckName, bool>,
    otherwise: bool,
}

/// What was found of a check when it last turned.
#[derive(Clone, Debug)]
pub(super) struct Found {
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
    found: Arc<Found>,
    told: Option<Told>,
}

/// What was told of a check, and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
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
    pub(super) told: Told,
    pub(super) at: Timestamp,
    pub(super) found: Arc<Found>,
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
    Rests,
    /// As it was.
    Stays,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let checks = config.checks.iter();
        Self {
            on: config.notify.on.clone(),
            checks: checks
                .map(|(name, check)| (name.clone(), check.schedule.notify))
                .collect(),
            otherwise: config.defaults.schedule.notify,
        }
    }

    fn judge(&self, check: &CheckName, status: Status) -> Verdict {
        let is_told = self.checks.get(check).copied().unwrap_or(self.otherwise);
        let notified = match status {
            Status::Healthy => None,
            Status::Degraded => Some(Notified::Degraded),
            Status::Unhealthy => Some(Notified::Unhealthy),
            Status::Unknown => Some(Notified::Unknown),
        };
        match notified {
            _ if !is_told => Verdict::Rests,
            Some(notified) if self.on.contains(&notified) => Verdict::Fires,
            // Of what nothing is known, it is not known that it is well again either.
            Some(Notified::Unknown) => Verdict::Stays,
            _ => Verdict::Rests,
        }
    }
}

impl Standings {
    /// Takes in that a check has turned, or fails otherwise than before; answers what is to be told.
    pub(super) fn turned(
        &mut self,
        found: Found,
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
            (Verdict::Fires, None) => (Some(Told::new(status, at)), Some(Event::Firing)),
            (Verdict::Fires, Some(told)) if told.status == status => {
                (Some(told), Some(Event::Restated))
            }
            (Verdict::Fires, Some(told)) => (Some(told.turned(status, at)), Some(Event::Firing)),
            (Verdict::Rests, told) => (None, told.map(|_| Event::Resolved)),
            (Verdict::Stays, told) => (told, None),
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
            let status = standing.found.status;
            let judged = match (rules.judge(check, status), standing.told) {
                (Verdict::Stays, Some(told)) => rules.judge(check, told.status),
                (verdict, _) => verdict,
            };
            let (told, event) = match (judged, standing.told) {
                (Verdict::Fires, None) => {
                    let told = Told::new(status, standing.found.at);
                    standing.told = Some(told);
                    (told, Event::Firing)
                }
                (Verdict::Rests, Some(told)) => {
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
    pub(super) fn firing(&self) -> impl Iterator<Item = (&Arc<Found>, Told)> {
        let all = self.0.values();
        all.filter_map(|standing| Some((&standing.found, standing.told?)))
    }
}

impl Told {
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
mod tests {
    use super::*;

    /// The turns of one check under rules, each with what was told of it.
    struct Trail {
        standings: Standings,
        rules: Rules,
        shown: Option<Status>,
        second: i64,
    }

    fn rules(text: &str) -> Rules {
        Rules::new(&text.parse::<Config>().expect("a configuration"))
    }

    impl Trail {
        fn new(text: &str) -> Self {
            Self {
                standings: Standings::default(),
                rules: rules(text),
                shown: None,
                second: 0,
            }
        }

        fn turn(&mut self, status: Status) -> String {
            self.second += 1;
            let found = Found {
                check: "a".parse().expect("a name"),
                plugin: None,
                version: None,
                critical: true,
                status,
                code: None,
                message: String::new(),
                details: Map::new(),
                at: Timestamp::from_second(self.second).expect("a time"),
            };
            let from = self.shown.replace(status);
            let change = self.standings.turned(found, from, &self.rules);
            change.map_or_else(String::new, |change| shown(&change))
        }

        fn reconsider(&mut self, text: &str) -> String {
            self.second += 1;
            self.rules = rules(text);
            let at = Timestamp::from_second(self.second).expect("a time");
            let changes = self.standings.reconsider(&self.rules, at);
            changes.iter().map(shown).collect()
        }
    }

    fn shown(change: &Change) -> String {
        let status = |status: Option<Status>| status.map_or("none", Status::as_str);
        format!(
            "{:?} {:?} {} -> {} since {} at {}",
            change.event,
            change.cause,
            status(change.from),
            status(change.to),
            change.told.since.as_second(),
            change.at.as_second(),
        )
    }

    use Status::{Degraded, Healthy, Unhealthy, Unknown};

    #[test]
    fn by_default_it_is_told_when_a_check_turns_unhealthy_and_when_it_is_that_no_more() {
        let mut trail = Trail::new("");
        assert_eq!(trail.turn(Healthy), "");
        assert_eq!(trail.turn(Degraded), "");
        let fires = "Firing Status degraded -> unhealthy since 3 at 3";
        assert_eq!(trail.turn(Unhealthy), fires);
        let goes_on = "Restated Status unhealthy -> unhealthy since 3 at 4";
        assert_eq!(trail.turn(Unhealthy), goes_on);
        let ends = "Resolved Status unhealthy -> degraded since 3 at 5";
        assert_eq!(trail.turn(Degraded), ends);
        assert_eq!(trail.turn(Unknown), "");
        assert_eq!(trail.turn(Healthy), "");
        assert_eq!(trail.standings.0.len(), 0);
    }

    #[test]
    fn a_first_result_is_told_where_it_is_not_well() {
        let fires = "Firing Status none -> unhealthy since 1 at 1";
        assert_eq!(Trail::new("").turn(Unhealthy), fires);
        assert_eq!(Trail::new("").turn(Unknown), "");
    }

    #[test]
    fn of_what_nothing_is_known_is_left_as_it_was_unless_that_is_told_itself() {
        let mut trail = Trail::new("notify.on = ['degraded']");
        trail.turn(Degraded);
        assert_eq!(trail.turn(Unknown), "");
        assert_eq!(trail.standings.firing().count(), 1);
        let goes_on = "Restated Status unknown -> degraded since 1 at 3";
        assert_eq!(trail.turn(Degraded), goes_on);
        trail.turn(Unknown);
        let ends = "Resolved Status unknown -> healthy since 1 at 5";
        assert_eq!(trail.turn(Healthy), ends);

        let mut trail = Trail::new("notify.on = ['degraded', 'unknown']");
        trail.turn(Degraded);
        let turns = "Firing Status degraded -> unknown since 1 at 2";
        assert_eq!(trail.turn(Unknown), turns);
    }

    #[test]
    fn a_check_of_which_nothing_is_to_be_told_is_left_out() {
        let text = "[defaults]\nnotify = false\n[checks.b]\nnotify = true";
        assert_eq!(Trail::new(text).turn(Unhealthy), "");
        let text = "[checks.a]\nnotify = false";
        assert_eq!(Trail::new(text).turn(Unhealthy), "");
    }

    #[test]
    fn other_rules_end_and_begin_what_is_told() {
        let mut trail = Trail::new("");
        trail.turn(Unhealthy);
        let silent = "[checks.a]\nnotify = false";
        let ends = "Resolved Configuration unhealthy -> unhealthy since 1 at 2";
        assert_eq!(trail.reconsider(silent), ends);
        assert_eq!(trail.reconsider(silent), "");
        let fires = "Firing Configuration unhealthy -> unhealthy since 1 at 4";
        assert_eq!(trail.reconsider(""), fires);
        assert_eq!(trail.turn(Unknown), "");
        assert_eq!(trail.reconsider(""), "");
        let ends = "Resolved Configuration unknown -> unknown since 1 at 7";
        assert_eq!(trail.reconsider("notify.on = ['degraded']"), ends);
    }

    #[test]
    fn what_is_gone_is_told_where_it_was_told_of_before() {
        let mut trail = Trail::new("");
        trail.turn(Unhealthy);
        let check = "a".parse().expect("a name");
        let gone = |trail: &mut Trail| {
            let gone = trail.standings.gone(&check, Timestamp::UNIX_EPOCH);
            gone.map(|change| shown(&change))
        };
        let ends = "Resolved Removed unhealthy -> none since 1 at 0";
        assert_eq!(gone(&mut trail).as_deref(), Some(ends));
        assert_eq!(gone(&mut trail), None);
        trail.turn(Degraded);
        assert_eq!(gone(&mut trail), None);
    }
}
