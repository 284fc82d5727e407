//! The probes: live, ready and startup.

use insta::assert_snapshot;
use vitals_tests::{TestHost, guests};

#[tokio::test]
async fn a_host_that_is_well_is_alive_ready_and_started() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    host.health().await;
    for (page, body) in [
        ("/health/live", r#"{"status":"alive"}"#),
        ("/health/ready", r#"{"status":"ready","health":"healthy"}"#),
        ("/health/startup", r#"{"status":"started"}"#),
    ] {
        let answer = host.get(page).await;
        assert_eq!((answer.status, answer.text()), (200, body), "{page}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{page}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{page}");
    }
}

#[tokio::test]
async fn before_the_first_round_is_over_the_host_is_alive_and_not_ready() {
    let config = "[checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }";
    let host = TestHost::builder()
        .plugin("sleep", guests::SLEEP)
        .config(config)
        .start()
        .await;
    assert_eq!(host.get("/health/live").await.status, 200);
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    // Healthy until the check is placed, degraded from then on: what is known at the moment.
    let known = [
        r#"{"status":"not_ready","health":"healthy"}"#,
        NOTHING_KNOWN,
    ];
    assert!(known.contains(&ready.text()), "{}", ready.text());
    let startup = host.get("/health/startup").await;
    assert_eq!(
        (startup.status, startup.text()),
        (503, r#"{"status":"starting"}"#)
    );
}

const NOTHING_KNOWN: &str = r#"{"status":"not_ready","health":"degraded"}"#;

#[tokio::test]
async fn a_critical_check_that_is_down_makes_the_host_unready_and_leaves_it_alive() {
    let config = "[checks.database]\nplugin = 'status'\nconfig = { status = 'unhealthy' }";
    let host = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    host.health().await;
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert_snapshot!(ready.text(), @r#"{"status":"not_ready","health":"unhealthy"}"#);
    assert_eq!(host.get("/health/live").await.status, 200);
    assert_eq!(host.get("/health/startup").await.status, 200);
}

#[tokio::test]
async fn a_degraded_host_is_ready() {
    let config = "[checks.database]\nplugin = 'status'\nconfig = { status = 'degraded' }";
    let host = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    host.health().await;
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 200);
    assert_snapshot!(ready.text(), @r#"{"status":"ready","health":"degraded"}"#);
}

#[tokio::test]
async fn no_plugin_takes_the_host_out_of_life() {
    let config = "[engine]\nguest_threads = 1\n[defaults]\ntimeout = '2s'\n\
                  [defaults.limits]\nfuel = 1_000_000_000_000\n\
                  [checks.a]\nplugin = 'spin'\n[checks.b]\nplugin = 'spin'\n\
                  [checks.c]\nplugin = 'spin'\n[checks.d]\nplugin = 'spin'";
    let host = TestHost::builder()
        .plugin("spin", guests::SPIN)
        .config(config);
    let host = host.plugin("broken", b"garbage").start().await;
    let started = std::time::Instant::now();
    while host.get("/health/startup").await.status == 503 {
        let asked = std::time::Instant::now();
        assert_eq!(host.get("/health/live").await.status, 200);
        assert!(
            asked.elapsed().as_millis() < 1000,
            "answered after {:?}",
            asked.elapsed()
        );
        assert!(
            started.elapsed().as_secs() < 20,
            "the first round does not end"
        );
    }
}
