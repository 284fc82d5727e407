//! Commands and their answers over the host's connection, none longer than it may be.

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame as _};
use vitals_sdk::prelude::*;

use crate::Tls;
use crate::refusal::Refusal;

/// A connection on which commands are asked, one after the other.
pub(crate) struct Wire {
    connection: tls::Connection,
    /// What came and belongs to no answer yet.
    pending: Vec<u8>,
}

impl Wire {
    /// Connects, with TLS where that is wanted.
    pub(crate) fn open(address: &Address, tls: Tls) -> Result<Self> {
        let mut connection = tls::connect(address)?;
        match tls {
            Tls::Disable => {}
            Tls::Require => {
                connection.start_tls_unverified(address.host())?;
            }
            Tls::VerifyFull => {
                connection.start_tls(address.host())?;
            }
        }
        Ok(Self {
            connection,
            pending: Vec::new(),
        })
    }

    /// Asks a command. An answer that refuses it is an error.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<OwnedFrame> {
        let words = words
            .iter()
            .map(|word| OwnedFrame::BulkString((*word).into()));
        let command = OwnedFrame::Array(words.collect());
        let mut bytes = vec![0; command.encode_len(false)];
        encode(&mut bytes, &command, false)?;
        self.connection.write_all(&bytes)?;
        match self.answer()? {
            OwnedFrame::Error(text) => Err(Refusal::new(&text).into()),
            answer => Ok(answer),
        }
    }

    /// What the other side says is not Redis's protocol, or not the answer to what was asked.
    pub(crate) fn garbage(&self) -> Error {
        let address = self.connection.address();
        Error::new(format_args!(
            "what {address} answered is not Redis's protocol: is it the right port?"
        ))
    }

    fn answer(&mut self) -> Result<OwnedFrame> {
        loop {
            // The parser's own error may repeat what the other side said.
            if let Some((frame, length)) = decode(&self.pending).map_err(|_| self.garbage())? {
                self.pending.drain(..length);
                return Ok(frame);
            }
            if self.pending.len() > LONGEST {
                return Err(Error::new(format_args!(
                    "the answer is longer than {LONGEST} bytes"
                )));
            }
            let more = self.connection.read_some(PIECE)?;
            if more.is_empty() {
                let address = self.connection.address();
                return Err(Error::new(format_args!(
                    "cannot read from {address}: the other side closed the connection"
                )));
            }
            self.pending.extend(more);
        }
    }
}

/// No answer may be longer, so that a server can't fill the memory. INFO has less than a tenth of it.
const LONGEST: usize = 128 << 10;
/// What is read at once.
const PIECE: usize = 16 << 10;
