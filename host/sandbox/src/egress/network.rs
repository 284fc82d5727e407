//! Network resources that all runs share: the resolver, the sets of TLS roots, and the threads that
//! verify certificates and decode bodies.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::time::timeout_at;

use super::local_address;
use super::resolver::{LookupRequest, ResolveError, Resolver, Source};
use crate::clients::ClientSettings;
use crate::grants::ResolvedAddress;
use vitals_io::blocking_pool::{BlockingPool, Work};
use vitals_io::trust::{RootFiles, Roots, RootsError, SharedRoots};
use vitals_model::Root;

/// The shared network resources of a sandbox.
pub(crate) struct Network {
    resolver: Resolver,
    is_local: fn(IpAddr) -> bool,
    roots: Roots,
    shared: Mutex<SharedRoots>,
    clients: RwLock<Arc<ClientSettings>>,
    /// The threads that verify and parse certificates.
    pub(super) certificates: BlockingPool,
    /// The threads that decode compressed bodies.
    pub(super) decoding: BlockingPool,
}

impl Network {
    /// Reads the PEM files among `roots`, which apply to checks without roots of their own. The
    /// machine's roots are read for the first connection.
    pub(crate) fn new(roots: &[Root]) -> Result<Self, RootsError> {
        let mut shared = SharedRoots::default();
        Ok(Self {
            resolver: Resolver::new(Source::System),
            is_local: local_address::is_local,
            roots: shared.of(RootFiles::read(roots)?),
            shared: Mutex::new(shared),
            clients: RwLock::default(),
            certificates: BlockingPool::new(Work::Certificates),
            decoding: BlockingPool::new(Work::Decoding),
        })
    }

    /// The identities and proxies of the host's configuration.
    pub(super) fn clients(&self) -> Arc<ClientSettings> {
        Arc::clone(&self.clients.read())
    }

    /// Replaces the identities and proxies. Returns whether they differ.
    pub(crate) fn set_clients(&self, clients: ClientSettings) -> bool {
        let clients = Arc::new(clients);
        let before = std::mem::replace(&mut *self.clients.write(), Arc::clone(&clients));
        before != clients
    }

    /// The roots of a check: its own if it has any, else the host's. Checks with the same roots
    /// share them.
    pub(crate) fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        match own {
            None => Ok(self.roots.clone()),
            Some(own) => {
                // Before the lock, so that a file that hangs does not block checks with other
                // roots.
                let files = RootFiles::read(own)?;
                let mut shared = self.shared.lock();
                Ok(shared.of(files))
            }
        }
    }

    /// Resolves a name in at most 10 seconds and not after `deadline`. The kernel tells which
    /// addresses belong to this host.
    pub(super) async fn resolve(
        &self,
        lookup_request: LookupRequest,
        deadline: Instant,
    ) -> Result<Vec<ResolvedAddress>, ResolveError> {
        let deadline = deadline.min(Instant::now() + LOOKUP_TIMEOUT);
        let answer = timeout_at(deadline.into(), self.resolver.resolve(lookup_request)).await;
        let mut addresses = answer.map_err(|_| ResolveError::Timeout)??;
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(ResolveError::NoData);
        }
        let resolved = |address| ResolvedAddress::new(address, self.is_local);
        Ok(addresses.into_iter().map(resolved).collect())
    }
}

#[cfg(test)]
impl Network {
    /// A network that resolves only the names of a list.
    pub(super) fn with_names(roots: &[Root], names: &[(&'static str, &[&str])]) -> Self {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let list = names
            .iter()
            .map(|(name, texts)| (*name, addresses(texts)))
            .collect();
        Self {
            resolver: Resolver::new(Source::List(list)),
            ..Self::new(roots).unwrap()
        }
    }

    /// Treats no address as one of this host.
    pub(super) fn without_local_check(self) -> Self {
        Self {
            is_local: |_| false,
            ..self
        }
    }

    /// The number of queries so far.
    pub(super) fn lookups(&self) -> usize {
        self.resolver.query_count()
    }
}

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of addresses considered for a name.
const MAX_ADDRESSES: usize = 64;
