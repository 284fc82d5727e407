//! Hosts in one canonical form: names and addresses, and the patterns that grants write.
//!
//! Every host that a configuration, an `allow` entry or a guest names passes through
//! [`Host::parse`], so that two spellings of one host are equal and no spelling means two hosts.
//! What is granted is none of this file's business.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use super::address::effective;

/// A host in canonical form: lower case and ASCII, without a trailing dot, an IPv4 address written
/// in any of the ways of the URL standard as that address, an IPv4-mapped one as IPv4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name that has to be resolved.
    Name(Arc<str>),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a name or an address; an IPv6 address with or without brackets.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        // The URL standard decodes percent signs in hosts; with them out there is one way less to
        // write a name. They are also how a zone is written.
        if text.contains('%') {
            return Err(HostError::Zone);
        }
        // To bring a text into canonical form takes longer the longer it is, and a guest may write
        // megabytes.
        if text.len() > MAX_TEXT {
            return Err(HostError::Name);
        }
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if inner.is_some() || text.contains(':') {
            let address = inner.unwrap_or(text).parse::<Ipv6Addr>();
            let address = address.map_err(|_| HostError::Ipv6)?;
            return Ok(Self::Address(address.to_canonical()));
        }
        // The dot at the end goes when it is known that this is a name: `1..` is one, by the URL
        // standard, and `1.` an address.
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) => Self::name(name.strip_suffix('.').unwrap_or(&name)),
            Ok(url::Host::Ipv4(address)) => Ok(Self::Address(address.into())),
            Ok(url::Host::Ipv6(address)) => Ok(Self::Address(address.to_canonical())),
            Err(url::ParseError::EmptyHost) => Err(HostError::Empty),
            Err(url::ParseError::InvalidIpv4Address) => Err(HostError::Ipv4),
            Err(_) => Err(HostError::Name),
        }
    }

    fn name(name: &str) -> Result<Self, HostError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        if name.len() > MAX_NAME || !name.split('.').all(label) {
            return Err(HostError::Name);
        }
        Ok(Self::Name(name.into()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The hosts that one grant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// One name or one address.
    Exact(Host),
    /// `*.example.com`: every name below it, however deep, not the name itself.
    Below(Arc<str>),
    /// `10.0.0.0/8`: addresses; never a name, wherever it leads.
    Net(IpNet),
}

impl HostPattern {
    /// Reads a host, `*.` and a name, or a network in CIDR notation.
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(name) = text.strip_prefix("*.") {
            return match Host::parse(name)? {
                Host::Name(name) => Ok(Self::Below(name)),
                Host::Address(_) => Err(HostError::Wildcard),
            };
        }
        if text.contains('*') {
            return Err(HostError::Wildcard);
        }
        if text.contains('/') {
            return Self::net(text);
        }
        Host::parse(text).map(Self::Exact)
    }

    fn net(text: &str) -> Result<Self, HostError> {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let net: IpNet = inner.unwrap_or(text).parse().map_err(|_| HostError::Net)?;
        if net.trunc() != net {
            return Err(HostError::NetBits(net.trunc()));
        }
        match net {
            // A network of one address is that address, and then counts as written.
            _ if net.prefix_len() == net.max_prefix_len() => {
                Ok(Self::Exact(Host::Address(net.addr().to_canonical())))
            }
            IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some() => Err(HostError::NetMapped),
            _ => Ok(Self::Net(net)),
        }
    }

    /// Whether the pattern covers a host by how it is named; where a name leads is not looked at.
    pub(super) fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(Host::Name(granted)), Host::Name(name)) => granted == name,
            (Self::Exact(Host::Address(granted)), Host::Address(address)) => {
                effective(*granted) == effective(*address)
            }
            (Self::Below(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_ref())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Self::Net(net), Host::Address(address)) => net.contains(&effective(*address)),
            _ => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Net(IpNet::V4(net)) => net.fmt(f),
            Self::Net(IpNet::V6(net)) => write!(f, "[{net}]"),
        }
    }
}

/// Why a text names no host, or no host and port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no host.
    #[error("it names no host")]
    Empty,
    /// A percent sign, with which an IPv6 zone or an encoded character is written.
    #[error("it has a percent sign; zones and encoded characters are not taken")]
    Zone,
    /// Colons, but no IPv6 address.
    #[error("its host is no IPv6 address")]
    Ipv6,
    /// It ends in a number, as only IPv4 addresses do.
    #[error("its host ends in a number and is no IPv4 address")]
    Ipv4,
    /// No name that DNS could hold.
    #[error("its host is no valid name")]
    Name,
    /// A `*` that is not all of the first label of a name.
    #[error("`*` can only stand for all names below one, as in `*.example.com`")]
    Wildcard,
    /// No network in CIDR notation.
    #[error("its host is no network in CIDR notation, as `10.0.0.0/8` is")]
    Net,
    /// A network with bits set behind its prefix.
    #[error("the network starts elsewhere: `{0}`")]
    NetBits(IpNet),
    /// A network of IPv4-mapped IPv6 addresses.
    #[error("it is a network of IPv4 addresses in IPv6 notation; write it as IPv4")]
    NetMapped,
    /// No port.
    #[error("it has no port")]
    NoPort,
    /// A port that is none.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// An IPv6 address before a port without brackets.
    #[error("an IPv6 address stands in brackets before its port, as in `[::1]:80`")]
    Brackets,
}

