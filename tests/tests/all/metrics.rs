//! `GET /metrics`: which metrics there are, and what they count.

mod plugins;
mod service;

use insta::assert_snapshot;
use vitals_host::metrics::FAMILIES;
use vitals_tests::guests::{HELLO, MEASURE, SLEEP, STATUS, TCP_CONNECT};
use vitals_tests::{Reply, Target, TestHost, eventually, sample, when};

#[tokio::test]
async fn every_metric_has_its_name_type_and_help() {
    let target = Target::start(Reply::Silence);
    let config = format!(
        "[checks.a]\nplugin = 'measure'\n[checks.b]\nplugin = 'tcp-connect'\n\
         config = {{ address = '{}', others = ['127.0.0.1:2'] }}",
        target.address()
    );
    let builder = TestHost::builder().config(&config);
    let builder = builder.guests([MEASURE, TCP_CONNECT]);
    let host = builder.env("ENABLE_METRICS", "true").start().await;
    host.health().await;
    let answer = host.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let lines = answer.text().lines();
    let comments: Vec<_> = lines.filter(|line| line.starts_with('#')).collect();
    assert_snapshot!(comments.join("\n"));
    let comments = comments.iter();
    let types = comments.filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| line.split(' ').next());
    for name in names.filter(|name| !name.starts_with("process_")) {
        let declared = FAMILIES.iter().any(|family| family.name() == name);
        assert!(declared, "{name} is no family of `metrics/family.rs`");
    }
}

#[tokio::test]
async fn runs_states_and_requests_are_counted() {
    let config = "[metrics]\nenabled = true\n[defaults]\ninterval = '100ms'\ntimeout = '100ms'\n\
                  [checks.down]\nplugin = 'status'\nconfig = { status = 'unhealthy' }\n\
                  [checks.slow]\nplugin = 'sleep'\nconfig = { time = '10s' }";
    let builder = TestHost::builder().config(config);
    let builder = builder.guests([STATUS, SLEEP, MEASURE]);
    let host = builder.plugin("broken", b"garbage").start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    host.ask("BREW", "/health", &[]).await;
    let mut page = String::new();
    for series in [
        r#"vitals_check_runs_total{check="down",result="unhealthy"}"#,
        r#"vitals_check_runs_total{check="slow",result="timeout"}"#,
        r#"vitals_check_runs_total{check="module:measure",result="healthy"}"#,
        r#"vitals_check_consecutive_failures{check="down"}"#,
        r#"vitals_check_duration_seconds_count{check="slow"}"#,
    ] {
        page = eventually(&format!("{series} is at least 2"), async || {
            let page = host.get("/metrics").await.body;
            when(sample(&page, series) >= Some(2.0), page)
        })
        .await;
    }
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
        assert_eq!(sample(&page, series), Some(expected), "{series} in\n{page}");
    }
    let fuel = sample(&page, r#"vitals_check_last_fuel{check="down"}"#);
    assert!(fuel > Some(1000.0), "{page}");
}

#[tokio::test]
async fn a_check_that_is_removed_leaves_no_series() {
    let host = TestHost::start("[metrics]\nenabled = true", [HELLO]).await;
    host.health().await;
    assert!(host.get("/metrics").await.text().contains("module:hello"));
    host.take_out("hello");
    eventually("no series of the check or plugin", async || {
        let page = host.get("/metrics").await.body;
        when(!page.contains("hello"), page)
    })
    .await;
}
