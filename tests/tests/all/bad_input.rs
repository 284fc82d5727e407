//! Files that are no plugins: each is refused by name with what to do, and harms nothing else.

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
async fn an_empty_file() {
    assert_snapshot!(refused([]).await, @"cannot load plugin `bad` from <dir>/plugins/bad.wasm: the file is empty; if it is being written, it is read again when that is done");
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
    assert!(why.contains("it is no WebAssembly file"), "{why}");
}

#[tokio::test]
async fn random_bytes() {
    // A generator that always says the same, by Marsaglia.
    let mut state = 2_463_534_242_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    let mut bytes: Vec<u8> = (0..100_000).map(|_| random()).collect();
    assert_snapshot!(refused(bytes.clone()).await);
    // The same behind the head of a component.
    bytes[..8].copy_from_slice(b"\0asm\x0d\0\x01\0");
    let why = refused(bytes).await;
    assert!(why.contains("it does not compile: "), "{why}");
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
async fn a_core_module() {
    assert_snapshot!(refused(guests::wat("core")).await);
}

#[tokio::test]
async fn a_precompiled_artifact() {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, guests::wat("empty-component"));
    let artifact = component
        .and_then(|component| component.serialize())
        .expect("it compiles");
    assert_snapshot!(refused(artifact).await);
}

#[tokio::test]
async fn a_component_of_another_world() {
    assert_snapshot!(refused(guests::wat("empty-component")).await);
}

#[tokio::test]
async fn a_component_with_other_types() {
    let why = refused(guests::wat("other-types")).await;
    assert!(
        why.contains("its interfaces do not fit this host: "),
        "{why}"
    );
}

#[tokio::test]
async fn a_component_of_another_version_of_the_contract() {
    assert_snapshot!(refused(guests::wat("other-version")).await);
}

#[tokio::test]
async fn an_import_that_the_host_does_not_have() {
    assert_snapshot!(refused(guests::WANTS_THING).await);
}

#[tokio::test]
async fn a_schema_that_is_no_schema() {
    assert_snapshot!(refused(guests::BAD_SCHEMA).await);
}

#[tokio::test]
async fn a_schema_that_refers_to_somewhere_else() {
    assert_snapshot!(refused(guests::REMOTE_SCHEMA).await);
}

#[tokio::test]
async fn a_directory_with_the_name_of_a_plugin() {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    fs::create_dir(builder.place().plugins().join("bad.wasm")).unwrap();
    let host = builder.start().await;
    let health = host.health().await;
    assert_eq!(check(&health, "module:good")["status"], "healthy");
    let why = check(&health, "module:bad")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_snapshot!(host.tidy(&why));
}

#[tokio::test]
async fn a_name_that_no_plugin_can_have() {
    let builder = TestHost::builder().plugin("Bad Name", guests::HELLO);
    let host = builder.plugin("good", guests::HELLO).start().await;
    let health = host.health().await;
    assert_eq!(check(&health, "module:good")["status"], "healthy");
    let bad = check(&health, "module:bad-name");
    assert_eq!(
        (&bad["status"], &bad["error"]["code"]),
        (&"unhealthy".into(), &"load".into())
    );
    assert_snapshot!(host.tidy(bad["message"].as_str().unwrap_or_default()));
}

#[tokio::test]
async fn a_file_that_is_not_the_one_that_was_asked_for() {
    let config = format!(
        "[checks.pinned]\nplugin = 'hello'\nsha256 = '{}'",
        "5f".repeat(32)
    );
    let builder = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .config(&config);
    let host = builder.start().await;
    let health = host.health().await;
    let pinned = check(&health, "pinned");
    assert_eq!(pinned["error"]["code"], "load", "{health:#}");
    assert_snapshot!(host.tidy(pinned["message"].as_str().unwrap_or_default()));
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
