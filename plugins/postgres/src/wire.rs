//! Messages of the protocol over the host's connection, none longer than it may be.

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;
use vitals_sdk::prelude::*;

use crate::Tls;
use crate::refusal::Refusal;

/// A connection on which messages go to and fro.
pub(crate) struct Wire {
    connection: tls::Connection,
    /// Nobody listens in, and it is the server that was meant.
    pub(crate) is_trusted: bool,
}

impl Wire {
    /// Connects, and begins TLS where that is wanted.
    pub(crate) fn open(address: &Address, tls: Tls) -> Result<Self> {
        let mut wire = Self {
            connection: tls::connect(address)?,
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
            .context("no answer to the request for TLS")?;
        match (answer.as_slice(), tls) {
            (b"S", Tls::VerifyFull) => self.connection.start_tls(address.host())?,
            (b"S", _) => self.connection.start_tls_unverified(address.host())?,
            (b"N", _) => {
                return Err(Error::new(format_args!(
                    "the server at {address} does not speak TLS: `tls = \"disable\"` does without"
                )));
            }
            _ => return Err(self.garbage()),
        };
        Ok(())
    }

    /// Sends what `write` puts together.
    pub(crate) fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut buffer = BytesMut::new();
        write(&mut buffer).context("cannot say it in PostgreSQL's protocol")?;
        Ok(self.connection.write_all(&buffer)?)
    }

    /// The next message that is an answer. One that refuses is an error.
    pub(crate) fn receive(&mut self) -> Result<Message> {
        loop {
            match self.message()? {
                Message::NoticeResponse(_)
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_) => {}
                Message::ErrorResponse(body) => return Err(Refusal::read(&body).into()),
                message => return Ok(message),
            }
        }
    }

    /// What the other side says is not PostgreSQL's protocol, or not at this point.
    pub(crate) fn garbage(&self) -> Error {
        let address = self.connection.address();
        Error::new(format_args!(
            "what {address} answered is not PostgreSQL's protocol: is it the right port?"
        ))
    }

    fn message(&mut self) -> Result<Message> {
        let head = self.connection.read_exact(HEAD)?;
        let header = Header::parse(&head).ok().flatten();
        // The length counts itself, and not the byte before it.
        let length = header.and_then(|header| usize::try_from(header.len()).ok());
        let rest = length
            .filter(|length| *length <= LONGEST)
            .and_then(|length| (length + 1).checked_sub(HEAD))
            .ok_or_else(|| self.garbage())?;
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&self.connection.read_exact(rest)?);
        Message::parse(&mut bytes)
            .ok()
            .flatten()
            .ok_or_else(|| self.garbage())
    }
}

/// The kind of a message and its length.
const HEAD: usize = 5;
/// No message may be longer, so that a server can't fill the memory.
const LONGEST: usize = 256 << 10;
