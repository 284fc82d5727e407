use wasmtime_wasi::sockets::SocketAddrUse;

use super::*;

async fn permitted(egress: &Egress, address: &str, purpose: SocketAddrUse) -> bool {
    egress.socket_check()(address.parse().unwrap(), purpose).await
}

#[tokio::test]
async fn guests_connect_and_do_nothing_else() {
    use SocketAddrUse::{TcpAccept, TcpBind, TcpConnect, TcpListen, UdpBind, UdpReceive, UdpSend};
    let egress = Way::granted("tcp", "10.0.0.0/8:5432")
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
        ("0.0.0.0:0", UdpBind, false),
        ("10.0.0.1:53", UdpSend, false),
        ("10.0.0.1:53", UdpReceive, false),
    ] {
        assert_eq!(
            permitted(&egress, address, purpose).await,
            open,
            "{address} {purpose:?}"
        );
    }
    assert_eq!(
        egress.refused()[0],
        "denied: tcp 10.1.2.3:5433 (add it to `allow.tcp` of check `orders-db`)"
    );
}

#[tokio::test]
async fn connects_are_counted() {
    let egress = Way {
        connections: 2,
        ..Way::granted("tcp", "10.0.0.1:1")
    }
    .open();
    for open in [true, true, false] {
        assert_eq!(
            permitted(&egress, "10.0.0.1:1", SocketAddrUse::TcpConnect).await,
            open
        );
    }
    // A limit is no matter of grants.
    assert!(egress.refusals().is_empty());
}
