//! Guests that take from the host what is not memory: handles, timers, random bytes, time.

use super::case::{self, Group, HostileCase};

pub(super) const GROUP: Group = Group::new(
    "resources",
    "Handles, timers and random bytes, and what the environment reveals to a guest.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let local = |name, does, settings| case::local(name, does, settings).timeout(2000);
    vec![
        local("streams", "takes a stream again and again and keeps it", "does = 'streams', count = 100_000")
            .exceeds("resources", "1000"),
        local("fields", "makes headers and keeps them", "does = 'fields', count = 100_000")
            .exceeds("resources", "1000"),
        local("requests", "makes requests and keeps them", "does = 'requests', count = 100_000")
            .exceeds("resources", "1000"),
        local("random-2mib", "asks for two mebibytes of random bytes", "does = 'random', size = 2_097_152")
            .ends("trap"),
        local("timers", "a million timers, each given back", "does = 'timers', count = 1_000_000")
            .timeout(300).times_out(""),
        local("timers-poll", "waits for 450 timers of 584 years", "does = 'timers-poll', count = 450")
            .timeout(200).times_out("waiting"),
        local("random-1gib", "asks for a gibibyte of random bytes", "does = 'random', size = 1_073_741_824")
            .ends("trap"),
        local("random-insecure-1gib", "asks for a gibibyte of insecure random bytes",
            "does = 'random', of = 'insecure', size = 1_073_741_824").ends("trap"),
        local("random-all", "asks for as many random bytes as 64 bits can count",
            "does = 'random', size = 9_223_372_036_854_775_807").ends("trap"),
        local("random-below", "asks for half a mebibyte of random bytes, which is within its limit",
            "does = 'random', size = 524_288").healthy().message("524288 bytes"),
        local("nap-then-fill", "sleeps until shortly before its deadline, then fills 40 MiB endlessly",
            "does = 'nap-then-fill', before = 20, mebibytes = 40")
            .endless_fuel().bulk().timeout(300).times_out(""),
        local("surroundings", "reads environment, arguments, directory, terminal", "does = 'surroundings'")
            .healthy().message("[] [] None false"),
        local("stdin", "reads standard input", "does = 'stdin'").healthy().message("Closed"),
        local("clocks", "reads the resolution of the clocks", "does = 'clocks'").healthy(),
        local("preopens", "looks for preopened directories", "does = 'preopens'")
            .healthy().message("0 Err("),
    ]
}
