//! `GET /health`: its bytes, its verdict, and what it waits for.

use insta::assert_snapshot;
use vitals_tests::{Reply, Target, TestHost, guests};

/// One check of each kind that the design's example shows: named, and dropped in.
const ONE_OF_EACH: &str = r#"
    [checks.database]
    plugin = "status"
    config = { message = "Connection OK" }
"#;

#[tokio::test]
async fn a_healthy_host_answers_as_the_design_shows() {
    let builder = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(ONE_OF_EACH);
    let host = builder.plugin("billing", guests::HELLO).start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_snapshot!(host.tidy(answer.text()));
}

#[tokio::test]
async fn times_are_whole_seconds_of_utc_and_latencies_milliseconds() {
    let config = "[checks.slow]\nplugin = 'sleep'\nconfig = { time = '150ms' }";
    let host = TestHost::builder()
        .plugin("sleep", guests::SLEEP)
        .config(config)
        .start()
        .await;
    let health = host.health().await;
    let is_second = |time: &str| time.len() == "2026-01-27T10:30:00Z".len() && time.ends_with('Z');
    assert!(
        health["timestamp"].as_str().is_some_and(is_second),
        "{health:#}"
    );
    assert!(
        health["checks"][0]["checked_at"]
            .as_str()
            .is_some_and(is_second),
        "{health:#}"
    );
    let latency = health["checks"][0]["latency_ms"].as_f64().unwrap();
    assert!((150.0..1000.0).contains(&latency), "{health:#}");
}

#[tokio::test]
async fn the_time_of_the_answer_goes_on_while_no_result_changes() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    let first = host.health().await;
    host.eventually("a later answer", |health| {
        health["timestamp"] != first["timestamp"]
    })
    .await;
    assert_eq!(
        host.health().await["checks"][0]["checked_at"],
        first["checks"][0]["checked_at"]
    );
}

#[tokio::test]
async fn without_checks_all_is_well() {
    let host = TestHost::builder().start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(host.tidy(answer.text()), @r#"{"status":"healthy","timestamp":"<time>","checks":[]}"#);
}

#[tokio::test]
async fn a_degraded_check_degrades_the_host() {
    let config =
        "[checks.queue]\nplugin = 'status'\nconfig = { status = 'degraded', message = 'long' }";
    let builder = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config);
    let host = builder.plugin("billing", guests::HELLO).start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(host.tidy(answer.text()));
}

/// One critical check that is down, and one that a limit ended.
const DOWN: &str = r#"
    [checks.database]
    plugin = "status"
    config = { status = "unhealthy", message = "connection refused" }
    [checks.queue]
    plugin = "sleep"
    timeout = "100ms"
    config = { time = "10s" }
"#;

#[tokio::test]
async fn an_unhealthy_host_says_why() {
    let builder = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(DOWN);
    let host = builder.plugin("sleep", guests::SLEEP).start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(host.tidy(answer.text()));
}

#[tokio::test]
async fn the_status_of_an_unhealthy_answer_is_the_operators_to_choose() {
    let config = "[server]\nunhealthy_status = 503";
    let builder = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config)
        .config(DOWN);
    let host = builder.plugin("sleep", guests::SLEEP).start().await;
    let answer = host.get("/health").await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (503, &"unhealthy".into())
    );

    let config = "[server]\nunhealthy_status = 503\n[checks.a]\nplugin = 'status'\n\
                  config = { status = 'degraded' }";
    let host = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    let answer = host.get("/health").await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &"degraded".into())
    );
}

#[tokio::test]
async fn an_uncritical_check_that_is_down_only_degrades() {
    let config = "[checks.cache]\nplugin = 'status'\ncritical = false\n\
                  config = { status = 'unhealthy', message = 'gone' }";
    let host = TestHost::builder()
        .plugin("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    let health = host.health().await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["checks"][0]["status"], "unhealthy");
    assert_eq!(host.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn asked_before_the_first_round_is_over_it_waits_for_it() {
    let config = "[checks.slow]\nplugin = 'sleep'\nconfig = { time = '700ms' }";
    let host = TestHost::builder()
        .plugin("sleep", guests::SLEEP)
        .config(config)
        .start()
        .await;
    assert_eq!(host.get("/health/startup").await.status, 503);
    let health = host.health().await;
    assert_eq!(health["checks"][0]["message"], "slept 1 times");
    assert_eq!(host.get("/health/startup").await.status, 200);
}

#[tokio::test]
async fn the_first_round_is_over_when_its_grace_is() {
    let config = "[server]\nstartup_grace = '300ms'\n\
                  [checks.endless]\nplugin = 'sleep'\ntimeout = '30s'\nconfig = { time = '25s' }";
    let host = TestHost::builder()
        .plugin("sleep", guests::SLEEP)
        .config(config)
        .start()
        .await;
    let answer = host.get("/health").await;
    assert_snapshot!(host.tidy(answer.text()), @r#"{"status":"degraded","timestamp":"<time>","checks":[{"name":"endless","status":"unknown","message":"not run yet","latency_ms":<ms>,"details":{},"checked_at":null}]}"#);
    assert_eq!(host.get("/health/startup").await.status, 200);
}

#[tokio::test]
async fn a_get_never_runs_a_check() {
    let target = Target::start(Reply::ok("fine"));
    let config = format!(
        "[checks.web]\nplugin = 'http-get'\ninterval = '1h'\nconfig = {{ url = '{}' }}",
        target.url("/")
    );
    let host = TestHost::builder()
        .plugin("http-get", guests::HTTP_GET)
        .config(&config);
    let host = host.start().await;
    for page in [
        "/health",
        "/health/ready",
        "/health/checks/web",
        "/plugins",
        "/metrics",
    ] {
        for _ in 0..5 {
            host.get(page).await;
        }
    }
    let check = host.check("web").await;
    assert_eq!(
        (&check["status"], target.accepted()),
        (&"healthy".into(), 1),
        "{check:#}"
    );
}
