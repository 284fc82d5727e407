//! Decisions on a guest's own sockets. They connect, to granted peers alone; nothing listens.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use wasmtime_wasi::sockets::SocketAddrUse;

use super::Egress;
use crate::plugin::grants::{Channel, Host, Peer, Refusal};

/// What a decision on a socket is handed over in.
type Decision = Pin<Box<dyn Future<Output = bool> + Send + Sync>>;

impl Egress {
    /// The check that every use of a socket address of the run has to pass.
    pub(in crate::plugin) fn socket_check(
        &self,
    ) -> impl Fn(SocketAddr, SocketAddrUse) -> Decision + Send + Sync + 'static {
        let egress = self.clone();
        move |address, purpose| {
            let permitted = egress.permit_socket(address, purpose);
            Box::pin(std::future::ready(permitted))
        }
    }

    fn permit_socket(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            // Every connect is preceded by a bind to no address in particular.
            SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
            SocketAddrUse::TcpConnect => match self.permit_connect(address) {
                Ok(()) => self.spend_connection(),
                Err(refusal) => {
                    self.note(refusal);
                    false
                }
            },
            SocketAddrUse::TcpListen
            | SocketAddrUse::TcpAccept
            | SocketAddrUse::UdpBind
            | SocketAddrUse::UdpSend
            | SocketAddrUse::UdpReceive => false,
        }
    }

    /// An address is open if it is granted itself, or if a name that is granted at this port led
    /// there in this run. Where neither is, the name is what the operator will know.
    fn permit_connect(&self, address: SocketAddr) -> Result<(), Refusal> {
        let grants = &self.0.grants;
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let peer = |host| Peer {
            channel: Channel::Tcp,
            host,
            port,
        };
        let mut refused = match grants.permit(&peer(Host::Address(ip))) {
            Ok(()) => return Ok(()),
            Err(refusal) => refusal,
        };
        for name in self.names_of(ip) {
            let peer = peer(name);
            match grants
                .permit(&peer)
                .and_then(|()| grants.permit_address(&peer, ip))
            {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }

    /// The names whose look-up in this run answered an address.
    fn names_of(&self, address: IpAddr) -> Vec<Host> {
        let trail = self.trail();
        let led_here = trail
            .answers
            .iter()
            .filter(|(answer, _)| *answer == address);
        led_here.map(|(_, name)| name.clone()).collect()
    }
}
