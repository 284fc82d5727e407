//! One session with a server: a read-only transaction, limited by the run's deadline.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend::{self, BindError};
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::login::log_in;
use crate::wire::Wire;

/// An authenticated session.
pub(crate) struct Session(Wire);

/// The columns of a row as text; `None` for NULL.
pub(crate) type Row = Vec<Option<String>>;

impl Session {
    /// Connects and logs in.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let mut wire = Wire::open(settings)?;
        log_in(&mut wire, settings)
            .with_context(|| format!("cannot log in as {}", shortened(&settings.user, 64)))?;
        Ok(Self(wire))
    }

    /// Begins the transaction.
    ///
    /// Both settings end with the transaction. They cannot be set at login, which many poolers
    /// reject, and a pooler passes the server connection on to other clients.
    pub(crate) fn begin(&mut self) -> Result<()> {
        // The server's own timeout error must arrive before the run's deadline.
        let left = Deadline::of_run().remaining().mul_f64(0.9);
        let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX >> 1);
        let begin = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
            left.clamp(1, u32::MAX >> 1)
        );
        self.query_simply(&begin)
            .map(drop)
            .context("cannot begin a transaction")
    }

    /// Runs a statement of PgBouncer's console and returns the first row. The console knows only
    /// simple queries.
    pub(crate) fn query_console(&mut self, statement: &str) -> Result<Option<Row>> {
        self.query_simply(statement)
    }

    fn query_simply(&mut self, statements: &str) -> Result<Option<Row>> {
        self.0.send(|buffer| frontend::query(statements, buffer))?;
        self.read_result()
    }

    /// Runs one statement and returns its first row, if any.
    pub(crate) fn query(&mut self, statement: &str) -> Result<Option<Row>> {
        self.0.send(|buffer| {
            // Unlike a simple query, this runs exactly one statement and returns at most one row.
            frontend::parse("", statement, [], buffer)?;
            bind(buffer)?;
            frontend::execute("", 1, buffer)?;
            frontend::sync(buffer);
            Ok(())
        })?;
        self.read_result()
    }

    /// Terminates the session and ignores errors.
    pub(crate) fn end(mut self) {
        let terminate = self.0.send(|buffer| {
            frontend::terminate(buffer);
            Ok(())
        });
        let _ = terminate.and_then(|()| self.0.flush());
    }

    /// Reads until the server is ready for the next statement.
    fn read_result(&mut self) -> Result<Option<Row>> {
        let mut first = None;
        loop {
            match self.0.receive()? {
                Message::ReadyForQuery(_) => return Ok(first),
                Message::DataRow(row) if first.is_none() => {
                    first = Some(texts(&row).map_err(|_| self.0.protocol_error())?);
                }
                Message::ParseComplete
                | Message::BindComplete
                | Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::PortalSuspended
                | Message::RowDescription(_) => {}
                Message::CopyOutResponse(_) | Message::CopyInResponse(_) => {
                    return Err(Error::new(
                        "COPY is not supported: use a statement that returns rows",
                    ));
                }
                _ => return Err(self.0.protocol_error()),
            }
        }
    }
}

/// Binds no parameters and requests text results.
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
