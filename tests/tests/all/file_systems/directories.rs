//! Directories that appear late, vanish and return.

use std::fs;

use vitals_tests::{Vitals, eventually, guests, when};

use super::{EVENTS_ALONE, by_events_alone, process_shows, shows};

#[tokio::test]
async fn a_plugins_directory_that_vanishes_leaves_the_loaded_plugins_and_is_reported() {
    let host = Vitals::host(EVENTS_ALONE, [])
        .env("ENABLE_METRICS", "true")
        .plugin("a", guests::tiny("one"))
        .serve()
        .await;
    let health = process_shows(&host, &[("module:a", "one")]).await;
    assert_eq!(health["status"], "healthy");
    let (plugins, away) = (host.place().plugins(), host.place().path().join("away"));
    let status = async |status: &str, readable: &str| {
        eventually(&format!("the host is {status}"), async || {
            let health = process_shows(&host, &[("module:a", "one")]).await;
            let metrics = host.get("/metrics").await?.body;
            let readable = format!("vitals_plugins_dir_readable {readable}");
            let is_readable = metrics.lines().any(|line| line == readable);
            when(health["status"] == status && is_readable, health)
        })
        .await;
    };
    let logged_once = async |text: &str| {
        host.eventually_logs(text).await;
        let log = host.log();
        let count = log.iter().filter(|line| line.contains(text)).count();
        assert_eq!(count, 1, "`{text}` in {log:#?}");
    };

    fs::rename(&plugins, &away).unwrap();
    status("degraded", "0").await;
    let error = "plugins directory cannot be read";
    logged_once(error).await;
    let page = host.get("/plugins").await.unwrap().json();
    assert_eq!(page["directory"]["readable"], false, "{page:#}");

    fs::rename(&away, &plugins).unwrap();
    status("healthy", "1").await;
    logged_once("plugins directory can be read again").await;
    logged_once(error).await;
    let page = host.get("/plugins").await.unwrap().json();
    assert_eq!(page["plugins"][0]["generation"], 1, "{page:#}");

    // It is watched again, and so is another one in its place.
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
    fs::rename(&plugins, &away).unwrap();
    fs::create_dir(&plugins).unwrap();
    host.place().write("plugins/a.wasm", guests::tiny("three"));
    process_shows(&host, &[("module:a", "three")]).await;
}

#[tokio::test]
async fn a_plugins_directory_that_is_moved_into_place_is_seen_with_its_contents() {
    let builder = by_events_alone().plugin("a", guests::tiny("one"));
    let (plugins, made) = (
        builder.place().plugins(),
        builder.place().path().join("made"),
    );
    fs::rename(&plugins, &made).unwrap();
    let host = builder.start().await;
    assert_eq!(host.health().await["status"], "degraded");
    fs::rename(&made, &plugins).unwrap();
    shows(&host, &[("module:a", "one")]).await;
    host.drop_in("a", guests::tiny("two"));
    shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn a_plugins_directory_that_is_made_again_is_watched_again() {
    let builder = by_events_alone();
    let plugins = builder.place().plugins();
    fs::remove_dir(&plugins).unwrap();
    let host = builder.start().await;
    assert_eq!(host.health().await["status"], "degraded");
    for name in ["a", "b", "c"] {
        fs::create_dir(&plugins).unwrap();
        host.drop_in(name, guests::tiny(name));
        shows(&host, &[(&format!("module:{name}"), name)]).await;
        fs::remove_dir_all(&plugins).unwrap();
        fs::create_dir(&plugins).unwrap();
        shows(&host, &[]).await;
        fs::remove_dir(&plugins).unwrap();
    }
}

#[tokio::test]
async fn a_library_that_appears_later_is_seen_and_watched() {
    let builder = by_events_alone().config("[checks.a]\nplugin = 'a'");
    let library = builder.place().library();
    fs::remove_dir(&library).unwrap();
    let host = builder.start().await;
    let failed = |health: &serde_json::Value| health["checks"][0]["error"]["code"] == "load";
    host.eventually("it is missing", failed).await;
    fs::create_dir(&library).unwrap();
    host.place().write("library/a.wasm", guests::tiny("one"));
    host.eventually("it runs", |health| health["checks"][0]["message"] == "one")
        .await;
    host.place().write("library/a.wasm", guests::tiny("two"));
    shows(&host, &[("a", "two")]).await;
}
