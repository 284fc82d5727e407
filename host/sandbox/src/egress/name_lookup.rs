//! Lookups of granted names: for `vitals:health/net`, and for `wasi:sockets/ip-name-lookup`, which
//! replaces wasmtime's implementation, because that can only be switched on or off.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use std::vec;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    self, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{
    self, ErrorCode, HostNetwork, IpAddress, Network,
};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketError, subscribe};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};

use super::connect::ReachError;
use super::resolver::ResolveError;
use super::{AddressError, Egress, EgressCtx, EgressView};
use crate::contract::{Family, NetError};
use crate::grants::{Denial, Host, parse_host};

/// Links the name lookup. The linker must not have wasmtime's implementation.
pub(crate) fn add_name_lookup_to_linker<T: EgressView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    ip_name_lookup::add_to_linker::<T, HasEgress>(linker, T::egress)
}

struct HasEgress;

impl HasData for HasEgress {
    type Data<'a> = EgressCtx<'a>;
}

/// A lookup in progress, or its result. To the guest it is a `resolve-address-stream`: the type of
/// the bindings can't be constructed outside their crate, and a resource is identified by its
/// index.
pub(super) enum NameLookup {
    Pending(AbortOnDropJoinHandle<Result<Vec<IpAddr>, ErrorCode>>),
    Done(vec::IntoIter<IpAddr>),
    Failed(ErrorCode),
}

impl NameLookup {
    /// The next address; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<IpAddr>, ErrorCode> {
        if let Self::Pending(task) = self {
            match Pin::new(task).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(resolve_granted) => *self = resolve_granted.into(),
                Poll::Pending => return Err(ErrorCode::WouldBlock),
            }
        }
        match self {
            Self::Pending(_) => Err(ErrorCode::WouldBlock),
            Self::Done(addresses) => Ok(addresses.next()),
            Self::Failed(code) => Err(*code),
        }
    }
}

impl From<Result<Vec<IpAddr>, ErrorCode>> for NameLookup {
    fn from(resolve_granted: Result<Vec<IpAddr>, ErrorCode>) -> Self {
        match resolve_granted {
            Ok(addresses) => Self::Done(addresses.into_iter()),
            Err(code) => Self::Failed(code),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for NameLookup {
    async fn ready(&mut self) {
        if let Self::Pending(task) = self {
            *self = task.await.into();
        }
    }
}

impl Egress {
    /// Starts a lookup. An address is its own result.
    pub(super) fn lookup(&self, name: &str) -> Result<NameLookup, ErrorCode> {
        let host = parse_host(name).map_err(|_| ErrorCode::InvalidArgument)?;
        if let Host::Address(address) = host {
            return Ok(Ok(vec![address]).into());
        }
        self.check(self.0.grants.permit_lookup(&host))?;
        if !self.take_connection() {
            return Err(ErrorCode::NewSocketLimit);
        }
        let egress = self.clone();
        Ok(NameLookup::Pending(spawn(async move {
            let deadline = egress.0.deadline;
            let found = egress.resolve_granted(&host, deadline).await;
            found.map_err(|error| match error {
                AddressError::Denied(_) => ErrorCode::AccessDenied,
                AddressError::Unresolved(ResolveError::Timeout | ResolveError::TryAgain) => {
                    ErrorCode::TemporaryResolverFailure
                }
                AddressError::Unresolved(_) => ErrorCode::NameUnresolvable,
            })
        })))
    }

    /// Looks up a name for `vitals:health/net`. An address is its own result.
    pub(crate) async fn resolve(
        &self,
        host: Host,
        family: Family,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, NetError> {
        let mut found = if let Host::Address(address) = host {
            vec![address]
        } else {
            let permitted = self.0.grants.permit_lookup(&host);
            permitted.map_err(|denial| NetError::Denied(self.deny(denial)))?;
            if !self.take_connection() {
                return Err(ReachError::LimitReached.into());
            }
            let found = self.resolve_granted(&host, deadline).await;
            found.map_err(|error| self.reach_error(error))?
        };
        found.retain(|address| family.includes(address));
        if found.is_empty() {
            return Err(ResolveError::NoData.into());
        }
        Ok(found)
    }

    /// Resolves a name to the addresses that the guest may see. From then on the run's sockets may
    /// reach them, at the ports that the name is granted for.
    async fn resolve_granted(
        &self,
        host: &Host,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, AddressError> {
        let Host::Name(name) = host else {
            return Ok(Vec::new());
        };
        let resolving = self.0.network.resolve(self.lookup_request(name), deadline);
        let found = resolving.await.map_err(AddressError::Unresolved)?;
        let mut shown = Vec::with_capacity(found.len());
        let mut refused = Ok(());
        for resolved in found {
            match self.0.grants.permit_answer(host, resolved) {
                Ok(()) => shown.push(resolved),
                Err(denial) => refused = refused.and(Err(denial)),
            }
        }
        if shown.is_empty() {
            self.record_if_denied(refused)?;
        }
        let answers = shown.iter().map(|resolved| (*resolved, host.clone()));
        self.activity().answers.extend(answers);
        Ok(shown.iter().map(|resolved| resolved.address).collect())
    }

    fn check(&self, decision: Result<(), Denial>) -> Result<(), ErrorCode> {
        decision.map_err(|denial| {
            self.record_denial(denial);
            ErrorCode::AccessDenied
        })
    }
}

impl ip_name_lookup::Host for EgressCtx<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        // The interface requires a handle to the network, which grants nothing by itself.
        self.table.get(&network)?;
        let lookup = self.egress.lookup(&name)?;
        let resource = self.table.push(lookup)?;
        Ok(Resource::new_own(resource.rep()))
    }
}

impl HostResolveAddressStream for EgressCtx<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let lookup = self
            .table
            .get_mut(&Resource::<NameLookup>::new_borrow(stream.rep()))?;
        Ok(lookup.next()?.map(IpAddress::from))
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, Resource::<NameLookup>::new_borrow(stream.rep()))
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.table
            .delete(Resource::<NameLookup>::new_own(stream.rep()))?;
        Ok(())
    }
}

/// The bindings of the lookup require this trait too; it is never linked from here.
impl network::Host for EgressCtx<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl HostNetwork for EgressCtx<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}
