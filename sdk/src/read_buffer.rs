//! Bytes that were read ahead, and how a message is cut out of them.
//!
//! This module knows no stream: the caller reads more bytes. `tcp` and `tls` share it.

/// Bytes that were read from a stream but not yet consumed.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer(Vec<u8>);

/// Why a message could not be read.
#[derive(Debug)]
pub(crate) enum ReadError<E> {
    /// It is longer than the limit.
    TooLong,
    /// The stream ended first.
    Ended,
    /// Reading failed.
    Failed(E),
}

impl ReadBuffer {
    /// Returns all bytes that were read ahead.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the first `most` bytes, or as many as there are.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let count = self.0.len().min(most);
        self.0.drain(..count).collect()
    }

    /// Takes as many bytes as are available and fit into `buffer`.
    pub(crate) fn take_into(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.0.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        count
    }

    /// Appends bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Reads until `done` returns the length of the message, over at most `most` bytes. `more`
    /// returns no bytes at the end of the stream.
    pub(crate) fn read_to<E>(
        &mut self,
        most: usize,
        mut done: impl FnMut(&[u8]) -> Option<usize>,
        mut more: impl FnMut() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, ReadError<E>> {
        loop {
            if let Some(count) = done(&self.0).filter(|count| *count <= most) {
                return Ok(self.take(count));
            }
            if self.0.len() >= most {
                return Err(ReadError::TooLong);
            }
            let bytes = more().map_err(ReadError::Failed)?;
            if bytes.is_empty() {
                return Err(ReadError::Ended);
            }
            self.add(&bytes);
        }
    }
}

/// Defines the methods that `TcpStream` and `tls::Connection` share, by their `read_to`.
macro_rules! stream_methods {
    () => {
        /// Changes the timeout of each operation; [`Duration::MAX`] means until the run's deadline.
        pub fn set_timeout(&mut self, timeout: Duration) {
            self.timeout = timeout;
        }

        /// Returns the address of the peer.
        pub fn address(&self) -> &Address {
            &self.address
        }

        /// Reads exactly `count` bytes. An earlier end of the stream is an error.
        pub fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, Error> {
            self.read_to(count, $crate::read_buffer::exactly(count))
        }

        /// Reads up to and including `end`, over at most `limit` bytes. It is an error if `end` is
        /// not within them, or if the stream ends first.
        pub fn read_until(&mut self, end: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
            self.read_to(limit, $crate::read_buffer::up_to(end))
        }

        /// Reads a line of at most `limit` bytes and returns it without its line break. Bytes that
        /// are not UTF-8 are replaced.
        pub fn read_line(&mut self, limit: usize) -> Result<String, Error> {
            let line = self.read_until(b"\n", limit)?;
            Ok($crate::read_buffer::line_text(&line))
        }

        /// Returns the bytes that were read ahead and not yet consumed. It never waits.
        pub fn buffered(&self) -> &[u8] {
            self.read_ahead.bytes()
        }
    };
}

pub(crate) use stream_methods;

/// For [`ReadBuffer::read_to`]: the message is exactly `count` bytes.
pub(crate) fn exactly(count: usize) -> impl FnMut(&[u8]) -> Option<usize> {
    move |bytes| (bytes.len() >= count).then_some(count)
}

/// For [`ReadBuffer::read_to`]: the message ends with `end`.
pub(crate) fn up_to(end: &[u8]) -> impl FnMut(&[u8]) -> Option<usize> {
    let mut searched = 0;
    move |bytes| {
        let from = searched;
        searched = bytes.len().saturating_sub(end.len().saturating_sub(1));
        Some(from + find(&bytes[from..], end)? + end.len())
    }
}

/// Returns the text of a line without its line break. Bytes that are not UTF-8 are replaced.
pub(crate) fn line_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
