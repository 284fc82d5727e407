//! What the watcher notices, and what it does not mistake for a failure.

use std::time::Duration;

use serde_json::{Value, json};
use vitals_host::check::Digest;
use vitals_host::config::Config;
use vitals_host::{Host, Outcome};
use vitals_tests::guests::{EXAMPLE_CLOCK, HELLO, SPIN_DESCRIBE};
use vitals_tests::{Mounted, TestHost, Vitals, eventually, hostile, when};

fn check<'a>(health: &'a Value, name: &str) -> Option<&'a Value> {
    let checks = health["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name)
}

fn is_healthy(health: &Value, name: &str) -> bool {
    check(health, name).is_some_and(|check| check["status"] == "healthy")
}

#[tokio::test]
async fn a_configured_native_check_exists_only_while_it_is_registered() {
    let config = "[checks.orders]\ninterval = '15s'";
    let (host, _place) = TestHost::builder().config(config).build().await;
    let mounted = Mounted::serve(host.router()).await;
    let health = mounted.get("/health").await.json();
    assert_eq!(
        (&health["status"], &health["checks"]),
        (&json!("healthy"), &json!([]))
    );
    let seen = async |is_there: bool| {
        eventually("the check comes or goes", async || {
            let health = mounted.get("/health").await.json();
            assert_eq!(health["status"], "healthy", "{health:#}");
            when(check(&health, "orders").is_some() == is_there, health)
        })
        .await;
    };
    host.register("orders", || async { Outcome::healthy("") })
        .unwrap();
    seen(true).await;
    host.unregister("orders").unwrap();
    seen(false).await;
    host.shutdown().await;
}

#[tokio::test]
async fn thousands_of_checks_are_registered_at_once() {
    let (host, _place) = TestHost::builder().build().await;
    for number in 0..4_000 {
        let name = format!("check-{number}");
        host.register(&name, || async { Outcome::healthy("") })
            .unwrap();
    }
    eventually("all are there", async || {
        let health: Value = serde_json::from_slice(&host.health_json()).unwrap();
        let checks = health["checks"].as_array().map_or(0, Vec::len);
        when(checks == 4_000, checks)
    })
    .await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_start_with_an_invalid_configuration_fails() {
    let mut config = Config::default();
    config.plugins.rescan = Duration::ZERO;
    let error = Host::builder().config(config).start().await;
    assert_eq!(
        error.expect_err("it is rejected").to_string(),
        "configuration: `plugins.rescan` is `0s`, which is not a duration from 1ms to 24h: write for \
         example \"30s\" or \"1m 30s\""
    );
}

#[tokio::test]
async fn a_plugin_that_is_loading_for_the_first_time_is_no_check_yet() {
    let host = TestHost::builder().plugin("good", HELLO).start().await;
    host.health().await;
    host.drop_in("slow", SPIN_DESCRIBE);
    let is_judged = |health: &Value| {
        let slow = check(health, "module:slow");
        let status = slow.map(|slow| &slow["status"]);
        assert_ne!(status, Some(&json!("unknown")), "{health:#}");
        slow.is_some_and(|slow| slow["error"]["code"] == "load")
    };
    host.eventually("it has failed", is_judged).await;
}

#[tokio::test]
async fn a_file_that_is_removed_and_added_during_its_load_is_no_failure() {
    // Each of these takes one of the two places for a `describe` for five seconds.
    let waits = hostile::guest("describe-waits");
    let host = TestHost::builder()
        .plugin("first", waits.clone())
        .plugin("second", waits)
        .start()
        .await;
    let state = async |name: &str, expected: Option<&str>| {
        eventually(&format!("`{name}` is {expected:?}"), async || {
            let page = host.get("/plugins").await.json();
            let mut plugins = page["plugins"].as_array().expect("a list").iter();
            let plugin = plugins.find(|plugin| plugin["name"] == name);
            let state = plugin.and_then(|plugin| plugin["state"].as_str());
            when(state == expected, format!("{page:#}"))
        })
        .await;
    };
    state("first", Some("loading")).await;
    state("second", Some("loading")).await;
    host.drop_in("slow", HELLO);
    state("slow", Some("loading")).await;
    host.take_out("slow");
    state("slow", None).await;
    host.drop_in("slow", HELLO);
    let runs = |check: &Value| {
        assert_ne!(check["status"], "unhealthy", "{check:#}");
        check["status"] == "healthy"
    };
    host.eventually_check("module:slow", "it runs", runs).await;
}

#[tokio::test]
async fn a_file_with_another_digest_than_the_configuration_leaves_the_active_one() {
    let digest = Digest::of(&HELLO.bytes()).to_string();
    let config = format!("[checks.pinned]\nplugin = 'thing'\nsha256 = '{digest}'");
    let builder = TestHost::builder().config(&config);
    let host = builder.plugin("thing", HELLO).start().await;
    assert!(is_healthy(&host.health().await, "pinned"));
    host.drop_in("thing", EXAMPLE_CLOCK);
    let has_failed = |plugin: &Value| plugin["last_error"].is_string();
    let plugin = host.eventually_plugin("thing", "it is rejected", has_failed);
    let plugin = plugin.await;
    let why = plugin["last_error"].as_str().unwrap_or_default();
    assert!(
        why.contains("the configuration asks for") && why.contains(&digest),
        "{why}"
    );
    assert_eq!(
        (&plugin["state"], &plugin["generation"]),
        (&json!("loaded"), &json!(1))
    );
    assert!(is_healthy(&host.health().await, "pinned"));
}

#[tokio::test]
async fn every_file_with_an_invalid_name_is_shown() {
    let builder = TestHost::builder().plugin("bad-name", HELLO);
    let builder = builder.plugin("Bad Name", "garbage");
    let host = builder.plugin("bad name", "garbage").start().await;
    let health = host.health().await;
    assert!(is_healthy(&health, "module:bad-name"), "{health:#}");
    for (check_name, file) in [
        ("module:bad-name-2", "Bad Name"),
        ("module:bad-name-3", "bad name"),
    ] {
        let shown = check(&health, check_name).unwrap_or_else(|| panic!("{health:#}"));
        let message = shown["message"].as_str().unwrap_or_default();
        assert!(message.contains(&format!("{file}.wasm")), "{message}");
        let plugin = host.plugin(file).await;
        assert_eq!(plugin["state"], "failed", "{plugin:#}");
        assert_eq!(plugin["last_error"], shown["message"]);
    }
}

#[tokio::test]
async fn trusted_roots_that_appear_later_are_read_then() {
    let builder = TestHost::builder().plugin("thing", HELLO);
    let roots = builder.place().path().join("roots.pem");
    let config = format!(
        "[plugins]\nrescan = '100ms'\n[checks.own]\nplugin = 'thing'\ntls = {{ roots = [{:?}] }}",
        roots.display().to_string()
    );
    let host = builder.config(&config).start().await;
    let before = host.check("own").await;
    assert_eq!(before["error"]["code"], "load", "{before:#}");
    let message = before["message"].as_str().unwrap_or_default();
    assert!(message.contains("roots.pem"), "{message}");
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    host.place().write("roots.pem", key.cert.pem());
    host.eventually("it runs", |health| is_healthy(health, "own"))
        .await;
}

#[test]
fn validate_reports_a_native_check_that_nobody_registers() {
    let config = "[checks.orders]\ninterval = '15s'";
    let ended = Vitals::new(["validate"]).config(config).exits(2);
    let error = "check `orders` (vitals.toml:1) has no `plugin`";
    assert!(ended.stderr.contains(error), "{ended}");
}
