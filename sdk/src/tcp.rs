//! TCP with deadlines.
//!
//! In the host, the host connects to a granted address. Outside the host, the machine's network is
//! used, or a peer of a test's [`World`](crate::testing::World).

mod error;
mod net;

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::Address;
use crate::backend::TcpConnection;
use crate::deadline::Limit;
use crate::read_buffer::{ReadBuffer, ReadError, stream_methods};

pub use error::Error;
pub(crate) use net::NetConnection;

/// Connects to one of the addresses of the host name, tried in order, within `timeout` in total.
///
/// The same `timeout` then limits each operation of the stream. `Duration::MAX` means until the
/// run's deadline, which always applies. Outside the host the look-up of a name does not observe
/// the timeout.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let mut stream = tcp::connect(&address, Duration::from_secs(2))?;
/// stream.write_all(b"PING\r\n")?;
/// let reply = stream.read_line(1024)?;
/// # Ok(())
/// # }
/// ```
pub fn connect(address: &Address, timeout: Duration) -> Result<TcpStream, Error> {
    let limit = Limit::new(timeout);
    Ok(TcpStream {
        wire: TcpConnection::connect(address, limit)?,
        address: address.clone(),
        timeout,
        read_ahead: ReadBuffer::default(),
    })
}

/// A connection. Each operation is limited by the timeout given when connecting, and by the run's
/// deadline.
///
/// It also implements [`std::io::Read`] and [`std::io::Write`], for protocol crates.
#[derive(Debug)]
pub struct TcpStream {
    wire: TcpConnection,
    address: Address,
    timeout: Duration,
    /// Read from the wire but not yet consumed.
    read_ahead: ReadBuffer,
}

impl TcpStream {
    stream_methods!();

    /// Reads at most `most` bytes as soon as some are available. Returns none at the end of the
    /// stream.
    pub fn read_some(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        if self.read_ahead.bytes().is_empty() {
            return read_chunk(&mut self.wire, limit, most)
                .map_err(|error| self.error("read from", &error, limit));
        }
        Ok(self.read_ahead.take(most))
    }

    /// Writes all bytes.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.wire.write(rest, limit) {
                Ok(0) => return Err(self.error("write to", &ErrorKind::WriteZero.into(), limit)),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error("write to", &error, limit)),
            }
        }
        Ok(())
    }

    /// Shuts down the writing side.
    pub fn finish(&mut self) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        self.wire
            .finish()
            .map_err(|error| self.error("write to", &error, limit))
    }

    /// Reads until `done` returns the length of the message, over at most `most` bytes.
    fn read_to(
        &mut self,
        most: usize,
        done: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        let wire = &mut self.wire;
        let read = self
            .read_ahead
            .read_to(most, done, || read_chunk(wire, limit, CHUNK));
        read.map_err(|unread| match unread {
            ReadError::TooLong => Error::too_long(&self.address, most),
            ReadError::Ended => self.error("read from", &ErrorKind::UnexpectedEof.into(), limit),
            ReadError::Failed(error) => self.error("read from", &error, limit),
        })
    }

    fn error(&self, action: &'static str, error: &io::Error, limit: Limit) -> Error {
        Error::new(action, &self.address, error, limit)
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read_ahead.bytes().is_empty() {
            return self.wire.read(buffer, Limit::new(self.timeout));
        }
        Ok(self.read_ahead.take_into(buffer))
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes, Limit::new(self.timeout))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }
}

/// Reads once, at most `most` bytes.
fn read_chunk(wire: &mut TcpConnection, limit: Limit, most: usize) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; most.min(CHUNK)];
    loop {
        match wire.read(&mut chunk, limit) {
            Ok(count) => {
                chunk.truncate(count);
                return Ok(chunk);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    #![expect(
        clippy::disallowed_methods,
        reason = "the servers run on threads of their own"
    )]

    use super::*;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    /// Starts a server for one connection.
    fn server(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = to_address(listener.local_addr().unwrap());
        thread::spawn(move || serve(listener.accept().unwrap().0));
        address
    }

    fn to_address(address: SocketAddr) -> Address {
        address.to_string().parse().unwrap()
    }

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn bytes_read_ahead_are_not_lost() {
        let address = server(|mut peer| {
            peer.write_all(b"220 hello\r\n250-a\r\n250 b\r\nrest")
                .unwrap();
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.read_line(64).unwrap(), "220 hello");
        assert_eq!(
            stream.read_until(b"250 b\r\n", 64).unwrap(),
            b"250-a\r\n250 b\r\n"
        );
        assert_eq!(stream.read_exact(2).unwrap(), b"re");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "st");
    }

    #[test]
    fn a_terminator_in_two_pieces_is_found() {
        let address = server(|mut peer| {
            for piece in [&b"abc\r"[..], b"\n", b"d"] {
                peer.write_all(piece).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.read_until(b"\r\n", 5).unwrap(), b"abc\r\n");
        let error = stream.read_until(b"\r\n", 5).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("the peer closed the connection"),
            "{error}"
        );
    }

    #[test]
    fn an_endless_response_stops_at_the_limit() {
        let address = server(|mut peer| while peer.write_all(b"xxxx").is_ok() {});
        let mut stream = connect(&address, SOON).unwrap();
        let error = stream.read_until(b"\n", 100).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("the response is longer than 100 bytes"),
            "{error}"
        );
    }

    #[test]
    fn a_trickle_of_bytes_does_not_extend_the_deadline() {
        let address = server(|mut peer| {
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut stream = connect(&address, SOON).unwrap();
        stream.set_timeout(Duration::from_millis(150));
        let started = std::time::Instant::now();
        let error = stream.read_line(1 << 20).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(
            error.to_string(),
            format!("cannot read from {address}: timed out after 150ms")
        );
    }

    #[test]
    fn a_closed_port_is_a_refused_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = to_address(listener.local_addr().unwrap());
        drop(listener);
        let error = connect(&address, SOON).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {address}: connection refused")
        );
    }
}
