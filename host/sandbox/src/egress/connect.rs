//! Connections to addresses that were decided on.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::resolver::ResolveError;
use super::{AddressError, Egress};
use crate::grants::{Peer, ResolvedAddress};

impl Egress {
    /// Connects to a granted peer, for a connection that the guest itself speaks over.
    pub(crate) async fn dial(
        &self,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<TcpStream, DialError> {
        // Before it counts: what is refused says so however often it is tried.
        self.record_if_denied(self.0.grants.permit(peer))
            .map_err(|error| self.dial_error(error))?;
        if !self.take_connection() {
            return Err(DialError::Failed(
                "the run has opened as many connections as its `limits.connections` allow".into(),
            ));
        }
        let addresses = self
            .addresses(peer, deadline)
            .await
            .map_err(|error| match error {
                AddressError::Denied(_) => leads_outside_grants(peer),
                unresolved @ AddressError::Unresolved(_) => self.dial_error(unresolved),
            })?;
        let stream = connect(&addresses, deadline)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => DialError::Timeout,
                io::ErrorKind::ConnectionRefused => DialError::Failed("connection refused".into()),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    DialError::Failed("there is no route to it".into())
                }
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                    DialError::Closed
                }
                // The host's own trouble: no sockets left, no permission.
                _ => DialError::Failed(format!("the host cannot connect: {error}")),
            })?;
        self.permit_connected(peer, &stream)
            .map_err(|_| leads_outside_grants(peer))?;
        Ok(stream)
    }

    /// Holds a connection that stands against the grants once more: where both its ends are one
    /// address it leads to this machine, whatever was known of the address before.
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

    fn dial_error(&self, error: AddressError) -> DialError {
        match error {
            AddressError::Denied(refusal) => DialError::Denied(self.denial_message(&refusal)),
            AddressError::Unresolved(ResolveError::Timeout) => DialError::Timeout,
            AddressError::Unresolved(ResolveError::Failed(reason)) => {
                DialError::Failed(format!("cannot look up the host: {reason}"))
            }
        }
    }
}

/// What a guest is told of a name that leads where nothing is granted. Not the address: the grant
/// does not let it look names up, and a wildcard would let it ask for any.
fn leads_outside_grants(peer: &Peer) -> DialError {
    let kind = peer.channel.kind();
    DialError::Denied(format!(
        "denied: {kind} {peer}, which leads out of what is granted (the refusals of the check say \
         where to)"
    ))
}

/// Why there is no connection to a peer.
#[derive(Debug)]
pub(crate) enum DialError {
    /// It is not granted; the text says what the operator would have to write, or where to read it.
    Denied(String),
    /// There was no answer in time.
    Timeout,
    /// The peer closed it at once.
    Closed,
    /// The reason, for a person.
    Failed(String),
}

/// Connects to the first address that answers, in the order in which the resolver gave them.
///
/// The next address gets its chance when one has failed or has not answered for 250 ms (the
/// recommendation of RFC 8305, section 5). Dropping the future gives up all attempts.
pub(super) async fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let connecting = async {
        match addresses {
            [only] => dial(*only).await,
            several => happy_eyeballs(several).await,
        }
    };
    match timeout_at(deadline.into(), connecting).await {
        Ok(ended) => ended,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
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

/// How long an address is waited for before the next one is tried beside it.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
const MAX_ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn a_dead_address_gives_way_to_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        // Port 1 refuses, and 192.0.2.1 (RFC 5737) goes nowhere or is unreachable at once.
        let refusing = "127.0.0.1:1".parse().unwrap();
        let nowhere = "192.0.2.1:1".parse().unwrap();
        let stream = connect(&[refusing, nowhere, alive], soon()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
    }

    #[tokio::test]
    async fn the_last_failure_is_told() {
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
        // Once the queue of a listener that accepts nobody is full, the system drops what comes.
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
