//! Tests of transitions, and of the changes that follow.

use super::*;

/// The transitions of one check under rules, each with its change.
struct Trail {
    alert_states: AlertStates,
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
            alert_states: AlertStates::default(),
            rules: rules(text),
            shown: None,
            second: 0,
        }
    }

    fn turn(&mut self, status: Status) -> String {
        self.second += 1;
        let last_result = LastResult {
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
        let change = self.alert_states.record(last_result, from, &self.rules);
        change.map_or_else(String::new, |change| shown(&change))
    }

    fn apply_rules(&mut self, text: &str) -> String {
        self.second += 1;
        self.rules = rules(text);
        let at = Timestamp::from_second(self.second).expect("a time");
        let changes = self.alert_states.apply_rules(&self.rules, at);
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
        change.alert.since.as_second(),
        change.at.as_second(),
    )
}

use Status::{Degraded, Healthy, Unhealthy, Unknown};

#[test]
fn by_default_only_unhealthy_checks_fire() {
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
    assert_eq!(trail.alert_states.0.len(), 0);
}

#[test]
fn an_unhealthy_first_result_fires() {
    let fires = "Firing Status none -> unhealthy since 1 at 1";
    assert_eq!(Trail::new("").turn(Unhealthy), fires);
    assert_eq!(Trail::new("").turn(Unknown), "");
}

#[test]
fn unknown_keeps_an_alert_unless_unknown_is_notified() {
    let mut trail = Trail::new("notify.on = ['degraded']");
    trail.turn(Degraded);
    assert_eq!(trail.turn(Unknown), "");
    assert_eq!(trail.alert_states.firing().count(), 1);
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
fn a_check_with_notify_false_is_left_out() {
    let text = "[defaults]\nnotify = false\n[checks.b]\nnotify = true";
    assert_eq!(Trail::new(text).turn(Unhealthy), "");
    let text = "[checks.a]\nnotify = false";
    assert_eq!(Trail::new(text).turn(Unhealthy), "");
}

#[test]
fn new_rules_resolve_and_fire_alerts() {
    let mut trail = Trail::new("");
    trail.turn(Unhealthy);
    let silent = "[checks.a]\nnotify = false";
    let ends = "Resolved Configuration unhealthy -> unhealthy since 1 at 2";
    assert_eq!(trail.apply_rules(silent), ends);
    assert_eq!(trail.apply_rules(silent), "");
    let fires = "Firing Configuration unhealthy -> unhealthy since 1 at 4";
    assert_eq!(trail.apply_rules(""), fires);
    assert_eq!(trail.turn(Unknown), "");
    assert_eq!(trail.apply_rules(""), "");
    let ends = "Resolved Configuration unknown -> unknown since 1 at 7";
    assert_eq!(trail.apply_rules("notify.on = ['degraded']"), ends);
}

#[test]
fn the_severity_follows_the_configuration() {
    let mut trail = Trail::new("");
    trail.turn(Unhealthy);
    let severity = |trail: &Trail| {
        let mut firing = trail.alert_states.firing();
        firing
            .next()
            .map(|(last_result, alert)| alert.severity(last_result.critical))
    };
    assert_eq!(severity(&trail), Some("critical"));
    assert_eq!(trail.apply_rules("[checks.a]\ncritical = false"), "");
    assert_eq!(severity(&trail), Some("warning"));
}

#[test]
fn removing_a_check_resolves_its_alert() {
    let mut trail = Trail::new("");
    trail.turn(Unhealthy);
    let check = "a".parse().expect("a name");
    let remove = |trail: &mut Trail| {
        let remove = trail.alert_states.remove(&check, Timestamp::UNIX_EPOCH);
        remove.map(|change| shown(&change))
    };
    let ends = "Resolved Removed unhealthy -> none since 1 at 0";
    assert_eq!(remove(&mut trail).as_deref(), Some(ends));
    assert_eq!(remove(&mut trail), None);
    trail.turn(Degraded);
    assert_eq!(remove(&mut trail), None);
}
