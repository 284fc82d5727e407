//! Messages for TLS errors, and their cases in `wasi:http`.

use std::io;

use wasmtime_wasi_http::Error;

use crate::grants::Host;
use vitals_io::blocking_pool::PoolError;
use vitals_io::trust::protocol_error;
use vitals_model::Text;

/// Converts a TLS error to an error of `wasi:http`.
pub(in crate::egress) fn http_error(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

/// Why a connection could not be made, or broke.
#[derive(Debug, PartialEq)]
pub(crate) enum ConnectionError {
    Timeout,
    /// The peer closed the connection.
    Closed,
    /// The server broke the protocol of TLS or sent an alert; with a message for a person.
    Protocol(rustls::Error, String),
    /// The reason, for a person.
    Failed(String),
}

impl From<PoolError> for ConnectionError {
    fn from(error: PoolError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Why an operation on a connection failed.
pub(crate) fn connection_error(error: &io::Error) -> ConnectionError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(error) = inner {
        return ConnectionError::Failed(protocol_error(error));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::WriteZero => ConnectionError::Closed,
        _ => ConnectionError::Failed(format!("the connection broke: {error}")),
    }
}

/// Describes what the server sent instead of TLS, if the first bytes are not a TLS record. (RFC
/// 8446, section 5.1: the types of records are those from `change_cipher_spec` to
/// `application_data`.)
pub(super) fn not_tls_message(first_bytes: &[u8]) -> Option<String> {
    if (20..=23).contains(first_bytes.first()?) {
        return None;
    }
    let line = first_bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let readable = line
        .iter()
        .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\r');
    Some(if readable && !line.is_empty() {
        let line = Text::line(String::from_utf8_lossy(line).trim_end(), SHOWN_BYTES);
        format!("the server does not speak TLS here: it began with `{line}`")
    } else {
        "the server does not speak TLS here".to_owned()
    })
}

pub(crate) fn untrusted_message(host: &Host, reason: &str) -> String {
    format!("the certificate of {host} is not trusted: {reason}")
}

const SHOWN_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, PeerIncompatible, PeerMisbehaved};

    use super::*;

    #[test]
    fn errors_read_as_sentences() {
        let broken = |error: rustls::Error| match connection_error(&io::Error::other(error)) {
            ConnectionError::Failed(text) => text,
            other => panic!("{other:?}"),
        };
        for (error, text) in [
            (
                rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                "the server and the host have no TLS parameters in common: server does not support \
                 tls12 or13",
            ),
            (
                rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyEmptyFragments),
                "the server broke the protocol: too many empty fragments",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "the server refused with the alert 116 (certificate required); it requires a \
                 client certificate: define one in `[tls.identities]`, and name it in the check's \
                 settings",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                "the server refused with the alert 48 (unknown authority); it does not accept the client \
                 certificate",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
                "the server refused with the alert 70 (protocol version); it supports neither TLS \
                 1.2 nor 1.3",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::InternalError),
                "the server refused with the alert 80 (internal error)",
            ),
        ] {
            assert_eq!(broken(error), text);
        }
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            assert_eq!(connection_error(&kind.into()), ConnectionError::Closed);
        }
    }

    #[test]
    fn another_protocol_is_recognised_by_its_first_line() {
        for (first_bytes, text) in [
            (
                &b"220 mail ESMTP\r\n250"[..],
                Some("here: it began with `220 mail ESMTP`"),
            ),
            (b"\0\0\0\x0a", Some("the server does not speak TLS here")),
            (b"\x16\x03\x03", None),
            (b"", None),
        ] {
            let said = not_tls_message(first_bytes);
            assert_eq!(said.is_some(), text.is_some(), "{said:?}");
            let ends_as_expected = said
                .zip(text)
                .is_none_or(|(said, text)| said.ends_with(text));
            assert!(ends_as_expected, "{first_bytes:?}");
        }
    }
}
