//! Guests that compute without end, recurse without end, and trap.

use super::case::{Group, HostileCase, Is};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "computing",
    about: "Loops, recursion and traps in `check`. Limits on time, fuel and stack end them.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        new("loop", "loops without a call")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("timed out after 150ms (computing)")
            .limit("150ms"),
        new("loop-out-of-fuel", "loops without a call, with little fuel")
            .wat_of("loop")
            .with("limits = { fuel = 1_000_000 }")
            .ends("fuel")
            .limit("1000000")
            .message("used up its fuel of 1000000")
            .fact("/result/fuel", Is::Equal(1_000_000.into())),
        new(
            "loop-default-fuel",
            "loops without a call, with the default fuel",
        )
        .wat_of("loop")
        .timeout(20_000)
        .ends("fuel")
        .limit("500000000"),
        new("loop-1ms", "loops, with a timeout of a millisecond")
            .wat_of("loop")
            .endless_fuel()
            .timeout(1)
            .times_out("computing"),
        new(
            "loop-indirect",
            "calls back and forth through a table, in tail position",
        )
        .wat()
        .endless_fuel()
        .timeout(150)
        .times_out("computing"),
        new("loop-fill", "fills its whole memory, again and again")
            .wat()
            .endless_fuel()
            .bulk()
            .timeout(200)
            .times_out("computing"),
        new(
            "loop-copy",
            "copies half of its memory over the other, again and again",
        )
        .wat()
        .endless_fuel()
        .bulk()
        .timeout(200)
        .times_out("computing"),
        new("loop-table-fill", "fills a large table, again and again")
            .wat()
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new(
            "loop-fill-out-of-fuel",
            "fills its whole memory, again and again, with the default fuel",
        )
        .wat_of("loop-fill")
        .timeout(20_000)
        .ends("fuel"),
        new("loop-host-calls", "calls the host in an endless loop")
            .built(guests::SPIN)
            .endless_fuel()
            .with("config = { calls = 4_000_000_000 }")
            .timeout(200)
            .times_out("timed out after 200ms")
            .limit("200ms"),
        new("loop-in-rust", "an endless loop in Rust")
            .built(guests::SPIN)
            .endless_fuel()
            .timeout(150)
            .times_out("computing"),
        new("recurse", "calls itself")
            .wat()
            .ends("stack")
            .limit("512KiB"),
        new("recurse-in-rust", "calls itself, in Rust")
            .built(guests::RECURSE)
            .ends("stack")
            .message("overflowed its stack of 512KiB")
            .limit("512KiB"),
        new("trap-unreachable", "executes `unreachable`")
            .wat()
            .ends("trap")
            .message("unreachable"),
        new("trap-divide", "divides by zero")
            .wat()
            .ends("trap")
            .message("divide by zero"),
        new("trap-out-of-bounds", "reads outside its memory")
            .wat()
            .ends("trap")
            .message("out of bounds memory access"),
        new(
            "trap-bad-call",
            "calls a function as if it were of another type",
        )
        .wat()
        .ends("trap")
        .message("indirect call type mismatch"),
        new(
            "destructor-spins",
            "its resource has a destructor that loops",
        )
        .wat()
        .endless_fuel()
        .timeout(150)
        .times_out("computing"),
        new(
            "destructor-traps",
            "its resource has a destructor that traps",
        )
        .wat()
        .ends("trap"),
        new("sleep", "waits for an hour")
            .built(guests::SLEEP)
            .with("config = { time = '1h' }")
            .timeout(150)
            .times_out("timed out after 150ms (waiting for a reply or a timer)")
            .limit("150ms"),
        new("sleep-in-pieces", "waits a millisecond, again and again")
            .built(guests::SLEEP)
            .with("config = { time = '1ms', times = 4_000_000_000 }")
            .timeout(200)
            .times_out(""),
        new("poll-nothing", "polls an empty list")
            .wat()
            .ends("trap"),
        new(
            "transcode-utf16",
            "passes 16 MiB of UTF-8 to another component in its file as UTF-16, again and again",
        )
        .wat()
        .endless_fuel()
        .bulk()
        .timeout(500)
        .times_out("computing"),
        new(
            "transcode-utf8",
            "passes 16 MiB of UTF-16 to another component in its file as UTF-8, again and again",
        )
        .wat()
        .endless_fuel()
        .bulk()
        .timeout(500)
        .times_out("computing"),
        new(
            "transcode-latin1",
            "passes 16 MiB of UTF-8 to another component in its file as Latin-1, again and again",
        )
        .wat()
        .refused("passes strings as Latin-1"),
        new("abort", "aborts")
            .built(guests::STATUS)
            .with("config = { fail = 'trap' }")
            .ends("trap")
            .fact("/error/limit", Is::Missing)
            .fact("/error/frames/0", Is::Containing("function".to_owned())),
        new("panic", "panics, with a message")
            .built(guests::STATUS)
            .with("config = { fail = 'panic', message = 'no queue' }")
            .ends("trap")
            .message("panicked at ")
            .message(": no queue"),
        new(
            "panic-foul",
            "panics with a message of line breaks, terminal codes and bidirectional marks",
        )
        .built(guests::STATUS)
        .with(
            r#"config = { fail = "panic", message = "\u001b[2J\u202edlrow\nfake: healthy\u0007" }"#,
        )
        .ends("trap")
        .message("panicked at")
        .clean(),
        new("panic-long", "panics with a message of 200 KB")
            .built(guests::STATUS)
            .with(&format!(
                "config = {{ fail = 'panic', message = '{}' }}",
                "long ".repeat(40_000)
            ))
            .ends("trap"),
        new("exit-0", "exits with success")
            .built(guests::STATUS)
            .with("config = { fail = 'exit_zero' }")
            .ends("exit")
            .message("exited with status 0")
            .fact("/error/limit", Is::Missing),
        new("exit-1", "exits with failure")
            .built(guests::STATUS)
            .with("config = { fail = 'exit' }")
            .ends("exit")
            .message("exited with status 1"),
    ]
}
