//! `vitals:health/http`: requests, redirects, codings, versions, verification, limits and timeouts.

use std::convert::Infallible;
use std::io::Write as _;

use ::http::Response as HttpResponse;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::tls::Server;
use super::*;
use crate::contract::{
    Failure, Family, HttpError, HttpOptions, HttpRequest, Phase, Response, Verification, Version,
    VersionOption,
};

pub(super) fn request(url: impl Into<String>, options: HttpOptions) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        url: url.into(),
        options,
        ..HttpRequest::default()
    }
}

pub(super) async fn fetch(egress: &Egress, request: HttpRequest) -> Result<Response, Failure> {
    egress.fetch(request, egress.0.deadline).await
}

async fn fetch_with(
    egress: &Egress,
    url: impl Into<String>,
    options: HttpOptions,
) -> Result<Response, HttpError> {
    let fetched = fetch(egress, request(url, options)).await;
    fetched.map_err(|failure| failure.error)
}

fn following(redirects: u8) -> HttpOptions {
    HttpOptions {
        redirects,
        ..HttpOptions::default()
    }
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

/// Answers each request by its path, and closes.
async fn routing(routes: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> SocketAddr {
    let routes = Arc::new(routes);
    serve(move |mut stream| {
        let routes = Arc::clone(&routes);
        async move {
            let head = head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap_or_default();
            let answer = routes(path, &head);
            stream.write_all(answer.as_bytes()).await.ok();
        }
    })
    .await
}

fn redirect_to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers with a body in a coding.
async fn encoded(coding: &'static str, body: Vec<u8>) -> SocketAddr {
    serve(move |mut stream| {
        let body = body.clone();
        async move {
            head(&mut stream).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.ok();
            stream.write_all(&body).await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn a_request_is_sent_as_the_guest_made_it() {
    let server = echoing().await;
    let egress = EgressBuilder::http(server).open();
    let url = format!("http://{server}/a%20b?c=d#e");
    let response = fetch(
        &egress,
        HttpRequest {
            method: "POST".to_owned(),
            headers: vec![
                ("X-Own".to_owned(), b"kept".to_vec()),
                ("accept".to_owned(), b"text/plain".to_vec()),
            ],
            body: Some(b"ping".to_vec()),
            ..request(url.clone(), HttpOptions::default())
        },
    );
    let response = response.await.unwrap();
    assert_eq!((response.status, response.version), (200, Version::Http11));
    assert_eq!(response.url, url);
    let echoed = String::from_utf8_lossy(&response.body).into_owned();
    let mut lines: Vec<_> = echoed.split("\r\n").collect();
    lines.sort_unstable();
    let agent = format!("user-agent: vitals/{}", env!("CARGO_PKG_VERSION"));
    let expected = [
        "",
        "POST /a%20b?c=d HTTP/1.1",
        "accept-encoding: gzip, deflate, br, zstd",
        "accept: text/plain",
        "connection: close",
        "content-length: 4",
        &format!("host: {server}"),
        "ping",
        &agent,
        "x-own: kept",
    ];
    assert_eq!(lines, expected);
    let exchange = response.exchange;
    assert_eq!(exchange.remote_address, Some(server.to_string()));
    assert!(exchange.handshake.is_none() && exchange.phases.connect > 0.0);
}

/// Requires that a request is refused before anything is reached.
async fn refused(request: HttpRequest, why: &str) {
    let egress = EgressBuilder::granted("http", "http://web.test").open();
    match fetch(&egress, request).await.unwrap_err().error {
        HttpError::InvalidRequest(text) => assert!(text.contains(why), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(egress.0.network.lookups(), 0);
}

#[tokio::test]
async fn urls_that_cannot_be_requested_are_refused() {
    let long = format!("http://web.test/{}", "x".repeat(1 << 15));
    for (url, why) in [
        ("web.test", "`web.test`: "),
        ("ftp://web.test", "neither `http` nor `https`"),
        ("http://me:pw@web.test/", "a user or a password"),
        ("http://web.test:0/", "its port is not valid"),
        (&long, "longer than"),
    ] {
        refused(request(url, HttpOptions::default()), why).await;
    }
}

#[tokio::test]
async fn requests_that_cannot_be_sent_are_refused() {
    let plain = || request("http://web.test/", HttpOptions::default());
    let method = |method: &str| HttpRequest {
        method: method.to_owned(),
        ..plain()
    };
    let header = |name: &str, size| HttpRequest {
        headers: vec![(name.to_owned(), vec![b'x'; size])],
        ..plain()
    };
    let options = |options| request("http://web.test/", options);
    let http2 = HttpOptions {
        version: VersionOption::Http2,
        ..HttpOptions::default()
    };
    let pin = HttpOptions {
        verification: Verification::Pins(vec!["ab".to_owned()]),
        ..HttpOptions::default()
    };
    for (request, why) in [
        (method("connect"), "CONNECT is not for checks"),
        (method("G ET"), "`G ET` is not a method"),
        (header("host", 1), "sets `host`; set `server-name`"),
        (header("content-length", 1), "sets `content-length`"),
        (header("upgrade", 1), "only the host sets `upgrade`"),
        (header("a b", 1), "header `a b` is not valid"),
        (header("a", 70_000), "the limits are 256 and 65536"),
        (options(http2), "prior knowledge"),
        (options(pin), "pin `ab` is not a SHA-256 digest"),
    ] {
        refused(request, why).await;
    }
}

#[tokio::test]
async fn a_denied_url_says_what_to_grant() {
    let egress = EgressBuilder::granted("http", "https://web.test").open();
    let expected = "denied: http http://web.test (add it to `allow.http` of check `orders-db`)";
    let denied = fetch_with(&egress, "http://WEB.test/", HttpOptions::default()).await;
    assert_eq!(denied.unwrap_err(), HttpError::Denied(expected.to_owned()));
    assert_eq!(egress.denied(), [("http", 1)]);
}

#[tokio::test]
async fn redirects_are_followed_with_cookies_and_headers_of_their_origin() {
    let other = echoing().await;
    let server = routing(move |path, head| match path {
        "/login" => {
            let answer = "HTTP/1.1 302 Found\r\nlocation: /home\r\nset-cookie: id=1; Path=/\r\n";
            format!("{answer}content-length: 0\r\n\r\n")
        }
        "/home" => ok(head),
        "/away" => redirect_to(&format!("http://{other}/there")),
        "/mail" => redirect_to("mailto:a@b"),
        "/loop" => redirect_to("/loop"),
        "/user" => redirect_to("http://me:pw@127.0.0.1/"),
        "/nowhere" => redirect_to("http://elsewhere.test/"),
        other => panic!("{other}"),
    })
    .await;
    let egress = EgressBuilder::http(server)
        .and("http", format!("http://{other}"))
        .open();
    let at = |path: &str| format!("http://{server}{path}");
    let with_key = |path: &str| HttpRequest {
        headers: vec![
            ("x-key".to_owned(), b"secret".to_vec()),
            ("accept".to_owned(), b"a/b".to_vec()),
        ],
        ..request(at(path), following(5))
    };

    let home = fetch(&egress, with_key("/login")).await.unwrap();
    assert_eq!((home.redirects, home.url.clone()), (1, at("/home")));
    assert!(text(&home).contains("x-key: secret"), "{home:?}");
    assert!(text(&home).contains("cookie: id=1"), "{home:?}");
    let without = HttpOptions {
        cookies: false,
        ..following(5)
    };
    let home = fetch_with(&egress, at("/login"), without).await.unwrap();
    assert!(!text(&home).contains("cookie:"), "{home:?}");

    let away = fetch(&egress, with_key("/away")).await.unwrap();
    assert_eq!(away.url, format!("http://{other}/there"));
    assert!(text(&away).contains("accept: a/b"), "{away:?}");
    assert!(!text(&away).contains("secret"), "{away:?}");

    let not_followed = fetch_with(&egress, at("/login"), following(0))
        .await
        .unwrap();
    assert_eq!(not_followed.status, 302);
    for (path, expected) in [
        (
            "/mail",
            "to `mailto:a@b`: its scheme is neither `http` nor `https`",
        ),
        (
            "/user",
            "to `http://me:pw@127.0.0.1/`: it has a user or a password",
        ),
        ("/loop", "more than 5 in a row"),
    ] {
        match fetch_with(&egress, at(path), following(5)).await {
            Err(HttpError::Redirect(text)) => assert!(text.starts_with(expected), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    let failure = fetch(&egress, request(at("/nowhere"), following(5))).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.url, "http://elsewhere.test/");
    assert!(matches!(&failure.error, HttpError::Denied(why) if why.contains("elsewhere.test")));
}

#[tokio::test]
async fn bodies_are_decoded_within_the_limit() {
    let body = b"{\"up\": true}".repeat(100);
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&body).unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(&body).unwrap();
    let codings = [
        ("gzip", gzip(&body)),
        ("x-gzip", gzip(&body)),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
        (
            "zstd",
            ruzstd::encoding::compress_to_vec(
                &body[..],
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
        ),
        ("identity", body.clone()),
    ];
    let get = async |server: SocketAddr, options| {
        let egress = EgressBuilder::http(server).open();
        fetch_with(&egress, format!("http://{server}/"), options).await
    };
    let decoding = HttpOptions::default;
    for (coding, bytes) in codings {
        let size = bytes.len() as u64;
        let response = get(encoded(coding, bytes).await, decoding()).await.unwrap();
        assert!(response.body == body && !response.truncated, "{coding}");
        assert_eq!(response.body_size, size, "{coding}");
    }
    // 200 MB in 200 KB: no more is decoded than the limit of the host, or what the guest asks for.
    let bomb = gzip(&vec![0; 200_000_000]);
    let cut = get(encoded("gzip", bomb.clone()).await, decoding())
        .await
        .unwrap();
    assert!(cut.truncated && cut.body.len() == 1 << 20);
    let prefix = HttpOptions {
        body_max: 10,
        ..decoding()
    };
    let cut = get(encoded("gzip", bomb).await, prefix).await.unwrap();
    assert!(cut.truncated && cut.body == [0; 10]);

    for (coding, bytes) in [
        ("gzip", &b"not gzip"[..]),
        ("br", b"\xff\xff"),
        ("zstd", b"zz"),
    ] {
        let error = get(encoded(coding, bytes.to_vec()).await, decoding()).await;
        let expected = format!("the body is not what `content-encoding: {coding}` says");
        assert_eq!(error.unwrap_err(), HttpError::Protocol(expected));
    }
    // A zstd frame that asks for a window of 1 GiB.
    let window = b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00".to_vec();
    let error = get(encoded("zstd", window).await, decoding())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HttpError::TooLarge(what) if what.contains("8 MiB")),
        "{error:?}"
    );
    let unknown = get(encoded("lzma", b"as it is".to_vec()).await, decoding())
        .await
        .unwrap();
    assert_eq!(unknown.body, b"as it is");
    let raw = HttpOptions {
        decode: false,
        ..decoding()
    };
    let raw = get(encoded("gzip", gzip(b"up")).await, raw).await.unwrap();
    assert_eq!(raw.body, gzip(b"up"));
}

#[tokio::test]
async fn a_status_is_enough_where_the_body_never_ends() {
    let endless = serve(|mut stream| async move {
        head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).await.ok();
        while stream.write_all(b"data: x\n\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let egress = EgressBuilder {
        time: Duration::from_millis(500),
        ..EgressBuilder::http(endless)
    }
    .open();
    let get = async |body_max| {
        let options = HttpOptions {
            body_max,
            ..HttpOptions::default()
        };
        fetch_with(&egress, format!("http://{endless}/"), options).await
    };
    let status = get(0).await.unwrap();
    assert!(status.body.is_empty() && status.truncated);
    let beginning = get(8).await.unwrap();
    assert!(beginning.body == b"data: x\n" && beginning.truncated);
    assert_eq!(
        get(u64::MAX).await.unwrap_err(),
        HttpError::Timeout(Phase::Body)
    );
}

#[tokio::test]
async fn a_response_is_lenient_in_its_headers_and_strict_in_its_framing() {
    let get = async |answer: &str| {
        let server = answering(answer.replace('\n', "\r\n")).await;
        let egress = EgressBuilder::http(server).open();
        fetch_with(&egress, format!("http://{server}/"), HttpOptions::default()).await
    };
    let header = |response: &Response, name: &str| {
        let mut headers = response.headers.iter();
        headers.find(|(own, _)| own == name).unwrap().1.clone()
    };
    let fields = (0..900).map(|at| format!("x-{at}: y\n"));
    let fields = fields.collect::<Vec<_>>().concat();
    let many = get(&format!("HTTP/1.1 200 OK\n{fields}\nup"))
        .await
        .unwrap();
    assert_eq!((many.headers.len(), text(&many)), (900, "up"));
    let folded = get("HTTP/1.1 200 OK\na: b\n folded\n\n").await.unwrap();
    assert_eq!(header(&folded, "a"), b"b folded");
    let spaced = get("HTTP/1.1 200 OK\na : b\n\n").await.unwrap();
    assert_eq!(header(&spaced, "a"), b"b");
    let old = get("HTTP/1.0 200 OK\n\nup").await.unwrap();
    assert_eq!((old.version, text(&old)), (Version::Http10, "up"));

    let protocol = |text: &str| HttpError::Protocol(text.to_owned());
    let too_large = HttpError::TooLarge("the headers of the response exceed 64 KiB".to_owned());
    let closed = "the server closed the connection before the end of the body";
    for (answer, error) in [
        (
            "220 mail ESMTP\n\n".to_owned(),
            protocol("the response is not valid HTTP"),
        ),
        (
            String::new(),
            protocol("the server closed the connection without a response"),
        ),
        (
            "HTTP/1.1 200 OK\ncontent-length: 9\n\nhalf".to_owned(),
            protocol(closed),
        ),
        (
            "HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2\n\nab".to_owned(),
            protocol("the response is not valid HTTP"),
        ),
        (
            format!("HTTP/1.1 200 OK\nx: {}\n\n", "x".repeat(100_000)),
            too_large,
        ),
        (
            "HTTP/1.1 103 Early\n\n".repeat(5000),
            HttpError::TooLarge("the headers of the response exceed 64 KiB".to_owned()),
        ),
    ] {
        assert_eq!(get(&answer).await.unwrap_err(), error, "{answer:.40}");
    }
}

/// Answers over HTTP/2 with the version and the authority of the request.
async fn answer_http2(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let answer = service_fn(|request: Request<hyper::body::Incoming>| async move {
        let uri = request.uri();
        let (authority, path) = (uri.authority().unwrap().as_str(), uri.path());
        let body = Full::new(Bytes::from(format!(
            "{:?} {authority} {path}",
            request.version()
        )));
        Ok::<_, Infallible>(HttpResponse::new(body))
    });
    let server = http2::Builder::new(TokioExecutor::new());
    server
        .serve_connection(TokioIo::new(stream), answer)
        .await
        .ok();
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_selects_it_or_it_is_known_to() {
    let server = Server::speaking(&[b"h2"], |stream| Box::pin(answer_http2(stream))).await;
    let url = server.url();
    let get = async |version, url: String| {
        let options = HttpOptions {
            version,
            ..HttpOptions::default()
        };
        fetch_with(&server.egress(server.trusted()), url, options).await
    };
    for version in [VersionOption::Auto, VersionOption::Http2] {
        let response = get(version, format!("{url}/x")).await.unwrap();
        assert_eq!(response.version, Version::Http2);
        let authority = url.strip_prefix("https://").unwrap();
        assert_eq!(text(&response), format!("HTTP/2.0 {authority} /x"));
        let handshake = response.exchange.handshake.unwrap();
        assert_eq!(handshake.alpn.as_deref(), Some("h2"));
    }
    let refused = get(VersionOption::Http1, url.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, HttpError::Tls(why) if why.contains("alert 120")),
        "{refused:?}"
    );

    let plain = serve(answer_http2).await;
    let egress = EgressBuilder::http(plain).open();
    let options = HttpOptions {
        version: VersionOption::Http2PriorKnowledge,
        ..HttpOptions::default()
    };
    let known = fetch_with(&egress, format!("http://{plain}/y"), options)
        .await
        .unwrap();
    assert_eq!(text(&known), format!("HTTP/2.0 {plain} /y"));
    let old = Server::with(|_| {}).await;
    let options = HttpOptions {
        version: VersionOption::Http2,
        ..HttpOptions::default()
    };
    let old = fetch_with(&old.egress(old.trusted()), old.url(), options)
        .await
        .unwrap_err();
    assert_eq!(
        old,
        HttpError::Tls("the server does not select HTTP/2".to_owned())
    );
}

#[tokio::test]
async fn what_is_required_of_a_certificate_can_be_chosen() {
    let server = Server::with(|_| {}).await;
    let get = async |roots: Vec<Root>, name: Option<&str>, verification| {
        let options = HttpOptions {
            verification,
            server_name: name.map(str::to_owned),
            ..HttpOptions::default()
        };
        fetch(&server.egress(roots), request(server.url(), options)).await
    };
    let whole = || Verification::ChainAndName;
    let trusted = get(server.trusted(), None, whole()).await.unwrap();
    let leaf = trusted.exchange.handshake.unwrap().chain[0].clone();

    let other = get(server.trusted(), Some("other.test"), whole())
        .await
        .unwrap_err();
    let text = "the certificate of other.test is not trusted: it is for another name";
    assert_eq!(other.error, HttpError::Tls(text.to_owned()));
    // The handshake is known all the same.
    let shown = other.exchange.handshake.unwrap();
    assert_eq!(shown.chain[0].sha256, leaf.sha256);
    assert_eq!(
        shown.verification_error.as_deref(),
        Some("it is for another name")
    );

    let chain = get(server.trusted(), Some("other.test"), Verification::Chain).await;
    assert_eq!(chain.unwrap().status, 200);
    assert!(get(Vec::new(), None, Verification::Chain).await.is_err());
    for pin in [leaf.sha256.to_uppercase(), leaf.public_key_sha256] {
        let pinned = get(
            Vec::new(),
            Some("other.test"),
            Verification::Pins(vec![pin]),
        )
        .await;
        assert_eq!(pinned.unwrap().status, 200);
    }
    let pins = Verification::Pins(vec!["0".repeat(64)]);
    let error = get(server.trusted(), None, pins).await.unwrap_err().error;
    assert!(
        matches!(&error, HttpError::Tls(why) if why.contains("it is not pinned") && why.contains(&leaf.sha256)),
        "{error:?}"
    );
    let none = get(Vec::new(), None, Verification::None).await.unwrap();
    let reason = none.exchange.handshake.unwrap().verification_error.unwrap();
    assert!(reason.starts_with("it is self-signed"), "{reason}");
}

#[tokio::test]
async fn a_request_can_name_another_server_or_family() {
    let server = echoing().await;
    let egress = EgressBuilder::granted("http", format!("http://web.test:{}", server.port()))
        .and("http", format!("http://{server}"))
        .resolves("web.test", &["::1", "127.0.0.1"])
        .and("http", format!("http://[::1]:{}", server.port()))
        .open();
    let named = HttpOptions {
        server_name: Some("shop.example".to_owned()),
        ..HttpOptions::default()
    };
    let named = fetch_with(&egress, format!("http://{server}/"), named)
        .await
        .unwrap();
    let expected = format!("host: shop.example:{}", server.port());
    assert!(text(&named).contains(&expected), "{named:?}");

    let url = format!("http://web.test:{}/", server.port());
    let of = async |family| {
        let options = HttpOptions {
            family,
            ..HttpOptions::default()
        };
        fetch_with(&egress, url.clone(), options).await
    };
    assert_eq!(of(Family::Ipv4).await.unwrap().status, 200);
    assert_eq!(of(Family::Ipv6).await.unwrap_err(), HttpError::Refused);
    let only = EgressBuilder::granted("http", "http://v4.test")
        .resolves("v4.test", &["127.0.0.1"])
        .and("http", "http://127.0.0.1")
        .open();
    let options = HttpOptions {
        family: Family::Ipv6,
        ..HttpOptions::default()
    };
    let none = fetch_with(&only, "http://v4.test", options)
        .await
        .unwrap_err();
    assert_eq!(
        none,
        HttpError::NotResolved("it has no IPv6 address".to_owned())
    );
}

#[tokio::test]
async fn a_timeout_names_its_phase() {
    let tarpit = serve(|mut stream| async move { while stream.read_u8().await.is_ok() {} }).await;
    let https = tarpit;
    let egress = EgressBuilder::granted("http", "http://slow.test")
        .and("http", format!("http://{tarpit}"))
        .and("http", format!("https://{https}"))
        .resolves("slow.test", &[])
        .open();
    for (url, phase) in [
        ("http://slow.test/".to_owned(), Phase::Resolve),
        (format!("http://{tarpit}/"), Phase::FirstByte),
        (format!("https://{https}/"), Phase::Tls),
    ] {
        let deadline = Instant::now() + Duration::from_millis(100);
        let failure = egress
            .fetch(request(url, HttpOptions::default()), deadline)
            .await;
        assert_eq!(failure.unwrap_err().error, HttpError::Timeout(phase));
    }
}

#[tokio::test]
async fn each_hop_takes_a_connection_of_the_budget() {
    let server = routing(|_, _| redirect_to("/next")).await;
    let egress = EgressBuilder {
        connections: 3,
        ..EgressBuilder::http(server)
    }
    .open();
    let looped = fetch_with(&egress, format!("http://{server}/"), following(20)).await;
    let expected = "the run has opened as many connections as its `limits.connections` allow";
    assert_eq!(
        looped.unwrap_err(),
        HttpError::Unreachable(expected.to_owned())
    );
}
