//! Identities of the operator in TLS handshakes for guests.
//!
//! A server gets to see an identity only if its chain is as required. The TLS library sends the
//! identity within the handshake, so the chain is verified there for a server that asks for one.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::Egress;
use super::connect::ReachError;
use vitals_io::trust::{Identity, Verifier};

impl Egress {
    /// The identity that a guest names, if its check may show it.
    pub(crate) fn identity(&self, name: &str) -> Result<Identity, ReachError> {
        let permitted = self.0.grants.permit_identity(name);
        permitted.map_err(|denial| ReachError::Denied(self.deny(denial)))?;
        let clients = self.0.network.clients();
        let identity = clients.identity(name).cloned();
        identity.ok_or_else(|| ReachError::NoTable(format!("[tls.identities.{name}]")))
    }
}

/// Returns why a chain is not as required, if it is not.
type Judge = Box<dyn Fn(&[CertificateDer<'_>]) -> Option<String> + Send + Sync>;

/// Shows an identity to a server that asks for one, if its chain is as required.
pub(super) struct IdentityGuard {
    identity: Identity,
    verifier: Arc<Verifier>,
    judge: Judge,
    /// Whether the server asked for an identity, which it does before it shows its chain.
    is_asked: AtomicBool,
    refusal: OnceLock<String>,
}

impl IdentityGuard {
    pub(super) fn new(
        identity: Identity,
        verifier: Arc<Verifier>,
        judge: impl Fn(&[CertificateDer<'_>]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            identity,
            verifier,
            judge: Box::new(judge),
            is_asked: AtomicBool::new(false),
            refusal: OnceLock::new(),
        }
    }

    /// Why the server did not get to see the identity, if its chain is the reason.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.get().map(String::as_str)
    }

    /// Decides on a chain on the calling thread. The limit keeps that short for chains that trusted
    /// roots have signed, too.
    fn refusal_of(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Option<String> {
        let count = intermediates.len();
        if count > MAX_INTERMEDIATES {
            return Some(format!(
                "its chain has {} certificates, the limit for a server that asks for a client \
                 certificate is {}",
                count + 1,
                MAX_INTERMEDIATES + 1
            ));
        }
        let chain: Vec<_> = std::iter::once(leaf)
            .chain(intermediates)
            .cloned()
            .collect();
        (self.judge)(&chain)
    }
}

impl fmt::Debug for IdentityGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityGuard")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl ResolvesClientCert for IdentityGuard {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_asked.store(true, Ordering::Relaxed);
        Some(Arc::clone(self.identity.certified_key()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ServerCertVerifier for IdentityGuard {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let within_bounds =
            self.verifier
                .verify_server_cert(leaf, intermediates, name, ocsp, now)?;
        if self.is_asked.load(Ordering::Relaxed)
            && let Some(refusal) = self.refusal_of(leaf, intermediates)
        {
            self.refusal.get_or_init(|| refusal);
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(within_bounds)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Real servers send one to three.
const MAX_INTERMEDIATES: usize = 4;
