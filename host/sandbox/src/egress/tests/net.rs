//! Connections, datagrams, look-ups and pings of `vitals:health/net`.

use tokio::net::UdpSocket;

use super::*;
use crate::contract::{
    ConnectOptions, DatagramOptions, Family, NetError, PingOptions, ResolveError, Until,
};
use crate::net::Connection;

const DIRECTLY: ConnectOptions = ConnectOptions {
    family: Family::Any,
    proxy: None,
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// A peer as `vitals:health/net` asks for it.
fn peer(text: &str) -> Peer {
    Peer::parse(Channel::HostTcp, text).unwrap()
}

/// A connection to a server that writes `parts`, one a while after the other, and then closes.
async fn connection(parts: &'static [&'static str]) -> Connection {
    let server = serve(move |mut stream| async move {
        for part in parts {
            stream.write_all(part.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let egress = EgressBuilder::granted("tcp", server.to_string()).open();
    let peer = peer(&server.to_string());
    Connection::new(egress.dial(&peer, &DIRECTLY, soon()).await.unwrap())
}

fn delimiter(text: &str) -> Until {
    Until::Delimiter(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_connection_is_granted_by_tcp_and_by_tls() {
    let server = serve(|_| async {}).await.to_string();
    for key in ["tcp", "tls"] {
        let egress = EgressBuilder::granted(key, server.clone()).open();
        egress
            .dial(&peer(&server), &DIRECTLY, soon())
            .await
            .unwrap();
    }
    let egress = EgressBuilder::granted("udp", server.clone()).open();
    let denied = egress.dial(&peer(&server), &DIRECTLY, soon()).await;
    let why = format!("denied: tcp {server} (add it to `allow.tcp` of check `orders-db`)");
    assert_eq!(denied.unwrap_err(), NetError::Denied(why.clone()));
    assert_eq!(egress.refused(), [why]);
    // The guest's own sockets need a grant of their own.
    let egress = EgressBuilder::granted("tls", server.clone()).open();
    assert!(!permitted(&egress, &server, SocketAddrUse::TcpConnect).await);
}

#[tokio::test]
async fn a_dead_address_does_not_delay_a_live_one() {
    let server = serve(|_| async {}).await;
    // RFC 6666: nothing answers there, if it can be reached at all.
    let egress = EgressBuilder::granted("tcp", format!("localhost:{}", server.port()))
        .resolves("localhost", &["100::1", "127.0.0.1"])
        .open();
    let peer = peer(&format!("localhost:{}", server.port()));
    let started = Instant::now();
    egress.dial(&peer, &DIRECTLY, soon()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    let only_ipv6 = ConnectOptions {
        family: Family::Ipv6,
        proxy: None,
    };
    let deadline = Instant::now() + Duration::from_millis(100);
    assert!(egress.dial(&peer, &only_ipv6, deadline).await.is_err());
}

#[tokio::test]
async fn a_read_ends_at_what_was_asked_for_and_the_rest_is_kept() {
    let mut connection = connection(&["220 hel", "lo\r", "\nabcdef", "gh"]).await;
    let mut read = async |until, max| connection.exchange(b"", &until, max, soon()).await;
    assert_eq!(read(delimiter("\r\n"), 64).await.unwrap(), b"220 hello\r\n");
    assert_eq!(read(Until::Length(2), 64).await.unwrap(), b"ab");
    assert_eq!(read(Until::Some, 1).await.unwrap(), b"c");
    assert_eq!(read(Until::End, 64).await.unwrap(), b"defgh");
    assert_eq!(read(Until::Some, 1).await.unwrap(), b"", "the end");
    assert_eq!(read(Until::Length(1), 1).await, Err(NetError::Closed));
    let mut connection = self::connection(&["SSH-2.0"]).await;
    let read = connection
        .exchange(b"", &delimiter("\r\n"), 64, soon())
        .await;
    assert_eq!(read, Err(NetError::Closed));
    let read = connection.exchange(b"", &Until::Some, 64, soon()).await;
    assert_eq!(read.unwrap(), b"SSH-2.0");
}

#[tokio::test]
async fn a_read_that_timed_out_goes_on() {
    let mut connection = connection(&["a", "b", "c\n"]).await;
    let at_once = Instant::now() + Duration::from_millis(5);
    let line = delimiter("\n");
    let timed_out = connection.exchange(b"", &line, 64, at_once).await;
    assert_eq!(timed_out, Err(NetError::Timeout));
    let read = connection.exchange(b"", &line, 64, soon()).await;
    assert_eq!(read.unwrap(), b"abc\n");
}

#[tokio::test]
async fn a_read_that_failed_loses_nothing() {
    for until in [delimiter("\n"), Until::End, Until::Length(4)] {
        let mut connection = connection(&["abcdef"]).await;
        let read = connection.exchange(b"", &until, 3, soon()).await;
        assert_eq!(read, Err(NetError::TooLarge), "{until:?}");
        let again = connection.exchange(b"", &Until::Some, 64, soon()).await;
        assert_eq!(again.unwrap(), b"abcdef", "{until:?}");
    }
    let mut connection = connection(&["abc\n"]).await;
    let long = delimiter(&"x".repeat(65));
    let read = connection.exchange(b"", &long, 100, soon()).await;
    assert!(matches!(read, Err(NetError::Failed(_))), "{read:?}");
}

#[tokio::test]
async fn a_request_and_its_response_are_one_call() {
    let server = echoing().await.to_string();
    let egress = EgressBuilder::granted("tcp", server.clone()).open();
    let dialed = egress.dial(&peer(&server), &DIRECTLY, soon()).await;
    let mut connection = Connection::new(dialed.unwrap());
    assert_eq!(connection.peer(), server);
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let head = delimiter("\r\n\r\n");
    let read = connection.exchange(request, &head, 1024, soon()).await;
    assert!(read.unwrap().starts_with(b"HTTP/1.1 200 OK"));
    connection.finish(soon()).await.unwrap();
    let rest = connection.exchange(b"", &Until::End, 1024, soon()).await;
    assert_eq!(rest.unwrap(), request);
    assert!(connection.write(b"more", soon()).await.is_err());
}

/// A server of datagrams that handles each with its number.
async fn udp_server(reply: impl Fn(u32) -> &'static [&'static str] + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 64];
        for number in 1.. {
            let (_, from) = socket.recv_from(&mut bytes).await.unwrap();
            for text in reply(number) {
                socket.send_to(text.as_bytes(), from).await.unwrap();
            }
        }
    });
    address
}

async fn datagram(
    egress: &Egress,
    at: &str,
    attempts: u8,
    replies: u8,
    time: Duration,
) -> Result<Vec<String>, NetError> {
    let options = DatagramOptions {
        family: Family::Any,
        attempts,
        replies,
    };
    let peer = Peer::parse(Channel::Udp, at).unwrap();
    let deadline = Instant::now() + time;
    let found = egress.datagram(&peer, b"ping", options, deadline).await?;
    let texts = found.into_iter().map(|reply| reply.bytes);
    Ok(texts
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .collect())
}

#[tokio::test]
async fn a_datagram_is_sent_again_and_to_the_next_address() {
    let server = udp_server(|number| if number < 3 { &[] } else { &["pong"] }).await;
    let at = server.to_string();
    let egress = EgressBuilder::granted("udp", at.clone()).open();
    let time = Duration::from_secs(1);
    let silent = datagram(&egress, &at, 2, 1, time / 10).await;
    assert_eq!(silent, Err(NetError::Timeout));
    assert_eq!(datagram(&egress, &at, 1, 1, time).await.unwrap(), ["pong"]);

    // Nothing answers at the first address (RFC 5737).
    let named = format!("localhost:{}", server.port());
    let egress = EgressBuilder::granted("udp", named.clone())
        .resolves("localhost", &["192.0.2.1", "127.0.0.1"])
        .open();
    let replies = datagram(&egress, &named, 1, 1, time).await;
    assert_eq!(replies.unwrap(), ["pong"]);
}

#[tokio::test]
async fn as_many_replies_as_asked_for_are_waited_for() {
    let server = udp_server(|_| &["a", "b", "c"]).await.to_string();
    let egress = EgressBuilder::granted("udp", server.clone()).open();
    let time = Duration::from_millis(300);
    for (replies, expected) in [(0, &[][..]), (2, &["a", "b"]), (4, &["a", "b", "c"])] {
        let found = datagram(&egress, &server, 1, replies, time).await;
        assert_eq!(found.unwrap(), expected);
    }
    let egress = EgressBuilder::granted("tcp", server.clone()).open();
    let denied = datagram(&egress, &server, 1, 1, time).await;
    assert!(matches!(denied, Err(NetError::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn a_closed_port_refuses_datagrams_at_once() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    drop(socket);
    let egress = EgressBuilder::granted("udp", address.clone()).open();
    let found = datagram(&egress, &address, 5, 1, Duration::from_mins(1)).await;
    assert_eq!(found, Err(NetError::Refused));
}

#[tokio::test]
async fn a_lookup_tells_why_there_is_no_address() {
    let egress = EgressBuilder {
        time: Duration::from_millis(300),
        ..EgressBuilder::granted("names", "db.test")
    }
    .and("names", "nowhere.test")
    .and("names", "slow.test")
    .and("tls", "web.test:443")
    .resolves("db.test", &["10.0.0.7", "fd00::7"])
    .resolves("slow.test", &[])
    .open();
    let resolve = async |name: &str, family| {
        let name = crate::grants::parse_host(name).unwrap();
        let deadline = Instant::now() + Duration::from_millis(300);
        let found = egress.resolve(name, family, deadline).await?;
        Ok(found.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(
        resolve("db.test", Family::Any).await.unwrap(),
        ["10.0.0.7", "fd00::7"]
    );
    assert_eq!(resolve("db.test", Family::Ipv6).await.unwrap(), ["fd00::7"]);
    let no_data = Err(NetError::NotResolved(ResolveError::NoData));
    assert_eq!(resolve("10.0.0.1", Family::Ipv6).await, no_data);
    assert_eq!(resolve("nowhere.test", Family::Any).await, no_data);
    assert_eq!(
        resolve("slow.test", Family::Any).await,
        Err(NetError::Timeout)
    );
    // The host resolves it for the connection.
    let denied = resolve("web.test", Family::Any).await;
    assert!(matches!(denied, Err(NetError::Denied(_))), "{denied:?}");
}

/// Whether the kernel lets this process ping depends on the machine: both answers are right.
#[tokio::test]
async fn a_ping_is_answered_or_the_setting_of_the_kernel_is_named() {
    let options = PingOptions {
        family: Family::Any,
        count: 2,
        interval_ms: 0,
        size: 56,
    };
    let peer = Peer::new(Channel::Icmp, Host::Address(Ipv4Addr::LOCALHOST.into()), 0);
    let egress = EgressBuilder::granted("icmp", "127.0.0.0/8").open();
    match egress.ping(&peer, options, soon()).await {
        Ok(found) => {
            assert_eq!(found.address, "127.0.0.1");
            assert_eq!(found.times.len(), 2);
            assert!(found.times.iter().all(Option::is_some), "{found:?}");
        }
        Err(NetError::Failed(why)) => assert!(why.contains("ping_group_range"), "{why}"),
        Err(other) => panic!("{other:?}"),
    }
    let egress = EgressBuilder::granted("tcp", "127.0.0.1:1").open();
    let denied = egress.ping(&peer, options, soon()).await;
    let why = "denied: icmp 127.0.0.1 (add it to `allow.icmp` of check `orders-db`)";
    assert_eq!(denied, Err(NetError::Denied(why.to_owned())));
}
