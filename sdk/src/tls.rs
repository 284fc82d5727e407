//! TLS by the host, for protocols over a plain stream. The check needs no cryptography, and can
//! inspect the server's certificates.
//!
//! A connection is plain until [`Connection::start_tls`], so that a protocol with STARTTLS can
//! exchange its first lines before. Outside the host every call returns [`Problem::NoHost`]. In a
//! [`World`](crate::testing::World) a test defines the peers.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//!
//! # fn example(address: Address) -> Result<Outcome> {
//! let mut connection = tls::connect(&address, Duration::from_secs(5))?;
//! let handshake = connection.start_tls(address.host())?;
//! let days = handshake.leaf().map_or(0, tls::Certificate::days_left);
//! Ok(if days < 14 {
//!     Outcome::degraded(format!("the certificate expires in {days} days"))
//! } else {
//!     Outcome::healthy("")
//! })
//! # }
//! ```
//!
//! The same over SMTP:
//!
//! ```no_run
//! # use vitals_sdk::prelude::*;
//! # fn example(address: Address) -> Result<()> {
//! let mut smtp = tls::connect(&address, Duration::from_secs(5))?;
//! smtp.read_line(512)?;
//! smtp.write_all(b"EHLO vitals\r\n")?;
//! while smtp.read_line(512)?.starts_with("250-") {}
//! smtp.write_all(b"STARTTLS\r\n")?;
//! smtp.read_line(512)?;
//! smtp.start_tls(address.host())?;
//! smtp.write_all(b"QUIT\r\n")?;
//! # Ok(())
//! # }
//! ```

mod certificate;
mod error;

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::Address;
use crate::backend::TlsConnection;
use crate::deadline::Limit;
use crate::read_buffer::{ReadBuffer, ReadError, stream_methods};

pub use certificate::{Certificate, Handshake};
pub use error::{Error, Problem};

/// Connects to an address that is granted for TLS, within `timeout`.
///
/// The same `timeout` then limits each operation of the connection. `Duration::MAX` means until the
/// run's deadline, which always applies.
pub fn connect(address: &Address, timeout: Duration) -> Result<Connection, Error> {
    let limit = Limit::new(timeout);
    match TlsConnection::connect(address, limit.deadline) {
        Ok(wire) => Ok(Connection {
            wire,
            address: address.clone(),
            timeout,
            read_ahead: ReadBuffer::default(),
        }),
        Err(problem) => Err(Error::on("connect to", address, problem, limit)),
    }
}

/// A connection, plain or TLS. A write or a handshake that fails or times out closes it. A read
/// that times out can be repeated without losing data.
///
/// It also implements [`std::io::Read`] and [`std::io::Write`], for protocol crates.
#[derive(Debug)]
pub struct Connection {
    wire: TlsConnection,
    address: Address,
    timeout: Duration,
    read_ahead: ReadBuffer,
}

impl Connection {
    stream_methods!();

    /// Does a TLS handshake for `name`, which is sent to the server unless it is an IP address. A
    /// certificate that is not trusted for the name is an error with the reason.
    ///
    /// The operator defines which roots are trusted: the machine's, or those of `tls.roots`.
    pub fn start_tls(&mut self, name: &str) -> Result<Handshake, Error> {
        self.handshake(name, true)
    }

    /// Like [`Connection::start_tls`], but continues with a certificate that is not trusted:
    /// [`Handshake::verification_error`] has the reason. Data read afterwards may come from any
    /// server.
    pub fn start_tls_unverified(&mut self, name: &str) -> Result<Handshake, Error> {
        self.handshake(name, false)
    }

    fn handshake(&mut self, name: &str, verify: bool) -> Result<Handshake, Error> {
        const ACTION: &str = "start TLS with";
        let limit = Limit::new(self.timeout);
        // Bytes received before TLS are not authenticated and must not count as received over TLS.
        if !self.read_ahead.bytes().is_empty() {
            let problem =
                Problem::Failed("the server sent data before the TLS handshake".to_owned());
            return Err(self.error(ACTION, problem, limit));
        }
        self.wire
            .start_tls(name, verify, limit.deadline)
            .map_err(|problem| self.error(ACTION, problem, limit))
    }

    /// Reads at most `most` bytes as soon as some are available. Returns none at the end of the
    /// stream.
    pub fn read_some(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        if !self.read_ahead.bytes().is_empty() {
            return Ok(self.read_ahead.take(most));
        }
        let limit = Limit::new(self.timeout);
        self.wire
            .read(most, limit.deadline)
            .map_err(|problem| self.error(READ, problem, limit))
    }

    /// Writes all bytes.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = Limit::new(self.timeout);
        for chunk in bytes.chunks(WRITE_BYTES) {
            self.write_by(chunk, limit)?;
        }
        Ok(())
    }

    fn write_by(&self, bytes: &[u8], limit: Limit) -> Result<(), Error> {
        self.wire
            .write(bytes, limit.deadline)
            .map_err(|problem| self.error(WRITE, problem, limit))
    }

    /// Reads until `done` returns the length of the message, over at most `most` bytes.
    fn read_to(
        &mut self,
        most: usize,
        done: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        let wire = &self.wire;
        let more = || wire.read(READ_BYTES, limit.deadline);
        let read = self.read_ahead.read_to(most, done, more);
        read.map_err(|unread| {
            let problem = match unread {
                ReadError::TooLong => {
                    Problem::Failed(format!("the response is longer than {most} bytes"))
                }
                ReadError::Ended => Problem::Closed,
                ReadError::Failed(problem) => problem,
            };
            self.error(READ, problem, limit)
        })
    }

    fn error(&self, action: &'static str, problem: Problem, limit: Limit) -> Error {
        Error::on(action, &self.address, problem, limit)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read_ahead.bytes().is_empty() && !buffer.is_empty() {
            let bytes = self.read_some(buffer.len())?;
            self.read_ahead.add(&bytes);
        }
        Ok(self.read_ahead.take_into(buffer))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(WRITE_BYTES)];
        self.write_by(chunk, Limit::new(self.timeout))?;
        Ok(chunk.len())
    }

    /// Written data has already been passed to the machine's network.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const READ: &str = "read from";
const WRITE: &str = "write to";
/// Bytes requested from the host per call; the host returns at most as many.
const READ_BYTES: usize = 16 << 10;
/// Bytes passed to the host per call, well below the limit on one call.
const WRITE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation_error::NO_HOST;

    #[test]
    fn tls_outside_the_host_is_an_error() {
        let address: Address = "db.internal:5432".parse().unwrap();
        let error = connect(&address, Duration::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to db.internal:5432: {NO_HOST}")
        );
        assert!(!error.is_denied() && !error.is_timeout());
    }
}
