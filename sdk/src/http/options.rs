//! The options of a request.

use crate::net::Family;
use crate::tls::Verification;

/// The options of a request, with the defaults of the contract.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) redirects: u8,
    pub(crate) cookies: bool,
    pub(crate) decode: bool,
    pub(crate) body_max: usize,
    pub(crate) version: VersionOption,
    pub(crate) family: Family,
    pub(crate) server_name: Option<String>,
    pub(crate) verification: Verification,
    pub(crate) client_certificate: Option<String>,
    pub(crate) proxy: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            redirects: 0,
            cookies: true,
            decode: true,
            body_max: BODY_LIMIT,
            version: VersionOption::Auto,
            family: Family::Any,
            server_name: None,
            verification: Verification::ChainAndName,
            client_certificate: None,
            proxy: None,
        }
    }
}

/// The version of HTTP that a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionOption {
    /// HTTP/2 if the server selects it in TLS, otherwise HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, which the server must select in TLS.
    Http2,
    /// HTTP/2 without TLS.
    Http2PriorKnowledge,
}

const BODY_LIMIT: usize = 1 << 20;
