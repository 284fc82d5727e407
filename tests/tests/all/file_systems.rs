//! A real file system under a real host: every way in which plugin files and their directories appear,
//! change and vanish.
//!
//! The next regular scan is a day away, so that a test fails if the host misses an event, or a change
//! of the directories themselves.

mod directories;
mod events;
mod links;
mod permissions;
mod writing;

use std::collections::BTreeMap;

use serde_json::Value;
use vitals_tests::{Serving, TestHost, TestHostBuilder, eventually, when};

/// No regular scan finds anything. Checks run often, so that one that fails shows.
const EVENTS_ALONE: &str = "[plugins]\nrescan = '24h'\n[defaults]\ninterval = '2s'\ntimeout = '2s'";

fn by_events_alone() -> TestHostBuilder {
    TestHost::builder().config(EVENTS_ALONE)
}

/// The message of each check. None may be unhealthy.
fn messages(health: &Value) -> BTreeMap<&str, &str> {
    let checks = health["checks"].as_array().expect("a list of checks");
    let fails = |check: &Value| check["status"] == "unhealthy";
    assert!(!checks.iter().any(fails), "{health:#}");
    let messages = checks.iter();
    let messages = messages.map(|it| it["name"].as_str().zip(it["message"].as_str()));
    messages.map(|both| both.expect("texts")).collect()
}

/// Waits until exactly these checks have these messages. None may be unhealthy meanwhile.
async fn shows(host: &TestHost, expected: &[(&str, &str)]) {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    let what = format!("the messages are {expected:?}");
    host.eventually(&what, |health| messages(health) == expected)
        .await;
}

/// Like [`shows`], for a process, of which it returns `/health`.
async fn process_shows(host: &Serving, expected: &[(&str, &str)]) -> Value {
    let expected: BTreeMap<_, _> = expected.iter().copied().collect();
    eventually(&format!("the messages are {expected:?}"), async || {
        let health = host.get("/health").await?.json();
        when(messages(&health) == expected, health)
    })
    .await
}
