//! TLS by the host: sets of trusted roots, and handshakes with what they trust.
//!
//! Every connection shakes hands in full. A resumed session would not look at the certificate
//! again, and its expiry is what a check is there to see.

mod chain;
mod handshake;
mod verifier;
mod words;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use rustls::client::Resumption;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

pub(in crate::plugin) use self::handshake::{Purpose, Shaken, Unshaken, verify};
use self::verifier::Verifier;
pub(super) use self::words::fault;
pub(in crate::plugin) use self::words::{Trouble, trouble, unprovable};
use crate::config::Root;
use crate::plugin::grants::Host;
use crate::regular_file::{self, ReadError};

/// A set of root certificates that connections trust. Cheap to clone; the default trusts nobody.
#[derive(Clone, Default)]
pub struct Roots(Arc<RootSet>);

#[derive(Default)]
struct RootSet {
    system: bool,
    certificates: Vec<CertificateDer<'static>>,
    /// Made for the first connection: the machine's roots take milliseconds to read.
    client: OnceLock<Client>,
}

struct Client {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

impl Roots {
    /// Reads the PEM files among `roots`, for connections that are no check's.
    pub(crate) fn read(roots: &[Root]) -> Result<Self, RootsError> {
        RootFiles::read(roots).map(|files| SharedRoots::default().of(files))
    }

    /// What a client of HTTP/1.1 that trusts them connects with. It verifies chains within the bounds
    /// that hold for guests' connections. Blocks, because the machine's roots may have to be read.
    pub(crate) fn client_config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0.client().config)
    }

    /// Whether they are the same set in memory.
    #[cfg(test)]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    async fn client(&self) -> &Client {
        if let Some(made) = self.0.client.get() {
            return made;
        }
        let set = Arc::clone(&self.0);
        // Made to the end even if nobody waits for it any more, so that the next one finds it.
        let making = tokio::task::spawn_blocking(move || {
            set.client();
        });
        making.await.ok();
        self.0.client()
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
    fn client(&self) -> &Client {
        self.client.get_or_init(|| self.make_client())
    }

    fn make_client(&self) -> Client {
        let mut store = RootCertStore::empty();
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(
                    error = error.to_string(),
                    "some of the machine's root certificates cannot be read"
                );
            }
            store.add_parsable_certificates(found.certs);
        }
        store.add_parsable_certificates(self.certificates.iter().cloned());
        Client::new(store)
    }
}

impl Client {
    fn new(store: RootCertStore) -> Self {
        let roots = Arc::new(store);
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::complete(Arc::clone(&roots))))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Self {
            config: Arc::new(config),
            roots,
        }
    }
}

/// What signatures of certificates and handshakes may be made with.
fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// The name that the certificate has to be for, and that the server is told unless it is an address.
fn server_name(host: &Host) -> Result<ServerName<'static>, &'static str> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|_| "no certificate can be for such a name"),
    }
}

/// The sets that are in use, so that checks with the same roots share them.
#[derive(Default)]
pub(super) struct SharedRoots(Vec<Weak<RootSet>>);

impl SharedRoots {
    /// A set of what was read; one that holds what another holds already is that other.
    pub(super) fn of(&mut self, files: RootFiles) -> Roots {
        let RootFiles {
            system,
            certificates,
        } = files;
        self.0.retain(|set| set.strong_count() > 0);
        let same = |set: &Arc<RootSet>| set.system == system && set.certificates == certificates;
        if let Some(set) = self.0.iter().filter_map(Weak::upgrade).find(same) {
            return Roots(set);
        }
        let set = Arc::new(RootSet {
            system,
            certificates,
            client: OnceLock::new(),
        });
        self.0.push(Arc::downgrade(&set));
        Roots(set)
    }
}

/// What a list of roots says, with its files read.
pub(super) struct RootFiles {
    system: bool,
    certificates: Vec<CertificateDer<'static>>,
}

impl RootFiles {
    /// Reads the PEM files of a list. Blocks.
    pub(super) fn read(roots: &[Root]) -> Result<Self, RootsError> {
        let (mut system, mut certificates) = (false, Vec::new());
        for root in roots {
            match root {
                Root::System => system = true,
                Root::File(path) => certificates.extend(read(path)?),
            }
        }
        Ok(Self {
            system,
            certificates,
        })
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

impl RootsError {
    /// Whether it is the host's own trouble, and says nothing of the file.
    pub(crate) fn is_of_host(&self) -> bool {
        matches!(self, Self::Read { source, .. } if regular_file::is_of_host(source))
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let content = |reason: String| RootsError::Content {
        path: path.to_owned(),
        reason,
    };
    let pem = regular_file::read(path, LARGEST_PEM).map_err(|error| RootsError::Read {
        path: path.to_owned(),
        source: match error {
            ReadError::Io(error) => error,
            error => io::Error::other(error),
        },
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

/// What a file of trusted roots may come to.
const LARGEST_PEM: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::plugin::egress::{Egress, Network};
    use crate::plugin::grants::{Grants, parse_host};

    #[tokio::test]
    async fn roots_that_take_long_to_read_take_none_of_the_time_beyond() {
        let roots = Roots::default();
        let set = Arc::clone(&roots.0);
        let (reads, reading) = std::sync::mpsc::channel::<()>();
        let (goes_on, go_on) = std::sync::mpsc::channel::<()>();
        let reader = std::thread::spawn(move || {
            set.client.get_or_init(|| {
                reads.send(()).unwrap();
                go_on.recv().unwrap();
                set.make_client()
            });
        });
        reading.recv().unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let host = parse_host("web.test").unwrap();
        let until = Instant::now() + Duration::from_millis(100);
        let egress = Egress::new(
            Arc::new(Network::new(&[]).unwrap()),
            Arc::new(Grants::new([], |_| None)),
            "orders".parse().unwrap(),
            until,
            1,
            0,
            roots,
        );
        let shaking = egress.shake_hands(stream.unwrap(), &host, Purpose::Https, until);
        let ended = tokio::time::timeout(Duration::from_secs(10), shaking).await;
        goes_on.send(()).unwrap();
        reader.join().unwrap();
        let error = ended.expect("it ends by itself").unwrap_err();
        assert!(matches!(error, Unshaken::Timeout), "{error:?}");
    }
}
