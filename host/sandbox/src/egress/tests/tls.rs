//! TLS handshakes for guests and for the host.

use std::io::Write;
use std::pin::Pin;

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

/// A server with a certificate of its own making, and the file that says to trust it.
pub(super) struct Server {
    address: SocketAddr,
    root: tempfile::NamedTempFile,
}

/// What a server does with a connection after its handshake.
type Handler =
    fn(tokio_rustls::server::TlsStream<TcpStream>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

impl Server {
    pub(super) async fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::showing(1, change).await
    }

    /// One that selects one of these protocols, and does with a connection what `handler` does.
    pub(super) async fn speaking(alpn: &[&[u8]], handler: Handler) -> Self {
        Self::started(1, alpn, handler, |_| {}).await
    }

    /// One that shows its certificate so often.
    async fn showing(count: usize, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let handler: Handler =
            |mut stream| Box::pin(async move { reply(&mut stream, EMPTY_ANSWER).await });
        Self::started(count, &[], handler, change).await
    }

    async fn started(
        count: usize,
        alpn: &[&[u8]],
        handler: Handler,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = CertificateParams::new(vec!["web.test".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone(); count],
                    PrivateKeyDer::Pkcs8(key.serialize_der().into()),
                )
                .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let address = serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    handler(stream).await;
                }
            }
        })
        .await;
        let mut root = tempfile::NamedTempFile::new().unwrap();
        root.write_all(certificate.pem().as_bytes()).unwrap();
        Self { address, root }
    }

    pub(super) fn trusted(&self) -> Vec<Root> {
        vec![Root::File(self.root.path().to_owned())]
    }

    /// The server as `web.test`.
    pub(super) fn url(&self) -> String {
        format!("https://web.test:{}", self.address.port())
    }

    /// A way to the server.
    pub(super) fn egress(&self, roots: Vec<Root>) -> Egress {
        EgressBuilder {
            roots,
            ..EgressBuilder::granted("http", self.url())
        }
        .and("http", format!("https://{}", self.address))
        .resolves("web.test", &["127.0.0.1"])
        .open()
    }

    async fn get(&self, roots: Vec<Root>) -> Result<HttpReply, Error> {
        get(&self.egress(roots), &self.url()).await
    }
}

#[tokio::test]
async fn https_needs_a_trusted_certificate_and_explains_the_error() {
    let server = Server::with(|_| {}).await;
    assert_eq!(server.get(server.trusted()).await.unwrap().status, 200);
    let other = Server::with(|params| params.distinguished_name = DistinguishedName::new()).await;
    assert_eq!(
        error_of(server.get(other.trusted()).await),
        "InternalError(Some(\"the certificate of web.test is not trusted: its issuer is not among \
         the trusted roots\"))"
    );
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_recognised() {
    let error = async |server: SocketAddr, connect| {
        let egress = EgressBuilder::granted("http", format!("https://{server}")).open();
        let request = Request::get(format!("https://{server}/")).body("").unwrap();
        error_of(send(&egress, request, Some(timeouts(connect, 9_000, 9_000))).await)
    };
    let plain = serve(|mut stream| async move {
        stream.write_all(EMPTY_ANSWER.as_bytes()).await.ok();
        while stream.read_u8().await.is_ok() {}
    })
    .await;
    assert_eq!(error(plain, 9_000).await, "TlsProtocolError");

    let tarpit = serve(|mut stream| async move { while stream.read_u8().await.is_ok() {} }).await;
    let started = Instant::now();
    assert_eq!(error(tarpit, 100).await, "ConnectionTimeout");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_hosts_own_clients_hold_a_chain_to_the_same_bounds() {
    let connect = async |server: &Server, roots: &[Root]| {
        let config = vitals_io::trust::Roots::read(roots)
            .unwrap()
            .client_config();
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "web.test".try_into().unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        connecting
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let long = Server::showing(17, |_| {}).await;
    assert_eq!(
        connect(&long, &long.trusted()).await.unwrap_err(),
        "other error: the server's certificate is not trusted: its chain has 17 \
         certificates, the limit is 16"
    );
    let short = Server::showing(16, |_| {}).await;
    connect(&short, &short.trusted()).await.unwrap();
    let names = (0..1000).map(|number| format!("{number}.test"));
    let names = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
    let other = Server::with(|params| params.subject_alt_names = names.subject_alt_names).await;
    assert_eq!(
        connect(&other, &other.trusted()).await.unwrap_err(),
        "other error: the server's certificate is not trusted: it is for another name"
    );
}

#[tokio::test]
async fn certificates_are_examined_one_at_a_time_and_left_behind() {
    let egress = EgressBuilder::granted("http", "https://web.test").open();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let mut first = Box::pin(egress.run_with_certificates(move || held.recv().is_err()));
    assert!(futures_lite::future::poll_once(&mut first).await.is_none());
    let mut second = Box::pin(egress.run_with_certificates(|| 2));
    assert!(futures_lite::future::poll_once(&mut second).await.is_none());
    drop(go_on);
    assert!(first.await.unwrap());
    assert_eq!(second.await.unwrap(), 2);

    let (begun, begins) = tokio::sync::oneshot::channel();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let hangs = egress.run_with_certificates(move || {
        begun.send(()).unwrap();
        held.recv().is_err()
    });
    tokio::select! {
        _ = hangs => panic!("it does not hang"),
        begins = begins => begins.unwrap(),
    }
    assert_eq!(
        egress
            .run_with_certificates(|| 3)
            .await
            .unwrap_err()
            .to_string(),
        "busy: certificates from an earlier run of this check are still being verified"
    );
    drop(go_on);
    while egress.run_with_certificates(|| 4).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn roots_are_read_when_they_are_set_and_shared() {
    let network = Network::new(&[]).unwrap();
    let server = Server::with(|_| {}).await;
    let first = network.roots(Some(&server.trusted())).unwrap();
    let second = network.roots(Some(&server.trusted())).unwrap();
    assert!(first.ptr_eq(&second));
    assert!(!first.ptr_eq(&network.roots(None).unwrap()));

    let missing = Root::File("/nowhere/ca.pem".into());
    let error = network.roots(Some(&[missing])).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read the TLS roots in /nowhere/ca.pem: No such file or directory (os error 2)"
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = network
        .roots(Some(&[Root::File(empty.path().to_owned())]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot use the TLS roots in {}: it holds no certificate; it must hold certificates in \
             PEM form",
            empty.path().display()
        )
    );
}
