//! `GET /health` of a real host: its bytes, and that it never runs a check. Its verdict, its waiting for
//! the first round and its status codes are tested beside the server.

use insta::assert_snapshot;
use vitals_tests::guests::{HELLO, HTTP_GET, SLEEP, STATUS};
use vitals_tests::{Reply, Target, TestHost};

#[tokio::test]
async fn a_healthy_host_responds_as_documented() {
    let config = "[checks.database]\nplugin = 'status'\nconfig = { message = 'Connection OK' }";
    let builder = TestHost::builder().config(config).guests([STATUS]);
    let host = builder.plugin("billing", HELLO).start().await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_snapshot!(host.tidy(answer.text()));
}

#[tokio::test]
async fn an_unhealthy_host_says_why() {
    let config = "[checks.database]\nplugin = 'status'\n\
                  config = { status = 'unhealthy', message = 'connection refused' }\n\
                  [checks.queue]\nplugin = 'sleep'\ntimeout = '100ms'\nconfig = { time = '10s' }";
    let host = TestHost::start(config, [STATUS, SLEEP]).await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(host.tidy(answer.text()));
}

#[tokio::test]
async fn the_first_round_is_over_after_its_grace() {
    let config = "[server]\nstartup_grace = '300ms'\n\
                  [checks.endless]\nplugin = 'sleep'\ntimeout = '30s'\nconfig = { time = '25s' }";
    let host = TestHost::start(config, [SLEEP]).await;
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
    let host = TestHost::start(&config, [HTTP_GET]).await;
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
