//! Who sees what with `details = "authorized"`.

use insta::assert_snapshot;
use serde_json::json;
use vitals_tests::{TestHost, TestHostBuilder, guests};

const CHECKS: &str = r#"
    [server]
    details = "authorized"
    [checks.measured]
    plugin = "measure"
    [checks.slow]
    plugin = "sleep"
    timeout = "100ms"
    config = { time = "10s" }
"#;

fn builder() -> TestHostBuilder {
    let builder = TestHost::builder()
        .plugin("measure", guests::MEASURE)
        .config(CHECKS);
    builder.plugin("sleep", guests::SLEEP)
}

const TOKEN: (&str, &str) = ("authorization", "Bearer token-of-the-admin");

#[tokio::test]
async fn without_the_token_messages_and_details_are_left_out() {
    let host = builder()
        .env("VITALS_ADMIN_TOKEN", "token-of-the-admin")
        .start()
        .await;
    let answer = host.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(host.tidy(answer.text()));

    let check = host.check("measured").await;
    assert_eq!(
        (&check["message"], &check["details"]),
        (&"".into(), &json!({})),
        "{check:#}"
    );
    for hidden in ["plugin", "grants"] {
        assert!(check[hidden].is_null(), "{hidden}: {check:#}");
    }
    for hidden in ["message", "measurements", "denials", "output"] {
        assert!(check["result"].get(hidden).is_none(), "{hidden}: {check:#}");
    }
    let check = host.check("slow").await;
    assert_eq!(check["error"], json!({ "code": "timeout" }));
}

#[tokio::test]
async fn with_the_token_all_is_shown() {
    let host = builder()
        .env("VITALS_ADMIN_TOKEN", "token-of-the-admin")
        .start()
        .await;
    let health = host.ask("GET", "/health", &[TOKEN]).await.json();
    let measured = &health["checks"][0];
    assert_eq!(measured["message"], "measured");
    assert_eq!(measured["details"]["text"], "a text");
    assert_eq!(health["checks"][1]["error"]["limit"], "100ms");
    let check = host
        .ask("GET", "/health/checks/measured", &[TOKEN])
        .await
        .json();
    assert_eq!(check["result"]["measurements"][0]["name"], "response_time");
    assert_eq!(host.ask("GET", "/plugins", &[TOKEN]).await.status, 200);
}

#[tokio::test]
async fn plugins_are_not_shown_without_the_token() {
    let host = builder()
        .env("VITALS_ADMIN_TOKEN", "token-of-the-admin")
        .start()
        .await;
    let wrong = [("authorization", "Bearer token-of-somebody")];
    for answer in [
        host.get("/plugins").await,
        host.ask("GET", "/plugins", &wrong).await,
    ] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let text = r#"{"error":"this needs the admin token: send it as `Authorization: Bearer`"}"#;
        assert_eq!(answer.text(), text);
    }
}

#[tokio::test]
async fn where_no_token_is_set_nobody_is_let_in_and_the_answer_says_how_to_change_that() {
    let host = builder().start().await;
    let answer = host
        .ask("GET", "/plugins", &[("authorization", "Bearer ")])
        .await;
    assert_eq!(answer.status, 403);
    assert_snapshot!(answer.text());
    let health = host.ask("GET", "/health", &[TOKEN]).await.json();
    assert_eq!(health["checks"][0]["message"], "", "{health:#}");
}

#[tokio::test]
async fn probes_need_no_token_and_metrics_one_of_their_own() {
    let host = builder()
        .config("[metrics]\nenabled = true")
        .env("VITALS_METRICS_TOKEN", "token-of-prometheus")
        .start()
        .await;
    host.health().await;
    for (path, status, scraped) in [
        ("/health/live", 200, 200),
        ("/health/startup", 200, 200),
        ("/health/tools", 403, 403),
        ("/metrics", 401, 200),
    ] {
        assert_eq!(host.get(path).await.status, status, "{path}");
        let token = [("authorization", "Bearer token-of-prometheus")];
        let answer = host.ask("GET", path, &token).await;
        assert_eq!(answer.status, scraped, "{path}");
    }
    assert_eq!(
        host.get("/health/ready").await.text(),
        r#"{"status":"not_ready","health":"unhealthy"}"#
    );
}
