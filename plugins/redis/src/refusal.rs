//! What a server says when it does not do what it was asked, in words for a person.

use std::fmt;

use vitals_sdk::shortened;

/// An error of the server: a code like `NOAUTH`, and what it says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) fn new(text: &str) -> Self {
        let (code, message) = text.split_once(' ').unwrap_or((text, ""));
        Self {
            code: shortened(code, CODE),
            message: shortened(message, MESSAGE),
        }
    }

    /// What the code means to whoever looks after the server.
    fn meaning(&self) -> Option<&'static str> {
        Some(match self.code.as_str() {
            "NOAUTH" => "the server wants a password",
            "WRONGPASS" => "the server refuses the login",
            "NOPERM" => "the user may not do that",
            "LOADING" => "the server is not ready",
            "MISCONF" => "the server takes no writes since it can't save",
            "MASTERDOWN" => "the replica has lost its master",
            "DENIED" => "the server takes nobody from here",
            "ERR" if self.message.starts_with("max number of clients") => {
                "the server has too many connections"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message } = self;
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning}: {message}"),
            None => write!(f, "the server says {code}: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// How many characters of the texts are shown.
const CODE: usize = 32;
const MESSAGE: usize = 256;
