//! Plugins and plugins directories that are missing. Files that are rejected are cases of the
//! hostile-guest suite (`tests/src/hostile/load.rs`).

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;
use vitals_tests::{TestHost, guests};

fn check<'a>(health: &'a Value, name: &str) -> &'a Value {
    let checks = health["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("there is no {name} in {health:#}"))
}

#[tokio::test]
async fn a_plugin_that_is_nowhere() {
    let config = "[checks.orders]\nplugin = 'postgres'\n[checks.good]\nplugin = 'hello'";
    let host = TestHost::builder()
        .library("hello", guests::HELLO)
        .config(config)
        .start()
        .await;
    let health = host.health().await;
    assert_eq!(check(&health, "good")["status"], "healthy");
    let why = check(&health, "orders")["message"]
        .as_str()
        .unwrap_or_default();
    assert_snapshot!(host.tidy(why));
}

#[tokio::test]
async fn a_plugins_directory_that_is_not_there() {
    let builder = TestHost::builder().library("hello", guests::HELLO);
    let missing = builder.place().path().join("nowhere");
    let builder = builder.argument("plugins.dir", &missing.display().to_string());
    let builder = builder.config("[checks.good]\nplugin = 'hello'");
    let host = builder.start().await;
    let health = host.health().await;
    assert_eq!(health["status"], "degraded", "{health:#}");
    assert_eq!(check(&health, "good")["status"], "healthy");
    let page = host.get("/plugins").await.json();
    assert_eq!(page["directory"]["readable"], false);
    assert_snapshot!(host.tidy(page["directory"]["error"].as_str().unwrap_or_default()));
    assert_eq!(host.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_plugins_directory_that_is_a_file() {
    let builder = TestHost::builder();
    let file = builder.place().write("file", "");
    let host = builder
        .argument("plugins.dir", &file.display().to_string())
        .start()
        .await;
    assert_eq!(host.health().await["status"], "degraded");
    let page = host.get("/plugins").await.json();
    assert_snapshot!(host.tidy(page["directory"]["error"].as_str().unwrap_or_default()));
}

#[tokio::test]
async fn a_plugins_directory_that_goes_and_comes_back() {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    let host = builder.config("[plugins]\nrescan = '200ms'").start().await;
    host.health().await;
    let (plugins, away) = (host.place().plugins(), host.place().path().join("away"));
    fs::rename(&plugins, &away).unwrap();
    let health = host
        .eventually("degraded", |health| health["status"] == "degraded")
        .await;
    assert_eq!(
        check(&health, "module:good")["status"],
        "healthy",
        "it keeps running"
    );
    fs::rename(&away, &plugins).unwrap();
    host.eventually("healthy again", |health| health["status"] == "healthy")
        .await;
    assert_eq!(
        host.plugin("good").await["generation"],
        1,
        "nothing was loaded again"
    );
    host.take_out("good");
    let is_empty = |health: &Value| health["checks"].as_array().is_some_and(Vec::is_empty);
    host.eventually("the directory is watched again", is_empty)
        .await;
}
