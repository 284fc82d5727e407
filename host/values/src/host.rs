//! Hosts: names and IP addresses in canonical form.
//!
//! This module does not resolve names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// A host in canonical form: texts for the same host parse to equal values.
///
/// A host is an ASCII name, an IPv4 address of four decimal numbers, or an IPv6 address with or without
/// brackets. Case and one dot at the end of a name are ignored. An IPv4-mapped IPv6 address becomes the IPv4
/// address.
///
/// Rejected are zones, percent-encoded characters, and texts that are an address to some programs and a name
/// to others: `127.1`, `0x7f.1`, `2130706433`.
///
/// A name in another script must be in its `xn--` form, because the tables for the conversion are larger than
/// most checks.
///
/// ```
/// use vitals_values::Host;
///
/// assert_eq!("Example.COM.".parse::<Host>()?.to_string(), "example.com");
/// assert_eq!("::FFFF:127.0.0.1".parse::<Host>()?.to_string(), "127.0.0.1");
/// assert_eq!("::1".parse::<Host>()?.to_string(), "[::1]");
/// # Ok::<(), vitals_values::HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name: lower case, ASCII, without a dot at its end.
    Name(Arc<str>),
    /// An IP address, never an IPv4-mapped one.
    Address(IpAddr),
}

impl Host {
    /// The host as resolvers and TLS write it: an IPv6 address without brackets.
    pub fn without_brackets(&self) -> String {
        match self {
            Self::Name(name) => name.as_ref().into(),
            Self::Address(address) => address.to_string(),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.len() > MAX_TEXT {
            return Err(HostError::Name);
        }
        let bytes = text.as_bytes();
        if bytes.contains(&b'%') {
            return Err(HostError::Zone);
        }
        let is_bracketed = matches!(bytes, [b'[', .., b']']);
        if is_bracketed || bytes.contains(&b':') {
            let inner = if is_bracketed {
                &text[1..text.len() - 1]
            } else {
                text
            };
            let address: Result<Ipv6Addr, _> = inner.parse();
            let address = address.map_err(|_| HostError::Ipv6)?;
            return Ok(Self::Address(address.to_canonical()));
        }
        if !text.is_ascii() {
            return Err(HostError::NotAscii);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        let labels = || name.as_bytes().split(|byte| *byte == b'.');
        if labels().next_back().is_some_and(is_number) {
            let address: Result<Ipv4Addr, _> = name.parse();
            let address = address.map_err(|_| HostError::Ipv4)?;
            return Ok(Self::Address(address.into()));
        }
        if name.len() > MAX_NAME || !labels().all(is_label) {
            return Err(HostError::Name);
        }
        Ok(Self::Name(name.to_ascii_lowercase().into()))
    }
}

/// Formats the host as it is written before a port: an IPv6 address in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is not a host, or not a host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// The host is missing.
    Empty,
    /// The text has a percent sign, which begins an IPv6 zone or an encoded character.
    Zone,
    /// The text has colons or brackets and is not an IPv6 address.
    Ipv6,
    /// The text ends in a number and is not an IPv4 address of four decimal numbers.
    Ipv4,
    /// The name has characters that are not ASCII.
    NotAscii,
    /// The name is not valid in DNS.
    Name,
    /// The port is missing.
    NoPort,
    /// The port is not a number from 1 to 65535.
    Port,
    /// An IPv6 address before a port has no brackets.
    Brackets,
}

impl HostError {
    /// The problem as a clause.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "it has no host",
            Self::Zone => "it has a percent sign; zones and encoded characters are not supported",
            Self::Ipv6 => "its host is not an IPv6 address",
            Self::Ipv4 => {
                "its host ends in a number and is not an IPv4 address of four decimal numbers"
            }
            Self::NotAscii => "its host is not ASCII; write the name in its `xn--` form",
            Self::Name => "its host is not a valid name",
            Self::NoPort => "it has no port",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Brackets => {
                "its IPv6 address has no brackets, which are needed before a port: `[::1]:80`"
            }
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for HostError {}

/// Whether a label is a decimal or hexadecimal number. The URL standard takes a name that ends in a number
/// for an IPv4 address.
fn is_number(label: &[u8]) -> bool {
    match label {
        [] => false,
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

fn is_label(label: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    (1..=63).contains(&label.len()) && label.iter().all(is_plain)
}

/// The length of the longest DNS name (RFC 1035 section 2.3.4) as text without the dot at its end.
const MAX_NAME: usize = 253;
/// The length of the longest name with its dot. Every address is shorter.
const MAX_TEXT: usize = MAX_NAME + 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_addresses_become_canonical() {
        for (text, host) in [
            ("Example.COM", "example.com"),
            ("db_1.internal.", "db_1.internal"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("_http._tcp.example", "_http._tcp.example"),
            ("0xg", "0xg"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("::1", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
            ("[::FFFF:127.0.0.1]", "127.0.0.1"),
            ("::ffff:7f00:1", "127.0.0.1"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), host);
        }
        let v6: Host = "[::1]".parse().unwrap();
        assert_eq!(v6.without_brackets(), "::1");
    }

    #[test]
    fn invalid_and_ambiguous_hosts_are_rejected() {
        use HostError::{Empty, Ipv4, Ipv6, Name, NotAscii, Zone};
        for (text, error) in [
            ("", Empty),
            (".", Empty),
            ("127.1", Ipv4),
            ("2130706433", Ipv4),
            ("017700000001", Ipv4),
            ("0x7f.0.0.1", Ipv4),
            ("0x7f.1", Ipv4),
            ("0X7F000001", Ipv4),
            ("0x", Ipv4),
            ("127.0.0.01", Ipv4),
            ("256.1.1.1", Ipv4),
            ("1.2.3.4.5", Ipv4),
            ("[::1", Ipv6),
            ("[127.0.0.1]", Ipv6),
            ("1::2::3", Ipv6),
            ("[fe80::1%eth0]", Zone),
            ("a%2eb", Zone),
            ("bücher.example", NotAscii),
            ("example.com。", NotAscii),
            ("１２７.0.0.1", NotAscii),
            ("a..b", Name),
            ("example.com..", Name),
            ("127.0.0.1..", Name),
            ("1..", Name),
            ("a b", Name),
            ("a/b", Name),
            ("a@b", Name),
            ("a!b", Name),
            ("*", Name),
        ] {
            assert_eq!(text.parse::<Host>(), Err(error), "{text}");
        }
    }

    #[test]
    fn names_beyond_the_length_limits_of_dns_are_rejected() {
        let read = |text: String| text.parse::<Host>();
        assert!(read("a".repeat(63)).is_ok());
        assert_eq!(read("a".repeat(64)), Err(HostError::Name));
        // Labels of one character with their dots. The last dot does not count.
        assert!(read("a.".repeat(127)).is_ok());
        assert_eq!(read("a.".repeat(128)), Err(HostError::Name));
    }

    proptest! {
        #[test]
        fn a_formatted_host_parses_to_itself(
            name in "[a-zA-Z0-9_-]{1,8}(\\.[a-zA-Z0-9_-]{1,8}){0,3}\\.?",
            v4: u32,
            v6: u128,
        ) {
            let addresses = [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())];
            let addresses = addresses.map(|address| Host::Address(address.to_canonical()));
            for host in name.parse::<Host>().into_iter().chain(addresses) {
                prop_assert_eq!(host.to_string().parse(), Ok(host.clone()));
                prop_assert_eq!(host.without_brackets().parse(), Ok(host));
            }
        }
    }
}
