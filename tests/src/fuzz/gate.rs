//! The admission gate: arbitrary bytes, and real components with bytes changed.

use std::time::Duration;

use super::contract::Stranger;
use super::{Target, arena, contract};
use crate::guests;

pub(super) const TARGET: Target = Target {
    name: "gate",
    about: "bytes through the admission gate; what loads is run once",
    run,
    seeds,
    dictionary: &[
        b"\0asm\x0d\0\x01\0",
        b"\0asm\x01\0\0\0",
        b"vitals:health/health-check@0.1.0",
        b"vitals:health/types@0.1.0",
        b"wasi:io/poll@0.2.6",
        b"wasi:http/types@0.2.6",
        b"describe",
        b"check",
        b"cabi_realloc",
        b"\x7fELF",
        b"\x00\x61\x73\x6d",
        b"\x80\x80\x80\x80\x10",
        b"\xff\xff\xff\xff\x0f",
    ],
    longest: 256 << 10,
    // Compilation and `describe` have bounds of 60 and 5 seconds.
    patience: Duration::from_secs(70),
    cases: 120,
};

fn run(input: &[u8]) {
    if let Ok(plugin) = arena::admit(input) {
        arena::run(&plugin, "{}".to_owned());
    }
}

/// Small ones mostly, because a change that still compiles costs as much as the whole.
fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "core",
        "empty-component",
        "other-types",
        "other-version",
        "unknown-import",
    ];
    let small = contract::component("{}", Stranger::Nobody);
    let mut seeds: Vec<_> = texts.into_iter().map(guests::wat).collect();
    seeds.extend([small.clone(), small.clone(), small.clone(), small]);
    seeds.push(contract::component(
        r#"{"properties": {"m": {}}}"#,
        Stranger::Nobody,
    ));
    seeds.push(guests::WANTS_THING.bytes());
    seeds.push(guests::HELLO.bytes());
    seeds
}
