//! Tests of every page and status, without a socket.

mod access;
mod reload;
pub(crate) mod rig;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use rig::{Counted, FakeStats, Rig};
use vitals_config::{Config, Details, Server, UnhealthyStatus};
use vitals_core::events::{ConfigurationApplied, Event, Sink as _};
use vitals_model::Status;
use vitals_model::reload::CheckChanges;

fn guarded(token: Option<&str>) -> Server {
    let mut server = Server::default();
    server.details = Details::Authorized;
    server.admin_token = token.map(Into::into);
    server
}

const SHOWN: &str = r#"{"name":"database","status":"healthy","message":"Connection OK","latency_ms":2.5,"details":{},"checked_at":"2026-01-27T10:29:58Z"}"#;
const HIDDEN: &str = r#"{"name":"database","status":"healthy","message":"","latency_ms":2.5,"details":{},"checked_at":"2026-01-27T10:29:58Z"}"#;

#[tokio::test]
async fn health_is_byte_for_byte_as_documented() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    let answer = rig.get("/health").await;
    answer.is(200, &answer.body);
    let expected = format!(r#"{{"status":"healthy","timestamp":"now","checks":[{SHOWN}]}}"#);
    assert_eq!(answer.now_as("now"), expected);
}

#[tokio::test]
async fn no_checks_are_healthy() {
    let rig = Rig::new(&Server::default());
    rig.board.all_added();
    let answer = rig.get("/health").await;
    assert_eq!(
        answer.now_as("now"),
        r#"{"status":"healthy","timestamp":"now","checks":[]}"#
    );
}

