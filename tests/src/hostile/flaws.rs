//! Guests that are good but for one part, which their table shows as WebAssembly text.

use super::case::{HostileCase, made};
use super::frame::{good_and, module};

/// A guest with this body of `check`. `$healthy` returns a good result.
pub(super) fn check(name: &'static str, does: &'static str, body: &'static str) -> HostileCase {
    let head = r#"(export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)"#;
    function(
        name,
        does,
        "memory realloc describe post healthy",
        head,
        body,
    )
}

/// A guest with this body of `describe`.
pub(super) fn describe(name: &'static str, does: &'static str, body: &'static str) -> HostileCase {
    let head = r#"(export "describe") (result i32)"#;
    function(name, does, "memory realloc post healthy well", head, body)
}

/// A guest with this body of `cabi_realloc`, which can call itself as `$realloc`.
pub(super) fn realloc(name: &'static str, does: &'static str, body: &'static str) -> HostileCase {
    let head = r#"$realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)"#;
    function(name, does, "memory describe post healthy well", head, body)
}

/// A guest with this body of its post-return function.
pub(super) fn post_return(
    name: &'static str,
    does: &'static str,
    body: &'static str,
) -> HostileCase {
    let head = r#"(export "cabi_post_check") (param i32)"#;
    function(
        name,
        does,
        "memory realloc describe healthy well",
        head,
        body,
    )
}

/// A guest with a start function of this body.
pub(super) fn start(name: &'static str, does: &'static str, body: &'static str) -> HostileCase {
    made(name, does, move || {
        good_and(&format!("(func $start {body}) (start $start)"))
    })
}

/// A guest that begins with so many pages of memory.
pub(super) fn pages(name: &'static str, does: &'static str, pages: u32) -> HostileCase {
    let memory = format!("(memory (export \"memory\") {pages})");
    made(name, does, move || {
        module("realloc describe post healthy well", &memory)
    })
}

/// A guest with these bytes at these addresses. Its result is at 128: there is whether it is one,
/// the status at 132, and address and length of the message at 136, the details at 144, the
/// measurements at 152.
pub(super) fn data(
    name: &'static str,
    does: &'static str,
    data: &'static [(u32, &'static str)],
) -> HostileCase {
    let segment = |(at, bytes): &(u32, &str)| format!("(data (i32.const {at}) \"{bytes}\")");
    made(name, does, move || {
        good_and(&data.iter().map(segment).collect::<String>())
    })
}

/// A guest with these fields besides.
pub(super) fn fields(name: &'static str, does: &'static str, fields: &'static str) -> HostileCase {
    made(name, does, move || good_and(fields))
}

fn function(
    name: &'static str,
    does: &'static str,
    parts: &'static str,
    head: &'static str,
    body: &'static str,
) -> HostileCase {
    made(name, does, move || {
        module(parts, &format!("(func {head} {body})"))
    })
}

/// Loops without a call.
pub(super) const FOR_EVER: &str = "(loop $for_ever (br $for_ever)) unreachable";
