//! Guests that compute without end, recurse without end, and trap.

use super::case::{Group, HostileCase, Is, built, made, wat};
use super::flaws::{FOR_EVER, check};
use super::frame;
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "computing",
    "Loops, recursion and traps in `check`. Limits on time, fuel and stack end them.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let status = |name, does, settings: &str| built(name, does, guests::STATUS).config(settings);
    let long = format!("fail = 'panic', message = '{}'", "long ".repeat(40_000));
    vec![
        check("loop", "loops without a call", FOR_EVER)
            .endless_fuel().timeout(150).times_out("timed out after 150ms (computing)").limit("150ms"),
        check("loop-out-of-fuel", "loops without a call, with little fuel", FOR_EVER)
            .limits("fuel = 1_000_000").exceeds("fuel", "1000000")
            .message("used up its fuel of 1000000").fact("/result/fuel", Is::Equal(1_000_000.into())),
        check("loop-default-fuel", "loops without a call, with the default fuel", FOR_EVER)
            .timeout(20_000).exceeds("fuel", "500000000"),
        check("loop-1ms", "loops, with a timeout of a millisecond", FOR_EVER)
            .endless_fuel().timeout(1).times_out("computing"),
        wat("loop-indirect", "calls back and forth through a table, in tail position")
            .endless_fuel().timeout(150).times_out("computing"),
        bulk("loop-fill", "fills its whole memory, again and again", FILL)
            .endless_fuel().bulk().timeout(200).times_out("computing"),
        bulk("loop-copy", "copies half of its memory over the other, again and again",
            "(memory.copy (i32.const 65536) (i32.const 31000000) (i32.const 30000000))")
            .endless_fuel().bulk().timeout(200).times_out("computing"),
        wat("loop-table-fill", "fills a large table, again and again")
            .endless_fuel().timeout(150).times_out("computing"),
        bulk("loop-fill-out-of-fuel", "fills its whole memory, again and again, with the default fuel", FILL)
            .timeout(20_000).ends("fuel"),
        built("loop-host-calls", "calls the host in an endless loop", guests::SPIN)
            .config("calls = 4_000_000_000").endless_fuel().timeout(200)
            .times_out("timed out after 200ms").limit("200ms"),
        built("loop-in-rust", "an endless loop in Rust", guests::SPIN)
            .endless_fuel().timeout(150).times_out("computing"),
        wat("recurse", "calls itself").exceeds("stack", "512KiB"),
        built("recurse-in-rust", "calls itself, in Rust", guests::RECURSE)
            .exceeds("stack", "512KiB").message("overflowed its stack of 512KiB"),
        check("trap-unreachable", "executes `unreachable`", "unreachable")
            .ends("trap").message("unreachable"),
        check("trap-divide", "divides by zero", "(i32.div_u (i32.const 1) (i32.load (i32.const 8)))")
            .ends("trap").message("divide by zero"),
        check("trap-out-of-bounds", "reads outside its memory", "(i32.load offset=4294967295 (i32.const -1))")
            .ends("trap").message("out of bounds memory access"),
        wat("trap-bad-call", "calls a function as if it were of another type")
            .ends("trap").message("indirect call type mismatch"),
        destructor("destructor-spins", "its resource has a destructor that loops", FOR_EVER)
            .endless_fuel().timeout(150).times_out("computing"),
        destructor("destructor-traps", "its resource has a destructor that traps", "unreachable")
            .ends("trap"),
        built("sleep", "waits for an hour", guests::SLEEP)
            .config("time = '1h'").timeout(150)
            .times_out("timed out after 150ms (waiting for a reply or a timer)").limit("150ms"),
        built("sleep-in-pieces", "waits a millisecond, again and again", guests::SLEEP)
            .config("time = '1ms', times = 4_000_000_000").timeout(200).times_out(""),
        wat("poll-nothing", "polls an empty list").ends("trap"),
        transcoding("transcode-utf16",
            "passes 16 MiB of UTF-8 to another component in its file as UTF-16, again and again",
            ["utf8", "0x7878787878787878", "16777216", "utf16"])
            .endless_fuel().bulk().timeout(500).times_out("computing"),
        transcoding("transcode-utf8",
            "passes 16 MiB of UTF-16 to another component in its file as UTF-8, again and again",
            ["utf16", "0x20ac20ac20ac20ac", "8388608", "utf8"])
            .endless_fuel().bulk().timeout(500).times_out("computing"),
        transcoding("transcode-latin1",
            "passes 16 MiB of UTF-8 to another component in its file as Latin-1, again and again",
            ["utf8", "0xa9c3a9c3a9c3a9c3", "16777216", "latin1+utf16"])
            .refused("passes strings as Latin-1"),
        status("abort", "aborts", "fail = 'trap'")
            .ends("trap").fact("/error/limit", Is::Missing)
            .fact("/error/frames/0", Is::Containing("function")),
        status("panic", "panics, with a message", "fail = 'panic', message = 'no queue'")
            .ends("trap").message("panicked at ").message(": no queue"),
        status("panic-foul", "panics with a message of line breaks, terminal codes and bidirectional marks",
            r#"fail = "panic", message = "\u001b[2J\u202edlrow\nfake: healthy\u0007""#)
            .ends("trap").message("panicked at").clean(),
        status("panic-long", "panics with a message of 200 KB", &long).ends("trap"),
        status("exit-0", "exits with success", "fail = 'exit_zero'")
            .ends("exit").message("exited with status 0").fact("/error/limit", Is::Missing),
        status("exit-1", "exits with failure", "fail = 'exit'")
            .ends("exit").message("exited with status 1"),
    ]
}

/// A guest that runs an instruction again and again that works on its whole memory.
fn bulk(name: &'static str, does: &'static str, instruction: &'static str) -> HostileCase {
    made(name, does, move || {
        frame::filled("loop-bulk", &[("{instruction}", instruction)])
    })
}

/// A guest that drops a resource whose destructor has this body.
fn destructor(name: &'static str, does: &'static str, body: &'static str) -> HostileCase {
    made(name, does, move || {
        frame::filled("destructor", &[("{body}", body)])
    })
}

/// A guest that passes a text to another component: its encoding, eight bytes of it, its length in
/// units of the encoding, and the encoding of the other component.
fn transcoding(name: &'static str, does: &'static str, text: [&'static str; 4]) -> HostileCase {
    let names = ["{from}", "{text}", "{units}", "{to}"];
    made(name, does, move || {
        let values: Vec<_> = names.into_iter().zip(text).collect();
        frame::filled("transcode", &values)
    })
}

const FILL: &str = "(memory.fill (i32.const 65536) (i32.const 170) (i32.const 62000000))";
