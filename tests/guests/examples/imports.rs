//! Calls everything that the contract and WASI offer, and reports the results.

#![cfg(target_family = "wasm")]
#![expect(
    clippy::disallowed_methods,
    reason = "it checks whether the host's environment is visible"
)]

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};

use vitals_test_guests::raw::{
    Guest, description, export, files, healthy, net, system, text, types,
};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        description("imports")
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        let options = net::ConnectOptions {
            family: net::Family::Any,
            proxy: None,
        };
        let connect = || net::Connection::connect("example.com", 443, &options, 100);
        let datagram = net::DatagramOptions {
            family: net::Family::Any,
            attempts: 1,
            replies: 1,
        };
        let ping = net::PingOptions {
            family: net::Family::Any,
            count: 1,
            interval_ms: 10,
            size: 0,
        };
        let details = vec![
            detail("files.stat", &files::stat("/etc/hostname")),
            detail("files.read", &files::read("/etc/hostname", 0, 16)),
            detail("files.entries", &files::entries("/")),
            detail("system.disk", &system::disk_usage("/")),
            detail("system.memory", &system::memory_usage()),
            detail("system.load", &system::load_average()),
            detail("net.connect", &connect().map(|_| "connected")),
            detail(
                "net.datagram",
                &net::datagram("example.com", 53, b"ping", datagram, 100),
            ),
            detail(
                "net.resolve",
                &net::resolve("example.com", net::Family::Any, 100),
            ),
            detail("net.ping", &net::ping("example.com", ping, 100)),
            detail("std.file", &std::fs::read("/etc/hostname")),
            detail(
                "std.write",
                &std::fs::write("/tmp/vitals-test-guest", "was here"),
            ),
            detail(
                "std.tcp",
                &TcpStream::connect("127.0.0.1:9").map(|_| "connected"),
            ),
            detail(
                "std.listen",
                &TcpListener::bind("127.0.0.1:0").map(|_| "listens"),
            ),
            detail("std.udp", &UdpSocket::bind("127.0.0.1:0").map(|_| "bound")),
            detail(
                "std.lookup",
                &("localhost", 80).to_socket_addrs().map(|_| "resolved"),
            ),
            detail("std.env", &std::env::vars().collect::<Vec<_>>()),
            detail("std.args", &std::env::args().collect::<Vec<_>>()),
            detail("std.stdin", &std::io::read_to_string(std::io::stdin())),
        ];
        Ok(types::Outcome {
            details,
            ..healthy("tried everything")
        })
    }
}

fn detail(what: &str, answer: &dyn std::fmt::Debug) -> types::Detail {
    text(what, format!("{answer:?}"))
}

export!(Component);
