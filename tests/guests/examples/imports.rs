//! Reaches for everything that the contract and WASI offer, and says what it got.

#![cfg(target_family = "wasm")]
#![expect(
    clippy::disallowed_methods,
    reason = "it looks whether the host's environment is there"
)]

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};

use vitals_test_guests::raw::{
    Guest, description, export, files, healthy, system, text, tls, types,
};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        description("imports")
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        let connect = || tls::Connection::connect("example.com", 443, 100);
        let details = vec![
            said("files.stat", &files::stat("/etc/hostname")),
            said("files.read", &files::read("/etc/hostname", 0, 16)),
            said("files.entries", &files::entries("/")),
            said("system.disk", &system::disk_usage("/")),
            said("system.memory", &system::memory_usage()),
            said("system.load", &system::load_average()),
            said("tls.connect", &connect().map(|_| "connected")),
            said("std.file", &std::fs::read("/etc/hostname")),
            said(
                "std.write",
                &std::fs::write("/tmp/vitals-test-guest", "was here"),
            ),
            said(
                "std.tcp",
                &TcpStream::connect("127.0.0.1:9").map(|_| "connected"),
            ),
            said(
                "std.listen",
                &TcpListener::bind("127.0.0.1:0").map(|_| "listens"),
            ),
            said("std.udp", &UdpSocket::bind("127.0.0.1:0").map(|_| "bound")),
            said(
                "std.lookup",
                &("localhost", 80).to_socket_addrs().map(|_| "resolved"),
            ),
            said("std.env", &std::env::vars().collect::<Vec<_>>()),
            said("std.args", &std::env::args().collect::<Vec<_>>()),
            said("std.stdin", &std::io::read_to_string(std::io::stdin())),
        ];
        Ok(types::Outcome {
            details,
            ..healthy("tried everything")
        })
    }
}

fn said(what: &str, answer: &dyn std::fmt::Debug) -> types::Detail {
    text(what, format!("{answer:?}"))
}

export!(Component);
