//! TLS handshakes for guests in two steps: the handshake with the server, and then the verification
//! of its chain on threads that may be lost.
//!
//! No data passes in either direction before the second step. Its verdict is the caller's to act
//! on, before any data passes.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::Error;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::messages::{ConnectionError, connection_error, not_tls_message, untrusted_message};
use crate::contract::{Certificate, Handshake, Verification};
use crate::egress::Egress;
use crate::egress::budgeted::BudgetedStream;
use crate::egress::identity::IdentityGuard;
use crate::grants::Host;
use crate::net::describe_certificate;
use vitals_io::trust::{
    self, Identity, TrustStore, Verifier, protocol_error, verification_error, weak_key_error,
};

/// An established TLS connection. Nothing may be sent or read before
/// [`verification_error`](Self::verification_error) was looked at.
#[derive(Debug)]
pub(crate) struct TlsSession {
    pub(crate) stream: TlsStream<BudgetedStream<TcpStream>>,
    /// The described chain, if that was asked for.
    chain: Vec<Certificate>,
    /// Why the chain is not as required; `None` if it is.
    pub(crate) verification_error: Option<String>,
}

impl TlsSession {
    /// What a guest sees of it.
    pub(crate) fn describe(&self) -> Handshake {
        let session = self.stream.get_ref().1;
        Handshake {
            chain: self.chain.clone(),
            protocol: protocol(session).to_owned(),
            cipher: cipher(session),
            alpn: session
                .alpn_protocol()
                .map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            verification_error: self.verification_error.clone(),
        }
    }
}

/// What a handshake offers and requires.
#[derive(Debug)]
pub(crate) struct HandshakeOptions {
    /// The protocols that are offered by ALPN, the preferred one first.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// With [`Verification::None`], what [`Verification::ChainAndName`] would find.
    pub(crate) verification: Verification,
    /// Whether the chain is described.
    pub(crate) describes_chain: bool,
    /// What a server may see that asks for a client certificate.
    pub(crate) identity: Option<Identity>,
}

impl Egress {
    /// Makes a TLS handshake with the roots of the run's check.
    ///
    /// The server is sent `host` unless it is an address, and its certificate must be valid for it.
    pub(crate) async fn tls_handshake(
        &self,
        stream: TcpStream,
        host: &Host,
        options: HandshakeOptions,
        deadline: Instant,
    ) -> Result<TlsSession, ConnectionError> {
        let handshake = self.tls_handshake_untimed(stream, host, options);
        match timeout_at(deadline.into(), handshake).await {
            Ok(ended) => ended,
            Err(_) => Err(ConnectionError::Timeout),
        }
    }

    async fn tls_handshake_untimed(
        &self,
        stream: TcpStream,
        host: &Host,
        options: HandshakeOptions,
    ) -> Result<TlsSession, ConnectionError> {
        let name =
            server_name(host).map_err(|why| ConnectionError::Failed(format!("{host}: {why}")))?;
        let client = self.0.roots.client().await;
        let verifier = Arc::new(Verifier::new(None));
        let mut config = ClientConfig::clone(&client.config);
        config.alpn_protocols = options.alpn;
        // An identity is sent within the handshake, so its guard verifies the chain there.
        let guard = options.identity.clone().map(|identity| {
            let (name, store) = (name.clone(), Arc::clone(&client.store));
            let verification = options.verification.clone();
            let judge = move |chain: &[CertificateDer<'_>]| match &verification {
                Verification::None => None,
                required => verify_chain(chain, &name, &store, required, chain.first()),
            };
            Arc::new(IdentityGuard::new(identity, Arc::clone(&verifier), judge))
        });
        match &guard {
            Some(guard) => {
                config.client_auth_cert_resolver = Arc::clone(guard) as _;
                config
                    .dangerous()
                    .set_certificate_verifier(Arc::clone(guard) as _);
            }
            None => config
                .dangerous()
                .set_certificate_verifier(Arc::clone(&verifier) as _),
        }

        let stream = BudgetedStream::new(stream);
        let connecting = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream);
        let stream = match connecting.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                if let Some(reason) = guard.as_ref().and_then(|guard| guard.refusal()) {
                    return Err(ConnectionError::Failed(untrusted_message(host, reason)));
                }
                return Err(match verifier.failed_proof() {
                    Some(leaf) => self.proof_error(error, leaf).await,
                    None => handshake_error(error, stream.first_bytes()),
                });
            }
        };
        let (transport, session) = stream.get_ref();
        acknowledge_at_once(transport.get_ref());
        let chain = session.peer_certificates().unwrap_or_default().to_vec();
        let store = Arc::clone(&client.store);
        let HandshakeOptions {
            verification,
            describes_chain,
            ..
        } = options;
        let judged = self.run_with_certificates(move || {
            let leaf = chain.first().filter(|_| describes_chain);
            let verification_error = verify_chain(&chain, &name, &store, &verification, leaf);
            let described = chain.iter().filter(|_| describes_chain);
            (
                described.map(describe_certificate).collect(),
                verification_error,
            )
        });
        let (chain, verification_error) = judged.await?;
        Ok(TlsSession {
            stream,
            chain,
            verification_error,
        })
    }

    /// Why the server failed to prove that it holds the key of `leaf`.
    async fn proof_error(
        &self,
        error: io::Error,
        leaf: CertificateDer<'static>,
    ) -> ConnectionError {
        match self
            .run_with_certificates(move || weak_key_error(&leaf))
            .await
        {
            Ok(Some(text)) => ConnectionError::Failed(text),
            Ok(None) => handshake_error(error, &[]),
            Err(error) => error.into(),
        }
    }
}

