//! Much at once: what is slow holds up nobody, what was overtaken is left out, and what is known
//! already comes first.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use vitals_tests::{TestHost, Vitals, bomb, eventually, guests};

const HOURLY: &str = "[plugins]\nrescan = '1h'\n[defaults]\ninterval = '1h'\n";

/// The state of each plugin, as `/plugins` has it.
fn states(page: &Value) -> BTreeMap<&str, &str> {
    let plugins = page["plugins"].as_array().expect("a list").iter();
    plugins
        .filter_map(|plugin| Some((plugin["name"].as_str()?, plugin["state"].as_str()?)))
        .collect()
}

#[tokio::test]
async fn a_plugin_that_is_replaced_a_hundred_times_is_compiled_for_its_last_content() {
    let host = TestHost::builder()
        .config(&format!("{HOURLY}[metrics]\nenabled = true\n"))
        .plugin("busy", guests::tiny("0"))
        .start()
        .await;
    host.health().await;
    for number in 1..=100 {
        host.drop_in("busy", guests::tiny(&number.to_string()));
        // A hundred in a second.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let is_last = |check: &Value| check["message"] == "100";
    let check = host
        .eventually_check("module:busy", "the last one runs", is_last)
        .await;
    // On a machine that others use a pause between two may be taken for rest.
    let generation = check["plugin"]["generation"].as_u64().unwrap_or_default();
    assert!(
        (2..=20).contains(&generation),
        "{generation} were compiled: {check:#}"
    );
}

#[tokio::test]
async fn a_slow_compilation_delays_no_other_plugin() {
    let host = TestHost::builder()
        .config(HOURLY)
        .plugin("quick", guests::tiny("before"))
        .start()
        .await;
    host.health().await;
    host.drop_in("slow", bomb::endless(100, 2000));
    let is_loading = |page: &Value| states(page).get("slow") == Some(&"loading");
    eventually("the slow one is being compiled", async || {
        let page = host.get("/plugins").await.json();
        is_loading(&page).then_some(()).ok_or(page.to_string())
    })
    .await;
    for number in 1..=3 {
        let message = number.to_string();
        host.drop_in("quick", guests::tiny(&message));
        let is_new = |check: &Value| check["message"] == message.as_str();
        host.eventually_check("module:quick", "it is replaced", is_new)
            .await;
    }
    let page = host.get("/plugins").await.json();
    assert!(is_loading(&page), "it was slow after all: {page:#}");
}

#[tokio::test]
async fn a_host_with_two_hundred_plugins_is_alive_at_once_and_ready_when_they_are_in() {
    let mut vitals = Vitals::new(["serve"])
        .config(HOURLY)
        .env("VITALS_LISTEN", "127.0.0.1:0");
    let cache = vitals.place().path().join("empty-cache");
    vitals = vitals.env("XDG_CACHE_HOME", &cache.display().to_string());
    for number in 0..200 {
        let message = format!("of many {number}");
        vitals = vitals.plugin(&format!("p{number}"), guests::tiny(&message));
    }
    let serving = vitals.serve().await;
    let live = serving.get("/health/live").await.expect("an answer");
    assert_eq!(live.status, 200);
    let ready = serving.get("/health/ready").await.expect("an answer");
    assert_eq!(ready.status, 503, "{}", ready.text());
    eventually("it is ready", async || {
        let ready = serving.get("/health/ready").await?;
        if ready.status == 200 {
            Ok(())
        } else {
            Err(ready.text().to_owned())
        }
    })
    .await;
    let health = serving.get("/health").await.expect("an answer").json();
    let checks = health["checks"].as_array().expect("checks");
    assert_eq!((checks.len(), &health["status"]), (200, &json!("healthy")));
}

#[tokio::test]
async fn what_was_compiled_before_comes_in_first() {
    let place = TestHost::builder();
    let cache = place.place().path().join("cache");
    let mut known = place.argument("plugins.cache_dir", &cache.display().to_string());
    known = known.config(HOURLY);
    for number in 0..30 {
        known = known.plugin(
            &format!("known-{number}"),
            guests::tiny(&format!("{number}")),
        );
    }
    let host = known.start().await;
    host.health().await;
    let kept = fs::read_dir(&cache).expect("a cache").count();
    assert_eq!(kept, 30);
    let (place, served) = host.begin_to_stop();
    served.await.expect("it ends");

    // More of them than there is room for, and before the others by their names.
    let mut again = TestHost::builder().config(HOURLY);
    again = again.argument("plugins.cache_dir", &cache.display().to_string());
    for number in 0..40 {
        again = again.plugin(
            &format!("a-bomb-{number}"),
            bomb::endless(100, 2000 + number),
        );
    }
    for number in 0..30 {
        again = again.plugin(
            &format!("known-{number}"),
            guests::tiny(&format!("{number}")),
        );
    }
    let host = again.start().await;
    let loaded = eventually("what is known is loaded", async || {
        let page = host.get("/plugins").await.json();
        let states = states(&page);
        let known = states.iter().filter(|(name, _)| name.starts_with("known-"));
        if known.clone().count() == 30 && known.clone().all(|(_, state)| *state == "loaded") {
            Ok(page.clone())
        } else {
            Err(format!("{page:#}"))
        }
    })
    .await;
    let waits = |(name, state): (&&str, &&str)| name.starts_with("a-bomb") && *state == "loading";
    let waiting = states(&loaded)
        .iter()
        .filter(|it| waits((it.0, it.1)))
        .count();
    assert_eq!(waiting, 40, "{loaded:#}");
    drop(place);
}
