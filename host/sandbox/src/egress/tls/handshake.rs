//! TLS handshakes for guests in two steps: the handshake with the server, and then the verification
//! of its chain on threads that may be lost.
//!
//! No data passes in either direction before the second step. Only the verdict on the chain can be
//! waived, by `verify = false`.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{Error, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::messages::{ConnectionError, connection_error, not_tls_message, untrusted_message};
use crate::egress::Egress;
use crate::egress::budgeted::BudgetedStream;
use crate::grants::Host;
use vitals_io::trust::{self, Verifier, protocol_error, verification_error, weak_key_error};

/// An established TLS connection.
#[derive(Debug)]
pub(crate) struct TlsSession {
    pub(crate) stream: TlsStream<BudgetedStream<TcpStream>>,
    /// Why the chain is not trusted for the name; `None` if it is.
    pub(crate) verification_error: Option<String>,
}

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// HTTP/1.1 with a trusted server.
    Https,
    /// A protocol of the guest. An untrusted chain ends the handshake or sets
    /// [`TlsSession::verification_error`].
    Guest {
        /// Whether an untrusted chain ends the handshake.
        verify: bool,
    },
}

impl Egress {
    /// Makes a TLS handshake with the roots of the run's check.
    ///
    /// The server is sent `host` unless it is an address, and its certificate must be valid for it.
    pub(crate) async fn tls_handshake(
        &self,
        stream: TcpStream,
        host: &Host,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<TlsSession, ConnectionError> {
        let handshake = self.tls_handshake_untimed(stream, host, purpose);
        match timeout_at(deadline.into(), handshake).await {
            Ok(ended) => ended,
            Err(_) => Err(ConnectionError::Timeout),
        }
    }

    async fn tls_handshake_untimed(
        &self,
        stream: TcpStream,
        host: &Host,
        purpose: Purpose,
    ) -> Result<TlsSession, ConnectionError> {
        let name = server_name(host).map_err(|why| {
            ConnectionError::Failed(match purpose {
                Purpose::Https => untrusted_message(host, why),
                Purpose::Guest { .. } => format!("{host}: {why}"),
            })
        })?;
        let client = self.0.roots.client().await;
        let verifier = Arc::new(Verifier::new(None));
        let mut config = ClientConfig::clone(&client.config);
        if let Purpose::Guest { .. } = purpose {
            config.alpn_protocols.clear();
        }
        // A client certificate would be sent before the chain is verified.
        assert!(
            !config.client_auth_cert_resolver.has_certs(),
            "a certificate of the client"
        );
        config
            .dangerous()
            .set_certificate_verifier(Arc::clone(&verifier) as _);

        let stream = BudgetedStream::new(stream);
        let connecting = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream);
        let stream = match connecting.into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                return Err(match verifier.failed_proof() {
                    Some(leaf) => self.proof_error(error, leaf).await,
                    None => handshake_error(error, stream.first_bytes()),
                });
            }
        };
        let chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .unwrap_or_default()
            .to_vec();
        let roots = Arc::clone(&client.roots);
        let verification_error = self
            .run_with_certificates(move || verify_chain(&chain, &name, &roots, purpose))
            .await?;
        match verification_error {
            Some(verification_error) if purpose != (Purpose::Guest { verify: false }) => Err(
                ConnectionError::Failed(untrusted_message(host, &verification_error)),
            ),
            verification_error => Ok(TlsSession {
                stream,
                verification_error,
            }),
        }
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

/// The name that the certificate must be valid for. It is sent to the server unless it is an
/// address.
fn server_name(host: &Host) -> Result<ServerName<'static>, &'static str> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|_| "no certificate can be valid for this name"),
    }
}

/// Verifies a chain for a name. Returns why it is not trusted.
fn verify_chain(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: &RootCertStore,
    purpose: Purpose,
) -> Option<String> {
    let verified = match chain {
        [] => Err(Error::NoCertificatesPresented),
        [leaf, rest @ ..] => trust::verify(leaf, rest, name, roots, UnixTime::now()),
    };
    // A guest also sees the certificate, so its message can refer to it.
    let leaf = chain.first().filter(|_| purpose != Purpose::Https);
    match verified {
        Ok(()) => None,
        Err(Error::InvalidCertificate(reason)) => {
            Some(verification_error(&reason, leaf, roots.len()))
        }
        Err(other) => Some(protocol_error(&other)),
    }
}

/// Whether a chain for `web.test` exceeds its bounds, and why it is not trusted if `root` is: for
/// the fuzz target.
pub(crate) fn verify(
    chain: &[CertificateDer<'_>],
    root: CertificateDer<'_>,
) -> (bool, Option<String>) {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates([root.into_owned()]);
    let name = ServerName::try_from("web.test").expect("it is a name");
    let refused = chain
        .split_first()
        .map(|(leaf, rest)| trust::check_size(leaf, rest));
    let guest = Purpose::Guest { verify: false };
    (
        !matches!(refused, Some(Ok(()))),
        verify_chain(chain, &name, &roots, guest),
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
