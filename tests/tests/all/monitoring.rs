//! What `deploy/monitoring` ships for Prometheus, Alertmanager and Grafana: valid by their own tools, each
//! alert with a case in which it fires and one in which it does not, each query with an answer, and each
//! alert told of on the page for operators.

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
    let said = passes(&checked);
    // It finds what these tests find, so that none of them looks at a part.
    let rules = Rules::shipped();
    for count in [rules.alerts.len(), rules.records.len()] {
        assert!(said.contains(&format!("{count} rules found")), "{said}");
    }
}

#[test]
fn every_case_of_the_rules_holds() {
    passes(&promtool(
        &directory(),
        &["test", "rules", CHECKS, HOST, NUMBERS],
    ));
}

#[test]
fn nothing_is_recorded_that_nobody_asks_for() {
    let rules = Rules::shipped();
    let alerts = rules.alerts.iter().map(|alert| alert.query.clone());
    let boards = Dashboard::shipped();
    let panels = boards.iter().flat_map(Dashboard::queries);
    let asked: Vec<_> = alerts.chain(panels.map(|(_, query)| query)).collect();
    for record in rules.records {
        let is_asked = asked.iter().any(|query| query.contains(&record.name));
        assert!(is_asked, "{}", record.name);
    }
}

#[test]
fn the_example_for_alertmanager_is_valid_and_wakes_for_what_is_critical_alone() {
    passes(&amtool(&["check-config", "alertmanager.yml"]));
    for alert in Rules::shipped().alerts {
        let wakes = alert.severity == "critical";
        let receiver = if wakes { "pager" } else { "tickets" };
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

#[test]
fn what_is_broken_is_red() {
    let copy = copy();
    let spoil = |file: &str, from: &str, to: &str| {
        let shipped = shipped::text(file).replace(shipped::CREDENTIALS, "metrics-token");
        let spoilt = shipped::replaced(&shipped, &[(from, to)]);
        std::fs::write(copy.path().join(file), spoilt).expect("a copy can be written");
    };
    let check = ["check", "config", "prometheus.yml"];
    passes(&promtool(copy.path(), &check));
    for (file, from, to) in [
        ("prometheus.yml", "static_configs", "statik_configs"),
        (ALERTS, "vitals_ready == 0", "vitals_ready == "),
        (ALERTS, "for: 3m", "for: soon"),
    ] {
        spoil(file, from, to);
        fails(&promtool(copy.path(), &check));
        spoil(file, from, from);
    }
    // What is a rule to Prometheus, and no longer asks what it asked.
    let cases = ["test", "rules", CHECKS, HOST, NUMBERS];
    passes(&promtool(copy.path(), &cases));
    for (file, from, to) in [
        (ALERTS, "vitals_ready == 0", "vital_ready == 0"),
        (ALERTS, "critical=\"false\"", "critical=\"no\""),
        (ALERTS, "vitals_check_breaker_open", "vitals_breaker_open"),
        (
            ALERTS,
            "is refused\n          description",
            "refused\n          description",
        ),
        (RECORDING, "fuel|", ""),
        (RECORDING, "0.95", "0.59"),
    ] {
        spoil(file, from, to);
        let said = fails(&promtool(copy.path(), &cases));
        assert!(said.contains("FAILED"), "{from}: {said}");
        spoil(file, from, from);
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

/// What a tool said that had nothing against it.
fn passes(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

/// What a tool said that had something against it.
fn fails(output: &Output) -> String {
    assert!(!output.status.success(), "{}", said(output));
    said(output)
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).concat()
}

const ALERTS: &str = "rules/alerts.yml";
const RECORDING: &str = "rules/recording.yml";
const CHECKS: &str = "rules/tests/checks.yml";
const HOST: &str = "rules/tests/host.yml";
const NUMBERS: &str = "rules/tests/recording.yml";
