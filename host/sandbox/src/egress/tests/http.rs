//! HTTP requests of guests: grants, limits and timeouts.

use ::http::Uri;
use tokio::sync::oneshot;

use super::*;
use crate::grants::GrantKind;

#[tokio::test]
async fn a_granted_request_is_sent_and_answered() {
    let server = serve(|mut stream| async move {
        let head = head(&mut stream).await;
        let mut body = [0; 4];
        stream.read_exact(&mut body).await.unwrap();
        let echo = format!("{head}{}", String::from_utf8_lossy(&body));
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{echo}",
            echo.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
    let request = Request::post(format!("http://{server}/a?b=c"))
        .header("host", "elsewhere")
        .header("x-own", "kept")
        .header("upgrade", "h2c")
        .header("content-length", "4")
        .body("ping")
        .unwrap();
    let answered = send(&egress, request, None).await.unwrap();
    assert_eq!(answered.status, 200);
    let expected = [
        "",
        "POST /a?b=c HTTP/1.1",
        "connection: close",
        "content-length: 4",
        &format!("host: {server}"),
        "ping",
        "x-own: kept",
    ];
    let mut lines: Vec<_> = answered.body.split("\r\n").collect();
    lines.sort_unstable();
    assert_eq!(lines, expected);
    assert!(egress.denials(&Secrets::default()).is_empty());
}

#[tokio::test]
async fn a_denial_is_recorded_once() {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let egress = EgressBuilder::granted("tcp", server.to_string())
        .and("http", "http://10.0.0.1")
        .open();
    for _ in 0..2 {
        assert_eq!(
            error_of(get(&egress, &format!("http://{server}/")).await),
            "HttpRequestDenied"
        );
    }
    let expected =
        format!("denied: http http://{server} (add it to `allow.http` of check `orders-db`)");
    assert_eq!(egress.refused(), [expected]);
}

#[tokio::test]
async fn the_number_of_denials_kept_is_bounded() {
    let egress = EgressBuilder::granted("http", "http://10.0.0.1").open();
    let message = egress.deny(Denial::new(GrantKind::File, &"/\u{202e}x".repeat(1 << 20)));
    assert!(message.starts_with("denied: file /x/x/x"));
    assert!(message.ends_with("… (add it to `allow.files` of check `orders-db`)"));
    assert!(message.len() < 1024);
    assert_eq!(egress.refused(), [message]);
}

#[tokio::test]
async fn a_name_cannot_lead_to_a_denied_address() {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = server.port();
    let names = || vec![("web.test", &["169.254.169.254", "::1", "127.0.0.1"][..])];
    let uri = format!("http://WEB.test.:{port}/");

    let granted = || EgressBuilder::granted("http", format!("http://web.test:{port}"));
    let egress = EgressBuilder {
        names: names(),
        ..granted()
    }
    .open();
    assert_eq!(error_of(get(&egress, &uri).await), "HttpRequestDenied");
    let expected = format!(
        "denied: http http://169.254.169.254:{port}, where web.test leads (add it to `allow.http` \
         of check `orders-db`)"
    );
    assert_eq!(egress.refused(), [expected]);

    // With that address granted too the connection goes there, and to no other of the name.
    let granted = granted().and("http", format!("http://127.0.0.1:{port}"));
    let egress = EgressBuilder {
        names: names(),
        ..granted
    }
    .open();
    assert_eq!(get(&egress, &uri).await.unwrap().status, 200);
    assert!(egress.denials(&Secrets::default()).is_empty());
}

#[tokio::test]
async fn the_host_header_is_the_canonical_host() {
    let server = serve(|mut stream| async move {
        let head = head(&mut stream).await;
        let host = head
            .lines()
            .find(|line| line.starts_with("host: "))
            .unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nx-host: {}\r\ncontent-length: 0\r\n\r\n",
            &host[6..]
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let granted = EgressBuilder::granted("http", format!("http://127.1:{}", server.port()));
    let egress = granted.open();
    let uri = format!("http://0x7F.1:{}/", server.port());
    let answered = get(&egress, &uri).await.unwrap();
    assert_eq!(answered.headers["x-host"], server.to_string());
}

#[tokio::test]
async fn uris_that_mean_two_hosts_are_refused() {
    let egress = EgressBuilder::granted("http", "http://allowed").open();
    for uri in [
        "http://allowed@evil/",
        "http://evil%2eallowed/",
        "http://allowed:99999/",
    ] {
        // What `http` itself takes for no URI never gets this far.
        if let Ok(request) = Request::get(uri).body("") {
            assert_eq!(
                error_of(send(&egress, request, None).await),
                "HttpRequestUriInvalid",
                "{uri}"
            );
        }
    }
    let mut parts = "http://allowed/".parse::<Uri>().unwrap().into_parts();
    parts.path_and_query = Some("*".parse().unwrap());
    let request = Request::options(Uri::from_parts(parts).unwrap())
        .body("")
        .unwrap();
    let egress = EgressBuilder {
        names: vec![("allowed", &["10.0.0.1"])],
        ..EgressBuilder::granted("tcp", "a:1")
    }
    .open();
    assert_eq!(
        error_of(send(&egress, request, None).await),
        "HttpRequestDenied"
    );
}

#[tokio::test]
async fn failures_have_their_codes() {
    let egress = EgressBuilder::granted("http", "http://127.0.0.1:1").open();
    assert_eq!(
        error_of(get(&egress, "http://127.0.0.1:1/").await),
        "ConnectionRefused"
    );

    let egress = EgressBuilder::granted("http", "http://nowhere.test").open();
    assert_eq!(
        error_of(get(&egress, "http://nowhere.test/").await),
        "DnsError { rcode: Some(\"the name has no address\"), info_code: None }"
    );

    let long = "x".repeat(200 << 10);
    for (answer, error) in [
        ("", "HttpResponseIncomplete"),
        ("HTTP/1.1 200 OK\r\ncontent-len", "HttpResponseIncomplete"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            "HttpResponseIncomplete",
        ),
        ("220 mail.example.com ESMTP\r\n\r\n", "HttpProtocolError"),
        (
            &format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n"),
            "HttpResponseHeaderSectionSize(Some(65536))",
        ),
    ] {
        let server = answering(answer).await;
        let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
        let found = error_of(get(&egress, &format!("http://{server}/")).await);
        assert_eq!(found, error, "{}", &answer[..answer.len().min(40)]);
    }
}

#[tokio::test]
async fn bodies_larger_than_the_limit_fail() {
    for (length, whole) in [(100, true), (101, false)] {
        let body = "x".repeat(length);
        for answer in [
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"),
            format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        ] {
            let server = answering(answer).await;
            let granted = EgressBuilder::granted("http", format!("http://{server}"));
            let egress = EgressBuilder {
                http_body: 100,
                ..granted
            }
            .open();
            match get(&egress, &format!("http://{server}/")).await {
                Ok(answered) => assert!(whole && answered.body == body, "{length}"),
                Err(error) => {
                    assert!(!whole, "{length}");
                    assert_eq!(format!("{error:?}"), "HttpResponseBodySize(Some(100))");
                }
            }
        }
    }
}

/// A server that sends `pieces` with a pause before each, and then keeps the connection open.
async fn dripping(pieces: &'static [&'static str], pause: Duration) -> SocketAddr {
    serve(move |mut stream| async move {
        head(&mut stream).await;
        for piece in pieces {
            tokio::time::sleep(pause).await;
            stream.write_all(piece.as_bytes()).await.ok();
        }
        // Until the client is gone.
        stream.read_u8().await.ok();
    })
    .await
}

#[tokio::test]
async fn slow_servers_meet_the_timeouts_of_the_guest() {
    let silent = dripping(&[], Duration::ZERO).await;
    let egress = EgressBuilder::granted("http", format!("http://{silent}")).open();
    let request = || Request::get(format!("http://{silent}/")).body("").unwrap();
    let slow = send(&egress, request(), Some(timeouts(1_000, 50, 1_000))).await;
    assert_eq!(error_of(slow), "HttpResponseTimeout");
    // No time at all is a millisecond, not a panic.
    assert_eq!(
        error_of(send(&egress, request(), Some(timeouts(1_000, 0, 0))).await),
        "HttpResponseTimeout"
    );

    let pieces = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n",
        "1234",
        "5678",
        "9012",
    ];
    let dripping = dripping(pieces, Duration::from_millis(40)).await;
    let egress = EgressBuilder::granted("http", format!("http://{dripping}")).open();
    let request = || {
        Request::get(format!("http://{dripping}/"))
            .body("")
            .unwrap()
    };
    let started = Instant::now();
    let slow = send(&egress, request(), Some(timeouts(1_000, 1_000, 100))).await;
    assert_eq!(error_of(slow), "ConnectionReadTimeout");
    // Three pieces came in time, and only the silence after them was too long.
    assert!(
        started.elapsed() >= Duration::from_millis(260),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn connections_are_counted() {
    let server = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let granted = EgressBuilder::granted("http", format!("http://{server}"));
    let egress = EgressBuilder {
        connections: 2,
        ..granted
    }
    .open();
    let uri = format!("http://{server}/");
    for _ in 0..2 {
        assert!(get(&egress, &uri).await.is_ok());
    }
    assert_eq!(error_of(get(&egress, &uri).await), "ConnectionLimitReached");
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let (closed, hears) = oneshot::channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        closed.send(stream.read(&mut [0]).await.unwrap()).unwrap();
    });
    let egress = EgressBuilder::granted("http", format!("http://{server}")).open();
    let uri = format!("http://{server}/");
    let sending = tokio::time::timeout(Duration::from_millis(50), get(&egress, &uri));
    assert!(sending.await.is_err());
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(5), hears)
            .await
            .unwrap(),
        Ok(0)
    );
}
