//! The whole check against servers that follow a script.

use tungstenite::handshake::derive_accept_key;
use vitals_sdk::testing::{Peer, World};

use super::*;

/// Returns what the host would show of a check with these additional settings.
fn outcome(world: &World, mut settings: Value) -> Outcome {
    settings["address"] = "chat:8080".into();
    world.outcome(|| check(Settings::read(settings).unwrap()))
}

/// The same over TCP, with this peer.
fn outcome_with(peer: Peer, settings: Value) -> Outcome {
    let world = World::new();
    world.tcp("chat:8080").responds(peer);
    outcome(&world, settings)
}

fn message_with(peer: Peer, settings: Value) -> String {
    let outcome = outcome_with(peer, settings);
    format!("{}: {}", outcome.status(), outcome.message())
}

/// Returns the value of a header of the request.
fn sent_header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = request.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

/// A peer that responds to the request with this head, in which `ACCEPT` is replaced by the right
/// value, and then plays `then`.
fn responding(head: &'static str, then: Peer) -> Peer {
    opening(Peer::new(), head, then)
}

fn opening(peer: Peer, head: &'static str, then: Peer) -> Peer {
    let mut is_open = false;
    let mut then = Some(then);
    peer.replies(move |bytes| {
        let request = String::from_utf8_lossy(bytes).into_owned();
        if is_open || !request.ends_with("\r\n\r\n") {
            return Peer::new();
        }
        is_open = true;
        let key = sent_header(&request, "sec-websocket-key").unwrap();
        let head = head.replace("ACCEPT", &derive_accept_key(key.as_bytes()));
        let then = then.take().unwrap();
        Peer::new().sends(head).replies(answers(then))
    })
}

/// Plays the peer as soon as anything is received.
fn answers(peer: Peer) -> impl FnMut(&[u8]) -> Peer + Send + 'static {
    let mut peer = Some(peer);
    move |_| peer.take().unwrap_or_default()
}

/// A peer that opens the WebSocket and then plays `then` for the first frame.
fn open(then: Peer) -> Peer {
    responding(SWITCHING, then)
}

/// Makes a frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(length),
        _ => {
            bytes.push(126);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    [bytes, payload.to_vec()].concat()
}

fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Returns opcode and payload of the frames that were received after the request.
fn frames(world: &World) -> Vec<(u8, Vec<u8>)> {
    let received = world.received("chat:8080").concat();
    let end = received
        .windows(4)
        .position(|it| it == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut rest = &received[end..];
    let mut frames = Vec::new();
    while let [first, length, a, b, c, d, after @ ..] = rest {
        let length = usize::from(length & 0x7f);
        let mask = [a, b, c, d];
        let payload = after[..length].iter().enumerate();
        let payload = payload.map(|(index, byte)| byte ^ mask[index % 4]);
        frames.push((*first, payload.collect()));
        rest = &after[length..];
    }
    frames
}

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const SERVER_PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn pong() -> Peer {
    Peer::new().sends(frame(PONG, b"vitals"))
}

#[test]
fn an_answered_ping_is_healthy_and_the_websocket_is_closed() {
    let world = World::new();
    let peer = pong().replies(answers(Peer::new().sends(close(1000, "")).closes()));
    world.tcp("chat:8080").responds(open(peer));
    let outcome = outcome(&world, json!({ "path": "/live?token=1" }));
    let message = "ws://chat:8080/live?…: answered the ping";
    assert_eq!(
        (outcome.status(), outcome.message()),
        (Status::Healthy, message)
    );
    assert_eq!(outcome.detail_of("latency_ms"), Some(&json!(0.0)));
    assert_eq!(
        frames(&world),
        [(SERVER_PING, b"vitals".to_vec()), (CLOSE, vec![3, 232])]
    );
    assert_eq!(world.elapsed(), Duration::ZERO);
}

#[test]
fn the_request_is_made_of_the_settings() {
    let world = World::new();
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
                Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    world
        .tcp("chat:8080")
        .responds(responding(head, Peer::new()));
    let outcome = outcome(
        &world,
        json!({
            "path": "/a/../live?q=1", "host": "shop.test", "origin": "https://shop.test", "ping": false,
            "protocols": ["v2", "mqtt"], "headers": { "Authorization": "Bearer x", "user-agent": "me" },
        }),
    );
    assert_eq!(
        (outcome.status(), outcome.message()),
        (Status::Healthy, "ws://chat:8080/live?…: connected")
    );
    assert_eq!(outcome.detail_of("subprotocol"), Some(&json!("mqtt")));
    let received = world.received("chat:8080").concat();
    let request = String::from_utf8_lossy(&received);
    assert!(
        request.starts_with("GET /live?q=1 HTTP/1.1\r\n"),
        "{request}"
    );
    for (name, value) in [
        ("Host", "shop.test:8080"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "v2, mqtt"),
        ("Origin", "https://shop.test"),
        ("authorization", "Bearer x"),
        ("user-agent", "me"),
    ] {
        assert_eq!(sent_header(&request, name), Some(value), "{request}");
    }
}

#[test]
fn settings_that_make_no_valid_request_are_named() {
    for (settings, problem) in [
        (json!({ "path": "live" }), "`path` does not begin with `/`"),
        (
            json!({ "host": "shop.test:80" }),
            "`host` is not a name or an IP address without a port",
        ),
        (
            json!({ "origin": "a\r\nb: c" }),
            "`origin` contains a line break or the like",
        ),
        (
            json!({ "protocols": ["a b"] }),
            "`protocols` contains `a b`, which is not a name of a subprotocol",
        ),
        (
            json!({ "headers": { "x": "secret\n" } }),
            "the header `x` contains a line break or the like",
        ),
        (
            json!({ "headers": { "a:": "b" } }),
            "`headers` contains `a:`, which is not the name of a header",
        ),
        (
            json!({ "headers": { "Host": "b" } }),
            "`headers` contains `Host`, which the check sets by itself: see `host` and `protocols`",
        ),
        (
            json!({ "headers": { "sec-websocket-protocol": "b" } }),
            "`headers` contains `sec-websocket-protocol`, which the check sets by itself: \
             see `host` and `protocols`",
        ),
        (
            json!({ "headers": { "origin": "a" }, "origin": "b" }),
            "`headers` contains `origin`, but `origin` is set too",
        ),
    ] {
        let outcome = outcome(&World::new(), settings);
        assert_eq!(outcome.message(), problem);
    }
    let message = message_with(Peer::refuses(), json!({ "host": "::1" }));
    assert_eq!(
        message,
        "unhealthy: cannot connect to chat:8080: connection refused"
    );
}

#[test]
fn a_refused_handshake_names_the_status() {
    for (head, problem) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\n\r\n",
            "the server refused the opening handshake: 401 Unauthorized",
        ),
        (
            "HTTP/1.0 403 Nope\r\n\r\n",
            "the server refused the opening handshake: 403 Forbidden",
        ),
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "the server refused the opening handshake: 404 Not Found",
        ),
        (
            "HTTP/1.1 599 Odd\r\n\r\n",
            "the server refused the opening handshake: 599",
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7\r\n\r\n",
            "the server refused the opening handshake: 426 Upgrade Required \
             (it supports only version 8, 7 of the protocol)",
        ),
        (
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "the server refused the opening handshake: 426 Upgrade Required \
             (a proxy may have removed the header `upgrade`)",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "the server refused the opening handshake: 400 Bad Request",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "this is no WebSocket endpoint: the server responded with 200 OK",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://u:p@login.test/in?token=1\r\n\r\n",
            "the server responded with 302 Found, which leads to https://login.test/in?…",
        ),
        (
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: /live/\r\n\r\n",
            "the server responded with 308 Permanent Redirect, which leads to ws://chat:8080/live/",
        ),
        (
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://?token=1\r\n\r\n",
            "the server responded with 307 Temporary Redirect, which leads to `http://`",
        ),
    ] {
        let message = message_with(responding(head, Peer::new()), json!({ "path": "/live" }));
        assert_eq!(
            message,
            format!("unhealthy: ws://chat:8080/live: {problem}")
        );
    }
}

