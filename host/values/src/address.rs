//! Addresses: a host and a port.
//!
//! This module does not resolve names.

use std::fmt;
use std::str::FromStr;

use crate::error::{Kind, ValueError};
use crate::{Host, HostError};

/// A host and a port, written as `host:port`. An IPv6 address is in brackets.
///
/// ```
/// use vitals_values::Address;
///
/// let address: Address = "DB.internal:5432".parse()?;
/// assert_eq!(address.to_string(), "db.internal:5432");
/// # Ok::<(), vitals_values::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The name or IP address.
    pub host: Host,
    /// The port. It is not 0 if it was parsed from a text.
    pub port: u16,
}

impl FromStr for Address {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        read(text).map_err(|error| ValueError::new(&KIND, text, error.as_str()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Splits a text into host and port. The host keeps its brackets and is not checked. The port may be
/// missing.
///
/// # Errors
///
/// Fails if the port is not a number from 1 to 65535, or if an IPv6 address has no brackets.
pub fn split_port(text: &str) -> Result<(&str, Option<u16>), HostError> {
    let bytes = text.as_bytes();
    // Everything before the last bracket belongs to the host, colons included.
    let bracket = bytes
        .iter()
        .rposition(|byte| *byte == b']')
        .map_or(0, |at| at + 1);
    let colon = bytes[bracket..].iter().rposition(|byte| *byte == b':');
    let (host, port) = match colon.map(|colon| bracket + colon) {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    if bracket > 0 && host.len() > bracket {
        return Err(HostError::Port);
    }
    if host.as_bytes().contains(&b':') && !host.starts_with('[') {
        return Err(HostError::Brackets);
    }
    match port.map(|port| (port, port.parse())) {
        None => Ok((host, None)),
        // `str::parse` accepts a sign.
        Some((port, Ok(number))) if number > 0 && !port.starts_with('+') => {
            Ok((host, Some(number)))
        }
        Some(_) => Err(HostError::Port),
    }
}

fn read(text: &str) -> Result<Address, HostError> {
    let (host, port) = split_port(text)?;
    let port = port.ok_or(HostError::NoPort)?;
    Ok(Address {
        host: host.parse()?,
        port,
    })
}

const KIND: Kind = Kind {
    name: "an address",
    examples: "`db.internal:5432` or `[::1]:5432`",
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("a:1"), Ok(("a", Some(1))));
        assert_eq!(split_port("a:65535"), Ok(("a", Some(65_535))));
        assert_eq!(split_port("a"), Ok(("a", None)));
        assert_eq!(split_port("[::1]:80"), Ok(("[::1]", Some(80))));
        assert_eq!(split_port("[::1]"), Ok(("[::1]", None)));
        for bad in ["::1", "::1:80", "a:b:80"] {
            assert_eq!(split_port(bad), Err(HostError::Brackets), "{bad}");
        }
        for bad in [
            "a:", "a:0", "a:65536", "a:+1", "a:1 ", "a:x", "a:*", "[::1]80", "[::1]:",
        ] {
            assert_eq!(split_port(bad), Err(HostError::Port), "{bad}");
        }
    }

    #[test]
    fn an_address_without_host_or_port_is_rejected() {
        for (text, problem) in [
            ("example.com", HostError::NoPort),
            ("[::1]", HostError::NoPort),
            (":80", HostError::Empty),
            ("example.com:", HostError::Port),
            ("example.com:0", HostError::Port),
            ("::1:80", HostError::Brackets),
            ("a:b:80", HostError::Brackets),
            ("127.1:80", HostError::Ipv4),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.problem(), problem.as_str(), "{text}");
        }
        assert_eq!(
            "example.com".parse::<Address>().unwrap_err().to_string(),
            "`example.com` is not an address: it has no port; write it like `db.internal:5432` or \
             `[::1]:5432`"
        );
    }

    proptest! {
        #[test]
        fn a_formatted_address_parses_to_itself(
            host in "[a-z]{1,8}(\\.[a-z]{1,8})?|127\\.0\\.0\\.1|\\[::[1-9a-f]{1,4}\\]",
            port in 1..=u16::MAX,
        ) {
            let address = Address { host: host.parse().unwrap(), port };
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
