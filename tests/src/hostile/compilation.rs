//! Components that are made to cost whoever compiles them more than they should.

use std::fmt::Write as _;

use super::case::{Group, HostileCase, made};
use super::frame::{good_after, good_and};

pub(super) const GROUP: Group = Group::new(
    "compilation",
    "Files that are expensive to compile. Only the check of the file is affected.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        made("bomb-types", "types that each contain the previous one twice", type_bomb)
            .refused("does not compile"),
        made("bomb-locals", "a function of a million locals", || locals(1_000_000))
            .refused("does not compile"),
        made("bomb-locals-below", "a function of 50,000 locals", || locals(49_990))
            .timeout(20_000).healthy(),
        made("bomb-blocks", "a function of 20,000 nested blocks", || nested_blocks(20_000))
            .timeout(20_000).healthy(),
        made("bomb-table", "a jump of 200,000 targets", || jump(200_000)).timeout(20_000).refused(""),
        made("bomb-functions", "20,000 functions", || good_and(&"(func)".repeat(20_000)))
            .timeout(20_000).healthy(),
        made("bomb-exports", "a hundred thousand exports", || exports(100_000))
            .timeout(20_000).refused("bytes, the limit is"),
        made("bomb-data", "100,000 pieces of data",
            || good_and(&"(data (i32.const 1024) \"x\")\n".repeat(100_000)))
            .refused("data segments count exceeds limit"),
        made("bomb-nested", "a hundred thousand levels of nested components", || nested(100_000))
            .refused("101 levels of nested components"),
        made("bomb-nested-types", "a thousand nested types", || nested_types(0x42, 1000))
            .timeout(20_000).refused("another world"),
        made("bomb-nested-types-deep", "a hundred thousand nested types", || nested_types(0x41, 100_000))
            .timeout(20_000).refused("compiler crashed"),
    ]
}

/// Forty types, each a pair of the one before.
fn type_bomb() -> Vec<u8> {
    let mut types = String::from("(type $t0 (tuple u64 u64))\n");
    for number in 1..40 {
        let before = number - 1;
        writeln!(types, "(type $t{number} (tuple $t{before} $t{before}))")
            .expect("memory takes it");
    }
    good_after(&types)
}

fn locals(count: usize) -> Vec<u8> {
    good_and(&format!("(func (local {}))", "i64 ".repeat(count)))
}

/// A function of blocks in each other.
fn nested_blocks(depth: usize) -> Vec<u8> {
    // Folded expressions nest in the parser, which has a limit of its own; plain instructions do
    // not.
    let (begin, end) = ("block\n".repeat(depth), "end\n".repeat(depth));
    good_and(&format!("(func {begin}{end})"))
}

fn jump(targets: usize) -> Vec<u8> {
    let targets = "0 ".repeat(targets);
    good_and(&format!(
        "(func (block (br_table {targets} (i32.const 0))))"
    ))
}

fn exports(count: usize) -> Vec<u8> {
    let export = |number| format!("(func (export \"x{number}\"))\n");
    good_and(&(0..count).map(export).collect::<String>())
}

/// Components in each other, by hand: as text they could not be read.
fn nested(depth: usize) -> Vec<u8> {
    // From the inside out, so that each knows how long it is.
    let (mut heads, mut length) = (Vec::with_capacity(depth), HEAD.len());
    for _ in 1..depth {
        let head = [HEAD, &[4], &leb(length)].concat();
        length += head.len();
        heads.push(head);
    }
    let heads = heads.into_iter().rev().flatten();
    heads.chain(HEAD.iter().copied()).collect()
}

/// A type of a component (0x41) or an instance (0x42) that declares another one, and so on.
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    let types = [&[1][..], &[kind, 1, 1].repeat(depth), &[kind, 0]].concat();
    [HEAD, &section(7, &types)].concat()
}

/// A section of a component.
pub(super) fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &leb(content.len()), content].concat()
}

/// A number as WebAssembly has it, in LEB128.
pub(super) fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}

/// How a component begins.
pub(super) const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
