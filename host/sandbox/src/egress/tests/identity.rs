//! Client certificates, towards servers that ask for them.

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clients::{ClientOptions, ClientSettings, IdentityFiles};
use crate::contract::{HttpError, HttpOptions, HttpRequest, Response, Verification};

/// A certificate that signs itself, and the file that holds it with its key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    file: tempfile::NamedTempFile,
}

impl Pair {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let both = certificate.pem() + &key.serialize_pem();
        std::fs::write(file.path(), both).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key,
            file,
        }
    }

    fn identity(&self) -> IdentityFiles {
        IdentityFiles {
            certificate: self.file.path().to_owned(),
            key: self.file.path().to_owned(),
        }
    }
}

/// How much a server insists on a certificate.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    ForAny,
    InVain,
}

/// The certificate that a client showed in a handshake, or why the handshake failed.
type Seen = Result<Option<CertificateDer<'static>>, String>;

/// A server that asks for the certificate of `client`, and keeps what it saw in each connection.
struct Server {
    address: SocketAddr,
    own: Pair,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(
        client: &Pair,
        asks: Asks,
        tls: &'static SupportedProtocolVersion,
        answer: String,
    ) -> Self {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(client.certificate.clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        let verifier = match asks {
            Asks::ForAny => verifier,
            Asks::InVain => verifier.allow_unauthenticated(),
        };
        let own = Pair::new("web.test");
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[tls])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![own.certificate.clone()],
                PrivateKeyDer::Pkcs8(own.key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let keep = Arc::clone(&seen);
        let address = serve(move |stream| {
            let (acceptor, keep, answer) = (acceptor.clone(), Arc::clone(&keep), answer.clone());
            async move {
                match acceptor.accept(stream).into_fallible().await {
                    Ok(mut stream) => {
                        let shown = stream.get_ref().1.peer_certificates();
                        keep.lock().push(Ok(shown.map(|chain| chain[0].clone())));
                        reply(&mut stream, &answer).await;
                    }
                    Err((error, mut stream)) => {
                        keep.lock().push(Err(error.to_string()));
                        // Closing with unread bytes would take the alert back.
                        let mut rest = Vec::new();
                        stream.read_to_end(&mut rest).await.ok();
                    }
                }
            }
        })
        .await;
        Self { address, own, seen }
    }

    fn url(&self) -> String {
        format!("https://web.test:{}", self.address.port())
    }

    fn trusted(&self) -> Root {
        Root::File(self.own.file.path().to_owned())
    }

    /// Whether each of the first connections showed the certificate of `client`.
    async fn saw<const COUNT: usize>(&self, client: &Pair) -> [bool; COUNT] {
        while self.seen.lock().len() < COUNT {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let seen = self.seen.lock();
        std::array::from_fn(|at| match &seen[at] {
            Ok(shown) => shown.as_ref() == Some(&client.certificate),
            Err(_) => false,
        })
    }
}

/// A check that may request `servers` and show the identity `client`, which is `pair`.
fn egress(servers: &[&Server], pair: &Pair, roots: Vec<Root>, is_granted: bool) -> Egress {
    let (key, name) = if is_granted {
        ("identities", "client")
    } else {
        ("env", "TZ")
    };
    let mut builder = EgressBuilder {
        roots,
        ..EgressBuilder::granted(key, name)
    }
    .resolves("web.test", &["127.0.0.1"]);
    for server in servers {
        let address = format!("https://127.0.0.1:{}", server.address.port());
        builder = builder.and("http", server.url()).and("http", address);
    }
    let egress = builder.open();
    let identities = [("client".to_owned(), pair.identity())];
    let clients = ClientSettings::read(ClientOptions {
        identities: identities.into(),
        ..ClientOptions::default()
    });
    egress.0.network.set_clients(clients.unwrap());
    egress
}

async fn fetch(egress: &Egress, url: &str, options: HttpOptions) -> Result<Response, HttpError> {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        options,
        ..HttpRequest::default()
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    let fetched = egress.fetch(request, deadline).await;
    fetched.map_err(|failure| failure.error)
}

fn named() -> HttpOptions {
    HttpOptions {
        client_certificate: Some("client".to_owned()),
        ..HttpOptions::default()
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[tokio::test]
async fn a_server_that_asks_sees_the_identity() {
    let client = Pair::new("client.test");
    for tls in VERSIONS {
        for asks in [Asks::ForAny, Asks::InVain] {
            let server = Server::start(&client, asks, tls, EMPTY_ANSWER.to_owned()).await;
            let egress = egress(&[&server], &client, vec![server.trusted()], true);
            let response = fetch(&egress, &server.url(), named()).await.unwrap();
            assert_eq!((response.status, server.saw(&client).await), (200, [true]));
            let handshake = response.exchange.handshake.unwrap();
            assert_eq!(
                (handshake.verification_error, handshake.chain.len()),
                (None, 1)
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_requires_a_certificate_refuses_others() {
    let (client, other) = (Pair::new("client.test"), Pair::new("other.test"));
    for tls in VERSIONS {
        let server = Server::start(&client, Asks::ForAny, tls, EMPTY_ANSWER.to_owned()).await;
        let egress = egress(&[&server], &other, vec![server.trusted()], true);
        let error = fetch(&egress, &server.url(), HttpOptions::default()).await;
        let Err(HttpError::Tls(why)) = error else {
            panic!("{error:?}");
        };
        let define = "it requires a client certificate: define one in `[tls.identities]`, and name \
                      it in the check's settings";
        assert!(why.ends_with(define), "{why}");
        let error = fetch(&egress, &server.url(), named()).await;
        let Err(HttpError::Tls(why)) = error else {
            panic!("{error:?}");
        };
        assert!(
            why.ends_with("it does not accept the client certificate"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_does_not_see_the_identity() {
    let client = Pair::new("client.test");
    for tls in VERSIONS {
        let server = Server::start(&client, Asks::InVain, tls, EMPTY_ANSWER.to_owned()).await;
        let egress = egress(&[&server], &client, vec![], true);
        let error = fetch(&egress, &server.url(), named()).await.unwrap_err();
        let why = "the certificate of web.test is not trusted: it is self-signed, and not among the \
                   trusted roots; the host has no trusted roots";
        assert_eq!(error, HttpError::Tls(why.to_owned()));
        let pins = HttpOptions {
            verification: Verification::Pins(vec!["00".repeat(32)]),
            ..named()
        };
        let error = fetch(&egress, &server.url(), pins).await.unwrap_err();
        assert!(
            matches!(&error, HttpError::Tls(why) if why.contains("it is not pinned")),
            "{error:?}"
        );
        assert_eq!(server.saw(&client).await, [false, false]);
        // Nothing is required of the server.
        let anything = HttpOptions {
            verification: Verification::None,
            ..named()
        };
        fetch(&egress, &server.url(), anything).await.unwrap();
        assert_eq!(server.saw(&client).await, [false, false, true]);
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_drops_the_identity() {
    let client = Pair::new("client.test");
    let empty = EMPTY_ANSWER.to_owned();
    let last = Server::start(&client, Asks::InVain, &version::TLS13, empty).await;
    let to_last = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
        last.url()
    );
    let first = Server::start(&client, Asks::ForAny, &version::TLS13, to_last).await;
    let roots = vec![first.trusted(), last.trusted()];
    let egress = egress(&[&first, &last], &client, roots, true);
    let options = HttpOptions {
        redirects: 1,
        ..named()
    };
    let response = fetch(&egress, &first.url(), options).await.unwrap();
    assert_eq!((response.status, response.redirects), (200, 1));
    let saw = (first.saw(&client).await, last.saw(&client).await);
    assert_eq!(saw, ([true], [false]));
}

#[tokio::test]
async fn an_identity_needs_a_grant_and_https() {
    let client = Pair::new("client.test");
    let empty = EMPTY_ANSWER.to_owned();
    let server = Server::start(&client, Asks::InVain, &version::TLS13, empty).await;
    let without = egress(&[&server], &client, vec![server.trusted()], false);
    let denied = "denied: identity client (add it to `allow.identities` of check `orders-db`)";
    let error = fetch(&without, &server.url(), named()).await.unwrap_err();
    assert_eq!(error, HttpError::Denied(denied.to_owned()));
    assert_eq!(without.refused(), [denied]);
    assert_eq!(without.denied(), [("identity", 1)]);
    let egress = egress(&[&server], &client, vec![server.trusted()], true);
    let other = HttpOptions {
        client_certificate: Some("other".to_owned()),
        ..HttpOptions::default()
    };
    let error = fetch(&egress, &server.url(), other).await.unwrap_err();
    assert!(matches!(error, HttpError::Denied(_)), "{error:?}");
    let error = fetch(&egress, "http://web.test/", named())
        .await
        .unwrap_err();
    let why = "a client certificate is only possible with `https`";
    assert_eq!(error, HttpError::InvalidRequest(why.to_owned()));
    egress.0.network.set_clients(ClientSettings::default());
    let error = fetch(&egress, &server.url(), named()).await.unwrap_err();
    let why = "the configuration has no `[tls.identities.client]` any more";
    assert_eq!(error, HttpError::InvalidRequest(why.to_owned()));
    assert!(server.seen.lock().is_empty(), "nothing connected");
}
