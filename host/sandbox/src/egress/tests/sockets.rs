//! A guest's own sockets.

use wasmtime_wasi::sockets::SocketAddrUse;

use super::*;

async fn permitted(egress: &Egress, address: &str, purpose: SocketAddrUse) -> bool {
    egress.socket_check()(address.parse().unwrap(), purpose).await
}

#[tokio::test]
async fn guests_connect_and_do_nothing_else() {
    use SocketAddrUse::{TcpAccept, TcpBind, TcpConnect, TcpListen, UdpBind, UdpReceive, UdpSend};
    let egress = EgressBuilder::granted("tcp", "10.0.0.0/8:5432")
        .and("tcp", "127.0.0.1:80")
        .and("http", "http://10.0.0.1")
        .and("udp", "10.0.0.1:53")
        .open();
    for (address, purpose, open) in [
        ("0.0.0.0:0", TcpBind, true),
        ("[::]:0", TcpBind, true),
        ("0.0.0.0:80", TcpBind, false),
        ("127.0.0.1:0", TcpBind, false),
        ("10.1.2.3:5432", TcpConnect, true),
        ("[::ffff:10.1.2.3]:5432", TcpConnect, true),
        ("10.1.2.3:5433", TcpConnect, false),
        ("10.0.0.1:80", TcpConnect, false),
        ("127.0.0.1:80", TcpConnect, true),
        ("127.0.0.2:80", TcpConnect, false),
        ("0.0.0.0:0", TcpListen, false),
        ("10.1.2.3:5432", TcpAccept, false),
        ("0.0.0.0:0", UdpBind, true),
        ("[::]:0", UdpBind, true),
        ("0.0.0.0:53", UdpBind, false),
        ("127.0.0.1:0", UdpBind, false),
        ("10.0.0.1:53", UdpSend, true),
        ("[::ffff:10.0.0.1]:53", UdpSend, true),
        ("10.0.0.1:54", UdpSend, false),
        ("10.1.2.3:5432", UdpSend, false),
        ("10.0.0.1:53", TcpConnect, false),
        ("10.0.0.1:53", UdpReceive, true),
        ("10.0.0.2:53", UdpReceive, false),
    ] {
        assert_eq!(
            permitted(&egress, address, purpose).await,
            open,
            "{address} {purpose:?}"
        );
    }
    let to_write = |kind: &str, what: &str| {
        format!("denied: {kind} {what} (add it to `allow.{kind}` of check `orders-db`)")
    };
    let never = |what: &str| format!("denied: {what} (it is never granted)");
    assert_eq!(
        egress.refused(),
        [
            never("tcp binding to 0.0.0.0:80"),
            never("tcp binding to 127.0.0.1:0"),
            to_write("tcp", "10.1.2.3:5433"),
            to_write("tcp", "10.0.0.1:80"),
            to_write("tcp", "127.0.0.2:80"),
            never("tcp listening on 0.0.0.0:0"),
            never("tcp listening on 10.1.2.3:5432"),
            never("udp binding to 0.0.0.0:53"),
            never("udp binding to 127.0.0.1:0"),
            to_write("udp", "10.0.0.1:54"),
            to_write("udp", "10.1.2.3:5432"),
            to_write("tcp", "10.0.0.1:53"),
        ]
    );
}

#[tokio::test]
async fn addresses_with_a_zone_are_denied() {
    let egress = EgressBuilder::granted("tcp", "[fe80::1]:80").open();
    let address = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 2);
    let check = egress.socket_check();
    assert!(!check(address.into(), SocketAddrUse::TcpConnect).await);
    assert_eq!(
        egress.refused(),
        ["denied: tcp a zone, as in [fe80::1%2]:80 (it is never granted)"]
    );
    assert!(permitted(&egress, "[fe80::1]:80", SocketAddrUse::TcpConnect).await);
}

#[tokio::test]
async fn a_name_that_was_looked_up_can_be_sent_datagrams() {
    let names = vec![("dns.test", &["10.0.0.7"][..])];
    let builder = EgressBuilder::granted("udp", "dns.test:53");
    let egress = EgressBuilder { names, ..builder }.open();
    assert!(!permitted(&egress, "10.0.0.7:53", SocketAddrUse::UdpSend).await);
    let mut lookup = egress.lookup("dns.test").unwrap();
    wasmtime_wasi::p2::Pollable::ready(&mut lookup).await;
    assert!(matches!(lookup.next(), Ok(Some(_))));
    assert!(permitted(&egress, "10.0.0.7:53", SocketAddrUse::UdpSend).await);
    assert!(permitted(&egress, "10.0.0.7:53", SocketAddrUse::UdpReceive).await);
    assert!(!permitted(&egress, "10.0.0.7:54", SocketAddrUse::UdpSend).await);
}

#[tokio::test]
async fn sockets_are_counted_when_they_are_made_and_peers_when_they_are_sent_to() {
    use wasmtime_wasi::p2::bindings::sockets::network::IpAddressFamily::Ipv4;
    use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
    use wasmtime_wasi::sockets::WasiSocketsCtxView;

    let mut wasi = wasmtime_wasi::WasiCtxBuilder::new()
        .allow_tcp(true)
        .allow_udp(true)
        .build();
    let mut table = ResourceTable::new();
    let open = |connections| {
        EgressBuilder {
            connections,
            ..EgressBuilder::granted("udp", "10.0.0.0/8:53")
        }
        .open()
    };
    let egress = open(3);
    let mut sockets = NewSockets {
        egress: &egress,
        inner: WasiSocketsCtxView {
            ctx: wasi.sockets(),
            table: &mut table,
        },
    };
    for _ in 0..2 {
        assert!(tcp_create_socket::Host::create_tcp_socket(&mut sockets, Ipv4).is_ok());
    }
    assert!(
        udp_create_socket::Host::create_udp_socket(&mut sockets, Ipv4)
            .await
            .is_ok()
    );
    assert!(
        udp_create_socket::Host::create_udp_socket(&mut sockets, Ipv4)
            .await
            .is_err()
    );
    assert!(tcp_create_socket::Host::create_tcp_socket(&mut sockets, Ipv4).is_err());

    let egress = open(2);
    for (address, open) in [
        ("10.0.0.1:53", true),
        ("10.0.0.1:53", true),
        ("10.0.0.2:53", true),
        ("10.0.0.3:53", false),
        ("10.0.0.2:53", true),
    ] {
        let found = permitted(&egress, address, SocketAddrUse::UdpSend).await;
        assert_eq!(found, open, "{address}");
    }
    // A limit is no matter of grants.
    assert!(egress.denials(&Secrets::default()).is_empty());
}
