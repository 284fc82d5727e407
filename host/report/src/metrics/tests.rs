//! Tests of what a scrape shows.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::delivery_metrics::RequestResult;
use vitals_core::Moment;
use vitals_core::board::{CheckFacts, PluginFacts};
use vitals_core::events::{Event, PluginLoaded, PluginRejected, Sink as _};
use vitals_core::schedule::{FinishedRun, Skipped};
use vitals_model::{
    Breaker, CheckName, Code, Digest, LimitUse, Measurement, Outcome, PluginName, RunError,
    RunReport, Status, Usage, seconds,
};
use vitals_sandbox::LoadError;

fn enabled() -> Metrics {
    Metrics::enabled("0.1.0", "48.0.8")
}

fn name(text: &str) -> CheckName {
    text.parse().unwrap()
}

fn guest_report() -> RunReport {
    let outcome = Outcome::healthy("")
        .measure(seconds("lag", 1.5))
        .measure(Measurement::new("expiry", 1_798_761_600, "timestamp"));
    let mut report = RunReport::answered(outcome, Duration::from_millis(3));
    report.usage = Usage::new(1_000, 65_536);
    report
}

fn run(check: &str, status: Status, report: RunReport) -> FinishedRun {
    FinishedRun {
        job_generation: vitals_core::schedule::JobGeneration::default(),
        check: name(check),
        report: Arc::new(report),
        status,
        consecutive_failures: 0,
        breaker: Breaker::default(),
        next_due: Instant::now(),
        stale_at: Instant::now(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The events of these tests.
impl Metrics {
    pub(super) fn check_upserted(&self, check: &CheckName, plugin: &str, critical: bool) {
        let facts = CheckFacts {
            critical,
            interval_ms: 1,
            timeout_ms: 1,
            plugin: Some(PluginFacts {
                name: plugin.to_owned(),
                version: None,
                digest: None,
                generation: 1,
            }),
            grants: Vec::new(),
        };
        let facts = &facts;
        self.on(&Event::CheckUpserted { check, facts });
    }

    pub(super) fn check_removed(&self, check: &CheckName) {
        self.on(&Event::CheckRemoved { check });
    }

    pub(super) fn plugin_removed(&self, plugin: &PluginName) {
        self.on(&Event::PluginRemoved { plugin });
    }

    fn plugin_loaded(
        &self,
        plugin: &PluginName,
        version: &str,
        digest: Digest,
        generation: u64,
        compile_time: Duration,
    ) {
        self.on(&Event::PluginLoaded(&PluginLoaded {
            plugin,
            version,
            digest,
            generation,
            compile_time,
            path: Path::new("plugin.wasm"),
        }));
    }

    fn plugin_load_failed(&self, plugin: &PluginName) {
        self.on(&Event::PluginRejected(&PluginRejected {
            plugin,
            version: None,
            digest: None,
            active: None,
            error: &LoadError::Empty,
            path: Path::new("plugin.wasm"),
        }));
    }

    fn run_finished(&self, run: &FinishedRun, checked_at: Timestamp) {
        self.on(&Event::RunFinished { run, checked_at });
    }

    fn run_waited(&self, time: Duration) {
        self.on(&Event::RunWaited { time });
    }

    fn runs_skipped(&self, reason: Skipped, count: u64) {
        let check = &name("a");
        self.on(&Event::RunsSkipped {
            check,
            reason,
            count,
        });
    }

    fn config_reloaded(&self, successful: bool, at: Timestamp) {
        let registry = self.0.as_ref().expect("they are enabled");
        registry.host.config_reloaded(successful, at);
    }
}

/// The lines that contain `what`, without comments.
fn lines(metrics: &Metrics, what: &str) -> Vec<String> {
    let text = metrics.text();
    text.lines()
        .filter(|line| !line.starts_with('#') && line.contains(what))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_run_shows_in_every_series_of_its_check() {
    let metrics = enabled();
    metrics.check_upserted(&name("orders-db"), "postgres", true);
    metrics.run_finished(
        &run("orders-db", Status::Healthy, guest_report()),
        at(1_000),
    );
    metrics.run_finished(
        &run("orders-db", Status::Healthy, guest_report()),
        at(1_001),
    );
    assert_eq!(
        lines(&metrics, "orders-db"),
        [
            r#"vitals_check_breaker_open{check="orders-db"} 0"#,
            r#"vitals_check_consecutive_failures{check="orders-db"} 0"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.0001"} 0"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.0005"} 0"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.0025"} 0"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.01"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.05"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="0.25"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="1"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="2.5"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="5"} 2"#,
            r#"vitals_check_duration_seconds_bucket{check="orders-db",le="+Inf"} 2"#,
            r#"vitals_check_duration_seconds_sum{check="orders-db"} 0.006"#,
            r#"vitals_check_duration_seconds_count{check="orders-db"} 2"#,
            r#"vitals_check_fuel_total{check="orders-db"} 2000"#,
            r#"vitals_check_info{check="orders-db",plugin="postgres",critical="true"} 1"#,
            r#"vitals_check_last_fuel{check="orders-db"} 1000"#,
            r#"vitals_check_last_healthy_timestamp_seconds{check="orders-db"} 1001"#,
            r#"vitals_check_last_run_timestamp_seconds{check="orders-db"} 1001"#,
            r#"vitals_check_measurement{check="orders-db",name="lag",unit="seconds"} 1.5"#,
            r#"vitals_check_measurement_timestamp_seconds{check="orders-db",name="expiry"} 1798761600"#,
            r#"vitals_check_memory_peak_bytes{check="orders-db"} 65536"#,
            r#"vitals_check_runs_total{check="orders-db",result="healthy"} 2"#,
            r#"vitals_check_runs_total{check="orders-db",result="degraded"} 0"#,
            r#"vitals_check_runs_total{check="orders-db",result="unhealthy"} 0"#,
        ]
    );
}

#[test]
fn a_failed_run_counts_by_its_code_and_leaves_only_points_in_time() {
    let metrics = enabled();
    metrics.check_upserted(&name("a"), "http", false);
    metrics.run_finished(&run("a", Status::Healthy, guest_report()), at(1_000));
    let mut report =
        RunReport::failed(RunError::new(Code::Timeout, "slow"), Duration::from_secs(9));
    report.denied = vec![("tcp", 2), ("http", 1)];
    let failed = FinishedRun {
        consecutive_failures: 4,
        ..run("a", Status::Unhealthy, report)
    };
    metrics.run_finished(&failed, at(2_000));
    let all = lines(&metrics, "check=\"a\"");
    for line in [
        r#"vitals_check_runs_total{check="a",result="timeout"} 1"#,
        r#"vitals_check_runs_total{check="a",result="unhealthy"} 0"#,
        r#"vitals_denied_total{check="a",kind="tcp"} 2"#,
        r#"vitals_denied_total{check="a",kind="http"} 1"#,
        r#"vitals_check_consecutive_failures{check="a"} 4"#,
        r#"vitals_check_last_healthy_timestamp_seconds{check="a"} 1000"#,
        r#"vitals_check_last_run_timestamp_seconds{check="a"} 2000"#,
        r#"vitals_check_duration_seconds_bucket{check="a",le="5"} 1"#,
        r#"vitals_check_duration_seconds_bucket{check="a",le="+Inf"} 2"#,
    ] {
        assert!(all.iter().any(|is| is == line), "no `{line}` in {all:#?}");
    }
    let measured = |metrics: &Metrics| lines(metrics, "vitals_check_measurement");
    let expiry =
        r#"vitals_check_measurement_timestamp_seconds{check="a",name="expiry"} 1798761600"#;
    assert_eq!(measured(&metrics), [expiry]);
    // What a run that has not failed leaves out is no longer measured.
    let report = RunReport::answered(Outcome::healthy(""), Duration::ZERO);
    metrics.run_finished(&run("a", Status::Healthy, report), at(3_000));
    assert!(measured(&metrics).is_empty());
}

#[test]
fn an_updated_check_keeps_its_counts() {
    let metrics = enabled();
    metrics.check_upserted(&name("a"), "http", true);
    metrics.run_finished(&run("a", Status::Healthy, guest_report()), at(1_000));
    metrics.check_upserted(&name("a"), "tcp", false);
    let info = [r#"vitals_check_info{check="a",plugin="tcp",critical="false"} 1"#];
    assert_eq!(lines(&metrics, "check_info"), info);
    let runs = r#"vitals_check_runs_total{check="a",result="healthy"} 1"#;
    assert!(lines(&metrics, "runs_total").iter().any(|is| is == runs));
}

#[test]
fn an_open_breaker_is_shown_until_a_run_or_an_update_closes_it() {
    let metrics = enabled();
    let mut breaker = Breaker::default();
    for _ in 0..3 {
        breaker.observe(LimitUse::Exceeded);
    }
    let open = FinishedRun {
        breaker,
        ..run("a", Status::Unhealthy, guest_report())
    };
    let shown = || lines(&metrics, "breaker_open");
    let (zero, one) = (
        [r#"vitals_check_breaker_open{check="a"} 0"#],
        [r#"vitals_check_breaker_open{check="a"} 1"#],
    );
    metrics.check_upserted(&name("a"), "http", true);
    assert_eq!(shown(), zero);
    metrics.run_finished(&open, at(1_000));
    assert_eq!(shown(), one);
    metrics.run_finished(&run("a", Status::Healthy, guest_report()), at(1_001));
    assert_eq!(shown(), zero);
    metrics.run_finished(&open, at(1_002));
    metrics.check_upserted(&name("a"), "http", true);
    assert_eq!(shown(), zero);
}

#[test]
fn waits_count_with_or_without_a_permit() {
    let metrics = enabled();
    metrics.run_waited(Duration::from_micros(50));
    metrics.run_waited(Duration::from_secs(40));
    let waits = lines(&metrics, "vitals_run_queue_wait_seconds");
    for line in [
        r#"vitals_run_queue_wait_seconds_bucket{le="0.0001"} 1"#,
        r#"vitals_run_queue_wait_seconds_bucket{le="30"} 1"#,
        "vitals_run_queue_wait_seconds_count 2",
    ] {
        assert!(
            waits.iter().any(|is| is == line),
            "no `{line}` in {waits:#?}"
        );
    }
}

#[test]
fn removal_leaves_no_series() {
    let metrics = enabled();
    let (plugin, digest) = ("billing".parse().unwrap(), Digest::of(b"1"));
    metrics.check_upserted(&name("module:billing"), "billing", true);
    metrics.run_finished(
        &run("module:billing", Status::Healthy, guest_report()),
        at(1_000),
    );
    metrics.plugin_loaded(&plugin, "1.0.0", digest, 1, Duration::from_secs(1));
    assert!(lines(&metrics, "billing").len() > 20);
    metrics.check_removed(&name("module:billing"));
    metrics.plugin_removed(&plugin);
    // A run that was in flight meanwhile has no effect.
    metrics.run_finished(
        &run("module:billing", Status::Healthy, guest_report()),
        at(1_000),
    );
    assert_eq!(lines(&metrics, "billing"), [""; 0]);
}

#[test]
fn a_failed_load_keeps_the_active_version() {
    let metrics = enabled();
    let (plugin, digest) = ("billing".parse().unwrap(), Digest::of(b"1"));
    let version = format!("1.0.0-{}", "x".repeat(60));
    metrics.plugin_loaded(&plugin, &version, digest, 3, Duration::from_millis(250));
    metrics.plugin_load_failed(&plugin);
    let bounded = format!("1.0.0-{}…", "x".repeat(23));
    assert_eq!(
        lines(&metrics, "vitals_plugin_"),
        [
            r#"vitals_plugin_compile_seconds{plugin="billing"} 0.25"#.into(),
            r#"vitals_plugin_generation{plugin="billing"} 3"#.into(),
            format!(
                r#"vitals_plugin_info{{plugin="billing",version="{bounded}",digest="{digest}"}} 1"#
            ),
            r#"vitals_plugin_last_load_successful{plugin="billing"} 0"#.into(),
            r#"vitals_plugin_loads_total{plugin="billing",result="success"} 1"#.into(),
            r#"vitals_plugin_loads_total{plugin="billing",result="failure"} 1"#.into(),
        ]
    );
}

#[test]
fn the_host_counts_itself_from_the_start() {
    let metrics = enabled();
    metrics.runs_skipped(Skipped::Busy, 1);
    metrics.config_reloaded(true, at(1_000));
    metrics.config_reloaded(false, at(2_000));
    for (what, expected) in [
        (
            "build_info",
            r#"vitals_build_info{version="0.1.0",wasmtime="48.0.8"} 1"#,
        ),
        (
            "last_reload_successful",
            "vitals_config_last_reload_successful 0",
        ),
        (
            "last_reload_success_t",
            "vitals_config_last_reload_success_timestamp_seconds 1000",
        ),
        ("panics", "vitals_host_panics_total 0"),
        (
            "\"busy\"} 1",
            r#"vitals_runs_skipped_total{reason="busy"} 1"#,
        ),
        ("\"full\"", r#"vitals_runs_skipped_total{reason="full"} 0"#),
    ] {
        assert_eq!(lines(&metrics, what), [expected], "{what}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(lines(&metrics, "process_open_fds").len(), 1);
}

#[test]
fn disabled_metrics_ignore_every_call() {
    let metrics = Metrics::default();
    metrics.check_upserted(&name("a"), "http", true);
    metrics.run_finished(&run("a", Status::Healthy, guest_report()), at(1_000));
    metrics.runs_skipped(Skipped::Full, 1);
    assert!(metrics.deliveries().is_none());
    assert!(metrics.exposition().is_none());
    assert_eq!(metrics.text(), "");
}

#[test]
fn a_receiver_has_all_series_from_the_start_and_none_after_removal() {
    let metrics = enabled();
    let deliveries = metrics.deliveries().unwrap();
    let receiver = deliveries.receiver("webhook/a");
    receiver.waiting(2);
    receiver.requested(RequestResult::Sent);
    receiver.dropped(3);
    let shown = |metrics: &Metrics| {
        let text = metrics.text();
        let lines = text.lines().filter(|line| line.starts_with("vitals_notif"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = [
        r#"vitals_notifications_dropped_total{receiver="webhook/a"} 3"#,
        r#"vitals_notifications_total{receiver="webhook/a",result="failed"} 0"#,
        r#"vitals_notifications_total{receiver="webhook/a",result="refused"} 0"#,
        r#"vitals_notifications_total{receiver="webhook/a",result="sent"} 1"#,
        r#"vitals_notifications_waiting{receiver="webhook/a"} 2"#,
    ];
    assert_eq!(shown(&metrics), expected);
    deliveries.receiver_removed("webhook/a");
    assert!(shown(&metrics).is_empty());
    // A request that ends later does not bring the series back.
    receiver.requested(RequestResult::Sent);
    assert!(shown(&metrics).is_empty());
}

/// The rules of `promtool check metrics` for names and HELP texts.
#[test]
fn declarations_keep_the_rules_of_prometheus() {
    let mut names = BTreeSet::new();
    for family in FAMILIES {
        let (name, help) = (family.name(), family.help());
        assert!(names.insert(name), "{name} twice");
        assert!(
            help.ends_with('.') && !help.starts_with(' '),
            "{name}: {help}"
        );
        let is_counter = family.kind() == "counter";
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        for unit in ["_ms", "_milliseconds", "_percent", "_kilobytes"] {
            assert!(!name.contains(unit), "{name}");
        }
    }
}

#[test]
fn every_family_appears_once_with_its_help_and_labels() {
    let metrics = enabled();
    metrics.check_upserted(&name("a"), "http", true);
    let mut report = guest_report();
    report.denied = vec![("tcp", 1)];
    metrics.run_finished(&run("a", Status::Healthy, report), at(1_000));
    let plugin = "http".parse().unwrap();
    metrics.plugin_loaded(&plugin, "1.0.0", Digest::of(b"1"), 1, Duration::ZERO);
    let exposition = metrics.exposition().unwrap();
    let requests = exposition.endpoint("/health");
    requests.answered("GET", "200", Duration::ZERO);
    metrics.deliveries().unwrap().receiver("webhook/a");
    let statuses = vec![(name("a"), Status::Healthy)];
    let text = exposition.text(&Moment {
        statuses,
        ..moment::idle()
    });
    let helps: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("# HELP "))
        .collect();
    for family in FAMILIES {
        let help = format!("# HELP {} {}", family.name(), family.help());
        assert_eq!(
            helps.iter().filter(|line| **line == help).count(),
            1,
            "{help}"
        );
        let labels: BTreeSet<_> = family.labels().iter().copied().collect();
        let mut series = text.lines().filter_map(|line| labels_of(line, family));
        let first = series.next();
        assert_eq!(first.as_ref(), Some(&labels), "{}", family.name());
        assert!(series.all(|of| of == labels), "{}", family.name());
    }
    assert!(helps.is_sorted(), "{helps:#?}");
}

/// Returns the label names of a series of this family, without the bound of a bucket.
fn labels_of<'a>(line: &'a str, family: &Family) -> Option<BTreeSet<&'a str>> {
    let rest = line.strip_prefix(family.name())?;
    let parts = ["_bucket", "_sum", "_count"];
    let mut parts = parts.iter().filter(|_| family.kind() == "histogram");
    let rest = parts
        .find_map(|part| rest.strip_prefix(part))
        .unwrap_or(rest);
    let labels = match rest.strip_prefix('{') {
        Some(labels) => labels.split_once('}')?.0,
        None => rest.strip_prefix(' ').map(|_| "")?,
    };
    // No label value in this test contains a comma.
    let names = labels.split(',').filter_map(|pair| pair.split_once('='));
    Some(
        names
            .map(|(name, _)| name)
            .filter(|&name| name != "le")
            .collect(),
    )
}
