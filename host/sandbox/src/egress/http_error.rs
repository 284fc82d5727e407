//! Converts errors of an HTTP connection to errors of `wasi:http`.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

use super::tls;
use vitals_model::Text;

/// Converts an error of an established connection.
pub(super) fn from_hyper(error: &hyper::Error) -> Error {
    if let Some(cause) = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>())
    {
        return from_io(cause);
    }
    if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_parse_too_large() {
        head_too_large()
    } else if error.is_closed() || error.is_canceled() {
        Error::ConnectionTerminated
    } else if error.is_user() {
        internal(format_args!("the request was not sent in full: {error}"))
    } else {
        Error::HttpProtocolError
    }
}

pub(super) fn head_too_large() -> Error {
    Error::HttpResponseHeaderSectionSize(u32::try_from(MAX_HEAD_BYTES).ok())
}

fn from_io(error: &io::Error) -> Error {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(error) => tls::http_error(error),
        None if error.kind() == io::ErrorKind::TimedOut => Error::ConnectionReadTimeout,
        None if error.kind() == io::ErrorKind::UnexpectedEof => Error::HttpResponseIncomplete,
        None => Error::ConnectionTerminated,
    }
}

/// An error that `wasi:http` has no case for.
pub(super) fn internal(message: std::fmt::Arguments<'_>) -> Error {
    Error::InternalError(Some(Text::display(message, MAX_MESSAGE_BYTES).into()))
}

const MAX_MESSAGE_BYTES: usize = 512;
/// The maximum size of a response's status line and headers, including all informational responses
/// before it.
pub(super) const MAX_HEAD_BYTES: usize = 64 << 10;
