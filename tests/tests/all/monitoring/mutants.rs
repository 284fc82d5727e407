//! Mutations of the rules that their cases must notice: a rule that always fires, never, or at once. So
//! each alert has a case in which it fires, one in which it does not, and one before its time.

use serde_json::Value;

use super::shipped::{self, Alert, Rules};
use super::{ALERTS, CASES, RECORDING, fails, promtool};

#[test]
fn the_cases_notice_a_change_of_any_alert() {
    let always = mutated(ALERTS, |rule| rule["expr"] = "vector(1)".into());
    let never = mutated(ALERTS, |rule| rule["expr"] = "vector(1) < 0".into());
    let at_once = mutated(ALERTS, |rule| rule["for"] = "0s".into());
    for alert in &Rules::shipped().alerts {
        let fires_falsely = |(expected, got): (usize, usize)| expected == 0 && got > 0;
        let is_missed = |(expected, got): (usize, usize)| expected > 0 && got == 0;
        let Alert { name, severity, .. } = alert;
        let inactive = failures(&always, alert).any(fires_falsely);
        assert!(inactive, "{name}, {severity}: inactive in no case");
        let firing = failures(&never, alert).any(is_missed);
        assert!(firing, "{name}, {severity}: fires in no case");
        let waits = !alert.after.is_empty();
        let pending = failures(&at_once, alert).any(fires_falsely);
        assert_eq!(waits, pending, "{name}, {severity}: pending in no case");
    }
}

#[test]
fn the_cases_notice_a_change_of_any_record() {
    let output = mutated(RECORDING, |rule| rule["expr"] = "vector(7)".into());
    for record in Rules::shipped().records {
        let failure = format!("expr: \"{}\"", record.name);
        assert!(output.contains(&failure), "{}: {output}", record.name);
    }
}

/// The output of promtool for the cases, with each rule of a file changed.
fn mutated(file: &str, change: impl Fn(&mut Value)) -> String {
    let copy = shipped::copy();
    let mut rules = shipped::yaml(file);
    let groups = rules["groups"].as_array_mut().expect("groups").iter_mut();
    let lists = groups.filter_map(|group| group["rules"].as_array_mut());
    lists.flatten().for_each(change);
    // JSON is YAML.
    std::fs::write(copy.path().join(file), rules.to_string()).expect("a copy can be written");
    fails(&promtool(copy.path(), &CASES))
}

/// For each failed case of an alert, how many of its severity were expected, and how many there were.
fn failures(output: &str, alert: &Alert) -> impl Iterator<Item = (usize, usize)> {
    let name = format!("{}, ", alert.name);
    let severity = format!("severity=\"{}\"", alert.severity);
    let cases = output.split("alertname: ").skip(1);
    cases.filter_map(move |case| {
        let (expected, got) = case.strip_prefix(&name)?.split_once("got:[")?;
        let count = |text: &str| text.matches(&severity).count();
        Some((count(expected), count(got)))
    })
}
