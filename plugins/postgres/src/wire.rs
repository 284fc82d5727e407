//! Messages of the PostgreSQL protocol over the host's connection, with a limit on their length.

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;
use vitals_sdk::prelude::*;

use crate::Tls;
use crate::server_error::server_error;

/// A connection that exchanges messages.
pub(crate) struct Wire {
    connection: tls::Connection,
    /// Whether the connection is encrypted and the server verified.
    pub(crate) is_trusted: bool,
}

impl Wire {
    /// Connects, and starts TLS if requested.
    pub(crate) fn open(address: &Address, tls: Tls) -> Result<Self> {
        let mut wire = Self {
            connection: tls::connect(address, Duration::MAX)?,
            is_trusted: tls == Tls::VerifyFull,
        };
        if tls != Tls::Disable {
            wire.start_tls(tls)?;
        }
        Ok(wire)
    }

    fn start_tls(&mut self, tls: Tls) -> Result<()> {
        let address = self.connection.address().clone();
        let answer = self
            .send(|buffer| {
                frontend::ssl_request(buffer);
                Ok(())
            })
            .and_then(|()| Ok(self.connection.read_exact(1)?))
            .context("no response to the TLS request")?;
        match (answer.as_slice(), tls) {
            (b"S", Tls::VerifyFull) => self.connection.start_tls(address.host())?,
            (b"S", _) => self.connection.start_tls_unverified(address.host())?,
            (b"N", _) => {
                return Err(Error::new(format_args!(
                    "the server at {address} does not support TLS: set `tls = \"disable\"` to connect without it"
                )));
            }
            _ => return Err(self.protocol_error()),
        };
        Ok(())
    }

    /// Sends what `write` encodes.
    pub(crate) fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut buffer = BytesMut::new();
        write(&mut buffer).context("cannot encode the message")?;
        Ok(self.connection.write_all(&buffer)?)
    }

    /// Receives the next message. An error message becomes an error.
    pub(crate) fn receive(&mut self) -> Result<Message> {
        loop {
            match self.message()? {
                Message::NoticeResponse(_)
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_) => {}
                Message::ErrorResponse(body) => return Err(server_error(&body)),
                message => return Ok(message),
            }
        }
    }

    /// Makes the error for data that is not the PostgreSQL protocol, or not expected at this point.
    pub(crate) fn protocol_error(&self) -> Error {
        let address = self.connection.address();
        Error::new(format_args!(
            "the response of {address} is not the PostgreSQL protocol: check the port"
        ))
    }

    fn message(&mut self) -> Result<Message> {
        let head = self.connection.read_exact(HEADER_BYTES)?;
        let header = Header::parse(&head).ok().flatten();
        // The length includes itself, but not the type byte before it.
        let length = header.and_then(|header| usize::try_from(header.len()).ok());
        let rest = length
            .filter(|length| *length <= MAX_MESSAGE)
            .and_then(|length| (length + 1).checked_sub(HEADER_BYTES))
            .ok_or_else(|| self.protocol_error())?;
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&self.connection.read_exact(rest)?);
        Message::parse(&mut bytes)
            .ok()
            .flatten()
            .ok_or_else(|| self.protocol_error())
    }
}

/// The length of a message's header: its type and its length.
const HEADER_BYTES: usize = 5;
/// The limit on a message, so that a server cannot exhaust the memory.
const MAX_MESSAGE: usize = 256 << 10;
