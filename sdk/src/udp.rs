//! Datagrams with deadlines.
//!
//! In the host, datagrams go to a granted address and are received only from there. Outside the
//! host, the machine's network is used, or a peer of a test's [`World`](crate::testing::World).

use std::time::Duration;

use crate::Address;
use crate::backend::UdpConnection;
use crate::deadline::Limit;

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
    let wire = UdpConnection::connect(address, Limit::new(timeout)).map_err(Error::over_udp)?;
    Ok(UdpSocket {
        wire,
        address: address.clone(),
        timeout,
    })
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
            .map_err(|cause| Error::new("send to", &self.address, &cause, limit).over_udp())
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
            let datagram = self.wire.receive(limit).map_err(|cause| {
                Error::new("read from", &self.address, &cause, limit).over_udp()
            })?;
            if let Some(made) = wanted(&datagram) {
                return Ok(made);
            }
        }
    }
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
