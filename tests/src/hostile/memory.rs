//! Guests that take memory, tables, instances and handles.

use super::case::{Group, HostileCase, Is, built, made, wat};
use super::flaws::{check, fields, pages};
use super::frame::good_after;
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "memory",
    "Memory and tables together count against one limit. Their number is limited too.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        check("grow-in-steps", "grows its memory page by page, endlessly",
            "(loop $for_ever (drop (memory.grow (i32.const 1))) (br $for_ever)) unreachable")
            .exceeds("memory", "64MiB").asked("64.1MiB"),
        check("grow-at-once", "asks for 4 GiB at once",
            "(drop (memory.grow (i32.const 65534))) (call $healthy)")
            .exceeds("memory", "64MiB").asked("4GiB"),
        wat("grow-many-memories", "eight memories, each far below the limit").exceeds("memory", "64MiB"),
        wat("two-memories", "one core module with two memories").exceeds("memory", "64MiB"),
        built("fill", "takes memory and writes to all of it", guests::FILL)
            .config("mebibytes = 200").limits("memory = '8MiB'")
            .exceeds("memory", "8MiB").asked("8.1MiB")
            .fact("/result/memory_peak_bytes", Is::AtMost(8_388_608.0))
            .fact("/result/memory_peak_bytes", Is::AtLeast(4_194_304.0)),
        built("fill-below", "takes 40 MiB, which is within its limit", guests::FILL)
            .config("mebibytes = 40").timeout(10_000).healthy().message("took 40 MiB"),
        pages("initial-32mib", "declares 32 MiB of memory with a limit of 16 MiB", 512)
            .limits("memory = '16MiB'").exceeds("memory", "16MiB").asked("32MiB"),
        pages("initial-4gib", "declares 4 GiB of memory", 65_536).refused("asked for 4GiB of memory"),
        made("nine-memories", "has more memories than a plugin may have", || instances_of("(memory 0)", 8))
            .refused("9 Wasm linear memories"),
        fields("memory64", "has a memory with 64-bit addresses", "(memory $wide i64 1 281474976710656)")
            .refused("does not compile"),
        fields("shared-memory", "has a memory that threads could share", "(memory $shared 1 4 shared)")
            .refused("does not compile"),
        wat("table-grow-in-steps", "grows four tables bit by bit")
            .limits("memory = '1MiB'").exceeds("memory", "1MiB"),
        wat("table-grow-at-once", "asks for a table of four billion entries")
            .endless_fuel().exceeds("memory", "64MiB"),
        wat("table-grow-out-of-fuel", "asks for a table of four billion entries, with the default fuel")
            .wat_of("table-grow-at-once").ends("fuel"),
        fields("table-huge", "declares a table of ten million entries", "(table $table 10000000 funcref)")
            .refused("table"),
        made("tables-33", "has more tables than a plugin may have",
            || instances_of("(table 0 funcref)", 33)).refused("33 tables"),
        made("instances-65", "has more core instances than a plugin may have", || instances_of("", 65))
            .refused("instances"),
        made("nested-64", "64 levels of nested components", || nested_components(64)).healthy(),
        wat("handles-own", "makes resources of its own and keeps them").exceeds("resources", "1000"),
        wat("handle-forged", "drops a handle that it does not own").ends("trap"),
        wat("handle-twice", "drops a handle of the host twice").ends("trap"),
        built("leak", "opens timers of the host and keeps them", guests::LEAK)
            .timeout(2000).exceeds("resources", "1000"),
        built("leak-below", "keeps 980 timers, which is within its limit", guests::LEAK)
            .config("pollables = 980").timeout(2000).healthy().message("kept 980"),
    ]
}

/// A good guest that instantiates another core module so often.
fn instances_of(fields: &str, count: usize) -> Vec<u8> {
    let instances = "(core instance (instantiate $other))\n".repeat(count);
    good_after(&format!("(core module $other {fields})\n{instances}"))
}

/// A good guest with levels of nested components.
fn nested_components(depth: usize) -> Vec<u8> {
    let (open, close) = ("(component\n".repeat(depth), ")".repeat(depth));
    good_after(&format!("{open}{close}"))
}
