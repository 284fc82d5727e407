//! The cases of the rules, put to the test: with a rule that always fires, never, or at once, one of them
//! is red. So each alert has a case in which it fires, one in which it does not, and one before its time.

use serde_json::Value;

use super::shipped::{self, Alert, Rules};
use super::{ALERTS, CHECKS, HOST, NUMBERS, RECORDING, fails, promtool};

#[test]
fn no_alert_can_be_another_without_a_case_that_says_so() {
    let rules = Rules::shipped();
    let always = spoilt(ALERTS, |rule| rule["expr"] = "vector(1)".into());
    let never = spoilt(ALERTS, |rule| rule["expr"] = "vector(1) < 0".into());
    let at_once = spoilt(ALERTS, |rule| rule["for"] = "0s".into());
    for alert in &rules.alerts {
        let fires_for_nothing = |expected: usize, got: usize| expected == 0 && got > 0;
        let is_missed = |expected: usize, got: usize| expected > 0 && got == 0;
        let of = |said: &str, is_red: &dyn Fn(usize, usize) -> bool| {
            compared(said, alert).any(|(expected, got)| is_red(expected, got))
        };
        let Alert { name, severity, .. } = alert;
        assert!(
            of(&always, &fires_for_nothing),
            "{name}, {severity}: never quiet in a case"
        );
        assert!(
            of(&never, &is_missed),
            "{name}, {severity}: fires in no case"
        );
        let waits = !alert.after.is_empty();
        let early = of(&at_once, &fires_for_nothing);
        assert_eq!(
            waits, early,
            "{name}, {severity}: no case just before its time"
        );
    }
}

#[test]
fn no_record_can_be_another_without_a_case_that_says_so() {
    let said = spoilt(RECORDING, |rule| rule["expr"] = "vector(7)".into());
    for record in Rules::shipped().records {
        let red = format!("expr: \"{}\"", record.name);
        assert!(said.contains(&red), "{}: {said}", record.name);
    }
}

/// What promtool says of the cases with each rule of a file changed.
fn spoilt(file: &str, change: impl Fn(&mut Value)) -> String {
    let copy = shipped::copy();
    let mut rules = shipped::yaml(file);
    let groups = rules["groups"].as_array_mut().expect("groups").iter_mut();
    let lists = groups.filter_map(|group| group["rules"].as_array_mut());
    lists.flatten().for_each(change);
    // JSON is YAML.
    std::fs::write(copy.path().join(file), rules.to_string()).expect("a copy can be written");
    fails(&promtool(
        copy.path(),
        &["test", "rules", CHECKS, HOST, NUMBERS],
    ))
}

/// For each red case of an alert, how many of its severity were expected, and how many there were.
fn compared(said: &str, alert: &Alert) -> impl Iterator<Item = (usize, usize)> {
    let name = format!("{}, ", alert.name);
    let severity = format!("severity=\"{}\"", alert.severity);
    let cases = said.split("alertname: ").skip(1);
    cases.filter_map(move |case| {
        let (expected, got) = case.strip_prefix(&name)?.split_once("got:[")?;
        let count = |text: &str| text.matches(&severity).count();
        Some((count(expected), count(got)))
    })
}
