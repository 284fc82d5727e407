//! Drives the service's router without a socket.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;

/// The service, its host, and the plugins directory that goes with them.
struct Running {
    host: Arc<Host>,
    service: Router,
    _plugins: TempDir,
}

impl Running {
    async fn start() -> Self {
        let plugins = tempfile::tempdir().unwrap();
        let mut config = config().unwrap();
        config.plugins.dir = plugins.path().into();
        for check in config.checks.values_mut() {
            check.schedule.interval = Duration::from_millis(20);
            check.schedule.timeout = Duration::from_millis(20);
            check.schedule.retry_interval = Duration::from_millis(20);
        }
        let shop = Arc::new(Shop::default());
        let host = Arc::new(start_host(config, Arc::clone(&shop)).await.unwrap());
        let service = service(shop, Arc::clone(&host)).unwrap();
        host.first_round().await;
        Self {
            host,
            service,
            _plugins: plugins,
        }
    }

    async fn ask(&self, method: Method, path: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = self.service.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(Method::GET, path).await
    }

    /// Asks until the page says `wanted`.
    async fn eventually(&self, path: &str, wanted: &str) {
        let mut last = String::new();
        let asking = async {
            while !last.contains(wanted) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                last = self.get(path).await.1;
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(10), asking).await;
        assert!(asked.is_ok(), "{path} never said {wanted}, last: {last}");
    }
}

#[tokio::test]
async fn the_service_keeps_its_pages_and_the_host_brings_its_probes() {
    let running = Running::start().await;
    let open = (StatusCode::OK, "the shop is healthy".to_owned());
    assert_eq!(running.get("/health").await, open);
    let ready = (
        StatusCode::OK,
        r#"{"status":"ready","health":"healthy"}"#.to_owned(),
    );
    assert_eq!(running.get("/health/ready").await, ready);
    assert_eq!(running.get("/elsewhere").await.0, StatusCode::NOT_FOUND);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_check_of_the_service_follows_what_it_looks_at() {
    let running = Running::start().await;
    running
        .eventually("/health/checks/orders", r#""status":"healthy""#)
        .await;
    for _ in 0..=100 {
        assert_eq!(running.ask(Method::POST, "/orders").await.0, StatusCode::OK);
    }
    running
        .eventually("/health/checks/orders", "more than 100 orders wait")
        .await;
    running
        .eventually("/health/ready", r#""health":"degraded""#)
        .await;
    running.host.shutdown().await;
}

#[tokio::test]
async fn what_the_service_counts_stands_among_the_metrics() {
    let running = Running::start().await;
    for _ in 0..3 {
        running.ask(Method::POST, "/orders").await;
    }
    let (_, metrics) = running.get("/metrics").await;
    assert!(metrics.contains("\nshop_orders_total 3\n"), "{metrics}");
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_check_can_come_and_go_while_the_host_runs() {
    let running = Running::start().await;
    assert_eq!(
        running.get("/health/checks/late").await.0,
        StatusCode::NOT_FOUND
    );
    running
        .host
        .register("late", || async { Err::<Outcome, _>("no stock") })
        .unwrap();
    running.eventually("/health/checks/late", "no stock").await;
    running.eventually("/health/ready", "not_ready").await;
    running.host.unregister("late").unwrap();
    running
        .eventually("/health/checks/late", "there is no check")
        .await;
    running
        .eventually("/health/ready", r#""status":"ready""#)
        .await;
    running.host.shutdown().await;
}

#[tokio::test]
async fn from_shutdown_on_it_is_not_ready_and_answers_still() {
    let running = Running::start().await;
    running.host.shutdown().await;
    let (status, body) = running.get("/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, r#"{"status":"not_ready","health":"healthy"}"#);
    assert_eq!(running.get("/health").await.0, StatusCode::OK);
}
