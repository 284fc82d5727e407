//! Unary calls of gRPC over HTTP/2
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). This file knows no method.

use percent_encoding::percent_decode_str;
use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

/// Why a call has no message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The server ended the call with a code other than OK.
    Status { code: u32, message: String },
    /// The response is not one of gRPC; the text says why.
    Invalid(String),
}

/// Returns a message with its prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[NOT_COMPRESSED], &length.to_be_bytes()[..], message].concat()
}

/// Returns a timeout as `grpc-timeout` has it: at most eight digits, and the unit.
pub(crate) fn timeout_text(timeout: Duration) -> String {
    let milliseconds = timeout.as_millis().clamp(1, 99_999_999);
    format!("{milliseconds}m")
}

/// Returns the message of a response.
///
/// # Errors
///
/// The call failed, or the response is not one of gRPC.
pub(crate) fn read(response: &Response) -> Result<&[u8], CallError> {
    // A response without a message has its trailers in place of headers.
    let either = |name| response.trailer(name).or_else(|| response.header(name));
    let invalid = |text: &str| CallError::Invalid(text.to_owned());
    match either("grpc-status") {
        Some("0") if is_grpc(response) => message(response.body()).map_err(CallError::Invalid),
        Some(status) if status != "0" => Err(match status.parse() {
            Ok(code) => CallError::Status {
                code,
                message: percent_decode_str(either("grpc-message").unwrap_or_default())
                    .decode_utf8_lossy()
                    .into_owned(),
            },
            Err(_) => CallError::Invalid(format!(
                "the gRPC status `{}` is not a number",
                shortened(status, CHARS_SHOWN)
            )),
        }),
        _ if !is_grpc(response) || response.status().as_u16() != 200 => Err(not_grpc(response)),
        _ if response.is_truncated() => Err(CallError::Invalid(format!(
            "the message is larger than {} KiB",
            response.body().len() >> 10
        ))),
        _ => Err(invalid("the response ends without a gRPC status")),
    }
}

fn is_grpc(response: &Response) -> bool {
    let kind = response.header("content-type").unwrap_or_default();
    let rest = kind.strip_prefix(CONTENT_TYPE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

fn not_grpc(response: &Response) -> CallError {
    let kind = response.header("content-type").map_or_else(
        || "no content type".to_owned(),
        |kind| format!("the content type `{}`", shortened(kind, CHARS_SHOWN)),
    );
    CallError::Invalid(format!(
        "the response is not gRPC: it has the HTTP status {} and {kind}",
        response.status()
    ))
}

/// Returns the only message in a body.
fn message(body: &[u8]) -> Result<&[u8], String> {
    if body.is_empty() {
        return Err("the response has no message".to_owned());
    }
    let Some((&[flag, ref length @ ..], message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(format!(
            "the message is cut off: the response has {} of the {PREFIX_BYTES} bytes before it",
            body.len()
        ));
    };
    match flag {
        NOT_COMPRESSED => {}
        1 => return Err("the message is compressed, which the check does not accept".to_owned()),
        _ => return Err(format!("the message has the invalid flag {flag}")),
    }
    let length = length
        .iter()
        .fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let received = message.len() as u64;
    if received < length {
        return Err(format!(
            "the message is cut off: the response has {received} of its {length} bytes"
        ));
    }
    if received > length {
        return Err("the response has more than one message".to_owned());
    }
    Ok(message)
}

pub(crate) const CONTENT_TYPE: &str = "application/grpc";
/// The number of bytes that are read of a response. One of the health protocol has seven.
pub(crate) const BODY_LIMIT: usize = 64 << 10;
/// A flag and a length.
const PREFIX_BYTES: usize = 5;
const NOT_COMPRESSED: u8 = 0;
/// The number of characters of a header in a message.
const CHARS_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        for (timeout, text) in [
            (Duration::ZERO, "1m"),
            (Duration::from_micros(1_999_999), "1999m"),
            (Duration::MAX, "99999999m"),
        ] {
            assert_eq!(timeout_text(timeout), text);
        }
    }

    #[test]
    fn a_body_has_one_whole_message() {
        assert_eq!(framed(b"ab"), b"\0\0\0\0\x02ab");
        for (body, expected) in [
            (&b"\0\0\0\0\x02ab"[..], Ok(&b"ab"[..])),
            (b"\0\0\0\0\0", Ok(b"")),
            (b"", Err("the response has no message")),
            (
                b"\0\0\0",
                Err("the message is cut off: the response has 3 of the 5 bytes before it"),
            ),
            (
                b"\0\0\0\0\x02a",
                Err("the message is cut off: the response has 1 of its 2 bytes"),
            ),
            (
                b"\0\xff\xff\xff\xff",
                Err("the message is cut off: the response has 0 of its 4294967295 bytes"),
            ),
            (
                b"\0\0\0\0\x01a\0\0\0\0\x01b",
                Err("the response has more than one message"),
            ),
            (
                b"\x01\0\0\0\0",
                Err("the message is compressed, which the check does not accept"),
            ),
            (b"\x80\0\0\0\0", Err("the message has the invalid flag 128")),
        ] {
            assert_eq!(message(body), expected.map_err(str::to_owned), "{body:?}");
        }
    }
}
