//! `vitals:health/http` in the host's own types.

use super::{Family, Handshake, Verification};

/// A request of a guest.
#[derive(Debug, Default)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) options: HttpOptions,
}

/// A name and its value.
pub(crate) type Header = (String, Vec<u8>);

/// The options of a request.
#[derive(Debug)]
pub(crate) struct HttpOptions {
    /// How many redirects are followed.
    pub(crate) redirects: u8,
    pub(crate) cookies: bool,
    /// Whether compressed bodies are asked for and decoded.
    pub(crate) decode: bool,
    /// How many bytes of the decoded body are returned.
    pub(crate) body_max: u64,
    pub(crate) version: VersionOption,
    pub(crate) family: Family,
    /// The name in `host` and in TLS, in place of the host of the URL.
    pub(crate) server_name: Option<String>,
    pub(crate) verification: Verification,
    /// The name of an identity in the configuration of the host.
    pub(crate) client_certificate: Option<String>,
    /// The name of a proxy in the configuration of the host.
    pub(crate) proxy: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            redirects: 0,
            cookies: true,
            decode: true,
            body_max: u64::MAX,
            version: VersionOption::Auto,
            family: Family::Any,
            server_name: None,
            verification: Verification::ChainAndName,
            client_certificate: None,
            proxy: None,
        }
    }
}

/// The version of HTTP that a guest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionOption {
    Auto,
    Http1,
    Http2,
    Http2PriorKnowledge,
}

/// The version of HTTP of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

/// A response, after redirects.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) url: String,
    /// How many redirects were followed.
    pub(crate) redirects: u8,
    pub(crate) headers: Vec<Header>,
    /// What followed the body; empty if that was not read to its end.
    pub(crate) trailers: Vec<Header>,
    pub(crate) body: Vec<u8>,
    /// The bytes of the body that were received, before decoding.
    pub(crate) body_size: u64,
    pub(crate) truncated: bool,
    pub(crate) exchange: Exchange,
}

/// What is known of an exchange, whether it succeeded or failed.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) phases: Phases,
    pub(crate) remote_address: Option<String>,
    pub(crate) handshake: Option<Handshake>,
}

/// The time that each phase took, in seconds, over all redirects.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases {
    pub(crate) resolve: f64,
    pub(crate) connect: f64,
    pub(crate) tls: f64,
    pub(crate) request: f64,
    pub(crate) first_byte: f64,
    pub(crate) body: f64,
}

/// A phase of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Resolve,
    Connect,
    Tls,
    Request,
    FirstByte,
    Body,
}

/// A request without a response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: HttpError,
    pub(crate) url: String,
    pub(crate) exchange: Exchange,
}

/// Why there is no response. Texts are for a person.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HttpError {
    /// No grant covers the URL; the text says what to grant.
    Denied(String),
    InvalidRequest(String),
    NotResolved(String),
    Refused,
    Unreachable(String),
    Timeout(Phase),
    Tls(String),
    Protocol(String),
    TooLarge(String),
    Redirect(String),
}
