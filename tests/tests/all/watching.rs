//! What the watcher sees, what it waits for, and what it does not let itself be told.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use vitals_host::check::Digest;
use vitals_host::config::Config;
use vitals_host::{Host, Outcome};
use vitals_tests::{Mounted, TestHost, Vitals, eventually, guests, hostile};

fn check<'a>(health: &'a Value, name: &str) -> Option<&'a Value> {
    let checks = health["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name)
}

fn is_healthy(health: &Value, name: &str) -> bool {
    check(health, name).is_some_and(|check| check["status"] == "healthy")
}

#[tokio::test]
async fn a_configured_native_check_is_absent_until_it_is_registered_and_after() {
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
            if check(&health, "orders").is_some() == is_there {
                Ok(())
            } else {
                Err(format!("{health:#}"))
            }
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
        if checks == 4_000 {
            Ok(())
        } else {
            Err(checks.to_string())
        }
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
async fn a_plugins_directory_that_is_made_anew_is_watched_again() {
    let host = TestHost::builder().plugin("a", guests::HELLO).start().await;
    assert!(is_healthy(&host.health().await, "module:a"));
    for round in ["b", "c", "d"] {
        fs::remove_dir_all(host.place().plugins()).unwrap();
        fs::create_dir(host.place().plugins()).unwrap();
        let is_empty = |health: &Value| health["checks"] == json!([]);
        host.eventually("what was in it is gone", is_empty).await;
        host.drop_in(round, guests::HELLO);
        let name = format!("module:{round}");
        host.eventually("what is in it runs", |health| is_healthy(health, &name))
            .await;
    }
}

#[tokio::test]
async fn a_plugins_directory_that_is_made_later_is_seen() {
    let builder = TestHost::builder();
    fs::remove_dir(builder.place().plugins()).unwrap();
    let host = builder.start().await;
    assert_eq!(host.health().await["status"], "degraded");
    fs::create_dir(host.place().plugins()).unwrap();
    host.drop_in("a", guests::HELLO);
    host.eventually("it runs", |health| is_healthy(health, "module:a"))
        .await;
}

#[tokio::test]
async fn a_plugin_that_is_loading_for_the_first_time_is_no_check_yet() {
    let host = TestHost::builder()
        .plugin("good", guests::HELLO)
        .start()
        .await;
    host.health().await;
    host.drop_in("slow", guests::SPIN_DESCRIBE);
    let is_judged = |health: &Value| {
        let slow = check(health, "module:slow");
        assert_ne!(
            slow.map(|slow| &slow["status"]),
            Some(&json!("unknown")),
            "{health:#}"
        );
        slow.is_some_and(|slow| slow["error"]["code"] == "load")
    };
    host.eventually("it has failed", is_judged).await;
}

#[tokio::test]
async fn a_file_that_goes_and_comes_back_while_it_is_loaded_is_no_failure() {
    // Each of these takes one of the two places for a `describe` for five seconds.
    let waits = hostile::guest("describe-waits");
    let host = TestHost::builder()
        .plugin("first", waits.clone())
        .plugin("second", waits)
        .start()
        .await;
    let state = async |name: &str, expected: Option<&str>| {
        let what = format!("`{name}` is {expected:?}");
        eventually(&what, async || {
            let page = host.get("/plugins").await.json();
            let plugins = page["plugins"].as_array().expect("a list").iter();
            let mut named = plugins.filter(|plugin| plugin["name"] == name);
            if named.next().and_then(|plugin| plugin["state"].as_str()) == expected {
                Ok(())
            } else {
                Err(format!("{page:#}"))
            }
        })
        .await;
    };
    state("first", Some("loading")).await;
    state("second", Some("loading")).await;
    host.drop_in("slow", guests::HELLO);
    state("slow", Some("loading")).await;
    host.take_out("slow");
    state("slow", None).await;
    host.drop_in("slow", guests::HELLO);
    let runs = |check: &Value| {
        assert_ne!(check["status"], "unhealthy", "{check:#}");
        check["status"] == "healthy"
    };
    host.eventually_check("module:slow", "what came back runs", runs)
        .await;
}

#[tokio::test]
async fn a_file_that_is_being_copied_is_given_its_time() {
    let host = TestHost::builder()
        .plugin("good", guests::HELLO)
        .start()
        .await;
    host.health().await;
    let path = host.place().plugins().join("slow.wasm");
    let bytes = guests::HELLO.bytes();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    for chunk in bytes.chunks(bytes.len() / 30 + 1) {
        file.write_all(chunk).unwrap();
        // That is how a slow copy goes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_no_failure(&host.health().await);
    }
    let runs = |health: &Value| {
        assert_no_failure(health);
        is_healthy(health, "module:slow")
    };
    host.eventually("it runs when it is whole", runs).await;
}

/// Nothing is unhealthy. (One that has just been loaded may not have run yet.)
fn assert_no_failure(health: &Value) {
    let checks = health["checks"].as_array().expect("a list of checks");
    for check in checks {
        assert_ne!(check["status"], "unhealthy", "{health:#}");
    }
}

#[tokio::test]
async fn a_file_that_no_check_asked_for_leaves_the_one_that_was() {
    let digest = Digest::of(&guests::HELLO.bytes()).to_string();
    let config = format!("[checks.pinned]\nplugin = 'thing'\nsha256 = '{digest}'");
    let builder = TestHost::builder().config(&config);
    let host = builder.plugin("thing", guests::HELLO).start().await;
    assert!(is_healthy(&host.health().await, "pinned"));
    host.drop_in("thing", guests::EXAMPLE_CLOCK);
    let plugin = eventually("the other one is refused", async || {
        let plugin = host.plugin("thing").await;
        if plugin["last_error"].is_string() {
            Ok(plugin)
        } else {
            Err(format!("{plugin:#}"))
        }
    })
    .await;
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
async fn every_file_with_a_wrong_name_is_shown() {
    let builder = TestHost::builder().plugin("bad-name", guests::HELLO);
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
async fn trusted_roots_that_come_later_are_read_then() {
    let builder = TestHost::builder().plugin("thing", guests::HELLO);
    let roots = builder.place().path().join("roots.pem");
    let config = format!(
        "[plugins]\nrescan = '100ms'\n[checks.own]\nplugin = 'thing'\ntls = {{ roots = [{:?}] }}",
        roots.display().to_string()
    );
    let host = builder.config(&config).start().await;
    let before = host.check("own").await;
    assert_eq!(before["error"]["code"], "load", "{before:#}");
    assert!(
        before["message"]
            .as_str()
            .is_some_and(|message| message.contains("roots.pem")),
        "{before:#}"
    );
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    host.place().write("roots.pem", key.cert.pem());
    host.eventually("it runs", |health| is_healthy(health, "own"))
        .await;
}

#[tokio::test]
async fn what_an_idle_plugin_needs_has_no_place_where_nothing_is_written() {
    let builder = TestHost::builder();
    let host = builder
        .plugin("wants-config", guests::WANTS_CONFIG)
        .start()
        .await;
    host.health().await;
    let plugin = host.plugin("wants-config").await;
    let needs = plugin["needs"].as_str().unwrap_or_default();
    assert!(
        needs.contains("`greeting` is missing") && !needs.contains("(configuration)"),
        "{needs}"
    );
}

#[test]
fn validate_says_that_a_native_check_is_registered_by_nobody() {
    let config = "[checks.orders]\ninterval = '15s'";
    let ended = Vitals::new(["validate"]).config(config).run();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("check `orders` (vitals.toml:1) has no `plugin`"),
        "{ended:?}"
    );
}
