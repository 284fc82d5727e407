//! `vitals:health/net` in the host's own types.

use std::net::IpAddr;

use vitals_model::Text;

/// The addresses that may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    Ipv4,
    Ipv6,
}

impl Family {
    pub(crate) fn includes(self, address: &IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }
}

/// What is required of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    ChainAndName,
    Chain,
    /// Digests of the certificate or of its public key, in hexadecimal.
    Pins(Vec<String>),
    None,
}

impl Verification {
    /// Checks what a guest has asked for. The error is for a person.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let Self::Pins(pins) = self else {
            return Ok(());
        };
        let is_digest =
            |pin: &String| pin.len() == 64 && pin.bytes().all(|byte| byte.is_ascii_hexdigit());
        match pins.iter().find(|pin| !is_digest(pin)) {
            None if pins.is_empty() => Err("it has no pins".to_owned()),
            None if pins.len() > MAX_PINS => Err(format!("it has more than {MAX_PINS} pins")),
            None => Ok(()),
            Some(pin) => Err(format!(
                "pin `{}` is not a SHA-256 digest in hexadecimal",
                Text::line(pin, SHOWN_BYTES)
            )),
        }
    }
}

const MAX_PINS: usize = 64;
const SHOWN_BYTES: usize = 128;

/// A certificate as guests see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// The names and addresses that the certificate is valid for.
    pub(crate) names: Vec<String>,
    /// In hexadecimal.
    pub(crate) serial: String,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
    /// The digest of the whole certificate, in hexadecimal.
    pub(crate) sha256: String,
    /// The digest of its public key, in hexadecimal.
    pub(crate) public_key_sha256: String,
}

/// The result of a TLS handshake.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    /// In the order of the server, its own certificate first.
    pub(crate) chain: Vec<Certificate>,
    pub(crate) protocol: String,
    pub(crate) cipher: String,
    /// The protocol that the server selected by ALPN.
    pub(crate) alpn: Option<String>,
    /// Why the chain is not trusted for the name; `None` if it is.
    pub(crate) verification_error: Option<String>,
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResolveError {
    NotFound,
    NoData,
    TryAgain,
    /// The reason, for a person.
    Failed(String),
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetError {
    /// No grant covers the peer; the text says what to grant.
    Denied(String),
    NotResolved(ResolveError),
    Refused,
    Unreachable,
    Timeout,
    /// The peer closed the connection, or the host has closed it.
    Closed,
    /// More came than was asked for, before what ends the read.
    TooLarge,
    /// The handshake failed, or the certificate is not as required; the reason, for a person.
    Tls(String),
    /// The reason, for a person.
    Failed(String),
}

/// How to connect.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    pub(crate) family: Family,
    /// The name of a proxy in the configuration of the host.
    pub(crate) proxy: Option<String>,
}

/// How to make a TLS handshake.
#[derive(Clone, Debug)]
pub(crate) struct TlsOptions {
    /// The name that is sent to the server, and that its certificate must be valid for.
    pub(crate) server_name: String,
    pub(crate) verification: Verification,
    pub(crate) alpn: Vec<String>,
    /// The name of an identity in the configuration of the host.
    pub(crate) client_certificate: Option<String>,
}

/// What ends a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Some,
    Delimiter(Vec<u8>),
    Length(u32),
    End,
}

/// How a datagram is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatagramOptions {
    pub(crate) family: Family,
    /// How often each address is asked.
    pub(crate) attempts: u8,
    /// How many replies to wait for.
    pub(crate) replies: u8,
}

/// A datagram that came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) address: String,
    pub(crate) seconds: f64,
}

/// How a host is pinged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PingOptions {
    pub(crate) family: Family,
    pub(crate) count: u8,
    pub(crate) interval_ms: u32,
    /// The bytes of data in each echo request.
    pub(crate) size: u16,
}

/// The replies to echo requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PingResult {
    pub(crate) address: String,
    /// The time until each reply, in seconds.
    pub(crate) times: Vec<Option<f64>>,
}
