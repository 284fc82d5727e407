//! A connection over `std::net`, for checks outside the host.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::Address;
use crate::deadline::Limit;
use crate::dns;
use crate::net::{ConnectOptions, Failure};

/// A connection on which each operation has its own time limit.
#[derive(Debug)]
pub(crate) struct StdConnection(TcpStream);

impl StdConnection {
    pub(crate) fn connect(
        address: &Address,
        options: &ConnectOptions,
        limit: Limit,
    ) -> Result<Self, Failure> {
        if options.proxy.is_some() {
            return Err(Failure::NoHost);
        }
        let found: Vec<SocketAddr> = (address.host(), address.port())
            .to_socket_addrs()
            .map_err(|cause| Failure::NotResolved(dns::Problem::of_machine(&cause)))?
            .filter(|address| options.family.includes(address.ip()))
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
            match TcpStream::connect_timeout(candidate, share) {
                Ok(stream) => {
                    // Where the option is not supported, small writes are sent at once or slightly
                    // later.
                    let _ = stream.set_nodelay(true);
                    return Ok(Self(stream));
                }
                Err(cause) => last = Some(cause),
            }
        }
        Err(
            last.map_or(Failure::NotResolved(dns::Problem::NoData), |cause| {
                Failure::of_io(&cause)
            }),
        )
    }

    /// Reads what is available, at most as much as fits into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], limit: Limit) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(limit)?))?;
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8], limit: Limit) -> io::Result<()> {
        self.0.set_write_timeout(Some(left(limit)?))?;
        self.0.write_all(bytes)
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

/// Returns the remaining time. No remaining time is a timeout: `std` takes zero for no timeout.
fn left(limit: Limit) -> io::Result<Duration> {
    Some(limit.deadline.remaining())
        .filter(|remaining| !remaining.is_zero())
        .ok_or_else(|| ErrorKind::TimedOut.into())
}
