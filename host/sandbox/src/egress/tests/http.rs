//! HTTP requests of guests: grants, limits and timeouts.

use tokio::sync::oneshot;

use super::*;
use crate::grants::GrantKind;

#[tokio::test]
async fn a_granted_request_is_sent_and_answered() {
    let server = echoing().await;
    let egress = EgressBuilder::http(server).open();
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
async fn equal_denials_are_kept_once_with_a_bounded_text_and_all_counted() {
    let egress = EgressBuilder::granted("http", "http://10.0.0.1").open();
    let denial = Denial::new(GrantKind::File, &"/\u{202e}x".repeat(1 << 20));
    let message = egress.deny(denial.clone());
    assert!(message.starts_with("denied: file /x/x/x"));
    assert!(message.ends_with("… (add it to `allow.files` of check `orders-db`)"));
    assert!(message.len() < 1024);
    egress.deny(denial);
    assert_eq!(egress.refused(), [message]);
    assert_eq!(egress.denied(), [("file", 2)]);
}

#[tokio::test]
async fn a_name_cannot_lead_to_a_denied_address() {
    let server = answering(EMPTY_ANSWER).await;
    let port = server.port();
    let uri = format!("http://WEB.test.:{port}/");
    let granted = || {
        EgressBuilder::granted("http", format!("http://web.test:{port}"))
            .resolves("web.test", &["169.254.169.254", "::1", "127.0.0.1"])
    };
    let egress = granted().open();
    assert_eq!(error_of(get(&egress, &uri).await), "HttpRequestDenied");
    let expected = format!(
        "denied: http http://169.254.169.254:{port}, where web.test leads (add it to `allow.http` \
         of check `orders-db`)"
    );
    assert_eq!(egress.refused(), [expected]);

    // With that address granted too the connection goes there, and to no other of the name.
    let address = format!("http://127.0.0.1:{port}");
    let egress = granted().and("http", address).open();
    assert_eq!(get(&egress, &uri).await.unwrap().status, 200);
    assert!(egress.denials(&Secrets::default()).is_empty());
    // The host connects to the address that it checked: there is no second lookup.
    assert_eq!(egress.0.network.lookups(), 1);
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
    let error = async |server, options| {
        let egress = EgressBuilder::http(server).open();
        let request = Request::get(format!("http://{server}/")).body("").unwrap();
        error_of(send(&egress, request, Some(options)).await)
    };
    let silent = dripping(&[], Duration::ZERO).await;
    assert_eq!(
        error(silent, timeouts(1_000, 50, 1_000)).await,
        "HttpResponseTimeout"
    );
    let pieces = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n",
        "1234",
        "5678",
        "9012",
    ];
    let dripping = dripping(pieces, Duration::from_millis(40)).await;
    let started = Instant::now();
    assert_eq!(
        error(dripping, timeouts(1_000, 1_000, 100)).await,
        "ConnectionReadTimeout"
    );
    // Three pieces came in time, and only the silence after them was too long.
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(260), "{elapsed:?}");
}

#[tokio::test]
async fn a_connection_is_counted_before_its_lookup_and_not_given_back() {
    let egress = EgressBuilder {
        connections: 1,
        time: Duration::from_millis(300),
        ..EgressBuilder::granted("http", "http://slow.test")
    }
    .resolves("slow.test", &[])
    .open();
    let request = || get(&egress, "http://slow.test/");
    let (first, second) = tokio::join!(request(), async {
        tokio::task::yield_now().await;
        request().await
    });
    assert_eq!(error_of(first), "DnsTimeout");
    for later in [second, request().await] {
        assert_eq!(error_of(later), "ConnectionLimitReached");
    }
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
    let egress = EgressBuilder::http(server).open();
    let uri = format!("http://{server}/");
    let sending = tokio::time::timeout(Duration::from_millis(50), get(&egress, &uri));
    assert!(sending.await.is_err());
    let heard = tokio::time::timeout(Duration::from_secs(5), hears).await;
    assert_eq!(heard.unwrap(), Ok(0));
}
