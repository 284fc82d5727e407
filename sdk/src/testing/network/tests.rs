use std::io::{ErrorKind, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::net::Family;
use crate::tcp::{self, TcpStream};
use crate::tls::{self, Problem, Verification};
use crate::{icmp, udp};

fn address(text: &str) -> Address {
    text.parse().expect(text)
}

fn connect(timeout: Duration) -> Result<TcpStream, tcp::Error> {
    tcp::connect(&address("db:5432"), timeout)
}

/// Returns the message with which a check fails its test.
fn failure_of<T>(world: &World, check: impl FnOnce() -> T) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run(check)));
    let Err(panic) = panicked else {
        panic!("the check used only what the world defines");
    };
    *panic.downcast::<String>().unwrap()
}

#[test]
fn reads_wait_for_pieces_until_they_are_sent() {
    let world = World::new();
    let tenth = Duration::from_millis(100);
    let peer = Peer::new()
        .sends("ab")
        .waits(tenth)
        .sends("c\n")
        .sends("d")
        .closes();
    world.tcp("db:5432").responds(peer);
    world.run(|| {
        let mut stream = connect(Duration::from_secs(1)).unwrap();
        assert_eq!(stream.read_some(1).unwrap(), b"a");
        assert_eq!(world.elapsed(), Duration::ZERO);
        assert_eq!(stream.read_line(10).unwrap(), "bc");
        assert_eq!(world.elapsed(), tenth);
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "d");
        assert_eq!(stream.read_some(1).unwrap(), b"");
    });
    assert_eq!(world.elapsed(), tenth);
}

#[test]
fn a_read_that_timed_out_can_be_tried_again() {
    let world = World::new();
    let peer = Peer::new().waits(Duration::from_millis(1_500)).sends("x");
    world.tcp("db:5432").responds(peer);
    world.run(|| {
        let mut stream = connect(Duration::from_secs(1)).unwrap();
        let error = stream.read_exact(1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read from db:5432: timed out after 1s"
        );
        assert_eq!(stream.read_exact(1).unwrap(), b"x");
        assert_eq!(world.elapsed(), Duration::from_millis(1_500));
        // After its last step the peer is silent until the deadline of the run.
        stream.set_timeout(Duration::MAX);
        assert!(stream.read_exact(1).unwrap_err().is_timeout());
        assert!(Deadline::of_run().has_passed());
        assert!(stream.write_all(b"x").unwrap_err().is_timeout());
        assert!(connect(Duration::MAX).unwrap_err().is_timeout());
    });
}

#[test]
fn a_response_is_as_late_as_its_request() {
    let world = World::new();
    let second = Duration::from_secs(1);
    let peer = Peer::new().expects("PING").waits(second).sends("PONG");
    world.tcp("db:5432").responds(peer.after(second));
    world.run(|| {
        let mut stream = connect(Duration::MAX).unwrap();
        crate::clock::sleep(second);
        stream.write_all(b"PI").unwrap();
        stream.write_all(b"NG").unwrap();
        assert_eq!(stream.read_exact(4).unwrap(), b"PONG");
    });
    assert_eq!(world.elapsed(), 3 * second);
    assert_eq!(world.received("db:5432"), [b"PING"]);
}

#[test]
fn unexpected_input_breaks_the_connection_and_fails_the_test() {
    let world = World::new();
    world
        .tcp("db:5432")
        .responds(Peer::new().expects("PING\r\n").sends("PONG"));
    let text = failure_of(&world, || {
        let mut stream = connect(Duration::MAX).unwrap();
        stream.write_all(b"PONG\r\n").unwrap();
        assert!(stream.read_some(1).is_err());
        assert!(stream.write_all(b"x").is_err());
    });
    assert_eq!(
        text,
        "the check used what its test does not define:\n  the peer at tcp db:5432 received `PONG\\r\\n`, \
         but expected `PING\\r\\n`"
    );
    let text = failure_of(&world, || {
        let mut stream = connect(Duration::MAX).unwrap();
        stream.finish().unwrap();
    });
    assert!(
        text.ends_with("received the end of the stream, but expected `PING\\r\\n`"),
        "{text}"
    );
}

#[test]
fn an_undefined_address_fails_the_test() {
    let world = World::new();
    world.tls("db:5432").responds(Peer::new());
    let mut error = String::new();
    let text = failure_of(&world, || {
        error = connect(Duration::MAX).unwrap_err().to_string();
    });
    let why = "the test defines no peer at tcp db:5432; it defines tls db:5432";
    assert_eq!(error, format!("cannot connect to db:5432: {why}"));
    assert!(text.ends_with(why), "{text}");
}