#[test]
fn a_response_that_opens_no_websocket_is_explained() {
    let wrong = |headers: &str| -> &'static str {
        format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n\r\n").leak()
    };
    let right = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n";
    let requested = json!({ "protocols": ["v1", "v2"] });
    for (headers, settings, problem) in [
        (
            "Upgrade: h2c\r\nConnection: Upgrade".to_owned(),
            json!({}),
            "the server's response has no header `upgrade: websocket`",
        ),
        (
            "Upgrade: websocket\r\nConnection: close".to_owned(),
            json!({}),
            "the server's response has no header `connection: upgrade`",
        ),
        (
            right.replace("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            json!({}),
            "the header `sec-websocket-accept` of the server's response does not belong to the request",
        ),
        (
            format!("{right}Sec-WebSocket-Extensions: permessage-deflate"),
            json!({}),
            "the server uses the extension `permessage-deflate`, which was not requested",
        ),
        (
            right.trim_end().to_owned(),
            requested.clone(),
            "the server selected none of the subprotocols: v1, v2",
        ),
        (
            format!("{right}Sec-WebSocket-Protocol: v3"),
            requested,
            "the server selected the subprotocol `v3`, which was not requested",
        ),
        (
            format!("{right}Sec-WebSocket-Protocol: v3"),
            json!({}),
            "the server selected the subprotocol `v3`, which was not requested",
        ),
    ] {
        let peer = responding(wrong(headers.trim_end()), Peer::new());
        let message = message_with(peer, settings);
        assert_eq!(message, format!("unhealthy: ws://chat:8080/: {problem}"));
    }
}

#[test]
fn a_server_of_another_protocol_is_named() {
    for (peer, problem) in [
        (
            Peer::new().sends("220 mail ESMTP\r\n"),
            "ws://chat:8080/: the server does not speak HTTP: it sent `220 mail ESMTP`",
        ),
        (
            Peer::new().sends([21, 3, 1, 0, 2, 2, 70]).closes(),
            "ws://chat:8080/: the server speaks TLS at this address (set `tls = true`)",
        ),
        (
            Peer::new().sends("HTTP/1.1 abc\r\n\r\n"),
            "ws://chat:8080/: the server's response is not valid HTTP: `HTTP/1.1 abc`",
        ),
        (
            Peer::new(),
            "no response to the opening handshake received: cannot read from chat:8080: timed out after 2s",
        ),
        (
            Peer::new().sends("HTT").closes(),
            "no response to the opening handshake received: cannot read from chat:8080: \
             the peer closed the connection",
        ),
        (
            Peer::new().floods("HTTP/1.1 200 OK\r\na: b\r\n"),
            "no response to the opening handshake received: cannot read from chat:8080: \
             the response is longer than 16384 bytes",
        ),
        (
            Peer::new().after(Duration::MAX),
            "cannot connect to chat:8080: timed out after 2s",
        ),
    ] {
        let message = message_with(peer, json!({ "timeout": "2s" }));
        assert_eq!(message, format!("unhealthy: {problem}"));
    }
}

#[test]
fn the_expected_text_follows_the_sent_text() {
    let world = World::new();
    let fragments = [frame(0x01, b"all is re"), frame(0x80, b"ady")].concat();
    let peer = Peer::new()
        .sends(text("hello"))
        .sends(frame(SERVER_PING, b"you"))
        .sends(frame(BINARY, &[0xff, 0]))
        .waits(Duration::from_millis(30))
        .sends(fragments);
    world.tcp("chat:8080").responds(open(peer));
    let settings = json!({ "send": "status?", "expect": "ready" });
    let outcome = outcome(&world, settings);
    assert_eq!(outcome.status(), Status::Healthy);
    assert_eq!(outcome.message(), "ws://chat:8080/: responded as expected");
    assert_eq!(outcome.detail_of("received"), Some(&json!("all is ready")));
    let sent = frames(&world);
    assert_eq!(
        sent,
        [
            (TEXT, b"status?".to_vec()),
            (PONG, b"you".to_vec()),
            (CLOSE, vec![3, 232])
        ]
    );
    let measured: Vec<_> = outcome
        .measurements()
        .iter()
        .map(Measurement::name)
        .collect();
    assert_eq!(
        measured,
        [
            "response_time",
            "connect_time",
            "handshake_time",
            "round_trip_time"
        ]
    );
    let round_trip = outcome.measurements()[3].value();
    assert!((round_trip - 0.03).abs() < 1e-9, "{outcome:?}");
}

