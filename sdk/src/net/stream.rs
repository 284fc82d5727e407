//! A stream on which each call is one call of the host: it writes, and reads until what is asked
//! for. The host keeps what follows.

use std::time::Duration;

use super::{ConnectOptions, Failed, Failure};
use crate::Address;
use crate::backend::NetConnection;
use crate::deadline::Limit;

/// What the connection is granted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Tls,
}

/// What ends a read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until<'a> {
    /// Any bytes, or the end of the stream, which is none.
    Some,
    /// These bytes, 1 to [`MAX_DELIMITER`].
    Delimiter(&'a [u8]),
    Length(usize),
    /// The end of the stream.
    End,
}

/// A connection with a timeout of its operations.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) wire: NetConnection,
    pub(crate) address: Address,
    pub(crate) timeout: Duration,
}

impl Stream {
    pub(crate) fn connect(
        protocol: Protocol,
        address: &Address,
        options: &ConnectOptions,
    ) -> Result<Self, Failed> {
        let limit = Limit::new(options.timeout);
        match NetConnection::connect(protocol, address, options, limit) {
            Ok(wire) => Ok(Self {
                wire,
                address: address.clone(),
                timeout: options.timeout,
            }),
            Err(failure) => Err(failed("connect to", limit)(failure)),
        }
    }

    /// Writes, and reads at most `most` bytes as soon as some are available.
    pub(crate) fn some(&mut self, bytes: &[u8], most: usize) -> Result<Vec<u8>, Failed> {
        self.exchange(bytes, Until::Some, most, Limit::new(self.timeout))
    }

    /// Reads what has been received, and waits no longer than the host needs to say so.
    pub(crate) fn received(&mut self, most: usize) -> Result<Vec<u8>, Failed> {
        let limit = Limit::new(self.timeout.min(SHORTEST));
        match self.exchange(&[], Until::Some, most, limit) {
            Err(Failed {
                failure: Failure::Timeout,
                ..
            }) => Ok(Vec::new()),
            read => read,
        }
    }

    /// Writes, and reads exactly `count` bytes.
    pub(crate) fn exact(&mut self, bytes: &[u8], count: usize) -> Result<Vec<u8>, Failed> {
        let limit = Limit::new(self.timeout);
        let first = count.min(MOST);
        let mut read = self.exchange(bytes, Until::Length(first), first, limit)?;
        while read.len() < count {
            let next = (count - read.len()).min(MOST);
            read.extend(self.exchange(&[], Until::Length(next), next, limit)?);
        }
        Ok(read)
    }

    /// Writes, and reads up to and including `end`.
    pub(crate) fn until(
        &mut self,
        bytes: &[u8],
        end: &[u8],
        most: usize,
    ) -> Result<Vec<u8>, Failed> {
        let limit = Limit::new(self.timeout);
        if (1..=MAX_DELIMITER).contains(&end.len()) {
            return self.exchange(bytes, Until::Delimiter(end), most, limit);
        }
        self.until_long(bytes, end, most, limit)
    }

    /// The same for an `end` that the host cannot look for. It never reads beyond the end: each
    /// call reads as many bytes as are missing at least.
    fn until_long(
        &mut self,
        bytes: &[u8],
        end: &[u8],
        most: usize,
        limit: Limit,
    ) -> Result<Vec<u8>, Failed> {
        self.write(bytes, limit)?;
        let mut read = Vec::new();
        loop {
            let missing = end.len() - overlap(&read, end);
            if missing == 0 {
                return Ok(read);
            }
            if read.len() + missing > most {
                return Err(failed(READ, limit)(Failure::TooLarge(most)));
            }
            let missing = missing.min(MOST);
            read.extend(self.exchange(&[], Until::Length(missing), missing, limit)?);
        }
    }

    /// Writes, and reads to the end of the stream.
    pub(crate) fn rest(&mut self, bytes: &[u8], most: usize) -> Result<Vec<u8>, Failed> {
        self.exchange(bytes, Until::End, most, Limit::new(self.timeout))
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.write(bytes, Limit::new(self.timeout))
    }

    pub(crate) fn finish(&mut self) -> Result<(), Failed> {
        let limit = Limit::new(self.timeout);
        self.wire.finish(limit).map_err(failed(WRITE, limit))
    }

    fn write(&mut self, bytes: &[u8], limit: Limit) -> Result<(), Failed> {
        for chunk in bytes.chunks(WRITE_BYTES) {
            self.wire
                .write(chunk, limit)
                .map_err(failed(WRITE, limit))?;
        }
        Ok(())
    }

    fn exchange(
        &mut self,
        bytes: &[u8],
        until: Until<'_>,
        most: usize,
        limit: Limit,
    ) -> Result<Vec<u8>, Failed> {
        // What fits into one call goes along with the read.
        let (before, last) = bytes.split_at(bytes.len() - bytes.len() % WRITE_BYTES);
        self.write(before, limit)?;
        if most == 0 {
            self.write(last, limit)?;
            return match until {
                Until::Some | Until::Length(_) => Ok(Vec::new()),
                Until::Delimiter(_) | Until::End => {
                    Err(failed(READ, limit)(Failure::TooLarge(most)))
                }
            };
        }
        self.wire
            .exchange(last, until, most.min(MOST), limit)
            .map_err(failed(READ, limit))
    }
}

/// Returns how many bytes of the beginning of `end` the bytes end with.
fn overlap(bytes: &[u8], end: &[u8]) -> usize {
    let longest = bytes.len().min(end.len());
    (0..=longest)
        .rev()
        .find(|count| bytes.ends_with(&end[..*count]))
        .unwrap_or(0)
}

