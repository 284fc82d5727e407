//! Errors that a server returns, worded for people.

use std::fmt;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorResponseBody;
use vitals_sdk::shortened;

use crate::SHOWN;

/// An error returned by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerError {
    /// The SQLSTATE, five characters.
    code: String,
    message: String,
}

impl ServerError {
    pub(crate) fn read(body: &ErrorResponseBody) -> Self {
        let mut error = Self::default();
        let mut fields = body.fields();
        // Fields after one that cannot be parsed are dropped.
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes());
            match field.type_() {
                b'C' => error.code = shortened(&text, CODE),
                b'M' => error.message = shortened(&text, SHOWN),
                _ => {}
            }
        }
        error
    }

    /// Explains the code to an operator; `None` for codes that concern only the statement.
    fn meaning(&self) -> Option<&'static str> {
        Some(match self.code.as_str() {
            "28P01" | "28000" => "the server rejects the login",
            "53300" => "the server has too many connections",
            "53100" => "the server has no disk space left",
            "53200" => "the server has no memory left",
            "57P01" | "57P02" => "the server is shutting down",
            "57P03" => "the server is not ready",
            "57014" => "the statement exceeded its time limit",
            "25006" => "only read-only statements are allowed",
            "42501" => "the user lacks the permission",
            _ => return None,
        })
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message } = self;
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning}: {message}"),
            None => write!(f, "{message} (SQLSTATE {code})"),
        }
    }
}

impl std::error::Error for ServerError {}

/// The maximum length of a code.
const CODE: usize = 5;
