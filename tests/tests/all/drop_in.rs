//! Plugins that are added, removed and changed while the host runs.

use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_tests::guests::{EXAMPLE_CLOCK, HELLO, WANTS_CONFIG};
use vitals_tests::{TestHost, eventually, when};

fn names(health: &Value) -> Vec<&str> {
    let checks = health["checks"].as_array().expect("checks").iter();
    checks.filter_map(|check| check["name"].as_str()).collect()
}

fn is_healthy(health: &Value) -> bool {
    health["status"] == "healthy"
}

/// The promise is a second. A busy machine may take two more.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_plugin_that_is_dropped_in_runs_within_a_second_and_goes_when_it_is_removed() {
    let host = TestHost::builder().plugin("good", HELLO).start().await;
    host.health().await;
    // It is compiled already, so that only the host is timed.
    host.drop_in("new", HELLO);
    let dropped = Instant::now();
    let is_healthy = |check: &Value| check["status"] == "healthy";
    host.eventually_check("module:new", "it runs", is_healthy)
        .await;
    assert!(dropped.elapsed() < SOON, "{:?}", dropped.elapsed());

    host.take_out("new");
    let removed = Instant::now();
    host.eventually("it is gone", |health| names(health) == ["module:good"])
        .await;
    assert!(removed.elapsed() < SOON, "{:?}", removed.elapsed());
    assert_eq!(host.get("/health/checks/module:new").await.status, 404);
    let page = host.get("/plugins").await.body;
    assert!(!page.contains("new.wasm"), "{page}");
}

#[tokio::test]
async fn a_replaced_file_is_a_new_generation_without_a_gap() {
    let builder = TestHost::builder().plugin("thing", HELLO);
    let host = builder.config("[checks.thing]\nplugin = 'thing'");
    let host = host.start().await;
    let before = host.check("thing").await;
    assert_eq!(before["plugin"]["generation"], 1, "{before:#}");
    host.drop_in("thing", EXAMPLE_CLOCK);
    let after = eventually("the new version has run", async || {
        let health = host.get("/health").await;
        assert_eq!(health.status, 200, "{health:?}");
        let check = &health.json()["checks"][0];
        assert_eq!(check["status"], "healthy", "{check:#}");
        let check = host.check("thing").await;
        when(check["message"] == "the clock is plausible", check)
    })
    .await;
    assert_eq!(after["plugin"]["generation"], 2, "{after:#}");
    assert_ne!(after["plugin"]["digest"], before["plugin"]["digest"]);
}

#[tokio::test]
async fn a_broken_replacement_leaves_the_last_good_version_active() {
    let builder = TestHost::builder().plugin("thing", HELLO);
    let host = builder.config("[defaults]\ninterval = '200ms'\ntimeout = '200ms'");
    let host = host.start().await;
    let before = host.check("module:thing").await;
    host.drop_in("thing", b"garbage");
    let has_failed = |plugin: &Value| plugin["last_error"].is_string();
    let plugin = host.eventually_plugin("thing", "it is rejected", has_failed);
    let plugin = plugin.await;
    assert_eq!(
        (&plugin["state"], &plugin["generation"]),
        (&"loaded".into(), &1.into())
    );
    let later = |check: &Value| check["checked_at"] != before["checked_at"];
    let check = host
        .eventually_check("module:thing", "a later run", later)
        .await;
    assert_eq!(
        (&check["status"], &check["message"]),
        (&"healthy".into(), &"hello".into())
    );
    assert_eq!(check["plugin"]["digest"], before["plugin"]["digest"]);

    host.drop_in("thing", EXAMPLE_CLOCK);
    let check = host.eventually_check("module:thing", "the good one", |check| {
        check["message"] == "the clock is plausible"
    });
    assert_eq!(check.await["plugin"]["generation"], 2);
    assert!(host.plugin("thing").await["last_error"].is_null());
}

#[tokio::test]
async fn a_broken_file_that_is_replaced_runs() {
    let host = TestHost::builder().plugin("thing", b"garbage");
    let host = host.start().await;
    assert_eq!(host.health().await["status"], "unhealthy");
    host.drop_in("thing", HELLO);
    host.eventually("it runs", is_healthy).await;
}

