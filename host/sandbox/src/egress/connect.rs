//! Connections to addresses that were decided on.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::resolver::ResolveError;
use super::{Egress, NoWay};
use crate::grants::{Peer, Resolved};

impl Egress {
    /// Connects to a granted peer, for a connection that the guest itself speaks over.
    pub(crate) async fn dial(&self, peer: &Peer, until: Instant) -> Result<TcpStream, Unreached> {
        // Before it counts: what is refused says so however often it is tried.
        self.granted(self.0.grants.permit(peer))
            .map_err(|no_way| self.unreached(no_way))?;
        if !self.spend_connection() {
            return Err(Unreached::Failed(
                "the run has opened as many connections as its `limits.connections` allow".into(),
            ));
        }
        let addresses = self
            .addresses(peer, until)
            .await
            .map_err(|no_way| match no_way {
                NoWay::Denied(_) => led_away(peer),
                unresolved @ NoWay::Unresolved(_) => self.unreached(unresolved),
            })?;
        let stream = connect(&addresses, until)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => Unreached::Timeout,
                io::ErrorKind::ConnectionRefused => Unreached::Failed("connection refused".into()),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    Unreached::Failed("there is no route to it".into())
                }
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                    Unreached::Closed
                }
                // The host's own trouble: no sockets left, no permission.
                _ => Unreached::Failed(format!("the host cannot connect: {error}")),
            })?;
        self.permit_connected(peer, &stream)
            .map_err(|_| led_away(peer))?;
        Ok(stream)
    }

    /// Holds a connection that stands against the grants once more: where both its ends are one
    /// address it leads to this machine, whatever was known of the address before.
    pub(super) fn permit_connected(&self, peer: &Peer, stream: &TcpStream) -> Result<(), NoWay> {
        let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else {
            return Ok(());
        };
        let resolved = Resolved::new(there.ip().to_canonical(), |_| here.ip() == there.ip());
        self.granted(self.0.grants.permit_address(peer, resolved))
    }

    fn unreached(&self, no_way: NoWay) -> Unreached {
        match no_way {
            NoWay::Denied(refusal) => Unreached::Denied(self.words(&refusal)),
            NoWay::Unresolved(ResolveError::Timeout) => Unreached::Timeout,
            NoWay::Unresolved(ResolveError::Failed(reason)) => {
                Unreached::Failed(format!("cannot look up the host: {reason}"))
            }
        }
    }
}

/// What a guest is told of a name that leads where nothing is granted. Not the address: the grant
/// does not let it look names up, and a wildcard would let it ask for any.
fn led_away(peer: &Peer) -> Unreached {
    let kind = peer.channel.kind();
    Unreached::Denied(format!(
        "denied: {kind} {peer}, which leads out of what is granted (the refusals of the check say \
         where to)"
    ))
}

/// Why there is no connection to a peer.
#[derive(Debug)]
pub(crate) enum Unreached {
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
pub(super) async fn connect(addresses: &[SocketAddr], until: Instant) -> io::Result<TcpStream> {
    let connecting = async {
        match addresses {
            [only] => dial(*only).await,
            several => race(several).await,
        }
    };
    match timeout_at(until.into(), connecting).await {
        Ok(ended) => ended,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().take(MAX_ATTEMPTS);
    let mut attempts = JoinSet::new();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(dial(*address));
        }
        let ended = match waiting.len() {
            0 => attempts.join_next().await,
            _ => match timeout(HEAD_START, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failed = error,
            Some(Err(panicked)) => failed = io::Error::other(panicked),
            None => return Err(failed),
        }
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How long an address is waited for before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
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
            let until = Instant::now() + Duration::from_millis(100);
            match connect(&[full], until).await {
                Ok(stream) => queued.push(stream),
                Err(error) => break error,
            }
            assert!(queued.len() < 64, "the queue never filled");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
