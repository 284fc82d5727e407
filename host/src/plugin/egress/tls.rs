//! TLS by the host: sets of trusted roots, handshakes, and the words for what goes wrong.
//!
//! Every connection shakes hands in full. A resumed session would not look at the certificate
//! again, and its expiry is what a check is there to see.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use crate::config::Root;
use crate::plugin::grants::Host;

/// A set of root certificates that connections trust. Cheap to clone; the default trusts nobody.
#[derive(Clone, Default)]
pub struct Roots(Arc<RootSet>);

#[derive(Default)]
struct RootSet {
    system: bool,
    certificates: Vec<CertificateDer<'static>>,
    /// Made for the first connection: the machine's roots take milliseconds to read.
    client: OnceCell<Client>,
}

struct Client {
    config: Arc<ClientConfig>,
    roots: usize,
}

impl Roots {
    /// Shakes hands with `host` over a stream, to speak HTTP/1.1.
    pub(super) async fn shake_hands(
        &self,
        stream: TcpStream,
        host: &Host,
        until: Instant,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let client = self.client().await;
        let name = match host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => ServerName::try_from(name.to_string())
                .map_err(|_| untrusted(host, "no certificate can be for such a name"))?,
        };
        let connector = TlsConnector::from(Arc::clone(&client.config));
        match timeout_at(until.into(), connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(unshaken(&error, host, client.roots)),
            Err(_) => Err(Error::ConnectionTimeout),
        }
    }

    /// Whether they are the same set in memory.
    #[cfg(test)]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    async fn client(&self) -> &Client {
        let roots = Arc::clone(&self.0);
        let make = || async move {
            let made = tokio::task::spawn_blocking(move || roots.make_client()).await;
            made.unwrap_or_else(|_| Client::new(RootCertStore::empty()))
        };
        self.0.client.get_or_init(make).await
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("system", &self.0.system)
            .field("certificates", &self.0.certificates.len())
            .finish_non_exhaustive()
    }
}

impl RootSet {
    fn make_client(&self) -> Client {
        let mut store = RootCertStore::empty();
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "cannot read some of the machine's root certificates");
            }
            store.add_parsable_certificates(found.certs);
        }
        store.add_parsable_certificates(self.certificates.iter().cloned());
        Client::new(store)
    }
}

impl Client {
    fn new(store: RootCertStore) -> Self {
        let roots = store.len();
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Self {
            config: Arc::new(config),
            roots,
        }
    }
}

/// The sets that are in use, so that checks with the same roots share them.
#[derive(Default)]
pub(super) struct SharedRoots(Vec<Weak<RootSet>>);

impl SharedRoots {
    /// Reads the PEM files of a set; one that holds what another holds already is that other.
    pub(super) fn of(&mut self, roots: &[Root]) -> Result<Roots, RootsError> {
        let mut system = false;
        let mut certificates = Vec::new();
        for root in roots {
            match root {
                Root::System => system = true,
                Root::File(path) => certificates.extend(read(path)?),
            }
        }
        self.0.retain(|set| set.strong_count() > 0);
        let same = |set: &Arc<RootSet>| set.system == system && set.certificates == certificates;
        if let Some(set) = self.0.iter().filter_map(Weak::upgrade).find(same) {
            return Ok(Roots(set));
        }
        let set = Arc::new(RootSet {
            system,
            certificates,
            client: OnceCell::new(),
        });
        self.0.push(Arc::downgrade(&set));
        Ok(Roots(set))
    }
}

/// A PEM file that holds no usable root certificates.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file can't be read.
    #[error("cannot read the TLS roots in {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// What it holds are no certificates.
    #[error("cannot use the TLS roots in {}: {reason}; it must hold certificates in PEM form", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let content = |reason: String| RootsError::Content {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|source| RootsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| content(error.to_string()))?;
    if found.is_empty() {
        return Err(content("it holds no certificate".to_owned()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store
            .add(certificate.clone())
            .map_err(|error| content(error.to_string()))?;
    }
    Ok(found)
}

/// Why a handshake failed, as `wasi:http` says it. A certificate that is not trusted is told in
/// words, because the case for it carries none.
fn unshaken(error: &io::Error, host: &Host, roots: usize) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let mut reason = doubt(reason);
            if roots == 0 {
                reason.push_str("; there are no trusted roots at all on the host's machine");
            }
            untrusted(host, &reason)
        }
        Some(error) => fault(error),
        None => Error::ConnectionTerminated,
    }
}

/// What went wrong in the TLS protocol, as `wasi:http` says it.
pub(super) fn fault(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

fn untrusted(host: &Host, reason: &str) -> Error {
    Error::InternalError(Some(format!(
        "the certificate of {host} is not trusted: {reason}"
    )))
}

fn doubt(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".into()
        }
        CertificateError::UnknownIssuer => "its issuer is not among the trusted roots".into(),
        CertificateError::BadSignature => "its issuer did not sign it".into(),
        CertificateError::Revoked => "it was revoked".into(),
        other => other.to_string(),
    }
}
