//! Names that lead to this host by an address that is not loopback.

use super::*;
use crate::contract::{ConnectOptions, Family, NetError};
use crate::egress::local_address::non_loopback_address;

/// Network access with a name `db.test` that leads to this host.
fn builder(key: &'static str, entry: String) -> EgressBuilder {
    let own: &'static str = non_loopback_address().to_string().leak();
    EgressBuilder::granted(key, entry).resolves("db.test", vec![own].leak())
}

fn denial(kind: &str, what: &str) -> String {
    format!(
        "denied: {kind} {what}, where db.test leads: this machine itself, which only the name \
         `localhost` may reach (add it to `allow.{kind}` of check `orders-db`, or write it in \
         place of the name)"
    )
}

#[tokio::test]
async fn sockets_do_not_reach_a_local_address() {
    let here = SocketAddr::new(non_loopback_address(), 53).to_string();
    for (key, purpose) in [
        ("tcp", SocketAddrUse::TcpConnect),
        ("udp", SocketAddrUse::UdpSend),
    ] {
        // A grant of `names` shows the address, but does not permit connecting to it.
        let egress = builder(key, "db.test:53".to_owned()).and("names", "db.test");
        let egress = egress.open();
        assert!(lookup(&egress, "db.test").await.is_ok());
        assert!(!permitted(&egress, &here, purpose).await);
        assert_eq!(egress.refused(), [denial(key, &here)]);

        let egress = builder(key, "db.test:53".to_owned()).open();
        let found = lookup(&egress, "db.test").await;
        assert_eq!(found, Err(ErrorCode::AccessDenied), "it is not shown");
        assert_eq!(egress.refused(), [denial(key, &here)]);
    }
}

#[tokio::test]
async fn a_connection_between_equal_addresses_is_denied() {
    let here = serve_at(non_loopback_address(), |mut stream| async move {
        reply(&mut stream, EMPTY_ANSWER).await;
    })
    .await;
    let entry = format!("db.test:{}", here.port());
    let egress = builder("http", format!("http://{entry}"))
        .and("tls", entry.clone())
        .open_without_local_check();
    let requested = get(&egress, &format!("http://{entry}/")).await;
    assert_eq!(error_of(requested), "HttpRequestDenied");
    let peer = Peer::parse(Channel::HostTcp, &entry).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let directly = ConnectOptions {
        family: Family::Any,
        proxy: None,
    };
    let dialed = egress.dial(&peer, &directly, deadline).await;
    assert!(matches!(dialed, Err(NetError::Denied(_))));
    let expected = [
        denial("http", &format!("http://{here}")),
        denial("tcp", &here.to_string()),
    ];
    assert_eq!(egress.refused(), expected);

    let literal = EgressBuilder::http(here).open_without_local_check();
    let answered = get(&literal, &format!("http://{here}/")).await;
    assert_eq!(answered.unwrap().status, 200);
}
