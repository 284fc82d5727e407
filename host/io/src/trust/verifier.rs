//! The certificate verifier of TLS clients: it checks a server's chain, and that the server holds
//! the key of its certificate.
//!
//! Every handshake checks the bounds of the chain and the proof of the key. The host's own clients
//! verify the chain during the handshake; the connections of guests verify it afterwards
//! (`host/sandbox/src/egress/tls/handshake.rs`).

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::chain::{self, TrustStore, algorithms};
use super::messages::{protocol_error, verification_error};

/// Verifies the servers of one client, or the server of one handshake.
#[derive(Debug)]
pub struct Verifier {
    /// What a chain must lead to; `None` if the chain is verified later.
    store: Option<Arc<TrustStore>>,
    failed_proof: OnceLock<CertificateDer<'static>>,
}

impl Verifier {
    /// Creates a verifier of chains that `store` trusts. Without one it leaves [`chain::verify`] to
    /// its caller.
    pub fn new(store: Option<Arc<TrustStore>>) -> Self {
        Self {
            store,
            failed_proof: OnceLock::new(),
        }
    }

    /// The certificate for which the server failed to prove that it holds the key.
    pub fn failed_proof(&self) -> Option<CertificateDer<'static>> {
        self.failed_proof.get().cloned()
    }

    fn check_proof<T>(
        &self,
        proof: Result<T, Error>,
        leaf: &CertificateDer<'_>,
    ) -> Result<T, Error> {
        proof.map_err(|error| {
            self.failed_proof.get_or_init(|| leaf.clone().into_owned());
            text_error(protocol_error(&error))
        })
    }
}

/// An error with bounded text. The library's own text lists what is in a certificate, which can be
/// thousands of names.
fn text_error(text: String) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct VerificationText(String);
    Error::Other(OtherError(Arc::new(VerificationText(text))))
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
        let Some(store) = &self.store else {
            chain::check_size(leaf, intermediates)?;
            return Ok(ServerCertVerified::assertion());
        };
        let verified = chain::verify(leaf, intermediates, Some(name), store, now);
        verified.map_err(|error| match error {
            Error::InvalidCertificate(reason) => {
                let verification_error = verification_error(&reason, Some(leaf), store.len());
                text_error(format!(
                    "the server's certificate is not trusted: {verification_error}"
                ))
            }
            other => text_error(protocol_error(&other)),
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
        self.check_proof(proof, leaf)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let proof = verify_tls13_signature(message, leaf, signature, &algorithms());
        self.check_proof(proof, leaf)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
