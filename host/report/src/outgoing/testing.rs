//! Servers and clients for tests of outgoing connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::serve::Listener;
use rcgen::{CertifiedKey, KeyPair};
use reqwest::Client;
use reqwest::dns::{Name, Resolve, Resolving};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A resolver that panics for the first name, and returns 127.0.0.1 from then on.
#[derive(Default)]
pub(crate) struct PanicsFirst(AtomicBool);

impl PanicsFirst {
    /// Returns a client that uses this resolver.
    pub(crate) fn client() -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "it takes no proxy from the environment"
        )]
        let client = Client::builder().tls_certs_only([]).no_proxy();
        let client = client.dns_resolver(Arc::new(Self::default()));
        client.build().expect("a client")
    }
}

impl Resolve for PanicsFirst {
    fn resolve(&self, _: Name) -> Resolving {
        assert!(self.0.swap(true, Ordering::Relaxed), "on purpose");
        let found = std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0)));
        Box::pin(async { Ok(Box::new(found) as _) })
    }
}

/// Starts a server that answers everything with 200. Returns its port.
pub(crate) async fn takes_everything() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let router = Router::new().fallback(|| async {});
    tokio::spawn(async { axum::serve(listener, router).await });
    port
}

/// Starts a server of HTTPS on `localhost`, with this certificate. Returns its address.
pub(crate) async fn serve_over_tls(router: Router, key: &CertifiedKey<KeyPair>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            key.signing_key.serialize_der().try_into().unwrap(),
        );
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = OverTls {
        listener,
        acceptor: Arc::new(server.unwrap()).into(),
    };
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

struct OverTls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for OverTls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, client) = self.listener.accept().await.unwrap();
            // A client that does not trust the certificate hangs up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, client);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Waits until a condition holds, for at most 30 seconds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