#[test]
fn a_ping_is_sent_with_an_expected_text_only_on_request() {
    let both = json!({ "ping": true, "expect": "hi" });
    for (peer, settings, message) in [
        (
            pong().sends(text("hi")),
            both.clone(),
            "healthy: ws://chat:8080/: responded as expected",
        ),
        (
            Peer::new().sends(text("hi")),
            both,
            "unhealthy: ws://chat:8080/: the ping was not answered: timed out after 1s",
        ),
        (
            Peer::new().sends(frame(PONG, b"other")),
            json!({ "send": "x" }),
            "unhealthy: ws://chat:8080/: the ping was not answered: timed out after 1s",
        ),
    ] {
        let mut settings = settings;
        settings["timeout"] = "1s".into();
        assert_eq!(message_with(open(peer), settings), message);
    }
}

#[test]
fn a_missing_answer_names_what_was_awaited() {
    let flood = |bytes: Vec<u8>| open(Peer::new().floods(bytes));
    for (peer, problem) in [
        (open(Peer::new()), "timed out after 2s"),
        // Other messages do not extend the time.
        (
            open((0..9).fold(Peer::new(), |peer, _| {
                peer.waits(Duration::from_millis(700)).sends(text("tick"))
            })),
            "timed out after 2s",
        ),
        (
            open(Peer::new().closes()),
            "the server closed the connection without a close frame",
        ),
        (
            open(Peer::new().resets()),
            "cannot read from chat:8080: connection reset by peer",
        ),
        (
            open(Peer::new().sends(close(1011, "no database"))),
            "the server closed the connection with 1011 (internal error): `no database`",
        ),
        (
            open(Peer::new().sends(close(1008, ""))),
            "the server closed the connection with 1008 (policy violation)",
        ),
        (
            open(Peer::new().sends(close(4001, "bye"))),
            "the server closed the connection with 4001: `bye`",
        ),
        (
            open(Peer::new().sends(frame(CLOSE, &[]))),
            "the server closed the connection, without a code",
        ),
        (
            open(Peer::new().sends(frame(CLOSE, &[3]))),
            "the server violated the protocol: a close frame is not valid",
        ),
        (
            open(Peer::new().sends([TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 1])),
            "the server sent a message of more than 65536 bytes",
        ),
        (
            flood(frame(0x01, b"xx")),
            "the server violated the protocol: the fragments of a message are out of order",
        ),
        (
            open(Peer::new().sends(frame(0xc1, b"x"))),
            "the server violated the protocol: a frame has reserved bits set",
        ),
        (
            open(Peer::new().sends([TEXT, 0x81, 0, 0, 0, 0, b'x'])),
            "the server violated the protocol: a frame is masked",
        ),
        (
            open(Peer::new().sends(frame(TEXT, &[0xff]))),
            "the server violated the protocol: a text is not UTF-8",
        ),
        (
            open(Peer::new().sends(frame(0x83, b""))),
            "the server violated the protocol: a frame has an unknown type",
        ),
        (flood(text("x")), "the server sent 1024 other messages"),
        (
            flood(text(&"x".repeat(1020))),
            "it is not in the first 65536 bytes",
        ),
    ] {
        let settings = json!({ "send": "go", "expect": "ready", "timeout": "2s" });
        let message = message_with(peer, settings);
        assert_eq!(
            message,
            format!("unhealthy: ws://chat:8080/: `ready` was not received: {problem}")
        );
    }
    // Large messages are skipped when only a pong is awaited, but not without end.
    let message = message_with(flood(frame(BINARY, &[0; 4092])), json!({}));
    let problem = "the ping was not answered: the server sent 1048576 bytes of other data";
    assert_eq!(message, format!("unhealthy: ws://chat:8080/: {problem}"));
}

