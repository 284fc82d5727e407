//! Connects to addresses that the grants permit.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::resolver::ResolveError;
use super::{AddressError, Egress};
use crate::contract::Family;
use crate::grants::{Peer, ResolvedAddress};

impl Egress {
    /// The permitted addresses of a granted peer, for one connection of the budget.
    pub(super) async fn permitted_addresses(
        &self,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, ReachError> {
        // Before the connection is counted, so that a denied peer is always reported as denied.
        self.record_if_denied(self.0.grants.permit(peer))
            .map_err(|error| self.reach_error(error))?;
        if !self.take_connection() {
            return Err(ReachError::LimitReached);
        }
        let addresses = self.addresses(peer, deadline).await;
        addresses.map_err(|error| match error {
            AddressError::Denied(_) => leads_outside_grants(peer),
            unresolved @ AddressError::Unresolved(_) => self.reach_error(unresolved),
        })
    }

    /// The addresses of [`permitted_addresses`](Self::permitted_addresses) of one family.
    pub(super) async fn permitted_addresses_of(
        &self,
        family: Family,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, ReachError> {
        let mut addresses = self.permitted_addresses(peer, deadline).await?;
        addresses.retain(|address| family.includes(&address.ip()));
        if addresses.is_empty() {
            return Err(ReachError::NoAddressOf(family));
        }
        Ok(addresses)
    }

    /// Connects to the first of the permitted addresses that answers.
    pub(super) async fn connect_permitted(
        &self,
        peer: &Peer,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<TcpStream, ReachError> {
        let stream = connect(addresses, deadline).await?;
        self.permit_connected(peer, &stream)
            .map_err(|_| leads_outside_grants(peer))?;
        Ok(stream)
    }

    /// Checks an established connection against the grants again. If both ends have the same
    /// address, it leads to this host, whatever was known about the address before.
    pub(super) fn permit_connected(
        &self,
        peer: &Peer,
        stream: &TcpStream,
    ) -> Result<(), AddressError> {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else {
            return Ok(());
        };
        let resolved =
            ResolvedAddress::new(remote.ip().to_canonical(), |_| local.ip() == remote.ip());
        self.record_if_denied(self.0.grants.permit_address(peer, resolved))
    }

    pub(super) fn reach_error(&self, error: AddressError) -> ReachError {
        match error {
            AddressError::Denied(denial) => ReachError::Denied(self.denial_message(&denial)),
            AddressError::Unresolved(ResolveError::Timeout) => ReachError::Timeout,
            AddressError::Unresolved(error) => ReachError::NotResolved(error),
        }
    }
}

/// Why there is no connection to a peer.
#[derive(Debug)]
pub(crate) enum ReachError {
    /// The peer is not granted, or leads outside the grants; the text says what to grant, or where
    /// to read it.
    Denied(String),
    /// The run has opened as many connections as it may.
    LimitReached,
    NotResolved(ResolveError),
    /// The host has no address of the family asked for.
    NoAddressOf(Family),
    Timeout,
    Refused,
    /// There is no route to it.
    Unreachable,
    /// The peer closed the connection.
    Closed,
    /// A problem of the host: no sockets left, no permission.
    Host(io::Error),
    /// The configuration does not have the identity or proxy any more; the text names its table.
    NoTable(String),
    /// A proxy could not be reached, or does not connect; the text names it.
    Proxy(String),
}

impl From<io::Error> for ReachError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Closed,
            _ => Self::Host(error),
        }
    }
}

/// As a person reads it.
impl fmt::Display for ReachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) | Self::Proxy(why) => f.write_str(why),
            Self::LimitReached => f.write_str(
                "the run has opened as many connections as its `limits.connections` allow",
            ),
            Self::NotResolved(error) => write!(f, "cannot look up the host: {error}"),
            Self::NoAddressOf(Family::Ipv4) => f.write_str("it has no IPv4 address"),
            Self::NoAddressOf(_) => f.write_str("it has no IPv6 address"),
            Self::Timeout => f.write_str("timed out"),
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("there is no route to it"),
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::Host(error) => write!(f, "the host cannot connect: {error}"),
            Self::NoTable(table) => write!(f, "the configuration has no `{table}` any more"),
        }
    }
}

/// The message for a name that leads to an address without a grant. It leaves out the address: the
/// grant does not allow lookups, and with a wildcard the guest could ask for any name.
fn leads_outside_grants(peer: &Peer) -> ReachError {
    let kind = peer.channel.kind();
    ReachError::Denied(format!(
        "denied: {kind} {peer}, which leads outside the check's grants (its denials say where to)"
    ))
}

/// Connects to the first address that answers, in the order of the resolver, except that families
/// alternate (RFC 8305, section 4).
///
/// The next address is tried when one has failed or has not answered for 250 ms (the recommendation
/// of RFC 8305, section 5). Dropping the future cancels all attempts.
pub(super) async fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let connecting = async {
        match addresses {
            [only] => dial(*only).await,
            several => happy_eyeballs(&interleaved(several)).await,
        }
    };
    match timeout_at(deadline.into(), connecting).await {
        Ok(ended) => ended,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The addresses with their families in turn, the family of the first one first.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first_family = |address: &&SocketAddr| {
        address.is_ipv4() == addresses.first().is_some_and(SocketAddr::is_ipv4)
    };
    let (first, second): (Vec<&SocketAddr>, Vec<&SocketAddr>) =
        addresses.iter().partition(is_first_family);
    let mut second = second.into_iter();
    let mut interleaved = Vec::with_capacity(addresses.len());
    for address in first {
        interleaved.push(*address);
        interleaved.extend(second.next().copied());
    }
    interleaved.extend(second.copied());
    interleaved
}

async fn happy_eyeballs(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().take(MAX_ATTEMPTS);
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(dial(*address));
        }
        let ended = match waiting.len() {
            0 => attempts.join_next().await,
            _ => match timeout(ATTEMPT_DELAY, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last_error = error,
            Some(Err(panicked)) => last_error = io::Error::other(panicked),
            None => return Err(last_error),
        }
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The delay before the next address is tried in parallel.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The maximum number of addresses that are tried for a name.
const MAX_ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn the_next_address_is_tried_if_one_fails() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        // Port 1 refuses connections. 192.0.2.1 (RFC 5737) does not answer, or is unreachable.
        let refusing = "127.0.0.1:1".parse().unwrap();
        let nowhere = "192.0.2.1:1".parse().unwrap();
        let stream = connect(&[refusing, nowhere, alive], soon()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
    }

    #[test]
    fn families_take_turns() {
        let addresses = ["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "[::1]:1"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        let [a, b, c, d] = addresses;
        assert_eq!(interleaved(&addresses), [a, d, b, c]);
        assert_eq!(interleaved(&[d, a, b]), [d, a, b]);
    }

    #[tokio::test]
    async fn the_last_error_is_returned() {
        let refusing = "127.0.0.1:1".parse().unwrap();
        let error = connect(&[refusing, refusing], soon()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_takes_until_the_deadline() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let full = listener.local_addr().unwrap();
        // The system drops connections once the listener's backlog is full.
        let mut queued = Vec::new();
        let error = loop {
            let deadline = Instant::now() + Duration::from_millis(100);
            match connect(&[full], deadline).await {
                Ok(stream) => queued.push(stream),
                Err(error) => break error,
            }
            assert!(queued.len() < 64, "the queue never filled");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