#[tokio::test]
async fn the_status_while_unhealthy_is_the_configured_one() {
    for (setting, status) in [
        (UnhealthyStatus::Ok, 200),
        (UnhealthyStatus::ServiceUnavailable, 503),
    ] {
        let mut server = Server::default();
        server.unhealthy_status = setting;
        let unhealthy = Rig::settled(&server, Status::Unhealthy)
            .get("/health")
            .await;
        assert_eq!(unhealthy.status, status);
        assert!(
            unhealthy
                .body
                .contains(r#""error":{"code":"timeout","message":"too slow"}"#)
        );
        assert_eq!(
            Rig::settled(&server, Status::Degraded)
                .get("/health")
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn details_need_the_token() {
    let rig = Rig::settled(&guarded(Some("s3cret")), Status::Healthy);
    assert!(rig.get("/health").await.body.contains(HIDDEN));
    assert!(rig.get_as("wrong", "/health").await.body.contains(HIDDEN));
    assert!(rig.get_as("s3cret", "/health").await.body.contains(SHOWN));
    let check = "/health/checks/database";
    assert!(!rig.get(check).await.body.contains("db.internal"));
    assert!(
        rig.get_as("s3cret", check)
            .await
            .body
            .contains("db.internal")
    );
    let closed = Rig::settled(&guarded(None), Status::Healthy);
    assert!(closed.get_as("", "/health").await.body.contains(HIDDEN));
}

#[tokio::test]
async fn health_waits_for_the_first_round() {
    let rig = Rig::new(&Server::default());
    rig.place("database");
    rig.board.all_added();
    let mut waiting = std::pin::pin!(rig.get("/health"));
    let early = tokio::time::timeout(Duration::from_millis(20), waiting.as_mut()).await;
    assert!(early.is_err(), "answered before the first round was over");
    rig.post("database", Status::Healthy);
    assert!(waiting.await.body.contains(SHOWN));
}

#[tokio::test]
async fn health_stops_waiting_when_shutdown_begins() {
    let rig = Rig::new(&Server::default());
    rig.place("database");
    rig.closing.cancel();
    let body = rig.get("/health").await.body;
    assert!(
        body.contains(r#""message":"not run yet","latency_ms":0.0,"details":{},"checked_at":null"#)
    );
}

#[tokio::test]
async fn ready_follows_verdict_first_round_and_shutdown() {
    let server = Server::default();
    for (status, code, body) in [
        (
            Status::Healthy,
            200,
            r#"{"status":"ready","health":"healthy"}"#,
        ),
        (
            Status::Degraded,
            200,
            r#"{"status":"ready","health":"degraded"}"#,
        ),
        (
            Status::Unknown,
            200,
            r#"{"status":"ready","health":"degraded"}"#,
        ),
        (
            Status::Unhealthy,
            503,
            r#"{"status":"not_ready","health":"unhealthy"}"#,
        ),
    ] {
        Rig::settled(&server, status)
            .get("/health/ready")
            .await
            .is(code, body);
    }
    let early = Rig::new(&server);
    early
        .get("/health/ready")
        .await
        .is(503, r#"{"status":"not_ready","health":"healthy"}"#);
    let closing = Rig::settled(&server, Status::Healthy);
    closing.closing.cancel();
    closing
        .get("/health/ready")
        .await
        .is(503, r#"{"status":"not_ready","health":"healthy"}"#);
    closing
        .get("/health/live")
        .await
        .is(200, r#"{"status":"alive"}"#);
}

#[tokio::test]
async fn live_names_a_stalled_loop() {
    let rig = Rig::settled(&Server::default(), Status::Unhealthy);
    rig.get("/health/live")
        .await
        .is(200, r#"{"status":"alive"}"#);
    let rig = Rig::with(&Server::default(), FakeStats(Some("epoch")), None);
    rig.get("/health/live")
        .await
        .is(503, r#"{"loop":"epoch","status":"stalled"}"#);
}

#[tokio::test]
async fn startup_ends_with_the_first_round() {
    let rig = Rig::new(&Server::default());
    rig.place("database");
    rig.get("/health/startup")
        .await
        .is(503, r#"{"status":"starting"}"#);
    rig.board.end_first_round();
    rig.get("/health/startup")
        .await
        .is(200, r#"{"status":"started"}"#);
}

#[tokio::test]
async fn one_check_is_found_by_its_name() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    rig.post("module:billing", Status::Healthy);
    for path in [
        "/health/checks/module:billing",
        "/health/checks/module%3Abilling",
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .body
                .starts_with(r#"{"name":"module:billing","status":"healthy""#)
        );
    }
    let unknown = r#"{"error":"there is no check `other`; `/health` lists all checks"}"#;
    rig.get("/health/checks/other").await.is(404, unknown);
    let odd = r#"{"error":"there is no check `a\"b c`; `/health` lists all checks"}"#;
    rig.get("/health/checks/a%22b%0A%0Dc").await.is(404, odd);
    let no_text = r#"{"error":"the name of a check must be UTF-8; `/health` lists all checks"}"#;
    rig.get("/health/checks/%FF").await.is(404, no_text);
}

#[tokio::test]
async fn tools_are_always_named() {
    let rig = Rig::new(&Server::default());
    rig.get("/health/tools")
        .await
        .is(200, r#"{"flower":null,"grafana":null,"prometheus":null}"#);
}

#[tokio::test]
async fn tools_can_change() {
    let rig = Rig::new(&Server::default());
    let config: Config = "[tools]\nwiki = 'https://wiki.example.com'"
        .parse()
        .unwrap();
    rig.settings
        .on(&Event::ConfigurationApplied(&ConfigurationApplied {
            config: &config,
            is_change: true,
            changes: &CheckChanges::default(),
            roots_changed: false,
            path: None,
        }));
    rig.get("/health/tools").await.is(
        200,
        r#"{"flower":null,"grafana":null,"prometheus":null,"wiki":"https://wiki.example.com"}"#,
    );
}

#[tokio::test]
async fn metrics_say_how_to_enable_them() {
    let answer = Rig::new(&Server::default()).get("/metrics").await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.body.contains("ENABLE_METRICS=true"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn metrics_show_the_moment_and_what_was_asked() {
    let rig = Rig::with(
        &Server::default(),
        FakeStats(None),
        Some(Counted::default()),
    );
    rig.post("database", Status::Unhealthy);
    rig.board.all_added();
    rig.get("/health/checks/a").await;
    rig.get("/health/checks/b").await;
    rig.get("/else").await;
    rig.ask(Method::from_bytes(b"BREW").unwrap(), "/health", None)
        .await;
    let answer = rig.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers[CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let moment = "Moment { statuses: [(CheckName(\"database\"), Unhealthy)], health: Unhealthy, \
                  ready: false, directory_readable: true, runs_in_flight: 3, max_runs: 64, \
                  epoch_ticks: 7 }";
    let asked = "GET /health/checks/{name} 404\nGET /health/checks/{name} 404\nGET other 404\n\
                 other /health 405\n";
    assert_eq!(answer.body, format!("{moment}\n{asked}"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/health/startup",
        "/health/checks/database",
        "/health/tools",
        "/plugins",
        "/metrics",
        "/nothing",
    ] {
        let get = rig.get(path).await;
        let head = rig.ask(Method::HEAD, path, None).await;
        assert_eq!(
            (head.status, head.body.as_str()),
            (get.status, ""),
            "{path}"
        );
        assert_eq!(
            head.headers[CONTENT_LENGTH],
            get.body.len().to_string().as_str(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_errors() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    for path in [
        "/",
        "/health/",
        "/Health",
        "/health/live/",
        "/health/checks/",
        "//health",
    ] {
        let answer = rig.get(path).await;
        let start = format!(r#"{{"error":"there is nothing at `{path}`; the pages are /health, "#);
        answer.is(404, &answer.body);
        assert!(answer.body.starts_with(&start), "{}", answer.body);
    }
    let long = rig.get(&format!("/{}", "x".repeat(9_000))).await;
    assert!(long.body.len() < 400, "{}", long.body);
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let answer = rig.ask(method, "/health/checks/database", None).await;
        answer.is(405, r#"{"error":"this page answers GET and HEAD only"}"#);
        assert_eq!(answer.headers[ALLOW], "GET,HEAD");
    }
}

#[tokio::test]
async fn both_routers_can_be_mounted_in_another_service() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    let own = || Router::new().fallback(|| async { "mine" });
    let whole = own().merge(router(rig.state.clone()));
    let probes = own()
        .route("/health", get(|| async { "own" }))
        .merge(probes_router(rig.state));
    let nested = own().nest("/vitals", probes.clone());
    let only_post = r#"{"error":"this changes something, and answers POST only"}"#;
    for (service, path, expected) in [
        (&whole, "/health/live", r#"{"status":"alive"}"#),
        (&whole, "/else", "mine"),
        (&whole, "/-/reload", only_post),
        (&probes, "/-/reload", only_post),
        (&probes, "/health", "own"),
        (
            &probes,
            "/health/ready",
            r#"{"status":"ready","health":"healthy"}"#,
        ),
        (&nested, "/vitals/health/live", r#"{"status":"alive"}"#),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let body = service.clone().oneshot(request).await.unwrap().into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), expected, "{path}");
    }
}
