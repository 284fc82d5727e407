//! A real file system under a real host: every way in which a plugin file, or the directory of it,
//! comes, goes and changes.
//!
//! Nothing is looked at for a day but what an event told of, or a glance at the directories
//! themselves: a test fails where the host misses what it should see by itself.

mod directories;
mod events;
mod links;
mod permissions;
mod writing;

use std::collections::BTreeMap;

use serde_json::Value;
use vitals_tests::{Serving, TestHost, TestHostBuilder, eventually};

/// Nothing comes by the regular look. Checks run often, so that one that fails shows.
const EVENTS_ALONE: &str = "[plugins]\nrescan = '24h'\n[defaults]\ninterval = '2s'\ntimeout = '2s'";

fn by_events_alone() -> TestHostBuilder {
    TestHost::builder().config(EVENTS_ALONE)
}

/// What each check says. Not one of them may be unhealthy.
fn messages(health: &Value) -> BTreeMap<&str, &str> {
    let checks = health["checks"].as_array().expect("a list of checks");
    let fails = |check: &Value| check["status"] == "unhealthy";
    assert!(!checks.iter().any(fails), "{health:#}");
    let said = checks
        .iter()
        .map(|check| (text(&check["name"]), text(&check["message"])));
    said.collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Waits until there are these checks with these messages and no others; none is unhealthy
/// meanwhile.
async fn shows(host: &TestHost, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<_, _> = wanted.iter().copied().collect();
    let what = format!("the checks say {wanted:?}");
    host.eventually(&what, |health| messages(health) == wanted)
        .await;
}

/// Like [`shows`], of a process; answers what `/health` says then.
async fn process_shows(host: &Serving, wanted: &[(&str, &str)]) -> Value {
    let wanted: BTreeMap<_, _> = wanted.iter().copied().collect();
    eventually(&format!("the checks say {wanted:?}"), async || {
        let health = host.get("/health").await?.json();
        if messages(&health) == wanted {
            Ok(health)
        } else {
            Err(format!("{health:#}\n{}", host.log().join("\n")))
        }
    })
    .await
}

/// What `GET /plugins` says of each plugin, by its name.
fn plugins(page: &Value) -> BTreeMap<&str, &Value> {
    let plugins = page["plugins"].as_array().expect("a list of plugins");
    let named = plugins.iter().map(|plugin| (text(&plugin["name"]), plugin));
    named.collect()
}
