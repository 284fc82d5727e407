//! Decisions on a guest's own sockets. They connect and send to granted peers only; nothing
//! listens. A socket counts as a connection of the run as soon as it is created, because it holds a
//! descriptor of the host.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{
    self, ErrorCode, HostNetwork, IpAddressFamily, Network,
};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{SocketError, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView};

use super::Egress;
use crate::grants::{Channel, Denial, GrantKind, Host, Peer, ResolvedAddress};

/// The future that wasmtime expects as a decision.
type Decision = Pin<Box<dyn Future<Output = bool> + Send + Sync>>;

impl Egress {
    /// The check that every use of a socket address has to pass.
    pub(crate) fn socket_check(
        &self,
    ) -> impl Fn(SocketAddr, SocketAddrUse) -> Decision + Send + Sync + 'static {
        let egress = self.clone();
        move |address, purpose| {
            if let SocketAddrUse::UdpReceive = purpose {
                return receive_decision(egress.is_granted(Channel::Udp, address));
            }
            let permitted = egress.permit_socket(address, purpose);
            Box::pin(std::future::ready(permitted))
        }
    }

    fn permit_socket(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        let decision = match purpose {
            SocketAddrUse::TcpBind => only_unspecified(GrantKind::Tcp, address),
            SocketAddrUse::UdpBind => only_unspecified(GrantKind::Udp, address),
            SocketAddrUse::TcpConnect => self.permit_peer(Channel::Tcp, address),
            SocketAddrUse::UdpSend => match self.permit_peer(Channel::Udp, address) {
                Ok(()) => return self.take_udp_peer(address),
                refused => refused,
            },
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => {
                let what = format!("listening on {address}");
                Err(Denial::impossible(GrantKind::Tcp, &what))
            }
            // The guest does not choose who sends: the datagram is dropped without a denial.
            SocketAddrUse::UdpReceive => return self.is_granted(Channel::Udp, address),
        };
        decision
            .map_err(|denial| self.record_denial(denial))
            .is_ok()
    }

    /// Permits an address that is granted itself, or that a lookup of this run returned for a name
    /// that is granted at this port. The denial is about the name if there is one, because the
    /// operator knows the name.
    fn permit_peer(&self, channel: Channel, address: SocketAddr) -> Result<(), Denial> {
        if let SocketAddr::V6(scoped) = address
            && scoped.scope_id() != 0
        {
            // Grants have no zone, and the address can be another host in each zone.
            let what = format!("a zone, as in {scoped}");
            return Err(Denial::impossible(channel.kind(), &what));
        }
        let grants = &self.0.grants;
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let peer = |host| Peer::new(channel, host, port);
        let mut refused = match grants.permit(&peer(Host::Address(ip))) {
            Ok(()) => return Ok(()),
            Err(denial) => denial,
        };
        for (resolved, name) in self.answers_of(ip) {
            let peer = peer(name);
            match grants
                .permit(&peer)
                .and_then(|()| grants.permit_address(&peer, resolved))
            {
                Ok(()) => return Ok(()),
                Err(denial) => refused = denial,
            }
        }
        Err(refused)
    }

    fn is_granted(&self, channel: Channel, address: SocketAddr) -> bool {
        self.permit_peer(channel, address).is_ok()
    }

    /// Takes a connection from the budget for each new peer of datagrams.
    fn take_udp_peer(&self, address: SocketAddr) -> bool {
        if self.activity().udp_peers.contains(&address) {
            return true;
        }
        let has_connection = self.take_connection();
        if has_connection {
            self.activity().udp_peers.insert(address);
        }
        has_connection
    }

    /// The lookups of this run that returned an address.
    fn answers_of(&self, address: IpAddr) -> Vec<(ResolvedAddress, Host)> {
        let activity = self.activity();
        let answers = activity
            .answers
            .iter()
            .filter(|(answer, _)| answer.address == address);
        answers.cloned().collect()
    }
}

/// Every connect and send is preceded by a bind to the unspecified address. Binding any other
/// address prepares for listening.
fn only_unspecified(kind: GrantKind, address: SocketAddr) -> Result<(), Denial> {
    if address.ip().is_unspecified() && address.port() == 0 {
        Ok(())
    } else {
        Err(Denial::impossible(kind, &format!("binding to {address}")))
    }
}

/// The decision on a received datagram. If the sender is not granted, the guest yields before the
/// next one, so that a flood of datagrams can't occupy a thread.
fn receive_decision(is_granted: bool) -> Decision {
    Box::pin(async move {
        if !is_granted {
            tokio::task::yield_now().await;
        }
        is_granted
    })
}

/// Links the creation of sockets. The linker must not have wasmtime's implementation.
pub(crate) fn add_new_sockets_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> NewSockets<'_>,
) -> wasmtime::Result<()> {
    tcp_create_socket::add_to_linker::<T, HasNewSockets>(linker, view)?;
    udp_create_socket::add_to_linker::<T, HasNewSockets>(linker, view)
}

struct HasNewSockets;

impl HasData for HasNewSockets {
    type Data<'a> = NewSockets<'a>;
}

/// Creates the sockets of a run while it has connections left.
pub(crate) struct NewSockets<'a> {
    pub(crate) egress: &'a Egress,
    /// wasmtime's implementation, which has no limit.
    pub(crate) inner: WasiSocketsCtxView<'a>,
}

impl NewSockets<'_> {
    fn take_connection(&self) -> Result<(), SocketError> {
        if self.egress.take_connection() {
            Ok(())
        } else {
            Err(ErrorCode::NewSocketLimit.into())
        }
    }
}

impl tcp_create_socket::Host for NewSockets<'_> {
    fn create_tcp_socket(
        &mut self,
        family: IpAddressFamily,
    ) -> Result<Resource<TcpSocket>, SocketError> {
        self.take_connection()?;
        self.inner.create_tcp_socket(family)
    }
}

impl udp_create_socket::Host for NewSockets<'_> {
    async fn create_udp_socket(
        &mut self,
        family: IpAddressFamily,
    ) -> Result<Resource<UdpSocket>, SocketError> {
        self.take_connection()?;
        self.inner.create_udp_socket(family).await
    }
}

/// The bindings require this trait too; it is never linked from here.
impl network::Host for NewSockets<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.inner.convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner.network_error_code(error)
    }
}

impl HostNetwork for NewSockets<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        HostNetwork::drop(&mut self.inner, network)
    }
}
