//! A new plugin file never gives a check more than the one before it did.

use serde_json::Value;
use vitals_tests::guests::{MARKS_NONE, MARKS_ONE, MARKS_TWO};
use vitals_tests::{TestHost, eventually};

const CONFIG: &str = "[checks.orders]\nplugin = 'marks'\n\
                      config = { first = 'one.test:1', second = 'two.test:2' }\n";

async fn serving(config: &str, guest: impl Into<Vec<u8>>) -> TestHost {
    TestHost::builder()
        .plugin("marks", guest)
        .config(config)
        .start()
        .await
}

/// Waits until the plugin's last error is as wanted, and answers the plugin.
async fn with_error(host: &TestHost, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let plugin = host.plugin("marks").await;
        if is_so(&plugin["last_error"]) {
            Ok(plugin)
        } else {
            Err(format!("{plugin:#}"))
        }
    })
    .await
}

async fn with_message(host: &TestHost, message: &str) -> Value {
    let is_so = |check: &Value| check["message"] == message;
    host.eventually_check("orders", message, is_so).await
}

fn grants(plugin: &Value) -> Vec<&str> {
    let grants = plugin["checks"][0]["grants"].as_array();
    let grants = grants.into_iter().flatten();
    grants.filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_file_that_wants_more_is_refused_and_the_last_one_serves_on() {
    let host = serving(CONFIG, MARKS_ONE).await;
    with_message(&host, "wants one").await;

    host.drop_in("marks", MARKS_TWO);
    let plugin = with_error(&host, "the wider file is refused", Value::is_string).await;
    assert_eq!(
        plugin["last_error"],
        "it would give check `orders` more than the previous version did: `tcp two.test:2`; to \
         accept that, change the check's configuration or run `vitals reload --accept-grants \
         orders`"
    );
    assert_eq!(
        (&plugin["state"], &plugin["generation"]),
        (&"loaded".into(), &1.into())
    );
    assert_eq!(grants(&plugin), ["tcp one.test:1"]);
    let check = with_message(&host, "wants one").await;
    assert_eq!(check["status"], "healthy", "{check:#}");

    // One that wants less is taken, and from then on that is what others are held against.
    host.drop_in("marks", MARKS_NONE);
    with_message(&host, "wants none").await;
    let plugin = with_error(&host, "the narrower file is taken", Value::is_null).await;
    assert_eq!(
        (grants(&plugin).len(), &plugin["generation"]),
        (0, &2.into())
    );
    host.drop_in("marks", MARKS_ONE);
    with_error(&host, "the former file is refused too", Value::is_string).await;
}

#[tokio::test]
async fn taking_a_file_away_first_is_no_way_round() {
    let host = serving(CONFIG, MARKS_ONE).await;
    with_message(&host, "wants one").await;
    host.take_out("marks");
    let is_gone = |check: &Value| check["error"]["code"] == "load";
    host.eventually_check("orders", "the plugin is gone", is_gone)
        .await;
    host.drop_in("marks", MARKS_TWO);
    let is_refused = |check: &Value| {
        let message = check["message"].as_str().unwrap_or_default();
        message.contains("more than the previous version did: `tcp two.test:2`")
    };
    host.eventually_check("orders", "the wider file is refused", is_refused)
        .await;
    host.drop_in("marks", MARKS_ONE);
    with_message(&host, "wants one").await;
}

#[tokio::test]
async fn the_refusal_shows_no_secret() {
    let config = CONFIG.replace("two.test:2", "${SECOND}");
    let host = TestHost::builder()
        .plugin("marks", MARKS_ONE)
        .env("SECOND", "secret.two.test:2")
        .config(&config)
        .start()
        .await;
    with_message(&host, "wants one").await;
    host.drop_in("marks", MARKS_TWO);
    let plugin = with_error(&host, "the wider file is refused", Value::is_string).await;
    let error = plugin["last_error"].as_str().unwrap_or_default();
    assert!(error.contains(": `tcp [redacted]`;"), "{error}");
}
