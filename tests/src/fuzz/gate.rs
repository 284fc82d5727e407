//! The admission gate: arbitrary bytes, and real components with bytes changed.

use std::time::Duration;

use super::contract::Stranger;
use super::{Target, arena, contract};
use crate::guests;

/// Bytes through admission; what loads is run once.
pub const TARGET: Target = Target {
    name: "gate",
    run,
    seeds,
    // Compilation and `describe` have bounds of 60 and 5 seconds.
    time_limit: Duration::from_secs(70),
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
