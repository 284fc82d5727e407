//! A guest's own sockets.

use super::*;

#[tokio::test]
async fn guests_connect_and_do_nothing_else() {
    use SocketAddrUse::{TcpAccept, TcpBind, TcpConnect, TcpListen, UdpBind, UdpReceive, UdpSend};
    let egress = EgressBuilder::granted("tcp", "10.0.0.0/8:5432")
        .and("udp", "10.0.0.1:53")
        .open();
    for (address, purpose, open) in [
        ("0.0.0.0:0", TcpBind, true),
        ("[::]:0", TcpBind, true),
        ("0.0.0.0:80", TcpBind, false),
        ("127.0.0.1:0", TcpBind, false),
        ("10.1.2.3:5432", TcpConnect, true),
        ("0.0.0.0:0", TcpListen, false),
        ("10.1.2.3:5432", TcpAccept, false),
        ("0.0.0.0:0", UdpBind, true),
        ("[::]:0", UdpBind, true),
        ("0.0.0.0:53", UdpBind, false),
        ("127.0.0.1:0", UdpBind, false),
        ("10.0.0.1:53", UdpSend, true),
        ("10.0.0.1:54", UdpSend, false),
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
            never("tcp listening on 0.0.0.0:0"),
            never("tcp listening on 10.1.2.3:5432"),
            never("udp binding to 0.0.0.0:53"),
            never("udp binding to 127.0.0.1:0"),
            to_write("udp", "10.0.0.1:54"),
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
async fn each_peer_of_datagrams_is_counted_once() {
    let egress = EgressBuilder {
        connections: 2,
        ..EgressBuilder::granted("udp", "10.0.0.0/8:53")
    }
    .open();
    for (address, is_open) in [
        ("10.0.0.1:53", true),
        ("10.0.0.1:53", true),
        ("10.0.0.2:53", true),
        ("10.0.0.3:53", false),
        ("10.0.0.2:53", true),
    ] {
        let found = permitted(&egress, address, SocketAddrUse::UdpSend).await;
        assert_eq!(found, is_open, "{address}");
    }
    // A limit is no matter of grants.
    assert!(egress.denials(&Secrets::default()).is_empty());
}
