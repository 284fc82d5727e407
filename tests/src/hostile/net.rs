//! Guests that use `vitals:health/net` to get where they may not go, and peers that abuse it.

use super::case::{Group, HostileCase, net};

pub(super) const GROUP: Group = Group::new(
    "net",
    "Connections, datagrams, look-ups and pings by the host: grants, bounds of what is read, and \
     floods.",
);

/// A connection to `{at}`, which is granted, that waits for what `until` says.
fn exchange(name: &'static str, does: &'static str, at: &str, until: &str) -> HostileCase {
    net(
        name,
        does,
        &format!("does = 'exchange', host = '127.0.0.1', port = {{{at}:port}}, {until}"),
    )
    .allow(&format!("tcp = ['{{{at}}}']"))
}

/// Datagrams to this address.
fn datagram(name: &'static str, does: &'static str, to: &str, more: &str) -> HostileCase {
    net(name, does, &format!("does = 'datagram', {to}, {more}"))
}

/// Pings of this host.
fn ping(name: &'static str, does: &'static str, host: &str, more: &str) -> HostileCase {
    net(
        name,
        does,
        &format!("does = 'ping', host = '{host}', {more}"),
    )
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    const UDP: &str = "host = '127.0.0.1', port = {udp:port}";
    const PINGS: &str = "requests = 1, interval = 10, size = 56";
    vec![
        net("exchange-denied", "connects to a peer that is granted for datagrams only",
            "does = 'exchange', host = '127.0.0.1', port = {ok:port}, until = 'end'")
            .allow("udp = ['{ok}']").denied("tcp", "allow.tcp"),
        exchange("exchange-flood", "waits for a delimiter that a flood never has", "flood",
            "until = 'delimiter', size = 64").unhealthy().message("TooLarge"),
        exchange("exchange-endless", "waits for the end of a flood", "flood", "until = 'end'")
            .unhealthy().message("TooLarge"),
        exchange("exchange-length", "waits for four gigabytes", "flood", "until = 'length'")
            .unhealthy().message("TooLarge"),
        exchange("exchange-delimiter", "waits for a delimiter of 1 MB", "flood",
            "until = 'delimiter', size = 1_000_000").unhealthy().message("64 bytes"),
        exchange("exchange-nothing", "waits for a delimiter of no bytes", "flood",
            "until = 'delimiter', size = 0").unhealthy().message("64 bytes"),
        exchange("exchange-silent", "waits for the end of a silent server's stream", "silent", "until = 'end'")
            .timeout(200).times_out_or_sees_it(),
        exchange("exchange-drip", "waits for a delimiter that comes byte by byte", "drip-head",
            "until = 'delimiter', size = 1").timeout(200).times_out_or_sees_it(),
        net("tls-identity", "names an identity of the operator that is not granted",
            "does = 'tls', host = '127.0.0.1', port = {ok:port}, identity = 'operator'")
            .allow("tls = ['{ok}']").denied("identity", "allow.identities"),
        net("tls-pins", "a hundred thousand pins",
            "does = 'tls', host = '127.0.0.1', port = {ok:port}, pins = 100_000")
            .allow("tls = ['{ok}']").ends("output"),
        net("tls-alpn", "a hundred names of protocols",
            "does = 'tls', host = '127.0.0.1', port = {ok:port}, alpn = 100")
            .allow("tls = ['{ok}']").unhealthy().message("at most 16"),
        exchange("exchange-proxy", "names a proxy of the operator that is not granted", "ok",
            "until = 'end', proxy = 'corporate'").denied("proxy", "allow.proxies"),
        net("fetch-identity", "requests with an identity of the operator that is not granted",
            "does = 'fetch', url = 'https://{ok}/', identity = 'operator'")
            .allow("http = ['https://{ok}']").denied("identity", "allow.identities"),
        net("fetch-proxy", "requests by a proxy of the operator that is not granted",
            "does = 'fetch', url = 'http://{ok}/', proxy = 'corporate'")
            .allow("http = ['http://{ok}']").denied("proxy", "allow.proxies"),
        datagram("datagram-denied", "sends a datagram to a peer that is granted for TCP only",
            UDP, "size = 1, attempts = 1, replies = 1").allow("tcp = ['{udp}']").denied("udp", "allow.udp"),
        datagram("datagram-metadata", "sends a datagram to the metadata service, within a granted network",
            "host = '169.254.169.254', port = 53", "size = 1, attempts = 1, replies = 1")
            .allow("udp = ['0.0.0.0/0:53']").denied("udp", "169.254.169.254"),
        datagram("datagram-broadcast", "sends a broadcast datagram, within a granted network",
            "host = '255.255.255.255', port = 53", "size = 1, attempts = 1, replies = 0")
            .allow("udp = ['0.0.0.0/0:53']").denied("udp", "255.255.255.255"),
        datagram("datagram-large", "sends a datagram of 1 MB", UDP, "size = 1_000_000, attempts = 1, replies = 0")
            .allow("udp = ['{udp}']").unhealthy(),
        datagram("datagram-deaf", "sends a datagram 255 times to a peer that never replies", UDP,
            "size = 1, attempts = 255, replies = 255").allow("udp = ['{udp}']").timeout(300).times_out_or_sees_it(),
        datagram("datagram-flood", "sends a thousand datagrams", UDP,
            "size = 1, attempts = 1, replies = 0, count = 1000")
            .allow("udp = ['{udp}']").unhealthy().message("limits.connections"),
        net("resolve-denied", "looks up a name that is not granted", "does = 'resolve', at = 'localhost'")
            .denied("name", "allow.names"),
        net("resolve-by-tls", "looks up a name that is granted for connections of the host only",
            "does = 'resolve', at = 'localhost'").allow("tls = ['localhost:1']").denied("name", "allow.names"),
        net("resolve-flood", "looks up a name a thousand times", "does = 'resolve', at = 'localhost', count = 1000")
            .allow("names = ['localhost']").unhealthy().message("limits.connections"),
        ping("ping-denied", "pings a host that is not granted", "127.0.0.1", PINGS)
            .allow("tcp = ['{ok}']").denied("icmp", "allow.icmp"),
        ping("ping-metadata", "pings the metadata service, within a granted network", "169.254.169.254", PINGS)
            .allow("icmp = ['0.0.0.0/0']").denied("icmp", "169.254.169.254"),
        ping("ping-broadcast", "pings every host of a network, within a granted network", "255.255.255.255", PINGS)
            .allow("icmp = ['0.0.0.0/0']").denied("icmp", "255.255.255.255"),
        ping("ping-loopback-name", "pings a granted name that leads to this machine", "{loopback-name}", PINGS)
            .allow("icmp = ['{loopback-name}']").denied("icmp", "127.0.0.1"),
        // Where the kernel lets the host ping, its budget of connections ends it; elsewhere the first one fails.
        ping("ping-flood", "pings as often and with as much as it can", "127.0.0.1",
            "requests = 255, interval = 0, size = 65_535, count = 1000")
            .allow("icmp = ['127.0.0.1']").timeout(30_000).unhealthy(),
    ]
}
