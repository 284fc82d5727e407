//! Handshakes after which is known what the server showed, trusted or not.
//!
//! What can be let pass is the judgement on the chain alone. That the server holds the key of the
//! certificate that it shows is proved in every handshake.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::paced::{Pace, Paced};
use super::words::{Trouble, doubt, trouble, unlike_tls, unprovable, untrusted};
use super::{Roots, server_name};
use crate::check::Text;
use crate::plugin::egress::Egress;
use crate::plugin::grants::Host;

/// A connection that speaks TLS.
pub(in crate::plugin) struct Shaken {
    /// The connection.
    pub(in crate::plugin) stream: TlsStream<Paced>,
    /// Its pace.
    pub(in crate::plugin) pace: Arc<Pace>,
    /// Why the server's chain is not trusted for the name; nothing where it is.
    pub(in crate::plugin) doubt: Option<String>,
}

/// Why a connection does not speak TLS. It is closed.
#[derive(Debug)]
pub(in crate::plugin) enum Unshaken {
    /// The handshake was not over in time.
    Timeout,
    /// The server closed the connection.
    Closed,
    /// The reason, for a person.
    Failed(String),
}

impl Egress {
    /// Shakes hands over a stream that [`Egress::dial`] gave, with what the run's check trusts.
    ///
    /// The server is told `host` unless that is an address, and its chain is judged for it. An
    /// untrusted chain ends the handshake where `insist` is set, and is a [`Shaken::doubt`] where
    /// not.
    pub(in crate::plugin) async fn shake_hands(
        &self,
        stream: TcpStream,
        host: &Host,
        insist: bool,
        until: Instant,
    ) -> Result<Shaken, Unshaken> {
        let shaking = self.0.roots.inspect(stream, host, insist);
        match timeout_at(until.into(), shaking).await {
            Ok(ended) => ended,
            Err(_) => Err(Unshaken::Timeout),
        }
    }
}

impl Roots {
    async fn inspect(
        &self,
        stream: TcpStream,
        host: &Host,
        insist: bool,
    ) -> Result<Shaken, Unshaken> {
        let name = server_name(host).map_err(|why| Unshaken::Failed(format!("{host}: {why}")))?;
        let client = self.client().await;
        let judge = Arc::new(Judge {
            roots: Arc::clone(&client.roots),
            algorithms: ring::default_provider().signature_verification_algorithms,
            insist,
            doubt: OnceLock::new(),
            unprovable: OnceLock::new(),
        });
        let mut config = ClientConfig::clone(&client.config);
        config.alpn_protocols.clear();
        config
            .dangerous()
            .set_certificate_verifier(Arc::clone(&judge) as Arc<dyn ServerCertVerifier>);
        let pace = Arc::new(Pace::default());
        let stream = Paced::new(stream, Arc::clone(&pace));
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let mut connecting = pin!(connecting);
        let shaken = poll_fn(|context| {
            pace.renew();
            Pin::as_mut(&mut connecting).poll(context)
        });
        let shaken = shaken.await;
        let doubt = judge.doubt.get().cloned();
        match (shaken, doubt) {
            (Ok(stream), doubt) => Ok(Shaken {
                stream,
                pace,
                doubt,
            }),
            (Err(_), Some(doubt)) if insist => Err(Unshaken::Failed(untrusted(host, &doubt))),
            (Err(error), _) => Err(match judge.unprovable.get() {
                Some(words) => Unshaken::Failed(words.clone()),
                None => unshaken(&error, pace.opening()),
            }),
        }
    }
}

fn unshaken(error: &io::Error, opening: &[u8]) -> Unshaken {
    match trouble(error) {
        Trouble::Failed(words) => Unshaken::Failed(unlike_tls(opening).unwrap_or(words)),
        Trouble::Closed => Unshaken::Closed,
    }
}

/// Judges the chain of one handshake, and keeps what it found.
#[derive(Debug)]
struct Judge {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    /// Whether an untrusted chain ends the handshake.
    insist: bool,
    doubt: OnceLock<String>,
    /// Why the server's key could not be proved, where the server did nothing wrong.
    unprovable: OnceLock<String>,
}

impl Judge {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        verify_server_name(&parsed, name)
    }

    /// Keeps why a proof failed that could not but fail.
    fn proved<T>(&self, proof: Result<T, Error>, leaf: &CertificateDer<'_>) -> Result<T, Error> {
        if proof.is_err()
            && let Some(words) = unprovable(leaf)
        {
            self.unprovable.set(words).ok();
        }
        proof
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Err(error) = self.judge(leaf, intermediates, name, now) else {
            return Ok(ServerCertVerified::assertion());
        };
        let words = match &error {
            Error::InvalidCertificate(reason) => doubt(reason, Some(leaf), self.roots.len()),
            other => Text::display(other, WORDS_BYTES).into(),
        };
        self.doubt.set(words).ok();
        if self.insist {
            Err(error)
        } else {
            Ok(ServerCertVerified::assertion())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = verify_tls12_signature(message, certificate, signature, &self.algorithms);
        self.proved(proof, certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = verify_tls13_signature(message, certificate, signature, &self.algorithms);
        self.proved(proof, certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// How much of what is wrong is told.
const WORDS_BYTES: usize = 512;
