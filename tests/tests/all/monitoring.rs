//! The files of `deploy/monitoring` for Prometheus, Alertmanager and Grafana: valid by their own tools;
//! each alert has a case in which it fires and one in which it does not, each query has a result, and the
//! page for operators describes each alert.

mod arriving;
mod dashboards;
mod life;
mod mutants;
pub(crate) mod page;
mod queries;
mod quick;
mod shipped;

use std::path::Path;
use std::process::{Command, Output};

use vitals_tests::servers::{installed, run_with_input};

use self::shipped::{Dashboard, Rules, copy, directory};

#[test]
fn the_configuration_and_the_rules_are_valid_to_promtool() {
    passes(&promtool(
        copy().path(),
        &["check", "config", "prometheus.yml"],
    ));
    let checked = promtool(&directory(), &["check", "rules", ALERTS, RECORDING]);
    let output = passes(&checked);
    // It finds as many rules as these tests, so that these test all of them.
    let rules = Rules::shipped();
    for count in [rules.alerts.len(), rules.records.len()] {
        assert!(output.contains(&format!("{count} rules found")), "{output}");
    }
}

#[test]
fn every_case_of_the_rules_holds() {
    passes(&promtool(&directory(), &CASES));
}

#[test]
fn every_record_is_used() {
    let rules = Rules::shipped();
    let alerts = rules.alerts.iter().map(|alert| alert.query.clone());
    let boards = Dashboard::shipped();
    let panels = boards.iter().flat_map(Dashboard::queries);
    let queries: Vec<_> = alerts.chain(panels.map(|(_, query)| query)).collect();
    for record in rules.records {
        let is_used = queries.iter().any(|query| query.contains(&record.name));
        assert!(is_used, "{}", record.name);
    }
}

#[test]
fn the_example_for_alertmanager_is_valid_and_pages_only_for_critical_alerts() {
    passes(&amtool(&["check-config", "alertmanager.yml"]));
    for alert in Rules::shipped().alerts {
        let is_critical = alert.severity == "critical";
        let receiver = if is_critical { "pager" } else { "tickets" };
        let labels = [
            format!("alertname={}", alert.name),
            format!("severity={}", alert.severity),
        ];
        let route = ["config", "routes", "test", "--config.file=alertmanager.yml"];
        let expected = format!("--verify.receivers={receiver}");
        let words = [&route[..], &[&expected, &labels[0], &labels[1]]].concat();
        passes(&amtool(&words));
    }
}

fn promtool(directory: &Path, words: &[&str]) -> Output {
    run(installed("prometheus", "promtool")
        .current_dir(directory)
        .args(words))
}

fn amtool(words: &[&str]) -> Output {
    run(installed("prometheus-alertmanager", "amtool")
        .current_dir(directory())
        .args(words))
}

fn run(command: &mut Command) -> Output {
    run_with_input(command, "")
}

/// The output of a tool that succeeded.
fn passes(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    text(output)
}

/// The output of a tool that failed.
fn fails(output: &Output) -> String {
    assert!(!output.status.success(), "{}", text(output));
    text(output)
}

fn text(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).concat()
}

const ALERTS: &str = "rules/alerts.yml";
const RECORDING: &str = "rules/recording.yml";
const CASES: [&str; 5] = [
    "test",
    "rules",
    "rules/tests/checks.yml",
    "rules/tests/host.yml",
    "rules/tests/recording.yml",
];
