//! Datagrams with deadlines.
//!
//! In the host, datagrams go to a granted address and are received only from there. Outside the
//! host, the machine's network is used, or a peer of a test's [`World`](crate::testing::World).

use std::time::Duration;

use crate::Address;
use crate::backend::{self, UdpConnection};
use crate::deadline::Limit;
use crate::net::{Failed, Failure, Family};

/// Why datagrams could not be sent or received.
pub use crate::tcp::Error;

/// Opens a socket for datagrams to and from one of the addresses of the host name. It sends
/// nothing, and no peer needs to listen. `timeout` limits this and each operation of the socket;
/// `Duration::MAX` means until the run's deadline, which always applies.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let mut socket = udp::connect(&address, Duration::from_secs(2))?;
/// socket.send(b"ping")?;
/// let reply = socket.receive()?;
/// # Ok(())
/// # }
/// ```
pub fn connect(address: &Address, timeout: Duration) -> Result<UdpSocket, Error> {
    let limit = Limit::new(timeout);
    match UdpConnection::connect(address, limit) {
        Ok(wire) => Ok(UdpSocket {
            wire,
            address: address.clone(),
            timeout,
        }),
        Err(failure) => Err(error("connect to", address, failure, limit)),
    }
}

/// Sends a datagram and waits for replies from the same address, in one call of the host. Where
/// none comes, it is sent again, and then to the next address of the host name. No reply at all is
/// a timeout. `timeout` limits all of that; `Duration::MAX` means until the run's deadline, which
/// always applies.
///
/// Anybody can send a datagram with a forged address. Check that a reply belongs to what was sent.
///
/// ```
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::{Peer, World};
///
/// let world = World::new();
/// world.udp("time:123").responds(Peer::new().expects("ping").sends("pong"));
/// let replies = world.run(|| {
///     let options = udp::Options::default();
///     udp::exchange(&"time:123".parse()?, b"ping", &options, Duration::from_secs(1))
///         .context("no time")
/// })?;
/// assert_eq!(replies[0].bytes, b"pong");
/// # Ok::<(), Error>(())
/// ```
pub fn exchange(
    address: &Address,
    datagram: &[u8],
    options: &Options,
    timeout: Duration,
) -> Result<Vec<Reply>, Error> {
    let limit = Limit::new(timeout);
    backend::exchange_datagrams(address, datagram, options, limit).map_err(|failure| {
        let action = match failure {
            Failure::Denied(_) | Failure::NotResolved(_) | Failure::Unreachable => "send to",
            _ => "read from",
        };
        error(action, address, failure, limit)
    })
}

/// How a datagram is sent, and how many replies are wanted, for [`exchange`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The addresses that it may be sent to.
    pub family: Family,
    /// How often each address is asked, 1 to 10 times. The timeout is divided evenly.
    pub attempts: u8,
    /// How many replies to wait for, at most 16. With 0 the datagram is only sent, once.
    pub replies: u8,
}

/// One attempt at each address, and one reply.
impl Default for Options {
    fn default() -> Self {
        Self {
            family: Family::Any,
            attempts: 1,
            replies: 1,
        }
    }
}

/// A datagram that was received by [`exchange`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The content.
    pub bytes: Vec<u8>,
    /// The address and port that it came from.
    pub address: String,
    /// The time since the datagram was sent.
    pub time: Duration,
}

/// A socket for datagrams to one address. Each operation is limited by the timeout given when
/// connecting, and by the run's deadline.
#[derive(Debug)]
pub struct UdpSocket {
    wire: UdpConnection,
    address: Address,
    timeout: Duration,
}

