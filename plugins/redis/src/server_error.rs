//! Errors that a server returns, worded for people.

use vitals_sdk::prelude::*;

/// Makes the error for an error reply: a code such as `NOAUTH`, and its message.
pub(crate) fn server_error(reply: &str) -> Error {
    let (code, message) = reply.split_once(' ').unwrap_or((reply, ""));
    let shown = shortened(message, MESSAGE);
    if let Some(meaning) = meaning(code, message) {
        Error::new(format_args!("{meaning}: {shown}"))
    } else {
        let code = shortened(code, CODE);
        Error::new(format_args!("the server returned {code}: {shown}"))
    }
}

/// Explains a code to an operator.
fn meaning(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        "NOAUTH" => "the server requires a password",
        "WRONGPASS" => "the server rejects the login",
        "NOPERM" => "the user lacks the permission",
        "LOADING" => "the server is not ready",
        "MISCONF" => "the server rejects writes because it cannot save",
        "MASTERDOWN" => "the replica is disconnected from its master",
        "DENIED" => "the server accepts no connections from this address",
        "ERR" if message.starts_with("max number of clients") => {
            "the server has too many connections"
        }
        _ => return None,
    })
}

/// Limits on the characters shown of code and message.
const CODE: usize = 32;
const MESSAGE: usize = 256;
