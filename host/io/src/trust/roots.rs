//! Sets of trusted roots, each read once, and the TLS client configuration that trusts them.
//!
//! Every connection makes a full handshake. A resumed session would not check the certificate
//! again, and checks exist to notice that it has expired.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::chain::TrustStore;
use super::verifier::Verifier;
use crate::regular_file::{self, ReadError};
use vitals_model::Root;

/// A set of root certificates that connections trust. Cheap to clone; the default trusts nobody.
#[derive(Clone, Default)]
pub struct Roots(Arc<RootSet>);

#[derive(Default)]
struct RootSet {
    files: RootFiles,
    /// Built for the first connection, because reading the machine's roots takes milliseconds.
    client: OnceLock<Client>,
}

/// What is needed to connect with a set of trusted roots.
pub struct Client {
    /// The configuration of an HTTP/1.1 client whose handshake verifies the whole chain.
    pub config: Arc<ClientConfig>,
    /// What a server's chain must lead to.
    pub store: Arc<TrustStore>,
}

impl Roots {
    /// Reads the PEM files among `roots`, for connections that belong to no check.
    pub fn read(roots: &[Root]) -> Result<Self, RootsError> {
        RootFiles::read(roots).map(|files| SharedRoots::default().of(files))
    }

    /// Returns the configuration of an HTTP/1.1 client that trusts the set and verifies chains
    /// within the same bounds as the connections of guests. Blocks, because it may read the
    /// machine's roots.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0.client().config)
    }

    /// Whether both are the same set in memory.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns what a guest's connection needs. Dropping the future does not stop the reading.
    pub async fn client(&self) -> &Client {
        if let Some(made) = self.0.client.get() {
            return made;
        }
        let set = Arc::clone(&self.0);
        // Runs to completion even if the caller gives up, so that the next caller finds the result.
        let making = tokio::task::spawn_blocking(move || {
            set.client();
        });
        making.await.ok();
        self.0.client()
    }

    /// Reads the roots now and blocks in `wait` meanwhile: for tests.
    #[doc(hidden)]
    pub fn read_with_delay(&self, wait: impl FnOnce()) {
        self.0.client.get_or_init(|| {
            wait();
            self.0.make_client()
        });
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("system", &self.0.files.system)
            .field("certificates", &self.0.files.certificates.len())
            .finish_non_exhaustive()
    }
}

impl RootSet {
    fn client(&self) -> &Client {
        self.client.get_or_init(|| self.make_client())
    }

    fn make_client(&self) -> Client {
        let mut store = RootCertStore::empty();
        if self.files.system {
            let parsed = rustls_native_certs::load_native_certs();
            for error in &parsed.errors {
                tracing::warn!(
                    error = error.to_string(),
                    "some of the machine's root certificates cannot be read"
                );
            }
            store.add_parsable_certificates(parsed.certs);
        }
        let certificates = &self.files.certificates;
        store.add_parsable_certificates(certificates.iter().cloned());
        let store = Arc::new(TrustStore {
            roots: store,
            certificates: certificates.clone(),
        });
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(Some(Arc::clone(&store)))))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Client {
            config: Arc::new(config),
            store,
        }
    }
}

/// The sets that are in use, so that checks with the same roots share one.
#[derive(Default)]
pub struct SharedRoots(Vec<Weak<RootSet>>);

impl SharedRoots {
    /// Returns the set of `files`, shared with an equal set that is in use.
    pub fn of(&mut self, files: RootFiles) -> Roots {
        self.0.retain(|set| set.strong_count() > 0);
        let mut sets = self.0.iter().filter_map(Weak::upgrade);
        if let Some(set) = sets.find(|set| set.files == files) {
            return Roots(set);
        }
        let set = Arc::new(RootSet {
            files,
            client: OnceLock::new(),
        });
        self.0.push(Arc::downgrade(&set));
        Roots(set)
    }
}

/// A list of roots whose files have been read.
#[derive(Default, PartialEq)]
pub struct RootFiles {
    system: bool,
    certificates: Vec<CertificateDer<'static>>,
}

impl RootFiles {
    /// Reads the PEM files of a list. Blocks.
    pub fn read(roots: &[Root]) -> Result<Self, RootsError> {
        let mut files = Self::default();
        for root in roots {
            match root {
                Root::System => files.system = true,
                Root::File(path) => files.certificates.extend(read(path)?),
            }
        }
        Ok(files)
    }
}

/// A PEM file that has no usable root certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// The file can't be read.
    #[error("cannot read the TLS roots in {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The content is not a list of certificates.
    #[error("cannot use the TLS roots in {}: {reason}; it must hold certificates in PEM form", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

impl RootsError {
    /// Whether the cause lies with the host, and says nothing about the file.
    pub fn is_host_error(&self) -> bool {
        matches!(self, Self::Read { source, .. } if regular_file::is_host_error(source))
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let content = |reason: String| RootsError::Content {
        path: path.to_owned(),
        reason,
    };
    let pem = regular_file::read(path, MAX_PEM_BYTES).map_err(|error| RootsError::Read {
        path: path.to_owned(),
        source: match error {
            ReadError::Io(error) => error,
            error => io::Error::other(error),
        },
    })?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let parsed = parsed.map_err(|error| content(error.to_string()))?;
    if parsed.is_empty() {
        return Err(content("it holds no certificate".to_owned()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &parsed {
        store
            .add(certificate.clone())
            .map_err(|error| content(error.to_string()))?;
    }
    Ok(parsed)
}

const MAX_PEM_BYTES: u64 = 16 << 20;
