//! The admission gate: arbitrary bytes, and real components with bytes changed.

use super::contract::{self, ExtraModule};
use crate::guests;

/// Small ones mostly, because a change that still compiles costs as much as the whole.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "core",
        "empty-component",
        "other-types",
        "other-version",
        "unknown-import",
    ];
    let small = |schema| contract::component(schema, ExtraModule::None);
    let mut seeds: Vec<_> = texts.into_iter().map(guests::wat).collect();
    seeds.extend(["{}", "{}", "{}", "{}", r#"{"properties": {"m": {}}}"#].map(small));
    seeds.push(guests::WANTS_THING.bytes());
    seeds.push(guests::HELLO.bytes());
    seeds
}
