//! The way out of the sandbox: HTTP requests, sockets and look-ups of one run.
//!
//! Everything that leaves a guest for the network passes through an [`Egress`], which asks the
//! grants, keeps to the run's deadline and budget, and notes what it refused. The host resolves
//! names itself and connects to addresses that were decided on, so that a name can't lead elsewhere
//! the second time.

mod body;
mod budgeted;
mod client;
mod connect;
mod fault;
mod look_up;
mod machine;
mod network;
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

pub(super) use self::budgeted::BudgetedStream;
pub(super) use self::connect::Unreached;
pub(super) use self::look_up::add_name_lookup_to_linker;
pub(super) use self::network::Network;
pub(super) use self::requests::{KeptExceeded, add_http_to_linker};
use self::resolver::{Asked, ResolveError};
pub(super) use self::sockets::{NewSockets, add_new_sockets_to_linker};
pub(super) use self::tls::{Purpose, Shaken, Trouble, Unshaken, trouble, verify};
use super::grants::{Grants, Host, Kind, Peer, Refusal, Resolved};
use vitals_io::blocking_pool::PoolError;
use vitals_io::trust::Roots;
use vitals_model::Secrets;
use vitals_model::{self, CheckName};

/// The way out of one run. Cheap to make and to clone: nothing is opened, started or looked up
/// before a guest asks for it.
#[derive(Clone)]
pub(super) struct Egress(Arc<Run>);

struct Run {
    network: Arc<Network>,
    grants: Arc<Grants>,
    check: CheckName,
    deadline: Instant,
    connections: u32,
    connections_left: AtomicU32,
    /// Bytes that the host keeps for the run, or has kept.
    kept: AtomicU64,
    http_body: u64,
    roots: Roots,
    trail: Mutex<Trail>,
    /// Held while certificates are examined for the run.
    examining: tokio::sync::Mutex<()>,
}

/// What happened on the way out.
#[derive(Default)]
struct Trail {
    refusals: Vec<Refusal>,
    /// How often something was refused, by kind, in the order of [`Kind::ALL`].
    denied: [u64; Kind::ALL.len()],
    /// Where datagrams were sent to.
    udp_peers: BTreeSet<SocketAddr>,
    /// Addresses that look-ups answered, each with the name that was asked for.
    answers: Vec<(Resolved, Host)>,
}

impl Egress {
    /// The way out of one run of `check`.
    ///
    /// `deadline` is the end of the run, `connections` how many connections and look-ups it may
    /// start, `http_body` how many bytes one response may have, `roots` what its TLS trusts.
    pub(super) fn new(
        network: Arc<Network>,
        grants: Arc<Grants>,
        check: CheckName,
        deadline: Instant,
        connections: u32,
        http_body: u64,
        roots: Roots,
    ) -> Self {
        Self(Arc::new(Run {
            network,
            grants,
            check,
            deadline,
            connections,
            connections_left: AtomicU32::new(connections),
            kept: AtomicU64::new(0),
            http_body,
            roots,
            trail: Mutex::default(),
            examining: tokio::sync::Mutex::default(),
        }))
    }

    /// What was refused so far, each thing once, at most 16 of them, without `secrets`.
    pub(super) fn refusals(&self, secrets: &Secrets) -> Vec<vitals_model::Denial> {
        let trail = self.trail();
        trail
            .refusals
            .iter()
            .map(|refusal| refusal.shown(&self.0.check, secrets))
            .collect()
    }

    /// How often this run was refused something, by the kind of grant that it lacked.
    pub(super) fn denied(&self) -> Vec<(&'static str, u64)> {
        let denied = self.trail().denied;
        let counts = Kind::ALL.into_iter().map(Kind::as_str).zip(denied);
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Notes a refusal, and answers the words for it to the guest.
    pub(super) fn refuse(&self, refusal: Refusal) -> String {
        let message = self.words(&refusal);
        self.note(refusal);
        message
    }

    /// What the guest is told of a refusal; its own words are no secret to it.
    fn words(&self, refusal: &Refusal) -> String {
        let shown = refusal.shown(&self.0.check, &Secrets::default());
        shown.message.into()
    }

    fn note(&self, refusal: Refusal) {
        let trail = &mut *self.trail();
        let kind = refusal.kind();
        for (count, _) in trail
            .denied
            .iter_mut()
            .zip(Kind::ALL)
            .filter(|(_, one)| *one == kind)
        {
            *count += 1;
        }
        if trail.refusals.len() < MAX_REFUSALS && !trail.refusals.contains(&refusal) {
            trail.refusals.push(refusal);
        }
    }

    /// Does something with a server's certificates on a thread that may be lost, one thing at a time
    /// for a run.
    ///
    /// Nothing interrupts such work. Dropping the future gives its answer up, and the check gets no
    /// other thread until it has ended.
    pub(super) async fn examine<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let _turn = self.0.examining.lock().await;
        self.0
            .network
            .certificates()
            .run(self.0.check.as_str(), work)
            .await
    }

    /// Takes one connection from the budget; `false` where none is left.
    fn spend_connection(&self) -> bool {
        let left = &self.0.connections_left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    }

    /// Where a granted peer can be connected to: the addresses, decided on one by one.
    async fn addresses(&self, peer: &Peer, until: Instant) -> Result<Vec<SocketAddr>, NoWay> {
        let run = &self.0;
        self.granted(run.grants.permit(peer))?;
        let found = match &peer.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, peer.port)]),
            Host::Name(name) => run.network.resolve(self.asked(name), until).await?,
        };
        let mut open = Vec::with_capacity(found.len());
        let mut refused = None;
        for resolved in found {
            match run.grants.permit_address(peer, resolved) {
                Ok(()) => open.push(SocketAddr::new(resolved.address, peer.port)),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            // What one address lacks is no loss where the name has another.
            Some(refusal) if open.is_empty() => self.granted(Err(refusal)).map(|()| open),
            _ => Ok(open),
        }
    }

    /// How a name that was permitted is looked up. One that the operator wrote may be short for
    /// another, as it is everywhere on the machine; one that only a wildcard covers is a guest's
    /// word, and no search domain makes another name of it.
    fn asked(&self, name: &Arc<str>) -> Asked {
        Asked {
            name: Arc::clone(name),
            is_absolute: !self.0.grants.is_written(&Host::Name(Arc::clone(name))),
            check: self.0.check.clone(),
        }
    }

    fn granted(&self, decision: Result<(), Refusal>) -> Result<(), NoWay> {
        decision.map_err(|refusal| {
            self.note(refusal.clone());
            NoWay::Denied(refusal)
        })
    }

    fn trail(&self) -> MutexGuard<'_, Trail> {
        self.0.trail.lock()
    }
}

/// Why a peer has no address to connect to.
#[derive(Debug)]
enum NoWay {
    /// No grant covers it; the refusal was noted.
    Denied(Refusal),
    /// Its name could not be resolved.
    Unresolved(ResolveError),
}

impl From<ResolveError> for NoWay {
    fn from(error: ResolveError) -> Self {
        Self::Unresolved(error)
    }
}

/// A store whose guest has a way out.
pub(super) trait EgressView: Send {
    /// The way out, with the table that holds its resources.
    fn egress(&mut self) -> EgressCtx<'_>;
}

/// What host functions for a way out work with.
pub(super) struct EgressCtx<'a> {
    /// The way out of the run.
    pub(super) egress: &'a mut Egress,
    /// The resources of the run.
    pub(super) table: &'a mut ResourceTable,
}

/// Different refusals that a run keeps; the first ones tell what the operator has to write.
const MAX_REFUSALS: usize = 16;

#[cfg(test)]
mod tests;
