//! Tests of access: by token, and by the name of the host.

use axum::body::Body;
use http::header::{HOST, WWW_AUTHENTICATE};
use http::{Method, Request};

use super::*;

/// A host with the admin token `admin` and the metrics token `scraper`, and hidden details.
fn both() -> Rig {
    let mut scraped = vitals_config::Metrics::default();
    scraped.token = Some("scraper".into());
    let metrics = Some(Counted::default());
    let rig = Rig::scraped(&guarded(Some("admin")), &scraped, FakeStats(None), metrics);
    rig.post("database", Status::Healthy);
    rig.board.all_added();
    rig
}

#[tokio::test]
async fn each_page_admits_only_its_clients() {
    let rig = both();
    for (path, to_all, to_scraper) in [
        ("/health", 200, 200),
        ("/health/live", 200, 200),
        ("/health/ready", 200, 200),
        ("/health/startup", 200, 200),
        ("/health/checks/database", 200, 200),
        ("/health/tools", 401, 401),
        ("/plugins", 401, 401),
        ("/metrics", 401, 200),
        ("/nothing", 404, 404),
    ] {
        let expected = if to_all == 404 { 404 } else { 200 };
        assert_eq!(rig.get(path).await.status, to_all, "{path}");
        assert_eq!(rig.get_as("wrong", path).await.status, to_all, "{path}");
        let scraped = rig.get_as("scraper", path).await;
        assert_eq!(scraped.status, to_scraper, "{path}");
        assert_eq!(rig.get_as("admin", path).await.status, expected, "{path}");
        // The answer to an unsupported method contains only documented text.
        let other = rig.ask(Method::PUT, path, None).await.status;
        assert_eq!(other, if to_all == 404 { 404 } else { 405 }, "{path}");
    }
    let head = rig.ask(Method::HEAD, "/metrics", None).await;
    assert_eq!((head.status, head.body.as_str()), (401, ""));
}

#[tokio::test]
async fn the_error_names_the_missing_token() {
    let rig = both();
    for (path, token) in [
        ("/plugins", "the admin token"),
        ("/metrics", "the metrics token or the admin token"),
    ] {
        let answer = rig.get(path).await;
        let body =
            format!(r#"{{"error":"this needs {token}: send it as `Authorization: Bearer`"}}"#);
        answer.is(401, &body);
        assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer");
    }
    let closed = Rig::new(&guarded(None));
    for (path, variable) in [
        ("/plugins", "VITALS_ADMIN_TOKEN"),
        ("/metrics", "VITALS_METRICS_TOKEN"),
    ] {
        let answer = closed.get_as("x", path).await;
        answer.is(403, &answer.body);
        assert!(answer.body.contains(variable), "{}", answer.body);
        assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
    }
}

fn by_name(path: &str, name: &str) -> Request<Body> {
    let request = Request::get(path).header(HOST, name);
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn no_page_answers_to_a_foreign_name() {
    let mut server = Server::default();
    server.hosts = vec!["vitals.example.com".parse().unwrap()];
    let counted = Counted::default();
    let rig = Rig::with(&server, FakeStats(None), Some(counted.clone()));
    rig.board.all_added();
    for path in ["/health", "/plugins", "/health/live", "/-/reload", "/else"] {
        let answer = rig.send(by_name(path, "rebound.test:8000")).await;
        let text = "this host does not answer to the name `rebound.test:8000`: use its IP address, \
                    or add the name to `hosts` under `[server]`";
        answer.is(421, &format!(r#"{{"error":"{text}"}}"#));
    }
    for name in ["vitals.example.com:8000", "127.0.0.1:8000", "localhost"] {
        let answer = rig.send(by_name("/health/live", name)).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    let odd = rig.send(by_name("/", &"ab".repeat(4_000))).await;
    assert!(odd.body.len() < 400, "{}", odd.body);
    let misdirected = counted.lines().matches("GET other 421\n").count();
    assert_eq!(misdirected, 6, "{}", counted.lines());
}

#[tokio::test]
async fn mounted_pages_do_not_check_names() {
    let rig = Rig::settled(&Server::default(), Status::Healthy);
    let request = by_name("/health/live", "anything.test");
    let response = router(rig.state).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}
