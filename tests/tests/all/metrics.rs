//! `GET /metrics`: which metrics there are, and what they count.

mod plugins;
mod service;

use insta::assert_snapshot;
use vitals_host::metrics::FAMILIES;
use vitals_tests::{Reply, Target, TestHost, eventually, guests};

#[tokio::test]
async fn disabled_metrics_are_not_found_and_say_how_to_enable_them() {
    let host = TestHost::builder().start().await;
    let answer = host.get("/metrics").await;
    assert_eq!(answer.status, 404);
    assert_snapshot!(answer.text());
}

#[tokio::test]
async fn every_metric_has_its_name_type_and_help() {
    let target = Target::start(Reply::Silence);
    let config = format!(
        "[checks.a]\nplugin = 'measure'\n[checks.b]\nplugin = 'tcp-connect'\n\
         config = {{ address = '{}', others = ['127.0.0.1:2'] }}",
        target.address()
    );
    let host = TestHost::builder()
        .env("ENABLE_METRICS", "true")
        .config(&config)
        .plugin("measure", guests::MEASURE)
        .plugin("tcp-connect", guests::TCP_CONNECT)
        .start()
        .await;
    host.health().await;
    let answer = host.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let comments: Vec<_> = answer
        .text()
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    assert_snapshot!(comments.join("\n"));
    let types = comments
        .iter()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| line.split(' ').next());
    for name in names.filter(|name| !name.starts_with("process_")) {
        let declared = FAMILIES.iter().any(|family| family.name() == name);
        assert!(declared, "{name} is no family of `metrics/family.rs`");
    }
}

/// The value of a series, if there is one.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn runs_states_and_requests_are_counted() {
    let config = "[metrics]\nenabled = true\n[defaults]\ninterval = '100ms'\ntimeout = '100ms'\n\
                  [checks.down]\nplugin = 'status'\nconfig = { status = 'unhealthy' }\n\
                  [checks.slow]\nplugin = 'sleep'\nconfig = { time = '10s' }";
    let host = TestHost::builder()
        .config(config)
        .plugin("status", guests::STATUS)
        .plugin("sleep", guests::SLEEP)
        .plugin("measure", guests::MEASURE)
        .plugin("broken", b"garbage")
        .start()
        .await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    host.ask("BREW", "/health", &[]).await;
    let at_least = async |series: &str, least: f64| {
        eventually(&format!("{series} is at least {least}"), async || {
            let text = host.get("/metrics").await.body;
            let found = value(&text, series);
            if found.is_some_and(|found| found >= least) {
                Ok(text)
            } else {
                Err(text)
            }
        })
        .await
    };
    at_least(
        r#"vitals_check_runs_total{check="down",result="unhealthy"}"#,
        2.0,
    )
    .await;
    at_least(
        r#"vitals_check_runs_total{check="slow",result="timeout"}"#,
        2.0,
    )
    .await;
    at_least(
        r#"vitals_check_runs_total{check="module:measure",result="healthy"}"#,
        2.0,
    )
    .await;
    at_least(r#"vitals_check_consecutive_failures{check="down"}"#, 2.0).await;
    let text = at_least(r#"vitals_check_duration_seconds_count{check="slow"}"#, 2.0).await;
    for (series, expected) in [
        (r#"vitals_check_state{check="down",state="unhealthy"}"#, 1.0),
        (r#"vitals_check_state{check="down",state="healthy"}"#, 0.0),
        (
            r#"vitals_check_state{check="module:measure",state="healthy"}"#,
            1.0,
        ),
        (r#"vitals_health_state{state="unhealthy"}"#, 1.0),
        ("vitals_ready", 0.0),
        ("vitals_plugins_dir_readable", 1.0),
        (
            r#"vitals_check_info{check="down",plugin="status",critical="true"}"#,
            1.0,
        ),
        (
            r#"vitals_check_measurement{check="module:measure",name="free",unit="ratio"}"#,
            0.5,
        ),
        (r#"vitals_plugin_generation{plugin="status"}"#, 1.0),
        (
            r#"vitals_plugin_last_load_successful{plugin="broken"}"#,
            0.0,
        ),
        (
            r#"vitals_plugin_loads_total{plugin="status",result="success"}"#,
            1.0,
        ),
        (
            r#"http_requests_total{endpoint="/health",method="GET",status="200"}"#,
            1.0,
        ),
        (
            r#"http_requests_total{endpoint="/health",method="other",status="405"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
    assert!(
        value(&text, r#"vitals_check_last_fuel{check="down"}"#) > Some(1000.0),
        "{text}"
    );
}

#[tokio::test]
async fn a_check_that_is_gone_leaves_no_series_behind() {
    let config = "[metrics]\nenabled = true";
    let host = TestHost::builder()
        .config(config)
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    host.health().await;
    assert!(host.get("/metrics").await.text().contains("module:hello"));
    host.take_out("hello");
    eventually("no series of the check or plugin", async || {
        let text = host.get("/metrics").await.body;
        if text.contains("hello") {
            Err(text)
        } else {
            Ok(())
        }
    })
    .await;
}
