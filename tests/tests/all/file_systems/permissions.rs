//! Permissions that are removed and restored.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use vitals_tests::{Serving, Vitals, eventually, guests, when};

use super::{EVENTS_ALONE, process_shows};

fn unprivileged() -> Vitals {
    let host = Vitals::host(EVENTS_ALONE, []).unprivileged();
    host.plugin("a", guests::tiny("one"))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Waits until the last error of plugin `a` meets a condition. The loaded version runs meanwhile.
async fn last_error(host: &Serving, is_so: impl Fn(&Value) -> bool) {
    eventually("the last error of the plugin", async || {
        process_shows(host, &[("module:a", "one")]).await;
        let page = host.get("/plugins").await?.json();
        when(is_so(&page["plugins"][0]["last_error"]), page)
    })
    .await;
}

fn is_permission_error(error: &Value) -> bool {
    let error = error.as_str().unwrap_or_default().to_lowercase();
    error.contains("permission denied")
}

#[tokio::test]
async fn a_file_without_read_permission_leaves_the_loaded_version_active() {
    let host = unprivileged().serve().await;
    process_shows(&host, &[("module:a", "one")]).await;
    let file = host.place().plugins().join("a.wasm");
    set_mode(&file, 0o000);
    last_error(&host, is_permission_error).await;
    set_mode(&file, 0o644);
    last_error(&host, Value::is_null).await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn a_directory_without_read_permission_leaves_the_loaded_plugins_active() {
    let host = unprivileged().serve().await;
    process_shows(&host, &[("module:a", "one")]).await;
    let status = async |status: &str| {
        eventually(&format!("the host is {status}"), async || {
            let health = process_shows(&host, &[("module:a", "one")]).await;
            when(health["status"] == status, health)
        })
        .await;
    };
    let plugins = host.place().plugins();
    set_mode(&plugins, 0o000);
    status("degraded").await;
    let page = host.get("/plugins").await.unwrap().json();
    assert!(is_permission_error(&page["directory"]["error"]), "{page:#}");
    set_mode(&plugins, 0o755);
    status("healthy").await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn a_directory_is_watched_once_it_can_be_read() {
    let host = unprivileged();
    let plugins = host.place().plugins();
    set_mode(&plugins, 0o000);
    let host = host.serve().await;
    let health = process_shows(&host, &[]).await;
    assert_eq!(health["status"], "degraded");
    set_mode(&plugins, 0o755);
    process_shows(&host, &[("module:a", "one")]).await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
    let warning = "directory cannot be watched";
    let line = host.eventually_logs(warning).await;
    assert!(line.contains("at the next rescan"), "{line}");
    let log = host.log();
    let warnings = log.iter().filter(|line| line.contains(warning));
    assert_eq!(warnings.count(), 1, "{log:#?}");
}
