//! Network access of one run: HTTP requests, sockets and name lookups.
//!
//! Everything that a guest sends passes through an [`Egress`], which asks the grants, enforces the
//! run's deadline and budget, and records denials. The host resolves names itself and connects to
//! the addresses that it has checked, so that a second lookup can't lead elsewhere.

mod body;
mod budgeted;
mod client;
mod connect;
mod datagram;
mod dial;
mod fetch;
mod http_error;
mod identity;
mod local_address;
mod name_lookup;
mod network;
mod ping;
mod proxy;
mod requests;
mod resolver;
mod sockets;
mod tls;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use wasmtime::component::ResourceTable;

pub(super) use self::budgeted::{BudgetedStream, Stream};
pub(super) use self::name_lookup::add_name_lookup_to_linker;
pub(super) use self::network::Network;
pub(super) use self::requests::{RetainedBytesExceeded, add_http_to_linker};
use self::resolver::{LookupRequest, ResolveError};
pub(super) use self::sockets::{NewSockets, add_new_sockets_to_linker};
pub(super) use self::tls::{
    ConnectionError, HandshakeOptions, connection_error, untrusted_message, verify,
};
use super::grants::{Denial, GrantKind, Grants, Host, Peer, ResolvedAddress};
use vitals_io::blocking_pool::PoolError;
use vitals_io::trust::Roots;
use vitals_model::{CheckName, Secrets};

/// The network access of one run. Cheap to make and to clone: nothing is opened, started or looked
/// up before the guest asks for it.
#[derive(Clone)]
pub(super) struct Egress(Arc<Inner>);

struct Inner {
    network: Arc<Network>,
    grants: Arc<Grants>,
    check: CheckName,
    deadline: Instant,
    connections: u32,
    connections_left: AtomicU32,
    /// Bytes that the host retains for the run. The count never decreases.
    retained_bytes: AtomicU64,
    http_body: u64,
    roots: Roots,
    activity: Mutex<Activity>,
    /// Held while certificates are processed for the run.
    certificate_lock: tokio::sync::Mutex<()>,
}

/// What the run has done on the network so far.
#[derive(Default)]
struct Activity {
    denials: Vec<Denial>,
    /// The number of denials by kind, in the order of [`GrantKind::ALL`].
    denied: [u64; GrantKind::ALL.len()],
    /// The peers that datagrams were sent to.
    udp_peers: BTreeSet<SocketAddr>,
    /// The addresses that lookups returned, each with the name.
    answers: Vec<(ResolvedAddress, Host)>,
}

impl Egress {
    /// Creates the network access of one run of `check`.
    ///
    /// `deadline` is the end of the run, `connections` the limit on connections and lookups,
    /// `http_body` the limit on the bytes of one response, and `roots` what TLS connections trust.
    pub(super) fn new(
        network: Arc<Network>,
        grants: Arc<Grants>,
        check: CheckName,
        deadline: Instant,
        connections: u32,
        http_body: u64,
        roots: Roots,
    ) -> Self {
        Self(Arc::new(Inner {
            network,
            grants,
            check,
            deadline,
            connections,
            connections_left: AtomicU32::new(connections),
            retained_bytes: AtomicU64::new(0),
            http_body,
            roots,
            activity: Mutex::default(),
            certificate_lock: tokio::sync::Mutex::default(),
        }))
    }

    /// The distinct denials so far, at most 16, without `secrets`.
    pub(super) fn denials(&self, secrets: &Secrets) -> Vec<vitals_model::Denial> {
        let shown = |denial: &Denial| denial.shown(&self.0.check, secrets);
        self.activity().denials.iter().map(shown).collect()
    }

    /// The number of denials by the kind of grant that was missing.
    pub(super) fn denied(&self) -> Vec<(&'static str, u64)> {
        let denied = self.activity().denied;
        let counts = GrantKind::ALL
            .map(GrantKind::as_str)
            .into_iter()
            .zip(denied);
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Records a denial, and returns the message for the guest.
    pub(super) fn deny(&self, denial: Denial) -> String {
        let message = self.denial_message(&denial);
        self.record_denial(denial);
        message
    }

    /// The message of a denial for the guest, whose own words are no secret to it.
    fn denial_message(&self, denial: &Denial) -> String {
        let shown = denial.shown(&self.0.check, &Secrets::default());
        shown.message.into()
    }

    fn record_denial(&self, denial: Denial) {
        let activity = &mut *self.activity();
        activity.denied[denial.kind as usize] += 1;
        if activity.denials.len() < MAX_DENIALS && !activity.denials.contains(&denial) {
            activity.denials.push(denial);
        }
    }

    /// Processes a server's certificates on a thread that may be lost, one task at a time for a
    /// run.
    ///
    /// Nothing can interrupt the work. Dropping the future abandons it, and the check gets no other
    /// thread until it ends.
    pub(super) async fn run_with_certificates<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let _turn = self.0.certificate_lock.lock().await;
        let pool = &self.0.network.certificates;
        pool.run(self.0.check.as_str(), work).await
    }

    /// Takes one connection from the budget; `false` if none is left.
    fn take_connection(&self) -> bool {
        let left = &self.0.connections_left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    }

    /// The addresses of a granted peer that the grants permit.
    async fn addresses(
        &self,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, AddressError> {
        let run = &self.0;
        self.record_if_denied(run.grants.permit(peer))?;
        let found = match &peer.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, peer.port)]),
            Host::Name(name) => {
                let found = run.network.resolve(self.lookup_request(name), deadline);
                found.await.map_err(AddressError::Unresolved)?
            }
        };
        let mut open = Vec::with_capacity(found.len());
        let mut refused = None;
        for resolved in found {
            match run.grants.permit_address(peer, resolved) {
                Ok(()) => open.push(SocketAddr::new(resolved.address, peer.port)),
                Err(denial) => refused = refused.or(Some(denial)),
            }
        }
        match refused {
            // A denied address does not matter if the name has a permitted one.
            Some(denial) if open.is_empty() => self.record_if_denied(Err(denial)).map(|()| open),
            _ => Ok(open),
        }
    }

    /// How a permitted name is looked up. The search domains of the machine apply to a name that
    /// the operator wrote. They do not apply to a name that only a wildcard covers, because the
    /// guest chose it.
    fn lookup_request(&self, name: &Arc<str>) -> LookupRequest {
        LookupRequest {
            name: Arc::clone(name),
            is_absolute: !self.0.grants.is_written(&Host::Name(Arc::clone(name))),
            check: self.0.check.clone(),
        }
    }

    fn record_if_denied(&self, decision: Result<(), Denial>) -> Result<(), AddressError> {
        decision.map_err(|denial| {
            self.record_denial(denial.clone());
            AddressError::Denied(denial)
        })
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.0.activity.lock()
    }
}

/// Why a peer has no address to connect to.
#[derive(Debug)]
enum AddressError {
    /// No grant covers the peer; the denial was recorded.
    Denied(Denial),
    Unresolved(ResolveError),
}

/// A store whose guest has network access.
pub(super) trait EgressView: Send {
    /// The network access, with the table of its resources.
    fn egress(&mut self) -> EgressCtx<'_>;
}

/// What host functions for the network work with.
pub(super) struct EgressCtx<'a> {
    pub(super) egress: &'a mut Egress,
    pub(super) table: &'a mut ResourceTable,
}

/// The maximum number of distinct denials kept for a run. The first ones tell the operator what to
/// grant.
const MAX_DENIALS: usize = 16;

#[cfg(test)]
mod tests;
