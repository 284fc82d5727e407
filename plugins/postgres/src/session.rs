//! One conversation with a server: a transaction that can only read, with what is left of the run as its time.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend::{self, BindError};
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::login::log_in;
use crate::wire::Wire;

/// A user who has logged in.
pub(crate) struct Session(Wire);

/// The columns of a row as texts; nothing for NULL.
pub(crate) type Row = Vec<Option<String>>;

impl Session {
    /// Connects and logs in.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let mut wire = Wire::open(&settings.address, settings.tls)?;
        log_in(&mut wire, settings)
            .with_context(|| format!("cannot log in as {}", shortened(&settings.user, 64)))?;
        Ok(Self(wire))
    }

    /// Begins the transaction.
    ///
    /// Both settings end with it: a pooler between here and the server, which refuses many of them at the login,
    /// hands the server on to others.
    pub(crate) fn begin(&mut self) -> Result<()> {
        // The server's word on it shall come in time to be told.
        let left = Deadline::of_run().remaining().mul_f64(0.9);
        let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX >> 1);
        let begin = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
            left.clamp(1, u32::MAX >> 1)
        );
        self.0
            .send(|buffer| frontend::query(&begin, buffer))
            .and_then(|()| self.answer())
            .map(drop)
            .context("cannot begin a transaction")
    }

    /// Asks one statement; answers its first row, if there is one.
    pub(crate) fn ask(&mut self, statement: &str) -> Result<Option<Row>> {
        self.0.send(|buffer| {
            // Unlike a simple query this is one statement, and one row of it.
            frontend::parse("", statement, [], buffer)?;
            bind(buffer)?;
            frontend::execute("", 1, buffer)?;
            frontend::sync(buffer);
            Ok(())
        })?;
        self.answer()
    }

    /// Takes leave. What becomes of that is of no interest any more.
    pub(crate) fn end(mut self) {
        let _ = self.0.send(|buffer| {
            frontend::terminate(buffer);
            Ok(())
        });
    }

    /// Reads until the server is ready for the next one.
    fn answer(&mut self) -> Result<Option<Row>> {
        let mut first = None;
        loop {
            match self.0.receive()? {
                Message::ReadyForQuery(_) => return Ok(first),
                Message::DataRow(row) if first.is_none() => {
                    first = Some(texts(&row).map_err(|_| self.0.garbage())?);
                }
                Message::ParseComplete
                | Message::BindComplete
                | Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::PortalSuspended
                | Message::RowDescription(_) => {}
                Message::CopyOutResponse(_) | Message::CopyInResponse(_) => {
                    return Err(Error::new(
                        "it is a COPY: only what answers rows can be asked",
                    ));
                }
                _ => return Err(self.0.garbage()),
            }
        }
    }
}

/// Binds nothing: there are no parameters, and texts are to come back.
fn bind(buffer: &mut BytesMut) -> std::io::Result<()> {
    let none = |(), _: &mut BytesMut| Ok(IsNull::Yes);
    frontend::bind("", "", [], [], none, [], buffer).map_err(|error| match error {
        BindError::Serialization(error) => error,
        BindError::Conversion(error) => std::io::Error::other(error),
    })
}

fn texts(row: &DataRowBody) -> std::io::Result<Row> {
    let bytes = row.buffer();
    row.ranges()
        .map(|range| {
            Ok(range.map(|range| {
                let field = bytes.get(range).unwrap_or_default();
                String::from_utf8_lossy(field).into_owned()
            }))
        })
        .collect()
}
