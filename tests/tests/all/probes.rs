//! The probes of a real host: live, ready and startup.

use vitals_tests::TestHost;
use vitals_tests::guests::{HELLO, SLEEP, SPIN, STATUS};

#[tokio::test]
async fn a_healthy_host_is_alive_ready_and_started() {
    let host = TestHost::start("", [HELLO]).await;
    host.health().await;
    for (page, body) in [
        ("/health/live", r#"{"status":"alive"}"#),
        ("/health/ready", r#"{"status":"ready","health":"healthy"}"#),
        ("/health/startup", r#"{"status":"started"}"#),
    ] {
        let answer = host.get(page).await;
        assert_eq!((answer.status, answer.text()), (200, body), "{page}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/json"), "{page}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{page}");
    }
}

#[tokio::test]
async fn before_the_first_round_is_over_the_host_is_alive_and_not_ready() {
    let config = "[checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }";
    let host = TestHost::start(config, [SLEEP]).await;
    assert_eq!(host.get("/health/live").await.status, 200);
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    // The verdict is healthy until the check is added, and degraded from then on.
    let known = [
        r#"{"status":"not_ready","health":"healthy"}"#,
        r#"{"status":"not_ready","health":"degraded"}"#,
    ];
    assert!(known.contains(&ready.text()), "{}", ready.text());
    let startup = host.get("/health/startup").await;
    assert_eq!(
        (startup.status, startup.text()),
        (503, r#"{"status":"starting"}"#)
    );
}

#[tokio::test]
async fn a_critical_failure_makes_the_host_unready_and_leaves_it_alive() {
    for (settings, ready, health) in [
        ("config = { status = 'unhealthy' }", 503, "unhealthy"),
        ("config = { status = 'degraded' }", 200, "degraded"),
        (
            "critical = false\nconfig = { status = 'unhealthy' }",
            200,
            "degraded",
        ),
    ] {
        let config = format!("[checks.database]\nplugin = 'status'\n{settings}");
        let host = TestHost::start(&config, [STATUS]).await;
        assert_eq!(host.health().await["status"], health);
        let probe = host.get("/health/ready").await;
        assert_eq!(probe.status, ready, "{settings}");
        assert_eq!(probe.json()["health"], health, "{settings}");
        assert_eq!(host.get("/health/live").await.status, 200);
        assert_eq!(host.get("/health/startup").await.status, 200);
    }
}

#[tokio::test]
async fn no_plugin_affects_liveness() {
    let config = "[engine]\nguest_threads = 1\n[defaults]\ntimeout = '2s'\n\
                  [defaults.limits]\nfuel = 1_000_000_000_000\n\
                  [checks.a]\nplugin = 'spin'\n[checks.b]\nplugin = 'spin'\n\
                  [checks.c]\nplugin = 'spin'\n[checks.d]\nplugin = 'spin'";
    let builder = TestHost::builder().config(config).guests([SPIN]);
    let host = builder.plugin("broken", b"garbage").start().await;
    let started = std::time::Instant::now();
    while host.get("/health/startup").await.status == 503 {
        let asked = std::time::Instant::now();
        assert_eq!(host.get("/health/live").await.status, 200);
        let took = asked.elapsed();
        assert!(took.as_millis() < 1000, "it responded after {took:?}");
        let elapsed = started.elapsed().as_secs();
        assert!(elapsed < 20, "the first round does not end");
    }
}
