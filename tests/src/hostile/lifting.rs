//! Guests that lie to the canonical ABI: `cabi_realloc`, post-return, and answers that are none.

use super::case::{Group, HostileCase, Is, wat};
use super::flaws::{FOR_EVER, check, data, post_return, realloc};

pub(super) const GROUP: Group = Group::new(
    "answers",
    "Guests that violate the canonical ABI in `cabi_realloc`, in post-return and in their results.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        realloc("realloc-outside", "allocates outside its memory", "(i32.const -8)").ends("trap"),
        realloc("realloc-zero", "allocates the same place for everything", "(i32.const 0)").healthy(),
        wat("realloc-unaligned", "allocates an unaligned place for a list").ends("trap"),
        realloc("realloc-spins", "loops in `cabi_realloc`", FOR_EVER)
            .endless_fuel().timeout(150).times_out("computing"),
        realloc("realloc-out-of-fuel", "loops in `cabi_realloc`, with little fuel", FOR_EVER)
            .limits("fuel = 1_000_000").ends("fuel"),
        realloc("realloc-traps", "traps in `cabi_realloc`", "unreachable")
            .ends("trap").message("unreachable"),
        realloc("realloc-recurses", "uses up its stack in `cabi_realloc`",
            "(i32.add (i32.const 1)
              (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))")
            .ends("stack"),
        realloc("realloc-grows", "exceeds its memory limit in `cabi_realloc`",
            "(drop (memory.grow (i32.const 4000))) (i32.const 1024)").ends("memory"),
        wat("realloc-reenters", "calls the host in `cabi_realloc`")
            .ends("trap").message("cannot leave component instance"),
        post_return("post-return-spins", "loops in post-return", FOR_EVER)
            .endless_fuel().timeout(150).times_out("computing"),
        post_return("post-return-out-of-fuel", "loops in post-return, with little fuel", FOR_EVER)
            .limits("fuel = 1_000_000").ends("fuel"),
        post_return("post-return-traps", "traps in post-return", "unreachable").ends("trap"),
        post_return("post-return-grows", "exceeds its memory limit in post-return",
            "(drop (memory.grow (i32.const 4000)))").ends("memory"),
        check("lift-outside", "returns a result outside its memory", "(i32.const -64)").ends("trap"),
        check("lift-unaligned", "returns a result at an unaligned address", "(i32.const 129)").ends("trap"),
        data("lift-neither", "neither a result nor an error", &[(128, r"\02")]).ends("trap"),
        data("lift-status", "a status that does not exist", &[(132, r"\ff")]).ends("trap"),
        data("lift-text-outside", "a message of four billion bytes",
            &[(136, r"\ff\ff\01\00\ff\ff\ff\ff")]).ends("trap"),
        data("lift-list-endless", "a list of four billion details",
            &[(144, r"\00\00\00\00\ff\ff\ff\ff")]).ends("trap"),
        // 72 bytes each: 72 * 0x1c71c71d is 8 in 32 bits.
        data("lift-list-overflow", "a list whose size overflows 32 bits",
            &[(152, r"\00\00\00\00\1d\c7\71\1c")]).ends("trap"),
        data("lift-list-unaligned", "a list at an unaligned address",
            &[(144, r"\03\00\00\00\01\00\00\00")]).ends("trap"),
        data("lift-value", "a detail of a kind that does not exist", &[
            (144, r"\00\02\00\00\01\00\00\00"),
            (512, r"\10\00\00\00\03\00\00\00\09\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"),
        ]).ends("trap"),
        data("lift-no-utf8", "a message that is not UTF-8",
            &[(136, r"\00\02\00\00\04\00\00\00"), (512, r"ok\c3\28")]).ends("trap"),
        data("lift-surrogate", "a message with half a surrogate pair",
            &[(136, r"\00\02\00\00\05\00\00\00"), (512, r"\ed\a0\80ok")]).ends("trap"),
        wat("lift-utf16", "a message in UTF-16 with half a surrogate pair").ends("trap"),
        wat("lift-same-text", "1,000 details that all point to the same half mebibyte")
            .timeout(2000).exceeds("output", "2MiB"),
        wat("lift-3mib", "a message of 3 MiB").timeout(2000).exceeds("output", "2MiB")
            .fact("/result/message", Is::ShorterThan(200)),
    ]
}
