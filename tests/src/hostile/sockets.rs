//! Guests that use sockets and look-ups to get where they may not go.

use super::case::{Group, HostileCase, Is, built, net};
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "sockets",
    "Sockets never listen, connect only to granted peers, and look up only granted names.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let long = format!("does = 'look-up', at = '{}'", "a.".repeat(50_000));
    vec![
        net("tcp-bind", "binds a port of its own", "does = 'bind', at = '127.0.0.1:0'")
            .denied("tcp", "never granted"),
        net("tcp-bind-port", "binds a port on every address", "does = 'bind', at = '0.0.0.0:8099'")
            .denied("tcp", "never granted"),
        net("tcp-listen", "listens on a port that the system chooses", "does = 'bind', at = '0.0.0.0:0'")
            .denied("tcp", "never granted"),
        net("tcp-denied", "connects to a peer that is not granted", "does = 'connect', at = '{ok}'")
            .denied("tcp", "allow.tcp"),
        net("tcp-other-port", "connects to a port that is not granted", "does = 'connect', at = '{ok}'")
            .allow("tcp = ['127.0.0.1:1']").denied("tcp", "allow.tcp"),
        net("tcp-by-http", "connects to a peer that is granted for HTTP only",
            "does = 'connect', at = '{ok}'").allow("http = ['http://{ok}']").denied("tcp", "allow.tcp"),
        net("tcp-metadata", "connects to the metadata service, within a granted network",
            "does = 'connect', at = '169.254.169.254:80'")
            .allow("tcp = ['0.0.0.0/0:80']").denied("tcp", "169.254.169.254"),
        net("tcp-unspecified", "connects to the unspecified address, within a granted network",
            "does = 'connect', at = '0.0.0.0:{ok:port}'").allow("tcp = ['0.0.0.0/0:{ok:port}']").unhealthy(),
        net("tcp-granted", "connects to a granted peer", "does = 'connect', at = '{ok}'")
            .allow("tcp = ['{ok}']").healthy(),
        built("tcp-flood", "connects 100 times at once", guests::TCP_CONNECT)
            .config("address = '{silent}', connections = 100").timeout(3000)
            .unhealthy().message("connection 64: "),
        net("tcp-reconnect", "connects and disconnects again and again",
            "does = 'connect', at = '{silent}', count = 1000")
            .allow("tcp = ['{silent}']").unhealthy().message("after 64: "),
        net("udp-bind", "binds a port for datagrams", "does = 'udp-bind', at = '127.0.0.1:0'")
            .denied("udp", "never granted"),
        net("udp-send", "sends a datagram to a peer that is not granted", "does = 'udp-send', at = '{udp}'")
            .denied("udp", "allow.udp"),
        net("udp-stream", "connects a UDP socket to a peer that is not granted",
            "does = 'udp-send', by = 'stream', at = '{udp}'").denied("udp", "allow.udp"),
        net("udp-granted", "sends a datagram to a granted peer", "does = 'udp-send', at = '{udp}'")
            .allow("udp = ['{udp}']").healthy(),
        net("udp-turned", "connects a UDP socket to a granted peer and sends to another",
            "does = 'udp-send', by = 'turned', first = '{udp}', at = '127.0.0.1:53'")
            .allow("udp = ['{udp}']").unhealthy(),
        net("udp-by-tcp", "sends a datagram to a peer that is granted for TCP only",
            "does = 'udp-send', at = '{udp}'").allow("tcp = ['{udp}']").denied("udp", "allow.udp"),
        net("udp-metadata", "sends a datagram to the metadata service, within a granted network",
            "does = 'udp-send', at = '169.254.169.254:53'")
            .allow("udp = ['0.0.0.0/0:53']").denied("udp", "169.254.169.254"),
        net("udp-broadcast", "sends a broadcast datagram, within a granted network",
            "does = 'udp-send', at = '255.255.255.255:53'")
            .allow("udp = ['0.0.0.0/0:53']").denied("udp", "255.255.255.255"),
        net("udp-flood", "opens 100 sockets for datagrams and keeps them",
            "does = 'udp-bind', at = '0.0.0.0:0', count = 100")
            .allow("udp = ['{udp}']").unhealthy().message("after 64"),
        net("udp-deaf", "waits for a datagram that never comes", "does = 'udp-receive', at = '{udp}'")
            .allow("udp = ['{udp}']").timeout(200).times_out("waiting"),
        net("look-up", "looks up a name that is not granted", "does = 'look-up', at = 'localhost'")
            .denied("name", "allow.names"),
        net("look-up-many", "looks up 200 names that are not granted", "does = 'look-up-many', count = 200")
            .ends("denied").fact("/result/denials", Is::Long(16)),
        net("look-up-by-http", "looks up a name that is granted for HTTP only",
            "does = 'look-up', at = 'localhost'")
            .allow("http = ['http://localhost:{ok:port}']").denied("name", "allow.names"),
        net("look-up-loopback", "looks up a granted name that leads to this machine",
            "does = 'look-up', at = '{loopback-name}'").allow("names = ['{loopback-name}']").healthy(),
        net("tcp-loopback-name", "connects to a granted name that leads to this machine",
            "does = 'look-up', at = '{loopback-name}', then = '127.0.0.1:{ok:port}'")
            .allow("tcp = ['{loopback-name}:{ok:port}'], names = ['{loopback-name}']").denied("tcp", ""),
        net("tcp-after-look-up", "connects to another port of a name that was looked up",
            "does = 'look-up', at = 'localhost', then = '127.0.0.1:{ok:port}'")
            .allow("tcp = ['localhost:1']").denied("tcp", ""),
        net("look-up-foul", "looks up a name with a line break and a null in it",
            r#"does = "look-up", at = "local\r\nhost\u0000""#)
            .allow("names = ['localhost']").unhealthy().message("invalid-argument"),
        net("look-up-long", "looks up a name of 100 KB", &long)
            .allow("names = ['localhost']").unhealthy().message("invalid-argument"),
        net("look-up-flood", "looks up again and again", "does = 'look-up', at = 'localhost', count = 100")
            .allow("names = ['localhost']").unhealthy().message("after 64: "),
    ]
}