#[test]
fn an_endless_stream_meets_a_limit_or_the_deadline() {
    let world = World::new();
    world.tcp("db:5432").responds(Peer::new().floods("ab"));
    world.run(|| {
        let mut stream = connect(Duration::MAX).unwrap();
        assert_eq!(stream.read_exact(3).unwrap(), b"aba");
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn tls_starts_where_the_script_expects_it() {
    let world = World::new();
    let certificate = || world.certificate("db", 30);
    let shake = |peer: Peer| {
        world.tls("db:5432").responds(peer);
        let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
        connection
            .start_tls("db")
            .map_err(|error| error.to_string())
    };
    world.run(|| {
        assert!(shake(Peer::new().accepts_tls(certificate())).is_ok());
        let late = Peer::new().waits(Duration::from_mins(1));
        for (peer, why) in [
            (Peer::new().closes(), "the peer closed the connection"),
            (
                Peer::new().sends("SSH-2.0\r\n"),
                "the server's response is not TLS",
            ),
            (late.accepts_tls(certificate()), "timed out after 4s 900ms"),
        ] {
            let error = shake(peer).unwrap_err();
            assert_eq!(error, format!("cannot start TLS with db:5432: {why}"));
        }
    });
    let text = failure_of(&world, || shake(Peer::new().expects("STARTTLS")).is_err());
    assert!(
        text.ends_with("the peer at tls db:5432 received a TLS handshake, but expected `STARTTLS`"),
        "{text}"
    );
    world
        .tls("db:5432")
        .responds(Peer::new().accepts_tls(certificate()));
    let text = failure_of(&world, || {
        tls::connect(&address("db:5432"), Duration::MAX)
            .unwrap()
            .write_all(b"plain")
            .unwrap();
    });
    assert!(
        text.ends_with("received `plain`, but expected a TLS handshake"),
        "{text}"
    );
}

#[test]
fn an_unverified_handshake_has_the_verification_error() {
    let world = World::new();
    let certificate = world.certificate("other", 30);
    let peer = Peer::new().accepts_tls_untrusted(certificate, "it is for other");
    world.tls("db:5432").responds(peer.sends("hi"));
    world.run(|| {
        let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
        let handshake = connection.start_tls_unverified("db").unwrap();
        assert_eq!(
            handshake.verification_error.as_deref(),
            Some("it is for other")
        );
        assert_eq!(connection.read_exact(2).unwrap(), b"hi");
        let error = connection.start_tls("db").unwrap_err().to_string();
        assert!(
            error.ends_with("TLS has already started on the connection"),
            "{error}"
        );

        let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
        assert!(connection.start_tls("db").is_err());
        let error = connection.read_some(1).unwrap_err();
        assert_eq!(error.problem(), &Problem::Closed);
    });
}

#[test]
fn every_connect_failure_has_the_hosts_text() {
    let world = World::new();
    for (peer, tcp, tls) in [
        (Peer::refuses(), "connection refused", "connection refused"),
        (Peer::unreachable(), "no route to host", "no route to host"),
        (
            Peer::denied(),
            "denied: tcp db:5432 (add it to `allow.tcp` of the check)",
            "denied: tls db:5432 (add it to `allow.tls` of the check)",
        ),
        (
            Peer::unresolvable("no such name"),
            "cannot look up the host: no such name",
            "cannot look up the host: no such name",
        ),
    ] {
        world.tcp("db:5432").responds(peer.clone());
        world.tls("db:5432").responds(peer);
        let over_tcp = world.run(|| connect(Duration::MAX).unwrap_err().to_string());
        assert_eq!(over_tcp, format!("cannot connect to db:5432: {tcp}"));
        let over_tls = world.run(|| tls::connect(&address("db:5432"), Duration::MAX).unwrap_err());
        assert_eq!(
            over_tls.to_string(),
            format!("cannot connect to db:5432: {tls}")
        );
    }
    assert!(world.received("db:5432").is_empty());
}

#[test]
fn the_peer_applies_the_options_of_the_handshake() {
    let world = World::new();
    let own = world.certificate("db", 30);
    let other = world.certificate("other", 30);
    let pins = |digest: &str| Verification::Pins(vec![digest.to_owned()]);
    let untrusted = "the certificate of db is not trusted: its issuer is unknown";
    for (certificate, verification, expected) in [
        (&own, Verification::ChainAndName, Some(untrusted)),
        (&own, Verification::Chain, Some(untrusted)),
        (&other, Verification::Chain, None),
        (&own, Verification::None, None),
        (&own, pins(&own.sha256), None),
        (&own, pins(&own.public_key_sha256), None),
        (
            &own,
            pins(&"a".repeat(64)),
            Some("the certificate of db has none of the pinned digests"),
        ),
    ] {
        let peer = Peer::new().accepts_tls_untrusted(certificate.clone(), "its issuer is unknown");
        world.tls("db:5432").responds(peer);
        let options = TlsOptions::new("db").verification(verification.clone());
        let error = world.run(|| {
            let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
            let started = connection.start_tls_with(&options);
            started.err().map(|error| error.problem().to_string())
        });
        assert_eq!(error.as_deref(), expected, "{verification:?}");
        assert_eq!(world.tls_options("db:5432").last(), Some(&options));
    }
    for (offered, selected) in [
        (vec!["h2", "http/1.1"], Some("h2")),
        (vec!["http/1.1"], None),
    ] {
        world
            .tls("db:5432")
            .responds(Peer::new().accepts_tls_with(tls::Handshake {
                alpn: Some("h2".to_owned()),
                ..handshake(own.clone(), None)
            }));
        let options = TlsOptions::new("db").alpn(offered);
        let handshake = world.run(|| {
            let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
            connection.start_tls_with(&options).unwrap()
        });
        assert_eq!(handshake.alpn.as_deref(), selected);
    }
}

#[test]
fn bytes_before_tls_are_an_error() {
    let world = World::new();
    let peer = Peer::new().sends("220 go\r\n250 smuggled\r\n");
    world.tls("db:5432").responds(peer);
    let error = world.run(|| {
        let mut connection = tls::connect(&address("db:5432"), Duration::MAX).unwrap();
        assert_eq!(connection.read_line(64).unwrap(), "220 go");
        connection.start_tls("db").unwrap_err()
    });
    assert_eq!(
        error.to_string(),
        "cannot start TLS with db:5432: the server sent data before the TLS handshake"
    );
}

#[test]
fn an_exchange_is_a_write_and_a_read() {
    let world = World::new();
    world
        .tcp("db:5432")
        .responds(Peer::new().replies(|line| match line {
            b"a" => Peer::new().sends("1\n2").sends("3"),
            b"cb" => Peer::new().sends("4\n").closes(),
            _ => Peer::new(),
        }));
    world.run(|| {
        let mut stream = connect(Duration::from_secs(1)).unwrap();
        assert_eq!(stream.exchange_line(b"a", 8).unwrap(), "1");
        assert_eq!(stream.read_received(8).unwrap(), b"2");
        assert_eq!(stream.read_received(8).unwrap(), b"3");
        assert_eq!(stream.read_received(8).unwrap(), b"");
        assert!(stream.exchange_some(b"c", 8).unwrap_err().is_timeout());
        assert_eq!(stream.exchange_to_end(b"b", 8).unwrap(), b"4\n");
        let error = stream.read_line(8).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read from db:5432: the peer closed the connection"
        );
    });
    assert_eq!(world.received("db:5432"), [b"acb"]);
}

#[test]
fn a_datagram_is_sent_again_until_there_are_replies() {
    let second = Duration::from_secs(1);
    let exchange = |world: &World, attempts, replies| {
        let options = udp::Options {
            attempts,
            replies,
            ..udp::Options::default()
        };
        world.run(|| udp::exchange(&address("ns:53"), b"q", &options, 3 * second))
    };
    let world = World::new();
    // The first datagram is lost.
    let peer = Peer::new()
        .expects("qq")
        .sends("a")
        .waits(second / 2)
        .sends("b");
    world.udp("ns:53").responds(peer);
    let replies = exchange(&world, 2, 2).unwrap();
    assert_eq!(
        replies
            .iter()
            .map(|reply| &*reply.bytes)
            .collect::<Vec<_>>(),
        [b"a", b"b"]
    );
    assert_eq!(
        replies.iter().map(|reply| reply.time).collect::<Vec<_>>(),
        [Duration::ZERO, second / 2]
    );
    assert_eq!(world.elapsed(), 2 * second);
    assert_eq!(world.received("ns:53"), [b"qq"]);

    let world = World::new();
    world.udp("ns:53").responds(Peer::new());
    let error = exchange(&world, 3, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read from ns:53: timed out after 3s"
    );
    assert_eq!(world.elapsed(), 3 * second);
    assert_eq!(world.received("ns:53"), [b"qqq"]);
    assert_eq!(exchange(&world, 1, 0).unwrap(), []);
    assert_eq!(world.elapsed(), 3 * second);
    for (peer, text) in [
        (
            Peer::new().resets(),
            "cannot read from ns:53: connection refused",
        ),
        (
            Peer::denied(),
            "cannot send to ns:53: denied: udp ns:53 (add it to `allow.udp` of the check)",
        ),
    ] {
        world.udp("ns:53").responds(peer);
        assert_eq!(exchange(&world, 1, 1).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_lost_reply_is_waited_for_until_the_deadline() {
    let world = World::new();
    let milliseconds = Duration::from_millis;
    world
        .icmp("router")
        .replies_after(&[Some(milliseconds(20)), Some(milliseconds(30))]);
    let options = icmp::Options {
        family: Family::Ipv6,
        ..icmp::Options::default()
    };
    let ping = || world.run(|| icmp::ping("router", &options, Duration::from_secs(1)).unwrap());
    assert_eq!(
        ping().times,
        [20, 30, 20].map(|time| Some(milliseconds(time)))
    );
    assert!(ping().address.is_ipv6());
    assert_eq!(world.elapsed(), 2 * milliseconds(220));
    let late = [Duration::MAX, milliseconds(900), milliseconds(801)].map(Some);
    world.icmp("router").replies_after(&late);
    assert_eq!(ping().times, [None, late[1], None]);
    assert_eq!(world.elapsed(), milliseconds(1_440));
    let text = failure_of(&world, || {
        icmp::ping("elsewhere", &options, Duration::MAX).is_err()
    });
    assert!(text.ends_with("the test does not define the host elsewhere: use `World::icmp`"));
}
