//! UDP with a peer of a test's world, or over the machine's network without a world.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};

use crate::deadline::Limit;
use crate::dns::Problem;
use crate::tcp::Error;
use crate::testing::{Connection, current};
use crate::udp::LARGEST;
use crate::{Address, Deadline};

#[derive(Debug)]
pub(crate) enum UdpConnection {
    Net(UdpSocket),
    Fake(Connection),
}

impl UdpConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Error> {
        if let Some(world) = current() {
            return world.connect_udp(address, limit).map(Self::Fake);
        }
        let found = (address.host(), address.port()).to_socket_addrs();
        let found = found
            .map_err(|cause| Error::lookup(address, &cause))?
            .next();
        let peer = found.ok_or_else(|| Error::no_address(address))?;
        let own: IpAddr = match peer {
            std::net::SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            std::net::SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0)).and_then(|socket| {
            socket.connect(peer)?;
            Ok(socket)
        });
        socket
            .map(Self::Net)
            .map_err(|cause| Error::new("connect to", address, &cause, limit))
    }

    pub(crate) fn send(&mut self, datagram: &[u8], limit: Limit) -> io::Result<()> {
        match self {
            Self::Net(socket) => socket.send(datagram).map(drop),
            Self::Fake(connection) => connection.write(datagram, limit.deadline).map_err(refused),
        }
    }

    pub(crate) fn receive(&mut self, limit: Limit) -> io::Result<Vec<u8>> {
        match self {
            Self::Net(socket) => {
                let left = limit.deadline.remaining();
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                socket.set_read_timeout(Some(left))?;
                let mut bytes = vec![0; LARGEST];
                let count = socket.recv(&mut bytes)?;
                bytes.truncate(count);
                Ok(bytes)
            }
            Self::Fake(connection) => connection.read(LARGEST, limit.deadline).map_err(refused),
        }
    }
}

/// UDP has no connections, so a peer that resets stands for a closed port.
fn refused(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => ErrorKind::ConnectionRefused.into(),
        _ => error,
    }
}

pub(crate) fn look_up(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Problem> {
    if let Some(world) = current() {
        return world.resolve(name, deadline);
    }
    match (name, 0).to_socket_addrs() {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(_) => Err(Problem::NotFound),
    }
}