#[test]
fn a_silent_server_delays_the_end_only_shortly() {
    let world = World::new();
    world.set_timeout(Duration::from_secs(10));
    world.tcp("chat:8080").responds(open(pong()));
    assert_eq!(outcome(&world, json!({})).status(), Status::Healthy);
    assert_eq!(world.elapsed(), Duration::from_millis(250));

    let world = World::new();
    world.set_timeout(Duration::from_secs(1));
    world.tcp("chat:8080").responds(open(Peer::new()));
    let outcome = outcome(&world, json!({}));
    assert_eq!(
        outcome.message(),
        "ws://chat:8080/: the ping was not answered: timed out"
    );
    assert_eq!(world.elapsed(), Duration::from_millis(900));
}

#[test]
fn slow_answers_are_degraded_or_unhealthy() {
    for (milliseconds, expected) in [
        (60, "healthy: ws://chat:8080/: answered the ping"),
        (
            61,
            "degraded: ws://chat:8080/: answered the ping after 101ms, above 100ms",
        ),
        (
            1_460,
            "unhealthy: ws://chat:8080/: answered the ping after 1.5s, above 1s",
        ),
    ] {
        let waits = Peer::new().waits(Duration::from_millis(milliseconds));
        let peer = opening(
            Peer::new().after(Duration::from_millis(40)),
            SWITCHING,
            waits.sends(frame(PONG, b"vitals")),
        );
        let settings = json!({ "degraded_above": "100ms", "unhealthy_above": "1s" });
        assert_eq!(message_with(peer, settings), expected);
    }
}

#[test]
fn tls_is_started_for_the_host() {
    let world = World::new();
    let run = |peer: Peer, mut settings: Value| {
        let peer = opening(peer, SWITCHING, pong());
        world.tls("chat:8080").responds(peer);
        settings["tls"] = true.into();
        outcome(&world, settings)
    };
    let certificate = || world.certificate("shop.test", 80);
    let expiry = certificate().not_after;
    let good = run(
        Peer::new().accepts_tls(certificate()),
        json!({ "host": "shop.test" }),
    );
    assert_eq!(good.message(), "wss://chat:8080/: answered the ping");
    assert_eq!(good.detail_of("trusted"), Some(&json!(true)));
    assert_eq!(good.detail_of("protocol"), Some(&json!("TLSv1.3")));
    let measured = good.measurements().last().unwrap();
    assert_eq!(
        (measured.name(), measured.unit()),
        ("certificate_expiry", "timestamp")
    );
    assert_eq!(measured.value().to_string(), expiry.to_string());

    let why = "it is for another name";
    let untrusted = || Peer::new().accepts_tls_untrusted(certificate(), why);
    let strict = run(untrusted(), json!({}));
    assert_eq!(
        strict.message(),
        "cannot start TLS with chat:8080: the certificate of chat is not trusted: it is for another name"
    );
    let lenient = run(untrusted(), json!({ "verify": false }));
    assert_eq!(lenient.status(), Status::Healthy);
    assert_eq!(lenient.detail_of("not_trusted_because"), Some(&json!(why)));

    // A refused handshake still says when the certificate expires.
    let head = "HTTP/1.1 403 Forbidden\r\n\r\n";
    let peer = opening(Peer::new().accepts_tls(certificate()), head, Peer::new());
    world.tls("chat:8080").responds(peer);
    let refused = outcome(&world, json!({ "tls": true }));
    assert_eq!(refused.status(), Status::Unhealthy);
    let names: Vec<_> = refused
        .measurements()
        .iter()
        .map(Measurement::name)
        .collect();
    assert_eq!(names, ["connect_time", "tls_time", "certificate_expiry"]);
}