/// Acknowledges the session tickets that a server sends next without delay. A server that gathers
/// small segments waits for that with its first reply (RFC 9293, section 3.7.4), 40 ms in Linux.
fn acknowledge_at_once(stream: &TcpStream) {
    // It is only about speed.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// The name that the certificate must be valid for. It is sent to the server unless it is an
/// address.
fn server_name(host: &Host) -> Result<ServerName<'static>, &'static str> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|_| "no certificate can be valid for this name"),
    }
}

/// Returns why a chain is not as required. `shown_leaf` is its first certificate if the guest sees
/// it too, so that the text can refer to it.
fn verify_chain(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    store: &TrustStore,
    verification: &Verification,
    shown_leaf: Option<&CertificateDer<'_>>,
) -> Option<String> {
    let name = match verification {
        Verification::Pins(pins) => return pin_error(chain.first()?, pins),
        Verification::Chain => None,
        Verification::ChainAndName | Verification::None => Some(name),
    };
    let verified = match chain {
        [] => Err(Error::NoCertificatesPresented),
        [leaf, rest @ ..] => trust::verify(leaf, rest, name, store, UnixTime::now()),
    };
    match verified {
        Ok(()) => None,
        Err(Error::InvalidCertificate(reason)) => {
            Some(verification_error(&reason, shown_leaf, store.len()))
        }
        Err(other) => Some(protocol_error(&other)),
    }
}

/// Why a certificate is none of the pinned ones.
fn pin_error(leaf: &CertificateDer<'_>, pins: &[String]) -> Option<String> {
    let digest = hex::encode(Sha256::digest(leaf));
    let key = X509Certificate::from_der(leaf);
    let key = key.map(|(_, leaf)| hex::encode(Sha256::digest(leaf.public_key().raw)));
    let is_pinned = |digest: &str| pins.iter().any(|pin| pin.eq_ignore_ascii_case(digest));
    match key {
        _ if is_pinned(&digest) => None,
        Ok(key) if is_pinned(&key) => None,
        Ok(key) => Some(format!(
            "it is not pinned: its SHA-256 digest is {digest}, that of its public key {key}"
        )),
        Err(_) => Some(format!("it is not pinned: its SHA-256 digest is {digest}")),
    }
}

/// Whether a chain for `web.test` exceeds its bounds, and why it is not trusted if `root` is: for
/// the fuzz target.
pub(crate) fn verify(
    chain: &[CertificateDer<'_>],
    root: CertificateDer<'_>,
) -> (bool, Option<String>) {
    let store = TrustStore::of(vec![root.into_owned()]);
    let name = ServerName::try_from("web.test").expect("it is a name");
    let refused = chain
        .split_first()
        .map(|(leaf, rest)| trust::check_size(leaf, rest));
    let verification = Verification::ChainAndName;
    (
        !matches!(refused, Some(Ok(()))),
        verify_chain(chain, &name, &store, &verification, chain.first()),
    )
}

fn handshake_error(error: io::Error, first_bytes: &[u8]) -> ConnectionError {
    match connection_error(&error) {
        ConnectionError::Failed(text) => {
            let text = not_tls_message(first_bytes).unwrap_or(text);
            match error.downcast() {
                Ok(error) => ConnectionError::Protocol(error, text),
                Err(_) => ConnectionError::Failed(text),
            }
        }
        closed => closed,
    }
}

fn protocol(session: &ClientConnection) -> &'static str {
    match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    }
}

fn cipher(session: &ClientConnection) -> String {
    let suite = session.negotiated_cipher_suite();
    let name = suite.and_then(|suite| suite.suite().as_str());
    // The names of IANA's registry begin with `TLS_` for the suites of TLS 1.3 too.
    name.unwrap_or_default().replacen("TLS13_", "TLS_", 1)
}
