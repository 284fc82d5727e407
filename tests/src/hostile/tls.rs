//! Guests and servers that misuse TLS by the host.

use super::case::{Group, HostileCase};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "tls",
    about: "TLS connections that the host opens for guests: only to granted peers, and never \
            longer than a run.",
    host: "",
};

/// A connection to the server `at`, which is granted.
fn to(name: &str, does: &'static str, at: &str, config: &str) -> HostileCase {
    denied(name, does, at, config).with(&format!("allow = {{ tls = ['{{{at}}}'] }}"))
}

fn denied(name: &str, does: &'static str, at: &str, config: &str) -> HostileCase {
    let config = format!("config = {{ host = '127.0.0.1', port = {{{at}:port}}, {config} }}");
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .timeout(3000)
        .with(&config)
}

pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        denied("tls-denied", "connects to a peer that is not granted", "ok", "does = 'tls'").ends("denied").denied("tls", "allow.tls"),
        denied("tls-by-tcp", "connects to a peer that is granted for TCP only", "ok", "does = 'tls'")
            .with("allow = { tcp = ['{ok}'] }").ends("denied").denied("tls", "allow.tls"),
        to("tls-tarpit", "connects to a server that sends nothing", "silent", "does = 'tls'").timeout(200).times_out_or_sees_it(),
        to("tls-drip", "connects to a server that answers byte by byte", "tls-drip", "does = 'tls'").timeout(200).times_out_or_sees_it(),
        to("tls-endless", "connects to a server that sends handshake messages endlessly", "tls-endless", "does = 'tls'").survives("unhealthy"),
        to("tls-no-tls", "connects to a server that does not speak TLS", "flood", "does = 'tls'").survives("unhealthy"),
        to("tls-nobody", "connects to a port that nobody listens on", "nobody", "does = 'tls'").survives("unhealthy"),
        to("tls-read", "reads four gigabytes at once from a flood", "flood", "does = 'tls-read'").timeout(300)
            .with("limits = { fuel = 1_000_000_000_000 }").times_out_or_sees_it(),
        to("tls-read-silent", "reads from a silent server with a timeout of 49 days", "silent", "does = 'tls-read'").timeout(200).times_out_or_sees_it(),
        to("tls-write-deaf", "writes endlessly to a server that reads nothing", "deaf", "does = 'tls-write', size = 1_000_000, count = 1_000_000")
            .timeout(300).with("limits = { fuel = 1_000_000_000_000 }").times_out_or_sees_it(),
        to("tls-write-huge", "writes 3 MiB at once", "greedy", "does = 'tls-write', size = 3_145_728").ends("output").limit("2MiB"),
        to("tls-leak", "opens 100 connections and keeps them", "silent", "does = 'tls-leak', count = 100").survives("unhealthy").message("after 64"),
        HostileCase::new("https-tarpit", "opens HTTPS to a server that sends nothing").built(guests::HOSTILE_NET)
            .with("config = { does = 'http', scheme = 'https', authority = '{silent}', path = '/' }\nallow = { http = ['https://{silent}'] }")
            .timeout(200).times_out_or_sees_it(),
    ]
}
