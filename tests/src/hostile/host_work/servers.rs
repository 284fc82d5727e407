//! Servers that are dear to their clients, over 60 connections of one run: chains of certificates
//! to verify or to read, and what comes before there is anything to hand on.

use crate::hostile::case::{HostileCase, net};

/// 60 requests at once to `{at}`.
fn ask(name: &'static str, does: &'static str, scheme: &str, at: &str) -> HostileCase {
    let settings =
        format!("does = 'http', count = 60, scheme = '{scheme}', authority = '{{{at}}}'");
    net(name, does, &settings)
        .allow(&format!("http = ['{scheme}://{{{at}}}']"))
        .timeout(20_000)
}

/// 60 handshakes with `{at}`, whatever its certificate is.
fn tls(name: &'static str, does: &'static str, at: &str) -> HostileCase {
    let settings = format!("does = 'tls', count = 60, host = '127.0.0.1', port = {{{at}:port}}");
    net(name, does, &settings)
        .allow(&format!("tls = ['{{{at}}}']"))
        .timeout(20_000)
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let https = |name, does, at| ask(name, does, "https", at);
    let http = |name, does, at| ask(name, does, "http", at);
    let long = "a chain of hundreds of certificates with a hundred thousand ways through it";
    let tangled = "a chain of 16 certificates, of which each may have issued each other";
    let heavy = "a chain of 16 certificates and 58 KiB, of which each may have issued each other";
    let endless_head = "HttpResponseHeaderSectionSize";
    let trusting = "tls = { roots = ['{root}'] }";
    vec![
        https("chain-long", long, "chain-long").unhealthy().message("its chain has"),
        tls("chain-long-tls", long, "chain-long").unhealthy().message("its chain has"),
        https("chain-tangled", tangled, "chain-tangled")
            .unhealthy().message("more than 256 possible paths"),
        tls("chain-tangled-tls", tangled, "chain-tangled")
            .healthy().message("more than 256 possible paths"),
        https("chain-heavy", heavy, "chain-heavy").unhealthy().message("bytes, the limit is 32768"),
        http("hints", "endless `103 Early Hints` with 90 headers", "hints")
            .unhealthy().message(endless_head),
        https("hints-tls", "the same over TLS", "hints-tls").with(trusting)
            .unhealthy().message(endless_head),
        http("all-continues", "endless `100 Continue`", "all-continues")
            .unhealthy().message(endless_head),
        http("chunk-size", "an endless size of a chunk", "chunk-size")
            .timeout(2000).times_out_or_sees_it(),
        https("tls-crumbs", "a handshake of 64 KiB in records of one byte", "tls-crumbs").with(trusting)
            .unhealthy(),
    ]
}
