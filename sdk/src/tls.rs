//! TLS by the host, for protocols over a plain stream: no cryptography in the check, and what the server
//! showed for it to look at.
//!
//! A connection is plain until [`Connection::start_tls`], so that protocols with STARTTLS say their first
//! lines before it. Outside of the host every call answers [`Problem::NoHost`], but in a
//! [`World`](crate::testing::World), where a test says who is there.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//!
//! # fn example(address: Address) -> Result<Outcome> {
//! let mut connection = tls::connect(&address)?;
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
//! let mut smtp = tls::connect(&address)?;
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
use crate::pending::{Pending, Unread, exactly, line_text, up_to};

pub use certificate::{Certificate, Handshake};
pub use error::{Error, Problem};

/// Connects to an address that is granted for TLS; what is left of the run is the time for it.
///
/// Each operation of the connection has what is left of the run then, unless [`Connection::set_timeout`]
/// says otherwise.
pub fn connect(address: &Address) -> Result<Connection, Error> {
    connect_within(address, Duration::MAX)
}

/// Like [`connect`], within `timeout`, which then limits each operation of the connection.
pub fn connect_within(address: &Address, timeout: Duration) -> Result<Connection, Error> {
    let limit = Limit::new(timeout);
    match TlsConnection::connect(address, limit.deadline) {
        Ok(wire) => Ok(Connection {
            wire,
            address: address.clone(),
            timeout,
            pending: Pending::default(),
        }),
        Err(problem) => Err(Error::new("connect to", address, problem, limit)),
    }
}

/// A connection, plain or TLS. A write or a handshake that failed or took too long closes it; a read
/// that took too long can be tried again, and nothing is lost.
///
/// It is a [`std::io::Read`] and [`std::io::Write`] besides, for protocol crates that want one.
#[derive(Debug)]
pub struct Connection {
    wire: TlsConnection,
    address: Address,
    timeout: Duration,
    pending: Pending,
}

impl Connection {
    /// Changes the time that each operation has; [`Duration::MAX`] is what is left of the run.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// What it is connected to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Shakes hands with `name`, which the server is told unless it is an IP address. A certificate that
    /// is not trusted for it is an error, which says why.
    ///
    /// What is trusted is the operator's to say: the machine's roots, or those of `tls.roots`.
    pub fn start_tls(&mut self, name: &str) -> Result<Handshake, Error> {
        self.shake_hands(name, true)
    }

    /// Like [`Connection::start_tls`], but goes on with a certificate that is not trusted:
    /// [`Handshake::verification_error`] has the reason. Nothing that is read then is known to come from
    /// the server that was meant.
    pub fn start_tls_unverified(&mut self, name: &str) -> Result<Handshake, Error> {
        self.shake_hands(name, false)
    }

    fn shake_hands(&mut self, name: &str, verify: bool) -> Result<Handshake, Error> {
        const ACTION: &str = "start TLS with";
        let limit = Limit::new(self.timeout);
        // What came before TLS began was said by nobody knows whom; it must not count as said after.
        if !self.pending.bytes().is_empty() {
            let problem =
                Problem::Failed("the server said more before TLS than it was asked".to_owned());
            return Err(self.error(ACTION, problem, limit));
        }
        self.wire
            .start_tls(name, verify, limit.deadline)
            .map_err(|problem| self.error(ACTION, problem, limit))
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
        if !self.pending.bytes().is_empty() {
            return Ok(self.pending.take(most));
        }
        let limit = Limit::new(self.timeout);
        self.wire
            .read(most, limit.deadline)
            .map_err(|problem| self.error(READ, problem, limit))
    }

    /// What was read ahead and not yet asked for. It costs no wait.
    pub fn buffered(&self) -> &[u8] {
        self.pending.bytes()
    }

    /// Writes all of it.
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

    /// Reads until `done` says how many bytes belong to the answer, over at most `most`.
    fn read_to(
        &mut self,
        most: usize,
        done: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        let wire = &self.wire;
        let more = || wire.read(READ_BYTES, limit.deadline);
        let read = self.pending.read_to(most, done, more);
        read.map_err(|unread| {
            let problem = match unread {
                Unread::TooLong => {
                    Problem::Failed(format!("the answer is longer than {most} bytes"))
                }
                Unread::Ended => Problem::Closed,
                Unread::Failed(problem) => problem,
            };
            self.error(READ, problem, limit)
        })
    }

    fn error(&self, action: &'static str, problem: Problem, limit: Limit) -> Error {
        Error::new(action, &self.address, problem, limit)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.bytes().is_empty() && !buffer.is_empty() {
            let bytes = self.read_some(buffer.len())?;
            self.pending.add(&bytes);
        }
        Ok(self.pending.take_into(buffer))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(WRITE_BYTES)];
        self.write_by(chunk, Limit::new(self.timeout))?;
        Ok(chunk.len())
    }

    /// What was written has been handed to the machine's network already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const READ: &str = "read from";
const WRITE: &str = "write to";
/// What is asked of the host at once; it answers with as much at most.
const READ_BYTES: usize = 16 << 10;
/// What is given to the host at once, well below the limit on one call.
const WRITE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_the_host_it_says_so() {
        let address: Address = "db.internal:5432".parse().unwrap();
        let error = connect(&address).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot connect to db.internal:5432: there is no TLS outside of the host"
        );
        assert!(!error.is_denied() && !error.is_timeout());
    }
}
