//! Datagrams with deadlines.
//!
//! In the host they go to a granted address, and nothing comes from anywhere else; outside of it they are
//! the machine's own, or go to a peer of a test's [`World`](crate::testing::World).

use std::time::Duration;

use crate::Address;
use crate::backend::UdpConnection;
use crate::deadline::Limit;

/// Why datagrams could not be sent or received.
pub use crate::tcp::Error;

/// Makes a socket for datagrams to one of the host's addresses and from it. Nothing is sent yet, and nobody
/// has to be there. `timeout` limits this and each operation of the socket; `Duration::MAX` leaves it to the
/// run's deadline, which holds in any case.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let mut socket = udp::connect(&address, Duration::from_secs(2))?;
/// socket.send(b"ping")?;
/// let answer = socket.receive()?;
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

/// A socket for datagrams to one address. Each operation has the time that was given when connecting, or
/// what is left of the run.
#[derive(Debug)]
pub struct UdpSocket {
    wire: UdpConnection,
    address: Address,
    timeout: Duration,
}

impl UdpSocket {
    /// Changes the time that each operation has.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Where its datagrams go.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a datagram. Whether it arrives, nobody tells.
    pub fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        self.wire
            .send(datagram, limit)
            .map_err(|cause| Error::new("send to", &self.address, &cause, limit).over_udp())
    }

    /// Waits for a datagram from the address. Where nobody listens there the machine may say so, and it is a
    /// refused connection.
    pub fn receive(&mut self) -> Result<Vec<u8>, Error> {
        self.receive_where(|datagram| Some(datagram.to_vec()))
    }

    /// The same for the first datagram that `wanted` makes something of. All that come until then have the
    /// time of one.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.udp("time:123").answers(Peer::new().says("old 1").says("new 2"));
    /// let answer = world.run(|| {
    ///     let mut socket = udp::connect(&"time:123".parse()?, Duration::from_secs(1))?;
    ///     Ok::<_, Error>(socket.receive_where(|bytes| bytes.strip_prefix(b"new ").map(<[u8]>::to_vec))?)
    /// })?;
    /// assert_eq!(answer, b"2");
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

/// More than any datagram holds.
#[cfg(not(target_family = "wasm"))]
pub(crate) const LARGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_datagram_is_answered_and_silence_is_a_timeout() {
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
            format!("cannot read from {address}: nothing within 50ms")
        );
    }

    #[test]
    fn where_nobody_listens_it_is_refused() {
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
