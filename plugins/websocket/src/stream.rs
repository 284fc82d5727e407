//! The connection below the WebSocket, plain or over TLS, with limits on the time and the bytes of
//! a step. It must know neither HTTP nor frames.

use std::io::{self, ErrorKind, Read, Write};

use vitals_sdk::prelude::*;
use vitals_sdk::tls::{Handshake, TlsOptions};

use crate::Settings;

pub(crate) struct Stream {
    wire: Wire,
    step: Deadline,
    /// How many bytes may still be read in this step.
    bytes_left: usize,
}

enum Wire {
    Plain(tcp::TcpStream),
    Tls(tls::Connection),
}

/// Evaluates an expression for either kind of connection.
macro_rules! on {
    ($wire:expr, $connection:ident => $result:expr) => {
        match $wire {
            Wire::Plain($connection) => $result,
            Wire::Tls($connection) => $result,
        }
    };
}

impl Stream {
    /// Connects. The timeout of the settings limits this and each step up to the first
    /// [`Stream::begin_step`].
    pub(crate) fn connect(settings: &Settings) -> Result<Self> {
        let options = settings.connection.options(settings.timeout);
        let wire = if settings.tls {
            Wire::Tls(tls::connect_with(&settings.address, &options)?)
        } else {
            Wire::Plain(tcp::connect_with(&settings.address, &options)?)
        };
        Ok(Self {
            wire,
            step: Deadline::of_run(),
            bytes_left: 0,
        })
    }

    /// Does a TLS handshake, unless the connection is a plain one.
    pub(crate) fn start_tls(&mut self, options: &TlsOptions) -> Result<Option<Handshake>> {
        Ok(match &mut self.wire {
            Wire::Plain(_) => None,
            Wire::Tls(connection) => Some(connection.start_tls_with(options)?),
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        on!(&mut self.wire, connection => connection.write_all(bytes).map_err(Error::from))
    }

    /// Reads up to and including `end`, over at most `limit` bytes.
    pub(crate) fn read_until(&mut self, end: &[u8], limit: usize) -> Result<Vec<u8>> {
        on!(&mut self.wire, connection => connection.read_until(end, limit).map_err(Error::from))
    }

    /// Returns what was received before a read failed, at most `limit` bytes.
    pub(crate) fn received(&mut self, limit: usize) -> Vec<u8> {
        on!(&mut self.wire, connection => connection.read_received(limit).unwrap_or_default())
    }

    /// Begins a step of at most this time, in which at most `bytes` bytes are read.
    pub(crate) fn begin_step(&mut self, timeout: Duration, bytes: usize) {
        self.step = Deadline::after(timeout);
        self.bytes_left = bytes;
    }

    /// Gives the next operation what remains of the step.
    fn limit_operation(&mut self) {
        let remaining = self.step.remaining();
        on!(&mut self.wire, connection => connection.set_timeout(remaining));
    }
}

/// The errors have the texts of the SDK. [`ErrorKind::QuotaExceeded`] means that the step has no
/// bytes left.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.bytes_left);
        if most == 0 && !buffer.is_empty() {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        self.limit_operation();
        let bytes = match &mut self.wire {
            Wire::Plain(connection) => connection.read_some(most).map_err(plain_error)?,
            Wire::Tls(connection) => connection.read_some(most)?,
        };
        self.bytes_left -= bytes.len();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limit_operation();
        match &mut self.wire {
            Wire::Plain(connection) => connection.write_all(bytes).map_err(plain_error)?,
            Wire::Tls(connection) => connection.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        on!(&mut self.wire, connection => connection.flush())
    }
}

fn plain_error(error: tcp::Error) -> io::Error {
    io::Error::new(error.kind(), error)
}
