//! Permissions that are lost and regained.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use vitals_tests::{Serving, Vitals, eventually, guests};

use super::{EVENTS_ALONE, plugins, process_shows};

fn unprivileged() -> Vitals {
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"]).config(EVENTS_ALONE);
    host.plugin("a", guests::tiny("one")).unprivileged()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Waits until the last error of plugin `a` is as it should be; what was loaded runs all the while.
async fn last_error(host: &Serving, is_so: impl Fn(&Value) -> bool) {
    eventually("the last error of the plugin", async || {
        process_shows(host, &[("module:a", "one")]).await;
        let page = host.get("/plugins").await?.json();
        if is_so(&plugins(&page)["a"]["last_error"]) {
            Ok(())
        } else {
            Err(format!("{page:#}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_may_not_be_read_leaves_what_was_loaded_until_it_may() {
    let host = unprivileged().serve().await;
    process_shows(&host, &[("module:a", "one")]).await;
    let file = host.place().plugins().join("a.wasm");
    set_mode(&file, 0o000);
    last_error(&host, |error| {
        let error = error.as_str().unwrap_or_default();
        error.to_lowercase().contains("permission denied")
    })
    .await;
    set_mode(&file, 0o644);
    last_error(&host, Value::is_null).await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn a_directory_that_may_not_be_read_leaves_what_was_loaded_until_it_may() {
    let host = unprivileged().serve().await;
    process_shows(&host, &[("module:a", "one")]).await;
    let status = async |status: &str| {
        eventually(&format!("the host is {status}"), async || {
            let health = process_shows(&host, &[("module:a", "one")]).await;
            if health["status"] == status {
                Ok(())
            } else {
                Err(format!("{health:#}"))
            }
        })
        .await;
    };
    let plugins = host.place().plugins();
    set_mode(&plugins, 0o000);
    status("degraded").await;
    let page = host.get("/plugins").await.unwrap().json();
    let error = page["directory"]["error"].as_str().unwrap_or_default();
    assert!(
        error.to_lowercase().contains("permission denied"),
        "{page:#}"
    );
    set_mode(&plugins, 0o755);
    status("healthy").await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn a_directory_that_could_not_be_watched_at_first_is_once_it_may_be_read() {
    let host = unprivileged();
    let plugins = host.place().plugins();
    set_mode(&plugins, 0o000);
    let host = host.serve().await;
    let complaints = || {
        let log = host.log();
        let complaint = |line: &&String| line.contains("directory cannot be watched");
        log.iter().filter(complaint).cloned().collect::<Vec<_>>()
    };
    let health = process_shows(&host, &[]).await;
    assert_eq!(health["status"], "degraded");
    set_mode(&plugins, 0o755);
    process_shows(&host, &[("module:a", "one")]).await;
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    process_shows(&host, &[("module:a", "two")]).await;
    let complaints = eventually("it is said", async || {
        let complaints = complaints();
        if complaints.is_empty() {
            Err(host.log().join("\n"))
        } else {
            Ok(complaints)
        }
    })
    .await;
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].contains("at the next rescan"));
}
