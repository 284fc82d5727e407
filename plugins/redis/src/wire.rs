//! Commands and replies over the host's connection, with a limit on their length.

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame as _};
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::server_error::server_error;

/// A connection on which commands are sent one after the other.
pub(crate) struct Wire {
    connection: tls::Connection,
    /// Received bytes that belong to no reply yet.
    pending: Vec<u8>,
}

impl Wire {
    /// Connects, with TLS if requested.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let tls = settings.encryption.options(&settings.address)?;
        let options = settings.connection.options(None);
        let mut connection = tls::connect_with(&settings.address, &options)?;
        if let Some(tls) = tls {
            connection.start_tls_with(&tls)?;
        }
        Ok(Self {
            connection,
            pending: Vec::new(),
        })
    }

    /// Sends a command and returns its reply. An error reply becomes an error.
    pub(crate) fn command(&mut self, arguments: &[&str]) -> Result<OwnedFrame> {
        match self.reply_to(arguments)? {
            OwnedFrame::Error(text) => Err(server_error(&text)),
            answer => Ok(answer),
        }
    }

    /// Sends a command and returns its reply, which may be an error.
    pub(crate) fn reply_to(&mut self, arguments: &[&str]) -> Result<OwnedFrame> {
        let arguments = arguments
            .iter()
            .map(|word| OwnedFrame::BulkString((*word).into()));
        let command = OwnedFrame::Array(arguments.collect());
        let mut bytes = vec![0; command.encode_len(false)];
        encode(&mut bytes, &command, false)?;
        if self.pending.is_empty() {
            self.read(&bytes)?;
        } else {
            self.connection.write_all(&bytes)?;
        }
        self.read_reply()
    }

    /// Makes the error for data that is not the Redis protocol, or not a reply to the command.
    pub(crate) fn protocol_error(&self) -> Error {
        let address = self.connection.address();
        Error::new(format_args!(
            "the response of {address} is not the Redis protocol: check the port"
        ))
    }

    fn read_reply(&mut self) -> Result<OwnedFrame> {
        loop {
            // The parser's error may repeat data from the server.
            if let Some((frame, length)) =
                decode(&self.pending).map_err(|_| self.protocol_error())?
            {
                self.pending.drain(..length);
                return Ok(frame);
            }
            if self.pending.len() > MAX_REPLY {
                return Err(Error::new(format_args!(
                    "the response is longer than {MAX_REPLY} bytes"
                )));
            }
            self.read(&[])?;
        }
    }

    /// Sends bytes and waits for others, in one call of the host.
    fn read(&mut self, sent: &[u8]) -> Result<()> {
        let more = self.connection.exchange_some(sent, READ_BYTES)?;
        if more.is_empty() {
            let address = self.connection.address();
            return Err(Error::new(format_args!(
                "cannot read from {address}: the peer closed the connection"
            )));
        }
        self.pending.extend(more);
        Ok(())
    }
}

/// The limit on a reply, so that a server cannot exhaust the memory. INFO takes less than a tenth
/// of it.
const MAX_REPLY: usize = 128 << 10;
/// The number of bytes per read.
const READ_BYTES: usize = 16 << 10;
