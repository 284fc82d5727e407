//! A host that lacks something of the machine's: that says nothing of anybody's plugin.

use super::case::{Body, Group, HostileCase};

pub(super) const GROUP: Group = Group {
    name: "shortage",
    about: "A host that has no descriptors left while a file is dropped in. What it can't load is \
            `unknown` and does not take its readiness, and is loaded as soon as it can be.",
    host: "[checks.warm-up]\ncritical = false\n",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let does = "serves on while a file comes that the host has no descriptors to load";
    vec![
        HostileCase::new("descriptors-gone", does)
            .body(Body::Starved)
            .survives("healthy")
            .message("hello"),
    ]
}
