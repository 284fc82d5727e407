//! Components that are made to cost whoever compiles them more than they should.

use std::fmt::Write as _;

use super::case::{Group, HostileCase};
use super::frame;
use super::load::good_with;

pub(super) const GROUP: Group = Group {
    name: "compilation",
    about: "Bombs for the compiler: what they cost, their own check pays.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let made = |name: &str, does: &'static str, make: fn() -> Vec<u8>| {
        HostileCase::new(name, does).made(make)
    };
    vec![
        made(
            "bomb-types",
            "types that each hold the one before twice",
            type_bomb,
        )
        .refused("does not compile"),
        made("bomb-locals", "a function of a million locals", || {
            bomb(&format!("(local {})", "i64 ".repeat(1_000_000)))
        })
        .refused("does not compile"),
        made("bomb-locals-below", "a function of 50,000 locals", || {
            bomb(&format!("(local {})", "i64 ".repeat(49_990)))
        })
        .timeout(20_000)
        .survives("healthy"),
        made(
            "bomb-blocks",
            "a function of 20,000 blocks in each other",
            || nested_blocks(20_000),
        )
        .timeout(20_000)
        .survives("healthy"),
        made("bomb-table", "a jump of 200,000 targets", || {
            bomb(&format!(
                "(block (br_table {} (i32.const 0)))",
                "0 ".repeat(200_000)
            ))
        })
        .timeout(20_000)
        .refused(""),
        made("bomb-functions", "20,000 functions", || {
            frame::made(&format!(
                "(core module $module\n{}\n;; + memory realloc describe post healthy well\n)",
                "(func)".repeat(20_000)
            ))
        })
        .timeout(20_000)
        .survives("healthy"),
        made("bomb-exports", "a hundred thousand exports", || {
            let mut exports = String::new();
            for number in 0..100_000 {
                writeln!(exports, "(func (export \"x{number}\"))").expect("memory takes it");
            }
            frame::made(&format!(
                "(core module $module\n{exports}\n;; + memory realloc describe post healthy well\n)"
            ))
        })
        .timeout(20_000)
        .refused("bytes, the limit is"),
        made("bomb-data", "100,000 pieces of data", || {
            frame::made(&format!(
                "(core module $module\n;; + memory realloc describe post healthy well\n{}\n)",
                "(data (i32.const 1024) \"x\")\n".repeat(100_000)
            ))
        })
        .refused("data segments count exceeds limit"),
        made(
            "bomb-nested",
            "a hundred thousand levels of nested components",
            || nested(100_000),
        )
        .refused("101 levels of nested components"),
        made(
            "bomb-nested-types",
            "a thousand types in each other",
            || nested_types(0x42, 1000),
        )
        .timeout(20_000)
        .refused("another world"),
        made(
            "bomb-nested-types-deep",
            "a hundred thousand types in each other",
            || nested_types(0x41, 100_000),
        )
        .timeout(20_000)
        .refused("compiler crashed"),
    ]
}

/// A good guest with a function besides that nobody calls.
fn bomb(body: &str) -> Vec<u8> {
    frame::made(&format!(
        "(core module $module\n(func {body})\n;; + memory realloc describe post healthy well\n)"
    ))
}

/// Thirty types, each a pair of the one before.
fn type_bomb() -> Vec<u8> {
    let mut types = String::from("(type $t0 (tuple u64 u64))\n");
    for number in 1..40 {
        let before = number - 1;
        writeln!(types, "(type $t{number} (tuple $t{before} $t{before}))")
            .expect("memory takes it");
    }
    good_with(&types)
}

/// A function of blocks in each other, by hand: the parser of texts has a bound of its own.
fn nested_blocks(depth: usize) -> Vec<u8> {
    // Folded expressions nest in the parser; plain instructions do not.
    let body = format!("{}{}", "block\n".repeat(depth), "end\n".repeat(depth));
    bomb(&body)
}

/// Components in each other, by hand: as text they could not be read.
fn nested(depth: usize) -> Vec<u8> {
    // From the inside out, so that each knows how long it is.
    let (mut heads, mut length) = (Vec::with_capacity(depth), HEAD.len());
    for _ in 1..depth {
        let mut head = HEAD.to_vec();
        head.push(4);
        leb(&mut head, length);
        length += head.len();
        heads.push(head);
    }
    heads
        .into_iter()
        .rev()
        .flatten()
        .chain(HEAD.iter().copied())
        .collect()
}

/// A type of a component (0x41) or an instance (0x42) that declares another one, and so on.
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    let mut body = vec![1];
    body.extend([kind, 1, 1].repeat(depth));
    body.extend([kind, 0]);
    let mut bytes = HEAD.to_vec();
    bytes.push(7);
    leb(&mut bytes, body.len());
    bytes.extend(body);
    bytes
}

fn leb(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
}

/// How a component begins.
const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
