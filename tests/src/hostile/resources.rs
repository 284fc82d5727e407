//! Guests that take from the host what is not memory: handles, timers, random bytes, time.

use super::case::{Group, HostileCase};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "resources",
    about: "Handles, timers and random bytes, and what the environment reveals to a guest.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let local = |name: &str, does: &'static str, config: &str| {
        let config = format!("config = {{ {config} }}");
        HostileCase::new(name, does)
            .built(guests::HOSTILE_LOCAL)
            .timeout(2000)
            .with(&config)
    };
    let full = |name: &str, does: &'static str, config: &str| {
        local(name, does, config).ends("resources").limit("1000")
    };
    vec![
        full(
            "streams",
            "takes a stream again and again and keeps it",
            "does = 'streams', count = 100_000",
        ),
        full(
            "fields",
            "makes headers and keeps them",
            "does = 'fields', count = 100_000",
        ),
        full(
            "requests",
            "makes requests and keeps them",
            "does = 'requests', count = 100_000",
        ),
        local(
            "random-2mib",
            "asks for two mebibytes of random bytes",
            "does = 'random', size = 2_097_152",
        )
        .ends("trap"),
        local(
            "timers",
            "a million timers, each given back",
            "does = 'timers', count = 1_000_000",
        )
        .timeout(300)
        .times_out(""),
        local(
            "timers-poll",
            "waits for 450 timers of 584 years",
            "does = 'timers-poll', count = 450",
        )
        .timeout(200)
        .times_out("waiting"),
        local(
            "random-1gib",
            "asks for a gibibyte of random bytes",
            "does = 'random', size = 1_073_741_824",
        )
        .ends("trap"),
        local(
            "random-insecure-1gib",
            "asks for a gibibyte of insecure random bytes",
            "does = 'random', of = 'insecure', size = 1_073_741_824",
        )
        .ends("trap"),
        local(
            "random-all",
            "asks for as many random bytes as 64 bits can count",
            "does = 'random', size = 9_223_372_036_854_775_807",
        )
        .ends("trap"),
        local(
            "random-below",
            "asks for half a mebibyte of random bytes, which is within its limit",
            "does = 'random', size = 524_288",
        )
        .survives("healthy")
        .message("524288 bytes"),
        local(
            "nap-then-fill",
            "sleeps until shortly before its deadline, then fills 40 MiB endlessly",
            "does = 'nap-then-fill', before = 20, mebibytes = 40",
        )
        .with("limits = { fuel = 1_000_000_000_000 }")
        .bulk()
        .timeout(300)
        .times_out(""),
        local(
            "surroundings",
            "reads environment, arguments, directory, terminal",
            "does = 'surroundings'",
        )
        .survives("healthy")
        .message("[] [] None false"),
        local("stdin", "reads standard input", "does = 'stdin'")
            .survives("healthy")
            .message("Closed"),
        local(
            "clocks",
            "reads the resolution of the clocks",
            "does = 'clocks'",
        )
        .survives("healthy"),
        local(
            "preopens",
            "looks for preopened directories",
            "does = 'preopens'",
        )
        .survives("healthy")
        .message("0 Err("),
    ]
}
