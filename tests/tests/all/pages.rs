//! The other pages: one check, tools, plugins, and what there is nothing at.

use insta::assert_snapshot;
use vitals_tests::{TestHost, guests};

fn pretty(host: &TestHost, text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    host.tidy(&format!("{value:#}"))
}

#[tokio::test]
async fn everything_known_of_one_check() {
    let config = "[checks.orders]\nplugin = 'measure'\ninterval = '15s'\ncritical = false\n\
                  allow = { tcp = ['db.internal:5432'] }";
    let builder = TestHost::builder()
        .plugin("measure", guests::MEASURE)
        .config(config);
    let host = builder.start().await;
    host.health().await;
    let answer = host.get("/health/checks/orders").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let check = answer.json();
    assert!(
        check["result"]["fuel"]
            .as_u64()
            .is_some_and(|fuel| fuel > 1000),
        "{check:#}"
    );
    let memory = check["result"]["memory_peak_bytes"].as_u64();
    assert!(memory.is_some_and(|memory| memory >= 65_536), "{check:#}");
    assert_snapshot!(pretty(&host, answer.text()));
}

#[tokio::test]
async fn a_name_that_no_check_has_is_not_found() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    host.health().await;
    let answer = host.get("/health/checks/orders").await;
    assert_eq!(answer.status, 404);
    assert_snapshot!(answer.text(), @r#"{"error":"there is no check `orders`; `/health` lists all checks"}"#);
    assert_eq!(host.get("/health/checks/%FF").await.status, 404);
    assert_eq!(host.get("/health/checks/module:hello").await.status, 200);
    assert_eq!(host.get("/health/checks/module%3Ahello").await.status, 200);
}

#[tokio::test]
async fn tools_are_those_of_file_and_environment() {
    let host = TestHost::builder().start().await;
    let answer = host.get("/health/tools").await;
    assert_snapshot!(answer.text(), @r#"{"flower":null,"grafana":null,"prometheus":null}"#);

    let config =
        "[tools]\ngrafana = 'http://unused.example.com'\nwiki = 'https://wiki.example.com'";
    let host = TestHost::builder()
        .config(config)
        .env("GRAFANA_URL", "http://grafana.example.com:3000")
        .env("FLOWER_URL", "http://flower.example.com:5555")
        .start()
        .await;
    let answer = host.get("/health/tools").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(answer.text(), @r#"{"flower":"http://flower.example.com:5555","grafana":"http://grafana.example.com:3000","prometheus":null,"wiki":"https://wiki.example.com"}"#);
}

#[tokio::test]
async fn plugins_are_loaded_idle_or_failed() {
    let config = "[checks.local]\nplugin = 'tcp'\nconfig = { address = '127.0.0.1:1' }\n\
                  allow = { http = ['https://*.example.com'], names = ['example.com'] }\n\
                  [checks.other]\nplugin = 'tcp'\nconfig = { address = 'db.internal:5432' }";
    let host = TestHost::builder()
        .config(config)
        .library("tcp", guests::TCP)
        .library("unused", guests::HELLO)
        .plugin("hello", guests::HELLO)
        .plugin("wants-config", guests::WANTS_CONFIG)
        .plugin("broken", b"garbage")
        .start()
        .await;
    host.health().await;
    let answer = host.get("/plugins").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(pretty(&host, answer.text()));
}

#[tokio::test]
async fn an_unknown_path_is_an_error_in_json() {
    let host = TestHost::builder().start().await;
    for path in ["/", "/healthy", "/health/", "/health/live/x", "/-/reloads"] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_snapshot!(host.get("/healthy").await.text());
}

#[tokio::test]
async fn a_method_that_a_page_does_not_take_is_refused() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    for (method, path) in [
        ("POST", "/health"),
        ("DELETE", "/plugins"),
        ("PUT", "/health/live"),
    ] {
        let answer = host.ask(method, path, &[("content-length", "0")]).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {path}");
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{method} {path}"
        );
        assert_eq!(
            answer.text(),
            r#"{"error":"this page answers GET and HEAD only"}"#
        );
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/health/tools",
        "/plugins",
        "/nowhere",
    ] {
        let (get, head) = (host.get(path).await, host.ask("HEAD", path, &[]).await);
        assert_eq!((head.status, head.text()), (get.status, ""), "{path}");
        let length = get.text().len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        assert_eq!(head.header("cache-control"), Some("no-store"), "{path}");
    }
}
