//! The first-party plugins, each in a real host against the real thing; beside them what is true of all:
//! their READMEs and the README's table of them.

mod celery;
mod disk;
mod dns;
mod documents;
mod file;
mod grpc;
mod http;
mod icmp;
mod load;
mod memory;
mod postgres;
mod prometheus;
mod readme;
mod redis;
mod smtp;
mod tls;
mod websocket;

use serde_json::Value;
use vitals_tests::TestHost;
use vitals_tests::guests::Guest;

/// A host whose check `watched` runs a plugin under these lines of its table.
async fn watching(plugin: Guest, lines: &str) -> TestHost {
    let builder = TestHost::builder().library("plugin", plugin);
    let table = format!("[checks.watched]\nplugin = 'plugin'\n{lines}");
    builder.config(&table).start().await
}

/// Runs such a check, and answers everything known of it.
async fn watch(plugin: Guest, lines: &str) -> Value {
    let lines = format!("timeout = '10s'\n{lines}");
    watching(plugin, &lines).await.check("watched").await
}

/// Status and message of a check.
fn told(check: &Value) -> (&str, &str) {
    let text = |key: &str| check[key].as_str().unwrap_or_default();
    (text("status"), text("message"))
}

/// The measurement of this name.
fn measured<'a>(check: &'a Value, name: &str) -> &'a Value {
    let all = check["result"]["measurements"].as_array();
    let mut all = all.unwrap_or_else(|| panic!("{check:#}")).iter();
    all.find(|measurement| measurement["name"] == name)
        .unwrap_or(&Value::Null)
}

/// The number of this name.
fn number(check: &Value, name: &str) -> f64 {
    let value = &measured(check, name)["value"];
    value
        .as_f64()
        .unwrap_or_else(|| panic!("`{name}` is not in {check:#}"))
}
