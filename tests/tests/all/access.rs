//! What is shown with and without the admin token if `details = "authorized"`.

use insta::assert_snapshot;
use serde_json::json;
use vitals_tests::TestHost;
use vitals_tests::guests::{MEASURE, SLEEP};

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

#[tokio::test]
async fn without_the_token_messages_and_details_are_left_out() {
    let builder = TestHost::builder().config(CHECKS).guests([MEASURE, SLEEP]);
    let host = builder
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
    assert_eq!(host.get("/plugins").await.status, 401);

    let token = [("authorization", "Bearer token-of-the-admin")];
    let shown = async |path: &str| host.ask("GET", path, &token).await;
    let health = shown("/health").await.json();
    let measured = &health["checks"][0];
    assert_eq!(measured["message"], "measured");
    assert_eq!(measured["details"]["text"], "a text");
    assert_eq!(health["checks"][1]["error"]["limit"], "100ms");
    let check = shown("/health/checks/measured").await.json();
    assert_eq!(check["result"]["measurements"][0]["name"], "response_time");
    assert_eq!(shown("/plugins").await.status, 200);
}
