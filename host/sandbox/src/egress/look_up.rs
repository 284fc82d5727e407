//! `wasi:sockets/ip-name-lookup` for granted names, in place of the stock one, which knows on and
//! off alone.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
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

use super::resolver::ResolveError;
use super::{Egress, EgressCtx, EgressView};
use crate::grants::{Host, Refusal, parse_host};

/// Links the look-up of names. The linker must not have the stock one.
pub(crate) fn add_name_lookup_to_linker<T: EgressView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    ip_name_lookup::add_to_linker::<T, HasEgress>(linker, T::egress)
}

struct HasEgress;

impl HasData for HasEgress {
    type Data<'a> = EgressCtx<'a>;
}

/// The answer to a look-up, there or on its way. To the guest it is a `resolve-address-stream`; the
/// bindings' own type for that can't be made outside their crate, and a resource is its index.
pub(super) enum LookUp {
    Asking(AbortOnDropJoinHandle<Result<Vec<IpAddr>, ErrorCode>>),
    Answered(vec::IntoIter<IpAddr>),
    Failed(ErrorCode),
}

impl LookUp {
    /// The next address, nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<IpAddr>, ErrorCode> {
        if let Self::Asking(task) = self {
            match Pin::new(task).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => *self = answer.into(),
                Poll::Pending => return Err(ErrorCode::WouldBlock),
            }
        }
        match self {
            Self::Asking(_) => Err(ErrorCode::WouldBlock),
            Self::Answered(addresses) => Ok(addresses.next()),
            Self::Failed(code) => Err(*code),
        }
    }
}

impl From<Result<Vec<IpAddr>, ErrorCode>> for LookUp {
    fn from(answer: Result<Vec<IpAddr>, ErrorCode>) -> Self {
        match answer {
            Ok(addresses) => Self::Answered(addresses.into_iter()),
            Err(code) => Self::Failed(code),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LookUp {
    async fn ready(&mut self) {
        if let Self::Asking(task) = self {
            *self = task.await.into();
        }
    }
}

impl Egress {
    /// Starts a look-up, or answers at once: an address is its own answer.
    pub(super) fn look_up(&self, name: &str) -> Result<LookUp, ErrorCode> {
        let host = parse_host(name).map_err(|_| ErrorCode::InvalidArgument)?;
        if let Host::Address(address) = host {
            return Ok(Ok(vec![address]).into());
        }
        self.permitted(self.0.grants.permit_look_up(&host))?;
        if !self.spend_connection() {
            return Err(ErrorCode::NewSocketLimit);
        }
        let egress = self.clone();
        Ok(LookUp::Asking(spawn(
            async move { egress.answer(host).await },
        )))
    }

    /// The addresses of a name that may be shown. The run's sockets may reach them from now on, at
    /// the ports that the name is granted for.
    async fn answer(&self, host: Host) -> Result<Vec<IpAddr>, ErrorCode> {
        let Host::Name(name) = &host else {
            return Err(ErrorCode::InvalidArgument);
        };
        let found = self
            .0
            .network
            .resolve(self.asked(name), self.0.deadline)
            .await
            .map_err(|e| match e {
                ResolveError::Timeout => ErrorCode::TemporaryResolverFailure,
                ResolveError::Failed(_) => ErrorCode::NameUnresolvable,
            })?;
        let mut shown = Vec::with_capacity(found.len());
        let mut refused = Ok(());
        for resolved in found {
            match self.0.grants.permit_answer(&host, resolved) {
                Ok(()) => shown.push(resolved),
                Err(refusal) => refused = refused.and(Err(refusal)),
            }
        }
        if shown.is_empty() {
            self.permitted(refused)?;
        }
        let answers = shown.iter().map(|resolved| (*resolved, host.clone()));
        self.trail().answers.extend(answers);
        Ok(shown.iter().map(|resolved| resolved.address).collect())
    }

    fn permitted(&self, decision: Result<(), Refusal>) -> Result<(), ErrorCode> {
        decision.map_err(|refusal| {
            self.note(refusal);
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
        // A handle to the network is what the interface asks for; it gives nothing by itself.
        self.table.get(&network)?;
        let look_up = self.egress.look_up(&name)?;
        let resource = self.table.push(look_up)?;
        Ok(Resource::new_own(resource.rep()))
    }
}

impl HostResolveAddressStream for EgressCtx<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let look_up = self
            .table
            .get_mut(&Resource::<LookUp>::new_borrow(stream.rep()))?;
        Ok(look_up.next()?.map(IpAddress::from))
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, Resource::<LookUp>::new_borrow(stream.rep()))
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.table
            .delete(Resource::<LookUp>::new_own(stream.rep()))?;
        Ok(())
    }
}

/// The bindings of a look-up ask for those of the network too; they are never linked from here.
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
