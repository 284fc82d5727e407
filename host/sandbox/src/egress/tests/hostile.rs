//! HTTP servers and guests that abuse the protocol.

use super::*;

/// Requests a server that sends `answer` as it is and closes. Returns the response or the error.
async fn response_to(answer: &str) -> String {
    let server = answering(answer).await;
    let granted = EgressBuilder::granted("http", format!("http://{server}"));
    let egress = EgressBuilder {
        http_body: 1000,
        time: Duration::from_secs(5),
        ..granted
    }
    .open();
    match get(&egress, &format!("http://{server}/")).await {
        Ok(answered) => format!("{} {:?}", answered.status.as_u16(), answered.body),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn answers_that_could_be_read_in_two_ways_are_errors_or_read_in_the_strict_one() {
    let many = |count| "x: y\r\n".repeat(count);
    let rows = [
        // Upgrades and tunnels.
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nsecret"
                .to_owned(),
            "101 \"\"",
        ),
        ("HTTP/0.9 200 OK\r\n\r\nx".to_owned(), "HttpProtocolError"),
        ("HTTP/2.0 200 OK\r\n\r\nx".to_owned(), "HttpProtocolError"),
        // Ambiguous lengths.
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
            "HttpProtocolError",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab".to_owned(),
            "HttpProtocolError",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nab\r\n0\r\n\r\n"
                .to_owned(),
            "200 \"ab\"",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab"
                .to_owned(),
            "ConnectionTerminated",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nab".to_owned(),
            "HttpResponseHeaderSectionSize(Some(65536))",
        ),
        // Headers that are split or folded.
        (
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n".to_owned(),
            "HttpProtocolError",
        ),
        (
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n".to_owned(),
            "HttpProtocolError",
        ),
        (
            "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n".to_owned(),
            "HttpProtocolError",
        ),
        // Too many headers, trailers included.
        (
            format!("HTTP/1.1 200 OK\r\n{}\r\n", many(200)),
            "HttpResponseHeaderSectionSize(Some(65536))",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{}\r\n",
                many(20_000)
            ),
            "ConnectionTerminated",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}\r\na\r\n0\r\n\r\n",
                "x".repeat(100_000)
            ),
            "ConnectionTerminated",
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
                "1\r\na\r\n".repeat(2000)
            ),
            "HttpResponseBodySize(Some(1000))",
        ),
        // Informational responses do not count as a response.
        (
            format!(
                "{}HTTP/1.1 200 OK\r\n\r\nx",
                "HTTP/1.1 103 Early\r\n\r\n".repeat(500)
            ),
            "200 \"x\"",
        ),
        (
            format!(
                "{}HTTP/1.1 200 OK\r\n\r\nx",
                "HTTP/1.1 103 Early\r\n\r\n".repeat(4000)
            ),
            "HttpResponseHeaderSectionSize(Some(65536))",
        ),
        // The bytes of a body do not count as a head.
        (
            format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n{}",
                "x".repeat(60_000),
                "x".repeat(900)
            ),
            &format!("200 {:?}", "x".repeat(900)),
        ),
    ];
    let mut found = Vec::new();
    for (answer, _) in &rows {
        found.push(response_to(answer).await);
    }
    let expected: Vec<_> = rows.iter().map(|(_, result)| *result).collect();
    assert_eq!(found, expected);
}

