//! Names of functions that the host shows when a guest traps.

use std::fmt::Write as _;

use crate::hostile::case::{HostileCase, Is, made};
use crate::hostile::frame::module;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let traps = |name, does, stack: fn() -> String| {
        made(name, does, move || in_check(&stack())).ends("trap")
    };
    let long = || calling(|index| doubling(index, 330, 1700));
    vec![
        traps("names-that-double",
            "traps in functions whose names of 1.7 KB double a path of 330 empty names", long)
            .fact("/error/frames", Is::Long(20)).fact("/error/frames/0", Is::Containing("_RIC2")),
        traps("names-that-double-and-fit",
            "traps in functions whose names of 1 KB double a path of 100 empty names",
            || calling(|index| doubling(index, 100, 1020)))
            .fact("/error/frames/0", Is::Containing("_RIC2")),
        traps("names-that-multiply", "traps in functions whose names of 1 KB read as a megabyte",
            || calling(|index| doubling(index, 0, 1020))).fact("/error/frames/0", Is::ShorterThan(257)),
        traps("name-huge", "traps deep in a function whose name has 12 MB", recursing)
            .fact("/error/frames", Is::Long(20)).fact("/error/frames/0", Is::Containing("function")),
        made("names-in-describe",
            "a rejected plugin traps in `describe`, in functions whose names double",
            move || in_describe(&long())).refused("`describe` failed"),
    ]
}

/// A guest whose `check` calls `$first`.
fn in_check(functions: &str) -> Vec<u8> {
    let check = "(func (export \"check\") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $first) (i32.const 0))";
    let parts = "memory realloc describe post";
    module(parts, &format!("{functions}{check}"))
}

/// A guest whose `describe` calls `$first`.
fn in_describe(functions: &str) -> Vec<u8> {
    let describe = "(func (export \"describe\") (result i32) (call $first) (i32.const 0))";
    let parts = "memory realloc post healthy well";
    module(parts, &format!("{functions}{describe}"))
}

/// Functions of these names that call one another; the last one traps.
fn calling(name: impl Fn(usize) -> String) -> String {
    let mut functions = String::from("  (func $first (call $f0))\n");
    for index in 0..FRAMES {
        let next = match index + 1 {
            FRAMES => "unreachable".to_owned(),
            next => format!("(call $f{next})"),
        };
        let name = name(index);
        let written = writeln!(functions, "  (func $f{index} (@name \"{name}\") {next})");
        written.expect("memory takes it");
    }
    functions
}

/// A function with a name of 12 MB that calls itself, and traps in the end.
fn recursing() -> String {
    let name = "x".repeat(12_000_000);
    format!(
        "  (global $left (mut i32) (i32.const {FRAMES}))
  (func $first (@name \"{name}\")
    (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (if (i32.eqz (global.get $left)) (then unreachable))
    (call $first))"
    )
}

/// A path of so many empty names, and back-references to it, each twice as long as the one before,
/// as many as have room.
fn doubling(index: usize, empty: usize, length: usize) -> String {
    let letter = |index: usize| char::from(b'a' + u8::try_from(index % 26).expect("a letter"));
    let crate_name = format!("C2{}{}", letter(index / 26), letter(index));
    let mut symbol = format!("I{crate_name}");
    let mut last = symbol.len();
    let (begin, end) = ("Nt".repeat(empty), "0".repeat(empty));
    symbol.extend([&begin, "C0", &end]);
    while symbol.len() + 16 < length {
        let next = symbol.len();
        let reference = format!("B{}_", base_62(last - 1));
        symbol.extend(["T", &reference, &reference, "E"]);
        last = next;
    }
    format!("_R{symbol}E")
}

/// A number as symbols have it.
fn base_62(number: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let digit = char::from(DIGITS[number % 62]);
    match number / 62 {
        0 => digit.to_string(),
        rest => format!("{}{digit}", base_62(rest)),
    }
}

const FRAMES: usize = 24;
