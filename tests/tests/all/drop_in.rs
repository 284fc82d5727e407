//! Plugins that come, go and change while the host runs.

use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_tests::{TestHost, eventually, guests};

fn has(health: &Value, name: &str) -> bool {
    health["checks"]
        .as_array()
        .is_some_and(|all| all.iter().any(|check| check["name"] == name))
}

/// The promise is a second; noise on a busy machine may take two more.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_plugin_that_is_dropped_in_runs_within_a_second_and_goes_when_it_is_taken_out() {
    let host = TestHost::builder()
        .plugin("good", guests::HELLO)
        .start()
        .await;
    host.health().await;
    // Compiled before, so that it is the host that is timed.
    host.drop_in("new", guests::HELLO);
    let dropped = Instant::now();
    let is_there = |health: &Value| {
        let checks = health["checks"].as_array().expect("checks");
        checks
            .iter()
            .any(|check| check["name"] == "module:new" && check["status"] == "healthy")
    };
    host.eventually("it runs", is_there).await;
    assert!(
        dropped.elapsed() < SOON,
        "it ran after {:?}",
        dropped.elapsed()
    );

    host.take_out("new");
    let taken = Instant::now();
    host.eventually("it is gone", |health| !has(health, "module:new"))
        .await;
    assert!(
        taken.elapsed() < SOON,
        "it went after {:?}",
        taken.elapsed()
    );
    assert_eq!(host.get("/health/checks/module:new").await.status, 404);
    let page = host.get("/plugins").await.body;
    assert!(!page.contains("new.wasm"), "{page}");
    assert!(has(&host.health().await, "module:good"));
}

#[tokio::test]
async fn a_replaced_file_is_a_new_generation_and_never_misses_a_beat() {
    let config = "[checks.thing]\nplugin = 'thing'";
    let host = TestHost::builder()
        .plugin("thing", guests::HELLO)
        .config(config)
        .start()
        .await;
    let before = host.check("thing").await;
    assert_eq!(before["plugin"]["generation"], 1, "{before:#}");
    host.drop_in("thing", guests::EXAMPLE_CLOCK);
    let after = eventually("the new version has run", async || {
        let answer = host.get("/health").await;
        let health = answer.json();
        let check = &health["checks"][0];
        assert_eq!(
            (answer.status, &check["status"]),
            (200, &"healthy".into()),
            "{health:#}"
        );
        let check = host.check("thing").await;
        if check["message"] == "the clock is plausible" {
            Ok(check)
        } else {
            Err(format!("{check:#}"))
        }
    })
    .await;
    assert_eq!(after["plugin"]["generation"], 2, "{after:#}");
    assert_ne!(after["plugin"]["digest"], before["plugin"]["digest"]);
}

#[tokio::test]
async fn a_broken_replacement_leaves_the_last_good_version_serving() {
    let config = "[defaults]\ninterval = '200ms'\ntimeout = '200ms'";
    let host = TestHost::builder()
        .plugin("thing", guests::HELLO)
        .config(config)
        .start()
        .await;
    let before = host.check("module:thing").await;
    host.drop_in("thing", b"garbage");
    let plugin = eventually("the failure is shown", async || {
        let plugin = host.plugin("thing").await;
        if plugin["last_error"].is_string() {
            Ok(plugin)
        } else {
            Err(format!("{plugin:#}"))
        }
    })
    .await;
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

    host.drop_in("thing", guests::EXAMPLE_CLOCK);
    let check = host.eventually_check("module:thing", "the good one", |check| {
        check["message"] == "the clock is plausible"
    });
    assert_eq!(check.await["plugin"]["generation"], 2);
    assert!(host.plugin("thing").await["last_error"].is_null());
}

#[tokio::test]
async fn a_broken_file_that_is_mended_runs() {
    let host = TestHost::builder()
        .plugin("thing", b"garbage")
        .start()
        .await;
    assert_eq!(host.health().await["status"], "unhealthy");
    host.drop_in("thing", guests::HELLO);
    host.eventually("it runs", |health| health["status"] == "healthy")
        .await;
}

