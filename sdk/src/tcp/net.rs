//! A connection over `std::net`: inside the host to a granted address, outside over the machine's
//! network.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Error;
use crate::Address;
use crate::deadline::Limit;

/// A connection on which each operation has its own time limit.
#[derive(Debug)]
pub(crate) struct NetConnection(TcpStream);

impl NetConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Error> {
        let found: Vec<SocketAddr> = (address.host(), address.port())
            .to_socket_addrs()
            .map_err(|cause| Error::lookup(address, &cause))?
            .collect();
        let mut last = None;
        for (index, candidate) in found.iter().enumerate() {
            // An address that drops packets must leave time for the addresses after it.
            let untried = u32::try_from(found.len() - index).unwrap_or(u32::MAX);
            let share = limit.deadline.remaining() / untried;
            if share.is_zero() {
                last.get_or_insert(io::Error::from(ErrorKind::TimedOut));
                break;
            }
            match attempt(candidate, share) {
                Ok(stream) => {
                    // Where the option is not supported, small writes are sent at once or slightly
                    // later.
                    let _ = stream.set_nodelay(true);
                    return Ok(Self(stream));
                }
                Err(cause) => last = Some(cause),
            }
        }
        Err(last.map_or_else(
            || Error::no_address(address),
            |cause| Error::new("connect to", address, &cause, limit),
        ))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], limit: Limit) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(limit)?))?;
        self.0.read(buffer)
    }

    pub(crate) fn write(&mut self, bytes: &[u8], limit: Limit) -> io::Result<usize> {
        self.0.set_write_timeout(Some(left(limit)?))?;
        self.0.write(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

fn attempt(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, timeout)?;
    // On wasm32-wasip2 a connection that is refused during the wait is returned as `Ok`.
    match stream.take_error()? {
        Some(error) => Err(error),
        None => stream.peer_addr().map(|_| stream),
    }
}

/// Returns the remaining time. No remaining time is a timeout: `std` takes zero for no timeout.
fn left(limit: Limit) -> io::Result<Duration> {
    Some(limit.deadline.remaining())
        .filter(|remaining| !remaining.is_zero())
        .ok_or_else(|| ErrorKind::TimedOut.into())
}
