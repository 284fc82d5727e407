//! Errors that a server returns, worded for people.

use std::fmt;

use vitals_sdk::shortened;

/// An error returned by the server: a code such as `NOAUTH`, and its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerError {
    code: String,
    message: String,
}

impl ServerError {
    pub(crate) fn new(text: &str) -> Self {
        let (code, message) = text.split_once(' ').unwrap_or((text, ""));
        Self {
            code: shortened(code, CODE),
            message: shortened(message, MESSAGE),
        }
    }

    /// Explains the code to an operator.
    fn meaning(&self) -> Option<&'static str> {
        Some(match self.code.as_str() {
            "NOAUTH" => "the server requires a password",
            "WRONGPASS" => "the server rejects the login",
            "NOPERM" => "the user lacks the permission",
            "LOADING" => "the server is not ready",
            "MISCONF" => "the server rejects writes because it cannot save",
            "MASTERDOWN" => "the replica is disconnected from its master",
            "DENIED" => "the server accepts no connections from this address",
            "ERR" if self.message.starts_with("max number of clients") => {
                "the server has too many connections"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message } = self;
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning}: {message}"),
            None => write!(f, "the server returned {code}: {message}"),
        }
    }
}

impl std::error::Error for ServerError {}

/// Limits on the characters shown of code and message.
const CODE: usize = 32;
const MESSAGE: usize = 256;
