//! Requests by a proxy: by the method CONNECT, and by SOCKS 5.

use tokio::io::copy_bidirectional;
use vitals_model::ProxyScheme;

use super::*;
use crate::clients::{ClientOptions, ClientSettings, Proxy};
use crate::contract::{HttpError, HttpOptions, HttpRequest, Phase, Response};

/// A proxy that connects to `upstream`, wherever it is asked to, and keeps what it was asked for.
struct ProxyServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ProxyServer {
    async fn start(scheme: ProxyScheme, upstream: SocketAddr) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let keep = Arc::clone(&asked);
        let address = serve(move |mut client| {
            let keep = Arc::clone(&keep);
            async move {
                let target = match scheme {
                    ProxyScheme::Http => head(&mut client).await,
                    ProxyScheme::Socks5 => socks5_request(&mut client).await,
                };
                keep.lock().push(target);
                let granted: &[u8] = match scheme {
                    ProxyScheme::Http => b"HTTP/1.1 200 Connection established\r\n\r\n",
                    ProxyScheme::Socks5 => &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
                };
                client.write_all(granted).await.unwrap();
                let mut server = TcpStream::connect(upstream).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await.ok();
            }
        })
        .await;
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

/// Lets `user` with `pa55word` in, and returns the target of the request.
async fn socks5_request(client: &mut TcpStream) -> String {
    let mut methods = [0; 2];
    client.read_exact(&mut methods).await.unwrap();
    let mut offered = vec![0; methods[1].into()];
    client.read_exact(&mut offered).await.unwrap();
    let method = offered.iter().copied().max().unwrap();
    client.write_all(&[5, method]).await.unwrap();
    let mut login = String::from("nobody");
    if method == 2 {
        assert_eq!(client.read_u8().await.unwrap(), 1);
        let user = short_text(client).await;
        let password = short_text(client).await;
        let is_wrong = u8::from((user.as_str(), password.as_str()) != ("user", "pa55word"));
        client.write_all(&[1, is_wrong]).await.unwrap();
        login = user;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.unwrap();
    assert_eq!(request[..3], [5, 1, 0]);
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await.unwrap();
            Ipv4Addr::from(address).to_string()
        }
        3 => short_text(client).await,
        other => panic!("an address of type {other}"),
    };
    let port = client.read_u16().await.unwrap();
    format!("{login} {host}:{port}")
}

async fn short_text(client: &mut TcpStream) -> String {
    let length = client.read_u8().await.unwrap();
    let mut text = vec![0; length.into()];
    client.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

fn url_of(scheme: ProxyScheme, address: impl std::fmt::Display) -> String {
    match scheme {
        ProxyScheme::Http => format!("http://{address}"),
        ProxyScheme::Socks5 => format!("socks5://{address}"),
    }
}

fn use_proxy(egress: &Egress, url: &str, credentials: Option<(&str, &str)>) {
    let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
    let proxy = Proxy {
        url: url.parse().unwrap(),
        credentials,
    };
    let proxies = [("corp".to_owned(), proxy)];
    let clients = ClientSettings::read(ClientOptions {
        proxies: proxies.into(),
        ..ClientOptions::default()
    });
    egress.0.network.set_clients(clients.unwrap());
}

async fn fetch(egress: &Egress, url: &str, redirects: u8) -> Result<Response, HttpError> {
    fetch_within(egress, url, redirects, Duration::from_secs(10)).await
}

async fn fetch_within(
    egress: &Egress,
    url: &str,
    redirects: u8,
    time: Duration,
) -> Result<Response, HttpError> {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        options: HttpOptions {
            proxy: Some("corp".to_owned()),
            redirects,
            ..HttpOptions::default()
        },
        ..HttpRequest::default()
    };
    let fetched = egress.fetch(request, Instant::now() + time).await;
    fetched.map_err(|failure| failure.error)
}

/// What a request says that a proxy is in the way of.
async fn error_by(proxy: SocketAddr, scheme: ProxyScheme) -> String {
    let egress = EgressBuilder::granted("proxies", "corp")
        .and("http", "http://web.test")
        .open();
    use_proxy(&egress, &url_of(scheme, proxy), Some(("user", "pa55word")));
    match fetch(&egress, "http://web.test/", 0).await {
        Err(HttpError::Unreachable(text)) => {
            let text = text.strip_prefix("the proxy `corp` ").unwrap();
            assert!(!text.contains("pa55word"), "{text}");
            text.to_owned()
        }
        other => panic!("{other:?}"),
    }
}

const SCHEMES: [ProxyScheme; 2] = [ProxyScheme::Http, ProxyScheme::Socks5];

