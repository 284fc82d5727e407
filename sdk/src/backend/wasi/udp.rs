//! Datagrams and look-ups over `wasi:sockets`. `std` offers both, but without a timeout for
//! receiving, and its look-ups take as long as the run has.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

use super::time::is_ready_by;
use crate::deadline::Limit;
use crate::dns::Problem;
use crate::tcp::Error;
use crate::{Address, Deadline};

/// A socket for one peer. The fields drop in order: the streams must be dropped before their
/// socket.
#[derive(Debug)]
pub(crate) struct UdpConnection {
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    _socket: UdpSocket,
}

impl UdpConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Error> {
        let found = match address.host().parse() {
            Ok(address) => vec![address],
            Err(_) => look_up(address.host(), limit.deadline).map_err(|problem| {
                let cause = match problem {
                    Problem::Denied(_) => ErrorKind::PermissionDenied.into(),
                    Problem::Timeout(_) => {
                        return Error::new("look up", address, &ErrorKind::TimedOut.into(), limit);
                    }
                    Problem::NotFound => io::Error::other("it has no address"),
                    Problem::Failed(why) => io::Error::other(why),
                };
                Error::lookup(address, &cause)
            })?,
        };
        let mut last = None;
        for peer in found {
            match open(peer, address.port()) {
                Ok(connection) => return Ok(connection),
                Err(code) => last = Some(code),
            }
        }
        Err(last.map_or_else(
            || Error::no_address(address),
            |code| Error::new("connect to", address, &error(code), limit),
        ))
    }

    pub(crate) fn send(&mut self, datagram: &[u8], limit: Limit) -> io::Result<()> {
        let writable = self.outgoing.subscribe();
        while self.outgoing.check_send().map_err(error)? == 0 {
            if !is_ready_by(&[&writable], limit.deadline) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        let datagram = OutgoingDatagram {
            data: datagram.to_vec(),
            remote_address: None,
        };
        self.outgoing.send(&[datagram]).map(drop).map_err(error)
    }

    pub(crate) fn receive(&mut self, limit: Limit) -> io::Result<Vec<u8>> {
        let readable = self.incoming.subscribe();
        loop {
            let came = self.incoming.receive(1).map_err(error)?;
            if let Some(datagram) = came.into_iter().next() {
                return Ok(datagram.data);
            }
            if !is_ready_by(&[&readable], limit.deadline) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }
}

fn open(peer: IpAddr, port: u16) -> Result<UdpConnection, ErrorCode> {
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
    let (incoming, outgoing) = socket.stream(Some(socket_address(peer, port)))?;
    Ok(UdpConnection {
        incoming,
        outgoing,
        _socket: socket,
    })
}

pub(crate) fn look_up(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Problem> {
    let problem = |code| match code {
        ErrorCode::AccessDenied => Problem::Denied(format!(
            "denied: name {name} (add it to `allow.names` of the check)"
        )),
        ErrorCode::NameUnresolvable
        | ErrorCode::TemporaryResolverFailure
        | ErrorCode::PermanentResolverFailure => Problem::NotFound,
        ErrorCode::InvalidArgument => Problem::Failed("the name is not valid".to_owned()),
        other => Problem::Failed(error(other).to_string()),
    };
    let addresses = resolve_addresses(&instance_network(), name).map_err(problem)?;
    let ready = addresses.subscribe();
    let mut found = Vec::new();
    loop {
        match addresses.resolve_next_address() {
            Ok(Some(IpAddress::Ipv4(address))) => found.push(<[u8; 4]>::from(address).into()),
            Ok(Some(IpAddress::Ipv6(address))) => found.push(<[u16; 8]>::from(address).into()),
            Ok(None) => return Ok(found),
            Err(ErrorCode::WouldBlock) => {
                if !is_ready_by(&[&ready], deadline) {
                    return Err(Problem::Timeout(std::time::Duration::ZERO));
                }
            }
            Err(code) => return Err(problem(code)),
        }
    }
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

/// Translates an error code to `std`'s.
fn error(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::AccessDenied => ErrorKind::PermissionDenied,
        ErrorCode::ConnectionRefused => ErrorKind::ConnectionRefused,
        ErrorCode::ConnectionReset => ErrorKind::ConnectionReset,
        ErrorCode::ConnectionAborted => ErrorKind::ConnectionAborted,
        ErrorCode::RemoteUnreachable => ErrorKind::HostUnreachable,
        ErrorCode::Timeout => ErrorKind::TimedOut,
        ErrorCode::NewSocketLimit => {
            return io::Error::other("the run has reached its limit on sockets");
        }
        ErrorCode::DatagramTooLarge => return io::Error::other("the datagram is too large"),
        other => return io::Error::other(other.name()),
    };
    kind.into()
}
