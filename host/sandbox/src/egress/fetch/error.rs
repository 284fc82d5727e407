//! Errors of an exchange in words for a person. No text of a library reaches the guest.

use std::error::Error as _;
use std::fmt;
use std::io;

use hyper::Error;

use super::decode::{Coding, DecodeError};
use crate::contract::{HttpError, Phase};
use crate::egress::ConnectionError;
use crate::egress::connect::ReachError;
use crate::egress::http_error::MAX_HEAD_BYTES;
use vitals_io::trust::protocol_error;
use vitals_model::Text;

/// A request that cannot be sent.
pub(super) fn invalid(why: impl fmt::Display) -> HttpError {
    HttpError::InvalidRequest(Text::display(why, MAX_TEXT_BYTES).into())
}

/// A text of a guest or a server, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    Text::line(text, SHOWN_BYTES).into()
}

pub(super) fn unreached(error: ReachError, phase: Phase) -> HttpError {
    match error {
        ReachError::Denied(why) => HttpError::Denied(why),
        ReachError::NotResolved(error) => HttpError::NotResolved(error.to_string()),
        error @ ReachError::NoAddressOf(_) => HttpError::NotResolved(error.to_string()),
        error @ ReachError::NoTable(_) => HttpError::InvalidRequest(error.to_string()),
        ReachError::Timeout => HttpError::Timeout(phase),
        ReachError::Refused => HttpError::Refused,
        other => HttpError::Unreachable(other.to_string()),
    }
}

pub(super) fn no_handshake(error: ConnectionError) -> HttpError {
    match error {
        ConnectionError::Timeout => HttpError::Timeout(Phase::Tls),
        ConnectionError::Closed => {
            HttpError::Tls("the server closed the connection during the handshake".to_owned())
        }
        ConnectionError::Protocol(_, why) | ConnectionError::Failed(why) => HttpError::Tls(why),
    }
}

/// What broke a connection while the head (`is_head`) or the body of the response was awaited.
pub(super) fn broken(error: &Error, is_head: bool) -> HttpError {
    let closed = if is_head {
        "the server closed the connection without a response"
    } else {
        "the server closed the connection before the end of the body"
    };
    let protocol = |text: &str| HttpError::Protocol(text.to_owned());
    let cause = error.source();
    // A connection that broke before the request was sent.
    if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<Error>()) {
        return broken(cause, is_head);
    }
    if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<h2::Error>()) {
        return http2(cause, closed);
    }
    if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
        let tls = cause.get_ref().and_then(|inner| inner.downcast_ref());
        return match (tls, cause.kind()) {
            (Some(error), _) => HttpError::Tls(protocol_error(error)),
            (None, io::ErrorKind::InvalidInput) => {
                protocol("the body of the response is not valid")
            }
            // The library's limits on chunked bodies.
            (None, io::ErrorKind::InvalidData) => HttpError::TooLarge(
                "the chunks or the trailers of the response exceed a limit: 16 KiB of extensions of \
                 chunks, 16 KiB of trailers, or 1,000 trailers"
                    .to_owned(),
            ),
            (None, _) => protocol(closed),
        };
    }
    if error.is_parse_too_large() {
        too_large_head()
    } else if error.is_parse_status() {
        protocol("the status of the response is not valid")
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        protocol(closed)
    } else {
        protocol("the response is not valid HTTP")
    }
}

fn http2(error: &h2::Error, closed: &str) -> HttpError {
    let by = if error.is_remote() {
        "the server"
    } else {
        "the host"
    };
    HttpError::Protocol(match error.reason() {
        Some(reason) if error.is_reset() => {
            format!("{by} ended the request in HTTP/2: {}", reason.description())
        }
        Some(reason) => format!(
            "{by} ended the connection in HTTP/2: {}",
            reason.description()
        ),
        None => closed.to_owned(),
    })
}

pub(super) fn too_large_head() -> HttpError {
    HttpError::TooLarge(format!(
        "the headers of the response exceed {} KiB",
        MAX_HEAD_BYTES >> 10
    ))
}

pub(super) fn too_large_trailers() -> HttpError {
    HttpError::TooLarge(format!(
        "the trailers of the response exceed {} KiB or 1,000 fields",
        MAX_HEAD_BYTES >> 10
    ))
}

pub(super) fn undecodable(coding: Coding, error: &DecodeError) -> HttpError {
    match error {
        DecodeError::Late => HttpError::Timeout(Phase::Body),
        DecodeError::Invalid => HttpError::Protocol(format!(
            "the body is not what `content-encoding: {coding}` says"
        )),
        DecodeError::Window => HttpError::TooLarge(format!(
            "the body needs a window of more than 8 MiB to be decoded from {coding}"
        )),
    }
}

const SHOWN_BYTES: usize = 256;
const MAX_TEXT_BYTES: usize = 512;