fn failed(action: &'static str, limit: Limit) -> impl FnOnce(Failure) -> Failed {
    move |failure| Failed {
        action,
        failure,
        limit,
    }
}

/// Returns the text of a line without its line break. Bytes that are not UTF-8 are replaced.
pub(crate) fn line_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

/// Defines the methods that `TcpStream` and `tls::Connection` share. Both have a field `stream`,
/// and a function `Error::of`.
macro_rules! stream_methods {
    () => {
        /// Changes the timeout of each operation; [`Duration::MAX`] means until the run's deadline.
        pub fn set_timeout(&mut self, timeout: Duration) {
            self.stream.timeout = timeout;
        }

        /// Returns the address that was connected to, as it was given.
        pub fn address(&self) -> &Address {
            &self.stream.address
        }

        /// Writes all bytes.
        pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
            let written = self.stream.write_all(bytes);
            written.map_err(|failed| self.error(failed))
        }

        /// Shuts down the writing side.
        pub fn finish(&mut self) -> Result<(), Error> {
            let finished = self.stream.finish();
            finished.map_err(|failed| self.error(failed))
        }

        /// Reads at most `most` bytes as soon as some are available. Returns none at the end of the
        /// stream.
        pub fn read_some(&mut self, most: usize) -> Result<Vec<u8>, Error> {
            self.exchange_some(&[], most)
        }

        /// Reads at most `most` bytes of those that have already been received. Returns none if
        /// there are none: it waits no longer than a millisecond.
        pub fn read_received(&mut self, most: usize) -> Result<Vec<u8>, Error> {
            let read = self.stream.received(most);
            read.map_err(|failed| self.error(failed))
        }

        /// Reads exactly `count` bytes. An earlier end of the stream is an error.
        pub fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, Error> {
            self.exchange_exact(&[], count)
        }

        /// Reads up to and including `end`, over at most `most` bytes and at most 1 MiB. It is an
        /// error if `end` is not within them, or if the stream ends first.
        pub fn read_until(&mut self, end: &[u8], most: usize) -> Result<Vec<u8>, Error> {
            self.exchange_until(&[], end, most)
        }

        /// Reads a line of at most `most` bytes and returns it without its line break. Bytes that
        /// are not UTF-8 are replaced.
        pub fn read_line(&mut self, most: usize) -> Result<String, Error> {
            self.exchange_line(&[], most)
        }

        /// Writes all bytes, and reads like `read_some`, in one call of the host.
        pub fn exchange_some(&mut self, bytes: &[u8], most: usize) -> Result<Vec<u8>, Error> {
            let read = self.stream.some(bytes, most);
            read.map_err(|failed| self.error(failed))
        }

        /// Writes all bytes, and reads like `read_exact`, in one call of the host.
        pub fn exchange_exact(&mut self, bytes: &[u8], count: usize) -> Result<Vec<u8>, Error> {
            let read = self.stream.exact(bytes, count);
            read.map_err(|failed| self.error(failed))
        }

        /// Writes all bytes, and reads like `read_until`, in one call of the host.
        pub fn exchange_until(
            &mut self,
            bytes: &[u8],
            end: &[u8],
            most: usize,
        ) -> Result<Vec<u8>, Error> {
            let read = self.stream.until(bytes, end, most);
            read.map_err(|failed| self.error(failed))
        }

        /// Writes all bytes, and reads like `read_line`, in one call of the host.
        pub fn exchange_line(&mut self, bytes: &[u8], most: usize) -> Result<String, Error> {
            let line = self.exchange_until(bytes, b"\n", most)?;
            Ok($crate::net::line_text(&line))
        }

        /// Writes all bytes, and reads to the end of the stream, in one call of the host. More than
        /// `most` bytes, or than 1 MiB, are an error.
        pub fn exchange_to_end(&mut self, bytes: &[u8], most: usize) -> Result<Vec<u8>, Error> {
            let read = self.stream.rest(bytes, most);
            read.map_err(|failed| self.error(failed))
        }

        fn error(&self, failed: $crate::net::Failed) -> Error {
            Error::of(&self.stream.address, failed)
        }
    };
}

/// Implements `std::io`'s traits, by an `Error` that can become one of `std::io`.
macro_rules! stream_traits {
    ($stream:ident) => {
        impl std::io::Read for $stream {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let bytes = self.read_some(buffer.len())?;
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        }

        impl std::io::Write for $stream {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.write_all(bytes)?;
                Ok(bytes.len())
            }

            /// Written data has already been passed to the machine's network.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use {stream_methods, stream_traits};

const READ: &str = "read from";
const WRITE: &str = "write to";
/// The limit of the contract on what one call reads.
const MOST: usize = 1 << 20;
/// The limit of the contract on a delimiter.
const MAX_DELIMITER: usize = 64;
/// Bytes passed to the host per call, well below the limit on one call.
const WRITE_BYTES: usize = 64 << 10;
/// The shortest timeout of a call.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_is_the_longest_beginning_at_the_end() {
        for (bytes, end, expected) in [
            ("", "ab", 0),
            ("xa", "ab", 1),
            ("xab", "ab", 2),
            ("aab", "aabaac", 3),
            ("aabaab", "aabaac", 3),
            ("aaa", "aa", 2),
        ] {
            assert_eq!(
                overlap(bytes.as_bytes(), end.as_bytes()),
                expected,
                "{bytes}"
            );
        }
    }
}
