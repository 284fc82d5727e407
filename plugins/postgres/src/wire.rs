//! Messages of the PostgreSQL protocol over the host's connection, with a limit on their length.

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::{TlsOptions, Verification};

use crate::Settings;
use crate::server_error::server_error;

/// A connection that exchanges messages. What is sent goes out together with the next read.
pub(crate) struct Wire {
    connection: tls::Connection,
    /// Whether the connection is encrypted and the server is the intended one.
    pub(crate) is_trusted: bool,
    to_send: BytesMut,
    /// Received bytes that belong to no message yet.
    received: BytesMut,
}

impl Wire {
    /// Connects, and starts TLS if requested.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let tls = settings.encryption.options(&settings.address)?;
        let options = settings.connection.options(None);
        let mut wire = Self {
            connection: tls::connect_with(&settings.address, &options)?,
            is_trusted: false,
            to_send: BytesMut::new(),
            received: BytesMut::new(),
        };
        if let Some(tls) = tls {
            wire.start_tls(&tls)?;
        }
        Ok(wire)
    }

    fn start_tls(&mut self, options: &TlsOptions) -> Result<()> {
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        let answer = self
            .connection
            .exchange_exact(&request, 1)
            .context("no response to the TLS request")?;
        match answer[..] {
            [b'S'] => self.connection.start_tls_with(options)?,
            [b'N'] => {
                let address = self.connection.address();
                return Err(Error::new(format_args!(
                    "the server at {address} does not support TLS: set `tls = \"disable\"` to connect without it"
                )));
            }
            _ => return Err(self.protocol_error()),
        };
        self.is_trusted = matches!(
            options.verification,
            Verification::ChainAndName | Verification::Pins(_)
        );
        Ok(())
    }

    /// Adds what `write` encodes to what is sent.
    pub(crate) fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<()> {
        write(&mut self.to_send).context("cannot encode the message")
    }

    /// Sends what no read has sent.
    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.connection.write_all(&self.to_send.split())?)
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
        loop {
            self.validate_length()?;
            let message = Message::parse(&mut self.received);
            if let Some(message) = message.map_err(|_| self.protocol_error())? {
                return Ok(message);
            }
            let sent = self.to_send.split();
            let more = self.connection.exchange_some(&sent, READ_BYTES)?;
            if more.is_empty() {
                let address = self.connection.address();
                return Err(Error::new(format_args!(
                    "cannot read from {address}: the peer closed the connection"
                )));
            }
            self.received.extend_from_slice(&more);
        }
    }

    /// Rejects a message whose length cannot be right, or that would exhaust the memory.
    fn validate_length(&self) -> Result<()> {
        let header = Header::parse(&self.received).map_err(|_| self.protocol_error())?;
        let Some(header) = header else {
            return Ok(());
        };
        match u64::try_from(header.len()) {
            Ok(length) if length <= MAX_MESSAGE => Ok(()),
            Ok(length) if header.tag() == DATA_ROW => Err(Error::new(format_args!(
                "the first row has {}, more than {}: select less",
                bytes_text(length),
                bytes_text(MAX_MESSAGE)
            ))),
            _ => Err(self.protocol_error()),
        }
    }
}

/// The type of a message with a row.
const DATA_ROW: u8 = b'D';
/// The limit on a message, so that a server cannot exhaust the memory.
const MAX_MESSAGE: u64 = 256 << 10;
/// The number of bytes per read.
const READ_BYTES: usize = 64 << 10;
