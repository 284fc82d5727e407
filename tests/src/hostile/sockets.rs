//! Guests that use sockets and look-ups to get where they may not go.

use super::case::{Group, HostileCase, Is};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "sockets",
    about: "Nothing listens; sockets reach granted peers alone; look-ups answer for granted names.",
    host: "",
};

fn net(name: &str, does: &'static str, config: &str) -> HostileCase {
    let config = format!("config = {{ {config} }}");
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .timeout(3000)
        .with(&config)
}

pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        net(
            "tcp-bind",
            "binds a port of its own",
            "does = 'bind', at = '127.0.0.1:0'",
        )
        .ends("denied")
        .denied("tcp", "never granted"),
        net(
            "tcp-bind-port",
            "binds a port on every address",
            "does = 'bind', at = '0.0.0.0:8099'",
        )
        .ends("denied")
        .denied("tcp", "never granted"),
        net(
            "tcp-listen",
            "listens where the system pleases",
            "does = 'bind', at = '0.0.0.0:0'",
        )
        .ends("denied")
        .denied("tcp", "never granted"),
        net(
            "tcp-denied",
            "connects to a peer that is not granted",
            "does = 'connect', at = '{ok}'",
        )
        .ends("denied")
        .denied("tcp", "allow.tcp"),
        net(
            "tcp-other-port",
            "connects to another port than is granted",
            "does = 'connect', at = '{ok}'",
        )
        .with("allow = { tcp = ['127.0.0.1:1'] }")
        .ends("denied")
        .denied("tcp", "allow.tcp"),
        net(
            "tcp-by-http",
            "connects where HTTP alone is granted",
            "does = 'connect', at = '{ok}'",
        )
        .with("allow = { http = ['http://{ok}'] }")
        .ends("denied")
        .denied("tcp", "allow.tcp"),
        net(
            "tcp-metadata",
            "connects to the metadata service, within a granted network",
            "does = 'connect', at = '169.254.169.254:80'",
        )
        .with("allow = { tcp = ['0.0.0.0/0:80'] }")
        .ends("denied")
        .denied("tcp", "169.254.169.254"),
        net(
            "tcp-unspecified",
            "connects to no address in particular, within a granted network",
            "does = 'connect', at = '0.0.0.0:{ok:port}'",
        )
        .with("allow = { tcp = ['0.0.0.0/0:{ok:port}'] }")
        .survives("unhealthy"),
        net(
            "tcp-granted",
            "connects where it may",
            "does = 'connect', at = '{ok}'",
        )
        .with("allow = { tcp = ['{ok}'] }")
        .survives("healthy"),
        HostileCase::new("tcp-flood", "connects 100 times at once")
            .built(guests::TCP_CONNECT)
            .timeout(3000)
            .with("config = { address = '{silent}', connections = 100 }")
            .survives("unhealthy")
            .message("connection 64: "),
        net(
            "tcp-reconnect",
            "connects again and again and lets go each time",
            "does = 'reconnect', at = '{silent}', count = 1000",
        )
        .with("allow = { tcp = ['{silent}'] }")
        .survives("unhealthy")
        .message("after 64: "),
        net(
            "udp-bind",
            "binds a port for datagrams",
            "does = 'udp-bind', at = '127.0.0.1:0'",
        )
        .ends("denied")
        .denied("udp", "never granted"),
        net(
            "udp-send",
            "sends a datagram to a peer that is not granted",
            "does = 'udp-send', at = '{udp}'",
        )
        .ends("denied")
        .denied("udp", "allow.udp"),
        net(
            "udp-stream",
            "turns a socket to a peer that is not granted",
            "does = 'udp-send', by = 'stream', at = '{udp}'",
        )
        .ends("denied")
        .denied("udp", "allow.udp"),
        net(
            "udp-granted",
            "sends a datagram where it may",
            "does = 'udp-send', at = '{udp}'",
        )
        .with("allow = { udp = ['{udp}'] }")
        .survives("healthy"),
        net(
            "udp-turned",
            "turns a socket to a granted peer and sends to another",
            "does = 'udp-send', by = 'turned', first = '{udp}', at = '127.0.0.1:53'",
        )
        .with("allow = { udp = ['{udp}'] }")
        .survives("unhealthy"),
        net(
            "udp-by-tcp",
            "sends a datagram where TCP alone is granted",
            "does = 'udp-send', at = '{udp}'",
        )
        .with("allow = { tcp = ['{udp}'] }")
        .ends("denied")
        .denied("udp", "allow.udp"),
        net(
            "udp-metadata",
            "sends a datagram to the metadata service, within a granted network",
            "does = 'udp-send', at = '169.254.169.254:53'",
        )
        .with("allow = { udp = ['0.0.0.0/0:53'] }")
        .ends("denied")
        .denied("udp", "169.254.169.254"),
        net(
            "udp-broadcast",
            "sends a datagram to everybody, within a granted network",
            "does = 'udp-send', at = '255.255.255.255:53'",
        )
        .with("allow = { udp = ['0.0.0.0/0:53'] }")
        .ends("denied")
        .denied("udp", "255.255.255.255"),
        net(
            "udp-flood",
            "opens 100 sockets for datagrams and keeps them",
            "does = 'udp-leak', count = 100",
        )
        .with("allow = { udp = ['{udp}'] }")
        .survives("unhealthy")
        .message("after 64"),
        net(
            "udp-deaf",
            "waits for a datagram that never comes",
            "does = 'udp-receive', at = '{udp}'",
        )
        .with("allow = { udp = ['{udp}'] }")
        .timeout(200)
        .times_out("waiting"),
        net(
            "look-up",
            "looks up a name that is not granted",
            "does = 'look-up', at = 'localhost'",
        )
        .ends("denied")
        .denied("name", "allow.names"),
        net(
            "look-up-many",
            "looks up 200 names that are not granted",
            "does = 'look-up-many', count = 200",
        )
        .ends("denied")
        .fact("/result/denials", Is::Long(16)),
        net(
            "look-up-by-http",
            "looks up a name that is granted for HTTP alone",
            "does = 'look-up', at = 'localhost'",
        )
        .with("allow = { http = ['http://localhost:{ok:port}'] }")
        .ends("denied")
        .denied("name", "allow.names"),
        net(
            "look-up-loopback",
            "looks up a granted name that leads to this machine",
            "does = 'look-up', at = '{loopback-name}'",
        )
        .with("allow = { names = ['{loopback-name}'] }")
        .survives("healthy"),
        net(
            "tcp-loopback-name",
            "connects to a granted name that leads to this machine",
            "does = 'look-up', at = '{loopback-name}', then = '127.0.0.1:{ok:port}'",
        )
        .with("allow = { tcp = ['{loopback-name}:{ok:port}'], names = ['{loopback-name}'] }")
        .ends("denied")
        .denied("tcp", ""),
        net(
            "tcp-after-look-up",
            "connects to another port of a name that was looked up",
            "does = 'look-up', at = 'localhost', then = '127.0.0.1:{ok:port}'",
        )
        .with("allow = { tcp = ['localhost:1'] }")
        .ends("denied")
        .denied("tcp", ""),
        net(
            "look-up-foul",
            "looks up a name with a line break and a null in it",
            r#"does = "look-up", at = "local\r\nhost\u0000""#,
        )
        .with("allow = { names = ['localhost'] }")
        .survives("unhealthy")
        .message("invalid-argument"),
        net(
            "look-up-long",
            "looks up a name of 100 KB",
            &format!("does = 'look-up', at = '{}'", "a.".repeat(50_000)),
        )
        .with("allow = { names = ['localhost'] }")
        .survives("unhealthy")
        .message("invalid-argument"),
        net(
            "look-up-flood",
            "looks up again and again",
            "does = 'look-up', at = 'localhost', count = 100",
        )
        .with("allow = { names = ['localhost'] }")
        .survives("unhealthy")
        .message("after 64: "),
    ]
}
