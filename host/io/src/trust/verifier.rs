//! What the TLS library asks about a server: its chain, and the proof that it has the key.
//!
//! The bounds of a chain are kept in every handshake. Whether it is trusted is decided there too for
//! the host's own clients, whose handshake is one step; a guest's handshake leaves it for afterwards
//! (`plugin/egress/tls/handshake.rs`). That the server has the key of its certificate is proved in every handshake.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::chain::{self, algorithms};
use super::words::{doubt, protocol_error};

/// Verifies the servers of one client, or the server of one handshake.
#[derive(Debug)]
pub struct Verifier {
    /// What a chain has to lead to; nothing where that is verified later.
    roots: Option<Arc<RootCertStore>>,
    unproved: OnceLock<CertificateDer<'static>>,
}

impl Verifier {
    /// One that verifies all of it.
    pub fn complete(roots: Arc<RootCertStore>) -> Self {
        Self {
            roots: Some(roots),
            unproved: OnceLock::new(),
        }
    }

    /// One that leaves [`chain::verify`] to whoever shakes hands.
    pub fn deferring() -> Self {
        Self {
            roots: None,
            unproved: OnceLock::new(),
        }
    }

    /// The certificate whose key the server could not be shown to have.
    pub fn unproved(&self) -> Option<CertificateDer<'static>> {
        self.unproved.get().cloned()
    }

    fn proved<T>(&self, proof: Result<T, Error>, leaf: &CertificateDer<'_>) -> Result<T, Error> {
        proof.map_err(|error| {
            self.unproved.get_or_init(|| leaf.clone().into_owned());
            in_words(protocol_error(&error))
        })
    }
}

/// An error in bounded words. The library's own lists what is in a certificate, such as the thousands
/// of names that it is for.
fn in_words(words: String) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Unverified(String);
    Error::Other(OtherError(Arc::new(Unverified(words))))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            chain::hold_to_bounds(leaf, intermediates)?;
            return Ok(ServerCertVerified::assertion());
        };
        let verified = chain::verify(leaf, intermediates, name, roots, now);
        verified.map_err(|error| match error {
            Error::InvalidCertificate(reason) => {
                let doubt = doubt(&reason, Some(leaf), roots.len());
                in_words(format!("the server's certificate is not trusted: {doubt}"))
            }
            other => in_words(protocol_error(&other)),
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = verify_tls12_signature(message, leaf, signature, &algorithms());
        self.proved(proof, leaf)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = verify_tls13_signature(message, leaf, signature, &algorithms());
        self.proved(proof, leaf)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
