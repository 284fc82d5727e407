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
        new("realloc-outside", "gives out memory that it does not have")
            .wat()
            .ends("trap"),
        new("realloc-zero", "gives out one place for everything")
            .wat()
            .survives("healthy"),
        new("realloc-unaligned", "gives out an odd place for a list")
            .wat()
            .ends("trap"),
        new("realloc-spins", "loops when it is asked for room")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new(
            "realloc-out-of-fuel",
            "loops when it is asked for room, with little fuel",
        )
        .wat_of("realloc-spins")
        .with("limits = { fuel = 1_000_000 }")
        .ends("fuel"),
        new("realloc-traps", "traps when it is asked for room")
            .wat()
            .ends("trap")
            .message("unreachable"),
        new(
            "realloc-recurses",
            "uses up its stack when it is asked for room",
        )
        .wat()
        .ends("stack"),
        new(
            "realloc-grows",
            "takes more memory than it may when it is asked for room",
        )
        .wat()
        .ends("memory"),
        new(
            "realloc-reenters",
            "calls the host when it is asked for room",
        )
        .wat()
        .ends("trap")
        .message("cannot leave component instance"),
        new("post-return-spins", "loops after its answer")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new(
            "post-return-out-of-fuel",
            "loops after its answer, with little fuel",
        )
        .wat_of("post-return-spins")
        .with("limits = { fuel = 1_000_000 }")
        .ends("fuel"),
        new("post-return-traps", "traps after its answer")
            .wat()
            .ends("trap"),
        new(
            "post-return-grows",
            "takes more memory than it may after its answer",
        )
        .wat()
        .ends("memory"),
        new("lift-outside", "its answer lies outside its memory")
            .wat()
            .ends("trap"),
        new("lift-unaligned", "its answer lies at an odd place")
            .wat()
            .ends("trap"),
        new("lift-neither", "neither a result nor an error")
            .wat()
            .ends("trap"),
        new("lift-status", "a status that there is not")
            .wat()
            .ends("trap"),
        new("lift-text-outside", "a message of four billion bytes")
            .wat()
            .ends("trap"),
        new("lift-list-endless", "a list of four billion details")
            .wat()
            .ends("trap"),
        new(
            "lift-list-overflow",
            "a list whose size is little again in 32 bits",
        )
        .wat()
        .ends("trap"),
        new("lift-list-unaligned", "a list at an odd place")
            .wat()
            .ends("trap"),
        new("lift-value", "a detail of a kind that there is not")
            .wat()
            .ends("trap"),
        new("lift-no-utf8", "a message that is no UTF-8")
            .wat()
            .ends("trap"),
        new("lift-surrogate", "a message with half of a pair of UTF-16")
            .wat()
            .ends("trap"),
        new("lift-utf16", "a message in UTF-16 with half of a pair")
            .wat()
            .ends("trap"),
        new(
            "lift-same-text",
            "1,000 details that all show the same half mebibyte",
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
