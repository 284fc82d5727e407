//! TCP with deadlines.
//!
//! In the host the connection is made by the host, to a granted address; outside of it, it is the
//! machine's own, or goes to a peer of a test's [`World`](crate::testing::World).

mod error;
mod net;

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::Address;
use crate::backend::TcpConnection;
use crate::deadline::Limit;
use crate::pending::{Pending, Unread, exactly, line_text, up_to};

pub use error::Error;
pub(crate) use net::NetConnection;

/// Connects to one of the host's addresses, tried in their order, within `timeout` altogether.
///
/// The same `timeout` then limits each operation of the stream; `Duration::MAX` leaves it to the run's
/// deadline, which holds in any case. Outside of the host the look-up of a name takes what it takes.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let mut stream = tcp::connect(&address, Duration::from_secs(2))?;
/// stream.write_all(b"PING\r\n")?;
/// let answer = stream.read_line(1024)?;
/// # Ok(())
/// # }
/// ```
pub fn connect(address: &Address, timeout: Duration) -> Result<TcpStream, Error> {
    let limit = Limit::new(timeout);
    Ok(TcpStream {
        wire: TcpConnection::connect(address, limit)?,
        address: address.clone(),
        timeout,
        pending: Pending::default(),
    })
}

/// A connection. Each operation has the time that was given when connecting, or what is left of the run.
///
/// It is a [`std::io::Read`] and [`std::io::Write`] besides, for protocol crates that want one.
#[derive(Debug)]
pub struct TcpStream {
    wire: TcpConnection,
    address: Address,
    timeout: Duration,
    /// Read, but not yet asked for.
    pending: Pending,
}

impl TcpStream {
    /// Changes the time that each operation has.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// What it is connected to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Reads exactly so many bytes. An end before that is an error.
    pub fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        self.read_to(count, exactly(count))
    }

    /// Reads to `end` and with it, over at most `limit` bytes. It is an error if `end` is not within them, or
    /// the stream is over before it.
    pub fn read_until(&mut self, end: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
        self.read_to(limit, up_to(end))
    }

    /// Reads a line of at most `limit` bytes. The answer is without its line break; bytes that are not
    /// UTF-8 are replaced.
    pub fn read_line(&mut self, limit: usize) -> Result<String, Error> {
        Ok(line_text(&self.read_until(b"\n", limit)?))
    }

    /// Reads what there is, at most `most` bytes, as soon as there is any; nothing at the end of the stream.
    pub fn read_some(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        if self.pending.bytes().is_empty() {
            return read_chunk(&mut self.wire, limit, most)
                .map_err(|error| self.error("read from", &error, limit));
        }
        Ok(self.pending.take(most))
    }

    /// What was read ahead and not yet asked for. It costs no wait.
    pub fn buffered(&self) -> &[u8] {
        self.pending.bytes()
    }

    /// Writes all of it.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.write_by(limit, rest) {
                Ok(0) => return Err(self.error("write to", &ErrorKind::WriteZero.into(), limit)),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error("write to", &error, limit)),
            }
        }
        Ok(())
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        self.wire
            .finish()
            .map_err(|error| self.error("write to", &error, limit))
    }

    /// Reads until `done` says how many bytes belong to the answer, over at most `most`.
    fn read_to(
        &mut self,
        most: usize,
        done: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        let wire = &mut self.wire;
        let read = self
            .pending
            .read_to(most, done, || read_chunk(wire, limit, CHUNK));
        read.map_err(|unread| match unread {
            Unread::TooLong => Error::too_long(&self.address, most),
            Unread::Ended => self.error("read from", &ErrorKind::UnexpectedEof.into(), limit),
            Unread::Failed(error) => self.error("read from", &error, limit),
        })
    }

    fn write_by(&mut self, limit: Limit, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes, limit)
    }

    fn error(&self, action: &'static str, error: &io::Error, limit: Limit) -> Error {
        Error::new(action, &self.address, error, limit)
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.bytes().is_empty() {
            return self.wire.read(buffer, Limit::new(self.timeout));
        }
        Ok(self.pending.take_into(buffer))
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(Limit::new(self.timeout), bytes)
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
        reason = "the servers sleep on threads of their own"
    )]

    use super::*;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    /// A server for one connection.
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
    fn what_is_read_ahead_is_not_lost() {
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
    fn an_end_that_comes_in_two_pieces_is_found() {
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
                .ends_with("the other side closed the connection"),
            "{error}"
        );
    }

    #[test]
    fn an_answer_without_end_stops_at_the_limit() {
        let address = server(|mut peer| while peer.write_all(b"xxxx").is_ok() {});
        let mut stream = connect(&address, SOON).unwrap();
        let error = stream.read_until(b"\n", 100).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("the answer is longer than 100 bytes"),
            "{error}"
        );
    }

    #[test]
    fn a_slow_drip_does_not_stretch_the_deadline() {
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
            format!("cannot read from {address}: nothing within 150ms")
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
