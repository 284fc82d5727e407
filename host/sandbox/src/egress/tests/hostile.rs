//! HTTP servers and guests that abuse the protocol.

use ::http::Uri;

use super::*;

/// Requests a server that sends `answer`, with CR LF for each line break, and closes. Returns the
/// response or the error.
async fn response_to(answer: &str) -> String {
    let server = answering(answer.replace('\n', "\r\n")).await;
    let egress = EgressBuilder {
        http_body: 1000,
        time: Duration::from_secs(5),
        ..EgressBuilder::http(server)
    }
    .open();
    match get(&egress, &format!("http://{server}/")).await {
        Ok(answered) => format!("{} {:?}", answered.status.as_u16(), answered.body),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn a_response_is_read_in_the_strict_way_or_is_an_error() {
    const PROTOCOL: &str = "HttpProtocolError";
    const INCOMPLETE: &str = "HttpResponseIncomplete";
    const TERMINATED: &str = "ConnectionTerminated";
    const HEAD_SIZE: &str = "HttpResponseHeaderSectionSize(Some(65536))";
    const BODY_SIZE: &str = "HttpResponseBodySize(Some(1000))";

    let ok = |rest: &str| format!("HTTP/1.1 200 OK\n{rest}");
    let chunked = |rest: &str| ok(&format!("transfer-encoding: chunked\n\n{rest}"));
    let hints = |count| "HTTP/1.1 103 Early\n\n".repeat(count) + &ok("\nx");
    let fields = |count| "x: y\n".repeat(count);
    let long = |length| "x".repeat(length);
    let whole = format!("200 {:?}", long(1000));
    let upgrade = "HTTP/1.1 101 Switching Protocols\nconnection: upgrade\nupgrade: x\n\nsecret";
    let two_framings = "content-length: 99\ntransfer-encoding: chunked\n\n2\nab\n0\n\n";
    for (answer, expected) in [
        // Not HTTP, or less than announced.
        ("220 mail.example.com ESMTP\n\n".to_owned(), PROTOCOL),
        ("HTTP/0.9 200 OK\n\nx".to_owned(), PROTOCOL),
        ("HTTP/2.0 200 OK\n\nx".to_owned(), PROTOCOL),
        (String::new(), INCOMPLETE),
        (ok("content-len"), INCOMPLETE),
        (ok("content-length: 9\n\nhalf"), INCOMPLETE),
        // Upgrades and tunnels.
        (upgrade.to_owned(), "101 \"\""),
        // Ambiguous lengths.
        (ok("content-length: 1\ncontent-length: 2\n\nab"), PROTOCOL),
        (ok("content-length: -1\n\nab"), PROTOCOL),
        (ok("content-length: 18446744073709551615\n\nab"), HEAD_SIZE),
        (ok(two_framings), "200 \"ab\""),
        (chunked("fffffffffffffffff\nab"), TERMINATED),
        // Headers that are split or folded.
        (ok("a: b\n folded\n\n"), PROTOCOL),
        (ok("a b: c\n\n"), PROTOCOL),
        (ok("a: b\0c\n\n"), PROTOCOL),
        // Too many or too long headers, trailers and extensions of chunks.
        (ok(&format!("x: {}\n\n", long(200_000))), HEAD_SIZE),
        (ok(&format!("{}\n", fields(200))), HEAD_SIZE),
        (
            chunked(&format!("1\na\n0\n{}\n", fields(20_000))),
            TERMINATED,
        ),
        (
            chunked(&format!("1;{}\na\n0\n\n", long(100_000))),
            TERMINATED,
        ),
        // Informational responses do not count as a response, but as its head.
        (hints(500), "200 \"x\""),
        (hints(4000), HEAD_SIZE),
        // Body and head have separate limits.
        (
            ok(&format!("x: {}\n\n{}", long(60_000), long(1000))),
            &whole,
        ),
        (
            ok(&format!("content-length: 1000\n\n{}", long(1000))),
            &whole,
        ),
        (
            ok(&format!("content-length: 1001\n\n{}", long(1001))),
            BODY_SIZE,
        ),
        (ok(&format!("\n{}", long(1001))), BODY_SIZE),
        (chunked(&"1\na\n".repeat(2000)), BODY_SIZE),
    ] {
        let beginning = &answer[..answer.len().min(80)];
        assert_eq!(response_to(&answer).await, expected, "{beginning:?}");
    }
}

#[tokio::test]
async fn targets_of_every_form_go_to_the_host_that_was_decided_on() {
    let server = echoing().await;
    let granted = EgressBuilder::granted("http", format!("http://127.1:{}", server.port()));
    let egress = granted.open();
    let uri = |target: &str| format!("http://0x7F.1:{}{target}", server.port());
    for (method, target, sent) in [
        ("GET", "", "/"),
        ("GET", "?a=b", "/?a=b"),
        ("GET", "//evil/x", "//evil/x"),
        ("GET", "/http://evil/x", "/http://evil/x"),
        ("GET", "/\\\\evil", "/\\\\evil"),
        ("GET", "/@evil", "/@evil"),
        ("GET", "/%0d%0ahost:evil", "/%0d%0ahost:evil"),
        ("TRACE", "/", "/"),
        ("PURGE", "/", "/"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(uri(target))
            .header("host", "evil")
            .header("host", "worse")
            .body("")
            .unwrap();
        let received = send(&egress, request, None).await.unwrap().body;
        let (first, headers) = received.split_once("\r\n").unwrap();
        assert_eq!(first, format!("{method} {sent} HTTP/1.1"));
        let hosts = headers.lines().filter(|line| line.starts_with("host: "));
        assert_eq!(hosts.collect::<Vec<_>>(), [format!("host: {server}")]);
    }
    for method in ["CONNECT", "connect", "Connect"] {
        let request = Request::builder().method(method).uri(uri("/"));
        let found = error_of(send(&egress, request.body("").unwrap(), None).await);
        assert_eq!(found, "HttpRequestMethodInvalid", "{method}");
    }
    let mut parts = uri("/").parse::<Uri>().unwrap().into_parts();
    parts.path_and_query = Some("*".parse().unwrap());
    let request = Request::options(Uri::from_parts(parts).unwrap());
    let found = error_of(send(&egress, request.body("").unwrap(), None).await);
    assert_eq!(found, "HttpRequestUriInvalid");
}

#[tokio::test]
async fn authorities_that_are_odd_are_refused_or_denied() {
    let egress = EgressBuilder::granted("http", "http://allowed").open();
    let refused = "allowed@evil evil@allowed allowed:80@evil allowed: allowed:0 allowed:65536 \
                   allowed:080808080 allowed:+80 allowed.. .allowed [::1%25eth0]";
    let denied = "evil allowed.evil 169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 \
                  [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe]";
    for (authorities, expected) in [
        (refused, "HttpRequestUriInvalid"),
        (denied, "HttpRequestDenied"),
    ] {
        for authority in authorities.split(' ') {
            let request = Request::get(format!("http://{authority}/"));
            let found = error_of(send(&egress, request.body("").unwrap(), None).await);
            assert_eq!(found, expected, "{authority}");
        }
    }
    // An address has one spelling; through a NAT64 gateway it is another one.
    let hosts = [
        "evil",
        "allowed.evil",
        "169.254.169.254",
        "[64:ff9b::a9fe:a9fe]",
    ];
    let denials = hosts.map(|host| {
        format!("denied: http http://{host} (add it to `allow.http` of check `orders-db`)")
    });
    assert_eq!(egress.refused(), denials);
}