#[tokio::test]
async fn a_plugin_that_needs_settings_is_idle() {
    let host = TestHost::builder().plugin("good", HELLO);
    let host = host.guests([WANTS_CONFIG]).start().await;
    let health = host.health().await;
    assert_eq!(health["status"], "healthy");
    assert_eq!(names(&health), ["module:good"], "{health:#}");
    let plugin = host.plugin("wants-config").await;
    assert_eq!(plugin["state"], "idle", "{plugin:#}");
    let needs = plugin["needs"].as_str().unwrap_or_default();
    assert!(needs.contains("`greeting` is missing"), "{needs}");
    // There is no file in which it would be written.
    assert!(!needs.contains("(configuration)"), "{needs}");
    let page = "/health/checks/module:wants-config";
    assert_eq!(host.get(page).await.status, 404);
}

#[tokio::test]
async fn a_plugin_that_a_check_names_does_not_run_by_itself() {
    let config = "[checks.one]\nplugin = 'wants-config'\nconfig = { greeting = 'one' }\n\
                  [checks.two]\nplugin = 'wants-config'\nconfig = { greeting = 'two' }\n\
                  [checks.off]\nplugin = 'hello'\nenabled = false";
    let host = TestHost::start(config, [WANTS_CONFIG, HELLO]).await;
    let health = host.health().await;
    assert_eq!(names(&health), ["one", "two"]);
    for check in health["checks"].as_array().expect("checks") {
        assert_eq!(check["message"], check["name"], "{check:#}");
    }
}

#[tokio::test]
async fn nothing_in_the_library_runs_by_itself_and_the_directory_takes_precedence() {
    let builder = TestHost::builder().library("unused", HELLO);
    let builder = builder.library("thing", HELLO);
    let host = builder.config("[checks.named]\nplugin = 'thing'");
    let host = host.start().await;
    assert_eq!(names(&host.health().await), ["named"]);
    let says = async |message: &str| {
        host.eventually_check("named", message, |check| check["message"] == message)
            .await;
    };
    says("hello").await;
    host.drop_in("thing", EXAMPLE_CLOCK);
    says("the clock is plausible").await;
    host.take_out("thing");
    says("hello").await;
}

#[tokio::test]
async fn with_auto_off_nothing_runs_by_itself() {
    let config = "[plugins]\nauto = false\n[checks.named]\nplugin = 'thing'";
    let builder = TestHost::builder().config(config).plugin("thing", HELLO);
    let host = builder.plugin("other", HELLO).start().await;
    assert_eq!(names(&host.health().await), ["named"]);
}

#[tokio::test]
async fn a_check_whose_plugin_is_removed_fails() {
    let builder = TestHost::builder().plugin("thing", HELLO);
    let host = builder.config("[checks.named]\nplugin = 'thing'");
    let host = host.start().await;
    assert_eq!(host.health().await["status"], "healthy");
    host.take_out("thing");
    let is_unhealthy = |health: &Value| health["status"] == "unhealthy";
    let health = host.eventually("it fails", is_unhealthy).await;
    let check = &health["checks"][0];
    assert_eq!(check["error"]["code"], "load", "{health:#}");
    assert_eq!(
        host.tidy(check["message"].as_str().unwrap_or_default()),
        "cannot load plugin `thing`: there is no thing.wasm in <dir>/plugins or <dir>/library"
    );
    host.drop_in("thing", HELLO);
    host.eventually("it runs again", is_healthy).await;
}

#[tokio::test]
async fn a_file_whose_name_is_not_of_a_plugin_is_ignored() {
    let builder = TestHost::builder().plugin("good", HELLO);
    for name in ["notes.txt", ".hidden.wasm", "half.wasm.part"] {
        builder.place().write(&format!("plugins/{name}"), "garbage");
    }
    let health = builder.start().await.health().await;
    assert!(is_healthy(&health), "{health:#}");
    assert_eq!(names(&health), ["module:good"]);
}
