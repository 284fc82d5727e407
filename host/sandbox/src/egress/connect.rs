//! Connects to addresses that the grants permit.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::resolver::ResolveError;
use super::{AddressError, ConnectionError, Egress};
use crate::grants::{Peer, ResolvedAddress};

impl Egress {
    /// Connects to a granted peer on behalf of `vitals:health/tls`.
    pub(crate) async fn dial(
        &self,
        peer: &Peer,
        deadline: Instant,
    ) -> Result<TcpStream, ConnectionError> {
        // Before the connection is counted, so that a denied peer is always reported as denied.
        self.record_if_denied(self.0.grants.permit(peer))
            .map_err(|error| self.dial_error(error))?;
        if !self.take_connection() {
            return Err(ConnectionError::Failed(
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
                io::ErrorKind::TimedOut => ConnectionError::Timeout,
                io::ErrorKind::ConnectionRefused => {
                    ConnectionError::Failed("connection refused".into())
                }
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    ConnectionError::Failed("there is no route to it".into())
                }
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                    ConnectionError::Closed
                }
                // A problem of the host: no sockets left, no permission.
                _ => ConnectionError::Failed(format!("the host cannot connect: {error}")),
            })?;
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

    fn dial_error(&self, error: AddressError) -> ConnectionError {
        match error {
            AddressError::Denied(denial) => ConnectionError::Denied(self.denial_message(&denial)),
            AddressError::Unresolved(ResolveError::Timeout) => ConnectionError::Timeout,
            AddressError::Unresolved(ResolveError::Failed(reason)) => {
                ConnectionError::Failed(format!("cannot look up the host: {reason}"))
            }
        }
    }
}

/// The message for a name that leads to an address without a grant. It leaves out the address: the
/// grant does not allow lookups, and with a wildcard the guest could ask for any name.
fn leads_outside_grants(peer: &Peer) -> ConnectionError {
    let kind = peer.channel.kind();
    ConnectionError::Denied(format!(
        "denied: {kind} {peer}, which leads outside the check's grants (its denials say where to)"
    ))
}

/// Connects to the first address that answers, in the order of the resolver.
///
/// The next address is tried when one has failed or has not answered for 250 ms (the recommendation
/// of RFC 8305, section 5). Dropping the future cancels all attempts.
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
