//! Hosts as guests and operators write them, and the patterns of grants.
//!
//! Every host of a configuration, an `allow` entry or a guest is parsed by [`parse_host`], so that
//! two spellings of a host are equal and no spelling means two hosts. This file does not decide
//! what is granted.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use vitals_values::{Host, HostError};

use super::EntryError;
use super::address::effective;

/// Parses a host in any spelling of the URL standard: a name in any script, an IPv4 address in
/// decimal, octal or hexadecimal parts, an IPv6 address with or without brackets.
///
/// The result has the one spelling of [`Host`].
pub fn parse_host(text: &str) -> Result<Host, HostError> {
    // The URL standard decodes percent signs in hosts; rejecting them leaves one spelling fewer.
    // They also mark zones.
    if text.contains('%') {
        return Err(HostError::Zone);
    }
    // Making a text canonical takes longer the longer it is, and a guest may pass megabytes.
    if text.len() > MAX_TEXT {
        return Err(HostError::Name);
    }
    if text.starts_with('[') || text.contains(':') {
        return text.parse();
    }
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) => name.parse(),
        Ok(url::Host::Ipv4(address)) => Ok(Host::Address(address.into())),
        Ok(url::Host::Ipv6(address)) => Ok(Host::Address(address.to_canonical())),
        Err(url::ParseError::EmptyHost) => Err(HostError::Empty),
        Err(url::ParseError::InvalidIpv4Address) => Err(HostError::Ipv4),
        Err(_) => Err(HostError::Name),
    }
}

/// The hosts that one grant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// One name or one address.
    Exact(Host),
    /// `*.example.com`: every name below it at any depth, but not the name itself.
    Subdomains(Arc<str>),
    /// `10.0.0.0/8`: addresses; never a name, whatever it resolves to.
    Network(IpNet),
}

impl HostPattern {
    /// Parses a host, `*.` and a name, or a network in CIDR notation.
    pub(super) fn parse(text: &str) -> Result<Self, EntryError> {
        if let Some(name) = text.strip_prefix("*.") {
            return match parse_host(name)? {
                Host::Name(name) => Ok(Self::Subdomains(name)),
                Host::Address(_) => Err(EntryError::Wildcard),
            };
        }
        if text.contains('*') {
            return Err(EntryError::Wildcard);
        }
        if text.contains('/') {
            return Self::net(text);
        }
        Ok(Self::Exact(parse_host(text)?))
    }

    fn net(text: &str) -> Result<Self, EntryError> {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let net: IpNet = inner
            .unwrap_or(text)
            .parse()
            .map_err(|_| EntryError::Network)?;
        if net.trunc() != net {
            return Err(EntryError::NetBits(net.trunc()));
        }
        match net {
            // A network of one address is that address, and counts as granted as an address.
            _ if net.prefix_len() == net.max_prefix_len() => {
                Ok(Self::Exact(Host::Address(net.addr().to_canonical())))
            }
            IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some() => Err(EntryError::NetMapped),
            _ => Ok(Self::Network(net)),
        }
    }

    /// Whether the pattern covers a host as written, without resolving names.
    pub(super) fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(Host::Name(granted)), Host::Name(name)) => granted == name,
            (Self::Exact(Host::Address(granted)), Host::Address(address)) => {
                effective(*granted) == effective(*address)
            }
            (Self::Subdomains(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_ref())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Self::Network(net), Host::Address(address)) => net.contains(&effective(*address)),
            _ => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Subdomains(name) => write!(f, "*.{name}"),
            Self::Network(IpNet::V4(net)) => net.fmt(f),
            Self::Network(IpNet::V6(net)) => write!(f, "[{net}]"),
        }
    }
}

/// The longest name before it is canonical: four bytes for each of the 253 characters that DNS
/// allows, and a final dot of three bytes.
const MAX_TEXT: usize = 4 * 253 + 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        match parse_host(text) {
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
    fn invalid_hosts_are_rejected() {
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
    fn names_have_the_length_limits_of_dns() {
        assert!(parse_host(&"a".repeat(63)).is_ok());
        assert_eq!(parse_host(&"a".repeat(64)), Err(HostError::Name));
        // Labels of one character and their dots; the final dot does not count.
        assert!(parse_host(&"a.".repeat(127)).is_ok());
        assert_eq!(parse_host(&"a.".repeat(128)), Err(HostError::Name));
    }

    #[test]
    fn texts_longer_than_any_name_are_rejected() {
        // A soft hyphen is removed from a name, but still takes time.
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
                .covers(&parse_host(host).unwrap());
            assert_eq!(found, covered, "{pattern} {host}");
        }
    }

    #[test]
    fn invalid_patterns_explain_the_error() {
        for (pattern, error) in [
            ("*", EntryError::Wildcard),
            ("*.", HostError::Empty.into()),
            ("www.*.com", EntryError::Wildcard),
            ("*.*.com", HostError::Name.into()),
            ("*.10.0.0.1", EntryError::Wildcard),
            ("10.0.0.0/33", EntryError::Network),
            (
                "10.1.0.0/8",
                EntryError::NetBits("10.0.0.0/8".parse().unwrap()),
            ),
            ("[::ffff:10.0.0.0/104]", EntryError::NetMapped),
        ] {
            assert_eq!(HostPattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
