//! Guests that misbehave while they are instantiated.

use super::case::{Group, HostileCase, wat};
use super::flaws::{FOR_EVER, data, start};

pub(super) const GROUP: Group = Group::new(
    "start functions",
    "Code that runs before `describe` and `check` has the same limits.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        start("start-spins", "loops while it is instantiated", FOR_EVER)
            .refused("its `describe` failed: used up its fuel"),
        wat("start-spins-nested", "the second of its nested instances loops").refused("used up its fuel"),
        start("start-traps", "traps while it is instantiated", "unreachable").refused("unreachable"),
        start("start-recurses", "uses up its stack while it is instantiated", "(call $start)")
            .refused("overflowed its stack"),
        data("start-outside-data", "writes outside its memory while it is instantiated",
            &[(131_071, "beyond the end")]).refused("out of bounds"),
        start("start-burns-fuel", "uses more fuel than its check may while it is instantiated", BURNS)
            .limits("fuel = 1_000_000").timeout(2000).exceeds("fuel", "1000000"),
        start("start-burns-time", "runs longer than its check may while it is instantiated", BURNS)
            .endless_fuel().timeout(20).times_out("computing"),
        start("start-grows", "takes more memory than its check may while it is instantiated",
            "(drop (memory.grow (i32.const 640)))")
            .limits("memory = '16MiB'").exceeds("memory", "16MiB"),
    ]
}

/// Computes for a while: `describe` has enough fuel for that, a check with less fuel or time does
/// not.
const BURNS: &str = "(local $round i32)
    (loop $again
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1)))
        (i32.const 60000000))))";