/// Splits `host:port` at the colon; the host keeps its brackets, the port may be missing.
pub(super) fn split_port(text: &str) -> Result<(&str, Option<u16>), HostError> {
    let (host, port) = match text.rfind(']') {
        Some(end) => (&text[..=end], text[end + 1..].strip_prefix(':')),
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.len() + port.map_or(0, |port| port.len() + 1) != text.len() {
        return Err(HostError::Port);
    }
    if host.contains(':') && !host.starts_with('[') {
        return Err(HostError::Brackets);
    }
    match port {
        None => Ok((host, None)),
        // The digits alone: `str::parse` would take a sign.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(HostError::Port),
        },
        Some(_) => Err(HostError::Port),
    }
}

/// The longest name that DNS can carry, RFC 1035 section 2.3.4, as text without the final dot.
const MAX_NAME: usize = 253;
/// What a name can take before it is in canonical form: four bytes a character, and a final dot of
/// three.
const MAX_TEXT: usize = 4 * MAX_NAME + 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        match Host::parse(text) {
            Ok(host) => host.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        for (written, expected) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com。", "example.com"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("_http._tcp.example", "_http._tcp.example"),
            ("ⓔxample.com", "example.com"),
            ("[::FFFF:127.0.0.1]", "127.0.0.1"),
            ("::ffff:7f00:1", "127.0.0.1"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("::1", "[::1]"),
            ("0x7f.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("１２７.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(canonical(written), expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for (written, expected) in [
            ("", "Empty"),
            (".", "Empty"),
            ("[fe80::1%eth0]", "Zone"),
            ("ex%61mple.com", "Zone"),
            ("[::1", "Ipv6"),
            ("1::2::3", "Ipv6"),
            ("256.1.1.1", "Ipv4"),
            ("1.2.3.4.5", "Ipv4"),
            ("example..com", "Name"),
            ("example.com..", "Name"),
            ("127.0.0.1..", "Name"),
            ("1..", "Name"),
            ("a b", "Name"),
            ("user@example.com", "Name"),
            ("example.com/x", "Name"),
            ("a!b", "Name"),
        ] {
            assert_eq!(canonical(written), expected, "{written}");
        }
    }

    #[test]
    fn names_are_as_long_as_dns_takes_them() {
        assert!(Host::parse(&"a".repeat(63)).is_ok());
        assert_eq!(Host::parse(&"a".repeat(64)), Err(HostError::Name));
        // Labels of one character and their dots, the last of which does not count.
        assert!(Host::parse(&"a.".repeat(127)).is_ok());
        assert_eq!(Host::parse(&"a.".repeat(128)), Err(HostError::Name));
    }

    #[test]
    fn a_text_is_read_if_it_can_be_as_long_as_a_name() {
        // A soft hyphen is left out of a name, and costs time all the same.
        let padded = |count| format!("{}example.com", "\u{ad}".repeat(count));
        assert_eq!(canonical(&padded(200)), "example.com");
        assert_eq!(canonical(&padded(1000)), "Name");
    }

    #[test]
    fn patterns_cover_names_or_addresses() {
        for (pattern, host, covered) in [
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "64:ff9b::a01:203", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "ten.example.com", false),
            ("127.0.0.1/32", "0x7f.1", true),
            ("[fd00::/8]", "fd12::1", true),
            ("::1", "[::1]", true),
        ] {
            let found = HostPattern::parse(pattern)
                .unwrap()
                .covers(&Host::parse(host).unwrap());
            assert_eq!(found, covered, "{pattern} {host}");
        }
    }

    #[test]
    fn patterns_that_make_no_sense_say_why() {
        for (pattern, error) in [
            ("*", HostError::Wildcard),
            ("*.", HostError::Empty),
            ("www.*.com", HostError::Wildcard),
            ("*.*.com", HostError::Name),
            ("*.10.0.0.1", HostError::Wildcard),
            ("10.0.0.0/33", HostError::Net),
            (
                "10.1.0.0/8",
                HostError::NetBits("10.0.0.0/8".parse().unwrap()),
            ),
            ("[::ffff:10.0.0.0/104]", HostError::NetMapped),
        ] {
            assert_eq!(HostPattern::parse(pattern), Err(error), "{pattern}");
        }
    }

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("a:1"), Ok(("a", Some(1))));
        assert_eq!(split_port("a"), Ok(("a", None)));
        assert_eq!(split_port("[::1]:80"), Ok(("[::1]", Some(80))));
        assert_eq!(split_port("[::1]"), Ok(("[::1]", None)));
        assert_eq!(split_port("::1"), Err(HostError::Brackets));
        for bad in [
            "a:", "a:0", "a:65536", "a:+1", "a:x", "a:*", "[::1]80", "[::1]:",
        ] {
            assert_eq!(split_port(bad), Err(HostError::Port), "{bad}");
        }
    }
}
