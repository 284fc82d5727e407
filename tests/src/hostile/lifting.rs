//! Guests that lie to the canonical ABI: `cabi_realloc`, post-return, and answers that are none.

use super::case::{Group, HostileCase, Is};

pub(super) const GROUP: Group = Group {
    name: "answers",
    about: "Guests that violate the canonical ABI in `cabi_realloc`, in post-return and in their \
            results.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        new("realloc-outside", "allocates outside its memory")
            .wat()
            .ends("trap"),
        new("realloc-zero", "allocates the same place for everything")
            .wat()
            .survives("healthy"),
        new(
            "realloc-unaligned",
            "allocates an unaligned place for a list",
        )
        .wat()
        .ends("trap"),
        new("realloc-spins", "loops in `cabi_realloc`")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new(
            "realloc-out-of-fuel",
            "loops in `cabi_realloc`, with little fuel",
        )
        .wat_of("realloc-spins")
        .with("limits = { fuel = 1_000_000 }")
        .ends("fuel"),
        new("realloc-traps", "traps in `cabi_realloc`")
            .wat()
            .ends("trap")
            .message("unreachable"),
        new("realloc-recurses", "uses up its stack in `cabi_realloc`")
            .wat()
            .ends("stack"),
        new(
            "realloc-grows",
            "exceeds its memory limit in `cabi_realloc`",
        )
        .wat()
        .ends("memory"),
        new("realloc-reenters", "calls the host in `cabi_realloc`")
            .wat()
            .ends("trap")
            .message("cannot leave component instance"),
        new("post-return-spins", "loops in post-return")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new(
            "post-return-out-of-fuel",
            "loops in post-return, with little fuel",
        )
        .wat_of("post-return-spins")
        .with("limits = { fuel = 1_000_000 }")
        .ends("fuel"),
        new("post-return-traps", "traps in post-return")
            .wat()
            .ends("trap"),
        new(
            "post-return-grows",
            "exceeds its memory limit in post-return",
        )
        .wat()
        .ends("memory"),
        new("lift-outside", "returns a result outside its memory")
            .wat()
            .ends("trap"),
        new("lift-unaligned", "returns a result at an unaligned address")
            .wat()
            .ends("trap"),
        new("lift-neither", "neither a result nor an error")
            .wat()
            .ends("trap"),
        new("lift-status", "a status that does not exist")
            .wat()
            .ends("trap"),
        new("lift-text-outside", "a message of four billion bytes")
            .wat()
            .ends("trap"),
        new("lift-list-endless", "a list of four billion details")
            .wat()
            .ends("trap"),
        new("lift-list-overflow", "a list whose size overflows 32 bits")
            .wat()
            .ends("trap"),
        new("lift-list-unaligned", "a list at an unaligned address")
            .wat()
            .ends("trap"),
        new("lift-value", "a detail of a kind that does not exist")
            .wat()
            .ends("trap"),
        new("lift-no-utf8", "a message that is not UTF-8")
            .wat()
            .ends("trap"),
        new("lift-surrogate", "a message with half a surrogate pair")
            .wat()
            .ends("trap"),
        new(
            "lift-utf16",
            "a message in UTF-16 with half a surrogate pair",
        )
        .wat()
        .ends("trap"),
        new(
            "lift-same-text",
            "1,000 details that all point to the same half mebibyte",
        )
        .wat()
        .timeout(2000)
        .ends("output")
        .limit("2MiB"),
        new("lift-3mib", "a message of 3 MiB")
            .wat()
            .timeout(2000)
            .ends("output")
            .limit("2MiB")
            .fact("/result/message", Is::ShorterThan(200)),
    ]
}
