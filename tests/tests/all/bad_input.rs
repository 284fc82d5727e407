//! Files that are no plugins, and directories that are not there. Most files that are refused are cases
//! of the hostile-guest suite (`tests/src/hostile/load.rs`).

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;
use vitals_tests::{TestHost, guests};

/// Drops a bad file in beside a good neighbour, and answers why it is refused.
async fn refused(file: impl Into<Vec<u8>>) -> String {
    let host = TestHost::builder()
        .plugin("bad", file)
        .plugin("good", guests::HELLO)
        .start()
        .await;
    let health = host.health().await;
    assert_eq!(health["status"], "unhealthy", "{health:#}");
    let [bad, good] = ["module:bad", "module:good"].map(|name| check(&health, name));
    assert_eq!(good["status"], "healthy", "{health:#}");
    assert_eq!(
        (&bad["status"], &bad["error"]["code"]),
        (&"unhealthy".into(), &"load".into())
    );
    assert_eq!(bad["message"], bad["error"]["message"]);
    assert_eq!(host.get("/health/live").await.status, 200);
    assert_eq!(host.plugin("bad").await["state"], "failed");
    host.tidy(bad["message"].as_str().unwrap_or_default())
}

fn check<'a>(health: &'a Value, name: &str) -> &'a Value {
    let checks = health["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("there is no {name} in {health:#}"))
}

#[tokio::test]
async fn a_truncated_file() {
    let whole = guests::HELLO.bytes();
    for length in [9, 1000, whole.len() / 2, whole.len() - 1] {
        let why = refused(&whole[..length]).await;
        assert!(
            why.contains("from <dir>/plugins/bad.wasm: it does not compile: "),
            "{length}: {why}"
        );
    }
    let why = refused(&whole[..4]).await;
    assert!(why.contains("it is not a WebAssembly file"), "{why}");
}

#[tokio::test]
async fn a_damaged_file() {
    let mut bytes = guests::HELLO.bytes();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    let why = refused(bytes).await;
    assert!(why.contains("it does not compile: "), "{why}");
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
