//! Names that lead to this host by an address that is not loopback.

use wasmtime_wasi::sockets::SocketAddrUse;

use super::*;
use crate::egress::local_address::non_loopback_address;

/// An address of this host, for a list of names.
fn own() -> &'static [&'static str] {
    Box::leak(Box::new([&*non_loopback_address().to_string().leak()]))
}

/// Network access with a name `db.test` that leads to this host.
fn builder(key: &'static str, entry: String) -> EgressBuilder {
    EgressBuilder {
        names: vec![("db.test", own())],
        ..EgressBuilder::granted(key, entry)
    }
}

/// A server at an address of this host.
async fn serve_here() -> SocketAddr {
    let listener = TcpListener::bind((non_loopback_address(), 0)).await;
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            reply(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    address
}

fn denial(kind: &str, what: &str) -> String {
    format!(
        "denied: {kind} {what}, where db.test leads: this machine itself, which only the name \
         `localhost` may reach (add it to `allow.{kind}` of check `orders-db`, or write it in \
         place of \
         the name)"
    )
}

#[tokio::test]
async fn http_requests_reach_a_local_address_only_if_it_is_granted() {
    let here = serve_here().await;
    let uri = format!("http://db.test:{}/", here.port());
    let egress = builder("http", uri[..uri.len() - 1].to_owned()).open();
    assert_eq!(error_of(get(&egress, &uri).await), "HttpRequestDenied");
    assert_eq!(
        egress.refused(),
        [denial("http", &format!("http://{here}"))]
    );

    let egress = builder("http", uri[..uri.len() - 1].to_owned())
        .and("http", format!("http://{here}"))
        .open();
    assert_eq!(get(&egress, &uri).await.unwrap().status, 200);
}

#[tokio::test]
async fn tls_connections_do_not_reach_a_local_address() {
    let here = serve_here().await;
    let entry = format!("db.test:{}", here.port());
    let egress = builder("tls", entry.clone()).open();
    let peer = Peer::parse(Channel::Tls, &entry).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let Err(ConnectionError::Denied(told)) = egress.dial(&peer, deadline).await else {
        panic!("it is connected");
    };
    assert!(!told.contains(&here.ip().to_string()), "{told}");
    assert_eq!(egress.refused(), [denial("tls", &here.to_string())]);
}

#[tokio::test]
async fn sockets_do_not_reach_a_local_address() {
    for (key, purpose) in [
        ("tcp", SocketAddrUse::TcpConnect),
        ("udp", SocketAddrUse::UdpSend),
    ] {
        // A grant of `names` shows the address, but does not permit connecting to it.
        let egress = builder(key, "db.test:53".to_owned())
            .and("names", "db.test")
            .open();
        let mut lookup = egress.lookup("db.test").unwrap();
        wasmtime_wasi::p2::Pollable::ready(&mut lookup).await;
        let address = lookup.next().unwrap().unwrap();
        let here = SocketAddr::new(address, 53);
        assert!(!egress.socket_check()(here, purpose).await);
        assert_eq!(egress.refused(), [denial(key, &here.to_string())]);

        let egress = builder(key, "db.test:53".to_owned()).open();
        let mut lookup = egress.lookup("db.test").unwrap();
        wasmtime_wasi::p2::Pollable::ready(&mut lookup).await;
        assert!(lookup.next().is_err(), "it is not shown");
    }
}

#[tokio::test]
async fn a_connection_between_equal_addresses_is_denied() {
    let here = serve_here().await;
    let entry = format!("db.test:{}", here.port());
    let egress = builder("http", format!("http://{entry}"))
        .and("tls", entry.clone())
        .open_without_local_check();
    let requested = get(&egress, &format!("http://{entry}/")).await;
    assert_eq!(error_of(requested), "HttpRequestDenied");
    let peer = Peer::parse(Channel::Tls, &entry).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let dialed = egress.dial(&peer, deadline).await;
    assert!(matches!(dialed, Err(ConnectionError::Denied(_))));
    let expected = [
        denial("http", &format!("http://{here}")),
        denial("tls", &here.to_string()),
    ];
    assert_eq!(egress.refused(), expected);
    let literal = builder("http", format!("http://{here}")).open_without_local_check();
    assert_eq!(
        get(&literal, &format!("http://{here}/"))
            .await
            .unwrap()
            .status,
        200
    );
}