impl UdpSocket {
    /// Changes the timeout of each operation.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Returns the address of the peer.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a datagram. UDP does not report whether it arrives.
    pub fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        self.wire
            .send(datagram, limit)
            .map_err(|failure| error("send to", &self.address, failure, limit))
    }

    /// Waits for a datagram from the address. If the port is closed, the machine may report that as
    /// a refused connection.
    pub fn receive(&mut self) -> Result<Vec<u8>, Error> {
        self.receive_where(|datagram| Some(datagram.to_vec()))
    }

    /// Waits for the first datagram for which `wanted` returns a value. All datagrams until then
    /// share one timeout.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.udp("time:123").responds(Peer::new().sends("old 1").sends("new 2"));
    /// let reply = world.run(|| {
    ///     let mut socket = udp::connect(&"time:123".parse()?, Duration::from_secs(1))?;
    ///     Ok::<_, Error>(socket.receive_where(|bytes| bytes.strip_prefix(b"new ").map(<[u8]>::to_vec))?)
    /// })?;
    /// assert_eq!(reply, b"2");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn receive_where<T>(
        &mut self,
        mut wanted: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let limit = Limit::new(self.timeout);
        loop {
            let datagram = self.wire.receive(limit);
            let datagram =
                datagram.map_err(|failure| error("read from", &self.address, failure, limit))?;
            if let Some(made) = wanted(&datagram) {
                return Ok(made);
            }
        }
    }
}

fn error(action: &'static str, address: &Address, failure: Failure, limit: Limit) -> Error {
    let failed = Failed {
        action,
        failure,
        limit,
    };
    Error::of(address, failed)
}

/// Makes the failure of a datagram that is not granted: sockets have no place for a text.
pub(crate) fn denied(address: &Address) -> Failure {
    Failure::Denied(format!(
        "denied: udp {address} (add it to `allow.udp` of the check)"
    ))
}

/// Larger than any datagram.
#[cfg(not(target_family = "wasm"))]
pub(crate) const LARGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_datagram_is_answered_and_no_reply_is_a_timeout() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address: Address = server.local_addr().unwrap().to_string().parse().unwrap();
        let mut socket = connect(&address, Duration::from_secs(5)).unwrap();
        socket.send(b"ping").unwrap();
        let mut bytes = [0; 16];
        let (length, from) = server.recv_from(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"ping");
        server.send_to(b"pong", from).unwrap();
        assert_eq!(socket.receive().unwrap(), b"pong");

        socket.set_timeout(Duration::from_millis(50));
        let error = socket.receive().unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(
            error.to_string(),
            format!("cannot read from {address}: timed out after 50ms")
        );
    }

    #[test]
    fn an_exchange_sends_again_and_returns_replies() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address: Address = server.local_addr().unwrap().to_string().parse().unwrap();
        let ask = |attempts, replies, timeout| {
            let options = Options {
                attempts,
                replies,
                ..Options::default()
            };
            exchange(&address, b"ping", &options, Duration::from_millis(timeout))
        };
        assert_eq!(ask(1, 0, 5_000).unwrap(), []);
        let error = ask(2, 1, 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read from {address}: timed out after 100ms")
        );
        let serving = std::thread::spawn(move || {
            let mut bytes = [0; 16];
            // One datagram for no reply, two of which none was answered, and the first one that is
            // lost.
            for _ in 0..4 {
                server.recv_from(&mut bytes).unwrap();
            }
            let (_, from) = server.recv_from(&mut bytes).unwrap();
            server.send_to(b"one", from).unwrap();
            server.send_to(b"two", from).unwrap();
        });
        let replies = ask(2, 2, 2_000).unwrap();
        serving.join().unwrap();
        assert_eq!(
            (&*replies[0].bytes, &*replies[1].bytes),
            (&b"one"[..], &b"two"[..])
        );
        assert_eq!(replies[0].address, address.to_string());
        assert!(replies[0].time < Duration::from_secs(1));
        let other = Options {
            family: Family::Ipv6,
            ..Options::default()
        };
        let error = exchange(&address, b"ping", &other, Duration::MAX).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }

    #[test]
    fn a_closed_port_is_a_refused_connection() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address: Address = server.local_addr().unwrap().to_string().parse().unwrap();
        drop(server);
        let mut socket = connect(&address, Duration::from_secs(5)).unwrap();
        socket.send(b"ping").unwrap();
        let error = socket.receive().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read from {address}: connection refused")
        );
    }
}
