//! UDP with a peer of a test's world, or over the machine's network without a world.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Instant;

use crate::deadline::Limit;
use crate::net::{Failure, Family};
use crate::testing::{Connection, current};
use crate::udp::{LARGEST, Options, Reply};
use crate::{Address, Deadline, dns};

#[derive(Debug)]
pub(crate) enum UdpConnection {
    Net(UdpSocket),
    Fake(Connection),
}

impl UdpConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Failure> {
        if let Some(world) = current() {
            return world.connect_udp(address, limit.deadline).map(Self::Fake);
        }
        let peer = addresses(address, Family::Any)?[0];
        let socket = open(peer).map_err(|error| Failure::of_io(&error))?;
        Ok(Self::Net(socket))
    }

    pub(crate) fn send(&mut self, datagram: &[u8], limit: Limit) -> Result<(), Failure> {
        match self {
            Self::Net(socket) => socket.send(datagram).map(drop),
            Self::Fake(connection) => connection.write(datagram, limit.deadline),
        }
        .map_err(failure)
    }

    pub(crate) fn receive(&mut self, limit: Limit) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Net(socket) => receive(socket, limit.deadline),
            Self::Fake(connection) => connection.read(LARGEST, limit.deadline),
        }
        .map_err(failure)
    }
}

pub(crate) fn exchange_datagrams(
    address: &Address,
    datagram: &[u8],
    options: &Options,
    limit: Limit,
) -> Result<Vec<Reply>, Failure> {
    if let Some(world) = current() {
        return world.exchange_datagrams(address, datagram, options, limit.deadline);
    }
    let mut last = Failure::Timeout;
    let addresses = addresses(address, options.family)?;
    let attempts = options.attempts.max(1);
    let mut rest = addresses.iter().fold(0, |sum, _| sum + u32::from(attempts));
    for peer in addresses {
        for _ in 0..attempts {
            let deadline = Deadline::after(limit.deadline.remaining() / rest);
            rest -= 1;
            match ask(peer, datagram, options.replies, deadline) {
                Ok(replies) if replies.is_empty() && options.replies > 0 => {}
                Ok(replies) => return Ok(replies),
                Err(error) => last = failure(error),
            }
        }
    }
    Err(last)
}

/// Sends a datagram once, and waits for replies until the deadline.
fn ask(
    peer: SocketAddr,
    datagram: &[u8],
    wanted: u8,
    deadline: Deadline,
) -> io::Result<Vec<Reply>> {
    let socket = open(peer)?;
    let sent = Instant::now();
    socket.send(datagram)?;
    let mut replies = Vec::new();
    while replies.len() < usize::from(wanted) {
        match receive(&socket, deadline) {
            Ok(bytes) => replies.push(Reply {
                bytes,
                address: peer.to_string(),
                time: sent.elapsed(),
            }),
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(replies)
}

fn addresses(address: &Address, family: Family) -> Result<Vec<SocketAddr>, Failure> {
    let found = (address.host(), address.port()).to_socket_addrs();
    let found = found.map_err(|error| Failure::NotResolved(dns::Problem::of_machine(&error)))?;
    let found: Vec<SocketAddr> = found.filter(|found| family.includes(found.ip())).collect();
    if found.is_empty() {
        return Err(Failure::NotResolved(dns::Problem::NoData));
    }
    Ok(found)
}

fn open(peer: SocketAddr) -> io::Result<UdpSocket> {
    let own: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, deadline: Deadline) -> io::Result<Vec<u8>> {
    let left = deadline.remaining();
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    socket.set_read_timeout(Some(left))?;
    let mut bytes = vec![0; LARGEST];
    let count = socket.recv(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// UDP has no connections, so a peer that resets stands for a closed port.
#[expect(clippy::needless_pass_by_value, reason = "passed to `map_err`")]
pub(crate) fn failure(error: io::Error) -> Failure {
    match Failure::of_io(&error) {
        Failure::Reset => Failure::Refused,
        other => other,
    }
}
