//! What the page for operators says of alerts, held to the rules.

use std::collections::BTreeSet;

use vitals_host::check::{Activity, Code, LimitUse, RunError};

use super::shipped::Rules;
use crate::docs::markdown::Part;
use crate::docs::rows::table;

#[test]
fn each_alert_has_its_part_of_the_page_and_leads_there() {
    let section = Part::of("docs/operate.md").section("Alerts");
    let parts = section.text().split("\n### ").skip(1);
    let mut told = BTreeSet::new();
    for part in parts {
        let (name, text) = part.split_once('\n').expect("a heading and a text");
        assert!(told.insert(name.to_owned()), "{name} stands twice");
        for word in ["**Means.**", "**Look.**", "**Do.**"] {
            assert!(text.contains(word), "{name} does not say {word}");
        }
    }
    let alerts = Rules::shipped().alerts;
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert.name.clone()).collect();
    assert_eq!(told, names);
    for alert in &alerts {
        // As every renderer of Markdown makes it of a heading.
        let anchor = format!("docs/operate.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.runbook, anchor, "{}", alert.name);
        assert!(alert.name.starts_with("Vitals"), "{}", alert.name);
        let severities = ["critical", "warning"];
        assert!(
            severities.contains(&alert.severity.as_str()),
            "{}",
            alert.name
        );
    }
}

#[test]
fn the_limits_of_the_rules_are_those_that_the_breaker_counts() {
    let records = Rules::shipped().records;
    let limited = records
        .iter()
        .find(|record| record.name.contains("limited"));
    let query = &limited.expect("it is recorded").query;
    let (_, codes) = query.split_once("result=~\"").expect("a choice of results");
    let codes: BTreeSet<_> = codes
        .split('"')
        .next()
        .unwrap_or_default()
        .split('|')
        .collect();
    let exceeds_limit = |code: &Code| {
        let error = RunError::new(*code, "").with_activity(Activity::Computing);
        error.limit_use() == LimitUse::Exceeded
    };
    let exceeding = Code::ALL.into_iter().filter(exceeds_limit);
    assert_eq!(codes, exceeding.map(Code::as_str).collect());
}

/// The table of the page.
pub(crate) fn alerts() -> String {
    let rows = Rules::shipped().alerts.into_iter().map(|alert| {
        let name = &alert.name;
        let link = format!("[`{name}`](#{})", name.to_lowercase());
        vec![link, alert.severity, alert.after]
    });
    table(&["alert", "severity", "after"], &rows.collect::<Vec<_>>())
}
