//! Guests and servers that misuse TLS by the host.

use super::case::{Group, HostileCase, net};

pub(super) const GROUP: Group = Group::new(
    "tls",
    "TLS connections that the host opens for guests: only to granted peers, and never longer than a \
     run.",
);

/// A connection to `{at}`, which is not granted.
fn denied(name: &'static str, does: &'static str, at: &str, settings: &str) -> HostileCase {
    net(
        name,
        does,
        &format!("host = '127.0.0.1', port = {{{at}:port}}, {settings}"),
    )
}

/// The same, where it is granted.
fn to(name: &'static str, does: &'static str, at: &str, settings: &str) -> HostileCase {
    denied(name, does, at, settings).allow(&format!("tls = ['{{{at}}}']"))
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        denied("tls-denied", "connects to a peer that is not granted", "ok", "does = 'tls'")
            .denied("tcp", "allow.tcp"),
        denied("tls-by-http", "connects to a peer that is granted for HTTP only", "ok", "does = 'tls'")
            .allow("http = ['https://{ok}']").denied("tcp", "allow.tcp"),
        to("tls-tarpit", "connects to a server that sends nothing", "silent", "does = 'tls'")
            .timeout(200).times_out_or_sees_it(),
        to("tls-drip", "connects to a server that answers byte by byte", "tls-drip", "does = 'tls'")
            .timeout(200).times_out_or_sees_it(),
        to("tls-endless", "connects to a server that sends handshake messages endlessly",
            "tls-endless", "does = 'tls'").unhealthy(),
        to("tls-no-tls", "connects to a server that does not speak TLS", "flood", "does = 'tls'")
            .unhealthy(),
        to("tls-nobody", "connects to a port that nobody listens on", "nobody", "does = 'tls'").unhealthy(),
        to("tls-read", "reads four gigabytes at once from a flood", "flood", "does = 'tls-read'")
            .endless_fuel().timeout(300).times_out_or_sees_it(),
        to("tls-read-silent", "reads from a silent server with a timeout of 49 days",
            "silent", "does = 'tls-read'").timeout(200).times_out_or_sees_it(),
        to("tls-write-deaf", "writes endlessly to a server that reads nothing",
            "deaf", "does = 'tls-write', size = 1_000_000, count = 1_000_000")
            .endless_fuel().timeout(300).times_out_or_sees_it(),
        to("tls-write-huge", "writes 3 MiB at once", "greedy", "does = 'tls-write', size = 3_145_728")
            .exceeds("output", "2MiB"),
        to("tls-leak", "opens 100 connections and keeps them", "silent", "does = 'tls-leak', count = 100")
            .unhealthy().message("after 64"),
        net("https-tarpit", "opens HTTPS to a server that sends nothing",
            "does = 'http', scheme = 'https', authority = '{silent}'")
            .allow("http = ['https://{silent}']").timeout(200).times_out_or_sees_it(),
    ]
}