#[tokio::test]
async fn a_name_is_resolved_by_the_proxy_and_redirects_take_it_too() {
    for scheme in SCHEMES {
        let to_itself = serve(|mut stream| async move {
            if head(&mut stream).await.starts_with("GET /first ") {
                let moved = b"HTTP/1.1 302 Found\r\nlocation: /last\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(moved).await.unwrap();
            } else {
                let last = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";
                stream.write_all(last).await.unwrap();
            }
        })
        .await;
        let proxy = ProxyServer::start(scheme, to_itself).await;
        let egress = EgressBuilder::granted("proxies", "corp")
            .and("http", "http://web.test:8080")
            .resolves("proxy.test", &["127.0.0.1"])
            .open();
        let address = format!("proxy.test:{}", proxy.address.port());
        use_proxy(
            &egress,
            &url_of(scheme, address),
            Some(("user", "pa55word")),
        );
        let response = fetch(&egress, "http://web.test:8080/first", 1)
            .await
            .unwrap();
        assert_eq!((response.status, &response.body[..]), (200, &b"fine"[..]));
        assert_eq!(
            response.exchange.remote_address,
            Some(proxy.address.to_string())
        );
        assert_eq!(
            egress.0.network.lookups(),
            2,
            "those of the proxy's own name"
        );
        let asked = match scheme {
            ProxyScheme::Http => {
                "CONNECT web.test:8080 HTTP/1.1\r\nhost: web.test:8080\r\n\
                 proxy-authorization: Basic dXNlcjpwYTU1d29yZA==\r\n\r\n"
            }
            ProxyScheme::Socks5 => "user web.test:8080",
        };
        assert_eq!(proxy.asked(), [asked, asked]);
    }
}

#[tokio::test]
async fn https_goes_through_a_proxy_to_the_server_itself() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["web.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            reply(&mut stream, EMPTY_ANSWER).await;
        }
    })
    .await;
    let root = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(root.path(), certificate.pem()).unwrap();
    for scheme in SCHEMES {
        let proxy = ProxyServer::start(scheme, server).await;
        let egress = EgressBuilder {
            roots: vec![Root::File(root.path().to_owned())],
            ..EgressBuilder::granted("proxies", "corp")
        }
        .and("http", "https://web.test")
        .open();
        use_proxy(&egress, &url_of(scheme, proxy.address), None);
        let response = fetch(&egress, "https://web.test/", 0).await.unwrap();
        assert_eq!(response.status, 200);
        assert!(response.exchange.handshake.is_some());
        let asked = match scheme {
            ProxyScheme::Http => "CONNECT web.test:443 HTTP/1.1\r\nhost: web.test:443\r\n\r\n",
            ProxyScheme::Socks5 => "nobody web.test:443",
        };
        assert_eq!(proxy.asked(), [asked]);
    }
}

#[tokio::test]
async fn proxies_and_servers_need_grants_and_connections_are_counted() {
    let server = answering(EMPTY_ANSWER).await;
    let proxy = ProxyServer::start(ProxyScheme::Http, server).await;
    let url = url_of(ProxyScheme::Http, proxy.address);
    let builder = || EgressBuilder::granted("proxies", "corp").and("http", "http://10.0.0.1");
    let denied = async |egress: Egress, target: &str| {
        use_proxy(&egress, &url, None);
        match fetch(&egress, target, 0).await {
            Err(HttpError::Denied(text)) => {
                assert_eq!(egress.refused(), [text.as_str()]);
                text
            }
            other => panic!("{other:?}"),
        }
    };
    let no_proxy = EgressBuilder::granted("http", "http://10.0.0.1");
    assert_eq!(
        denied(no_proxy.open(), "http://10.0.0.1/").await,
        "denied: proxy corp (add it to `allow.proxies` of check `orders-db`)"
    );
    for (target, entry) in [
        ("http://web.test/", "http://web.test"),
        ("http://10.0.0.2/", "http://10.0.0.2"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
    ] {
        assert_eq!(
            denied(builder().open(), target).await,
            format!("denied: http {entry} (add it to `allow.http` of check `orders-db`)")
        );
    }
    assert!(proxy.asked().is_empty());

    let egress = EgressBuilder {
        connections: 1,
        ..builder()
    }
    .open();
    use_proxy(&egress, &url, None);
    fetch(&egress, "http://10.0.0.1/", 0).await.unwrap();
    assert_eq!(proxy.asked().len(), 1);
    let error = fetch(&egress, "http://10.0.0.1/", 0).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Unreachable(why) if why.contains("`limits.connections`")),
        "{error:?}"
    );
    egress.0.network.set_clients(ClientSettings::default());
    let error = fetch(&egress, "http://10.0.0.1/", 0).await.unwrap_err();
    let why = "the configuration has no `[proxies.corp]` any more";
    assert_eq!(error, HttpError::InvalidRequest(why.to_owned()));
}

