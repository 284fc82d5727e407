//! Chains of certificates that are dear to verify or to read, over 60 connections of one run.

use super::super::case::HostileCase;
use crate::guests;

/// Asks `{at}` over HTTPS, by 60 requests at once.
fn https(name: &str, does: &'static str, at: &str) -> HostileCase {
    asks(
        name,
        does,
        &format!("does = 'http-at-once', count = 60, scheme = 'https', authority = '{{{at}}}'"),
        &format!("http = ['https://{{{at}}}']"),
    )
}

/// Shakes hands with `{at}` 60 times, whoever it is.
fn tls(name: &str, does: &'static str, at: &str) -> HostileCase {
    asks(
        name,
        does,
        &format!("does = 'tls-each', count = 60, host = '127.0.0.1', port = {{{at}:port}}"),
        &format!("tls = ['{{{at}}}']"),
    )
}

fn asks(name: &str, does: &'static str, config: &str, allow: &str) -> HostileCase {
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .timeout(20_000)
        .with(&format!("config = {{ {config} }}\nallow = {{ {allow} }}"))
}

pub(super) fn cases() -> Vec<HostileCase> {
    let long = "a chain of hundreds of certificates with a hundred thousand ways through it";
    let tangled = "a chain of 16 certificates, of which each may have issued each other";
    let heavy = "a chain of 16 certificates and 58 KiB, of which each may have issued each other";
    vec![
        https("chain-long", long, "chain-long")
            .survives("unhealthy")
            .message("its chain has"),
        tls("chain-long-tls", long, "chain-long")
            .survives("unhealthy")
            .message("its chain has"),
        https("chain-tangled", tangled, "chain-tangled")
            .survives("unhealthy")
            .message("more than 256 possible paths"),
        tls("chain-tangled-tls", tangled, "chain-tangled")
            .survives("healthy")
            .message("more than 256 possible paths"),
        https("chain-heavy", heavy, "chain-heavy")
            .survives("unhealthy")
            .message("bytes, the limit is 32768"),
    ]
}