#[tokio::test]
async fn a_plugin_that_needs_settings_is_idle() {
    let host = TestHost::builder().plugin("wants-config", guests::WANTS_CONFIG);
    let host = host.plugin("good", guests::HELLO).start().await;
    let health = host.health().await;
    assert_eq!(health["status"], "healthy");
    assert!(!has(&health, "module:wants-config"), "{health:#}");
    let plugin = host.plugin("wants-config").await;
    assert_eq!(plugin["state"], "idle", "{plugin:#}");
    let needs = plugin["needs"].as_str().unwrap_or_default();
    assert!(needs.contains("`greeting` is missing"), "{plugin:#}");
    assert_eq!(
        host.get("/health/checks/module:wants-config").await.status,
        404
    );
}

#[tokio::test]
async fn a_plugin_that_a_check_names_does_not_run_by_itself() {
    let config = "[checks.one]\nplugin = 'wants-config'\nconfig = { greeting = 'one' }\n\
                  [checks.two]\nplugin = 'wants-config'\nconfig = { greeting = 'two' }\n\
                  [checks.off]\nplugin = 'hello'\nenabled = false";
    let builder = TestHost::builder()
        .config(config)
        .plugin("wants-config", guests::WANTS_CONFIG);
    let host = builder.plugin("hello", guests::HELLO).start().await;
    let health = host.health().await;
    let checks: Vec<_> = health["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .collect();
    let names: Vec<_> = checks
        .iter()
        .map(|check| (&check["name"], &check["message"]))
        .collect();
    assert_eq!(
        names,
        [
            (&"one".into(), &"one".into()),
            (&"two".into(), &"two".into())
        ]
    );
}

#[tokio::test]
async fn nothing_in_the_library_runs_by_itself_and_the_directory_comes_before_it() {
    let config = "[checks.named]\nplugin = 'thing'";
    let builder = TestHost::builder()
        .config(config)
        .library("unused", guests::HELLO);
    let host = builder.library("thing", guests::HELLO).start().await;
    let health = host.health().await;
    assert_eq!(
        health["checks"].as_array().map(Vec::len),
        Some(1),
        "{health:#}"
    );
    assert_eq!(health["checks"][0]["message"], "hello");
    host.drop_in("thing", guests::EXAMPLE_CLOCK);
    host.eventually("that of the directory", |health| {
        health["checks"][0]["message"] == "the clock is plausible"
    })
    .await;
    host.take_out("thing");
    host.eventually("that of the library", |health| {
        health["checks"][0]["message"] == "hello"
    })
    .await;
}

#[tokio::test]
async fn with_auto_off_nothing_runs_by_itself() {
    let config = "[plugins]\nauto = false\n[checks.named]\nplugin = 'thing'";
    let builder = TestHost::builder()
        .config(config)
        .plugin("thing", guests::HELLO);
    let host = builder.plugin("other", guests::HELLO).start().await;
    let health = host.health().await;
    assert_eq!(
        health["checks"].as_array().map(Vec::len),
        Some(1),
        "{health:#}"
    );
    assert_eq!(health["checks"][0]["name"], "named");
}

#[tokio::test]
async fn a_check_whose_plugin_is_taken_out_says_so() {
    let config = "[checks.named]\nplugin = 'thing'";
    let host = TestHost::builder()
        .config(config)
        .plugin("thing", guests::HELLO)
        .start()
        .await;
    assert_eq!(host.health().await["status"], "healthy");
    host.take_out("thing");
    let health = host
        .eventually("unhealthy", |health| health["status"] == "unhealthy")
        .await;
    assert_eq!(health["checks"][0]["error"]["code"], "load", "{health:#}");
    let message = host.tidy(health["checks"][0]["message"].as_str().unwrap_or_default());
    assert_eq!(
        message,
        "cannot load plugin `thing`: there is no thing.wasm in <dir>/plugins or <dir>/library"
    );
    host.drop_in("thing", guests::HELLO);
    host.eventually("healthy again", |health| health["status"] == "healthy")
        .await;
}

#[tokio::test]
async fn what_is_no_plugin_by_its_name_is_left_alone() {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    for name in ["notes.txt", ".hidden.wasm", "half.wasm.part"] {
        builder.place().write(&format!("plugins/{name}"), "garbage");
    }
    let host = builder.start().await;
    let health = host.health().await;
    assert_eq!(
        (&health["status"], health["checks"].as_array().map(Vec::len)),
        (&"healthy".into(), Some(1))
    );
}
