//! The host part of a URL or an address: a name or an IP address, in one form only.
//!
//! What could be read in two ways is refused: what the check asks for and what the host compares with
//! its grants must be the same text.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Reads a name, an IPv4 address, or an IPv6 address in brackets. The answer is in lower case and
/// without the brackets.
pub(crate) fn parse_host(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it has no host".to_owned());
    }
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse().ok())
            .ok_or_else(|| format!("`{text}` is not an IPv6 address"))?;
        return Ok(address.to_string());
    }
    if !text.is_ascii() {
        return Err(format!(
            "`{text}` is not ASCII; write the name in its `xn--` form"
        ));
    }
    let host = text.to_ascii_lowercase();
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(&host).split('.').collect();
    let name = |label: &&str| {
        !label.is_empty()
            && label.len() <= LABEL
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() > NAME || !labels.iter().all(name) {
        return Err(format!("`{text}` is not a host name"));
    }
    // `127.1`, `0x7f.1` and `2130706433` are addresses to some and names to others.
    let numeric = labels.last().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
    });
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("`{text}` is not an IPv4 address"));
    }
    Ok(host)
}

/// Reads a decimal port.
pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("`{text}` is not a port from 1 to 65535"))
}

/// The host as it stands before a port: an IPv6 address in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

const LABEL: usize = 63;
const NAME: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_have_one_form() {
        for (text, host) in [
            ("Example.COM", "example.com"),
            ("db_1.internal.", "db_1.internal."),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(parse_host(text).as_deref(), Ok(host));
        }
    }

    #[test]
    fn what_reads_in_two_ways_is_refused() {
        for text in [
            "",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0x7f000001",
            "127.0.0.01",
            "256.1.1.1",
            "[::1",
            "::1",
            "a..b",
            ".",
            "a b",
            "a/b",
            "a@b",
            "bücher.example",
            "[fe80::1%eth0]",
            "a%2eb",
        ] {
            assert!(parse_host(text).is_err(), "{text}");
        }
        assert!(parse_host(&"a".repeat(64)).is_err());
    }

    #[test]
    fn a_port_is_a_plain_number() {
        assert_eq!(parse_port("65535"), Ok(65_535));
        for text in ["", "0", "65536", "+1", "1 "] {
            assert!(parse_port(text).is_err(), "{text}");
        }
    }
}
