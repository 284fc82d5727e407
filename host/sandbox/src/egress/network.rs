//! What all runs share on their way out: the resolver and its bounds, the sets of TLS roots, and the
//! threads that verify certificates.

use std::fmt;
use std::net::IpAddr;

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout_at;

use super::machine;
use super::resolver::{Asked, ResolveError, Resolver, Source};
use crate::grants::Resolved;
use vitals_io::blocking_pool::{BlockingPool, Work};
use vitals_io::trust::{RootFiles, Roots, RootsError, SharedRoots};
use vitals_model::Root;

/// The host's own way out, made once.
pub(crate) struct Network {
    resolver: Resolver,
    /// Whether an address is one of this machine's own.
    is_own: fn(IpAddr) -> bool,
    roots: Roots,
    shared: Mutex<SharedRoots>,
    certificates: BlockingPool,
}

impl Network {
    /// Reads the PEM files among `roots`, which checks without roots of their own trust. The
    /// machine's own roots are read when the first connection needs them.
    pub(crate) fn new(roots: &[Root]) -> Result<Self, RootsError> {
        let mut shared = SharedRoots::default();
        Ok(Self {
            resolver: Resolver::new(Source::System),
            is_own: machine::is_own,
            roots: shared.of(RootFiles::read(roots)?),
            shared: Mutex::new(shared),
            certificates: BlockingPool::new(Work::Certificates),
        })
    }

    /// The roots of a check: its own, where it has any, else the host's. Checks with the same ones
    /// share them.
    pub(crate) fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        match own {
            None => Ok(self.roots.clone()),
            Some(own) => {
                // Before the lock: a file that hangs must not hold up those that trust others.
                let files = RootFiles::read(own)?;
                let mut shared = self.shared.lock();
                Ok(shared.of(files))
            }
        }
    }

    /// The threads on which certificates are verified and read.
    pub(super) fn certificates(&self) -> &BlockingPool {
        &self.certificates
    }

    /// Resolves a name in at most 10 seconds, and never later than `until`. The kernel says of each
    /// address whether it is this machine's.
    pub(super) async fn resolve(
        &self,
        asked: Asked,
        until: Instant,
    ) -> Result<Vec<Resolved>, ResolveError> {
        let until = until.min(Instant::now() + LOOK_UP_TIME);
        let answer = timeout_at(until.into(), self.resolver.ask(asked)).await;
        let mut found = answer.map_err(|_| ResolveError::Timeout)??;
        found.truncate(MAX_ADDRESSES);
        if found.is_empty() {
            return Err(ResolveError::Failed("the name has no address".to_owned()));
        }
        let resolved = |address| Resolved::new(address, self.is_own);
        Ok(found.into_iter().map(resolved).collect())
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Network {
    /// A network that knows the names of a list and no others.
    pub(super) fn of_names(roots: &[Root], names: &[(&'static str, &[&str])]) -> Self {
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

    /// One that takes no address for this machine's.
    pub(super) fn blind(self) -> Self {
        Self {
            is_own: |_| false,
            ..self
        }
    }

    /// How many questions were put to the list.
    pub(super) fn look_ups(&self) -> usize {
        self.resolver.asked()
    }
}

/// The longest that anybody waits for one.
const LOOK_UP_TIME: Duration = Duration::from_secs(10);
/// Addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 64;
