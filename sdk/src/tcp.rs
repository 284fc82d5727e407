//! TCP with deadlines, over `std::net` on every target.
//!
//! In the host the connection is made by the host, to a granted address; outside of it, it is the
//! machine's own.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::Address;
use crate::deadline::Limit;
use crate::duration::duration_text;
use crate::pending::{Pending, Unread, exactly, line_text, up_to};

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
    let found: Vec<SocketAddr> = (address.host(), address.port())
        .to_socket_addrs()
        .map_err(|cause| Error::lookup(address, &cause))?
        .collect();
    let mut last = None;
    for (index, candidate) in found.iter().enumerate() {
        // One that swallows packets leaves time for those after it.
        let untried = u32::try_from(found.len() - index).unwrap_or(u32::MAX);
        let share = limit.deadline.remaining() / untried;
        if share.is_zero() {
            last.get_or_insert(io::Error::from(ErrorKind::TimedOut));
            break;
        }
        match attempt(candidate, share) {
            Ok(stream) => return Ok(TcpStream::new(stream, address, timeout)),
            Err(cause) => last = Some(cause),
        }
    }
    Err(last.map_or_else(
        || Error::no_address(address),
        |cause| Error::new("connect to", address, &cause, limit),
    ))
}

fn attempt(address: &SocketAddr, timeout: Duration) -> io::Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect_timeout(address, timeout)?;
    // On wasm32-wasip2 a connection that was refused while it was waited for comes back as `Ok`.
    match stream.take_error()? {
        Some(error) => Err(error),
        None => stream.peer_addr().map(|_| stream),
    }
}

/// A connection. Each operation has the time that was given when connecting, or what is left of the run.
///
/// It is a [`std::io::Read`] and [`std::io::Write`] besides, for protocol crates that want one.
#[derive(Debug)]
pub struct TcpStream {
    stream: std::net::TcpStream,
    address: Address,
    timeout: Duration,
    /// Read, but not yet asked for.
    pending: Pending,
}

impl TcpStream {
    fn new(stream: std::net::TcpStream, address: &Address, timeout: Duration) -> Self {
        // Where there is no such switch, small writes go out at once anyway or a little later.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            address: address.clone(),
            timeout,
            pending: Pending::default(),
        }
    }

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
            return read_chunk(&mut self.stream, limit, most)
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
        self.stream
            .shutdown(Shutdown::Write)
            .map_err(|error| self.error("write to", &error, limit))
    }

    /// Reads until `done` says how many bytes belong to the answer, over at most `most`.
    fn read_to(
        &mut self,
        most: usize,
        done: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Error> {
        let limit = Limit::new(self.timeout);
        let stream = &mut self.stream;
        let read = self
            .pending
            .read_to(most, done, || read_chunk(stream, limit, CHUNK));
        read.map_err(|unread| match unread {
            Unread::TooLong => Error::too_long(&self.address, most),
            Unread::Ended => self.error("read from", &ErrorKind::UnexpectedEof.into(), limit),
            Unread::Failed(error) => self.error("read from", &error, limit),
        })
    }

    fn write_by(&mut self, limit: Limit, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(limit)?))?;
        self.stream.write(bytes)
    }

    fn error(&self, action: &'static str, error: &io::Error, limit: Limit) -> Error {
        Error::new(action, &self.address, error, limit)
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.bytes().is_empty() {
            return read_by(&mut self.stream, Limit::new(self.timeout), buffer);
        }
        Ok(self.pending.take_into(buffer))
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(Limit::new(self.timeout), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection that did not come about, or broke: `cannot connect to db:5432: connection refused`.
#[derive(Debug)]
pub struct Error {
    action: &'static str,
    address: Address,
    kind: ErrorKind,
    problem: String,
}

impl Error {
    fn new(action: &'static str, address: &Address, error: &io::Error, limit: Limit) -> Self {
        let problem = match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                format!("nothing within {}", duration_text(limit.shown))
            }
            ErrorKind::PermissionDenied => format!("denied: tcp {address} (it is not granted)"),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                "the connection was broken by the other side".to_owned()
            }
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => {
                "the other side closed the connection".to_owned()
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                "there is no route to it".to_owned()
            }
            _ => error.to_string(),
        };
        Self {
            action,
            address: address.clone(),
            kind: error.kind(),
            problem,
        }
    }

    fn lookup(address: &Address, error: &io::Error) -> Self {
        let text = error.to_string();
        let problem = if error.kind() == ErrorKind::PermissionDenied {
            format!("denied: tcp {address} (it is not granted)")
        } else {
            format!(
                "cannot look up the host: {}",
                text.strip_prefix(LOOKUP).unwrap_or(&text)
            )
        };
        Self {
            action: "connect to",
            address: address.clone(),
            kind: error.kind(),
            problem,
        }
    }

    fn no_address(address: &Address) -> Self {
        let problem = "the host has no address".to_owned();
        Self {
            action: "connect to",
            address: address.clone(),
            kind: ErrorKind::NotFound,
            problem,
        }
    }

    fn too_long(address: &Address, limit: usize) -> Self {
        let problem = format!("the answer is longer than {limit} bytes");
        Self {
            action: "read from",
            address: address.clone(),
            kind: ErrorKind::InvalidData,
            problem,
        }
    }

    /// The kind of it, as `std` has them. A timeout is always `TimedOut`.
    pub fn kind(&self) -> ErrorKind {
        if self.is_timeout() {
            ErrorKind::TimedOut
        } else {
            self.kind
        }
    }

    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut | ErrorKind::WouldBlock)
    }

    /// Whether the operator has not granted it.
    pub fn is_denied(&self) -> bool {
        self.kind == ErrorKind::PermissionDenied
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.action, self.address, self.problem
        )
    }
}

impl std::error::Error for Error {}

/// The time left; none left is a timeout, as a timeout of zero means none at all to `std`.
fn left(limit: Limit) -> io::Result<Duration> {
    Some(limit.deadline.remaining())
        .filter(|remaining| !remaining.is_zero())
        .ok_or_else(|| ErrorKind::TimedOut.into())
}

/// Reads once, at most `most` bytes.
fn read_chunk(stream: &mut std::net::TcpStream, limit: Limit, most: usize) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; most.min(CHUNK)];
    loop {
        match read_by(stream, limit, &mut chunk) {
            Ok(count) => {
                chunk.truncate(count);
                return Ok(chunk);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn read_by(stream: &mut std::net::TcpStream, limit: Limit, buffer: &mut [u8]) -> io::Result<usize> {
    stream.set_read_timeout(Some(left(limit)?))?;
    stream.read(buffer)
}

const CHUNK: usize = 4096;
/// What `std` puts in front of the reason.
const LOOKUP: &str = "failed to lookup address information: ";

#[cfg(test)]
mod tests {
    #![expect(
        clippy::disallowed_methods,
        reason = "the servers sleep on threads of their own"
    )]

    use super::*;
    use std::net::TcpListener;
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
