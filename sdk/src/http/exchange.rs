//! What is known of an exchange beside the response.

use std::time::Duration;

use crate::tls::Handshake;

/// What is known of an exchange, whether there was a response or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// How long each phase took.
    pub phases: Phases,
    /// The address and port of the last connection.
    pub remote_address: Option<String>,
    /// The last TLS handshake. A server that is not trusted has one too.
    pub handshake: Option<Handshake>,
}

/// The time that each phase of an exchange took, over all redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phases {
    /// Looking up the name.
    pub resolve: Duration,
    /// Connecting.
    pub connect: Duration,
    /// The TLS handshake, with the verification of the certificate.
    pub tls: Duration,
    /// Sending the request.
    pub request: Duration,
    /// From the request to the status.
    pub first_byte: Duration,
    /// Reading and decoding the body.
    pub body: Duration,
}

/// The version of HTTP of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// Returns the version as it is written: `HTTP/1.1`, `HTTP/2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}
