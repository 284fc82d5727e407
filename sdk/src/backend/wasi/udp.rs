//! Datagrams over `wasi:sockets`, for sockets that receive more than replies. `std` offers them
//! without a timeout for receiving.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

use super::net::look_up;
use super::time::is_ready_by;
use crate::Address;
use crate::deadline::Limit;
use crate::dns::Problem;
use crate::net::{Failure, Family};
use crate::udp::denied;

/// A socket for one peer. The fields drop in order: the streams must be dropped before their
/// socket.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    _socket: UdpSocket,
    address: Address,
}

impl UdpConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Failure> {
        let found = match address.host().parse() {
            Ok(address) => vec![address],
            Err(_) => look_up(address.host(), Family::Any, limit.deadline).map_err(|problem| {
                match problem {
                    Problem::Denied(_) => denied(address),
                    Problem::Timeout(_) => Failure::Timeout,
                    other => Failure::NotResolved(other),
                }
            })?,
        };
        let mut last = Failure::NotResolved(Problem::NoData);
        for peer in found {
            match open(peer, address) {
                Ok(connection) => return Ok(connection),
                Err(code) => last = failure(code, address),
            }
        }
        Err(last)
    }

    pub(crate) fn send(&mut self, datagram: &[u8], limit: Limit) -> Result<(), Failure> {
        let error = |code| failure(code, &self.address);
        let writable = self.outgoing.subscribe();
        while self.outgoing.check_send().map_err(error)? == 0 {
            if !is_ready_by(&[&writable], limit.deadline) {
                return Err(Failure::Timeout);
            }
        }
        let datagram = OutgoingDatagram {
            data: datagram.to_vec(),
            remote_address: None,
        };
        self.outgoing.send(&[datagram]).map(drop).map_err(error)
    }

    pub(crate) fn receive(&mut self, limit: Limit) -> Result<Vec<u8>, Failure> {
        let error = |code| failure(code, &self.address);
        let readable = self.incoming.subscribe();
        loop {
            let came = self.incoming.receive(1).map_err(error)?;
            if let Some(datagram) = came.into_iter().next() {
                return Ok(datagram.data);
            }
            if !is_ready_by(&[&readable], limit.deadline) {
                return Err(Failure::Timeout);
            }
        }
    }
}

fn open(peer: IpAddr, address: &Address) -> Result<UdpConnection, ErrorCode> {
    let (family, own) = match peer {
        IpAddr::V4(_) => (IpAddressFamily::Ipv4, Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => (IpAddressFamily::Ipv6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let socket = create_udp_socket(family)?;
    socket.start_bind(&instance_network(), socket_address(own, 0))?;
    while let Err(code) = socket.finish_bind() {
        if code != ErrorCode::WouldBlock {
            return Err(code);
        }
        socket.subscribe().block();
    }
    let (incoming, outgoing) = socket.stream(Some(socket_address(peer, address.port())))?;
    Ok(UdpConnection {
        incoming,
        outgoing,
        _socket: socket,
        address: address.clone(),
    })
}

fn socket_address(address: IpAddr, port: u16) -> IpSocketAddress {
    match address {
        IpAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: address.octets().into(),
        }),
        IpAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info: 0,
            address: address.segments().into(),
            scope_id: 0,
        }),
    }
}

fn failure(code: ErrorCode, address: &Address) -> Failure {
    match code {
        ErrorCode::AccessDenied => denied(address),
        ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionReset
        | ErrorCode::ConnectionAborted => Failure::Refused,
        ErrorCode::RemoteUnreachable => Failure::Unreachable,
        ErrorCode::Timeout => Failure::Timeout,
        ErrorCode::NewSocketLimit => {
            Failure::Failed("the run has reached its limit on sockets".to_owned())
        }
        ErrorCode::DatagramTooLarge => Failure::Failed("the datagram is too large".to_owned()),
        other => Failure::Failed(other.name().to_owned()),
    }
}
