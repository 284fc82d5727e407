//! What is read before there is anything to hand on (informational heads, sizes of chunks, records of
//! TLS), over 60 connections of one run.

use super::super::case::HostileCase;
use crate::guests;

/// Asks `{at}` by 60 requests at once.
fn ask(name: &str, does: &'static str, scheme: &str, at: &str) -> HostileCase {
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .with(&format!(
            "config = {{ does = 'http-at-once', count = 60, scheme = '{scheme}', authority = '{{{at}}}' }}\n\
             allow = {{ http = ['{scheme}://{{{at}}}'] }}\ntls = {{ roots = ['{{root}}'] }}"
        ))
}

pub(super) fn cases() -> Vec<HostileCase> {
    let http = |name, does, at| ask(name, does, "http", at);
    let https = |name, does, at| ask(name, does, "https", at);
    let endless_head = "HttpResponseHeaderSectionSize";
    vec![
        http(
            "hints",
            "endless `103 Early Hints` with 90 headers",
            "hints",
        )
        .timeout(20_000)
        .survives("unhealthy")
        .message(endless_head),
        https("hints-tls", "the same over TLS", "hints-tls")
            .timeout(20_000)
            .survives("unhealthy")
            .message(endless_head),
        http("all-continues", "endless `100 Continue`", "all-continues")
            .timeout(20_000)
            .survives("unhealthy")
            .message(endless_head),
        http("chunk-size", "an endless size of a chunk", "chunk-size")
            .timeout(2000)
            .times_out_or_sees_it(),
        https(
            "tls-crumbs",
            "a handshake of 64 KiB in records of one byte",
            "tls-crumbs",
        )
        .timeout(20_000)
        .survives("unhealthy"),
    ]
}
