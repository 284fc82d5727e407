//! Errors that a server returns, worded for people.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorResponseBody;
use vitals_sdk::prelude::*;

use crate::SHOWN;

/// Makes the error for an error message: its SQLSTATE, five characters, and its text.
pub(crate) fn server_error(body: &ErrorResponseBody) -> Error {
    let (mut code, mut text) = (String::new(), String::new());
    let mut fields = body.fields();
    // Fields after one that cannot be parsed are dropped.
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes());
        match field.type_() {
            b'C' => code = shortened(&value, CODE),
            b'M' => text = shortened(&value, SHOWN),
            _ => {}
        }
    }
    match meaning(&code) {
        Some(meaning) => Error::new(format_args!("{meaning}: {text}")),
        None => Error::new(format_args!("{text} (SQLSTATE {code})")),
    }
}

/// Explains a code to an operator; `None` for codes that concern only the statement.
fn meaning(code: &str) -> Option<&'static str> {
    Some(match code {
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

/// The maximum length of a code.
const CODE: usize = 5;
