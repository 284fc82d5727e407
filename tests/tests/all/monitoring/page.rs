//! The page about alerts, compared with the rules.

use std::collections::BTreeSet;

use vitals_host::check::{Activity, Code, LimitUse, RunError};

use super::shipped::{Alert, Rules};
use crate::docs::markdown::Part;
use crate::docs::rows::table;

#[test]
fn each_alert_has_its_part_of_the_page_and_links_to_it() {
    let section = Part::of("docs/alerts.md").section("Runbook");
    let parts = section.text().split("\n### ").skip(1);
    let mut parts_by_name = BTreeSet::new();
    for part in parts {
        let (name, text) = part.split_once('\n').expect("a heading and a text");
        assert!(parts_by_name.insert(name.to_owned()), "{name} occurs twice");
        for word in ["**Means.**", "**Look.**", "**Do.**"] {
            assert!(text.contains(word), "{name} lacks {word}");
        }
    }
    let alerts = Rules::shipped().alerts;
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert.name.clone()).collect();
    assert_eq!(parts_by_name, names);
    for Alert {
        name,
        severity,
        runbook,
        ..
    } in &alerts
    {
        // Renderers of Markdown make this anchor of a heading.
        let anchor = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(*runbook, anchor, "{name}");
        assert!(name.starts_with("Vitals"), "{name}");
        let is_known = ["critical", "warning"].contains(&severity.as_str());
        assert!(is_known, "{name}: {severity}");
    }
}

#[test]
fn the_limits_of_the_rules_are_those_that_the_breaker_counts() {
    let mut records = Rules::shipped().records.into_iter();
    let limited = records.find(|record| record.name.contains("limited"));
    let query = limited.expect("it is recorded").query;
    let (_, codes) = query.split_once("result=~\"").expect("a choice of results");
    let (codes, _) = codes.split_once('"').expect("its end");
    let codes: BTreeSet<_> = codes.split('|').collect();
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
