//! What all runs share on their way out: the resolver and its bounds, and the sets of TLS roots.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::tls::{Roots, RootsError, SharedRoots};
use crate::config::Root;

/// The host's own way out, made once.
pub(in crate::plugin) struct Network {
    resolver: Resolver,
    look_ups: Arc<Semaphore>,
    roots: Roots,
    shared: Mutex<SharedRoots>,
}

impl Network {
    /// Reads the PEM files among `roots`, which checks without roots of their own trust. The
    /// machine's own roots are read when the first connection needs them.
    pub(in crate::plugin) fn new(roots: &[Root]) -> Result<Self, RootsError> {
        let mut shared = SharedRoots::default();
        Ok(Self {
            resolver: Resolver::System,
            look_ups: Arc::new(Semaphore::new(LOOK_UPS)),
            roots: shared.of(roots)?,
            shared: Mutex::new(shared),
        })
    }

    /// The roots of a check: its own, where it has any, else the host's. Checks with the same ones
    /// share them.
    pub(in crate::plugin) fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        match own {
            None => Ok(self.roots.clone()),
            Some(own) => self
                .shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .of(own),
        }
    }

    /// Resolves a name in at most 10 seconds, and never later than `until`.
    ///
    /// A look-up can't be taken back: it holds its slot until the system's resolver has answered,
    /// also when nobody waits for it any more.
    pub(super) async fn resolve(
        &self,
        name: &Arc<str>,
        until: Instant,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let until = until.min(Instant::now() + LOOK_UP_TIME);
        let answer = timeout_at(until.into(), self.ask(Arc::clone(name))).await;
        let mut found = answer.map_err(|_| ResolveError::Timeout)??;
        found.truncate(MAX_ADDRESSES);
        if found.is_empty() {
            return Err(ResolveError::Failed("the name has no address".to_owned()));
        }
        Ok(found)
    }

    async fn ask(&self, name: Arc<str>) -> Result<Vec<IpAddr>, ResolveError> {
        let slot = Arc::clone(&self.look_ups).acquire_owned().await;
        let asked = self.resolver.clone();
        let look_up = tokio::spawn(async move {
            let answer = asked.ask(&name).await;
            drop(slot);
            answer
        });
        look_up
            .await
            .unwrap_or_else(|error| Err(ResolveError::Failed(error.to_string())))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// A name that has no addresses for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ResolveError {
    /// There was no answer in time.
    Timeout,
    /// The resolver's reason.
    Failed(String),
}

/// Who knows addresses.
#[derive(Clone)]
enum Resolver {
    /// The system's resolver, with its hosts file and search domains.
    System,
    /// A list, for tests. A name without addresses in it is never answered.
    #[cfg(test)]
    List(Vec<(&'static str, Vec<IpAddr>)>),
}

impl Resolver {
    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match self {
            Self::System => match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => Ok(found.map(|address| address.ip().to_canonical()).collect()),
                Err(error) => {
                    let text = error.to_string();
                    let reason = text.strip_prefix("failed to lookup address information: ");
                    Err(ResolveError::Failed(reason.unwrap_or(&text).to_owned()))
                }
            },
            #[cfg(test)]
            Self::List(list) => match list.iter().find(|(known, _)| *known == name) {
                Some((_, addresses)) if addresses.is_empty() => std::future::pending().await,
                Some((_, addresses)) => Ok(addresses.clone()),
                None => Ok(Vec::new()),
            },
        }
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
            resolver: Resolver::List(list),
            ..Self::new(roots).unwrap()
        }
    }
}

/// Look-ups at a time; each takes a thread while the resolver works.
const LOOK_UPS: usize = 64;
/// The longest that anybody waits for one.
const LOOK_UP_TIME: Duration = Duration::from_secs(10);
/// Addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 64;
