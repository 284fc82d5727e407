//! What a server says when it does not do what it was asked, in words for a person.

use std::fmt;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorResponseBody;
use vitals_sdk::shortened;

use crate::SHOWN;

/// An error of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The SQLSTATE, five characters.
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) fn read(body: &ErrorResponseBody) -> Self {
        let mut refusal = Self::default();
        let mut fields = body.fields();
        // What follows a field that can't be read is left out.
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes());
            match field.type_() {
                b'C' => refusal.code = shortened(&text, CODE),
                b'M' => refusal.message = shortened(&text, SHOWN),
                _ => {}
            }
        }
        refusal
    }

    /// What the code means to whoever looks after the server; nothing for those that say something of the
    /// statement alone.
    fn meaning(&self) -> Option<&'static str> {
        Some(match self.code.as_str() {
            "28P01" | "28000" => "the server refuses the login",
            "3D000" => "the server does not have the database",
            "53300" => "the server has too many connections",
            "53100" => "the server has no disk space left",
            "53200" => "the server has no memory left",
            "57P01" | "57P02" => "the server is shutting down",
            "57P03" => "the server is not ready",
            "57014" => "the server was still at it when the time was over",
            "25006" => "only what reads is run",
            "42501" => "the user may not do that",
            _ => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message } = self;
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning}: {message}"),
            None => write!(f, "{message} (SQLSTATE {code})"),
        }
    }
}

impl std::error::Error for Refusal {}

/// How long a code is at most.
const CODE: usize = 5;