#[tokio::test]
async fn a_proxy_that_does_not_connect_is_explained() {
    let http = async |answer: &str| error_by(answering(answer).await, ProxyScheme::Http).await;
    for (answer, explained) in [
        (
            "HTTP/1.1 407 pa55word\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
            "refused the connection: 407 Proxy Authentication Required",
        ),
        (
            "HTTP/1.0 502 x\r\n\r\n",
            "refused the connection: 502 Bad Gateway",
        ),
        (
            "HTTP/1.1 204 x\r\n\r\n",
            "refused the connection: 204 No Content",
        ),
        (
            "HTTP/1.1 299 x\r\n\r\n",
            "refused the connection: 299 <unknown status code>",
        ),
        ("SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        ("", "closed the connection"),
        ("HTTP/1.1 200 OK\r\n", "closed the connection"),
        (
            "HTTP/1.1 200 OK\r\n\r\n220 mail",
            "sent more than it should before the connection was made",
        ),
    ] {
        assert_eq!(http(answer).await, explained, "{answer}");
    }
    let endless = serve(|mut stream| async move {
        head(&mut stream).await;
        while stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .is_ok()
        {}
    });
    assert_eq!(
        error_by(endless.await, ProxyScheme::Http).await,
        "sent more than it should before the connection was made"
    );

    let socks = async |answer: &'static [u8]| {
        let server = serve(move |mut stream| async move {
            // Greeting, then login, then request, each answered by a part.
            for part in answer.split(|byte| *byte == b'|') {
                let _ = stream.read(&mut [0; 512]).await.unwrap();
                stream.write_all(part).await.ok();
            }
            // Closing with unread bytes would take the answer back.
            stream.shutdown().await.ok();
            while stream
                .read(&mut [0; 512])
                .await
                .is_ok_and(|count| count > 0)
            {}
        });
        error_by(server.await, ProxyScheme::Socks5).await
    };
    for (answer, explained) in [
        (
            &b"\x05\xff"[..],
            "refused the connection: it accepts none of the ways to log in; set `user` and \
             `password`, or remove them",
        ),
        (
            b"\x05\x02|\x01\x01",
            "refused the connection: it does not accept the user and the password",
        ),
        (
            b"\x05\x00|\x05\x02\x00\x01\0\0\0\0\0\0",
            "refused the connection: its rules do not allow it",
        ),
        (
            b"\x05\x00|\x05\x05\x00\x01\0\0\0\0\0\0",
            "cannot connect to the server: connection refused",
        ),
        (
            b"\x05\x00|\x05\x63\x00\x01\0\0\0\0\0\0",
            "does not speak SOCKS 5",
        ),
        (
            b"\x05\x00|\x05\x00\x00\x09\0\0\0\0\0\0",
            "does not speak SOCKS 5",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "does not speak SOCKS 5",
        ),
        (b"\x05", "closed the connection"),
        (b"\x05\x00|\x05\x00\x00\x03\xff", "closed the connection"),
    ] {
        assert_eq!(socks(answer).await, explained, "{answer:?}");
    }

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    assert_eq!(
        error_by(address, ProxyScheme::Http).await,
        "cannot be reached: connection refused"
    );
}

#[tokio::test]
async fn a_proxy_has_until_the_deadline() {
    for scheme in SCHEMES {
        for drips in [false, true] {
            let silent = serve(move |mut stream| async move {
                let part: &[u8] = match scheme {
                    _ if !drips => b"",
                    ProxyScheme::Http => b"HTTP/1.1 200",
                    ProxyScheme::Socks5 => b"\x05",
                };
                stream.write_all(part).await.ok();
                while stream.read_u8().await.is_ok() {}
            })
            .await;
            let egress = EgressBuilder::granted("proxies", "corp")
                .and("http", "http://web.test")
                .open();
            use_proxy(&egress, &url_of(scheme, silent), None);
            let started = Instant::now();
            let time = Duration::from_millis(100);
            let error = fetch_within(&egress, "http://web.test/", 0, time).await;
            assert_eq!(error.unwrap_err(), HttpError::Timeout(Phase::Connect));
            assert!(started.elapsed() < Duration::from_secs(5));
        }
    }
    // A look-up that is never answered.
    let egress = EgressBuilder::granted("proxies", "corp")
        .and("http", "http://web.test")
        .resolves("proxy.test", &[])
        .open();
    use_proxy(&egress, "http://proxy.test:3128", None);
    let time = Duration::from_millis(100);
    let error = fetch_within(&egress, "http://web.test/", 0, time).await;
    assert_eq!(error.unwrap_err(), HttpError::Timeout(Phase::Resolve));
}
