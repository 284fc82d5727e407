//! Guests that misbehave while they are instantiated.

use super::case::{Group, HostileCase};

pub(super) const GROUP: Group = Group {
    name: "start functions",
    about: "Code that runs before `describe` and `check` has the same limits.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        new("start-spins", "loops while it is instantiated")
            .wat()
            .refused("its `describe` failed: used up its fuel"),
        new(
            "start-spins-nested",
            "the second of its nested instances loops",
        )
        .wat()
        .refused("used up its fuel"),
        new("start-traps", "traps while it is instantiated")
            .wat()
            .refused("unreachable"),
        new(
            "start-recurses",
            "uses up its stack while it is instantiated",
        )
        .wat()
        .refused("overflowed its stack"),
        new(
            "start-outside-data",
            "writes outside its memory while it is instantiated",
        )
        .wat()
        .refused("out of bounds"),
        new(
            "start-burns-fuel",
            "uses more fuel than its check may while it is instantiated",
        )
        .wat_of("start-burns")
        .with("limits = { fuel = 1_000_000 }")
        .timeout(2000)
        .ends("fuel")
        .limit("1000000"),
        new(
            "start-burns-time",
            "runs longer than its check may while it is instantiated",
        )
        .wat_of("start-burns")
        .endless_fuel()
        .timeout(20)
        .times_out("computing"),
        new(
            "start-grows",
            "takes more memory than its check may while it is instantiated",
        )
        .wat()
        .with("limits = { memory = '16MiB' }")
        .ends("memory")
        .limit("16MiB"),
    ]
}