/// A server that repeats `piece` until the client closes.
async fn endless(piece: &'static str) -> SocketAddr {
    serve(move |mut stream| async move {
        head(&mut stream).await;
        while stream.write_all(piece.as_bytes()).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn endless_responses_are_stopped() {
    for (piece, expected) in [
        (
            "HTTP/1.1 103 Early Hints\r\n\r\n",
            "HttpResponseHeaderSectionSize(Some(65536))",
        ),
        ("HTTP/1.1 200 OK\r\n", "HttpProtocolError"),
        ("x", "HttpProtocolError"),
    ] {
        let server = endless(piece).await;
        let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
        let request = Request::get(format!("http://{server}/")).body("").unwrap();
        let started = Instant::now();
        let found = error_of(send(&egress, request, Some(timeouts(500, 500, 500))).await);
        assert_eq!(found, expected, "{piece}");
        assert!(started.elapsed() < Duration::from_secs(3), "{piece}");
    }
    let server = serve(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
    assert_eq!(
        error_of(get(&egress, &format!("http://{server}/")).await),
        "HttpResponseBodySize(Some(1048576))"
    );
}

#[tokio::test]
async fn targets_of_every_form_go_to_the_host_that_was_decided_on() {
    let server = serve(|mut stream| async move {
        let head = head(&mut stream).await;
        let first = head.lines().next().unwrap_or_default().to_owned();
        let hosts = head
            .lines()
            .filter(|line| line.starts_with("host: "))
            .count();
        let body = format!("{first} ({hosts})");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await;
    let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
    for (method, target, line) in [
        ("GET", "", "GET / HTTP/1.1 (1)"),
        ("GET", "?a=b", "GET /?a=b HTTP/1.1 (1)"),
        ("GET", "//evil/x", "GET //evil/x HTTP/1.1 (1)"),
        ("GET", "/http://evil/x", "GET /http://evil/x HTTP/1.1 (1)"),
        ("GET", "/\\\\evil", "GET /\\\\evil HTTP/1.1 (1)"),
        ("GET", "/@evil", "GET /@evil HTTP/1.1 (1)"),
        (
            "GET",
            "/%0d%0ahost:evil",
            "GET /%0d%0ahost:evil HTTP/1.1 (1)",
        ),
        ("TRACE", "/", "TRACE / HTTP/1.1 (1)"),
        ("PURGE", "/", "PURGE / HTTP/1.1 (1)"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{server}{target}"))
            .header("host", "evil")
            .header("host", "worse")
            .body("")
            .unwrap();
        let answered = send(&egress, request, None).await.unwrap();
        assert_eq!(answered.body, line, "{method} {target}");
    }
    for method in ["CONNECT", "connect", "Connect"] {
        let uri = format!("http://{server}/");
        let request = Request::builder().method(method).uri(uri).body("").unwrap();
        let found = error_of(send(&egress, request, None).await);
        assert_eq!(found, "HttpRequestMethodInvalid", "{method}");
    }
    // The `http` crate rejects these targets itself.
    for target in ["/a b", "/a\tb", "/a\r\nhost: evil", "/\u{0}"] {
        let uri = format!("http://{server}{target}");
        assert!(Request::get(uri).body("").is_err(), "{target:?}");
    }
}

#[tokio::test]
async fn authorities_that_are_odd_are_refused_or_denied() {
    let egress = EgressBuilder::granted("http", "http://allowed").open();
    let mut found = Vec::new();
    let authorities = [
        "allowed@evil",
        "evil@allowed",
        "allowed:80@evil",
        "allowed:",
        "allowed:0",
        "allowed:65536",
        "allowed:080808080",
        "allowed:+80",
        "allowed..",
        ".allowed",
        "allowed%2eevil",
        "allowed%00",
        "[::1%25eth0]",
        "[::1",
        "evil",
        "allowed.evil",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
    ];
    for authority in authorities {
        // The `http` crate rejects this URI itself.
        let Ok(request) = Request::get(format!("http://{authority}/")).body("") else {
            continue;
        };
        let error = error_of(send(&egress, request, None).await);
        let is_refused = matches!(&*error, "HttpRequestUriInvalid" | "HttpRequestDenied");
        assert!(is_refused, "{authority}: {error}");
        found.push(error);
    }
    assert!(found.len() > 12, "most of them are URIs: {found:?}");
    // All spellings need the same grant.
    let metadata = egress.refused();
    let metadata: Vec<_> = metadata
        .iter()
        .filter(|text| text.contains("169.254"))
        .collect();
    assert_eq!(
        metadata,
        ["denied: http http://169.254.169.254 (add it to `allow.http` of check `orders-db`)"]
    );
}

#[tokio::test]
async fn a_connection_is_counted_before_its_lookup() {
    let names = vec![("slow.test", &[][..])];
    let egress = EgressBuilder {
        names,
        connections: 1,
        time: Duration::from_millis(300),
        ..EgressBuilder::granted("http", "http://slow.test")
    }
    .open();
    let first = get(&egress, "http://slow.test/");
    let (first, second) = tokio::join!(first, async {
        tokio::task::yield_now().await;
        get(&egress, "http://slow.test/").await
    });
    assert_eq!(error_of(first), "DnsTimeout");
    assert_eq!(error_of(second), "ConnectionLimitReached");
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_each_request_and_not_again_to_connect() {
    // The host connects to the address that it checked: there is no second lookup.
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let names = vec![("two.test", &["169.254.169.254", "127.0.0.1"][..])];
    let builder = EgressBuilder::granted("http", format!("http://two.test:{}", server.port()))
        .and("http", format!("http://127.0.0.1:{}", server.port()));
    let egress = EgressBuilder { names, ..builder }.open();
    let uri = format!("http://two.test:{}/", server.port());
    assert_eq!(get(&egress, &uri).await.unwrap().status, 200);
    assert_eq!(egress.0.network.lookups(), 1);
}
