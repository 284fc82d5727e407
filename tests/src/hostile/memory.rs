//! Guests that take memory, tables, instances and handles.

use super::case::{Group, HostileCase, Is};
use super::frame;
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "memory",
    about: "Memories and tables count as one sum; how many there may be is bounded too.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        new("grow-in-steps", "grows its memory page by page for ever")
            .wat()
            .ends("memory")
            .limit("64MiB")
            .asked("64.1MiB"),
        new("grow-at-once", "asks for 4 GiB at once")
            .wat()
            .ends("memory")
            .limit("64MiB")
            .asked("4GiB"),
        new(
            "grow-many-memories",
            "eight memories, each far below the limit",
        )
        .wat()
        .ends("memory")
        .limit("64MiB"),
        new("two-memories", "one core module with two memories")
            .wat()
            .ends("memory")
            .limit("64MiB"),
        new("fill", "takes memory and writes to all of it")
            .built(guests::FILL)
            .with("limits = { memory = '8MiB' }\nconfig = { mebibytes = 200 }")
            .ends("memory")
            .limit("8MiB")
            .asked("8.1MiB")
            .fact("/result/memory_peak_bytes", Is::AtMost(8_388_608.0))
            .fact("/result/memory_peak_bytes", Is::AtLeast(4_194_304.0)),
        new("fill-below", "takes 40 MiB, which it may")
            .built(guests::FILL)
            .with("config = { mebibytes = 40 }")
            .timeout(10_000)
            .survives("healthy")
            .message("took 40 MiB"),
        new("initial-32mib", "comes with 32 MiB where 16 are allowed")
            .wat()
            .with("limits = { memory = '16MiB' }")
            .ends("memory")
            .limit("16MiB")
            .asked("32MiB"),
        new("initial-4gib", "comes with 4 GiB")
            .wat()
            .refused("asked for 4GiB of memory"),
        new("nine-memories", "has more memories than a plugin may have")
            .made(|| instances_of("(memory 0)", 8))
            .refused("9 Wasm linear memories"),
        new("memory64", "has a memory of 64-bit addresses")
            .wat()
            .refused("does not compile"),
        new("shared-memory", "has a memory that threads could share")
            .wat()
            .refused("does not compile"),
        new("table-grow-in-steps", "grows four tables bit by bit")
            .wat()
            .with("limits = { memory = '1MiB' }")
            .ends("memory")
            .limit("1MiB"),
        new(
            "table-grow-at-once",
            "asks for a table of four billion entries",
        )
        .wat()
        .endless_fuel()
        .ends("memory")
        .limit("64MiB"),
        new(
            "table-grow-out-of-fuel",
            "asks for a table of four billion entries, with the fuel that is usual",
        )
        .wat_of("table-grow-at-once")
        .ends("fuel"),
        new("table-huge", "comes with a table of ten million entries")
            .wat()
            .refused("table"),
        new("tables-33", "has more tables than a plugin may have")
            .made(|| instances_of("(table 0 funcref)", 33))
            .refused("33 tables"),
        new(
            "instances-65",
            "has more core instances than a plugin may have",
        )
        .made(|| instances_of("", 65))
        .refused("instances"),
        new("nested-64", "64 levels of nested components")
            .made(|| nested_components(64))
            .survives("healthy"),
        new("handles-own", "makes resources of its own and keeps them")
            .wat()
            .ends("resources")
            .limit("1000"),
        new("handle-forged", "drops a handle that nobody gave it")
            .wat()
            .ends("trap"),
        new("handle-twice", "gives a handle of the host back twice")
            .wat()
            .ends("trap"),
        new("leak", "opens timers of the host and keeps them")
            .built(guests::LEAK)
            .timeout(2000)
            .ends("resources")
            .limit("1000"),
        new("leak-below", "keeps 980 timers, which it may")
            .built(guests::LEAK)
            .with("config = { pollables = 980 }")
            .timeout(2000)
            .survives("healthy")
            .message("kept 980"),
    ]
}

/// A good guest that instantiates another core module besides, so often.
fn instances_of(fields: &str, count: usize) -> Vec<u8> {
    let mut text = format!("(core module $other {fields})\n");
    text.push_str(&"(core instance (instantiate $other))\n".repeat(count));
    text.push_str(GOOD);
    frame::made(&text)
}

/// A good guest with levels of nested components.
fn nested_components(depth: usize) -> Vec<u8> {
    let (open, close) = ("(component\n".repeat(depth), ")".repeat(depth));
    frame::made(&format!("{open}{close}{GOOD}"))
}

const GOOD: &str = "\n(core module $module\n  ;; + memory realloc describe post healthy well\n)\n";
